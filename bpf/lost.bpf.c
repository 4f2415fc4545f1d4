/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Frames that a device of the fabric loses after a program of ours has let them pass: the engine port's ring or queue
 * is full on the way to the engine, the receiving end is down, too full or too small on the way to the node. The kernel
 * tells of each, whichever device it is, and costs nothing where nothing is lost.
 *
 * Whose frame it is says its mark, set by vn_tc_port, vn_tc_deliver and vn_tc_finish and gone when the frame leaves the
 * fabric's namespace; marks of nodes never enter it. Frames that a program drops itself have none and are counted
 * there.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <stdbool.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include <maps/maps.bpf.h>
#include <abi/ifindex.h>

const volatile __u32 vn_fabric_inum; /* its namespace's number: devices of other ones may have the same indexes */

/* Fields of the kernel's own types that are needed here; CO-RE finds their place in the running kernel. */

struct ns_common {
	unsigned int inum;
} __attribute__((preserve_access_index));

struct net {
	struct ns_common ns;
} __attribute__((preserve_access_index));

struct possible_net {
	struct net *net;
} __attribute__((preserve_access_index));

struct net_device {
	int ifindex;
	struct possible_net nd_net;
} __attribute__((preserve_access_index));

struct sk_buff {
	struct net_device *dev;
	unsigned int len;
	__u32 mark;
	__u16 transport_header, mac_header;
	unsigned int end;
	unsigned char *head, *data;
} __attribute__((preserve_access_index));

struct skb_shared_info {
	unsigned short gso_size, gso_segs;
	unsigned int gso_type;
} __attribute__((preserve_access_index));

enum skb_drop_reason {
	SKB_DROP_REASON_CPU_BACKLOG = 1, /* whatever this kernel's value is */
};

#define VN_NO_HEADER  0xffff /* of the offsets of headers */
#define VN_GSO_TCPV4  (1u << 0)
#define VN_GSO_TCPV6  (1u << 4)
#define VN_UDP_HEADER 8
#define VN_LAST_SLOT  0xffffu

struct vn_lost {
	__u64 packets, bytes;
};

/* As vn_segments(): frames, and their bytes from the Ethernet header on. */
static __always_inline struct vn_lost vn_measure(const struct sk_buff *skb)
{
	/* read, not loaded: so they are numbers to the verifier, to be calculated with */
	const unsigned char *start = BPF_CORE_READ(skb, head), *data = BPF_CORE_READ(skb, data);
	const struct skb_shared_info *info = (const void *)(start + skb->end);
	__u32 size = BPF_CORE_READ(info, gso_size), segs = BPF_CORE_READ(info, gso_segs), head = 0;
	__u32 len = skb->len, mac = skb->mac_header, l4 = skb->transport_header;
	__u8 words = 0;

	/* the kernel takes the Ethernet header off before it queues the frame for the node */
	if (mac != VN_NO_HEADER && data > start + mac)
		len += (__u32)(data - (start + mac));
	if (!size)
		return (struct vn_lost){.packets = 1, .bytes = len};
	if (l4 != VN_NO_HEADER && mac != VN_NO_HEADER && l4 > mac) {
		head = l4 - mac + VN_UDP_HEADER;
		if (BPF_CORE_READ(info, gso_type) & (VN_GSO_TCPV4 | VN_GSO_TCPV6) &&
		    !bpf_probe_read_kernel(&words, 1, start + l4 + 12))
			head = l4 - mac + (words >> 4) * 4;
	}
	if (!segs)
		segs = len > head ? (len - head + size - 1) / size : 1;
	return (struct vn_lost){.packets = segs, .bytes = len + (__u64)(segs - 1) * head};
}

static __always_inline void vn_count(__u32 slot, __u32 reason, __u64 n)
{
	struct vn_port_drop *d = bpf_map_lookup_elem(&vn_port_drop, &slot);

	if (d && reason < VN_DROP_MAX)
		__sync_fetch_and_add(&d->count[reason], n);
}

