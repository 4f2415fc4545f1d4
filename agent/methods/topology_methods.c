/* SPDX-License-Identifier: GPL-2.0-only */
/* vnet.topology.*: the only way to change which objects exist. */
#include "base/log.h"
#include "methods/methods.h"

#include <limits.h>

#include <base/util.h>

#include "measure/calibrate.h"
#include "store/disc_blocks.h"
#include "methods/rows.h"
#include "exec/port_vf.h"
#include "model/topo.h"

/* Where the caller has the text from: only to tell two files of one name apart. */
static void take_source(struct vn_topo *t, const json_t *params)
{
	const char *source = json_string_value(json_object_get(params, "source"));

	if (!source || !*source || strlen(source) >= PATH_MAX)
		return;
	/* It is printed on somebody else's terminal. */
	for (const char *p = source; *p; p++) {
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return;
	}
	t->source = strdup(source);
}

/* The file that the running @old came from, where it is another one than @new's: two networks may share a name. */
static void tell_source(json_t *reply, const struct vn_topo *old, const struct vn_topo *new)
{
	if (old && old->source && (!new->source || strcmp(old->source, new->source) != 0))
		json_object_set_new(reply, "replaces", json_string(old->source));
}

/* What the nodes have lost or changed by themselves, as last seen: borrowed. */
static int take_drift(const struct vn_running *run, struct vn_observed *seen)
{
	seen->drift = calloc(run->topo->n_nodes ?: 1, sizeof(*seen->drift));
	if (!seen->drift)
		return -ENOMEM;
	for (size_t i = 0; i < run->topo->n_nodes; i++)
		seen->drift[i] = run->nodes[i].drift.any ? &run->nodes[i].drift : NULL;
	return 0;
}

/* A change in the making: what it is to be, the plan that borrows from it, and what it holds meanwhile. */
struct change {
	struct vn_parts *parts;
	struct vn_topo *topo;
	struct vn_plan *plan;
	struct vn_planned planned;
	struct vn_hold hold;
};

static void change_release(struct change *x)
{
	vn_planned_drop(&x->parts->store, &x->planned);
	vn_plan_free(x->plan);
	vn_topo_free(x->topo);
	vn_ports_rebuild(&x->parts->store);
	vn_hold_drop(&x->hold);
}
#define cleanup_change __attribute__((cleanup(change_release)))

/* The topology in @params, as it is wished, held against what runs. */
static int take_topology(struct change *x, struct vn_conn *c, const json_t *params, struct vn_err *err)
{
	const char *file = json_string_value(json_object_get(params, "file"));
	const json_t *text = json_object_get(params, "text");
	const struct vn_running *run;
	int r;

	r = vn_topo_parse(file ? file : "topology", json_string_value(text), json_string_length(text), &x->topo, err);
	if (r < 0)
		return r;
	take_source(x->topo, params);
	r = vn_hold_topology(x->parts, c, x->topo->name, &x->hold, err);
	if (r < 0)
		return r;
	run = vn_running_find(&x->parts->store, x->topo->name);
	return vn_topo_has(x->topo, VN_TRAIT_BORROWED) || (run && vn_topo_has(run->topo, VN_TRAIT_BORROWED))
		       ? vn_hold_vfs(x->parts, c, &x->hold, err)
		       : 0;
}

/* From the text in @params to a plan against what runs. */
static int make_plan(struct change *x, struct vn_conn *c, const json_t *params, struct vn_err *err)
{
	struct vn_parts *parts = x->parts;
	cleanup_observed struct vn_observed seen = {0};
	struct vn_topo *old = NULL;
	struct vn_running *run;
	int r = take_topology(x, c, params, err);

	if (r < 0)
		return r;
	run = vn_running_find(&parts->store, x->topo->name);
	if (run) {
		old = run->topo;
		vn_watch_sync(&parts->observe, run, VN_NONE, 0);
		r = vn_observe(&parts->fabric, old, &seen, err);
		if (r == 0)
			r = take_drift(run, &seen);
		if (r < 0)
			return r;
	}
	r = vn_topo_resolve(x->topo, old, vn_ports_alloc, &parts->store, err);
	if (r == 0 && old)
		r = vn_exec_make_room(&parts->fabric, old, &seen, x->topo, vn_ports_alloc, &parts->store, err);
	if (r == 0)
		r = vn_vfs_give(parts, x->topo, old, err);
	if (r == 0)
		r = vn_files_fill_topo(&parts->store, params, x->topo, old, err);
	if (r == 0)
		r = vn_limits_check_topo(&parts->measure, x->topo, err);
	seen.kernel = &parts->store.kernel;
	if (r == 0)
		r = vn_plan_make(old, &seen, x->topo, &x->plan, err);
	if (r == 0)
		vn_planned_add(&parts->store, &x->planned, x->topo);
	return r;
}

