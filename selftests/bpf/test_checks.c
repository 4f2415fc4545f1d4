/* SPDX-License-Identifier: GPL-2.0-only */
/* What a port lets its node say: neighbour discovery and ARP to their last byte, MACs, priority tags, lengths. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <linux/if_ether.h>

#include "fixtures.h"
#include "port_rig.h"

static const uint8_t mac_v[6] = {0, 0, 0x5e, 0, 1, 7};

enum { RS = 133, RA, NS, NA, REDIRECT };
enum { SRC_LL = 1, DST_LL = 2, NONCE = 14 };
enum { HOP = 0, UDP = 17, ROUTING = 43, FRAG = 44, AH = 51, ICMP6 = 58, NONE = 59, DST = 60 };

#define OWN_LL "fe80::00ff:fe00:00aa"

static uint32_t head_len(uint8_t type)
{
	return type == RS ? 8 : type == RA ? 16 : type == REDIRECT ? 40 : 24;
}

/* The fixed part of a message, its target ff:: addresses aside: fd00::1. */
static void put_nd_head(struct pkt *p, uint8_t type)
{
	uint32_t end = p->len + head_len(type);

	put8(p, type), put8(p, 0), put16(p, 0), put16(p, 0), put16(p, 0);
	if (type != RS && type != RA)
		put_ip6(p, "fd00::1");
	while (p->len < end)
		put8(p, 0);
}

static void put_opt(struct pkt *p, uint8_t type, const uint8_t *mac)
{
	put8(p, type), put8(p, 1);
	put(p, mac, 6);
}

/* Up to the IPv6 header; @tags: 802.1Q tags. @len 0xffff: set by end_ip6(). */
static uint32_t begin_ip6(struct pkt *p, int tags, const char *src, uint8_t next)
{
	*p = (struct pkt){0};
	put_eth(p, mac_a, tags ? ETH_P_8021Q : ETH_P_IPV6);
	for (int i = 0; i < tags; i++)
		put_tag(p, (uint16_t)(100 + i), i + 1 < tags ? ETH_P_8021Q : ETH_P_IPV6);
	put_ip6_head(p, src, "ff02::1", next, 0xffff);
	return p->len;
}

static void end_ip6(struct pkt *p, uint32_t l4)
{
	uint32_t len = p->len - l4;

	p->data[l4 - 36] = (uint8_t)(len >> 8);
	p->data[l4 - 35] = (uint8_t)len;
}

/* @n options without an address, then @opt with @mac (unless 0). */
static void nd(struct pkt *p, int tags, uint8_t type, int n, uint8_t opt, const uint8_t *mac)
{
	uint32_t l4 = begin_ip6(p, tags, OWN_LL, ICMP6);

	put_nd_head(p, type);
	for (int i = 0; i < n; i++)
		put_opt(p, NONCE, mac_x);
	if (opt)
		put_opt(p, opt, mac);
	end_ip6(p, l4);
}

static void test_nd_all_types(void **state)
{
	struct vn_port_cfg mac = port_a(VN_ISOLATION_MAC), ip = port_a(VN_ISOLATION_IP), off = port_a(0);
	struct pkt p;

	for (uint8_t type = RS; type <= REDIRECT; type++) {
		const bool router = type == RA || type == REDIRECT;

		for (int tags = 0; tags < 5; tags++)
			for (uint8_t opt = SRC_LL; opt <= DST_LL; opt++)
				for (int n = 0; n < 32; n += n == 8 ? 23 : 1) {
					nd(&p, tags, type, n, opt, mac_a);
					check_port(&mac, &p, VN_PASS);
					check_port(&ip, &p, router ? VN_DROP_ND_SPOOF : VN_PASS);
					nd(&p, tags, type, n, opt, mac_x);
					check_port(&mac, &p, VN_DROP_ND_SPOOF);
					check_port(&ip, &p, VN_DROP_ND_SPOOF);
					check_port(&off, &p, VN_PASS);
				}
		nd(&p, 0, type, 32, SRC_LL, mac_x); /* one more than anyone looks at */
		check_port(&mac, &p, VN_DROP_MALFORMED);
		nd(&p, 0, type, 32, 0, NULL);
		check_port(&mac, &p, VN_PASS);
		nd(&p, 0, type, 0, 0, NULL);
		check_port(&mac, &p, VN_PASS);
		p.data[14 + 5] -= 1; /* the fixed part not whole */
		check_port(&mac, &p, VN_DROP_MALFORMED);
	}
}

