/* SPDX-License-Identifier: GPL-2.0-only */
#include "measure/verdict.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <disc/discipline.h>
#include <disc/hist.h>
#include <base/util.h>

#include "disc/disc_words.h"
#include "measure/stat.h"
#include "model/topo.h"

const char *const vn_judgement_words[] = {[VN_PASSED] = "pass", [VN_UNKNOWN] = "unknown", [VN_FAILED] = "fail"};

static struct vn_verify_row *row_add(struct vn_verify *v, const char *check, bool probe, enum vn_judgement verdict)
{
	/* There are fewer checks than rows; the last row takes what a mistake here would let overflow. */
	struct vn_verify_row *row = &v->rows[v->n < VN_VERIFY_ROWS_MAX ? v->n++ : VN_VERIFY_ROWS_MAX - 1];

	*row = (struct vn_verify_row){.check = check, .probe = probe, .verdict = verdict};
	return row;
}

/* What one source could not say, the other may have: probes of loss for the users' loss ... */
static bool said_elsewhere(const struct vn_verify *v, const struct vn_verify_row *row)
{
	for (size_t i = 0; i < v->n; i++)
		if (v->rows[i].verdict == VN_PASSED && strcmp(v->rows[i].check, row->check) == 0)
			return true;
	return false;
}

enum vn_judgement vn_verify_verdict(const struct vn_verify *v)
{
	enum vn_judgement worst = v->n ? VN_PASSED : VN_UNKNOWN;

	for (size_t i = 0; i < v->n; i++)
		if (v->rows[i].verdict == VN_FAILED || !said_elsewhere(v, &v->rows[i]))
			worst = VN_MAX(worst, v->rows[i].verdict);
	return worst;
}

uint64_t vn_verify_since(uint64_t total, uint64_t mark)
{
	return total > mark ? total - mark : 0;
}

#define PRINT(buf, ...) snprintf((buf), sizeof(buf), __VA_ARGS__)

/* Four significant digits: these are measurements, not settings. */
static const char *percent(char *buf, size_t size, double p)
{
	snprintf(buf, size, "%.4g%%", p * 100);
	return buf;
}

static const char *micros(char *buf, size_t size, int64_t ns)
{
	double v = fabs((double)ns);

	if (v < 1e6)
		snprintf(buf, size, "%.3gus", (double)ns / 1e3);
	else if (v < 1e9)
		snprintf(buf, size, "%.4gms", (double)ns / 1e6);
	else
		snprintf(buf, size, "%.4gs", (double)ns / 1e9);
	return buf;
}

static uint64_t to_ppb(double p)
{
	return (uint64_t)llround(fmin(fmax(p, 0), 1) * VN_PPB_ONE);
}

/*
 * @k of @n frames, each worth @worth independent draws, where @want is the probability asked for: it must lie in the
 * interval around what came out. Within it, few expected events still say nothing, unless the interval is so narrow
 * that what else it may be makes no difference.
 */
static void judge_share(struct vn_verify *v, const char *check, bool probe, uint64_t k, uint64_t n, double want,
			double worth)
{
	struct vn_verify_row *row = row_add(v, check, probe, VN_PASSED);
	double p = n ? (double)k / (double)n : 0, n_eff = (double)n * worth;
	struct vn_interval in = vn_stat_proportion(p * n_eff, n_eff);
	double rare = fmin(want, 1 - want) * n_eff;
	char a[24], b[24], c[24];

	row->has_ppb = true;
	row->n = n;
	row->configured = to_ppb(want);
	row->measured = to_ppb(p);
	row->low = to_ppb(in.low);
	row->high = to_ppb(in.high);
	PRINT(row->found, "%s of %" PRIu64 " frames", percent(a, sizeof(a), p), n);
	PRINT(row->bound, "%s within %s..%s", percent(a, sizeof(a), want), percent(b, sizeof(b), in.low),
	      percent(c, sizeof(c), in.high));
	/* A certainty has no chance to deviate by. */
	if (want <= 0 || want >= 1) {
		if (k != (want <= 0 ? 0 : n))
			row->verdict = VN_FAILED;
		else if (n < VN_VERIFY_EVENTS_MIN)
			row->verdict = VN_UNKNOWN;
	} else if (want < in.low || want > in.high) {
		row->verdict = VN_FAILED;
	} else if (rare < VN_VERIFY_EVENTS_MIN && in.high - in.low > VN_VERIFY_SMALL) {
		row->verdict = VN_UNKNOWN;
	}
	if (row->verdict == VN_PASSED && want > 0 && want < 1 && rare < VN_VERIFY_EVENTS_MIN)
		PRINT(row->note,
		      "too rare to be told from %s by %" PRIu64 " frames, but within the interval, which is narrow; to "
		      "count it takes %.3g frames",
		      want < 0.5 ? "none" : "all", n, VN_VERIFY_EVENTS_MIN / VN_MIN(want, 1 - want) / worth);
	else if (row->verdict == VN_FAILED)
		PRINT(row->note, "the configured value lies outside the 99.9 %% interval of what was measured");
	else if (row->verdict == VN_UNKNOWN)
		PRINT(row->note, "not enough packets to say: %.0f expected events, %u are needed", rare,
		      VN_VERIFY_EVENTS_MIN);
	else if (worth < 1)
		PRINT(row->note, "correlated: the frames are worth %.0f independent ones", n_eff);
}

