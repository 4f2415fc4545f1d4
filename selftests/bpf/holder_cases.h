/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every kind of holder must do with delay, rate and limit, with links that change and go, and when it dies: one
 * source of cases, run over each. Upper bounds on time are not asserted, as the machine may be busy; lower ones are.
 */
#ifndef VNET_SELFTESTS_HOLDER_CASES_H
#define VNET_SELFTESTS_HOLDER_CASES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <vnet/discipline.h>

#include "selftests/bpf/bulk_rig.h"

#define HC_MAGIC 0x766e6574u

struct holder {
	const char *name;
	int (*up)(struct rig *g, const char *engine_path, uint32_t links);
	int (*start)(struct rig *g);
	uint32_t kind; /* enum vn_holder */
};

struct hc_payload {
	uint8_t eth[14];
	uint16_t pad;
	uint32_t magic;
	uint32_t number;
	uint64_t sent_ns;
	uint8_t fill[9000];
};

static const struct holder *hc;
static struct rig rig;
static int hc_tx, hc_rx;
static uint64_t hc_key = 1;

static void hc_send(uint32_t number, uint32_t len)
{
	static struct hc_payload p;

	memset(p.eth, 0xff, 6);
	memcpy(p.eth + 6, "\x02\0\0\0\0\1\x88\xb5", 8);
	p.magic = HC_MAGIC;
	p.number = number;
	for (uint32_t i = 0; i < sizeof(p.fill); i++)
		p.fill[i] = (uint8_t)(i * 31 + number);
	p.sent_ns = vn_now_ns();
	while (send(hc_tx, &p, len, 0) != (ssize_t)len) {
		assert_true(errno == EAGAIN || errno == ENOBUFS);
		sched_yield();
	}
}

