// SPDX-License-Identifier: GPL-2.0-only
/* The words of a discipline, in tc-netem(8)'s vocabulary: what each takes, and how it is written. See disc_words.h. */
#include <inttypes.h>

#include "topo/atom.h"
#include "topo/disc_internal.h"

/* Optional arguments begin with a digit or a sign: everything else is the next word. */
static bool next_is_number(int argc, char *const argv[], int at)
{
	const char *s = at < argc ? argv[at] : "";

	return (*s >= '0' && *s <= '9') || ((*s == '-' || *s == '+' || *s == '.') && s[1] >= '0' && s[1] <= '9');
}

bool vn_word_is_off(const char *s)
{
	return !strcmp(s, "off") || !strcmp(s, "none") || !strcmp(s, "0");
}

void vn_word_add(char *buf, size_t size, const char *fmt, ...)
{
	size_t n = strlen(buf);
	va_list ap;

	va_start(ap, fmt);
	if (n < size)
		vsnprintf(buf + n, size - n, fmt, ap);
	va_end(ap);
}

/* ---- delay ---- */

int vn_word_ns(const char *s, __u64 *ret_ns, struct vn_err *err)
{
	char shown[VN_SHOW_BUF], max[VN_UNIT_BUF];
	uint64_t ns = 0;
	int r;

	r = vn_parse_time(s, &ns, err);
	if (r < 0)
		return r;
	if (ns > VN_DELAY_MAX_NS)
		return vn_err_usage(err, "'%s' is too long: at most %s", vn_show(shown, s),
				    vn_format_time(max, VN_DELAY_MAX_NS));
	*ret_ns = ns;
	return 0;
}

/* PERCENT as a correlation of what @base is; @what names it. */
static int parse_corr(const char *s, bool base, const char *what, uint32_t *ret_ppb, struct vn_err *err)
{
	char shown[VN_SHOW_BUF];
	uint32_t ppb = 0;
	int r = vn_parse_percent(s, &ppb, err);

	if (r < 0)
		return r;
	if (ppb && !base)
		return vn_err_usage(err, "the correlation '%s' has nothing to correlate: there is no %s",
				    vn_show(shown, s), what);
	*ret_ppb = ppb;
	return 0;
}

static int parse_jitter(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err)
{
	int r = vn_word_ns(argv[0], &d->jitter_ns, err);

	if (r < 0 || !next_is_number(argc, argv, 1))
		return r < 0 ? r : 1;
	r = parse_corr(argv[1], d->jitter_ns, "jitter", &d->delay_corr_ppb, err);
	return r < 0 ? r : 2;
}

static void print_jitter(const struct vn_disc *d, bool full, char *buf, size_t size)
{
	char t[VN_UNIT_BUF];

	if (!d->jitter_ns)
		return;
	vn_word_add(buf, size, "%s", vn_format_time(t, d->jitter_ns));
	if (d->delay_corr_ppb || full)
		vn_word_add(buf, size, " %s", vn_format_percent(t, d->delay_corr_ppb));
}

static int parse_delay(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err)
{
	int r = vn_word_ns(argv[0], &d->delay_ns, err);

	if (r < 0 || !next_is_number(argc, argv, 1))
		return r < 0 ? r : 1;
	r = parse_jitter(d, argc - 1, argv + 1, err);
	return r < 0 ? r : 1 + r;
}

static void print_delay(const struct vn_disc *d, bool full, char *buf, size_t size)
{
	char t[VN_UNIT_BUF];

	if (d->delay_ns)
		vn_word_add(buf, size, "%s", vn_format_time(t, d->delay_ns));
}

/* ---- names of files and groups ---- */

