/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory for held frames: objects of a few size classes out of one reserved mapping, which the kernel backs only where
 * frames have been. The mapping is cut into spans of 64 KiB; a span serves one class until its last object is freed,
 * then any. Single-threaded; every operation takes constant time.
 */
#ifndef VNET_ENGINE_SLAB_H
#define VNET_ENGINE_SLAB_H

#include <stddef.h>
#include <stdint.h>

#define VN_SLAB_UNIT       64u /* objects begin at multiples of this: a reference is the offset divided by it */
#define VN_SLAB_SPAN_BYTES 65536u
#define VN_SLAB_CLASSES    8
#define VN_SLAB_NONE       UINT32_MAX
#define VN_SLAB_OBJECT_MAX 16384u

struct vn_slab_span {
	uint32_t free_ref; /* first of the freed objects; each begins with the reference of the next */
	uint32_t prev, next;
	uint16_t used;
	uint16_t carved; /* objects handed out at least once since the span got its class */
	uint8_t class;
};

/**
 * struct vn_slab
 * @base:       of the mapping, @n_spans * VN_SLAB_SPAN_BYTES
 * @n_fresh:    spans never used, at the end of the mapping
 * @partial:    per class, spans with room (doubly linked)
 * @dirty:      free spans whose pages are there; @n_dirty of them (linked by next)
 * @clean:      free spans whose pages were given back
 * @used_bytes: in objects
 */
struct vn_slab {
	uint8_t *base;
	struct vn_slab_span *span;
	uint32_t n_spans, n_fresh, n_dirty, n_busy;
	uint32_t partial[VN_SLAB_CLASSES];
	uint32_t dirty, clean;
	uint64_t used_bytes;
};

/* Reserve room for @bytes of objects, rounded down to spans. -ENOMEM, -EINVAL when it is less than a span a class. */
int vn_slab_init(struct vn_slab *s, uint64_t bytes);
void vn_slab_release(struct vn_slab *s);

/* The class whose objects hold @size bytes, or -EMSGSIZE. */
int vn_slab_class(size_t size);
uint32_t vn_slab_class_bytes(unsigned int class);

/* A reference, or VN_SLAB_NONE when all is taken. */
uint32_t vn_slab_alloc(struct vn_slab *s, unsigned int class);
void vn_slab_free(struct vn_slab *s, uint32_t ref);

static inline void *vn_slab_ptr(const struct vn_slab *s, uint32_t ref)
{
	return s->base + (size_t)ref * VN_SLAB_UNIT;
}

/* Memory that the kernel has given us for frames. */
static inline uint64_t vn_slab_taken_bytes(const struct vn_slab *s)
{
	return (uint64_t)(s->n_busy + s->n_dirty) * VN_SLAB_SPAN_BYTES;
}

/* Give the pages of at most @max free spans back, but keep @keep of them for the next burst. */
void vn_slab_trim(struct vn_slab *s, uint32_t keep, uint32_t max);

#endif
