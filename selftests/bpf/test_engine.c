// SPDX-License-Identifier: GPL-2.0-only
/*
 * The precise holder at work: real programs, real veths, a real unprivileged process. What it does is compared with
 * what the discipline's function says it must do. What every holder must do is in holder_cases.h, run by test_bulk.c.
 */
#include "selftests/bpf/holder_rig.h"

static const struct holder precise = {"precise", rig_up, rig_engine_start, VN_HOLDER_PRECISE};

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

/* Frames over several chunks, held and passed straight through. */
static void test_jumbo(void **state)
{
	static const uint32_t len[] = {1772, 1773, 1792, 1793, 2044, 2045, 2048, 3584, 3585, 4096, 6000, 9014};

	if (!rig.dp.maps.max_ports)
		skip();
	for (size_t i = 0; i < VN_ARRAY_SIZE(len); i++) {
		if (!rig_carries(&rig, len[i]))
			continue;
		hc_delay_of(0, len[i], 50);
		hc_delay_of(2 * VN_NSEC_PER_MSEC, len[i], 50);
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
	struct hc_payload p;
	uint64_t now = 0, lost = 0;

	hc_link(&d);
	for (uint32_t i = 0; i < count; i++) {
		hc_send(i, 60);
		if (i % 256 == 255)
			assert_true(rig_wait(rig_dir(&rig, 1)->in_packets == i + 1));
	}
	assert_true(hc_settled(count));
	for (uint32_t i = 0; i < count; i++) {
		const struct vn_disc_in in = {.len = 60, .segs = 1};
		const struct vn_disc_env env = {0};
		struct vn_fate f[2];

		vn_disc_apply(&d, &s, &env, &in, f);
		if (f[0].verdict == VN_VERDICT_DROP) {
			lost++;
			continue;
		}
		assert_true(hc_recv(vn_now_ns() + RIG_WAIT, &p, &len, &now));
		assert_int_equal(p.number, i);
		number++;
	}
	assert_int_equal(rig_dir(&rig, 1)->drops[VN_EDROP_LOSS], lost);
	assert_int_equal(rig_dir(&rig, 1)->out_packets, number);
}

/* Jitter: spread over the whole of it, never outside; what overtakes arrives first. */
static void test_jitter(void **state)
{
	struct vn_disc d = {.delay_ns = 20 * VN_NSEC_PER_MSEC, .jitter_ns = 5 * VN_NSEC_PER_MSEC};
	struct hc_payload p;
	uint64_t now = 0, low = UINT64_MAX;
	uint32_t len, overtaken = 0, last = 0;

	hc_link(&d);
	for (uint32_t i = 0; i < 2000; i++)
		hc_send(i, 60);
	for (uint32_t i = 0; i < 2000; i++) {
		assert_true(hc_recv(vn_now_ns() + RIG_WAIT, &p, &len, &now));
		assert_true(now - p.sent_ns >= 15 * VN_NSEC_PER_MSEC);
		low = VN_MIN(low, now - p.sent_ns);
		overtaken += p.number < last;
		last = p.number;
	}
	assert_true(overtaken > 200);
	assert_true(hc_settled(2000));
}

/* The daemon died inside its critical section: the engine goes on with what it knew. */
static void test_torn_write(void **state)
{
	struct vn_disc d = {.delay_ns = VN_NSEC_PER_MSEC};
	struct vn_disc_slot *slot = &rig.dp.maps.disc[1];
	struct hc_payload p;
	uint32_t len;
	uint64_t now = 0;

	hc_link(&d);
	hc_send(0, 60);
	assert_true(hc_settled(1));
	__atomic_store_n(&slot->seq, slot->seq + 1, __ATOMIC_RELEASE);
	slot->disc.delay_ns = 3600 * VN_NSEC_PER_SEC;
	hc_send(1, 60);
	assert_true(hc_settled(2));
	for (uint32_t i = 0; i < 2; i++)
		assert_true(hc_recv(vn_now_ns() + RIG_WAIT, &p, &len, &now));
	vn_disc_write(&rig.dp.maps, 1, &d);
	assert_int_equal(slot->seq % 2, 0);
}

static int setup(void **state)
{
	return hc_setup(&precise);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_idle),   cmocka_unit_test(test_jumbo),      cmocka_unit_test(test_loss_replays),
		cmocka_unit_test(test_jitter), cmocka_unit_test(test_torn_write),
	};

	if (geteuid() != 0) {
		puts("1..0 # SKIP needs root: namespaces, BPF");
		return 4;
	}
	return cmocka_run_group_tests(tests, setup, hc_teardown);
}
