// SPDX-License-Identifier: GPL-2.0-only
/* How much may wait in the tap: what the engine reads in VN_BULK_WAIT_NS, learnt only while it has enough to read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/bulk_room.h"

#define FRAME 65000u

/* Frames read one after the other, each taking @ns, for @spans samples; the time afterwards. */
static uint64_t read_on(struct vn_bulk_room *r, uint64_t at_ns, uint64_t ns, unsigned int spans)
{
	for (uint64_t end = at_ns + spans * (uint64_t)VN_ROOM_SPAN_NS; at_ns < end; at_ns += ns)
		vn_bulk_room_read(r, at_ns, FRAME);
	return at_ns;
}

/* The time that the room stands for, at so much a frame. */
static uint64_t wait_ns(const struct vn_bulk_room *r, uint64_t frame_ns)
{
	return r->bytes * frame_ns / FRAME;
}

static void test_follows(void **state)
{
	static const uint64_t frame_ns[] = {5000, 27600, 60000, 200000};

	for (size_t i = 0; i < VN_ARRAY_SIZE(frame_ns); i++) {
		struct vn_bulk_room r;

		vn_bulk_room_init(&r);
		assert_int_equal(r.bytes, VN_ROOM_FIRST);
		read_on(&r, 1, frame_ns[i], 30);
		assert_in_range(wait_ns(&r, frame_ns[i]), VN_BULK_WAIT_NS * 9 / 10, VN_BULK_WAIT_NS * 11 / 10);
	}
}

/* A host that takes the CPU away for 50 ms costs a part of the room, and not for long. */
static void test_interrupted(void **state)
{
	struct vn_bulk_room r;
	uint64_t at;

	vn_bulk_room_init(&r);
	at = read_on(&r, 1, 27600, 30);
	vn_bulk_room_read(&r, at += 50 * VN_NSEC_PER_MSEC, FRAME);
	assert_true(wait_ns(&r, 27600) > VN_BULK_WAIT_NS * 7 / 10);
	read_on(&r, at, 27600, 10);
	assert_true(wait_ns(&r, 27600) > VN_BULK_WAIT_NS * 9 / 10);
}

/* Times in which the tap was empty now and then say nothing of how fast it can be read. */
static void test_idle(void **state)
{
	struct vn_bulk_room r;

	vn_bulk_room_init(&r);
	for (uint64_t at = 1; at < VN_NSEC_PER_SEC; at += VN_NSEC_PER_MSEC) {
		vn_bulk_room_read(&r, at, 100);
		vn_bulk_room_idle(&r);
	}
	assert_int_equal(r.bytes, VN_ROOM_FIRST);
}

static void test_bounds(void **state)
{
	struct vn_bulk_room r;

	vn_bulk_room_init(&r);
	read_on(&r, 1, 9 * VN_NSEC_PER_MSEC, 200);
	assert_int_equal(r.bytes, VN_ROOM_MIN);
	read_on(&r, 4 * VN_NSEC_PER_SEC, 100, 40);
	assert_int_equal(r.bytes, VN_ROOM_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_follows),
		cmocka_unit_test(test_interrupted),
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
