/* SPDX-License-Identifier: GPL-2.0-only */
/* Neighbour entries of a node. Adds a request to a batch of a socket inside that node. */
#ifndef VNET_NET_NEIGH_H
#define VNET_NET_NEIGH_H

#include "net/nl.h"
#include "model/model.h"

/*
 * @a is at @mac, for good. What can be known need not be asked: the first frame goes at once, and the kernel's table of
 * neighbours, one for the whole machine and 1024 entries by default (gc_thresh3), does not overflow: permanent ones do
 * not count.
 */
void vn_neigh_set(struct vn_nl *nl, uint32_t ifindex, const struct vn_addr *a, const uint8_t mac[6]);

#endif
