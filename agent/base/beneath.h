/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Files and directories below one that is ours, by descriptor: whatever somebody else can write there, a symbolic link
 * is never followed and nothing outside is ever reached (openat2(2), Linux 5.6).
 */
#ifndef VNET_BASE_BENEATH_H
#define VNET_BASE_BENEATH_H

#include <sys/types.h>

/* A descriptor (O_PATH, or as @flags say) of @path, relative to @dir; -ELOOP: a symbolic link is on the way, -EXDEV: it
 * leads out. */
int vn_beneath_open(int dir, const char *path, int flags);
/* Directory @name in @dir, made with @mode when it is not there; what else has the name is removed. A descriptor. */
int vn_beneath_make_dir(int dir, const char *name, mode_t mode);
/* @name in @dir, whatever it is, with all that is in it. 0 also when it is not there. Mounts in it are not entered. */
int vn_beneath_remove(int dir, const char *name);
/* Call @each for every entry of directory @dir but "." and ".."; ends at the first negative result. */
int vn_beneath_list(int dir, int (*each)(int dir, const char *name, void *arg), void *arg);

#endif
