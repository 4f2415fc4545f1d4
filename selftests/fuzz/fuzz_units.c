// SPDX-License-Identifier: GPL-2.0-only
/* Quantities: what parses is formatted to a text that parses to the same. */
#include "check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_u64(const char *s, int (*parse)(const char *s, uint64_t *ret, struct vn_err *err),
		      const char *(*format)(char *buf, uint64_t v))
{
	struct vn_err err = {0};
	char buf[VN_UNIT_BUF];
	uint64_t v, again;

	if (parse(s, &v, &err) < 0) {
		check_refusal(&err);
		return;
	}
	CHECK(parse(format(buf, v), &again, &err) == 0 && again == v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *s = strndup((const char *)data, size);
	char buf[VN_UNIT_BUF], shown[VN_SHOW_BUF], text[VN_DOUBLE_BUF];
	struct vn_err err = {0};
	uint32_t ppb, again;
	double v, same;

	CHECK(s);
	check_u64(s, vn_parse_time, vn_format_time);
	check_u64(s, vn_parse_rate, vn_format_rate);
	check_u64(s, vn_parse_size, vn_format_size);
	if (vn_parse_percent(s, &ppb, &err) == 0)
		CHECK(vn_parse_percent(vn_format_percent(buf, ppb), &again, &err) == 0 && again == ppb);
	else
		check_refusal(&err);
	if (vn_parse_decimal(s, -180, 180, &v) == 0)
		CHECK(vn_parse_decimal(vn_format_double(text, v), -180, 180, &same) == 0 && same == v);
	CHECK(strlen(vn_show(shown, s)) < VN_SHOW_BUF);
	return 0;
}
