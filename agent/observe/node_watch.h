/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the nodes are, as against what they were made: kept by the events of their kernels, not by polling.
 *
 * One netlink socket in the fabric hears all nodes (NETLINK_LISTEN_ALL_NSID). An event says only that a node is to be
 * looked at; what it has is then read (exec/look.h) and compared with the topology (plan/drift.h). What a node's root
 * can cost the daemon is bounded: a few messages a turn of the loop, looks into one node at most every LOOK_GAP and
 * in proportion to their own cost, all looks together a share of the time.
 */
#ifndef VNET_OBSERVE_NODE_WATCH_H
#define VNET_OBSERVE_NODE_WATCH_H

#include <pthread.h>

#include <base/util.h>

#include "base/event_loop.h"
#include "plan/drift.h"
#include "exec/look.h"

struct vn_observe;
struct vn_running;

/* A node of a running topology, as it was seen last. */
struct vn_node_state {
	struct vn_node_seen seen; /* without its routes, which are many */
	struct vn_drift drift;
	bool dirty;        /* something happened since */
	uint64_t due_ns;   /* not looked at by itself before */
	uint64_t cost_ns;  /* that the last look took */
	uint64_t asked_ns; /* who asks is not answered by a look before, when that was long */
	unsigned int looks;
	uint64_t told_ns;    /* when a change was told last */
	uint64_t told;       /* hash of what was told; 0: as wished */
	uint64_t heal_ns;    /* not mended by itself before */
	unsigned int healed; /* how often in a row */
};

struct vn_node_ref {
	size_t run, node; /* indices; run VN_NONE: nobody */
};

/* A look: who reads, what is read, and what was found. */
struct vn_watch_job {
	struct vn_look look;
	const struct vn_topo *topo;
	size_t node;
	unsigned int looks; /* into the node, when it began */
	struct vn_node_seen seen;
	uint64_t cpu_ns, wall_ns;
	int r;
	bool running;
	pthread_t thread;
};

struct vn_watch {
	struct vn_source events, timer, done;
	struct vn_watch_job job;   /* in a thread, one at a time */
	struct vn_watch_job asked; /* in the loop, for who asks */
	struct vn_node_ref *by_nsid;
	size_t n_by_nsid;
	bool stale;              /* @by_nsid */
	bool looking;            /* within a look: none is begun */
	bool healing;            /* a job mends a topology */
	struct vn_node_ref next; /* the node that was looked at last */
};

int vn_watch_open(struct vn_observe *o, struct vn_err *err);
void vn_watch_release(struct vn_observe *o);

/* @run was made or replaced: room for its nodes' states, all to be looked at. Release them. */
int vn_watch_begin(struct vn_observe *o, struct vn_running *run);
void vn_watch_end(struct vn_observe *o, struct vn_running *run);
/* What is known of the nodes of @was goes on in @run, but for those that @plan (may be NULL: all) has touched. */
void vn_watch_inherit(struct vn_running *was, struct vn_running *run, const struct vn_plan *plan);
/* Something was done to node @node (VN_NONE: to all) of @run. */
void vn_watch_touch(struct vn_observe *o, struct vn_running *run, size_t node);

/*
 * Bring what is known of the nodes of @run up to date: @node, or all of them (VN_NONE). After @until_ns what is left
 * stays as it was seen last; 0: all of it, by a job, which lets others run meanwhile.
 */
#define VN_WATCH_SHOW_NS (5 * VN_NSEC_PER_MSEC) /* for who asks what is */
void vn_watch_sync(struct vn_observe *o, struct vn_running *run, size_t node, uint64_t until_ns);

/* Mended @healed times in a row: not again before *@heal_ns, each time later, until there was peace for a while. */
void vn_heal_back_off(uint64_t *heal_ns, unsigned int *healed, uint64_t now);

/* Every tick: links whose device is gone are made anew where the topology says `heal: true`. */
void vn_watch_tick(struct vn_observe *o);

/* How port @side of link @link has drifted; NULL: it has not. */
const struct vn_device_drift *vn_watch_port(const struct vn_running *run, size_t link, int side);

/* "" or what is not as wished: of node @node, or of link @link at both of its ends. Returns @buf. */
#define VN_WATCH_TEXT (2 * VN_DRIFT_TEXT + 2 * VN_NAME_MAX + 8)
const char *vn_watch_node_text(const struct vn_running *run, size_t node, char buf[VN_WATCH_TEXT]);
const char *vn_watch_link_text(const struct vn_running *run, size_t link, char buf[VN_WATCH_TEXT]);

#endif
