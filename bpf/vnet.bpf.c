/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The programs of the data path on veth: a port's enforcement point, the engine port's way into the engine, and
 * delivery.
 *
 *   node -> vn_tc_port -> (not held) -> peer's host end
 *                      -> (held) tr0 -> tr1: vn_xdp_engine -> engine -> tr1 -> tr0: vn_tc_deliver -> peer's host end
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/pkt_cls.h>
#include <stdbool.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include <maps/maps.bpf.h>
#include "port_check.h"
#include "port_gate.h"
#include "to_app.h"

#define VN_GSO_LEGACY_MAX 65536 /* bytes of a GSO frame that fit in the length of IP */
#define VN_BULK_HIDDEN_NS 10000000ull
#define VN_IP6_TLV_JUMBO  0xc2 /* RFC 2675 */

/* @n frames: a GSO frame is as many as it would be on a wire, as in the counters. */
static __always_inline int vn_drop(__u32 number, __u32 reason, __u64 n)
{
	struct vn_port_drop *d = bpf_map_lookup_elem(&vn_port_drop, &number);

	if (d && reason < VN_DROP_MAX)
		__sync_fetch_and_add(&d->count[reason], n);
	return TC_ACT_SHOT;
}

/*
 * On to the other end's device, which may refuse the frame (down, too small an MTU, no room): the mark tells vn_lost_tp
 * whose it is, until it leaves this namespace; what is lost in the node's own queue is told by the skb.
 */
static __always_inline void vn_count_out(struct __sk_buff *skb, __u32 number, struct vn_port_ctr *c,
					 const struct vn_sum *sum)
{
	c->out_packets += sum->packets;
	c->out_bytes += sum->bytes;
	c->last = (__u64)(unsigned long)skb;
	skb->mark = number;
}

/* An engine that has not turned its loop for this long is dead or hung. The coarse clock may lag: signed comparison. */
static __always_inline bool vn_engine_up(const struct vn_engine *e)
{
	return e && (__s64)(bpf_ktime_get_coarse_ns() - *(const volatile __u64 *)&e->heartbeat_ns) <
			    (__s64)VN_ENGINE_STALE_NS;
}

/*
 * Whether the frames @before + 1 .. @before + @n of the port contain one whose turn it is. A second tag must not make a
 * frame need a second page on the engine port (kernels before 6.6 cannot hold those): frames near that size are never
 * samples.
 */
static __always_inline bool vn_is_sample(const struct __sk_buff *skb, __u64 before, __u64 n)
{
	__u32 len = skb->gso_size ?: skb->len;

	return (before - 1) / VN_SAMPLE_EVERY != (before - 1 + n) / VN_SAMPLE_EVERY && (len < 3072 || len > 4096);
}

/*
 * A GSO frame of over 64 KiB (BIG TCP over IPv6) has a jumbo payload option in front of TCP, which no segment may
 * have. The kernel takes it out when it segments, but not below a tag. Such a frame comes from a local TCP or from GRO:
 * no tag, the option first and alone.
 */
static __always_inline bool vn_without_jumbo(struct __sk_buff *skb)
{
	struct {
		__u8 next, len, type, opt_len;
	} hbh;
	__u8 next;

	if (bpf_skb_load_bytes(skb, ETH_HLEN + offsetof(struct vn_ip6, next), &next, 1) || next != IPPROTO_HOPOPTS ||
	    bpf_skb_load_bytes(skb, ETH_HLEN + sizeof(struct vn_ip6), &hbh, sizeof(hbh)) || hbh.len ||
	    hbh.type != VN_IP6_TLV_JUMBO)
		return true;
	return !bpf_skb_adjust_room(skb, -8, BPF_ADJ_ROOM_NET, BPF_F_ADJ_ROOM_FIXED_GSO) &&
	       !bpf_skb_store_bytes(skb, ETH_HLEN + offsetof(struct vn_ip6, next), &hbh.next, 1, 0);
}

