/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parsers of .dist and trace files share: lines with their positions, and the block they fill. */
#ifndef VNET_DISC_DISC_FILE_H
#define VNET_DISC_DISC_FILE_H

#include <base/util.h>

#include "base/names.h"
#include "disc/disc_words.h"

/* A text that is read line by line. */
struct vn_lines {
	const char *name; /* of the file */
	const char *next, *end;
	const char *line; /* the current one; not NUL-terminated */
	size_t len;
	unsigned int number;
	struct vn_err *err;
};

void vn_lines_init(struct vn_lines *l, const char *name, const char *text, size_t len, struct vn_err *err);
/* The next line without its end and the blanks before it; comments (#) and empty lines are skipped. */
bool vn_lines_next(struct vn_lines *l);
/* -EINVAL with "name:line:column: " before the text; @at points into the current line. */
__attribute__((format(printf, 3, 4))) int vn_lines_fail(const struct vn_lines *l, const char *at, const char *fmt, ...);

/* Elements as they come; the block in the end. */
struct vn_block_buf {
	struct vn_arena_block *block;
	size_t element, room;
};
int vn_block_add(struct vn_block_buf *b, const void *element, size_t size, struct vn_err *err);
/* Name, kind, size and hash; the block is the caller's. */
struct vn_arena_block *vn_block_finish(struct vn_block_buf *b, const char *name, uint32_t kind);
void vn_block_buf_release(struct vn_block_buf *b);
#define cleanup_block_buf __attribute__((cleanup(vn_block_buf_release)))

int vn_block_parse_opps(struct vn_lines *l, struct vn_arena_block **ret_block);
int vn_block_parse_table(struct vn_lines *l, struct vn_arena_block **ret_block);

#endif
