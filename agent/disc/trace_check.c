// SPDX-License-Identifier: GPL-2.0-only
/* A trace beside the discipline that names it: what contradicts, what follows, and where it stands. */
#include "disc/disc_internal.h"

#define WINDOW_NS (100 * VN_NSEC_PER_MSEC)

static const uint64_t *opps_of(const struct vn_arena_block *b)
{
	return (const uint64_t *)(b + 1);
}

static const struct vn_trace_row *rows_of(const struct vn_arena_block *b)
{
	return (const struct vn_trace_row *)(b + 1);
}

static bool gives(const struct vn_arena_block *b, uint32_t column)
{
	return b->kind == VN_ARENA_OPPS ? column == VN_TRACE_RATE : b->columns & column;
}

/* Opportunity @i of the trace and its first repetition. */
static uint64_t opp_at(const struct vn_arena_block *b, uint64_t i)
{
	return i < b->n ? opps_of(b)[i] : b->period_ns + opps_of(b)[i - b->n];
}

/* The most opportunities within any @window_ns, which @loop lets reach over the end into the next pass. */
static uint64_t most_opps(const struct vn_arena_block *b, uint64_t window_ns, bool loop)
{
	uint64_t passes = loop ? window_ns / b->period_ns : 0, peak = 0, first = 0;

	/* Whole passes hold all, wherever they begin: what is left is shorter than one. */
	window_ns -= passes * b->period_ns;
	for (uint64_t i = 0; i < (loop ? 2ULL : 1ULL) * b->n && window_ns; i++) {
		if (i >= b->n && opps_of(b)[i - b->n] >= window_ns)
			break;
		while (opp_at(b, i) - opp_at(b, first) >= window_ns)
			first++;
		peak = VN_MAX(peak, i - first + 1);
	}
	return passes * b->n + peak;
}

uint64_t vn_trace_peak_bps(const struct vn_arena_block *b, bool loop)
{
	uint64_t peak = 0;

	if (b->kind == VN_ARENA_OPPS)
		return most_opps(b, WINDOW_NS, loop) * VN_TRACE_OPP_BYTES * 8 * (VN_NSEC_PER_SEC / WINDOW_NS);
	for (uint32_t i = 0; i < b->n; i++)
		peak = VN_MAX(peak, rows_of(b)[i].rate_bps);
	return peak;
}

uint64_t vn_trace_mean_delay_ns(const struct vn_arena_block *b, bool linear)
{
	const struct vn_trace_row *row = rows_of(b);
	unsigned __int128 sum = 0;

	if (b->kind != VN_ARENA_TABLE || !gives(b, VN_TRACE_DELAY))
		return 0;
	if (!b->period_ns)
		return row[0].delay_ns;
	for (uint32_t i = 0; i + 1 < b->n; i++) {
		uint64_t twice = row[i].delay_ns + (linear ? row[i + 1].delay_ns : row[i].delay_ns);

		sum += (unsigned __int128)twice * (row[i + 1].time_ns - row[i].time_ns);
	}
	return (uint64_t)(sum / 2 / b->period_ns);
}

/* What the trace drives is not given beside it. */
static int check_both(const struct vn_disc *d, const struct vn_arena_block *b, struct vn_err *err)
{
	const struct {
		uint32_t column;
		bool there;
		const char *word;
	} words[] = {{VN_TRACE_DELAY, d->delay_ns, "delay"},
		     {VN_TRACE_JITTER, d->jitter_ns, "jitter"},
		     {VN_TRACE_RATE, d->rate_bps, "rate"},
		     {VN_TRACE_LOSS, vn_disc_has_loss(d), "loss"},
		     {VN_TRACE_LIMIT, d->limit_packets || !(d->flags & VN_DISC_LIMIT_AUTO), "limit"}};

	for (size_t i = 0; i < VN_ARRAY_SIZE(words); i++) {
		if (words[i].there && gives(b, words[i].column))
			return vn_err_usage(err, "%s: the trace '%s' gives it: write `%s %s`, or `trace off`",
					    words[i].word, b->name, words[i].word, i == 4 ? "auto" : "0");
	}
	return 0;
}

/* What says something about another word finds it here or in the trace. */
static int check_bases(const struct vn_disc *d, const struct vn_arena_block *b, struct vn_err *err)
{
	bool delay = d->delay_ns || d->jitter_ns || gives(b, VN_TRACE_DELAY) || gives(b, VN_TRACE_JITTER);
	bool rate = d->rate_bps || gives(b, VN_TRACE_RATE);
	const struct {
		bool wrong;
		const char *word, *base;
	} words[] = {
		{(d->dist || d->delay_corr_ppb) && !d->jitter_ns && !gives(b, VN_TRACE_JITTER), "distribution",
		 "jitter"},
		{d->flags & VN_DISC_ECN && !vn_disc_has_loss(d) && !gives(b, VN_TRACE_LOSS), "ecn", "loss"},
		{d->reorder_ppb && !delay, "reorder", "delay"},
		{(d->overhead || d->cell_bytes) && !rate, "overhead", "rate"},
		{d->limit_bytes && !(d->flags & VN_DISC_LIMIT_AUTO) && !rate, "limit", "rate"},
	};

	for (size_t i = 0; i < VN_ARRAY_SIZE(words); i++) {
		if (words[i].wrong)
			return vn_err_usage(err, "%s: there is no %s, and the trace '%s' has none", words[i].word,
					    words[i].base, b->name);
	}
	return 0;
}