static void test_nd_options(void **state)
{
	struct vn_port_cfg mac = port_a(VN_ISOLATION_MAC);
	struct pkt p;
	uint32_t l4;

	nd(&p, 0, NS, 0, SRC_LL, mac_a); /* a second one of the kind */
	put_opt(&p, SRC_LL, mac_x);
	end_ip6(&p, 54);
	check_port(&mac, &p, VN_DROP_ND_SPOOF);

	nd(&p, 0, NS, 0, SRC_LL, mac_x); /* outside of the payload it is padding */
	p.data[14 + 5] -= 8;
	check_port(&mac, &p, VN_PASS);

	nd(&p, 0, NA, 0, DST_LL, mac_a); /* of another length than Ethernet's */
	p.data[p.len - 7] = 2;
	put_ip4(&p, "0.0.0.0"), put_ip4(&p, "0.0.0.0");
	end_ip6(&p, 54);
	check_port(&mac, &p, VN_DROP_ND_SPOOF);

	nd(&p, 0, NA, 0, NONCE, mac_a); /* of length 0, behind the end, and half a one */
	p.data[p.len - 7] = 0;
	check_port(&mac, &p, VN_DROP_MALFORMED);
	p.data[p.len - 7] = 2;
	check_port(&mac, &p, VN_DROP_MALFORMED);
	p.data[p.len - 7] = 1;
	put8(&p, SRC_LL);
	end_ip6(&p, 54);
	check_port(&mac, &p, VN_DROP_MALFORMED);

	l4 = begin_ip6(&p, 0, OWN_LL, ICMP6); /* the frame ends before its payload */
	put_nd_head(&p, NA);
	end_ip6(&p, l4);
	p.data[14 + 5] += 8;
	check_port(&mac, &p, VN_DROP_MALFORMED);

	l4 = begin_ip6(&p, 0, OWN_LL, ICMP6); /* an echo request is not neighbour discovery */
	put8(&p, 128), put8(&p, 0), put16(&p, 0), put_opt(&p, SRC_LL, mac_x);
	end_ip6(&p, l4);
	check_port(&mac, &p, VN_PASS);
	p.len = l4; /* and one of no length is nothing */
	end_ip6(&p, l4);
	p.data[14 + 5] = 1;
	check_port(&mac, &p, VN_DROP_MALFORMED);
}

/* An extension header of 8 bytes; AH has a length of its own: 8 are (2 + 0) * 4. */
static void put_ext(struct pkt *p, uint8_t next, uint16_t offset)
{
	put8(p, next), put8(p, 0), put16(p, offset), put16(p, 0), put16(p, 0);
}

static void test_nd_hidden(void **state)
{
	static const uint8_t exts[] = {HOP, DST, ROUTING, AH};
	struct vn_port_cfg mac = port_a(VN_ISOLATION_MAC), ip = port_a(VN_ISOLATION_IP);
	struct pkt p;
	uint32_t l4;

	for (size_t i = 0; i < VN_ARRAY_SIZE(exts); i++)
		for (int n = 1; n <= 8; n++)
			for (int own = 0; own < 2; own++) {
				l4 = begin_ip6(&p, 0, OWN_LL, exts[i]);
				for (int j = 0; j < n; j++)
					put_ext(&p, j + 1 < n ? exts[i] : ICMP6, 0x0104);
				put_nd_head(&p, NA), put_opt(&p, DST_LL, own ? mac_a : mac_x);
				end_ip6(&p, l4);
				check_port(&mac, &p, n == 8 ? VN_DROP_MALFORMED : own ? VN_PASS : VN_DROP_ND_SPOOF);
			}

	/* A header that claims more than there is. */
	l4 = begin_ip6(&p, 0, OWN_LL, DST);
	put8(&p, ICMP6), put8(&p, 9), put16(&p, 0x0104), put16(&p, 0), put16(&p, 0);
	put_nd_head(&p, NA), put_opt(&p, DST_LL, mac_x);
	end_ip6(&p, l4);
	check_port(&mac, &p, VN_DROP_MALFORMED);

	/* Payload length 0: Linux reads to the frame's end; without a next header there is nothing to read. */
	for (int level = 0; level < 2; level++) {
		const struct vn_port_cfg *cfg = level ? &ip : &mac;

		begin_ip6(&p, 0, OWN_LL, HOP);
		put_ext(&p, ICMP6, 0x0104), put_nd_head(&p, NA), put_opt(&p, DST_LL, mac_x);
		p.data[14 + 4] = p.data[14 + 5] = 0;
		check_port(cfg, &p, VN_DROP_MALFORMED);
		p.data[14 + 6] = ICMP6;
		check_port(cfg, &p, VN_DROP_MALFORMED);
		p.data[14 + 6] = NONE;
		check_port(cfg, &p, VN_PASS);
	}
}

