// SPDX-License-Identifier: GPL-2.0-only
/*
 * Traces: the bytes that a saturated link delivers in every 100 ms are those of the trace, within 1 %; positions,
 * laps, ends; tables against a plain reference that adds up the rate nanosecond by nanosecond's worth of floating
 * point. VN_TEST_INPUTS names the folder with recorded traces, or they lie in ../shared/inputs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "selftests/unit/disc_lab.h"

#define MS     VN_NSEC_PER_MSEC
#define WINDOW (100 * MS)
#define START  (1000 * VN_NSEC_PER_SEC)

static struct vn_disc opps_disc(const uint64_t *at, uint32_t n, uint32_t flags)
{
	lab.next = 1;
	return (struct vn_disc){.trace_block = lab_opps(at, n), .trace_start_ns = START, .flags = flags};
}

/*
 * Frames of @len as fast as they are taken, over two laps and a half; bytes per window of departure against 1500 for
 * each opportunity of the window. A frame that begins in one window and ends in the next counts in the latter: that
 * much, one frame, a window may be off beside the 1 %.
 */
static void saturate(const uint64_t *at, uint32_t n, uint32_t len)
{
	struct vn_disc d = opps_disc(at, n, VN_DISC_TRACE_LOOP);
	uint64_t period = at[n - 1], end = START + period * 5 / 2, depart = START, sum = 0, want = 0;
	uint32_t windows = (uint32_t)((end - START) / WINDOW);
	cleanup_free uint64_t *got = calloc(windows + 2, sizeof(*got));
	cleanup_free uint64_t *due = calloc(windows + 2, sizeof(*due));
	struct vn_disc_state s = {0};
	struct vn_fate f[2];

	for (uint64_t lap = 0; lap < 3; lap++)
		for (uint32_t i = 0; i < n; i++)
			if (lap * period + at[i] < windows * WINDOW)
				due[(lap * period + at[i]) / WINDOW] += VN_TRACE_OPP_BYTES;
	/* a thousand frames' queue, refilled as it empties: never idle, and never far ahead of time */
	for (uint64_t frame = 0; depart < end; frame++) {
		lab_apply(&d, &s, depart > START + 50 * MS ? depart - 50 * MS : START, len, f);
		assert_int_not_equal(f[0].verdict, VN_VERDICT_DROP);
		assert_true(f[0].depart_ns >= depart);
		depart = f[0].depart_ns;
		if ((depart - START) / WINDOW < windows)
			got[(depart - START) / WINDOW] += len - 14;
	}
	for (uint32_t w = 0; w < windows; w++) {
		sum += got[w];
		want += due[w];
		if (fabs((double)got[w] - (double)due[w]) > 0.01 * (double)due[w] + len)
			fail_msg("window %u: %llu bytes, trace has %llu", w, (unsigned long long)got[w],
				 (unsigned long long)due[w]);
		/* nothing gets lost from window to window */
		assert_true(fabs((double)sum - (double)want) <= len);
	}
	assert_true(sum > 0);
}

static void saturate_all(const uint64_t *at, uint32_t n)
{
	static const uint32_t len[] = {60, 590, 1514, 9014};

	for (size_t i = 0; i < VN_ARRAY_SIZE(len); i++)
		saturate(at, n, len[i]);
}

/* Bursts, pauses and several opportunities in one millisecond, as recorded ones have them. */
static uint32_t generate(uint64_t *at, uint32_t max)
{
	uint64_t ms = 0;
	uint32_t n = 0;

	while (n < max) {
		uint64_t r = vn_mix64(n + 1);

		ms += r % 16 ? r % 4 : r % 700;
		for (uint32_t k = 0; k <= (r >> 20) % 5 && n < max; k++)
			at[n++] = ms * MS;
	}
	return n;
}

static void test_saturated_generated(void **state)
{
	static uint64_t at[20000];

	saturate_all(at, generate(at, VN_ARRAY_SIZE(at)));
}

/* The file's milliseconds, blank lines left out; 0: not there. */
static uint32_t read_trace(const char *name, uint64_t *at, uint32_t max)
{
	const char *folder = getenv("VN_TEST_INPUTS") ? getenv("VN_TEST_INPUTS") : "../shared/inputs";
	unsigned long long ms;
	char path[512];
	uint32_t n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "re");
	if (!f)
		return 0;
	while (n < max && fscanf(f, "%llu", &ms) == 1)
		at[n++] = ms * MS;
	fclose(f);
	return n;
}

