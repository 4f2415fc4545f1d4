/* SPDX-License-Identifier: GPL-2.0-only */
#include "cli/table.h"

#include <libsmartcols/libsmartcols.h>
#include <locale.h>
#include <stdarg.h>
#include <unistd.h>

#define GAP         2 /* blanks between columns; one where the terminal is narrow */
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
	*t = (struct vn_table){.scols = scols_new_table()};
	t->failed = !t->scols;
	for (; heads[t->n_cols] && !t->failed; t->n_cols++) {
		const char *head = heads[t->n_cols];
		bool right = *head == '>', text = *head == '~';
		int flags = right ? SCOLS_FL_RIGHT : text ? SCOLS_FL_WRAP : 0;
		struct libscols_column *col = scols_table_new_column(t->scols, head + (right || text), 0, flags);

		t->failed = !col || (text && (scols_column_set_safechars(col, "\n") < 0 ||
					      scols_column_set_wrapfunc(col, scols_wrapnl_chunksize,
									scols_wrapnl_nextchunk, NULL) < 0));
	}
}

void vn_table_release(struct vn_table *t)
{
	scols_unref_table(t->scols);
	free(t->rows);
	*t = (struct vn_table){0};
}

static struct libscols_cell *cell(const struct vn_table *t, size_t row, size_t col)
{
	return scols_line_get_cell(t->rows[row], col);
}

static struct libscols_line *new_row(struct vn_table *t)
{
	if (t->n_rows == t->max_rows) {
		size_t max = VN_MAX(t->max_rows * 2, (size_t)64);
		struct libscols_line **rows = reallocarray(t->rows, max, sizeof(struct libscols_line *));

		if (!rows)
			return NULL;
		t->rows = rows;
		t->max_rows = max;
	}
	t->rows[t->n_rows] = scols_table_new_line(t->scols, NULL);
	return t->rows[t->n_rows] ? t->rows[t->n_rows++] : NULL;
}

void vn_table_add(struct vn_table *t, enum vn_colour colour, const char *fmt, ...)
{
	va_list ap;
	char *text;
	int n;

	if (t->failed)
		return;
	if (t->col == 0 && !new_row(t)) {
		t->failed = true;
		return;
	}
	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0 || scols_line_refer_data(t->rows[t->n_rows - 1], t->col, text) < 0) {
		t->failed = true;
		return;
	}
	scols_cell_set_userdata(cell(t, t->n_rows - 1, t->col), (void *)(uintptr_t)colour);
	t->col = (t->col + 1) % t->n_cols;
}

static struct libscols_column *column(const struct vn_table *t, size_t col)
{
	return scols_table_get_column(t->scols, col);
}

static const char *cell_text(const struct vn_table *t, size_t row, size_t col)
{
	return scols_cell_get_data(cell(t, row, col)) ?: "";
}

static bool is_text(const struct vn_table *t, size_t col)
{
	return scols_column_is_wrap(column(t, col));
}

/* @text, its lines broken between words so that they keep to @width; a longer word is a line. */
static char *fill(const char *text, size_t width)
{
	char *lines = strdup(text);
	size_t at = 0;

	for (char *p = lines; p && *p;) {
		size_t blanks = strspn(p, " \n"), word = strcspn(p + blanks, " \n"), n = width_of(p + blanks, word);
		bool breaks = at && blanks && at + blanks + n > width;

		if (at && blanks)
			*p = breaks ? '\n' : ' ';
		at = breaks ? n : at + blanks + n;
		p += blanks + word;
	}
	return lines;
}

