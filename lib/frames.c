/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* Frames: from the kernel, to the kernel, and whose each is meanwhile. */
#include <errno.h>
#include <net/ethernet.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "port.h"

#define TX_HEADROOM 256u /* of an empty frame, as the kernel leaves of a received one: room for a header in front */
#define TX_BATCH    32u  /* frames that Linux sends by one call */

static uint32_t buffer_of(const struct vnet_port *p, uint64_t addr)
{
	return (uint32_t)(addr >> p->shift);
}

static void free_buffer(struct vnet_port *p, uint32_t buffer)
{
	p->owner[buffer] = BUFFER_FREE;
	p->free[p->n_free++] = buffer;
}

/* A quarter of the buffers is not put there: it is what the application sends from. */
static void refill(struct vnet_port *p)
{
	struct ring *fill = &p->ring[VN_RING_FILL];
	uint32_t room = ring_room(fill), n = 0;

	for (; n < room && p->n_free > p->grant.buffers / 4; n++) {
		uint32_t buffer = p->free[--p->n_free];

		p->owner[buffer] = BUFFER_FILL;
		*ring_addr(fill, fill->at++) = (uint64_t)buffer << p->shift;
	}
	if (n)
		ring_publish(fill, fill->producer);
}

void vnet_frames_start(struct vnet_port *p)
{
	for (uint32_t i = 0; i < p->grant.buffers; i++)
		free_buffer(p, i);
	refill(p);
}

/* What the kernel has sent is free again. */
static void complete(struct vnet_port *p)
{
	struct ring *comp = &p->ring[VN_RING_COMP];
	uint32_t n = ring_filled(comp);

	for (uint32_t i = 0; i < n; i++) {
		uint32_t buffer = buffer_of(p, *ring_addr(comp, comp->at++));

		if (buffer < p->grant.buffers && p->owner[buffer] == BUFFER_SENT)
			free_buffer(p, buffer);
	}
	p->tx_done += n;
	if (n)
		ring_publish(comp, comp->consumer);
}

/* Pieces of the packet that begins at @at, of the @filled that there are; 0: its end is not there. */
static uint32_t pieces(const struct ring *rx, uint32_t at, uint32_t filled)
{
	for (uint32_t i = 0; i < filled; i++)
		if (!(ring_desc(rx, at + i)->options & XDP_PKT_CONTD))
			return i + 1;
	return 0;
}

/* A descriptor becomes the application's frame; not when it points to where no frame can be. */
static bool take(struct vnet_port *p, const struct xdp_desc *d, struct vnet_frame *f)
{
	uint64_t addr = d->addr & (((uint64_t)1 << XSK_UNALIGNED_BUF_OFFSET_SHIFT) - 1);
	uint32_t buffer = buffer_of(p, addr), offset = (uint32_t)addr & (p->grant.buffer_size - 1);

	if (addr >= p->umem_len || p->owner[buffer] != BUFFER_FILL || d->len > p->grant.buffer_size - offset)
		return false;
	p->owner[buffer] = BUFFER_APP;
	*f = (struct vnet_frame){.data = p->umem + addr,
				 .len = d->len,
				 .room = p->grant.buffer_size - offset,
				 .flags = d->options & XDP_PKT_CONTD ? VNET_FRAME_MORE : 0,
				 .token = buffer};
	p->rx_packets++;
	p->rx_bytes += d->len;
	return true;
}

unsigned int vnet_port_rx(struct vnet_port *p, struct vnet_frame *frames, unsigned int n)
{
	struct ring *rx = &p->ring[VN_RING_RX];
	uint32_t filled = ring_filled(rx), used = 0;
	unsigned int got = 0;

	while (used < filled) {
		uint32_t more = pieces(rx, rx->at, filled - used);
		bool whole = more && more <= n - got;

		if (!more || (!whole && more <= n))
			break;
		used += more;
		for (; more; more--) {
			struct vnet_frame f;

			if (!take(p, ring_desc(rx, rx->at++), &f))
				continue;
			if (whole)
				frames[got++] = f;
			else
				vnet_port_release(p, &f, 1);
		}
	}
	if (used)
		ring_publish(rx, rx->consumer);
	refill(p);
	return got;
}

