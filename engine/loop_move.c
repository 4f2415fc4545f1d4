// SPDX-License-Identifier: GPL-2.0-only
/*
 * Directions that come from another engine, or go to one, while traffic runs (engine/own.h): frames parked in the
 * chunks in which they came, and the reorder buffer, where due frames wait for earlier ones that the other engine still
 * holds.
 */
#include "engine/loop.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include <abi/abi_port.h>
#include <disc/discipline.h>
#include <base/util.h>

#define PARKED_MAX       6144u                  /* descriptors: a quarter of the chunks, so that sending goes on */
#define FENCE_SCAN       64u                    /* directions looked at in a turn */
#define FENCE_MAX_NS     (5 * VN_NSEC_PER_MSEC) /* then it has got lost, or the kernel has no time for it */
#define FENCE_ROUNDS     2
#define REORDER_PASS_MIN ((uint8_t)2) /* 1: vn_own_claim() has just set it */

int vn_loop_move_init(struct vn_loop *l)
{
	l->parked = calloc(PARKED_MAX, sizeof(*l->parked));
	l->park_wait = calloc(l->max_ports, 1);
	l->leaving = calloc(l->max_ports, sizeof(*l->leaving));
	l->reorder_pass = REORDER_PASS_MIN;
	l->fence_no = l->status->fence_seen;
	return l->parked && l->park_wait && l->leaving ? 0 : -ENOMEM;
}

void vn_loop_park_pass(struct vn_loop *l)
{
	if (++l->park_pass)
		return;
	memset(l->park_wait, 0, l->max_ports);
	l->park_pass = 1;
}

enum vn_own_verdict vn_loop_claim_parked(struct vn_loop *l, uint32_t slot)
{
	enum vn_own_verdict v;

	if (l->park_wait[slot] == l->park_pass)
		return VN_OWN_WAIT;
	v = vn_loop_claim(l, slot);
	if (v == VN_OWN_WAIT)
		l->park_wait[slot] = l->park_pass;
	return v;
}

static const struct vn_engine_meta *meta(const struct vn_loop *l, const struct xdp_desc *d)
{
	return (const void *)(vn_xio_data(&l->io, d->addr) - sizeof(struct vn_engine_meta));
}

void vn_loop_park(struct vn_loop *l, const struct xdp_desc *d, uint32_t n, const struct vn_engine_meta *m)
{
	if (l->parked_n + n > VN_MIN(PARKED_MAX, l->io.chunks / 4)) {
		vn_stat_join(&l->dir[m->slot].drops[VN_EDROP_MEMORY], 1);
		vn_loop_overload(l, VN_OVERLOAD_MEMORY);
		vn_xio_drop(&l->io, d, n);
		return;
	}
	memcpy(l->parked + l->parked_n, d, n * sizeof(*d));
	l->parked_n += n;
}

/* What cannot be taken moves to the front, in its order. */
void vn_loop_unpark(struct vn_loop *l)
{
	uint32_t kept = 0, n;

	if (!l->parked_n)
		return; /* nearly always, at each turn */
	vn_loop_park_pass(l);
	for (uint32_t i = 0; i < l->parked_n; i += n) {
		struct xdp_desc *d = l->parked + i;
		const struct vn_engine_meta *m = meta(l, d);

		for (n = 1; d[n - 1].options & XDP_PKT_CONTD;)
			n++;
		switch (vn_loop_claim_parked(l, m->slot)) {
		case VN_OWN_MINE:
			vn_loop_take(l, d, n, m);
			break;
		case VN_OWN_WAIT:
			memmove(l->parked + kept, d, n * sizeof(*d));
			kept += n;
			break;
		case VN_OWN_STRAY:
			l->bad_meta++;
			vn_xio_drop(&l->io, d, n);
			break;
		}
	}
	l->parked_n = kept;
}

static struct vn_frame *frame_at(const struct vn_loop *l, uint32_t ref)
{
	return vn_slab_ptr(&l->hold.slab, ref);
}

/* When the last of what is held of @slot leaves. Looks at the whole heap: moves are rare. */
static uint64_t held_until_ns(const struct vn_loop *l, uint32_t slot)
{
	const struct vn_lane *lane = &l->hold.lane[slot];
	uint64_t until = lane->tail ? frame_at(l, lane->tail - 1)->release_ns : 0;
	const struct vn_frame *f;

	for (uint32_t i = 0; i < l->hold.heap.n; i++) {
		f = frame_at(l, l->hold.heap.node[VN_HEAP_ROOT + i].ref);
		if (f->slot == slot)
			until = VN_MAX(until, f->release_ns);
	}
	for (uint32_t link = l->reorder_head; link; link = f->next) {
		f = frame_at(l, link - 1);
		if (f->slot == slot)
			until = VN_MAX(until, f->release_ns);
	}
	return until;
}

static void note_leaving(struct vn_loop *l, uint32_t slot)
{
	for (uint32_t i = 0; i < l->leaving_n; i++)
		if (l->leaving[i] == slot)
			return; /* it came back, and goes again */
	l->leaving[l->leaving_n++] = slot;
}

void vn_loop_hand_over(struct vn_loop *l, uint32_t slot)
{
	if (!slot || slot >= l->max_ports)
		l->bad_meta++;
	else if (vn_own_hand_over(&l->own, slot, held_until_ns(l, slot)))
		note_leaving(l, slot);
}

