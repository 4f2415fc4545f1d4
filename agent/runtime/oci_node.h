/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The config.json that podman or docker has written for a node's container, changed so that the container joins the
 * user namespace which owns the node's network namespace. A pure function: what it wants of the machine it asks its
 * caller for.
 */
#ifndef VNET_RUNTIME_OCI_NODE_H
#define VNET_RUNTIME_OCI_NODE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <base/err.h>

/*
 * The environment of docker's sandbox, whose network namespace does not exist yet: the path of another network
 * namespace, which belongs to the user namespace that the sandbox is to be made in.
 */
#define VN_OCI_OWNER_ENV "VNET_OWNER_OF"

/**
 * struct vn_oci_machine - what the rewriting asks for; negative results and @err as everywhere
 * @users:  path of the user namespace that owns network namespace @netns
 * @root:   where root file system @path is with owners of that user namespace; with @writable it may be written to,
 *          into memory of at most @memory bytes (0: no limit) where it is an overlay
 * @source: the same of @path, the source of a bind mount, of @tree with all that is mounted in it; *@ret_flags (ST_* of
 *          statvfs(3)) is what the mount has and a user namespace may not take away
 * @limit:  limit @type (RLIMIT_NOFILE) of the container's processes
 *
 * Paths that are returned live as long as @arg.
 */
struct vn_oci_machine {
	void *arg;
	int (*users)(void *arg, const char *netns, const char **ret_path, struct vn_err *err);
	int (*root)(void *arg, const char *path, bool writable, long long memory, const char **ret_path,
		    struct vn_err *err);
	int (*source)(void *arg, const char *path, bool tree, const char **ret_path, unsigned long *ret_flags,
		      struct vn_err *err);
	int (*limit)(void *arg, const char *type, uint64_t soft, uint64_t hard, struct vn_err *err);
};

/* *@ret_text (free it) is @text for the user namespace. */
int vn_oci_node(const char *text, size_t len, const struct vn_oci_machine *machine, char **ret_text,
		struct vn_err *err);

/* The same of a process.json, what is executed in such a container: only @machine->limit is asked. NULL: as it is. */
int vn_oci_node_process(const char *text, size_t len, const struct vn_oci_machine *machine, char **ret_text,
			struct vn_err *err);

/* Member "linux" @o of a configuration: it joins the user namespace at @path, of a node. */
int vn_oci_join_users(json_t *o, const char *path);

#endif
