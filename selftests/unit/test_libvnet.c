/* SPDX-License-Identifier: GPL-2.0-only */
/* libvnet's frames: whose each buffer is, whatever the application or the other side of the rings does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <net/ethernet.h>

#include <base/util.h>

#include "../../lib/port.h"

#define BUFFERS 64u
#define SIZE    2048u
#define ENTRIES 32u

/* A port whose kernel is this file. No socket: what would wake it up fails, and is none of this test's. */
struct rig {
	struct vnet_port port;
	uint32_t index[VN_RING_MAX][3];
	struct xdp_desc descs[2][ENTRIES];
	uint64_t addrs[2][ENTRIES];
	uint8_t umem[BUFFERS * SIZE];
	uint8_t owner[BUFFERS];
	uint32_t free[BUFFERS];
};

static int setup(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));
	struct vnet_port *p = &r->port;

	p->grant = (struct vn_handover_grant){.buffers = BUFFERS,
					      .buffer_size = SIZE,
					      .flags = VN_HANDOVER_SG,
					      .rx_entries = ENTRIES,
					      .tx_entries = ENTRIES};
	p->xsk = -1;
	p->umem = r->umem;
	p->umem_len = sizeof(r->umem);
	p->shift = 11;
	p->owner = r->owner;
	p->free = r->free;
	for (int i = 0; i < VN_RING_MAX; i++)
		p->ring[i] = (struct ring){.producer = &r->index[i][0],
					   .consumer = &r->index[i][1],
					   .flags = &r->index[i][2],
					   .mask = ENTRIES - 1,
					   .entries = i == VN_RING_RX || i == VN_RING_TX
							      ? (void *)r->descs[i]
							      : (void *)r->addrs[i - VN_RING_FILL]};
	vnet_frames_start(p);
	*state = r;
	return 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

/* The kernel takes the next buffer from the fill ring and receives @len bytes into it; false: there is none. */
static bool arrive(struct rig *r, uint32_t len, uint32_t options)
{
	uint32_t *fill = r->index[VN_RING_FILL], *rx = r->index[VN_RING_RX];

	if (fill[1] == fill[0] || rx[0] - rx[1] == ENTRIES)
		return false;
	r->descs[VN_RING_RX][rx[0]++ % ENTRIES] =
		(struct xdp_desc){.addr = r->addrs[0][fill[1]++ % ENTRIES] + 256, .len = len, .options = options};
	return true;
}

/* The kernel sends what is in the transmit ring. */
static unsigned int depart(struct rig *r)
{
	uint32_t *tx = r->index[VN_RING_TX], *comp = r->index[VN_RING_COMP];
	unsigned int n = 0;

	for (; tx[1] != tx[0]; n++)
		r->addrs[1][comp[0]++ % ENTRIES] = r->descs[VN_RING_TX][tx[1]++ % ENTRIES].addr;
	return n;
}

static void test_round_and_round(void **state)
{
	struct rig *r = *state;
	struct vnet_frame f[8];

	for (unsigned int i = 0; i < 5000; i++) {
		for (unsigned int k = 0; k < 8; k++)
			assert_true(arrive(r, 60 + i % 1400, 0));
		assert_int_equal(vnet_port_rx(&r->port, f, 8), 8);
		assert_int_equal(f[0].len, 60 + i % 1400);
		assert_int_equal(f[0].room, SIZE - 256);
		assert_int_equal(vnet_port_tx(&r->port, f, 5), 5);
		assert_int_equal(vnet_port_release(&r->port, f, 8), 3); /* those that were not sent */
		assert_int_equal(depart(r), 5);
	}
	assert_int_equal(vnet_port_rx(&r->port, f, 8), 0);
}

static void test_long_packets(void **state)
{
	struct rig *r = *state;
	struct vnet_frame f[4];

	for (int i = 0; i < 2; i++) {
		arrive(r, 1792, 1);
		arrive(r, 1792, 1);
		arrive(r, 100, 0);
	}
	/* Two do not fit; the second is not torn. */
	assert_int_equal(vnet_port_rx(&r->port, f, 4), 3);
	assert_int_equal(f[0].flags, VNET_FRAME_MORE);
	assert_int_equal(f[2].flags, 0);
	assert_int_equal(vnet_port_tx(&r->port, f, 2), -EINVAL); /* without its end */
	assert_int_equal(vnet_port_tx(&r->port, f, 3), 3);
	/* One that can never fit is dropped, its buffers are not lost. */
	assert_int_equal(vnet_port_rx(&r->port, f, 2), 0);
	arrive(r, 60, 0);
	assert_int_equal(vnet_port_rx(&r->port, f, 2), 1);
	/* A packet whose end is not there yet waits. */
	arrive(r, 1792, 1);
	assert_int_equal(vnet_port_rx(&r->port, f, 2), 0);
	arrive(r, 60, 0);
	assert_int_equal(vnet_port_rx(&r->port, f, 2), 2);
}

