/* SPDX-License-Identifier: GPL-2.0-only */
/* The daemon's inside: what its files share. One thread; everything happens in the loop. */
#ifndef VNET_DAEMON_DAEMON_H
#define VNET_DAEMON_DAEMON_H

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

#include <base/util.h>

#include "engines/arena.h"
#include "observe/carrier.h"
#include "lease/handover.h"
#include "daemon/host_lock.h"
#include "base/log.h"
#include "base/event_loop.h"
#include "daemon/options.h"
#include "api/receiver.h"
#include "api/server.h"
#include "engines/engines.h"
#include "observe/node_watch.h"
#include "exec/executor.h"
#include "model/model.h"

/* A topology that runs, with what became of its links. */
struct vn_running {
	struct vn_topo *topo;
	bool *link_broken;
	struct vn_node_state *nodes; /* as they were seen last */
	bool changing;               /* a plan on it is being executed: its links cannot be set meanwhile */
	uint64_t heal_ns;            /* `heal: true`: lost devices are not made anew before */
	unsigned int healed;
};

struct vn_daemon {
	struct vn_daemon_opts opts;
	struct vn_loop loop;
	struct vn_dp dp;
	struct vn_kernel kernel;
	struct vn_fabric fabric;
	struct vn_runner runner;
	struct vn_receiver receiver;
	struct vn_server server;
	struct vn_tell tell; /* by the server, to every `monitor` */
	struct vn_engines engines;
	uint32_t overload_told[VN_ENGINES_MAX]; /* VN_OVERLOAD_ bits, as events said last */
	uint64_t program; /* hash of the daemon's own */
	struct vn_handover handover;
	struct vn_running *running;
	size_t n_running;
	uint64_t *ports_used; /* bitmap by number */
	uint32_t next_port;   /* next fit: a number rests before it is given out again */
	bool busy;            /* a plan is being executed: other changes of topologies wait */
	bool unswept;         /* something could not be removed */
	bool stop;
	bool fresh; /* starting, and there was nothing before: what fails leaves nothing */
	uint64_t start_ns;
	int lock_fd;
	struct vn_host_lock host_lock;
	bool name_lost;         /* the fabric has none any more */
	int background_fd;      /* to who started it in the background, until it is ready; -EBADF: nobody waits */
	json_t *calibration;    /* of this host (calibrate.h), or NULL */
	struct vn_arena arena;  /* tables and traces */
	uint64_t collected_ns;  /* when unused blocks were last looked for */
	struct vn_source links; /* rtnetlink: devices of the fabric that change or go */
	bool links_lost;        /* there were more of them than the socket holds */
	struct vn_carrier carrier;
	struct vn_watch watch; /* rtnetlink: what happens inside nodes */
};

/* --- state.c: what is on disk ------------------------------------------------------------------------------------- */

/* A change in the making: from @from to @to, either may be NULL. */
int vn_state_save_pending(struct vn_daemon *d, const struct vn_topo *from, const struct vn_topo *to,
			  struct vn_err *err);
/* The change is done (@committed non-NULL: this runs; NULL: topology @name is gone), then the pending mark goes. */
int vn_state_commit(struct vn_daemon *d, const char *name, const struct vn_topo *committed, struct vn_err *err);
void vn_state_abandon(struct vn_daemon *d);
/* Read everything, finish or undo the interrupted change, fill @d->running. */
int vn_state_adopt(struct vn_daemon *d, struct vn_err *err);
/* Nothing runs: remove the runtime directory and all that is ours in it. */
void vn_state_wipe(struct vn_daemon *d);
/* Nothing was ever applied, or all of it is gone again. */
bool vn_state_is_empty(const struct vn_daemon *d);

/* --- running.c: the topologies that run -----------------------------------------------------------------------------
 */

struct vn_running *vn_running_find(struct vn_daemon *d, const char *name);
/*
 * Put @topo in the place of the one of its name (takes ownership), or drop @name when @topo is NULL. @plan: what was
 * done for it; NULL: everything may be another.
 */
int vn_running_replace(struct vn_daemon *d, const char *name, struct vn_topo *topo, const struct vn_plan *plan);
/* "NAME" or "TOPOLOGY/NAME"; -ENOENT, or -ENOTUNIQ with the candidates in the text. */
int vn_running_find_link(struct vn_daemon *d, const char *name, struct vn_running **ret_run, size_t *ret_link,
			 struct vn_err *err);
int vn_running_find_node(struct vn_daemon *d, const char *name, struct vn_running **ret_run, size_t *ret_node,
			 struct vn_err *err);
/* Port @side of link @link is gone: marked, logged and told, once. */
void vn_running_link_lost(struct vn_daemon *d, struct vn_running *run, size_t link, int side);
/* Look at the kernel and mark what is broken. */
int vn_running_observe(struct vn_daemon *d, struct vn_running *run, struct vn_err *err);
/* Port numbers: vn_port_alloc_fn with the daemon as its argument; the bitmap is rebuilt from what runs. */
int vn_ports_alloc(void *daemon, uint32_t *ret_number);
void vn_ports_rebuild(struct vn_daemon *d);
bool vn_port_used(const struct vn_daemon *d, uint32_t number);
/* Follow the fabric's devices: a port that disappears breaks its link, and is reported. */
int vn_running_watch(struct vn_daemon *d, struct vn_err *err);
/* What they tell, as far as it has come. */
void vn_running_read_events(struct vn_daemon *d);
/* Whether every VF is where its port is; a second apart is often enough. */
void vn_running_look_at_vfs(struct vn_daemon *d);

/* --- leftovers.c: what belongs to nobody
 * --------------------------------------------------------------------------------
 */

