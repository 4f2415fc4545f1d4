/* SPDX-License-Identifier: GPL-2.0-only */
/* The blocks of addresses that belong to node ids: 10.ID.ID.0/24 and fd00:766e:0:ID::/64. */
#include <netinet/in.h>

#include "model/model_internal.h"

struct vn_addr vn_addr_block(int family, uint32_t id)
{
	struct vn_addr a = {.family = (uint8_t)family};

	if (family == AF_INET) {
		a.bytes[0] = 10;
		a.bytes[1] = (uint8_t)(id >> 8);
		a.bytes[2] = (uint8_t)id;
		a.plen = 24;
	} else {
		a.bytes[0] = 0xfd;
		a.bytes[2] = 0x76;
		a.bytes[3] = 0x6e;
		a.bytes[6] = (uint8_t)(id >> 8);
		a.bytes[7] = (uint8_t)id;
		a.plen = 64;
	}
	return a;
}

struct vn_addr vn_addr_in_block(int family, uint32_t id, uint8_t host, uint8_t plen)
{
	struct vn_addr a = vn_addr_block(family, id);

	a.bytes[family == AF_INET ? 3 : 15] = host;
	a.plen = plen;
	return a;
}
