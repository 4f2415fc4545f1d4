// SPDX-License-Identifier: GPL-2.0-only
#include "engines/holder.h"

#include <bpf/libbpf.h>
#include <sys/epoll.h>

#include <abi/ifindex.h>
#include <base/util.h>

#include "base/log.h"
#include "disc/disc_words.h"

/*
 * A large GSO frame says at once that a sender has much to send. Frames without GSO do so by their number: above the
 * upper figures the precise holder costs most of a CPU, below the lower ones little. Far apart, and only after several
 * looks that agree, so that nothing swings.
 */
#define BULK_BYTES_PER_S    60000000u
#define BULK_FRAME_BYTES    1000u
#define BULK_LOOKS          2u
#define PRECISE_BYTES_PER_S 12000000u
#define PRECISE_FRAME_BYTES 600u
#define PRECISE_LOOKS       2u

static struct vn_maps *maps(const struct vn_engines *e)
{
	return &e->placement->dp->maps;
}

static bool is_held(const struct vn_engines *e, uint32_t number)
{
	const uint32_t both = VN_PORT_ACTIVE | VN_PORT_HELD;

	return (maps(e)->port[number].flags & (both | VN_PORT_DIRECT)) == both;
}

static bool is_in_bulk(const struct vn_engines *e, uint32_t number)
{
	return vn_placement_engine(e->placement, number) == VN_ENGINE_BULK;
}

static uint32_t may_be(const struct vn_engines *e, uint32_t number)
{
	struct vn_disc disc;

	vn_disc_read(maps(e), number, &disc, NULL);
	return vn_disc_bulk_can(&disc) ? disc.holder : VN_HOLDER_PRECISE;
}

/* The link's other direction; 0: it has no host end, or there is no link. */
static uint32_t other_direction(const struct vn_engines *e, uint32_t number)
{
	const uint32_t other = maps(e)->port[number].peer_ifindex - VN_IFINDEX_HOST;

	return other < maps(e)->max_ports && is_held(e, other) ? other : 0;
}

/* Has a large GSO frame come since the last look? Its program has cleared the bit then; ask again. */
void vn_holder_look(struct vn_engines *e, uint32_t number)
{
	struct vn_dir_rate *rate = &e->balance.dir[number];
	const bool watch = may_be(e, number) == VN_HOLDER_AUTO;
	const bool asked = maps(e)->port[number].flags & VN_PORT_WATCH_GSO;

	rate->gso = watch && rate->watched && !asked;
	rate->watched = watch;
	if (watch != asked)
		vn_port_flags(maps(e), number, watch ? VN_PORT_WATCH_GSO : 0, watch ? 0 : VN_PORT_WATCH_GSO);
}

static bool has_many(const struct vn_dir_rate *r, bool at_bulk)
{
	if (at_bulk)
		return r->bytes_per_s >= PRECISE_BYTES_PER_S &&
		       r->bytes_per_s >= r->packets_per_s * PRECISE_FRAME_BYTES;
	return r->bytes_per_s >= BULK_BYTES_PER_S && r->bytes_per_s >= r->packets_per_s * BULK_FRAME_BYTES;
}

/* What goes one way waits for the acknowledgements that go the other. */
static bool is_large(const struct vn_engines *e, uint32_t number, bool at_bulk)
{
	const struct vn_dir_rate *rate = &e->balance.dir[number];
	const uint32_t other = other_direction(e, number);

	if (rate->gso || has_many(rate, at_bulk))
		return true;
	rate = &e->balance.dir[other];
	return other && may_be(e, other) != VN_HOLDER_PRECISE && (rate->gso || has_many(rate, at_bulk));
}

static bool wants_bulk(struct vn_engines *e, uint32_t number)
{
	struct vn_dir_rate *rate = &e->balance.dir[number];
	const bool at_bulk = is_in_bulk(e, number);
	const uint32_t asked = may_be(e, number);
	bool large;

	if (asked != VN_HOLDER_AUTO)
		return asked == VN_HOLDER_BULK;
	large = is_large(e, number, at_bulk);
	/* One that sends nothing stays where it is. */
	if (large == at_bulk || (at_bulk && !rate->packets_per_s)) {
		rate->looks = 0;
		return at_bulk;
	}
	if (++rate->looks < (at_bulk ? PRECISE_LOOKS : BULK_LOOKS) && !rate->gso)
		return at_bulk;
	rate->looks = 0;
	return !at_bulk;
}

void vn_holder_choose(struct vn_engines *e, uint32_t number)
{
	const bool at_bulk = is_in_bulk(e, number);

	if (vn_placement_is_moving(e->placement, number))
		return;
	if (at_bulk && (e->engine[VN_ENGINE_BULK].refuses || !wants_bulk(e, number)))
		vn_placement_begin(e->placement, number, vn_placement_pick(e->placement));
	else if (!at_bulk && wants_bulk(e, number) && vn_engines_bulk_up(e))
		vn_placement_begin(e->placement, number, VN_ENGINE_BULK);
}

static void go_to_bulk(struct vn_engines *e, uint32_t number)
{
	if (number && is_held(e, number) && !is_in_bulk(e, number) && may_be(e, number) != VN_HOLDER_PRECISE &&
	    vn_placement_begin(e->placement, number, VN_ENGINE_BULK) == 0)
		e->balance.dir[number].looks = 0;
}

static int on_large_frame(void *arg, void *data, size_t size)
{
	struct vn_engines *e = arg;
	uint32_t number;

	if (size < sizeof(number))
		return 0;
	memcpy(&number, data, sizeof(number));
	if (!number || number >= maps(e)->max_ports || !is_held(e, number) || may_be(e, number) != VN_HOLDER_AUTO ||
	    is_in_bulk(e, number) || !vn_engines_bulk_up(e))
		return 0;
	go_to_bulk(e, number);
	go_to_bulk(e, other_direction(e, number));
	return 0;
}

static void on_ring(void *arg, uint32_t events)
{
	struct vn_engines *e = arg;

	ring_buffer__consume(e->gso.ring);
	if (e->placement->n_moves)
		vn_placement_settle(e->placement);
}

void vn_holder_catch_up(struct vn_engines *e)
{
	for (uint32_t i = 1; i < maps(e)->max_ports; i++)
		if (is_held(e, i) && !vn_placement_is_moving(e->placement, i) &&
		    (may_be(e, i) == VN_HOLDER_BULK ||
		     (may_be(e, i) == VN_HOLDER_AUTO && vn_dir_owner(maps(e), i) == VN_ENGINES_MAX)))
			go_to_bulk(e, i);
	vn_placement_settle(e->placement);
}

int vn_holder_open(struct vn_engines *e, struct vn_err *err)
{
	struct vn_loop *loop = e->engine[0].loop;
	int r;

	e->gso.ring = ring_buffer__new(maps(e)->fd_gso, on_large_frame, e, NULL);
	if (!e->gso.ring)
		return vn_err_kernel(err, errno, "ring buffer vn_port_gso: %s", strerror(errno));
	e->gso.source = (struct vn_source){.fd = ring_buffer__epoll_fd(e->gso.ring), .handle = on_ring, .arg = e};
	r = vn_loop_add(loop, &e->gso.source, EPOLLIN);
	return r < 0 ? vn_err_kernel(err, -r, "ring buffer vn_port_gso: %s", strerror(-r)) : 0;
}

void vn_holder_close(struct vn_engines *e)
{
	if (!e->gso.ring)
		return;
	vn_loop_remove(e->engine[0].loop, &e->gso.source);
	ring_buffer__free(e->gso.ring);
	e->gso.ring = NULL;
}
