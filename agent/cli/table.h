/* SPDX-License-Identifier: GPL-2.0-only */
/* Tables on the terminal: what libsmartcols leaves to do, which is where they are too wide. */
#ifndef VNET_CLI_TABLE_H
#define VNET_CLI_TABLE_H

#include <stddef.h>
#include <stdio.h>
#include <base/util.h>
#include <jansson.h>

#include "cli/cli.h"

struct libscols_line;
struct libscols_table;

struct vn_table {
	struct libscols_table *scols;
	struct libscols_line **rows; /* as the library walks along a list to each */
	size_t n_cols, n_rows, max_rows, col;
	bool failed; /* memory ran out: the table prints nothing */
};

/*
 * @heads: NULL-terminated. One that starts with '>' aligns its column to the right; one that starts with '~' has
 * sentences or lists below it, which may be broken between words. All other cells are names and figures, and stay
 * whole.
 */
void vn_table_init(struct vn_table *t, const char *const *heads);
void vn_table_release(struct vn_table *t);
#define cleanup_table __attribute__((cleanup(vn_table_release)))

/* Append the next cell, row by row. */
void vn_table_add(struct vn_table *t, enum vn_colour colour, const char *fmt, ...) VN_PRINTF(3, 4);
/*
 * Heads and rows; nothing when there is no row. Off a terminal a row is a line. On one that is too narrow sentences are
 * broken between words, then one blank stands between columns instead of two, then the widest names stand on a line of
 * their own above their rows. -ENOMEM when a cell could not be kept.
 */
int vn_table_print(struct vn_table *t, FILE *f);
/* The same for @columns characters a line; 0: a row is a line. */
int vn_table_print_width(struct vn_table *t, FILE *f, size_t columns);

/*
 * @print for the elements of @list, which have a member "topology" and are sorted by it. On a terminal, where there are
 * several topologies, once for each, below its name, and @full is false: names need not say it. Elsewhere every row
 * says all, to be searched for.
 */
int vn_each_topology(const json_t *list, int (*print)(const json_t *list, bool full));

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
