// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mahimahi's packet-delivery traces: each line is a millisecond since the start at which VN_TRACE_OPP_BYTES can leave;
 * a millisecond may come several times. The trace begins anew after its last one, which is therefore not 0.
 */
#include "disc/disc_file.h"

#define MS_MAX (366ULL * 86400 * 1000)

int vn_block_parse_opps(struct vn_lines *l, struct vn_arena_block **ret_block)
{
	cleanup_block_buf struct vn_block_buf b = {NULL};
	struct vn_arena_block *block;
	uint64_t last = 0;
	int r;

	while (vn_lines_next(l)) {
		const char *p = l->line, *end = l->line + l->len, *start;
		uint64_t ms = 0, ns;

		while (p < end && (*p == ' ' || *p == '\t'))
			p++;
		for (start = p; p < end && *p >= '0' && *p <= '9' && ms <= MS_MAX; p++)
			ms = ms * 10 + (uint64_t)(*p - '0');
		if (ms > MS_MAX)
			return vn_lines_fail(l, start, "over a year: a line is a time in milliseconds");
		while (p < end && (*p == ' ' || *p == '\t'))
			p++;
		if (start == p || (p < end && *p != '#'))
			return vn_lines_fail(l, p,
					     "not a whole number of milliseconds, as a Mahimahi trace has one a "
					     "line (a CSV trace begins with the names of its columns)");
		ns = ms * VN_NSEC_PER_MSEC;
		if (ns < last)
			return vn_lines_fail(l, start, "time goes backwards: %llu ms after %llu ms",
					     (unsigned long long)ms, (unsigned long long)(last / VN_NSEC_PER_MSEC));
		if (b.block && b.block->n == VN_TRACE_OPPS_MAX)
			return vn_lines_fail(l, start, "more than %u lines", VN_TRACE_OPPS_MAX);
		r = vn_block_add(&b, &ns, sizeof(ns), l->err);
		if (r < 0)
			return r;
		last = ns;
	}
	if (!last)
		return vn_lines_fail(l, NULL, "the trace lasts 0 ms: its last line says when it begins anew");
	block = vn_block_finish(&b, l->name, VN_ARENA_OPPS);
	if (!block)
		return vn_err_nomem(l->err);
	block->period_ns = last;
	*ret_block = block;
	return 0;
}
