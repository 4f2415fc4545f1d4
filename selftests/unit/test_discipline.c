// SPDX-License-Identifier: GPL-2.0-only
/* The discipline: exact where it is arithmetic, within stated confidence where it is chance. All draws are fixed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "selftests/unit/disc_lab.h"

#define FRAMES LAB_FRAMES

static struct vn_fate apply(const struct vn_disc *d, struct vn_disc_state *s, uint64_t arrival_ns, uint32_t len)
{
	struct vn_fate f[2] = {0};

	assert_int_equal(lab_apply(d, s, arrival_ns, len, f), 1);
	return f[0];
}

static void test_nothing(void **state)
{
	struct vn_disc d = {0};
	struct vn_disc_state s = {0};
	struct vn_fate f = apply(&d, &s, 12345, 60);

	assert_int_equal(f.verdict, VN_VERDICT_PASS);
	assert_int_equal(f.release_ns, 12345);
	assert_int_equal(s.index, 1);
	assert_int_equal(s.next_free_ns, 0);
}

static void test_delay(void **state)
{
	struct vn_disc d = {.delay_ns = 10 * VN_NSEC_PER_MSEC};
	struct vn_disc_state s = {0};
	struct vn_fate f = apply(&d, &s, 1000, 1514);

	assert_int_equal(f.verdict, VN_VERDICT_HOLD);
	assert_int_equal(f.depart_ns, 1000);
	assert_int_equal(f.release_ns, 1000 + 10 * VN_NSEC_PER_MSEC);
}

/* The count of lost frames lies within the 99 % confidence interval of the binomial distribution. */
static void test_loss(void **state)
{
	static const uint32_t ppb[] = {1000000, 10000000, 100000000}; /* 0.1, 1, 10 % */

	for (size_t i = 0; i < VN_ARRAY_SIZE(ppb); i++) {
		double p = ppb[i] / 1e9, lost = 0, runs = 0;
		struct vn_disc d = {.loss_ppb = ppb[i], .key = 0x1234};
		struct vn_disc_state s = {0};
		bool before = false;

		for (int n = 0; n < FRAMES; n++) {
			struct vn_fate f = apply(&d, &s, 0, 100);
			bool dropped = f.verdict == VN_VERDICT_DROP;

			if (dropped)
				assert_int_equal(f.cause, VN_EDROP_LOSS);
			runs += dropped && before;
			lost += dropped;
			before = dropped;
		}
		assert_true(fabs(lost - FRAMES * p) < 2.576 * sqrt(FRAMES * p * (1 - p)));
		/* independent: a loss follows a loss with the same probability */
		assert_true(fabs(runs - lost * p) < 4 * sqrt(lost * p * (1 - p)) + 1);
		assert_int_equal(s.index, FRAMES);
	}
}

static void test_loss_edges(void **state)
{
	struct vn_disc all = {.loss_ppb = VN_PPB_ONE, .rate_bps = 1000000, .limit_bytes = 100000};
	struct vn_disc_state s = {0};

	for (int i = 0; i < 10000; i++)
		assert_int_equal(apply(&all, &s, 5, 1500).verdict, VN_VERDICT_DROP);
	/* lost frames took numbers, but no time of the rate server */
	assert_int_equal(s.index, 10000);
	assert_int_equal(s.next_free_ns, 0);
}

static double ks_uniform(const uint32_t *cell, size_t cells, double n)
{
	double sum = 0, worst = 0;

	for (size_t i = 0; i < cells; i++) {
		sum += cell[i];
		worst = fmax(worst, fabs(sum / n - (double)(i + 1) / (double)cells));
	}
	return worst;
}

static void test_jitter_uniform(void **state)
{
	struct vn_disc d = {.delay_ns = 10000000, .jitter_ns = 1000000, .key = 77};
	struct vn_disc_state s = {0};
	static uint32_t cell[1000];
	double sum = 0, sum_sq = 0;

	for (int n = 0; n < FRAMES; n++) {
		struct vn_fate f = apply(&d, &s, 500, 60);
		double x = (double)f.release_ns - 500 - 10e6;

		assert_in_range(f.release_ns, 500 + 9000000, 500 + 11000000);
		sum += x;
		sum_sq += x * x;
		cell[VN_MIN((size_t)((x + 1e6) / 2000), 999)]++;
	}
	/* mean 0, variance jitter^2 / 3; Kolmogorov-Smirnov at 99 %: 1.63 / sqrt(n) */
	assert_true(fabs(sum / FRAMES) < 3 * 1e6 / sqrt(3.0 * FRAMES));
	assert_true(fabs(sum_sq / FRAMES / (1e12 / 3) - 1) < 0.005);
	assert_true(ks_uniform(cell, 1000, FRAMES) < 1.63 / sqrt(FRAMES));
}

