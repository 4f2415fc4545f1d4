/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The executor: the only code that changes the system, and only by the steps of a plan (and by opening the fabric).
 * Works in batches: consecutive steps of one kind become few netlink messages.
 */
#ifndef VNET_EXEC_EXECUTOR_H
#define VNET_EXEC_EXECUTOR_H

#include <loader/afxdp.h>
#include <loader/loader.h>

#include "engines/placement.h"
#include "net/home.h"
#include "plan/plan.h"
#include "net/netns.h"
#include "net/xsks.h"
#include "runtime/runner.h"

#define VN_PORT_IFNAME "vp%u" /* host end of port number %u */

/* The agent's own namespace and what stands in it. */
struct vn_fabric {
	struct vn_home home;
	struct vn_placement placement;
	struct vn_dp *dp;         /* borrowed */
	struct vn_runner *runner; /* borrowed; NULL: no containers */
	const char *runtime_dir;  /* of the daemon; NULL: no containers */
	struct vn_err left;       /* the first thing that could not be removed since somebody looked (sweep.h) */
};

/*
 * Create or adopt: namespace vnet-fabric (bound in VN_NETNS_DIR, lo down, IPv6 off by default, no forwarding), engine
 * port 0, and all other engine ports that are there: tr0/tr1 (offloads off on tr0, MTU VN_ENGINE_PORT_MTU),
 * vn_tc_deliver on tr0, vn_xdp_engine on tr1. Idempotent.
 */
int vn_fabric_open(struct vn_fabric *f, struct vn_dp *dp, struct vn_err *err);
void vn_fabric_release(struct vn_fabric *f);
/* Count what its devices lose; -errno where the kernel does not let us (vn_dp_watch_lost()). */
int vn_fabric_watch_lost(const struct vn_fabric *f);
/* Namespace, engine ports and every port in it are gone afterwards. */
int vn_fabric_destroy(struct vn_err *err);
struct vn_link_info;
/* @each sees every device in it (net/veth.h). */
int vn_fabric_dump(struct vn_fabric *f, void (*each)(void *arg, const struct vn_link_info *l), void *arg,
		   struct vn_err *err);
/* Attach the tc programs of @f->dp anew to the engine ports and all ports (after an upgrade of the programs). */
int vn_fabric_refresh(struct vn_fabric *f, struct vn_err *err);

/* After a start: what stands on port @side of link @link is of this build; who uses it has lost nothing. */
int vn_port_adopt(struct vn_fabric *f, const struct vn_topo *t, size_t link, int side, struct vn_err *err);
/* The device of @port is in its node, as far as the host's end does not tell: of a borrowed one. */
bool vn_port_present(const struct vn_fabric *f, const struct vn_topo *t, const struct vn_port *port);
/* The borrowed devices that @p would give back can be: asked before anything is changed. */
int vn_exec_check_give_back(const struct vn_plan *p, struct vn_err *err);
/*
 * A socket for the application of port @number in the namespace of the name @netns; see vn_afxdp_socket(). Nobody is
 * given it yet.
 */
int vn_fabric_afxdp_socket(struct vn_fabric *f, const char *netns, uint32_t number, uint32_t buffers,
			   struct vn_afxdp_socket *ret_socket, struct vn_err *err);

/* The AF_XDP sockets on the node's end of @port; -EOPNOTSUPP: this kernel does not tell. */
int vn_fabric_xsks(struct vn_fabric *f, const struct vn_topo *t, const struct vn_port *port, struct vn_xsks *ret_xsks);

struct vn_exec_ops {
	/* After each batch, at least every 50 ms: @done of @total steps. The daemon serves its other duties here. */
	void (*progress)(void *arg, size_t done, size_t total);
	/* Wait for @ns while others are served; NULL: nobody else is. */
	void (*pause)(void *arg, uint64_t ns);
	/* Before containers of @t start, whose devices are complete: what their programs look for. May be NULL. */
	int (*before_runs)(void *arg, const struct vn_topo *t, struct vn_err *err);
	void *arg;
};

/*
 * Run the steps of @p in order. When one fails, undo all that was done, newest first, and return its error with
 * exit VN_EXIT_ROLLED_BACK; what could not be undone is added to the text.
 */
int vn_exec_run(struct vn_fabric *f, struct vn_plan *p, const struct vn_exec_ops *ops, struct vn_err *err);

/* What the containers that @p starts need is there: asked before anything is changed. Waits for the runtimes. */
int vn_exec_check_runs(struct vn_fabric *f, const struct vn_plan *p, const struct vn_exec_ops *ops, struct vn_err *err);

/*
 * Which objects of @t are really there: one dump of the fabric's links, one listing of VN_NETNS_DIR.
 * Arrays are allocated; free with vn_observed_release().
 */
int vn_observe(struct vn_fabric *f, const struct vn_topo *t, struct vn_observed *ret_seen, struct vn_err *err);
void vn_observed_release(struct vn_observed *o);
#define cleanup_observed __attribute__((cleanup(vn_observed_release)))

/*
 * Ports of @new that are to be made in nodes of @old: those whose index a device of the node's own has get another
 * number by @alloc. One whose name is taken there is an error that says by what, and how to go on.
 */
int vn_exec_make_room(struct vn_fabric *f, struct vn_topo *old, const struct vn_observed *seen, struct vn_topo *new,
		      vn_port_alloc_fn alloc, void *arg, struct vn_err *err);

/*
 * Nodes with runtime external. vn_exec_relocate() gives node @node of @t, which runs, the namespace @fd that somebody
 * else made, or a fresh one (@fd < 0): its devices move there, and the name /run/netns/TOPOLOGY.NODE. What is left to
 * do is in @seen then, for a plan from @t to @t: the node's configuration, and links whose device was nowhere. When it
 * fails all is where it was, unconfigured.
 */
int vn_exec_relocate(struct vn_fabric *f, const struct vn_topo *t, size_t node, int fd, struct vn_observed *seen,
		     struct vn_err *err);

/* Who attached it, in words ("pid 4711", "oci:ID"); and the process, when one is known, whose end is worth telling. */
#define VN_HOLDER_MAX 256
int vn_exec_attached_note(const struct vn_fabric *f, const struct vn_topo *t, size_t node, const char *holder,
			  pid_t pid, struct vn_err *err);
void vn_exec_attached_forget(const struct vn_fabric *f, const struct vn_topo *t, size_t node);
/* False: nobody did. *@ret_ended: the process is gone. */
bool vn_exec_attached(const struct vn_fabric *f, const struct vn_topo *t, size_t node, char holder[VN_HOLDER_MAX],
		      bool *ret_ended);

/*
 * Mend what node @node of @t, which runs, has lost or changed by itself: one step, without a plan. @drift: in words.
 */
int vn_exec_heal(struct vn_fabric *f, const struct vn_topo *t, size_t node, const char *drift, struct vn_err *err);

/*
 * After a crash in the middle of a change from @from to @to (either may be NULL): make it @goal (one of the two)
 * whatever state the objects are in.
 */
int vn_exec_recover(struct vn_fabric *f, const struct vn_topo *from, const struct vn_topo *to,
		    const struct vn_topo *goal, struct vn_err *err);

/* Live change of one direction: an engine that can apply it, disc map, then the HELD flag of the port. Loses no frame.
 */
void vn_exec_set_disc(struct vn_fabric *f, uint32_t number, const struct vn_disc *d);

/* The namespace of a node: "TOPOLOGY.NODE" in VN_NETNS_DIR. @buf of VN_NETNS_NAME_MAX bytes. */
const char *vn_netns_name(char *buf, const char *topo, const char *node);

#endif