/* Once, until the daemon asks again. */
static __always_inline void vn_tell_gso(const struct vn_port_cfg *port, __u32 number, __u64 n)
{
	if (n < VN_GSO_SEGS_LARGE)
		return;
	__sync_fetch_and_and((__u32 *)&port->flags, ~VN_PORT_WATCH_GSO);
	bpf_ringbuf_output(&vn_port_gso, &number, sizeof(number), 0);
}

/*
 * Room on the way to the bulk engine, for a GSO frame: as much may wait there as that engine reads within
 * VN_BULK_WAIT_NS, and within the delay of the frame's own direction, which hides that wait, since it counts from here:
 * TCP sends its window in bursts, the longer ones the longer the round trip. Other directions wait behind it, so no
 * more than VN_BULK_HIDDEN_NS of it counts. Small frames are few bytes, and their number the tap bounds.
 */
static __always_inline bool vn_bulk_room(const struct vn_engine *e, __u32 number)
{
	__u64 room = e->gso_room_bytes, hidden;
	__s64 waits = (__s64)(e->gso_in_bytes - e->gso_out_bytes);
	const struct vn_disc_slot *s;

	if (!room || waits < (__s64)room)
		return true;
	s = bpf_map_lookup_elem(&vn_disc, &number);
	if (!s)
		return false;
	hidden = *(const volatile __u64 *)&s->disc.delay_ns;
	if (hidden > VN_BULK_HIDDEN_NS)
		hidden = VN_BULK_HIDDEN_NS;
	return waits < (__s64)(room + room * hidden / VN_BULK_WAIT_NS);
}

/* While the tap is busy, has the port sent no more than its share? Two CPUs at once may both take the last of it. */
static __always_inline bool vn_tap_share(const struct vn_engine *e, __u32 number)
{
	struct vn_police *p;
	__u64 now, tat;

	if ((__s64)(e->tap_in_frames - e->tap_out_frames) <= VN_TAP_BUSY)
		return true;
	p = bpf_map_lookup_elem(&vn_police, &number);
	if (!p)
		return true;
	now = bpf_ktime_get_ns();
	tat = p->tap_tat_ns;
	if (tat < now)
		tat = now;
	if (tat - now >= VN_TAP_BURST_NS)
		return false;
	p->tap_tat_ns = tat + VN_TAP_SHARE_NS;
	return true;
}

/*
 * Into the engine port: the slot becomes the outermost tag; what tag the user had moves below it, untouched. A second
 * tag carries the port's clock: that of every frame into a tap, of samples elsewhere.
 */
static __always_inline int vn_hold(struct __sk_buff *skb, const struct vn_port_cfg *port, const struct vn_engine *e,
				   __u32 number, __u64 before, __u64 n)
{
	__u32 ifindex = *(const volatile __u32 *)&port->engine_ifindex;
	bool tap = e->stamp_ifindex == ifindex;
	__u32 size = skb->gso_size;
	__u16 tpid = VN_SLOT_TPID;

	if (skb->len > VN_GSO_LEGACY_MAX && skb->protocol == bpf_htons(ETH_P_IPV6) && !vn_without_jumbo(skb))
		return vn_drop(number, VN_DROP_MALFORMED, n);
	if (tap && !(size ? vn_bulk_room(e, number) : vn_tap_share(e, number))) {
		__sync_fetch_and_add(&((struct vn_engine *)e)->ring_dropped, n);
		return vn_drop(number, VN_DROP_RING_FULL, n);
	}
	if (tap || vn_is_sample(skb, before, n)) {
		tpid = VN_SAMPLE_TPID;
		if (bpf_skb_vlan_push(skb, bpf_htons(VN_SLOT_TPID),
				      (__u16)(bpf_ktime_get_ns() >> (tap ? VN_STAMP_SHIFT : VN_SAMPLE_SHIFT))))
			return vn_drop(number, VN_DROP_MALFORMED, n);
	}
	if (bpf_skb_vlan_push(skb, bpf_htons(tpid), number))
		return vn_drop(number, VN_DROP_MALFORMED, n);
	skb->mark = number;
	/* As the engine will read it: with the outermost tag, which is not in the frame yet. */
	if (tap) {
		__sync_fetch_and_add(&((struct vn_engine *)e)->tap_in_frames, 1);
		if (size)
			__sync_fetch_and_add(&((struct vn_engine *)e)->gso_in_bytes, skb->len + 4);
	}
	return bpf_redirect(ifindex, 0);
}

