// SPDX-License-Identifier: GPL-2.0-only
/* The generator: statistics of its draws, independence of keys and purposes, and values that must never change. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <disc/rng.h>
#include <base/util.h>

#define DRAWS 1000000

/* Changing any of these breaks the replay of every recorded run. */
static void test_contract(void **state)
{
	assert_int_equal(vn_mix64(0), 0);
	assert_int_equal(vn_mix64(1), 0x5692161d100b05e5ULL);
	/* The first outputs of SplitMix64 with seed 0: mix(gamma), mix(2 gamma). */
	assert_int_equal(vn_mix64(VN_GOLDEN_GAMMA), 0xe220a8397b1dcdafULL);
	assert_int_equal(vn_mix64(2 * VN_GOLDEN_GAMMA), 0x6e789e6aa1b965f4ULL);
	assert_int_equal(vn_rng_draw(0, 0, VN_DRAW_LOSS), vn_mix64(0xe220a8397b1dcdafULL));
	assert_int_equal(vn_rng_draw(1, 0, VN_DRAW_JITTER), vn_mix64(0x6e789e6aa1b965f4ULL + 1));
}

static void test_mul_high(void **state)
{
	static const uint64_t v[] = {0, 1, 2, 0xffffffff, 0x100000000, 0xdeadbeefcafebabe, UINT64_MAX - 1, UINT64_MAX};

	for (size_t i = 0; i < VN_ARRAY_SIZE(v); i++)
		for (size_t j = 0; j < VN_ARRAY_SIZE(v); j++)
			assert_int_equal(vn_mul_high64(v[i], v[j]), (uint64_t)((unsigned __int128)v[i] * v[j] >> 64));
	for (uint64_t i = 0; i < 100000; i++) {
		uint64_t a = vn_rng_draw(1, i, 0), b = vn_rng_draw(2, i, 0);

		assert_int_equal(vn_mul_high64(a, b), (uint64_t)((unsigned __int128)a * b >> 64));
	}
}

/* Each bit is set half the time, within 5 standard deviations. */
static void test_bits(void **state)
{
	uint32_t ones[64] = {0};

	for (uint64_t i = 0; i < DRAWS; i++) {
		uint64_t v = vn_rng_draw(42, i, VN_DRAW_LOSS);

		for (int b = 0; b < 64; b++)
			ones[b] += (uint32_t)(v >> b & 1);
	}
	for (int b = 0; b < 64; b++)
		assert_true(fabs(ones[b] - DRAWS / 2.0) < 5 * sqrt(DRAWS) / 2);
}

/* Chi-square over 1024 equal cells: mean 1023, standard deviation sqrt(2 * 1023). */
static void chi_square(const uint32_t *cell, size_t cells, double draws)
{
	double expected = draws / (double)cells, x = 0;

	for (size_t i = 0; i < cells; i++)
		x += (cell[i] - expected) * (cell[i] - expected) / expected;
	assert_true(fabs(x - (double)(cells - 1)) < 5 * sqrt(2.0 * (double)(cells - 1)));
}

static void test_uniform(void **state)
{
	static const uint64_t keys[] = {0, 1, 0x8000000000000000, 0xdeadbeef};
	static uint32_t cell[1024];

	for (size_t k = 0; k < VN_ARRAY_SIZE(keys); k++) {
		memset(cell, 0, sizeof(cell));
		for (uint64_t i = 0; i < DRAWS; i++)
			cell[vn_rng_below(vn_rng_draw(keys[k], i, VN_DRAW_JITTER), 1024)]++;
		chi_square(cell, 1024, DRAWS);
	}
}

/* Pairs (this frame, next frame), (loss, jitter) and (key, key + 1) fill a 32 x 32 grid evenly. */
static void test_pairs(void **state)
{
	static uint32_t serial[1024], purpose[1024], key[1024];

	for (uint64_t i = 0; i < DRAWS; i++) {
		uint64_t v = vn_rng_draw(7, i, VN_DRAW_LOSS) >> 59;

		serial[v << 5 | vn_rng_draw(7, i + 1, VN_DRAW_LOSS) >> 59]++;
		purpose[v << 5 | vn_rng_draw(7, i, VN_DRAW_JITTER) >> 59]++;
		key[v << 5 | vn_rng_draw(8, i, VN_DRAW_LOSS) >> 59]++;
	}
	chi_square(serial, 1024, DRAWS);
	chi_square(purpose, 1024, DRAWS);
	chi_square(key, 1024, DRAWS);
}

/*
 * Where keys differ by multiples of the counter's step, plain SplitMix64 gives shifted copies of one sequence. Ours
 * must not: no value of one stream turns up in the other.
 */
static void test_no_shift(void **state)
{
	uint64_t a = 99, b = a + 16 * VN_GOLDEN_GAMMA;

	for (uint64_t i = 0; i < 300; i++)
		for (uint64_t j = 0; j < 300; j++)
			assert_int_not_equal(vn_rng_draw(a, i, 0), vn_rng_draw(b, j, 0));
}

static void test_chance(void **state)
{
	assert_false(vn_rng_chance(0, 0));
	assert_true(vn_rng_chance(0, 1));
	assert_true(vn_rng_chance(UINT64_MAX, 1000000000));
	assert_false(vn_rng_chance(UINT64_MAX, 999999999));
	assert_true(vn_rng_chance(0x7fffffffffffffff, 500000000));
	assert_false(vn_rng_chance(0x8000000000000000, 500000000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_contract), cmocka_unit_test(test_mul_high), cmocka_unit_test(test_bits),
		cmocka_unit_test(test_uniform),  cmocka_unit_test(test_pairs),    cmocka_unit_test(test_no_shift),
		cmocka_unit_test(test_chance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
