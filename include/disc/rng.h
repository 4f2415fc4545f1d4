/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * A counter-based random generator: the random number for one purpose of one frame is a pure function of the
 * direction's key, the frame's number and the purpose. No state to save, so the fates of a run replay from the key and
 * the packets alone, and a purpose that is switched on or off does not shift the random numbers of the others. Integers
 * of at most 64 bits only: also compiled for BPF.
 */
#ifndef VNET_DISC_RNG_H
#define VNET_DISC_RNG_H

#include <linux/types.h>

/* What a random number decides. These numbers are part of the replay contract: append, never renumber. At most 16. */
enum vn_draw {
	VN_DRAW_LOSS = 0,
	VN_DRAW_JITTER = 1,
	VN_DRAW_DUPLICATE = 2,
	VN_DRAW_CORRUPT = 3,
	VN_DRAW_REORDER = 4,
	VN_DRAW_SLOT = 5,
	VN_DRAW_REPEAT = 6, /* + one of the first five: whether it repeats its predecessor (6 to 10) */
	VN_DRAW_LOSS_STATE = 11,
	VN_DRAW_CORRUPT_BIT = 12,
	VN_DRAW_COPY_JITTER = 13, /* of a duplicate, */
	VN_DRAW_COPY_REPEAT = 14, /* and whether it repeats that of the original */
	VN_DRAW_COPY_SLOT = 15,
};

#define VN_DRAW_BITS    4
#define VN_GOLDEN_GAMMA 0x9e3779b97f4a7c15ULL /* 2^64 / golden ratio, odd */

/*
 * vn_mix64() - a bijection of 64 bits in which each input bit flips each output bit with probability near 1/2
 *
 * Stafford's variant 13 of the MurmurHash3 finaliser, the output function of SplitMix64 (Steele, Lea, Flood:
 * "Fast splittable pseudorandom number generators", OOPSLA 2014).
 */
static inline __u64 vn_mix64(__u64 z)
{
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

/**
 * vn_rng_draw() - 64 random bits
 * @key:     of the direction: struct vn_disc.key; any value is as good as another
 * @index:   number of the frame in its direction, below 2^60
 * @purpose: enum vn_draw
 *
 * SplitMix64 with random access would be mix(key + counter * gamma): there the streams of all keys are one sequence
 * entered at different places, and two directions can replay each other's fates a little later. So the counter is
 * mixed before the key is added, and the sum mixed again: streams of different keys are no shifts of each other.
 */
static inline __u64 vn_rng_draw(__u64 key, __u64 index, __u32 purpose)
{
	__u64 counter = (index << VN_DRAW_BITS) | purpose;

	return vn_mix64(vn_mix64((counter + 1) * VN_GOLDEN_GAMMA) + key);
}

/* High 64 bits of a * b, by halves: BPF has no 128-bit product. */
static inline __u64 vn_mul_high64(__u64 a, __u64 b)
{
	__u64 a_lo = a & 0xffffffffULL, a_hi = a >> 32;
	__u64 b_lo = b & 0xffffffffULL, b_hi = b >> 32;
	__u64 mid = a_hi * b_lo + ((a_lo * b_lo) >> 32);
	__u64 mid2 = a_lo * b_hi + (mid & 0xffffffffULL);

	return a_hi * b_hi + (mid >> 32) + (mid2 >> 32);
}

/* A draw scaled to 0 .. @range - 1; uneven by at most @range / 2^64 (Lemire, "Fast random integer generation", 2019).
 */
static inline __u64 vn_rng_below(__u64 draw, __u64 range)
{
	return vn_mul_high64(draw, range);
}

/* True with a probability of @ppb parts per billion; 0 is never, 10^9 always. Uses the upper 32 bits of @draw. */
static inline int vn_rng_chance(__u64 draw, __u32 ppb)
{
	return ((draw >> 32) * 1000000000ULL) >> 32 < ppb;
}

#endif
