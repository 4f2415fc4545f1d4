/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The text of GML: `key value` pairs, where a value is a number, a string in quotes or a list in brackets. Source of
 * the format: M. Himsolt, "GML: A portable Graph File Format", 1997. Errors name file, line and column.
 */
#ifndef VNET_FILE_IMPORT_GML_LEX_H
#define VNET_FILE_IMPORT_GML_LEX_H

#include <stddef.h>
#include <stdint.h>

#include <base/err.h>
#include <base/util.h>

#define VN_GML_WORD_MAX 256

enum vn_gml_kind { VN_GML_END, VN_GML_WORD, VN_GML_STRING, VN_GML_OPEN, VN_GML_CLOSE };

struct vn_gml_token {
	enum vn_gml_kind kind;
	unsigned int line, column;
	char text[VN_GML_WORD_MAX]; /* of words and strings, cut to fit */
};

/* Begins with @line 1 and the text of @len bytes, which need not end with a NUL. */
struct vn_gml_text {
	const char *file, *text;
	size_t len, at;
	unsigned int line;
	size_t line_start;
	struct vn_err *err;
};

int vn_gml_fail(struct vn_gml_text *g, unsigned int line, unsigned int column, const char *fmt, ...) VN_PRINTF(4, 5);
#define vn_gml_fail_at(g, token, ...) vn_gml_fail((g), (token)->line, (token)->column, __VA_ARGS__)

/* VN_GML_END at the end; it fails for a string that does not end. */
int vn_gml_next(struct vn_gml_text *g, struct vn_gml_token *t);
/* @t is the first token of a value; skip the rest of it. */
int vn_gml_skip(struct vn_gml_text *g, struct vn_gml_token *t);
int vn_gml_int(struct vn_gml_text *g, const struct vn_gml_token *t, int64_t *ret_id);
int vn_gml_real(struct vn_gml_text *g, const struct vn_gml_token *t, double min, double max, double *ret_value);

/* Behind the bracket that opens a list: each key is given to @one, with the first token of its value, up to the end. */
typedef int (*vn_gml_key_fn)(struct vn_gml_text *g, const struct vn_gml_token *key, struct vn_gml_token *value,
			     void *obj);
int vn_gml_list(struct vn_gml_text *g, vn_gml_key_fn one, void *obj);

#endif
