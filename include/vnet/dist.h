/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Delay distributions as tables of quantiles, in the format of iproute2's .dist files: entry i is the deviation, in
 * 1/8192 of a standard deviation, below which the fraction (i + 1/2) / 4096 of all draws lies.
 */
#ifndef VNET_DIST_H
#define VNET_DIST_H

#include <linux/types.h>

#define VN_DIST_BITS  12
#define VN_DIST_SIZE  (1u << VN_DIST_BITS)
#define VN_DIST_SCALE 8192 /* NETEM_DIST_SCALE of <linux/pkt_sched.h> */

struct vn_dist {
	__s16 table[VN_DIST_SIZE];
};

#ifndef __bpf__
#include <math.h>

/**
 * vn_dist_init_normal() - fill @d with the standard normal distribution
 *
 * Inverts the distribution function by Newton's method on libm's erfc(), each quantile starting from its inner
 * neighbour: the function is concave there, so the iteration approaches from one side and cannot overshoot. The
 * quantiles of 4096 equal slices have a variance a little below 1; they are scaled to 1, so that jitter is exactly the
 * standard deviation of what comes out.
 */
static inline void vn_dist_init_normal(struct vn_dist *d)
{
	const double inv_sqrt2 = 0.70710678118654752440, inv_sqrt2pi = 0.39894228040143267794;
	double quantile[VN_DIST_SIZE / 2], x = 0.0, sum_sq = 0.0, scale;

	for (unsigned int i = 0; i < VN_DIST_SIZE / 2; i++) {
		double tail = 0.5 - (i + 0.5) / VN_DIST_SIZE; /* above the wanted quantile */

		for (int n = 0; n < 20; n++) {
			double step = (0.5 * erfc(x * inv_sqrt2) - tail) / (inv_sqrt2pi * exp(-0.5 * x * x));

			x += step;
			if (fabs(step) < 1e-12)
				break;
		}
		quantile[i] = x;
		sum_sq += x * x;
	}
	scale = VN_DIST_SCALE / sqrt(sum_sq / (VN_DIST_SIZE / 2));
	for (unsigned int i = 0; i < VN_DIST_SIZE / 2; i++) {
		d->table[VN_DIST_SIZE / 2 + i] = (__s16)lrint(quantile[i] * scale);
		d->table[VN_DIST_SIZE / 2 - 1 - i] = (__s16)-lrint(quantile[i] * scale);
	}
}
#endif

#endif
