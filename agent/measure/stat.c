/* SPDX-License-Identifier: GPL-2.0-only */
#include "measure/stat.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include <base/util.h>

#define TINY      1e-300
#define EPS       1e-15
#define TERMS_MAX 200000
#define EXACT_MAX 1e7 /* above, the normal approximation of Wilson's interval is as good, and quick */

static double guard(double v)
{
	return fabs(v) < TINY ? TINY : v;
}

/* The continued fraction; converges quickly for x < (a + 1) / (a + b + 2). */
static double beta_fraction(double a, double b, double x)
{
	double c = 1, d = 1 / guard(1 - (a + b) * x / (a + 1)), h = d;

	for (int m = 1; m < TERMS_MAX; m++) {
		double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
		double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)), step;

		d = 1 / guard(1 + even * d);
		c = guard(1 + even / c);
		h *= d * c;
		d = 1 / guard(1 + odd * d);
		c = guard(1 + odd / c);
		step = d * c;
		h *= step;
		if (fabs(step - 1) < EPS)
			break;
	}
	return h;
}

double vn_stat_beta(double a, double b, double x)
{
	double front;

	if (x <= 0 || x >= 1)
		return x > 0;
	front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
	if (x < (a + 1) / (a + b + 2))
		return front * beta_fraction(a, b, x) / a;
	return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

/* The x at which I_x(a, b) is @p. */
static double beta_quantile(double a, double b, double p)
{
	double low = 0, high = 1;

	for (int i = 0; i < 100 && high - low > 1e-13 * high; i++) {
		double mid = (low + high) / 2;

		if (vn_stat_beta(a, b, mid) < p)
			low = mid;
		else
			high = mid;
	}
	return (low + high) / 2;
}

struct vn_interval vn_stat_exact(double k, double n, double alpha)
{
	struct vn_interval i = {0, 1};

	if (n <= 0)
		return i;
	if (k > 0)
		i.low = beta_quantile(k, n - k + 1, alpha / 2);
	if (k < n)
		i.high = beta_quantile(k + 1, n - k, 1 - alpha / 2);
	return i;
}

struct vn_interval vn_stat_wilson(double k, double n, double z)
{
	double p, z2 = z * z, mid, half;

	if (n <= 0)
		return (struct vn_interval){0, 1};
	p = k / n;
	mid = (p + z2 / (2 * n)) / (1 + z2 / n);
	half = z / (1 + z2 / n) * sqrt(p * (1 - p) / n + z2 / (4 * n * n));
	return (struct vn_interval){fmax(mid - half, 0), fmin(mid + half, 1)};
}

struct vn_interval vn_stat_proportion(double k, double n)
{
	/* Counters are read one after the other while they grow: the part may have overtaken the whole. */
	k = fmin(k, n);
	return n > EXACT_MAX ? vn_stat_wilson(k, n, VN_STAT_Z) : vn_stat_exact(k, n, VN_STAT_ALPHA);
}

static void multiply(size_t n, double a[4][4], double b[4][4], double ret[4][4])
{
	double c[4][4] = {{0}};

	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < n; j++)
			for (size_t k = 0; k < n; k++)
				c[i][j] += a[i][k] * b[k][j];
	memcpy(ret, c, sizeof(c));
}

/* Where the chain is in the long run: the lazy chain (half of the time it rests) has no period to fall into. */
static void stationary(const struct vn_stat_chain *c, double ret_pi[4])
{
	double q[4][4];

	for (size_t i = 0; i < c->n; i++)
		for (size_t j = 0; j < c->n; j++)
			q[i][j] = (c->p[i][j] + (i == j)) / 2;
	for (int round = 0; round < 64; round++) {
		multiply(c->n, q, q, q);
		/* Rounding must not let the rows drift from 1. */
		for (size_t i = 0; i < c->n; i++) {
			double sum = 0;

			for (size_t j = 0; j < c->n; j++)
				sum += q[i][j];
			for (size_t j = 0; j < c->n; j++)
				q[i][j] /= sum;
		}
	}
	memcpy(ret_pi, q[0], 4 * sizeof(double));
}

