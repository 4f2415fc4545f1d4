// SPDX-License-Identifier: GPL-2.0-only
/* The discipline's other chances: shapes of delay, correlation, duplicates, corruption, reordering, and their replay.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "selftests/unit/disc_lab.h"

#define MS VN_NSEC_PER_MSEC

/* --- shapes, against their formulas: Kolmogorov-Smirnov at 99 %, and a table's 4096 steps */

#define KS_MAX (1.63 / sqrt(LAB_FRAMES) + 1.0 / VN_DIST_SIZE)

/* Bisection on erfc(): nothing of the table's own making. */
static double normal_quantile(double p)
{
	double low = -9, high = 9;

	for (int i = 0; i < 60; i++) {
		double mid = (low + high) / 2;

		if (0.5 * erfc(-mid / sqrt(2)) < p)
			low = mid;
		else
			high = mid;
	}
	return low;
}

static double pareto_quantile(double p)
{
	return fmin((pow(1 - p, -1.0 / 3) - 1.5) * 4 / 3, 4);
}

static double pareto_cdf(double x)
{
	return x < -2.0 / 3 ? 0 : 1 - pow(0.75 * x + 1.5, -3);
}

/* The table is cut off at 4: give what piled up there the values it would have had. */
static void spread_tail(double *x, int n)
{
	const double cut = 32767.0 / VN_DIST_SCALE, p = pareto_cdf(cut);
	int m = 0, k = 0;

	for (int i = 0; i < n; i++)
		m += x[i] > cut - 1e-6;
	for (int i = 0; i < n; i++)
		if (x[i] > cut - 1e-6)
			x[i] = (pow((1 - p) * (1 - (k++ + 0.5) / m), -1.0 / 3) - 1.5) * 4 / 3;
}

/* By search among 16384 of its quantiles. */
static double paretonormal_cdf(double x)
{
	static double quantile[16384];
	size_t low = 0, high = VN_ARRAY_SIZE(quantile);

	for (size_t i = 0; i < high && quantile[high - 1] == 0; i++) {
		double p = ((double)i + 0.5) / (double)high;

		quantile[i] = (normal_quantile(p) + 3 * pareto_quantile(p)) / 4;
	}
	while (low < high) {
		size_t mid = (low + high) / 2;

		if (quantile[mid] < x)
			low = mid + 1;
		else
			high = mid;
	}
	return (double)low / VN_ARRAY_SIZE(quantile);
}

/* The file of a table: an exponential distribution, of 1000 entries. */
static double exponential_cdf(double x)
{
	return x <= -0.5 ? 0 : 1 - exp(-(2 * x + 1));
}

static double *draw_jitter(const struct vn_disc *d, int n)
{
	double *x = malloc((size_t)n * sizeof(*x));
	struct vn_disc_state s = {0};
	struct vn_fate f[2];

	for (int i = 0; i < n; i++) {
		lab_apply(d, &s, 1000, 100, f);
		x[i] = ((double)(f[0].release_ns - 1000) - (double)d->delay_ns) / (double)d->jitter_ns;
	}
	return x;
}

/* Seen to catch: pareto and paretonormal exchanged; a table's index of 12 bits for any length; jitter divided by 4096.
 */
