/* SPDX-License-Identifier: GPL-2.0-only */
/* Network devices that are not of our making: found by their PCI device, moved, set, and whether the host needs them.
 */
#ifndef VNET_SRIOV_NETDEV_H
#define VNET_SRIOV_NETDEV_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "net/nl.h"

struct vn_vf_netdev {
	uint32_t ifindex, mtu, group, flags;
	char name[IF_NAMESIZE], alias[256];
	uint8_t mac[6];
	bool xdp;
};

/* The netdev of PCI device @pci in the namespace of @nl; -ENOENT. */
int vn_sriov_netdev(struct vn_nl *nl, const char *pci, struct vn_vf_netdev *ret);

struct vn_vf_move {
	int netns_fd;
	uint32_t ifindex; /* there */
	const char *name;
	uint32_t group;
};
/* Add the requests: into another namespace, under a chosen name and index. It must be down. */
void vn_netdev_move(struct vn_nl *nl, uint32_t ifindex, const struct vn_vf_move *to);
/* NULL and 0: as it is. */
void vn_netdev_set(struct vn_nl *nl, uint32_t ifindex, const char *name, const uint8_t *mac, uint32_t mtu,
		   const char *alias);
/* Receive all multicast, or with IFF_PROMISC in @flags everything. */
void vn_netdev_take_all(struct vn_nl *nl, uint32_t ifindex, unsigned int flags);

/* A default route leaves by @ifindex, or by the device that has it as its lower one (bond, bridge, team). */
int vn_default_route(struct vn_nl *nl, uint32_t ifindex, bool *ret_there);

#endif
