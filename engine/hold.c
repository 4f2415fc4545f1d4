// SPDX-License-Identifier: GPL-2.0-only
#include "engine/hold.h"

#include <errno.h>
#include <sys/mman.h>

#include <base/util.h>

static void *reserve(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static size_t heap_bytes(const struct vn_heap *h)
{
	return ((size_t)h->max + VN_HEAP_ROOT) * sizeof(*h->node);
}

int vn_hold_init(struct vn_hold *h, uint32_t n_lanes, uint64_t slab_bytes)
{
	int r;

	*h = (struct vn_hold){.n_lanes = n_lanes, .lane_bytes_max = slab_bytes / 2};
	r = vn_slab_init(&h->slab, slab_bytes);
	if (r < 0)
		return r;
	h->heap.max = h->slab.n_spans * (VN_SLAB_SPAN_BYTES / vn_slab_class_bytes(0));
	h->heap.node = reserve(heap_bytes(&h->heap));
	h->lane = reserve(n_lanes * sizeof(*h->lane));
	if (!h->heap.node || !h->lane) {
		vn_hold_release(h);
		return -ENOMEM;
	}
	return 0;
}

void vn_hold_release(struct vn_hold *h)
{
	if (h->heap.node)
		munmap(h->heap.node, heap_bytes(&h->heap));
	if (h->lane)
		munmap(h->lane, h->n_lanes * sizeof(*h->lane));
	vn_slab_release(&h->slab);
	*h = (struct vn_hold){0};
}

struct vn_frame *vn_hold_alloc(struct vn_hold *h, uint32_t slot, uint32_t len)
{
	int class = vn_slab_class(sizeof(struct vn_frame) + len);
	struct vn_lane *l = &h->lane[slot];
	struct vn_frame *f;
	uint32_t ref, bytes;

	if (class < 0)
		return NULL;
	bytes = vn_slab_class_bytes((unsigned int)class);
	if (l->bytes + bytes > h->lane_bytes_max)
		return NULL;
	ref = vn_slab_alloc(&h->slab, (unsigned int)class);
	if (ref == VN_SLAB_NONE)
		return NULL;
	l->bytes += bytes;
	h->packets++;
	h->bytes += len;
	f = vn_slab_ptr(&h->slab, ref);
	f->slot = (uint16_t)slot;
	f->len = (uint16_t)len;
	f->class = (uint8_t) class;
	return f;
}

static struct vn_heap_node node_of(const struct vn_hold *h, const struct vn_frame *f)
{
	return (struct vn_heap_node){.release_ns = f->release_ns, .seq = f->seq, .ref = vn_hold_ref(h, f)};
}

/*
 * Lanes live in zeroed memory that is touched on first use, and 0 is the reference of a frame: what the lane keeps is
 * the reference plus one, 0 means none.
 */
static struct vn_frame *lane_frame(const struct vn_hold *h, uint32_t link)
{
	return link ? vn_slab_ptr(&h->slab, link - 1) : NULL;
}

/* Time between leaving the rate server and release. Frames in the order of both keep it at whatever new rate. */
static uint64_t delay_of(const struct vn_frame *f)
{
	return f->release_ns - f->depart_ns;
}

/* True when @f became the head, which has to enter the heap. */
static bool lane_append(struct vn_hold *h, struct vn_lane *l, struct vn_frame *f)
{
	uint32_t link = vn_hold_ref(h, f) + 1;
	struct vn_frame *tail = lane_frame(h, l->tail);
	bool first = !l->head;

	f->queued = 1;
	f->next = 0;
	if (first) {
		l->head = link;
		l->uneven = false;
	} else {
		tail->next = link;
		l->uneven |= delay_of(tail) != delay_of(f);
	}
	l->tail = link;
	return first;
}

void vn_hold_insert(struct vn_hold *h, struct vn_frame *f)
{
	struct vn_lane *l = &h->lane[f->slot];

	f->seq = h->seq++;
	if (!l->head || lane_frame(h, l->tail)->release_ns <= f->release_ns) {
		if (!lane_append(h, l, f))
			return;
	} else {
		f->queued = 0;
	}
	/* There is a node for every object that the slab can give out. */
	vn_heap_push(&h->heap, node_of(h, f));
}

uint64_t vn_hold_new_depart(uint64_t depart_ns, uint64_t now_ns, uint64_t old_bps, uint64_t new_bps)
{
	unsigned __int128 wait;

	if (depart_ns <= now_ns || !old_bps)
		return depart_ns;
	if (!new_bps)
		return now_ns;
	wait = (unsigned __int128)(depart_ns - now_ns) * old_bps / new_bps;
	return wait > INT64_MAX - now_ns ? INT64_MAX : now_ns + (uint64_t)wait;
}

/* Frames of a link that is gone (vn_hold_expire()) have no times any more. */
static void retime_frame(struct vn_frame *f, uint64_t now_ns, uint64_t old_bps, uint64_t new_bps)
{
	uint64_t delay_ns = delay_of(f);

	if (!f->release_ns)
		return;
	f->depart_ns = vn_hold_new_depart(f->depart_ns, now_ns, old_bps, new_bps);
	f->release_ns = f->depart_ns + delay_ns;
}

/* @f is the next of @l's queue: from here on its times count. */
static void refresh(struct vn_hold *h, struct vn_lane *l, struct vn_frame *f)
{
	if (vn_hold_ref(h, f) + 1 == l->stale_last)
		l->stale_last = 0;
	else
		retime_frame(f, l->changed_ns, l->was_bps, l->is_bps);
}

struct vn_frame *vn_hold_pop(struct vn_hold *h)
{
	struct vn_frame *f = vn_hold_first(h), *next;
	struct vn_lane *l;

	if (!f->queued) {
		vn_heap_pop(&h->heap);
		return f;
	}
	l = &h->lane[f->slot];
	l->head = f->next;
	next = lane_frame(h, f->next);
	if (next) {
		if (l->stale_last)
			refresh(h, l, next);
		if (!f->release_ns && next->gen == f->gen) /* vn_hold_expire() */
			next->release_ns = 0;
		vn_heap_replace(&h->heap, node_of(h, next));
	} else {
		l->tail = 0;
		vn_heap_pop(&h->heap);
	}
	return f;
}

void vn_hold_free(struct vn_hold *h, struct vn_frame *f)
{
	h->packets--;
	h->bytes -= f->len;
	h->lane[f->slot].bytes -= vn_slab_class_bytes(f->class);
	vn_slab_free(&h->slab, vn_hold_ref(h, f));
}

void vn_hold_expire(struct vn_hold *h, uint32_t i)
{
	struct vn_heap_node n = h->heap.node[i];
	struct vn_frame *f = vn_slab_ptr(&h->slab, n.ref);

	n.release_ns = f->release_ns = 0;
	vn_heap_up(&h->heap, i, n);
}

/* Move the frames of the list @link (by next) to their new times and order them again. */
static void retime_list(struct vn_hold *h, struct vn_lane *l, uint32_t link, uint64_t now_ns, uint64_t old_bps,
			uint64_t new_bps)
{
	struct vn_frame *f, *tail;

	for (; (f = lane_frame(h, link));) {
		struct vn_heap_node node, last;

		link = f->next;
		retime_frame(f, now_ns, old_bps, new_bps);
		node = node_of(h, f);
		tail = lane_frame(h, l->tail);
		if (tail)
			last = node_of(h, tail);
		f->queued = 0;
		if ((!tail || vn_heap_before(&last, &node)) && !lane_append(h, l, f))
			continue;
		vn_heap_push(&h->heap, node);
	}
}

/* The queue with a varying delay: its order is another one at another rate. */
static void retime_uneven(struct vn_hold *h, uint32_t slot, uint64_t now_ns, uint64_t old_bps, uint64_t new_bps)
{
	struct vn_lane *l = &h->lane[slot];
	uint32_t queue = l->head, alone = 0, kept = 0;

	for (uint32_t i = VN_HEAP_ROOT; i < VN_HEAP_ROOT + h->heap.n; i++) {
		struct vn_heap_node n = h->heap.node[i];
		struct vn_frame *f = vn_slab_ptr(&h->slab, n.ref);

		if (f->slot != slot) {
			h->heap.node[VN_HEAP_ROOT + kept++] = n;
		} else if (!f->queued) {
			f->next = alone;
			alone = n.ref + 1;
		}
	}
	h->heap.n = kept;
	vn_heap_rebuild(&h->heap);
	l->head = l->tail = 0;
	retime_list(h, l, queue, now_ns, old_bps, new_bps);
	retime_list(h, l, alone, now_ns, old_bps, new_bps);
}

/* The head, its last one and what stands alone now, the rest each when it becomes the head. */
static void retime_even(struct vn_hold *h, uint32_t slot, uint64_t now_ns, uint64_t old_bps, uint64_t new_bps)
{
	struct vn_lane *l = &h->lane[slot];

	for (uint32_t i = VN_HEAP_ROOT; i < VN_HEAP_ROOT + h->heap.n; i++) {
		struct vn_frame *f = vn_slab_ptr(&h->slab, h->heap.node[i].ref);

		if (f->slot != slot)
			continue;
		retime_frame(f, now_ns, old_bps, new_bps);
		h->heap.node[i].release_ns = f->release_ns;
	}
	vn_heap_rebuild(&h->heap);
	if (l->head == l->tail)
		return;
	retime_frame(lane_frame(h, l->tail), now_ns, old_bps, new_bps);
	l->changed_ns = now_ns;
	l->was_bps = old_bps;
	l->is_bps = new_bps;
	l->stale_last = l->tail;
}

void vn_hold_retime(struct vn_hold *h, uint32_t slot, uint64_t now_ns, uint64_t old_bps, uint64_t new_bps)
{
	struct vn_lane *l = &h->lane[slot];

	for (struct vn_frame *f = lane_frame(h, l->head); l->stale_last; f = lane_frame(h, f->next))
		refresh(h, l, lane_frame(h, f->next));
	if (l->uneven)
		retime_uneven(h, slot, now_ns, old_bps, new_bps);
	else
		retime_even(h, slot, now_ns, old_bps, new_bps);
}