static void test_shapes(void **state)
{
	struct vn_disc d = {.delay_ns = 100 * MS, .jitter_ns = 10 * MS, .key = 12};
	static int16_t table[1000];
	double *x;

	d.dist = VN_DIST_PARETO;
	x = draw_jitter(&d, LAB_FRAMES);
	spread_tail(x, LAB_FRAMES);
	assert_true(lab_ks(x, LAB_FRAMES, pareto_cdf) < KS_MAX);
	free(x);
	d.dist = VN_DIST_PARETONORMAL;
	x = draw_jitter(&d, LAB_FRAMES / 10);
	assert_true(lab_ks(x, LAB_FRAMES / 10, paretonormal_cdf) < 1.63 / sqrt(LAB_FRAMES / 10.0) + 1.0 / VN_DIST_SIZE);
	free(x);
	for (int i = 0; i < 1000; i++)
		table[i] = (int16_t)fmin(32767, rint((-log(1 - (i + 0.5) / 1000) - 1) / 2 * VN_DIST_SCALE));
	d.dist = VN_DIST_TABLE;
	lab.next = 1;
	d.dist_block = lab_block(VN_ARENA_DIST, 1000, sizeof(*table), table, 0, 0);
	x = draw_jitter(&d, LAB_FRAMES);
	assert_true(lab_ks(x, LAB_FRAMES, exponential_cdf) < 1.63 / sqrt(LAB_FRAMES) + 1.0 / 1000);
	free(x);
	/* a block that is none: uniform, and no harm */
	d.dist_block = 0;
	x = draw_jitter(&d, 1000);
	for (int i = 0; i < 1000; i++)
		assert_true(fabs(x[i]) <= 1);
	free(x);
}

/* Entry by entry iproute2's own files, where they are installed. */
static void compare_file(const char *name, const struct vn_dist *dist, int tolerance)
{
	static const char *const folder[] = {"/usr/lib/tc", "/usr/lib/x86_64-linux-gnu/tc",
					     "/usr/lib/aarch64-linux-gnu/tc", "/usr/share/tc"};
	char path[128], line[256];
	unsigned int n = 0;
	FILE *f = NULL;

	for (size_t i = 0; i < VN_ARRAY_SIZE(folder) && !f; i++) {
		snprintf(path, sizeof(path), "%s/%s.dist", folder[i], name);
		f = fopen(path, "re");
	}
	if (!f) {
		print_message("SKIP: %s.dist is not installed\n", name);
		skip();
	}
	while (fgets(line, sizeof(line), f)) {
		char *at = line, *end;

		if (*line == '#')
			continue;
		for (long v = strtol(at, &end, 10); end != at; at = end, v = strtol(at, &end, 10)) {
			assert_true(n < VN_DIST_SIZE);
			if (labs(v - dist->table[n]) > tolerance)
				fail_msg("%s entry %u: %ld in the file, %d here", name, n, v, dist->table[n]);
			n++;
		}
	}
	fclose(f);
	assert_int_equal(n, VN_DIST_SIZE);
}

static void test_iproute2_tables(void **state)
{
	compare_file("pareto", &lab.dist.pareto, 0);
	/* there the normal quantile is found in steps of 0.00005 */
	compare_file("paretonormal", &lab.dist.paretonormal, 1);
}

/* --- correlation */

static double uniform_cdf(double x)
{
	return (x + 1) / 2;
}

/*
 * c^n at lag n, and the same uniform jitter as without. A sample of the correlated process is worth (1-c)/(1+c) of an
 * independent one. Seen to catch: netem's mixing; the draw of the choice shared with the draw itself.
 */
static void test_jitter_correlation(void **state)
{
	static const uint32_t corr[] = {250000000, 500000000, 900000000};

	for (size_t k = 0; k < VN_ARRAY_SIZE(corr); k++) {
		struct vn_disc d = {.delay_ns = 10 * MS, .jitter_ns = MS, .delay_corr_ppb = corr[k], .key = 31};
		double c = corr[k] / 1e9, worth = sqrt(LAB_FRAMES * (1 - c) / (1 + c));
		double *x = draw_jitter(&d, LAB_FRAMES);

		for (int lag = 1; lag <= 6; lag++)
			assert_true(fabs(lab_autocorrelation(x, LAB_FRAMES, (size_t)lag) - pow(c, lag)) < 4 / worth);
		assert_true(lab_ks(x, LAB_FRAMES, uniform_cdf) < 1.63 / worth);
		free(x);
	}
}

