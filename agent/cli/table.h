/* SPDX-License-Identifier: GPL-2.0-only */
/* A table on the terminal: columns as wide as their widest cell, measured in characters, not bytes. */
#ifndef VNET_CLI_TABLE_H
#define VNET_CLI_TABLE_H

#include <stddef.h>
#include <stdio.h>
#include <base/util.h>

#include "cli/cli.h"

struct vn_cell {
	char *text;
	enum vn_colour colour;
};

struct vn_table {
	const char *const *heads; /* NULL-terminated; a head that starts with '>' aligns its column to the right */
	size_t n_cols;
	struct vn_cell *cells;
	size_t n_cells, max_cells;
	bool failed; /* memory ran out: the table prints nothing */
};

void vn_table_init(struct vn_table *t, const char *const *heads);
void vn_table_release(struct vn_table *t);
#define cleanup_table __attribute__((cleanup(vn_table_release)))

/* Append the next cell, row by row. */
void vn_table_add(struct vn_table *t, enum vn_colour colour, const char *fmt, ...) VN_PRINTF(3, 4);
/*
 * Heads and rows; nothing when there is no row. On a terminal cells continue on further lines where the row does not
 * fit; elsewhere a row is a line. -ENOMEM when a cell could not be kept.
 */
int vn_table_print(const struct vn_table *t, FILE *f);
/* The same for @columns characters a line; 0: a row is a line. */
int vn_table_print_width(const struct vn_table *t, FILE *f, size_t columns);

/*
 * @text from character @at of a line on, broken between words so that lines keep to @columns (0: never broken); lines
 * after the first are indented by @indent. A word longer than a line is left whole. Ends without a newline.
 */
void vn_wrap(FILE *f, const char *text, size_t at, size_t indent, size_t columns);
/* A line of text, newline included; on a terminal its continuation lines are indented by four more than itself. */
void vn_print_line(const char *fmt, ...) VN_PRINTF(1, 2);

/* Characters in a UTF-8 string; a byte that is not UTF-8 counts as one. */
size_t vn_utf8_width(const char *s);

#endif
