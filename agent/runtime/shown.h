/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Files of the host as a node's user namespace sees them: mounts that show them with owners of that namespace, user N
 * of the host as user N (an idmapped mount, Linux 5.12), and overlays over such mounts.
 */
#ifndef VNET_RUNTIME_SHOWN_H
#define VNET_RUNTIME_SHOWN_H

#include <stdbool.h>
#include <stdint.h>

#include <base/err.h>

#define VN_SHOWN_UPPER "upper" /* in the working directory, while an overlay is put together */

/*
 * A detached mount of what @fd names, with @attr (MOUNT_ATTR_*), tied to nobody's; @recursive is AT_RECURSIVE with what
 * is mounted in it, or 0. It is shown to user namespace @users (-EBADF: as it is). @needed: without the right owners it
 * is of no use; else owners are nobody where it cannot be done.
 */
int vn_shown_tree(int fd, int users, uint64_t attr, unsigned int recursive, bool needed, int *ret_tree,
		  struct vn_err *err);
/* @tree to @name in the working directory, where a directory or a file is made for it. */
int vn_shown_attach(int tree, const char *name, struct vn_err *err);

/* So much may be written to an overlay of a container with so much @memory (0: no limit). */
long long vn_shown_upper_bytes(bool writable, long long memory);
/*
 * An overlay at @name in the working directory over @lower, directories in there, the uppermost first, with colons
 * between them; @options: more of its options, each with a comma behind it. What is written to it, at most
 * @upper_bytes, is in memory and ends with the overlay.
 */
int vn_shown_overlay(const char *lower, const char *options, long long upper_bytes, const char *name,
		     struct vn_err *err);

#endif
