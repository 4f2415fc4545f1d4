/* SPDX-License-Identifier: GPL-2.0-only */
/* GSO frames: tc sees up to 64 KB as one skb, which on a wire would be many frames. */
#ifndef VNET_BPF_SEGMENTS_H
#define VNET_BPF_SEGMENTS_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_helpers.h>

#include "class.h"

/*
 * Bytes that each segment of a GSO frame repeats: everything up to the payload of TCP or UDP. Of a tunnel's
 * GSO frame only the outer headers are seen.
 */
static __always_inline __u32 vn_segment_head(struct __sk_buff *skb, const struct vn_l3 *l3)
{
	struct vn_ip6_upper u = {.off = l3->off};
	struct vn_ip6 ip;
	__u32 jumbo = 0;
	__u8 b = 0;

	if (l3->proto == bpf_htons(ETH_P_IP)) {
		if (bpf_skb_load_bytes(skb, u.off, &b, 1) < 0 || bpf_skb_load_bytes(skb, u.off + 9, &u.proto, 1) < 0)
			return u.off;
		u.off += (b & 0xf) * 4;
	} else if (l3->proto == bpf_htons(ETH_P_IPV6)) {
		if (bpf_skb_load_bytes(skb, u.off, &ip, 8) < 0)
			return u.off;
		u.proto = ip.next;
		u.off += sizeof(ip);
		if (vn_skip_ip6_ext(skb, &u, skb->len) != VN_PASS)
			return u.off;
		/* More than 64 KB: the jumbo payload option that says so is in no segment. */
		if (!ip.payload_len && ip.next == IPPROTO_HOPOPTS)
			jumbo = 8;
	}
	if (u.proto == IPPROTO_UDP)
		return u.off - jumbo + 8;
	if (u.proto != IPPROTO_TCP || bpf_skb_load_bytes(skb, u.off + 12, &b, 1) < 0)
		return u.off - jumbo;
	return u.off - jumbo + (b >> 4) * 4;
}

/* What the skb would be on a wire: frames, and their bytes from the Ethernet header on. */
struct vn_sum {
	__u64 packets, bytes;
};

/* @size: its gso_size; @head: vn_segment_head() of a GSO frame */
static __always_inline struct vn_sum vn_segments(struct __sk_buff *skb, __u32 size, __u32 head)
{
	__u32 len = skb->len, tag;
	struct vn_sum s = {.packets = 1};

	/* Else the compiler keeps the address of the next field, with which the verifier takes no access. */
	barrier_var(skb);
	/* a tag in metadata will be in each frame */
	tag = skb->vlan_present ? 4 : 0;
	s.bytes = len + tag;
	if (!size)
		return s;
	/* one that user space wrote to a tap has not been counted yet */
	s.packets = skb->gso_segs ?: len > head ? (len - head + size - 1) / size : 1;
	s.bytes = len + (s.packets - 1) * head + s.packets * tag;
	return s;
}

/*
 * What a wire with the link's MTU would not carry: a frame, or a segment, of which more than that stands behind the
 * Ethernet header and the VLAN tags. And what no TCP or UDP sends: a GSO frame of so many and so small segments that
 * one call of its sender were a flood. A link whose MTU is so small that its TCP must go below, may.
 */
static __always_inline int vn_check_length(struct __sk_buff *skb, const struct vn_port_cfg *port,
					   const struct vn_l3 *l3, __u32 size, __u32 head)
{
	__u32 len = skb->len, mtu = port->mtu;

	if (size) {
		if (len > head && len - head > size * VN_GSO_SEGS_MAX)
			return VN_DROP_MALFORMED;
		if (size < VN_GSO_SIZE_MIN && mtu >= VN_GSO_MTU)
			return VN_DROP_MALFORMED;
		if (head + size < len)
			len = head + size;
	}
	return len > l3->off + mtu ? VN_DROP_TOO_LONG : VN_PASS;
}

#endif
