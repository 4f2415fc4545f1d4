/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the discipline of a direction does at its port, whether or not the engine holds the frames after that: the gate
 * (state, flap schedule) and the policer. Both know GSO frames, which is how a node's TCP arrives here.
 */
#ifndef VNET_BPF_PORT_GATE_H
#define VNET_BPF_PORT_GATE_H

#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>

#include <maps/maps.bpf.h>
#include <disc/gate.h>
#include <disc/police.h>
#include "port_check.h"
#include "segments.h"

/*
 * So often another CPU may take tokens between our look at the bucket and our taking from it. The frame that lost every
 * time is dropped: under such a rush the bucket is empty anyway, and nothing may be granted that was not taken.
 */
#define VN_POLICE_TRIES 8

static __always_inline int vn_police_frame(struct __sk_buff *skb, __u32 head, const struct vn_disc *d, __u32 number,
					   __u64 now_ns)
{
	__u64 rate_bps = *(volatile const __u64 *)&d->police_bps;
	/* a tag that the node's device left in metadata will be in the frame, or in each of its segments */
	__u32 tag = skb->vlan_present ? 4 : 0, burst = d->police_burst_bytes;
	struct vn_police *p = bpf_map_lookup_elem(&vn_police, &number);
	__u64 bytes;

	if (!p || !rate_bps)
		return VN_PASS;
	bytes = vn_police_bytes(skb->len + tag, head + tag, skb->gso_size);
	for (int i = 0; i < VN_POLICE_TRIES; i++) {
		__u64 tat_ns = *(volatile __u64 *)&p->tat_ns, next_ns;

		if (!vn_police_conform(tat_ns, now_ns, bytes, rate_bps, burst, &next_ns))
			break;
		if (__sync_val_compare_and_swap(&p->tat_ns, tat_ns, next_ns) == tat_ns)
			return VN_PASS;
	}
	__sync_fetch_and_add(&p->dropped_packets, skb->gso_segs ?: 1);
	__sync_fetch_and_add(&p->dropped_bytes, bytes);
	return VN_DROP_POLICE;
}

/* Gate and policer of a port that has one; VN_PASS or the reason to drop. @head: of a GSO frame's segments. */
static __always_inline int vn_port_gate(struct __sk_buff *skb, __u32 head, __u32 number, __u32 flags)
{
	const struct vn_disc_slot *s = bpf_map_lookup_elem(&vn_disc, &number);
	__u64 now_ns = bpf_ktime_get_ns(); /* the coarse clock moves by whole ms: bursts, to a policer */

	if (!s)
		return VN_PASS;
	/* Each field is read whole; while the daemon writes them, one frame may meet an old one beside a new one. */
	if (flags & VN_PORT_GATED && !vn_gate_open(&s->disc, now_ns))
		return VN_DROP_DOWN;
	if (flags & VN_PORT_POLICED)
		return vn_police_frame(skb, head, &s->disc, number, now_ns);
	return VN_PASS;
}

#endif