static void test_saturated_recorded(void **state)
{
	static const char *const name[] = {"Verizon-EVDO-driving.up", "ATT-LTE-driving-30s.down"};
	static uint64_t at[100000];

	for (size_t i = 0; i < VN_ARRAY_SIZE(name); i++) {
		uint32_t n = read_trace(name[i], at, VN_ARRAY_SIZE(at));

		if (!n) {
			print_message("SKIP: %s not there\n", name[i]);
			skip();
		}
		saturate_all(at, n);
	}
}

/*
 * One by one, by hand: opportunities at 10, 20, 20 and 40 ms. Seen to catch: an opportunity that is kept for later; a
 * frame that leaves at its first instead of its last one; a second lap that begins one opportunity late.
 */
static void test_opportunities(void **state)
{
	static const uint64_t at[] = {10 * MS, 20 * MS, 20 * MS, 40 * MS};
	static const struct {
		uint64_t arrival_ms;
		uint32_t len;
		uint64_t depart_ms;
	} t[] = {
		{0, 1514, 10}, /* whole */
		{1, 514, 20},  /* a third of the next, */
		{2, 1014, 20}, /* the other two thirds */
		{3, 14 + 10, 20} /* of the third */,
		{19, 1514, 40}, /* 1490 at 20 and the rest at 40 */
		{40, 514, 40},  /* what is left there */
		{41, 514, 50},  /* next lap; the rest of 40 is gone */
		{61, 3014, 90}, /* 60 wasted; 80 is the end of lap 2: 80 and 90 */
		{95, 14, 100},  /* no bytes at all is one */
		{301, 60, 320}, /* idle for laps */
	};
	struct vn_disc d = opps_disc(at, 4, VN_DISC_TRACE_LOOP);
	struct vn_disc_state s = {0};
	struct vn_fate f[2];

	for (size_t i = 0; i < VN_ARRAY_SIZE(t); i++) {
		lab_apply(&d, &s, START + t[i].arrival_ms * MS, t[i].len, f);
		if (f[0].depart_ns != START + t[i].depart_ms * MS)
			fail_msg("frame %zu departs at %f ms", i, (double)(int64_t)(f[0].depart_ns - START) / 1e6);
	}
}

/* Before the start it waits for the first one; after the end of a trace that does not loop it is dropped. */
static void test_opportunities_ends(void **state)
{
	static const uint64_t at[] = {10 * MS, 30 * MS};
	struct vn_disc d = opps_disc(at, 2, 0);
	struct vn_disc_state s = {0};
	struct vn_fate f[2];

	lab_apply(&d, &s, START - 500 * MS, 1514, f);
	assert_int_equal(f[0].depart_ns, START + 10 * MS);
	lab_apply(&d, &s, START + 15 * MS, 3014, f);
	assert_int_equal(f[0].verdict, VN_VERDICT_DROP);
	assert_int_equal(f[0].cause, VN_EDROP_LIMIT);
	lab_apply(&d, &s, START + 15 * MS, 1514, f);
	assert_int_equal(f[0].depart_ns, START + 30 * MS);
	lab_apply(&d, &s, START + 31 * MS, 60, f);
	assert_int_equal(f[0].verdict, VN_VERDICT_DROP);
}

/* limit_bytes holds the queue in front of the opportunities; an idle link takes any frame. */
static void test_opportunities_limit(void **state)
{
	static const uint64_t at[] = {10 * MS, 20 * MS, 30 * MS, 40 * MS};
	struct vn_disc d = opps_disc(at, 4, VN_DISC_TRACE_LOOP);
	struct vn_disc_state s = {0};
	struct vn_fate f[2];

	d.limit_bytes = 3000;
	lab_apply(&d, &s, START, 1514, f);
	assert_int_equal(f[0].verdict, VN_VERDICT_HOLD);
	lab_apply(&d, &s, START, 1514, f);
	assert_int_equal(f[0].verdict, VN_VERDICT_HOLD);
	lab_apply(&d, &s, START, 60, f);
	assert_int_equal(f[0].cause, VN_EDROP_LIMIT);
	lab_apply(&d, &s, START + 11 * MS, 1514, f);
	assert_int_equal(f[0].depart_ns, START + 30 * MS);
	lab_apply(&d, &s, START + 35 * MS, 9014, f);
	assert_int_equal(f[0].verdict, VN_VERDICT_HOLD);
}

