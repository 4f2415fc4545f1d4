/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A broadband network gateway: the first IP hop of subscribers.
 *
 *   customers, port 0:  Ethernet | S-VLAN 88a8 | C-VLAN 8100 | IPv4
 *   core, port 1:       Ethernet | IPv4 | GRE | MPLS label   | IPv4     (RFC 4023, RFC 2784)
 *
 * A subscriber is a pair of VLANs, one address and one label. Upstream its tags and address are checked, its tags are
 * replaced by the tunnel and its label; downstream the label says whose frame it is. On both sides it answers ARP for
 * itself; it asks for the core router's address, and learns a subscriber's from its ARP and its packets.
 */
#include <getopt.h>
#include <rte_errno.h>
#include <rte_gre.h>
#include <rte_hash.h>
#include <rte_jhash.h>
#include <rte_mpls.h>
#include <rte_prefetch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"

#define SUBSCRIBERS_MAX 65536u
#define VID_MASK        0x0fffu
#define VID_MAX         4094u
#define LABEL_MIN       16u /* those below are reserved (RFC 3032) */
#define LABEL_MAX       0xfffffu
#define TTL             64
#define ETHER_TYPE_MPLS 0x8847
#define PREFETCH_AHEAD  4

enum { CUSTOMER, CORE };

struct access_head {
	struct rte_ether_hdr eth; /* its type is the S-tag's TPID */
	struct rte_vlan_hdr s, c; /* each with the type of what follows */
} __rte_packed __rte_aligned(2);

struct core_head {
	struct rte_ether_hdr eth;
	struct rte_ipv4_hdr ip;
	rte_be16_t gre_flags, gre_proto;
	rte_be32_t label; /* 20 bits, 3 of class, the bottom of stack, 8 of TTL */
} __rte_packed __rte_aligned(2);

_Static_assert(sizeof(struct access_head) == 22, "Ethernet and two tags");
_Static_assert(sizeof(struct core_head) == 42, "Ethernet, IPv4, GRE, MPLS");

struct subscriber {
	rte_be32_t address;
	uint32_t label;
	uint16_t svid, cvid;
	struct rte_ether_addr mac;
	bool mac_known;
};

#define COUNTERS(X)                                                                                                    \
	X(up, "up")     /* frames from subscribers, into the tunnel */                                                 \
	X(down, "down") /* frames from the tunnel, to subscribers */                                                   \
	X(arp, "arp-answered")                                                                                         \
	X(unknown, "unknown")           /* tags or a label that no subscriber has */                                   \
	X(spoofed, "spoofed")           /* a source address that is not the subscriber's */                            \
	X(misrouted, "misrouted")       /* a label and a destination that do not belong together */                    \
	X(no_neighbour, "no-neighbour") /* whose Ethernet address is not known yet */                                  \
	X(ttl, "ttl-exceeded")                                                                                         \
	X(malformed, "malformed") /* neither IPv4 nor ARP as they should be */

APP_COUNTERS(COUNTERS)

static struct {
	uint32_t n, svid, cvid, label, interval_s;
	rte_be32_t address, gateway, local, remote;
} conf = {.n = 256, .svid = 100, .cvid = 1, .label = 1000, .interval_s = 1};

static struct app app;
static struct subscriber *subscribers;
static struct rte_hash *by_tags, *by_label;
static struct rte_ether_addr remote_mac;
static bool remote_known;

/*
 * The packet at @ip alone, one hop older; Ethernet's padding of short frames stays behind. False, and it is dropped,
 * when there is none, for @fault of its address, or while the next one's Ethernet address is not known.
 */
static bool unpack(struct rte_mbuf *m, uint16_t head, struct rte_ipv4_hdr *ip, uint64_t *fault, bool neighbour_known)
{
	uint64_t *why = !ip ? &count.malformed : fault ? fault : neighbour_known ? NULL : &count.no_neighbour;

	if (!why && !app_ipv4_hop(ip))
		why = &count.ttl;
	if (why) {
		app_drop(m, why);
		return false;
	}
	rte_pktmbuf_trim(m, rte_pktmbuf_data_len(m) - head - rte_be_to_cpu_16(ip->total_length));
	rte_pktmbuf_adj(m, head);
	return true;
}

/* --- from the customers --------------------------------------------------------------------------------------------
 */

