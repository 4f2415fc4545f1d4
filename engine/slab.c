// SPDX-License-Identifier: GPL-2.0-only
#include "engine/slab.h"

#include <errno.h>
#include <sys/mman.h>

#include <base/util.h>

/*
 * Multiples of VN_SLAB_UNIT: a minimal frame, small ones, a full one of MTU 1500, of 9216, of 16256; with their header.
 */
static const uint16_t class_bytes[VN_SLAB_CLASSES] = {128, 256, 512, 1024, 1664, 4096, 9344, VN_SLAB_OBJECT_MAX};

uint32_t vn_slab_class_bytes(unsigned int class)
{
	return class_bytes[class];
}

int vn_slab_class(size_t size)
{
	for (int i = 0; i < VN_SLAB_CLASSES; i++)
		if (size <= class_bytes[i])
			return i;
	return -EMSGSIZE;
}

int vn_slab_init(struct vn_slab *s, uint64_t bytes)
{
	uint64_t spans = bytes / VN_SLAB_SPAN_BYTES;
	void *base, *span;

	if (spans < VN_SLAB_CLASSES || spans > VN_SLAB_NONE / (VN_SLAB_SPAN_BYTES / VN_SLAB_UNIT))
		return -EINVAL;
	base = mmap(NULL, spans * VN_SLAB_SPAN_BYTES, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED)
		return -errno;
	span = mmap(NULL, spans * sizeof(struct vn_slab_span), PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (span == MAP_FAILED) {
		int r = -errno;

		munmap(base, spans * VN_SLAB_SPAN_BYTES);
		return r;
	}
	*s = (struct vn_slab){.base = base,
			      .span = span,
			      .n_spans = (uint32_t)spans,
			      .n_fresh = (uint32_t)spans,
			      .dirty = VN_SLAB_NONE,
			      .clean = VN_SLAB_NONE};
	for (size_t i = 0; i < VN_SLAB_CLASSES; i++)
		s->partial[i] = VN_SLAB_NONE;
	return 0;
}

void vn_slab_release(struct vn_slab *s)
{
	if (!s->base)
		return;
	munmap(s->base, (size_t)s->n_spans * VN_SLAB_SPAN_BYTES);
	munmap(s->span, s->n_spans * sizeof(*s->span));
	*s = (struct vn_slab){0};
}

static uint32_t span_take(struct vn_slab *s)
{
	uint32_t i;

	if (s->dirty != VN_SLAB_NONE) {
		i = s->dirty;
		s->dirty = s->span[i].next;
		s->n_dirty--;
	} else if (s->clean != VN_SLAB_NONE) {
		i = s->clean;
		s->clean = s->span[i].next;
	} else if (s->n_fresh) {
		i = s->n_spans - s->n_fresh--;
	} else {
		return VN_SLAB_NONE;
	}
	s->n_busy++;
	return i;
}

static void partial_add(struct vn_slab *s, uint32_t i)
{
	struct vn_slab_span *p = &s->span[i];
	uint32_t *head = &s->partial[p->class];

	p->prev = VN_SLAB_NONE;
	p->next = *head;
	if (*head != VN_SLAB_NONE)
		s->span[*head].prev = i;
	*head = i;
}

static void partial_remove(struct vn_slab *s, uint32_t i)
{
	struct vn_slab_span *p = &s->span[i];

	if (p->prev != VN_SLAB_NONE)
		s->span[p->prev].next = p->next;
	else
		s->partial[p->class] = p->next;
	if (p->next != VN_SLAB_NONE)
		s->span[p->next].prev = p->prev;
}

uint32_t vn_slab_alloc(struct vn_slab *s, unsigned int class)
{
	const uint32_t units = class_bytes[class] / VN_SLAB_UNIT, per_span = VN_SLAB_SPAN_BYTES / class_bytes[class];
	uint32_t i = s->partial[class], ref;
	struct vn_slab_span *p;

	if (i == VN_SLAB_NONE) {
		i = span_take(s);
		if (i == VN_SLAB_NONE)
			return VN_SLAB_NONE;
		s->span[i] = (struct vn_slab_span){.free_ref = VN_SLAB_NONE, .class = (uint8_t) class};
		partial_add(s, i);
	}
	p = &s->span[i];
	if (p->free_ref != VN_SLAB_NONE) {
		ref = p->free_ref;
		memcpy(&p->free_ref, vn_slab_ptr(s, ref), sizeof(p->free_ref));
	} else {
		ref = i * (VN_SLAB_SPAN_BYTES / VN_SLAB_UNIT) + p->carved++ * units;
	}
	if (++p->used == per_span)
		partial_remove(s, i);
	s->used_bytes += class_bytes[class];
	return ref;
}

void vn_slab_free(struct vn_slab *s, uint32_t ref)
{
	uint32_t i = ref / (VN_SLAB_SPAN_BYTES / VN_SLAB_UNIT);
	struct vn_slab_span *p = &s->span[i];
	const uint32_t per_span = VN_SLAB_SPAN_BYTES / class_bytes[p->class];

	memcpy(vn_slab_ptr(s, ref), &p->free_ref, sizeof(p->free_ref));
	p->free_ref = ref;
	s->used_bytes -= class_bytes[p->class];
	if (p->used == per_span)
		partial_add(s, i);
	if (--p->used == 0) {
		partial_remove(s, i);
		p->next = s->dirty;
		s->dirty = i;
		s->n_dirty++;
		s->n_busy--;
	}
}

void vn_slab_trim(struct vn_slab *s, uint32_t keep, uint32_t max)
{
	while (s->n_dirty > keep && max-- > 0) {
		uint32_t i = s->dirty;

		s->dirty = s->span[i].next;
		s->n_dirty--;
		/* Refused (locked memory): the pages stay, nothing else changes. */
		madvise(s->base + (size_t)i * VN_SLAB_SPAN_BYTES, VN_SLAB_SPAN_BYTES, MADV_DONTNEED);
		s->span[i].next = s->clean;
		s->clean = i;
	}
}
