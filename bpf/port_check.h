/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a port may send: the steps of isolation, shared by every program that stands at a port.
 * Each returns VN_PASS or the reason to drop. Reads go through bpf_skb_load_bytes(): a super-frame's headers may be
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

#include <vnet/abi_port.h>

#define VN_VLAN_VID_MASK  0x0fff
#define VN_VLAN_DEPTH_MAX 2 /* tags in the packet beside the one in skb metadata */
#define VN_IP6_EXT_MAX    4 /* extension headers in front of the upper protocol, less one */

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

/* RFC 4861: neighbour solicitation and advertisement, up to the first option. */
struct vn_nd {
	__u8 type, code;
	__be16 checksum;
	__be32 flags;
	__be32 target[4];
} __attribute__((packed));

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

/* The network header behind all tags. */
struct vn_l3 {
	__u32 off;
	__be16 proto;
};

static __always_inline bool vn_mac_equal(const __u8 *a, const __u8 *b)
{
	return ((a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2]) | (a[3] ^ b[3]) | (a[4] ^ b[4]) | (a[5] ^ b[5])) == 0;
}

static __always_inline bool vn_is_vlan(__be16 proto)
{
	return proto == bpf_htons(ETH_P_8021Q) || proto == bpf_htons(ETH_P_8021AD);
}

static __always_inline bool vn_vid_allowed(const struct vn_port_cfg *port, __u16 tci)
{
	if (!(port->flags & VN_PORT_VLAN_LIST))
		return true;
	for (int i = 0; i < VN_PORT_VLANS; i++)
		if (i < port->n_vlans && port->vlans[i] == (tci & VN_VLAN_VID_MASK))
			return true;
	return false;
}

/*
 * Source MAC and VLAN policy. The outermost tag decides; it is in skb metadata when the node's device offloads tagging,
 * else in the frame.
 */
static __always_inline int vn_check_l2(struct __sk_buff *skb, const struct vn_port_cfg *port, struct vn_l3 *ret_l3)
{
	__u32 off = sizeof(struct vn_eth);
	bool outer_seen = false;
	const struct vn_eth *eth = (const void *)(long)skb->data;
	__be16 tag[2];

	/* On ingress the Ethernet header is always linear: eth_type_trans() has read it. */
	if ((const void *)(eth + 1) > (const void *)(long)skb->data_end)
		return VN_DROP_MALFORMED;
	if (port->isolation != VN_ISOLATION_OFF && !vn_mac_equal(eth->src, port->mac))
		return VN_DROP_MAC_SPOOF;

	ret_l3->proto = eth->proto;
	if (skb->vlan_present) {
		if (!vn_vid_allowed(port, skb->vlan_tci))
			return VN_DROP_VLAN;
		outer_seen = true;
	}
	for (int i = 0; i < VN_VLAN_DEPTH_MAX && vn_is_vlan(ret_l3->proto); i++) {
		if (bpf_skb_load_bytes(skb, off, tag, sizeof(tag)) < 0)
			return VN_DROP_MALFORMED;
		if (!outer_seen && !vn_vid_allowed(port, bpf_ntohs(tag[0])))
			return VN_DROP_VLAN;
		outer_seen = true;
		ret_l3->proto = tag[1];
		off += sizeof(tag);
	}
	ret_l3->off = off;
	return VN_PASS;
}

