/* SPDX-License-Identifier: GPL-2.0-only */
/* How long frames are on a part of their way that no discipline asked for. */
#ifndef VNET_ENGINE_PATH_LATENCY_H
#define VNET_ENGINE_PATH_LATENCY_H

#include <stdint.h>

/**
 * struct vn_way - a part of the way, measured again and again
 * @low_ns: one frame in VN_WAY_ONE_IN or so is faster
 * @min_ns: the fastest ever
 * @n:      measurements, up to those that are enough
 */
struct vn_path_latency {
	uint64_t low_ns, min_ns;
	uint32_t n;
};

#define VN_PATH_LATENCY_ONE_IN 8u
#define VN_PATH_LATENCY_MAX_NS 1600u

void vn_path_latency_learn(struct vn_path_latency *w, uint64_t ns);
/* By how much a frame may leave earlier for it, ns; 0 until enough is known. */
uint64_t vn_path_latency_ns(const struct vn_path_latency *w);

#endif