static void test_nd_fragments(void **state)
{
	struct vn_port_cfg mac = port_a(VN_ISOLATION_MAC);
	struct pkt p;
	uint32_t l4;

	for (int more = 0; more < 2; more++) { /* whole, and first of many: own MAC or not */
		l4 = begin_ip6(&p, 0, OWN_LL, FRAG);
		put_ext(&p, ICMP6, (uint16_t)more), put_nd_head(&p, NA), put_opt(&p, DST_LL, mac_a);
		end_ip6(&p, l4);
		check_port(&mac, &p, VN_DROP_ND_SPOOF);
		l4 = begin_ip6(&p, 0, OWN_LL, FRAG);
		put_ext(&p, DST, (uint16_t)more), put_ext(&p, ICMP6, 0x0104), put_nd_head(&p, RS);
		end_ip6(&p, l4);
		check_port(&mac, &p, VN_DROP_ND_SPOOF);
	}
	/* The first one must say what it is a part of (RFC 7112); padding behind it says nothing. */
	l4 = begin_ip6(&p, 0, OWN_LL, FRAG);
	put_ext(&p, ICMP6, 1);
	end_ip6(&p, l4);
	put8(&p, 128);
	check_port(&mac, &p, VN_DROP_MALFORMED);
	l4 = begin_ip6(&p, 0, OWN_LL, FRAG);
	put_ext(&p, DST, 1);
	end_ip6(&p, l4);
	check_port(&mac, &p, VN_DROP_MALFORMED);
	/* Later ones, and those of an echo request, pass. */
	l4 = begin_ip6(&p, 0, OWN_LL, FRAG);
	put_ext(&p, ICMP6, 0x0009), put_nd_head(&p, NA), put_opt(&p, DST_LL, mac_x);
	end_ip6(&p, l4);
	check_port(&mac, &p, VN_PASS);
	l4 = begin_ip6(&p, 0, OWN_LL, FRAG);
	put_ext(&p, ICMP6, 1), put8(&p, 128), put8(&p, 0), put16(&p, 0), put16(&p, 1), put16(&p, 1);
	end_ip6(&p, l4);
	check_port(&mac, &p, VN_PASS);
}

static void test_nd_targets(void **state)
{
	struct vn_port_cfg mac = port_a(VN_ISOLATION_MAC), ip = port_a(VN_ISOLATION_IP);
	static const struct {
		const char *target;
		unsigned int reason;
	} cases[] = {{"fd00::1", VN_PASS},          {OWN_LL, VN_PASS},
		     {"fd00:2::77", VN_PASS},       {"fd00::2", VN_DROP_ND_SPOOF},
		     {"fe80::1", VN_DROP_ND_SPOOF}, {"fe80::200:5eff:fe00:0107", VN_DROP_ND_SPOOF}};
	struct pkt p = {0};

	inet_pton(AF_INET6, "fd00:2::", ip.src6[1].addr);
	memset(ip.src6[1].mask, 0xff, 8);
	ip.n_src6 = 2;
	for (size_t i = 0; i < VN_ARRAY_SIZE(cases); i++) {
		p.len = 0;
		put_eth(&p, mac_a, ETH_P_IPV6), put_ip6_head(&p, "fd00::1", "ff02::1", ICMP6, 32);
		put_nd(&p, NA, cases[i].target, DST_LL, mac_a);
		check_port(&ip, &p, cases[i].reason);
		check_port(&mac, &p, VN_PASS);
	}
	/* Whether an address is free may be asked for one's own alone: the question takes it. */
	for (size_t i = 0; i < VN_ARRAY_SIZE(cases); i++) {
		p.len = 0;
		put_eth(&p, mac_a, ETH_P_IPV6), put_ip6_head(&p, "::", "ff02::1", ICMP6, 32);
		put_nd(&p, NS, cases[i].target, NONCE, mac_x);
		check_port(&ip, &p, cases[i].reason);
		check_port(&mac, &p, VN_PASS);
	}
	p.len = 0;
	put_eth(&p, mac_a, ETH_P_IPV6), put_ip6_head(&p, "fd00::1", "ff02::1", ICMP6, 32);
	put_nd(&p, NA, cases[VN_ARRAY_SIZE(cases) - 1].target, DST_LL, mac_a);
	memcpy(ip.macs[0], mac_v, 6); /* another MAC has a link-local address, too */
	ip.n_macs = 1;
	check_port(&ip, &p, VN_PASS);
	p.len = 0;
	put_eth(&p, mac_a, ETH_P_IPV6), put_ip6_head(&p, "fd00::2", "ff02::1", ICMP6, 32);
	put_nd(&p, NS, "fd00::3", SRC_LL, mac_a);
	check_port(&ip, &p, VN_DROP_IP_SPOOF);
}

