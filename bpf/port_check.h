/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a port may send: the steps of isolation, shared by every program that stands at a port.
 * Each returns VN_PASS or the reason to drop. Reads go through bpf_skb_load_bytes(): a GSO frame's headers may be
 * outside the linear part, and direct writes would unclone every skb.
 */
#ifndef VNET_BPF_PORT_CHECK_H
#define VNET_BPF_PORT_CHECK_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <stdbool.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include <abi/abi_port.h>

#define VN_VLAN_VID_MASK  0x0fff
#define VN_VLAN_DEPTH_MAX 8  /* tags in the packet beside the one in skb metadata */
#define VN_IP6_EXT_MAX    8  /* extension headers in front of the upper protocol, less one */
#define VN_ND_OPTS_MAX    32 /* options of a neighbour discovery message */

/*
 * Functions with loops that odd frames alone run: the verifier takes a global one by itself, whatever its caller knows,
 * so that the states of one loop do not multiply with those of the next. Their pointers may be NULL, to it.
 */
#define VN_APART __attribute__((noinline))
#define VN_LOOP  _Pragma("clang loop unroll(disable)")

struct vn_eth {
	__u8 dst[6];
	__u8 src[6];
	__be16 proto;
} __attribute__((packed));

/* RFC 826 with Ethernet and IPv4. */
struct vn_arp {
	__be16 hw_type, proto_type;
	__u8 hw_len, proto_len;
	__be16 op;
	__u8 sender_mac[6];
	__be32 sender_ip;
	__u8 target_mac[6];
	__be32 target_ip;
} __attribute__((packed));

struct vn_ip6 {
	__be32 version_class_flow;
	__be16 payload_len;
	__u8 next, hop_limit;
	__be32 src[4];
	__be32 dst[4];
} __attribute__((packed));

/* RFC 4861: what stands in front of the options of each kind of message; target: solicitation and advertisement. */
#define VN_ND_TARGET 8

enum {
	VN_ND_RS_LEN = 8,
	VN_ND_RA_LEN = 16,
	VN_ND_NS_NA_LEN = 24,
	VN_ND_REDIRECT_LEN = 40,
};

struct vn_nd_opt {
	__u8 type, len; /* in units of 8 bytes */
	__u8 mac[6];
} __attribute__((packed));

enum {
	VN_ND_RS = 133,
	VN_ND_RA = 134,
	VN_ND_NS = 135,
	VN_ND_NA = 136,
	VN_ND_REDIRECT = 137,
	VN_ND_OPT_SRC_LL = 1,
	VN_ND_OPT_DST_LL = 2,
};

/* The network header behind all tags; @n_priority: tags in the packet whose VID is 0, which are none to the rules. */
struct vn_l3 {
	__u32 off;
	__be16 proto;
	__u16 n_priority;
};

static __always_inline bool vn_mac_equal(const __u8 *a, const __u8 *b)
{
	return ((a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2]) | (a[3] ^ b[3]) | (a[4] ^ b[4]) | (a[5] ^ b[5])) == 0;
}

/* The port's own MAC, or one of those that it was given beside it. */
static __always_inline bool vn_mac_allowed(const struct vn_port_cfg *port, const __u8 *mac)
{
	if (vn_mac_equal(mac, port->mac))
		return true;
	VN_LOOP
	for (int i = 0; i < VN_PORT_MACS; i++)
		if (i < port->n_macs && vn_mac_equal(mac, port->macs[i]))
			return true;
	return false;
}

static __always_inline bool vn_is_vlan(__be16 proto)
{
	return proto == bpf_htons(ETH_P_8021Q) || proto == bpf_htons(ETH_P_8021AD);
}

/* VID 0 is a priority tag, as good as none (802.1Q): what follows it decides. */
static __always_inline bool vn_is_priority(__u16 tci)
{
	return !(tci & VN_VLAN_VID_MASK);
}

static __always_inline bool vn_vid_allowed(const struct vn_port_cfg *port, __u16 tci)
{
	if (!(port->flags & VN_PORT_VLAN_LIST))
		return true;
	VN_LOOP
	for (int i = 0; i < VN_PORT_VLANS; i++)
		if (i < port->n_vlans && port->vlans[i] == (tci & VN_VLAN_VID_MASK))
			return true;
	return false;
}

