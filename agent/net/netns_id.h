/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Numbers of network namespaces. Each namespace numbers the others that it has to do with; messages about devices
 * (IFLA_LINK_NETNSID) and events of other namespaces name them so.
 */
#ifndef VNET_NET_NETNS_ID_H
#define VNET_NET_NETNS_ID_H

#include "net/nl.h"

/* The number that the namespace of @nl's socket has for @netns_fd; one is given when there is none yet. */
int vn_nsid_get(struct vn_nl *nl, int netns_fd, int *ret_nsid);

#endif