/* Small spreads reach every value, ends included, equally often. */
static void test_jitter_ends(void **state)
{
	struct vn_disc d = {.delay_ns = 10, .jitter_ns = 2, .key = 3};
	struct vn_disc_state s = {0};
	uint32_t seen[5] = {0};

	for (int n = 0; n < 100000; n++) {
		uint64_t off = apply(&d, &s, 0, 60).release_ns - 8;

		assert_in_range(off, 0, 4);
		seen[off]++;
	}
	for (int i = 0; i < 5; i++)
		assert_true(fabs(seen[i] - 20000.0) < 4 * sqrt(100000 * 0.2 * 0.8));
}

static void test_jitter_normal(void **state)
{
	struct vn_disc d = {.delay_ns = 100000000, .jitter_ns = 5000000, .dist = VN_DIST_NORMAL, .key = 4711};
	struct vn_disc_state s = {0};
	cleanup_free double *x = malloc(FRAMES * sizeof(*x));
	double m1 = 0, m2 = 0, m3 = 0, m4 = 0, ks = 0;

	for (int n = 0; n < FRAMES; n++) {
		x[n] = ((double)apply(&d, &s, 0, 60).release_ns - 1e8) / 5e6;
		m1 += x[n] / FRAMES;
		m2 += x[n] * x[n] / FRAMES;
		m3 += x[n] * x[n] * x[n] / FRAMES;
		m4 += x[n] * x[n] * x[n] * x[n] / FRAMES;
	}
	qsort(x, FRAMES, sizeof(*x), lab_compare_double);
	for (int n = 0; n < FRAMES; n++)
		ks = fmax(ks, fabs(0.5 * erfc(-x[n] / sqrt(2)) - (n + 0.5) / FRAMES));
	assert_true(fabs(m1) < 3 / sqrt(FRAMES));
	assert_true(fabs(m2 - 1) < 3 * sqrt(2.0 / FRAMES));
	assert_true(fabs(m3) < 3 * sqrt(15.0 / FRAMES));
	/* 4096 slices end at 3.7 sigma: the kurtosis falls short of 3 a little */
	assert_true(fabs(m4 - 3) < 0.05);
	assert_true(ks < 1.63 / sqrt(FRAMES) + 1.0 / VN_DIST_SIZE);
}

/* The table itself: monotone, symmetric, variance one, and the quantiles one finds in any table of the normal curve. */
static void test_normal_table(void **state)
{
	double var = 0;

	for (unsigned int i = 0; i < VN_DIST_SIZE; i++) {
		if (i > 0)
			assert_true(lab.dist.normal.table[i] >= lab.dist.normal.table[i - 1]);
		assert_int_equal(lab.dist.normal.table[i], -lab.dist.normal.table[VN_DIST_SIZE - 1 - i]);
		var += (double)lab.dist.normal.table[i] * lab.dist.normal.table[i] / VN_DIST_SIZE;
	}
	assert_true(fabs(sqrt(var) / VN_DIST_SCALE - 1) < 1e-4);
	assert_true(fabs(lab.dist.normal.table[(int)(0.8413447 * VN_DIST_SIZE)] - 8192.0) < 12);     /* 1 sigma */
	assert_true(fabs(lab.dist.normal.table[(int)(0.9772499 * VN_DIST_SIZE)] - 2 * 8192.0) < 40); /* 2 sigma */
}

/* Wider than the delay: released at once rather than before it arrived. */
static void test_jitter_clamp(void **state)
{
	struct vn_disc d = {.delay_ns = 1000, .jitter_ns = 1000000, .key = 5};
	struct vn_disc_state s = {0};
	int passed = 0;

	for (int n = 0; n < 10000; n++) {
		struct vn_fate f = apply(&d, &s, 1000000000, 60);

		assert_true(f.release_ns >= 1000000000);
		assert_int_equal(f.verdict == VN_VERDICT_PASS, f.release_ns == 1000000000);
		passed += f.verdict == VN_VERDICT_PASS;
	}
	assert_in_range(passed, 4700, 5300);
	d.dist = VN_DIST_NORMAL;
	for (int n = 0; n < 10000; n++)
		assert_true(apply(&d, &s, 1000000000, 60).release_ns >= 1000000000);
}