/* Share and correlation of what happens to frames by @flag (of the copy, for duplicates). */
static void check_events(const struct vn_disc *d, uint32_t flag, double p, double c)
{
	double *x = malloc(LAB_FRAMES * sizeof(*x)), sum = 0, worth = LAB_FRAMES * (1 - c) / (1 + c);
	struct vn_disc_state s = {0};

	for (int i = 0; i < LAB_FRAMES; i++) {
		struct vn_fate f[2];
		uint32_t n = lab_apply(d, &s, 1000, 100, f);

		x[i] = ((n > 1 ? f[1].flags | f[0].flags : f[0].flags) & flag) != 0;
		sum += x[i];
		assert_int_equal(n > 1 && flag != VN_FATE_COPY, 0);
	}
	if (fabs(sum / LAB_FRAMES - p) > 4 * sqrt(p * (1 - p) / worth))
		fail_msg("flag %u: %f, expected %f", flag, sum / LAB_FRAMES, p);
	for (int lag = 1; lag <= 3; lag++)
		if (fabs(lab_autocorrelation(x, LAB_FRAMES, (size_t)lag) - pow(c, lag)) > 5 / sqrt(worth))
			fail_msg("flag %u lag %d: %f", flag, lag, lab_autocorrelation(x, LAB_FRAMES, (size_t)lag));
	free(x);
}

/* Each with its own share and correlation; netem lost `duplicate`'s. Seen to catch: one purpose's memory for two. */
static void test_events(void **state)
{
	struct vn_disc dup = {.dup_ppb = 50000000, .dup_corr_ppb = 600000000, .delay_ns = MS, .key = 1};
	struct vn_disc bad = {.corrupt_ppb = 10000000, .corrupt_corr_ppb = 300000000, .delay_ns = MS, .key = 2};
	struct vn_disc over = {
		.reorder_ppb = 250000000, .reorder_corr_ppb = 500000000, .reorder_gap = 1, .delay_ns = MS};

	check_events(&dup, VN_FATE_COPY, 0.05, 0.6);
	check_events(&bad, VN_FATE_CORRUPT, 0.01, 0.3);
	check_events(&over, VN_FATE_REORDERED, 0.25, 0.5);
	dup.dup_corr_ppb = bad.corrupt_corr_ppb = over.reorder_corr_ppb = 0;
	check_events(&dup, VN_FATE_COPY, 0.05, 0);
	check_events(&bad, VN_FATE_CORRUPT, 0.01, 0);
	check_events(&over, VN_FATE_REORDERED, 0.25, 0);
}

/* A jitter of its own, behind its original at the server, whole; a lost frame has none. */
static void test_copy(void **state)
{
	struct vn_disc d = {.dup_ppb = VN_PPB_ONE,
			    .corrupt_ppb = VN_PPB_ONE,
			    .delay_ns = 10 * MS,
			    .jitter_ns = MS,
			    .rate_bps = 100000000,
			    .key = 4};
	struct vn_disc_state s = {0};
	struct vn_fate f[2];
	double *x = malloc(2 * LAB_FRAMES * sizeof(*x)), product = 0;

	for (int i = 0; i < LAB_FRAMES; i++) {
		uint64_t t = (uint64_t)i * MS;

		assert_int_equal(lab_apply(&d, &s, t, 1514, f), 2);
		assert_int_equal(f[0].flags, VN_FATE_CORRUPT);
		assert_int_equal(f[1].flags, VN_FATE_COPY);
		assert_int_equal(f[0].depart_ns, t + 123040);
		assert_int_equal(f[1].depart_ns, t + 2 * 123040);
		x[2 * i] = (double)f[0].release_ns - (double)f[0].depart_ns - 10e6;
		x[2 * i + 1] = (double)f[1].release_ns - (double)f[1].depart_ns - 10e6;
		product += x[2 * i] * x[2 * i + 1] / 1e12 * 3;
	}
	for (int i = 0; i < 2 * LAB_FRAMES; i++)
		x[i] /= 1e6;
	assert_true(fabs(product / LAB_FRAMES) < 4 / sqrt(LAB_FRAMES)); /* independent */
	assert_true(lab_ks(x, 2 * LAB_FRAMES, uniform_cdf) < 1.63 / sqrt(2 * LAB_FRAMES));
	free(x);
	d.loss_ppb = VN_PPB_ONE;
	assert_int_equal(lab_apply(&d, &s, 0, 60, f), 1);
	assert_int_equal(f[0].cause, VN_EDROP_LOSS);
}

