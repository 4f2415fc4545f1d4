// SPDX-License-Identifier: GPL-2.0-only
/*
 * Quantities with units, in tc's words, in exact decimal arithmetic: no floating point, so that "0.1%" is 1000000 ppb
 * and not one less, and so that what was typed is what is printed.
 */
#include <inttypes.h>
#include <strings.h>

#include <abi/abi_disc.h>
#include <base/util.h>

#include "base/names.h"
#include "base/units.h"

struct unit {
	const char *word;
	uint64_t factor; /* of the base unit */
};

struct quantity {
	const char *what;     /* "time" */
	const char *examples; /* "10ms, 1.5s or 100us" */
	const char *base;     /* "1ns": the smallest step */
	uint64_t max;
	const char *max_text;
	const struct unit *units; /* ends with word == NULL; the first is the base */
};

static const struct unit time_units[] = {
	{"ns", 1},           {"nsec", 1},          {"nsecs", 1},         {"us", 1000},         {"usec", 1000},
	{"usecs", 1000},     {"ms", 1000000},      {"msec", 1000000},    {"msecs", 1000000},   {"s", 1000000000},
	{"sec", 1000000000}, {"secs", 1000000000}, {"min", 60000000000}, {"h", 3600000000000}, {NULL, 0},
};

/*
 * tc(8): bit/s in powers of 1000, or of 1024 with an i. Its "bps" are bytes, elsewhere they are bits: refused, see
 * refuse_bps(). Bytes are B/s.
 */
#define RATE_PREFIX(prefix, big, factor)                                                                               \
	{prefix "bit", factor}, {prefix "bit/s", factor}, {prefix "b/s", factor}, {big "b/s", factor},                 \
		{prefix "B/s", 8ULL * (factor)},                                                                       \
	{                                                                                                              \
		big "B/s", 8ULL * (factor)                                                                             \
	}

static const struct unit rate_units[] = {
	{"bit", 1},
	{"bit/s", 1},
	{"b/s", 1},
	{"B/s", 8},
	RATE_PREFIX("k", "K", 1000),
	RATE_PREFIX("m", "M", 1000000),
	RATE_PREFIX("g", "G", 1000000000),
	RATE_PREFIX("t", "T", 1000000000000),
	RATE_PREFIX("ki", "Ki", 1ULL << 10),
	RATE_PREFIX("mi", "Mi", 1ULL << 20),
	RATE_PREFIX("gi", "Gi", 1ULL << 30),
	RATE_PREFIX("ti", "Ti", 1ULL << 40),
	{NULL, 0},
};

static const struct unit percent_units[] = {{"%", VN_PPB_ONE / 100}, {"percent", VN_PPB_ONE / 100}, {NULL, 0}};

/* tc(8): sizes in powers of 1024. */
static const struct unit size_units[] = {
	{"b", 1},           {"kb", 1ULL << 10},  {"k", 1ULL << 10},   {"kib", 1ULL << 10},
	{"mb", 1ULL << 20}, {"m", 1ULL << 20},   {"mib", 1ULL << 20}, {"gb", 1ULL << 30},
	{"g", 1ULL << 30},  {"gib", 1ULL << 30}, {NULL, 0},
};

static const struct quantity time_q = {"a time", "10ms, 1.5s or 100us", "1ns", UINT64_MAX, "584 years", time_units};
static const struct quantity rate_q = {
	"a rate", "10mbit, 1.5gbit or 800kB/s (bytes)", "1bit", UINT64_MAX, "18 million tbit", rate_units};
static const struct quantity percent_q = {"a percentage", "1% or 0.1%", "0.0000001%",
					  VN_PPB_ONE,     "100%",       percent_units};
static const struct quantity size_q = {"a size", "1500b, 64kb or 1.5mb", "1b", UINT64_MAX, "16 million tb", size_units};

/* "MB/s" and "Mb/s" are two things. */
static bool case_counts(const char *unit)
{
	size_t n = strlen(unit);

	return n >= 3 && !strcasecmp(unit + n - 3, "b/s");
}

static const struct unit *unit_find(const struct unit *u, const char *word)
{
	for (; u->word; u++) {
		if (case_counts(u->word) ? !strcmp(u->word, word) : !strcasecmp(u->word, word))
			return u;
	}
	return NULL;
}

/* "bps", "Mbps", "Mibps": bits to most people, bytes to tc. */
static bool is_bps(const char *word)
{
	if (*word && strchr("kKmMgGtT", *word)) {
		word++;
		word += *word == 'i' || *word == 'I';
	}
	return strcasecmp(word, "bps") == 0;
}

bool vn_is_unit(const char *word)
{
	/* One that is refused belongs to its number as well: the error shows both. */
	return is_bps(word) || unit_find(time_units, word) || unit_find(rate_units, word) ||
	       unit_find(percent_units, word) || unit_find(size_units, word);
}

