/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * The discipline of a link direction: THE definition of what happens to a frame, one pure function over plain structs.
 * Users: the engine (holds and releases), BPF programs on devices that cannot hold (they drop), the unit tests.
 * Integers of at most 64 bits, no signed division, no loop: fit for BPF.
 *
 * Words and semantics follow tc-netem(8) and net/sched/sch_netem.c; where this differs, it is said at the place.
 */
#ifndef VNET_DISC_DISCIPLINE_H
#define VNET_DISC_DISCIPLINE_H

#include <abi/abi_disc.h>
#include <abi/abi_engine.h>
#include <disc/dist.h>
#include <disc/rng.h>
#ifndef __bpf__
#include <disc/trace.h>
#endif

struct vn_trace;

/* BPF: a function of its own has at most five arguments. */
#ifdef __bpf__
#define VN_DISC_INLINE static inline __attribute__((always_inline))
#else
#define VN_DISC_INLINE static inline
#endif

#define VN_DISC_NSEC_PER_SEC 1000000000ULL
#define VN_DISC_RATE_MAX     (1ULL << 40) /* bit/s; keeps every product below 2^64 */
#define VN_DISC_LIMIT_MAX    (1ULL << 31) /* bytes of queue that limit_bytes can mean */

enum vn_verdict {
	VN_VERDICT_PASS = 0, /* no reason to wait: send it now */
	VN_VERDICT_HOLD = 1, /* keep it until release_ns */
	VN_VERDICT_DROP = 2, /* for the reason in .cause */
};

enum vn_fate_flag {
	VN_FATE_MARK = 1u << 0,      /* set Congestion Experienced: what would have been lost */
	VN_FATE_CORRUPT = 1u << 1,   /* flip bit corrupt_bit */
	VN_FATE_REORDERED = 1u << 2, /* chosen to skip the delay */
	VN_FATE_COPY = 1u << 3,      /* of the duplicate */
};

/**
 * struct vn_disc_in - what the discipline knows of a frame
 * @arrival_ns: CLOCK_MONOTONIC when it reached the link; not before the previous one's, or a little
 * @len:        bytes of the frame, or GSO frame, from its Ethernet header on, without FCS
 * @segs:       frames it stands for; 1 but for GSO frames
 * @hdr_len:    of a GSO frame: header bytes that each of its frames repeats
 * @ect:        it can be marked: IP with ECT(0), ECT(1) or CE
 */
struct vn_disc_in {
	__u64 arrival_ns;
	__u32 len;
	__u32 segs;
	__u32 hdr_len;
	__u32 ect;
};

/**
 * struct vn_disc_env - tables that disciplines draw from
 * @dist:  of the built-in distributions; where it is NULL the draw is uniform
 * @arena: as mapped (include/abi/abi_arena.h), or NULL
 */
struct vn_disc_env {
	const struct vn_dist *dist[VN_DIST_KINDS];
	const __u8 *arena;
};

#ifndef __bpf__
VN_DISC_INLINE struct vn_disc_env vn_disc_env_of(const struct vn_dist_set *set, const __u8 *arena)
{
	return (struct vn_disc_env){.dist = {[VN_DIST_NORMAL] = &set->normal,
					     [VN_DIST_PARETO] = &set->pareto,
					     [VN_DIST_PARETONORMAL] = &set->paretonormal},
				    .arena = arena};
}
#endif

/**
 * struct vn_fate - what the discipline decides about one frame
 * @depart_ns:   when its last bit has left the rate server; the arrival when there is no rate
 * @release_ns:  when it reaches the other end; never before @depart_ns
 * @verdict:     enum vn_verdict
 * @cause:       enum vn_edrop, when dropped: VN_EDROP_LOSS or VN_EDROP_LIMIT
 * @flags:       enum vn_fate_flag
 * @corrupt_bit: of the frame, bit 0 being the lowest of its first byte
 */