/*
 * VLAN policy. The outermost tag that is no priority tag decides; it is in skb metadata when the node's device offloads
 * tagging, else in the frame. On entry @l3 is what follows the Ethernet header.
 */
VN_APART int vn_check_tags(struct __sk_buff *skb, const struct vn_port_cfg *port, struct vn_l3 *l3)
{
	bool outer_seen = false;
	__be16 tag[2];

	if (!port || !l3)
		return VN_DROP_MALFORMED;
	if (skb->vlan_present && !vn_is_priority(skb->vlan_tci)) {
		if (!vn_vid_allowed(port, skb->vlan_tci))
			return VN_DROP_VLAN;
		outer_seen = true;
	}
	VN_LOOP
	for (int i = 0; i < VN_VLAN_DEPTH_MAX && vn_is_vlan(l3->proto); i++) {
		if (bpf_skb_load_bytes(skb, l3->off, tag, sizeof(tag)) < 0)
			return VN_DROP_MALFORMED;
		if (vn_is_priority(bpf_ntohs(tag[0])))
			l3->n_priority++;
		else if (!outer_seen && !vn_vid_allowed(port, bpf_ntohs(tag[0])))
			return VN_DROP_VLAN;
		else
			outer_seen = true;
		l3->proto = tag[1];
		l3->off += sizeof(tag);
	}
	/* Behind so many priority tags may be any other. */
	if (!outer_seen && vn_is_vlan(l3->proto) && port->flags & VN_PORT_VLAN_LIST)
		return VN_DROP_VLAN;
	return VN_PASS;
}

/* Source MAC and VLAN policy. */
static __always_inline int vn_check_l2(struct __sk_buff *skb, const struct vn_port_cfg *port, struct vn_l3 *ret_l3)
{
	const struct vn_eth *eth = (const void *)(long)skb->data;

	/* On ingress the Ethernet header is always linear: eth_type_trans() has read it. */
	if ((const void *)(eth + 1) > (const void *)(long)skb->data_end)
		return VN_DROP_MALFORMED;
	if (port->isolation != VN_ISOLATION_OFF && !vn_mac_allowed(port, eth->src))
		return VN_DROP_MAC_SPOOF;

	ret_l3->proto = eth->proto;
	ret_l3->off = sizeof(*eth);
	if (!skb->vlan_present && !vn_is_vlan(eth->proto))
		return VN_PASS;
	return vn_check_tags(skb, port, ret_l3);
}

static __always_inline bool vn_ip4_in(const struct vn_port_cfg *port, __be32 addr)
{
	for (int i = 0; i < VN_PORT_PREFIXES; i++)
		if (i < port->n_src4 && ((addr ^ port->src4[i].addr) & port->src4[i].mask) == 0)
			return true;
	return false;
}

static __always_inline bool vn_ip6_match(const struct vn_prefix6 *p, const __be32 *a)
{
	return (((a[0] ^ p->addr[0]) & p->mask[0]) | ((a[1] ^ p->addr[1]) & p->mask[1]) |
		((a[2] ^ p->addr[2]) & p->mask[2]) | ((a[3] ^ p->addr[3]) & p->mask[3])) == 0;
}

static __always_inline bool vn_ip6_is_zero(const __be32 *a)
{
	return (a[0] | a[1] | a[2] | a[3]) == 0;
}

/* fe80::/64 with the EUI-64 interface identifier of @m (RFC 4291, appendix A). */
static __always_inline bool vn_ip6_is_ll_of(const __u8 *m, const __be32 *a)
{
	return a[0] == bpf_htonl(0xfe800000) && a[1] == 0 &&
	       a[2] == bpf_htonl((__u32)(m[0] ^ 2) << 24 | (__u32)m[1] << 16 | (__u32)m[2] << 8 | 0xff) &&
	       a[3] == bpf_htonl(0xfe000000u | (__u32)m[3] << 16 | (__u32)m[4] << 8 | m[5]);
}

static __always_inline bool vn_ip6_in(const struct vn_port_cfg *port, const __be32 *a)
{
	if (vn_ip6_is_ll_of(port->mac, a))
		return true;
	for (int i = 0; i < VN_PORT_PREFIXES; i++)
		if (i < port->n_src6 && vn_ip6_match(&port->src6[i], a))
			return true;
	VN_LOOP
	for (int i = 0; i < VN_PORT_MACS; i++)
		if (i < port->n_macs && vn_ip6_is_ll_of(port->macs[i], a))
			return true;
	return false;
}

