// SPDX-License-Identifier: GPL-2.0-only
/* vnet.engine.show and vnet.engine.move. */
#include "base/log.h"
#include "methods/methods.h"

#include <base/util.h>

#include "methods/rows.h"
#include "engines/placement.h"
#include "disc/disc_words.h"

json_t *vn_overload_json(uint32_t bits)
{
	json_t *list = json_array();

#define X(id, word, text)                                                                                              \
	if (bits & 1u << VN_OVERLOAD_##id)                                                                             \
		json_array_append_new(list, json_string(word));
	VN_OVERLOAD_LIST(X)
#undef X
	return list;
}

json_t *vn_engine_to_json(struct vn_parts *parts, uint32_t engine)
{
	const struct vn_engine e = parts->dp.maps.engine[engine];
	struct vn_supervisor *s = &parts->engines.engine[engine];
	const struct vn_engine_port *t = &parts->fabric.placement.port[engine];
	char program[VN_PROGRAM_TEXT];
	uint64_t now = vn_now_ns();

	return json_pack("{s:i, s:s, s:i, s:b, s:b, s:b, s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, "
			 "s:I, s:I, s:o, s:s?, s:b}",
			 "engine", (int)engine, "kind", vn_holder_word(engine), "pid", (int)s->pid, "up",
			 vn_supervisor_is_up(s), "leaving", s->leaving, "fifo", (int)e.fifo, "cpu", s->cpu,
			 "heartbeat_age_ns", (json_int_t)(now > e.heartbeat_ns ? now - e.heartbeat_ns : 0), "restarts",
			 (json_int_t)s->restarts, "failures", (json_int_t)s->failures, "retry_in_ns",
			 (json_int_t)vn_supervisor_retry_in_ns(s), "directions", (json_int_t)t->ports, "packets_per_s",
			 (json_int_t)t->packets_per_s, "held_packets", (json_int_t)e.held_packets, "held_bytes",
			 (json_int_t)e.held_bytes, "slab_bytes", (json_int_t)e.slab_bytes, "rx_packets",
			 (json_int_t)e.rx_packets, "tx_packets", (json_int_t)e.tx_packets, "rx_dropped",
			 (json_int_t)(e.rx_dropped + e.ring_dropped), "late_packets", (json_int_t)e.late_packets,
			 "overload", vn_overload_json(e.overload), "program", vn_program_text(s->program, program),
			 "program_current", vn_supervisor_is_current(s));
}

int vn_op_engine_show(struct vn_parts *parts, struct vn_conn *c, const json_t *params, json_t **ret_reply,
		      struct vn_err *err)
{
	json_t *list = json_array();

	vn_placement_count(&parts->fabric.placement);
	for (uint32_t i = 0; i < VN_ENGINES_MAX; i++)
		if (parts->engines.used[i])
			json_array_append_new(list, vn_engine_to_json(parts, i));
	*ret_reply = json_pack("{s:o}", "engines", list);
	return *ret_reply ? 0 : -ENOMEM;
}

int vn_engine_take(struct vn_parts *parts, const json_t *params, uint32_t *ret_to, struct vn_err *err)
{
	const json_t *to = json_object_get(params, "engine");
	json_int_t v = json_integer_value(to);

	if (v < 0 || v >= VN_ENGINES_MAX || !parts->engines.used[v] || parts->engines.engine[v].leaving)
		return vn_err_usage(err, "no engine %lld: `vnet-agent engine show` lists them", (long long)v);
	*ret_to = (uint32_t)v;
	return 0;
}

static int check_takes(const struct vn_parts *parts, uint32_t to, struct vn_err *err)
{
	if (parts->fabric.placement.port[to].takes)
		return 0;
	return vn_err(err, VN_EXIT_CHANGED, EBUSY, "engine %u is being replaced: try again in a moment", to);
}

static int check_move(const struct vn_link *l, int dir, uint32_t to, struct vn_err *err)
{
	const struct vn_disc *disc = &l->disc[dir];

	if (to == VN_ENGINE_BULK && !vn_disc_bulk_can(disc))
		return vn_err(
			err, VN_EXIT_NOT_POSSIBLE, EOPNOTSUPP,
			"link %s: engine %u is the bulk holder: it can do delay, rate and limit, and nothing that "
			"is decided packet by packet",
			l->name, to);
	if (to == VN_ENGINE_BULK ? disc->holder == VN_HOLDER_PRECISE : disc->holder == VN_HOLDER_BULK)
		return vn_err(err, VN_EXIT_NOT_POSSIBLE, EOPNOTSUPP,
			      "link %s: engine %u is not of the kind that its `holder` asks for", l->name, to);
	return 0;
}

int vn_op_engine_move(struct vn_parts *parts, struct vn_conn *c, const json_t *params, json_t **ret_reply,
		      struct vn_err *err)
{
	const char *name = json_string_value(json_object_get(params, "name"));
	struct vn_running *run;
	uint32_t to = 0;
	size_t index;
	int r, dirs;

	r = vn_running_find_link(&parts->store, name, &run, &index, err);
	if (r == 0)
		r = vn_engine_take(parts, params, &to, err);
	if (r == 0)
		r = check_takes(parts, to, err);
	if (r < 0)
		return r;
	dirs = vn_link_dirs(params, err);
	if (dirs < 0)
		return dirs;
	for (int dir = 0; dir < VN_DIRS && r == 0; dir++)
		if (dirs >> dir & 1)
			r = check_move(&run->topo->links[index], dir, to, err);
	/* Moves that have begun are over within moments: unless an engine hangs. */
	if (r == 0)
		vn_placement_settle(&parts->fabric.placement);
	for (int dir = 0; dir < VN_DIRS && r == 0; dir++)
		if (dirs >> dir & 1 &&
		    vn_placement_wait_away(&parts->fabric.placement, run->topo->links[index].ports[dir].number))
			r = -EAGAIN;
	for (int dir = 0; dir < VN_DIRS && r == 0; dir++)
		if (dirs >> dir & 1)
			r = vn_placement_begin(&parts->fabric.placement, run->topo->links[index].ports[dir].number, to);
	if (r == -EBUSY)
		return vn_err(err, VN_EXIT_CHANGED, EBUSY, "link %s is moving already: try again in a moment", name);
	if (r == -EAGAIN)
		return vn_err(
			err, VN_EXIT_CHANGED, EAGAIN,
			"link %s: the engine that it moved away from still holds frames of it: try again when they "
			"have left",
			name);
	if (r < 0)
		return r;
	vn_placement_settle(&parts->fabric.placement);
	*ret_reply = json_pack("{s:s, s:i, s:b}", "link", name, "engine", (int)to, "moving",
			       parts->fabric.placement.n_moves > 0);
	return *ret_reply ? 0 : -ENOMEM;
}