struct vn_fate {
	__u64 depart_ns;
	__u64 release_ns;
	__u32 verdict;
	__u32 cause;
	__u32 flags;
	__u32 corrupt_bit;
};

/* Bytes that a frame of @len (Ethernet header to payload, no FCS) occupies on the wire, padding included. */
VN_DISC_INLINE __u32 vn_wire_bytes(__u32 len)
{
	const __u32 fcs = 4, shortest = 64;
	__u32 frame = len + fcs < shortest ? shortest : len + fcs;

	return frame + VN_WIRE_OVERHEAD - fcs;
}

/* The same of all frames that @in stands for; their padding is not looked at when there are several. */
VN_DISC_INLINE __u32 vn_disc_wire_bytes(const struct vn_disc_in *in)
{
	if (in->segs <= 1)
		return vn_wire_bytes(in->len);
	return in->len + (in->segs - 1) * in->hdr_len + in->segs * VN_WIRE_OVERHEAD;
}

/**
 * vn_disc_serve_ns() - how long @wire_bytes keep the server of @rate_bps busy
 * @index: number of the frame; decides which way a fraction of a nanosecond goes
 *
 * A frame of 84 bytes takes 67.2 ns at 10 Gbit/s. Truncation would make the link faster than asked (by 0.3 % here, by
 * far more at 100 Gbit/s) and there is no state to carry the remainder in; so the fraction is rounded up for just that
 * fraction of the frames, chosen by a Weyl sequence over @index: any run of frames is within a few ns of exact.
 */
VN_DISC_INLINE __u64 vn_disc_serve_ns(__u32 wire_bytes, __u64 rate_bps, __u64 index)
{
	__u64 bit_ns = (__u64)wire_bytes * 8 * VN_DISC_NSEC_PER_SEC;
	__u64 ns = bit_ns / rate_bps, rest = bit_ns - ns * rate_bps;
	__u64 weyl = (index * VN_GOLDEN_GAMMA) >> 44; /* 20 bits */

	return ns + (rest > (weyl * rate_bps) >> 20);
}

/* The time that a full queue of @limit_bytes represents at @rate_bps. */
VN_DISC_INLINE __u64 vn_disc_limit_ns(__u64 limit_bytes, __u64 rate_bps)
{
	if (limit_bytes > VN_DISC_LIMIT_MAX)
		limit_bytes = VN_DISC_LIMIT_MAX;
	return limit_bytes * 8 * VN_DISC_NSEC_PER_SEC / rate_bps;
}

/*
 * Bytes of @in before the rate: wire bytes, `overhead` added to each frame, cut into cells each `cell_overhead` larger
 * (netem's packet_time_ns(), whose negative overhead wraps around when it exceeds a frame: here nothing is below 0).
 */
VN_DISC_INLINE __u64 vn_disc_rate_bytes(const struct vn_disc *d, const struct vn_disc_in *in)
{
	__s64 bytes = (__s64)vn_disc_wire_bytes(in) + (__s64)in->segs * d->overhead;

	if (bytes < 0)
		bytes = 0;
	if (d->cell_bytes) {
		__u64 cells = ((__u64)bytes + d->cell_bytes - 1) / d->cell_bytes;
		__s64 cell = (__s64)d->cell_bytes + d->cell_overhead;

		bytes = cell > 0 ? (__s64)cells * cell : 0;
	}
	return (__u64)bytes < VN_DISC_LIMIT_MAX ? (__u64)bytes : VN_DISC_LIMIT_MAX;
}

/* Functions of chance: random numbers, loss, duplication, corruption, reordering. */

/*
 * The random number for @purpose of frame @index, correlated: with probability @corr_ppb it repeats the one before it,
 * whatever that was, so the distribution stays exactly what it is and the autocorrelation at lag n is corr^n.
 *
 * netem mixes instead: value = (1 - c) * fresh + c * last. That narrows the distribution towards its middle, where
 * thresholds of small probabilities are never reached: its `loss 1% 50%` loses far less than 1 %.
 */
