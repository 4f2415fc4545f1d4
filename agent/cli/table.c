/* SPDX-License-Identifier: GPL-2.0-only */
#include "cli/table.h"

#include <stdarg.h>

#define GAP 2 /* blanks between columns; one where the terminal is narrow */

#define LAST_MIN    24 /* characters the last column gets, while there is another way */
#define WORD_MIN    10 /* of a word, before it is broken */
#define TIGHT_MIN   5  /* of one where nothing else helps; numbers are never broken */
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

/* The next line of @text within @width characters: its length in bytes; @ret_skip: to where the one after it begins. */
static size_t next_line(const char *text, size_t width, size_t *ret_skip)
{
	size_t len = 0, blanks, word;

	for (;;) {
		blanks = strspn(text + len, " ");
		word = strcspn(text + len + blanks, " ");
		if (!word || width_of(text, len + blanks + word) > width)
			break;
		len += blanks + word;
	}
	if (!len) {
		/* A word longer than its column. */
		for (len = blanks; len < blanks + word && width_of(text, len + 1) <= width; len++)
			;
		while ((text[len] & 0xc0) == 0x80)
			len++;
	}
	*ret_skip = len + strspn(text + len, " ");
	return len;
}

static void print_cell(const struct vn_table *t, size_t gap, size_t col, size_t width, const char *text, size_t len,
		       enum vn_colour colour, bool last, FILE *f)
{
	size_t used = width_of(text, len);
	int pad = width > used ? (int)(width - used) : 0;

	if (is_right(t, col))
		fprintf(f, "%*s", pad, "");
	if (len) {
		fputs(vn_colour_on(f, colour), f);
		fwrite(text, 1, len, f);
		fputs(vn_colour_off(f, colour), f);
	}
	if (!is_right(t, col) && !last)
		fprintf(f, "%*s", pad, "");
	if (!last)
		fprintf(f, "%*s", (int)gap, "");
}

/* A row takes as many lines as its longest cell. Empty cells at the end of a line leave no blanks. */
static void print_row(const struct vn_table *t, size_t gap, const size_t *width, const struct vn_cell *row,
		      const char **rest, FILE *f)
{
	bool more = true;

	for (size_t c = 0; c < t->n_cols; c++)
		rest[c] = row[c].text;
	for (bool first = true; more; first = false) {
		size_t n = t->n_cols, skip, len;

		while (n > 0 && !*rest[n - 1])
			n--;
		if (!n && !first)
			return;
		more = false;
		for (size_t c = 0; c < n; c++) {
			len = next_line(rest[c], width[c], &skip);
			print_cell(t, gap, c, width[c], rest[c], len, row[c].colour, c + 1 == n, f);
			rest[c] += skip;
			more |= *rest[c] != 0;
		}
		fputc('\n', f);
	}
}

static size_t longest_word(const char *s)
{
	size_t longest = 0;

	while (*s) {
		size_t blanks = strspn(s, " "), word = strcspn(s + blanks, " ");

		longest = VN_MAX(longest, width_of(s + blanks, word));
		s += blanks + word;
	}
	return longest;
}

/* How narrow a column may become: its longest word, but no name of a user's makes it wider than WORD_MIN. */
static size_t least_width(const struct vn_table *t, size_t col, size_t width)
{
	size_t least = vn_utf8_width(head_text(t, col));

	if (is_right(t, col))
		return width;
	for (size_t i = col; i < t->n_cells; i += t->n_cols)
		least = VN_MAX(least, VN_MIN(longest_word(t->cells[i].text), WORD_MIN));
	return VN_MIN(col + 1 == t->n_cols ? VN_MAX(least, LAST_MIN) : least, width);
}

/*
 * Take from the widest column what is too much for @columns, one character after the other, then from the gaps, then
 * from the last column, then from words. How many blanks are then between columns.
 */
static size_t shrink(const struct vn_table *t, size_t *width, size_t *least, size_t columns)
{
	size_t total = (t->n_cols - 1) * GAP, last = t->n_cols - 1, gap = GAP;
	bool tight = false;

	for (size_t c = 0; c < t->n_cols; c++) {
		total += width[c];
		least[c] = least_width(t, c, width[c]);
	}
	while (total > columns) {
		size_t widest = t->n_cols;

		for (size_t c = 0; c < t->n_cols; c++)
			if (width[c] > least[c] && (widest == t->n_cols || width[c] >= width[widest]))
				widest = c;
		if (widest < t->n_cols) {
			width[widest]--, total--;
		} else if (gap > 1) {
			gap = 1;
			total -= last;
		} else if (least[last] > WORD_MIN && !is_right(t, last)) {
			least[last] = WORD_MIN;
		} else if (!tight) {
			tight = true;
			for (size_t c = 0; c < t->n_cols; c++)
				if (!is_right(t, c))
					least[c] = VN_MIN(least[c], TIGHT_MIN);
		} else {
			break;
		}
	}
	return gap;
}

int vn_table_print(const struct vn_table *t, FILE *f)
{
	return vn_table_print_width(t, f, vn_cli_columns(f));
}

int vn_table_print_width(const struct vn_table *t, FILE *f, size_t columns)
{
	cleanup_free size_t *width = calloc(t->n_cols + 1, sizeof(*width)),
			    *least = calloc(t->n_cols + 1, sizeof(*least));
	cleanup_free struct vn_cell *heads = calloc(t->n_cols + 1, sizeof(*heads));
	cleanup_free const char **rest = calloc(t->n_cols + 1, sizeof(*rest));
	size_t gap = GAP;

	if (t->failed || !width || !least || !heads || !rest)
		return -ENOMEM;
	if (t->n_cells == 0)
		return 0;
	for (size_t c = 0; c < t->n_cols; c++)
		width[c] = vn_utf8_width(head_text(t, c));
	for (size_t i = 0; i < t->n_cells; i++)
		width[i % t->n_cols] = VN_MAX(width[i % t->n_cols], vn_utf8_width(t->cells[i].text));
	if (columns)
		gap = shrink(t, width, least, columns);
	for (size_t c = 0; c < t->n_cols; c++)
		heads[c] = (struct vn_cell){.text = (char *)head_text(t, c), .colour = VN_HEAD};
	print_row(t, gap, width, heads, rest, f);
	for (size_t i = 0; i + t->n_cols <= t->n_cells; i += t->n_cols)
		print_row(t, gap, width, &t->cells[i], rest, f);
	return 0;
}
