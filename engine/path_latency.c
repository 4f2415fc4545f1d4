// SPDX-License-Identifier: GPL-2.0-only
/*
 * An estimate of a low quantile that follows what it sees: a step up for what is slower, seven steps down for what is
 * faster, in proportion to itself (Robbins and Monro, Ann. Math. Stat. 22 (1951) 400). It starts from the shortest of
 * the first measurements.
 *
 * What is measured under load is longer, and the first frames after it would be early: so it is never more than a
 * quarter above the shortest ever, nor above VN_WAY_MAX_NS, should load be all that was ever seen. Three such parts are
 * less than a packet needs from the sender's call to the receiver without any discipline.
 */
#include "engine/path_latency.h"

#include <base/util.h>

#define SEEN_MIN   64u
#define STEP_PART  128u
#define SPARE_PART 4

void vn_path_latency_learn(struct vn_path_latency *w, uint64_t ns)
{
	uint64_t step = w->low_ns / STEP_PART + 1;

	w->min_ns = w->n ? VN_MIN(w->min_ns, ns) : ns;
	if (w->n < SEEN_MIN)
		w->n++, w->low_ns = w->min_ns;
	else if (ns > w->low_ns)
		w->low_ns += step;
	else
		w->low_ns -= VN_MIN(w->low_ns, step * (VN_PATH_LATENCY_ONE_IN - 1));
}

uint64_t vn_path_latency_ns(const struct vn_path_latency *w)
{
	uint64_t most_ns = VN_MIN(w->min_ns + w->min_ns / SPARE_PART, VN_PATH_LATENCY_MAX_NS);

	return w->n < SEEN_MIN ? 0 : VN_MIN(w->low_ns, most_ns);
}
