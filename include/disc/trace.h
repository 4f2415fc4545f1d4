/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Links that change with time: delivery opportunities (Mahimahi's packet-delivery traces) and tables of parameters.
 * Pure functions over blocks of the arena (include/abi/abi_arena.h); user space only, as they search.
 *
 * The position in a trace is time since vn_disc.trace_start_ns and nothing else, so it survives every restart, and
 * directions with the same start run in step. Before the start the position is 0.
 *
 * Opportunities. Each carries up to VN_TRACE_OPP_BYTES of packets (the frame less its Ethernet header, as Mahimahi
 * counts them): several frames share one, a long frame waits for several and leaves with its last byte, and one that
 * comes while nothing waits is wasted. The trace is the rate: vn_disc.rate_bps is not looked at. A trace that does not
 * loop is a link that falls silent: whoever asked for the recorded seconds only must not see more than was recorded;
 * frames that find no opportunity any more are dropped at once as if the queue were full, for it never drains.
 *
 * Tables. The columns that the file has take the place of the discipline's own values, as of each frame's arrival. The
 * rate is the exception: the server integrates it, so a frame that straddles a change leaves when the integral has
 * reached its bits. A rate of 0 in a row is an outage, not the absence of a limit.
 */
#ifndef VNET_DISC_TRACE_H
#define VNET_DISC_TRACE_H

#include <abi/abi_arena.h>
#include <abi/abi_disc.h>
#include <abi/abi_engine.h>

#define VN_TRACE_NEVER     (~0ULL)
#define VN_TRACE_STEPS_MAX 65536u /* rows that one frame may take to be sent: more is as good as never */
#define VN_TRACE_NSEC      1e9

/**
 * struct vn_trace - the trace of a discipline
 * @opp, @row:   its elements; one of the two is NULL
 * @n:           how many
 * @start_ns:    CLOCK_MONOTONIC of position 0
 * @period_ns:   after which it begins again, when @loop
 * @columns:     of a table
 */
struct vn_trace {
	const __u64 *opp;
	const struct vn_trace_row *row;
	__u64 start_ns;
	__u64 period_ns;
	__u32 n;
	__u32 columns;
	__u32 loop;
	__u32 linear;
};

/* The trace of @d in the arena at @base; 0 when it has none that makes sense. */
static inline int vn_trace_get(const __u8 *base, const struct vn_disc *d, struct vn_trace *ret_trace)
{
	const struct vn_arena_block *b = (const struct vn_arena_block *)0;
	const __u64 *opp = (const __u64 *)vn_arena_get(base, d->trace_block, VN_ARENA_OPPS, &b);
	const struct vn_trace_row *row =
		opp ? (const struct vn_trace_row *)0
		    : (const struct vn_trace_row *)vn_arena_get(base, d->trace_block, VN_ARENA_TABLE, &b);

	if (!opp && !row)
		return 0;
	*ret_trace = (struct vn_trace){
		.opp = opp,
		.row = row,
		.start_ns = d->trace_start_ns,
		.period_ns = b->period_ns,
		.n = b->n,
		.columns = b->columns,
		.loop = (d->flags & VN_DISC_TRACE_LOOP) && b->period_ns,
		.linear = d->flags & VN_DISC_TRACE_LINEAR,
	};
	return 1;
}

/* Where the trace is at @t_ns, for people: 0 to period. */
static inline __u64 vn_trace_position_ns(const struct vn_trace *t, __u64 t_ns)
{
	__u64 pos = t_ns > t->start_ns ? t_ns - t->start_ns : 0;

	if (t->loop)
		return pos % t->period_ns;
	return pos < t->period_ns ? pos : t->period_ns;
}

/* The state speaks of another trace: forget it. */
static inline void vn_trace_adopt(struct vn_disc_state *s, const struct vn_disc *d)
{
	__u64 id = d->trace_start_ns * 31 + d->trace_block;

	if (s->trace_id == id)
		return;
	s->trace_id = id;
	s->trace_next = 0;
	s->trace_left = 0;
	s->trace_bits = 0;
}

/* Functions of delivery opportunities. */

/* When opportunity @number since the start is; VN_TRACE_NEVER after the end. */
static inline __u64 vn_trace_opp_ns(const struct vn_trace *t, __u64 number)
{
	if (number < t->n)
		return t->start_ns + t->opp[number];
	if (!t->loop)
		return VN_TRACE_NEVER;
	return t->start_ns + number / t->n * t->period_ns + t->opp[number % t->n];
}

/* Number of the first opportunity at or after @t_ns. */
static inline __u64 vn_trace_opp_first(const struct vn_trace *t, __u64 t_ns)
{
	__u64 pos, lap = 0;
	__u32 low = 0, high = t->n;

	if (t_ns <= t->start_ns)
		return 0;
	pos = t_ns - t->start_ns; /* within its lap: 1 to the period, whose end belongs to it */
	if (t->loop) {
		lap = (pos - 1) / t->period_ns;
		pos -= lap * t->period_ns;
	}
	while (low < high) {
		__u32 mid = low + (high - low) / 2;

		if (t->opp[mid] < pos)
			low = mid + 1;
		else
			high = mid;
	}
	return lap * t->n + low;
}

/**
 * vn_trace_opp_depart() - give a frame its opportunities
 * @bytes:       of IP, all of a GSO frame's frames together
 * @limit_bytes: most that may wait, itself included; in IP bytes here, 0: any. An empty queue takes any frame.
 * Return:       when its last byte leaves; VN_TRACE_NEVER: dropped, nothing changed
 *
 * One binary search for the arrival, then arithmetic.
 */
static inline __u64 vn_trace_opp_depart(const struct vn_trace *t, struct vn_disc_state *s, __u64 arrival_ns,
					__u32 bytes, __u64 limit_bytes)
{
	__u64 first = vn_trace_opp_first(t, arrival_ns), next = s->trace_next, left = s->trace_left, depart_ns;

	if (next <= first) {
		next = first;
		left = 0;
	} else if (limit_bytes && (next - first) * VN_TRACE_OPP_BYTES - left + bytes > limit_bytes) {
		return VN_TRACE_NEVER;
	}
	if (!bytes)
		bytes = 1;
	if (left < bytes) {
		__u64 more = (bytes - left + VN_TRACE_OPP_BYTES - 1) / VN_TRACE_OPP_BYTES;

		next += more;
		left += more * VN_TRACE_OPP_BYTES;
	}
	depart_ns = vn_trace_opp_ns(t, next - 1);
	if (depart_ns == VN_TRACE_NEVER)
		return VN_TRACE_NEVER;
	s->trace_next = next;
	s->trace_left = (__u32)(left - bytes);
	return depart_ns;
}

/* Functions of tables. */

/*
 * A piece of the table between two of its rows: from @t_ns, where the asking began, to @end_ns; VN_TRACE_NEVER: for
 * ever.
 * @from, @to: the rows; the same one where nothing changes
 * @at, @span: how far it is from @from, and how far @to is
 */
struct vn_trace_piece {
	const struct vn_trace_row *from, *to;
	__u64 at, span;
	__u64 end_ns;
};

static inline struct vn_trace_piece vn_trace_piece(const struct vn_trace *t, __u64 t_ns)
{
	struct vn_trace_piece p = {.from = t->row, .to = t->row, .span = 1, .end_ns = t->start_ns};
	__u64 pos, lap_ns = 0;
	__u32 low = 0, high = t->n;

	if (t_ns < t->start_ns)
		return p;
	pos = t_ns - t->start_ns;
	if (t->loop) {
		lap_ns = pos / t->period_ns * t->period_ns;
		pos -= lap_ns;
	}
	/* the last row whose time has come */
	while (high - low > 1) {
		__u32 mid = low + (high - low) / 2;

		if (t->row[mid].time_ns <= pos)
			low = mid;
		else
			high = mid;
	}
	p.from = p.to = &t->row[low];
	p.end_ns = VN_TRACE_NEVER;
	if (low + 1 == t->n)
		return p;
	p.at = pos - p.from->time_ns;
	p.span = p.from[1].time_ns - p.from->time_ns;
	p.end_ns = t->start_ns + lap_ns + p.from[1].time_ns;
	if (t->linear)
		p.to = p.from + 1;
	return p;
}

/* On the straight line from @a to @b. */
static inline __u64 vn_trace_mix(const struct vn_trace_piece *p, __u64 a, __u64 b)
{
	if (a == b)
		return a;
	if (a < b)
		return a + (__u64)((unsigned __int128)(b - a) * p->at / p->span);
	return a - (__u64)((unsigned __int128)(a - b) * p->at / p->span);
}

/* What the table says at @t_ns takes its place in @d; the rate is vn_trace_serve()'s. */
static inline void vn_trace_override(const struct vn_trace *t, __u64 t_ns, struct vn_disc *d)
{
	struct vn_trace_piece p = vn_trace_piece(t, t_ns);

	if (t->columns & VN_TRACE_DELAY)
		d->delay_ns = vn_trace_mix(&p, p.from->delay_ns, p.to->delay_ns);
	if (t->columns & VN_TRACE_JITTER)
		d->jitter_ns = vn_trace_mix(&p, p.from->jitter_ns, p.to->jitter_ns);
	if (t->columns & VN_TRACE_RATE)
		d->rate_bps = vn_trace_mix(&p, p.from->rate_bps, p.to->rate_bps);
	if (t->columns & VN_TRACE_LOSS) {
		d->loss_ppb = (__u32)vn_trace_mix(&p, p.from->loss_ppb, p.to->loss_ppb);
		d->loss_model = VN_LOSS_RANDOM;
	}
	if (t->columns & VN_TRACE_LIMIT) {
		d->limit_bytes = vn_trace_mix(&p, p.from->limit_bytes, p.to->limit_bytes);
		d->limit_packets = (__u32)vn_trace_mix(&p, p.from->limit_packets, p.to->limit_packets);
	}
}

/*
 * Serve @bits from @t_ns on, until @until_ns at the latest. Returns when it stopped and says in *@ret_bits what is left
 * of them; VN_TRACE_NEVER when the link is silent for good, or for more rows than anybody can have meant.
 * @fraction: 0 to 1: how much of the last nanosecond is enough to count it, see vn_disc_serve_ns()
 */
static inline __u64 vn_trace_serve(const struct vn_trace *t, __u64 t_ns, __u64 until_ns, double bits, double fraction,
				   double *ret_bits)
{
	for (__u32 i = 0; i < VN_TRACE_STEPS_MAX && t_ns < until_ns && bits > 0; i++) {
		struct vn_trace_piece p = vn_trace_piece(t, t_ns);
		__u64 end_ns = p.end_ns < until_ns ? p.end_ns : until_ns;
		double r0 = (double)vn_trace_mix(&p, p.from->rate_bps, p.to->rate_bps) / VN_TRACE_NSEC;
		double slope = p.to == p.from ? 0
					      : ((double)p.to->rate_bps - (double)p.from->rate_bps) /
							((double)p.span * VN_TRACE_NSEC);
		double room, root, ns;

		if (end_ns == VN_TRACE_NEVER && r0 <= 0)
			return VN_TRACE_NEVER;
		if (end_ns != VN_TRACE_NEVER) {
			double span = (double)(end_ns - t_ns);

			room = (r0 + slope * span / 2) * span;
			if (room < bits) {
				bits -= room;
				t_ns = end_ns;
				continue;
			}
		}
		/* r0 x + slope x^2 / 2 = bits, solved without cancellation */
		root = r0 * r0 + 2 * slope * bits;
		ns = 2 * bits / (r0 + __builtin_sqrt(root > 0 ? root : 0));
		*ret_bits = 0;
		if (ns > 4e18)
			return VN_TRACE_NEVER;
		t_ns += (__u64)ns;
		return t_ns + (ns - (double)(__u64)ns > fraction);
	}
	*ret_bits = bits;
	return t_ns >= until_ns || bits <= 0 ? t_ns : VN_TRACE_NEVER;
}

/**
 * vn_trace_rate_depart() - give a frame its time at a rate that comes from a table
 * @wire_bytes:  of the frame, overhead and cells included
 * @limit_bytes: longest queue, itself included, 0: any
 * @fraction:    see vn_trace_serve()
 * Return:       when its last bit leaves; VN_TRACE_NEVER: dropped, nothing of the queue changed
 *
 * Bytes that wait are not time that they take when the rate changes, so they are counted, and what was served since the
 * last frame is subtracted: the cost is that of the rows gone by since, and of those that the frame takes.
 */
static inline __u64 vn_trace_rate_depart(const struct vn_trace *t, struct vn_disc_state *s, __u64 arrival_ns,
					 __u64 wire_bytes, __u64 limit_bytes, double fraction)
{
	__u64 begin_ns = arrival_ns, depart_ns;
	double queued = 0, bits = (double)wire_bytes * 8;

	if (s->next_free_ns > arrival_ns) {
		begin_ns = s->next_free_ns;
		queued = (double)s->trace_bits;
		if (s->trace_next < arrival_ns)
			vn_trace_serve(t, s->trace_next, arrival_ns, queued, 0, &queued);
		if (limit_bytes && queued + bits > (double)limit_bytes * 8)
			return VN_TRACE_NEVER;
	}
	depart_ns = vn_trace_serve(t, begin_ns, VN_TRACE_NEVER, bits, fraction, &bits);
	if (depart_ns == VN_TRACE_NEVER)
		return VN_TRACE_NEVER;
	s->trace_next = arrival_ns;
	s->trace_bits = (__u64)(queued + (double)wire_bytes * 8);
	s->next_free_ns = depart_ns;
	return depart_ns;
}

#endif
