/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every kind of holder must do with delay, rate and limit, with links that change and go, and when it dies: one
 * source of cases, run over each. Upper bounds on time are not asserted, as the machine may be busy; lower ones are.
 */
#ifndef VNET_SELFTESTS_HOLDER_CASES_H
#define VNET_SELFTESTS_HOLDER_CASES_H

#include "selftests/bpf/holder_rig.h"

/* A link of @d, and @n frames of @len bytes into it, numbered from 0. */
static void hc_burst(struct vn_disc *d, uint32_t n, uint32_t len)
{
	hc_link(d);
	for (uint32_t i = 0; i < n; i++)
		hc_send(i, len);
}

/* The same, until all are held. */
static void hc_hold(struct vn_disc *d, uint32_t n, uint32_t len)
{
	hc_burst(d, n, len);
	assert_true(rig_wait(rig_dir(&rig, 1)->state.held_packets == n));
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

	hc_burst(&d, 200, 1514);
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

	hc_burst(&d, 100, 1514);
	assert_true(hc_arrived(100));
	assert_in_range(rig_dir(&rig, 1)->drops[VN_EDROP_LIMIT], 80, 90);
	assert_true(rig_dir(&rig, 1)->state.held_packets <= 10);
	d = (struct vn_disc){.delay_ns = 50 * VN_NSEC_PER_MSEC, .limit_packets = 7};
	hc_burst(&d, 50, 60);
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
	uint64_t now = 0;

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
	uint64_t now = 0;

	hc_hold(&d, 100, 1514);
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
	uint64_t now = 0;

	hc_hold(&d, 100, 1514);
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

/* The engine port refuses what is released: every frame is accounted for, and the next ones go through again. */
static void hc_tx_refused(void **state)
{
	struct vn_disc d = {.delay_ns = 300 * rig_slow() * VN_NSEC_PER_MSEC}; /* `ip` is quicker */
	volatile struct vn_dir *dir = rig_dir(&rig, 1);
	uint64_t errors = rig_status(&rig)->tx_errors;

	hc_burst(&d, 100, 60);
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
	uint64_t now = 0;

	hc_hold(&d, 50, 60);
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

/* The engine port goes: the engine ends by itself and says so, it does not spin. Last, as nothing works after it. */
static void hc_engine_lost(void **state)
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

#endif