/*
 * Sender of an ARP or RARP packet, whatever its operation: its MAC at every level but off, its address at level ip
 * (0.0.0.0 is a probe, RFC 5227). Other hardware and other lengths than those of Ethernet and IPv4 have no place here.
 */
static __always_inline int vn_check_arp(struct __sk_buff *skb, const struct vn_port_cfg *port, __u32 off)
{
	struct vn_arp arp;

	if (bpf_skb_load_bytes(skb, off, &arp, sizeof(arp)) < 0)
		return VN_DROP_MALFORMED;
	if (arp.hw_len != 6 || arp.proto_len != 4 || arp.proto_type != bpf_htons(ETH_P_IP))
		return VN_DROP_ARP_SPOOF;
	if (!vn_mac_allowed(port, arp.sender_mac))
		return VN_DROP_ARP_SPOOF;
	if (port->isolation == VN_ISOLATION_IP && arp.sender_ip && !vn_ip4_in(port, arp.sender_ip))
		return VN_DROP_ARP_SPOOF;
	return VN_PASS;
}

/* Link-layer addresses among the options of a message, which fill it from @at to its @end exactly. */
VN_APART int vn_check_nd_opts(struct __sk_buff *skb, const struct vn_port_cfg *port, __u32 at, __u32 end)
{
	struct vn_nd_opt opt;

	if (!port)
		return VN_DROP_MALFORMED;
	VN_LOOP
	for (int i = 0; i < VN_ND_OPTS_MAX && at < end; i++) {
		if (at + sizeof(opt) > end || bpf_skb_load_bytes(skb, at, &opt, sizeof(opt)) < 0 || opt.len == 0)
			return VN_DROP_MALFORMED;
		if ((opt.type == VN_ND_OPT_SRC_LL || opt.type == VN_ND_OPT_DST_LL) &&
		    (opt.len != 1 || !vn_mac_allowed(port, opt.mac)))
			return VN_DROP_ND_SPOOF;
		at += opt.len * 8u;
	}
	return at == end ? VN_PASS : VN_DROP_MALFORMED;
}

/*
 * Neighbour discovery: each link-layer address that it tells must be one of the port's MACs; at level ip an advertised
 * target must be the node's, and routers stay silent. @fragment: in fragments none is taken (RFC 6980). @from_nobody:
 * the source is ::.
 */
static __always_inline int vn_check_nd(struct __sk_buff *skb, const struct vn_port_cfg *port, __u32 off, __u32 end,
				       bool fragment, bool from_nobody)
{
	__u32 head = VN_ND_NS_NA_LEN;
	__be32 target[4];
	__u8 type;

	if (off >= end || bpf_skb_load_bytes(skb, off, &type, 1) < 0)
		return VN_DROP_MALFORMED;
	if (type < VN_ND_RS || type > VN_ND_REDIRECT)
		return VN_PASS;
	if (fragment)
		return VN_DROP_ND_SPOOF;
	if (port->isolation == VN_ISOLATION_IP && (type == VN_ND_RA || type == VN_ND_REDIRECT))
		return VN_DROP_ND_SPOOF;
	if (type == VN_ND_RS)
		head = VN_ND_RS_LEN;
	else if (type == VN_ND_RA)
		head = VN_ND_RA_LEN;
	else if (type == VN_ND_REDIRECT)
		head = VN_ND_REDIRECT_LEN;
	if (off + head > end || end > skb->len)
		return VN_DROP_MALFORMED;
	/* A solicitation from nobody asks whether an address is free: for another's it takes it (RFC 4862, 5.4.3). */
	if (port->isolation == VN_ISOLATION_IP && (type == VN_ND_NA || (type == VN_ND_NS && from_nobody))) {
		if (bpf_skb_load_bytes(skb, off + VN_ND_TARGET, target, sizeof(target)) < 0)
			return VN_DROP_MALFORMED;
		if (!vn_ip6_in(port, target))
			return VN_DROP_ND_SPOOF;
	}
	return vn_check_nd_opts(skb, port, off + head, end);
}

/* The upper protocol of an IPv6 packet, where it begins, and whether a fragment header stands in front of it. */
struct vn_ip6_upper {
	__u32 off;
	__u8 proto; /* IPPROTO_FRAGMENT: a later fragment, which does not say */
	bool fragment;
};