VN_DISC_INLINE __u64 vn_disc_draw(const struct vn_disc *d, struct vn_disc_state *s, __u64 index, __u32 purpose,
				  __u32 corr_ppb)
{
	if (!corr_ppb)
		return vn_rng_draw(d->key, index, purpose);
	if (!(s->flags & 1u << purpose) ||
	    !vn_rng_chance(vn_rng_draw(d->key, index, VN_DRAW_REPEAT + purpose), corr_ppb)) {
		s->last[purpose] = vn_rng_draw(d->key, index, purpose);
		s->flags |= 1u << purpose;
	}
	return s->last[purpose];
}

/* The quantiles that @kind draws from; NULL: none, the draw is uniform. */
VN_DISC_INLINE const __s16 *vn_disc_table(const struct vn_disc_env *env, __u32 kind, __u32 block, __u32 *ret_n)
{
#ifndef __bpf__
	if (kind == VN_DIST_TABLE) {
		const struct vn_arena_block *b;
		const __s16 *table = (const __s16 *)vn_arena_get(env->arena, block, VN_ARENA_DIST, &b);

		if (table)
			*ret_n = b->n;
		return table;
	}
	if (kind < VN_DIST_TABLE && env->dist[kind]) {
		*ret_n = VN_DIST_SIZE;
		return env->dist[kind]->table;
	}
#else
	(void)env, (void)kind, (void)block, (void)ret_n;
#endif
	return (const __s16 *)0;
}

/**
 * vn_disc_spread_ns() - @mean_ns, spread by @sigma_ns
 *
 * Uniform: all values from -sigma to +sigma equally likely, ends included (netem's last one never comes). Otherwise the
 * table's quantile, scaled, as in sch_netem.c tabledist(), in 64 bits where netem cuts a slot's jitter to 32. The sum
 * is never negative: what would be early is released at once, as netem does, so a spread that reaches beyond the mean
 * raises it.
 */
VN_DISC_INLINE __u64 vn_disc_spread_ns(const struct vn_disc_env *env, __u32 kind, __u32 block, __u64 mean_ns,
				       __u64 sigma_ns, __u64 draw)
{
	const __s16 *table;
	__u64 off;
	__u32 n = 0;
	int negative;

	if (!sigma_ns)
		return mean_ns;
	table = kind == VN_DIST_UNIFORM ? (const __s16 *)0 : vn_disc_table(env, kind, block, &n);
	if (table) {
		__s32 t = table[vn_rng_below(draw, n)];
		__u64 size = (__u64)(t < 0 ? -t : t);

		negative = t < 0;
		off = (sigma_ns / VN_DIST_SCALE) * size +
		      ((sigma_ns % VN_DIST_SCALE) * size + VN_DIST_SCALE / 2) / VN_DIST_SCALE;
	} else {
		__u64 pos = vn_rng_below(draw, 2 * sigma_ns + 1);

		negative = pos < sigma_ns;
		off = negative ? sigma_ns - pos : pos - sigma_ns;
	}
	if (!negative)
		return mean_ns + off;
	return mean_ns > off ? mean_ns - off : 0;
}

VN_DISC_INLINE __u64 vn_disc_delay_ns(const struct vn_disc *d, const struct vn_disc_env *env, __u64 draw)
{
	return vn_disc_spread_ns(env, d->dist, d->dist_block, d->delay_ns, d->jitter_ns, draw);
}

enum vn_loss_state {
	VN_LOSS_GAP = 1,   /* received, in a gap between bursts of loss; Gilbert-Elliott: good */
	VN_LOSS_BURST = 2, /* received, within a burst; Gilbert-Elliott: bad */
	VN_LOSS_LOST = 3,  /* lost, within a burst */
	VN_LOSS_ALONE = 4, /* lost alone, within a gap */
};

