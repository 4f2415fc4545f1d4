/* SPDX-License-Identifier: GPL-2.0-only */
/* The process that has an AF_XDP port: known by its pidfd, remembered on disk for the next daemon. */
#ifndef VNET_LEASE_HANDOVER_OWNER_H
#define VNET_LEASE_HANDOVER_OWNER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/process.h"
#include "lease/handover_proto.h"

struct vn_owner {
	int pidfd; /* -EBADF: nobody */
	pid_t pid;
	uid_t uid;
	gid_t gid;
	char comm[VN_COMM_SIZE];
	char host[VN_HANDOVER_HOST_MAX]; /* as the application calls itself */
	uint64_t since_ns;               /* CLOCK_REALTIME */
};
#define VN_OWNER_NONE                                                                                                  \
	{                                                                                                              \
		.pidfd = -EBADF                                                                                        \
	}

/* The other end of the unix socket @fd, by SO_PEERCRED and SO_PEERPIDFD; -ESRCH when it has ended already. */
int vn_owner_of_peer(int fd, struct vn_owner *ret_owner);
void vn_owner_release(struct vn_owner *o);
bool vn_owner_alive(const struct vn_owner *o);

/* Remember @o in @path; find it again when it still is the same process (by its start time), else -ESRCH. */
int vn_owner_save(const struct vn_owner *o, const char *path);
int vn_owner_load(const char *path, struct vn_owner *ret_owner);

#endif
