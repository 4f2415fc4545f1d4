// SPDX-License-Identifier: GPL-2.0-only
/* Several engines: their keepers, those that are to go, and who holds what as traffic changes. */
#include "engines/engines.h"

#include <stdlib.h>

#include <base/util.h>

#include "engines/engine_port.h"
#include "engines/holder.h"
#include "base/log.h"
#include "disc/disc_words.h"

#define LOOK_NS     VN_NSEC_PER_SEC
#define DRAIN_BATCH 64u /* directions moved away in a tick */

#define BAD_LOOKS       3u     /* in a row, before anything moves away */
#define LATE_PART       100u   /* an engine is bad when one in so many of its frames is late */
#define REBALANCE_LEAST 10000u /* packets a second: less is not worth a move */

static struct vn_maps *maps(struct vn_engines *e)
{
	return &e->placement->dp->maps;
}

/* By the options; others stand in, or are to go. */
static bool is_asked_for(const struct vn_engines *e, uint32_t engine)
{
	return engine < e->n || engine == VN_ENGINE_BULK;
}

int vn_engine_open(struct vn_engines *e, uint32_t engine, struct vn_err *err)
{
	int r = vn_engine_port_add(e->placement, engine, err);

	if (r == 0)
		r = vn_supervisor_open(&e->engine[engine], err);
	if (r < 0)
		return r;
	e->used[engine] = true;
	e->placement->port[engine].takes = is_asked_for(e, engine);
	return 0;
}

/* For vn_placement: it knows no supervisors. */
static enum vn_bulk_state bulk_state(void *arg)
{
	return vn_engines_bulk(arg);
}

int vn_engines_open(struct vn_engines *e, struct vn_err *err)
{
	int r = 0;

	e->balance.dir = calloc(maps(e)->max_ports, sizeof(*e->balance.dir));
	if (!e->balance.dir)
		return -ENOMEM;
	e->placement->bulk = (struct vn_placement_bulk){.state = bulk_state, .arg = e};
	for (uint32_t i = 0; i < VN_ENGINES_MAX && r == 0; i++) {
		if (i >= e->n && !e->placement->port[i].there)
			continue;
		r = vn_engine_open(e, i, err);
		e->engine[i].leaving = !is_asked_for(e, i);
	}
	return r == 0 ? vn_holder_open(e, err) : r;
}

void vn_engines_close(struct vn_engines *e, bool stop)
{
	vn_holder_close(e);
	for (uint32_t i = 0; i < VN_ENGINES_MAX; i++)
		if (stop && e->used[i])
			vn_supervisor_end(&e->engine[i]);
	for (uint32_t i = 0; i < VN_ENGINES_MAX; i++) {
		if (!e->used[i])
			continue;
		if (stop)
			vn_supervisor_stop(&e->engine[i]);
		vn_supervisor_close(&e->engine[i]);
	}
	free(e->balance.dir);
	e->balance.dir = NULL;
}

/* Between an engine and the one that stands in for it, and else wherever there is the least to do. */
static uint32_t drain_to(const struct vn_engines *e, uint32_t engine)
{
	const uint32_t of = e->engine[engine].stand_in;

	if (of && e->placement->port[of - 1].takes)
		return of - 1;
	for (uint32_t i = 0; i < VN_ENGINE_BULK; i++)
		if (e->engine[i].stand_in == engine + 1 && e->placement->port[i].takes)
			return i;
	return vn_placement_pick(e->placement);
}

void vn_engine_drain(struct vn_engines *e, uint32_t engine)
{
	uint32_t n = 0;

	for (uint32_t i = 1; i < maps(e)->max_ports && n < DRAIN_BATCH; i++)
		if (maps(e)->port[i].flags & VN_PORT_ACTIVE && vn_placement_engine(e->placement, i) == engine)
			n += vn_placement_begin(e->placement, i, drain_to(e, engine)) == 0;
	vn_placement_settle(e->placement);
}

/* What it says of all together may be a moment old; of a direction that has left it, it is exact. */
bool vn_engine_holds(struct vn_engines *e, uint32_t engine)
{
	if (!e->engine[engine].pid)
		return false;
	if (maps(e)->engine[engine].held_packets)
		return true;
	for (uint32_t i = 1; i < maps(e)->max_ports; i++)
		if (maps(e)->port[i].flags & VN_PORT_ACTIVE && vn_dir_away(maps(e), i, engine))
			return true;
	return false;
}

