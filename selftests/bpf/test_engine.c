// SPDX-License-Identifier: GPL-2.0-only
/*
 * The engine at work: real programs, real veths, a real unprivileged process. What it does is compared with what the
 * discipline's function says it must do. No upper bound on time is asserted, as the machine may be busy; lower bounds
 * are: nothing is ever early.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <vnet/discipline.h>
#include <vnet/hist.h>

#include "selftests/bpf/engine_rig.h"

#define MAGIC 0x766e6574u

struct payload {
	uint8_t eth[14];
	uint16_t pad;
	uint32_t magic;
	uint32_t number;
	uint64_t sent_ns;
	uint8_t fill[9000];
};

static struct rig rig;
static int tx, rx;
static uint64_t next_key = 1;

static void send_frame(uint32_t number, uint32_t len)
{
	static struct payload p;

	memset(p.eth, 0xff, 6);
	memcpy(p.eth + 6, "\x02\0\0\0\0\1\x88\xb5", 8);
	p.magic = MAGIC;
	p.number = number;
	for (uint32_t i = 0; i < sizeof(p.fill); i++)
		p.fill[i] = (uint8_t)(i * 31 + number);
	p.sent_ns = vn_now_ns();
	while (send(tx, &p, len, 0) != (ssize_t)len) {
		assert_true(errno == EAGAIN || errno == ENOBUFS);
		sched_yield();
	}
}

/* Next frame of ours; its contents are checked. False when none came by @until_ns. */
static bool recv_frame(uint64_t until_ns, struct payload *ret, uint32_t *ret_len, uint64_t *ret_now_ns)
{
	for (;;) {
		struct pollfd p = {.fd = rx, .events = POLLIN};
		ssize_t n = recv(rx, ret, sizeof(*ret), 0);
		uint64_t now = vn_now_ns();

		if (n >= 32 && ret->magic == MAGIC) {
			for (uint32_t i = 0; i + offsetof(struct payload, fill) < (uint32_t)n; i++)
				assert_int_equal(ret->fill[i], (uint8_t)(i * 31 + ret->number));
			*ret_len = (uint32_t)n;
			*ret_now_ns = now;
			return true;
		}
		if (n >= 0)
			continue;
		if (now >= until_ns)
			return false;
		poll(&p, 1, 1 + (int)((until_ns - now) / VN_NSEC_PER_MSEC));
	}
}

/* A new link in slot 1 with discipline @d: figures at zero, nothing of the one before in the way. */
static void start_link(struct vn_disc *d)
{
	struct payload p;
	uint32_t len;
	uint64_t now;

	d->key = next_key++;
	vn_disc_renew(&rig.dp.maps, 1);
	vn_disc_write(&rig.dp.maps, 1, d);
	assert_true(rig_wait(rig_status(&rig)->held_packets == 0));
	while (recv_frame(0, &p, &len, &now))
		;
}

/* What is held has been let go, and the figures of slot 1 are complete for @sent frames. */
static bool settled(uint64_t sent)
{
	volatile struct vn_dir *d = rig_dir(&rig, 1);

	return rig_wait(d->gen == rig.dp.maps.disc[1].gen && d->in_packets == sent && d->state.held_packets == 0 &&
			d->out_packets + d->drops[VN_EDROP_LOSS] + d->drops[VN_EDROP_LIMIT] +
					d->drops[VN_EDROP_MEMORY] + d->drops[VN_EDROP_TX] ==
				sent);
}

static void test_confined(void **state)
{
	char path[64], line[256];
	int found = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)rig.engine);
	f = fopen(path, "re");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		unsigned long long v;

		if (sscanf(line, "Uid: %llu", &v) == 1)
			found += v == RIG_UID;
		if (sscanf(line, "CapPrm: %llx", &v) == 1 || sscanf(line, "CapEff: %llx", &v) == 1)
			found += v == 0;
		if (sscanf(line, "NoNewPrivs: %llu", &v) == 1)
			found += v == 1;
		if (sscanf(line, "Seccomp: %llu", &v) == 1)
			found += v == 2;
	}
	fclose(f);
#if defined(__SANITIZE_ADDRESS__)
	assert_int_equal(found, 4); /* no filter in such a build */
#else
	assert_int_equal(found, 5);
#endif
	assert_int_equal(rig_status(&rig)->abi, VN_ENGINE_ABI);
}

static uint64_t cpu_ticks(void)
{
	unsigned long long user = 0, sys = 0;
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)rig.engine);
	f = fopen(path, "re");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user, &sys), 2);
	fclose(f);
	return user + sys;
}

