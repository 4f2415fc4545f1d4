/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the examples have in common: ports with one queue each, served by one lcore in bursts, ARP, counters. For any
 * DPDK driver; nothing here knows of AF_XDP.
 */
#ifndef EXAMPLES_DPDK_APP_H
#define EXAMPLES_DPDK_APP_H

#include <rte_arp.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <stdbool.h>
#include <stdint.h>

#define APP_PORTS 4
#define APP_BURST 32

struct app_port {
	uint16_t id;
	struct rte_ether_addr mac;
	uint64_t rx, tx, tx_full;
};

struct app_counter {
	const char *name;
	const uint64_t *value;
};

/* LIST(X) is an X(member, "name") for each counter: the struct @count, and @counters of it for struct app. */
#define APP_COUNT(member, name)   uint64_t member;
#define APP_COUNTER(member, name) {name, &count.member},
#define APP_COUNTERS(LIST)                                                                                             \
	static struct {                                                                                                \
		LIST(APP_COUNT)                                                                                        \
	} count;                                                                                                       \
	static const struct app_counter counters[] = {LIST(APP_COUNTER){NULL, NULL}};

/**
 * struct app - an application on this frame
 * @burst:    takes all @n frames, which came in on @in: sends or frees each
 * @tick:     called once a second; may be NULL
 * @counters: printed beside those of the ports; ends with a NULL name
 */
struct app {
	void (*burst)(struct app_port *in, struct rte_mbuf **m, uint16_t n);
	void (*tick)(void);
	const struct app_counter *counters;
	struct app_port ports[APP_PORTS];
	uint16_t n_ports;
	struct rte_mempool *pool;
};

/* EAL's arguments, then the ports it found, at least @min_ports. Returns how many arguments were EAL's; dies otherwise.
 */
int app_open(struct app *a, int argc, char **argv, uint16_t min_ports);
/* Serve the ports until SIGTERM or SIGINT; counters every @interval_s seconds (0: only at the end). */
void app_run(struct app *a, unsigned int interval_s);
/* Send; what the port does not take is dropped and counted. */
void app_send(struct app_port *p, struct rte_mbuf **m, uint16_t n);
/* Free it; the counter @why says so. */
void app_drop(struct rte_mbuf *m, uint64_t *why);

/* The ARP packet at @offset, when it is one whole of Ethernet and IPv4; else NULL. */
struct rte_arp_hdr *app_arp(struct rte_mbuf *m, uint16_t offset);
/* Turn a request into @p's answer and send it back where it came from; tags in front of it stay. */
void app_arp_answer(struct app_port *p, struct rte_mbuf *m, struct rte_arp_hdr *arp);
/* Broadcast the question who has @target. */
void app_arp_ask(const struct app *a, struct app_port *p, rte_be32_t sender, rte_be32_t target);

/* The IPv4 header at @offset, when it is sound and what it announces is there; else NULL. */
struct rte_ipv4_hdr *app_ipv4(struct rte_mbuf *m, uint16_t offset);
/* One hop: TTL less one, its checksum updated (RFC 1624). False when it has none left. */
bool app_ipv4_hop(struct rte_ipv4_hdr *ip);

__attribute__((format(printf, 1, 2), noreturn)) void app_die(const char *fmt, ...);
rte_be32_t app_parse_ip(const char *text);
uint32_t app_parse_number(const char *text, uint32_t max);

#endif