/* Extension headers behind which Linux takes a packet, up to @end. On entry *@u is the first header's. */
VN_APART int vn_skip_ip6_ext(struct __sk_buff *skb, struct vn_ip6_upper *u, __u32 end)
{
	__u8 ext[4]; /* next header; length in units of 8 bytes beyond the first 8; a fragment's offset */

	if (!u)
		return VN_DROP_MALFORMED;
	VN_LOOP
	for (int i = 0; i < VN_IP6_EXT_MAX; i++) {
		__u8 proto = u->proto;

		if (proto != IPPROTO_HOPOPTS && proto != IPPROTO_DSTOPTS && proto != IPPROTO_ROUTING &&
		    proto != IPPROTO_FRAGMENT && proto != IPPROTO_AH)
			return VN_PASS;
		if (u->off + 8 > end || bpf_skb_load_bytes(skb, u->off, ext, sizeof(ext)) < 0)
			return VN_DROP_MALFORMED;
		if (proto == IPPROTO_FRAGMENT) {
			u->fragment = true;
			if (ext[2] | (ext[3] & 0xf8))
				return VN_PASS;
			ext[1] = 0;
		}
		u->proto = ext[0];
		u->off += proto == IPPROTO_AH ? (ext[1] + 2u) * 4u : (ext[1] + 1u) * 8u;
	}
	return VN_DROP_MALFORMED;
}

/*
 * A payload length of 0 is a jumbogram's, whose end Linux does not look for. The kernel's own GSO frames of more than
 * 64 KB have it, and they are TCP; no next header (59) ends there by itself.
 */
VN_APART int vn_check_ip6(struct __sk_buff *skb, const struct vn_port_cfg *port, __u32 off)
{
	struct vn_ip6_upper upper = {.off = off + sizeof(struct vn_ip6)};
	struct vn_ip6 ip;
	bool jumbo;
	__u32 end;
	int r;

	if (!port)
		return VN_DROP_MALFORMED;
	if (bpf_skb_load_bytes(skb, off, &ip, sizeof(ip)) < 0)
		return VN_DROP_MALFORMED;
	if (port->isolation == VN_ISOLATION_IP && !vn_ip6_is_zero(ip.src) && !vn_ip6_in(port, ip.src))
		return VN_DROP_IP_SPOOF;
	upper.proto = ip.next;
	jumbo = !ip.payload_len && ip.next != IPPROTO_NONE;
	if (jumbo && !skb->gso_size)
		return VN_DROP_MALFORMED;
	end = jumbo ? skb->len : upper.off + bpf_ntohs(ip.payload_len);
	r = vn_skip_ip6_ext(skb, &upper, end);
	if (r != VN_PASS || upper.proto != IPPROTO_ICMPV6)
		return r;
	return jumbo ? VN_DROP_MALFORMED
		     : vn_check_nd(skb, port, upper.off, end, upper.fragment, vn_ip6_is_zero(ip.src));
}

static __always_inline int vn_check_ip4(struct __sk_buff *skb, const struct vn_port_cfg *port, __u32 off)
{
	__be32 src;

	if (bpf_skb_load_bytes(skb, off + 12, &src, sizeof(src)) < 0)
		return VN_DROP_MALFORMED;
	/* 0.0.0.0: a DHCP client that has no address yet */
	return !src || vn_ip4_in(port, src) ? VN_PASS : VN_DROP_IP_SPOOF;
}

/* May this frame leave the node? The whole of isolation, level by level. */
static __always_inline int vn_port_check(struct __sk_buff *skb, const struct vn_port_cfg *port, struct vn_l3 *ret_l3)
{
	__u32 off;
	__be16 proto;
	int r;

	r = vn_check_l2(skb, port, ret_l3);
	off = ret_l3->off;
	proto = ret_l3->proto;
	if (r != VN_PASS || port->isolation == VN_ISOLATION_OFF)
		return r;
	if (proto == bpf_htons(ETH_P_IP))
		return port->isolation == VN_ISOLATION_IP ? vn_check_ip4(skb, port, off) : VN_PASS;
	if (proto == bpf_htons(ETH_P_IPV6))
		return vn_check_ip6(skb, port, off);
	if (proto == bpf_htons(ETH_P_ARP) || proto == bpf_htons(ETH_P_RARP))
		return vn_check_arp(skb, port, off);
	return vn_is_vlan(proto) ? VN_DROP_MALFORMED : VN_PASS;
}

#endif