static int parse_name(const char *s, const char *what, uint32_t *ret_atom, struct vn_err *err)
{
	char shown[VN_SHOW_BUF];
	uint32_t atom;
	json_t *utf8;

	if (!*s || strlen(s) > VN_FILE_NAME_MAX)
		return vn_err_usage(err, "'%s' is no name of a %s: 1 to %zu bytes", vn_show(shown, s), what,
				    VN_FILE_NAME_MAX);
	for (const char *p = s; *p; p++) {
		if ((unsigned char)*p <= ' ' || *p == 0x7f)
			return vn_err_usage(err, "the name of a %s has no blanks or control characters: rename '%s'",
					    what, vn_show(shown, s));
	}
	utf8 = json_string(s);
	if (!utf8)
		return vn_err_usage(err, "the name of a %s is not UTF-8: rename '%s'", what, vn_show(shown, s));
	json_decref(utf8);
	atom = vn_atom(s);
	if (!atom)
		return vn_err_usage(err, "'%s' is one name too many: restart the daemon", vn_show(shown, s));
	*ret_atom = atom;
	return 0;
}

static bool is_dist_file(const char *s)
{
	size_t n = strlen(s);

	return strchr(s, '/') || (n > 5 && !strcmp(s + n - 5, ".dist"));
}

/* A distribution by its word, or a file. */
static int parse_dist(const char *s, uint32_t *ret_kind, uint32_t *ret_name, struct vn_err *err)
{
	char shown[VN_SHOW_BUF], hint[VN_HINT_BUF];
	int r;

	for (uint32_t i = 0; i < VN_DIST_TABLE; i++) {
		if (!strcmp(s, vn_dist_words[i])) {
			*ret_kind = i;
			*ret_name = 0;
			return 0;
		}
	}
	if (is_dist_file(s)) {
		r = parse_name(s, "distribution file", ret_name, err);
		if (r == 0)
			*ret_kind = VN_DIST_TABLE;
		return r;
	}
	if (!*vn_hint(hint, s, vn_dist_words))
		snprintf(hint, sizeof(hint), ", write uniform, normal, pareto, paretonormal or a file such as %.24s.dist",
			 vn_name_valid(s) ? s : "mine");
	return vn_err_usage(err, "unknown distribution '%s'%s", vn_show(shown, s), hint);
}

static int parse_distribution(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err)
{
	int r = parse_dist(argv[0], &d->dist, &d->dist_name, err);

	d->dist_block = 0;
	return r < 0 ? r : 1;
}

static void print_distribution(const struct vn_disc *d, bool full, char *buf, size_t size)
{
	if (d->dist)
		vn_word_add(buf, size, "%s",
			    d->dist == VN_DIST_TABLE ? vn_atom_text(d->dist_name) : vn_dist_words[d->dist]);
}

/* ---- loss ---- */

/* q_netem.c's: what the parameters are that stand behind the last one given. */
static void default_params(uint32_t model, uint32_t p[VN_LOSS_PARAMS])
{
	p[1] = VN_PPB_ONE - p[0]; /* p31, r */
	p[2] = model == VN_LOSS_STATE ? 0 : VN_PPB_ONE;
	p[3] = model == VN_LOSS_STATE ? VN_PPB_ONE : 0;
	p[4] = 0;
}

static int parse_model(struct vn_disc *d, uint32_t model, int argc, char *const argv[], struct vn_err *err)
{
	int max = model == VN_LOSS_STATE ? 5 : 4, n, r;
	uint32_t p[VN_LOSS_PARAMS] = {0};

	if (argc < 1)
		return vn_err_usage(err, "the model needs at least one probability, such as 1%%");
	for (n = 0; n < max && (n == 0 || next_is_number(argc, argv, n)); n++) {
		r = vn_parse_percent(argv[n], &p[n], err);
		if (r < 0)
			return r;
		if (n == 0)
			default_params(model, p);
	}
	if (model == VN_LOSS_STATE && ((uint64_t)p[0] + p[4] > VN_PPB_ONE || (uint64_t)p[1] + p[2] > VN_PPB_ONE))
		return vn_err_usage(err, "the ways out of a state add up to over 100%%: P13 + P14, or P31 + P32");
	d->loss_ppb = 0;
	d->loss_corr_ppb = 0;
	d->loss_model = model;
	memcpy(d->loss_p, p, sizeof(d->loss_p));
	return n;
}