int vn_op_topology_plan(struct vn_parts *parts, struct vn_conn *c, const json_t *params, json_t **ret_reply,
			struct vn_err *err)
{
	const struct vn_change_progress told = vn_progress_to(c);
	cleanup_change struct change x = {.parts = parts};
	const uint32_t next_port = parts->store.next_port;
	json_t *reply;
	int r;

	r = make_plan(&x, c, params, err);
	if (r < 0)
		return r;
	/* A look changes nothing: the apply that follows gets the same numbers. */
	parts->store.next_port = next_port;
	/* What apply would refuse before its first step. */
	vn_containers_asked(parts, x.plan, x.topo, c->uid);
	r = vn_privileged_allowed(x.plan, c->uid, err);
	if (r == 0)
		r = vn_plan_check_runs(&parts->store, &told, x.plan, err);
	if (r < 0)
		return r;
	reply = vn_plan_to_json(x.plan);
	if (!reply)
		return -ENOMEM;
	json_object_set_new(reply, "topology", json_string(x.topo->name));
	json_object_set_new(reply, "longest_path", json_integer(x.topo->longest_path));
	if (x.plan->n_steps)
		tell_source(reply, x.plan->old, x.topo);
	*ret_reply = reply;
	return 0;
}

static json_t *summary(const char *name, size_t steps, uint64_t start_ns)
{
	return json_pack("{s:s, s:I, s:I}", "topology", name, "steps", (json_int_t)steps, "time_ns",
			 (json_int_t)(vn_now_ns() - start_ns));
}

/* Words that no step is made of; they hold as soon as the topology is recorded. */
static bool same_words(const struct vn_topo *a, const struct vn_topo *b)
{
	return a->strict == b->strict && a->heal == b->heal;
}

int vn_op_topology_apply(struct vn_parts *parts, struct vn_conn *c, const json_t *params, json_t **ret_reply,
			 struct vn_err *err)
{
	const struct vn_change_progress told = vn_progress_to(c);
	cleanup_change struct change x = {.parts = parts};
	uint64_t start_ns = vn_now_ns();
	const struct vn_running *run;
	const char *name;
	int r;

	r = make_plan(&x, c, params, err);
	if (r < 0)
		return r;
	name = x.topo->name;
	run = vn_running_find(&parts->store, name);
	if (x.plan->n_steps == 0 && run && same_words(run->topo, x.topo)) {
		*ret_reply = summary(name, 0, start_ns);
		json_object_set_new(*ret_reply, "longest_path", json_integer(x.topo->longest_path));
		return 0;
	}
	vn_containers_asked(parts, x.plan, x.topo, c->uid);
	r = vn_privileged_allowed(x.plan, c->uid, err);
	if (r == 0)
		r = vn_plan_execute(&parts->store, &told, x.plan, err);
	if (r == 0 && vn_state_commit(&parts->store, name, x.topo, err) < 0)
		r = vn_plan_undo(&parts->store, x.plan, err);
	if (r < 0) {
		vn_carrier_sync(&parts->observe);
		vn_sync_ports(parts);
		return r;
	}
	*ret_reply = summary(name, x.plan->n_steps, start_ns);
	json_object_set_new(*ret_reply, "longest_path", json_integer(x.topo->longest_path));
	tell_source(*ret_reply, x.plan->old, x.topo);
	vn_tell(&parts->tell, json_pack("{s:s, s:s, s:I}", "event", "topology-applied", "topology", name, "steps",
					(json_int_t)x.plan->n_steps));
	r = vn_running_replace(&parts->store, name, x.topo, x.plan);
	if (r == 0)
		x.topo = NULL;
	vn_planned_drop(&parts->store, &x.planned);
	vn_ports_rebuild(&parts->store);
	vn_carrier_sync(&parts->observe);
	vn_sync_ports(parts);
	return r;
}

