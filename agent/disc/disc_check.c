// SPDX-License-Identifier: GPL-2.0-only
/* What a discipline as a whole may be, and what follows from it. */
#include <inttypes.h>

#include <disc/rng.h>

#include "disc/disc_internal.h"

const char *const vn_dist_words[] = {[VN_DIST_UNIFORM] = "uniform",
				     [VN_DIST_NORMAL] = "normal",
				     [VN_DIST_PARETO] = "pareto",
				     [VN_DIST_PARETONORMAL] = "paretonormal",
				     [VN_DIST_TABLE] = NULL};
const char *const vn_loss_words[] = {
	[VN_LOSS_RANDOM] = "random", [VN_LOSS_STATE] = "state", [VN_LOSS_GEMODEL] = "gemodel", NULL};
const char *const vn_holder_words[] = {
	[VN_HOLDER_AUTO] = "auto", [VN_HOLDER_PRECISE] = "precise", [VN_HOLDER_BULK] = "bulk", NULL};

const char *vn_duration(char *buf, uint64_t ns)
{
	static const struct {
		uint64_t ns;
		const char *unit;
	} units[] = {{86400 * VN_NSEC_PER_SEC, "days"},
		     {3600 * VN_NSEC_PER_SEC, "h"},
		     {60 * VN_NSEC_PER_SEC, "min"},
		     {VN_NSEC_PER_SEC, "s"}};
	size_t i = 0;

	while (i + 1 < VN_ARRAY_SIZE(units) && ns < units[i].ns)
		i++;
	snprintf(buf, VN_DURATION_BUF, "%.3g %s", (double)ns / (double)units[i].ns, units[i].unit);
	return buf;
}

/* A trace may give any of them: with one, only its contents can tell. */
static bool may_have(const struct vn_disc *d, bool here)
{
	return here || d->trace_name || d->trace_block;
}

static bool bytes_limited(const struct vn_disc *d)
{
	return d->limit_bytes && !(d->flags & VN_DISC_LIMIT_AUTO);
}

void vn_disc_settle(struct vn_disc *d, vn_disc_given_t given)
{
	if (!may_have(d, d->jitter_ns)) {
		d->delay_corr_ppb = 0;
		if (!vn_disc_is_given(given, "distribution"))
			d->dist = d->dist_name = d->dist_block = 0;
	}
	if (!d->loss_ppb)
		d->loss_corr_ppb = 0;
	if (!may_have(d, vn_disc_has_loss(d)) && !vn_disc_is_given(given, "ecn"))
		d->flags &= ~(uint32_t)VN_DISC_ECN;
	if (!d->dup_ppb)
		d->dup_corr_ppb = 0;
	if (!d->corrupt_ppb)
		d->corrupt_corr_ppb = 0;
	if (!may_have(d, d->delay_ns || d->jitter_ns) && !vn_disc_is_given(given, "reorder"))
		d->reorder_ppb = 0;
	if (!d->reorder_ppb) {
		d->reorder_corr_ppb = 0;
		if (!vn_disc_is_given(given, "gap"))
			d->reorder_gap = 0;
	} else if (!d->reorder_gap) {
		d->reorder_gap = 1;
	}
	if (!may_have(d, d->rate_bps)) {
		if (!vn_disc_is_given(given, "overhead"))
			d->overhead = 0;
		if (!vn_disc_is_given(given, "cell")) {
			d->cell_bytes = 0;
			d->cell_overhead = 0;
		}
		if (bytes_limited(d) && !vn_disc_is_given(given, "limit")) {
			d->limit_bytes = 0;
			d->flags |= VN_DISC_LIMIT_AUTO;
		}
	}
	if (d->limit_packets && !vn_disc_is_given(given, "limit")) {
		struct vn_disc rest = *d;

		rest.limit_packets = 0;
		if (!vn_disc_is_held(&rest))
			d->limit_packets = 0;
	}
}

