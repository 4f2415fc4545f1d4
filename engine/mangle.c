// SPDX-License-Identifier: GPL-2.0-only
#include "engine/mangle.h"

#include <linux/if_ether.h>

#define ECN_MASK 3u
#define ECN_CE   3u

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/* Where the IP header begins; 0 when there is none. @ret_type: ETH_P_IP or ETH_P_IPV6. */
static uint32_t find_ip(const uint8_t *frame, uint32_t len, uint16_t *ret_type)
{
	uint32_t at = VN_EDIT_TAG_AT + VN_EDIT_TAG_BYTES;

	for (uint32_t tags = 0; at + 2 + 20 <= len && tags <= VN_EDIT_TAGS_MAX; tags++, at += 4) {
		uint16_t type = be16(frame + at);

		if (type == ETH_P_8021Q || type == ETH_P_8021AD)
			continue;
		*ret_type = type;
		return type == ETH_P_IP || type == ETH_P_IPV6 ? at + 2 : 0;
	}
	return 0;
}

bool vn_edit_is_ect(const uint8_t *frame, uint32_t len)
{
	uint16_t type;
	uint32_t at = find_ip(frame, len, &type);

	if (!at)
		return false;
	if (type == ETH_P_IP)
		return frame[at] >> 4 == 4 && frame[at + 1] & ECN_MASK;
	return frame[at] >> 4 == 6 && frame[at + 1] >> 4 & ECN_MASK;
}

void vn_edit_mark(uint8_t *frame, uint32_t len)
{
	uint16_t type, before;
	uint32_t at = find_ip(frame, len, &type), sum;

	if (!at)
		return;
	if (type == ETH_P_IPV6) {
		frame[at + 1] |= ECN_CE << 4;
		return;
	}
	before = be16(frame + at);
	frame[at + 1] |= ECN_CE;
	/* RFC 1624, eqn. 3: HC' = ~(~HC + ~m + m') */
	sum = (uint16_t)~be16(frame + at + 10) + (uint16_t)~before + be16(frame + at);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	frame[at + 10] = (uint8_t)(~sum >> 8);
	frame[at + 11] = (uint8_t)~sum;
}
