/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A small IPv4 router: longest prefix match (rte_lpm), one hop off the TTL, Ethernet addresses by ARP in both
 * directions. What DPDK's own l3fwd is too, with neighbours that it finds out by itself.
 *
 *   vnet-l3fwd EAL-ARGUMENTS -- --port IP/LEN [--port IP/LEN ...] [--route PREFIX/LEN,VIA ...]
 *
 * One --port for each port in their order: its address, and the network that is reached directly.
 */
#include <getopt.h>
#include <rte_errno.h>
#include <rte_hash.h>
#include <rte_jhash.h>
#include <rte_lpm.h>
#include <rte_prefetch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"

#define ROUTES_MAX     64
#define NEIGHBOURS_MAX 1024
#define DIRECT         0x100u /* in a next hop: the destination is itself the neighbour */
#define PREFETCH_AHEAD 4

struct route {
	uint32_t prefix;
	uint8_t len, port;
	rte_be32_t via; /* 0: none, the network is at the port */
};

struct neighbour {
	struct rte_ether_addr mac;
	uint8_t port;
};

#define COUNTERS(X)                                                                                                    \
	X(forwarded, "forwarded")                                                                                      \
	X(arp, "arp-answered")                                                                                         \
	X(no_route, "no-route")                                                                                        \
	X(no_neighbour, "no-neighbour") /* asked for at once; who sent it will send again */                           \
	X(ttl, "ttl-exceeded")                                                                                         \
	X(malformed, "malformed") /* neither IPv4 nor ARP as they should be */

APP_COUNTERS(COUNTERS)

static struct app app;
static rte_be32_t address[APP_PORTS];
static struct route routes[ROUTES_MAX];
static unsigned int n_routes, n_addresses;
static struct rte_lpm *lpm;
static struct rte_hash *neighbours;
static struct neighbour neighbour[4 * NEIGHBOURS_MAX];

/* Only of the port's own network, so that strangers cannot fill the table with the world. */
static void learn(const struct app_port *p, rte_be32_t ip, const struct rte_ether_addr *mac)
{
	uint32_t hop;
	int32_t at;

	if (rte_lpm_lookup(lpm, rte_be_to_cpu_32(ip), &hop) || hop != (DIRECT | (uint32_t)(p - app.ports)))
		return;
	at = rte_hash_add_key(neighbours, &ip);
	if (at >= 0)
		neighbour[at] = (struct neighbour){*mac, (uint8_t)(p - app.ports)};
}

static void handle_arp(struct app_port *in, struct rte_mbuf *m)
{
	struct rte_arp_hdr *arp = app_arp(m, sizeof(struct rte_ether_hdr));

	if (!arp) {
		app_drop(m, &count.malformed);
		return;
	}
	learn(in, arp->arp_data.arp_sip, &arp->arp_data.arp_sha);
	if (arp->arp_opcode == rte_cpu_to_be_16(RTE_ARP_OP_REQUEST) &&
	    arp->arp_data.arp_tip == address[in - app.ports]) {
		count.arp++;
		app_arp_answer(in, m, arp);
	} else {
		rte_pktmbuf_free(m);
	}
}

/* The port that @m, made ready, leaves by; -1 when it does not. */
static int forward(struct rte_mbuf *m)
{
	struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);
	struct rte_ipv4_hdr *ip = app_ipv4(m, sizeof(*eth));
	rte_be32_t next;
	uint32_t hop;
	int32_t at;

	if (!ip) {
		app_drop(m, &count.malformed);
		return -1;
	}
	if (rte_lpm_lookup(lpm, rte_be_to_cpu_32(ip->dst_addr), &hop)) {
		app_drop(m, &count.no_route);
		return -1;
	}
	next = hop & DIRECT ? ip->dst_addr : routes[hop].via;
	hop = hop & DIRECT ? hop & 0xff : routes[hop].port;
	at = rte_hash_lookup(neighbours, &next);
	if (at < 0) {
		app_arp_ask(&app, &app.ports[hop], address[hop], next);
		app_drop(m, &count.no_neighbour);
		return -1;
	}
	if (!app_ipv4_hop(ip)) {
		app_drop(m, &count.ttl);
		return -1;
	}
	eth->dst_addr = neighbour[at].mac;
	eth->src_addr = app.ports[hop].mac;
	count.forwarded++;
	return (int)hop;
}