/* Solve (I - P + 1 pi) x = b by Gauss with pivots; false when it is singular. */
static bool solve(const struct vn_stat_chain *c, const double pi[4], const double b[4], double ret_x[4])
{
	size_t n = c->n;
	double m[4][5];

	for (size_t i = 0; i < n; i++) {
		/* What is never visited in the long run, and so never led to, stays out of it. */
		bool visited = pi[i] > 1e-12;

		for (size_t j = 0; j < n; j++)
			m[i][j] = visited ? (i == j) - c->p[i][j] + pi[j] : (i == j);
		m[i][n] = visited ? b[i] : 0;
	}
	for (size_t col = 0; col < n; col++) {
		size_t best = col;

		for (size_t i = col + 1; i < n; i++)
			if (fabs(m[i][col]) > fabs(m[best][col]))
				best = i;
		if (fabs(m[best][col]) < 1e-12)
			return false;
		for (size_t j = 0; j <= n; j++) {
			double t = m[col][j];

			m[col][j] = m[best][j];
			m[best][j] = t;
		}
		for (size_t i = 0; i < n; i++) {
			double f = m[i][col] / m[col][col];

			for (size_t j = col; i != col && j <= n; j++)
				m[i][j] -= f * m[col][j];
		}
	}
	for (size_t i = 0; i < n; i++)
		ret_x[i] = m[i][n] / m[i][i];
	return true;
}

int vn_stat_chain_loss(const struct vn_stat_chain *c, double *ret_loss, double *ret_worth)
{
	double pi[4], x[4], loss = 0, var, cov = 0;

	stationary(c, pi);
	if (pi[0] < 1e-12)
		return -EDOM;
	for (size_t i = 0; i < c->n; i++)
		loss += pi[i] * c->loss[i];
	var = loss * (1 - loss);
	if (var < 1e-18) {
		*ret_loss = loss;
		*ret_worth = 1;
		return 0;
	}
	if (!solve(c, pi, c->loss, x))
		return -EDOM;
	/* Sum over n >= 1 of cov(I_0, I_n): pi_i l_i ((Z - I) l)_i, Z the fundamental matrix. */
	for (size_t i = 0; i < c->n; i++)
		cov += pi[i] * c->loss[i] * (x[i] - c->loss[i]);
	*ret_loss = loss;
	/* What spreads its losses evenly is worth more than independent draws; counting it as those is safe. */
	*ret_worth = fmin(var / fmax(var + 2 * cov, 1e-18), 1);
	return 0;
}

double vn_stat_corr_worth(__u32 corr_ppb)
{
	double c = (double)corr_ppb / VN_PPB_ONE;

	return (1 - c) / (1 + c);
}

static double part(const struct vn_disc *d, size_t i)
{
	return (double)d->loss_p[i] / VN_PPB_ONE;
}

int vn_stat_disc_loss(const struct vn_disc *d, double *ret_loss, double *ret_worth)
{
	struct vn_stat_chain c = {0};

	if (d->loss_model == VN_LOSS_RANDOM) {
		*ret_loss = (double)d->loss_ppb / VN_PPB_ONE;
		*ret_worth = vn_stat_corr_worth(d->loss_corr_ppb);
		return 0;
	}
	if (d->loss_model == VN_LOSS_GEMODEL) {
		double p = part(d, 0), r = part(d, 1);

		c = (struct vn_stat_chain){.n = 2, .p = {{1 - p, p}, {r, 1 - r}}, .loss = {part(d, 3), part(d, 2)}};
	} else {
		double p13 = part(d, 0), p31 = part(d, 1), p32 = part(d, 2), p23 = part(d, 3), p14 = part(d, 4);

		/* States 1 to 4 of tc-netem(8); a frame is lost in 3 (burst) and in 4 (alone). */
		c = (struct vn_stat_chain){.n = 4,
					   .p = {{1 - p13 - p14, 0, p13, p14},
						 {0, 1 - p23, p23, 0},
						 {p31, p32, 1 - p31 - p32, 0},
						 {1, 0, 0, 0}},
					   .loss = {0, 0, 1, 1}};
	}
	return vn_stat_chain_loss(&c, ret_loss, ret_worth);
}

double vn_stat_disc_reorder(const struct vn_disc *d)
{
	double p = (double)d->reorder_ppb / VN_PPB_ONE;

	return p > 0 ? 1 / ((d->reorder_gap > 1 ? d->reorder_gap - 1 : 0) + 1 / p) : 0;
}
