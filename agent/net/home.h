/* SPDX-License-Identifier: GPL-2.0-only */
/* The two network namespaces of the daemon: the fabric, and the one that it lives in. */
#ifndef VNET_NET_HOME_H
#define VNET_NET_HOME_H

#include <stdbool.h>

#include "net/netns.h"
#include "net/nl.h"

#define VN_FABRIC_NAME "vnet-fabric"

struct vn_home {
	int netns_fd;      /* of the fabric */
	int host_netns_fd; /* where the daemon lives */
	bool made;         /* by this start: an engine that runs serves another one, which lost its name */
};

/* Into the fabric; vn_netns_leave() comes back. */
int vn_home_enter(const struct vn_home *h, struct vn_err *err);
/* A socket in namespace @fd, back in the host's afterwards. */
int vn_home_nl_open(const struct vn_home *h, int fd, struct vn_nl *nl, struct vn_err *err);

#endif
