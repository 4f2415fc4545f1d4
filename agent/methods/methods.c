/* SPDX-License-Identifier: GPL-2.0-only */
#include "methods/methods.h"

#include <string.h>

#include <base/util.h>

#include "api/events.h"

static int op_monitor(struct vn_parts *parts, struct vn_conn *c, const json_t *params, json_t **ret_reply,
		      struct vn_err *err)
{
	c->monitor = true;
	*ret_reply = json_pack("{s:s}", "event", "start");
	if (!*ret_reply)
		return -ENOMEM;
	vn_event_stamp(*ret_reply);
	return 0;
}

static const struct {
	const char *name;
	int (*op)(struct vn_parts *parts, struct vn_conn *c, const json_t *params, json_t **ret_reply,
		  struct vn_err *err);
	bool observe; /* changes nothing: the read-only socket takes it */
	bool is_long; /* waits for the kernel, a container's runtime or for frames: runs in a job */
} methods[] = {
	{"vnet.info", vn_op_info, true, false},
	{"vnet.topology.plan", vn_op_topology_plan, false, true},
	{"vnet.topology.apply", vn_op_topology_apply, false, true},
	{"vnet.topology.delete", vn_op_topology_delete, false, true},
	{"vnet.topology.show", vn_op_topology_show, true, false},
	{"vnet.node.show", vn_op_node_show, true, false},
	{"vnet.node.attach", vn_op_node_attach, false, true},
	{"vnet.node.detach", vn_op_node_detach, false, true},
	{"vnet.port.show", vn_op_port_show, true, false},
	{"vnet.vf.show", vn_op_vf_show, true, false},
	{"vnet.vf.reclaim", vn_op_vf_reclaim, false, true},
	{"vnet.link.show", vn_op_link_show, true, false},
	{"vnet.link.set", vn_op_link_set, false, false},
	{"vnet.engine.show", vn_op_engine_show, true, false},
	{"vnet.engine.move", vn_op_engine_move, false, false},
	{"vnet.engine.restart", vn_op_engine_restart, false, true},
	{"vnet.link.verify", vn_op_link_verify, false, true},
	{"vnet.link.reset", vn_op_link_reset, false, false},
	{"vnet.calibrate", vn_op_calibrate, false, true},
	{"vnet.monitor", op_monitor, true, false},
};

bool vn_method_is_long(const json_t *request)
{
	const char *method = json_string_value(json_object_get(request, "method"));

	for (size_t i = 0; method && i < VN_ARRAY_SIZE(methods); i++)
		if (strcmp(method, methods[i].name) == 0)
			return methods[i].is_long;
	return false;
}

int vn_methods_call(struct vn_parts *parts, struct vn_conn *c, const json_t *request, json_t **ret_reply,
		    struct vn_err *err)
{
	const char *method = json_string_value(json_object_get(request, "method"));
	json_t *params = json_object_get(request, "parameters");

	if (!method)
		return vn_err_usage(err, "the request names no method");
	if (params && !json_is_object(params) && !json_is_null(params))
		return vn_err_usage(err, "%.64s: 'parameters' is not an object", method);
	for (size_t i = 0; i < VN_ARRAY_SIZE(methods); i++) {
		if (strcmp(method, methods[i].name) != 0)
			continue;
		if (c->observe && !methods[i].observe)
			return vn_err(err, VN_EXIT_DENIED, EACCES, "%s: not on the read-only socket: use %s/%s", method,
				      parts->runtime_dir, VN_SOCK_CONTROL);
		return methods[i].op(parts, c, params, ret_reply, err);
	}
	return vn_err_usage(err, "no method '%.64s'", method);
}

static void tell_progress(void *arg, size_t done, size_t total)
{
	struct vn_conn *c = arg;

	if (c->more)
		vn_conn_reply(c, json_pack("{s:I, s:I}", "done", (json_int_t)done, "total", (json_int_t)total), true);
}

struct vn_change_progress vn_progress_to(struct vn_conn *c)
{
	return (struct vn_change_progress){.told = tell_progress, .arg = c};
}

static int take(struct vn_parts *parts, struct vn_conn *c, struct vn_lock *l, const char *name, bool shared,
		struct vn_err *err)
{
	int r = vn_lock_take(&parts->locks, l, name, shared, &c->dead);

	if (r == 0 && parts->stop)
		r = -ECANCELED;
	return r < 0 ? vn_err(err, VN_EXIT_CHANGED, ECANCELED, "cancelled before anything was changed: %s",
			      parts->stop ? "the daemon is about to end" : "the client went")
		     : 0;
}

int vn_hold_topology(struct vn_parts *parts, struct vn_conn *c, const char *name, struct vn_hold *h, struct vn_err *err)
{
	int r;

	h->locks = &parts->locks;
	r = take(parts, c, &h->all, VN_LOCK_ALL, true, err);
	return r == 0 ? take(parts, c, &h->topo, name, false, err) : r;
}

int vn_hold_mends(struct vn_parts *parts, struct vn_conn *c, const char *name, struct vn_hold *h, struct vn_err *err)
{
	char mends[VN_LOCK_NAME_MAX];
	int r;

	h->locks = &parts->locks;
	snprintf(mends, sizeof(mends), "%s" VN_LOCK_MENDS, name);
	r = take(parts, c, &h->all, VN_LOCK_ALL, true, err);
	if (r == 0)
		r = take(parts, c, &h->topo, name, true, err);
	return r == 0 ? take(parts, c, &h->mends, mends, false, err) : r;
}

int vn_hold_vfs(struct vn_parts *parts, struct vn_conn *c, struct vn_hold *h, struct vn_err *err)
{
	h->locks = &parts->locks;
	return take(parts, c, &h->vfs, VN_LOCK_VFS, false, err);
}

int vn_hold_all(struct vn_parts *parts, struct vn_conn *c, struct vn_hold *h, struct vn_err *err)
{
	h->locks = &parts->locks;
	return take(parts, c, &h->all, VN_LOCK_ALL, false, err);
}

void vn_hold_drop(struct vn_hold *h)
{
	vn_lock_drop(h->locks, &h->vfs);
	vn_lock_drop(h->locks, &h->mends);
	vn_lock_drop(h->locks, &h->topo);
	vn_lock_drop(h->locks, &h->all);
}
