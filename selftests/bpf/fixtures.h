/* SPDX-License-Identifier: GPL-2.0-only */
/* Packet fixtures for BPF_PROG_TEST_RUN: built by small writers, so that a test shows only what matters to it. */
#ifndef VNET_SELFTESTS_FIXTURES_H
#define VNET_SELFTESTS_FIXTURES_H

#include <arpa/inet.h>
#include <assert.h>
#include <stdint.h>
#include <string.h>

struct pkt {
	uint8_t data[512];
	uint32_t len;
};

static inline void put(struct pkt *p, const void *bytes, uint32_t n)
{
	assert(p->len + n <= sizeof(p->data));
	memcpy(p->data + p->len, bytes, n);
	p->len += n;
}

static inline void put8(struct pkt *p, uint8_t v)
{
	put(p, &v, 1);
}

static inline void put16(struct pkt *p, uint16_t v)
{
	uint16_t be = htons(v);

	put(p, &be, 2);
}

static inline void put_ip4(struct pkt *p, const char *a)
{
	struct in_addr in;

	assert(inet_pton(AF_INET, a, &in) == 1);
	put(p, &in, 4);
}

static inline void put_ip6(struct pkt *p, const char *a)
{
	struct in6_addr in;

	assert(inet_pton(AF_INET6, a, &in) == 1);
	put(p, &in, 16);
}

static inline void put_eth(struct pkt *p, const uint8_t *src, uint16_t proto)
{
	static const uint8_t dst[6] = {2, 0, 0, 0, 0, 0xbb};

	put(p, dst, 6);
	put(p, src, 6);
	put16(p, proto);
}

static inline void put_tag(struct pkt *p, uint16_t tci, uint16_t next)
{
	put16(p, tci);
	put16(p, next);
}

static inline void put_udp4(struct pkt *p, const char *src, const char *dst)
{
	static const uint8_t head[12] = {0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0};

	put(p, head, 12);
	put_ip4(p, src);
	put_ip4(p, dst);
	put16(p, 1), put16(p, 2), put16(p, 8), put16(p, 0);
}

static inline void put_arp(struct pkt *p, const uint8_t *mac, const char *sender)
{
	static const uint8_t head[8] = {0, 1, 8, 0, 6, 4, 0, 2};

	put(p, head, 8);
	put(p, mac, 6);
	put_ip4(p, sender);
	put(p, mac, 6);
	put_ip4(p, "10.0.0.9");
}

static inline void put_ip6_head(struct pkt *p, const char *src, const char *dst, uint8_t next, uint16_t len)
{
	static const uint8_t version[4] = {0x60, 0, 0, 0};

	put(p, version, 4);
	put16(p, len);
	put8(p, next), put8(p, 255);
	put_ip6(p, src);
	put_ip6(p, dst);
}

/* 32 bytes: NS or NA or RA type, @target, one link-layer option of type @opt with @mac. */
static inline void put_nd(struct pkt *p, uint8_t type, const char *target, uint8_t opt, const uint8_t *mac)
{
	put8(p, type), put8(p, 0), put16(p, 0), put16(p, 0), put16(p, 0);
	put_ip6(p, target);
	put8(p, opt), put8(p, 1);
	put(p, mac, 6);
}

#endif
