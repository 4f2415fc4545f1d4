// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loss against theory, at a million frames. Each model is written down here a second time, as nothing but a Markov
 * chain's matrix and the states that lose; from it follow the loss rate, and the distributions of runs of lost and of
 * received frames, by linear algebra. A plain simulation of that chain with another generator must pass the same tests:
 * they are not stricter or laxer than chance.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "selftests/unit/disc_lab.h"

#define N    4 /* states at most */
#define RUNS 64

struct chain {
	int n;
	double p[N][N];
	bool lost[N];
};

static void stationary(const struct chain *c, double pi[N])
{
	for (int i = 0; i < N; i++)
		pi[i] = i < c->n ? 1.0 / c->n : 0;
	for (int turn = 0; turn < 100000; turn++) {
		double next[N] = {0};

		for (int i = 0; i < c->n; i++)
			for (int j = 0; j < c->n; j++)
				next[j] += pi[i] * c->p[i][j];
		/* half a step: even a periodic chain converges */
		for (int i = 0; i < c->n; i++)
			pi[i] = (pi[i] + next[i]) / 2;
	}
}

static double loss_rate(const struct chain *c)
{
	double pi[N], sum = 0;

	stationary(c, pi);
	for (int i = 0; i < c->n; i++)
		sum += c->lost[i] ? pi[i] : 0;
	return sum;
}

/* Probability of a run of k + 1 frames of the kind @lost, the last cell being all longer ones. */
static void run_lengths(const struct chain *c, bool lost, double cell[RUNS])
{
	double pi[N], at[N] = {0}, total = 0, left = 1;

	stationary(c, pi);
	for (int i = 0; i < c->n; i++)
		for (int j = 0; j < c->n; j++)
			if (c->lost[i] != lost && c->lost[j] == lost)
				at[j] += pi[i] * c->p[i][j];
	for (int i = 0; i < c->n; i++)
		total += at[i];
	for (int i = 0; i < c->n; i++)
		at[i] /= total;
	for (int k = 0; k < RUNS - 1; k++) {
		double next[N] = {0}, end = 0;

		for (int i = 0; i < c->n; i++)
			for (int j = 0; j < c->n; j++) {
				if (c->lost[j] == lost)
					next[j] += at[i] * c->p[i][j];
				else
					end += at[i] * c->p[i][j];
			}
		cell[k] = end;
		left -= end;
		memcpy(at, next, sizeof(at));
	}
	cell[RUNS - 1] = left;
}

/* Chi-square, cells of under 10 expected put together; within 5 standard deviations of its mean. */
static void check_runs(const char *what, const uint32_t seen[RUNS], const double cell[RUNS])
{
	double n = 0, x = 0, expected = 0, count = 0;
	int cells = 0;

	for (int k = 0; k < RUNS; k++)
		n += seen[k];
	for (int k = 0; k < RUNS; k++) {
		expected += cell[k] * n;
		count += seen[k];
		if (expected < 10 && k < RUNS - 1)
			continue;
		if (expected > 0) {
			x += (count - expected) * (count - expected) / fmax(expected, 1);
			cells++;
		}
		expected = count = 0;
	}
	if (x > cells - 1 + 5 * sqrt(2.0 * cells))
		fail_msg("%s: chi-square %.1f of %d cells over %.0f runs", what, x, cells, n);
}

/* @lost: LAB_FRAMES outcomes. */
static void check_sequence(const char *what, const struct chain *c, const bool *lost)
{
	static uint32_t seen[2][RUNS];
	double cell[RUNS], rate = loss_rate(c), count = 0, batch = 0, var = 0;
	uint32_t run = 0;

	memset(seen, 0, sizeof(seen));
	for (int i = 0; i < LAB_FRAMES; i++) {
		count += lost[i];
		batch += lost[i];
		if (i % 1000 == 999) {
			var += (batch - rate * 1000) * (batch - rate * 1000) / (LAB_FRAMES / 1000);
			batch = 0;
		}
		run++;
		if (i + 1 < LAB_FRAMES && lost[i + 1] == lost[i])
			continue;
		seen[lost[i]][VN_MIN(run, (uint32_t)RUNS) - 1]++;
		run = 0;
	}
	/* the sum of 1000 batches, each of the variance seen */
	if (fabs(count - LAB_FRAMES * rate) > 4 * sqrt(var * LAB_FRAMES / 1000))
		fail_msg("%s: %.0f lost, expected %.0f +- %.0f", what, count, LAB_FRAMES * rate,
			 sqrt(var * LAB_FRAMES / 1000));
	for (int kind = 0; kind < 2; kind++) {
		run_lengths(c, kind, cell);
		check_runs(what, seen[kind], cell);
	}
}

