// SPDX-License-Identifier: GPL-2.0-only
/* Directions that change engines: whose they are, and in which order what waited for them is taken in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "engine/loop.h"

#include <base/util.h>

#define SLOTS 8
#define US    1 /* this engine */
#define OTHER 0

static struct vn_disc_slot disc[SLOTS];
static struct vn_dir dir[SLOTS];
static struct vn_lane lane[SLOTS];
static struct vn_engine status;
static struct vn_loop loop;

static int setup(void **state)
{
	memset(disc, 0, sizeof(disc));
	memset(dir, 0, sizeof(dir));
	memset(lane, 0, sizeof(lane));
	memset(&loop, 0, sizeof(loop));
	loop.disc = disc;
	loop.dir = dir;
	loop.hold.lane = lane;
	loop.max_ports = SLOTS;
	loop.index = US;
	memset(&status, 0, sizeof(status));
	loop.status = &status;
	assert_int_equal(vn_own_init(&loop.own, disc, dir, US, SLOTS), 0);
	assert_int_equal(vn_loop_move_init(&loop), 0);
	return 0;
}

static int teardown(void **state)
{
	free(loop.own.mine);
	free(loop.parked);
	free(loop.park_wait);
	free(loop.leaving);
	return 0;
}

/* On its way from the other engine, which has not handed it over yet. */
static void on_its_way(uint32_t slot)
{
	disc[slot].engine = US;
	disc[slot].from = OTHER;
	dir[slot].engine = OTHER;
}

static void handed_over(uint32_t slot)
{
	dir[slot].engine = US;
}

static void test_verdicts(void **state)
{
	on_its_way(1);
	assert_int_equal(vn_own_claim(&loop.own, 1), VN_OWN_WAIT);
	handed_over(1);
	assert_int_equal(vn_own_claim(&loop.own, 1), VN_OWN_MINE);
	disc[2].engine = disc[2].from = dir[2].engine = OTHER;
	assert_int_equal(vn_own_claim(&loop.own, 2), VN_OWN_STRAY);
	/* Its engine died: the daemon has said that it is ours alone. */
	dir[3].engine = OTHER;
	disc[3].engine = disc[3].from = US;
	assert_int_equal(vn_own_claim(&loop.own, 3), VN_OWN_MINE);
}

static void test_hand_over(void **state)
{
	handed_over(1);
	disc[1].engine = disc[1].from = US;
	assert_int_equal(vn_own_claim(&loop.own, 1), VN_OWN_MINE);
	dir[1].state.held_packets = 3;
	assert_false(vn_own_hand_over(&loop.own, 1, 700)); /* it is to go nowhere */
	disc[1].engine = OTHER;
	assert_true(vn_own_hand_over(&loop.own, 1, 700));
	assert_int_equal(dir[1].engine, OTHER);
	assert_int_equal(dir[1].away[US], 3);
	assert_int_equal(dir[1].away_until_ns, 700);
	vn_own_released_away(&loop.own, 1, 3, 0);
	assert_int_equal(dir[1].away[US], 0);
}

static void test_handed_over_within_a_pass(void **state)
{
	on_its_way(1);
	on_its_way(2);
	handed_over(2);
	vn_loop_park_pass(&loop);
	assert_int_equal(vn_loop_claim_parked(&loop, 1), VN_OWN_WAIT);
	handed_over(1);
	/* Its second frame must not pass the first; another direction's may. */
	assert_int_equal(vn_loop_claim_parked(&loop, 1), VN_OWN_WAIT);
	assert_int_equal(vn_loop_claim_parked(&loop, 2), VN_OWN_MINE);
	vn_loop_park_pass(&loop);
	assert_int_equal(vn_loop_claim_parked(&loop, 1), VN_OWN_MINE);
}

static void test_many_passes(void **state)
{
	for (int i = 0; i < 1000; i++) {
		on_its_way(1);
		loop.own.mine[1] = 0;
		vn_loop_park_pass(&loop);
		assert_int_equal(vn_loop_claim_parked(&loop, 1), VN_OWN_WAIT);
		/* As many more as bring the number of the pass round. */
		for (int j = 0; j < i % 300; j++)
			vn_loop_park_pass(&loop);
		handed_over(1);
		vn_loop_park_pass(&loop);
		assert_int_equal(vn_loop_claim_parked(&loop, 1), VN_OWN_MINE);
	}
}

static uint32_t marked;

static bool mark(struct vn_loop *l, const struct vn_marker *m)
{
	marked = m->slot;
	return true;
}

static const struct vn_marker_ops ops = {.mark = mark};

static bool leaves(uint32_t slot)
{
	return dir[slot].leaving >> US & 1;
}

/* This engine has the slot, holds @n frames of it, and hands it over. */
static void gone_with(uint32_t slot, uint32_t n)
{
	loop.ops = &ops;
	handed_over(slot);
	disc[slot].engine = disc[slot].from = US;
	assert_int_equal(vn_own_claim(&loop.own, slot), VN_OWN_MINE);
	dir[slot].state.held_packets = n;
	disc[slot].engine = OTHER;
	vn_loop_hand_over(&loop, slot);
	assert_true(leaves(slot));
}

static void test_fence(void **state)
{
	gone_with(1, 2);
	gone_with(2, 0);
	marked = 0;
	vn_loop_fence(&loop);
	assert_int_equal(marked, 1);
	vn_loop_fence(&loop);
	assert_true(leaves(2));
	status.fence_seen = 1;
	vn_loop_fence(&loop);
	assert_int_equal(marked, 2); /* once more */
	assert_true(leaves(2));
	status.fence_seen = 2;
	vn_loop_fence(&loop);
	assert_false(leaves(2));
	/* The other one's frames are still held. */
	vn_loop_fence(&loop);
	assert_int_equal(marked, 2);
	assert_true(leaves(1));
	vn_own_released_away(&loop.own, 1, 2, 0);
	vn_loop_fence(&loop);
	assert_int_equal(marked, 3);
	status.fence_seen = 3;
	vn_loop_fence(&loop);
	status.fence_seen = 4;
	vn_loop_fence(&loop);
	assert_false(leaves(1));
	assert_int_equal(loop.leaving_n, 0);
}

static void test_lost_fence(void **state)
{
	gone_with(1, 0);
	vn_loop_fence(&loop);
	loop.now_ns += 4 * VN_NSEC_PER_MSEC;
	vn_loop_fence(&loop);
	assert_true(leaves(1));
	loop.now_ns += VN_NSEC_PER_MSEC;
	vn_loop_fence(&loop);
	assert_false(leaves(1));
}

static void test_end(void **state)
{
	gone_with(1, 0);
	gone_with(2, 1);
	vn_loop_move_end(&loop);
	assert_false(leaves(1) || leaves(2));
}

/* Whoever gets it lets nothing out while the other's last frame may be under way. */
static void test_others_leave(void **state)
{
	on_its_way(1);
	dir[1].leaving = 1u << OTHER;
	handed_over(1);
	assert_int_equal(vn_own_claim(&loop.own, 1), VN_OWN_MINE);
	assert_int_equal(loop.own.reorder[1], 1);
	assert_true(vn_own_others_leave(&loop.own, 1));
	dir[1].leaving = 0;
	assert_false(vn_own_others_leave(&loop.own, 1));
	dir[1].leaving = 1u << US;
	assert_false(vn_own_others_leave(&loop.own, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_verdicts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hand_over, setup, teardown),
		cmocka_unit_test_setup_teardown(test_handed_over_within_a_pass, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_passes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fence, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lost_fence, setup, teardown),
		cmocka_unit_test_setup_teardown(test_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_others_leave, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
