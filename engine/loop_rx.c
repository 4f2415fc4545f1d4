// SPDX-License-Identifier: GPL-2.0-only
/* The way in: from the receive ring through the discipline into the hold, straight out, or nowhere. */
#include "engine/loop.h"

#include <abi/abi_port.h>
#include <disc/discipline.h>
#include <base/util.h>

#include "engine/mangle.h"

#define SEQ_TRIES 64                /* the daemon may have died, or have lost the CPU, inside its critical section */
#define TAG_BYTES VN_EDIT_TAG_BYTES /* which the discipline does not count */
#define PEEK      64u               /* frames whose memory is fetched ahead */

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

/*
 * `link reset`: the figures begin anew, the discipline's state stays as it is (replay). The lane remembers the number
 * where every frame looks; that of vn_dir, a cold line, tells a request from a restart of the engine.
 */
static void figures_reset(struct vn_dir *dir, uint32_t reset, uint64_t now_ns)
{
	if (dir->reset == reset)
		return;
	memset(&dir->in_packets, 0, offsetof(struct vn_dir, holder) - offsetof(struct vn_dir, in_packets));
	memset(&dir->overload_ns, 0, offsetof(struct vn_dir, reset) - offsetof(struct vn_dir, overload_ns));
	memset(&dir->late_max_ns, 0, sizeof(dir->late_max_ns) + sizeof(dir->late_hist));
	memset(&dir->error_max_ns, 0, sizeof(dir->error_max_ns) + sizeof(dir->error_hist));
	dir->wait_max_ns = dir->wait_ns = dir->wait_n = 0;
	dir->mark.since_ns = now_ns;
	__atomic_store_n(&dir->reset, reset, __ATOMIC_RELEASE);
}

/*
 * What waits at the old rate is sent at the new one. A trace is known in advance: what waits for it has its times, and
 * keeps them when the trace is taken away.
 */
static void retime(struct vn_loop *l, uint32_t slot, const struct vn_disc *was, const struct vn_disc *now)
{
	struct vn_disc_state *state = &l->dir[slot].state;

	if (was->rate_bps == now->rate_bps || was->trace_block || now->trace_block || state->next_free_ns <= l->now_ns)
		return;
	vn_hold_retime(&l->hold, slot, l->now_ns, was->rate_bps, now->rate_bps);
	/* Another engine may see the change at the same time, for frames that it holds. */
	if (l->own.mine[slot])
		state->next_free_ns = vn_hold_new_depart(state->next_free_ns, l->now_ns, was->rate_bps, now->rate_bps);
}

const struct vn_disc *vn_loop_disc(struct vn_loop *l, uint32_t slot)
{
	const struct vn_disc_slot *s = &l->disc[slot];
	struct vn_lane *lane = &l->hold.lane[slot];
	struct vn_disc d;
	uint32_t seq, reset = __atomic_load_n(&s->reset, __ATOMIC_RELAXED);

	if (reset != lane->reset) {
		figures_reset(&l->dir[slot], reset, l->now_ns);
		lane->reset = reset;
	}
	/* The cached number is one ahead of the lock's: a lane never touched holds 0, which no even number plus one is.
	 */
	if (__atomic_load_n(&s->seq, __ATOMIC_ACQUIRE) + 1 == lane->seq || !disc_read(s, &d, &seq))
		return &lane->disc;
	vn_disc_prepare(&d);
	if (lane->seq)
		retime(l, slot, &lane->disc, &d);
	lane->disc = d;
	lane->seq = seq + 1;
	return &lane->disc;
}

/* From here on the figures speak of the discipline in force. Readers see since_ns change last. */
static void dir_mark(struct vn_dir *dir, uint32_t disc_seq, uint64_t now_ns)
{
	struct vn_dir_mark *m = &dir->mark;

	dir->state.disc_seq = disc_seq;
	__atomic_store_n(&m->since_ns, 0, __ATOMIC_RELEASE);
	m->in_packets = dir->in_packets;
	m->in_bytes = dir->in_bytes;
	m->out_packets = dir->out_packets;
	m->out_bytes = dir->out_bytes;
	m->lost = dir->drops[VN_EDROP_LOSS] + dir->marked;
	m->limited = dir->drops[VN_EDROP_LIMIT];
	m->duplicated = dir->duplicated;
	m->corrupted = dir->corrupted;
	m->reordered = dir->reordered;
	__atomic_store_n(&m->since_ns, now_ns, __ATOMIC_RELEASE);
}

