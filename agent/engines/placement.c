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
 * Between the switch of a port and the marker: a program that has read the old engine port on another CPU puts its
 * frame into that engine port within a microsecond, unless an interrupt or a hypervisor stops it in between.
 */
#define FENCE_NS       (100 * VN_NSEC_PER_USEC)
#define HURRY_PRIORITY 12 /* above the engines' */
#define SETTLE_NS      (5 * VN_NSEC_PER_MSEC)
#define SETTLE_STEP_NS (50 * VN_NSEC_PER_USEC)
#define IN_FORCE_NS    (50 * VN_NSEC_PER_MSEC) /* who changes a holder gets his answer when it is another one */
#define BULK_COMES_NS  (300 * VN_NSEC_PER_MSEC)
#define BULK_STEP_NS   VN_NSEC_PER_MSEC
#define AWAY_NS        (50 * VN_NSEC_PER_MSEC)
#define AWAY_STEP_NS   VN_NSEC_PER_MSEC

static struct vn_maps *maps(const struct vn_placement *p)
{
	return &p->dp->maps;
}

static void pause_ns(uint64_t ns)
{
	const struct timespec ts = {.tv_nsec = (long)ns};

	nanosleep(&ts, NULL);
}

uint32_t vn_placement_engine(const struct vn_placement *p, uint32_t number)
{
	return maps(p)->disc[number].engine;
}

bool vn_placement_is_moving(const struct vn_placement *p, uint32_t number)
{
	return maps(p)->disc[number].engine != maps(p)->disc[number].from;
}

/*
 * Each engine knows of one reorder buffer only: another move, before the frames of the last one have left, would let
 * the holder's overtake them. What a dead engine held is lost and stands in nobody's way.
 */
uint32_t vn_placement_away(const struct vn_placement *p, uint32_t number)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < VN_ENGINES_MAX; i++)
		if (i != vn_placement_engine(p, number) && p->port[i].served)
			n += vn_dir_away(maps(p), number, i);
	return n;
}

uint32_t vn_placement_wait_away(const struct vn_placement *p, uint32_t number)
{
	uint32_t n = vn_placement_away(p, number);

	for (uint64_t ns = 0; n && ns < AWAY_NS; ns += AWAY_STEP_NS) {
		pause_ns(AWAY_STEP_NS);
		n = vn_placement_away(p, number);
	}
	return n;
}