static uint32_t tags_key(uint32_t svid, uint32_t cvid)
{
	return svid << 12 | cvid;
}

/* UINT32_MAX, which no subscriber has, when it is not in two tags. */
static uint32_t key_of_tags(const struct rte_mbuf *m)
{
	const struct access_head *h = rte_pktmbuf_mtod(m, const struct access_head *);

	if (rte_pktmbuf_data_len(m) < sizeof(*h) || h->eth.ether_type != rte_cpu_to_be_16(RTE_ETHER_TYPE_QINQ) ||
	    h->s.eth_proto != rte_cpu_to_be_16(RTE_ETHER_TYPE_VLAN))
		return UINT32_MAX;
	return tags_key(rte_be_to_cpu_16(h->s.vlan_tci) & VID_MASK, rte_be_to_cpu_16(h->c.vlan_tci) & VID_MASK);
}

static void learn(struct subscriber *s, const struct rte_ether_addr *mac)
{
	s->mac = *mac;
	s->mac_known = true;
}

static void customer_arp(struct rte_mbuf *m, struct subscriber *s)
{
	struct rte_arp_hdr *arp = app_arp(m, sizeof(struct access_head));

	if (!arp) {
		app_drop(m, &count.malformed);
		return;
	}
	if (arp->arp_data.arp_sip != s->address) {
		app_drop(m, &count.spoofed);
		return;
	}
	learn(s, &arp->arp_data.arp_sha);
	if (arp->arp_opcode != rte_cpu_to_be_16(RTE_ARP_OP_REQUEST) || arp->arp_data.arp_tip != conf.gateway) {
		rte_pktmbuf_free(m);
		return;
	}
	count.arp++;
	app_arp_answer(&app.ports[CUSTOMER], m, arp);
}

static void put_core_head(struct rte_mbuf *m, const struct subscriber *s, uint16_t inner_len)
{
	struct core_head *h = (void *)rte_pktmbuf_prepend(m, sizeof(*h));

	h->eth.dst_addr = remote_mac;
	h->eth.src_addr = app.ports[CORE].mac;
	h->eth.ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
	h->ip = (struct rte_ipv4_hdr){
		.version_ihl = RTE_IPV4_VHL_DEF,
		.total_length = rte_cpu_to_be_16((uint16_t)(sizeof(*h) - sizeof(h->eth) + inner_len)),
		.fragment_offset = rte_cpu_to_be_16(RTE_IPV4_HDR_DF_FLAG),
		.time_to_live = TTL,
		.next_proto_id = IPPROTO_GRE,
		.src_addr = conf.local,
		.dst_addr = conf.remote,
	};
	h->ip.hdr_checksum = rte_ipv4_cksum(&h->ip);
	h->gre_flags = 0;
	h->gre_proto = rte_cpu_to_be_16(ETHER_TYPE_MPLS);
	h->label = rte_cpu_to_be_32(s->label << 12 | 1u << 8 | TTL);
}

/* True when @m is ready for the core. */
static bool upstream(struct rte_mbuf *m, struct subscriber *s)
{
	const struct access_head *h = rte_pktmbuf_mtod(m, const struct access_head *);
	struct rte_ipv4_hdr *ip;
	bool own;

	if (h->c.eth_proto == rte_cpu_to_be_16(RTE_ETHER_TYPE_ARP)) {
		customer_arp(m, s);
		return false;
	}
	ip = h->c.eth_proto == rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4) ? app_ipv4(m, sizeof(*h)) : NULL;
	own = ip && ip->src_addr == s->address;
	if (own)
		learn(s, &h->eth.src_addr);
	if (!unpack(m, sizeof(*h), ip, own ? NULL : &count.spoofed, remote_known))
		return false;
	put_core_head(m, s, rte_pktmbuf_data_len(m));
	count.up++;
	return true;
}

/* --- from the core -------------------------------------------------------------------------------------------------
 */