/*
 * One step of the four-state chain (S. Salsano, F. Ludovici, A. Ordine, "Definition of a general and intuitive loss
 * model for packet networks", 2009; tc-netem(8) `loss state`): the frame's fate is that of the state it leads to. The
 * unit interval is split into the transitions of a row, the rest stays. netem compares with gaps: a draw that equals a
 * bound falls between two branches and delivers the frame without a step, even out of state 3, where it must be lost.
 */
VN_DISC_INLINE int vn_disc_loss_4state(const struct vn_disc *d, struct vn_disc_state *s, __u64 draw)
{
	__u32 p13 = d->loss_p[0], p31 = d->loss_p[1], p32 = d->loss_p[2], p23 = d->loss_p[3], p14 = d->loss_p[4];
	__u32 state = s->loss_state;

	if (state == VN_LOSS_BURST) {
		if (vn_rng_chance(draw, p23))
			state = VN_LOSS_LOST;
	} else if (state == VN_LOSS_LOST) {
		if (vn_rng_chance(draw, p32))
			state = VN_LOSS_BURST;
		else if (vn_rng_chance(draw, p32 + p31))
			state = VN_LOSS_GAP;
	} else if (state == VN_LOSS_ALONE) {
		state = VN_LOSS_GAP;
	} else {
		state = VN_LOSS_GAP;
		if (vn_rng_chance(draw, p14))
			state = VN_LOSS_ALONE;
		else if (vn_rng_chance(draw, p14 + p13))
			state = VN_LOSS_LOST;
	}
	s->loss_state = state;
	return state >= VN_LOSS_LOST;
}

/*
 * Gilbert-Elliott (tc-netem(8) `loss gemodel`): the state that the frame meets loses it with probability 1-k (good) or
 * 1-h (bad); then the chain steps, good to bad with p, bad to good with r.
 */
VN_DISC_INLINE int vn_disc_loss_gemodel(const struct vn_disc *d, struct vn_disc_state *s, __u64 draw, __u64 step)
{
	int bad = s->loss_state == VN_LOSS_BURST;
	int lost = vn_rng_chance(draw, d->loss_p[bad ? 2 : 3]);

	if (vn_rng_chance(step, d->loss_p[bad ? 1 : 0]))
		bad = !bad;
	s->loss_state = bad ? VN_LOSS_BURST : VN_LOSS_GAP;
	return lost;
}

VN_DISC_INLINE int vn_disc_loses(const struct vn_disc *d, struct vn_disc_state *s, __u64 index)
{
	if (d->loss_model == VN_LOSS_STATE)
		return vn_disc_loss_4state(d, s, vn_rng_draw(d->key, index, VN_DRAW_LOSS));
	if (d->loss_model == VN_LOSS_GEMODEL)
		return vn_disc_loss_gemodel(d, s, vn_rng_draw(d->key, index, VN_DRAW_LOSS),
					    vn_rng_draw(d->key, index, VN_DRAW_LOSS_STATE));
	return d->loss_ppb && vn_rng_chance(vn_disc_draw(d, s, index, VN_DRAW_LOSS, d->loss_corr_ppb), d->loss_ppb);
}

/* Frames since the last reordered one are counted; from the gap-th on each is a candidate, as in netem. */
VN_DISC_INLINE int vn_disc_reorders(const struct vn_disc *d, struct vn_disc_state *s, __u64 index)
{
	if (!d->reorder_ppb)
		return 0;
	if ((__u64)s->reorder_count + 1 >= d->reorder_gap &&
	    vn_rng_chance(vn_disc_draw(d, s, index, VN_DRAW_REORDER, d->reorder_corr_ppb), d->reorder_ppb)) {
		s->reorder_count = 0;
		return 1;
	}
	s->reorder_count += s->reorder_count != ~0u;
	return 0;
}

/* Functions of time: delay, rate, slots. */

