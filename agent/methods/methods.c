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
	bool plans;   /* works on plans: waits while one is being executed */
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
		if (methods[i].plans && parts->store.busy)
			return -EBUSY;
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
