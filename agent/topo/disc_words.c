// SPDX-License-Identifier: GPL-2.0-only
/* The words of a discipline, in tc-netem(8)'s vocabulary: see disc_words.h. */
#include <inttypes.h>

#include <vnet/rng.h>

#include "topo/internal.h"

static const char *const dist_words[] = {[VN_DIST_UNIFORM] = "uniform", [VN_DIST_NORMAL] = "normal", NULL};

/* Parts of netem's and police's vocabulary that are still to come. */
static const char *const planned_words[] = {"corrupt", "duplicate", "reorder", "gap",   "slot",
					    "ecn",     "police",    "trace",   "state", NULL};

static int delay_ns(const char *s, uint64_t *ret_ns, struct vn_err *err)
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

static int parse_jitter(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err)
{
	uint64_t ns = 0;
	int r;

	r = delay_ns(argv[0], &ns, err);
	if (r < 0)
		return r;
	d->jitter_ns = ns;
	return 0;
}

static int parse_delay(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err)
{
	uint64_t ns = 0;
	int r;

	r = delay_ns(argv[0], &ns, err);
	if (r < 0)
		return r;
	if (argc > 1) {
		r = parse_jitter(d, argc - 1, argv + 1, err);
		if (r < 0)
			return r;
	}
	d->delay_ns = ns;
	return 0;
}

static int parse_distribution(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err)
{
	char shown[VN_SHOW_BUF], hint[VN_HINT_BUF];
	uint32_t i;

	for (i = 0; dist_words[i]; i++) {
		if (!strcmp(argv[0], dist_words[i])) {
			d->dist = i;
			return 0;
		}
	}
	if (!*vn_hint(hint, argv[0], dist_words))
		snprintf(hint, sizeof(hint), ", write uniform or normal");
	return vn_err_usage(err, "unknown distribution '%s'%s", vn_show(shown, argv[0]), hint);
}

static int parse_loss(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err)
{
	char shown[VN_SHOW_BUF];

	if (!strcmp(argv[0], "state") || !strcmp(argv[0], "gemodel"))
		return vn_err_usage(err, "'%s' is not supported yet, write a percentage such as 0.1%%", argv[0]);
	if (argc > 1) {
		if (strcmp(argv[0], "random"))
			return vn_err_usage(err, "'%s' is one word too many: a correlation is not supported yet",
					    vn_show(shown, argv[1]));
		argv++;
	}
	return vn_parse_percent(argv[0], &d->loss_ppb, err);
}

static int parse_rate(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err)
{
	char shown[VN_SHOW_BUF], min[VN_UNIT_BUF], max[VN_UNIT_BUF];
	uint64_t bps;
	int r;

	r = vn_parse_rate(argv[0], &bps, err);
	if (r < 0)
		return r;
	if (bps && (bps < VN_RATE_MIN_BPS || bps > VN_RATE_MAX_BPS))
		return vn_err_usage(err, "'%s' is out of range: write %s to %s, or 0 for no limit",
				    vn_show(shown, argv[0]), vn_format_rate(min, VN_RATE_MIN_BPS),
				    vn_format_rate(max, VN_RATE_MAX_BPS));
	d->rate_bps = bps;
	return 0;
}

#define LIMIT_BYTES_MIN 1538ULL /* one full Ethernet frame on the wire */
#define LIMIT_BYTES_MAX (1ULL << 40)

static int parse_limit(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err)
{
	char shown[VN_SHOW_BUF];
	uint64_t packets = 0, bytes = 0;
	int r;

	if (strcmp(argv[0], "auto")) {
		r = vn_parse_u64(argv[0], UINT32_MAX, &packets);
		if (r == -ERANGE || (r == 0 && !packets))
			return vn_err_usage(err, "'%s' is out of range: write 1 to %" PRIu32 " packets, or auto",
					    vn_show(shown, argv[0]), UINT32_MAX);
		if (r < 0) {
			r = vn_parse_size(argv[0], &bytes, err);
			if (r < 0)
				return r;
			if (bytes < LIMIT_BYTES_MIN || bytes > LIMIT_BYTES_MAX)
				return vn_err_usage(err,
						    "'%s' is out of range: write %llub to 1024gb, packets, or auto",
						    vn_show(shown, argv[0]), LIMIT_BYTES_MIN);
		}
	}
	d->limit_packets = (uint32_t)packets;
	d->limit_bytes = bytes;
	d->flags &= ~(uint32_t)VN_DISC_LIMIT_AUTO;
	if (!bytes)
		d->flags |= VN_DISC_LIMIT_AUTO;
	return 0;
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
	return 0;
}

