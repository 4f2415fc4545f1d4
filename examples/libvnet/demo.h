/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* What vnet-ping and vnet-echo say to each other: an Ethernet frame of a local experimental EtherType. */
#ifndef DEMO_H
#define DEMO_H

#include <stdint.h>
#include <string.h>
#include <time.h>

#define DEMO_ETHERTYPE 0x88b5 /* IEEE 802 local experimental EtherType 1 */
#define DEMO_REQUEST   1u
#define DEMO_REPLY     2u

struct demo_frame {
	uint8_t dst[6], src[6];
	uint8_t ethertype[2];
	uint8_t pad[2];
	uint32_t what;
	uint32_t run; /* of the vnet-ping that sent it */
	uint64_t number;
	uint64_t time_ns; /* CLOCK_MONOTONIC of the sender */
};

static inline uint64_t demo_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Is the frame of @len bytes at @data one of ours that says @what? */
static inline int demo_is(const uint8_t *data, uint32_t len, uint32_t what)
{
	struct demo_frame f;

	if (len < sizeof(f))
		return 0;
	memcpy(&f, data, sizeof(f));
	return f.ethertype[0] == DEMO_ETHERTYPE >> 8 && f.ethertype[1] == (DEMO_ETHERTYPE & 0xff) && f.what == what;
}

#endif
