/* SPDX-License-Identifier: GPL-2.0-only */
/* What tests of the discipline share: tables, an arena in memory, one frame at a time, and measures of fit. */
#ifndef VNET_SELFTESTS_DISC_LAB_H
#define VNET_SELFTESTS_DISC_LAB_H

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <abi/abi_arena.h>
#include <disc/discipline.h>
#include <base/util.h>

#define LAB_FRAMES 1000000
#define LAB_PAGES  1024u

struct lab {
	struct vn_dist_set dist;
	struct vn_disc_env env;
	uint8_t *arena;
	uint32_t next; /* free page */
};

static struct lab lab;

static inline int lab_setup(void **state)
{
	vn_dist_init_set(&lab.dist);
	lab.arena = aligned_alloc(VN_ARENA_PAGE, LAB_PAGES * VN_ARENA_PAGE);
	lab.next = 1;
	lab.env = vn_disc_env_of(&lab.dist, lab.arena);
	return lab.arena ? 0 : -1;
}

static inline int lab_teardown(void **state)
{
	free(lab.arena);
	return 0;
}

/* A block of @n elements of @size bytes; its number. */
static inline uint32_t lab_block(uint32_t kind, uint32_t n, size_t size, const void *elements, uint64_t period_ns,
				 uint32_t columns)
{
	uint32_t number = lab.next;
	struct vn_arena_block *b = (void *)(lab.arena + number * VN_ARENA_PAGE);

	*b = (struct vn_arena_block){.magic = VN_ARENA_MAGIC, .kind = kind, .n = n, .columns = columns};
	b->n_pages = (uint32_t)((sizeof(*b) + n * size + VN_ARENA_PAGE - 1) / VN_ARENA_PAGE);
	b->period_ns = period_ns;
	memcpy(b + 1, elements, n * size);
	lab.next += b->n_pages;
	if (lab.next > LAB_PAGES)
		abort();
	return number;
}

static inline uint32_t lab_opps(const uint64_t *at, uint32_t n)
{
	return lab_block(VN_ARENA_OPPS, n, sizeof(*at), at, at[n - 1], 0);
}

static inline uint32_t lab_table(const struct vn_trace_row *row, uint32_t n, uint32_t columns)
{
	return lab_block(VN_ARENA_TABLE, n, sizeof(*row), row, row[n - 1].time_ns, columns);
}

/* One plain frame; the number of its fates. */
static inline uint32_t lab_apply(const struct vn_disc *d, struct vn_disc_state *s, uint64_t arrival_ns, uint32_t len,
				 struct vn_fate f[2])
{
	const struct vn_disc_in in = {.arrival_ns = arrival_ns, .len = len, .segs = 1};

	return vn_disc_apply(d, s, &lab.env, &in, f);
}

static inline int lab_compare_double(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* Kolmogorov-Smirnov distance of @n samples (sorted here) from the distribution @cdf. */
static inline double lab_ks(double *x, size_t n, double (*cdf)(double))
{
	double worst = 0;

	qsort(x, n, sizeof(*x), lab_compare_double);
	for (size_t i = 0; i < n; i++)
		worst = fmax(worst, fabs(cdf(x[i]) - ((double)i + 0.5) / (double)n));
	return worst;
}

/* Autocorrelation at @lag. */
static inline double lab_autocorrelation(const double *x, size_t n, size_t lag)
{
	double mean = 0, var = 0, cov = 0;

	for (size_t i = 0; i < n; i++)
		mean += x[i] / (double)n;
	for (size_t i = 0; i < n; i++)
		var += (x[i] - mean) * (x[i] - mean);
	for (size_t i = 0; i + lag < n; i++)
		cov += (x[i] - mean) * (x[i + lag] - mean);
	return cov / var;
}

#endif
