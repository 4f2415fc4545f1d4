// SPDX-License-Identifier: GPL-2.0-only
#include "engines/placement.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <sched.h>
#include <sys/socket.h>
#include <time.h>

#include <base/util.h>

#include "engines/engine_port.h"
#include "disc/disc_words.h"

/*
 * Between the switch of a port and the marker: a program that has read the old trunk on another CPU puts its frame into
 * that trunk within a microsecond, unless an interrupt or a hypervisor stops it in between.
 */
#define FENCE_NS       (100 * VN_NSEC_PER_USEC)
#define HURRY_PRIORITY 12 /* above the engines' */
#define SETTLE_NS      (5 * VN_NSEC_PER_MSEC)
#define SETTLE_STEP_NS (50 * VN_NSEC_PER_USEC)
#define AWAY_NS        (50 * VN_NSEC_PER_MSEC)
#define AWAY_STEP_NS   VN_NSEC_PER_MSEC

static struct vn_maps *maps(const struct vn_fabric *f)
{
	return &f->dp->maps;
}

static void pause_ns(uint64_t ns)
{
	const struct timespec ts = {.tv_nsec = (long)ns};

	nanosleep(&ts, NULL);
}

uint32_t vn_shard_trunk(const struct vn_fabric *f, uint32_t number)
{
	return maps(f)->disc[number].trunk;
}

bool vn_shard_is_moving(const struct vn_fabric *f, uint32_t number)
{
	return maps(f)->disc[number].trunk != maps(f)->disc[number].from;
}

/*
 * Each engine knows of one seam only: another move, before the frames of the last one have left, would let the holder's
 * overtake them. What a dead engine held is lost and stands in nobody's way.
 */
uint32_t vn_shard_away(const struct vn_fabric *f, uint32_t number)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < VN_ENGINES_MAX; i++)
		if (i != vn_shard_trunk(f, number) && f->trunk[i].engine)
			n += vn_dir_away(maps(f), number, i);
	return n;
}

uint32_t vn_shard_wait_away(const struct vn_fabric *f, uint32_t number)
{
	uint32_t n = vn_shard_away(f, number);

	for (uint64_t ns = 0; n && ns < AWAY_NS; ns += AWAY_STEP_NS) {
		pause_ns(AWAY_STEP_NS);
		n = vn_shard_away(f, number);
	}
	return n;
}

/* --- who has how much
 * -------------------------------------------------------------------------------------------------------------- */