/* A restart finds the same times; another trace in its place does not meet the old one's count. */
static void test_position(void **state)
{
	static uint64_t at[1000];
	uint32_t n = generate(at, VN_ARRAY_SIZE(at));
	struct vn_disc d = opps_disc(at, n, VN_DISC_TRACE_LOOP), e = d;
	struct vn_disc_state s = {0}, fresh;
	struct vn_fate f[2], g[2];

	for (uint64_t t = 0; t < 3 * at[n - 1]; t += 700 * MS) {
		/* idle by then: nothing of the past matters */
		fresh = (struct vn_disc_state){0};
		lab_apply(&d, &s, START + t, 1514, f);
		lab_apply(&d, &fresh, START + t, 1514, g);
		assert_int_equal(f[0].depart_ns, g[0].depart_ns);
	}
	for (int i = 0; i < 50; i++)
		lab_apply(&d, &s, START, 9014, f);
	e.trace_start_ns += 17;
	lab_apply(&e, &s, START + 17, 14 + 1500, f);
	assert_int_equal(f[0].depart_ns, START + 17 + at[0]);
	{
		struct vn_trace t;

		assert_true(vn_trace_get(lab.arena, &d, &t));
		assert_int_equal(vn_trace_position_ns(&t, START - 5), 0);
		assert_int_equal(vn_trace_position_ns(&t, START + 7 * at[n - 1] + 3), 3);
	}
}

/* --- tables */

static const struct vn_trace_row rows[] = {
	{.time_ns = 0, .delay_ns = 10 * MS, .rate_bps = 10000000, .loss_ppb = 0, .limit_bytes = 30000},
	{.time_ns = 100 * MS, .delay_ns = 20 * MS, .rate_bps = 2000000, .loss_ppb = 500000000, .limit_bytes = 60000},
	{.time_ns = 250 * MS, .delay_ns = 5 * MS, .rate_bps = 0, .loss_ppb = 500000000, .limit_bytes = 60000},
	{.time_ns = 300 * MS, .delay_ns = 5 * MS, .rate_bps = 50000000, .loss_ppb = 0, .limit_bytes = 60000},
	{.time_ns = 400 * MS, .delay_ns = 40 * MS, .rate_bps = 10000000, .loss_ppb = 1000000000, .limit_bytes = 1},
};
#define ROWS VN_ARRAY_SIZE(rows)

static struct vn_disc table_disc(uint32_t columns, uint32_t flags)
{
	lab.next = 1;
	return (struct vn_disc){.trace_block = lab_table(rows, ROWS, columns),
				.trace_start_ns = START,
				.flags = flags,
				.delay_ns = MS,
				.key = 1};
}

/* Reference: the rate at a time, in plain words. */
static double rate_at(double ms, bool loop, bool linear)
{
	size_t i = 0;

	if (ms < 0)
		ms = 0;
	if (loop)
		ms = fmod(ms, 400);
	while (i + 1 < ROWS && (double)rows[i + 1].time_ns / 1e6 <= ms)
		i++;
	if (i + 1 == ROWS || !linear)
		return (double)rows[i].rate_bps;
	return (double)rows[i].rate_bps + ((double)rows[i + 1].rate_bps - (double)rows[i].rate_bps) *
						  (ms - (double)rows[i].time_ns / 1e6) /
						  (double)(rows[i + 1].time_ns - rows[i].time_ns) * 1e6;
}

