/* SPDX-License-Identifier: GPL-2.0-only */
/* Looking into a node: what its kernel says of the things that the agent sets there. Changes nothing. */
#ifndef VNET_EXEC_LOOK_H
#define VNET_EXEC_LOOK_H

#include "plan/drift.h"
#include "exec/executor.h"
#include "net/nl.h"

/* Two sockets and their buffers, kept from node to node. */
struct vn_look {
	struct vn_nl fabric, node;
};
#define VN_LOOK_INIT                                                                                                   \
	{                                                                                                              \
		.fabric = VN_NL_INIT, .node = VN_NL_INIT                                                               \
	}
void vn_look_release(struct vn_look *k);

/*
 * Look at node @node of @t. What costs is asked for object by object, or filtered by the kernel, so that a node whose
 * root adds devices, addresses and routes by the ten thousand is no more work than others, but for the kernel's own
 * walk over its routes. -ENOENT: it has no namespace. @ret_seen: free with vn_node_seen_release().
 */
int vn_look_node(struct vn_look *k, const struct vn_fabric *f, const struct vn_topo *t, size_t node,
		 struct vn_node_seen *ret_seen);

#endif