static int note_move(struct vn_fabric *f, uint32_t number)
{
	if (f->n_moves == f->moves_room) {
		size_t room = f->moves_room ? f->moves_room * 2 : 64;
		uint32_t *more = reallocarray(f->moves, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		f->moves = more;
		f->moves_room = room;
	}
	f->moves[f->n_moves++] = number;
	return 0;
}

void vn_shard_count(struct vn_fabric *f)
{
	for (uint32_t t = 0; t < VN_ENGINES_MAX; t++)
		f->trunk[t].ports = 0;
	for (uint32_t i = 1; i < maps(f)->max_ports; i++)
		if (maps(f)->port[i].flags & VN_PORT_ACTIVE)
			f->trunk[vn_shard_trunk(f, i) % VN_ENGINES_MAX].ports++;
}

int vn_shard_open(struct vn_fabric *f, struct vn_err *err)
{
	int r = 0;

	for (uint32_t i = 1; i < maps(f)->max_ports && r == 0; i++)
		if (maps(f)->port[i].flags & VN_PORT_ACTIVE && vn_shard_is_moving(f, i))
			r = note_move(f, i);
	vn_shard_count(f);
	return r < 0 ? vn_err_kernel(err, -r, "moves between engines: %s", strerror(-r)) : 0;
}

void vn_shard_release(struct vn_fabric *f)
{
	free(f->moves);
	f->moves = NULL;
	f->n_moves = f->moves_room = 0;
}

/* Packets a second as last measured; where that says nothing, directions. */
uint32_t vn_shard_pick(const struct vn_fabric *f)
{
	uint32_t best = VN_TRUNK_BULK;

	for (uint32_t i = 0; i < VN_TRUNK_BULK; i++) {
		const struct vn_trunk *a = &f->trunk[i], *b = &f->trunk[best];

		if (!a->takes)
			continue;
		if (best == VN_TRUNK_BULK || a->packets_per_s / VN_SHARD_STEP < b->packets_per_s / VN_SHARD_STEP ||
		    (a->packets_per_s / VN_SHARD_STEP == b->packets_per_s / VN_SHARD_STEP && a->ports < b->ports))
			best = i;
	}
	return best == VN_TRUNK_BULK ? 0 : best;
}

uint32_t vn_shard_place(struct vn_fabric *f, uint32_t number)
{
	uint32_t to = vn_shard_pick(f);

	vn_disc_place(maps(f), number, to, to);
	f->trunk[to].ports++;
	return to;
}

void vn_shard_leave(struct vn_fabric *f, uint32_t number)
{
	struct vn_trunk *t = &f->trunk[vn_shard_trunk(f, number) % VN_ENGINES_MAX];

	t->ports -= t->ports > 0;
}

/* --- moving
 * -------------------------------------------------------------------------------------------------------------- */

/*
 * From the switch to the marker frames wait for us, and the engines run under SCHED_FIFO: on a busy machine an ordinary
 * thread would be kept off the CPU for tens of ms just then. Where it is not permitted, they wait longer.
 */
static void hurry(struct vn_fabric *f, bool on)
{
	const struct sched_param fifo = {.sched_priority = HURRY_PRIORITY}, none = {0};

	if (on == f->hurries)
		return;
	if (on)
		f->hurries = sched_getscheduler(0) == SCHED_OTHER && sched_setscheduler(0, SCHED_FIFO, &fifo) == 0;
	else
		f->hurries = sched_setscheduler(0, SCHED_OTHER, &none) < 0;
}

int vn_shard_begin(struct vn_fabric *f, uint32_t number, uint32_t to)
{
	uint32_t from = vn_shard_trunk(f, number);
	int r;

	if (vn_shard_is_moving(f, number))
		return -EBUSY;
	if (from == to)
		return 0;
	if (vn_shard_away(f, number))
		return -EAGAIN;
	r = note_move(f, number);
	if (r < 0)
		return r;
	if (f->trunk[from].ports)
		f->trunk[from].ports--;
	f->trunk[to].ports++;
	hurry(f, true);
	/* The engine's word first: the new one must know the frames for its own when they come. */
	vn_disc_place(maps(f), number, to, from);
	vn_port_to_trunk(maps(f), number, to);
	f->moved_ns = vn_now_ns();
	return 0;
}

/* Behind all frames that the old trunk has got. When it gets lost, the next turn sends another. */
static void send_marker(struct vn_fabric *f, uint32_t number)
{
	const struct vn_marker m = {
		.tpid = htons(VN_SLOT_TPID), .proto = htons(VN_MARKER_PROTO), .magic = VN_MARKER_MAGIC, .slot = number};
	const struct sockaddr_ll to = {.sll_family = AF_PACKET,
				       .sll_protocol = htons(VN_SLOT_TPID),
				       .sll_ifindex = (int)vn_trunk_ifindex(maps(f)->disc[number].from, 0)};

	sendto(f->packet_fd, &m, sizeof(m), MSG_DONTWAIT, (const struct sockaddr *)&to, sizeof(to));
}

/* True when the move of @number is over. */
static bool finish(struct vn_fabric *f, uint32_t number)
{
	const struct vn_disc_slot *s = &maps(f)->disc[number];
	uint32_t to = s->trunk, from = s->from;

	if (to == from)
		return true;
	/* The old one's is taken from it only when it is dead for sure; the link may have been deleted meanwhile. */
	if (vn_dir_owner(maps(f), number) != to && f->trunk[from].engine &&
	    maps(f)->port[number].flags & VN_PORT_ACTIVE)
		return false;
	vn_disc_place(maps(f), number, to, to);
	return true;
}

static void check_moves(struct vn_fabric *f, bool mark)
{
	size_t kept = 0;

	for (size_t i = 0; i < f->n_moves; i++) {
		if (finish(f, f->moves[i]))
			continue;
		if (mark)
			send_marker(f, f->moves[i]);
		f->moves[kept++] = f->moves[i];
	}
	f->n_moves = kept;
}

void vn_shard_turn(struct vn_fabric *f)
{
	if (!f->n_moves)
		return;
	if (vn_now_ns() - f->moved_ns < FENCE_NS)
		pause_ns(FENCE_NS);
	check_moves(f, true);
	hurry(f, false);
}

void vn_shard_settle(struct vn_fabric *f)
{
	vn_shard_turn(f);
	for (uint64_t ns = 0; f->n_moves && ns < SETTLE_NS; ns += SETTLE_STEP_NS) {
		pause_ns(SETTLE_STEP_NS);
		check_moves(f, false);
	}
}

void vn_shard_prepare(struct vn_fabric *f, uint32_t number, const struct vn_disc *d)
{
	bool was_held = maps(f)->port[number].flags & VN_PORT_HELD;
	uint32_t at = vn_shard_trunk(f, number), best;

	if (at == VN_TRUNK_BULK) {
		if (vn_disc_is_held(d) && vn_disc_bulk_can(d) && d->holder != VN_HOLDER_PRECISE)
			return;
	} else if (was_held || !vn_disc_is_held(d)) {
		return;
	}
	best = vn_shard_pick(f);
	if (at != VN_TRUNK_BULK && f->trunk[at].ports <= f->trunk[best].ports + 1)
		return;
	if (vn_shard_begin(f, number, best) == 0)
		vn_shard_settle(f);
}
