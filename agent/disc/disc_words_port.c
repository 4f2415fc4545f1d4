// SPDX-License-Identifier: GPL-2.0-only
/* The words of a discipline that the port itself obeys, without the engine: police, state, flap. */
#include "disc/disc_internal.h"

static int refuse_police(const char *word, struct vn_err *err)
{
	static const char *const theirs[] = {"mtu",       "peakrate",  "avrate",     "overhead", "linklayer",
					     "estimator", "pkts_rate", "pkts_burst", "index",    NULL};
	char shown[VN_SHOW_BUF];

	if (!strcmp(word, "conform-exceed") || !strcmp(word, "action") || !strcmp(word, "continue") ||
	    !strcmp(word, "drop") || !strcmp(word, "pass"))
		return vn_err_usage(err, "'%s' is tc-police(8)'s: what exceeds the rate is always dropped here", word);
	for (size_t i = 0; theirs[i]; i++) {
		if (!strcmp(word, theirs[i]))
			return vn_err_usage(err, "'%s' of tc-police(8) is not there: a rate and a burst are", word);
	}
	return vn_err_usage(err, "'%s' is not known: write rate RATE burst SIZE, or off", vn_show(shown, word));
}

int vn_word_parse_police(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err)
{
	char shown[VN_SHOW_BUF];
	uint64_t burst = 0;
	__u64 bps = 0;
	int r;

	if (vn_word_is_off(argv[0])) {
		d->police_bps = 0;
		d->police_burst_bytes = 0;
		return 1;
	}
	if (strcmp(argv[0], "rate") != 0 && strcmp(argv[0], "burst") != 0)
		return refuse_police(argv[0], err);
	if (argc < 4 || !strcmp(argv[0], argv[2]) || (strcmp(argv[2], "rate") != 0 && strcmp(argv[2], "burst") != 0))
		return vn_err_usage(err, "both are needed: rate RATE burst SIZE");
	for (int i = 0; i < 4; i += 2) {
		r = !strcmp(argv[i], "rate") ? vn_word_bps(argv[i + 1], &bps, err)
					     : vn_parse_size(argv[i + 1], &burst, err);
		if (r < 0)
			return r;
	}
	if (!bps)
		return vn_err_usage(err, "a rate of 0 would drop everything: write `police off`, or `state down`");
	if (burst < VN_LIMIT_BYTES_MIN || burst > UINT32_MAX)
		return vn_err_usage(err, "burst '%s' is out of range: a frame takes %llub, at most 4gb",
				    vn_show(shown, argv[!strcmp(argv[0], "burst") ? 1 : 3]), VN_LIMIT_BYTES_MIN);
	d->police_bps = bps;
	d->police_burst_bytes = (uint32_t)burst;
	if (argc > 4 && !vn_disc_word_find(argv[4]))
		return refuse_police(argv[4], err);
	return 4;
}

void vn_word_print_police(const struct vn_disc *d, bool full, char *buf, size_t size)
{
	char rate[VN_UNIT_BUF], burst[VN_UNIT_BUF];

	if (d->police_bps)
		vn_word_add(buf, size, "rate %s burst %s", vn_format_rate(rate, d->police_bps),
			    vn_format_size(burst, d->police_burst_bytes));
}

int vn_word_parse_state(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err)
{
	char shown[VN_SHOW_BUF];
	bool down = !strcmp(argv[0], "down");

	if (!down && strcmp(argv[0], "up") != 0)
		return vn_err_usage(err, "'%s' is not a state: up or down", vn_show(shown, argv[0]));
	d->flags &= ~(uint32_t)VN_DISC_DOWN;
	if (down)
		d->flags |= VN_DISC_DOWN;
	return 1;
}

void vn_word_print_state(const struct vn_disc *d, bool full, char *buf, size_t size)
{
	if (d->flags & VN_DISC_DOWN)
		vn_word_add(buf, size, "down");
}

int vn_word_parse_flap(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err)
{
	__u64 up = 0, down = 0;
	int r, n = 1;

	if (!vn_word_is_off(argv[0])) {
		n = 4;
		if (argc < n || (strcmp(argv[0], "up") && strcmp(argv[0], "down")) || !strcmp(argv[0], argv[2]) ||
		    (strcmp(argv[2], "up") && strcmp(argv[2], "down")))
			return vn_err_usage(err, "both times are needed: up TIME down TIME, or off");
		for (int i = 0; i < n; i += 2) {
			r = vn_word_ns(argv[i + 1], strcmp(argv[i], "up") ? &down : &up, err);
			if (r < 0)
				return r;
		}
		if (!up || !down)
			return vn_err_usage(err, "a time of 0 is no schedule: write `flap off`, or `state down`");
	}
	d->flap_up_ns = up;
	d->flap_down_ns = down;
	d->flap_start_ns = 0;
	return n;
}

void vn_word_print_flap(const struct vn_disc *d, bool full, char *buf, size_t size)
{
	char up[VN_UNIT_BUF], down[VN_UNIT_BUF];

	if (d->flap_up_ns)
		vn_word_add(buf, size, "up %s down %s", vn_format_time(up, d->flap_up_ns),
			    vn_format_time(down, d->flap_down_ns));
}
