/* SPDX-License-Identifier: GPL-2.0-only */
/* What the fuzzers of .dist and trace files have in common: a block that readers can trust. */
#ifndef VNET_FUZZ_CHECK_BLOCK_H
#define VNET_FUZZ_CHECK_BLOCK_H

#include "check.h"

/* Sound as the engine's vn_arena_get() wants it, its elements in order; a trace is somewhere at any time. */
static inline void check_block(const struct vn_arena_block *b)
{
	const uint64_t *opps = (const uint64_t *)(b + 1);
	const struct vn_trace_row *rows = (const struct vn_trace_row *)(b + 1);
	/* As if the block lay at page 1 of an arena. */
	const uint8_t *base = (const uint8_t *)((uintptr_t)b - VN_ARENA_PAGE);
	const struct vn_arena_block *same = NULL;
	struct vn_disc d = VN_DISC_NONE;
	struct vn_trace_position pos;
	struct vn_err err = {0};

	CHECK(vn_arena_get(base, 1, b->kind, &same) && same == b);
	CHECK(b->n && memchr(b->name, 0, sizeof(b->name)));
	if (b->kind == VN_ARENA_DIST) {
		CHECK(b->n <= VN_DIST_VALUES);
		return;
	}
	for (uint32_t i = 1; i < b->n; i++)
		CHECK(b->kind == VN_ARENA_OPPS ? opps[i] >= opps[i - 1] : rows[i].time_ns > rows[i - 1].time_ns);
	CHECK(b->period_ns == (b->kind == VN_ARENA_OPPS ? opps[b->n - 1] : rows[b->n - 1].time_ns));
	CHECK(b->kind != VN_ARENA_TABLE || (b->columns && !rows[0].time_ns));
	d.trace_name = 1;
	d.flags |= VN_DISC_TRACE_AUTO;
	CHECK(vn_trace_check(&d, b, &err) == 0);
	vn_trace_complete(&d, b, 1500);
	for (int i = 0; i < 16; i++) {
		d.flags = i & 1 ? d.flags | VN_DISC_TRACE_LINEAR : d.flags & ~(uint32_t)VN_DISC_TRACE_LINEAR;
		d.flags = i & 2 ? d.flags | VN_DISC_TRACE_LOOP : d.flags & ~(uint32_t)VN_DISC_TRACE_LOOP;
		vn_trace_at(&d, b, (uint64_t)i * (b->period_ns / 7 + 1), &pos);
		CHECK(pos.index < b->n && pos.time_ns <= b->period_ns);
	}
}

static inline void check_file(int (*parse)(const char *name, const char *text, size_t len,
					   struct vn_arena_block **ret_block, struct vn_err *err),
			      const uint8_t *data, size_t size)
{
	struct vn_arena_block *b = NULL, *again = NULL;
	struct vn_err err = {0};

	if (parse("fuzz", (const char *)data, size, &b, &err) < 0) {
		check_refusal(&err);
		CHECK(!b && !strncmp(err.text, "fuzz:", 5));
		return;
	}
	check_block(b);
	/* The same text is the same block, byte for byte: blocks are shared by comparing them. */
	CHECK(parse("fuzz", (const char *)data, size, &again, &err) == 0);
	CHECK(b->n_pages == again->n_pages && !memcmp(b, again, b->n_pages * VN_ARENA_PAGE));
	free(b);
	free(again);
}

#endif