/* The seed was set: the next frame is the first, as if none had been before. Clocks and queues go on. */
static void replay(struct vn_dir *dir, uint32_t number)
{
	struct vn_disc_state *s = &dir->state;

	if (dir->replay == number)
		return;
	dir->replay = number;
	s->index = 0;
	s->flags = 0;
	s->loss_state = 0;
	s->reorder_count = 0;
}

const struct vn_disc *vn_loop_enter(struct vn_loop *l, uint32_t slot, uint32_t *ret_gen)
{
	struct vn_dir *dir = &l->dir[slot];
	const struct vn_disc *disc = vn_loop_disc(l, slot);

	/* The number outlives the engine: a restart is no change. */
	if (dir->state.disc_seq != l->hold.lane[slot].seq) {
		replay(dir, __atomic_load_n(&l->disc[slot].replay, __ATOMIC_RELAXED));
		dir_mark(dir, l->hold.lane[slot].seq, l->now_ns);
	}
	*ret_gen = dir->gen;
	return disc;
}

/* The frame's metadata when it is sane, else NULL. Slot 0 is that of markers. */
static const struct vn_engine_meta *meta_of(const struct vn_loop *l, const struct xdp_desc *d, uint32_t n)
{
	const struct vn_engine_meta *m = (const void *)(vn_xio_data(&l->io, d->addr) - sizeof(*m));
	uint64_t len = 0;

	if (d->addr % l->io.chunk_size < sizeof(*m))
		return NULL;
	for (uint32_t i = 0; i < n; i++)
		len += d[i].len;
	if (m->slot >= l->max_ports || (uint64_t)m->len + TAG_BYTES != len || m->len < TAG_BYTES)
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
	f->hop_ns = note->hop_ns;
	to = f->data;
	for (uint32_t i = 0; i < n; i++) {
		memcpy(to, vn_xio_data(&l->io, d[i].addr), d[i].len);
		to += d[i].len;
	}
	vn_hold_insert(&l->hold, f);
	return true;
}

static void flip_bit(struct vn_loop *l, const struct xdp_desc *d, uint32_t n, uint32_t bit)
{
	uint32_t at = vn_edit_at(bit / 8);

	for (uint32_t i = 0; i < n; i++) {
		if (at < d[i].len) {
			vn_xio_data(&l->io, d[i].addr)[at] ^= (uint8_t)(1u << bit % 8);
			return;
		}
		at -= d[i].len;
	}
}

static void count_fate(struct vn_dir *dir, const struct vn_fate *fate)
{
	/* Marked is a frame, with or without a copy; what befell a frame that found no room then befell it, too: the
	 * figures are those of the draws. */
	if (fate->flags & VN_FATE_COPY)
		vn_stat_add(&dir->duplicated, 1);
	else if (fate->flags & VN_FATE_MARK)
		vn_stat_add(&dir->marked, 1);
	if (fate->flags & VN_FATE_CORRUPT)
		vn_stat_add(&dir->corrupted, 1);
	if (fate->flags & VN_FATE_REORDERED)
		vn_stat_add(&dir->reordered, 1);
}

/*
 * Do with the frame as decided. True: its chunks went out with it, so nobody may touch them any more; that is not done
 * unless @last.
 */
static bool carry_out(struct vn_loop *l, const struct xdp_desc *d, uint32_t n, struct vn_tx_note *note,
		      const struct vn_fate *fate, bool last)
{
	struct vn_dir *dir = &l->dir[note->slot];

	if (fate->flags)
		count_fate(dir, fate);
	if (fate->verdict == VN_VERDICT_DROP) {
		vn_stat_add(&dir->drops[fate->cause], 1);
		return false;
	}
	note->release_ns = fate->release_ns;
	/* Due already and nothing that is due before it is waiting: no need to copy it. */
	if (last && fate->release_ns <= l->now_ns && fate->release_ns < vn_hold_next_ns(&l->hold) &&
	    !l->own.reorder[note->slot] && vn_xio_forward(&l->io, d, n, note))
		return true;
	if (hold_frame(l, d, n, note, fate)) {
		vn_disc_held(&dir->state, note->len - TAG_BYTES);
	} else {
		vn_stat_add(&dir->drops[VN_EDROP_MEMORY], 1);
		vn_loop_overload_dir(l, dir, VN_OVERLOAD_MEMORY);
	}
	return false;
}