static int parse_random_loss(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err)
{
	int r;

	if (argc < 1)
		return vn_err_usage(err, "'random' needs a percentage, such as 0.1%%");
	r = vn_parse_percent(vn_word_is_off(argv[0]) ? "0" : argv[0], &d->loss_ppb, err);
	if (r < 0)
		return r;
	d->loss_model = VN_LOSS_RANDOM;
	memset(d->loss_p, 0, sizeof(d->loss_p));
	if (!next_is_number(argc, argv, 1))
		return 1;
	r = parse_corr(argv[1], d->loss_ppb, "loss", &d->loss_corr_ppb, err);
	return r < 0 ? r : 2;
}

static int parse_loss(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err)
{
	int n;

	if (!strcmp(argv[0], "state"))
		n = parse_model(d, VN_LOSS_STATE, argc - 1, argv + 1, err);
	else if (!strcmp(argv[0], "gemodel"))
		n = parse_model(d, VN_LOSS_GEMODEL, argc - 1, argv + 1, err);
	else if (!strcmp(argv[0], "random"))
		n = parse_random_loss(d, argc - 1, argv + 1, err);
	else
		return parse_random_loss(d, argc, argv, err);
	return n < 0 ? n : n + 1;
}

static void print_loss(const struct vn_disc *d, bool full, char *buf, size_t size)
{
	uint32_t p[VN_LOSS_PARAMS] = {d->loss_p[0]};
	int n = d->loss_model == VN_LOSS_STATE ? 5 : 4;
	char t[VN_UNIT_BUF];

	if (d->loss_model == VN_LOSS_RANDOM) {
		if (!d->loss_ppb)
			return;
		vn_word_add(buf, size, "%s", vn_format_percent(t, d->loss_ppb));
		if (d->loss_corr_ppb || full)
			vn_word_add(buf, size, " %s", vn_format_percent(t, d->loss_corr_ppb));
		return;
	}
	default_params(d->loss_model, p);
	while (n > 1 && d->loss_p[n - 1] == p[n - 1])
		n--;
	vn_word_add(buf, size, "%s", vn_loss_words[d->loss_model]);
	for (int i = 0; i < n; i++)
		vn_word_add(buf, size, " %s", vn_format_percent(t, d->loss_p[i]));
}

static int parse_ecn(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err)
{
	d->flags |= VN_DISC_ECN;
	if (argc < 1 || (strcmp(argv[0], "on") != 0 && !vn_word_is_off(argv[0])))
		return 0;
	if (vn_word_is_off(argv[0]))
		d->flags &= ~(uint32_t)VN_DISC_ECN;
	return 1;
}

static void print_ecn(const struct vn_disc *d, bool full, char *buf, size_t size)
{
	if (d->flags & VN_DISC_ECN)
		vn_word_add(buf, size, "on");
}

/* ---- duplicate, corrupt, reorder ---- */

static int parse_chance(uint32_t *chance, uint32_t *corr, const char *what, int argc, char *const argv[],
			struct vn_err *err)
{
	int r = vn_parse_percent(vn_word_is_off(argv[0]) ? "0" : argv[0], chance, err);

	if (r < 0 || !next_is_number(argc, argv, 1))
		return r < 0 ? r : 1;
	r = parse_corr(argv[1], *chance, what, corr, err);
	return r < 0 ? r : 2;
}

static void print_chance(uint32_t chance, uint32_t corr, bool full, char *buf, size_t size)
{
	char t[VN_UNIT_BUF];

	if (!chance)
		return;
	vn_word_add(buf, size, "%s", vn_format_percent(t, chance));
	if (corr || full)
		vn_word_add(buf, size, " %s", vn_format_percent(t, corr));
}

static int parse_duplicate(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err)
{
	return parse_chance(&d->dup_ppb, &d->dup_corr_ppb, "duplication", argc, argv, err);
}

static void print_duplicate(const struct vn_disc *d, bool full, char *buf, size_t size)
{
	print_chance(d->dup_ppb, d->dup_corr_ppb, full, buf, size);
}

