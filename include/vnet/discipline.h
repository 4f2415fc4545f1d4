/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * The discipline of a link direction: THE definition of what happens to a frame, one pure function over plain structs.
 * Users: the engine (holds and releases), BPF programs on devices that cannot hold (they drop), the unit tests.
 * Integers of at most 64 bits, no signed division, no loop: fit for BPF.
 *
 * Words and semantics follow tc-netem(8) and net/sched/sch_netem.c; where this differs, it is said at the place.
 */
#ifndef VNET_DISCIPLINE_H
#define VNET_DISCIPLINE_H

#include <vnet/abi_disc.h>
#include <vnet/abi_engine.h>
#include <vnet/dist.h>
#include <vnet/rng.h>

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
 * @len:        bytes of the frame, or super-frame, from its Ethernet header on, without FCS
 * @segs:       frames it stands for; 1 but for super-frames
 * @hdr_len:    of a super-frame: header bytes that each of its frames repeats
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
 * @arena: as mapped (include/vnet/abi_arena.h), or NULL
 */
struct vn_disc_env {
	const struct vn_dist *dist[VN_DIST_KINDS];
	const __u8 *arena;
};

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
static inline __u32 vn_wire_bytes(__u32 len)
{
	const __u32 fcs = 4, shortest = 64;
	__u32 frame = len + fcs < shortest ? shortest : len + fcs;

	return frame + VN_WIRE_OVERHEAD - fcs;
}

/* The same of all frames that @in stands for; their padding is not looked at when there are several. */
static inline __u32 vn_disc_wire_bytes(const struct vn_disc_in *in)
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
static inline __u64 vn_disc_serve_ns(__u32 wire_bytes, __u64 rate_bps, __u64 index)
{
	__u64 bit_ns = (__u64)wire_bytes * 8 * VN_DISC_NSEC_PER_SEC;
	__u64 ns = bit_ns / rate_bps, rest = bit_ns - ns * rate_bps;
	__u64 weyl = (index * VN_GOLDEN_GAMMA) >> 44; /* 20 bits */

	return ns + (rest > (weyl * rate_bps) >> 20);
}

/* The time that a full queue of @limit_bytes represents at @rate_bps. */
static inline __u64 vn_disc_limit_ns(__u64 limit_bytes, __u64 rate_bps)
{
	if (limit_bytes > VN_DISC_LIMIT_MAX)
		limit_bytes = VN_DISC_LIMIT_MAX;
	return limit_bytes * 8 * VN_DISC_NSEC_PER_SEC / rate_bps;
}

/**
 * vn_disc_delay_ns() - delay and jitter of one frame
 * @normal: table of the normal distribution; NULL: every distribution is uniform
 *
 * Uniform: all values from -jitter to +jitter equally likely, ends included. Normal: jitter is the standard deviation,
 * as in sch_netem.c tabledist(). The sum is never negative: what would be early is released at once, as netem does, so
 * a jitter that reaches beyond the delay raises the mean.
 */
static inline __u64 vn_disc_delay_ns(const struct vn_disc *d, const struct vn_dist *normal, __u64 draw)
{
	__u64 off;
	int negative;

	if (!d->jitter_ns)
		return d->delay_ns;
	if (d->dist == VN_DIST_NORMAL && normal) {
		__s32 t = normal->table[draw >> (64 - VN_DIST_BITS)];
		__u64 size = (__u64)(t < 0 ? -t : t);

		negative = t < 0;
		off = (d->jitter_ns / VN_DIST_SCALE) * size +
		      ((d->jitter_ns % VN_DIST_SCALE) * size + VN_DIST_SCALE / 2) / VN_DIST_SCALE;
	} else {
		__u64 pos = vn_rng_below(draw, 2 * d->jitter_ns + 1);

		negative = pos < d->jitter_ns;
		off = negative ? d->jitter_ns - pos : pos - d->jitter_ns;
	}
	if (!negative)
		return d->delay_ns + off;
	return d->delay_ns > off ? d->delay_ns - off : 0;
}

/**
 * vn_disc_apply() - the fate of one frame
 * @d:          the direction's discipline; a consistent copy
 * @s:          its state. The index and the virtual clock advance here; held_packets and held_bytes are the caller's
 *              (vn_disc_held(), vn_disc_released())
 * @env:        tables
 * @in:         the frame
 * @f:          receives the verdict, or the two of a frame that is duplicated
 * Return:      number of fates, 1 or 2
 *
 * In this order:
 *  1. The frame takes a number, whatever becomes of it: the same key and the same sequence of frames meet the same
 *     fates, however the other parameters are set.
 *  2. Loss. A lost frame never enters the queue and does not occupy the rate server (netem draws loss before it
 *     enqueues).
 *  3. limit_packets, against the frames held now (netem's `limit`: those in the rate queue and those in flight).
 *  4. limit_bytes, against the queue in front of the rate server: what is still to be sent at the frame's arrival,
 *     the rest of the frame being sent included, plus the frame itself, in wire bytes (tc-tbf(8)'s `limit`). An idle
 *     server takes a frame of any length, so a small limit throttles and never blocks.
 *  5. Rate: depart = max(arrival, next_free) + wire bytes * 8 / rate. A virtual clock: no timer, exact over any run.
 *  6. Delay and jitter after departure. Jitter may reorder frames, as in netem.
 */
static inline __u32 vn_disc_apply(const struct vn_disc *d, struct vn_disc_state *s, const struct vn_disc_env *env,
				  const struct vn_disc_in *in, struct vn_fate f[2])
{
	__u64 index = s->index, arrival_ns = in->arrival_ns;

	s->index = index + in->segs;
	f->flags = 0;
	f->depart_ns = arrival_ns;
	f->release_ns = arrival_ns;
	f->verdict = VN_VERDICT_DROP;

	f->cause = VN_EDROP_LOSS;
	if (d->loss_ppb && vn_rng_chance(vn_rng_draw(d->key, index, VN_DRAW_LOSS), d->loss_ppb))
		return 1;

	f->cause = VN_EDROP_LIMIT;
	if (d->limit_packets && s->held_packets >= d->limit_packets)
		return 1;
	if (d->rate_bps) {
		__u64 rate_bps = d->rate_bps < VN_DISC_RATE_MAX ? d->rate_bps : VN_DISC_RATE_MAX;
		__u64 serve_ns = vn_disc_serve_ns(vn_disc_wire_bytes(in), rate_bps, index);

		if (s->next_free_ns > arrival_ns) {
			f->depart_ns = s->next_free_ns;
			if (d->limit_bytes &&
			    f->depart_ns - arrival_ns + serve_ns > vn_disc_limit_ns(d->limit_bytes, rate_bps))
				return 1;
		}
		f->depart_ns += serve_ns;
		s->next_free_ns = f->depart_ns;
	}

	f->cause = 0;
	f->release_ns = f->depart_ns + d->delay_ns;
	if (d->jitter_ns)
		f->release_ns = f->depart_ns + vn_disc_delay_ns(d, env->dist[VN_DIST_NORMAL],
								vn_rng_draw(d->key, index, VN_DRAW_JITTER));
	f->verdict = f->release_ns > arrival_ns ? VN_VERDICT_HOLD : VN_VERDICT_PASS;
	return 1;
}

/* The caller keeps a frame of @len bytes; and lets it go again. */
static inline void vn_disc_held(struct vn_disc_state *s, __u32 len)
{
	s->held_packets++;
	s->held_bytes += len;
}

static inline void vn_disc_released(struct vn_disc_state *s, __u32 len)
{
	s->held_packets--;
	s->held_bytes -= len;
}

#endif
