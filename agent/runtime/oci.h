/* SPDX-License-Identifier: GPL-2.0-only */
/* The OCI runtime configuration (config.json, version 1.0.2) of a container node. */
#ifndef VNET_RUNTIME_OCI_H
#define VNET_RUNTIME_OCI_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include <base/err.h>

/**
 * struct vn_container_spec - one container, complete
 * @id:        "vnet-TOPOLOGY.NODE"
 * @topo:      name of the topology
 * @hostname:  of the node
 * @o:         what runs in it (model/container.h)
 * @netns:     path of the node's network namespace
 * @cpus:      CPU list, "" for any
 * @dir:       a directory of its own: bundle, log, pid, mounts
 * @ports_dir: of the node's hand-over sockets; it appears as /run/vnet in the container; NULL: none
 * @image_dir: where others than root may have files from; NULL: nowhere
 * @users:     path of the user namespace that owns @netns; NULL: it is the machine's
 * @users_fd:  the same, open
 * @privileged: with @users NULL it may have NET_ADMIN all the same
 * @node_runc: path of vnet-node-runc, the runtime by which engines' containers join @users
 * @asked_by:  uid of who described it: what of the host's files it gets is what that user may give (image.h)
 */
struct vn_container_spec {
	const char *id, *topo, *hostname;
	const json_t *o;
	const char *netns, *cpus, *dir, *ports_dir, *image_dir, *node_runc;
	uint32_t asked_by;
	bool privileged;
	const char *users;
	int users_fd;
};

/* Processes and threads that a container may have: a fork bomb stays its own. */
#define VN_CONTAINER_PIDS 4096

/* The configuration as an object; files it refers to are written below @s->dir. NULL with @err. */
json_t *vn_oci_config(const struct vn_container_spec *s, struct vn_err *err);

#endif