/* A saturated server sends wire bytes at exactly its rate, however the division comes out. */
static void test_rate_exact(void **state)
{
	static const uint64_t rate[] = {1000,       64000,      1000000,     10000000,     100000000,    333333333,
					1000000000, 7777777777, 10000000000, 100000000000, 1000000000000};
	static const uint32_t len[] = {0, 42, 60, 61, 64, 590, 1514, 9014};

	for (size_t i = 0; i < VN_ARRAY_SIZE(rate); i++) {
		struct vn_disc d = {.rate_bps = rate[i]};
		struct vn_disc_state s = {0};
		long double bytes = 0;
		double worst = 0;

		for (int n = 0; n < 200000; n++) {
			uint32_t l = len[vn_mix64((uint64_t)n) % VN_ARRAY_SIZE(len)];
			struct vn_fate f = apply(&d, &s, 0, l);

			bytes += vn_wire_bytes(l);
			assert_int_equal(f.release_ns, s.next_free_ns);
			worst = fmax(worst, fabs((double)(bytes * 8e9L / rate[i] - s.next_free_ns)));
		}
		/* random sizes: rounding errors of under 1 ns each, a random walk at the worst */
		assert_true(worst < 3 * sqrt(200000) / 2);
	}
}

/* Equal frames, the usual case: the sequence keeps the server within a few ns of exact for ever. */
static void test_rate_equal_frames(void **state)
{
	struct vn_disc d = {.rate_bps = 10000000000};
	struct vn_disc_state s = {0};

	for (int n = 1; n <= FRAMES; n++) {
		apply(&d, &s, 0, 60);
		assert_true(fabs((double)s.next_free_ns - n * 67.2) < 8);
	}
}

static void test_wire_bytes(void **state)
{
	assert_int_equal(vn_wire_bytes(60), 84);
	assert_int_equal(vn_wire_bytes(42), 84);
	assert_int_equal(vn_wire_bytes(61), 85);
	assert_int_equal(vn_wire_bytes(1514), 1538);
}

/* An idle server does not save up: a burst after a pause is spaced like any other. */
static void test_rate_idle(void **state)
{
	struct vn_disc d = {.rate_bps = 1000000000};
	struct vn_disc_state s = {0};
	uint64_t t = 5 * VN_NSEC_PER_SEC;

	assert_int_equal(apply(&d, &s, 0, 1514).release_ns, 12304);
	assert_int_equal(apply(&d, &s, t, 1514).release_ns, t + 12304);
	assert_int_equal(apply(&d, &s, t, 1514).release_ns, t + 2 * 12304);
	assert_int_equal(apply(&d, &s, t + 100000, 1514).release_ns, t + 100000 + 12304);
}

/* limit_bytes: exactly as many full frames as fit; room again as the clock drains. */
static void test_limit_bytes(void **state)
{
	struct vn_disc d = {.rate_bps = 1000000, .limit_bytes = 10 * 1538};
	struct vn_disc_state s = {0};
	uint64_t frame_ns = 1538 * 8 * 1000, t = 1000;
	struct vn_fate f;

	for (int i = 0; i < 10; i++)
		assert_int_equal(apply(&d, &s, t, 1514).verdict, VN_VERDICT_HOLD);
	f = apply(&d, &s, t, 1514);
	assert_int_equal(f.verdict, VN_VERDICT_DROP);
	assert_int_equal(f.cause, VN_EDROP_LIMIT);
	assert_int_equal(apply(&d, &s, t, 60).verdict, VN_VERDICT_DROP);
	assert_int_equal(s.next_free_ns, t + 10 * frame_ns);
	assert_int_equal(apply(&d, &s, t + frame_ns - 1, 1514).verdict, VN_VERDICT_DROP);
	assert_int_equal(apply(&d, &s, t + frame_ns, 1514).verdict, VN_VERDICT_HOLD);
	assert_int_equal(apply(&d, &s, t + frame_ns, 60).verdict, VN_VERDICT_DROP);
	assert_int_equal(s.index, 15);
}

/* A limit below one frame must not block the link: an idle server takes any frame. */
static void test_limit_tiny(void **state)
{
	struct vn_disc d = {.rate_bps = 1000000, .limit_bytes = 1};
	struct vn_disc_state s = {0};

	assert_int_equal(apply(&d, &s, 100, 9014).verdict, VN_VERDICT_HOLD);
	assert_int_equal(apply(&d, &s, 101, 60).cause, VN_EDROP_LIMIT);
	assert_int_equal(apply(&d, &s, s.next_free_ns, 60).verdict, VN_VERDICT_HOLD);
}

