/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is due when: a 4-ary heap of (release time, sequence) over room reserved once. Order is exact, equal times leave
 * in the order of their sequence numbers. The root stands at index 3, so that the four children of any node share one
 * cache line.
 */
#ifndef VNET_ENGINE_HEAP_H
#define VNET_ENGINE_HEAP_H

#include <stdbool.h>
#include <stdint.h>

#define VN_HEAP_ROOT 3u

/* @seq: compared modulo 2^32, so fewer than 2^31 entries may wait at a time. @ref: the user's. */
struct vn_heap_node {
	uint64_t release_ns;
	uint32_t seq;
	uint32_t ref;
};
_Static_assert(sizeof(struct vn_heap_node) == 16, "four to a cache line");

/* @node: room for @max nodes and the VN_HEAP_ROOT unused ones, aligned to 64 bytes; owned by the caller. */
struct vn_heap {
	struct vn_heap_node *node;
	uint32_t n, max;
};

static inline bool vn_heap_before(const struct vn_heap_node *a, const struct vn_heap_node *b)
{
	if (a->release_ns != b->release_ns)
		return a->release_ns < b->release_ns;
	return (int32_t)(a->seq - b->seq) < 0;
}

/* The earliest; only when n > 0. */
static inline const struct vn_heap_node *vn_heap_top(const struct vn_heap *h)
{
	return &h->node[VN_HEAP_ROOT];
}

static inline void vn_heap_up(struct vn_heap *h, uint32_t i, struct vn_heap_node x)
{
	while (i > VN_HEAP_ROOT) {
		uint32_t parent = i / 4 + 2;

		if (!vn_heap_before(&x, &h->node[parent]))
			break;
		h->node[i] = h->node[parent];
		i = parent;
	}
	h->node[i] = x;
}

static inline void vn_heap_down(struct vn_heap *h, uint32_t i, struct vn_heap_node x)
{
	uint32_t end = VN_HEAP_ROOT + h->n;

	for (;;) {
		uint32_t first = 4 * i - 8, best = first, last = first + 4 < end ? first + 4 : end;

		if (first >= end)
			break;
		for (uint32_t c = first + 1; c < last; c++)
			if (vn_heap_before(&h->node[c], &h->node[best]))
				best = c;
		if (!vn_heap_before(&h->node[best], &x))
			break;
		h->node[i] = h->node[best];
		i = best;
	}
	h->node[i] = x;
}

/* False when there is no room. */
static inline bool vn_heap_push(struct vn_heap *h, struct vn_heap_node x)
{
	if (h->n == h->max)
		return false;
	vn_heap_up(h, VN_HEAP_ROOT + h->n++, x);
	return true;
}

/* Take the earliest away; only when n > 0. */
static inline void vn_heap_pop(struct vn_heap *h)
{
	struct vn_heap_node last = h->node[VN_HEAP_ROOT + --h->n];

	if (h->n)
		vn_heap_down(h, VN_HEAP_ROOT, last);
}

/* Put @x in the place of the earliest; only when n > 0. */
static inline void vn_heap_replace(struct vn_heap *h, struct vn_heap_node x)
{
	vn_heap_down(h, VN_HEAP_ROOT, x);
}

/* Order again after nodes were changed in place. */
static inline void vn_heap_rebuild(struct vn_heap *h)
{
	if (h->n < 2)
		return;
	for (uint32_t i = (VN_HEAP_ROOT + h->n - 1) / 4 + 2; i >= VN_HEAP_ROOT; i--)
		vn_heap_down(h, i, h->node[i]);
}

#endif
