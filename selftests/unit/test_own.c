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

#define SLOTS 8
#define US    1 /* this engine */
#define OTHER 0

static struct vn_disc_slot disc[SLOTS];
static struct vn_dir dir[SLOTS];
static struct vn_lane lane[SLOTS];
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
	assert_int_equal(vn_own_init(&loop.own, disc, dir, US, SLOTS), 0);
	assert_int_equal(vn_loop_move_init(&loop), 0);
	return 0;
}

static int teardown(void **state)
{
	free(loop.own.mine);
	free(loop.parked);
	free(loop.park_wait);
	return 0;
}

/* On its way from the other engine, which has not handed it over yet. */
static void on_its_way(uint32_t slot)
{
	disc[slot].trunk = US;
	disc[slot].from = OTHER;
	dir[slot].trunk = OTHER;
}

static void handed_over(uint32_t slot)
{
	dir[slot].trunk = US;
}

static void test_verdicts(void **state)
{
	on_its_way(1);
	assert_int_equal(vn_own_claim(&loop.own, 1), VN_OWN_WAIT);
	handed_over(1);
	assert_int_equal(vn_own_claim(&loop.own, 1), VN_OWN_MINE);
	disc[2].trunk = disc[2].from = dir[2].trunk = OTHER;
	assert_int_equal(vn_own_claim(&loop.own, 2), VN_OWN_STRAY);
	/* Its engine died: the daemon has said that it is ours alone. */
	dir[3].trunk = OTHER;
	disc[3].trunk = disc[3].from = US;
	assert_int_equal(vn_own_claim(&loop.own, 3), VN_OWN_MINE);
}

static void test_hand_over(void **state)
{
	handed_over(1);
	disc[1].trunk = disc[1].from = US;
	assert_int_equal(vn_own_claim(&loop.own, 1), VN_OWN_MINE);
	dir[1].state.held_packets = 3;
	assert_false(vn_own_hand_over(&loop.own, 1, 700)); /* it is to go nowhere */
	disc[1].trunk = OTHER;
	assert_true(vn_own_hand_over(&loop.own, 1, 700));
	assert_int_equal(dir[1].trunk, OTHER);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_verdicts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hand_over, setup, teardown),
		cmocka_unit_test_setup_teardown(test_handed_over_within_a_pass, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_passes, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
