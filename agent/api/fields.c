// SPDX-License-Identifier: GPL-2.0-only
#include "api/fields.h"

#include <inttypes.h>

#include <base/util.h>

#include "base/names.h"

static const char *const type_words[] = {
	[VN_FIELD_STRING] = "a string",
	[VN_FIELD_INT] = "a whole number",
	[VN_FIELD_BOOL] = "true or false",
	[VN_FIELD_STRINGS] = "a list of strings",
	[VN_FIELD_TEXTS] = "an object of strings",
	[VN_FIELD_OBJECT] = "an object",
};

/* One that has no byte 0: such a string is another one to every function of C. */
static bool is_text(const json_t *v)
{
	return json_is_string(v) && strlen(json_string_value(v)) == json_string_length(v);
}

static bool is_of_type(const json_t *v, enum vn_field_type type)
{
	const json_t *member;
	const char *key;
	size_t i;

	switch (type) {
	case VN_FIELD_STRING:
		return json_is_string(v);
	case VN_FIELD_INT:
		return json_is_integer(v);
	case VN_FIELD_BOOL:
		return json_is_boolean(v);
	case VN_FIELD_STRINGS:
		json_array_foreach (v, i, member)
			if (!is_text(member))
				return false;
		return json_is_array(v);
	case VN_FIELD_TEXTS:
		json_object_foreach ((json_t *)v, key, member)
			if (!json_is_string(member))
				return false;
		return json_is_object(v);
	case VN_FIELD_OBJECT:
		return json_is_object(v);
	}
	return false;
}

static int wrong(const struct vn_field *f, struct vn_err *err, const char *what)
{
	if (err && !err->err)
		err->parameter = f->name;
	return vn_err_usage(err, "parameter '%s': %s: %s", f->name, what, f->text);
}

static int check_word(const struct vn_field *f, const char *s, struct vn_err *err)
{
	char shown[VN_SHOW_BUF], list[256] = "", what[512];

	for (size_t i = 0; f->words[i]; i++) {
		size_t len = strlen(list);

		if (strcmp(f->words[i], s) == 0)
			return 0;
		snprintf(list + len, sizeof(list) - len, "%s%s", i ? ", " : "", f->words[i]);
	}
	snprintf(what, sizeof(what), "'%s' is none of %s", vn_show(shown, s), list);
	return wrong(f, err, what);
}

/* Of a number its value, of a string its bytes, of a list its members. */
static int check_range(const struct vn_field *f, const json_t *v, struct vn_err *err)
{
	const bool number = f->type == VN_FIELD_INT;
	const char *unit = number ? "" : f->type == VN_FIELD_STRING ? " bytes" : " members";
	json_int_t n = number                       ? json_integer_value(v)
		       : f->type == VN_FIELD_STRING ? (json_int_t)json_string_length(v)
						    : (json_int_t)json_array_size(v);
	char what[160];

	if (n >= f->min && (!f->max || n <= f->max))
		return 0;
	if (f->max)
		snprintf(what, sizeof(what), "%" JSON_INTEGER_FORMAT "%s, and not from %" PRId64 " to %" PRId64, n,
			 unit, f->min, f->max);
	else
		snprintf(what, sizeof(what), "%" JSON_INTEGER_FORMAT "%s, and not at least %" PRId64, n, unit, f->min);
	return wrong(f, err, what);
}

static int check_field(const struct vn_field *f, const json_t *v, struct vn_err *err)
{
	char what[64];
	int r;

	if (!v || json_is_null(v))
		return f->needed ? wrong(f, err, "is missing") : 0;
	if (!is_of_type(v, f->type)) {
		snprintf(what, sizeof(what), "is not %s", type_words[f->type]);
		return wrong(f, err, what);
	}
	if (f->type == VN_FIELD_BOOL || f->type == VN_FIELD_TEXTS || f->type == VN_FIELD_OBJECT)
		return 0;
	/* A whole file may have any byte: it is its parser's to judge. */
	if (f->type == VN_FIELD_STRING && f->max && !is_text(v))
		return wrong(f, err, "has a byte 0");
	r = check_range(f, v, err);
	return r == 0 && f->words ? check_word(f, json_string_value(v), err) : r;
}

static bool is_known(const struct vn_field *fields, const char *name)
{
	for (const struct vn_field *f = fields; f && f->name; f++)
		if (strcmp(f->name, name) == 0)
			return true;
	return false;
}

int vn_fields_check(const char *method, const struct vn_field *fields, const json_t *params, struct vn_err *err)
{
	char shown[VN_SHOW_BUF];
	const char *key;
	json_t *v;
	int r = 0;

	json_object_foreach ((json_t *)params, key, v) {
		if (is_known(fields, key))
			continue;
		if (err && !err->err)
			err->parameter = key;
		return vn_err_usage(err, "%s has no parameter '%s' (docs/PROTOCOL.md)", method, vn_show(shown, key));
	}
	for (const struct vn_field *f = fields; f && f->name && r == 0; f++)
		r = check_field(f, json_object_get(params, f->name), err);
	return r;
}