const struct vn_disc_word vn_disc_words[] = {
	{"delay", "TIME [JITTER]", "hold each frame for TIME, spread by JITTER", 1, 2, parse_delay, false},
	{"jitter", "TIME", "spread of the delay; its meaning depends on the distribution", 1, 1, parse_jitter, false},
	{"distribution", "uniform|normal", "uniform: delay +- jitter; normal: jitter is the standard deviation", 1, 1,
	 parse_distribution, false},
	{"loss", "[random] PERCENT", "drop frames at random, each on its own", 1, 2, parse_loss, false},
	{"rate", "RATE", "shape to RATE bit/s as counted on an Ethernet wire", 1, 1, parse_rate, false},
	{"limit", "PACKETS|SIZE|auto", "frames held at most, or bytes queued before the rate", 1, 1, parse_limit,
	 false},
	{"seed", "NUMBER|auto", "where the random draws begin: same seed, same fates", 1, 1, parse_seed, false},
	{NULL, NULL, NULL, 0, 0, NULL, false},
};

const struct vn_disc_word *vn_disc_word_find(const char *word)
{
	const struct vn_disc_word *w;

	for (w = vn_disc_words; w->word; w++) {
		if (!strcmp(w->word, word))
			return w;
	}
	return NULL;
}

bool vn_disc_word_is_planned(const char *word)
{
	size_t i;

	for (i = 0; planned_words[i]; i++) {
		if (!strcmp(planned_words[i], word))
			return true;
	}
	return false;
}

static int refuse_word(const char *word, struct vn_err *err)
{
	const char *words[VN_ARRAY_SIZE(vn_disc_words)];
	char shown[VN_SHOW_BUF], hint[VN_HINT_BUF], known[256] = "";
	size_t i, n = 0;

	vn_show(shown, word);
	if (vn_disc_word_is_planned(word))
		return vn_err_usage(err, "'%s' is not supported yet", shown);
	for (i = 0; i < VN_ARRAY_SIZE(vn_disc_words); i++) {
		words[i] = vn_disc_words[i].word;
		if (words[i] && n < sizeof(known))
			n += (size_t)snprintf(known + n, sizeof(known) - n, "%s%s", i ? ", " : "", words[i]);
	}
	if (*vn_hint(hint, word, words))
		return vn_err_usage(err, "unknown word '%s'%s", shown, hint);
	return vn_err_usage(err, "unknown word '%s', known are: %s", shown, known);
}

/* How many of the @argc arguments at @argv belong to @w: up to the next known word. */
static int count_args(const struct vn_disc_word *w, int argc, char *const argv[])
{
	int n;

	for (n = 0; n < argc && n < w->max_args; n++) {
		if (n >= w->min_args && (vn_disc_word_find(argv[n]) || vn_disc_word_is_planned(argv[n])))
			break;
		/* An optional argument begins with a digit, or is a keyword before one. */
		if (n >= w->min_args && !(argv[n][0] >= '0' && argv[n][0] <= '9') && argv[n][0] != '-')
			break;
	}
	return n;
}

static int apply_word(struct vn_disc *d, const struct vn_disc_word *w, int argc, char *const argv[], struct vn_err *err)
{
	struct vn_err why = {0};
	int r;

	if (argc < w->min_args)
		return vn_err_usage(err, "'%s' needs a value: %s %s", w->word, w->word, w->args);
	r = w->parse(d, argc, argv, &why);
	if (r < 0)
		return vn_err(err, VN_EXIT_USAGE, -r, "%s: %s", w->word, why.text);
	return 0;
}

int vn_disc_parse_args(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err)
{
	struct vn_disc new = *d;
	bool seen[VN_ARRAY_SIZE(vn_disc_words)] = {false};
	const struct vn_disc_word *w;
	int i, n, r;

	for (i = 0; i < argc; i += n) {
		w = vn_disc_word_find(argv[i]);
		if (!w)
			return refuse_word(argv[i], err);
		if (seen[w - vn_disc_words])
			return vn_err_usage(err, "'%s' is given twice", w->word);
		seen[w - vn_disc_words] = true;
		i++;
		n = count_args(w, argc - i, argv + i);
		r = apply_word(&new, w, n, argv + i, err);
		if (r < 0)
			return r;
	}
	*d = new;
	return 0;
}

#define VALUE_ARGS 4

int vn_disc_parse_value(struct vn_disc *d, const struct vn_disc_word *word, const char *value, struct vn_err *err)
{
	cleanup_free char *copy = strdup(value);
	char *argv[VALUE_ARGS], *save = NULL, *arg, shown[VN_SHOW_BUF];
	struct vn_disc new = *d;
	int argc = 0, r;

	if (!copy)
		return vn_err_nomem(err);
	for (arg = strtok_r(copy, " \t", &save); arg; arg = strtok_r(NULL, " \t", &save)) {
		if (argc >= word->max_args || argc >= VALUE_ARGS)
			return vn_err_usage(err, "%s: '%s' is one word too many: %s %s", word->word,
					    vn_show(shown, arg), word->word, word->args);
		argv[argc++] = arg;
	}
	r = apply_word(&new, word, argc, argv, err);
	if (r < 0)
		return r;
	*d = new;
	return 0;
}