/*
 * tc ingress of every port's host end; classid 0:N names the port. tc_classid is the filter's only on entry, and
 * the skb's control block it stands in is what vlan_push uses: read it first.
 */
SEC("tc")
int vn_tc_port(struct __sk_buff *skb)
{
	__u32 number = skb->tc_classid & 0xffff, flags;
	const struct vn_port_cfg *port = bpf_map_lookup_elem(&vn_port, &number);
	struct vn_port_ctr *c = bpf_map_lookup_elem(&vn_port_ctr, &number);
	int reason = VN_DROP_INACTIVE;
	struct vn_l3 l3 = {0};
	struct vn_sum sum;
	__u32 size, head = 0;
	__u64 before;

	if (!port || !c)
		return TC_ACT_SHOT;
	flags = *(volatile const __u32 *)&port->flags;
	if (flags & VN_PORT_ACTIVE)
		reason = vn_port_check(skb, port, &l3);
	size = skb->gso_size;
	if (size)
		head = vn_segment_head(skb, &l3);
	if (reason == VN_PASS)
		reason = vn_check_length(skb, port, &l3, size, head);
	/* Linux takes no tag, neither the slot's nor a node's, out of a frame with fewer than two bytes behind it. */
	if (skb->len < VN_FRAME_MIN && reason == VN_PASS && bpf_skb_change_tail(skb, VN_FRAME_MIN, 0))
		reason = VN_DROP_MALFORMED;
	if (reason == VN_PASS && flags & (VN_PORT_GATED | VN_PORT_POLICED))
		reason = vn_port_gate(skb, head, number, flags);
	sum = vn_segments(skb, size, head);
	before = c->in_packets;
	c->in_packets += sum.packets;
	c->in_bytes += sum.bytes;
	if (reason != VN_PASS)
		return vn_drop(number, reason, sum.packets);
	if (flags & VN_PORT_HELD) {
		__u32 engine = port->engine;
		const struct vn_engine *e = bpf_map_lookup_elem(&vn_engine, &engine);

		if (size && flags & VN_PORT_WATCH_GSO)
			vn_tell_gso(port, number, sum.packets);
		if (vn_engine_up(e))
			return vn_hold(skb, port, e, number, before, sum.packets);
		if (!(flags & VN_PORT_FAIL_OPEN))
			return vn_drop(number, VN_DROP_ENGINE_DOWN, sum.packets);
	}
	vn_count_out(skb, number, c, &sum);
	if (flags & VN_PORT_TO_APP) {
		const struct vn_bound_for b = {
			.port = port, .number = number, .whole = vn_is_whole(skb), .l3 = l3, .sum = sum};

		return vn_to_app(skb, &b);
	}
	return bpf_redirect(port->peer_ifindex, 0);
}

/* The engine wants to know how long its frames take to here (engine/loop.c, "the way out"). */
static __always_inline void vn_answer_path(__u32 ifindex)
{
	__u32 engine = (ifindex - VN_ENGINE_PORT_IFINDEX) / 2;
	struct vn_engine *e = bpf_map_lookup_elem(&vn_engine, &engine);

	if (!e || !e->path_ask)
		return;
	e->path_ask = 0;
	e->path_at_ns = bpf_ktime_get_ns();
}

