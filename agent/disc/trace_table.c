// SPDX-License-Identifier: GPL-2.0-only
/*
 * CSV traces: the header names the columns (time, and any of delay, jitter, rate, loss, limit, in any order), each with
 * a unit behind an underscore (time_ms, rate_kbit, loss_percent, limit_packets), or with units in the cells. Times
 * ascend from 0.
 */
#include "disc/disc_file.h"
#include "disc/disc_internal.h"

#define COLUMNS_MAX 6
#define CELL_MAX    64

struct column {
	const char *word;
	uint32_t bit; /* enum vn_trace_column; 0: the time */
	int (*read)(const char *cell, struct vn_trace_row *row, struct vn_err *err);
};

static int read_time(const char *cell, struct vn_trace_row *row, struct vn_err *err)
{
	uint64_t ns = 0;
	int r = vn_parse_time(cell, &ns, err);

	if (r == 0 && ns > 366 * 86400 * VN_NSEC_PER_SEC)
		return vn_err_usage(err, "'%s' is over a year", cell);
	row->time_ns = ns;
	return r;
}

static int read_delay_into(const char *cell, uint64_t *ret, struct vn_err *err)
{
	uint64_t ns = 0;
	int r = vn_parse_time(cell, &ns, err);

	if (r == 0 && ns > VN_DELAY_MAX_NS)
		return vn_err_usage(err, "'%s' is over an hour", cell);
	*ret = ns;
	return r;
}

static int read_delay(const char *cell, struct vn_trace_row *row, struct vn_err *err)
{
	uint64_t ns = 0;
	int r = read_delay_into(cell, &ns, err);

	row->delay_ns = ns;
	return r;
}

static int read_jitter(const char *cell, struct vn_trace_row *row, struct vn_err *err)
{
	uint64_t ns = 0;
	int r = read_delay_into(cell, &ns, err);

	row->jitter_ns = ns;
	return r;
}

static int read_rate(const char *cell, struct vn_trace_row *row, struct vn_err *err)
{
	uint64_t bps = 0;
	int r = vn_parse_rate(cell, &bps, err);

	if (r == 0 && bps && (bps < VN_RATE_MIN_BPS || bps > VN_RATE_MAX_BPS))
		return vn_err_usage(err, "'%s' is out of range: 1kbit to 1tbit, or 0", cell);
	row->rate_bps = bps;
	return r;
}

static int read_loss(const char *cell, struct vn_trace_row *row, struct vn_err *err)
{
	uint32_t ppb = 0;
	int r = vn_parse_percent(cell, &ppb, err);

	row->loss_ppb = ppb;
	return r;
}

static int read_limit(const char *cell, struct vn_trace_row *row, struct vn_err *err)
{
	uint64_t v = 0;
	size_t digits = strspn(cell, "0123456789");

	if (digits && (!cell[digits] || !strcmp(cell + digits, "packets"))) {
		char number[CELL_MAX];

		snprintf(number, sizeof(number), "%.*s", (int)digits, cell);
		if (vn_parse_u64(number, UINT32_MAX, &v) < 0)
			return vn_err_usage(err, "'%s' is too much", cell);
		row->limit_packets = (uint32_t)v;
		return 0;
	}
	if (vn_parse_size(cell, &v, err) < 0)
		return -EINVAL;
	if (v && (v < VN_LIMIT_BYTES_MIN || v > VN_LIMIT_BYTES_MAX))
		return vn_err_usage(err, "'%s' is out of range: %llub to 1024gb, or packets", cell, VN_LIMIT_BYTES_MIN);
	row->limit_bytes = v;
	return 0;
}

static const struct column columns[] = {
	{"time", 0, read_time},
	{"delay", VN_TRACE_DELAY, read_delay},
	{"jitter", VN_TRACE_JITTER, read_jitter},
	{"rate", VN_TRACE_RATE, read_rate},
	{"loss", VN_TRACE_LOSS, read_loss},
	{"limit", VN_TRACE_LIMIT, read_limit},
};
_Static_assert(VN_ARRAY_SIZE(columns) == COLUMNS_MAX, "each column once");

struct table {
	struct vn_lines *l;
	const struct column *column[COLUMNS_MAX];
	char unit[COLUMNS_MAX][CELL_MAX];
	size_t n;
};

/* The next cell of the line without blanks and quotes; *p goes behind its comma. NULL after an error. */
static const char *next_cell(const struct vn_lines *l, const char **p, char cell[CELL_MAX])
{
	const char *end = l->line + l->len, *start = *p, *stop;

	stop = memchr(start, ',', (size_t)(end - start));
	*p = stop ? stop + 1 : end + 1;
	if (!stop)
		stop = end;
	while (start < stop && (*start == ' ' || *start == '\t' || *start == '"'))
		start++;
	while (stop > start && (stop[-1] == ' ' || stop[-1] == '\t' || stop[-1] == '"'))
		stop--;
	if (stop - start >= CELL_MAX / 2 || memchr(start, '\0', (size_t)(stop - start))) {
		vn_lines_fail(l, start, "a cell that is no quantity");
		return NULL;
	}
	memcpy(cell, start, (size_t)(stop - start));
	cell[stop - start] = '\0';
	return start;
}

