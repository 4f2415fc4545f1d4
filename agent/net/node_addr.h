/* SPDX-License-Identifier: GPL-2.0-only */
/* Addresses of a node. Each function adds a request to a batch of a socket inside that node. */
#ifndef VNET_NET_NODE_ADDR_H
#define VNET_NET_NODE_ADDR_H

#include "net/nl.h"
#include "model/model.h"

/* There already, equal: fine. IPv6 without duplicate address detection: usable at once. */
void vn_addr_add(struct vn_nl *nl, uint32_t ifindex, const struct vn_addr *a);
void vn_addr_del(struct vn_nl *nl, uint32_t ifindex, const struct vn_addr *a);

#endif
