/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kinds of nodes: one row each in node_kind.c. A kind says what its namespace is and what runs in it by traits, which
 * are all that planner, executor and methods ask; how a container is started is a row of runtime/backend.c. How to add
 * one: docs/KINDS.md.
 */
#ifndef VNET_MODEL_NODE_KIND_H
#define VNET_MODEL_NODE_KIND_H

#include <stdbool.h>
#include <stdint.h>

enum vn_runtime {
	VN_RUNTIME_NETNS = 0, /* a namespace and nothing in it */
	VN_RUNTIME_RUNC,
	VN_RUNTIME_PODMAN,
	VN_RUNTIME_DOCKER,
	VN_RUNTIME_EXTERNAL, /* somebody else's namespace, attached later */
	VN_RUNTIMES
};

enum vn_node_trait {
	VN_NODE_CONTAINER = 1u << 0, /* a container runs in its namespace */
	VN_NODE_IMAGE = 1u << 1,     /* ... of an image by name */
	VN_NODE_ROOTFS = 1u << 2,    /* ... of a directory */
	VN_NODE_SANDBOX = 1u << 3,   /* its namespace is that of a container made for nothing else */
	VN_NODE_ATTACHED = 1u << 4,  /* its namespace is one that somebody attaches */
};

extern const char *const vn_runtime_words[VN_RUNTIMES + 1]; /* by enum vn_runtime, then NULL */
bool vn_runtime_has(enum vn_runtime runtime, enum vn_node_trait trait);

struct vn_node;
bool vn_node_has(const struct vn_node *n, enum vn_node_trait trait);
/* Its namespace is not of our making, and may have been set otherwise before. */
bool vn_node_is_foreign(const struct vn_node *n);
/* One namespace does for both. */
bool vn_node_same_namespace(const struct vn_node *a, const struct vn_node *b);

#endif