static void simulate(const struct chain *c, bool *lost)
{
	uint64_t x = 88172645463325252ULL; /* xorshift64, Marsaglia 2003 */
	int at = 0;

	for (int i = 0; i < LAB_FRAMES; i++) {
		double u, sum = 0;
		int next = 0;

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		u = (double)(x >> 11) / 9007199254740992.0;
		for (next = 0; next < c->n - 1; next++) {
			sum += c->p[at][next];
			if (u < sum)
				break;
		}
		at = next;
		lost[i] = c->lost[at];
	}
}

static void run_discipline(const struct vn_disc *d, bool *lost)
{
	struct vn_disc_state s = {0};
	struct vn_fate f[2];

	for (int i = 0; i < LAB_FRAMES; i++) {
		lab_apply(d, &s, 0, 100, f);
		lost[i] = f[0].verdict == VN_VERDICT_DROP;
		if (lost[i])
			assert_int_equal(f[0].cause, VN_EDROP_LOSS);
	}
	assert_int_equal(s.index, LAB_FRAMES);
}

static void compare(const char *what, const struct vn_disc *d, const struct chain *c)
{
	static bool lost[LAB_FRAMES];

	simulate(c, lost);
	check_sequence("the simulation itself", c, lost);
	run_discipline(d, lost);
	check_sequence(what, c, lost);
}

/* Two states: a loss is followed by another with probability @again, a reception by a loss with @begin. */
static struct chain two_states(double begin, double again)
{
	return (struct chain){.n = 2, .p = {{1 - begin, begin}, {1 - again, again}}, .lost = {false, true}};
}

static void test_random(void **state)
{
	static const uint32_t ppb[] = {1000000, 10000000, 100000000, 500000000};

	for (size_t i = 0; i < VN_ARRAY_SIZE(ppb); i++) {
		struct vn_disc d = {.loss_ppb = ppb[i], .key = 0x4321 + i};
		struct chain c = two_states(ppb[i] / 1e9, ppb[i] / 1e9);

		compare("random, every word looked at", &d, &c);
		vn_disc_prepare(&d);
		assert_true(d.flags & VN_DISC_PLAIN);
		compare("random, plain", &d, &c);
	}
}

/*
 * Correlated: the rate stays what was asked, runs follow the repetition. Seen to catch: netem's way of mixing draws
 * (1 % at 50 % then loses next to nothing); a memory that takes its own repetition for a fresh draw; one purpose's
 * choice to repeat taken from another's draw.
 */
static void test_correlated(void **state)
{
	static const struct {
		uint32_t ppb, corr;
	} t[] = {{10000000, 500000000}, {10000000, 250000000}, {300000000, 900000000}, {500000000, 100000000}};

	for (size_t i = 0; i < VN_ARRAY_SIZE(t); i++) {
		struct vn_disc d = {.loss_ppb = t[i].ppb, .loss_corr_ppb = t[i].corr, .key = 99 + i};
		double p = t[i].ppb / 1e9, c = t[i].corr / 1e9;
		struct chain chain = two_states((1 - c) * p, c + (1 - c) * p);

		compare("correlated", &d, &chain);
	}
}

/*
 * Four states. Seen to catch: p31 and p32 exchanged; the fate of the state left in place of the one entered; state 4
 * that stays; a second transition compared with p13 alone and not p14 + p13.
 */
static void test_4state(void **state)
{
	static const double t[][5] = {
		/* p13 p31 p32 p23 p14 */
		{0.02, 0.3, 0.4, 0.5, 0.01}, {0.3, 0.1, 0.2, 0.7, 0.2}, {0.01, 0.99, 0, 1, 0},
		{0.5, 0.25, 0.75, 0.1, 0.5}, {0.001, 0.05, 0, 1, 0},
	};

	for (size_t i = 0; i < VN_ARRAY_SIZE(t); i++) {
		double p13 = t[i][0], p31 = t[i][1], p32 = t[i][2], p23 = t[i][3], p14 = t[i][4];
		struct chain c = {.n = 4,
				  .p = {{1 - p13 - p14, 0, p13, p14},
					{0, 1 - p23, p23, 0},
					{p31, p32, 1 - p31 - p32, 0},
					{1, 0, 0, 0}},
				  .lost = {false, false, true, true}};
		struct vn_disc d = {.loss_model = VN_LOSS_STATE, .key = 7 + i};

		for (int k = 0; k < 5; k++)
			d.loss_p[k] = (uint32_t)llround(t[i][k] * 1e9);
		compare("state", &d, &c);
	}
}

