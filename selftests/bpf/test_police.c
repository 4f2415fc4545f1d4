// SPDX-License-Identifier: GPL-2.0-only
/*
 * Policer and gate: the pure functions against a plain reference model, and vn_tc_port on packet fixtures by
 * BPF_PROG_TEST_RUN, one CPU and several at a time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <pthread.h>
#include <sched.h>

#include <loader/loader.h>
#include <disc/gate.h>
#include <disc/police.h>
#include <base/util.h>

#include "fixtures.h"
#include "port_rig.h"

/* --- the reference: a bucket of tokens as tc-police(8) describes it, in exact arithmetic */

struct bucket {
	__int128 tokens; /* in bits * 10^9 */
	__int128 depth;
	uint64_t rate_bps, last_ns;
};

/* 1: passes; 0: does not; -1: too close to the edge for a clock of whole ns. */
static int bucket_take(struct bucket *b, uint64_t now_ns, uint64_t bytes)
{
	__int128 cost = (__int128)bytes * 8000000000, need = cost < b->depth ? cost : b->depth;
	__int128 slack = 400 * (__int128)b->rate_bps; /* ns: what rounding may have added up to in so many frames */

	__int128 level = b->tokens + (__int128)(now_ns - b->last_ns) * b->rate_bps; /* if it could not overflow */

	b->tokens = level > b->depth ? b->depth : level;
	b->last_ns = now_ns;
	if (level > need - slack && level < need + slack)
		return -1;
	return level >= need;
}

static uint64_t lcg(uint64_t *s)
{
	*s = *s * 6364136223846793005u + 1442695040888963407u;
	return *s >> 33;
}

/* Decision by decision; where the reference cannot tell, it follows. */
static void compare(uint64_t rate_bps, uint32_t burst, uint32_t longest, double load)
{
	const uint64_t begin = 1000000007;
	struct bucket b = {.depth = (__int128)burst * 8000000000, .rate_bps = rate_bps, .last_ns = begin};
	uint64_t now = begin, seed = rate_bps + burst, unsure = 0, passed = 0, offered = 0;
	__u64 tat = 0;
	const int n = 200000;

	b.tokens = b.depth + 1000 * (__int128)rate_bps;
	for (int i = 0; i < n; i++) {
		uint64_t bytes = 84 + lcg(&seed) % (longest - 83);
		double mean_ns = (double)bytes * 8e9 / (double)rate_bps / load;
		uint64_t old = tat;
		int want, got;

		/* in bursts: half the time nothing passes between two frames */
		now += lcg(&seed) % 2 ? (uint64_t)(mean_ns * 4 * (double)(lcg(&seed) % 1000) / 1000) : 0;
		want = bucket_take(&b, now, bytes);
		got = vn_police_conform(tat, now, bytes, rate_bps, burst, &tat);
		offered += bytes;
		unsure += want < 0;
		if (want >= 0)
			assert_int_equal(got, want);
		if (!got)
			assert_int_equal(tat, old);
		if (got) {
			passed += bytes;
			b.tokens -= (__int128)bytes * 8000000000;
		}
	}
	/* never more than the bucket and what flowed into it since; a last frame may have overdrawn it by its length */
	assert_true((double)passed <= burst + longest + (double)rate_bps * (double)(now - begin) / 8e9 * 1.0005);
	if (load > 1.5 && burst > 5 * longest)
		assert_true((double)passed >= 0.9 * ((double)rate_bps * (double)(now - begin) / 8e9));
	assert_true(offered > passed || load < 1 || burst > 1000000);
	/* where a frame takes little more than the clock can tell apart, the totals above speak alone */
	assert_true(unsure < n / 20 || rate_bps > 200000000);
}

static void test_reference(void **state)
{
	static const uint64_t rates[] = {1000, 64000, 1000000, 123456789, 1000000000, 40000000000, 1000000000000};

	for (size_t i = 0; i < VN_ARRAY_SIZE(rates); i++) {
		compare(rates[i], 15000, 1538, 2.0);
		compare(rates[i], 100000, 1538, 0.8);
		compare(rates[i], 1538, 9038, 2.0);   /* frames longer than the bucket */
		compare(rates[i], 10000, 70000, 3.0); /* GSO frames */
		compare(rates[i], 0x7fffffff, 1538, 1.2);
	}
}

