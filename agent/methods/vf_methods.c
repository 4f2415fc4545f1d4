/* SPDX-License-Identifier: GPL-2.0-only */
/* vnet.vf.*, and what a plan and a start do for VFs. */
#include "base/log.h"
#include "methods/methods.h"

#include <base/util.h>

#include "exec/port_vf.h"

int vn_vfs_give(struct vn_parts *parts, struct vn_topo *topo, struct vn_topo *old, struct vn_err *err)
{
	return vn_vf_assign(topo, old, vn_vfs_look, &parts->fabric, err);
}

int vn_vfs_adopt_all(struct vn_parts *parts, struct vn_err *err)
{
	cleanup_free struct vn_topo **topos = vn_running_topos(&parts->store);

	return topos ? vn_vfs_adopt(&parts->fabric, topos, parts->store.n_running, vn_log, err) : -ENOMEM;
}

int vn_op_vf_show(struct vn_parts *parts, struct vn_conn *c, const json_t *params, json_t **ret_reply,
		  struct vn_err *err)
{
	const char *pf = json_string_value(json_object_get(params, "name"));
	cleanup_free struct vn_topo **topos = vn_running_topos(&parts->store);
	json_t *list = topos ? vn_vfs_show(&parts->fabric, pf, topos, parts->store.n_running, err) : NULL;

	if (!list)
		return err->err ? -err->err : -ENOMEM;
	*ret_reply = json_pack("{s:o}", "vfs", list);
	return *ret_reply ? 0 : -ENOMEM;
}

int vn_op_vf_reclaim(struct vn_parts *parts, struct vn_conn *c, const json_t *params, json_t **ret_reply,
		     struct vn_err *err)
{
	const char *pf = json_string_value(json_object_get(params, "name"));
	cleanup_hold struct vn_hold hold = {0};
	json_t *list;
	int r;

	r = vn_hold_vfs(parts, c, &hold, err);
	if (r < 0)
		return r;
	list = json_array();
	r = vn_vfs_reclaim(&parts->fabric, pf, list, err);
	if (r < 0) {
		json_decref(list);
		return r;
	}
	*ret_reply = json_pack("{s:o}", "vfs", list);
	return *ret_reply ? 0 : -ENOMEM;
}