/* UINT32_MAX, which no label is, when it did not come out of the tunnel. */
static uint32_t key_of_label(struct rte_mbuf *m)
{
	const struct core_head *h = rte_pktmbuf_mtod(m, const struct core_head *);
	const struct rte_ipv4_hdr *ip = app_ipv4(m, sizeof(h->eth));

	/* Options and fragments do not occur: the outer header is the core router's, DF is set. */
	if (!ip || rte_pktmbuf_data_len(m) < sizeof(*h) || h->eth.ether_type != rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4) ||
	    ip->version_ihl != RTE_IPV4_VHL_DEF || ip->next_proto_id != IPPROTO_GRE || ip->src_addr != conf.remote ||
	    ip->dst_addr != conf.local || ip->fragment_offset & rte_cpu_to_be_16(0x3fff) || h->gre_flags ||
	    h->gre_proto != rte_cpu_to_be_16(ETHER_TYPE_MPLS) || !(h->label & rte_cpu_to_be_32(1u << 8)))
		return UINT32_MAX;
	return rte_be_to_cpu_32(h->label) >> 12;
}

static void core_other(struct rte_mbuf *m)
{
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	struct rte_arp_hdr *arp = NULL;

	if (rte_pktmbuf_data_len(m) >= sizeof(*eth) && eth->ether_type == rte_cpu_to_be_16(RTE_ETHER_TYPE_ARP))
		arp = app_arp(m, sizeof(*eth));
	if (!arp) {
		app_drop(m, &count.malformed);
		return;
	}
	if (arp->arp_data.arp_sip == conf.remote) {
		remote_mac = arp->arp_data.arp_sha;
		remote_known = true;
	}
	if (arp->arp_opcode == rte_cpu_to_be_16(RTE_ARP_OP_REQUEST) && arp->arp_data.arp_tip == conf.local) {
		count.arp++;
		app_arp_answer(&app.ports[CORE], m, arp);
	} else {
		rte_pktmbuf_free(m);
	}
}

/* True when @m is ready for the customers. */
static bool downstream(struct rte_mbuf *m, struct subscriber *s)
{
	struct rte_ipv4_hdr *ip = app_ipv4(m, sizeof(struct core_head));
	const bool own = ip && ip->dst_addr == s->address;
	struct access_head *h;

	if (!unpack(m, sizeof(struct core_head), ip, own ? NULL : &count.misrouted, s->mac_known))
		return false;
	h = (void *)rte_pktmbuf_prepend(m, sizeof(*h));
	h->eth.dst_addr = s->mac;
	h->eth.src_addr = app.ports[CUSTOMER].mac;
	h->eth.ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_QINQ);
	h->s.vlan_tci = rte_cpu_to_be_16(s->svid);
	h->s.eth_proto = rte_cpu_to_be_16(RTE_ETHER_TYPE_VLAN);
	h->c.vlan_tci = rte_cpu_to_be_16(s->cvid);
	h->c.eth_proto = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
	count.down++;
	return true;
}

/* --- both ----------------------------------------------------------------------------------------------------------
 */

/* Keys of the whole burst while the next frames come into the cache, one lookup for all of them, then each frame. */
static void burst(struct app_port *in, struct rte_mbuf **m, uint16_t n)
{
	const bool up = in == &app.ports[CUSTOMER];
	const void *keys[APP_BURST];
	struct rte_mbuf *out[APP_BURST];
	uint32_t key[APP_BURST];
	int32_t found[APP_BURST];
	uint16_t i, n_out = 0;

	for (i = 0; i < n && i < PREFETCH_AHEAD; i++)
		rte_prefetch0(rte_pktmbuf_mtod(m[i], void *));
	for (i = 0; i < n; i++) {
		if (i + PREFETCH_AHEAD < n)
			rte_prefetch0(rte_pktmbuf_mtod(m[i + PREFETCH_AHEAD], void *));
		key[i] = up ? key_of_tags(m[i]) : key_of_label(m[i]);
		keys[i] = &key[i];
	}
	rte_hash_lookup_bulk(up ? by_tags : by_label, keys, n, found);
	for (i = 0; i < n; i++) {
		if (key[i] == UINT32_MAX && !up)
			core_other(m[i]);
		else if (found[i] < 0)
			app_drop(m[i], &count.unknown);
		else if (up ? upstream(m[i], &subscribers[found[i]]) : downstream(m[i], &subscribers[found[i]]))
			out[n_out++] = m[i];
	}
	app_send(&app.ports[up ? CORE : CUSTOMER], out, n_out);
}

static void tick(void)
{
	app_arp_ask(&app, &app.ports[CORE], conf.local, conf.remote);
}