/*
 * netem's gaps: a draw that equals a bound steps nowhere and the frame goes through. Here every draw of the unit
 * interval leads somewhere, bounds included: with all of state 3's probability on staying, whatever is drawn is lost;
 * with all of it on leaving, whatever is drawn leaves.
 */
static void test_4state_has_no_gaps(void **state)
{
	static const uint64_t draw[] = {0, 1, 0x7fffffffffffffff, 0x8000000000000000, UINT64_MAX};
	struct vn_disc d = {.loss_p = {500000000, 500000000, 500000000, 0, 500000000}};

	for (size_t i = 0; i < VN_ARRAY_SIZE(draw); i++) {
		struct vn_disc_state s = {.loss_state = VN_LOSS_LOST};

		assert_false(vn_disc_loss_4state(&d, &s, draw[i]));
		assert_int_equal(s.loss_state, draw[i] >> 63 ? VN_LOSS_GAP : VN_LOSS_BURST);
		s.loss_state = VN_LOSS_GAP;
		assert_true(vn_disc_loss_4state(&d, &s, draw[i]));
		assert_int_equal(s.loss_state, draw[i] >> 63 ? VN_LOSS_LOST : VN_LOSS_ALONE);
	}
	memset(d.loss_p, 0, sizeof(d.loss_p));
	for (size_t i = 0; i < VN_ARRAY_SIZE(draw); i++) {
		struct vn_disc_state s = {.loss_state = VN_LOSS_LOST};

		assert_true(vn_disc_loss_4state(&d, &s, draw[i]));
	}
}

/*
 * Gilbert-Elliott: a chain over (state, outcome). Seen to catch: h in place of 1-h; p and r exchanged; the same draw
 * used for outcome and step.
 */
static void test_gemodel(void **state)
{
	static const double t[][4] = {/* p r 1-h 1-k */
				      {0.01, 0.1, 0.7, 0.001},
				      {0.05, 0.95, 1, 0},
				      {0.01, 0.3, 1, 0},
				      {0.2, 0.3, 0.9, 0.1}};

	for (size_t i = 0; i < VN_ARRAY_SIZE(t); i++) {
		double step[2][2] = {{1 - t[i][0], t[i][0]}, {t[i][1], 1 - t[i][1]}}, lose[2] = {t[i][3], t[i][2]};
		struct chain c = {.n = 4, .lost = {false, true, false, true}};
		struct vn_disc d = {.loss_model = VN_LOSS_GEMODEL, .key = 70 + i};

		for (int a = 0; a < 4; a++)
			for (int b = 0; b < 4; b++)
				c.p[a][b] = step[a / 2][b / 2] * (b % 2 ? lose[b / 2] : 1 - lose[b / 2]);
		for (int k = 0; k < 4; k++)
			d.loss_p[k] = (uint32_t)llround(t[i][k] * 1e9);
		compare("gemodel", &d, &c);
	}
}

/* With ecn the very frames that would be lost are marked, when they can be, and pass queue and delay like any other. */
static void test_ecn(void **state)
{
	struct vn_disc d = {.loss_ppb = 100000000, .delay_ns = 1000, .key = 5}, e = d;
	struct vn_disc_state s = {0}, u = {0};
	int marks = 0;

	e.flags = VN_DISC_ECN;
	for (uint32_t i = 0; i < 100000; i++) {
		const struct vn_disc_in in = {.arrival_ns = i, .len = 100, .segs = 1, .ect = i % 2};
		struct vn_fate f[2], g[2];

		vn_disc_apply(&d, &s, &lab.env, &in, f);
		vn_disc_apply(&e, &u, &lab.env, &in, g);
		if (f[0].verdict == VN_VERDICT_DROP && in.ect) {
			assert_int_equal(g[0].flags, VN_FATE_MARK);
			assert_int_equal(g[0].release_ns, i + 1000);
			marks++;
		} else {
			assert_memory_equal(&f[0], &g[0], sizeof(f[0]));
		}
	}
	assert_in_range(marks, 4700, 5300);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),  cmocka_unit_test(test_correlated),
		cmocka_unit_test(test_4state),  cmocka_unit_test(test_4state_has_no_gaps),
		cmocka_unit_test(test_gemodel), cmocka_unit_test(test_ecn),
	};

	return cmocka_run_group_tests(tests, lab_setup, lab_teardown);
}