/* Departures of a saturated link are the times at which the integral of the rate reaches the bits sent. */
static void integrate(bool loop, bool linear)
{
	struct vn_disc d =
		table_disc(VN_TRACE_RATE, (loop ? VN_DISC_TRACE_LOOP : 0) | (linear ? VN_DISC_TRACE_LINEAR : 0));
	double sum = 0, t = -50, step = 0.0005, sent = 0; /* ms */
	struct vn_disc_state s = {0};
	struct vn_fate f[2];

	for (int i = 0; i < 2000; i++) {
		lab_apply(&d, &s, START - 50 * MS, 1514, f);
		assert_int_not_equal(f[0].verdict, VN_VERDICT_DROP);
		assert_int_equal(f[0].release_ns, f[0].depart_ns + MS);
		sent += 1538 * 8;
		while (sum < sent) {
			sum += rate_at(t + step / 2, loop, linear) * step / 1000;
			t += step;
		}
		/* the reference's own steps are half a microsecond, and its sum is so many bits coarse at most: 25 */
		if (fabs((double)(int64_t)(f[0].depart_ns - START) / 1e6 - t) >
		    0.003 + 25e3 / (rate_at(t, loop, linear) + 1e6))
			fail_msg("loop %d linear %d frame %d: %f ms, expected %f", loop, linear, i,
				 (double)(int64_t)(f[0].depart_ns - START) / 1e6, t);
	}
}

/*
 * Seen to catch: the rate of the departure's beginning used for the whole frame; an outage taken for "no limit"; the
 * last row's end taken for the lap's; the straight line without its quadratic term.
 */
static void test_rate_integral(void **state)
{
	integrate(false, false);
	integrate(false, true);
	integrate(true, false);
	integrate(true, true);
}

/* The bytes of every 100 ms of a table are those of its integral, within 1 %. */
static void test_table_windows(void **state)
{
	struct vn_disc d = table_disc(VN_TRACE_RATE, VN_DISC_TRACE_LOOP | VN_DISC_TRACE_LINEAR);
	double got[20] = {0}, due[20] = {0};
	struct vn_disc_state s = {0};
	uint64_t depart = START;
	struct vn_fate f[2];

	for (int i = 0; i < 20 * 100000; i++)
		due[i / 100000] += rate_at((i + 0.5) / 1000, true, true) / 1e6 / 8;
	while (depart < START + 20 * WINDOW) {
		lab_apply(&d, &s, depart > START + 10 * MS ? depart - 10 * MS : START, 100, f);
		depart = f[0].depart_ns;
		if (depart < START + 20 * WINDOW)
			got[(depart - START) / WINDOW] += vn_wire_bytes(100);
	}
	for (int i = 0; i < 20; i++)
		assert_true(fabs(got[i] - due[i]) < 0.01 * due[i] + vn_wire_bytes(100));
}

static void test_columns(void **state)
{
	struct vn_disc d = table_disc(VN_TRACE_DELAY | VN_TRACE_LOSS, 0);
	struct vn_disc_state s = {0};
	struct vn_fate f[2];
	int lost = 0;

	d.rate_bps = 1000000000;
	lab_apply(&d, &s, START - 1, 1514, f);
	assert_int_equal(f[0].release_ns, START - 1 + 12304 + 10 * MS);
	lab_apply(&d, &s, START + 99 * MS, 1514, f);
	assert_int_equal(f[0].release_ns, START + 99 * MS + 12304 + 10 * MS);
	for (int i = 0; i < 10000; i++) {
		lab_apply(&d, &s, START + 100 * MS + (uint64_t)i * 10000, 60, f);
		lost += f[0].verdict == VN_VERDICT_DROP;
		assert_true(f[0].verdict == VN_VERDICT_DROP || f[0].release_ns - f[0].depart_ns == 20 * MS);
	}
	assert_in_range(lost, 4800, 5200);
	/* the last row holds */
	lab_apply(&d, &s, START + 4000 * MS, 60, f);
	assert_int_equal(f[0].cause, VN_EDROP_LOSS);
	d.flags = VN_DISC_TRACE_LINEAR;
	lab_apply(&d, &s, START + 25 * MS, 60, f);
	assert_true(f[0].verdict == VN_VERDICT_DROP || f[0].release_ns - f[0].depart_ns == 12500000);
	d.flags = VN_DISC_TRACE_LOOP;
	lab_apply(&d, &s, START + 4000 * MS + 5, 60, f);
	assert_int_equal(f[0].release_ns - f[0].depart_ns, 10 * MS);
}