static void test_extremes(void **state)
{
	const uint64_t year_ns = 31557600ULL * VN_NSEC_PER_SEC;
	uint64_t now = 100 * year_ns;
	__u64 tat = 0;

	/* the largest bucket at the lowest rate, emptied and refilled, after a century of uptime */
	assert_true(vn_police_conform(tat, now, 1ULL << 40, 1000, 0xffffffff, &tat));
	assert_int_equal(tat - now, (1ULL << 31) * 8 * 1000000);
	assert_false(vn_police_conform(tat, now, 84, 1000, 0xffffffff, &tat));
	assert_true(vn_police_conform(tat, tat, 84, 1000, 0xffffffff, &tat));
	/* no bucket at all: one frame at a time */
	tat = 0;
	assert_true(vn_police_conform(tat, now, 84, 1000000, 0, &tat));
	assert_false(vn_police_conform(tat, now, 84, 1000000, 0, &tat));
	assert_true(vn_police_conform(tat, now + 672000, 84, 1000000, 0, &tat));
	/* a clock that another CPU read earlier */
	assert_false(vn_police_conform(tat, now, 84, 1000000, 0, &tat));
	/* the highest rate: fractions of a ns are not lost, over any number of frames */
	tat = 0;
	for (int i = 0; i < 1000000; i++, now += 7)
		assert_true(vn_police_conform(tat, now, 84, 1000000000000, 1u << 20, &tat));
	tat = now;
	for (uint64_t i = 0; i < 100000; i++, now += 101) {
		uint64_t before = tat;

		assert_true(vn_police_conform(tat, before, 84, 1000000000000, 0, &tat));
		assert_true(tat - before <= 1);
	}
}

static void test_bytes(void **state)
{
	/* 60 bytes are the shortest frame, which shorter ones are padded to; 24 more is what a wire adds */
	assert_int_equal(vn_police_bytes(60, 0, 0), 84);
	assert_int_equal(vn_police_bytes(42, 0, 0), 84);
	assert_int_equal(vn_police_bytes(1514, 0, 0), 1538);
	/* 44 segments of 1448, one of 10, 66 bytes of headers each */
	assert_int_equal(vn_police_bytes(66 + 44 * 1448 + 10, 66, 1448), 44 * 1538 + 100);
	assert_int_equal(vn_police_bytes(66 + 2 * 1448, 66, 1448), 2 * 1538);
	assert_int_equal(vn_police_bytes(66 + 1, 66, 1448), 91);
	assert_int_equal(vn_police_bytes(60, 66, 1448), 84); /* less than its headers: a frame like any other */
}

static void test_gate(void **state)
{
	struct vn_disc d = {0};

	assert_true(vn_gate_open(&d, 5));
	d.flags = VN_DISC_DOWN;
	assert_false(vn_gate_open(&d, 5));
	d = (struct vn_disc){.flap_up_ns = 30, .flap_down_ns = 10, .flap_start_ns = 1000};
	assert_true(vn_gate_open(&d, 999));
	for (uint64_t round = 0; round < 3; round++) {
		assert_true(vn_gate_open(&d, 1000 + 40 * round));
		assert_true(vn_gate_open(&d, 1029 + 40 * round));
		assert_false(vn_gate_open(&d, 1030 + 40 * round));
		assert_false(vn_gate_open(&d, 1039 + 40 * round));
	}
	d.flap_down_ns = 0;
	assert_true(vn_gate_open(&d, 1030));
}

/* --- the program */

static void udp_frame(struct pkt *p)
{
	put_eth(p, mac_a, ETH_P_IP), put_udp4(p, "10.0.0.1", "10.0.0.2");
}

static void port_set(const struct vn_disc *d, uint32_t flags)
{
	struct vn_port_cfg cfg = {.flags = VN_PORT_ACTIVE | flags,
				  .peer_ifindex = 77,
				  .ifindex = 1,
				  .isolation = VN_ISOLATION_MAC,
				  .mtu = 1500};

	memcpy(cfg.mac, mac_a, 6);
	vn_port_clear(&dp.maps, PORT);
	vn_disc_write(&dp.maps, PORT, d);
	vn_port_publish(&dp.maps, PORT, &cfg);
}

/* Run it @repeat times; returns the last verdict, and ns per run. */
static int run(const struct pkt *p, struct __sk_buff *ctx, int repeat, uint32_t *ret_ns)
{
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = p->data, .data_size_in = p->len, .ctx_in = ctx,
		    .ctx_size_in = ctx ? sizeof(*ctx) : 0, .repeat = repeat);

	assert_int_equal(bpf_prog_test_run_opts(dp.fd_tc_port, &o), 0);
	if (ret_ns)
		*ret_ns = o.duration;
	return (int)o.retval;
}