/* The queue and its server: when a frame of @bytes departs; 0: there is no room for it. */
VN_DISC_INLINE int vn_disc_serve(const struct vn_disc *d, struct vn_disc_state *s, __u64 bytes, __u64 index,
				 struct vn_fate *f)
{
	__u64 arrival_ns = f->depart_ns;
	__u64 rate_bps = d->rate_bps < VN_DISC_RATE_MAX ? d->rate_bps : VN_DISC_RATE_MAX;
	__u64 serve_ns = vn_disc_serve_ns((__u32)bytes, rate_bps, index);

	if (s->next_free_ns > arrival_ns) {
		if (d->limit_bytes &&
		    s->next_free_ns - arrival_ns + serve_ns > vn_disc_limit_ns(d->limit_bytes, rate_bps))
			return 0;
		f->depart_ns = s->next_free_ns;
	}
	f->depart_ns += serve_ns;
	s->next_free_ns = f->depart_ns;
	return 1;
}

/*
 * Slots (tc-netem(8) `slot`): frames leave in bunches at the beginning of a slot, as many as its budget of packets and
 * bytes allows; a slot whose budget is spent is followed by the next one a drawn time later, and so is one that began
 * before the frame is due. Returns when the frame leaves that is due at @due_ns.
 *
 * netem decides when it dequeues; here it is decided at arrival, in the order of arrivals. With jitter that makes a
 * difference: a frame that is due earlier than one before it does not take that one's place in an earlier slot. Times
 * are 64 bits wide: netem's even choice overflows beyond 2.1 s.
 */
VN_DISC_INLINE __u64 vn_disc_slot(const struct vn_disc *d, struct vn_disc_state *s, const struct vn_disc_env *env,
				  const struct vn_disc_in *in, __u64 due_ns, __u64 draw)
{
	int past = s->slot_next_ns < due_ns;

	if (past || !s->slot_packets_left || !s->slot_bytes_left) {
		__u64 begin_ns = past ? due_ns : s->slot_next_ns;
		__u64 wait_ns = d->slot_min_ns;

		if (d->slot_dist)
			wait_ns = vn_disc_spread_ns(env, d->slot_dist - 1, d->slot_dist_block, d->slot_min_ns,
						    d->slot_max_ns, draw);
		else if (d->slot_max_ns > d->slot_min_ns)
			wait_ns += vn_rng_below(draw, d->slot_max_ns - d->slot_min_ns + 1);
		s->slot_next_ns = begin_ns + wait_ns;
		s->slot_packets_left = d->slot_packets ? d->slot_packets : ~0u;
		s->slot_bytes_left = d->slot_bytes ? d->slot_bytes : ~0u;
	}
	if (d->slot_packets)
		s->slot_packets_left -= s->slot_packets_left < in->segs ? s->slot_packets_left : in->segs;
	if (d->slot_bytes)
		s->slot_bytes_left -= s->slot_bytes_left < in->len ? s->slot_bytes_left : in->len;
	return s->slot_next_ns;
}

VN_DISC_INLINE void vn_disc_drop(struct vn_fate *f, __u32 cause)
{
	f->verdict = VN_VERDICT_DROP;
	f->cause = cause;
}

/* It leaves at @release_ns; what comes later can be told to keep behind it. */
VN_DISC_INLINE void vn_disc_release(struct vn_disc_state *s, __u64 arrival_ns, __u64 release_ns, struct vn_fate *f)
{
	if (release_ns > s->last_release_ns)
		s->last_release_ns = release_ns;
	f->release_ns = release_ns;
	f->cause = 0;
	f->verdict = release_ns > arrival_ns ? VN_VERDICT_HOLD : VN_VERDICT_PASS;
}

/*
 * A discipline without any of the words beyond struct vn_disc's first 64 bytes: most are, and these need no more than
 * one cache line of it and one of the state. Whoever keeps a copy of a discipline says so there once, by
 * vn_disc_prepare(); the flag never stands in a map.
 */
#define VN_DISC_PLAIN (1u << 31)