/* Its directions go, what it holds leaves, it ends, its engine port goes: one step a tick. */
static void leave(struct vn_engines *e, uint32_t engine)
{
	struct vn_supervisor *s = &e->engine[engine];
	struct vn_err err = {0};

	if (s->stopping && !s->pid) {
		vn_supervisor_close(s);
		if (vn_engine_port_remove(e->placement, engine, &err) < 0)
			vn_log_at(VN_LOG_ERROR, "%s", err.text);
		e->used[engine] = s->leaving = s->stopping = s->refuses = false;
		s->stand_in = s->failures = s->quick_deaths = 0;
		s->retry_ns = 0;
		vn_log("engine %u: gone", engine);
		return;
	}
	vn_placement_count(e->placement);
	if (e->placement->port[engine].ports)
		vn_engine_drain(e, engine);
	else if (!e->placement->n_moves && !vn_engine_holds(e, engine) && !s->stopping)
		vn_supervisor_end(s);
}

/* What found no room in the tap's queue, the device alone knows: its engine has no right to ask. */
static void look_at_tap(struct vn_engines *e)
{
	struct vn_err err = {0};
	uint64_t dropped;

	if (vn_engine_port_dropped(e->placement, VN_ENGINE_BULK, &dropped, &err) == 0)
		vn_engine_lost(maps(e), VN_ENGINE_BULK, dropped);
}

static void look_at_engine(struct vn_engines *e, uint32_t engine, uint64_t ns)
{
	const struct vn_engine *now = &maps(e)->engine[engine];
	uint64_t rx = now->rx_packets, dropped = now->rx_dropped + now->ring_dropped, late = now->late_packets;
	uint64_t n = 0;
	bool bad = false;

	/* A new process counts from 0. */
	if (rx >= e->balance.engine[engine].rx_packets) {
		n = rx - e->balance.engine[engine].rx_packets;
		bad = dropped > e->balance.engine[engine].rx_dropped ||
		      late - e->balance.engine[engine].late_packets > n / LATE_PART;
	}
	e->placement->port[engine].packets_per_s = n * VN_NSEC_PER_SEC / ns;
	e->balance.engine[engine].rx_packets = rx;
	e->balance.engine[engine].rx_dropped = dropped;
	e->balance.engine[engine].late_packets = late;
	e->balance.engine[engine].bad = bad ? e->balance.engine[engine].bad + 1 : 0;
}

static void look_at_dir(struct vn_engines *e, uint32_t number, uint64_t ns)
{
	struct vn_dir_rate *rate = &e->balance.dir[number];
	const struct vn_dir *dir = &maps(e)->dir[number];
	uint64_t ring_full = maps(e)->drop[number].count[VN_DROP_RING_FULL];

	if (ring_full > rate->ring_full)
		vn_dir_lost(maps(e), number);
	rate->ring_full = ring_full;
	if (rate->gen != dir->gen || dir->in_packets < rate->packets)
		*rate = (struct vn_dir_rate){
			.gen = dir->gen, .packets = dir->in_packets, .bytes = dir->in_bytes, .ring_full = ring_full};
	rate->packets_per_s = (dir->in_packets - rate->packets) * VN_NSEC_PER_SEC / ns;
	rate->bytes_per_s = (dir->in_bytes - rate->bytes) * VN_NSEC_PER_SEC / ns;
	rate->packets = dir->in_packets;
	rate->bytes = dir->in_bytes;
}

enum vn_bulk_state vn_engines_bulk(struct vn_engines *e)
{
	const struct vn_supervisor *s = &e->engine[VN_ENGINE_BULK];
	struct vn_err err = {0};

	if (!e->used[VN_ENGINE_BULK] && !e->bulk_failed && vn_engine_open(e, VN_ENGINE_BULK, &err) < 0) {
		vn_log("%s: all links stay with the precise holder", err.text);
		e->bulk_failed = true;
	}
	if (!e->used[VN_ENGINE_BULK] || !e->placement->port[VN_ENGINE_BULK].takes)
		return VN_BULK_NOT;
	if (vn_supervisor_is_up(s))
		return VN_BULK_UP;
	return s->pid && !s->failures && !s->hung ? VN_BULK_COMES : VN_BULK_NOT;
}

/* The direction of @from whose packets come nearest to evening out @from and @to without turning them round; 0: none.
 */
