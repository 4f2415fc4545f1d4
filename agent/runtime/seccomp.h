/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The seccomp profile of containers: the distribution's own (VN_SECCOMP_BASE, maintained with the container runtimes),
 * less every way of bpf(2) but the one that an application with an AF_XDP port needs, BPF_MAP_UPDATE_ELEM on the map it
 * was handed.
 */
#ifndef VNET_RUNTIME_SECCOMP_H
#define VNET_RUNTIME_SECCOMP_H

#include <jansson.h>

#include <base/err.h>

#define VN_SECCOMP_BASE "/usr/share/containers/seccomp.json"

/*
 * The profile as OCI's `linux.seccomp`, for a container with the capabilities @caps ("NET_RAW", ...). podman and docker
 * take the same object by --security-opt seccomp=FILE. NULL with @err when the base cannot be read.
 */
json_t *vn_seccomp_profile(const json_t *caps, struct vn_err *err);

#endif