int vn_trace_check(const struct vn_disc *d, const struct vn_arena_block *b, struct vn_err *err)
{
	int r;

	if (b->kind == VN_ARENA_OPPS && d->flags & VN_DISC_TRACE_LINEAR)
		return vn_err_usage(err,
				    "trace: '%s' has delivery opportunities: nothing lies between them, "
				    "leave `linear` out",
				    b->name);
	if (b->kind == VN_ARENA_OPPS && (d->overhead || d->cell_bytes))
		return vn_err_usage(err,
				    "%s: an opportunity of the trace '%s' carries %u bytes of IP packets, "
				    "whatever a frame counts",
				    d->overhead ? "overhead" : "cell", b->name, VN_TRACE_OPP_BYTES);
	if (d->flags & VN_DISC_TRACE_LOOP && !b->period_ns)
		return vn_err_usage(err, "trace: '%s' has one row: nothing to loop", b->name);
	r = check_both(d, b, err);
	return r < 0 ? r : check_bases(d, b, err);
}

void vn_trace_complete(struct vn_disc *d, const struct vn_arena_block *b, uint32_t mtu)
{
	uint64_t delay = 0, jitter = 0, rate = d->rate_bps;

	if (d->flags & VN_DISC_TRACE_AUTO) {
		d->flags &= ~(uint32_t)VN_DISC_TRACE_LOOP;
		d->flags |= b->kind == VN_ARENA_OPPS ? VN_DISC_TRACE_LOOP : 0;
	}
	if (!(d->flags & VN_DISC_LIMIT_AUTO))
		return;
	for (uint32_t i = 0; b->kind == VN_ARENA_TABLE && i < b->n; i++) {
		delay = VN_MAX(delay, rows_of(b)[i].delay_ns);
		jitter = VN_MAX(jitter, rows_of(b)[i].jitter_ns);
	}
	if (gives(b, VN_TRACE_RATE))
		rate = vn_trace_peak_bps(b, d->flags & VN_DISC_TRACE_LOOP);
	d->limit_bytes = 0;
	if (rate)
		d->limit_bytes =
			vn_disc_auto_limit(rate, d->delay_ns + d->jitter_ns + delay + jitter, d->limit_packets, mtu);
}

/* How many of @n elements are at or before @time. */
static uint32_t count_until(const struct vn_arena_block *b, uint64_t time)
{
	uint32_t low = 0, high = b->n;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if ((b->kind == VN_ARENA_OPPS ? opps_of(b)[mid] : rows_of(b)[mid].time_ns) <= time)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* @a + (@b - @a) * @part / @whole */
static uint64_t between(uint64_t a, uint64_t b, uint64_t part, uint64_t whole)
{
	__extension__ __int128 v = ((__int128)b - a) * part / whole;

	return (uint64_t)((__int128)a + v);
}

static struct vn_trace_row row_at(const struct vn_arena_block *b, uint32_t i, uint64_t time, bool linear)
{
	const struct vn_trace_row *a = &rows_of(b)[i], *z = a + 1;
	struct vn_trace_row row = *a;

	if (!linear || i + 1 >= b->n)
		return row;
	row.delay_ns = between(a->delay_ns, z->delay_ns, time - a->time_ns, z->time_ns - a->time_ns);
	row.jitter_ns = between(a->jitter_ns, z->jitter_ns, time - a->time_ns, z->time_ns - a->time_ns);
	row.rate_bps = between(a->rate_bps, z->rate_bps, time - a->time_ns, z->time_ns - a->time_ns);
	row.loss_ppb = (uint32_t)between(a->loss_ppb, z->loss_ppb, time - a->time_ns, z->time_ns - a->time_ns);
	row.limit_bytes = between(a->limit_bytes, z->limit_bytes, time - a->time_ns, z->time_ns - a->time_ns);
	row.limit_packets =
		(uint32_t)between(a->limit_packets, z->limit_packets, time - a->time_ns, z->time_ns - a->time_ns);
	return row;
}

void vn_trace_at(const struct vn_disc *d, const struct vn_arena_block *b, uint64_t now_ns,
		 struct vn_trace_position *ret_pos)
{
	uint64_t since = now_ns > d->trace_start_ns ? now_ns - d->trace_start_ns : 0;
	struct vn_trace_position p = {.time_ns = since};
	uint32_t n;

	if (since >= b->period_ns && (!(d->flags & VN_DISC_TRACE_LOOP) || !b->period_ns)) {
		p.time_ns = b->period_ns;
		p.ended = true;
	} else if (b->period_ns) {
		p.loops = since / b->period_ns;
		p.time_ns = since % b->period_ns;
	}
	n = count_until(b, p.time_ns);
	p.index = b->kind == VN_ARENA_OPPS ? VN_MIN(n, b->n - 1) : n ? n - 1 : 0;
	if (b->kind == VN_ARENA_TABLE)
		p.row = row_at(b, p.index, p.time_ns, d->flags & VN_DISC_TRACE_LINEAR);
	*ret_pos = p;
}
