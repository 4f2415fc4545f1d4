// SPDX-License-Identifier: GPL-2.0-only
#include "engine/ownership.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include <abi/abi_port.h>
#include <base/util.h>

int vn_own_init(struct vn_own *o, const struct vn_disc_slot *disc, struct vn_dir *dir, uint32_t index, uint32_t n)
{
	*o = (struct vn_own){
		.disc = disc, .dir = dir, .index = index, .holder = VN_HOLDER_PRECISE, .n = n, .mine = calloc(2, n)};
	if (!o->mine)
		return -ENOMEM;
	o->reorder = o->mine + n;
	return 0;
}

/* What waited for server, slot or predecessor is gone: they are free. The index goes on. */
static void held_is_lost(struct vn_dir *d)
{
	__atomic_fetch_add(&d->drops[VN_EDROP_LOST], d->state.held_packets, __ATOMIC_RELAXED);
	__atomic_store_n(&d->state.held_packets, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&d->state.held_bytes, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&d->state.next_free_ns, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&d->state.last_release_ns, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&d->state.slot_next_ns, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&d->state.trace_next, 0, __ATOMIC_RELAXED);
}

void vn_own_adopt(struct vn_own *o)
{
	for (uint32_t i = 1; i < o->n; i++) {
		struct vn_dir *d = &o->dir[i];

		if (d->leaving >> o->index & 1)
			vn_own_left(o, i);
		if (d->away[o->index]) {
			__atomic_fetch_add(&d->drops[VN_EDROP_LOST], d->away[o->index], __ATOMIC_RELAXED);
			__atomic_store_n(&d->away_bytes[o->index], 0, __ATOMIC_RELAXED);
			__atomic_store_n(&d->away[o->index], 0, __ATOMIC_RELEASE);
		}
		/* One that the daemon gave away meanwhile is another's to clear. */
		if (d->state.held_packets && d->engine == o->index &&
		    (d->gen != o->disc[i].gen || o->disc[i].from == o->index))
			held_is_lost(d);
	}
}

/* The slot was given to another link: its figures begin anew. */
static void renew(struct vn_own *o, uint32_t slot, uint32_t gen)
{
	struct vn_dir *d = &o->dir[slot];

	memset(d, 0, sizeof(*d));
	d->engine = o->index;
	d->reset = __atomic_load_n(&o->disc[slot].reset, __ATOMIC_RELAXED);
	d->replay = __atomic_load_n(&o->disc[slot].replay, __ATOMIC_RELAXED);
	__atomic_store_n(&d->gen, gen, __ATOMIC_RELEASE);
}

static enum vn_own_verdict take(struct vn_own *o, uint32_t slot)
{
	struct vn_dir *d = &o->dir[slot];

	/* It came back before all that was held here had left. */
	d->state.held_packets += d->away[o->index];
	d->state.held_bytes += d->away_bytes[o->index];
	d->away[o->index] = d->away_bytes[o->index] = 0;
	d->holder = o->holder;
	o->mine[slot] = 1;
	o->reorder[slot] = vn_own_others_leave(o, slot);
	return VN_OWN_MINE;
}

enum vn_own_verdict vn_own_claim_slow(struct vn_own *o, uint32_t slot)
{
	const struct vn_disc_slot *s = &o->disc[slot];
	struct vn_dir *d = &o->dir[slot];
	uint32_t from = __atomic_load_n(&s->from, __ATOMIC_ACQUIRE);
	uint32_t to = __atomic_load_n(&s->engine, __ATOMIC_ACQUIRE);
	uint32_t gen = __atomic_load_n(&s->gen, __ATOMIC_RELAXED);

	o->mine[slot] = 0;
	if (__atomic_load_n(&d->gen, __ATOMIC_ACQUIRE) != gen) {
		if (from == o->index) {
			renew(o, slot, gen);
			return take(o, slot);
		}
		return to == o->index ? VN_OWN_WAIT : VN_OWN_STRAY;
	}
	if (__atomic_load_n(&d->engine, __ATOMIC_ACQUIRE) == o->index)
		return take(o, slot);
	if (to != o->index)
		return VN_OWN_STRAY;
	if (from != o->index)
		return VN_OWN_WAIT;
	held_is_lost(d);
	__atomic_store_n(&d->engine, o->index, __ATOMIC_RELEASE);
	return take(o, slot);
}

bool vn_own_hand_over(struct vn_own *o, uint32_t slot, uint64_t until_ns)
{
	struct vn_dir *d = &o->dir[slot];
	uint32_t to = __atomic_load_n(&o->disc[slot].engine, __ATOMIC_ACQUIRE);

	if (to == o->index || to >= VN_ENGINES_MAX || vn_own_claim(o, slot) != VN_OWN_MINE)
		return false;
	o->mine[slot] = o->reorder[slot] = 0;
	__atomic_store_n(&d->away[o->index], (uint32_t)d->state.held_packets, __ATOMIC_RELAXED);
	__atomic_store_n(&d->away_bytes[o->index], (uint32_t)d->state.held_bytes, __ATOMIC_RELAXED);
	d->state.held_packets = d->state.held_bytes = 0;
	d->away_until_ns = VN_MAX(vn_own_away(o, slot) ? d->away_until_ns : 0, until_ns);
	__atomic_fetch_or(&d->leaving, 1u << o->index, __ATOMIC_RELAXED);
	__atomic_store_n(&d->engine, to, __ATOMIC_RELEASE);
	return true;
}

void vn_own_released_away(struct vn_own *o, uint32_t slot, uint32_t frames, uint32_t bytes)
{
	struct vn_dir *d = &o->dir[slot];

	__atomic_store_n(&d->away_bytes[o->index], d->away_bytes[o->index] - bytes, __ATOMIC_RELAXED);
	/* Last: who sees it may let the next frame out. */
	__atomic_store_n(&d->away[o->index], d->away[o->index] - frames, __ATOMIC_RELEASE);
}

void vn_own_left(struct vn_own *o, uint32_t slot)
{
	__atomic_fetch_and(&o->dir[slot].leaving, ~(1u << o->index), __ATOMIC_RELEASE);
}

bool vn_own_others_leave(const struct vn_own *o, uint32_t slot)
{
	return __atomic_load_n(&o->dir[slot].leaving, __ATOMIC_ACQUIRE) & ~(1u << o->index) || vn_own_away(o, slot);
}

uint32_t vn_own_away(const struct vn_own *o, uint32_t slot)
{
	const struct vn_dir *d = &o->dir[slot];
	uint32_t n = 0;

	for (uint32_t i = 0; i < VN_ENGINES_MAX; i++)
		n += i == o->index ? 0 : __atomic_load_n(&d->away[i], __ATOMIC_ACQUIRE);
	return n;
}

uint32_t vn_own_marker_slot(const void *frame, uint32_t len)
{
	struct vn_marker m;

	if (len < sizeof(m))
		return 0;
	memcpy(&m, frame, sizeof(m));
	if (m.tpid != htons(VN_SLOT_TPID) || m.tci || m.proto != htons(VN_MARKER_PROTO) || m.magic != VN_MARKER_MAGIC)
		return 0;
	return m.slot;
}
