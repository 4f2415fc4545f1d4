/* SPDX-License-Identifier: GPL-2.0-only */
/* The statistics of link verify against tabulated and independently simulated values, and its verdicts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include <disc/hist.h>
#include <disc/rng.h>
#include <base/util.h>

#include "disc/disc_words.h"
#include "measure/stat.h"
#include "measure/verdict.h"

#define PPM 1000u /* in parts per billion */

static void assert_near(double got, double want, double off)
{
	if (!(fabs(got - want) <= off))
		print_message("got %.9g, wanted %.9g +- %.3g\n", got, want, off);
	assert_true(fabs(got - want) <= off);
}

/* --- intervals ------------------------------------------------------------------------------------------------------
 */

static void test_beta(void **state)
{
	/* I_x(1, 1) = x; I_x(2, 3) = 6x^2 - 8x^3 + 3x^4; I_1/2(a, a) = 1/2; and both ends. */
	assert_near(vn_stat_beta(1, 1, 0.3), 0.3, 1e-14);
	assert_near(vn_stat_beta(2, 3, 0.4), 6 * 0.16 - 8 * 0.064 + 3 * 0.0256, 1e-14);
	assert_near(vn_stat_beta(500, 500, 0.5), 0.5, 1e-12);
	assert_near(vn_stat_beta(2, 3, 0), 0, 0);
	assert_near(vn_stat_beta(2, 3, 1), 1, 0);
	/* 1 - I_x(a, b) = I_1-x(b, a), across the point where the fraction changes sides */
	for (double x = 0.05; x < 1; x += 0.05)
		assert_near(vn_stat_beta(3.5, 7.25, x) + vn_stat_beta(7.25, 3.5, 1 - x), 1, 1e-12);
}

/* The classical tables of 95 % limits for 10 trials, and the closed forms for none and all. */
static void test_clopper_pearson(void **state)
{
	struct vn_interval i = vn_stat_exact(0, 10, 0.05);

	assert_near(i.low, 0, 0);
	assert_near(i.high, 1 - pow(0.025, 0.1), 1e-10); /* 0.3085 */
	i = vn_stat_exact(1, 10, 0.05);
	assert_near(i.low, 1 - pow(0.975, 0.1), 1e-10); /* 0.0025 */
	assert_near(i.high, 0.4450, 5e-5);
	i = vn_stat_exact(5, 10, 0.05);
	assert_near(i.low, 0.1871, 5e-5);
	assert_near(i.high, 0.8129, 5e-5);
	i = vn_stat_exact(10, 10, 0.05);
	assert_near(i.low, pow(0.025, 0.1), 1e-10);
	assert_near(i.high, 1, 0);
	i = vn_stat_exact(10, 100, 0.05);
	assert_near(i.low, 0.0490, 5e-5);
	assert_near(i.high, 0.1762, 5e-5);
	/* Nothing known. */
	i = vn_stat_exact(0, 0, 0.05);
	assert_near(i.low, 0, 0);
	assert_near(i.high, 1, 0);
}

static void test_wilson(void **state)
{
	/* 10 of 100 at 95 %: 0.0552 .. 0.1744; 0 of 10: 0 .. 0.2775 */
	struct vn_interval i = vn_stat_wilson(10, 100, 1.959963984540054);

	assert_near(i.low, 0.05523, 1e-5);
	assert_near(i.high, 0.17437, 1e-5);
	i = vn_stat_wilson(0, 10, 1.959963984540054);
	assert_near(i.low, 0, 1e-12);
	assert_near(i.high, 0.27753, 1e-5);
}

/* Where one takes over from the other they agree. */
static void test_exact_and_wilson_meet(void **state)
{
	struct vn_interval a = vn_stat_proportion(1e5, 1e7), b = vn_stat_proportion(1e5, 1e7 + 1);

	assert_near(a.low, b.low, (a.high - a.low) / 200);
	assert_near(a.high, b.high, (a.high - a.low) / 200);
}

