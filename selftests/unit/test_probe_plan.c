// SPDX-License-Identifier: GPL-2.0-only
/* How many probes a discipline gets, and when: enough to judge it, never more together than the host is meant to bear.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <base/util.h>

#include "measure/probe_plan.h"
#include "measure/verdict.h"

#define MAX 128

static struct vn_probe_job jobs[MAX];
static const struct vn_disc *discs[MAX];

/* Plans @n directions of @d; the probes a second of all. */
static double plan(const struct vn_disc *d, size_t n, uint64_t time_ns)
{
	double pps = 0;

	memset(jobs, 0, sizeof(jobs));
	for (size_t i = 0; i < n; i++)
		discs[i] = d;
	vn_probe_plan(discs, jobs, n, time_ns);
	for (size_t i = 0; i < n; i++)
		pps += 1e9 / (double)jobs[i].gap_ns;
	return pps;
}

static void test_enough(void **state)
{
	const struct vn_disc plain = {.delay_ns = 5000000}, one = {.loss_ppb = 10000000}, tenth = {.loss_ppb = 1000000},
			     rare = {.loss_ppb = 100}, twice = {.dup_ppb = 1000000},
			     bursty = {.loss_ppb = 10000000, .loss_corr_ppb = 800000000};

	plan(&plain, MAX, 0);
	assert_true(jobs[0].n >= VN_VERIFY_FRAMES_MIN);
	plan(&one, 1, 0);
	assert_true(jobs[0].n >= 2000);
	plan(&tenth, 2, 0);
	assert_true(jobs[1].n >= 20000);
	plan(&twice, 2, 0);
	assert_true(jobs[1].n >= 20000);
	/* (1 - 0.8) / (1 + 0.8): nine times as many */
	plan(&bursty, 1, 0);
	assert_true(jobs[0].n >= 9 * 2000);
	/* Not ten million: as many as bound it by 0.1 %. */
	plan(&rare, 2, 0);
	assert_in_range(jobs[0].n, 7600, 20000);
}

static void test_not_too_many(void **state)
{
	const struct vn_disc tenth = {.loss_ppb = 1000000}, slow = {.rate_bps = 100000},
			     few = {.delay_ns = 1000000000, .limit_packets = 10};

	assert_true(plan(&tenth, MAX, 0) <= VN_PROBE_PPS * 1.01);
	assert_true(plan(&tenth, MAX, 500000000) <= VN_PROBE_PPS * 1.01);
	/* At most so long, and no probe waits for another. */
	assert_true(jobs[0].n * jobs[0].gap_ns <= 500000000);
	plan(&tenth, MAX, 0);
	assert_true(jobs[0].n * jobs[0].gap_ns <= 20 * VN_NSEC_PER_SEC);
	plan(&slow, 1, 0);
	assert_true(jobs[0].gap_ns >= 2 * vn_rate_serve_ns(&slow, jobs[0].len));
	plan(&few, 1, 0);
	assert_true(jobs[0].gap_ns >= 2 * few.delay_ns / few.limit_packets);
}

static void test_bursts(void **state)
{
	const struct vn_disc fast = {.rate_bps = 1000000000}, slow = {.rate_bps = 1000000},
			     huge = {.rate_bps = 10000000000};

	plan(&fast, 4, 0);
	for (size_t i = 0; i < 4; i++) {
		/* More than the rate, in frames that fill a hundredth of the time at most. */
		assert_false(vn_probe_burst_is_short(&fast, &jobs[i]));
		assert_true(jobs[i].burst_ns / jobs[i].burst_gap_ns >= 400);
		assert_true(!i || jobs[i].burst_at_ns >= jobs[i - 1].burst_at_ns + jobs[i - 1].burst_ns);
	}
	/* Slow ones may go together. */
	plan(&slow, 4, 0);
	assert_int_equal(jobs[3].burst_at_ns, 0);
	assert_true(jobs[0].burst_gap_ns < vn_rate_serve_ns(&slow, jobs[0].burst_len));
	plan(&huge, 1, 0);
	assert_true(vn_probe_burst_is_short(&huge, &jobs[0]));
	/* What is not probed has no job. */
	memset(jobs, 0, sizeof(jobs));
	discs[0] = NULL;
	vn_probe_plan(discs, jobs, 1, 0);
	assert_int_equal(jobs[0].n + jobs[0].burst_ns, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_enough),
		cmocka_unit_test(test_not_too_many),
		cmocka_unit_test(test_bursts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