/*
 * "bps", "Mbps", "M", "mb", "mb/s": bits to most people, bytes to tc. Returns 0 when @unit is none of these, else the
 * error, which names both readings in words that are understood.
 */
static int refuse_bps(const char *s, const char *unit, struct vn_err *err)
{
	static const char *const tails[] = {"", "b", "bps", "b/s"};
	const char *p = unit;
	char prefix[3] = "", shown[VN_SHOW_BUF];
	int number = (int)(unit - s);
	bool known = false;

	if (*p && strchr("kKmMgGtT", *p)) {
		prefix[0] = (char)(*p++ | 0x20);
		if (*p == 'i' || *p == 'I') {
			prefix[1] = 'i';
			p++;
		}
	}
	for (size_t i = 0; i < VN_ARRAY_SIZE(tails); i++)
		known |= !strcasecmp(p, tails[i]);
	if (!known || !*unit)
		return 0;
	while (number && s[number - 1] == ' ')
		number--;
	number = VN_MIN(number, 20);
	return vn_err_usage(err, "'%s' may mean bits or bytes a second: write %.*s%sbit, or %.*s%c%sB/s for bytes",
			    vn_show(shown, s), number, s, prefix, number, s,
			    !*prefix         ? ' '
			    : *prefix == 'k' ? 'k'
					     : *prefix & ~0x20,
			    *prefix ? prefix + 1 : "");
}

static int refuse_unit(const struct quantity *q, const char *s, const char *unit, struct vn_err *err)
{
	const char *words[96];
	char shown[VN_SHOW_BUF], unit_shown[VN_SHOW_BUF], hint[VN_HINT_BUF];
	size_t i;

	if (!*unit)
		return vn_err_usage(err, "'%s' needs a unit: %s", vn_show(shown, s), q->examples);
	if (q == &rate_q && refuse_bps(s, unit, err) < 0)
		return -EINVAL;
	for (i = 0; q->units[i].word && i < VN_ARRAY_SIZE(words) - 1; i++)
		words[i] = q->units[i].word;
	words[i] = NULL;
	/* One-letter near misses of two-letter units say nothing. */
	if (strlen(unit) < 3 || !*vn_hint(hint, unit, words))
		snprintf(hint, sizeof(hint), ", write %s", q->examples);
	return vn_err_usage(err, "'%s' is not %s: unknown unit '%s'%s", vn_show(shown, s), q->what,
			    vn_show(unit_shown, unit), hint);
}

static int parse_quantity(const struct quantity *q, const char *s, uint64_t *ret_value, struct vn_err *err)
{
	unsigned __int128 mantissa = 0, limit, value;
	unsigned int fraction = 0;
	const struct unit *unit;
	char shown[VN_SHOW_BUF];
	const char *p = s;
	bool point = false;

	if (*p == '-' && p[1] >= '0' && p[1] <= '9')
		return vn_err_usage(err, "'%s' is negative: write %s", vn_show(shown, s), q->examples);
	if (*p < '0' || *p > '9')
		return vn_err_usage(err, "'%s' is not %s: write a number and a unit, such as %s", vn_show(shown, s),
				    q->what, q->examples);
	/* 27 digits times the largest factor stay below 2^128. */
	limit = (unsigned __int128)1000000000000 * 1000000000000 * 1000;
	for (;; p++) {
		if (*p == '.' && !point && p[1] >= '0' && p[1] <= '9') {
			point = true;
			continue;
		}
		if (*p < '0' || *p > '9')
			break;
		if (mantissa >= limit / 10)
			return vn_err_usage(err, "'%s' has too many digits: write %s", vn_show(shown, s), q->examples);
		mantissa = mantissa * 10 + (unsigned int)(*p - '0');
		fraction += point;
	}
	while (*p == ' ')
		p++;
	unit = unit_find(q->units, p);
	if (!unit && (*p || mantissa))
		return refuse_unit(q, s, p, err);
	/* An empty unit, as in "0.00", leaves only zero. */
	if (!unit) {
		*ret_value = 0;
		return 0;
	}
	/* The factor may undo the fraction only in part: divide as long as it goes without remainder. */
	for (value = mantissa * unit->factor; fraction; fraction--) {
		if (value % 10)
			return vn_err_usage(err, "'%s' is finer than %s, the smallest step", vn_show(shown, s),
					    q->base);
		value /= 10;
	}
	if (value > q->max)
		return vn_err_usage(err, "'%s' is too much: at most %s", vn_show(shown, s), q->max_text);
	*ret_value = (uint64_t)value;
	return 0;
}

int vn_parse_time(const char *s, uint64_t *ret_ns, struct vn_err *err)
{
	return parse_quantity(&time_q, s, ret_ns, err);
}

int vn_parse_rate(const char *s, uint64_t *ret_bps, struct vn_err *err)
{
	return parse_quantity(&rate_q, s, ret_bps, err);
}

