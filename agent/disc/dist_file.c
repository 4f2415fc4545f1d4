// SPDX-License-Identifier: GPL-2.0-only
/*
 * iproute2's .dist files: integers, in 1/8192 of the jitter, between blanks and line ends; # to the end of the line is
 * a comment. tc reads as many as there are, up to 16384 (q_netem.c get_distribution()).
 */
#include "disc/disc_file.h"

static int read_value(const struct vn_lines *l, const char **p, const char *end, int16_t *ret_value)
{
	const char *s = *p;
	bool minus = *s == '-';
	long v = 0;

	if (*s == '-' || *s == '+')
		s++;
	if (s == end || *s < '0' || *s > '9')
		return vn_lines_fail(l, *p, "no integer");
	for (; s < end && *s >= '0' && *s <= '9' && v <= INT16_MAX + 1; s++)
		v = v * 10 + (*s - '0');
	if (minus)
		v = -v;
	if (v < INT16_MIN || v > INT16_MAX)
		return vn_lines_fail(l, *p, "out of range: values are %d to %d, 8192 is one jitter", INT16_MIN,
				     INT16_MAX);
	if (s < end && *s != ' ' && *s != '\t' && *s != '#')
		return vn_lines_fail(l, s, "no integer: write whole numbers, in 1/8192 of the jitter");
	*p = s;
	*ret_value = (int16_t)v;
	return 0;
}

int vn_block_parse_dist(const char *name, const char *text, size_t len, struct vn_arena_block **ret_block,
			struct vn_err *err)
{
	cleanup_block_buf struct vn_block_buf b = {NULL};
	struct vn_lines l;
	int16_t value;
	int r;

	vn_lines_init(&l, name, text, len, err);
	if (len > VN_FILE_MAX)
		return vn_lines_fail(&l, NULL, "larger than %u MiB", VN_FILE_MAX >> 20);
	while (vn_lines_next(&l)) {
		const char *end = l.line + l.len;

		for (const char *p = l.line; p < end && *p != '#';) {
			if (*p == ' ' || *p == '\t') {
				p++;
				continue;
			}
			if (b.block && b.block->n == VN_DIST_VALUES)
				return vn_lines_fail(&l, p, "more than %u values", VN_DIST_VALUES);
			r = read_value(&l, &p, end, &value);
			if (r == 0)
				r = vn_block_add(&b, &value, sizeof(value), err);
			if (r < 0)
				return r;
		}
	}
	if (!b.block)
		return vn_lines_fail(&l, NULL, "empty: no value of a distribution");
	*ret_block = vn_block_finish(&b, name, VN_ARENA_DIST);
	return *ret_block ? 0 : vn_err_nomem(err);
}
