/* SPDX-License-Identifier: GPL-2.0-only */
/* What runs: the topologies, the names and numbers of their objects, what of them is on disk, and changing it. */
#ifndef VNET_STORE_STORE_H
#define VNET_STORE_STORE_H

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/event_loop.h"
#include "base/job.h"
#include "base/tell.h"
#include "engines/arena.h"
#include "exec/executor.h"
#include "lease/handover.h"
#include "model/model.h"

/* A topology that runs, with what became of its links. */
struct vn_running {
	struct vn_topo *topo;
	bool *link_broken;
	bool *link_degraded;         /* as events told last */
	struct vn_node_state *nodes; /* as they were seen last */
	bool changing;               /* a plan on it is being executed: its links cannot be set meanwhile */
	uint64_t heal_ns;            /* `heal: true`: lost devices are not made anew before */
	unsigned int healed;
};

/* Who looks at what runs (observe/): told of topologies that come, change and go. */
struct vn_store_observer {
	int (*begin)(void *arg, struct vn_running *run); /* @run was made or replaced */
	void (*end)(void *arg, struct vn_running *run);
	/* What is known of the nodes of @was goes on in @run, but for those that @plan (may be NULL: all) has touched.
	 */
	void (*inherit)(struct vn_running *was, struct vn_running *run, const struct vn_plan *plan);
	void (*changed)(void *arg); /* the topologies that run are others than before */
	void *arg;
};

/*
 * What a change locks, in this order: everybody VN_LOCK_ALL, shared by all but who works on the engines; the topology,
 * by its name (who only needs it to stay as it is wished: shared); its nodes and links, by its name and VN_LOCK_MENDS,
 * for who makes what is there as it is wished without another wish; and VN_LOCK_VFS, where VFs are given or taken.
 */
#define VN_LOCK_ALL   "*"
#define VN_LOCK_MENDS "/mends"
#define VN_LOCK_VFS   "~vf"

/* A topology that is about to run: its port numbers are taken. */
struct vn_planned {
	const struct vn_topo *topo;
	struct vn_planned *next;
};

/* The port of a number: the one index of them. */
struct vn_port_owner {
	struct vn_running *run; /* NULL: nobody's */
	uint32_t link;
	uint8_t side;
};

struct vn_store {
	/* borrowed */
	struct vn_loop *loop;
	struct vn_jobs *jobs;
	struct vn_locks *locks; /* VN_LOCK_ALL, then a topology's by its name, then VN_LOCK_VFS */
	struct vn_fabric *fabric;
	struct vn_dp *dp;
	struct vn_arena *arena; /* tables and traces */
	struct vn_handover *lease;
	const char *runtime_dir;
	struct vn_tell tell;
	struct vn_store_observer observer;

	struct vn_kernel kernel;
	struct vn_running **running; /* each stays where it is */
	size_t n_running;
	uint64_t *ports_used;         /* bitmap by number: of what runs and what is planned */
	struct vn_port_owner *owners; /* by number, of what runs */
	uint32_t next_port;           /* next fit: a number rests before it is given out again */
	unsigned int changes;         /* plans that are being executed */
	struct vn_planned *planned;
	bool unswept;          /* something could not be removed */
	uint64_t collected_ns; /* when unused blocks were last looked for */
};

/* Room for the numbers of all ports of @store->dp; @store's borrowed members are set. */
int vn_store_open(struct vn_store *store, struct vn_err *err);
/* Forget all; what runs goes on. */
void vn_store_release(struct vn_store *store);

/* A change in the making: from @from to @to, either may be NULL. */
int vn_state_save_pending(struct vn_store *store, const struct vn_topo *from, const struct vn_topo *to,
			  struct vn_err *err);
/* The change is done (@committed non-NULL: this runs; NULL: topology @name is gone), then the pending mark goes. */
int vn_state_commit(struct vn_store *store, const char *name, const struct vn_topo *committed, struct vn_err *err);
void vn_state_abandon(struct vn_store *store, const char *name);
/* Read everything, finish or undo the interrupted change, fill @store->running. */
int vn_state_adopt(struct vn_store *store, struct vn_err *err);
/* Nothing runs: remove the runtime directory and all that is ours in it. */
void vn_state_wipe(struct vn_store *store);
/* Nothing was ever applied, or all of it is gone again. */
bool vn_state_is_empty(const struct vn_store *store);

