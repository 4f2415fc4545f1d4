/* SPDX-License-Identifier: GPL-2.0-only */
/* Podman and docker: engines with images and containers of their own, of which ours carry a label. */
#ifndef VNET_RUNTIME_PODMAN_DOCKER_H
#define VNET_RUNTIME_PODMAN_DOCKER_H

#include "base/command.h"
#include "runtime/oci.h"
#include "model/container.h"

#define VN_ENGINES_SANDBOX "-net" /* behind the name of a sandbox; "" behind that of a container */

/*
 * What the OCI runtime of a node's containers is in docker's configuration, where its path leads to vnet-node-runc;
 * *@ret_remaps: dockerd was started with --userns-remap, containers have a user namespace of docker's then. An empty
 * @name: none is.
 */
#define VN_DOCKER_NAME_MAX 128
void vn_engines_docker_runtime(char name[VN_DOCKER_NAME_MAX], bool *ret_remaps);

/* The node's container, by @runtime's `run`. */
int vn_engines_start(enum vn_runtime runtime, const struct vn_container_spec *s, struct vn_err *err);
/*
 * By the identifier that was written when it was made. Without one (a crash in between, a reboot that took our files
 * and left the engine's) the name says which, and the label whether it is ours.
 */
int vn_engines_stop(enum vn_runtime runtime, const struct vn_container_spec *s, const char *suffix, struct vn_err *err);

/* What is ours: a name that others may have taken, so a label, too, and the engine's own identifier in a file. */
void vn_engines_identity(struct vn_cmdline *c, const struct vn_container_spec *s, const char *suffix);
/* Run @c; a remnant of ours that has the name is removed first, one of somebody else's is -EEXIST. */
int vn_engines_run(enum vn_runtime runtime, const struct vn_container_spec *s, struct vn_cmdline *c, const char *suffix,
		   struct vn_err *err);
/* Its process number, into the file "pid" that the other runtimes write. */
int vn_engines_docker_pid(const struct vn_container_spec *s, const char *suffix, struct vn_err *err);

#endif