/* The engine wants to know that all it sent before this has been delivered from here (engine/loop_move.c). */
static __always_inline int vn_fence(struct __sk_buff *skb)
{
	__u32 engine = (skb->ifindex - VN_ENGINE_PORT_IFINDEX) / 2, no;
	struct vn_engine *e = bpf_map_lookup_elem(&vn_engine, &engine);

	/* Its tag is not in the frame any more. */
	if (e && !bpf_skb_load_bytes(skb, offsetof(struct vn_marker, slot) - 4, &no, sizeof(no)))
		e->fence_seen = no;
	return TC_ACT_SHOT;
}

/* tc ingress of tr0: what the engine released. The slot is the outermost tag, which the kernel has untagged. */
SEC("tc")
int vn_tc_deliver(struct __sk_buff *skb)
{
	__u32 number = skb->vlan_tci & 0xffff;
	const struct vn_port_cfg *port;
	struct vn_l3 l3 = {0};
	struct vn_port_ctr *c;
	struct vn_sum sum;
	__u32 size;
	bool to_app;

	if (!skb->vlan_present || skb->vlan_proto != bpf_htons(VN_SLOT_TPID))
		return TC_ACT_SHOT;
	if (!number)
		return vn_fence(skb);
	port = bpf_map_lookup_elem(&vn_port, &number);
	c = bpf_map_lookup_elem(&vn_port_ctr, &number);
	if (!port || !c)
		return TC_ACT_SHOT;
	to_app = port->flags & VN_PORT_TO_APP;
	size = skb->gso_size;
	if (size || to_app)
		l3 = vn_find_l3(skb, VN_AT_TC);
	sum = vn_segments(skb, size, size ? vn_segment_head(skb, &l3) : 0);
	sum.bytes -= 4 * sum.packets; /* the slot */
	if (!(port->flags & VN_PORT_ACTIVE))
		return vn_drop(number, VN_DROP_NO_PEER, sum.packets);
	vn_answer_path(skb->ifindex);
	if (!to_app && bpf_skb_vlan_pop(skb))
		return vn_drop(number, VN_DROP_MALFORMED, sum.packets);
	vn_count_out(skb, number, c, &sum);
	if (to_app) {
		const struct vn_bound_for b = {.port = port,
					       .number = number,
					       .slotted = true,
					       .whole = skb->ifindex != VN_ENGINE_PORT_IFINDEX + 2 * VN_ENGINE_BULK,
					       .l3 = l3,
					       .sum = sum};

		return vn_to_app(skb, &b);
	}
	return bpf_redirect(port->peer_ifindex, 0);
}

/* tc ingress of the finishing pair's first device: whole frames for an AF_XDP port, each with its sender's slot. */
SEC("tc")
int vn_tc_finish(struct __sk_buff *skb)
{
	__u32 number = skb->vlan_tci & 0xffff;
	struct vn_bound_for b = {.number = number, .slotted = true, .whole = true};

	if (!skb->vlan_present || skb->vlan_proto != bpf_htons(VN_SLOT_TPID))
		return TC_ACT_SHOT;
	b.port = bpf_map_lookup_elem(&vn_port, &number);
	if (!b.port)
		return TC_ACT_SHOT;
	if (!(b.port->flags & VN_PORT_ACTIVE))
		return vn_drop(number, VN_DROP_NO_PEER, 1);
	skb->mark = number;
	b.l3 = vn_find_l3(skb, VN_AT_TC);
	b.sum = (struct vn_sum){.packets = 1, .bytes = skb->len};
	return b.port->flags & VN_PORT_TO_APP ? vn_to_app(skb, &b) : vn_to_kernel(skb, &b);
}

/*
 * Both devices of the finishing pair. The second sends back what it gets: so the kernel has made a new skb of it, which
 * was not redirected, and generic XDP sees it. The first has a program to receive that at all.
 */
