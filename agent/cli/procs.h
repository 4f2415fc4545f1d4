/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Processes in nodes: those whose network namespace is a node's. The command line looks for itself, with the rights of
 * who calls it: the daemon may not look into other processes. Others than root see their own.
 */
#ifndef VNET_CLI_PROCS_H
#define VNET_CLI_PROCS_H

#include <jansson.h>
#include <sys/types.h>

#include "cli/cli.h"

struct vn_held_node {
	char *topo, *name, *netns;
	bool external; /* somebody else's namespace: it goes on without the node */
	dev_t dev;
	ino_t ino;
	int fd; /* while it is open, no other namespace gets the number */
};

struct vn_held_nodes {
	struct vn_held_node *list; /* by number */
	size_t n;
	pid_t daemon; /* which is in one node or another for moments */
};

/* The running nodes of topology @topo, or the one called @node, or (both NULL) all. None is no failure. */
int vn_held_nodes_open(const struct vn_cli *cli, const char *topo, const char *node, struct vn_held_nodes *ret,
		       struct vn_err *err);
void vn_held_nodes_release(struct vn_held_nodes *h);
#define cleanup_held_nodes __attribute__((cleanup(vn_held_nodes_release)))
/* Only those that are no nodes any more, and were no external ones. */
void vn_held_nodes_deleted(struct vn_held_nodes *h);

/* [{topology, node, pid, uid, program, command}, ...], by node and pid; never the caller, nor who called it. */
json_t *vn_held_nodes_processes(const struct vn_held_nodes *h);
/*
 * SIGTERM, after two seconds SIGKILL, by pidfd and only while the process is still in the node; also what they start
 * meanwhile. Those that were there, with "ended": "SIGTERM" or "SIGKILL", or "error".
 */
json_t *vn_held_nodes_kill(const struct vn_held_nodes *h);

/* What still runs in deleted nodes, or was ended there, in words. @list: of the two above. */
void vn_processes_print(const json_t *list);

#endif