static __always_inline bool vn_ip4_in(const struct vn_port_cfg *port, __be32 addr, __u8 n)
{
	for (int i = 0; i < VN_PORT_PREFIXES; i++)
		if (i < n && ((addr ^ port->src4[i].addr) & port->src4[i].mask) == 0)
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

/* fe80::/64 with the EUI-64 interface identifier of the port's MAC (RFC 4291, appendix A). */
static __always_inline bool vn_ip6_is_own_ll(const struct vn_port_cfg *port, const __be32 *a)
{
	const __u8 *m = port->mac;

	return a[0] == bpf_htonl(0xfe800000) && a[1] == 0 &&
	       a[2] == bpf_htonl((__u32)(m[0] ^ 2) << 24 | (__u32)m[1] << 16 | (__u32)m[2] << 8 | 0xff) &&
	       a[3] == bpf_htonl(0xfe000000u | (__u32)m[3] << 16 | (__u32)m[4] << 8 | m[5]);
}

static __always_inline bool vn_ip6_in(const struct vn_port_cfg *port, const __be32 *a, __u8 n)
{
	if (vn_ip6_is_own_ll(port, a))
		return true;
	for (int i = 0; i < VN_PORT_PREFIXES; i++)
		if (i < n && vn_ip6_match(&port->src6[i], a))
			return true;
	return false;
}

/* Sender of an ARP packet: its MAC at every level but off, its address at level ip (0.0.0.0 is a probe, RFC 5227). */
static __always_inline int vn_check_arp(struct __sk_buff *skb, const struct vn_port_cfg *port, __u32 off)
{
	struct vn_arp arp;

	if (bpf_skb_load_bytes(skb, off, &arp, sizeof(arp)) < 0)
		return VN_DROP_MALFORMED;
	if (arp.hw_len != 6 || arp.proto_len != 4)
		return VN_DROP_ARP_SPOOF;
	if (!vn_mac_equal(arp.sender_mac, port->mac))
		return VN_DROP_ARP_SPOOF;
	if (port->isolation == VN_ISOLATION_IP && arp.sender_ip && !vn_ip4_in(port, arp.sender_ip, port->n_own4))
		return VN_DROP_ARP_SPOOF;
	return VN_PASS;
}

/*
 * Neighbour discovery: the link-layer option (the first one counts for Linux; a later one of the same kind is rare and
 * refused) must be the port's MAC; at level ip an advertised target must be the node's, and routers stay silent.
 */
static __always_inline int vn_check_nd(struct __sk_buff *skb, const struct vn_port_cfg *port, __u32 off, __u32 end)
{
	struct vn_nd_opt opt;
	struct vn_nd nd;
	__u32 at;

	if (bpf_skb_load_bytes(skb, off, &nd.type, 1) < 0)
		return VN_DROP_MALFORMED;
	if (nd.type < VN_ND_RS || nd.type > VN_ND_REDIRECT)
		return VN_PASS;
	if (port->isolation == VN_ISOLATION_IP && (nd.type == VN_ND_RA || nd.type == VN_ND_REDIRECT))
		return VN_DROP_ND_SPOOF;
	if (nd.type != VN_ND_NS && nd.type != VN_ND_NA)
		return VN_PASS;
	if (bpf_skb_load_bytes(skb, off, &nd, sizeof(nd)) < 0)
		return VN_DROP_MALFORMED;
	if (port->isolation == VN_ISOLATION_IP && nd.type == VN_ND_NA && !vn_ip6_in(port, nd.target, port->n_own6))
		return VN_DROP_ND_SPOOF;

	at = off + sizeof(nd);
	for (int i = 0; i < 4 && at + sizeof(opt) <= end; i++) {
		if (bpf_skb_load_bytes(skb, at, &opt, sizeof(opt)) < 0)
			return VN_DROP_MALFORMED;
		if (opt.len == 0)
			return VN_DROP_MALFORMED;
		if ((opt.type == VN_ND_OPT_SRC_LL || opt.type == VN_ND_OPT_DST_LL) && !vn_mac_equal(opt.mac, port->mac))
			return VN_DROP_ND_SPOOF;
		at += opt.len * 8u;
	}
	return VN_PASS;
}

/*
 * Linux takes neighbour discovery behind extension headers too (fragments excepted, RFC 6980), so look behind them.
 * On return *@next is the upper protocol and *@off where it begins.
 */
static __always_inline int vn_skip_ip6_ext(struct __sk_buff *skb, __u32 *off, __u8 *next)
{
	__u8 ext[2]; /* next header, length in units of 8 bytes beyond the first 8 */

	for (int i = 0; i < VN_IP6_EXT_MAX; i++) {
		if (*next != IPPROTO_HOPOPTS && *next != IPPROTO_DSTOPTS && *next != IPPROTO_ROUTING)
			return VN_PASS;
		if (bpf_skb_load_bytes(skb, *off, ext, sizeof(ext)) < 0)
			return VN_DROP_MALFORMED;
		*next = ext[0];
		*off += (ext[1] + 1u) * 8u;
	}
	return VN_DROP_MALFORMED;
}

static __always_inline int vn_check_ip6(struct __sk_buff *skb, const struct vn_port_cfg *port, __u32 off)
{
	struct vn_ip6 ip;
	__u32 end;
	int r;

	if (bpf_skb_load_bytes(skb, off, &ip, sizeof(ip)) < 0)
		return VN_DROP_MALFORMED;
	if (port->isolation == VN_ISOLATION_IP && !vn_ip6_is_zero(ip.src) && !vn_ip6_in(port, ip.src, port->n_src6))
		return VN_DROP_IP_SPOOF;
	off += sizeof(ip);
	end = off + bpf_ntohs(ip.payload_len);
	r = vn_skip_ip6_ext(skb, &off, &ip.next);
	if (r != VN_PASS || ip.next != IPPROTO_ICMPV6)
		return r;
	return vn_check_nd(skb, port, off, end);
}

static __always_inline int vn_check_ip4(struct __sk_buff *skb, const struct vn_port_cfg *port, __u32 off)
{
	__be32 src;

	if (bpf_skb_load_bytes(skb, off + 12, &src, sizeof(src)) < 0)
		return VN_DROP_MALFORMED;
	/* 0.0.0.0: a DHCP client that has no address yet */
	return !src || vn_ip4_in(port, src, port->n_src4) ? VN_PASS : VN_DROP_IP_SPOOF;
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
	if (proto == bpf_htons(ETH_P_ARP))
		return vn_check_arp(skb, port, off);
	if (proto == bpf_htons(ETH_P_IPV6))
		return vn_check_ip6(skb, port, off);
	if (port->isolation != VN_ISOLATION_IP)
		return VN_PASS;
	if (proto == bpf_htons(ETH_P_IP))
		return vn_check_ip4(skb, port, off);
	return vn_is_vlan(proto) ? VN_DROP_MALFORMED : VN_PASS;
}

#endif