int vn_parse_percent(const char *s, uint32_t *ret_ppb, struct vn_err *err)
{
	uint64_t ppb;
	int r;

	r = parse_quantity(&percent_q, s, &ppb, err);
	if (r < 0)
		return r;
	*ret_ppb = (uint32_t)ppb;
	return 0;
}

int vn_parse_size(const char *s, uint64_t *ret_bytes, struct vn_err *err)
{
	return parse_quantity(&size_q, s, ret_bytes, err);
}

/* @v / @factor in decimal, where @factor is a power of ten. */
static void format_decimal(char *buf, uint64_t v, uint64_t factor, const char *unit)
{
	uint64_t rest = v % factor, scale = factor;
	int n, digits = 0;

	for (; scale > 1; scale /= 10)
		digits++;
	n = snprintf(buf, VN_UNIT_BUF, "%" PRIu64, v / factor);
	if (rest) {
		n += snprintf(buf + n, (size_t)(VN_UNIT_BUF - n), ".%0*" PRIu64, digits, rest);
		while (buf[n - 1] == '0')
			n--;
	}
	snprintf(buf + n, (size_t)(VN_UNIT_BUF - n), "%s", unit);
}

static const char *format_largest(char *buf, uint64_t v, const struct unit *units, size_t n)
{
	size_t i;

	for (i = 0; i + 1 < n && v < units[i].factor; i++)
		;
	format_decimal(buf, v, units[i].factor, units[i].word);
	return buf;
}

const char *vn_format_time(char *buf, uint64_t ns)
{
	static const struct unit units[] = {{"s", 1000000000}, {"ms", 1000000}, {"us", 1000}, {"ns", 1}};

	if (!ns)
		return memcpy(buf, "0", 2);
	return format_largest(buf, ns, units, VN_ARRAY_SIZE(units));
}

const char *vn_format_rate(char *buf, uint64_t bps)
{
	static const struct unit units[] = {
		{"tbit", 1000000000000}, {"gbit", 1000000000}, {"mbit", 1000000}, {"kbit", 1000}, {"bit", 1}};

	if (!bps)
		return memcpy(buf, "0", 2);
	return format_largest(buf, bps, units, VN_ARRAY_SIZE(units));
}

const char *vn_format_percent(char *buf, uint32_t ppb)
{
	format_decimal(buf, ppb, VN_PPB_ONE / 100, "%");
	return buf;
}

const char *vn_format_size(char *buf, uint64_t bytes)
{
	static const struct unit units[] = {{"gb", 1ULL << 30}, {"mb", 1ULL << 20}, {"kb", 1ULL << 10}};
	static const char *const quarters[] = {"", ".25", ".5", ".75"};
	size_t i;

	if (!bytes)
		return memcpy(buf, "0", 2);
	/* A quarter of a unit is still readable in decimal; anything else would be a long fraction. */
	for (i = 0; i < VN_ARRAY_SIZE(units); i++) {
		if (bytes < units[i].factor || bytes % (units[i].factor / 4))
			continue;
		snprintf(buf, VN_UNIT_BUF, "%" PRIu64 "%s%s", bytes / units[i].factor,
			 quarters[bytes / (units[i].factor / 4) % 4], units[i].word);
		return buf;
	}
	snprintf(buf, VN_UNIT_BUF, "%" PRIu64 "b", bytes);
	return buf;
}

int vn_parse_u64(const char *s, uint64_t max, uint64_t *ret_value)
{
	unsigned __int128 v = 0;

	if (!*s)
		return -EINVAL;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return -EINVAL;
		v = v * 10 + (unsigned int)(*s - '0');
		if (v > max)
			return -ERANGE;
	}
	*ret_value = (uint64_t)v;
	return 0;
}

int vn_parse_decimal(const char *s, double min, double max, double *ret_value)
{
	const char *p = s;
	double v;

	p += *p == '-' || *p == '+';
	if (*p < '0' || *p > '9')
		return -EINVAL;
	p += strspn(p, "0123456789");
	if (*p == '.') {
		size_t digits = strspn(p + 1, "0123456789");

		/* No more than vn_format_double() writes. */
		if (digits > 16)
			return -EINVAL;
		p += 1 + digits;
	}
	if (*p || p - s > 24)
		return -EINVAL;
	v = strtod(s, NULL);
	if (!(v >= min && v <= max))
		return -ERANGE;
	*ret_value = v;
	return 0;
}

const char *vn_format_double(char *buf, double v)
{
	int digits;

	for (digits = 1; digits < 17; digits++) {
		snprintf(buf, VN_DOUBLE_BUF, "%.*f", digits, v);
		if (strtod(buf, NULL) == v)
			break;
	}
	/* "40.70" and "40.0" say no more than "40.7" and "40". */
	for (size_t n = strlen(buf); n && strchr(buf, '.') && (buf[n - 1] == '0' || buf[n - 1] == '.'); n--) {
		bool point = buf[n - 1] == '.';

		buf[n - 1] = '\0';
		if (point)
			break;
	}
	return strcmp(buf, "-0") ? buf : memcpy(buf, "0", 2);
}