/* Without frames it sleeps: a turn each 10 ms for the heartbeat, and next to nothing of the CPU. */
static void test_idle(void **state)
{
	uint64_t wakeups = rig_status(&rig)->wakeups, ticks = cpu_ticks(), begin = vn_now_ns();

	assert_true(rig_wait(rig_status(&rig)->wakeups >= wakeups + 100));
	/* a stray frame of a device coming up costs a few more */
	assert_true(vn_now_ns() - begin >= 50 * 10 * VN_NSEC_PER_MSEC);
	assert_true(cpu_ticks() - ticks <= 10);
}

/* Every frame arrives once, in order, unchanged, and none before its time. */
static void delay_of(uint64_t delay_ns, uint32_t len, uint32_t count)
{
	struct vn_disc d = {.delay_ns = delay_ns};
	struct payload p;
	uint32_t got_len;
	uint64_t now;

	start_link(&d);
	for (uint32_t i = 0; i < count; i++) {
		send_frame(i, len);
		if (i % 64 == 63)
			assert_true(rig_wait(rig_dir(&rig, 1)->in_packets == i + 1));
	}
	for (uint32_t i = 0; i < count; i++) {
		assert_true(recv_frame(vn_now_ns() + RIG_WAIT, &p, &got_len, &now));
		assert_int_equal(p.number, i);
		assert_int_equal(got_len, len);
		assert_true(now - p.sent_ns >= delay_ns);
	}
	assert_true(settled(count));
	assert_int_equal(rig_dir(&rig, 1)->out_packets, count);
	assert_int_equal(rig_dir(&rig, 1)->out_bytes, (uint64_t)count * len);
	assert_false(recv_frame(vn_now_ns() + delay_ns, &p, &got_len, &now));
}

static void test_delay(void **state)
{
	delay_of(0, 60, 1000);
	delay_of(1 * VN_NSEC_PER_MSEC, 60, 1000);
	delay_of(10 * VN_NSEC_PER_MSEC, 1514, 1000);
	delay_of(100 * VN_NSEC_PER_MSEC, 590, 1000);
}

/* Frames over several chunks, held and passed straight through. */
static void test_jumbo(void **state)
{
	static const uint32_t len[] = {1772, 1773, 1792, 1793, 2044, 2045, 2048, 3584, 3585, 4096, 6000, 9014};

	if (!rig.dp.maps.max_ports)
		skip();
	for (size_t i = 0; i < VN_ARRAY_SIZE(len); i++) {
		if (!rig_carries(&rig, len[i]))
			continue;
		delay_of(0, len[i], 50);
		delay_of(2 * VN_NSEC_PER_MSEC, len[i], 50);
	}
	assert_int_equal(rig_status(&rig)->bad_meta, 0);
}

/* The frames that are lost are exactly those that the function says, for this key and these numbers. */
static void test_loss_replays(void **state)
{
	struct vn_disc d = {.loss_ppb = 100000000, .delay_ns = VN_NSEC_PER_MSEC};
	struct vn_disc_state s = {0};
	const uint32_t count = 20000;
	uint32_t len, number = 0;
	struct payload p;
	uint64_t now, lost = 0;

	start_link(&d);
	for (uint32_t i = 0; i < count; i++) {
		send_frame(i, 60);
		if (i % 256 == 255)
			assert_true(rig_wait(rig_dir(&rig, 1)->in_packets == i + 1));
	}
	assert_true(settled(count));
	for (uint32_t i = 0; i < count; i++) {
		const struct vn_disc_in in = {.len = 60, .segs = 1};
		const struct vn_disc_env env = {0};
		struct vn_fate f[2];

		vn_disc_apply(&d, &s, &env, &in, f);
		if (f[0].verdict == VN_VERDICT_DROP) {
			lost++;
			continue;
		}
		assert_true(recv_frame(vn_now_ns() + RIG_WAIT, &p, &len, &now));
		assert_int_equal(p.number, i);
		number++;
	}
	assert_int_equal(rig_dir(&rig, 1)->drops[VN_EDROP_LOSS], lost);
	assert_int_equal(rig_dir(&rig, 1)->out_packets, number);
}

