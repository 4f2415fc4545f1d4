// SPDX-License-Identifier: GPL-2.0-only
/* The way's estimate: nothing at first, then near the wanted quantile, and soon near that of a host that changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "engine/path_latency.h"

#include <base/util.h>

/* @n measurements, evenly between @low_ns and twice that. Returns how many were faster than was thought. */
static unsigned int learn(struct vn_path_latency *w, uint64_t low_ns, unsigned int n)
{
	unsigned int faster = 0;

	for (unsigned int i = 0; i < n; i++) {
		uint64_t ns = low_ns + (uint64_t)random() % low_ns;

		faster += ns < vn_path_latency_ns(w);
		vn_path_latency_learn(w, ns);
	}
	return faster;
}

static void test_quantile(void **state)
{
	struct vn_path_latency w = {0};
	unsigned int faster;

	assert_int_equal(vn_path_latency_ns(&w), 0);
	learn(&w, 1000, 63);
	assert_int_equal(vn_path_latency_ns(&w), 0);
	learn(&w, 1000, 1);
	assert_in_range(vn_path_latency_ns(&w), 1000, 1250);
	learn(&w, 1000, 2000);
	faster = learn(&w, 1000, 10000);
	assert_in_range(faster, 10000 / VN_PATH_LATENCY_ONE_IN * 8 / 10, 10000 / VN_PATH_LATENCY_ONE_IN * 12 / 10);
}

static void test_change(void **state)
{
	struct vn_path_latency w = {0};

	learn(&w, 1200, 1000);
	learn(&w, 800, 200);
	assert_in_range(vn_path_latency_ns(&w), 780, 1000);
}

/* After a time of load the first frame on an idle machine is not early by what load took. */
static void test_load(void **state)
{
	struct vn_path_latency w = {0};

	learn(&w, 1000, 1000);
	learn(&w, 50000, 10000);
	assert_in_range(vn_path_latency_ns(&w), 1000, 1250);
	w = (struct vn_path_latency){0};
	learn(&w, 50000, 1000);
	assert_int_equal(vn_path_latency_ns(&w), VN_PATH_LATENCY_MAX_NS);
}

static void test_absurd(void **state)
{
	struct vn_path_latency w = {0};

	for (int i = 0; i < 1000; i++)
		vn_path_latency_learn(&w, UINT64_MAX / 2);
	assert_true(vn_path_latency_ns(&w) <= VN_PATH_LATENCY_MAX_NS);
	for (int i = 0; i < 1000; i++)
		vn_path_latency_learn(&w, 0);
	assert_int_equal(vn_path_latency_ns(&w), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quantile),
		cmocka_unit_test(test_change),
		cmocka_unit_test(test_load),
		cmocka_unit_test(test_absurd),
	};

	return cmocka_run_group_tests_name("way", tests, NULL, NULL);
}