static void test_all_are_there(void **state)
{
	struct rig *r = *state;
	struct vnet_frame f[BUFFERS];
	unsigned int n = vnet_port_alloc(&r->port, f, BUFFERS);

	/* What is not in the fill ring. */
	assert_int_equal(n, BUFFERS - ENTRIES);
	for (unsigned int i = 0; i < n; i++) {
		f[i].len = 60;
		assert_in_range(f[i].data - r->umem, 0, sizeof(r->umem) - SIZE);
	}
	assert_int_equal(vnet_port_tx(&r->port, f, n), ENTRIES);
	assert_int_equal(vnet_port_alloc(&r->port, f, 1), 0);
	assert_int_equal(depart(r), ENTRIES);
	assert_int_equal(vnet_port_alloc(&r->port, f, BUFFERS), ENTRIES);
	assert_int_equal(vnet_port_release(&r->port, f, ENTRIES), ENTRIES);
}

static void test_wrong_frames(void **state)
{
	struct rig *r = *state;
	struct vnet_frame f[2], g;

	assert_int_equal(vnet_port_alloc(&r->port, f, 2), 2);
	f[0].len = f[1].len = 60;
	g = f[0];
	const struct {
		const char *what;
		struct vnet_frame frame;
	} wrong[] = {
		{"no header", {.data = g.data, .len = ETH_HLEN - 1, .token = g.token}},
		{"empty", {.data = g.data, .token = g.token}},
		{"too long", {.data = g.data, .len = SIZE - 255, .token = g.token}},
		{"far too long", {.data = g.data, .len = UINT32_MAX, .token = g.token}},
		{"before its buffer", {.data = g.data - 257, .len = 60, .token = g.token}},
		{"behind it", {.data = g.data + SIZE, .len = 60, .token = g.token}},
		{"elsewhere", {.data = (uint8_t *)&g, .len = 60, .token = g.token}},
		{"nowhere", {.data = NULL, .len = 60, .token = g.token}},
		{"no such buffer", {.data = g.data, .len = 60, .token = BUFFERS}},
		{"not ours", {.data = r->umem, .len = 60, .token = (uint32_t)(r->addrs[0][0] >> 11)}},
		{"unknown flags", {.data = g.data, .len = 60, .flags = 6, .token = g.token}},
		{"no end", {.data = g.data, .len = 60, .flags = VNET_FRAME_MORE, .token = g.token}},
	};

	for (size_t i = 0; i < VN_ARRAY_SIZE(wrong); i++) {
		struct vnet_frame both[2] = {f[1], wrong[i].frame};

		if (vnet_port_tx(&r->port, both, 2) != -EINVAL)
			fail_msg("%s: was sent", wrong[i].what);
	}
	assert_int_equal(vnet_port_tx(&r->port, (struct vnet_frame[]){f[0], f[0]}, 2), -EINVAL);
	assert_int_equal(depart(r), 0);
	/* None of it cost a frame: both are still the application's. */
	assert_int_equal(vnet_port_tx(&r->port, f, 2), 2);
	assert_int_equal(vnet_port_tx(&r->port, f, 2), -EINVAL);
	assert_int_equal(vnet_port_release(&r->port, f, 2), 0);
}

/* A kernel would not; whoever else writes to the rings must not get us out of our memory, either. */
static void test_wrong_rings(void **state)
{
	const uint64_t addrs[] = {UINT64_MAX, BUFFERS * SIZE, 1ull << 40, 0, SIZE - 1};
	struct rig *r = *state;
	struct vnet_frame f[ENTRIES];
	unsigned int n;

	for (unsigned int i = 0; i < ENTRIES; i++)
		r->descs[VN_RING_RX][i] = (struct xdp_desc){.addr = addrs[i % 5], .len = i % 2 ? UINT32_MAX : 60};
	r->index[VN_RING_RX][0] = ENTRIES;
	n = vnet_port_rx(&r->port, f, ENTRIES);
	for (unsigned int i = 0; i < n; i++)
		assert_true(f[i].data >= r->umem && f[i].data + f[i].len <= r->umem + sizeof(r->umem));
	for (unsigned int i = 0; i < ENTRIES; i++)
		r->addrs[1][i] = addrs[i % 5];
	r->index[VN_RING_COMP][0] = ENTRIES;
	assert_true(vnet_port_alloc(&r->port, f, ENTRIES) <= ENTRIES);
	r->index[VN_RING_RX][0] = 0x80000000;
	assert_int_equal(vnet_port_rx(&r->port, f, ENTRIES), 0);
	r->index[VN_RING_TX][1] = 0x12345678;
	assert_int_equal(vnet_port_tx(&r->port, f, 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_round_and_round, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_packets, setup, teardown),
		cmocka_unit_test_setup_teardown(test_all_are_there, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wrong_frames, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wrong_rings, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