static int fill_column(const struct vn_table *t, size_t col, size_t width)
{
	for (size_t row = 0; row < t->n_rows; row++) {
		char *lines = fill(cell_text(t, row, col), width);

		if (!lines || scols_cell_refer_data(cell(t, row, col), lines) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* The longest word of a column of text. */
static size_t longest_word(const struct vn_table *t, size_t col)
{
	size_t longest = vn_utf8_width(scols_cell_get_data(scols_column_get_header(column(t, col))));

	for (size_t row = 0; row < t->n_rows; row++)
		for (const char *s = cell_text(t, row, col); *s;) {
			size_t blanks = strspn(s, " \n"), word = strcspn(s + blanks, " \n");

			longest = VN_MAX(longest, width_of(s + blanks, word));
			s += blanks + word;
		}
	return longest;
}

/* Break the cells of the widest columns of text until @total, the width of the table, is no more than @columns. */
static int break_text(const struct vn_table *t, size_t *width, size_t total, size_t columns)
{
	cleanup_free size_t *least = calloc(t->n_cols, sizeof(*least));
	size_t widest;

	if (!least)
		return -ENOMEM;
	for (size_t c = 0; c < t->n_cols; c++)
		least[c] = is_text(t, c) ? longest_word(t, c) : width[c];
	for (; total > columns; width[widest]--, total--) {
		widest = t->n_cols;
		for (size_t c = 0; c < t->n_cols; c++)
			if (width[c] > least[c] && (widest == t->n_cols || width[c] >= width[widest]))
				widest = c;
		if (widest == t->n_cols)
			break;
	}
	for (size_t c = 0; c < t->n_cols; c++)
		if (is_text(t, c) && fill_column(t, c, width[c]) < 0)
			return -ENOMEM;
	return 0;
}

/* Measured by printing it: the width of each column and of the table. */
static int measure(const struct vn_table *t, size_t gap, size_t *width, size_t *ret_total)
{
	cleanup_free char *text = NULL;
	size_t shown = 0;

	*ret_total = 0;
	if (scols_table_set_column_separator(t->scols, gap > 1 ? "  " : " ") < 0 ||
	    scols_print_table_to_string(t->scols, &text) < 0)
		return -ENOMEM;
	for (size_t c = 0; c < t->n_cols; c++) {
		width[c] = scols_column_is_hidden(column(t, c)) ? 0 : scols_column_get_width(column(t, c));
		*ret_total += width[c];
		shown += !scols_column_is_hidden(column(t, c));
	}
	*ret_total += (shown - 1) * gap;
	return 0;
}

/* The widest column of names gets a line of its own above each row, unless it is the last one that is shown. */
static bool hide_widest(const struct vn_table *t, const size_t *width)
{
	size_t widest = t->n_cols, shown = 0;

	for (size_t c = 0; c < t->n_cols; c++) {
		struct libscols_column *col = column(t, c);

		shown += !scols_column_is_hidden(col);
		if (scols_column_get_flags(col) == 0 && (widest == t->n_cols || width[c] > width[widest]))
			widest = c;
	}
	return widest < t->n_cols && shown > 1 && scols_column_set_flags(column(t, widest), SCOLS_FL_HIDDEN) == 0;
}

/* With @gap blanks between columns, and text as wide as it is, or as there is room for. */
static int fit_text(const struct vn_table *t, size_t gap, size_t *width, size_t *ret_total, size_t columns)
{
	int r = 0;

	for (size_t c = 0; c < t->n_cols && r == 0; c++)
		if (is_text(t, c))
			r = fill_column(t, c, SIZE_MAX);
	if (r == 0)
		r = measure(t, gap, width, ret_total);
	if (r < 0 || *ret_total <= columns)
		return r;
	r = break_text(t, width, *ret_total, columns);
	return r < 0 ? r : measure(t, gap, width, ret_total);
}

static int fit(const struct vn_table *t, size_t columns)
{
	cleanup_free size_t *width = calloc(t->n_cols, sizeof(*width));
	size_t total = 0;
	int r;

	if (!width)
		return -ENOMEM;
	r = fit_text(t, GAP, width, &total, columns);
	if (r == 0 && total > columns)
		r = fit_text(t, 1, width, &total, columns);
	while (r == 0 && total > columns && hide_widest(t, width))
		r = fit_text(t, 1, width, &total, columns);
	return r;
}

/* Has this cell a name that stands on a line of its own, above @row? */
static bool stands_above(const struct vn_table *t, size_t row, size_t col)
{
	const char *text = cell_text(t, row, col);

	return scols_column_is_hidden(column(t, col)) && *text &&
	       (row == 0 || strcmp(text, cell_text(t, row - 1, col)) != 0);
}

/* How many rows from @row on have no such line between them. */
static size_t rows_together(const struct vn_table *t, size_t row)
{
	size_t n = 1;

	for (; row + n < t->n_rows; n++)
		for (size_t c = 0; c < t->n_cols; c++)
			if (stands_above(t, row + n, c))
				return n;
	return n;
}

static void print_above(const struct vn_table *t, size_t row, FILE *f)
{
	for (size_t c = 0; c < t->n_cols; c++) {
		if (!stands_above(t, row, c))
			continue;
		fprintf(f, "%s%s%s %s\n", vn_colour_on(f, VN_HEAD),
			scols_cell_get_data(scols_column_get_header(column(t, c))), vn_colour_off(f, VN_HEAD),
			cell_text(t, row, c));
	}
}

/* Lines without the blanks that fill their last cells. */
static void print_lines(const char *text, size_t size, FILE *f)
{
	for (const char *end = text + size, *next; text < end; text = next) {
		size_t len;

		next = strchrnul(text, '\n');
		len = (size_t)(next - text);
		next += *next == '\n';
		while (len && text[len - 1] == ' ')
			len--;
		fwrite(text, 1, len, f);
		fputc('\n', f);
	}
}

static void set_colours(const struct vn_table *t, FILE *f)
{
	scols_table_enable_colors(t->scols, vn_cli_colour(f));
	for (size_t c = 0; c < t->n_cols; c++) {
		scols_cell_set_color(scols_column_get_header(column(t, c)), vn_colour_on(f, VN_HEAD));
		for (size_t row = 0; row < t->n_rows; row++) {
			struct libscols_cell *ce = cell(t, row, c);
			enum vn_colour colour = (enum vn_colour)(uintptr_t)scols_cell_get_userdata(ce);

			if (colour != VN_PLAIN && *cell_text(t, row, c))
				scols_cell_set_color(ce, vn_colour_on(f, colour));
		}
	}
}

/* The rows below their names; the library prints the headings of the whole table alone. */
static int print_below_names(const struct vn_table *t, const char *table, FILE *f)
{
	print_lines(table, strcspn(table, "\n"), f);
	scols_table_enable_noheadings(t->scols, 1);
	for (size_t row = 0, n; row < t->n_rows; row += n) {
		cleanup_free char *text = NULL;

		n = rows_together(t, row);
		if (scols_table_print_range_to_string(t->scols, t->rows[row], t->rows[row + n - 1], &text) < 0)
			return -ENOMEM;
		print_above(t, row, f);
		print_lines(text, strlen(text), f);
	}
	return 0;
}

static int print_rows(const struct vn_table *t, FILE *f)
{
	cleanup_free char *table = NULL;

	if (vn_cli_colour(f))
		set_colours(t, f);
	if (scols_print_table_to_string(t->scols, &table) < 0)
		return -ENOMEM;
	for (size_t c = 0; c < t->n_cols; c++)
		if (scols_column_is_hidden(column(t, c)))
			return print_below_names(t, table, f);
	print_lines(table, strlen(table), f);
	return 0;
}

int vn_table_print(struct vn_table *t, FILE *f)
{
	return vn_table_print_width(t, f, vn_cli_columns(f));
}

int vn_table_print_width(struct vn_table *t, FILE *f, size_t columns)
{
	locale_t utf8, before;
	int r;

	if (t->failed)
		return -ENOMEM;
	if (scols_table_is_empty(t->scols))
		return 0;
	/* The library measures and escapes what its locale says; names here are UTF-8 in every locale. */
	utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", NULL);
	before = utf8 ? uselocale(utf8) : NULL;
	scols_table_set_termforce(t->scols, SCOLS_TERMFORCE_NEVER);
	r = columns ? fit(t, columns) : scols_table_set_column_separator(t->scols, "  ");
	if (r == 0)
		r = print_rows(t, f);
	if (utf8) {
		uselocale(before);
		freelocale(utf8);
	}
	return r;
}

static const char *topology_of(const json_t *list, size_t i)
{
	const char *name = json_string_value(json_object_get(json_array_get(list, i), "topology"));

	return name ? name : "";
}

int vn_each_topology(const json_t *list, int (*print)(const json_t *list, bool full))
{
	size_t n = json_array_size(list);
	int r = 0;

	if (!isatty(STDOUT_FILENO) || n == 0 || strcmp(topology_of(list, 0), topology_of(list, n - 1)) == 0)
		return print(list, true);
	for (size_t i = 0; i < n && r == 0;) {
		const char *name = topology_of(list, i);
		json_t *part = json_array();

		printf("%stopology %s\n", i ? "\n" : "", name);
		for (; i < n && strcmp(topology_of(list, i), name) == 0; i++)
			json_array_append(part, json_array_get(list, i));
		r = print(part, false);
		json_decref(part);
	}
	return r;
}
