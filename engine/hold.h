/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Frames waiting for their release, in exact order of (release time, arrival).
 *
 * The frames of one direction mostly come in the order in which they leave: always without jitter, often with it. So
 * each direction ("lane") has a queue, and only its first frame stands in the heap; a frame that must leave before
 * the last one queued goes into the heap by itself. One busy link of constant delay costs O(1) a frame however many it
 * holds, 4000 busy ones a heap of 4000.
 */
#ifndef VNET_ENGINE_HOLD_H
#define VNET_ENGINE_HOLD_H

#include <stdbool.h>
#include <stdint.h>

#include <abi/abi_disc.h>

#include "engine/heap.h"
#include "engine/slab.h"

/* A held frame, tag of the slot included. */
struct vn_frame {
	uint64_t release_ns;
	uint64_t depart_ns; /* when it leaves the rate server: before that, a change of rate moves it */
	uint32_t seq;
	uint32_t next; /* in its lane's queue */
	uint32_t gen;  /* of the slot when it came */
	uint16_t slot;
	uint16_t len;   /* of data[] */
	uint8_t queued; /* stands in its lane's queue, not alone in the heap */
	uint8_t class;
	uint8_t pad[2];
	uint32_t hop_ns; /* struct vn_engine_meta */
	uint8_t data[];
};
_Static_assert(sizeof(struct vn_frame) == 40, "a minimal frame with its header fits the smallest class");

#define VN_FRAME_MAX (VN_SLAB_OBJECT_MAX - sizeof(struct vn_frame))

/**
 * struct vn_lane - what the engine alone knows of a direction
 * @head, @tail: of the queue; the head also stands in the heap
 * @bytes: of the slab taken
 * @stale_last: the frames of the queue between its first and this one still have the times of @was_bps, which became
 *         @is_bps at @changed_ns: each gets its own when it becomes the first. 0: none has
 * @uneven: frames were queued whose delay behind the rate server differs from that of the one before
 * @seq:   of the discipline cached in @disc; odd: nothing cached yet
 */
struct vn_lane {
	uint32_t head, tail;
	uint64_t bytes;
	uint32_t seq;
	uint32_t reset; /* the vn_disc_slot.reset last seen */
	uint64_t changed_ns, was_bps, is_bps;
	uint32_t stale_last;
	bool uneven;
	uint8_t pad1[11];
	struct vn_disc disc;
};
_Static_assert(sizeof(struct vn_lane) == 320, "whole cache lines");

struct vn_hold {
	struct vn_slab slab;
	struct vn_heap heap;
	struct vn_lane *lane; /* by slot */
	uint32_t n_lanes;
	uint32_t seq;
	uint64_t lane_bytes_max; /* no lane takes more, lest one link starves all others */
	uint64_t packets, bytes; /* held now, frames with their tag */
};

int vn_hold_init(struct vn_hold *h, uint32_t n_lanes, uint64_t slab_bytes);
void vn_hold_release(struct vn_hold *h);

/* Room for a frame of @len bytes on lane @slot, not yet ordered; NULL: no memory left, or its share is used up. */
struct vn_frame *vn_hold_alloc(struct vn_hold *h, uint32_t slot, uint32_t len);
/* Order @f by its release time, behind all frames of the same time. */
void vn_hold_insert(struct vn_hold *h, struct vn_frame *f);
/* Take the earliest out of the order: next is vn_hold_free(). Only when something is held. */
struct vn_frame *vn_hold_pop(struct vn_hold *h);
void vn_hold_free(struct vn_hold *h, struct vn_frame *f);
/*
 * The frame of heap node @i (from VN_HEAP_ROOT on) belongs to a link that is gone: it becomes the earliest of all, and
 * what follows it in its lane's queue and came from the same link will follow it.
 */
void vn_hold_expire(struct vn_hold *h, uint32_t i);

static inline uint32_t vn_hold_ref(const struct vn_hold *h, const struct vn_frame *f)
{
	return (uint32_t)(((const uint8_t *)f - h->slab.base) / VN_SLAB_UNIT);
}

/* The earliest; NULL when none is held. */
static inline struct vn_frame *vn_hold_first(const struct vn_hold *h)
{
	return h->heap.n ? vn_slab_ptr(&h->slab, vn_heap_top(&h->heap)->ref) : NULL;
}

/* When the earliest is due; all bits set when none is held. */
static inline uint64_t vn_hold_next_ns(const struct vn_hold *h)
{
	return h->heap.n ? vn_heap_top(&h->heap)->release_ns : UINT64_MAX;
}

/* When a frame of a queue at @old_bps that would depart at @depart_ns departs, once the rate is @new_bps (0: none). */
uint64_t vn_hold_new_depart(uint64_t depart_ns, uint64_t now_ns, uint64_t old_bps, uint64_t new_bps);
/*
 * The rate of lane @slot changed: what still waits for the server is sent at the new rate, what is in flight arrives
 * as it would have. Cost: all of the heap, which is short where delays do not vary; and all frames of the lane where
 * they do, or where those of the change before have not all left yet.
 */
void vn_hold_retime(struct vn_hold *h, uint32_t slot, uint64_t now_ns, uint64_t old_bps, uint64_t new_bps);

#endif