VN_DISC_INLINE int vn_disc_is_plain(const struct vn_disc *d)
{
	return d->loss_model == VN_LOSS_RANDOM && d->dist != VN_DIST_TABLE && !d->delay_corr_ppb && !d->loss_corr_ppb &&
	       !d->dup_ppb && !d->corrupt_ppb && !d->reorder_ppb && !d->overhead && !d->cell_bytes && !d->trace_block &&
	       !(d->flags & (VN_DISC_ECN | VN_DISC_ORDER_KEEP | VN_DISC_SLOT));
}

VN_DISC_INLINE void vn_disc_prepare(struct vn_disc *d)
{
	d->flags = (d->flags & ~VN_DISC_PLAIN) | (vn_disc_is_plain(d) ? VN_DISC_PLAIN : 0);
}

VN_DISC_INLINE void vn_disc_apply_plain(const struct vn_disc *d, struct vn_disc_state *s, const struct vn_disc_env *env,
					const struct vn_disc_in *in, __u64 index, struct vn_fate *f)
{
	if (d->loss_ppb && vn_rng_chance(vn_rng_draw(d->key, index, VN_DRAW_LOSS), d->loss_ppb)) {
		vn_disc_drop(f, VN_EDROP_LOSS);
		return;
	}
	if ((d->limit_packets && s->held_packets >= d->limit_packets) ||
	    (d->rate_bps && !vn_disc_serve(d, s, vn_disc_wire_bytes(in), index, f))) {
		vn_disc_drop(f, VN_EDROP_LIMIT);
		return;
	}
	vn_disc_release(s, in->arrival_ns,
			f->depart_ns + (d->jitter_ns
						? vn_disc_delay_ns(d, env, vn_rng_draw(d->key, index, VN_DRAW_JITTER))
						: d->delay_ns),
			f);
}

/* What is decided by chance alone, before queue and clock have a say; for the frame and for its copy. */
struct vn_disc_chance {
	__u64 delay_ns[2];
	__u64 slot_draw[2];
};

/* Returns how many fates there are. */
VN_DISC_INLINE __u32 vn_disc_choose(const struct vn_disc *d, struct vn_disc_state *s, const struct vn_disc_env *env,
				    const struct vn_disc_in *in, __u64 index, struct vn_disc_chance *c,
				    struct vn_fate f[2])
{
	__u64 jitter = 0;
	__u32 n = 1;

	if (d->corrupt_ppb &&
	    vn_rng_chance(vn_disc_draw(d, s, index, VN_DRAW_CORRUPT, d->corrupt_corr_ppb), d->corrupt_ppb)) {
		f[0].flags |= VN_FATE_CORRUPT;
		f[0].corrupt_bit =
			(__u32)vn_rng_below(vn_rng_draw(d->key, index, VN_DRAW_CORRUPT_BIT), (__u64)in->len * 8);
	}
	if (vn_disc_reorders(d, s, index)) {
		f[0].flags |= VN_FATE_REORDERED;
		c->delay_ns[0] = 0;
	} else {
		if (d->jitter_ns)
			jitter = vn_disc_draw(d, s, index, VN_DRAW_JITTER, d->delay_corr_ppb);
		c->delay_ns[0] = vn_disc_delay_ns(d, env, jitter);
	}
	c->slot_draw[0] = d->flags & VN_DISC_SLOT ? vn_rng_draw(d->key, index, VN_DRAW_SLOT) : 0;
	if (!d->dup_ppb || !vn_rng_chance(vn_disc_draw(d, s, index, VN_DRAW_DUPLICATE, d->dup_corr_ppb), d->dup_ppb))
		return n;
	n = 2;
	f[1] = f[0];
	f[1].flags = VN_FATE_COPY | (f[0].flags & VN_FATE_MARK);
	f[1].corrupt_bit = 0;
	if (f[0].flags & VN_FATE_REORDERED || !d->delay_corr_ppb ||
	    !vn_rng_chance(vn_rng_draw(d->key, index, VN_DRAW_COPY_REPEAT), d->delay_corr_ppb))
		jitter = vn_rng_draw(d->key, index, VN_DRAW_COPY_JITTER);
	c->delay_ns[1] = vn_disc_delay_ns(d, env, jitter);
	c->slot_draw[1] = vn_rng_draw(d->key, index, VN_DRAW_COPY_SLOT);
	return n;
}