int vn_op_topology_delete(struct vn_parts *parts, struct vn_conn *c, const json_t *params, json_t **ret_reply,
			  struct vn_err *err)
{
	const struct vn_change_progress told = vn_progress_to(c);
	const char *name = json_string_value(json_object_get(params, "name"));
	cleanup_hold struct vn_hold hold = {0};
	cleanup_observed struct vn_observed seen = {0};
	cleanup_plan struct vn_plan *plan = NULL;
	uint64_t start_ns = vn_now_ns();
	struct vn_running *run;
	int r;

	r = vn_hold_topology(parts, c, name, &hold, err);
	if (r < 0)
		return r;
	run = vn_running_find(&parts->store, name);
	if (!run)
		return vn_err(err, VN_EXIT_USAGE, ENOENT, "topology '%s': not running (see `vnet-agent topology show`)",
			      name);
	r = vn_topo_has(run->topo, VN_TRAIT_BORROWED) ? vn_hold_vfs(parts, c, &hold, err) : 0;
	if (r == 0)
		r = vn_observe(&parts->fabric, run->topo, &seen, err);
	if (r == 0)
		r = vn_plan_make(run->topo, &seen, NULL, &plan, err);
	if (r == 0)
		r = vn_plan_execute(&parts->store, &told, plan, err);
	if (r == 0)
		r = vn_state_commit(&parts->store, name, NULL, err);
	if (r < 0) {
		vn_carrier_sync(&parts->observe);
		return r;
	}
	*ret_reply = summary(name, plan->n_steps, start_ns);
	vn_tell(&parts->tell, json_pack("{s:s, s:s}", "event", "topology-deleted", "topology", name));
	vn_running_replace(&parts->store, run->topo->name, NULL, NULL);
	vn_ports_rebuild(&parts->store);
	vn_sync_ports(parts);
	return 0;
}

static json_t *topo_brief(const struct vn_parts *parts, const struct vn_running *run)
{
	const struct vn_topo *t = run->topo;
	json_int_t broken = 0, degraded = 0;

	for (size_t i = 0; i < t->n_links; i++)
		broken += run->link_broken[i];
	for (size_t i = 0; i < t->n_nodes; i++)
		degraded += run->nodes[i].drift.any;
	return json_pack("{s:s, s:I, s:I, s:I, s:s, s:s, s:I, s:b, s:I, s:I, s:I, s:o}", "name", t->name, "nodes",
			 (json_int_t)t->n_nodes, "links", (json_int_t)t->n_links, "ports",
			 (json_int_t)t->n_links * VN_DIRS, "addressing",
			 t->addressing == VN_ADDRESSING_AUTO ? "auto" : "none", "routing",
			 t->routing == VN_ROUTING_SHORTEST ? "shortest" : "none", "seed", (json_int_t)t->seed, "heal",
			 t->heal, "broken_links", broken, "degraded_nodes", degraded, "longest_path",
			 (json_int_t)t->longest_path, "open_nodes", vn_open_nodes(&parts->store, t));
}

int vn_op_topology_show(struct vn_parts *parts, struct vn_conn *c, const json_t *params, json_t **ret_reply,
			struct vn_err *err)
{
	const char *name = json_string_value(json_object_get(params, "name"));
	const uint64_t until_ns = vn_now_ns() + VN_WATCH_SHOW_NS;
	json_t *list, *reply;
	struct vn_running *only = NULL;
	size_t i;

	if (name) {
		only = vn_running_find(&parts->store, name);
		if (!only)
			return vn_err(err, VN_EXIT_USAGE, ENOENT,
				      "topology '%s': not running (see `vnet-agent topology show`)", name);
	}
	list = json_array();
	for (i = 0; i < parts->store.n_running; i++) {
		if (only && only != parts->store.running[i])
			continue;
		vn_watch_sync(&parts->observe, parts->store.running[i], VN_NONE, until_ns);
		json_array_append_new(list, topo_brief(parts, parts->store.running[i]));
	}
	reply = json_pack("{s:o}", "topologies", list);
	if (only && reply) {
		json_t *topo = vn_topo_to_json(only->topo), *node;

		if (c->observe)
			json_array_foreach (json_object_get(topo, "nodes"), i, node)
				vn_container_hide(node);
		if (c->observe)
			json_object_del(topo, "source");
		json_object_set_new(reply, "topology", topo);
	}
	*ret_reply = reply;
	return reply ? 0 : -ENOMEM;
}
