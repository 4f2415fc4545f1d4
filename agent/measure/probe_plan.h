/* SPDX-License-Identifier: GPL-2.0-only */
/* How many probes tell a discipline from another one, and how they are spread over time. Pure. */
#ifndef VNET_MEASURE_PROBE_PLAN_H
#define VNET_MEASURE_PROBE_PLAN_H

#include <abi/abi_disc.h>

#include "measure/prober.h"

/* Probes per second of all directions together, few enough to leave the processor to others. */
#define VN_PROBE_PPS 20000u
/* Longer delays are only probed when the user asks for probes. */
#define VN_PROBE_WAIT_MAX_NS 30000000000ULL

/*
 * The jobs of @n directions that are probed at the same time, @disc[i] NULL: nothing to send. @time_ns: how long probes
 * are sent; 0: as long as they need, from 2 s to 20 s. Bursts, which show a rate, come after that: one after the other
 * where they would be too many a second.
 */
void vn_probe_plan(const struct vn_disc *const *disc, struct vn_probe_job *jobs, size_t n, uint64_t time_ns);

/* Bits that a frame of @len bytes is for the rate of @d. */
uint64_t vn_rate_bits(const struct vn_disc *d, uint32_t len);
/* How long they take at the configured rate; 0 without a rate. */
uint64_t vn_rate_serve_ns(const struct vn_disc *d, uint32_t len);
/* The burst is slower than the rate: more than that one prober cannot send. */
bool vn_probe_burst_is_short(const struct vn_disc *d, const struct vn_probe_job *j);

#endif
