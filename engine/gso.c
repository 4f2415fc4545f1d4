// SPDX-License-Identifier: GPL-2.0-only
#include "engine/gso.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>

#include <base/util.h>

#define TAGS_MAX 8
#define EXTS_MAX 8
#define TCP_FIN  0x01
#define TCP_PSH  0x08
#define TCP_CWR  0x80

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

static uint16_t fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

static uint32_t sum16(const uint8_t *p, uint32_t bytes, uint32_t sum)
{
	for (uint32_t i = 0; i < bytes; i += 2)
		sum += get16(p + i);
	return sum;
}

/* The IP header behind Ethernet and all tags; 0: none. */
static uint32_t find_l3(const uint8_t *head, uint32_t head_len, bool *ret_ip6)
{
	uint32_t at = 12;

	for (int i = 0; i < TAGS_MAX && at + 2 + sizeof(struct ip) <= head_len; i++, at += 4) {
		uint16_t proto = get16(head + at);

		if (proto == ETH_P_IP || proto == ETH_P_IPV6) {
			*ret_ip6 = proto == ETH_P_IPV6;
			return at + 2;
		}
		if (proto != ETH_P_8021Q && proto != ETH_P_8021AD)
			break;
	}
	return 0;
}

/* The transport header behind IPv6 and its extensions; 0: not found. */
static uint32_t find_l4_ip6(const uint8_t *head, uint32_t head_len, uint32_t l3, uint8_t *ret_proto)
{
	uint32_t at = l3 + sizeof(struct ip6_hdr);
	uint8_t proto = head[l3 + 6];

	for (int i = 0; i < EXTS_MAX && at + 8 <= head_len; i++) {
		if (proto != IPPROTO_HOPOPTS && proto != IPPROTO_ROUTING && proto != IPPROTO_DSTOPTS) {
			*ret_proto = proto;
			return at;
		}
		proto = head[at];
		at += 8 + 8u * head[at + 1];
	}
	return 0;
}

static uint32_t find_l4(const uint8_t *head, uint32_t head_len, uint32_t l3, bool ip6, uint8_t *ret_proto)
{
	if (ip6)
		return find_l4_ip6(head, head_len, l3, ret_proto);
	*ret_proto = head[l3 + 9];
	return l3 + 4u * (head[l3] & 0xf);
}

static int parse_gso(const struct virtio_net_hdr *vh, const uint8_t *head, uint32_t head_len, struct vn_gso *s)
{
	uint8_t kind = vh->gso_type & (uint8_t)~VIRTIO_NET_HDR_GSO_ECN, proto = 0;
	uint32_t l3 = find_l3(head, head_len, &s->ip6), l4, payload;

	if (!l3 || !vh->gso_size)
		return -EBADMSG;
	l4 = find_l4(head, head_len, l3, s->ip6, &proto);
	if (!l4 || l4 + sizeof(struct tcphdr) > head_len)
		return -EBADMSG;
	s->tcp = kind == VIRTIO_NET_HDR_GSO_TCPV4 || kind == VIRTIO_NET_HDR_GSO_TCPV6;
	if (proto != (s->tcp ? IPPROTO_TCP : IPPROTO_UDP) || (!s->tcp && kind != VIRTIO_NET_HDR_GSO_UDP_L4))
		return -EBADMSG;
	s->l3 = (uint16_t)l3;
	s->l4 = (uint16_t)l4;
	s->hdr_len = (uint16_t)(l4 + (s->tcp ? 4u * (head[l4 + 12] >> 4) : sizeof(struct udphdr)));
	if (s->hdr_len < l4 + (s->tcp ? sizeof(struct tcphdr) : sizeof(struct udphdr)) || s->hdr_len >= s->len ||
	    s->hdr_len > VN_MIN(head_len, VN_GSO_HDR_MAX))
		return -EBADMSG;
	s->ect = (s->ip6 ? head[l3 + 1] >> 4 & 3 : head[l3 + 1] & 3) != 0;
	s->gso_size = vh->gso_size;
	payload = s->len - s->hdr_len;
	s->segs = (payload + s->gso_size - 1) / s->gso_size;
	return 0;
}

