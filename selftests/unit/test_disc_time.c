// SPDX-License-Identifier: GPL-2.0-only
/* The discipline where it is arithmetic: overhead and cells, slots, order, GSO frames; and what is done to bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/mangle.h"
#include "selftests/unit/disc_lab.h"

#define MS VN_NSEC_PER_MSEC
#define S  VN_NSEC_PER_SEC

/* --- overhead and cells */

/* netem's packet_time_ns() in floating point, over wire bytes; its own wraps around below 0: minutes for a frame. */
static double reference_ns(uint32_t len, double overhead, uint32_t cell, double cell_overhead, double rate)
{
	double bytes = fmax(len + 4, 64) + 20 + overhead;

	if (cell)
		bytes = ceil(bytes / cell) * (cell + cell_overhead);
	return fmax(bytes, 0) * 8e9 / rate;
}

static void test_overhead_and_cells(void **state)
{
	static const struct {
		int32_t overhead;
		uint32_t cell;
		int32_t cell_overhead;
	} t[] = {{10, 0, 0},  {-20, 0, 0}, {0, 48, 5},    {8, 48, 5},          {-30, 53, -5},
		 {0, 1, 100}, {5, 64, 0},  {-5000, 0, 0}, {1 << 20, 48, 1000}, {0, 100, -100}};
	static const uint32_t len[] = {42, 60, 61, 590, 1514, 9014};

	for (size_t i = 0; i < VN_ARRAY_SIZE(t); i++) {
		for (size_t k = 0; k < VN_ARRAY_SIZE(len); k++) {
			struct vn_disc d = {.rate_bps = 8000000,
					    .overhead = t[i].overhead,
					    .cell_bytes = t[i].cell,
					    .cell_overhead = t[i].cell_overhead};
			double want = reference_ns(len[k], t[i].overhead, t[i].cell, t[i].cell_overhead, 8e6);
			struct vn_disc_state s = {0};
			struct vn_fate f[2];

			lab_apply(&d, &s, 1000, len[k], f);
			assert_int_equal(f[0].depart_ns - 1000, (uint64_t)want);
		}
	}
}

/* --- slots */

/* Plain reference: one packet budget, fixed slots; frames in order. */
static void test_slot_packets(void **state)
{
	struct vn_disc d = {.flags = VN_DISC_SLOT, .slot_min_ns = 10 * MS, .slot_max_ns = 10 * MS, .slot_packets = 3};
	struct vn_disc_state s = {0};
	uint64_t slot = 0, used = 0;
	struct vn_fate f[2];

	for (uint64_t i = 0; i < 100000; i++) {
		uint64_t t = 5 * S + i * 2 * MS + (i / 50 % 2 ? 300 * MS * (i / 50) : 0);

		if (slot < t)
			slot = t + 10 * MS, used = 0;
		else if (used == 3)
			slot += 10 * MS, used = 0;
		used++;
		lab_apply(&d, &s, t, 60, f);
		assert_int_equal(f[0].release_ns, slot);
	}
}

static void test_slot_bytes(void **state)
{
	struct vn_disc d = {.flags = VN_DISC_SLOT, .slot_min_ns = MS, .slot_max_ns = MS, .slot_bytes = 1000};
	struct vn_disc_state s = {0};
	struct vn_fate f[2];

	/* the frame that goes beyond the budget still goes: netem looks before each, and no frame is cut */
	for (uint64_t i = 0; i < 30; i++) {
		lab_apply(&d, &s, S, 400, f);
		assert_int_equal(f[0].release_ns, S + (1 + i / 3) * MS);
	}
	s = (struct vn_disc_state){0};
	for (uint64_t i = 0; i < 30; i++) {
		lab_apply(&d, &s, S, 9014, f);
		assert_int_equal(f[0].release_ns, S + (1 + i) * MS);
	}
}

/* Even between 1 and 5 s: netem's product overflows there and slots vanish. */
static void test_slot_wide(void **state)
{
	struct vn_disc d = {
		.flags = VN_DISC_SLOT, .slot_min_ns = 1 * S, .slot_max_ns = 5 * S, .slot_packets = 1, .key = 6};
	double *x = malloc(100000 * sizeof(*x)), worst = 0;
	struct vn_disc_state s = {0};
	struct vn_fate f[2];

	for (uint64_t i = 0; i < 100000; i++) {
		uint64_t t = i * 10 * S;

		lab_apply(&d, &s, t, 60, f);
		assert_in_range(f[0].release_ns - t, 1 * S, 5 * S);
		x[i] = (double)(f[0].release_ns - t - S) / 4e9;
	}
	qsort(x, 100000, sizeof(*x), lab_compare_double);
	for (int i = 0; i < 100000; i++)
		worst = fmax(worst, fabs(x[i] - (i + 0.5) / 100000));
	assert_true(worst < 1.63 / sqrt(100000));
	free(x);
}