static void test_arp_odd(void **state)
{
	struct vn_port_cfg mac = port_a(VN_ISOLATION_MAC), ip = port_a(VN_ISOLATION_IP);

	for (uint16_t op = 0; op < 12; op++)
		for (int tags = 0; tags < 4; tags++)
			for (int rarp = 0; rarp < 2; rarp++) {
				const uint16_t proto = rarp ? ETH_P_RARP : ETH_P_ARP;
				struct pkt own = {0}, forged;
				uint32_t at;

				put_eth(&own, mac_a, tags ? ETH_P_8021AD : proto);
				for (int i = 0; i < tags; i++)
					put_tag(&own, 7, i + 1 < tags ? ETH_P_8021Q : proto);
				at = own.len;
				put_arp(&own, mac_a, "10.0.0.1");
				own.data[at + 7] = (uint8_t)op;
				check_port(&ip, &own, VN_PASS);
				forged = own;
				memcpy(forged.data + at + 8, mac_x, 6);
				check_port(&mac, &forged, VN_DROP_ARP_SPOOF);
				forged = own;
				inet_pton(AF_INET, "10.0.0.3", forged.data + at + 14);
				check_port(&mac, &forged, VN_PASS);
				check_port(&ip, &forged, VN_DROP_ARP_SPOOF);
				for (uint32_t len = at; len < own.len; len++) {
					forged = own;
					forged.len = len;
					check_port(&mac, &forged, VN_DROP_MALFORMED);
				}
				for (int field = 2; field < 6; field++) { /* protocol, and both lengths */
					forged = own;
					forged.data[at + field] ^= 1;
					check_port(&mac, &forged, VN_DROP_ARP_SPOOF);
				}
			}
}

static void test_macs(void **state)
{
	struct vn_port_cfg mac = port_a(VN_ISOLATION_MAC);
	struct pkt p = {0}, arp = {0}, nd_v;

	put_eth(&p, mac_v, ETH_P_IP), put_udp4(&p, "10.0.0.1", "10.0.0.2");
	put_eth(&arp, mac_v, ETH_P_ARP), put_arp(&arp, mac_v, "10.0.0.1");
	nd(&nd_v, 0, NA, 0, DST_LL, mac_v);
	check_port(&mac, &p, VN_DROP_MAC_SPOOF);
	check_port(&mac, &arp, VN_DROP_MAC_SPOOF);
	check_port(&mac, &nd_v, VN_DROP_ND_SPOOF);
	for (uint8_t n = 1; n <= VN_PORT_MACS; n++) {
		memcpy(mac.macs[n - 1], mac_v, 6);
		mac.n_macs = n;
		check_port(&mac, &p, VN_PASS);
		check_port(&mac, &arp, VN_PASS);
		check_port(&mac, &nd_v, VN_PASS);
		memset(mac.macs[n - 1], 2, 6);
	}
	check_port(&mac, &p, VN_DROP_MAC_SPOOF);
	mac.n_macs = 0; /* what stands behind the list is not in it */
	memcpy(mac.macs[0], mac_v, 6);
	check_port(&mac, &p, VN_DROP_MAC_SPOOF);
}

