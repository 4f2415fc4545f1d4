/* SPDX-License-Identifier: GPL-2.0-only */
/* Super-frames: tc sees up to 64 KB as one skb, which on a wire would be many frames. */
#ifndef VNET_BPF_SEGMENTS_H
#define VNET_BPF_SEGMENTS_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_helpers.h>

#include "class.h"

/*
 * Bytes that each segment of a super-frame repeats: everything up to the payload of TCP or UDP. Of a tunnel's
 * super-frame only the outer headers are seen.
 */
static __always_inline __u32 vn_segment_head(struct __sk_buff *skb, const struct vn_l3 *l3)
{
	__u32 off = l3->off;
	__u8 proto = 0, b = 0;

	if (l3->proto == bpf_htons(ETH_P_IP)) {
		if (bpf_skb_load_bytes(skb, off, &b, 1) < 0 || bpf_skb_load_bytes(skb, off + 9, &proto, 1) < 0)
			return off;
		off += (b & 0xf) * 4;
	} else if (l3->proto == bpf_htons(ETH_P_IPV6)) {
		if (bpf_skb_load_bytes(skb, off + 6, &proto, 1) < 0)
			return off;
		off += sizeof(struct vn_ip6);
		if (vn_skip_ip6_ext(skb, &off, &proto) != VN_PASS)
			return off;
	}
	if (proto == IPPROTO_UDP)
		return off + 8;
	if (proto != IPPROTO_TCP || bpf_skb_load_bytes(skb, off + 12, &b, 1) < 0)
		return off;
	return off + (b >> 4) * 4;
}

/* What the skb would be on a wire: frames, and their bytes from the Ethernet header on. */
struct vn_sum {
	__u64 packets, bytes;
};

static __always_inline struct vn_sum vn_segments(struct __sk_buff *skb, const struct vn_l3 *l3)
{
	/* a tag in metadata will be in each frame */
	__u32 size = skb->gso_size, len = skb->len, head, tag = skb->vlan_present ? 4 : 0;
	struct vn_sum s = {.packets = 1, .bytes = len + tag};

	if (!size)
		return s;
	head = vn_segment_head(skb, l3);
	/* one that user space wrote to a tap has not been counted yet */
	s.packets = skb->gso_segs ?: len > head ? (len - head + size - 1) / size : 1;
	s.bytes = len + (s.packets - 1) * head + s.packets * tag;
	return s;
}

#endif