/* Counters read while they grow: more lost than came. No interval ends above 1, nor takes long. */
static void test_overtaken(void **state)
{
	const double n[] = {1, 100, 2e7};

	for (size_t i = 0; i < VN_ARRAY_SIZE(n); i++) {
		struct vn_interval all = vn_stat_proportion(n[i], n[i]),
				   more = vn_stat_proportion(n[i] * 1.013 + 0.5, n[i]);

		assert_near(more.low, all.low, 0);
		assert_near(more.high, all.high, 0);
		assert_true(more.low >= 0 && more.low < 1 && more.high <= 1);
	}
}

/* --- models of loss -------------------------------------------------------------------------------------------------
 */

/* splitmix64: not the generator under test */
static uint64_t prng;
static double uniform(void)
{
	uint64_t z = prng += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

static uint32_t walk(const struct vn_stat_chain *c, size_t *s)
{
	uint32_t lost = uniform() < c->loss[*s];
	double u = uniform();
	size_t to = 0;

	while (to + 1 < c->n && u >= c->p[*s][to])
		u -= c->p[*s][to++];
	*s = to;
	return lost;
}

/* Mean and variance of many means against what the formula says they are. */
static void check_chain(const struct vn_stat_chain *c)
{
	enum { RUNS = 2000, LEN = 2000 };
	double loss = 0, worth = 0, mean = 0, sq = 0, want_var;
	size_t s = 0;

	assert_int_equal(vn_stat_chain_loss(c, &loss, &worth), 0);
	for (int run = 0; run < RUNS; run++) {
		double m = 0;

		for (int i = 0; i < LEN; i++)
			m += walk(c, &s);
		m /= LEN;
		mean += m / RUNS;
		sq += m * m / RUNS;
	}
	want_var = loss * (1 - loss) / (LEN * worth);
	assert_near(mean, loss, 5 * sqrt(want_var / RUNS));
	/* The variance of RUNS means is known to about 3 %; below 1 is counted as 1. */
	if (worth < 1)
		assert_near((sq - mean * mean) / want_var, 1, 0.2);
	else
		assert_true((sq - mean * mean) / want_var < 1.2);
}

static void test_chains(void **state)
{
	const struct vn_stat_chain gilbert = {.n = 2, .p = {{0.99, 0.01}, {0.1, 0.9}}, .loss = {0.001, 0.6}};
	const struct vn_stat_chain four = {
		.n = 4,
		.p = {{0.94, 0, 0.05, 0.01}, {0, 0.7, 0.3, 0}, {0.2, 0.3, 0.5, 0}, {1, 0, 0, 0}},
		.loss = {0, 0, 1, 1}};
	const struct vn_stat_chain even = {.n = 2, .p = {{0.1, 0.9}, {0.9, 0.1}}, .loss = {0, 1}};

	prng = 1;
	check_chain(&gilbert);
	check_chain(&four);
	check_chain(&even);
}

static void test_gemodel_closed_form(void **state)
{
	struct vn_disc d = {.loss_model = VN_LOSS_GEMODEL, .loss_p = {10000 * PPM, 100000 * PPM, VN_PPB_ONE, 0}};
	double loss = 0, worth = 0;

	/* p 1 % r 10 %, all lost in the bad state: p/(p+r); lambda 0.89: (1-l)/(1+l) */
	assert_int_equal(vn_stat_disc_loss(&d, &loss, &worth), 0);
	assert_near(loss, 1 / 11.0, 1e-12);
	assert_near(worth, 0.11 / 1.89, 1e-9);
	/* It never comes back: no stationary loss that it begins in. */
	d.loss_p[1] = 0;
	assert_int_equal(vn_stat_disc_loss(&d, &loss, &worth), -EDOM);
	/* It never leaves. */
	d.loss_p[0] = 0;
	d.loss_p[3] = 20000 * PPM;
	assert_int_equal(vn_stat_disc_loss(&d, &loss, &worth), 0);
	assert_near(loss, 0.02, 1e-12);
	assert_near(worth, 1, 1e-9);
}

static void test_correlation_and_reorder(void **state)
{
	struct vn_disc d = {.reorder_ppb = 250000 * PPM, .reorder_gap = 5};
	int count = 0, reordered = 0;

	assert_near(vn_stat_corr_worth(0), 1, 0);
	assert_near(vn_stat_corr_worth(500000 * PPM), 1 / 3.0, 1e-12);
	assert_near(vn_stat_disc_reorder(&d), 1 / 8.0, 1e-12);
	prng = 2;
	for (int i = 0; i < 400000; i++) {
		if (count >= 4 && uniform() < 0.25) {
			reordered++;
			count = 0;
		} else {
			count++;
		}
	}
	assert_near(reordered / 400000.0, vn_stat_disc_reorder(&d), 0.003);
	d = (struct vn_disc){.reorder_ppb = 10000 * PPM, .reorder_gap = 1};
	assert_near(vn_stat_disc_reorder(&d), 0.01, 1e-12);
}

/* --- verdicts -------------------------------------------------------------------------------------------------------
 */

struct scene {
	struct vn_dir dir;
	struct vn_disc asked, in_force;
	struct vn_verify_figures f;
	struct vn_verify v;
};

/* A direction that did as it was told: @n frames, released 4 us late, of which @lost were lost. */
static struct scene *scene(uint64_t n, uint64_t lost, struct vn_disc disc)
{
	static struct scene s;

	s = (struct scene){.asked = disc, .in_force = disc};
	s.dir.in_packets = n;
	s.dir.drops[VN_EDROP_LOSS] = lost;
	s.dir.out_packets = n - lost;
	s.dir.late_hist[vn_hist_bucket(4000)] = n - lost;
	s.dir.late_max_ns = n ? 4100 : 0;
	s.f = (struct vn_verify_figures){.node = "",
					 .dir = &s.dir,
					 .asked = &s.asked,
					 .in_force = &s.in_force,
					 .held = true,
					 .path_ok = true,
					 .up = true};
	return &s;
}

static const struct vn_verify_row *row_of(const struct vn_verify *v, const char *check)
{
	for (size_t i = 0; i < v->n; i++)
		if (strcmp(v->rows[i].check, check) == 0)
			return &v->rows[i];
	return NULL;
}

static void assert_verdict(struct scene *s, const char *check, enum vn_judgement want)
{
	const struct vn_verify_row *row;

	s->v.n = 0;
	vn_verify_traffic(&s->f, &s->v);
	row = row_of(&s->v, check);
	assert_non_null(row);
	if (row->verdict != want)
		print_message("%s: %s, found '%s', bound '%s', note '%s'\n", check, vn_judgement_words[row->verdict],
			      row->found, row->bound, row->note);
	assert_int_equal(row->verdict, want);
	assert_int_equal(vn_verify_verdict(&s->v), want);
}

/* A pass without figures has found just what its bound allows. */
static void assert_as_bound(const struct vn_verify *v)
{
	for (size_t i = 0; i < v->n; i++) {
		const struct vn_verify_row *row = &v->rows[i];

		if (row->verdict == VN_PASSED && !row->has_ppb && !row->has_times && !row->has_rate &&
		    !strstr(row->bound, "at most"))
			assert_string_equal(row->found, row->bound);
	}
}

static const struct vn_disc one_percent = {.delay_ns = 10000000, .loss_ppb = 10000 * PPM};

static void test_loss_verdicts(void **state)
{
	struct vn_disc correlated = one_percent, all = one_percent;
	struct scene *s;

	assert_verdict(scene(100000, 1000, one_percent), "loss", VN_PASSED);
	/* 3.3 sigma are 103 frames: inside, outside, on both sides */
	assert_verdict(scene(100000, 1095, one_percent), "loss", VN_PASSED);
	assert_verdict(scene(100000, 1115, one_percent), "loss", VN_FAILED);
	assert_verdict(scene(100000, 905, one_percent), "loss", VN_PASSED);
	assert_verdict(scene(100000, 885, one_percent), "loss", VN_FAILED);
	assert_verdict(scene(100000, 2000, one_percent), "loss", VN_FAILED);
	assert_verdict(scene(100000, 0, one_percent), "loss", VN_FAILED);
	/* Too few to say, but not too few to see that it is wrong. */
	assert_verdict(scene(500, 5, one_percent), "loss", VN_UNKNOWN);
	assert_verdict(scene(500, 50, one_percent), "loss", VN_FAILED);
	/* Correlated losses come in bunches: the same 1300 of 100000 may be chance. */
	correlated.loss_corr_ppb = 900000 * PPM;
	assert_verdict(scene(100000, 1300, one_percent), "loss", VN_FAILED);
	assert_verdict(scene(100000, 1300, correlated), "loss", VN_PASSED);
	/* Losses that nobody asked for; and certainty. */
	assert_verdict(scene(100000, 1, (struct vn_disc){.delay_ns = 1000}), "loss", VN_FAILED);
	all.loss_ppb = VN_PPB_ONE;
	s = scene(1000, 1000, all);
	vn_verify_traffic(&s->f, &s->v);
	assert_int_equal(row_of(&s->v, "loss")->verdict, VN_PASSED);
	/* Nothing came out whose lateness could be judged. */
	assert_int_equal(vn_verify_verdict(&s->v), VN_UNKNOWN);
}

/* What is too rare to be counted passes once it is certainly as rare as to make no difference, and says so. */
static void test_rare_loss(void **state)
{
	struct vn_disc d = {.delay_ns = 1000000, .loss_ppb = 10 * PPM};
	const struct vn_verify_row *row;
	struct scene *s;
	char note[160];

	assert_verdict(scene(2000, 0, d), "loss", VN_UNKNOWN);
	s = scene(10000, 0, d);
	assert_verdict(s, "loss", VN_PASSED);
	row = row_of(&s->v, "loss");
	assert_non_null(row);
	snprintf(note, sizeof(note), "%s", row->note);
	assert_non_null(strstr(note, "too rare"));
	assert_non_null(strstr(note, "1e+06 frames"));
	/* 1 - 0.0005^(1/10000), which is what the bound is */
	assert_near((double)row->high, 759800, 300);
	assert_verdict(scene(10000, 5, d), "loss", VN_FAILED);
	/* Correlated, the same number tells less. */
	d.loss_corr_ppb = 900000 * PPM;
	assert_verdict(scene(10000, 0, d), "loss", VN_UNKNOWN);
}

/* What befell the engine is held against who used it. */
static void test_engine_overload_and_few_frames(void **state)
{
	struct scene *s = scene(99, 0, (struct vn_disc){.delay_ns = 1000});

	s->f.engine_overload = 1u << VN_OVERLOAD_THROTTLED;
	vn_verify_traffic(&s->f, &s->v);
	assert_int_equal(row_of(&s->v, "overload")->verdict, VN_PASSED);
	/* Its own frames are not in time: that fails, however few. */
	s->dir.late_max_ns = 30000000;
	s->v.n = 0;
	vn_verify_traffic(&s->f, &s->v);
	assert_int_equal(vn_verify_verdict(&s->v), VN_FAILED);
}

static void test_only_since_the_mark(void **state)
{
	struct scene *s = scene(300000, 21000, one_percent);

	/* 20 % of the first 100000 went under another discipline */
	s->dir.mark = (struct vn_dir_mark){.since_ns = 1, .in_packets = 200000, .lost = 20000};
	assert_verdict(s, "loss", VN_PASSED);
	s->dir.mark.lost = 0;
	assert_verdict(s, "loss", VN_FAILED);
}

static void test_times(void **state)
{
	struct scene *s = scene(1000, 0, (struct vn_disc){.delay_ns = 1000000});

	assert_verdict(s, "lateness", VN_PASSED);
	s->dir.late_max_ns = 60000000;
	assert_verdict(s, "lateness", VN_FAILED);
	s = scene(1000, 0, (struct vn_disc){.delay_ns = 1000000});
	s->dir.late_hist[vn_hist_bucket(3000000)] = 20;
	s->dir.late_max_ns = 3000000;
	assert_verdict(s, "lateness", VN_FAILED);
	assert_verdict(scene(99, 0, (struct vn_disc){.delay_ns = 1000000}), "lateness", VN_UNKNOWN);
	/* One frame is enough to be too late. */
	s = scene(1, 0, (struct vn_disc){.delay_ns = 1000000});
	s->dir.late_max_ns = 50000000;
	assert_verdict(s, "lateness", VN_FAILED);
	s = scene(1000, 0, (struct vn_disc){.delay_ns = 1000000});
	s->dir.error_hist[vn_hist_bucket(500000)] = 200;
	s->dir.error_max_ns = 500000;
	assert_verdict(s, "delay-error", VN_FAILED);
}

static void test_what_nobody_asked_for(void **state)
{
	static const enum vn_edrop bad[] = {VN_EDROP_MEMORY, VN_EDROP_GONE, VN_EDROP_LOST, VN_EDROP_TX};
	struct scene *s;

	for (size_t i = 0; i < VN_ARRAY_SIZE(bad); i++) {
		s = scene(1000, 0, (struct vn_disc){.delay_ns = 1000});
		s->dir.drops[bad[i]] = 1;
		assert_verdict(s, "drops", VN_FAILED);
	}
	s = scene(1000, 0, (struct vn_disc){.delay_ns = 1000});
	s->dir.drops[VN_EDROP_LIMIT] = 100; /* that is what a limit is for */
	assert_verdict(s, "drops", VN_PASSED);
	assert_as_bound(&s->v);
	s->f.port.engine_down = 3;
	assert_verdict(s, "drops", VN_FAILED);
	s->f.port = (struct vn_verify_port){.ring_full = 1};
	assert_verdict(s, "drops", VN_FAILED);
	s->f.port = (struct vn_verify_port){.undelivered = 1};
	assert_verdict(s, "drops", VN_FAILED);
	s->f.held = false; /* a plain wire delivers, too */
	assert_verdict(s, "drops", VN_FAILED);
	s = scene(1000, 0, (struct vn_disc){.delay_ns = 1000});
	s->f.balance = (struct vn_verify_balance){.entered = 1000};
	assert_verdict(s, "balance", VN_PASSED);
	assert_as_bound(&s->v);
	s->f.balance = (struct vn_verify_balance){.entered = 1000, .missing = 5, .on_way = 5};
	assert_verdict(s, "balance", VN_PASSED);
	s->f.balance.missing = 6;
	assert_verdict(s, "balance", VN_FAILED);
	s->f.balance.missing = -1;
	assert_verdict(s, "balance", VN_FAILED);
	for (uint32_t bit = 0; bit < VN_OVERLOAD_MAX; bit++) {
		s = scene(1000, 0, (struct vn_disc){.delay_ns = 1000});
		/* "late" has its bounds in the lateness. */
		enum vn_judgement want = bit == VN_OVERLOAD_LATE ? VN_PASSED : VN_FAILED;

		s->dir.overload = 1u << bit;
		assert_verdict(s, "overload", want);
		assert_as_bound(&s->v);
		s->dir.overload = 0;
		s->f.engine_overload = 1u << bit;
		assert_verdict(s, "overload", want);
	}
	s = scene(1000, 0, (struct vn_disc){.delay_ns = 1000});
	s->in_force.delay_ns = 2000;
	assert_verdict(s, "config", VN_FAILED);
	s = scene(1000, 0, (struct vn_disc){.delay_ns = 1000});
	s->f.up = false;
	assert_verdict(s, "config", VN_FAILED);
	/* A plain wire needs no engine. */
	s->f.held = false;
	assert_verdict(s, "config", VN_PASSED);
}

static void test_rates(void **state)
{
	const struct vn_disc d = {.rate_bps = 10000000};
	struct scene *s = scene(1000, 0, d);

	assert_verdict(s, "rate", VN_UNKNOWN);
	s->f.rate_ns = 1000000000;
	s->f.rate_bits = 10090000;
	assert_verdict(s, "rate", VN_PASSED);
	s->f.rate_bits = 10110000;
	assert_verdict(s, "rate", VN_FAILED);
	s->f.rate_bits = 9890000;
	assert_verdict(s, "rate", VN_FAILED);
}

static struct vn_verify probed(struct vn_disc d, struct vn_verify_probes p)
{
	struct vn_verify v = {0};
	struct vn_dir dir = {.in_packets = p.sent};

	dir.late_hist[vn_hist_bucket(4000)] = p.sent;
	dir.late_max_ns = 4100;
	p.dir = &dir;
	vn_verify_probing(&d, &p, &v);
	return v;
}

static void test_probes(void **state)
{
	const struct vn_disc d = {.delay_ns = 10000000};
	struct vn_verify_probes p = {.sent = 1000, .n_delays = 1000};
	uint64_t delays[1000];
	struct vn_verify v;

	for (size_t i = 0; i < 1000; i++)
		delays[i] = d.delay_ns + 10000 + i;
	p.delay_ns = delays;
	v = probed(d, p);
	assert_int_equal(vn_verify_verdict(&v), VN_PASSED);
	/* Nothing comes early. */
	delays[0] = d.delay_ns - 1;
	v = probed(d, p);
	assert_int_equal(row_of(&v, "delay")->verdict, VN_FAILED);
	delays[0] = d.delay_ns;
	p.lost = 1;
	v = probed(d, p);
	assert_int_equal(row_of(&v, "loss")->verdict, VN_FAILED);
	p.missed = 1; /* maybe the receiver's fault */
	v = probed(d, p);
	assert_int_equal(row_of(&v, "loss")->verdict, VN_UNKNOWN);
	p.missed = p.lost = 0;
	p.duplicated = 1;
	v = probed(d, p);
	assert_int_equal(row_of(&v, "duplicate")->verdict, VN_FAILED);
	p.duplicated = 0;
	p.reordered = 1;
	v = probed(d, p);
	assert_int_equal(row_of(&v, "reorder")->verdict, VN_FAILED);
}

static int cmp_u64(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void test_probes_with_jitter(void **state)
{
	struct vn_disc d = {.delay_ns = 20000000, .jitter_ns = 2000000};
	struct vn_verify_probes p = {.sent = 2000, .n_delays = 2000};
	uint64_t delays[2000];
	struct vn_verify v;

	prng = 3;
	for (size_t i = 0; i < 2000; i++)
		delays[i] = (uint64_t)(18010000 + uniform() * 4000000);
	qsort(delays, 2000, sizeof(*delays), cmp_u64);
	p.delay_ns = delays;
	v = probed(d, p);
	assert_int_equal(row_of(&v, "delay")->verdict, VN_PASSED);
	/* Another spread, another mean, none at all. */
	d.jitter_ns = 3000000;
	v = probed(d, p);
	assert_int_equal(row_of(&v, "delay")->verdict, VN_FAILED);
	d.jitter_ns = 2000000;
	d.delay_ns = 21000000;
	v = probed(d, p);
	assert_int_equal(row_of(&v, "delay")->verdict, VN_FAILED);
	d.delay_ns = 20000000;
	for (size_t i = 0; i < 2000; i++)
		delays[i] = 20010000;
	v = probed(d, p);
	assert_int_equal(row_of(&v, "delay")->verdict, VN_FAILED);
}

/* What the users' frames are too few to say, probes may; what they show wrong, nothing mends. */
static void test_two_sources(void **state)
{
	struct scene *s = scene(10, 0, (struct vn_disc){.delay_ns = 10000000});
	uint64_t delays[1000];
	struct vn_verify_probes p = {.sent = 1000, .n_delays = 1000, .delay_ns = delays};
	struct vn_dir dir = {.late_max_ns = 4100};

	for (size_t i = 0; i < 1000; i++)
		delays[i] = 10010000;
	dir.late_hist[vn_hist_bucket(4000)] = 1000;
	p.dir = &dir;
	assert_verdict(s, "lateness", VN_UNKNOWN);
	vn_verify_probing(&s->asked, &p, &s->v);
	assert_int_equal(vn_verify_verdict(&s->v), VN_PASSED);
	s->dir.late_max_ns = 60000000;
	s->v.n = 0;
	vn_verify_traffic(&s->f, &s->v);
	vn_verify_probing(&s->asked, &p, &s->v);
	assert_int_equal(vn_verify_verdict(&s->v), VN_FAILED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_beta),
		cmocka_unit_test(test_clopper_pearson),
		cmocka_unit_test(test_wilson),
		cmocka_unit_test(test_exact_and_wilson_meet),
		cmocka_unit_test(test_overtaken),
		cmocka_unit_test(test_chains),
		cmocka_unit_test(test_gemodel_closed_form),
		cmocka_unit_test(test_correlation_and_reorder),
		cmocka_unit_test(test_loss_verdicts),
		cmocka_unit_test(test_rare_loss),
		cmocka_unit_test(test_engine_overload_and_few_frames),
		cmocka_unit_test(test_only_since_the_mark),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_what_nobody_asked_for),
		cmocka_unit_test(test_rates),
		cmocka_unit_test(test_probes),
		cmocka_unit_test(test_probes_with_jitter),
		cmocka_unit_test(test_two_sources),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