/*
 * The fence: markers that tell when the frames sent before them have left.
 *
 * A frame has left when the call that sent it returns, but the kernel may have put it off: onto the CPU's backlog, for
 * ksoftirqd (always, while that runs, before Linux 6.5). A frame that another engine sends from another CPU would
 * overtake it. So a marker goes after the last one, by the same way. Two: when the program at the engine port's end has
 * seen the first, what it has passed on before may stand behind it in that backlog, but before the second.
 */

/* Those whose last frame has been sent come to the front. */
static void fence_gather(struct vn_loop *l)
{
	for (uint32_t k = 0; k < FENCE_SCAN && l->fenced < l->leaving_n; k++) {
		uint32_t at = l->leaving_at, slot;

		if (at < l->fenced || at >= l->leaving_n)
			at = l->fenced;
		slot = l->leaving[at];
		l->leaving_at = at + 1;
		if (l->dir[slot].away[l->own.index])
			continue;
		l->leaving[at] = l->leaving[l->fenced];
		l->leaving[l->fenced++] = slot;
	}
}

static void fence_next(struct vn_loop *l)
{
	l->fence_no++;
	l->fence_sent = false;
}

static bool fence_passed(struct vn_loop *l)
{
	const struct vn_marker m = {.tpid = htons(VN_SLOT_TPID),
				    .proto = htons(VN_MARKER_PROTO),
				    .magic = VN_MARKER_MAGIC,
				    .slot = l->fence_no};

	if (!l->fence_sent)
		l->fence_sent = l->ops->mark(l, &m);
	return __atomic_load_n(&l->status->fence_seen, __ATOMIC_ACQUIRE) == l->fence_no;
}

static void fence_over(struct vn_loop *l)
{
	for (; l->fenced; l->fenced--) {
		vn_own_left(&l->own, l->leaving[l->fenced - 1]);
		l->leaving[l->fenced - 1] = l->leaving[--l->leaving_n];
	}
}

void vn_loop_move_end(struct vn_loop *l)
{
	l->fenced = l->leaving_n;
	fence_over(l);
}

void vn_loop_fence(struct vn_loop *l)
{
	if (!l->fenced) {
		fence_gather(l);
		if (!l->fenced)
			return;
		l->fence_round = 0;
		l->fence_ns = l->now_ns;
		fence_next(l);
	}
	while (fence_passed(l)) {
		if (++l->fence_round == FENCE_ROUNDS) {
			fence_over(l);
			return;
		}
		fence_next(l);
	}
	if (l->now_ns - l->fence_ns >= FENCE_MAX_NS)
		fence_over(l);
}

void vn_loop_marker(struct vn_loop *l, const struct xdp_desc *d, uint32_t n)
{
	uint32_t slot = n == 1 ? vn_own_marker_slot(vn_xio_data(&l->io, d->addr), d->len) : 0;

	vn_loop_unpark(l);
	vn_loop_hand_over(l, slot);
	vn_xio_drop(&l->io, d, n);
}

void vn_loop_reorder(struct vn_loop *l, struct vn_frame *f)
{
	uint32_t link = vn_hold_ref(&l->hold, f) + 1;

	f->next = 0;
	if (l->reorder_head)
		frame_at(l, l->reorder_tail - 1)->next = link;
	else
		l->reorder_head = link;
	l->reorder_tail = link;
}

/*
 * Without jitter and the like frames leave in the order in which they came. Across a move their times alone do not see
 * to that: each engine port has its own way to tell when a frame came.
 */
void vn_loop_queue_behind(const struct vn_loop *l, uint32_t slot, const struct vn_disc *d, struct vn_fate *fate)
{
	if (l->own.reorder[slot] && !d->jitter_ns && !d->reorder_ppb && !d->trace_block)
		fate->release_ns = VN_MAX(fate->release_ns, l->dir[slot].away_until_ns);
}

/* Once a frame of a slot stays in a pass over the reorder buffer, all later ones of that pass do: reorder buffer[] says
 * in which that was.
 */
bool vn_loop_reorder_shut(struct vn_loop *l, const struct vn_frame *f)
{
	uint8_t *reorder = &l->own.reorder[f->slot];

	if (!*reorder || f->release_ns < l->dir[f->slot].away_until_ns)
		return false;
	if (*reorder == l->reorder_pass || vn_own_others_leave(&l->own, f->slot)) {
		*reorder = l->reorder_pass;
		return true;
	}
	if (!l->reorder_head)
		*reorder = 0;
	return false;
}

bool vn_loop_reorder_release(struct vn_loop *l)
{
	uint32_t link = l->reorder_head;
	bool room = true;

	l->reorder_head = l->reorder_tail = 0;
	l->reorder_pass = l->reorder_pass == UINT8_MAX ? REORDER_PASS_MIN : (uint8_t)(l->reorder_pass + 1);
	while (link) {
		struct vn_frame *f = frame_at(l, link - 1);

		link = f->next;
		if (room && !vn_loop_reorder_shut(l, f)) {
			room = l->ops->send(l, f);
			if (room)
				continue;
		}
		vn_loop_reorder(l, f);
	}
	return room;
}
