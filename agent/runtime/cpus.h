/* SPDX-License-Identifier: GPL-2.0-only */
/* Which CPUs a container gets, and what it sees of them. */
#ifndef VNET_RUNTIME_CPUS_H
#define VNET_RUNTIME_CPUS_H

#include <jansson.h>
#include <stddef.h>

#include <base/err.h>

#define VN_CPU_DIR "/sys/devices/system/cpu"

/*
 * The CPU list ("0,2-3") for container @o, the @place-th of its topology: its cpuset, or so many of the online CPUs (of
 * its NUMA node) as it asks for, beginning where the containers before it are likely to have ended; "" when it asks
 * for none. -EINVAL with @err when the machine has not so many, or not those. @buf of VN_CPU_LIST bytes.
 */
#define VN_CPU_LIST 1024
int vn_cpus_choose(const json_t *o, size_t place, char buf[VN_CPU_LIST], struct vn_err *err);

/*
 * OCI mounts that let a container see only the CPUs of @list below VN_CPU_DIR, since DPDK's EAL and others believe
 * what stands there: a tmpfs, in it the directories of these CPUs and files that name them, written to @dir.
 */
int vn_cpus_mask(const char *list, const char *dir, json_t *mounts, struct vn_err *err);

#endif
