// SPDX-License-Identifier: GPL-2.0-only
/*
 * vnet.engine.restart: a new process, of the program as it is on disk now, in the place of an engine that has work.
 *
 * Another engine stands in for it: started for the time on an engine port of its own, it also shows that the program
 * starts here, before anything moves. The bulk holder's directions, and those of an engine when no engine port is free,
 * go to the precise engines that there are. All of it is moves as `engine move` makes them, in a job. When something
 * fails, directions stay with engines that work; what is left over vn_engines_tick() tidies up.
 */
#include "base/log.h"
#include "methods/methods.h"

#include <stdlib.h>

#include <base/util.h>

#include "engines/engine_port.h"
#include "engines/placement.h"
#include "disc/disc_words.h"

#define UP_NS   (10 * VN_NSEC_PER_SEC) /* until a process that was started works */
#define HELD_NS (60 * VN_NSEC_PER_SEC) /* until what an engine holds has left */
#define TURN_NS (5 * VN_NSEC_PER_MSEC)

struct restart {
	struct vn_parts *parts;
	uint32_t engine;
	uint32_t stand_in; /* an engine port; 0: others take over (engine port 0 is always an engine's own) */
	bool *moved;       /* by number: was at the engine */
	uint32_t n_moved;
	pid_t old_pid;
	uint64_t empty_ns; /* since when it seems to hold nothing */
};

/* False: not in time, or the daemon is to end. */
static bool turn_until(struct restart *x, bool (*done)(struct restart *x), uint64_t ns)
{
	const uint64_t until_ns = vn_now_ns() + ns;

	while (!done(x)) {
		if (vn_now_ns() > until_ns || x->parts->stop)
			return false;
		vn_job_sleep(&x->parts->jobs, TURN_NS);
	}
	return true;
}

static bool has_failed(const struct vn_supervisor *s)
{
	return s->failures || s->refuses;
}

static bool is_decided(const struct vn_supervisor *s)
{
	return has_failed(s) || vn_supervisor_is_up(s);
}

static const char *why_of(const struct vn_supervisor *s)
{
	return s->why.err ? s->why.text : "it does not answer";
}

static bool stand_in_decided(struct restart *x)
{
	return is_decided(&x->parts->engines.engine[x->stand_in]);
}

static uint32_t free_engine_port(const struct vn_parts *parts)
{
	for (uint32_t i = parts->engines.n; i < VN_ENGINE_BULK; i++)
		if (!parts->engines.used[i] && !parts->fabric.placement.port[i].there)
			return i;
	return 0;
}

static int open_stand_in(struct restart *x, uint32_t engine, struct vn_err *err)
{
	struct vn_supervisor *s = &x->parts->engines.engine[engine];
	struct vn_err why = {0};
	bool up = false;

	s->spin = false; /* it has no processor of its own */
	s->stand_in = x->engine + 1;
	if (vn_engine_open(&x->parts->engines, engine, &why) < 0) {
		vn_supervisor_close(s);
		s->stand_in = 0;
		vn_engine_port_remove(&x->parts->fabric.placement, engine, NULL);
	} else {
		x->stand_in = engine;
		up = turn_until(x, stand_in_decided, UP_NS) && vn_supervisor_is_up(s);
		s->leaving = !up;
	}
	if (!up)
		return vn_err(
			err, VN_EXIT_ROLLED_BACK, EAGAIN,
			"engine %u: another one of the program to stand in for it does not start: %s; nothing was "
			"changed: engine %u goes on",
			x->engine, why.err ? why.text : why_of(s), x->engine);
	x->parts->fabric.placement.port[engine].takes = true;
	return 0;
}

static bool another_is_up(const struct restart *x)
{
	for (uint32_t i = 0; i < VN_ENGINE_BULK; i++)
		if (i != x->engine && x->parts->fabric.placement.port[i].takes &&
		    vn_supervisor_is_up(&x->parts->engines.engine[i]))
			return true;
	return false;
}

static int find_others(struct restart *x, struct vn_err *err)
{
	const uint32_t engine = x->engine == VN_ENGINE_BULK ? 0 : free_engine_port(x->parts);

	if (engine)
		return open_stand_in(x, engine, err);
	if (another_is_up(x))
		return 0;
	return vn_err(err, VN_EXIT_ROLLED_BACK, EAGAIN,
		      "engine %u: no other engine works that could take its links meanwhile; nothing was changed",
		      x->engine);
}

static void note_moved(struct restart *x)
{
	const struct vn_maps *m = &x->parts->dp.maps;

	for (uint32_t i = 1; i < m->max_ports; i++) {
		x->moved[i] = m->port[i].flags & VN_PORT_ACTIVE &&
			      vn_placement_engine(&x->parts->fabric.placement, i) == x->engine;
		x->n_moved += x->moved[i];
	}
}

/* All of its directions are elsewhere, and what it held has left: by what it said afterwards. */
static bool is_empty(struct restart *x)
{
	struct vn_fabric *f = &x->parts->fabric;
	const struct vn_engine *e = &x->parts->dp.maps.engine[x->engine];

	vn_placement_count(&f->placement);
	if (f->placement.port[x->engine].ports) {
		vn_engine_drain(&x->parts->engines, x->engine);
		x->empty_ns = 0;
		return false;
	}
	vn_placement_turn(&f->placement);
	if (f->placement.n_moves || vn_engine_holds(&x->parts->engines, x->engine)) {
		x->empty_ns = 0;
		return false;
	}
	if (!x->empty_ns)
		x->empty_ns = vn_now_ns();
	return !x->parts->engines.engine[x->engine].pid || e->heartbeat_ns > x->empty_ns;
}

