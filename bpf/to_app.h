/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The last step to an AF_XDP port: to its application, or to its node's kernel.
 *
 * The program on the node's end is a generic one. What bpf_redirect() sends there has been redirected, and the kernel
 * spares such frames generic XDP: it reaches the node's kernel. (Older ones do not; there the program lets it pass.)
 * What bpf_redirect_peer() hands over meets the program, and with it the XSKMAP, without a second way through a veth.
 * So which of the two a frame is for is decided here.
 *
 * Handed over so, a frame is what it is. One that the kernel has not completed (GSO frames, checksums) goes through
 * the pair VN_ENGINE_PORT_FINISH first, and one whose tag stands in metadata, where XDP sees none, gets the slot's
 * above it: that moves the tag into the frame.
 */
#ifndef VNET_BPF_TO_APP_H
#define VNET_BPF_TO_APP_H

#include <linux/pkt_cls.h>

#include <maps/maps.bpf.h>
#include <abi/ifindex.h>

#include "segments.h"

#define VN_AF_XDP 44

/**
 * struct vn_bound_for - a frame on its last step
 * @number:  of the port that sent it
 * @slotted: the slot's tag is in its metadata, and no other
 * @whole:   nothing of it is left to offloads
 */
struct vn_bound_for {
	const struct vn_port_cfg *port;
	__u32 number;
	bool slotted, whole;
	struct vn_l3 l3;
	struct vn_sum sum;
};

static __always_inline __u32 vn_class_of_skb(struct __sk_buff *skb, const struct vn_bound_for *b)
{
	bool tagged = !b->slotted && skb->vlan_present && !vn_is_priority(skb->vlan_tci);

	return vn_class_of(skb, VN_AT_TC, &b->l3, tagged);
}

static __always_inline void vn_app_count(__u32 number, __u32 fate, const struct vn_sum *sum)
{
	struct vn_afxdp_ctr *c = bpf_map_lookup_elem(&vn_app_ctr, &number);

	if (!c)
		return;
	c->fate[fate].packets += sum->packets;
	c->fate[fate].bytes += sum->bytes;
}

static __always_inline bool vn_app_bound(__u32 number, __u32 queue)
{
	void *sockets = bpf_map_lookup_elem(&vn_app_xsk, &number);

	return sockets && bpf_map_lookup_elem(sockets, &queue);
}

static __always_inline int vn_to_kernel(struct __sk_buff *skb, const struct vn_bound_for *b)
{
	if (b->slotted && bpf_skb_vlan_pop(skb))
		return TC_ACT_SHOT;
	return bpf_redirect(b->port->peer_ifindex, 0);
}

static __always_inline int vn_to_app(struct __sk_buff *skb, const struct vn_bound_for *b)
{
	__u32 flags = b->port->flags, app = b->port->peer_ifindex - VN_IFINDEX_HOST, queue = 0;

	if (flags >> VN_PORT_APP_KERNEL_SHIFT & 1u << vn_class_of_skb(skb, b)) {
		vn_app_count(app, VN_AFXDP_FATE_KERNEL, &b->sum);
		return vn_to_kernel(skb, b);
	}
	if (!vn_app_bound(app, queue)) {
		bool drop = flags & VN_PORT_APP_DROP;

		vn_app_count(app, drop ? VN_AFXDP_FATE_UNBOUND_DROP : VN_AFXDP_FATE_UNBOUND, &b->sum);
		return drop ? TC_ACT_SHOT : vn_to_kernel(skb, b);
	}
	if (!b->slotted && (!b->whole || skb->vlan_present) &&
	    bpf_skb_vlan_push(skb, bpf_htons(VN_SLOT_TPID), b->number))
		return TC_ACT_SHOT;
	if (!b->whole)
		return bpf_redirect(VN_ENGINE_PORT_IFINDEX + 2 * VN_ENGINE_PORT_FINISH, 0);
	vn_app_count(app, VN_AFXDP_FATE_APP, &b->sum);
	skb->queue_mapping = queue + 1;
	/* It is in the node at once. (Volatile: one store for both words is not allowed.) */
	*(volatile __u32 *)&skb->mark = 0;
	return bpf_redirect_peer(b->port->peer_ifindex, 0);
}

/* What an AF_XDP socket sends is complete; what a kernel sends may not be. */
static __always_inline bool vn_is_whole(const struct __sk_buff *skb)
{
	return skb->sk && skb->sk->family == VN_AF_XDP && !skb->gso_size;
}

#endif
