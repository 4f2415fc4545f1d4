/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* Whether a direction takes frames at all: its state and its flap schedule. Users: vn_tc_port, the daemon, tests. */
#ifndef VNET_DISC_GATE_H
#define VNET_DISC_GATE_H

#include <abi/abi_disc.h>

/*
 * Returns 1 when a frame that enters at @now_ns (CLOCK_MONOTONIC) may go on. A schedule begins at flap_start_ns with
 * its up time and repeats for ever; before that the link is up. Frames that entered in time go on; an
 * end whose carrier follows its link is closed to them by then.
 */
static inline int vn_gate_open(const struct vn_disc *d, __u64 now_ns)
{
	if (d->flags & VN_DISC_DOWN)
		return 0;
	if (!d->flap_up_ns || !d->flap_down_ns || now_ns < d->flap_start_ns)
		return 1;
	return (now_ns - d->flap_start_ns) % (d->flap_up_ns + d->flap_down_ns) < d->flap_up_ns;
}

#endif
