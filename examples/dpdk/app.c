/* SPDX-License-Identifier: GPL-2.0-only */
#include "app.h"

#include <arpa/inet.h>
#include <errno.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_lcore.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Of each port: the AF_XDP driver fills its ring of 2048 at once, and frames are on their way. Any less, and it stands
 * still without a word.
 */
#define MBUFS_PER_PORT 3072
#define DESCRIPTORS    1024
#define POLLS_TO_YIELD 64

static volatile sig_atomic_t stop;

void app_die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

rte_be32_t app_parse_ip(const char *text)
{
	struct in_addr a;

	if (inet_pton(AF_INET, text, &a) != 1)
		app_die("'%s' is not an IPv4 address", text);
	return a.s_addr;
}

uint32_t app_parse_number(const char *text, uint32_t max)
{
	unsigned long v;
	char *end;

	errno = 0;
	v = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || v > max)
		app_die("'%s' is not a number up to %u", text, max);
	return (uint32_t)v;
}

static void on_signal(int sig)
{
	stop = sig;
}

static void open_port(struct app_port *p, struct rte_mempool *pool)
{
	const struct rte_eth_conf conf = {0};
	int r = rte_eth_dev_configure(p->id, 1, 1, &conf);

	if (r == 0)
		r = rte_eth_rx_queue_setup(p->id, 0, DESCRIPTORS, SOCKET_ID_ANY, NULL, pool);
	if (r == 0)
		r = rte_eth_tx_queue_setup(p->id, 0, DESCRIPTORS, SOCKET_ID_ANY, NULL);
	if (r == 0)
		r = rte_eth_dev_start(p->id);
	if (r == 0)
		r = rte_eth_macaddr_get(p->id, &p->mac);
	if (r < 0)
		app_die("port %u: %s", p->id, strerror(-r));
}

int app_open(struct app *a, int argc, char **argv, uint16_t min_ports)
{
	int used = rte_eal_init(argc, argv);
	uint16_t id;

	if (used < 0)
		app_die("EAL does not start: %s", rte_strerror(rte_errno));
	RTE_ETH_FOREACH_DEV(id)
	if (a->n_ports < APP_PORTS)
		a->ports[a->n_ports++].id = id;
	if (a->n_ports < min_ports)
		app_die("%u ports, %u are needed: one --vdev net_af_xdpN,iface=... for each", a->n_ports, min_ports);
	for (uint16_t i = 0; i < a->n_ports; i++) {
		char name[16];
		struct rte_mempool *pool;

		/* A pool each: the driver makes a UMEM of each port's pool. */
		snprintf(name, sizeof(name), "port%u", i);
		pool = rte_pktmbuf_pool_create(name, MBUFS_PER_PORT, APP_BURST, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
					       SOCKET_ID_ANY);
		if (!pool)
			app_die("no memory for %u frames: %s", MBUFS_PER_PORT, rte_strerror(rte_errno));
		if (i == 0)
			a->pool = pool;
		open_port(&a->ports[i], pool);
	}
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	return used;
}

void app_send(struct app_port *p, struct rte_mbuf **m, uint16_t n)
{
	uint16_t sent = n ? rte_eth_tx_burst(p->id, 0, m, n) : 0;

	p->tx += sent;
	p->tx_full += n - sent;
	if (sent < n)
		rte_pktmbuf_free_bulk(m + sent, n - sent);
}

void app_drop(struct rte_mbuf *m, uint64_t *why)
{
	(*why)++;
	rte_pktmbuf_free(m);
}

/* One line, so that whoever reads it sees one moment. */
static void print_counters(const struct app *a)
{
	for (uint16_t i = 0; i < a->n_ports; i++)
		printf("port%u-rx %" PRIu64 " port%u-tx %" PRIu64 " port%u-tx-full %" PRIu64 " ", i, a->ports[i].rx, i,
		       a->ports[i].tx, i, a->ports[i].tx_full);
	for (const struct app_counter *c = a->counters; c->name; c++)
		printf("%s %" PRIu64 " ", c->name, *c->value);
	printf("\n");
	fflush(stdout);
}

