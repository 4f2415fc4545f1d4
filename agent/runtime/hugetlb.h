/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The limit of huge pages of a container. The runtimes set it only where the controller is where they expect it; hybrid
 * cgroup trees have it elsewhere. So it is done here, alike for all of them.
 */
#ifndef VNET_RUNTIME_HUGETLB_H
#define VNET_RUNTIME_HUGETLB_H

#include <sys/types.h>

#include <base/err.h>

/*
 * Process @pid and what it starts may have @bytes in pages of 2 MiB. Where its cgroup has no such controller it moves
 * to one of its own, named @id. On a kernel without the controller: 0, there is nothing to keep others from.
 */
int vn_hugetlb_limit(const char *id, pid_t pid, long long bytes, struct vn_err *err);
/* Control groups of ours, also runc's, are below this one. */
#define VN_CGROUP "vnet"

/* The group that was made for @id is removed, if there is one and nobody is left in it; VN_CGROUP after the last. */
void vn_hugetlb_release(const char *id);

#endif