/* Every bit of the frame equally often, and no other. */
static void test_corrupt_bit(void **state)
{
	struct vn_disc d = {.corrupt_ppb = VN_PPB_ONE, .key = 8};
	static uint32_t seen[60 * 8];
	struct vn_disc_state s = {0};
	double x = 0, expected = (double)LAB_FRAMES / VN_ARRAY_SIZE(seen);
	struct vn_fate f[2];

	for (int i = 0; i < LAB_FRAMES; i++) {
		lab_apply(&d, &s, 0, 60, f);
		assert_in_range(f[0].corrupt_bit, 0, VN_ARRAY_SIZE(seen) - 1);
		seen[f[0].corrupt_bit]++;
	}
	for (size_t i = 0; i < VN_ARRAY_SIZE(seen); i++)
		x += (seen[i] - expected) * (seen[i] - expected) / expected;
	assert_true(fabs(x - (double)VN_ARRAY_SIZE(seen) + 1) < 5 * sqrt(2.0 * VN_ARRAY_SIZE(seen)));
}

/* netem's counting: with certainty every gap-th frame goes first; with chance, candidates from the gap-th on. */
static void test_reorder_gap(void **state)
{
	struct vn_disc d = {
		.delay_ns = 10 * MS, .jitter_ns = MS, .reorder_ppb = VN_PPB_ONE, .reorder_gap = 5, .key = 3};
	struct vn_disc_state s = {0};
	uint32_t since = 0, gaps[64] = {0}, n = 0;
	struct vn_fate f[2];
	double x = 0;

	for (int i = 1; i <= 1000; i++) {
		lab_apply(&d, &s, 500, 60, f);
		assert_int_equal(f[0].flags, i % 5 ? 0 : VN_FATE_REORDERED);
		assert_int_equal(f[0].release_ns == 500, i % 5 == 0);
	}
	d.reorder_ppb = 300000000;
	for (int i = 0; i < LAB_FRAMES; i++) {
		lab_apply(&d, &s, 500, 60, f);
		since++;
		if (!f[0].flags)
			continue;
		assert_true(since >= 5);
		gaps[VN_MIN(since - 5, 20u)]++;
		n++;
		since = 0;
	}
	/* 4 frames, then geometric */
	for (int k = 0; k < 20; k++) {
		double expected = n * 0.3 * pow(0.7, k);

		x += (gaps[k] - expected) * (gaps[k] - expected) / expected;
	}
	assert_true(x < 20 + 5 * sqrt(40));
}

/* Reordered frames and copies are queued, counted and limited like all others: in netem they escape limit and rate. */
static void test_no_escape(void **state)
{
	struct vn_disc d = {.delay_ns = 10 * MS, .reorder_ppb = VN_PPB_ONE, .reorder_gap = 1, .limit_packets = 2};
	struct vn_disc_state s = {.held_packets = 2};
	struct vn_fate f[2];

	lab_apply(&d, &s, 0, 60, f);
	assert_int_equal(f[0].cause, VN_EDROP_LIMIT);
	s.held_packets = 1;
	d.rate_bps = 1000000;
	d.limit_bytes = 2 * 84;
	lab_apply(&d, &s, 0, 60, f);
	assert_int_equal(f[0].verdict, VN_VERDICT_HOLD);
	assert_int_equal(f[0].release_ns, 672000); /* the server's time, and no delay */
	d.dup_ppb = VN_PPB_ONE;
	assert_int_equal(lab_apply(&d, &s, 0, 60, f), 2);
	assert_int_equal(f[0].verdict, VN_VERDICT_HOLD);
	assert_int_equal(f[1].cause, VN_EDROP_LIMIT); /* held: 1 and the original */
	d.limit_packets = 0;
	lab_apply(&d, &s, 0, 60, f);
	assert_int_equal(f[0].cause, VN_EDROP_LIMIT);
	assert_int_equal(f[1].cause, VN_EDROP_LIMIT);
}

