// SPDX-License-Identifier: GPL-2.0-only
#include "file/import/gml_lex.h"

#include "model/model_internal.h"

#define LIST_DEPTH_MAX 16

int vn_gml_fail(struct vn_gml_text *g, unsigned int line, unsigned int column, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = vn_refuse_at(g->err, g->file, line, column, fmt, ap);
	va_end(ap);
	return r;
}

static void advance(struct vn_gml_text *g)
{
	if (g->text[g->at++] == '\n') {
		g->line++;
		g->line_start = g->at;
	}
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

static void skip_space(struct vn_gml_text *g)
{
	while (g->at < g->len) {
		char c = g->text[g->at];

		if (c == '#') {
			while (g->at < g->len && g->text[g->at] != '\n')
				advance(g);
		} else if (is_space(c)) {
			advance(g);
		} else {
			return;
		}
	}
}

static void put(struct vn_gml_token *t, size_t *n, char c)
{
	if (*n < VN_GML_WORD_MAX - 1)
		t->text[(*n)++] = c;
}

int vn_gml_next(struct vn_gml_text *g, struct vn_gml_token *t)
{
	size_t n = 0;
	char c;

	skip_space(g);
	t->line = g->line;
	t->column = (unsigned int)(g->at - g->line_start) + 1;
	t->text[0] = '\0';
	t->kind = VN_GML_END;
	if (g->at == g->len)
		return 0;
	c = g->text[g->at];
	if (c == '[' || c == ']') {
		t->kind = c == '[' ? VN_GML_OPEN : VN_GML_CLOSE;
		advance(g);
		return 0;
	}
	if (c == '"') {
		t->kind = VN_GML_STRING;
		for (advance(g); g->at < g->len && g->text[g->at] != '"'; advance(g))
			put(t, &n, g->text[g->at]);
		if (g->at == g->len)
			return vn_gml_fail_at(g, t, "a string without its closing quote");
		advance(g);
	} else {
		t->kind = VN_GML_WORD;
		for (; g->at < g->len && !is_space(c = g->text[g->at]) && c != '[' && c != ']' && c != '"'; advance(g))
			put(t, &n, c);
	}
	t->text[n] = '\0';
	return 0;
}

/* @t is the first token of a value; skip the rest of it. */
int vn_gml_skip(struct vn_gml_text *g, struct vn_gml_token *t)
{
	unsigned int depth = 0;
	int r;

	for (;;) {
		if (t->kind == VN_GML_OPEN && ++depth > LIST_DEPTH_MAX)
			return vn_gml_fail_at(g, t, "nested more than %d levels deep", LIST_DEPTH_MAX);
		if (t->kind == VN_GML_CLOSE) {
			if (!depth)
				return vn_gml_fail_at(g, t, "']' where a value is expected");
			depth--;
		}
		if (t->kind == VN_GML_END)
			return vn_gml_fail_at(g, t, "the file ends where a value or ']' is expected");
		if (!depth)
			return 0;
		r = vn_gml_next(g, t);
		if (r < 0)
			return r;
	}
}

int vn_gml_int(struct vn_gml_text *g, const struct vn_gml_token *t, int64_t *ret_id)
{
	char *end, shown[VN_SHOW_BUF];
	long long v;

	errno = 0;
	v = strtoll(t->text, &end, 10);
	if (errno || t->kind == VN_GML_OPEN || t->kind == VN_GML_CLOSE || end == t->text || *end)
		return vn_gml_fail_at(g, t, "'%s' is not a whole number", vn_show(shown, t->text));
	*ret_id = v;
	return 0;
}

int vn_gml_real(struct vn_gml_text *g, const struct vn_gml_token *t, double min, double max, double *ret_value)
{
	char *end, shown[VN_SHOW_BUF];
	double v;

	v = strtod(t->text, &end);
	if (t->kind == VN_GML_OPEN || t->kind == VN_GML_CLOSE || end == t->text || *end || !(v >= min && v <= max))
		return vn_gml_fail_at(g, t, "'%s' is not a number from %g to %g", vn_show(shown, t->text), min, max);
	*ret_value = v;
	return 0;
}

/* Hands each key of a list to @one, with the first token of its value, up to the closing bracket. */
int vn_gml_list(struct vn_gml_text *g, vn_gml_key_fn one, void *obj)
{
	struct vn_gml_token key, value;
	int r;

	for (;;) {
		r = vn_gml_next(g, &key);
		if (r < 0)
			return r;
		if (key.kind == VN_GML_CLOSE)
			return 0;
		if (key.kind != VN_GML_WORD)
			return vn_gml_fail_at(g, &key,
					      key.kind == VN_GML_END ? "the file ends where ']' is expected"
								     : "a key is expected here");
		r = vn_gml_next(g, &value);
		if (r == 0)
			r = one(g, &key, &value, obj);
		if (r < 0)
			return r;
	}
}
