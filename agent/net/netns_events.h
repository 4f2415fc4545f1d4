/* SPDX-License-Identifier: GPL-2.0-only */
/* Events of the kernel about devices, addresses, routes, neighbours and settings, of many namespaces by one socket. */
#ifndef VNET_NET_NETNS_EVENTS_H
#define VNET_NET_NETNS_EVENTS_H

#include <base/err.h>

/*
 * A socket in the namespace of the calling thread that hears, beside it, each namespace that has a number there
 * (net/netns_id.h) and whose user namespace the opener has CAP_NET_BROADCAST over. Routes of other protocols than
 * ours and the kernel's own are sorted out in there, unless they replace one. Read it by vn_netlink_recv_nsid().
 */
int vn_events_open(int *ret_fd, struct vn_err *err);

#endif
