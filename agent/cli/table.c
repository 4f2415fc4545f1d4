/* SPDX-License-Identifier: GPL-2.0-only */
#include "cli/table.h"

#include <stdarg.h>

#define GAP "  "

#define LAST_MIN    24 /* characters the last column gets, however narrow the terminal */
#define LINE_INDENT 4

static size_t width_of(const char *s, size_t len)
{
	size_t n = 0;

	/* Every byte but a continuation (10xxxxxx) begins a character. */
	for (size_t i = 0; i < len; i++)
		n += ((unsigned char)s[i] & 0xc0) != 0x80;
	return n;
}

size_t vn_utf8_width(const char *s)
{
	return width_of(s, strlen(s));
}

void vn_wrap(FILE *f, const char *text, size_t at, size_t indent, size_t columns)
{
	for (bool first = true; *text; first = false) {
		size_t blanks = strspn(text, " "), word = strcspn(text + blanks, " ");

		if (!first && columns && at + blanks + width_of(text + blanks, word) > columns) {
			fprintf(f, "\n%*s", (int)indent, "");
			text += blanks;
			blanks = 0;
			at = indent;
		}
		fwrite(text, 1, blanks + word, f);
		at += blanks + width_of(text + blanks, word);
		text += blanks + word;
	}
}

void vn_print_line(const char *fmt, ...)
{
	cleanup_free char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0) {
		text = NULL;
		return;
	}
	vn_wrap(stdout, text, 0, strspn(text, " ") + LINE_INDENT, vn_cli_columns(stdout));
	putchar('\n');
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

/* How one row is laid out. */
struct layout {
	size_t *width;  /* of each column */
	size_t columns; /* of a line, 0 for any number */
};

/* The character at which column @col begins. */
static size_t begin_of(const struct layout *l, size_t col)
{
	size_t at = 0;

	for (size_t c = 0; c < col; c++)
		at += l->width[c] + strlen(GAP);
	return at;
}

/* Only the table's last column wraps: beside another one, continuation lines would need their cells kept apart. */
static void print_text(const struct vn_table *t, const struct layout *l, size_t col, const char *text, FILE *f)
{
	size_t at = begin_of(l, col);

	if (!l->columns || col + 1 < t->n_cols || is_right(t, col))
		fputs(text, f);
	else
		vn_wrap(f, text, at, at, VN_MAX(l->columns, at + LAST_MIN));
}

static void print_cell(const struct vn_table *t, const struct layout *l, size_t col, const struct vn_cell *c, bool last,
		       FILE *f)
{
	size_t width = l->width[col];
	size_t used = vn_utf8_width(c->text);
	int pad = width > used ? (int)(width - used) : 0;

	if (is_right(t, col))
		fprintf(f, "%*s", pad, "");
	fputs(vn_colour_on(f, c->colour), f);
	print_text(t, l, col, c->text, f);
	fputs(vn_colour_off(f, c->colour), f);
	if (!is_right(t, col) && !last)
		fprintf(f, "%*s", pad, "");
	if (!last)
		fputs(GAP, f);
}

/* Empty cells at the end leave no blanks. */
static void print_row(const struct vn_table *t, const struct layout *l, const struct vn_cell *row, FILE *f)
{
	size_t n = t->n_cols;

	while (n > 0 && !*row[n - 1].text)
		n--;
	for (size_t c = 0; c < n; c++)
		print_cell(t, l, c, &row[c], c + 1 == n, f);
	fputc('\n', f);
}

int vn_table_print(const struct vn_table *t, FILE *f)
{
	return vn_table_print_width(t, f, vn_cli_columns(f));
}

int vn_table_print_width(const struct vn_table *t, FILE *f, size_t columns)
{
	cleanup_free size_t *width = calloc(t->n_cols + 1, sizeof(*width));
	cleanup_free struct vn_cell *heads = calloc(t->n_cols + 1, sizeof(*heads));
	struct layout l = {.width = width, .columns = columns};

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
	print_row(t, &l, heads, f);
	for (size_t i = 0; i + t->n_cols <= t->n_cells; i += t->n_cols)
		print_row(t, &l, &t->cells[i], f);
	return 0;
}
