/* SPDX-License-Identifier: GPL-2.0-only */
#include "methods/methods.h"

#include <string.h>

#include <base/util.h>

#include "methods/method_table.h"

/* What a call of org.varlink.service is answered. */
static int serve_varlink(const char *method, const json_t *params, json_t **ret_reply, struct vn_err *err)
{
	const char *interface = json_string_value(json_object_get(params, "interface"));
	cleanup_free char *text = NULL;

	if (strcmp(method, VN_INTERFACE_SERVICE ".GetInfo") == 0) {
		*ret_reply =
			json_pack("{s:s, s:s, s:s, s:s, s:[s, s]}", "vendor", "vnet", "product", "vnet-agent",
				  "version", VN_VERSION, "url", "", "interfaces", VN_INTERFACE_SERVICE, VN_INTERFACE);
		return *ret_reply ? 0 : -ENOMEM;
	}
	if (strcmp(method, VN_INTERFACE_SERVICE ".GetInterfaceDescription") != 0)
		return -ENOENT;
	if (!interface) {
		err->parameter = "interface";
		return vn_err_usage(err, "parameter 'interface': is missing: the name of an interface");
	}
	text = vn_interface_text(interface);
	if (!text) {
		err->name = VN_INTERFACE_SERVICE ".InterfaceNotFound";
		err->parameter = interface;
		return vn_err_usage(err, "no interface '%.64s': there are %s and %s", interface, VN_INTERFACE_SERVICE,
				    VN_INTERFACE);
	}
	*ret_reply = json_pack("{s:s}", "description", text);
	return *ret_reply ? 0 : -ENOMEM;
}

bool vn_method_is_long(const json_t *request)
{
	const char *name = json_string_value(json_object_get(request, "method"));
	const struct vn_method *m = name ? vn_method_find(name) : NULL;

	return m && m->is_long;
}

const char *vn_method_name(const json_t *request)
{
	const char *name = json_string_value(json_object_get(request, "method"));
	const struct vn_method *m = name ? vn_method_find(name) : NULL;

	return m ? m->name : name;
}

int vn_methods_call(struct vn_parts *parts, struct vn_conn *c, const json_t *request, json_t **ret_reply,
		    struct vn_err *err)
{
	const char *name = json_string_value(json_object_get(request, "method"));
	json_t *params = json_object_get(request, "parameters");
	const struct vn_method *m;
	int r;

	if (!name)
		return vn_err_usage(err, "the request names no method");
	if (params && !json_is_object(params) && !json_is_null(params))
		return vn_err_usage(err, "%.64s: 'parameters' is not an object", name);
	r = serve_varlink(name, params, ret_reply, err);
	if (r != -ENOENT)
		return r;
	m = vn_method_find(name);
	if (!m) {
		err->name = VN_INTERFACE_SERVICE ".MethodNotFound";
		err->parameter = name;
		return vn_err_usage(err, "no method '%.64s'", name);
	}
	if (c->observe && !m->observe)
		return vn_err(err, VN_EXIT_DENIED, EACCES, "%s: not on the read-only socket: use %s/%s", m->name,
			      parts->runtime_dir, VN_SOCK_CONTROL);
	r = vn_fields_check(m->name, m->fields, params, err);
	return r < 0 ? r : m->op(parts, c, params, ret_reply, err);
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
