/* SPDX-License-Identifier: GPL-2.0-only */
/* The administration of a VF by its PF, by netlink. In the host's namespace. */
#ifndef VNET_SRIOV_VF_ADMIN_H
#define VNET_SRIOV_VF_ADMIN_H

#include <stdbool.h>
#include <stdint.h>

#include "net/nl.h"

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

#endif