void app_run(struct app *a, unsigned int interval_s)
{
	const uint64_t second = rte_get_timer_hz();
	uint64_t next = rte_get_timer_cycles();
	unsigned int idle = 0, seconds = 0;

	printf("ready\n");
	fflush(stdout);
	while (!stop) {
		struct rte_mbuf *m[APP_BURST];
		unsigned int got = 0;

		for (uint16_t i = 0; i < a->n_ports; i++) {
			uint16_t n = rte_eth_rx_burst(a->ports[i].id, 0, m, APP_BURST);

			a->ports[i].rx += n;
			got += n;
			if (n)
				a->burst(&a->ports[i], m, n);
		}
		/* An emulation shares its CPUs: who has nothing to do lets others run. */
		idle = got ? 0 : idle + 1;
		if (idle >= POLLS_TO_YIELD) {
			idle = 0;
			sched_yield();
		}
		if (rte_get_timer_cycles() < next)
			continue;
		next += second;
		if (a->tick)
			a->tick();
		if (interval_s && seconds++ % interval_s == 0)
			print_counters(a);
	}
	print_counters(a);
	for (uint16_t i = 0; i < a->n_ports; i++) {
		rte_eth_dev_stop(a->ports[i].id);
		rte_eth_dev_close(a->ports[i].id);
	}
	rte_eal_cleanup();
}

struct rte_arp_hdr *app_arp(struct rte_mbuf *m, uint16_t offset)
{
	struct rte_arp_hdr *arp = rte_pktmbuf_mtod_offset(m, struct rte_arp_hdr *, offset);

	if (rte_pktmbuf_data_len(m) < offset + sizeof(*arp) ||
	    arp->arp_hardware != rte_cpu_to_be_16(RTE_ARP_HRD_ETHER) ||
	    arp->arp_protocol != rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4) || arp->arp_hlen != RTE_ETHER_ADDR_LEN ||
	    arp->arp_plen != 4)
		return NULL;
	return arp;
}

void app_arp_answer(struct app_port *p, struct rte_mbuf *m, struct rte_arp_hdr *arp)
{
	struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);
	rte_be32_t asked = arp->arp_data.arp_tip;

	arp->arp_opcode = rte_cpu_to_be_16(RTE_ARP_OP_REPLY);
	arp->arp_data.arp_tha = arp->arp_data.arp_sha;
	arp->arp_data.arp_tip = arp->arp_data.arp_sip;
	arp->arp_data.arp_sha = p->mac;
	arp->arp_data.arp_sip = asked;
	eth->dst_addr = arp->arp_data.arp_tha;
	eth->src_addr = p->mac;
	app_send(p, &m, 1);
}

void app_arp_ask(const struct app *a, struct app_port *p, rte_be32_t sender, rte_be32_t target)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(a->pool);
	struct question {
		struct rte_ether_hdr eth;
		struct rte_arp_hdr arp;
	} __rte_packed __rte_aligned(2) * q;

	q = m ? (void *)rte_pktmbuf_append(m, sizeof(*q)) : NULL;
	if (!q) {
		rte_pktmbuf_free(m);
		return;
	}
	memset(q, 0, sizeof(*q));
	memset(&q->eth.dst_addr, 0xff, sizeof(q->eth.dst_addr));
	q->eth.src_addr = p->mac;
	q->eth.ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_ARP);
	q->arp.arp_hardware = rte_cpu_to_be_16(RTE_ARP_HRD_ETHER);
	q->arp.arp_protocol = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
	q->arp.arp_hlen = RTE_ETHER_ADDR_LEN;
	q->arp.arp_plen = 4;
	q->arp.arp_opcode = rte_cpu_to_be_16(RTE_ARP_OP_REQUEST);
	q->arp.arp_data.arp_sha = p->mac;
	q->arp.arp_data.arp_sip = sender;
	q->arp.arp_data.arp_tip = target;
	app_send(p, &m, 1);
}

struct rte_ipv4_hdr *app_ipv4(struct rte_mbuf *m, uint16_t offset)
{
	struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *, offset);
	uint16_t room = rte_pktmbuf_data_len(m);

	if (room < offset + sizeof(*ip))
		return NULL;
	room -= offset;
	if (ip->version != 4 || rte_ipv4_hdr_len(ip) < sizeof(*ip) || rte_ipv4_hdr_len(ip) > room ||
	    rte_be_to_cpu_16(ip->total_length) < rte_ipv4_hdr_len(ip) || rte_be_to_cpu_16(ip->total_length) > room)
		return NULL;
	return ip;
}

bool app_ipv4_hop(struct rte_ipv4_hdr *ip)
{
	uint32_t sum;

	if (ip->time_to_live <= 1)
		return false;
	ip->time_to_live--;
	/* ~(~HC + ~m + m'): the word of TTL and protocol became less by 0x100. */
	sum = (uint32_t)rte_be_to_cpu_16(ip->hdr_checksum) + 0x100;
	ip->hdr_checksum = rte_cpu_to_be_16((uint16_t)(sum + (sum >> 16)));
	return true;
}