#ifndef __bpf__
/* The server of a trace, in the place of vn_disc_serve(). */
VN_DISC_INLINE int vn_disc_serve_trace(const struct vn_trace *t, const struct vn_disc *d, struct vn_disc_state *s,
				       const struct vn_disc_in *in, __u64 index, struct vn_fate *f)
{
	__u64 depart_ns;

	if (t->opp) {
		const __u32 eth = 14;
		__u32 bytes = in->len > eth ? in->len - eth : 0;

		if (in->segs > 1 && in->hdr_len > eth)
			bytes += (in->segs - 1) * (in->hdr_len - eth);
		depart_ns = vn_trace_opp_depart(t, s, in->arrival_ns, bytes, d->limit_bytes);
	} else {
		double fraction = (double)((index * VN_GOLDEN_GAMMA) >> 32) / 4294967296.0;

		depart_ns =
			vn_trace_rate_depart(t, s, in->arrival_ns, vn_disc_rate_bytes(d, in), d->limit_bytes, fraction);
	}
	if (depart_ns == VN_TRACE_NEVER)
		return 0;
	f->depart_ns = depart_ns;
	return 1;
}
#endif

/* Queue, server and release of one fate; @held: frames of the direction that are held in front of it. */
VN_DISC_INLINE void vn_disc_enqueue(const struct vn_disc *d, struct vn_disc_state *s, const struct vn_disc_env *env,
				    const struct vn_disc_in *in, const struct vn_trace *t, __u64 index, __u64 held,
				    __u64 delay_ns, __u64 slot_draw, struct vn_fate *f)
{
	__u64 release_ns;
	int room = !d->limit_packets || held < d->limit_packets;

#ifndef __bpf__
	if (room && t)
		room = vn_disc_serve_trace(t, d, s, in, index, f);
	else
#else
	(void)t;
#endif
		if (room && d->rate_bps)
		room = vn_disc_serve(d, s, vn_disc_rate_bytes(d, in), index, f);
	if (!room) {
		vn_disc_drop(f, VN_EDROP_LIMIT);
		return;
	}
	release_ns = f->depart_ns + delay_ns;
	/* netem's reordered frames pass by the slots, too: they would not overtake anything otherwise */
	if (d->flags & VN_DISC_SLOT && !(f->flags & VN_FATE_REORDERED))
		release_ns = vn_disc_slot(d, s, env, in, release_ns, slot_draw);
	if (d->flags & VN_DISC_ORDER_KEEP && release_ns < s->last_release_ns)
		release_ns = s->last_release_ns;
	vn_disc_release(s, in->arrival_ns, release_ns, f);
}

VN_DISC_INLINE __u32 vn_disc_apply_all(const struct vn_disc *d, struct vn_disc_state *s, const struct vn_disc_env *env,
				       const struct vn_disc_in *in, const struct vn_trace *t, __u64 index,
				       struct vn_fate f[2])
{
	struct vn_disc_chance c = {0};
	__u32 n;

	if (vn_disc_loses(d, s, index)) {
		if (!(d->flags & VN_DISC_ECN) || !in->ect) {
			vn_disc_drop(f, VN_EDROP_LOSS);
			return 1;
		}
		f->flags = VN_FATE_MARK;
	}
	n = vn_disc_choose(d, s, env, in, index, &c, f);
	vn_disc_enqueue(d, s, env, in, t, index, s->held_packets, c.delay_ns[0], c.slot_draw[0], &f[0]);
	if (n > 1)
		vn_disc_enqueue(d, s, env, in, t, index, s->held_packets + (f[0].verdict == VN_VERDICT_HOLD),
				c.delay_ns[1], c.slot_draw[1], &f[1]);
	return n;
}

