/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The files of a container that joins its node's user namespace, where podman or docker has chosen them: shown with
 * owners of that namespace (shown.h), and at paths that its root may pass, which the storage of the engines is not.
 * They are mounted on a tmpfs in a mount namespace of the OCI runtime's own, of which the container's is made; it ends
 * with the runtime, so that nothing of it is to be cleaned up.
 *
 * An overlay, as engines have for root file systems, cannot be shown to a user namespace itself. Its layers are, and a
 * new overlay is put over these, whose upper layer is memory.
 */
#ifndef VNET_RUNTIME_NODE_MOUNTS_H
#define VNET_RUNTIME_NODE_MOUNTS_H

#include "runtime/oci_node.h"

struct vn_node_mounts;

/* @bundle: what relative paths begin at. */
int vn_node_mounts_open(const char *bundle, struct vn_node_mounts **ret, struct vn_err *err);
void vn_node_mounts_close(struct vn_node_mounts **m);

/* For vn_oci_node(): all is opened, nothing is mounted yet, and limits are only noted. */
struct vn_oci_machine vn_node_mounts_machine(struct vn_node_mounts *m);

/*
 * Mount what was asked for, in a mount namespace that the caller is in from then on, and take on the limits. The user
 * namespace stays open over execve(2).
 */
int vn_node_mounts_make(struct vn_node_mounts *m, struct vn_err *err);

/* Before a program is executed in such a container: the limits, and the path of the root file system, where runc
 * begins. */
int vn_node_mounts_again(struct vn_node_mounts *m, struct vn_err *err);

#endif