unsigned int vnet_port_release(struct vnet_port *p, const struct vnet_frame *frames, unsigned int n)
{
	unsigned int released = 0;

	for (unsigned int i = 0; i < n; i++) {
		if (frames[i].token >= p->grant.buffers || p->owner[frames[i].token] != BUFFER_APP)
			continue;
		free_buffer(p, frames[i].token);
		released++;
	}
	refill(p);
	return released;
}

unsigned int vnet_port_alloc(struct vnet_port *p, struct vnet_frame *frames, unsigned int n)
{
	unsigned int got = 0;

	complete(p);
	for (; got < n && p->n_free; got++) {
		uint32_t buffer = p->free[--p->n_free];

		p->owner[buffer] = BUFFER_APP;
		frames[got] = (struct vnet_frame){.data = p->umem + ((size_t)buffer << p->shift) + TX_HEADROOM,
						  .room = p->grant.buffer_size - TX_HEADROOM,
						  .token = buffer};
	}
	return got;
}

static bool sendable(const struct vnet_port *p, const struct vnet_frame *f, bool first)
{
	const uint8_t *begin;

	if (f->token >= p->grant.buffers || p->owner[f->token] != BUFFER_APP || f->flags & ~(uint32_t)VNET_FRAME_MORE)
		return false;
	if (f->flags & VNET_FRAME_MORE && !(p->grant.flags & VN_HANDOVER_SG))
		return false;
	begin = p->umem + ((size_t)f->token << p->shift);
	/* As numbers: what does not point into the buffer may point anywhere. */
	return (uintptr_t)f->data >= (uintptr_t)begin &&
	       (uintptr_t)f->data - (uintptr_t)begin <= p->grant.buffer_size &&
	       f->len <= p->grant.buffer_size - ((uintptr_t)f->data - (uintptr_t)begin) && f->len &&
	       (!first || f->len >= ETH_HLEN);
}

/* The first @n frames become sent ones; -EINVAL, and none does, when one of them cannot. */
static int claim(struct vnet_port *p, const struct vnet_frame *frames, unsigned int n)
{
	unsigned int i;

	if (n && frames[n - 1].flags & VNET_FRAME_MORE)
		return -EINVAL;
	for (i = 0; i < n; i++) {
		if (!sendable(p, &frames[i], !i || !(frames[i - 1].flags & VNET_FRAME_MORE)))
			break;
		p->owner[frames[i].token] = BUFFER_SENT;
	}
	if (i == n)
		return 0;
	while (i)
		p->owner[frames[--i].token] = BUFFER_APP;
	return -EINVAL;
}

/* As many of @n frames as @room holds, cut behind a packet. */
static unsigned int whole_packets(const struct vnet_frame *frames, unsigned int n, uint32_t room)
{
	unsigned int fit = n < room ? n : room;

	while (fit && fit < n && frames[fit - 1].flags & VNET_FRAME_MORE)
		fit--;
	return fit;
}

/* Copy mode sends within this call, a batch of frames each time; what it leaves goes with the next. */
static int kick(struct vnet_port *p)
{
	const struct ring *tx = &p->ring[VN_RING_TX];

	for (uint32_t i = 0; i <= tx->mask / TX_BATCH && ring_load(tx->consumer) != tx->at; i++) {
		if (sendto(p->xsk, NULL, 0, MSG_DONTWAIT, NULL, 0) >= 0 || errno == EAGAIN)
			continue;
		if (errno == ENETDOWN || errno == ENXIO)
			return -ENETDOWN;
		break; /* EBUSY, ENOBUFS: the device's queue is full */
	}
	return 0;
}

int vnet_port_tx(struct vnet_port *p, const struct vnet_frame *frames, unsigned int n)
{
	struct ring *tx = &p->ring[VN_RING_TX];
	int r, saved = errno;

	complete(p);
	n = whole_packets(frames, n, ring_room(tx));
	r = claim(p, frames, n);
	if (r < 0)
		return r;
	for (unsigned int i = 0; i < n; i++) {
		*ring_desc(tx, tx->at++) =
			(struct xdp_desc){.addr = (uint64_t)(frames[i].data - p->umem),
					  .len = frames[i].len,
					  .options = frames[i].flags & VNET_FRAME_MORE ? XDP_PKT_CONTD : 0};
		p->tx_bytes += frames[i].len;
	}
	p->tx_packets += n;
	if (n)
		ring_publish(tx, tx->producer);
	r = kick(p);
	complete(p);
	errno = saved;
	return r < 0 ? r : (int)n;
}
