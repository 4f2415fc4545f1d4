/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * The arena: what disciplines need beyond a few numbers, tables of quantiles and traces. One sparse file of
 * VN_ARENA_BYTES in the runtime directory, written by the daemon, mapped read-only by the engines. It outlives both.
 *
 * A block is a run of pages that begins with struct vn_arena_block; its number is that of its first page. Page 0 is no
 * block, so 0 means "none". A block never changes: other contents are another block. It is freed no earlier than
 * VN_ARENA_GRACE_NS after the last discipline that names it was replaced.
 */
#ifndef VNET_ABI_ABI_ARENA_H
#define VNET_ABI_ABI_ARENA_H

#include <linux/types.h>

#define VN_ARENA_FILE     "arena" /* in the runtime directory */
#define VN_ARENA_BYTES    (256ULL << 20)
#define VN_ARENA_PAGE     4096ULL
#define VN_ARENA_PAGES    (VN_ARENA_BYTES / VN_ARENA_PAGE)
#define VN_ARENA_GRACE_NS 2000000000ULL
#define VN_ARENA_MAGIC    0x766e6172u

enum vn_arena_kind {
	VN_ARENA_FREE = 0,
	VN_ARENA_DIST = 1,  /* @n of __s16: quantiles in 1/8192 of the jitter, as in iproute2's .dist files */
	VN_ARENA_OPPS = 2,  /* @n of __u64: Mahimahi's delivery opportunities, ns since the trace's start, ascending */
	VN_ARENA_TABLE = 3, /* @n of struct vn_trace_row, times ascending, the first at 0 */
};

/* Columns of a table trace that the file has: bits of vn_arena_block.columns. */
enum vn_trace_column {
	VN_TRACE_DELAY = 1u << 0,
	VN_TRACE_JITTER = 1u << 1,
	VN_TRACE_RATE = 1u << 2,
	VN_TRACE_LOSS = 1u << 3,
	VN_TRACE_LIMIT = 1u << 4,
};

#define VN_TRACE_OPP_BYTES                                                                                             \
	1500u /* an opportunity carries so many bytes of IP packets (frame less its Ethernet header) */

struct vn_trace_row {
	__u64 time_ns;
	__u64 delay_ns;
	__u64 jitter_ns;
	__u64 rate_bps;
	__u64 limit_bytes;
	__u32 limit_packets;
	__u32 loss_ppb;
};
_Static_assert(sizeof(struct vn_trace_row) == 48, "rows of the arena");

/**
 * struct vn_arena_block
 * @magic:     VN_ARENA_MAGIC, written last
 * @kind:      enum vn_arena_kind
 * @n:         elements, which follow this header
 * @n_pages:   of the block, header included
 * @columns:   enum vn_trace_column (table)
 * @period_ns: length of a trace: of the last opportunity, or row
 * @hash:      of the contents: two files of the same contents and name share a block
 * @name:      as the user wrote it
 */
struct vn_arena_block {
	__u32 magic;
	__u32 kind;
	__u32 n;
	__u32 n_pages;
	__u32 columns;
	__u32 pad;
	__u64 period_ns;
	__u64 hash;
	char name[216];
};
_Static_assert(sizeof(struct vn_arena_block) == 256, "what follows is aligned");

/*
 * The elements of block @number when it is one of @kind and lies within the arena as mapped at @base, else NULL.
 * Readers check at every use: a wrong number must not lead them astray.
 */
static inline const void *vn_arena_get(const __u8 *base, __u32 number, __u32 kind,
				       const struct vn_arena_block **ret_block)
{
	static const __u32 element[] = {0, 2, 8, sizeof(struct vn_trace_row)};
	const struct vn_arena_block *b;

	if (!base || !number || number >= VN_ARENA_PAGES)
		return (void *)0;
	b = (const void *)(base + number * VN_ARENA_PAGE);
	if (b->magic != VN_ARENA_MAGIC || b->kind != kind || !b->n || b->n_pages > VN_ARENA_PAGES - number ||
	    sizeof(*b) + (__u64)b->n * element[kind & 3] > b->n_pages * VN_ARENA_PAGE)
		return (void *)0;
	if (ret_block)
		*ret_block = b;
	return b + 1;
}

#endif