static uint64_t passed_packets(void)
{
	struct vn_port_ctr c;

	assert_int_equal(vn_port_ctr_read(&dp.maps, PORT, &c), 0);
	return c.out_packets;
}

static void test_port_down(void **state)
{
	struct vn_disc d = {.flags = VN_DISC_DOWN};
	struct pkt p = {0};

	udp_frame(&p);
	port_set(&d, VN_PORT_GATED);
	assert_int_equal(run(&p, NULL, 1, NULL), TC_ACT_SHOT);
	assert_int_equal(dp.maps.drop[PORT].count[VN_DROP_DOWN], 1);
	d.flags = 0;
	vn_disc_write(&dp.maps, PORT, &d);
	assert_int_equal(run(&p, NULL, 1, NULL), TC_ACT_REDIRECT);
	d = (struct vn_disc){.flap_up_ns = 1, .flap_down_ns = 1ULL << 60, .flap_start_ns = 1};
	vn_disc_write(&dp.maps, PORT, &d);
	assert_int_equal(run(&p, NULL, 1, NULL), TC_ACT_SHOT);
	assert_int_equal(dp.maps.drop[PORT].count[VN_DROP_DOWN], 2);
	d.flap_start_ns = vn_now_ns() + 1000 * VN_NSEC_PER_SEC;
	vn_disc_write(&dp.maps, PORT, &d);
	assert_int_equal(run(&p, NULL, 1, NULL), TC_ACT_REDIRECT);
}

/* A bucket that will not refill within the test: exactly its depth passes. */
static void test_port_burst(void **state)
{
	struct vn_disc d = {.police_bps = 1000, .police_burst_bytes = 84 * 10};
	struct pkt p = {0};

	udp_frame(&p);
	port_set(&d, VN_PORT_POLICED);
	assert_int_equal(run(&p, NULL, 25, NULL), TC_ACT_SHOT);
	assert_int_equal(passed_packets(), 10);
	assert_int_equal(dp.maps.drop[PORT].count[VN_DROP_POLICE], 15);
	assert_int_equal(dp.maps.police[PORT].dropped_packets, 15);
	assert_int_equal(dp.maps.police[PORT].dropped_bytes, 15 * 84);
	/* the same measures again change nothing, others begin anew */
	d.delay_ns = 5;
	vn_disc_write(&dp.maps, PORT, &d);
	assert_int_equal(run(&p, NULL, 1, NULL), TC_ACT_SHOT);
	d.police_burst_bytes = 84 * 3;
	vn_disc_write(&dp.maps, PORT, &d);
	run(&p, NULL, 10, NULL);
	assert_int_equal(passed_packets(), 13);
	/* no rate, though the flag still stands: the daemon is between its two stores */
	d.police_bps = 0;
	vn_disc_write(&dp.maps, PORT, &d);
	assert_int_equal(run(&p, NULL, 1, NULL), TC_ACT_REDIRECT);
}

static void tcp_frame(struct pkt *p, bool six, uint32_t payload)
{
	static const uint8_t zero[256];

	if (six) {
		put_eth(p, mac_a, ETH_P_IPV6), put_ip6_head(p, "fd00::1", "fd00::2", 6, (uint16_t)(32 + payload));
	} else {
		static const uint8_t head[12] = {0x45, 0, 0, 0, 0, 0, 0, 0, 64, 6, 0, 0};

		put_eth(p, mac_a, ETH_P_IP), put(p, head, 12), put_ip4(p, "10.0.0.1"), put_ip4(p, "10.0.0.2");
	}
	put(p, zero, 12), put8(p, 0x80), put(p, zero, 19); /* 32 bytes: header and time stamps */
	put(p, zero, payload);
}

/* What a GSO frame is charged is what its segments are. */
static void test_port_gso_frame(void **state)
{
	struct vn_disc d = {.police_bps = 1000, .police_burst_bytes = 1};
	struct __sk_buff ctx = {.gso_segs = 3, .gso_size = 100};

	for (int six = 0; six < 2; six++) {
		uint32_t head = six ? 86 : 66, bytes = 2 * vn_wire_bytes(head + 100) + vn_wire_bytes(head + 30);
		struct pkt p = {0};
		uint64_t before;

		tcp_frame(&p, six, 230);
		port_set(&d, VN_PORT_POLICED);
		before = vn_now_ns();
		assert_int_equal(run(&p, &ctx, 1, NULL), TC_ACT_REDIRECT); /* longer than the bucket, which is full */
		assert_in_range(dp.maps.police[PORT].tat_ns, before + bytes * 8000000ULL,
				vn_now_ns() + bytes * 8000000ULL + 1);
		assert_int_equal(run(&p, &ctx, 1, NULL), TC_ACT_SHOT);
		assert_int_equal(dp.maps.police[PORT].dropped_packets, 3);
		assert_int_equal(dp.maps.police[PORT].dropped_bytes, bytes);
	}
}