/* A distribution: mean and deviation; jitter of more than 2^31 ns, which netem cuts to 32 bits. */
static void test_slot_distribution(void **state)
{
	struct vn_disc d = {.flags = VN_DISC_SLOT,
			    .slot_min_ns = 60 * S,
			    .slot_max_ns = 5 * S,
			    .slot_dist = VN_DIST_NORMAL + 1,
			    .slot_packets = 1,
			    .key = 6};
	struct vn_disc_state s = {0};
	double m1 = 0, m2 = 0;
	struct vn_fate f[2];

	for (uint64_t i = 0; i < 100000; i++) {
		uint64_t t = i * 1000 * S;
		double x;

		lab_apply(&d, &s, t, 60, f);
		x = ((double)(f[0].release_ns - t) - 60e9) / 5e9;
		m1 += x / 1e5;
		m2 += x * x / 1e5;
	}
	assert_true(fabs(m1) < 4 / sqrt(1e5));
	assert_true(fabs(m2 - 1) < 4 * sqrt(2 / 1e5));
}

/* Reordered frames pass by the slots; frames wait for delay and then for the slot. */
static void test_slot_and_others(void **state)
{
	struct vn_disc d = {.flags = VN_DISC_SLOT,
			    .delay_ns = 3 * MS,
			    .slot_min_ns = 10 * MS,
			    .slot_max_ns = 10 * MS,
			    .reorder_ppb = VN_PPB_ONE,
			    .reorder_gap = 2};
	struct vn_disc_state s = {0};
	struct vn_fate f[2];

	lab_apply(&d, &s, S, 60, f);
	assert_int_equal(f[0].release_ns, S + 13 * MS);
	lab_apply(&d, &s, S + 1, 60, f);
	assert_int_equal(f[0].release_ns, S + 1);
	assert_int_equal(f[0].verdict, VN_VERDICT_PASS);
	lab_apply(&d, &s, S + 2, 60, f);
	assert_int_equal(f[0].release_ns, S + 13 * MS);
}

/* --- order */

static void test_order_keep(void **state)
{
	struct vn_disc d = {.delay_ns = 10 * MS, .jitter_ns = 9 * MS, .flags = VN_DISC_ORDER_KEEP, .key = 1}, loose = d;
	struct vn_disc_state s = {0}, u = {0};
	uint64_t last = 0, moved = 0;
	struct vn_fate f[2], g[2];

	loose.flags = 0;
	for (uint64_t i = 0; i < 100000; i++) {
		lab_apply(&d, &s, i * MS, 60, f);
		lab_apply(&loose, &u, i * MS, 60, g);
		/* as late as its own jitter says, or as the one before: nothing else */
		assert_int_equal(f[0].release_ns, VN_MAX(g[0].release_ns, last));
		moved += f[0].release_ns != g[0].release_ns;
		last = f[0].release_ns;
	}
	assert_true(moved > 10000);
	/* asked for while frames are under way: these too */
	s = (struct vn_disc_state){0};
	loose = (struct vn_disc){.delay_ns = 500 * MS};
	vn_disc_prepare(&loose);
	lab_apply(&loose, &s, S, 60, f);
	d.jitter_ns = 0;
	lab_apply(&d, &s, S, 60, f);
	assert_int_equal(f[0].release_ns, S + 500 * MS);
}

/* --- the plain path is the other one, only shorter */

static void test_plain_is_the_same(void **state)
{
	struct vn_disc d = {.delay_ns = 10 * MS,
			    .jitter_ns = MS,
			    .rate_bps = 100000000,
			    .limit_bytes = 20000,
			    .limit_packets = 20,
			    .loss_ppb = 10000000,
			    .dist = VN_DIST_PARETO,
			    .key = 2};
	struct vn_disc plain = d;
	struct vn_disc_state s = {0}, u = {0};

	vn_disc_prepare(&plain);
	assert_true(plain.flags & VN_DISC_PLAIN);
	for (uint64_t i = 0; i < LAB_FRAMES; i++) {
		struct vn_fate f[2], g[2];

		s.held_packets = u.held_packets = vn_mix64(i) % 21;
		lab_apply(&d, &s, i * 50000, 60 + (uint32_t)i % 1455, f);
		lab_apply(&plain, &u, i * 50000, 60 + (uint32_t)i % 1455, g);
		assert_memory_equal(&f[0], &g[0], sizeof(f[0]));
	}
	assert_memory_equal(&s, &u, sizeof(s));
	plain.dup_ppb = 1;
	vn_disc_prepare(&plain);
	assert_false(plain.flags & VN_DISC_PLAIN);
}