static struct rte_hash *new_hash(const char *name)
{
	const struct rte_hash_parameters p = {
		.name = name,
		/* Room to spare: in a full cuckoo table the last keys find no place. */
		.entries = RTE_MAX(2 * conf.n, 64u),
		.key_len = sizeof(uint32_t),
		.hash_func = rte_jhash,
		.socket_id = SOCKET_ID_ANY,
	};
	struct rte_hash *h = rte_hash_create(&p);

	if (!h)
		app_die("table %s: %s", name, rte_strerror(rte_errno));
	return h;
}

/*
 * Subscriber i: C-VLANs count up from the first, the S-VLAN by one whenever they are used up; so do addresses and
 * labels. Both tables get the same keys' order, but a table's position is its own: found through it.
 */
static void make_subscribers(void)
{
	int32_t at;

	by_tags = new_hash("tags");
	by_label = new_hash("label");
	subscribers = calloc(4 * (size_t)RTE_MAX(conf.n, 64u), sizeof(*subscribers));
	if (!subscribers)
		app_die("no memory for %u subscribers", conf.n);
	for (uint32_t i = 0; i < conf.n; i++) {
		uint32_t nth = conf.cvid - 1 + i, svid = conf.svid + nth / VID_MAX, cvid = 1 + nth % VID_MAX;
		uint32_t key = tags_key(svid, cvid), label = conf.label + i;

		if (svid > VID_MAX || label > LABEL_MAX)
			app_die("%u subscribers: no VLAN or label is left for number %u", conf.n, i);
		at = rte_hash_add_key(by_tags, &key);
		if (at < 0 || rte_hash_add_key(by_label, &label) != at)
			app_die("subscriber %u: no place in the tables", i);
		subscribers[at] = (struct subscriber){
			.address = rte_cpu_to_be_32(rte_be_to_cpu_32(conf.address) + i),
			.label = label,
			.svid = (uint16_t)svid,
			.cvid = (uint16_t)cvid,
		};
	}
}

static void usage(void)
{
	app_die("usage: vnet-bng EAL-ARGUMENTS -- --address FIRST-SUBSCRIBER --gateway IP --local IP --remote IP\n"
		"          [--subscribers N (256)] [--svlan VID (100)] [--cvlan VID (1)] [--label LABEL (1000)]\n"
		"          [--interval SECONDS (1)]\n"
		"Port 0 goes to the customers, port 1 to the core.");
}

static void parse(int argc, char **argv)
{
	static const struct option options[] = {
		{"subscribers", 1, NULL, 'n'}, {"svlan", 1, NULL, 's'},
		{"cvlan", 1, NULL, 'c'},       {"label", 1, NULL, 'l'},
		{"address", 1, NULL, 'a'},     {"gateway", 1, NULL, 'g'},
		{"local", 1, NULL, 'L'},       {"remote", 1, NULL, 'R'},
		{"interval", 1, NULL, 'i'},    {NULL, 0, NULL, 0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'n':
			conf.n = app_parse_number(optarg, SUBSCRIBERS_MAX);
			break;
		case 's':
			conf.svid = app_parse_number(optarg, VID_MAX);
			break;
		case 'c':
			conf.cvid = app_parse_number(optarg, VID_MAX);
			break;
		case 'l':
			conf.label = app_parse_number(optarg, LABEL_MAX);
			break;
		case 'a':
			conf.address = app_parse_ip(optarg);
			break;
		case 'g':
			conf.gateway = app_parse_ip(optarg);
			break;
		case 'L':
			conf.local = app_parse_ip(optarg);
			break;
		case 'R':
			conf.remote = app_parse_ip(optarg);
			break;
		case 'i':
			conf.interval_s = app_parse_number(optarg, 3600);
			break;
		default:
			usage();
		}
	}
	if (optind != argc || !conf.n || !conf.svid || !conf.cvid || conf.label < LABEL_MIN || !conf.address ||
	    !conf.gateway || !conf.local || !conf.remote)
		usage();
}

int main(int argc, char **argv)
{
	int used;

	app.burst = burst;
	app.tick = tick;
	app.counters = counters;
	used = app_open(&app, argc, argv, 2);
	parse(argc - used, argv + used);
	make_subscribers();
	app_run(&app, conf.interval_s);
	return 0;
}