static bool loses(const struct vn_disc *d)
{
	return d->loss_ppb || d->loss_model != VN_LOSS_RANDOM;
}

static void judge_loss(struct vn_verify *v, bool probe, const struct vn_disc *d, uint64_t lost, uint64_t n)
{
	double want = 0, worth = 1;
	struct vn_verify_row *row;

	if (!loses(d) && !lost)
		return;
	if (!d->trace_block && vn_stat_disc_loss(d, &want, &worth) == 0) {
		judge_share(v, "loss", probe, lost, n, want, worth);
		return;
	}
	row = row_add(v, "loss", probe, VN_UNKNOWN);
	row->n = n;
	PRINT(row->found, "%" PRIu64 " of %" PRIu64 " frames", lost, n);
	PRINT(row->note, d->trace_block ? "the trace sets the loss: no one value to compare with"
					: "this model leaves its first state for good: no one value to compare with");
}

struct times {
	int64_t p50, p90, p99, max;
};

static void judge_times(struct vn_verify *v, const char *check, bool probe, uint64_t n, const struct times *t,
			uint64_t p50_bound, uint64_t p99_bound, uint64_t max_bound)
{
	struct vn_verify_row *row = row_add(v, check, probe, VN_PASSED);
	char a[24], b[24], c[24];

	row->n = n;
	row->has_times = true;
	row->p50_bound_ns = p50_bound;
	row->p99_bound_ns = p99_bound;
	row->max_bound_ns = max_bound;
	PRINT(row->bound, "p50 %s p99 %s", micros(a, sizeof(a), (int64_t)p50_bound),
	      micros(b, sizeof(b), (int64_t)p99_bound));
	if (max_bound)
		snprintf(row->bound + strlen(row->bound), sizeof(row->bound) - strlen(row->bound), " max %s",
			 micros(c, sizeof(c), (int64_t)max_bound));
	if (n) {
		row->p50_ns = t->p50;
		row->p90_ns = t->p90;
		row->p99_ns = t->p99;
		row->max_ns = t->max;
		PRINT(row->found, "p50 %s p99 %s max %s", micros(a, sizeof(a), t->p50), micros(b, sizeof(b), t->p99),
		      micros(c, sizeof(c), t->max));
	} else {
		PRINT(row->found, "-");
	}
	/* One frame that is too late is a fact; that all are in time needs some. */
	if (n && max_bound && t->max > (int64_t)max_bound)
		row->verdict = VN_FAILED;
	else if (n < VN_VERIFY_FRAMES_MIN)
		row->verdict = VN_UNKNOWN;
	else if (t->p50 > (int64_t)p50_bound || t->p99 > (int64_t)p99_bound)
		row->verdict = VN_FAILED;
	if (row->verdict == VN_UNKNOWN)
		PRINT(row->note, "not enough packets to say: %" PRIu64 " frames, %u are needed", n,
		      VN_VERIFY_FRAMES_MIN);
	else if (row->verdict == VN_FAILED)
		PRINT(row->note, "the engine gets too little of its processor, or too many packets");
}

static void judge_hist(struct vn_verify *v, const char *check, bool probe, const __u64 *hist, uint64_t max_ns)
{
	uint64_t n = 0;
	struct times t;

	for (size_t i = 0; i < VN_HIST_BUCKETS; i++)
		n += hist[i];
	/* A bucket's end may lie beyond the worst that was seen. */
	t = (struct times){(int64_t)VN_MIN(vn_hist_percentile(hist, 500000), max_ns),
			   (int64_t)VN_MIN(vn_hist_percentile(hist, 900000), max_ns),
			   (int64_t)VN_MIN(vn_hist_percentile(hist, 990000), max_ns), (int64_t)max_ns};
	judge_times(v, check, probe, n, &t, VN_VERIFY_LATE_P50_NS, VN_VERIFY_LATE_P99_NS, VN_VERIFY_LATE_MAX_NS);
}