int vn_disc_check(const struct vn_disc *d, struct vn_err *err)
{
	bool bytes = d->limit_bytes && !(d->flags & VN_DISC_LIMIT_AUTO);

	if (d->delay_ns > VN_DELAY_MAX_NS || d->jitter_ns > VN_DELAY_MAX_NS)
		return vn_err_usage(err, "delay or jitter is over an hour");
	if (d->rate_bps && (d->rate_bps < VN_RATE_MIN_BPS || d->rate_bps > VN_RATE_MAX_BPS))
		return vn_err_usage(err, "rate: %llu bit/s is out of range", (unsigned long long)d->rate_bps);
	if (d->loss_ppb > VN_PPB_ONE)
		return vn_err_usage(err, "loss is over 100%%");
	if (d->dist > VN_DIST_NORMAL)
		return vn_err_usage(err, "unknown distribution %u", d->dist);
	if (bytes && (d->limit_bytes < LIMIT_BYTES_MIN || d->limit_bytes > LIMIT_BYTES_MAX))
		return vn_err_usage(err, "limit: %llu bytes is out of range", (unsigned long long)d->limit_bytes);
	if (bytes && d->limit_packets)
		return vn_err_usage(err, "limit: packets or a size, not both");
	if (bytes && !d->rate_bps)
		return vn_err_usage(err, "limit: a size bounds the queue in front of a rate, and there is none: "
					 "give a rate, a limit in packets, or `limit auto`");
	if (d->limit_packets && !d->delay_ns && !d->jitter_ns && !d->rate_bps && !d->loss_ppb)
		return vn_err_usage(err, "limit: nothing is held on a link without delay or rate: "
					 "give one, or `limit auto`");
	return 0;
}

uint64_t vn_disc_key(uint64_t seed, const char *topo, const char *link, int dir)
{
	uint64_t h = vn_fnv1a(vn_fnv1a(vn_fnv1a(VN_FNV_INIT, topo), "/"), link);

	/* One step of SplitMix64: its increment, then its output function. */
	return vn_mix64((h ^ seed) + (uint64_t)dir + VN_GOLDEN_GAMMA);
}

/* How long a burst the automatic limit takes beside what the delay itself keeps on the wire. */
#define QUEUE_NS         (50 * VN_NSEC_PER_MSEC)
#define QUEUE_FRAMES_MIN 32

void vn_disc_complete(struct vn_disc *d, const char *topo, const char *link, int dir, uint64_t topo_seed, uint32_t mtu)
{
	uint64_t frame = (uint64_t)mtu + 14 + VN_WIRE_OVERHEAD, limit;

	if (!d->limit_bytes)
		d->flags |= VN_DISC_LIMIT_AUTO;
	if (d->flags & VN_DISC_LIMIT_AUTO)
		d->limit_bytes = 0;
	if (d->rate_bps && d->flags & VN_DISC_LIMIT_AUTO) {
		limit = (uint64_t)((unsigned __int128)d->rate_bps * (d->delay_ns + d->jitter_ns + QUEUE_NS) / 8 /
				   VN_NSEC_PER_SEC);
		limit = VN_MAX(limit, QUEUE_FRAMES_MIN * frame);
		/* A limit in packets is to be what binds. */
		d->limit_bytes = VN_MAX(limit, d->limit_packets * frame);
	}
	if (d->flags & VN_DISC_SEED_AUTO)
		d->seed = topo_seed;
	d->key = vn_disc_key(d->seed, topo, link, dir);
}

VN_PRINTF(4, 5) static void add(char *buf, size_t size, size_t *n, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = vsnprintf(*n < size ? buf + *n : NULL, *n < size ? size - *n : 0, fmt, ap);
	va_end(ap);
	*n += r > 0 ? (size_t)r : 0;
}

int vn_disc_format(const struct vn_disc *d, char *buf, size_t size)
{
	char t[VN_UNIT_BUF];
	size_t n = 0;

	if (size)
		buf[0] = '\0';
	if (d->delay_ns)
		add(buf, size, &n, " delay %s", vn_format_time(t, d->delay_ns));
	if (d->jitter_ns)
		add(buf, size, &n, "%s %s", d->delay_ns ? "" : " jitter", vn_format_time(t, d->jitter_ns));
	if (d->dist == VN_DIST_NORMAL)
		add(buf, size, &n, " distribution %s", dist_words[d->dist]);
	if (d->loss_ppb)
		add(buf, size, &n, " loss %s", vn_format_percent(t, d->loss_ppb));
	if (d->rate_bps)
		add(buf, size, &n, " rate %s", vn_format_rate(t, d->rate_bps));
	if (d->limit_packets)
		add(buf, size, &n, " limit %u", d->limit_packets);
	else if (d->limit_bytes && !(d->flags & VN_DISC_LIMIT_AUTO))
		add(buf, size, &n, " limit %s", vn_format_size(t, d->limit_bytes));
	if (!(d->flags & VN_DISC_SEED_AUTO))
		add(buf, size, &n, " seed %llu", (unsigned long long)d->seed);
	if (n >= size)
		return -ENOSPC;
	/* Every word was put behind a space; the first needs none. */
	if (n)
		memmove(buf, buf + 1, n);
	return 0;
}