static int parse_corrupt(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err)
{
	return parse_chance(&d->corrupt_ppb, &d->corrupt_corr_ppb, "corruption", argc, argv, err);
}

static void print_corrupt(const struct vn_disc *d, bool full, char *buf, size_t size)
{
	print_chance(d->corrupt_ppb, d->corrupt_corr_ppb, full, buf, size);
}

static int parse_number(const char *s, int64_t min, int64_t max, int64_t *ret, struct vn_err *err)
{
	char shown[VN_SHOW_BUF];
	bool minus = *s == '-';
	uint64_t v = 0;

	if (vn_parse_u64(s + minus, INT32_MAX, &v) < 0 || (minus ? -(int64_t)v : (int64_t)v) < min || (int64_t)v > max)
		return vn_err_usage(err, "'%s' is not a number from %" PRId64 " to %" PRId64, vn_show(shown, s), min,
				    max);
	*ret = minus ? -(int64_t)v : (int64_t)v;
	return 0;
}

static int parse_gap(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err)
{
	int64_t gap = 0;
	int r = vn_word_is_off(argv[0]) ? 0 : parse_number(argv[0], 0, INT32_MAX, &gap, err);

	if (r < 0)
		return r;
	d->reorder_gap = (uint32_t)gap;
	return 1;
}

static void print_gap(const struct vn_disc *d, bool full, char *buf, size_t size)
{
	/* 1 is what every reorder has. */
	if (d->reorder_gap > 1)
		vn_word_add(buf, size, "%u", d->reorder_gap);
}

static int parse_reorder(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err)
{
	return parse_chance(&d->reorder_ppb, &d->reorder_corr_ppb, "reordering", argc, argv, err);
}

static void print_reorder(const struct vn_disc *d, bool full, char *buf, size_t size)
{
	print_chance(d->reorder_ppb, d->reorder_corr_ppb, full, buf, size);
}

/* ---- rate ---- */

int vn_word_bps(const char *s, __u64 *ret_bps, struct vn_err *err)
{
	char shown[VN_SHOW_BUF], min[VN_UNIT_BUF], max[VN_UNIT_BUF], why[64] = "", t[VN_DURATION_BUF];
	uint64_t bps = 0;
	int r;

	r = vn_parse_rate(vn_word_is_off(s) ? "0" : s, &bps, err);
	if (r < 0)
		return r;
	if (bps && bps < VN_RATE_MIN_BPS)
		snprintf(why, sizeof(why), " (a single full frame would take %s)",
			 vn_duration(t, 1538 * 8 * VN_NSEC_PER_SEC / bps));
	if (bps && (bps < VN_RATE_MIN_BPS || bps > VN_RATE_MAX_BPS))
		return vn_err_usage(err, "'%s' is out of range: write %s to %s, or 0 for no limit%s", vn_show(shown, s),
				    vn_format_rate(min, VN_RATE_MIN_BPS), vn_format_rate(max, VN_RATE_MAX_BPS), why);
	*ret_bps = bps;
	return 0;
}

#define OVERHEAD_MAX 4096
#define CELL_MAX     65535

static int parse_overhead(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err)
{
	int64_t bytes = 0;
	int r = parse_number(vn_word_is_off(argv[0]) ? "0" : argv[0], -OVERHEAD_MAX, OVERHEAD_MAX, &bytes, err);

	if (r < 0)
		return r;
	d->overhead = (int32_t)bytes;
	return 1;
}

static void print_overhead(const struct vn_disc *d, bool full, char *buf, size_t size)
{
	if (d->overhead)
		vn_word_add(buf, size, "%d", d->overhead);
}

static int parse_cell(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err)
{
	int64_t cell = 0, overhead = 0;
	bool more = next_is_number(argc, argv, 1);
	int r = parse_number(vn_word_is_off(argv[0]) ? "0" : argv[0], 0, CELL_MAX, &cell, err);

	if (r == 0 && more)
		r = parse_number(argv[1], -OVERHEAD_MAX, OVERHEAD_MAX, &overhead, err);
	if (r < 0)
		return r;
	if (overhead && !cell)
		return vn_err_usage(err, "'%s' is an overhead of cells, and there are none", argv[1]);
	if (cell + overhead < 0)
		return vn_err_usage(err, "a cell of %" PRId64 " bytes cannot have an overhead of %" PRId64, cell,
				    overhead);
	d->cell_bytes = (uint32_t)cell;
	d->cell_overhead = (int32_t)overhead;
	return more ? 2 : 1;
}

