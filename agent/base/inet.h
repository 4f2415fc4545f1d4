/* SPDX-License-Identifier: GPL-2.0-only */
/* Addresses and MACs: text, prefixes, comparison. Pure. */
#ifndef VNET_BASE_INET_H
#define VNET_BASE_INET_H

#include <stdbool.h>
#include <stdint.h>

struct vn_addr {
	uint8_t family; /* AF_INET, AF_INET6, 0: none */
	uint8_t bytes[16];
	uint8_t plen;
};

/* "192.0.2.1/24" or, with @bare, without the length. Returns @buf. */
#define VN_ADDR_BUF 64
const char *vn_addr_format(char *buf, const struct vn_addr *a, bool bare);
/* "02:00:00:00:00:01". Returns @buf. */
#define VN_MAC_BUF 18
const char *vn_mac_format(char *buf, const uint8_t mac[6]);
int vn_mac_parse(const char *s, uint8_t ret_mac[6]);

/* ADDRESS/LENGTH; -EINVAL when it is none. */
int vn_addr_parse(const char *s, struct vn_addr *ret_addr);
/* @a with the bits behind its length cleared. */
struct vn_addr vn_addr_network(const struct vn_addr *a);
bool vn_addr_equal(const struct vn_addr *a, const struct vn_addr *b);
/* Family, address, length. */
int vn_addr_cmp(const struct vn_addr *a, const struct vn_addr *b);
/* NULL, or why @a cannot be the address of an interface ("is a multicast address"). */
const char *vn_addr_why_not_host(const struct vn_addr *a);
/* Unicast and not all zero. */
bool vn_mac_valid(const uint8_t mac[6]);
/* Why it is not ("is no unicast address ..."). */
const char *vn_mac_why_not(const uint8_t mac[6]);

#endif
