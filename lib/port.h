/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* The library's inside: a port, its rings, and whose each buffer is. */
#ifndef LIBVNET_PORT_H
#define LIBVNET_PORT_H

#include <stddef.h>
#include <stdint.h>

#include <vnet/vnet.h>
#include <base/xdp_uapi.h>

#include "grant.h"

/*
 * A ring that is shared with the kernel: free-running indexes, one of them ours to move. @at is our copy of that one,
 * since what we have not published yet is ours alone.
 */
struct ring {
	uint32_t *producer, *consumer, *flags;
	void *entries;
	uint32_t mask, at;
	void *map;
	size_t map_len;
};

static inline uint32_t ring_load(const uint32_t *index)
{
	return __atomic_load_n(index, __ATOMIC_ACQUIRE);
}

/* Entries that the kernel has put there and we have not taken; entries that we may write. Never more than there are. */
static inline uint32_t ring_filled(const struct ring *r)
{
	uint32_t n = ring_load(r->producer) - r->at;

	return n <= r->mask + 1 ? n : 0;
}

static inline uint32_t ring_room(const struct ring *r)
{
	uint32_t used = r->at - ring_load(r->consumer);

	return used <= r->mask + 1 ? r->mask + 1 - used : 0;
}

static inline void ring_publish(const struct ring *r, uint32_t *index)
{
	__atomic_store_n(index, r->at, __ATOMIC_RELEASE);
}

static inline struct xdp_desc *ring_desc(const struct ring *r, uint32_t at)
{
	return (struct xdp_desc *)r->entries + (at & r->mask);
}

static inline uint64_t *ring_addr(const struct ring *r, uint32_t at)
{
	return (uint64_t *)r->entries + (at & r->mask);
}

/* Whose a buffer is. */
enum buffer { BUFFER_FREE, BUFFER_FILL, BUFFER_APP, BUFFER_SENT };

struct vnet_port {
	int lease, xsk, umem_fd;
	struct vn_handover_grant grant;
	uint8_t *umem;
	size_t umem_len;
	struct ring ring[VN_RING_MAX];
	uint8_t *owner; /* enum buffer of each */
	uint32_t *free; /* a stack */
	uint32_t n_free, shift;
	uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes, tx_done;
};

/* All buffers are free: as many as the fill ring holds go there. */
void vnet_frames_start(struct vnet_port *p);

#endif
