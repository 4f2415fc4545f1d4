/* SPDX-License-Identifier: GPL-2.0-only */
#include "measure/probe_plan.h"

#include <disc/discipline.h>
#include <base/util.h>

#include "measure/stat.h"
#include "measure/verdict.h"

#define TIME_MIN_NS   (2 * VN_NSEC_PER_SEC)
#define TIME_MAX_NS   (20 * VN_NSEC_PER_SEC)
#define PPS_ONE       10000.0 /* of one direction */
#define PPS_PLAIN     1000.0  /* of one with nothing to count */
#define PROBES_MIN    (2.0 * VN_VERIFY_FRAMES_MIN)
#define EVENTS        (2.0 * VN_VERIFY_EVENTS_MIN)
#define COUNTED_MAX   40000.0 /* what needs more is bounded instead ... */
#define BOUNDING      10000.0 /* ... by so many: 99.9 % sure that it is below 0.08 % */
#define BURST_NS      VN_NSEC_PER_SEC
#define BURST_FAST_NS (150 * VN_NSEC_PER_MSEC) /* enough from FAST_BPS on */
#define FAST_BPS      50000000u
#define BURST_MIN     150u
#define BURST_GAP_MIN 9500u /* ns: 105,000 a second */
#define BURST_REST_NS (20 * VN_NSEC_PER_MSEC)
#define BURST_FRAMES  400u
#define FRAME_MAX     1514u

uint64_t vn_rate_bits(const struct vn_disc *d, uint32_t len)
{
	const struct vn_disc_in in = {.len = len, .segs = 1};

	return vn_disc_rate_bytes(d, &in) * 8;
}

uint64_t vn_rate_serve_ns(const struct vn_disc *d, uint32_t len)
{
	return d->rate_bps ? vn_rate_bits(d, len) * VN_NSEC_PER_SEC / d->rate_bps : 0;
}

bool vn_probe_burst_is_short(const struct vn_disc *d, const struct vn_probe_job *j)
{
	return j->burst_gap_ns * 100 > vn_rate_serve_ns(d, j->burst_len) * 95;
}

static double to_count(double p, double worth)
{
	double rare = VN_MIN(p, 1 - p), n;

	if (rare <= 0 || worth <= 0)
		return 0;
	n = EVENTS / rare;
	return VN_MIN((n <= COUNTED_MAX ? n : BOUNDING) / worth, VN_PROBES_MAX);
}

/* So many that the rarest of what @d does can be counted, or bounded. */
static double probes_for(const struct vn_disc *d)
{
	double n = PROBES_MIN, loss = 0, worth = 1;

	if (vn_stat_disc_loss(d, &loss, &worth) == 0 && !d->trace_block)
		n = VN_MAX(n, to_count(loss, worth));
	n = VN_MAX(n, to_count((double)d->dup_ppb / VN_PPB_ONE, vn_stat_corr_worth(d->dup_corr_ppb)));
	n = VN_MAX(n, to_count((double)d->corrupt_ppb / VN_PPB_ONE, vn_stat_corr_worth(d->corrupt_corr_ppb)));
	return VN_MAX(n, to_count(vn_stat_disc_reorder(d), vn_stat_corr_worth(d->reorder_corr_ppb)));
}

/* None of them is to wait for another. */
static uint64_t gap_min(const struct vn_disc *d)
{
	uint64_t gap = VN_MAX((uint64_t)(1e9 / PPS_ONE), 2 * vn_rate_serve_ns(d, VN_PROBE_LEN_MIN));

	if (d->limit_packets)
		gap = VN_MAX(gap, 2 * (d->delay_ns + d->jitter_ns) / d->limit_packets);
	return gap;
}

static uint64_t time_needed(const struct vn_disc *const *disc, size_t n)
{
	double all = 0, longest = 0;

	for (size_t i = 0; i < n; i++) {
		if (!disc[i])
			continue;
		all += probes_for(disc[i]);
		longest = VN_MAX(longest, probes_for(disc[i]) * (double)gap_min(disc[i]));
	}
	longest = VN_MAX(longest, all / VN_PROBE_PPS * 1e9);
	return (uint64_t)VN_MIN(VN_MAX(longest, (double)TIME_MIN_NS), (double)TIME_MAX_NS);
}

