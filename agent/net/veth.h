/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Devices: veth pairs and what is set on any link. Each function adds requests to a batch.
 */
#ifndef VNET_NET_VETH_H
#define VNET_NET_VETH_H

#include <abi/ifindex.h>

#include "net/nl.h"

#define VN_IFINDEX_LO 1u

#define VN_GROUP_PORTS 0x766e0001u /* host ends in use */
#define VN_GROUP_DYING 0x766e0002u /* host ends to be deleted together */

struct vn_veth_end {
	const char *ifname;
	uint32_t ifindex;   /* 0: any */
	int netns_fd;       /* -1: the socket's namespace; only for the peer */
	const uint8_t *mac; /* NULL: the kernel's choice */
	uint32_t gso_max;   /* bytes of a GSO frame that it passes on whole; only for the first end; 0: the kernel's */
};
#define VN_GSO_MAX (8u * 65535) /* what a veth can be told since Linux 6.3 */

/* A pair with one queue each way, both ends down; both ends get @mtu. */
void vn_veth_create(struct vn_nl *nl, const struct vn_veth_end *end, const struct vn_veth_end *peer, uint32_t mtu,
		    uint32_t group);
void vn_link_up(struct vn_nl *nl, uint32_t ifindex);
void vn_link_down(struct vn_nl *nl, uint32_t ifindex);
/* A name that another device has stays that device's; one that is up keeps its own before Linux 6.2. No failures. */
void vn_link_rename(struct vn_nl *nl, uint32_t ifindex, const char *ifname);
void vn_link_set_mac(struct vn_nl *nl, uint32_t ifindex, const uint8_t mac[6]);
void vn_link_set_mtu(struct vn_nl *nl, uint32_t ifindex, uint32_t mtu);
/* The longest frame, and how many may wait in its queue of transmission. */
void vn_link_set_room(struct vn_nl *nl, uint32_t ifindex, uint32_t mtu, uint32_t queue);
void vn_link_set_group(struct vn_nl *nl, uint32_t ifindex, uint32_t group);
void vn_link_set_group_named(struct vn_nl *nl, const char *ifname, uint32_t group);
/* All devices of @group in one sweep: one at a time costs a grace period each. An empty group is no failure. */
void vn_link_delete_group(struct vn_nl *nl, uint32_t group);

/* What a dump tells about a device. @name points into the message. */
struct vn_link_info {
	uint32_t ifindex, peer_ifindex, group, mtu, flags;
	int peer_nsid; /* the namespace of the other end, as the socket's numbers it; -1: the same */
	const char *name;
};
/* Frames that the device dropped instead of sending. */
int vn_link_tx_dropped(struct vn_nl *nl, uint32_t ifindex, uint64_t *ret_dropped);

/* Dump of the socket's namespace. */
int vn_link_dump(struct vn_nl *nl, void (*each)(void *arg, const struct vn_link_info *l), void *arg);

#endif