static void print_cell(const struct vn_disc *d, bool full, char *buf, size_t size)
{
	if (!d->cell_bytes)
		return;
	vn_word_add(buf, size, "%u", d->cell_bytes);
	if (d->cell_overhead)
		vn_word_add(buf, size, " %d", d->cell_overhead);
}

/* netem's RATE [OVERHEAD [CELLSIZE [CELLOVERHEAD]]] */
static int parse_rate(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err)
{
	int r = vn_word_bps(argv[0], &d->rate_bps, err), n = 1;

	if (r == 0 && next_is_number(argc, argv, 1)) {
		if (!d->rate_bps)
			return vn_err_usage(err, "'%s' is an overhead, and there is no rate", argv[1]);
		r = parse_overhead(d, argc - 1, argv + 1, err);
		n = 2;
		if (r > 0 && next_is_number(argc, argv, 2)) {
			r = parse_cell(d, argc - 2, argv + 2, err);
			n += r;
		}
	}
	return r < 0 ? r : n;
}

static void print_rate(const struct vn_disc *d, bool full, char *buf, size_t size)
{
	char t[VN_UNIT_BUF];

	if (d->rate_bps)
		vn_word_add(buf, size, "%s", vn_format_rate(t, d->rate_bps));
}

static int parse_limit(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err)
{
	char shown[VN_SHOW_BUF];
	uint64_t packets = 0, bytes = 0;
	int r;

	if (strcmp(argv[0], "auto") != 0) {
		r = vn_parse_u64(argv[0], UINT32_MAX, &packets);
		if (r == -ERANGE || (r == 0 && !packets))
			return vn_err_usage(err, "'%s' is out of range: write 1 to %" PRIu32 " packets, or auto",
					    vn_show(shown, argv[0]), UINT32_MAX);
		if (r < 0) {
			r = vn_parse_size(argv[0], &bytes, err);
			if (r < 0)
				return r;
			if (bytes < VN_LIMIT_BYTES_MIN || bytes > VN_LIMIT_BYTES_MAX)
				return vn_err_usage(err,
						    "'%s' is out of range: write %llub to 1024gb, packets, or auto",
						    vn_show(shown, argv[0]), VN_LIMIT_BYTES_MIN);
		}
	}
	d->limit_packets = (uint32_t)packets;
	d->limit_bytes = bytes;
	d->flags &= ~(uint32_t)VN_DISC_LIMIT_AUTO;
	if (!bytes)
		d->flags |= VN_DISC_LIMIT_AUTO;
	return 1;
}

static void print_limit(const struct vn_disc *d, bool full, char *buf, size_t size)
{
	char t[VN_UNIT_BUF];

	if (d->limit_packets)
		vn_word_add(buf, size, "%u", d->limit_packets);
	else if (d->limit_bytes && !(d->flags & VN_DISC_LIMIT_AUTO))
		vn_word_add(buf, size, "%s", vn_format_size(t, d->limit_bytes));
}

/* ---- slot ---- */

static int parse_slot_times(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err)
{
	int r, n = 1;

	if (strcmp(argv[0], "distribution") == 0) {
		if (argc < 4)
			return vn_err_usage(err, "'distribution' needs a NAME, a DELAY and a JITTER");
		r = parse_dist(argv[1], &d->slot_dist, &d->slot_dist_name, err);
		if (r == 0)
			r = vn_word_ns(argv[2], &d->slot_min_ns, err);
		if (r == 0)
			r = vn_word_ns(argv[3], &d->slot_max_ns, err);
		d->slot_dist++;
		return r < 0 ? r : 4;
	}
	r = vn_word_ns(argv[0], &d->slot_min_ns, err);
	d->slot_max_ns = d->slot_min_ns;
	if (r == 0 && next_is_number(argc, argv, 1)) {
		r = vn_word_ns(argv[1], &d->slot_max_ns, err);
		n = 2;
		if (r == 0 && d->slot_max_ns < d->slot_min_ns)
			return vn_err_usage(err, "the least time '%s' is over the most '%s'", argv[0], argv[1]);
	}
	return r < 0 ? r : n;
}

