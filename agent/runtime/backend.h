/* SPDX-License-Identifier: GPL-2.0-only */
/* Containers by the command lines of their runtimes. Every function waits for the runtime to finish. */
#ifndef VNET_RUNTIME_BACKEND_H
#define VNET_RUNTIME_BACKEND_H

#include "runtime/oci.h"
#include "model/container.h"

#define VN_CONTAINER_ID_MAX 144 /* "vnet-TOPOLOGY.NODE-net" */

/*
 * Everything without which vn_backend_start() would fail: the runtime's program, image or root file system, CPUs.
 * Nothing is changed. Errors say what to do.
 */
int vn_backend_check(enum vn_runtime runtime, const struct vn_container_spec *s, struct vn_err *err);

/* So many bytes of huge pages are free, for all that is about to start together; the error says what to do. */
int vn_backend_check_hugepages(long long bytes, struct vn_err *err);

/*
 * docker does not join a namespace by path: a container of ours that does nothing (@pause, a static program) has the
 * namespace that becomes the node's. *@ret_pid is its process.
 */
int vn_backend_sandbox(const struct vn_container_spec *s, const char *pause, pid_t *ret_pid, struct vn_err *err);
/* Sandbox, container and all that was kept of them are gone afterwards. */
int vn_backend_sandbox_stop(const struct vn_container_spec *s, struct vn_err *err);

/*
 * Start it, detached; *@ret_pid is its first process in the host's numbers. A remnant of ours is removed first; a
 * container of that name that is somebody's is left alone: -EEXIST.
 */
int vn_backend_start(enum vn_runtime runtime, const struct vn_container_spec *s, pid_t *ret_pid, struct vn_err *err);
/* A file in the container's directory: "PID START" of its first process. */
#define VN_CONTAINER_STARTED "started"
#define VN_CONTAINER_SANDBOX "sandbox" /* the same of docker's sandbox */
#define VN_SANDBOX_NETNS     "netns"   /* the sandbox's namespace is bound here */

/* Gone afterwards; so too when there was none. Never one that is not ours. */
int vn_backend_stop(enum vn_runtime runtime, const struct vn_container_spec *s, struct vn_err *err);

#endif
