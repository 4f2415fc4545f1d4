// SPDX-License-Identifier: GPL-2.0-only
/* The way in: from the receive ring through the discipline into the hold, straight out, or nowhere. */
#include "engine/loop.h"

#include <vnet/discipline.h>
#include <vnet/util.h>

#define SEQ_TRIES 64  /* the daemon may have died, or have lost the CPU, inside its critical section */
#define TAG_BYTES 4u  /* the slot's tag, which the discipline does not count */
#define PEEK      64u /* frames whose memory is fetched ahead */

/* A consistent copy under the slot's sequence lock; false: the writer is in it, keep the old one. */
static bool disc_read(const struct vn_disc_slot *s, struct vn_disc *ret_disc, uint32_t *ret_seq)
{
	for (int i = 0; i < SEQ_TRIES; i++) {
		uint32_t seq = __atomic_load_n(&s->seq, __ATOMIC_ACQUIRE);
		struct vn_disc d;

		if (seq & 1)
			continue;
		d = s->disc;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (__atomic_load_n(&s->seq, __ATOMIC_RELAXED) != seq)
			continue;
		*ret_disc = d;
		*ret_seq = seq;
		return true;
	}
	return false;
}

const struct vn_disc *vn_loop_disc(struct vn_loop *l, uint32_t slot)
{
	const struct vn_disc_slot *s = &l->disc[slot];
	struct vn_lane *lane = &l->hold.lane[slot];
	struct vn_disc_state *state = &l->dir[slot].state;
	struct vn_disc d;
	uint32_t seq;

	/* The cached number is one ahead of the lock's: a lane never touched holds 0, which no even number plus one is.
	 */
	if (__atomic_load_n(&s->seq, __ATOMIC_ACQUIRE) + 1 == lane->seq || !disc_read(s, &d, &seq))
		return &lane->disc;
	if (lane->seq && d.rate_bps != lane->disc.rate_bps && state->next_free_ns > l->now_ns) {
		vn_hold_retime(&l->hold, slot, l->now_ns, lane->disc.rate_bps, d.rate_bps);
		state->next_free_ns =
			vn_hold_new_depart(state->next_free_ns, l->now_ns, lane->disc.rate_bps, d.rate_bps);
	}
	lane->disc = d;
	lane->seq = seq + 1;
	return &lane->disc;
}

/* The slot was given to another link: its figures begin anew. */
static void dir_renew(const struct vn_loop *l, struct vn_dir *dir, uint32_t gen)
{
	memset(dir, 0, sizeof(*dir));
	dir->trunk = l->index;
	__atomic_store_n(&dir->gen, gen, __ATOMIC_RELEASE);
}

/* The frame's metadata when it is sane, else NULL. */
static const struct vn_trunk_meta *meta_of(const struct vn_loop *l, const struct xdp_desc *d, uint32_t n)
{
	const struct vn_trunk_meta *m = (const void *)(vn_xio_data(&l->io, d->addr) - sizeof(*m));
	uint64_t len = 0;

	if (d->addr % l->io.chunk_size < sizeof(*m))
		return NULL;
	for (uint32_t i = 0; i < n; i++)
		len += d[i].len;
	if (m->slot == 0 || m->slot >= l->max_ports || (uint64_t)m->len + TAG_BYTES != len || m->len < TAG_BYTES)
		return NULL;
	return len <= VN_FRAME_MAX ? m : NULL;
}

static bool hold_frame(struct vn_loop *l, const struct xdp_desc *d, uint32_t n, const struct vn_tx_note *note,
		       const struct vn_fate *fate)
{
	struct vn_frame *f = vn_hold_alloc(&l->hold, note->slot, note->len);
	uint8_t *to;

	if (!f)
		return false;
	f->release_ns = fate->release_ns;
	f->depart_ns = fate->depart_ns;
	f->gen = note->gen;
	to = f->data;
	for (uint32_t i = 0; i < n; i++) {
		memcpy(to, vn_xio_data(&l->io, d[i].addr), d[i].len);
		to += d[i].len;
	}
	vn_hold_insert(&l->hold, f);
	return true;
}