/* After a start, when all that runs is known. */
void vn_sweep_start(struct vn_daemon *d);
/* After a change: what could not be removed is told, and tried again after the next one. */
void vn_sweep_left(struct vn_daemon *d);

/* --- ops_port.c: AF_XDP ports ---------------------------------------------------------------------------------------
 */

/* After a start: programs on every AF_XDP port are ours, sockets listen, owners are known again. Failures are told. */
void vn_ports_adopt(struct vn_daemon *d);

/* --- ops_*.c: the methods -------------------------------------------------------------------------------------------
 */

/* Fill *@ret_reply (a new object) or @err. @conn: for progress. */
int vn_op_info(struct vn_daemon *d, struct vn_conn *c, const json_t *params, json_t **ret_reply, struct vn_err *err);
int vn_op_topology_plan(struct vn_daemon *d, struct vn_conn *c, const json_t *params, json_t **ret_reply,
			struct vn_err *err);
int vn_op_topology_apply(struct vn_daemon *d, struct vn_conn *c, const json_t *params, json_t **ret_reply,
			 struct vn_err *err);
int vn_op_topology_delete(struct vn_daemon *d, struct vn_conn *c, const json_t *params, json_t **ret_reply,
			  struct vn_err *err);
int vn_op_topology_show(struct vn_daemon *d, struct vn_conn *c, const json_t *params, json_t **ret_reply,
			struct vn_err *err);
/* Run the steps of @plan under the mark of pending.json, telling @c (may be NULL) of the progress. */
int vn_plan_execute(struct vn_daemon *d, struct vn_conn *c, struct vn_plan *plan, struct vn_err *err);
int vn_op_node_show(struct vn_daemon *d, struct vn_conn *c, const json_t *params, json_t **ret_reply,
		    struct vn_err *err);
int vn_op_port_show(struct vn_daemon *d, struct vn_conn *c, const json_t *params, json_t **ret_reply,
		    struct vn_err *err);
int vn_op_vf_show(struct vn_daemon *d, struct vn_conn *c, const json_t *params, json_t **ret_reply, struct vn_err *err);
int vn_op_vf_reclaim(struct vn_daemon *d, struct vn_conn *c, const json_t *params, json_t **ret_reply,
		     struct vn_err *err);
/* Give the VF ports of @topo their VFs; links of @old (may be NULL) that stay keep theirs. */
int vn_vfs_give(struct vn_daemon *d, struct vn_topo *topo, struct vn_topo *old, struct vn_err *err);
/* After a start: VFs that no port has are given back; programs are of this build. */
int vn_vfs_adopt_all(struct vn_daemon *d, struct vn_err *err);
int vn_op_link_show(struct vn_daemon *d, struct vn_conn *c, const json_t *params, json_t **ret_reply,
		    struct vn_err *err);
int vn_op_link_verify(struct vn_daemon *d, struct vn_conn *c, const json_t *params, json_t **ret_reply,
		      struct vn_err *err);
int vn_op_link_reset(struct vn_daemon *d, struct vn_conn *c, const json_t *params, json_t **ret_reply,
		     struct vn_err *err);
int vn_op_calibrate(struct vn_daemon *d, struct vn_conn *c, const json_t *params, json_t **ret_reply,
		    struct vn_err *err);
/* Parameter "dir": bit 0 is ab, bit 1 is ba; both when it is missing. */
int vn_link_dirs(const json_t *params, struct vn_err *err);
int vn_op_link_set(struct vn_daemon *d, struct vn_conn *c, const json_t *params, json_t **ret_reply,
		   struct vn_err *err);

int vn_op_engine_show(struct vn_daemon *d, struct vn_conn *c, const json_t *params, json_t **ret_reply,
		      struct vn_err *err);
int vn_op_engine_move(struct vn_daemon *d, struct vn_conn *c, const json_t *params, json_t **ret_reply,
		      struct vn_err *err);
int vn_op_engine_restart(struct vn_daemon *d, struct vn_conn *c, const json_t *params, json_t **ret_reply,
			 struct vn_err *err);
/* Parameter "engine": one that runs and stays. */
int vn_engine_take(struct vn_daemon *d, const json_t *params, uint32_t *ret_trunk, struct vn_err *err);
/* One engine's figures, as in vnet.info and vnet.engine.show. */
json_t *vn_engine_to_json(struct vn_daemon *d, uint32_t trunk);

/* As vnet.node.show has it. */
json_t *vn_node_to_json(struct vn_daemon *d, const struct vn_running *run, size_t index);
int vn_op_node_attach(struct vn_daemon *d, struct vn_conn *c, const json_t *params, json_t **ret_reply,
		      struct vn_err *err);
int vn_op_node_detach(struct vn_daemon *d, struct vn_conn *c, const json_t *params, json_t **ret_reply,
		      struct vn_err *err);
/* "own", "machine", whose user namespace the node's network namespace belongs to; NULL: it is gone. */
const char *vn_node_owner(const struct vn_topo *t, size_t node);
/* The node is privileged, or has NET_ADMIN in a namespace of the machine's: its root reaches every link. */
bool vn_node_is_open(const struct vn_daemon *d, const struct vn_topo *t, size_t node);
/* The names of such nodes. */
json_t *vn_open_nodes(const struct vn_daemon *d, const struct vn_topo *t);
/* No: its bounding set says so. */
bool vn_may_have_net_admin(pid_t pid);
/* User @uid applies @new by @plan: each of its containers is told on whose behalf it runs. */
void vn_containers_asked(struct vn_daemon *d, const struct vn_plan *plan, struct vn_topo *new, uid_t uid);
/* What of @plan makes privileged nodes is refused to users other than root. */
int vn_privileged_allowed(const struct vn_plan *plan, uid_t uid, struct vn_err *err);

#endif