static int check_ranges(const struct vn_disc *d, struct vn_err *err)
{
	const uint32_t chances[] = {d->loss_ppb,         d->delay_corr_ppb, d->loss_corr_ppb,
				    d->dup_ppb,          d->dup_corr_ppb,   d->corrupt_ppb,
				    d->corrupt_corr_ppb, d->reorder_ppb,    d->reorder_corr_ppb};
	const uint64_t times[] = {d->delay_ns,    d->jitter_ns,  d->slot_min_ns,
				  d->slot_max_ns, d->flap_up_ns, d->flap_down_ns};

	for (size_t i = 0; i < VN_ARRAY_SIZE(times); i++) {
		if (times[i] > VN_DELAY_MAX_NS)
			return vn_err_usage(err, "a time is over an hour");
	}
	for (size_t i = 0; i < VN_ARRAY_SIZE(chances); i++) {
		if (chances[i] > VN_PPB_ONE)
			return vn_err_usage(err, "a probability is over 100%%");
	}
	for (size_t i = 0; i < VN_LOSS_PARAMS; i++) {
		if (d->loss_p[i] > VN_PPB_ONE)
			return vn_err_usage(err, "loss: a probability is over 100%%");
	}
	if (d->rate_bps && (d->rate_bps < VN_RATE_MIN_BPS || d->rate_bps > VN_RATE_MAX_BPS))
		return vn_err_usage(err, "rate: %llu bit/s is out of range", (unsigned long long)d->rate_bps);
	if (d->police_bps && (d->police_bps < VN_RATE_MIN_BPS || d->police_bps > VN_RATE_MAX_BPS))
		return vn_err_usage(err, "police: %llu bit/s is out of range", (unsigned long long)d->police_bps);
	if (d->dist >= VN_DIST_KINDS || d->slot_dist > VN_DIST_KINDS || d->loss_model > VN_LOSS_GEMODEL ||
	    d->holder > VN_HOLDER_BULK)
		return vn_err_usage(err, "an unknown distribution, loss model or holder");
	if ((d->dist == VN_DIST_TABLE && !d->dist_name) || (d->slot_dist == VN_DIST_TABLE + 1 && !d->slot_dist_name))
		return vn_err_usage(err, "a distribution's file has no name");
	return 0;
}

static int check_limit(const struct vn_disc *d, struct vn_err *err)
{
	struct vn_disc rest = *d;
	char limit[VN_UNIT_BUF], rate[VN_UNIT_BUF], t[VN_DURATION_BUF];
	unsigned __int128 ns;

	rest.limit_packets = 0;
	if (d->limit_packets && !vn_disc_is_held(&rest))
		return vn_err_usage(err, "limit: nothing is held on a link without delay or rate: "
					 "give one, or `limit auto`");
	if (!bytes_limited(d))
		return 0;
	if (d->limit_bytes < VN_LIMIT_BYTES_MIN || d->limit_bytes > VN_LIMIT_BYTES_MAX)
		return vn_err_usage(err, "limit: %llu bytes is out of range", (unsigned long long)d->limit_bytes);
	if (d->limit_packets)
		return vn_err_usage(err, "limit: packets or a size, not both");
	if (!may_have(d, d->rate_bps))
		return vn_err_usage(err, "limit: a size bounds the queue in front of a rate, and there is none: "
					 "give a rate, a limit in packets, or `limit auto`");
	ns = d->rate_bps ? (unsigned __int128)d->limit_bytes * 8 * VN_NSEC_PER_SEC / d->rate_bps : 0;
	if (ns > VN_QUEUE_MAX_NS)
		return vn_err_usage(err, "limit: %s at a rate of %s is a queue of %s: at most an hour",
				    vn_format_size(limit, d->limit_bytes), vn_format_rate(rate, d->rate_bps),
				    vn_duration(t, ns > UINT64_MAX ? UINT64_MAX : (uint64_t)ns));
	return 0;
}

/* Words that say something about another word. */
static int check_bases(const struct vn_disc *d, struct vn_err *err)
{
	if (d->dist && !may_have(d, d->jitter_ns))
		return vn_err_usage(err, "distribution: there is no jitter that it could spread: "
					 "write `delay TIME JITTER distribution ...`");
	if (d->flags & VN_DISC_ECN && !may_have(d, vn_disc_has_loss(d)))
		return vn_err_usage(err, "ecn: there is no loss that it could mark instead: write `loss P ecn`");
	if (d->reorder_ppb && !may_have(d, d->delay_ns || d->jitter_ns))
		return vn_err_usage(err, "reorder: there is no delay that a frame could skip: give a `delay`");
	if (d->reorder_gap && !d->reorder_ppb)
		return vn_err_usage(err, "gap: there is no reorder that it could space: write `reorder P gap N`");
	if (d->reorder_ppb && d->flags & VN_DISC_ORDER_KEEP)
		return vn_err_usage(err, "reorder: contradicts `order keep`: one lets frames overtake, one does not");
	if (d->overhead && !may_have(d, d->rate_bps))
		return vn_err_usage(err, "overhead: there is no rate that it could count for");
	if (d->cell_bytes && !may_have(d, d->rate_bps))
		return vn_err_usage(err, "cell: there is no rate that it could count for");
	if ((d->loss_corr_ppb && !d->loss_ppb) || (d->dup_corr_ppb && !d->dup_ppb) ||
	    (d->corrupt_corr_ppb && !d->corrupt_ppb) || (d->reorder_corr_ppb && !d->reorder_ppb) ||
	    (d->delay_corr_ppb && !may_have(d, d->jitter_ns)) || (d->cell_overhead && !d->cell_bytes))
		return vn_err_usage(err, "a correlation, or an overhead of cells, has nothing that it belongs to");
	return 0;
}

