/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * After a start: what of ours is there and belongs to no running topology, because a file that told of it was damaged,
 * or something could not be removed in its time. Nothing is taken for ours by its name alone.
 */
#ifndef VNET_EXEC_SWEEP_H
#define VNET_EXEC_SWEEP_H

#include "exec/executor.h"

struct vn_sweep {
	/* The port of that number is a running topology's; *@ret_afxdp: an AF_XDP port. */
	bool (*has_port)(void *arg, uint32_t number, bool *ret_afxdp);
	/* Node @node of running topology @topo; *@ret_kept: files are kept of it (a container, or attached). */
	bool (*has_node)(void *arg, const char *topo, const char *node, bool *ret_kept);
	/* @what was removed, or could not be, as @why says (else NULL). */
	void (*tell)(void *arg, const char *what, const char *why);
	void *arg;
};

/* Containers, namespaces, ports and the pins of AF_XDP ports. */
void vn_fabric_sweep(struct vn_fabric *f, const struct vn_sweep *s);
/* The pins of AF_XDP ports alone. */
void vn_fabric_sweep_pins(struct vn_fabric *f, const struct vn_sweep *s);

#endif
