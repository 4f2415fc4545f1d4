/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * The user namespaces that own nodes' network namespaces. rtnetlink lets whoever has CAP_NET_ADMIN over the owner of a
 * network namespace act in it by its number (IFLA_TARGET_NETNSID, IFLA_LINK_NETNSID), and a veth tells its peer's
 * number: so nodes have owners apart from the fabric's, which is the machine's.
 *
 * The network namespace keeps its owner: there is no second file, and who has the one asks for the other.
 */
#ifndef VNET_BASE_USERNS_H
#define VNET_BASE_USERNS_H

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <base/util.h>

/*
 * Numbers between those that systemd gives to containers (up to 0x6fffffff) and those of foreign file systems (from
 * 0x7ffe0000), out of reach of /etc/subuid's usual ones.
 *
 * Each user namespace belongs to a user who is nobody else: to the owner the kernel gives every capability over it
 * (cap_capable()), so it must not be root, whose number containers without any capability have, too; and it limits what
 * namespaces of one owner may have together (user.max_inotify_instances and the like).
 *
 * One range for all nodes: nodes are kept apart by their namespaces, and an image that is shown to several, or to the
 * same one after a restart, has the same owners everywhere.
 */
#define VN_USERNS_OWNER  0x70000000u /* the first */
#define VN_USERNS_OWNERS 0x10000u
#define VN_USERNS_BASE   0x70010000u
#define VN_USERNS_IDS    0x10000u

/* An fd of the user namespace that owns the network namespace @netns, or -errno. */
static inline int vn_userns_of(int netns)
{
	int fd = ioctl(netns, NS_GET_USERNS);

	return fd < 0 ? -errno : fd;
}

/* 1: @netns belongs to the user namespace of the caller, which is the machine's; 0: to another; -errno. */
static inline int vn_userns_is_ours(int netns)
{
	cleanup_close int owner = vn_userns_of(netns), own = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
	struct stat a, b;

	if (owner < 0)
		return owner;
	if (own < 0 || fstat(owner, &a) < 0 || fstat(own, &b) < 0)
		return -errno;
	return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

#endif