/* A burst through a rate arrives no faster than the rate, and complete. */
static void test_rate(void **state)
{
	struct vn_disc d = {.rate_bps = 20000000, .limit_bytes = 1 << 20};
	uint64_t first = 0, now = 0, frame_ns = 1538 * 8 * 50;
	struct payload p;
	uint32_t len;

	start_link(&d);
	for (uint32_t i = 0; i < 200; i++)
		send_frame(i, 1514);
	for (uint32_t i = 0; i < 200; i++) {
		assert_true(recv_frame(vn_now_ns() + RIG_WAIT, &p, &len, &now));
		assert_int_equal(p.number, i);
		if (i == 0)
			first = p.sent_ns;
		assert_true(now - first >= (i + 1) * frame_ns);
	}
	assert_true(settled(200));
}

static void test_limits(void **state)
{
	struct vn_disc d = {.rate_bps = 1000000, .limit_bytes = 10 * 1538};

	start_link(&d);
	for (uint32_t i = 0; i < 100; i++)
		send_frame(i, 1514);
	assert_true(rig_wait(rig_dir(&rig, 1)->in_packets == 100));
	assert_in_range(rig_dir(&rig, 1)->drops[VN_EDROP_LIMIT], 80, 90);
	assert_true(rig_dir(&rig, 1)->state.held_packets <= 10);
	d = (struct vn_disc){.delay_ns = 50 * VN_NSEC_PER_MSEC, .limit_packets = 7};
	start_link(&d);
	for (uint32_t i = 0; i < 50; i++)
		send_frame(i, 60);
	assert_true(settled(50));
	/* the machine may have been away for 50 ms: then more find room, 7 at a time */
	assert_true(rig_dir(&rig, 1)->out_packets >= 7);
	assert_int_equal(rig_dir(&rig, 1)->out_packets + rig_dir(&rig, 1)->drops[VN_EDROP_LIMIT], 50);
}

/* Jitter: spread over the whole of it, never outside; what overtakes arrives first. */
static void test_jitter(void **state)
{
	struct vn_disc d = {.delay_ns = 20 * VN_NSEC_PER_MSEC, .jitter_ns = 5 * VN_NSEC_PER_MSEC};
	struct payload p;
	uint64_t now, low = UINT64_MAX;
	uint32_t len, overtaken = 0, last = 0;

	start_link(&d);
	for (uint32_t i = 0; i < 2000; i++)
		send_frame(i, 60);
	for (uint32_t i = 0; i < 2000; i++) {
		assert_true(recv_frame(vn_now_ns() + RIG_WAIT, &p, &len, &now));
		assert_true(now - p.sent_ns >= 15 * VN_NSEC_PER_MSEC);
		low = VN_MIN(low, now - p.sent_ns);
		overtaken += p.number < last;
		last = p.number;
	}
	assert_true(overtaken > 200);
	assert_true(settled(2000));
}

/* A discipline written live holds for the next frame; what is in flight keeps its delay. */
static void test_live_change(void **state)
{
	struct vn_disc d = {.delay_ns = 200 * VN_NSEC_PER_MSEC};
	struct payload p;
	uint32_t len;
	uint64_t now;

	start_link(&d);
	send_frame(0, 60);
	assert_true(rig_wait(rig_dir(&rig, 1)->in_packets == 1));
	d.delay_ns = VN_NSEC_PER_MSEC;
	vn_disc_write(&rig.dp.maps, 1, &d);
	send_frame(1, 60);
	assert_true(recv_frame(vn_now_ns() + RIG_WAIT, &p, &len, &now));
	assert_true(now - p.sent_ns >= VN_NSEC_PER_MSEC);
	assert_true(recv_frame(vn_now_ns() + RIG_WAIT, &p, &len, &now));
	assert_true(p.number == 1 || now - p.sent_ns >= 200 * VN_NSEC_PER_MSEC);
	assert_true(settled(2));
}

/* A backlog of minutes at the old rate is sent at the new one, though no further frame comes; none is lost. */
static void test_rate_change_moves_backlog(void **state)
{
	struct vn_disc d = {.rate_bps = 10000, .limit_bytes = 1 << 20};
	struct payload p;
	uint32_t len;
	uint64_t now;

	start_link(&d);
	for (uint32_t i = 0; i < 100; i++)
		send_frame(i, 1514);
	assert_true(rig_wait(rig_dir(&rig, 1)->state.held_packets == 100));
	d.rate_bps = 100000000;
	vn_disc_write(&rig.dp.maps, 1, &d);
	for (uint32_t i = 0; i < 100; i++) {
		assert_true(recv_frame(vn_now_ns() + RIG_WAIT, &p, &len, &now));
		assert_int_equal(p.number, i);
	}
	assert_true(settled(100));
}