/* "rate_kbit" -> the column, and the unit that each of its cells gets. */
static int take_column(struct table *t, const char *at, const char *cell)
{
	size_t len = strcspn(cell, "_");
	const char *unit = cell[len] ? cell + len + 1 : "", *words[COLUMNS_MAX + 1];
	char shown[VN_SHOW_BUF], hint[VN_HINT_BUF], probe[CELL_MAX];
	const struct column *c = NULL;
	struct vn_trace_row row = {0};
	struct vn_err why = {0};

	for (size_t i = 0; i < COLUMNS_MAX; i++) {
		words[i] = columns[i].word;
		if (strlen(columns[i].word) == len && !strncasecmp(columns[i].word, cell, len))
			c = &columns[i];
	}
	words[COLUMNS_MAX] = NULL;
	vn_show(shown, cell);
	if (!c && !*vn_hint(hint, cell, words))
		snprintf(hint, sizeof(hint),
			 ": time, delay, jitter, rate, loss and limit are, with a unit as in time_ms");
	if (!c)
		return vn_lines_fail(t->l, at, "'%s' is not a column of a trace%s", shown, hint);
	for (size_t i = 0; i < t->n; i++) {
		if (t->column[i] == c)
			return vn_lines_fail(t->l, at, "column '%s' is there twice", c->word);
	}
	if (c->bit == VN_TRACE_LOSS && (!strcasecmp(unit, "percent") || !strcasecmp(unit, "pct")))
		unit = "%";
	/* Everywhere else the unit of bytes a second, here more often meant as bits. */
	if (c->bit == VN_TRACE_RATE && strlen(unit) >= 3 && !strcasecmp(unit + strlen(unit) - 3, "bps"))
		return vn_lines_fail(t->l, at, "'%s' may mean bits or bytes: write rate_kbit, rate_mbit", shown);
	if (c->bit == VN_TRACE_LIMIT && !strcasecmp(unit, "bytes"))
		unit = "b";
	if (c->bit == VN_TRACE_LIMIT && !strcasecmp(unit, "packets"))
		unit = "packets";
	snprintf(t->unit[t->n], sizeof(t->unit[0]), "%.*s", CELL_MAX / 2 - 1, unit);
	snprintf(probe, sizeof(probe), "0%s", t->unit[t->n]);
	if (*unit && c->read(probe, &row, &why) < 0)
		return vn_lines_fail(t->l, at, "'%s': %s", shown, why.text);
	t->column[t->n++] = c;
	return 0;
}

static int read_header(struct table *t, uint32_t *ret_columns)
{
	const struct vn_lines *l = t->l;
	bool timed = false;
	char cell[CELL_MAX];
	int r;

	if (!vn_lines_next(t->l))
		return vn_lines_fail(l, NULL, "empty: no line of a trace");
	for (const char *p = l->line; p <= l->line + l->len;) {
		const char *at = next_cell(l, &p, cell);

		if (!at)
			return -EINVAL;
		if (t->n == COLUMNS_MAX)
			return vn_lines_fail(l, at, "more columns than there are");
		r = take_column(t, at, cell);
		if (r < 0)
			return r;
		timed |= !t->column[t->n - 1]->bit;
		*ret_columns |= t->column[t->n - 1]->bit;
	}
	if (!timed)
		return vn_lines_fail(l, l->line,
				     "no column of times: the first line names the columns, as in "
				     "time_ms,delay_ms,rate_mbit");
	if (!*ret_columns)
		return vn_lines_fail(l, l->line,
				     "times, and nothing that happens: add delay, jitter, rate, loss or limit");
	return 0;
}

static int read_row(const struct table *t, struct vn_trace_row *row, const char **ret_time_at)
{
	const struct vn_lines *l = t->l;
	char cell[CELL_MAX];
	const char *p = l->line, *at = p;
	size_t i;

	for (i = 0; i < t->n && p <= l->line + l->len; i++) {
		struct vn_err why = {0};

		at = next_cell(l, &p, cell);
		if (!at)
			return -EINVAL;
		if (!*cell)
			return vn_lines_fail(l, at, "%s: an empty cell", t->column[i]->word);
		/* A unit in the cell itself goes before the header's. */
		if (t->unit[i][0] && strspn(cell, "0123456789.-+") == strlen(cell))
			snprintf(cell + strlen(cell), CELL_MAX - strlen(cell), "%s", t->unit[i]);
		if (t->column[i]->read(cell, row, &why) < 0)
			return vn_lines_fail(l, at, "%s: %s", t->column[i]->word, why.text);
		if (!t->column[i]->bit)
			*ret_time_at = at;
	}
	if (i < t->n)
		return vn_lines_fail(l, at, "%zu cells, and the header names %zu columns", i, t->n);
	if (p <= l->line + l->len)
		return vn_lines_fail(l, p, "one cell more than the header names columns");
	return 0;
}

int vn_block_parse_table(struct vn_lines *l, struct vn_arena_block **ret_block)
{
	cleanup_block_buf struct vn_block_buf b = {NULL};
	struct vn_arena_block *block;
	struct table t = {.l = l};
	uint32_t named = 0;
	uint64_t last = 0;
	int r;

	r = read_header(&t, &named);
	while (r == 0 && vn_lines_next(l)) {
		struct vn_trace_row row = {0};
		const char *at = l->line;

		r = read_row(&t, &row, &at);
		if (r < 0)
			break;
		if (!b.block && row.time_ns)
			return vn_lines_fail(l, at, "the first row is at time 0: what is in force before it?");
		if (b.block && row.time_ns <= last)
			return vn_lines_fail(l, at, "time goes backwards, or stands still: times ascend");
		if (b.block && b.block->n == VN_TRACE_ROWS_MAX)
			return vn_lines_fail(l, at, "more than %u rows", VN_TRACE_ROWS_MAX);
		last = row.time_ns;
		r = vn_block_add(&b, &row, sizeof(row), l->err);
	}
	if (r < 0)
		return r;
	if (!b.block)
		return vn_lines_fail(l, NULL, "no row below the names of the columns");
	b.block->columns = named;
	b.block->period_ns = last;
	block = vn_block_finish(&b, l->name, VN_ARENA_TABLE);
	if (!block)
		return vn_err_nomem(l->err);
	*ret_block = block;
	return 0;
}