/* The extremes of every parameter stay within 64 bits. */
static void test_extremes(void **state)
{
	struct vn_disc d = {.rate_bps = UINT64_MAX, .limit_bytes = UINT64_MAX, .delay_ns = 3600 * VN_NSEC_PER_SEC};
	struct vn_disc_state s = {0};
	uint64_t t = 1000 * VN_NSEC_PER_SEC;

	for (int i = 0; i < 1000; i++)
		assert_true(apply(&d, &s, t, 9216).release_ns < t + 3600 * VN_NSEC_PER_SEC + 1000000);
	d.jitter_ns = d.delay_ns;
	for (int i = 0; i < 1000; i++)
		assert_true(apply(&d, &s, t, 9216).release_ns <= t + 7200 * VN_NSEC_PER_SEC + 1000000);
	d.dist = VN_DIST_NORMAL;
	for (int i = 0; i < 1000; i++)
		assert_true(apply(&d, &s, t, 9216).release_ns <= t + 5 * 3600 * VN_NSEC_PER_SEC);
	/* a kilobit a second: 2 GiB are 199 days, still representable */
	assert_int_equal(vn_disc_limit_ns(UINT64_MAX, 1000), (1ULL << 31) * 8 * 1000000);
}

static void test_limit_packets(void **state)
{
	struct vn_disc d = {.delay_ns = 1000, .limit_packets = 3};
	struct vn_disc_state s = {0};
	struct vn_fate f;

	for (int i = 0; i < 3; i++) {
		assert_int_equal(apply(&d, &s, 0, 100).verdict, VN_VERDICT_HOLD);
		vn_disc_held(&s, 100);
	}
	f = apply(&d, &s, 0, 100);
	assert_int_equal(f.verdict, VN_VERDICT_DROP);
	assert_int_equal(f.cause, VN_EDROP_LIMIT);
	assert_int_equal(s.held_bytes, 300);
	vn_disc_released(&s, 100);
	assert_int_equal(apply(&d, &s, 0, 100).verdict, VN_VERDICT_HOLD);
}

/* Same key, same frames: same fates, from any frame on. Another key: others. */
static void test_replay(void **state)
{
	struct vn_disc d = {.delay_ns = 5000000,
			    .jitter_ns = 1000000,
			    .rate_bps = 50000000,
			    .limit_bytes = 30000,
			    .loss_ppb = 50000000,
			    .key = 0xabcdef};
	struct vn_disc other = d;
	struct vn_disc_state a = {0}, b = {0}, c = {0}, resumed = {0};
	int differ = 0;

	other.key++;
	for (uint64_t n = 0; n < 100000; n++) {
		uint64_t t = n * 200000;
		uint32_t len = 60 + (uint32_t)(n * 7919 % 1455);
		struct vn_fate x = apply(&d, &a, t, len), y = apply(&d, &b, t, len), z = apply(&other, &c, t, len);

		assert_memory_equal(&x, &y, sizeof(x));
		differ += x.verdict != z.verdict || x.release_ns != z.release_ns;
		if (n == 50000)
			resumed = a;
		if (n > 50000) {
			y = apply(&d, &resumed, t, len);
			assert_memory_equal(&x, &y, sizeof(x));
		}
	}
	assert_true(differ > 90000);
}

/* The loss of frame n depends on the key and n alone: delay and rate may change, the same frames are lost. */
static void test_replay_across_parameters(void **state)
{
	struct vn_disc d = {.loss_ppb = 100000000, .key = 9}, e = d;
	struct vn_disc_state s = {0}, u = {0};

	e.delay_ns = 1000000;
	e.jitter_ns = 500000;
	e.rate_bps = 1000000000;
	for (uint64_t n = 0; n < 10000; n++)
		assert_int_equal(apply(&d, &s, n, 60).verdict == VN_VERDICT_DROP,
				 apply(&e, &u, n, 60).verdict == VN_VERDICT_DROP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_delay),
		cmocka_unit_test(test_loss),
		cmocka_unit_test(test_loss_edges),
		cmocka_unit_test(test_jitter_uniform),
		cmocka_unit_test(test_jitter_ends),
		cmocka_unit_test(test_jitter_normal),
		cmocka_unit_test(test_normal_table),
		cmocka_unit_test(test_jitter_clamp),
		cmocka_unit_test(test_rate_exact),
		cmocka_unit_test(test_rate_equal_frames),
		cmocka_unit_test(test_wire_bytes),
		cmocka_unit_test(test_rate_idle),
		cmocka_unit_test(test_limit_bytes),
		cmocka_unit_test(test_limit_tiny),
		cmocka_unit_test(test_extremes),
		cmocka_unit_test(test_limit_packets),
		cmocka_unit_test(test_replay),
		cmocka_unit_test(test_replay_across_parameters),
	};

	return cmocka_run_group_tests(tests, lab_setup, lab_teardown);
}