static __always_inline void vn_lost_on_way(__u32 engine, __u32 slot, bool down, __u64 n)
{
	struct vn_engine *e = bpf_map_lookup_elem(&vn_engine, &engine);

	vn_count(slot, down ? VN_DROP_ENGINE_DOWN : VN_DROP_RING_FULL, n);
	if (e && !down)
		__sync_fetch_and_add(&e->ring_dropped, n);
}

/* Handed over and not taken: it was no OUT. All of it happens on the CPU that counted it. */
static __always_inline void vn_lost_at_end(__u32 slot, const struct vn_lost *lost, struct vn_port_ctr *c)
{
	c->out_packets -= lost->packets;
	c->out_bytes -= lost->bytes;
	vn_count(slot, VN_DROP_UNDELIVERED, lost->packets);
}

/* In the queue of packets for the node's device, whose index anybody may have chosen: it must be that very frame. */
static __always_inline void vn_lost_in_node(const struct sk_buff *skb, __u32 number)
{
	const struct vn_port_cfg *port = bpf_map_lookup_elem(&vn_port, &number);
	struct vn_port_ctr *c;
	struct vn_lost lost;
	__u32 slot;

	if (!port || port->peer_ifindex <= VN_IFINDEX_HOST)
		return;
	slot = port->peer_ifindex - VN_IFINDEX_HOST;
	c = bpf_map_lookup_elem(&vn_port_ctr, &slot);
	if (!c || c->last != (__u64)(unsigned long)skb)
		return;
	c->last = 0;
	lost = vn_measure(skb);
	vn_lost_at_end(slot, &lost, c);
}

SEC("tp_btf/kfree_skb")
int vn_lost_tp(__u64 *ctx)
{
	/* the skb, where it was dropped, why */
	const struct sk_buff *skb = (const void *)ctx[0];
	const struct net_device *dev = skb->dev;
	struct vn_engine_port_note *note;
	__u32 ifindex, slot = skb->mark, none = 0, engine;
	struct vn_port_ctr *c;
	struct vn_lost lost;

	if (!dev)
		return 0;
	ifindex = (__u32)dev->ifindex;
	if (ifindex <= VN_IFINDEX_HOST)
		return 0;
	if (ifindex > VN_IFINDEX_NODE && ifindex <= VN_IFINDEX_NODE + VN_LAST_SLOT &&
	    ctx[2] == bpf_core_enum_value(enum skb_drop_reason, SKB_DROP_REASON_CPU_BACKLOG)) {
		vn_lost_in_node(skb, ifindex - VN_IFINDEX_NODE);
		return 0;
	}
	if (!slot || slot > VN_LAST_SLOT || dev->nd_net.net->ns.inum != vn_fabric_inum)
		return 0;
	lost = vn_measure(skb);
	engine = (ifindex - VN_ENGINE_PORT_IFINDEX) / 2;
	if (ifindex >= VN_ENGINE_PORT_IFINDEX && engine < VN_ENGINES_MAX) {
		note = bpf_map_lookup_elem(&vn_engine_port_note, &none);
		vn_lost_on_way(engine, slot, note && note->down && note->slot == slot, lost.packets);
		if (note)
			note->down = 0;
		return 0;
	}
	c = bpf_map_lookup_elem(&vn_port_ctr, &slot);
	if (c)
		vn_lost_at_end(slot, &lost, c);
	return 0;
}

/* The engine's own ring had no room, or no buffer was there: for the frame that vn_xdp_engine has just let pass. */
SEC("tp_btf/xdp_redirect_err")
int vn_ring_full_tp(__u64 *ctx)
{
	const struct net_device *dev = (const void *)ctx[0];
	__u32 ifindex = (__u32)dev->ifindex, none = 0, engine = (ifindex - VN_ENGINE_PORT_IFINDEX) / 2;
	struct vn_engine_port_note *note = bpf_map_lookup_elem(&vn_engine_port_note, &none);

	if (ifindex < VN_ENGINE_PORT_IFINDEX || engine >= VN_ENGINES_MAX || dev->nd_net.net->ns.inum != vn_fabric_inum)
		return 0;
	if (note && note->slot)
		vn_count(note->slot, VN_DROP_RING_FULL, 1);
	return 0;
}

char _license[] SEC("license") = "GPL";