/* A second, to have them all within @time_ns. */
static double pps_needed(const struct vn_disc *d, uint64_t time_ns)
{
	return VN_MIN(probes_for(d) * 1e9 / (double)time_ns, PPS_ONE);
}

static void plan_probes(const struct vn_disc *d, uint64_t time_ns, double pps, struct vn_probe_job *j)
{
	j->len = VN_PROBE_LEN_MIN;
	j->gap_ns = VN_MAX((uint64_t)(1e9 / pps), gap_min(d));
	j->n = (uint32_t)VN_MIN(time_ns / j->gap_ns, VN_PROBES_MAX);
	j->wait_ns =
		d->delay_ns + 5 * d->jitter_ns + d->slot_max_ns + vn_rate_serve_ns(d, j->len) + 100 * VN_NSEC_PER_MSEC;
}

/* A quarter more than the rate, in frames short enough for some hundreds of them. */
static void plan_burst(const struct vn_disc *d, uint64_t time_ns, bool own_time, struct vn_probe_job *j)
{
	uint64_t bytes, queue_ns, least = BURST_MIN * vn_rate_serve_ns(d, VN_PROBE_LEN_MIN);

	if (!d->rate_bps || d->trace_block)
		return;
	j->burst_ns = d->rate_bps < FAST_BPS ? BURST_NS : BURST_FAST_NS;
	if (own_time)
		j->burst_ns = VN_MIN(j->burst_ns, time_ns / 2);
	else
		j->burst_ns = VN_MIN(VN_MAX(j->burst_ns, least), TIME_MAX_NS / 2);
	bytes = d->rate_bps / 8 * j->burst_ns / VN_NSEC_PER_SEC / BURST_FRAMES;
	j->burst_len =
		(uint32_t)VN_MIN(VN_MAX(bytes, VN_PROBE_LEN_MIN + VN_WIRE_OVERHEAD) - VN_WIRE_OVERHEAD, FRAME_MAX);
	j->burst_gap_ns = VN_MAX(vn_rate_serve_ns(d, j->burst_len) * 4 / 5, BURST_GAP_MIN);
	queue_ns = d->limit_bytes ? d->limit_bytes * 8 * VN_NSEC_PER_SEC / d->rate_bps : VN_NSEC_PER_SEC;
	j->wait_ns += VN_MIN(queue_ns, VN_NSEC_PER_SEC);
}

/* One after the other, but as many together as the fastest one alone would send. */
static void line_up(struct vn_probe_job *jobs, size_t n)
{
	uint64_t at = 0, end = 0;
	double pps = 0;

	for (size_t i = 0; i < n; i++) {
		struct vn_probe_job *j = &jobs[i];
		double own = j->burst_ns ? 1e9 / (double)j->burst_gap_ns : 0;

		if (!j->burst_ns)
			continue;
		if (pps + own > 1e9 / BURST_GAP_MIN && pps > 0) {
			at = end + BURST_REST_NS;
			pps = 0;
		}
		pps += own;
		j->burst_at_ns = at;
		end = VN_MAX(end, at + j->burst_ns);
	}
}

void vn_probe_plan(const struct vn_disc *const *disc, struct vn_probe_job *jobs, size_t n, uint64_t time_ns)
{
	uint64_t span = time_ns ? time_ns : time_needed(disc, n);
	double needed = 0, less, more;
	size_t active = 0;

	for (size_t i = 0; i < n; i++) {
		active += disc[i] != NULL;
		needed += disc[i] ? pps_needed(disc[i], span) : 0;
	}
	if (!active)
		return;
	/* What is left over makes the times of all better known. */
	less = needed > VN_PROBE_PPS ? VN_PROBE_PPS / needed : 1;
	more = needed < VN_PROBE_PPS ? VN_MIN((VN_PROBE_PPS - needed) / (double)active, PPS_PLAIN) : 0;
	for (size_t i = 0; i < n; i++) {
		if (!disc[i])
			continue;
		plan_probes(disc[i], span, VN_MIN(pps_needed(disc[i], span) * less + more, PPS_ONE), &jobs[i]);
		plan_burst(disc[i], span, time_ns != 0, &jobs[i]);
	}
	line_up(jobs, n);
}
