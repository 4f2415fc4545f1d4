/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a node is besides a network namespace: who runs it, and for containers what runs in it. The description is a
 * JSON object from the topology file to the one who starts it, checked at each border:
 *
 *   image | rootfs   name of an image, or directory of a root file system
 *   command          [word, ...]; none: the image's own
 *   env              ["NAME=value", ...]
 *   cpus | cpuset    how many CPUs (the agent chooses), or which ("0,2-3")
 *   memory_bytes, hugepages_bytes (of 2 MiB), numa (node of memory and CPUs)
 *   uid, gid         default 65534
 *   capabilities     ["NET_RAW", ...] of vn_container_caps[]; none by default
 *   writable         true: the root file system may be changed
 *   mounts           ["/host/path:/path[:rw]", ...]
 */
#ifndef VNET_MODEL_CONTAINER_H
#define VNET_MODEL_CONTAINER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include <base/err.h>

#include "model/node_kind.h"

#define VN_CONTAINER_UID      65534
#define VN_CONTAINER_WORDS    256 /* of command, env, mounts each */
#define VN_CONTAINER_CPUS_MAX 1024

/* Capabilities that a node may have: those that mean its own namespaces only. */
extern const char *const vn_container_caps[];
/* @o, a container's description, gives it @cap. */
bool vn_container_has_cap(const json_t *o, const char *cap);

/* Keys, types, ranges and contradictions of @o for @runtime: -EINVAL with what is wrong. */
int vn_container_check(const json_t *o, enum vn_runtime runtime, struct vn_err *err);
/* "0,2-3" -> @ret_cpus[i] for each; -EINVAL. */
int vn_cpuset_parse(const char *text, bool ret_cpus[VN_CONTAINER_CPUS_MAX]);

#endif