/* A GSO frame takes the time and the numbers of its frames. */
static void test_gso_frame(void **state)
{
	struct vn_disc d = {.rate_bps = 1000000000};
	struct vn_disc_in in = {.arrival_ns = S, .len = 66 + 10 * 1448, .segs = 10, .hdr_len = 66};
	struct vn_disc_state s = {0}, u = {0};
	struct vn_fate f[2];

	vn_disc_apply(&d, &s, &lab.env, &in, f);
	for (int i = 0; i < 10; i++)
		lab_apply(&d, &u, S, 1514, f);
	assert_int_equal(s.next_free_ns, u.next_free_ns);
	assert_int_equal(s.index, 10);
}

/* --- bytes */

static uint16_t ip_sum(const uint8_t *h)
{
	uint32_t sum = 0;

	for (int i = 0; i < 20; i += 2)
		sum += (uint32_t)(h[i] << 8 | h[i + 1]);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* A frame on the engine port: slot's tag, @tags of the user's, IP version @version with traffic class @tos. Where IP
 * begins.
 */
static uint32_t build(uint8_t frame[128], int tags, int version, uint8_t tos)
{
	uint32_t at = 16;

	memset(frame, 0, 128);
	memcpy(frame + 12, "\x88\xa8\x00\x07", 4);
	for (int i = 0; i < tags; i++, at += 4)
		memcpy(frame + at, i % 2 ? "\x81\x00\x00\x05" : "\x88\xa8\x00\x06", 4);
	memcpy(frame + at, version == 4 ? "\x08\x00" : version == 6 ? "\x86\xdd" : "\x08\x06", 2);
	at += 2;
	if (version == 6) {
		frame[at] = (uint8_t)(0x60 | tos >> 4);
		frame[at + 1] = (uint8_t)(tos << 4 | 0x0a);
	} else {
		static const uint8_t h[20] = {0x45, 0, 0,  60, 0x12, 0x34, 0x40, 0, 64, 6,
					      0,    0, 10, 0,  0,    1,    10,   0, 0,  2};
		uint16_t sum;

		memcpy(frame + at, h, sizeof(h));
		frame[at + 1] = tos;
		sum = ip_sum(frame + at);
		frame[at + 10] = (uint8_t)(sum >> 8);
		frame[at + 11] = (uint8_t)sum;
	}
	return at;
}

/* Seen to catch: the first ethertype taken for the last; a checksum without its carry; DSCP bits that change. */
static void test_mark(void **state)
{
	uint8_t frame[128], before[128];

	for (int tags = 0; tags <= 4; tags++)
		for (int tos = 0; tos < 256; tos++) {
			uint32_t at = build(frame, tags, 4, (uint8_t)tos);

			assert_int_equal(vn_edit_is_ect(frame, 100), (tos & 3) != 0);
			memcpy(before, frame, sizeof(frame));
			if (!(tos & 3))
				continue;
			vn_edit_mark(frame, 100);
			assert_int_equal(frame[at + 1], tos | 3);
			assert_int_equal(ip_sum(frame + at), 0);
			frame[at + 1] = before[at + 1];
			frame[at + 10] = before[at + 10];
			frame[at + 11] = before[at + 11];
			assert_memory_equal(frame, before, sizeof(frame));

			at = build(frame, tags, 6, (uint8_t)tos);
			assert_true(vn_edit_is_ect(frame, 100));
			vn_edit_mark(frame, 100);
			assert_int_equal(frame[at], 0x60 | tos >> 4);
			assert_int_equal(frame[at + 1], ((tos | 3) << 4 & 0xff) | 0x0a);
		}
	build(frame, 1, 0, 3);
	assert_false(vn_edit_is_ect(frame, 100));
	build(frame, 5, 4, 3);
	assert_false(vn_edit_is_ect(frame, 100));
	/* nothing beyond what lies at hand */
	for (uint32_t len = 0; len < 42; len++) {
		build(frame, 1, 4, 3);
		assert_false(vn_edit_is_ect(frame, len > 41 ? 41 : len));
	}
	assert_int_equal(vn_edit_at(11), 11);
	assert_int_equal(vn_edit_at(12), 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_overhead_and_cells), cmocka_unit_test(test_slot_packets),
		cmocka_unit_test(test_slot_bytes),         cmocka_unit_test(test_slot_wide),
		cmocka_unit_test(test_slot_distribution),  cmocka_unit_test(test_slot_and_others),
		cmocka_unit_test(test_order_keep),         cmocka_unit_test(test_plain_is_the_same),
		cmocka_unit_test(test_gso_frame),          cmocka_unit_test(test_mark),
	};

	return cmocka_run_group_tests(tests, lab_setup, lab_teardown);
}