/* The daemon died inside its critical section: the engine goes on with what it knew. */
static void test_torn_write(void **state)
{
	struct vn_disc d = {.delay_ns = VN_NSEC_PER_MSEC};
	struct vn_disc_slot *slot = &rig.dp.maps.disc[1];
	struct payload p;
	uint32_t len;
	uint64_t now;

	start_link(&d);
	send_frame(0, 60);
	assert_true(settled(1));
	__atomic_store_n(&slot->seq, slot->seq + 1, __ATOMIC_RELEASE);
	slot->disc.delay_ns = 3600 * VN_NSEC_PER_SEC;
	send_frame(1, 60);
	assert_true(settled(2));
	for (uint32_t i = 0; i < 2; i++)
		assert_true(recv_frame(vn_now_ns() + RIG_WAIT, &p, &len, &now));
	vn_disc_write(&rig.dp.maps, 1, &d);
	assert_int_equal(slot->seq % 2, 0);
}

/* Frames of a deleted link do not come out of the next one, and their memory is free soon, not in an hour. */
static void test_gone(void **state)
{
	struct vn_disc d = {.delay_ns = 3600 * VN_NSEC_PER_SEC}, none = {.delay_ns = 1000};
	struct payload p;
	uint32_t len;
	uint64_t now;

	start_link(&d);
	for (uint32_t i = 0; i < 100; i++)
		send_frame(i, 1514);
	assert_true(rig_wait(rig_dir(&rig, 1)->state.held_packets == 100));
	assert_true(rig_wait(rig_status(&rig)->held_packets == 100));
	vn_disc_renew(&rig.dp.maps, 1);
	vn_disc_write(&rig.dp.maps, 1, &none);
	assert_true(rig_wait(rig_status(&rig)->held_packets == 0));
	assert_int_equal(rig_dir(&rig, 1)->drops[VN_EDROP_GONE], 100);
	send_frame(1000, 60);
	assert_true(recv_frame(vn_now_ns() + RIG_WAIT, &p, &len, &now));
	assert_int_equal(p.number, 1000);
	assert_true(settled(1));
	assert_int_equal(rig_dir(&rig, 1)->drops[VN_EDROP_GONE], 0);
}

/* The trunk refuses what is released: every frame is accounted for, and the next ones go through again. */
static void test_tx_refused(void **state)
{
	struct vn_disc d = {.delay_ns = 300 * VN_NSEC_PER_MSEC};
	volatile struct vn_dir *dir = rig_dir(&rig, 1);
	uint64_t errors = rig_status(&rig)->tx_errors;

	start_link(&d);
	for (uint32_t i = 0; i < 100; i++)
		send_frame(i, 60);
	assert_true(rig_wait(dir->in_packets == 100));
	assert_int_equal(rig_sh("ip link set tr0 down"), 0);
	assert_true(settled(100));
	assert_true(dir->drops[VN_EDROP_TX] > 0);
	assert_true(rig_wait(rig_status(&rig)->tx_errors == errors + dir->drops[VN_EDROP_TX]));
	assert_int_equal(rig_sh("ip link set tr0 up"), 0);
	d.delay_ns = VN_NSEC_PER_MSEC;
	start_link(&d);
	send_frame(0, 60);
	assert_true(settled(1));
	assert_int_equal(dir->out_packets, 1);
}

/* Killed: what it held is counted, the numbering goes on, its successor forwards. Stopped: ends cleanly, at once. */
static void test_death(void **state)
{
	struct vn_disc d = {.delay_ns = 3600 * VN_NSEC_PER_SEC};
	struct payload p;
	uint32_t len;
	uint64_t now;

	start_link(&d);
	for (uint32_t i = 0; i < 50; i++)
		send_frame(i, 60);
	assert_true(rig_wait(rig_dir(&rig, 1)->state.held_packets == 50));
	assert_true(WIFSIGNALED(rig_engine_stop(&rig, SIGKILL)));
	/* the port notices by the age of the heartbeat */
	assert_true(rig_wait(vn_now_ns() - rig_status(&rig)->heartbeat_ns > 2 * VN_ENGINE_STALE_NS));
	send_frame(50, 60);
	assert_true(rig_wait(rig.dp.maps.drop[1].count[VN_DROP_ENGINE_DOWN] > 0));
	d.delay_ns = VN_NSEC_PER_MSEC;
	vn_disc_write(&rig.dp.maps, 1, &d);
	assert_int_equal(rig_engine_start(&rig), 0);
	assert_int_equal(rig_dir(&rig, 1)->drops[VN_EDROP_LOST], 50);
	assert_int_equal(rig_dir(&rig, 1)->state.held_packets, 0);
	assert_int_equal(rig_dir(&rig, 1)->state.index, 50);
	send_frame(51, 60);
	assert_true(recv_frame(vn_now_ns() + RIG_WAIT, &p, &len, &now));
	assert_int_equal(p.number, 51);

	assert_int_equal(rig_engine_stop(&rig, SIGTERM), 0);
	assert_int_equal(rig_status(&rig)->heartbeat_ns, 0);
	assert_int_equal(rig_engine_start(&rig), 0);
}