static int parse_slot_bound(struct vn_disc *d, char *const argv[], struct vn_err *err)
{
	char shown[VN_SHOW_BUF];
	uint64_t v = 0;
	int r = vn_parse_u64(argv[1], INT32_MAX, &v);

	if (r == -EINVAL && !strcmp(argv[0], "bytes"))
		r = vn_parse_size(argv[1], &v, err);
	if (r < 0 || v > INT32_MAX)
		return vn_err_usage(err, "%s: '%s' is not a number from 0 to %d", argv[0], vn_show(shown, argv[1]),
				    INT32_MAX);
	*(strcmp(argv[0], "bytes") ? &d->slot_packets : &d->slot_bytes) = (uint32_t)v;
	return 0;
}

/* The whole slot at once: what is not said is unbounded. `slot 0` is off, `slot 0 1ms` is one from 0 to 1 ms. */
static int parse_slot(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err)
{
	int n = 1, r;

	d->slot_min_ns = d->slot_max_ns = 0;
	d->slot_packets = d->slot_bytes = 0;
	d->slot_dist = d->slot_dist_name = d->slot_dist_block = 0;
	d->flags &= ~(uint32_t)VN_DISC_SLOT;
	if (!vn_word_is_off(argv[0]) || next_is_number(argc, argv, 1)) {
		n = parse_slot_times(d, argc, argv, err);
		if (n < 0)
			return n;
		if (!d->slot_min_ns && !d->slot_max_ns)
			return vn_err_usage(err, "a slot takes some time: write `slot 1ms`, or `slot off`");
		d->flags |= VN_DISC_SLOT;
	}
	while (n < argc && (!strcmp(argv[n], "packets") || !strcmp(argv[n], "bytes"))) {
		if (!(d->flags & VN_DISC_SLOT))
			return vn_err_usage(err, "'%s' bounds a slot, and it is off", argv[n]);
		if (n + 1 == argc)
			return vn_err_usage(err, "'%s' needs a number", argv[n]);
		r = parse_slot_bound(d, argv + n, err);
		if (r < 0)
			return r;
		n += 2;
	}
	return n;
}

static void print_slot(const struct vn_disc *d, bool full, char *buf, size_t size)
{
	char t[VN_UNIT_BUF];

	if (!(d->flags & VN_DISC_SLOT))
		return;
	if (d->slot_dist)
		vn_word_add(buf, size, "distribution %s ",
			    d->slot_dist - 1 == VN_DIST_TABLE ? vn_atom_text(d->slot_dist_name)
							      : vn_dist_words[d->slot_dist - 1]);
	vn_word_add(buf, size, "%s", vn_format_time(t, d->slot_min_ns));
	if (d->slot_dist || d->slot_max_ns != d->slot_min_ns)
		vn_word_add(buf, size, " %s", vn_format_time(t, d->slot_max_ns));
	if (d->slot_packets)
		vn_word_add(buf, size, " packets %u", d->slot_packets);
	if (d->slot_bytes)
		vn_word_add(buf, size, " bytes %u", d->slot_bytes);
}

/* ---- order, holder ---- */

static int parse_order(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err)
{
	char shown[VN_SHOW_BUF];
	bool keep = !strcmp(argv[0], "keep");

	if (!keep && strcmp(argv[0], "netem") != 0 && !vn_word_is_off(argv[0]))
		return vn_err_usage(err, "'%s' is not known: keep, or netem", vn_show(shown, argv[0]));
	d->flags &= ~(uint32_t)VN_DISC_ORDER_KEEP;
	if (keep)
		d->flags |= VN_DISC_ORDER_KEEP;
	return 1;
}

