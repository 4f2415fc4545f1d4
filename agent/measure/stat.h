/* SPDX-License-Identifier: GPL-2.0-only */
/* Confidence in counted events: intervals of a proportion, and how much a correlated sample is worth. Pure. */
#ifndef VNET_MEASURE_STAT_H
#define VNET_MEASURE_STAT_H

#include <stddef.h>

#include <abi/abi_disc.h>

/* Two-sided 99.9 %: one false alarm in a thousand checks. */
#define VN_STAT_ALPHA 0.001
#define VN_STAT_Z     3.2905267314919255

struct vn_interval {
	double low, high;
};

/* Regularised incomplete beta function I_x(a, b) (DLMF 8.17.22, its continued fraction by Lentz's method). */
double vn_stat_beta(double a, double b, double x);
/*
 * Clopper-Pearson interval of a proportion at confidence 1 - @alpha, @k of @n events; both may be fractions, which is
 * what an effective sample size makes of counts (Clopper, Pearson: Biometrika 26 (1934) 404).
 */
struct vn_interval vn_stat_exact(double k, double n, double alpha);
/* Wilson's score interval with quantile @z (Wilson: J. Am. Stat. Assoc. 22 (1927) 209). */
struct vn_interval vn_stat_wilson(double k, double n, double z);
/* At confidence 99.9 %: exact, or Wilson's where the exact one would take long and equals it. @k above @n counts as @n.
 */
struct vn_interval vn_stat_proportion(double k, double n);

/**
 * struct vn_stat_chain - a Markov chain of at most 4 states that loses frames
 * @p:    transition probabilities, rows sum to 1
 * @loss: probability of loss in each state
 * The chain begins in state 0.
 */
struct vn_stat_chain {
	size_t n;
	double p[4][4];
	double loss[4];
};

/*
 * Stationary loss, and how many independent draws one draw of the chain is worth for estimating it (the variance of the
 * mean by the chain's fundamental matrix; Kemeny, Snell: Finite Markov Chains, 4.6). -EDOM when the chain leaves its
 * first state for good: its loss depends on when that happens.
 */
int vn_stat_chain_loss(const struct vn_stat_chain *c, double *ret_loss, double *ret_worth);

/* The loss that @d asks for, and the worth of one frame for estimating it. -EDOM as above. */
int vn_stat_disc_loss(const struct vn_disc *d, double *ret_loss, double *ret_worth);
/* Of draws that repeat the one before with probability @corr_ppb (autocorrelation c^n): (1 - c) / (1 + c). */
double vn_stat_corr_worth(__u32 corr_ppb);
/* Share of the frames that `reorder` lets skip the delay: one in gap - 1 + 1/p, a renewal process. */
double vn_stat_disc_reorder(const struct vn_disc *d);

#endif