/* The trunk goes: the engine ends by itself and says so, it does not spin. */
static void test_trunk_lost(void **state)
{
	int st = -1;

	assert_int_equal(rig_sh("ip link del tr0"), 0);
	assert_true(rig_wait(waitpid(rig.engine, &st, WNOHANG) == rig.engine || st != -1));
	rig.engine = 0;
	assert_true(WIFEXITED(st) && WEXITSTATUS(st) == 1);
}

/* One link cannot take all memory: it drops and says why, the other goes on. */
static void test_memory(void **state)
{
	struct vn_disc d = {.delay_ns = 3600 * VN_NSEC_PER_SEC}, none = {.delay_ns = VN_NSEC_PER_MSEC, .key = 1};
	volatile struct vn_dir *back = rig_dir(&rig, 2);
	int old_tx = tx;
	uint64_t before;

	assert_int_equal(rig_engine_stop(&rig, SIGTERM), 0);
	rig.slab_bytes = 2 << 20;
	assert_int_equal(rig_engine_start(&rig), 0);
	start_link(&d);
	vn_disc_write(&rig.dp.maps, 2, &none);
	for (uint32_t i = 0; i < 1000; i++) {
		send_frame(i, 1514);
		if (i % 64 == 63)
			assert_true(rig_wait(rig_dir(&rig, 1)->in_packets == i + 1));
	}
	assert_true(rig_wait(rig_dir(&rig, 1)->in_packets == 1000));
	assert_int_equal(rig_dir(&rig, 1)->state.held_packets, (1 << 20) / 1664);
	assert_int_equal(rig_dir(&rig, 1)->drops[VN_EDROP_MEMORY], 1000 - (1 << 20) / 1664);
	assert_true(rig_status(&rig)->overload & 1u << VN_OVERLOAD_MEMORY);
	before = back->out_packets;
	tx = rx;
	send_frame(0, 1514);
	tx = old_tx;
	assert_true(rig_wait(back->out_packets == before + 1));
	vn_disc_renew(&rig.dp.maps, 1);
	assert_true(rig_wait(rig_status(&rig)->held_packets == 0));
	rig.slab_bytes = 0;
	assert_int_equal(rig_engine_stop(&rig, SIGTERM), 0);
	assert_int_equal(rig_engine_start(&rig), 0);
}

static int setup(void **state)
{
	char path[512];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 32);
	const char *env = getenv("VNET_ENGINE");
	char *slash;
	int r;

	if (n < 0)
		return -1;
	path[n] = 0;
	/* build/selftests/bpf/test_engine -> build/vnet-engine */
	for (int i = 0; i < 3; i++) {
		slash = strrchr(path, '/');
		if (!slash)
			return -1;
		*slash = 0;
	}
	snprintf(path + strlen(path), 16, "/vnet-engine");
	if (env)
		snprintf(path, sizeof(path), "%s", env);
	r = rig_isolate();
	if (r == 0)
		r = rig_up(&rig, path, 1);
	if (r < 0) {
		fprintf(stderr, "rig: %s: %s\n", strerror(-r), rig.err.text);
		return -1;
	}
	tx = rig_socket("a0");
	rx = rig_socket("b0");
	return tx < 0 || rx < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	rig_down(&rig);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_confined),     cmocka_unit_test(test_idle),
		cmocka_unit_test(test_delay),        cmocka_unit_test(test_jumbo),
		cmocka_unit_test(test_loss_replays), cmocka_unit_test(test_rate),
		cmocka_unit_test(test_limits),       cmocka_unit_test(test_jitter),
		cmocka_unit_test(test_live_change),  cmocka_unit_test(test_rate_change_moves_backlog),
		cmocka_unit_test(test_torn_write),   cmocka_unit_test(test_gone),
		cmocka_unit_test(test_memory),       cmocka_unit_test(test_tx_refused),
		cmocka_unit_test(test_death),        cmocka_unit_test(test_trunk_lost),
	};

	if (geteuid() != 0) {
		puts("1..0 # SKIP needs root: namespaces, BPF");
		return 4;
	}
	return cmocka_run_group_tests(tests, setup, teardown);
}