static void burst(struct app_port *in, struct rte_mbuf **m, uint16_t n)
{
	struct rte_mbuf *out[APP_PORTS][APP_BURST];
	uint16_t n_out[APP_PORTS] = {0};

	for (uint16_t i = 0; i < n && i < PREFETCH_AHEAD; i++)
		rte_prefetch0(rte_pktmbuf_mtod(m[i], void *));
	for (uint16_t i = 0; i < n; i++) {
		const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m[i], const struct rte_ether_hdr *);
		int to = -1;

		if (i + PREFETCH_AHEAD < n)
			rte_prefetch0(rte_pktmbuf_mtod(m[i + PREFETCH_AHEAD], void *));
		if (eth->ether_type == rte_cpu_to_be_16(RTE_ETHER_TYPE_ARP))
			handle_arp(in, m[i]);
		else if (eth->ether_type == rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4))
			to = forward(m[i]);
		else
			app_drop(m[i], &count.malformed);
		if (to >= 0)
			out[to][n_out[to]++] = m[i];
	}
	for (uint16_t p = 0; p < app.n_ports; p++)
		app_send(&app.ports[p], out[p], n_out[p]);
}

/* "10.0.0.0/8": cuts @text at the slash. */
static struct route parse_prefix(char *text)
{
	char *slash = strchr(text, '/');
	struct route r = {0};

	if (!slash)
		app_die("'%s' is not IP/LEN", text);
	*slash = '\0';
	r.prefix = rte_be_to_cpu_32(app_parse_ip(text));
	r.len = (uint8_t)app_parse_number(slash + 1, 32);
	if (!r.len)
		app_die("'%s/0': rte_lpm knows no empty prefix: write 0.0.0.0/1 and 128.0.0.0/1", text);
	return r;
}

static void add_port(char *text)
{
	struct route r = parse_prefix(text);

	if (n_addresses == app.n_ports)
		app_die("--port %s: there are only %u ports", text, app.n_ports);
	address[n_addresses] = rte_cpu_to_be_32(r.prefix);
	if (rte_lpm_add(lpm, r.prefix, r.len, DIRECT | n_addresses) < 0)
		app_die("--port %s: no place in the table", text);
	n_addresses++;
}

/* A route's number is its next hop in the table; its port is where @via is. */
static void add_route(char *text)
{
	char *comma = strchr(text, ',');
	struct route r;
	uint32_t hop;

	if (!comma || n_routes == ROUTES_MAX)
		app_die("--route %s: write PREFIX/LEN,VIA, at most %d", text, ROUTES_MAX);
	*comma = '\0';
	r = parse_prefix(text);
	r.via = app_parse_ip(comma + 1);
	if (rte_lpm_lookup(lpm, rte_be_to_cpu_32(r.via), &hop) || !(hop & DIRECT))
		app_die("--route %s: %s is at no --port in front of it", text, comma + 1);
	r.port = (uint8_t)(hop & 0xff);
	if (rte_lpm_add(lpm, r.prefix, r.len, n_routes) < 0)
		app_die("--route %s: no place in the table", text);
	routes[n_routes++] = r;
}

static void make_tables(void)
{
	const struct rte_lpm_config lc = {.max_rules = 256, .number_tbl8s = 256};
	const struct rte_hash_parameters hp = {
		.name = "neighbours",
		.entries = NEIGHBOURS_MAX,
		.key_len = sizeof(rte_be32_t),
		.hash_func = rte_jhash,
		.socket_id = SOCKET_ID_ANY,
	};

	lpm = rte_lpm_create("routes", SOCKET_ID_ANY, &lc);
	neighbours = rte_hash_create(&hp);
	if (!lpm || !neighbours)
		app_die("no memory for the tables: %s", rte_strerror(rte_errno));
}

static uint32_t parse(int argc, char **argv)
{
	static const struct option options[] = {
		{"port", 1, NULL, 'p'}, {"route", 1, NULL, 'r'}, {"interval", 1, NULL, 'i'}, {NULL, 0, NULL, 0}};
	uint32_t interval_s = 1;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'p':
			add_port(optarg);
			break;
		case 'r':
			add_route(optarg);
			break;
		case 'i':
			interval_s = app_parse_number(optarg, 3600);
			break;
		default:
			app_die("usage: vnet-l3fwd EAL-ARGUMENTS -- --port IP/LEN ... [--route PREFIX/LEN,VIA ...] "
				"[--interval SECONDS]");
		}
	}
	if (n_addresses != app.n_ports)
		app_die("%u --port for %u ports", n_addresses, app.n_ports);
	return interval_s;
}

int main(int argc, char **argv)
{
	int used;

	app.burst = burst;
	app.counters = counters;
	used = app_open(&app, argc, argv, 2);
	make_tables();
	app_run(&app, parse(argc - used, argv + used));
	return 0;
}