struct hammer {
	pthread_t thread;
	int cpu;
	uint64_t until_ns;
};

static void *hammer(void *arg)
{
	const struct hammer *h = arg;
	cpu_set_t cpus;
	struct pkt p = {0};

	CPU_ZERO(&cpus);
	CPU_SET(h->cpu, &cpus);
	sched_setaffinity(0, sizeof(cpus), &cpus);
	udp_frame(&p);
	while (vn_now_ns() < h->until_ns)
		run(&p, NULL, 5000, NULL);
	return NULL;
}

/* All CPUs share one bucket: together they get its rate, not each. */
static void test_port_all_cpus(void **state)
{
	struct vn_disc d = {.police_bps = 100000000, .police_burst_bytes = 5000000};
	long cpus = VN_MIN(sysconf(_SC_NPROCESSORS_ONLN), 8);
	uint64_t begin, took, bytes, want, dropped;
	struct hammer h[8];

	port_set(&d, VN_PORT_POLICED);
	begin = vn_now_ns();
	for (int i = 0; i < cpus; i++) {
		h[i] = (struct hammer){.cpu = i, .until_ns = begin + VN_NSEC_PER_SEC};
		assert_int_equal(pthread_create(&h[i].thread, NULL, hammer, &h[i]), 0);
	}
	for (int i = 0; i < cpus; i++)
		pthread_join(h[i].thread, NULL);
	took = vn_now_ns() - begin;
	bytes = passed_packets() * 84;
	want = d.police_bps / 8 * took / VN_NSEC_PER_SEC + d.police_burst_bytes;
	dropped = dp.maps.drop[PORT].count[VN_DROP_POLICE];
	print_message("%ld CPUs: %.4f of the rate passed, %.1f frames a second offered for each that did\n", cpus,
		      (double)bytes / (double)want, (double)(dropped * 84 + bytes) / (double)bytes);
	assert_true(bytes <= want);
	/* short only of what is left in the bucket, unless nobody was let run for as long as it takes to fill */
	assert_true(bytes * 100 >= want * 99);
}

/* For the record: what each step costs, in the same run. No limit is asserted. */
static void test_cost(void **state)
{
	struct vn_disc police = {.police_bps = 1000000000000, .police_burst_bytes = 1u << 30}, none = {0},
		       flap = {.flap_up_ns = 1ULL << 60, .flap_down_ns = 1, .flap_start_ns = 1};
	const struct {
		const char *what;
		const struct vn_disc *d;
		uint32_t flags;
	} kinds[] = {{"plain", &none, 0}, {"flap", &flap, VN_PORT_GATED}, {"police", &police, VN_PORT_POLICED}};
	uint32_t ns[3] = {UINT32_MAX, UINT32_MAX, UINT32_MAX}, once;
	struct pkt p = {0};

	udp_frame(&p);
	for (int round = 0; round < 5; round++)
		for (size_t k = 0; k < VN_ARRAY_SIZE(kinds); k++) {
			port_set(kinds[k].d, kinds[k].flags);
			assert_int_equal(run(&p, NULL, 200000, &once), TC_ACT_REDIRECT);
			ns[k] = VN_MIN(ns[k], once);
		}
	for (size_t k = 0; k < VN_ARRAY_SIZE(kinds); k++)
		print_message("%s: %u ns a frame, %.2f of plain\n", kinds[k].what, ns[k], (double)ns[k] / ns[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reference),      cmocka_unit_test(test_extremes),
		cmocka_unit_test(test_bytes),          cmocka_unit_test(test_gate),
		cmocka_unit_test(test_port_down),      cmocka_unit_test(test_port_burst),
		cmocka_unit_test(test_port_gso_frame), cmocka_unit_test(test_port_all_cpus),
		cmocka_unit_test(test_cost),
	};

	if (geteuid() != 0) {
		puts("1..0 # SKIP needs root: namespaces, BPF");
		return 4;
	}
	return cmocka_run_group_tests(tests, setup, teardown);
}