/* VID 0, whatever its priority and however often, is no tag to the rules. */
static void test_priority_tags(void **state)
{
	struct vn_port_cfg none = port_a(VN_ISOLATION_MAC), list, ip;

	none.flags |= VN_PORT_VLAN_LIST;
	list = ip = none;
	list.vlans[0] = ip.vlans[0] = 10;
	list.n_vlans = ip.n_vlans = 1;
	ip.isolation = VN_ISOLATION_IP;
	for (int ad = 0; ad < 2; ad++)
		for (uint16_t prio = 0; prio < 8; prio++)
			for (int n = 1; n <= 8; n++)
				for (int more = 0; more < 3; more++) {
					static const uint16_t vid[] = {0, 10, 20};
					const uint16_t tpid = ad ? ETH_P_8021AD : ETH_P_8021Q;
					struct pkt p = {0};

					put_eth(&p, mac_a, tpid);
					for (int i = 1; i < n; i++)
						put_tag(&p, (uint16_t)(prio << 13), tpid);
					put_tag(&p, (uint16_t)(prio << 13 | vid[more]), ETH_P_IP);
					put_udp4(&p, "10.0.0.1", "10.0.0.2");
					check_port(&none, &p, more ? VN_DROP_VLAN : VN_PASS);
					check_port(&list, &p, more == 2 ? VN_DROP_VLAN : VN_PASS);
					check_port(&ip, &p, more == 2 ? VN_DROP_VLAN : VN_PASS);
				}
	/* Behind more of them than are looked behind may be any VLAN. */
	struct pkt deep = {0};

	put_eth(&deep, mac_a, ETH_P_8021Q);
	for (int i = 0; i < 8; i++)
		put_tag(&deep, 0, ETH_P_8021Q);
	put_tag(&deep, 20, ETH_P_IP), put_udp4(&deep, "10.0.0.1", "10.0.0.2");
	none.isolation = VN_ISOLATION_OFF;
	check_port(&none, &deep, VN_DROP_VLAN);
	none.flags &= ~(uint32_t)VN_PORT_VLAN_LIST;
	check_port(&none, &deep, VN_PASS);
}

/* A UDP frame over IPv4 or IPv6 of @len bytes behind @tags 802.1Q tags; big ones are mostly zero. */
static void udp_of(struct pkt *p, bool ip6, int tags, uint32_t len)
{
	const uint16_t proto = ip6 ? ETH_P_IPV6 : ETH_P_IP;

	*p = (struct pkt){0};
	put_eth(p, mac_a, tags ? ETH_P_8021Q : proto);
	for (int i = 0; i < tags; i++)
		put_tag(p, 10, i + 1 < tags ? ETH_P_8021Q : proto);
	if (ip6) {
		put_ip6_head(p, "fd00::1", "fd00::2", UDP, 8);
		put16(p, 1), put16(p, 2), put16(p, 8), put16(p, 0);
	} else {
		put_udp4(p, "10.0.0.1", "10.0.0.2");
	}
	p->len = len;
}

static void test_too_long(void **state)
{
	struct vn_port_cfg cfg = port_a(VN_ISOLATION_OFF);
	struct pkt p;

	cfg.mtu = 300;
	for (int tags = 0; tags < 5; tags++)
		for (int longer = -1; longer < 2; longer++) {
			udp_of(&p, tags & 1, tags, (uint32_t)(314 + 4 * tags + longer));
			check_port(&cfg, &p, longer > 0 ? VN_DROP_TOO_LONG : VN_PASS);
		}
	cfg.mtu = 65535;
	check_port(&cfg, &p, VN_PASS);
}

static void test_gso(void **state)
{
	static const struct {
		uint32_t size, segs, mtu, len;
		unsigned int reason;
	} cases[] = {
		{272, 0, 300, 500, VN_PASS},
		{273, 0, 300, 500, VN_DROP_TOO_LONG},
		{30000, 0, 1500, 500, VN_PASS}, /* one segment, and a short one */
		{30000, 0, 300, 500, VN_DROP_TOO_LONG},
		{48, 0, 1500, 500, VN_PASS},
		{47, 0, 1500, 500, VN_DROP_MALFORMED},
		{1, 0, 1500, 500, VN_DROP_MALFORMED},
		{36, 0, 100, 500, VN_PASS}, /* what TCP sends there */
		{1, 0, 100, 500, VN_PASS},
		{48, 10, 1500, 500, VN_PASS},
	};

	for (size_t i = 0; i < VN_ARRAY_SIZE(cases); i++)
		for (int ip6 = 0; ip6 < 2; ip6++)
			for (int tags = 0; tags < 3; tags++) {
				struct vn_port_cfg cfg = port_a(VN_ISOLATION_MAC);
				struct __sk_buff ctx = {.gso_size =
								cases[i].size - (ip6 && cases[i].size > 200 ? 20 : 0),
							.gso_segs = cases[i].segs};
				struct pkt p;

				cfg.mtu = (uint16_t)cases[i].mtu;
				udp_of(&p, ip6, tags, cases[i].len);
				check_skb(&cfg, &p, &ctx, cases[i].reason);
			}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nd_all_types), cmocka_unit_test(test_nd_options),
		cmocka_unit_test(test_nd_hidden),    cmocka_unit_test(test_nd_fragments),
		cmocka_unit_test(test_nd_targets),   cmocka_unit_test(test_arp_odd),
		cmocka_unit_test(test_macs),         cmocka_unit_test(test_priority_tags),
		cmocka_unit_test(test_too_long),     cmocka_unit_test(test_gso),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
