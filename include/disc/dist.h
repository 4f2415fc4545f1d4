/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Delay distributions as tables of quantiles, in the format of iproute2's .dist files: entry i is the deviation, in
 * 1/8192 of a standard deviation, below which the fraction (i + 1/2) / 4096 of all random numbers lies (pareto,
 * paretonormal: i / 4096, as iproute2's generators have it).
 */
#ifndef VNET_DISC_DIST_H
#define VNET_DISC_DIST_H

#include <linux/types.h>

#define VN_DIST_BITS  12
#define VN_DIST_SIZE  (1u << VN_DIST_BITS)
#define VN_DIST_SCALE 8192 /* NETEM_DIST_SCALE of <linux/pkt_sched.h> */

struct vn_dist {
	__s16 table[VN_DIST_SIZE];
};

#ifndef __bpf__
#include <math.h>

/* The normal quantile with @tail above it (at most 1/2), by Newton's method on libm's erfc() from @x, which is nearer
 * to the middle: the function is concave there, so the iteration approaches from one side and cannot overshoot.
 */
static inline double vn_dist_normal_quantile(double tail, double x)
{
	const double inv_sqrt2 = 0.70710678118654752440, inv_sqrt2pi = 0.39894228040143267794;

	for (int n = 0; n < 20; n++) {
		double step = (0.5 * erfc(x * inv_sqrt2) - tail) / (inv_sqrt2pi * exp(-0.5 * x * x));

		x += step;
		if (fabs(step) < 1e-12)
			break;
	}
	return x;
}

/**
 * vn_dist_init_normal() - fill @d with the standard normal distribution
 *
 * The quantiles of 4096 equal slices have a variance a little below 1; they are scaled to 1, so that jitter is exactly
 * the standard deviation of what comes out. (iproute2's normal.dist was made from random numbers and is neither
 * symmetric nor free of a mean.)
 */
static inline void vn_dist_init_normal(struct vn_dist *d)
{
	double quantile[VN_DIST_SIZE / 2], x = 0.0, sum_sq = 0.0, scale;

	for (unsigned int i = 0; i < VN_DIST_SIZE / 2; i++) {
		x = vn_dist_normal_quantile(0.5 - (i + 0.5) / VN_DIST_SIZE, x);
		quantile[i] = x;
		sum_sq += x * x;
	}
	scale = VN_DIST_SCALE / sqrt(sum_sq / (VN_DIST_SIZE / 2));
	for (unsigned int i = 0; i < VN_DIST_SIZE / 2; i++) {
		d->table[VN_DIST_SIZE / 2 + i] = (__s16)lrint(quantile[i] * scale);
		d->table[VN_DIST_SIZE / 2 - 1 - i] = (__s16)-lrint(quantile[i] * scale);
	}
}

/*
 * Entry @i of the Pareto distribution with exponent 3, its mean 3/2 moved to 0 and scaled by 4/3, so that it spans -2/3
 * to 4 (iproute2 netem/pareto.c, from NIST Net). The cut at 4 and the lower end of each slice leave it a mean of -0.033
 * jitters, in netem as here: recorded experiments depend on it.
 */
static inline int vn_dist_pareto(unsigned int i)
{
	double v = (1.0 / cbrt(1.0 - (double)i / VN_DIST_SIZE) - 1.5) * (4.0 / 3.0) * VN_DIST_SCALE;

	return v > 32767 ? 32767 : (int)lrint(v);
}

/* iproute2's pareto.dist. */
static inline void vn_dist_init_pareto(struct vn_dist *d)
{
	for (unsigned int i = 0; i < VN_DIST_SIZE; i++)
		d->table[i] = (__s16)vn_dist_pareto(i);
}

/*
 * iproute2's paretonormal.dist: a quarter normal, three quarters Pareto, quantile by quantile (netem/paretonormal.c).
 * That takes the normal quantile as the end of slice 4 * i of 16384 that are centred on their numbers.
 */
static inline void vn_dist_init_paretonormal(struct vn_dist *d)
{
	double x = 0.0, y = 0.0;

	for (unsigned int i = 0; i < VN_DIST_SIZE / 2; i++) {
		unsigned int up = VN_DIST_SIZE / 2 + i, down = VN_DIST_SIZE / 2 - 1 - i;

		x = vn_dist_normal_quantile(0.5 - (4 * i + 0.5) / 16384, x);
		y = vn_dist_normal_quantile(0.5 - (4 * i + 3.5) / 16384, y);
		d->table[up] = (__s16)((lrint(x * VN_DIST_SCALE) + 3 * vn_dist_pareto(up)) / 4);
		d->table[down] = (__s16)((lrint(-y * VN_DIST_SCALE) + 3 * vn_dist_pareto(down)) / 4);
	}
}

/* All that are built in, by enum vn_dist_kind; the uniform one needs no table. */
struct vn_dist_set {
	struct vn_dist normal, pareto, paretonormal;
};

static inline void vn_dist_init_set(struct vn_dist_set *s)
{
	vn_dist_init_normal(&s->normal);
	vn_dist_init_pareto(&s->pareto);
	vn_dist_init_paretonormal(&s->paretonormal);
}
#endif

#endif