/* Both fates of a frame, or its only one with all that can happen to the bytes. */
static bool carry_out_all(struct vn_loop *l, const struct xdp_desc *d, uint32_t n, struct vn_tx_note *note,
			  const struct vn_fate *fate, uint32_t n_fates)
{
	bool corrupt = fate->flags & VN_FATE_CORRUPT;

	if (fate->flags & VN_FATE_MARK)
		vn_edit_mark(vn_xio_data(&l->io, d->addr), d->len);
	if (corrupt)
		flip_bit(l, d, n, fate->corrupt_bit);
	if (carry_out(l, d, n, note, fate, n_fates == 1))
		return true;
	if (n_fates == 1)
		return false;
	if (corrupt) /* not the copy */
		flip_bit(l, d, n, fate->corrupt_bit);
	return carry_out(l, d, n, note, &fate[1], true);
}

void vn_loop_take(struct vn_loop *l, const struct xdp_desc *d, uint32_t n, const struct vn_engine_meta *m)
{
	struct vn_dir *dir = &l->dir[m->slot];
	const struct vn_disc *disc;
	struct vn_tx_note note;
	struct vn_fate fate[2];
	struct vn_disc_in in;
	uint32_t n_fates, away;

	in = (struct vn_disc_in){.arrival_ns = m->arrival_ns, .len = m->len, .segs = 1};
	note = (struct vn_tx_note){.slot = m->slot, .len = m->len + TAG_BYTES, .segs = 1, .hop_ns = m->hop_ns};
	/* its clock was cut to units: it may be half of one less */
	if (m->hop_ns)
		vn_path_latency_learn(&l->way_in, m->hop_ns - VN_MIN(m->hop_ns, (1u << VN_SAMPLE_SHIFT) / 2));
	disc = vn_loop_enter(l, m->slot, &note.gen);
	vn_stat_add(&dir->in_packets, 1);
	vn_stat_add(&dir->in_bytes, m->len);
	if (disc->flags & VN_DISC_ECN)
		in.ect = vn_edit_is_ect(vn_xio_data(&l->io, d->addr), d->len);
	/* The limit counts what other engines hold as well. */
	away = disc->limit_packets && l->own.reorder[m->slot] ? vn_own_away(&l->own, m->slot) : 0;
	dir->state.held_packets += away;
	n_fates = vn_disc_apply(disc, &dir->state, &l->env, &in, fate);
	dir->state.held_packets -= away;
	for (uint32_t i = 0; i < n_fates; i++)
		vn_loop_queue_behind(l, m->slot, disc, &fate[i]);
	if (fate->verdict != VN_VERDICT_DROP)
		l->slack_ns[0] = VN_MIN(l->slack_ns[0], fate->release_ns - in.arrival_ns);
	if (n_fates == 1 && !fate->flags) {
		if (carry_out(l, d, n, &note, fate, true))
			return;
	} else if (carry_out_all(l, d, n, &note, fate, n_fates)) {
		return;
	}
	vn_xio_drop(&l->io, d, n);
}

void vn_loop_frame(struct vn_loop *l, const struct xdp_desc *d, uint32_t n)
{
	const struct vn_engine_meta *m = meta_of(l, d, n);

	if (!m) {
		l->bad_meta++;
		vn_xio_drop(&l->io, d, n);
		return;
	}
	if (m->slot == 0) {
		vn_loop_marker(l, d, n);
		return;
	}
	switch (vn_loop_claim(l, m->slot)) {
	case VN_OWN_MINE:
		/* Earlier ones of it may wait for having been handed over since. */
		if (l->parked_n)
			vn_loop_unpark(l);
		vn_loop_take(l, d, n, m);
		return;
	case VN_OWN_WAIT:
		vn_loop_park(l, d, n, m);
		return;
	case VN_OWN_STRAY:
		l->bad_meta++;
		vn_xio_drop(&l->io, d, n);
		return;
	}
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
				   sizeof(struct vn_engine_meta));
	for (uint32_t i = 0; i < n; i++) {
		const struct xdp_desc *d = xsk_ring_cons__rx_desc(rx, idx + i);
		const struct vn_engine_meta *m =
			(const void *)(vn_xio_data(&l->io, d->addr) - sizeof(struct vn_engine_meta));
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
