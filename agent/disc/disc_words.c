// SPDX-License-Identifier: GPL-2.0-only
/* The words of a discipline, in tc-netem(8)'s vocabulary: what each takes, and how it is written. See disc_words.h. */
#include <inttypes.h>

#include "base/intern.h"
#include "disc/disc_internal.h"

/* Optional arguments begin with a digit or a sign: everything else is the next word. */
bool vn_word_next_is_number(int argc, char *const argv[], int at)
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

int vn_word_number(const char *s, int64_t min, int64_t max, int64_t *ret, struct vn_err *err)
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
int vn_word_corr(const char *s, bool base, const char *what, uint32_t *ret_ppb, struct vn_err *err)
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

	if (r < 0 || !vn_word_next_is_number(argc, argv, 1))
		return r < 0 ? r : 1;
	r = vn_word_corr(argv[1], d->jitter_ns, "jitter", &d->delay_corr_ppb, err);
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

	if (r < 0 || !vn_word_next_is_number(argc, argv, 1))
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

static int parse_name(const char *s, const char *what, uint32_t *ret_atom, struct vn_err *err)
{
	char shown[VN_SHOW_BUF];
	uint32_t atom;
	json_t *utf8;

	if (!*s || strlen(s) > VN_FILE_NAME_MAX)
		return vn_err_usage(err, "'%s' is not a name of a %s: 1 to %zu bytes", vn_show(shown, s), what,
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
int vn_word_dist(const char *s, uint32_t *ret_kind, uint32_t *ret_name, struct vn_err *err)
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
		snprintf(hint, sizeof(hint),
			 ", write uniform, normal, pareto, paretonormal or a file such as %.24s.dist",
			 vn_name_valid(s) ? s : "mine");
	return vn_err_usage(err, "unknown distribution '%s'%s", vn_show(shown, s), hint);
}

static int parse_distribution(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err)
{
	int r = vn_word_dist(argv[0], &d->dist, &d->dist_name, err);

	d->dist_block = 0;
	return r < 0 ? r : 1;
}

static void print_distribution(const struct vn_disc *d, bool full, char *buf, size_t size)
{
	if (d->dist)
		vn_word_add(buf, size, "%s",
			    d->dist == VN_DIST_TABLE ? vn_atom_text(d->dist_name) : vn_dist_words[d->dist]);
}

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
	{"delay", "TIME [JITTER [CORR]]", "delay each frame by TIME, varied by JITTER", "0", parse_delay, print_delay},
	{"jitter", "TIME [CORR]", "spread of the delay; its meaning depends on the distribution", "0", parse_jitter,
	 print_jitter},
	{"distribution", "uniform|normal|pareto|paretonormal|FILE", "distribution of the jitter; FILE: a .dist file of iproute2",
	 "uniform", parse_distribution, print_distribution},
	{"loss", "[random] P [CORR] | state P13 [P31 [P32 [P23 [P14]]]] | gemodel P [R [1-H [1-K]]]",
	 "drop frames: independently, by a 4-state Markov chain, or by the Gilbert-Elliott model", "0", vn_word_parse_loss, vn_word_print_loss},
	{"ecn", "[on|off]", "mark a frame with ECN instead of dropping it by loss, if it is ECN-capable", "off", vn_word_parse_ecn, vn_word_print_ecn},
	{"duplicate", "P [CORR]", "send a second copy of a frame", "0", vn_word_parse_duplicate, vn_word_print_duplicate},
	{"corrupt", "P [CORR]", "flip one bit of a frame", "0", vn_word_parse_corrupt, vn_word_print_corrupt},
	{"reorder", "P [CORR]", "send a frame without its delay, ahead of others", "0", vn_word_parse_reorder, vn_word_print_reorder},
	{"gap", "N", "only every N-th frame may skip the delay", "0", vn_word_parse_gap, vn_word_print_gap},
	{"order", "keep|netem", "keep: no frame overtakes another, even with jitter", "netem", parse_order, print_order},
	{"rate", "RATE [OVERHEAD [CELL [CELLOVERHEAD]]]", "shape to RATE bit/s as counted on an Ethernet wire", "0",
	 vn_word_parse_rate, vn_word_print_rate},
	{"overhead", "BYTES", "count BYTES more for each frame", "0", vn_word_parse_overhead, vn_word_print_overhead},
	{"cell", "BYTES [OVERHEAD]", "count whole cells of BYTES, each with OVERHEAD", "0", vn_word_parse_cell, vn_word_print_cell},
	{"limit", "PACKETS|SIZE|auto", "most frames held, or most bytes in the queue of the rate", "auto", vn_word_parse_limit,
	 vn_word_print_limit},
	{"slot", "MIN [MAX] | distribution NAME DELAY JITTER | off  [packets N] [bytes N]", "release frames in bunches", "off",
	 vn_word_parse_slot, vn_word_print_slot},
	{"police", "rate RATE burst SIZE | off", "drop frames at the port that exceed a token bucket", "off", vn_word_parse_police,
	 vn_word_print_police},
	{"state", "up|down", "down: drop all frames", "up", vn_word_parse_state, vn_word_print_state},
	{"flap", "up TIME down TIME | off", "alternate between up and down", "off", vn_word_parse_flap, vn_word_print_flap},
	{"holder", "auto|precise|bulk", "which kind of engine holds the frames", "auto", parse_holder, print_holder},
	{"trace", "FILE [steps|linear] [loop|once] [sync GROUP] | off", "follow a Mahimahi or CSV trace", "off", parse_trace,
	 print_trace},
	{"seed", "NUMBER|auto", "start of the random numbers: the same seed gives each frame the same fate", "auto", parse_seed, print_seed},
	{NULL, NULL, NULL, NULL, NULL, NULL},
};
/* clang-format on */
_Static_assert(VN_ARRAY_SIZE(vn_disc_words) <= 64, "vn_disc_given_t has a bit for each");