/**
 * vn_disc_apply() - the fate of one frame
 * @d:   the direction's discipline; a consistent copy
 * @s:   its state. All but held_packets and held_bytes advances here; those are the caller's (vn_disc_held(),
 *       vn_disc_released())
 * @env: tables
 * @in:  the frame
 * @f:   receives the verdict, or the two of a frame that is duplicated
 * Return: number of fates, 1 or 2
 *
 * In this order:
 *  1. The frame takes a number, whatever becomes of it (a GSO frame as many as it stands for).
 *  2. Loss. A lost frame never enters the queue and does not occupy the rate server (netem draws loss before it
 *     enqueues); it is not duplicated either, while in netem one of the two survives: what is lost is what was asked
 *     for. With `ecn` a frame that can be marked is marked instead and goes on like any other.
 *  3. Corruption (one bit of the frame, Ethernet header included), the choice to reorder, jitter, duplication. All that
 *     is drawn is drawn up to here: which frames it befalls depends on the key and the sequence of frames alone, never
 *     on time, queue or load. A copy is not corrupted and not reordered; it has a jitter of its own.
 *  4. limit_packets, against the frames held now (netem's `limit`: those in the rate queue and those in flight). Unlike
 *     in netem, reordered frames count and are dropped like all others, and so are copies.
 *  5. limit_bytes, against the queue in front of the rate server: what is still to be sent at the frame's arrival,
 *     the rest of the frame being sent included, plus the frame itself, in wire bytes (tc-tbf(8)'s `limit`). An idle
 *     server takes a frame of any length, so a small limit throttles and never blocks.
 *  6. Rate: depart = max(arrival, next_free) + wire bytes * 8 / rate. A virtual clock: no timer, exact over any run.
 *     Every frame passes it, copies and reordered ones included (netem's reordered frames escape it). Or the trace.
 *  7. Delay and jitter after departure; a reordered frame skips both. Jitter may reorder frames, as in netem, unless
 *     `order keep` says otherwise. Slots last.
 */
VN_DISC_INLINE __u32 vn_disc_apply(const struct vn_disc *d, struct vn_disc_state *s, const struct vn_disc_env *env,
				   const struct vn_disc_in *in, struct vn_fate f[2])
{
	__u64 index = s->index;

	s->index = index + in->segs;
	f->depart_ns = in->arrival_ns;
	f->release_ns = in->arrival_ns;
	f->flags = 0;
	f->corrupt_bit = 0;
	if (d->flags & VN_DISC_PLAIN) {
		vn_disc_apply_plain(d, s, env, in, index, f);
		return 1;
	}
#ifndef __bpf__
	if (d->trace_block) {
		struct vn_trace t;
		struct vn_disc now;

		if (vn_trace_get(env->arena, d, &t)) {
			vn_trace_adopt(s, d);
			if (t.opp)
				return vn_disc_apply_all(d, s, env, in, &t, index, f);
			now = *d;
			vn_trace_override(&t, in->arrival_ns, &now);
			return vn_disc_apply_all(&now, s, env, in, t.columns & VN_TRACE_RATE ? &t : (void *)0, index,
						 f);
		}
	}
#endif
	return vn_disc_apply_all(d, s, env, in, (const struct vn_trace *)0, index, f);
}

/* The caller keeps a frame of @len bytes; and lets it go again. */
VN_DISC_INLINE void vn_disc_held(struct vn_disc_state *s, __u32 len)
{
	s->held_packets++;
	s->held_bytes += len;
}

VN_DISC_INLINE void vn_disc_released(struct vn_disc_state *s, __u32 len)
{
	s->held_packets--;
	s->held_bytes -= len;
}

#endif