/* --- replay */

struct verdict {
	uint8_t lost, flags, fates;
	uint32_t bit;
	uint64_t jitter_ns[2];
};

/* What chance decided for the frame, from its fates: its delay is what lies between departure and release. */
static struct verdict verdict_of(const struct vn_fate *f, uint32_t n)
{
	struct verdict v = {.lost = f->verdict == VN_VERDICT_DROP && f->cause == VN_EDROP_LOSS, .fates = (uint8_t)n};

	v.flags = (uint8_t)f->flags;
	v.bit = f->corrupt_bit;
	for (uint32_t i = 0; i < n && !v.lost; i++)
		v.jitter_ns[i] = f[i].release_ns - f[i].depart_ns;
	return v;
}

/*
 * All words at once; the same frames at other times, under another rate: chance decides the same for each. Seen to
 * catch: a correlated draw made after the limit; the gap counted over accepted frames.
 */
static void test_replay_whatever_the_timing(void **state)
{
	struct vn_disc d = {.delay_ns = 10 * MS,
			    .jitter_ns = 3 * MS,
			    .delay_corr_ppb = 300000000,
			    .dist = VN_DIST_NORMAL,
			    .loss_model = VN_LOSS_GEMODEL,
			    .loss_p = {20000000, 200000000, 900000000, 1000000},
			    .dup_ppb = 20000000,
			    .dup_corr_ppb = 400000000,
			    .corrupt_ppb = 20000000,
			    .corrupt_corr_ppb = 200000000,
			    .reorder_ppb = 300000000,
			    .reorder_corr_ppb = 500000000,
			    .reorder_gap = 3,
			    .key = 0x5eed};
	struct vn_disc slow = d;
	struct vn_disc_state a = {0}, b = {0};
	uint64_t ta = 0, tb = 0, limited = 0;

	slow.rate_bps = 5000000;
	slow.limit_bytes = 20000;
	for (uint64_t i = 0; i < LAB_FRAMES; i++) {
		uint32_t len = 60 + (uint32_t)(vn_mix64(i) % 1455), n, m;
		struct vn_fate f[2] = {0}, g[2] = {0};
		struct verdict v, w;

		ta += 10000;
		tb += vn_mix64(i ^ 0xabcdef) % (i / 1000 % 2 ? 3000000 : 1000);
		n = lab_apply(&d, &a, ta, len, f);
		m = lab_apply(&slow, &b, tb, len, g);
		v = verdict_of(f, n);
		w = verdict_of(g, m);
		for (uint32_t k = 0; k < m; k++) {
			if (g[k].verdict == VN_VERDICT_DROP && g[k].cause == VN_EDROP_LIMIT) {
				limited++;
				v.jitter_ns[k] = w.jitter_ns[k] = 0;
			}
		}
		if (memcmp(&v, &w, sizeof(v)) != 0)
			fail_msg("frame %llu differs", (unsigned long long)i);
	}
	assert_true(limited > LAB_FRAMES / 10); /* the timing did differ */
	assert_memory_equal(a.last, b.last, sizeof(a.last));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_iproute2_tables),
		cmocka_unit_test(test_jitter_correlation),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_copy),
		cmocka_unit_test(test_corrupt_bit),
		cmocka_unit_test(test_reorder_gap),
		cmocka_unit_test(test_no_escape),
		cmocka_unit_test(test_replay_whatever_the_timing),
	};

	return cmocka_run_group_tests(tests, lab_setup, lab_teardown);
}
