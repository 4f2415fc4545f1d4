/* SPDX-License-Identifier: GPL-2.0-only */
/* The methods of the control socket: rows and calls, no work of their own. */
#ifndef VNET_METHODS_METHODS_H
#define VNET_METHODS_METHODS_H

#include <jansson.h>

#include "api/server.h"
#include "engines/engines.h"
#include "lease/handover.h"
#include "measure/measure.h"
#include "observe/observe.h"
#include "store/store.h"

/* The parts of the daemon, for the methods: each of them takes what it needs, and no part knows of this. */
struct vn_parts {
	struct vn_loop loop;
	struct vn_jobs jobs;
	struct vn_locks locks;
	struct vn_tell tell; /* to every `monitor` */
	struct vn_dp dp;
	struct vn_fabric fabric;
	struct vn_runner runner;
	struct vn_arena arena; /* tables and traces */
	struct vn_engines engines;
	struct vn_handover lease;
	struct vn_store store;
	struct vn_observe observe;
	struct vn_measure measure;
	const char *runtime_dir, *pin_dir;
	uint64_t start_ns;
	uint64_t program; /* hash of the daemon's own */
	bool stop;        /* the daemon is about to end */
};

/*
 * Run the method that @request names: *@ret_reply (a new object), or @err. One that may take long waits: it is run in a
 * job.
 */
bool vn_method_is_long(const json_t *request);
/* The name by which everybody else knows the method of @request, whichever of its two was used; NULL: it has none. */
const char *vn_method_name(const json_t *request);
int vn_methods_call(struct vn_parts *parts, struct vn_conn *c, const json_t *request, json_t **ret_reply,
		    struct vn_err *err);

/* What a method holds of the store's locks (store/store.h); dropped at the end of its scope. */
struct vn_hold {
	struct vn_locks *locks;
	struct vn_lock all, topo, mends, vfs;
};
void vn_hold_drop(struct vn_hold *h);
#define cleanup_hold __attribute__((cleanup(vn_hold_drop)))
/*
 * Topology @name, for the changes of @c; waits while another job has it. -ECANCELED: the client went, or the daemon is
 * about to end. Then VN_LOCK_VFS as well, where a topology has VFs.
 */
int vn_hold_topology(struct vn_parts *parts, struct vn_conn *c, const char *name, struct vn_hold *h,
		     struct vn_err *err);
/* The same for who mends it or moves a node to another namespace: others may go on looking at it. */
int vn_hold_mends(struct vn_parts *parts, struct vn_conn *c, const char *name, struct vn_hold *h, struct vn_err *err);
int vn_hold_vfs(struct vn_parts *parts, struct vn_conn *c, struct vn_hold *h, struct vn_err *err);
/* All of them, for who works on the engines. */
int vn_hold_all(struct vn_parts *parts, struct vn_conn *c, struct vn_hold *h, struct vn_err *err);

/* Who asked for a change, if it wants to (`more`), is told how far it is. */
struct vn_change_progress vn_progress_to(struct vn_conn *c);
/* After a change of what runs: the sockets of AF_XDP ports, and what could not be removed before. */
void vn_sync_ports(struct vn_parts *parts);

/* Fill *@ret_reply (a new object) or @err. @c: who asks. */
int vn_op_info(struct vn_parts *parts, struct vn_conn *c, const json_t *params, json_t **ret_reply, struct vn_err *err);
int vn_op_topology_plan(struct vn_parts *parts, struct vn_conn *c, const json_t *params, json_t **ret_reply,
			struct vn_err *err);
int vn_op_topology_apply(struct vn_parts *parts, struct vn_conn *c, const json_t *params, json_t **ret_reply,
			 struct vn_err *err);
int vn_op_topology_delete(struct vn_parts *parts, struct vn_conn *c, const json_t *params, json_t **ret_reply,
			  struct vn_err *err);