/* Limit against bytes that wait, not against time: the rate after the outage is no matter to it. */
static void test_table_limit(void **state)
{
	struct vn_disc d = table_disc(VN_TRACE_RATE, 0);
	struct vn_disc_state s = {0};
	struct vn_fate f[2];

	d.limit_bytes = 10 * 1538;
	for (int i = 0; i < 10; i++) {
		lab_apply(&d, &s, START + 260 * MS, 1514, f);
		assert_int_equal(f[0].verdict, VN_VERDICT_HOLD);
		assert_true(f[0].depart_ns > START + 300 * MS);
	}
	lab_apply(&d, &s, START + 299 * MS, 1514, f);
	assert_int_equal(f[0].cause, VN_EDROP_LIMIT);
	/* 50 Mbit/s: 1538 bytes take 246 us */
	lab_apply(&d, &s, START + 300 * MS + 200000, 1514, f);
	assert_int_equal(f[0].cause, VN_EDROP_LIMIT);
	lab_apply(&d, &s, START + 300 * MS + 247000, 1514, f);
	assert_int_equal(f[0].verdict, VN_VERDICT_HOLD);
	lab_apply(&d, &s, START + 300 * MS + 247001, 1514, f);
	assert_int_equal(f[0].cause, VN_EDROP_LIMIT);
}

/* An outage for good, or rows without end in which nothing goes: dropped, in bounded time. */
static void test_outage(void **state)
{
	static struct vn_trace_row silent[3] = {{.rate_bps = 1000}, {.time_ns = MS}, {.time_ns = 2 * MS}};
	struct vn_disc d = {.trace_start_ns = START};
	struct vn_disc_state s = {0};
	struct vn_fate f[2];

	lab.next = 1;
	d.trace_block = lab_table(silent, 3, VN_TRACE_RATE);
	lab_apply(&d, &s, START, 1514, f);
	assert_int_equal(f[0].cause, VN_EDROP_LIMIT);
	silent[0].rate_bps = 0;
	lab.next = 1;
	d.trace_block = lab_table(silent, 3, VN_TRACE_RATE);
	d.flags = VN_DISC_TRACE_LOOP;
	lab_apply(&d, &s, START, 1514, f);
	assert_int_equal(f[0].cause, VN_EDROP_LIMIT);
}

/* Whatever a block's number points at, the frame gets a fate. */
static void test_bad_blocks(void **state)
{
	static const uint64_t at[] = {MS};
	struct vn_disc d = opps_disc(at, 1, VN_DISC_TRACE_LOOP);
	struct vn_arena_block *b = (void *)(lab.arena + d.trace_block * VN_ARENA_PAGE);
	struct vn_disc_state s = {0};
	struct vn_fate f[2];

	d.delay_ns = 77;
	b->magic ^= 1;
	lab_apply(&d, &s, START, 60, f);
	assert_int_equal(f[0].release_ns, START + 77);
	b->magic ^= 1;
	b->kind = VN_ARENA_DIST;
	lab_apply(&d, &s, START, 60, f);
	assert_int_equal(f[0].release_ns, START + 77);
	b->kind = VN_ARENA_OPPS;
	b->n = UINT32_MAX;
	lab_apply(&d, &s, START, 60, f);
	assert_int_equal(f[0].release_ns, START + 77);
	d.trace_block = UINT32_MAX;
	lab_apply(&d, &s, START, 60, f);
	assert_int_equal(f[0].release_ns, START + 77);
	/* all opportunities at 0: no lap has a length */
	b->n = 1;
	*(uint64_t *)(b + 1) = 0;
	b->period_ns = 0;
	d.trace_block = 1;
	lab_apply(&d, &s, START + 5, 60, f);
	assert_int_equal(f[0].cause, VN_EDROP_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_saturated_generated),
		cmocka_unit_test(test_saturated_recorded),
		cmocka_unit_test(test_opportunities),
		cmocka_unit_test(test_opportunities_ends),
		cmocka_unit_test(test_opportunities_limit),
		cmocka_unit_test(test_position),
		cmocka_unit_test(test_rate_integral),
		cmocka_unit_test(test_table_windows),
		cmocka_unit_test(test_columns),
		cmocka_unit_test(test_table_limit),
		cmocka_unit_test(test_outage),
		cmocka_unit_test(test_bad_blocks),
	};

	return cmocka_run_group_tests(tests, lab_setup, lab_teardown);
}