int vn_gso_parse(const struct virtio_net_hdr *vh, const uint8_t *head, uint32_t head_len, uint32_t len,
		 struct vn_gso *ret_gso)
{
	struct vn_gso s = {.len = len, .segs = 1};
	int r = vh->gso_type == VIRTIO_NET_HDR_GSO_NONE ? 0 : parse_gso(vh, head, VN_MIN(head_len, len), &s);

	if (r == 0)
		*ret_gso = s;
	return r;
}

uint32_t vn_gso_payload(const struct vn_gso *s, uint32_t first, uint32_t segs)
{
	uint32_t all = s->len - s->hdr_len, from = first * s->gso_size;

	if (!s->hdr_len)
		return all;
	return VN_MIN(segs * s->gso_size, all - from);
}

uint32_t vn_gso_bytes(const struct vn_gso *s, uint32_t first, uint32_t segs)
{
	return vn_gso_payload(s, first, segs) + segs * s->hdr_len;
}

/* IP's lengths, and IPv4's number and checksum. */
static void cut_l3(const struct vn_gso *s, uint32_t first, uint32_t l4_bytes, uint8_t *head)
{
	uint8_t *ip = head + s->l3;
	uint32_t ihl = s->l4 - s->l3;

	if (s->ip6) {
		put16(ip + 4, ihl - (uint32_t)sizeof(struct ip6_hdr) + l4_bytes);
		return;
	}
	put16(ip + 2, ihl + l4_bytes);
	put16(ip + 4, get16(ip + 4) + first);
	put16(ip + 10, 0);
	put16(ip + 10, (uint16_t)~fold(sum16(ip, ihl, 0)));
}

/* What the device that completes the checksum expects to find: the sum of the pseudo header. */
static uint16_t pseudo_sum(const struct vn_gso *s, uint32_t l4_bytes, const uint8_t *head)
{
	const uint8_t *ip = head + s->l3;
	uint32_t sum = l4_bytes + (s->tcp ? IPPROTO_TCP : IPPROTO_UDP);

	return fold(s->ip6 ? sum16(ip + 8, 32, sum) : sum16(ip + 12, 8, sum));
}

static void cut_l4(const struct vn_gso *s, uint32_t first, uint32_t segs, uint8_t *l4, uint32_t l4_bytes)
{
	if (!s->tcp) {
		put16(l4 + 4, l4_bytes);
		return;
	}
	put32(l4 + 4, get32(l4 + 4) + first * s->gso_size);
	if (first + segs < s->segs)
		l4[13] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
	if (first)
		l4[13] &= (uint8_t)~TCP_CWR;
}

void vn_gso_cut(const struct vn_gso *s, uint32_t first, uint32_t segs, struct virtio_net_hdr *vh, uint8_t *head)
{
	uint32_t old_bytes = s->len - s->l4;
	uint32_t l4_bytes = s->hdr_len - s->l4 + vn_gso_payload(s, first, segs);
	uint32_t check_at = s->l4 + (s->tcp ? 16u : 6u);

	cut_l3(s, first, l4_bytes, head);
	cut_l4(s, first, segs, head + s->l4, l4_bytes);
	if (vh->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		/* RFC 1624: the length within the pseudo header is all that changes (addresses may be behind a routing
		 * header, so it is not made anew) */
		put16(head + check_at, fold(get16(head + check_at) + (0xffffu - fold(old_bytes)) + l4_bytes));
	} else {
		put16(head + check_at, pseudo_sum(s, l4_bytes, head));
		vh->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		vh->csum_start = s->l4;
		vh->csum_offset = (uint16_t)(check_at - s->l4);
	}
	vh->hdr_len = s->hdr_len;
	if (first)
		vh->gso_type &= (uint8_t)~VIRTIO_NET_HDR_GSO_ECN;
	if (segs == 1) {
		vh->gso_type = VIRTIO_NET_HDR_GSO_NONE;
		vh->gso_size = 0;
	}
}
