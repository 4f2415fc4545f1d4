// SPDX-License-Identifier: GPL-2.0-only
/* The lateness histogram: every duration in exactly one bucket, percentiles never too low. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <disc/hist.h>
#include <base/util.h>

static void test_edges(void **state)
{
	assert_int_equal(vn_hist_bucket(0), 0);
	assert_int_equal(vn_hist_bucket(255), 0);
	assert_int_equal(vn_hist_bucket(256), 1);
	assert_int_equal(vn_hist_upper(1), 320);
	assert_int_equal(vn_hist_upper(4), 512);
	assert_int_equal(vn_hist_bucket(UINT64_MAX), VN_HIST_BUCKETS - 1);
	assert_int_equal(vn_hist_upper(VN_HIST_BUCKETS - 1), UINT64_MAX);
	assert_int_equal(vn_hist_upper(1000), UINT64_MAX);
}

/* Buckets tile the line: the end of each is the start of the next, none wider than a quarter of its start. */
static void test_tiling(void **state)
{
	for (uint32_t b = 0; b < VN_HIST_BUCKETS - 1; b++) {
		uint64_t end = vn_hist_upper(b);

		assert_int_equal(vn_hist_bucket(end - 1), b);
		assert_int_equal(vn_hist_bucket(end), b + 1);
		if (b > 0 && b < VN_HIST_BUCKETS - 2)
			assert_true((vn_hist_upper(b + 1) - end) * 4 <= end);
	}
	assert_true(vn_hist_upper(VN_HIST_BUCKETS - 2) >= 150 * VN_NSEC_PER_MSEC);
}

static void test_percentile(void **state)
{
	__u64 hist[VN_HIST_BUCKETS] = {0};

	assert_int_equal(vn_hist_percentile(hist, 500000), 0);
	for (uint64_t us = 1; us <= 1000; us++)
		hist[vn_hist_bucket(us * 1000)]++;
	for (uint32_t p = 1; p <= 100; p++) {
		uint64_t exact = p * 10 * 1000, got = vn_hist_percentile(hist, p * 10000);

		assert_true(got > exact);
		assert_true(got <= exact + exact / 4 + 1);
	}
	assert_int_equal(vn_hist_percentile(hist, 0), vn_hist_upper(vn_hist_bucket(1000)));
	hist[VN_HIST_BUCKETS - 1] = 1;
	assert_int_equal(vn_hist_percentile(hist, 1000000), UINT64_MAX);
	assert_true(vn_hist_percentile(hist, 999000) < UINT64_MAX);
}

/* One outlier in a million is not the 99.9th percentile, and counts near 2^63 do not overflow. */
static void test_percentile_counts(void **state)
{
	__u64 hist[VN_HIST_BUCKETS] = {0};

	hist[3] = 999999;
	hist[40] = 1;
	assert_int_equal(vn_hist_percentile(hist, 999000), vn_hist_upper(3));
	assert_int_equal(vn_hist_percentile(hist, 1000000), vn_hist_upper(40));
	hist[3] = 1ULL << 62;
	hist[40] = 1ULL << 62;
	assert_int_equal(vn_hist_percentile(hist, 500000), vn_hist_upper(3));
	assert_int_equal(vn_hist_percentile(hist, 500001), vn_hist_upper(40));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_edges),
		cmocka_unit_test(test_tiling),
		cmocka_unit_test(test_percentile),
		cmocka_unit_test(test_percentile_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
