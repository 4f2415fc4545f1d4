/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How much may wait in the tap: what the engine reads within VN_BULK_WAIT_NS. How fast it reads is known of the times
 * in which the tap was never empty. Pure.
 */
#ifndef VNET_ENGINE_BULK_ROOM_H
#define VNET_ENGINE_BULK_ROOM_H

#include <stdint.h>

#include <abi/abi_engine.h>
#include <base/util.h>

#define VN_ROOM_SPAN_NS (10 * VN_NSEC_PER_MSEC) /* a sample's time: some releases, rests and interruptions long */
#define VN_ROOM_PART    4u           /* that a sample counts for: a host that takes the CPU away is no rule */
#define VN_ROOM_MIN     (512u << 10) /* eight frames: below, the tap runs empty between two reads */
#define VN_ROOM_MAX     (64u << 20)
#define VN_ROOM_FIRST   (8u << 20)

/**
 * struct vn_bulk_room
 * @bytes:    that may wait
 * @since_ns: since when the tap has not been seen empty; 0: it has just been
 * @read:     bytes read since then
 */
struct vn_bulk_room {
	uint64_t bytes, since_ns, read;
};

static inline void vn_bulk_room_init(struct vn_bulk_room *r)
{
	*r = (struct vn_bulk_room){.bytes = VN_ROOM_FIRST};
}

/* The tap was empty. */
static inline void vn_bulk_room_idle(struct vn_bulk_room *r)
{
	r->since_ns = 0;
}

/* @bytes were read at @now_ns. True when the room is another one. */
static inline bool vn_bulk_room_read(struct vn_bulk_room *r, uint64_t now_ns, uint64_t bytes)
{
	uint64_t sample, was = r->bytes;

	if (!r->since_ns) {
		r->since_ns = now_ns;
		r->read = 0;
		return false;
	}
	r->read += bytes;
	if (now_ns - r->since_ns < VN_ROOM_SPAN_NS)
		return false;
	sample = (uint64_t)((unsigned __int128)r->read * VN_BULK_WAIT_NS / (now_ns - r->since_ns));
	r->bytes = r->bytes - r->bytes / VN_ROOM_PART + sample / VN_ROOM_PART;
	r->bytes = VN_MIN(VN_MAX(r->bytes, VN_ROOM_MIN), VN_ROOM_MAX);
	r->since_ns = now_ns;
	r->read = 0;
	return r->bytes != was;
}

#endif