void vn_loop_frame(struct vn_loop *l, const struct xdp_desc *d, uint32_t n)
{
	const struct vn_trunk_meta *m = meta_of(l, d, n);
	const struct vn_disc *disc;
	struct vn_tx_note note;
	struct vn_disc_in in;
	struct vn_fate fate[2];
	struct vn_dir *dir;
	uint32_t gen;

	if (!m) {
		l->bad_meta++;
		vn_xio_drop(&l->io, d, n);
		return;
	}
	dir = &l->dir[m->slot];
	gen = __atomic_load_n(&l->disc[m->slot].gen, __ATOMIC_RELAXED);
	if (dir->gen != gen)
		dir_renew(l, dir, gen);
	disc = vn_loop_disc(l, m->slot);
	vn_stat_add(&dir->in_packets, 1);
	vn_stat_add(&dir->in_bytes, m->len);
	in = (struct vn_disc_in){.arrival_ns = m->arrival_ns, .len = m->len, .segs = 1};
	vn_disc_apply(disc, &dir->state, &l->env, &in, fate);
	if (fate[0].verdict == VN_VERDICT_DROP) {
		vn_stat_add(&dir->drops[fate[0].cause], 1);
		vn_xio_drop(&l->io, d, n);
		return;
	}
	l->slack_ns[0] = VN_MIN(l->slack_ns[0], fate[0].release_ns - m->arrival_ns);
	note = (struct vn_tx_note){
		.release_ns = fate[0].release_ns, .gen = gen, .slot = m->slot, .len = m->len + TAG_BYTES};
	/* Due already and nothing that is due before it is waiting: no need to copy it. */
	if (fate[0].release_ns <= l->now_ns && fate[0].release_ns < vn_hold_next_ns(&l->hold) &&
	    vn_xio_forward(&l->io, d, n, &note))
		return;
	if (hold_frame(l, d, n, &note, &fate[0])) {
		vn_disc_held(&dir->state, m->len);
	} else {
		vn_stat_add(&dir->drops[VN_EDROP_MEMORY], 1);
		vn_loop_overload(l, VN_OVERLOAD_MEMORY);
	}
	vn_xio_drop(&l->io, d, n);
}

/*
 * With thousands of directions each frame meets cold memory in four places; asking for all of a batch first lets the
 * misses overlap. Two rounds, as the second needs what the first fetches.
 */
static void prefetch(const struct vn_loop *l, uint32_t idx, uint32_t n)
{
	const struct xsk_ring_cons *rx = &l->io.rings.rx;

	for (uint32_t i = 0; i < n; i++)
		__builtin_prefetch(vn_xio_data(&l->io, xsk_ring_cons__rx_desc(rx, idx + i)->addr) -
				   sizeof(struct vn_trunk_meta));
	for (uint32_t i = 0; i < n; i++) {
		const struct xdp_desc *d = xsk_ring_cons__rx_desc(rx, idx + i);
		const struct vn_trunk_meta *m =
			(const void *)(vn_xio_data(&l->io, d->addr) - sizeof(struct vn_trunk_meta));
		uint32_t slot = d->addr % l->io.chunk_size < sizeof(*m) || m->slot >= l->max_ports ? 0 : m->slot;

		__builtin_prefetch(&l->disc[slot]);
		__builtin_prefetch(&l->dir[slot], 1);
		__builtin_prefetch(&l->dir[slot].in_bytes, 1);
		__builtin_prefetch(&l->hold.lane[slot], 1);
		__builtin_prefetch((const uint8_t *)&l->hold.lane[slot] + 64, 1);
	}
}

uint32_t vn_loop_receive(struct vn_loop *l, uint32_t max)
{
	struct xsk_ring_cons *rx = &l->io.rings.rx;
	uint32_t idx, n = xsk_ring_cons__peek(rx, VN_MIN(max, PEEK), &idx);

	if (!n)
		return 0;
	prefetch(l, idx, n);
	for (uint32_t i = 0; i < n; i++) {
		const struct xdp_desc *d = xsk_ring_cons__rx_desc(rx, idx + i);

		if (l->chain_n == VN_CHAIN_MAX) {
			/* longer than any frame the kernel makes: the rest counts as a frame of its own, and is bad */
			vn_loop_frame(l, l->chain, l->chain_n);
			l->chain_n = 0;
		}
		l->chain[l->chain_n++] = *d;
		if (d->options & XDP_PKT_CONTD)
			continue;
		vn_loop_frame(l, l->chain, l->chain_n);
		l->chain_n = 0;
		l->rx_packets++;
	}
	xsk_ring_cons__release(rx, n);
	l->io.rx_out -= n;
	return n;
}
