// SPDX-License-Identifier: GPL-2.0-only
/* The words of `link set`: refused in one line without a change, or printed, and sent as JSON, and still the same. */
#include "check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ARGS_MAX 32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *words = strndup((const char *)data, size);
	struct vn_disc d = VN_DISC_NONE, before = d, again = d, wire;
	char *argv[ARGS_MAX], *save = NULL, *arg, text[512];
	struct vn_err err = {0};
	int argc = 0;
	json_t *o;

	CHECK(words);
	for (arg = strtok_r(words, " \n", &save); arg && argc < ARGS_MAX; arg = strtok_r(NULL, " \n", &save))
		argv[argc++] = arg;
	if (vn_disc_parse_args(&d, argc, argv, NULL, &err) < 0) {
		check_refusal(&err);
		CHECK(!memcmp(&d, &before, sizeof(d)));
		return 0;
	}
	if (vn_disc_check(&d, &err) < 0) {
		check_refusal(&err);
		return 0;
	}
	vn_disc_complete(&d, "topo", "link", 1, 42, 1500);
	CHECK(vn_disc_check(&d, &err) == 0);
	CHECK(!d.rate_bps || d.limit_bytes);

	CHECK(vn_disc_format(&d, text, sizeof(text)) == 0);
	argc = 0;
	save = NULL;
	for (arg = strtok_r(text, " ", &save); arg && argc < ARGS_MAX; arg = strtok_r(NULL, " ", &save))
		argv[argc++] = arg;
	CHECK(vn_disc_parse_args(&again, argc, argv, NULL, &err) == 0);
	vn_disc_complete(&again, "topo", "link", 1, 42, 1500);
	CHECK(!memcmp(&d, &again, sizeof(d)));

	o = vn_disc_to_json(&d);
	CHECK(o && vn_disc_from_json(o, &wire, &err) == 0);
	json_decref(o);
	CHECK(!memcmp(&d, &wire, sizeof(d)));
	return 0;
}