/* Next frame of ours; its contents are checked. False when none came by @until_ns. */
static bool hc_recv(uint64_t until_ns, struct hc_payload *ret, uint32_t *ret_len, uint64_t *ret_now_ns)
{
	for (;;) {
		struct pollfd p = {.fd = hc_rx, .events = POLLIN};
		ssize_t n = recv(hc_rx, ret, sizeof(*ret), 0);
		uint64_t now = vn_now_ns();

		if (n >= 32 && ret->magic == HC_MAGIC) {
			for (uint32_t i = 0; i + offsetof(struct hc_payload, fill) < (uint32_t)n; i++)
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
static void hc_link(struct vn_disc *d)
{
	struct hc_payload p;
	uint32_t len;
	uint64_t now;

	d->key = hc_key++;
	vn_disc_renew(&rig.dp.maps, 1);
	vn_disc_write(&rig.dp.maps, 1, d);
	assert_true(rig_wait(rig_status(&rig)->held_packets == 0));
	while (hc_recv(0, &p, &len, &now))
		;
}

/* What is held has been let go, and the figures of slot 1 are complete for @sent frames. */
static bool hc_settled(uint64_t sent)
{
	volatile struct vn_dir *d = rig_dir(&rig, 1);

	return rig_wait(d->gen == rig.dp.maps.disc[1].gen && d->in_packets == sent && d->state.held_packets == 0 &&
			d->state.held_bytes == 0 &&
			d->out_packets + d->drops[VN_EDROP_LIMIT] + d->drops[VN_EDROP_MEMORY] + d->drops[VN_EDROP_TX] ==
				sent);
}

/* @n frames have come to the engine; says what it knows when not. */
static bool hc_arrived(uint64_t n)
{
	volatile struct vn_engine *e = rig_status(&rig);
	volatile struct vn_dir *d = rig_dir(&rig, 1);

	if (rig_wait(d->gen == rig.dp.maps.disc[1].gen && d->in_packets == n))
		return true;
	printf("# %llu of %llu frames came; engine-down %llu, bad %llu, overload %x; tr0 has:\n",
	       (unsigned long long)d->in_packets, (unsigned long long)n,
	       (unsigned long long)rig.dp.maps.drop[1].count[VN_DROP_ENGINE_DOWN], (unsigned long long)e->bad_meta,
	       e->overload);
	rig_sh("ip -s link show tr0");
	return false;
}

static void hc_confined(void **state)
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
}

/* Every frame arrives once, in order, unchanged, and none before its time. */
static void hc_delay_of(uint64_t delay_ns, uint32_t len, uint32_t count)
{
	struct vn_disc d = {.delay_ns = delay_ns};
	struct hc_payload p;
	uint32_t got_len;
	uint64_t now;

	hc_link(&d);
	for (uint32_t i = 0; i < count; i++) {
		hc_send(i, len);
		if (i % 64 == 63)
			assert_true(hc_arrived(i + 1));
	}
	for (uint32_t i = 0; i < count; i++) {
		assert_true(hc_recv(vn_now_ns() + RIG_WAIT, &p, &got_len, &now));
		assert_int_equal(p.number, i);
		assert_int_equal(got_len, len);
		assert_true(now - p.sent_ns >= delay_ns);
	}
	assert_true(hc_settled(count));
	assert_int_equal(rig_dir(&rig, 1)->out_packets, count);
	assert_int_equal(rig_dir(&rig, 1)->out_bytes, (uint64_t)count * len);
	assert_int_equal(rig_dir(&rig, 1)->in_bytes, (uint64_t)count * len);
	assert_false(hc_recv(vn_now_ns() + delay_ns, &p, &got_len, &now));
}

static void hc_delay(void **state)
{
	static const uint32_t len[] = {60, 61, 590, 1294, 1514, 1618, 1700, 3584, 4096, 6000, 9014};

	hc_delay_of(0, 60, 1000);
	hc_delay_of(1 * VN_NSEC_PER_MSEC, 60, 1000);
	hc_delay_of(10 * VN_NSEC_PER_MSEC, 1514, 1000);
	hc_delay_of(100 * VN_NSEC_PER_MSEC, 590, 1000);
	for (size_t i = 0; i < VN_ARRAY_SIZE(len); i++) {
		if (hc->kind != VN_HOLDER_BULK && !rig_carries(&rig, len[i]))
			continue;
		hc_delay_of(0, len[i], 50);
		hc_delay_of(2 * VN_NSEC_PER_MSEC, len[i], 50);
	}
	assert_int_equal(rig_status(&rig)->bad_meta, 0);
	assert_int_equal(rig_dir(&rig, 1)->holder, hc->kind);
}

/* A burst through a rate arrives no faster than the rate, and complete. */
static void hc_rate(void **state)
{
	struct vn_disc d = {.rate_bps = 20000000, .limit_bytes = 1 << 20};
	uint64_t first = 0, now = 0, frame_ns = 1538 * 8 * 50;
	struct hc_payload p;
	uint32_t len;

	hc_link(&d);
	for (uint32_t i = 0; i < 200; i++)
		hc_send(i, 1514);
	for (uint32_t i = 0; i < 200; i++) {
		assert_true(hc_recv(vn_now_ns() + RIG_WAIT, &p, &len, &now));
		assert_int_equal(p.number, i);
		if (i == 0)
			first = p.sent_ns;
		assert_true(now - first >= (i + 1) * frame_ns);
	}
	assert_true(hc_settled(200));
}

static void hc_limits(void **state)
{
	struct vn_disc d = {.rate_bps = 1000000, .limit_bytes = 10 * 1538};

	hc_link(&d);
	for (uint32_t i = 0; i < 100; i++)
		hc_send(i, 1514);
	assert_true(hc_arrived(100));
	assert_in_range(rig_dir(&rig, 1)->drops[VN_EDROP_LIMIT], 80, 90);
	assert_true(rig_dir(&rig, 1)->state.held_packets <= 10);
	d = (struct vn_disc){.delay_ns = 50 * VN_NSEC_PER_MSEC, .limit_packets = 7};
	hc_link(&d);
	for (uint32_t i = 0; i < 50; i++)
		hc_send(i, 60);
	assert_true(hc_settled(50));
	/* the machine may have been away for 50 ms: then more find room, 7 at a time */
	assert_true(rig_dir(&rig, 1)->out_packets >= 7);
	assert_int_equal(rig_dir(&rig, 1)->out_packets + rig_dir(&rig, 1)->drops[VN_EDROP_LIMIT], 50);
}

/* A discipline written live holds for the next frame; what is in flight keeps its delay. */
static void hc_live_change(void **state)
{
	struct vn_disc d = {.delay_ns = 200 * VN_NSEC_PER_MSEC};
	struct hc_payload p;
	uint32_t len;
	uint64_t now;

	hc_link(&d);
	hc_send(0, 60);
	assert_true(hc_arrived(1));
	d.delay_ns = VN_NSEC_PER_MSEC;
	vn_disc_write(&rig.dp.maps, 1, &d);
	hc_send(1, 60);
	assert_true(hc_recv(vn_now_ns() + RIG_WAIT, &p, &len, &now));
	assert_true(now - p.sent_ns >= VN_NSEC_PER_MSEC);
	assert_true(hc_recv(vn_now_ns() + RIG_WAIT, &p, &len, &now));
	assert_true(p.number == 1 || now - p.sent_ns >= 200 * VN_NSEC_PER_MSEC);
	assert_true(hc_settled(2));
}

/* A backlog of minutes at the old rate is sent at the new one, though no further frame comes; none is lost. */
static void hc_rate_change(void **state)
{
	struct vn_disc d = {.rate_bps = 10000, .limit_bytes = 1 << 20};
	struct hc_payload p;
	uint32_t len;
	uint64_t now;

	hc_link(&d);
	for (uint32_t i = 0; i < 100; i++)
		hc_send(i, 1514);
	assert_true(rig_wait(rig_dir(&rig, 1)->state.held_packets == 100));
	d.rate_bps = 100000000;
	vn_disc_write(&rig.dp.maps, 1, &d);
	for (uint32_t i = 0; i < 100; i++) {
		assert_true(hc_recv(vn_now_ns() + RIG_WAIT, &p, &len, &now));
		assert_int_equal(p.number, i);
	}
	assert_true(hc_settled(100));
}

/* Frames of a deleted link do not come out of the next one, and their memory is free soon, not in an hour. */
static void hc_gone(void **state)
{
	struct vn_disc d = {.delay_ns = 3600 * VN_NSEC_PER_SEC}, none = {.delay_ns = 1000};
	struct hc_payload p;
	uint32_t len;
	uint64_t now;

	hc_link(&d);
	for (uint32_t i = 0; i < 100; i++)
		hc_send(i, 1514);
	assert_true(rig_wait(rig_dir(&rig, 1)->state.held_packets == 100));
	assert_true(rig_wait(rig_status(&rig)->held_packets == 100));
	vn_disc_renew(&rig.dp.maps, 1);
	vn_disc_write(&rig.dp.maps, 1, &none);
	assert_true(rig_wait(rig_status(&rig)->held_packets == 0));
	assert_int_equal(rig_dir(&rig, 1)->drops[VN_EDROP_GONE], 100);
	hc_send(1000, 60);
	assert_true(hc_recv(vn_now_ns() + RIG_WAIT, &p, &len, &now));
	assert_int_equal(p.number, 1000);
	assert_true(hc_settled(1));
	assert_int_equal(rig_dir(&rig, 1)->drops[VN_EDROP_GONE], 0);
}

/* One link cannot take all memory: it drops and says why, the other goes on. */
static void hc_memory(void **state)
{
	struct vn_disc d = {.delay_ns = 3600 * VN_NSEC_PER_SEC}, none = {.delay_ns = VN_NSEC_PER_MSEC, .key = 1};
	volatile struct vn_dir *back = rig_dir(&rig, 2);
	int old_tx = hc_tx;
	uint64_t before;

	assert_int_equal(rig_engine_stop(&rig, SIGTERM), 0);
	rig.slab_bytes = 2 << 20;
	assert_int_equal(hc->start(&rig), 0);
	hc_link(&d);
	vn_disc_write(&rig.dp.maps, 2, &none);
	for (uint32_t i = 0; i < 1000; i++) {
		hc_send(i, 1514);
		if (i % 64 == 63)
			assert_true(hc_arrived(i + 1));
	}
	assert_true(hc_arrived(1000));
	assert_int_equal(rig_dir(&rig, 1)->state.held_packets, (1 << 20) / 1664);
	assert_int_equal(rig_dir(&rig, 1)->drops[VN_EDROP_MEMORY], 1000 - (1 << 20) / 1664);
	assert_true(rig_status(&rig)->overload & 1u << VN_OVERLOAD_MEMORY);
	before = back->out_packets;
	hc_tx = hc_rx;
	hc_send(0, 1514);
	hc_tx = old_tx;
	assert_true(rig_wait(back->out_packets == before + 1));
	vn_disc_renew(&rig.dp.maps, 1);
	assert_true(rig_wait(rig_status(&rig)->held_packets == 0));
	rig.slab_bytes = 0;
	assert_int_equal(rig_engine_stop(&rig, SIGTERM), 0);
	assert_int_equal(hc->start(&rig), 0);
}

/* The trunk refuses what is released: every frame is accounted for, and the next ones go through again. */
static void hc_tx_refused(void **state)
{
	struct vn_disc d = {.delay_ns = 300 * VN_NSEC_PER_MSEC};
	volatile struct vn_dir *dir = rig_dir(&rig, 1);
	uint64_t errors = rig_status(&rig)->tx_errors;

	hc_link(&d);
	for (uint32_t i = 0; i < 100; i++)
		hc_send(i, 60);
	assert_true(rig_wait(dir->in_packets == 100));
	assert_int_equal(rig_sh("ip link set tr0 down"), 0);
	assert_true(hc_settled(100));
	assert_true(dir->drops[VN_EDROP_TX] > 0);
	assert_true(rig_wait(rig_status(&rig)->tx_errors == errors + dir->drops[VN_EDROP_TX]));
	assert_int_equal(rig_sh("ip link set tr0 up"), 0);
	d.delay_ns = VN_NSEC_PER_MSEC;
	hc_link(&d);
	hc_send(0, 60);
	assert_true(hc_settled(1));
	assert_int_equal(dir->out_packets, 1);
}

/* Killed: what it held is counted, the numbering goes on, its successor forwards. Stopped: ends cleanly, at once. */
static void hc_death(void **state)
{
	struct vn_disc d = {.delay_ns = 3600 * VN_NSEC_PER_SEC};
	struct hc_payload p;
	uint32_t len;
	uint64_t now;

	hc_link(&d);
	for (uint32_t i = 0; i < 50; i++)
		hc_send(i, 60);
	assert_true(rig_wait(rig_dir(&rig, 1)->state.held_packets == 50));
	assert_true(WIFSIGNALED(rig_engine_stop(&rig, SIGKILL)));
	/* the port notices by the age of the heartbeat */
	assert_true(rig_wait(vn_now_ns() - rig_status(&rig)->heartbeat_ns > 2 * VN_ENGINE_STALE_NS));
	hc_send(50, 60);
	assert_true(rig_wait(rig.dp.maps.drop[1].count[VN_DROP_ENGINE_DOWN] > 0));
	d.delay_ns = VN_NSEC_PER_MSEC;
	vn_disc_write(&rig.dp.maps, 1, &d);
	assert_int_equal(hc->start(&rig), 0);
	assert_int_equal(rig_dir(&rig, 1)->drops[VN_EDROP_LOST], 50);
	assert_int_equal(rig_dir(&rig, 1)->state.held_packets, 0);
	assert_int_equal(rig_dir(&rig, 1)->state.index, 50);
	hc_send(51, 60);
	assert_true(hc_recv(vn_now_ns() + RIG_WAIT, &p, &len, &now));
	assert_int_equal(p.number, 51);

	assert_int_equal(rig_engine_stop(&rig, SIGTERM), 0);
	assert_int_equal(rig_status(&rig)->heartbeat_ns, 0);
	assert_int_equal(hc->start(&rig), 0);
}

/* The trunk goes: the engine ends by itself and says so, it does not spin. Last, as nothing works after it. */
static void hc_trunk_lost(void **state)
{
	int st = -1;

	assert_int_equal(rig_sh("ip link del tr0"), 0);
	assert_true(rig_wait(waitpid(rig.engine, &st, WNOHANG) == rig.engine || st != -1));
	rig.engine = 0;
	assert_true(WIFEXITED(st) && WEXITSTATUS(st) == 1);
}

#define HC_CASES                                                                                                       \
	cmocka_unit_test(hc_confined), cmocka_unit_test(hc_delay), cmocka_unit_test(hc_rate),                          \
		cmocka_unit_test(hc_limits), cmocka_unit_test(hc_live_change), cmocka_unit_test(hc_rate_change),       \
		cmocka_unit_test(hc_gone), cmocka_unit_test(hc_memory), cmocka_unit_test(hc_tx_refused),               \
		cmocka_unit_test(hc_death)

/* build/selftests/bpf/test_x -> build/vnet-engine; VNET_ENGINE overrides. */
static int hc_engine_path(char *path, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", path, size - 32);
	const char *env = getenv("VNET_ENGINE");

	if (n < 0)
		return -errno;
	path[n] = 0;
	for (int i = 0; i < 3; i++) {
		char *slash = strrchr(path, '/');

		if (!slash)
			return -EINVAL;
		*slash = 0;
	}
	snprintf(path + strlen(path), 16, "/vnet-engine");
	if (env)
		snprintf(path, size, "%s", env);
	return 0;
}

static int hc_setup(const struct holder *h)
{
	char path[512];
	int r = hc_engine_path(path, sizeof(path));

	hc = h;
	rig = (struct rig){0};
	if (r == 0)
		r = rig_isolate();
	if (r == 0)
		r = h->up(&rig, path, 1);
	if (r < 0) {
		fprintf(stderr, "%s rig: %s: %s\n", h->name, strerror(-r), rig.err.text);
		return -1;
	}
	hc_tx = rig_socket("a0");
	hc_rx = rig_socket("b0");
	return hc_tx < 0 || hc_rx < 0 ? -1 : 0;
}

static int hc_teardown(void **state)
{
	close(hc_tx);
	close(hc_rx);
	rig_down(&rig);
	return 0;
}

#endif
