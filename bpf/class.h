/* SPDX-License-Identifier: GPL-2.0-only */
/* What a frame is to the filter of an AF_XDP port, for programs at tc and XDP. */
#ifndef VNET_BPF_CLASS_H
#define VNET_BPF_CLASS_H

#include <abi/abi_afxdp.h>

#include "port_check.h"

/* Where a program stands: a constant, which decides how it reads its frame. */
enum vn_at {
	VN_AT_TC,
	VN_AT_XDP,
};

static __always_inline long vn_load(void *ctx, enum vn_at at, __u32 off, void *to, __u32 len)
{
	return at == VN_AT_TC ? bpf_skb_load_bytes(ctx, off, to, len) : bpf_xdp_load_bytes(ctx, off, to, len);
}

/* Where the network header is; tags in the frame only. Of a frame that has passed a port: nothing is checked. */
static __always_inline struct vn_l3 vn_find_l3(void *ctx, enum vn_at at)
{
	struct vn_l3 l3 = {.off = ETH_HLEN};
	__be16 tag[2];

	if (vn_load(ctx, at, 2 * ETH_ALEN, &l3.proto, sizeof(l3.proto)) < 0)
		return l3;
	VN_LOOP
	for (int i = 0; i < VN_VLAN_DEPTH_MAX && vn_is_vlan(l3.proto); i++) {
		if (vn_load(ctx, at, l3.off, tag, sizeof(tag)) < 0)
			return l3;
		l3.n_priority += vn_is_priority(bpf_ntohs(tag[0]));
		l3.proto = tag[1];
		l3.off += sizeof(tag);
	}
	return l3;
}

static __always_inline __u32 vn_class_of_protocol(__u8 protocol)
{
	switch (protocol) {
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return VN_AFXDP_ICMP;
	case IPPROTO_TCP:
		return VN_AFXDP_TCP;
	case IPPROTO_UDP:
		return VN_AFXDP_UDP;
	default:
		return VN_AFXDP_IP;
	}
}

/*
 * @more: tags beside those in the frame, priority tags not counted. What is too short for its own headers is OTHER, so
 * that no filter is slipped by a runt.
 */
static __always_inline __u32 vn_class_of(void *ctx, enum vn_at at, const struct vn_l3 *l3, __u32 more)
{
	__u8 head[sizeof(struct vn_ip6)];

	if ((l3->off - ETH_HLEN) / 4 - l3->n_priority + more > VN_AFXDP_TAGS_MAX)
		return VN_AFXDP_OTHER;
	if (l3->proto == bpf_htons(ETH_P_ARP))
		return VN_AFXDP_ARP;
	if (l3->proto == bpf_htons(ETH_P_IP)) {
		if (vn_load(ctx, at, l3->off, head, 20) < 0)
			return VN_AFXDP_OTHER;
		/* A later fragment does not say what it is a part of, so the first one is not taken at its word. */
		if ((head[6] & 0x3f) | head[7])
			return VN_AFXDP_IP;
		return vn_class_of_protocol(head[9]);
	}
	if (l3->proto == bpf_htons(ETH_P_IPV6)) {
		if (vn_load(ctx, at, l3->off, head, sizeof(head)) < 0)
			return VN_AFXDP_OTHER;
		return vn_class_of_protocol(head[6]);
	}
	return VN_AFXDP_OTHER;
}

#endif
