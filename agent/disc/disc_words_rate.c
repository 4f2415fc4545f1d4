// SPDX-License-Identifier: GPL-2.0-only
/* The words of a discipline that say how fast frames leave, and how many wait: rate, overhead, cell, limit, slot. */
#include <inttypes.h>

#include "base/intern.h"
#include "disc/disc_internal.h"

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

int vn_word_parse_overhead(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err)
{
	int64_t bytes = 0;
	int r = vn_word_number(vn_word_is_off(argv[0]) ? "0" : argv[0], -OVERHEAD_MAX, OVERHEAD_MAX, &bytes, err);

	if (r < 0)
		return r;
	d->overhead = (int32_t)bytes;
	return 1;
}

void vn_word_print_overhead(const struct vn_disc *d, bool full, char *buf, size_t size)
{
	if (d->overhead)
		vn_word_add(buf, size, "%d", d->overhead);
}

int vn_word_parse_cell(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err)
{
	int64_t cell = 0, overhead = 0;
	bool more = vn_word_next_is_number(argc, argv, 1);
	int r = vn_word_number(vn_word_is_off(argv[0]) ? "0" : argv[0], 0, CELL_MAX, &cell, err);

	if (r == 0 && more)
		r = vn_word_number(argv[1], -OVERHEAD_MAX, OVERHEAD_MAX, &overhead, err);
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

void vn_word_print_cell(const struct vn_disc *d, bool full, char *buf, size_t size)
{
	if (!d->cell_bytes)
		return;
	vn_word_add(buf, size, "%u", d->cell_bytes);
	if (d->cell_overhead)
		vn_word_add(buf, size, " %d", d->cell_overhead);
}

/* netem's RATE [OVERHEAD [CELLSIZE [CELLOVERHEAD]]] */
int vn_word_parse_rate(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err)
{
	int r = vn_word_bps(argv[0], &d->rate_bps, err), n = 1;

	if (r == 0 && vn_word_next_is_number(argc, argv, 1)) {
		if (!d->rate_bps)
			return vn_err_usage(err, "'%s' is an overhead, and there is no rate", argv[1]);
		r = vn_word_parse_overhead(d, argc - 1, argv + 1, err);
		n = 2;
		if (r > 0 && vn_word_next_is_number(argc, argv, 2)) {
			r = vn_word_parse_cell(d, argc - 2, argv + 2, err);
			n += r;
		}
	}
	return r < 0 ? r : n;
}

void vn_word_print_rate(const struct vn_disc *d, bool full, char *buf, size_t size)
{
	char t[VN_UNIT_BUF];

	if (d->rate_bps)
		vn_word_add(buf, size, "%s", vn_format_rate(t, d->rate_bps));
}

/* What people call packets, after a number. */
static bool is_packets(const char *word)
{
	static const char *const words[] = {"packets", "packet", "pkts", "pkt", "frames"};

	for (size_t i = 0; i < VN_ARRAY_SIZE(words); i++)
		if (strcmp(word, words[i]) == 0)
			return true;
	return false;
}

int vn_word_parse_limit(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err)
{
	size_t digits = strspn(argv[0], "0123456789");
	char shown[VN_SHOW_BUF], number[24];
	uint64_t packets = 0, bytes = 0;
	int r, n = 1;

	if (strcmp(argv[0], "auto") != 0) {
		/* "100packets", "100 packets", as one word or as two */
		snprintf(number, sizeof(number), "%s", argv[0]);
		if (digits && digits < sizeof(number) && is_packets(argv[0] + digits + strspn(argv[0] + digits, " ")))
			number[digits] = '\0';
		else if (digits && !argv[0][digits] && argc > 1 && is_packets(argv[1]))
			n = 2;
		r = vn_parse_u64(digits < sizeof(number) ? number : argv[0], UINT32_MAX, &packets);
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
	return n;
}

void vn_word_print_limit(const struct vn_disc *d, bool full, char *buf, size_t size)
{
	char t[VN_UNIT_BUF];

	if (d->limit_packets)
		vn_word_add(buf, size, "%u", d->limit_packets);
	else if (d->limit_bytes && !(d->flags & VN_DISC_LIMIT_AUTO))
		vn_word_add(buf, size, "%s", vn_format_size(t, d->limit_bytes));
}

static int parse_slot_times(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err)
{
	int r, n = 1;

	if (strcmp(argv[0], "distribution") == 0) {
		if (argc < 4)
			return vn_err_usage(err, "'distribution' needs a NAME, a DELAY and a JITTER");
		r = vn_word_dist(argv[1], &d->slot_dist, &d->slot_dist_name, err);
		if (r == 0)
			r = vn_word_ns(argv[2], &d->slot_min_ns, err);
		if (r == 0)
			r = vn_word_ns(argv[3], &d->slot_max_ns, err);
		d->slot_dist++;
		return r < 0 ? r : 4;
	}
	r = vn_word_ns(argv[0], &d->slot_min_ns, err);
	d->slot_max_ns = d->slot_min_ns;
	if (r == 0 && vn_word_next_is_number(argc, argv, 1)) {
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
int vn_word_parse_slot(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err)
{
	int n = 1, r;

	d->slot_min_ns = d->slot_max_ns = 0;
	d->slot_packets = d->slot_bytes = 0;
	d->slot_dist = d->slot_dist_name = d->slot_dist_block = 0;
	d->flags &= ~(uint32_t)VN_DISC_SLOT;
	if (!vn_word_is_off(argv[0]) || vn_word_next_is_number(argc, argv, 1)) {
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

void vn_word_print_slot(const struct vn_disc *d, bool full, char *buf, size_t size)
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