static void judge_rate(struct vn_verify *v, bool probe, uint64_t rate_bps, uint64_t bits, uint64_t ns, bool least)
{
	struct vn_verify_row *row = row_add(v, "rate", probe, VN_UNKNOWN);
	double got = ns ? (double)bits * 1e9 / (double)ns : 0, off;
	double low = (double)rate_bps * (1 - VN_VERIFY_RATE_PPM / 1e6),
	       high = (double)rate_bps * (1 + VN_VERIFY_RATE_PPM / 1e6);
	char a[VN_UNIT_BUF], t[24];

	row->has_rate = true;
	row->configured = rate_bps;
	row->low = (uint64_t)low;
	row->high = (uint64_t)high;
	PRINT(row->bound, "%s +- %.2g%%", vn_format_rate(a, rate_bps), VN_VERIFY_RATE_PPM / 1e4);
	if (!ns) {
		PRINT(row->found, "-");
		PRINT(row->note, "not enough packets to say: the queue was not seen full");
		return;
	}
	off = (got / (double)rate_bps - 1) * 100;
	row->measured = (uint64_t)got;
	PRINT(row->found, "%.5g Mbit/s (%+.3f%%) over %s", got / 1e6, off, micros(t, sizeof(t), (int64_t)ns));
	if (!least) {
		row->verdict = got >= low && got <= high ? VN_PASSED : VN_FAILED;
		return;
	}
	PRINT(row->found, "at least %.5g Mbit/s over %s", got / 1e6, micros(t, sizeof(t), (int64_t)ns));
	row->verdict = got > high ? VN_FAILED : VN_PASSED;
	if (row->verdict == VN_PASSED)
		PRINT(row->note, "faster than probes can be sent: it is not below what was found");
}