static void print_order(const struct vn_disc *d, bool full, char *buf, size_t size)
{
	if (d->flags & VN_DISC_ORDER_KEEP)
		vn_word_add(buf, size, "keep");
}

static int parse_holder(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err)
{
	char shown[VN_SHOW_BUF], hint[VN_HINT_BUF];

	for (uint32_t i = 0; vn_holder_words[i]; i++) {
		if (!strcmp(argv[0], vn_holder_words[i])) {
			d->holder = i;
			return 1;
		}
	}
	if (!*vn_hint(hint, argv[0], vn_holder_words))
		snprintf(hint, sizeof(hint), ": precise, bulk or auto");
	return vn_err_usage(err, "unknown holder '%s'%s", vn_show(shown, argv[0]), hint);
}

static void print_holder(const struct vn_disc *d, bool full, char *buf, size_t size)
{
	if (d->holder)
		vn_word_add(buf, size, "%s", vn_holder_words[d->holder]);
}

/* ---- trace ---- */

static void clear_trace(struct vn_disc *d)
{
	d->trace_name = d->trace_block = d->sync_name = 0;
	d->trace_start_ns = 0;
	d->flags &= ~(uint32_t)(VN_DISC_TRACE_LINEAR | VN_DISC_TRACE_LOOP | VN_DISC_TRACE_AUTO);
}

/* The options of a trace, until something else comes: how many words. */
static int parse_trace_options(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err)
{
	bool shape = false, end = false;
	int n, r;

	for (n = 0; n < argc; n++) {
		if (!shape && (!strcmp(argv[n], "steps") || !strcmp(argv[n], "linear"))) {
			shape = true;
			d->flags |= !strcmp(argv[n], "linear") ? VN_DISC_TRACE_LINEAR : 0;
		} else if (!end && (!strcmp(argv[n], "loop") || !strcmp(argv[n], "once"))) {
			end = true;
			d->flags &= ~(uint32_t)VN_DISC_TRACE_AUTO;
			d->flags |= !strcmp(argv[n], "loop") ? VN_DISC_TRACE_LOOP : 0;
		} else if (!d->sync_name && !strcmp(argv[n], "sync")) {
			if (++n == argc)
				return vn_err_usage(err, "'sync' needs the name of a group");
			r = parse_name(argv[n], "sync group", &d->sync_name, err);
			if (r < 0)
				return r;
		} else {
			break;
		}
	}
	return n;
}

static int parse_trace(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err)
{
	uint32_t name;
	int r;

	clear_trace(d);
	if (vn_word_is_off(argv[0]))
		return 1;
	if (vn_disc_word_find(argv[0]))
		return vn_err_usage(err, "'%s' is a word, no file: write trace FILE, or ./%s for a file of that name",
				    argv[0], argv[0]);
	r = parse_name(argv[0], "trace file", &name, err);
	if (r < 0)
		return r;
	d->trace_name = name;
	d->flags |= VN_DISC_TRACE_AUTO;
	r = parse_trace_options(d, argc - 1, argv + 1, err);
	return r < 0 ? r : 1 + r;
}

static void print_trace(const struct vn_disc *d, bool full, char *buf, size_t size)
{
	if (!d->trace_name)
		return;
	vn_word_add(buf, size, "%s", vn_atom_text(d->trace_name));
	if (d->flags & VN_DISC_TRACE_LINEAR)
		vn_word_add(buf, size, " linear");
	if (!(d->flags & VN_DISC_TRACE_AUTO))
		vn_word_add(buf, size, d->flags & VN_DISC_TRACE_LOOP ? " loop" : " once");
	if (d->sync_name)
		vn_word_add(buf, size, " sync %s", vn_atom_text(d->sync_name));
}

/* ---- seed ---- */

