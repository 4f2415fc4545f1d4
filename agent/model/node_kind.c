// SPDX-License-Identifier: GPL-2.0-only
/* The table of the kinds of nodes. */
#include "model/node_kind.h"

#include "model/model.h"

const char *const vn_runtime_words[VN_RUNTIMES + 1] = {
	[VN_RUNTIME_NETNS] = "netns",   [VN_RUNTIME_RUNC] = "runc",         [VN_RUNTIME_PODMAN] = "podman",
	[VN_RUNTIME_DOCKER] = "docker", [VN_RUNTIME_EXTERNAL] = "external",
};

static const uint32_t traits[VN_RUNTIMES] = {
	[VN_RUNTIME_RUNC] = VN_NODE_CONTAINER | VN_NODE_ROOTFS,
	[VN_RUNTIME_PODMAN] = VN_NODE_CONTAINER | VN_NODE_IMAGE | VN_NODE_ROOTFS,
	[VN_RUNTIME_DOCKER] = VN_NODE_CONTAINER | VN_NODE_IMAGE | VN_NODE_SANDBOX,
	[VN_RUNTIME_EXTERNAL] = VN_NODE_ATTACHED,
};

bool vn_runtime_has(enum vn_runtime runtime, enum vn_node_trait trait)
{
	return (unsigned int)runtime < VN_RUNTIMES && traits[runtime] & trait;
}

bool vn_node_has(const struct vn_node *n, enum vn_node_trait trait)
{
	return traits[n->runtime] & trait;
}

bool vn_node_is_foreign(const struct vn_node *n)
{
	return traits[n->runtime] & (VN_NODE_SANDBOX | VN_NODE_ATTACHED);
}

bool vn_node_same_namespace(const struct vn_node *a, const struct vn_node *b)
{
	const uint32_t makes = VN_NODE_SANDBOX | VN_NODE_ATTACHED;

	return (traits[a->runtime] & makes) == (traits[b->runtime] & makes) && a->privileged == b->privileged;
}
