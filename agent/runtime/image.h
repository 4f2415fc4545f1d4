/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What of the host's files a container gets: its root file system and its mounts. They are opened once, when the
 * container starts, and runtimes are given mounts of what was opened, in the container's own directory: never a path
 * that somebody could change between a look and its use.
 *
 *   DIR/rootfs   the root file system
 *   DIR/mntN     source of mounts[N]
 *   DIR/huge     its huge pages, a file system that a user namespace cannot mount for itself
 *
 * What root asked for is what the path names then. What anybody else asked for (vn_container_spec.asked_by) lies below
 * the daemon's --image-dir, has no symbolic link on its way, and cannot be written to: the root file system is the
 * lower layer of an overlay, whose upper one is a tmpfs of the container's own; mounts are read-only.
 *
 * In a user namespace of the container's own the host's users are nobody. So the mounts show the files with owners of
 * that namespace, user N of the host as user N (an idmapped mount, Linux 5.12); what the container's root writes is the
 * host's root's, as without. File systems that cannot be shown so (proc, sysfs, overlay, NFS) are refused where the
 * container's root should own something, its root file system and `:rw`; read-only mounts show the owners as nobody.
 *
 * Once a container runs it has all of it in its own mount namespace, and the host's mounts go again.
 */
#ifndef VNET_RUNTIME_IMAGE_H
#define VNET_RUNTIME_IMAGE_H

#include "runtime/oci.h"

/* All of it is there and allowed; VN_EXIT_DENIED where not. Nothing is changed. */
int vn_image_check(const struct vn_container_spec *s, struct vn_err *err);

/* Mount it; whatever happens, vn_image_unmount() takes it away. */
int vn_image_mount(const struct vn_container_spec *s, struct vn_err *err);
/* @dir: of the container. */
void vn_image_unmount(const char *dir);

/* Where runtimes find them. */
void vn_image_rootfs_path(const struct vn_container_spec *s, char path[512]);
void vn_image_hugepages_path(const struct vn_container_spec *s, char path[512]);
void vn_image_source_path(const struct vn_container_spec *s, size_t mount, char path[512]);

#endif