struct vn_running *vn_running_find(struct vn_store *store, const char *name);
/*
 * Put @topo in the place of the one of its name (takes ownership), or drop @name when @topo is NULL. @plan: what was
 * done for it; NULL: everything may be another.
 */
int vn_running_replace(struct vn_store *store, const char *name, struct vn_topo *topo, const struct vn_plan *plan);
/* "NAME" or "TOPOLOGY/NAME"; -ENOENT, or -ENOTUNIQ with the candidates in the text. */
int vn_running_find_link(struct vn_store *store, const char *name, struct vn_running **ret_run, size_t *ret_link,
			 struct vn_err *err);
int vn_running_find_node(struct vn_store *store, const char *name, struct vn_running **ret_run, size_t *ret_node,
			 struct vn_err *err);
/* Port @side of link @link is gone: marked, logged and told, once. */
void vn_running_link_lost(struct vn_store *store, struct vn_running *run, size_t link, int side);
/* Look at the kernel and mark what is broken. */
int vn_running_observe(struct vn_store *store, struct vn_running *run, struct vn_err *err);
/* Port numbers: vn_port_alloc_fn with the store as its argument; the bitmap is rebuilt from what runs. */
int vn_ports_alloc(void *store, uint32_t *ret_number);
void vn_ports_rebuild(struct vn_store *store);
/* Who has port @number: NULL while nothing that runs does. */
const struct vn_port_owner *vn_port_owner(const struct vn_store *store, uint32_t number);
/* The numbers of @topo stay taken until vn_planned_drop(), which may be called twice. */
void vn_planned_add(struct vn_store *store, struct vn_planned *p, const struct vn_topo *topo);
void vn_planned_drop(struct vn_store *store, struct vn_planned *p);
bool vn_port_used(const struct vn_store *store, uint32_t number);
/* After a start, when all that runs is known. */
void vn_sweep_start(struct vn_store *store);
/* After a change: what could not be removed is told, and tried again after the next one. */
void vn_sweep_left(struct vn_store *store);

/* "own", "machine", whose user namespace the node's network namespace belongs to; NULL: it is gone. */
const char *vn_node_owner(const struct vn_topo *t, size_t node);
/* The node is privileged, or has NET_ADMIN in a namespace of the machine's: its root reaches every link. */
bool vn_node_is_open(const struct vn_store *store, const struct vn_topo *t, size_t node);
/* The names of such nodes. */
json_t *vn_open_nodes(const struct vn_store *store, const struct vn_topo *t);
/* No: its bounding set says so. */
bool vn_may_have_net_admin(pid_t pid);
/* The topologies that run, in an array to be freed; NULL: memory is short. */
struct vn_topo **vn_running_topos(const struct vn_store *store);

/*
 * Keep topology @name, or with NULL all that run, from being changed, and let others do the same: shared locks.
 * -ENOENT: it does not run (any more). Dropped by vn_keep_drop().
 */
struct vn_keep {
	struct vn_lock *lock;
	size_t n;
};
int vn_keep_take(struct vn_store *store, struct vn_keep *keep, const char *name, const bool *cancelled);
void vn_keep_drop(struct vn_store *store, struct vn_keep *keep);

/* Between two batches of steps: @done of @total. */
struct vn_change_progress {
	void (*told)(void *arg, size_t done, size_t total);
	void *arg;
};
/* That all containers of @plan can be started; meanwhile the daemon does what else is due. */
int vn_plan_check_runs(struct vn_store *store, const struct vn_change_progress *progress, struct vn_plan *plan,
		       struct vn_err *err);
/*
 * What was executed and cannot be kept (its file system is full, a socket cannot be made) is undone: the next start
 * would not know of it, or its application would wait for ever. @err says why; what came of it is added.
 */
int vn_plan_undo(struct vn_store *store, const struct vn_plan *plan, struct vn_err *err);
/* Run the steps of @plan under the mark of pending/NAME.json. In a job; @progress may be NULL. */
int vn_plan_execute(struct vn_store *store, const struct vn_change_progress *progress, struct vn_plan *plan,
		    struct vn_err *err);

#endif
