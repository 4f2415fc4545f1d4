/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * SR-IOV: physical functions (PF), their virtual functions (VF), and the administration of one by the other. By netlink
 * where there is netlink; sysfs has the number of VFs, drivers and IOMMU groups. In the host's namespace.
 */
#ifndef VNET_NET_SRIOV_H
#define VNET_NET_SRIOV_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "net/nl.h"

#define VN_PCI_NAME 32 /* "0000:01:10.0" with room */

struct vn_sriov {
	char name[IF_NAMESIZE]; /* of the PF's netdev */
	char pci[VN_PCI_NAME];
	char driver[64];
	uint32_t ifindex;
	unsigned int total, num;
	bool up, autoprobe;
};

/* The PF whose netdev is @name: -ENODEV when there is no such device, -EOPNOTSUPP when it has no SR-IOV. */
int vn_sriov_open(const char *name, struct vn_sriov *ret_pf, struct vn_err *err);

/* PCI address of VF @vf; -ENOENT when it does not exist. */
int vn_sriov_vf_pci(const struct vn_sriov *pf, unsigned int vf, char ret_pci[VN_PCI_NAME]);
/* "" when there is none. */
void vn_pci_driver(const char *pci, char *buf, size_t size);
/* Number of the IOMMU group, -1 when there is none. */
int vn_pci_iommu_group(const char *pci);
/* How many devices are in @group. */
int vn_iommu_group_size(int group);

/* Write sriov_numvfs, sriov_drivers_autoprobe. */
int vn_sriov_set_num(const struct vn_sriov *pf, unsigned int n, struct vn_err *err);
int vn_sriov_set_autoprobe(const struct vn_sriov *pf, bool on, struct vn_err *err);
/* -EBUSY: it is bound to vfio-pci, and somebody has its group's file open. */
int vn_pci_check_guest(const char *pci, struct vn_err *err);
/* No driver afterwards; its netdev is gone, wherever it was. No driver before: 0. */
int vn_pci_unbind(const char *pci, struct vn_err *err);
/* Bind the driver the kernel chooses, or @driver (NULL: none in particular), which must be loaded. */
int vn_pci_probe(const char *pci, const char *driver, struct vn_err *err);

/* No driver in particular is wanted for it any more; none is bound. */
int vn_pci_override_clear(const char *pci, struct vn_err *err);

/* --- the administration of a VF by its PF ---------------------------------------------------------------------------
 */

enum vn_vf_attr {
	VN_VF_ATTR_MAC,
	VN_VF_ATTR_VLAN,
	VN_VF_ATTR_SPOOFCHK,
	VN_VF_ATTR_TRUST,
	VN_VF_ATTR_STATE,
	VN_VF_ATTR_RATE, /* min_tx_rate and max_tx_rate */
	VN_VF_ATTR_MAX,
};
extern const char *const vn_vf_attr_words[VN_VF_ATTR_MAX];

/* @has: bits 1 << enum vn_vf_attr of those that are known. Rates in Mbit/s. */
struct vn_vf_admin {
	uint32_t has;
	uint8_t mac[6];
	uint32_t vlan, qos, spoofchk, trust, state, min_tx_rate, max_tx_rate;
	bool has_stats; /* any of them not zero: many drivers have none */
	uint64_t rx_packets, tx_packets, rx_bytes, tx_bytes;
};

/* What the PF says of VF @vf; has == 0 where it says nothing. */
int vn_sriov_admin_get(struct vn_nl *nl, uint32_t pf_ifindex, unsigned int vf, struct vn_vf_admin *ret);
/* Add the request that sets @attr as @a has it. */
void vn_sriov_admin_put(struct vn_nl *nl, uint32_t pf_ifindex, unsigned int vf, enum vn_vf_attr attr,
			const struct vn_vf_admin *a);
/* "MAC 02:..", "VLAN 5", "spoofchk on": @attr as @a has it. */
const char *vn_vf_attr_text(char *buf, size_t size, enum vn_vf_attr attr, const struct vn_vf_admin *a);
bool vn_vf_attr_equal(enum vn_vf_attr attr, const struct vn_vf_admin *a, const struct vn_vf_admin *b);
/* Whether the PF can put VFs into VLANs: asked by a request for a VF that cannot exist, which changes nothing. */
bool vn_sriov_can_vlan(uint32_t pf_ifindex);

/* --- the netdev of a VF ---------------------------------------------------------------------------------------------
 */

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
