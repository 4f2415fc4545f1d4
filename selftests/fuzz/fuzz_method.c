// SPDX-License-Identifier: GPL-2.0-only
/* Parameters that a client sent, against a row of each type; members of a discipline. */
#include <stdlib.h>

#include <base/util.h>

#include "api/fields.h"
#include "disc/disc_words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const dirs[] = {"ab", "ba", "both", NULL};
static const struct vn_field fields[] = {
	{.name = "name", .type = VN_FIELD_STRING, .needed = true, .min = 1, .max = 8, .text = "a name"},
	{.name = "dir", .type = VN_FIELD_STRING, .words = dirs, .text = "a direction"},
	{.name = "words", .type = VN_FIELD_STRINGS, .max = 4, .text = "words"},
	{.name = "files", .type = VN_FIELD_TEXTS, .text = "files"},
	{.name = "discipline", .type = VN_FIELD_OBJECT, .text = "a discipline"},
	{.name = "engine", .type = VN_FIELD_INT, .max = 15, .text = "an engine"},
	{.name = "replace", .type = VN_FIELD_BOOL, .text = "replace"},
	{.name = NULL},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *o = json_loadb((const char *)data, size, JSON_ALLOW_NUL, NULL);
	struct vn_disc d = VN_DISC_NONE;

	if (json_is_object(o)) {
		struct vn_err err = {0};

		if (vn_fields_check("vnet.link.set", fields, o, &err) < 0 && (!err.err || !*err.text || !err.parameter))
			abort();
		if (vn_disc_apply_json(o, &d, NULL) == 0 && (d.trace_block || d.dist_block || d.slot_dist_block))
			abort();
	}
	json_decref(o);
	return 0;
}