static int parse_seed(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err)
{
	char shown[VN_SHOW_BUF];
	uint64_t seed = 0;

	if (!strcmp(argv[0], "auto")) {
		d->flags |= VN_DISC_SEED_AUTO;
	} else {
		if (vn_parse_u64(argv[0], VN_SEED_MAX, &seed) < 0)
			return vn_err_usage(err, "'%s' is not a seed: write a number from 0 to %" PRId64 ", or auto",
					    vn_show(shown, argv[0]), VN_SEED_MAX);
		d->flags &= ~(uint32_t)VN_DISC_SEED_AUTO;
	}
	d->seed = seed;
	return 1;
}

static void print_seed(const struct vn_disc *d, bool full, char *buf, size_t size)
{
	if (!(d->flags & VN_DISC_SEED_AUTO))
		vn_word_add(buf, size, "%" PRIu64, (uint64_t)d->seed);
}

/* In the order in which they are printed. */
/* clang-format off */
const struct vn_disc_word vn_disc_words[] = {
	{"delay", "TIME [JITTER [CORR]]", "hold each frame for TIME, spread by JITTER", "0", parse_delay, print_delay},
	{"jitter", "TIME [CORR]", "spread of the delay; its meaning depends on the distribution", "0", parse_jitter,
	 print_jitter},
	{"distribution", "uniform|normal|pareto|paretonormal|FILE", "how the jitter is spread; FILE as iproute2's .dist",
	 "uniform", parse_distribution, print_distribution},
	{"loss", "[random] P [CORR] | state P13 [P31 [P32 [P23 [P14]]]] | gemodel P [R [1-H [1-K]]]",
	 "drop frames: each on its own, by a 4-state chain, or by Gilbert-Elliott", "0", parse_loss, print_loss},
	{"ecn", "[on|off]", "mark what loss would drop, where the frame allows it", "off", parse_ecn, print_ecn},
	{"duplicate", "P [CORR]", "a second copy of the frame", "0", parse_duplicate, print_duplicate},
	{"corrupt", "P [CORR]", "flip one bit of the frame", "0", parse_corrupt, print_corrupt},
	{"reorder", "P [CORR]", "frames that skip the delay", "0", parse_reorder, print_reorder},
	{"gap", "N", "only every N-th frame may skip the delay", "0", parse_gap, print_gap},
	{"order", "keep|netem", "keep: no frame overtakes another, whatever the jitter", "netem", parse_order, print_order},
	{"rate", "RATE [OVERHEAD [CELL [CELLOVERHEAD]]]", "shape to RATE bit/s as counted on an Ethernet wire", "0",
	 parse_rate, print_rate},
	{"overhead", "BYTES", "count so many more bytes for each frame", "0", parse_overhead, print_overhead},
	{"cell", "BYTES [OVERHEAD]", "count in cells of BYTES, each with an overhead", "0", parse_cell, print_cell},
	{"limit", "PACKETS|SIZE|auto", "frames held at most, or bytes queued before the rate", "auto", parse_limit,
	 print_limit},
	{"slot", "MIN [MAX] | distribution NAME DELAY JITTER | off  [packets N] [bytes N]", "release frames in bunches", "off",
	 parse_slot, print_slot},
	{"police", "rate RATE burst SIZE | off", "drop at the port what exceeds a token bucket", "off", vn_word_parse_police,
	 vn_word_print_police},
	{"state", "up|down", "down: nothing passes", "up", vn_word_parse_state, vn_word_print_state},
	{"flap", "up TIME down TIME | off", "up and down in turn", "off", vn_word_parse_flap, vn_word_print_flap},
	{"holder", "auto|precise|bulk", "who holds the frames", "auto", parse_holder, print_holder},
	{"trace", "FILE [steps|linear] [loop|once] [sync GROUP] | off", "follow a Mahimahi or CSV trace", "off", parse_trace,
	 print_trace},
	{"seed", "NUMBER|auto", "where the random draws begin: same seed, same fates", "auto", parse_seed, print_seed},
	{NULL, NULL, NULL, NULL, NULL, NULL},
};
/* clang-format on */
_Static_assert(VN_ARRAY_SIZE(vn_disc_words) <= 64, "vn_disc_given_t has a bit for each");
