// SPDX-License-Identifier: GPL-2.0-only
/* The words of `link set`: refused in one line without a change, or printed, and sent as JSON, and still the same. */
#include "check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ARGS_MAX 64

static int split(char *text, char *argv[ARGS_MAX])
{
	char *save = NULL, *arg;
	int argc = 0;

	for (arg = strtok_r(text, " \n", &save); arg && argc < ARGS_MAX; arg = strtok_r(NULL, " \n", &save))
		argv[argc++] = arg;
	return argc;
}

/* As the command line prints it, as JSON, and as the topology file has it: each time the same. */
static void check_same(const struct vn_disc *d)
{
	struct vn_disc again = VN_DISC_NONE, wire;
	char *argv[ARGS_MAX], text[VN_DISC_TEXT_BUF], text2[VN_DISC_TEXT_BUF];
	struct vn_err err = {0};
	json_t *o;
	int argc;

	CHECK(vn_disc_format(d, text, sizeof(text)) == 0);
	memcpy(text2, text, sizeof(text));
	argc = split(text2, argv);
	if (vn_disc_parse_args(&again, argc, argv, NULL, &err) < 0) {
		fprintf(stderr, "%s: %s\n", text, err.text);
		CHECK(!"what was printed parses");
	}
	vn_disc_complete(&again, "topo", "link", 1, 42, 1500);
	CHECK(!memcmp(d, &again, sizeof(*d)));
	CHECK(vn_disc_format(&again, text2, sizeof(text2)) == 0 && !strcmp(text, text2));

	o = vn_disc_to_json(d);
	if (vn_disc_from_json(o, &wire, &err) < 0) {
		fprintf(stderr, "%s: %s\n", text, err.text);
		CHECK(!"what was sent is read");
	}
	json_decref(o);
	CHECK(!memcmp(d, &wire, sizeof(*d)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *words = strndup((const char *)data, size);
	struct vn_disc d = VN_DISC_NONE, before = d;
	struct vn_err err = {0};
	char *argv[ARGS_MAX];
	int argc;

	CHECK(words);
	argc = split(words, argv);
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
	CHECK(!d.rate_bps || d.limit_bytes || d.trace_name);
	check_same(&d);
	return 0;
}