static bool is_replaced(struct restart *x)
{
	const struct vn_supervisor *s = &x->parts->engines.engine[x->engine];

	return s->pid != x->old_pid && !s->replacing && is_decided(s);
}

static bool stand_in_gone(struct restart *x)
{
	if (!x->parts->engines.used[x->stand_in])
		return true;
	if (!x->parts->engines.engine[x->stand_in].stopping)
		vn_engine_drain(&x->parts->engines, x->stand_in);
	return false;
}

/* Those that nobody stood in for. */
static bool is_back(struct restart *x)
{
	const struct vn_maps *m = &x->parts->dp.maps;
	bool all = true;

	for (uint32_t i = 1; i < m->max_ports; i++) {
		struct vn_disc disc;

		if (!x->moved[i])
			continue;
		vn_disc_read(m, i, &disc, NULL);
		x->moved[i] = m->port[i].flags & VN_PORT_ACTIVE &&
			      vn_placement_engine(&x->parts->fabric.placement, i) != x->engine &&
			      (x->engine != VN_ENGINE_BULK || vn_disc_bulk_can(&disc)) &&
			      vn_placement_begin(&x->parts->fabric.placement, i, x->engine) < 0;
		all &= !x->moved[i];
	}
	vn_placement_settle(&x->parts->fabric.placement);
	return all && !x->parts->fabric.placement.n_moves;
}

static void come_back(struct restart *x)
{
	struct vn_parts *parts = x->parts;

	parts->fabric.placement.port[x->engine].takes = true;
	if (!x->stand_in) {
		turn_until(x, is_back, HELD_NS);
		return;
	}
	parts->fabric.placement.port[x->stand_in].takes = false;
	parts->engines.engine[x->stand_in].leaving = true;
	turn_until(x, stand_in_gone, HELD_NS);
}

static int replace(struct restart *x, struct vn_err *err)
{
	struct vn_supervisor *s = &x->parts->engines.engine[x->engine];
	int r = find_others(x, err);

	if (r < 0)
		return r;
	note_moved(x);
	x->parts->fabric.placement.port[x->engine].takes = false;
	if (!turn_until(x, is_empty, HELD_NS)) {
		come_back(x);
		return vn_err(err, VN_EXIT_ROLLED_BACK, EAGAIN,
			      "engine %u: it still holds frames after 60 s: its links come back to it, nothing was "
			      "lost: try again when their delays are shorter",
			      x->engine);
	}
	x->old_pid = s->pid;
	vn_supervisor_replace(s);
	if (turn_until(x, is_replaced, UP_NS) && vn_supervisor_is_up(s)) {
		come_back(x);
		return 0;
	}
	return vn_err(
		err, VN_EXIT_KERNEL, EAGAIN,
		"engine %u: its new program does not start: %s; its links are with other engines and lost nothing: "
		"mend the program, and the daemon starts it again by itself",
		x->engine, why_of(s));
}

static int restart_one(struct vn_parts *parts, uint32_t engine, json_t *list, struct vn_err *err)
{
	struct restart x = {.parts = parts, .engine = engine, .moved = calloc(parts->dp.maps.max_ports, sizeof(bool))};
	const uint64_t from_ns = vn_now_ns();
	int r;

	if (!x.moved)
		return -ENOMEM;
	vn_log("engine %u (pid %d): restart was asked for", engine, (int)parts->engines.engine[engine].pid);
	parts->engines.restarting = true;
	r = replace(&x, err);
	parts->engines.restarting = false;
	free(x.moved);
	if (r < 0)
		return r;
	vn_log("engine %u (pid %d): restarted, %u directions went away and came back", engine,
	       (int)parts->engines.engine[engine].pid, x.n_moved);
	json_array_append_new(list,
			      json_pack("{s:i, s:i, s:i, s:i, s:I}", "engine", (int)engine, "pid",
					(int)parts->engines.engine[engine].pid, "old_pid", (int)x.old_pid, "directions",
					(int)x.n_moved, "time_ns", (json_int_t)(vn_now_ns() - from_ns)));
	return 0;
}

int vn_op_engine_restart(struct vn_parts *parts, struct vn_conn *c, const json_t *params, json_t **ret_reply,
			 struct vn_err *err)
{
	const json_t *one = json_object_get(params, "engine");
	uint32_t first = 0, last = VN_ENGINES_MAX - 1;
	cleanup_hold struct vn_hold hold = {0};
	json_t *list;
	int r = vn_hold_all(parts, c, &hold, err);

	if (r == 0 && one) {
		r = vn_engine_take(parts, params, &first, err);
		last = first;
	}
	if (r < 0)
		return r;
	list = json_array();
	for (uint32_t i = first; i <= last && r == 0; i++)
		if (parts->engines.used[i] && !parts->engines.engine[i].leaving && !parts->engines.engine[i].stand_in)
			r = restart_one(parts, i, list, err);
	if (r < 0) {
		json_decref(list);
		return r;
	}
	*ret_reply = json_pack("{s:o}", "engines", list);
	return *ret_reply ? 0 : -ENOMEM;
}
