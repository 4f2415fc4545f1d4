/* SPDX-License-Identifier: GPL-2.0-only */
/* Static routes of a node. Each function adds a request to a batch of a socket inside that node. */
#ifndef VNET_NET_ROUTE_H
#define VNET_NET_ROUTE_H

#include "net/nl.h"
#include "model/model.h"

/* In place of any route to the same destination. @oif counts only with a gateway; @src (may be NULL): preferred source.
 */
void vn_route_replace(struct vn_nl *nl, const struct vn_route *route, uint32_t oif, const struct vn_addr *src);
/* The one to the network of @a on @ifindex, as the kernel makes it with the address. */
void vn_route_network(struct vn_nl *nl, uint32_t ifindex, const struct vn_addr *a);
/* Of ours. Gone already: fine. */
void vn_route_del(struct vn_nl *nl, const struct vn_route *route, uint32_t oif);

#endif