const char *vn_overload_text(char *buf, size_t size, uint32_t bits)
{
	size_t len = 0;

	snprintf(buf, size, "none");
#define X(id, word, text)                                                                                              \
	if (bits & 1u << VN_OVERLOAD_##id && len < size)                                                               \
		len += (size_t)snprintf(buf + len, size - len, "%s%s", len ? ", " : "", word);
	VN_OVERLOAD_LIST(X)
#undef X
	return buf;
}

static void judge_overload(struct vn_verify *v, bool probe, uint32_t bits)
{
	/* One frame of millions over 1 ms late sets the bit; how late how many were has bounds of its own. */
	const uint32_t late = 1u << VN_OVERLOAD_LATE;
	struct vn_verify_row *row = row_add(v, "overload", probe, bits & ~late ? VN_FAILED : VN_PASSED);

	vn_overload_text(row->found, sizeof(row->found), bits);
	PRINT(row->bound, "none");
	if (bits == late) {
		PRINT(row->bound, "late");
		PRINT(row->note, "frames released over 1 ms late: judged by the bounds of lateness");
	}
	bits &= ~late;
#define X(id, word, text)                                                                                              \
	if (bits & 1u << VN_OVERLOAD_##id && !row->note[0])                                                            \
		PRINT(row->note, "%s: not to be trusted; `link reset` begins anew", text);
	VN_OVERLOAD_LIST(X)
#undef X
}

static void judge_config(struct vn_verify *v, const struct vn_verify_figures *f)
{
	bool same = memcmp(f->asked, f->in_force, sizeof(*f->asked)) == 0,
	     ok = same && f->path_ok && (f->up || !f->held);
	struct vn_verify_row *row = row_add(v, "config", false, ok ? VN_PASSED : VN_FAILED);

	PRINT(row->found, "%s", ok ? "in force" : "not in force");
	PRINT(row->bound, "in force");
	if (!same)
		PRINT(row->note, "the data path has another discipline than the daemon: `link set` it anew");
	else if (!f->path_ok)
		PRINT(row->note, "the port's entry differs from the topology: apply it again");
	else if (!ok)
		PRINT(row->note, "the engine does not answer: see `vnet-agent doctor`");
}

/* What the link's ends inside the nodes are: no frame arrives at one that is down. */
static void judge_node(struct vn_verify *v, const struct vn_verify_figures *f)
{
	struct vn_verify_row *row = row_add(v, "node", false, *f->node ? VN_FAILED : VN_PASSED);

	PRINT(row->found, "%.*s", (int)sizeof(row->found) - 1, *f->node ? f->node : "as configured");
	PRINT(row->bound, "as configured");
	if (*f->node)
		PRINT(row->note, "apply the topology again, or say `heal: true` in it");
}

/* What no discipline asks for; how many frames that were. */
static uint64_t judge_drops(struct vn_verify *v, bool probe, const struct vn_dir *dir,
			    const struct vn_verify_port *port)
{
	const struct {
		uint64_t n;
		const char *word;
	} bad[] = {{dir->drops[VN_EDROP_MEMORY], "memory"},
		   {dir->drops[VN_EDROP_LOST] + port->engine_down, "engine-down"},
		   {dir->drops[VN_EDROP_TX], "tx"},
		   {dir->drops[VN_EDROP_GONE], "link-gone"},
		   {port->no_peer, "no-peer"},
		   {port->ring_full, "ring-full"},
		   {port->undelivered, "undelivered"}};
	struct vn_verify_row *row = row_add(v, "drops", probe, VN_PASSED);
	size_t len = 0;

	for (size_t i = 0; i < VN_ARRAY_SIZE(bad); i++) {
		row->n += bad[i].n;
		if (bad[i].n && len < sizeof(row->found))
			len += (size_t)snprintf(row->found + len, sizeof(row->found) - len, "%s%s %" PRIu64,
						len ? ", " : "", bad[i].word, bad[i].n);
	}
	PRINT(row->bound, "none but those asked for");
	if (!row->n) {
		PRINT(row->found, "none but those asked for");
		return 0;
	}
	row->verdict = VN_FAILED;
	if (row->n == port->undelivered)
		PRINT(row->note, "the receiving end refused frames: it was down or full, or its MTU is smaller");
	else
		PRINT(row->note, "frames were dropped that the discipline did not ask to be");
	return row->n;
}

/* Whether frames vanish, or appear, that no counter knows of. */
static void judge_balance(struct vn_verify *v, const struct vn_verify_balance *b)
{
	struct vn_verify_row *row = row_add(v, "balance", false, VN_PASSED);

	row->n = b->entered;
	PRINT(row->bound, "none missing");
	if (b->missing == 0) {
		PRINT(row->found, "none missing");
		return;
	}
	if (b->missing < 0) {
		row->verdict = VN_FAILED;
		PRINT(row->found, "%" PRId64 " too many", -b->missing);
		PRINT(row->note, "more frames left, were dropped or are held than entered");
		return;
	}
	if ((uint64_t)b->missing <= b->on_way) {
		PRINT(row->found, "%" PRId64 " on their way", b->missing);
		PRINT(row->bound, "at most %" PRIu64 " on their way", b->on_way);
		return;
	}
	row->verdict = VN_FAILED;
	PRINT(row->found, "%" PRId64 " missing", b->missing);
	PRINT(row->note, "frames entered that neither left nor wait nor count as dropped");
}

static void judge_reorder(struct vn_verify *v, bool probe, const struct vn_disc *d, uint64_t k, uint64_t n)
{
	if (d->reorder_ppb)
		judge_share(v, "reorder", probe, k, n, vn_stat_disc_reorder(d),
			    vn_stat_corr_worth(d->reorder_corr_ppb));
	else if (k)
		judge_share(v, "reorder", probe, k, n, 0, 1);
}

static void judge_event(struct vn_verify *v, const char *check, bool probe, uint32_t ppb, uint32_t corr_ppb, uint64_t k,
			uint64_t n)
{
	if (ppb || k)
		judge_share(v, check, probe, k, n, (double)ppb / VN_PPB_ONE, vn_stat_corr_worth(corr_ppb));
}

/* What the engine measured itself: lateness of every release, and, where frames were sampled, of their whole way. */
static void judge_engine(struct vn_verify *v, bool probe, const struct vn_dir *dir)
{
	uint64_t error[VN_HIST_BUCKETS], errors = 0;
	struct vn_verify_row *row;
	char t[64];

	judge_hist(v, "lateness", probe, (const __u64 *)dir->late_hist, dir->late_max_ns);
	row = &v->rows[v->n - 1];
	if (row->verdict == VN_FAILED && dir->wait_max_ns > VN_VERIFY_WAIT_NS && !row->note[0])
		PRINT(row->note, "frames waited up to %s for the engine: more came than it carries",
		      micros(t, sizeof(t), (int64_t)dir->wait_max_ns));
	for (size_t i = 0; i < VN_HIST_BUCKETS; i++)
		errors += error[i] = dir->error_hist[i];
	/* One frame in many is sampled: a few say nothing that the lateness of all does not, unless they are very late.
	 */
	if (errors >= VN_VERIFY_FRAMES_MIN || dir->error_max_ns > VN_VERIFY_LATE_MAX_NS)
		judge_hist(v, "delay-error", probe, (const __u64 *)error, dir->error_max_ns);
}

void vn_verify_traffic(const struct vn_verify_figures *f, struct vn_verify *v)
{
	const struct vn_disc *d = f->asked;
	const struct vn_dir *dir = f->dir;
	const struct vn_dir_mark *m = &dir->mark;
	uint64_t n = vn_verify_since(dir->in_packets, m->in_packets);
	uint64_t lost = vn_verify_since(dir->drops[VN_EDROP_LOSS] + dir->marked, m->lost);
	uint64_t kept = d->flags & VN_DISC_ECN ? n : vn_verify_since(n, lost);

	judge_config(v, f);
	judge_balance(v, &f->balance);
	judge_node(v, f);
	if (!f->held) {
		judge_drops(v, false, dir, &f->port);
		return;
	}
	/* What befell the engine may have befallen any direction; one of few frames is judged by each of them, or by
	 * probes.
	 */
	judge_overload(v, false, dir->overload | (n >= VN_VERIFY_FRAMES_MIN ? f->engine_overload : 0));
	judge_drops(v, false, dir, &f->port);
	judge_engine(v, false, dir);
	judge_loss(v, false, d, lost, n);
	judge_event(v, "duplicate", false, d->dup_ppb, d->dup_corr_ppb, vn_verify_since(dir->duplicated, m->duplicated),
		    kept);
	judge_event(v, "corrupt", false, d->corrupt_ppb, d->corrupt_corr_ppb,
		    vn_verify_since(dir->corrupted, m->corrupted), kept);
	judge_reorder(v, false, d, vn_verify_since(dir->reordered, m->reordered), kept);
	if (d->rate_bps && !d->trace_block)
		judge_rate(v, false, d->rate_bps, f->rate_bits, f->rate_ns, false);
}

static uint64_t at(const struct vn_verify_probes *p, uint32_t ppm)
{
	size_t i = (size_t)((p->n_delays * (uint64_t)ppm + 999999) / 1000000);

	return p->delay_ns[i ? VN_MIN(i, p->n_delays) - 1 : 0];
}

/* What one probe should have taken, when that is one number. */
static bool fixed_delay(const struct vn_disc *d)
{
	return !d->jitter_ns && !d->reorder_ppb && !(d->flags & VN_DISC_SLOT) && !d->trace_block;
}

static void judge_probe_delay(struct vn_verify *v, const struct vn_disc *d, const struct vn_verify_probes *p)
{
	int64_t want = (int64_t)(d->delay_ns + p->serve_ns);
	struct vn_verify_row *row;
	struct times t = {0};

	if (p->n_delays)
		t = (struct times){(int64_t)at(p, 500000) - want, (int64_t)at(p, 900000) - want,
				   (int64_t)at(p, 990000) - want, (int64_t)at(p, 1000000) - want};
	judge_times(v, "delay", true, p->n_delays, &t, VN_VERIFY_PROBE_P50_NS, VN_VERIFY_PROBE_P99_NS, 0);
	row = &v->rows[v->n - 1];
	/* The probe was stamped before it was sent: it cannot have arrived before its time. */
	if (p->n_delays && (int64_t)p->delay_ns[0] < want) {
		row->verdict = VN_FAILED;
		PRINT(row->note, "a probe came %" PRId64 " ns early", want - (int64_t)p->delay_ns[0]);
	}
}

/*
 * With jitter: the mean must be the delay, give or take what a sample may deviate and what the path adds. Uniform and
 * normal have a known spread; a table's is 1 by construction, of heavy tails a guide only.
 */
static void judge_probe_jitter(struct vn_verify *v, const struct vn_disc *d, const struct vn_verify_probes *p)
{
	double sigma = (double)d->jitter_ns / (d->dist == VN_DIST_UNIFORM ? sqrt(3) : 1), mean = 0, var = 0, slack;
	double n = (double)p->n_delays * vn_stat_corr_worth(d->delay_corr_ppb),
	       want = (double)(d->delay_ns + p->serve_ns);
	struct vn_verify_row *row = row_add(v, "delay", true, VN_PASSED);
	char a[24], b[24], c[24];

	row->n = p->n_delays;
	if (p->n_delays < VN_VERIFY_FRAMES_MIN || n < VN_VERIFY_EVENTS_MIN) {
		row->verdict = VN_UNKNOWN;
		PRINT(row->found, "-");
		PRINT(row->note, "not enough packets to say: %zu frames, %u are needed", p->n_delays,
		      VN_VERIFY_FRAMES_MIN);
		return;
	}
	for (size_t i = 0; i < p->n_delays; i++)
		mean += (double)p->delay_ns[i] / (double)p->n_delays;
	for (size_t i = 0; i < p->n_delays; i++)
		var += ((double)p->delay_ns[i] - mean) * ((double)p->delay_ns[i] - mean) / (double)p->n_delays;
	slack = VN_STAT_Z * sigma / sqrt(n);
	PRINT(row->found, "mean %s, sd %s", micros(a, sizeof(a), (int64_t)mean),
	      micros(b, sizeof(b), (int64_t)sqrt(var)));
	PRINT(row->bound, "mean %s +- %s, sd %s", micros(a, sizeof(a), (int64_t)want),
	      micros(b, sizeof(b), (int64_t)(slack + VN_VERIFY_PROBE_P50_NS)), micros(c, sizeof(c), (int64_t)sigma));
	row->has_times = true;
	row->p50_ns = (int64_t)at(p, 500000);
	row->p90_ns = (int64_t)at(p, 900000);
	row->p99_ns = (int64_t)at(p, 990000);
	row->max_ns = (int64_t)at(p, 1000000);
	/* Where the jitter reaches below zero the mean rises: nothing is sent before it came. */
	if (mean < want - slack || (mean > want + slack + VN_VERIFY_PROBE_P50_NS && 4 * d->jitter_ns <= d->delay_ns))
		row->verdict = VN_FAILED;
	else if (4 * d->jitter_ns <= d->delay_ns && d->dist <= VN_DIST_NORMAL &&
		 fabs(sqrt(var) - sigma) > sigma * 5 / sqrt(2 * n) + VN_VERIFY_PROBE_P50_NS)
		row->verdict = VN_FAILED;
	if (row->verdict == VN_FAILED)
		PRINT(row->note, "outside what a sample of %zu may show", p->n_delays);
}

void vn_verify_probing(const struct vn_disc *d, const struct vn_verify_probes *p, struct vn_verify *v)
{
	uint64_t kept = p->sent > p->lost ? p->sent - p->lost : 0, other;
	struct vn_verify_row *row;

	judge_overload(v, true, p->dir->overload);
	/* Frames that are missing for another reason are not the loss that was set. */
	other = judge_drops(v, true, p->dir, &p->port) + p->dir->drops[VN_EDROP_LIMIT];
	judge_engine(v, true, p->before_burst ? p->before_burst : p->dir);
	if (p->missed) {
		row = row_add(v, "loss", true, VN_UNKNOWN);
		PRINT(row->found, "-");
		PRINT(row->note, "the probes' receiver lost %" PRIu64 " frames itself: try again", p->missed);
	} else {
		judge_loss(v, true, d, p->lost - VN_MIN(p->lost, other), p->sent);
		judge_event(v, "duplicate", true, d->dup_ppb, d->dup_corr_ppb, p->duplicated, kept);
		judge_event(v, "corrupt", true, d->corrupt_ppb, d->corrupt_corr_ppb, p->corrupted, kept);
	}
	if (fixed_delay(d))
		judge_probe_delay(v, d, p);
	else if (!d->reorder_ppb && !(d->flags & (VN_DISC_SLOT | VN_DISC_ORDER_KEEP)) && !d->trace_block)
		judge_probe_jitter(v, d, p);
	/* Who overtakes whom depends on the delays of both; without jitter and the like, order is kept. */
	if (d->reorder_ppb)
		judge_reorder(v, true, d, p->dir->reordered,
			      vn_verify_since(p->dir->in_packets, p->dir->drops[VN_EDROP_LOSS]));
	else if (fixed_delay(d) && p->reordered)
		judge_share(v, "reorder", true, p->reordered, kept, 0, 1);
	if (d->rate_bps && !d->trace_block)
		judge_rate(v, true, d->rate_bps, p->burst_bits, p->burst_ns, p->burst_least);
}