static int check_slot_flap_police(const struct vn_disc *d, struct vn_err *err)
{
	if (!(d->flags & VN_DISC_SLOT) !=
	    !(d->slot_min_ns || d->slot_max_ns || d->slot_packets || d->slot_bytes || d->slot_dist))
		return vn_err_usage(err, "slot: parts of one that is off");
	if (d->flags & VN_DISC_SLOT && !d->slot_dist && d->slot_min_ns > d->slot_max_ns)
		return vn_err_usage(err, "slot: the least time is over the most");
	if (!d->flap_up_ns != !d->flap_down_ns)
		return vn_err_usage(err, "flap: one of two times is missing");
	if (d->flap_up_ns && d->flags & VN_DISC_DOWN)
		return vn_err_usage(err, "flap: contradicts `state down`: set one of them off");
	if (!d->police_bps != !d->police_burst_bytes || (d->police_bps && d->police_burst_bytes < VN_LIMIT_BYTES_MIN))
		return vn_err_usage(err, "police: a rate and a burst of at least a frame belong together");
	return 0;
}

/* The bulk holder keeps GSO frames whole: what looks at single frames is beyond it. */
static int check_holder(const struct vn_disc *d, struct vn_err *err)
{
	const struct {
		bool there;
		const char *word;
	} not_bulk[] = {{d->jitter_ns, "jitter"},
			{vn_disc_has_loss(d), "loss"},
			{d->dup_ppb, "duplicate"},
			{d->corrupt_ppb, "corrupt"},
			{d->reorder_ppb, "reorder"},
			{d->overhead, "overhead"},
			{d->cell_bytes, "cell"},
			{d->flags & VN_DISC_SLOT, "slot"},
			{d->trace_name || d->trace_block, "trace"}};

	for (size_t i = 0; d->holder == VN_HOLDER_BULK && i < VN_ARRAY_SIZE(not_bulk); i++) {
		if (not_bulk[i].there)
			return vn_err_usage(err,
					    "holder: bulk serves delay, rate and limit only, not %s: "
					    "use `holder precise`, or auto",
					    not_bulk[i].word);
	}
	return 0;
}

int vn_disc_check(const struct vn_disc *d, struct vn_err *err)
{
	static int (*const checks[])(const struct vn_disc *d, struct vn_err *err) = {
		check_ranges, check_bases, check_limit, check_slot_flap_police, check_holder};
	int r = 0;

	for (size_t i = 0; r == 0 && i < VN_ARRAY_SIZE(checks); i++)
		r = checks[i](d, err);
	return r;
}

uint64_t vn_disc_key(uint64_t seed, const char *topo, const char *link, int dir)
{
	uint64_t h = vn_fnv1a(vn_fnv1a(vn_fnv1a(VN_FNV_INIT, topo), "/"), link);

	/* One step of SplitMix64: its increment, then its output function. */
	return vn_mix64((h ^ seed) + (uint64_t)dir + VN_GOLDEN_GAMMA);
}

/* How long a burst the automatic limit takes beside what the delay itself keeps on the wire. */
#define QUEUE_NS         (50 * VN_NSEC_PER_MSEC)
#define QUEUE_FRAMES_MIN 32

uint64_t vn_disc_auto_limit(uint64_t rate_bps, uint64_t delay_ns, uint32_t limit_packets, uint32_t mtu)
{
	uint64_t frame = (uint64_t)mtu + 14 + VN_WIRE_OVERHEAD, limit;

	limit = (uint64_t)((unsigned __int128)rate_bps * (delay_ns + QUEUE_NS) / 8 / VN_NSEC_PER_SEC);
	limit = VN_MAX(limit, QUEUE_FRAMES_MIN * frame);
	/* A limit in packets is to be what binds. */
	return VN_MAX(limit, limit_packets * frame);
}

void vn_disc_complete(struct vn_disc *d, const char *topo, const char *link, int dir, uint64_t topo_seed, uint32_t mtu)
{
	bool traced = may_have(d, false);

	if (!d->limit_bytes)
		d->flags |= VN_DISC_LIMIT_AUTO;
	if (d->flags & VN_DISC_LIMIT_AUTO && !traced)
		d->limit_bytes = 0;
	if (d->rate_bps && d->flags & VN_DISC_LIMIT_AUTO && !traced)
		d->limit_bytes = vn_disc_auto_limit(d->rate_bps, d->delay_ns + d->jitter_ns, d->limit_packets, mtu);
	if (d->flags & VN_DISC_SEED_AUTO)
		d->seed = topo_seed;
	d->key = vn_disc_key(d->seed, topo, link, dir);
}

size_t vn_disc_files(const struct vn_disc *d, struct vn_disc_file ret_files[VN_DISC_FILES])
{
	size_t n = 0;

	if (d->dist == VN_DIST_TABLE)
		ret_files[n++] = (struct vn_disc_file){d->dist_name, true, offsetof(struct vn_disc, dist_block)};
	if (d->slot_dist == VN_DIST_TABLE + 1)
		ret_files[n++] =
			(struct vn_disc_file){d->slot_dist_name, true, offsetof(struct vn_disc, slot_dist_block)};
	if (d->trace_name)
		ret_files[n++] = (struct vn_disc_file){d->trace_name, false, offsetof(struct vn_disc, trace_block)};
	return n;
}
