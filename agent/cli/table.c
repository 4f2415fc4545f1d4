/* SPDX-License-Identifier: GPL-2.0-only */
#include "cli/table.h"

#include <stdarg.h>

#define GAP "  "

size_t vn_utf8_width(const char *s)
{
	size_t n = 0;

	/* Every byte but a continuation (10xxxxxx) begins a character. */
	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

void vn_table_init(struct vn_table *t, const char *const *heads)
{
	*t = (struct vn_table){.heads = heads};
	while (heads[t->n_cols])
		t->n_cols++;
}

void vn_table_release(struct vn_table *t)
{
	for (size_t i = 0; i < t->n_cells; i++)
		free(t->cells[i].text);
	free(t->cells);
	*t = (struct vn_table){0};
}

void vn_table_add(struct vn_table *t, enum vn_colour colour, const char *fmt, ...)
{
	struct vn_cell *cells;
	va_list ap;
	char *text;
	int n;

	if (t->failed)
		return;
	if (t->n_cells == t->max_cells) {
		size_t max = VN_MAX(t->max_cells * 2, (size_t)64);

		cells = reallocarray(t->cells, max, sizeof(*cells));
		if (!cells) {
			t->failed = true;
			return;
		}
		t->cells = cells;
		t->max_cells = max;
	}
	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0) {
		t->failed = true;
		return;
	}
	t->cells[t->n_cells++] = (struct vn_cell){.text = text, .colour = colour};
}

static bool is_right(const struct vn_table *t, size_t col)
{
	return t->heads[col][0] == '>';
}

static const char *head_text(const struct vn_table *t, size_t col)
{
	return t->heads[col] + is_right(t, col);
}

static void print_cell(const struct vn_table *t, size_t col, size_t width, const struct vn_cell *c, bool last, FILE *f)
{
	size_t used = vn_utf8_width(c->text);
	int pad = width > used ? (int)(width - used) : 0;

	if (is_right(t, col))
		fprintf(f, "%*s", pad, "");
	fprintf(f, "%s%s%s", vn_colour_on(f, c->colour), c->text, vn_colour_off(f, c->colour));
	if (!is_right(t, col) && !last)
		fprintf(f, "%*s", pad, "");
	if (!last)
		fputs(GAP, f);
}

/* Empty cells at the end leave no blanks. */
static void print_row(const struct vn_table *t, const size_t *width, const struct vn_cell *row, FILE *f)
{
	size_t n = t->n_cols;

	while (n > 0 && !*row[n - 1].text)
		n--;
	for (size_t c = 0; c < n; c++)
		print_cell(t, c, width[c], &row[c], c + 1 == n, f);
	fputc('\n', f);
}

int vn_table_print(const struct vn_table *t, FILE *f)
{
	cleanup_free size_t *width = calloc(t->n_cols + 1, sizeof(*width));
	cleanup_free struct vn_cell *heads = calloc(t->n_cols + 1, sizeof(*heads));

	if (t->failed || !width || !heads)
		return -ENOMEM;
	if (t->n_cells == 0)
		return 0;
	for (size_t c = 0; c < t->n_cols; c++)
		width[c] = vn_utf8_width(head_text(t, c));
	for (size_t i = 0; i < t->n_cells; i++)
		width[i % t->n_cols] = VN_MAX(width[i % t->n_cols], vn_utf8_width(t->cells[i].text));
	for (size_t c = 0; c < t->n_cols; c++)
		heads[c] = (struct vn_cell){.text = (char *)head_text(t, c), .colour = VN_HEAD};
	print_row(t, width, heads, f);
	for (size_t i = 0; i + t->n_cols <= t->n_cells; i += t->n_cols)
		print_row(t, width, &t->cells[i], f);
	return 0;
}
