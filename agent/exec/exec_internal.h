/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of the executor share; nobody else includes this. */
#ifndef VNET_EXEC_EXEC_INTERNAL_H
#define VNET_EXEC_EXEC_INTERNAL_H

#include "exec/executor.h"
#include "exec/look.h"
#include "net/netns.h"
#include "net/nl.h"

/* Links made in one go: few enough for a turn of 50 ms. */
#define VN_EXEC_CREATE_BATCH 32u
/*
 * Links deleted in one sweep. A sweep waits for grace periods, 20 ms on an idle machine and a second on a busy one,
 * so there should be few; but it holds the kernel's one lock for network configuration, about 0.2 ms a device.
 */
#define VN_EXEC_DELETE_BATCH 512u

/* A run of the executor over one plan, forwards or backwards. */
struct vn_exec {
	struct vn_fabric *f;
	const struct vn_topo *old, *new;
	struct vn_step *steps;
	size_t n_steps;
	const struct vn_exec_ops *ops;
	struct vn_err *err;

	/*
	 * Undoing or recovering: the objects may be in any state. What should be made may be there, what should go
	 * may be gone, and a node's configuration is asserted as a whole.
	 */
	bool mending;
	bool *adopt_link;    /* mending; per link of @new: both pairs were seen, complete them instead of making them */
	bool *new_link_made; /* per link of @new: made by this run, so that nothing is configured on its ends */

	struct vn_nl nl;      /* in the fabric */
	struct vn_nl node_nl; /* in the node being configured */
	struct vn_look look;  /* into nodes that have drifted */
	struct vn_proc proc;
	const struct vn_topo *topo; /* the one that tags speak of */
	int *node_fds;              /* per node of @new: its namespace, or -1 */
	size_t *open_nodes;         /* those that are open */
	size_t n_open_nodes;
	size_t *retry; /* tags of ports whose name was taken */
	size_t n_retry;
	size_t n_done;
	uint64_t told_ns; /* when progress was told last */
};

/* Tags: a node, or a port (link * 2 + side). */
#define VN_TAG_NODE (1ULL << 32)

/* Give the daemon a turn when the last is 20 ms ago; @done steps of the current batch are finished. */
void vn_exec_tick(struct vn_exec *x, size_t done);
/* Wait for @ns while others are served. */
void vn_exec_pause(struct vn_exec *x, uint64_t ns);
/* The namespace of node @i of @new; owned by @x. */
int vn_exec_node_fd(struct vn_exec *x, size_t i, int *ret_fd);

/* Steps of one kind, all of them making or all of them deleting. done is set on each that was begun. */
int vn_exec_nodes_create(struct vn_exec *x, struct vn_step *steps, size_t n);
int vn_exec_nodes_delete(struct vn_exec *x, struct vn_step *steps, size_t n);
int vn_exec_links_create(struct vn_exec *x, struct vn_step *steps, size_t n);
int vn_exec_links_delete(struct vn_exec *x, struct vn_step *steps, size_t n);
int vn_exec_discs(struct vn_exec *x, struct vn_step *steps, size_t n);
int vn_exec_configs(struct vn_exec *x, struct vn_step *steps, size_t n);

/* Steps of borrowed devices: taken, and given back (port_exec.c). */
int vn_exec_borrow(struct vn_exec *x, struct vn_step *steps, size_t n);
int vn_exec_give_back(struct vn_exec *x, struct vn_step *steps, size_t n);
/* After all steps: wait, within bounds, until what was taken carries frames. */
void vn_exec_settle(struct vn_exec *x);
int vn_exec_runs_start(struct vn_exec *x, struct vn_step *steps, size_t n);
int vn_exec_runs_stop(struct vn_exec *x, struct vn_step *steps, size_t n);
/* The sandbox of docker node @node of @new is made; *@ret_netns is its namespace. */
int vn_exec_sandbox(struct vn_exec *x, size_t node, int *ret_netns);
/* That of docker node @node of @t is gone afterwards. */
int vn_exec_sandbox_stop(struct vn_exec *x, const struct vn_topo *t, size_t node);
/*
 * Completes frames for a port that is read raw (vn_port_is_raw()), and no longer for one that was: port @was of
 * @was_in, NULL when its device is new. No frame is lost.
 */
int vn_exec_raw(struct vn_exec *x, const struct vn_topo *was_in, const struct vn_port *was, const struct vn_topo *t,
		const struct vn_port *port);
/* What waits in x->nl: slow, because others may hold the lock for network configuration, and sweeps hold it themselves.
 */
int vn_exec_flush(struct vn_exec *x);

/* A host end in the fabric that is as we made it. */
struct vn_host_end {
	uint32_t mtu;  /* 0: there is none */
	int peer_nsid; /* the namespace of its other end, as the fabric numbers it; of a VF: -1 */
};
/* By port number. */
int vn_exec_seen_ports(struct vn_fabric *f, struct vn_host_end **ret_ends, struct vn_err *err);

/* The same of all that have a port's name and index, as we made them or not: @there by number. */
int vn_exec_port_devices(struct vn_fabric *f, bool *there, struct vn_err *err);

/* vn_tc_port at the host end with @ifindex; its number is the classid. */
void vn_fabric_filter(struct vn_nl *nl, const struct vn_fabric *f, uint32_t ifindex);

/*
 * What a node's namespace is set to; the thread is in it. @foreign: it is not of our making, and may have been set
 * otherwise before.
 */
int vn_exec_node_sysctls(struct vn_proc *proc, const struct vn_node *node, bool foreign, struct vn_err *err);
/* Forwarding of both families in the namespace of the thread. */
int vn_exec_forwarding(const struct vn_proc *p, bool on, struct vn_err *err);

#endif
