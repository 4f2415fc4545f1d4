// SPDX-License-Identifier: GPL-2.0-only
/* The words of a discipline that leave things to chance: loss, ecn, duplicate, corrupt, reorder, gap. */
#include <inttypes.h>

#include "disc/disc_internal.h"

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
	for (n = 0; n < max && (n == 0 || vn_word_next_is_number(argc, argv, n)); n++) {
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
	if (!vn_word_next_is_number(argc, argv, 1))
		return 1;
	r = vn_word_corr(argv[1], d->loss_ppb, "loss", &d->loss_corr_ppb, err);
	return r < 0 ? r : 2;
}

int vn_word_parse_loss(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err)
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

void vn_word_print_loss(const struct vn_disc *d, bool full, char *buf, size_t size)
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

int vn_word_parse_ecn(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err)
{
	d->flags |= VN_DISC_ECN;
	if (argc < 1 || (strcmp(argv[0], "on") != 0 && !vn_word_is_off(argv[0])))
		return 0;
	if (vn_word_is_off(argv[0]))
		d->flags &= ~(uint32_t)VN_DISC_ECN;
	return 1;
}

void vn_word_print_ecn(const struct vn_disc *d, bool full, char *buf, size_t size)
{
	if (d->flags & VN_DISC_ECN)
		vn_word_add(buf, size, "on");
}

static int parse_chance(uint32_t *chance, uint32_t *corr, const char *what, int argc, char *const argv[],
			struct vn_err *err)
{
	int r = vn_parse_percent(vn_word_is_off(argv[0]) ? "0" : argv[0], chance, err);

	if (r < 0 || !vn_word_next_is_number(argc, argv, 1))
		return r < 0 ? r : 1;
	r = vn_word_corr(argv[1], *chance, what, corr, err);
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

int vn_word_parse_duplicate(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err)
{
	return parse_chance(&d->dup_ppb, &d->dup_corr_ppb, "duplication", argc, argv, err);
}

void vn_word_print_duplicate(const struct vn_disc *d, bool full, char *buf, size_t size)
{
	print_chance(d->dup_ppb, d->dup_corr_ppb, full, buf, size);
}

int vn_word_parse_corrupt(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err)
{
	return parse_chance(&d->corrupt_ppb, &d->corrupt_corr_ppb, "corruption", argc, argv, err);
}

void vn_word_print_corrupt(const struct vn_disc *d, bool full, char *buf, size_t size)
{
	print_chance(d->corrupt_ppb, d->corrupt_corr_ppb, full, buf, size);
}

int vn_word_parse_gap(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err)
{
	int64_t gap = 0;
	int r = vn_word_is_off(argv[0]) ? 0 : vn_word_number(argv[0], 0, INT32_MAX, &gap, err);

	if (r < 0)
		return r;
	d->reorder_gap = (uint32_t)gap;
	return 1;
}

void vn_word_print_gap(const struct vn_disc *d, bool full, char *buf, size_t size)
{
	/* 1 is what every reorder has. */
	if (d->reorder_gap > 1)
		vn_word_add(buf, size, "%u", d->reorder_gap);
}

int vn_word_parse_reorder(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err)
{
	return parse_chance(&d->reorder_ppb, &d->reorder_corr_ppb, "reordering", argc, argv, err);
}

void vn_word_print_reorder(const struct vn_disc *d, bool full, char *buf, size_t size)
{
	print_chance(d->reorder_ppb, d->reorder_corr_ppb, full, buf, size);
}
