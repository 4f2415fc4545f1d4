// SPDX-License-Identifier: GPL-2.0-only
/* Addresses and MACs: text, prefixes, comparison. */
#include <arpa/inet.h>

#include <stdio.h>
#include <string.h>

#include <base/util.h>

#include "base/inet.h"
#include "base/units.h"

static unsigned int addr_bits(int family)
{
	return family == AF_INET ? 32 : 128;
}

const char *vn_addr_format(char *buf, const struct vn_addr *a, bool bare)
{
	size_t n;

	if (!a->family || !inet_ntop(a->family, a->bytes, buf, VN_ADDR_BUF - 5))
		return memcpy(buf, "-", 2);
	if (!bare) {
		n = strlen(buf);
		snprintf(buf + n, VN_ADDR_BUF - n, "/%u", a->plen);
	}
	return buf;
}

int vn_addr_parse(const char *s, struct vn_addr *ret_addr)
{
	struct vn_addr a = {0};
	char host[INET6_ADDRSTRLEN];
	const char *slash = strchr(s, '/');
	uint64_t plen;

	if (!slash || (size_t)(slash - s) >= sizeof(host))
		return -EINVAL;
	memcpy(host, s, (size_t)(slash - s));
	host[slash - s] = '\0';
	a.family = strchr(host, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(a.family, host, a.bytes) != 1)
		return -EINVAL;
	/* "/024" would be taken for another number by other readers. */
	if ((slash[1] == '0' && slash[2]) || vn_parse_u64(slash + 1, addr_bits(a.family), &plen) < 0)
		return -EINVAL;
	a.plen = (uint8_t)plen;
	*ret_addr = a;
	return 0;
}

struct vn_addr vn_addr_network(const struct vn_addr *a)
{
	struct vn_addr net = *a;
	unsigned int bits = a->plen, i;

	for (i = 0; i < sizeof(net.bytes); i++) {
		unsigned int keep = bits > i * 8 ? VN_MIN(bits - i * 8, 8u) : 0;

		net.bytes[i] &= (uint8_t)(0xff00u >> keep);
	}
	return net;
}

int vn_addr_cmp(const struct vn_addr *a, const struct vn_addr *b)
{
	int r;

	if (a->family != b->family)
		return a->family == AF_INET || !a->family ? -1 : 1;
	r = memcmp(a->bytes, b->bytes, sizeof(a->bytes));
	return r ? r : (int)a->plen - (int)b->plen;
}

bool vn_addr_equal(const struct vn_addr *a, const struct vn_addr *b)
{
	return vn_addr_cmp(a, b) == 0;
}

const char *vn_addr_why_not_host(const struct vn_addr *a)
{
	struct vn_addr net = vn_addr_network(a), last = net;
	unsigned int i, bits = addr_bits(a->family);
	struct in6_addr in6;

	if (a->family == AF_INET) {
		if (a->bytes[0] == 0)
			return "names no host";
		if (a->bytes[0] == 127)
			return "is a loopback address";
		if (a->bytes[0] >= 224)
			return "is a multicast or reserved address";
	} else {
		memcpy(&in6, a->bytes, sizeof(in6));
		if (IN6_IS_ADDR_UNSPECIFIED(&in6) || IN6_IS_ADDR_LOOPBACK(&in6))
			return "names no host of a network";
		if (IN6_IS_ADDR_MULTICAST(&in6))
			return "is a multicast address";
		if (IN6_IS_ADDR_LINKLOCAL(&in6))
			return "is a link-local address, which every port has by itself";
		if (IN6_IS_ADDR_V4MAPPED(&in6) || IN6_IS_ADDR_V4COMPAT(&in6))
			return "is an IPv4 address in disguise";
	}
	if (a->plen < 8 || a->plen >= bits)
		return a->plen < 8 ? "has a subnet larger than /8"
				   : "leaves no room for the other end: use /31 or /127";
	if (a->plen + 2 > (int)bits)
		return NULL;
	/* Subnet-router anycast in IPv6, the network itself in IPv4. */
	if (!memcmp(a->bytes, net.bytes, sizeof(net.bytes)))
		return "is the address of the subnet itself";
	for (i = a->plen; i < bits; i++)
		last.bytes[i / 8] |= (uint8_t)(0x80u >> (i % 8));
	if (a->family == AF_INET && !memcmp(a->bytes, last.bytes, sizeof(last.bytes)))
		return "is the broadcast address of the subnet";
	return NULL;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int vn_mac_parse(const char *s, uint8_t ret_mac[6])
{
	uint8_t mac[6];
	int i, hi, lo;

	if (strlen(s) != VN_MAC_BUF - 1)
		return -EINVAL;
	for (i = 0; i < 6; i++, s += 3) {
		hi = hex_digit(s[0]);
		lo = hex_digit(s[1]);
		if (hi < 0 || lo < 0 || s[2] != (i < 5 ? ':' : '\0'))
			return -EINVAL;
		mac[i] = (uint8_t)(hi << 4 | lo);
	}
	memcpy(ret_mac, mac, sizeof(mac));
	return 0;
}

const char *vn_mac_format(char *buf, const uint8_t mac[6])
{
	snprintf(buf, VN_MAC_BUF, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	return buf;
}

const char *vn_mac_why_not(const uint8_t mac[6])
{
	return mac[0] & 1 ? "is no unicast address: the first byte must be even, such as 02"
			  : "is no address: all zero";
}

bool vn_mac_valid(const uint8_t mac[6])
{
	static const uint8_t zero[6];

	return !(mac[0] & 1) && memcmp(mac, zero, sizeof(zero));
}
