/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Log-linear histogram of durations: bucket 0 is everything below 256 ns, then four equal buckets an octave (so a
 * bucket is at most 25 % wide), the last one open-ended (from 160 ms on).
 */
#ifndef VNET_DISC_HIST_H
#define VNET_DISC_HIST_H

#include <abi/abi_engine.h>

#define VN_HIST_FIRST_NS    256u
#define VN_HIST_FIRST_SHIFT 8
#define VN_HIST_SUB_BITS    2

/* Index of the bucket that counts @ns. */
static inline __u32 vn_hist_bucket(__u64 ns)
{
	__u32 shift, bucket;

	if (ns < VN_HIST_FIRST_NS)
		return 0;
	shift = 63 - (__u32)__builtin_clzll(ns);
	bucket = 1 + ((shift - VN_HIST_FIRST_SHIFT) << VN_HIST_SUB_BITS) +
		 ((ns >> (shift - VN_HIST_SUB_BITS)) & ((1u << VN_HIST_SUB_BITS) - 1));
	return bucket < VN_HIST_BUCKETS ? bucket : VN_HIST_BUCKETS - 1;
}

/* First duration, in ns, that no longer belongs to @bucket; the last bucket has no end (all bits set). */
static inline __u64 vn_hist_upper(__u32 bucket)
{
	__u32 octave, sub;

	if (bucket >= VN_HIST_BUCKETS - 1)
		return ~0ULL;
	if (bucket == 0)
		return VN_HIST_FIRST_NS;
	octave = (bucket - 1) >> VN_HIST_SUB_BITS;
	sub = (bucket - 1) & ((1u << VN_HIST_SUB_BITS) - 1);
	return (__u64)((1u << VN_HIST_SUB_BITS) + sub + 1) << (octave + VN_HIST_FIRST_SHIFT - VN_HIST_SUB_BITS);
}

/**
 * vn_hist_percentile() - a duration that at least @ppm parts per million of all entries stay below
 * @hist: VN_HIST_BUCKETS counts
 * @ppm:  500000 is the median; capped at 1000000
 *
 * The end of the bucket in which the percentile falls: too high by up to 25 %, never too low; the caller may know a
 * lower maximum. 0 when @hist is empty, all bits set when it falls in the open-ended bucket.
 */
static inline __u64 vn_hist_percentile(const __u64 *hist, __u32 ppm)
{
	__u64 total = 0, rank, seen = 0;

	for (__u32 i = 0; i < VN_HIST_BUCKETS; i++)
		total += hist[i];
	if (!total)
		return 0;
	if (ppm > 1000000)
		ppm = 1000000;
	/* ceil(total * ppm / 10^6), in two parts lest it overflow */
	rank = total / 1000000 * ppm + (total % 1000000 * ppm + 999999) / 1000000;
	if (!rank)
		rank = 1;
	for (__u32 i = 0; i < VN_HIST_BUCKETS; i++) {
		seen += hist[i];
		if (seen >= rank)
			return vn_hist_upper(i);
	}
	return ~0ULL;
}

#endif