static uint32_t best_to_move(struct vn_engines *e, uint32_t from, uint32_t to)
{
	uint64_t gap = e->placement->port[from].packets_per_s - e->placement->port[to].packets_per_s, best = 0;
	uint32_t found = 0;

	for (uint32_t i = 1; i < maps(e)->max_ports; i++) {
		uint64_t n = e->balance.dir[i].packets_per_s;

		if (vn_placement_engine(e->placement, i) != from || !(maps(e)->port[i].flags & VN_PORT_HELD) ||
		    vn_placement_is_moving(e->placement, i) || n >= gap)
			continue;
		n = VN_MIN(n, gap - n);
		if (n > best)
			best = n, found = i;
	}
	return best >= REBALANCE_LEAST / 10 ? found : 0;
}

/* One direction a look, from the engine that falls behind most to the one with the least to do. */
static void rebalance(struct vn_engines *e)
{
	const struct vn_engine_port *t = e->placement->port;
	uint32_t from = 0, to = 0, number;

	for (uint32_t i = 1; i < e->n; i++) {
		if (t[i].packets_per_s > t[from].packets_per_s)
			from = i;
		if (t[i].packets_per_s < t[to].packets_per_s)
			to = i;
	}
	if (e->balance.engine[from].bad < BAD_LOOKS || e->balance.engine[to].bad ||
	    t[from].packets_per_s < REBALANCE_LEAST || t[to].packets_per_s > t[from].packets_per_s / 2 ||
	    !t[to].takes || !vn_supervisor_is_up(&e->engine[to]))
		return;
	number = best_to_move(e, from, to);
	if (!number || vn_placement_begin(e->placement, number, to) < 0)
		return;
	/* Wait and see what that did. */
	e->balance.engine[from].bad = 0;
	vn_log("engine %u falls behind: port %u goes to engine %u", from, number, to);
	vn_tell(&e->tell, json_pack("{s:s, s:i, s:i, s:i}", "event", "rebalance", "port", (int)number, "from",
				    (int)from, "to", (int)to));
}

static void look(struct vn_engines *e, uint64_t ns)
{
	if (e->used[VN_ENGINE_BULK])
		look_at_tap(e);
	for (uint32_t i = 0; i < VN_ENGINES_MAX; i++)
		if (e->used[i])
			look_at_engine(e, i, ns);
	/* Both directions of a link are looked at before either is judged. */
	for (int judge = 0; judge < 2; judge++)
		for (uint32_t i = 1; i < maps(e)->max_ports; i++) {
			const uint32_t both = VN_PORT_ACTIVE | VN_PORT_HELD;

			if ((maps(e)->port[i].flags & both) != both)
				continue;
			if (judge) {
				vn_holder_choose(e, i);
				continue;
			}
			look_at_dir(e, i, ns);
			vn_holder_look(e, i);
		}
	if (e->rebalance && e->n > 1)
		rebalance(e);
	vn_placement_settle(e->placement);
	vn_placement_count(e->placement);
}

/* After a restart, or when an engine that one had left without has come up after all: who stood in for it goes. */
static void come_back(struct vn_engines *e, uint32_t engine)
{
	struct vn_engine_port *t = &e->placement->port[engine];
	struct vn_supervisor *s = &e->engine[engine];

	if (s->stand_in && e->placement->port[s->stand_in - 1].takes) {
		t->takes = false;
		s->leaving = true;
	} else if (!t->takes && is_asked_for(e, engine)) {
		t->takes = vn_supervisor_is_up(s);
	}
}

void vn_engines_tick(struct vn_engines *e)
{
	const bool bulk_up = e->used[VN_ENGINE_BULK] && vn_engines_bulk_up(e);
	uint64_t now = vn_now_ns();

	for (uint32_t i = 0; i < VN_ENGINES_MAX; i++) {
		if (!e->used[i])
			continue;
		vn_supervisor_tick(&e->engine[i]);
		if (!e->restarting)
			come_back(e, i);
		if (e->engine[i].leaving)
			leave(e, i);
	}
	vn_placement_turn(e->placement);
	if (bulk_up && !e->bulk_was_up)
		vn_holder_catch_up(e);
	e->bulk_was_up = bulk_up;
	if (now - e->balance.at_ns < LOOK_NS)
		return;
	if (e->balance.at_ns)
		look(e, now - e->balance.at_ns);
	e->balance.at_ns = now;
}
