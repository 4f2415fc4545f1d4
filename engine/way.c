// SPDX-License-Identifier: GPL-2.0-only
/*
 * An estimate of a low quantile that follows what it sees: a step up for what is slower, seven steps down for what is
 * faster, in proportion to itself (Robbins and Monro, Ann. Math. Stat. 22 (1951) 400). It starts from the shortest of
 * the first measurements. A minimum over all time would do for ever what one lucky frame did once; a mean would let out
 * half of the frames too early.
 */
#include "engine/way.h"

#include <vnet/util.h>

#define SEEN_MIN  64u
#define STEP_PART 128u
#define MAX_NS    VN_NSEC_PER_MSEC /* longer than this is not the way, but the waiting for a CPU */

void vn_way_learn(struct vn_way *w, uint64_t ns)
{
	uint64_t step = w->low_ns / STEP_PART + 1;

	if (w->n < SEEN_MIN)
		w->low_ns = w->n++ ? VN_MIN(w->low_ns, ns) : ns;
	else if (ns > w->low_ns)
		w->low_ns += step;
	else
		w->low_ns -= VN_MIN(w->low_ns, step * (VN_WAY_ONE_IN - 1));
}

uint64_t vn_way_ns(const struct vn_way *w)
{
	return w->n < SEEN_MIN ? 0 : VN_MIN(w->low_ns, MAX_NS);
}
