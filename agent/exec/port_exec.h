/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kinds of ports, as far as the kernel is concerned: one row each, one file each (port_veth.c, port_afxdp.c,
 * port_vf*.c). The executor knows no kind; it walks links and asks the row of each port.
 */
#ifndef VNET_EXEC_PORT_EXEC_H
#define VNET_EXEC_PORT_EXEC_H

#include "exec/exec_internal.h"

/* Ports are named by their tag, link * 2 + side, of the topology that is made or that goes. NULL: nothing to do. */
struct vn_port_exec {
	/*
	 * Of a borrowed device (VN_TRAIT_BORROWED), in steps of their own: before its link is made it is taken and
	 * configured; after the link was deleted it is given back as it was found. settle() waits until @until (of
	 * CLOCK_MONOTONIC) for what it needs after its link is up.
	 */
	int (*take)(struct vn_exec *x, const struct vn_link *l, int side);
	int (*give_back)(struct vn_exec *x, const struct vn_port *port);
	/* Whether it can be given back: asked before anything is changed. */
	int (*check_give_back)(const struct vn_port *port, struct vn_err *err);
	void (*settle)(struct vn_exec *x, const struct vn_port *port, uint64_t until);
	/* The device is in its node, beyond what is seen of its host end. */
	bool (*present)(const struct vn_fabric *f, const struct vn_topo *t, const struct vn_port *port);

	/* Its link is made: the node's device and the host's, down. Requests may wait in x->nl. */
	int (*make)(struct vn_exec *x, size_t id);
	/* The host's end comes up, last of all. @closed: the link gives its ends no carrier now. Requests wait. */
	void (*up)(struct vn_exec *x, size_t id, bool closed);
	/* Its link goes: so do the devices that make() made. Requests wait. */
	void (*remove)(struct vn_exec *x, size_t id);

	/* What stands on the device: put there, or made as @port says where it stands already; and taken away. */
	int (*serve)(struct vn_exec *x, const struct vn_port *port);
	void (*unserve)(struct vn_fabric *f, uint32_t number);
	/* After a start: it is of this build, and nobody who uses it has lost anything. */
	int (*adopt)(struct vn_fabric *f, const struct vn_topo *t, const struct vn_port *port, struct vn_err *err);
};

const struct vn_port_exec *vn_port_exec(const struct vn_port *port);
extern const struct vn_port_exec vn_veth_exec, vn_afxdp_exec, vn_vf_exec;

/* Port @id of @t. */
static inline const struct vn_port *vn_port_of(const struct vn_topo *t, size_t id)
{
	return &t->links[id / VN_DIRS].ports[id % VN_DIRS];
}

/* serve() of a port whose link is made; @fresh: its device is new, so whatever stood on its number's goes first. */
int vn_exec_serve(struct vn_exec *x, const struct vn_port *port, bool fresh);
/* The same device, another kind or other rules: who uses it goes on where the kind stays. */
int vn_exec_serve_change(struct vn_exec *x, const struct vn_port *was, const struct vn_port *is);

/* For every kind that stands on a pair. */
int vn_veth_make(struct vn_exec *x, size_t id);
void vn_veth_up(struct vn_exec *x, size_t id, bool closed);
void vn_veth_remove(struct vn_exec *x, size_t id);
/* veth pairs whose name, number or index were taken: made once more (port_veth.c). */
int vn_exec_veth_taken(void *exec, uint64_t tag, int error);
int vn_exec_veth_again(struct vn_exec *x);

#endif