static int note_move(struct vn_placement *p, uint32_t number)
{
	if (p->n_moves == p->moves_room) {
		size_t room = p->moves_room ? p->moves_room * 2 : 64;
		uint32_t *more = reallocarray(p->moves, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		p->moves = more;
		p->moves_room = room;
	}
	p->moves[p->n_moves++] = number;
	return 0;
}

void vn_placement_count(struct vn_placement *p)
{
	for (uint32_t t = 0; t < VN_ENGINES_MAX; t++)
		p->port[t].ports = 0;
	for (uint32_t i = 1; i < maps(p)->max_ports; i++)
		if (maps(p)->port[i].flags & VN_PORT_ACTIVE)
			p->port[vn_placement_engine(p, i) % VN_ENGINES_MAX].ports++;
}

int vn_placement_open(struct vn_placement *p, struct vn_err *err)
{
	int r = 0;

	for (uint32_t i = 1; i < maps(p)->max_ports && r == 0; i++)
		if (maps(p)->port[i].flags & VN_PORT_ACTIVE && vn_placement_is_moving(p, i))
			r = note_move(p, i);
	vn_placement_count(p);
	return r < 0 ? vn_err_kernel(err, -r, "moves between engines: %s", strerror(-r)) : 0;
}

void vn_placement_release(struct vn_placement *p)
{
	free(p->moves);
	p->moves = NULL;
	p->n_moves = p->moves_room = 0;
}

/* Packets a second as last measured; where that says nothing, directions. */
uint32_t vn_placement_pick(const struct vn_placement *p)
{
	uint32_t best = VN_ENGINE_BULK;

	for (uint32_t i = 0; i < VN_ENGINE_BULK; i++) {
		const struct vn_engine_port *a = &p->port[i], *b = &p->port[best];

		if (!a->takes)
			continue;
		if (best == VN_ENGINE_BULK ||
		    a->packets_per_s / VN_PLACEMENT_STEP < b->packets_per_s / VN_PLACEMENT_STEP ||
		    (a->packets_per_s / VN_PLACEMENT_STEP == b->packets_per_s / VN_PLACEMENT_STEP &&
		     a->ports < b->ports))
			best = i;
	}
	return best == VN_ENGINE_BULK ? 0 : best;
}

static bool may_be_bulk(const struct vn_disc *d)
{
	return vn_disc_is_held(d) && vn_disc_bulk_can(d) && d->holder != VN_HOLDER_PRECISE;
}

/* One that is about to come is waited for, once: what begins elsewhere would have to move. */
static bool bulk_takes(struct vn_placement *p)
{
	enum vn_bulk_state state = p->bulk.state ? p->bulk.state(p->bulk.arg) : VN_BULK_NOT;

	for (uint64_t ns = 0; state == VN_BULK_COMES && !p->bulk.waited && ns < BULK_COMES_NS; ns += BULK_STEP_NS) {
		pause_ns(BULK_STEP_NS);
		state = p->bulk.state(p->bulk.arg);
	}
	p->bulk.waited = state != VN_BULK_UP;
	return state == VN_BULK_UP;
}

uint32_t vn_placement_place(struct vn_placement *p, uint32_t number, const struct vn_disc *d)
{
	uint32_t to = d && may_be_bulk(d) && bulk_takes(p) ? VN_ENGINE_BULK : vn_placement_pick(p);

	vn_disc_place(maps(p), number, to, to);
	p->port[to].ports++;
	return to;
}

void vn_placement_leave(struct vn_placement *p, uint32_t number)
{
	struct vn_engine_port *t = &p->port[vn_placement_engine(p, number) % VN_ENGINES_MAX];

	t->ports -= t->ports > 0;
}

/*
 * From the switch to the marker frames wait for us, and the engines run under SCHED_FIFO: on a busy machine an ordinary
 * thread would be kept off the CPU for tens of ms just then. Where it is not permitted, they wait longer.
 */
static void hurry(struct vn_placement *p, bool on)
{
	const struct sched_param fifo = {.sched_priority = HURRY_PRIORITY}, none = {0};

	if (on == p->hurries)
		return;
	if (on)
		p->hurries = sched_getscheduler(0) == SCHED_OTHER && sched_setscheduler(0, SCHED_FIFO, &fifo) == 0;
	else
		p->hurries = sched_setscheduler(0, SCHED_OTHER, &none) < 0;
}

int vn_placement_begin(struct vn_placement *p, uint32_t number, uint32_t to)
{
	uint32_t from = vn_placement_engine(p, number);
	int r;

	if (vn_placement_is_moving(p, number))
		return -EBUSY;
	if (from == to)
		return 0;
	if (vn_placement_away(p, number))
		return -EAGAIN;
	r = note_move(p, number);
	if (r < 0)
		return r;
	if (p->port[from].ports)
		p->port[from].ports--;
	p->port[to].ports++;
	hurry(p, true);
	/* The engine's word first: the new one must know the frames for its own when they come. */
	vn_disc_place(maps(p), number, to, from);
	vn_port_to_engine(maps(p), number, to);
	p->moved_ns = vn_now_ns();
	return 0;
}

/* Behind all frames that the old engine port has got. When it gets lost, the next turn sends another. */
static void send_marker(struct vn_placement *p, uint32_t number)
{
	const struct vn_marker m = {
		.tpid = htons(VN_SLOT_TPID), .proto = htons(VN_MARKER_PROTO), .magic = VN_MARKER_MAGIC, .slot = number};
	const struct sockaddr_ll to = {.sll_family = AF_PACKET,
				       .sll_protocol = htons(VN_SLOT_TPID),
				       .sll_ifindex = (int)vn_engine_port_ifindex(maps(p)->disc[number].from, 0)};

	sendto(p->packet_fd, &m, sizeof(m), MSG_DONTWAIT, (const struct sockaddr *)&to, sizeof(to));
}

/* True when the move of @number is over. */
static bool finish(struct vn_placement *p, uint32_t number)
{
	const struct vn_disc_slot *s = &maps(p)->disc[number];
	uint32_t to = s->engine, from = s->from;

	if (to == from)
		return true;
	/* The old one's is taken from it only when it is dead for sure; the link may have been deleted meanwhile. */
	if (vn_dir_owner(maps(p), number) != to && p->port[from].served && maps(p)->port[number].flags & VN_PORT_ACTIVE)
		return false;
	vn_disc_place(maps(p), number, to, to);
	return true;
}

static void check_moves(struct vn_placement *p, bool mark)
{
	size_t kept = 0;

	for (size_t i = 0; i < p->n_moves; i++) {
		if (finish(p, p->moves[i]))
			continue;
		if (mark)
			send_marker(p, p->moves[i]);
		p->moves[kept++] = p->moves[i];
	}
	p->n_moves = kept;
}

void vn_placement_turn(struct vn_placement *p)
{
	if (!p->n_moves)
		return;
	if (vn_now_ns() - p->moved_ns < FENCE_NS)
		pause_ns(FENCE_NS);
	check_moves(p, true);
	hurry(p, false);
}

static void settle(struct vn_placement *p, uint64_t most_ns)
{
	vn_placement_turn(p);
	for (uint64_t ns = 0; p->n_moves && ns < most_ns; ns += SETTLE_STEP_NS) {
		pause_ns(SETTLE_STEP_NS);
		/* A marker that found no room is sent again. */
		check_moves(p, ns && ns % SETTLE_NS == 0);
	}
}

void vn_placement_settle(struct vn_placement *p)
{
	settle(p, SETTLE_NS);
}

/* Moves that have begun come first, and frames of the last one that are still out: unless they are long. */
static void move_now(struct vn_placement *p, uint32_t number, uint32_t to)
{
	if (p->n_moves)
		settle(p, IN_FORCE_NS);
	vn_placement_wait_away(p, number);
	if (vn_placement_begin(p, number, to) == 0)
		settle(p, IN_FORCE_NS);
}

bool vn_placement_prepare(struct vn_placement *p, uint32_t number, const struct vn_disc *d)
{
	const uint32_t flags = maps(p)->port[number].flags;
	const bool was_held = flags & VN_PORT_HELD, bulk = may_be_bulk(d) && !(flags & VN_PORT_DIRECT);
	const uint32_t at = vn_placement_engine(p, number);
	struct vn_disc was;
	uint32_t best;

	if (!vn_disc_is_held(d))
		return false;
	vn_disc_read(maps(p), number, &was, NULL);
	if (was_held && at != VN_ENGINE_BULK)
		return bulk && (d->holder == VN_HOLDER_BULK || !may_be_bulk(&was)) && bulk_takes(p);
	if (at == VN_ENGINE_BULK && bulk)
		return false;
	best = bulk && bulk_takes(p) ? VN_ENGINE_BULK : vn_placement_pick(p);
	if (at == VN_ENGINE_BULK || best == VN_ENGINE_BULK || p->port[at].ports > p->port[best].ports + 1)
		move_now(p, number, best);
	return false;
}

void vn_placement_to_bulk(struct vn_placement *p, uint32_t number)
{
	move_now(p, number, VN_ENGINE_BULK);
}