SEC("xdp.frags")
int vn_xdp_finish(struct xdp_md *ctx)
{
	return ctx->ingress_ifindex & 1 ? XDP_TX : XDP_PASS;
}

/* A redirection failed somewhere on this machine; was it into the sockets of one of our ports? */
SEC("raw_tp/xdp_redirect_err")
int vn_app_lost_tp(struct bpf_raw_tracepoint_args *ctx)
{
	/* device, program, target, error, type of map, its id, index */
	__u32 map = ctx->args[5];
	__u64 *n = bpf_map_lookup_elem(&vn_app_lost, &map);

	if (n)
		__sync_fetch_and_add(n, 1);
	return 0;
}

/*
 * A sample becomes an ordinary frame again: the tag with the port's clock is taken out. Returns how long ago that clock
 * was read; 0 when the frame is no sample, or none of ours.
 */
static __always_inline __u32 vn_unsample(struct xdp_md *ctx, __u64 now)
{
	__u8 *data = (void *)(long)ctx->data;
	__u32 *words, units;

	if (data + ETH_HLEN + 8 > (__u8 *)(long)ctx->data_end || *(__be16 *)(data + 12) != bpf_htons(VN_SAMPLE_TPID) ||
	    *(__be16 *)(data + 16) != bpf_htons(VN_SLOT_TPID))
		return 0;
	units = ((__u32)(now >> VN_SAMPLE_SHIFT) - bpf_ntohs(*(__be16 *)(data + 18))) & ((1u << VN_SAMPLE_BITS) - 1);
	*(__be16 *)(data + 12) = bpf_htons(VN_SLOT_TPID);
	/* addresses, TPID and slot, 16 bytes, move up by a tag's 4 */
	words = (__u32 *)data;
	words[4] = words[3];
	words[3] = words[2];
	words[2] = words[1];
	words[1] = words[0];
	if (bpf_xdp_adjust_head(ctx, 4))
		return 0;
	/* the clock was cut to its units: half of one is what it lost on average */
	now -= ((now >> VN_SAMPLE_SHIFT) - units) << VN_SAMPLE_SHIFT;
	return now > (1u << VN_SAMPLE_SHIFT) / 2 ? now - (1u << VN_SAMPLE_SHIFT) / 2 : 1;
}

/* Second device of each engine port: frames on their way to the engine, each with its time of arrival and its slot in
 * front.
 */
SEC("xdp.frags")
int vn_xdp_engine(struct xdp_md *ctx)
{
	__u64 now = bpf_ktime_get_ns();
	__u32 hop_ns = vn_unsample(ctx, now), none = 0;
	struct vn_engine_port_note *note = bpf_map_lookup_elem(&vn_engine_port_note, &none);
	struct vn_engine_meta *meta;
	__u8 *data;
	int r;

	if (!note || bpf_xdp_adjust_meta(ctx, -(int)sizeof(*meta)))
		return XDP_DROP;
	data = (void *)(long)ctx->data;
	meta = (void *)(long)ctx->data_meta;
	if ((void *)(meta + 1) > (void *)data || data + ETH_HLEN + 4 > (__u8 *)(long)ctx->data_end)
		return XDP_DROP;
	if (*(__be16 *)(data + 12) != bpf_htons(VN_SLOT_TPID))
		return XDP_DROP;
	meta->arrival_ns = now;
	meta->hop_ns = hop_ns;
	meta->slot = bpf_ntohs(*(__be16 *)(data + 14));
	meta->len = bpf_xdp_get_buff_len(ctx) - 4;
	/* This engine port's, whatever the port says by now: frames on their way stay on it. */
	r = bpf_redirect_map(&vn_xsk, (ctx->ingress_ifindex - VN_ENGINE_PORT_IFINDEX) / 2, XDP_DROP);
	note->slot = meta->slot;
	note->down = r == XDP_DROP;
	return r;
}

char _license[] SEC("license") = "GPL";