int vn_op_topology_show(struct vn_parts *parts, struct vn_conn *c, const json_t *params, json_t **ret_reply,
			struct vn_err *err);
int vn_op_node_show(struct vn_parts *parts, struct vn_conn *c, const json_t *params, json_t **ret_reply,
		    struct vn_err *err);
/* After a start: programs on every AF_XDP port are ours, sockets listen, owners are known again. Failures are told. */
void vn_ports_adopt(struct vn_parts *parts);
int vn_op_port_show(struct vn_parts *parts, struct vn_conn *c, const json_t *params, json_t **ret_reply,
		    struct vn_err *err);
int vn_op_vf_show(struct vn_parts *parts, struct vn_conn *c, const json_t *params, json_t **ret_reply,
		  struct vn_err *err);
int vn_op_vf_reclaim(struct vn_parts *parts, struct vn_conn *c, const json_t *params, json_t **ret_reply,
		     struct vn_err *err);
/* Give the VF ports of @topo their VFs; links of @old (may be NULL) that stay keep theirs. */
int vn_vfs_give(struct vn_parts *parts, struct vn_topo *topo, struct vn_topo *old, struct vn_err *err);
/* After a start: VFs that no port has are given back; programs are of this build. */
int vn_vfs_adopt_all(struct vn_parts *parts, struct vn_err *err);
int vn_op_link_show(struct vn_parts *parts, struct vn_conn *c, const json_t *params, json_t **ret_reply,
		    struct vn_err *err);
int vn_op_link_verify(struct vn_parts *parts, struct vn_conn *c, const json_t *params, json_t **ret_reply,
		      struct vn_err *err);
int vn_op_link_reset(struct vn_parts *parts, struct vn_conn *c, const json_t *params, json_t **ret_reply,
		     struct vn_err *err);
int vn_op_calibrate(struct vn_parts *parts, struct vn_conn *c, const json_t *params, json_t **ret_reply,
		    struct vn_err *err);
#define VN_LINK_SET_WORDS 64 /* at most */
/* Parameter "dir": bit 0 is ab, bit 1 is ba; both when it is missing. */
int vn_link_dirs(const json_t *params, struct vn_err *err);
int vn_op_link_set(struct vn_parts *parts, struct vn_conn *c, const json_t *params, json_t **ret_reply,
		   struct vn_err *err);

int vn_op_engine_show(struct vn_parts *parts, struct vn_conn *c, const json_t *params, json_t **ret_reply,
		      struct vn_err *err);
int vn_op_engine_move(struct vn_parts *parts, struct vn_conn *c, const json_t *params, json_t **ret_reply,
		      struct vn_err *err);
int vn_op_engine_restart(struct vn_parts *parts, struct vn_conn *c, const json_t *params, json_t **ret_reply,
			 struct vn_err *err);
/* Parameter "engine": one that runs and stays. */
int vn_engine_take(struct vn_parts *parts, const json_t *params, uint32_t *ret_trunk, struct vn_err *err);
/* One engine's figures, as in vnet.info and vnet.engine.show. */
json_t *vn_engine_to_json(struct vn_parts *parts, uint32_t engine);

/* As vnet.node.show has it. */
json_t *vn_node_to_json(struct vn_parts *parts, const struct vn_running *run, size_t index);
int vn_op_node_attach(struct vn_parts *parts, struct vn_conn *c, const json_t *params, json_t **ret_reply,
		      struct vn_err *err);
int vn_op_node_detach(struct vn_parts *parts, struct vn_conn *c, const json_t *params, json_t **ret_reply,
		      struct vn_err *err);
/* User @uid applies @new by @plan: each of its containers is told on whose behalf it runs. */
void vn_containers_asked(struct vn_parts *parts, const struct vn_plan *plan, struct vn_topo *new, uid_t uid);
/* What of @plan makes privileged nodes is refused to users other than root. */
int vn_privileged_allowed(const struct vn_plan *plan, uid_t uid, struct vn_err *err);

#endif
