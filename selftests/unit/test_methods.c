// SPDX-License-Identifier: GPL-2.0-only
/* Each parameter of each method, wrong in each way; and that the tables are ones that Varlink takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <base/util.h>

#include "methods/method_table.h"

static json_t *right(const struct vn_field *f)
{
	char text[4096];
	size_t len = VN_MAX(f->min, (int64_t)1);

	switch (f->type) {
	case VN_FIELD_STRING:
		memset(text, 'a', len);
		return f->words ? json_string(f->words[0]) : json_stringn(text, len);
	case VN_FIELD_INT:
		return json_integer(f->min);
	case VN_FIELD_BOOL:
		return json_true();
	case VN_FIELD_STRINGS:
		return json_pack("[s]", "delay");
	case VN_FIELD_TEXTS:
		return json_pack("{s:s}", "a.dist", "1 2 3");
	case VN_FIELD_OBJECT:
		return json_object();
	}
	return NULL;
}

static json_t *all_right(const struct vn_method *m)
{
	json_t *o = json_object();

	for (const struct vn_field *f = m->fields; f && f->name; f++)
		json_object_set_new(o, f->name, right(f));
	return o;
}

/* @v in the place of parameter @f of @m is refused, by name. */
static void refused(const struct vn_method *m, const struct vn_field *f, json_t *v)
{
	json_t *o = all_right(m);
	struct vn_err err = {0};

	assert_non_null(v);
	json_object_set_new(o, f->name, v);
	if (vn_fields_check(m->name, m->fields, o, &err) != -EINVAL)
		fail_msg("%s: %s was taken", m->name, f->name);
	assert_string_equal(err.parameter, f->name);
	assert_non_null(strstr(err.text, f->name));
	json_decref(o);
}

static void test_right(void **state)
{
	for (size_t i = 0; i < vn_n_methods; i++) {
		json_t *o = all_right(&vn_methods[i]);
		struct vn_err err = {0};

		if (vn_fields_check(vn_methods[i].name, vn_methods[i].fields, o, &err) < 0)
			fail_msg("%s: %s", vn_methods[i].name, err.text);
		json_decref(o);
	}
}

static void test_wrong_type(void **state)
{
	for (size_t i = 0; i < vn_n_methods; i++)
		for (const struct vn_field *f = vn_methods[i].fields; f && f->name; f++) {
			refused(&vn_methods[i], f, f->type == VN_FIELD_INT ? json_string("1") : json_integer(-1));
			refused(&vn_methods[i], f, json_real(0.5));
			if (f->type != VN_FIELD_STRINGS)
				refused(&vn_methods[i], f, json_array());
			if (f->type == VN_FIELD_STRINGS)
				refused(&vn_methods[i], f, json_pack("[s, i]", "delay", 1));
			if (f->type == VN_FIELD_TEXTS)
				refused(&vn_methods[i], f, json_pack("{s:i}", "a", 1));
		}
}

static void test_range(void **state)
{
	static char text[8192];
	int seen = 0;

	memset(text, 'a', sizeof(text) - 1);
	for (size_t i = 0; i < vn_n_methods; i++)
		for (const struct vn_field *f = vn_methods[i].fields; f && f->name; f++) {
			if (f->words)
				refused(&vn_methods[i], f, json_string("no such word"));
			if (!f->max)
				continue;
			seen++;
			if (f->type == VN_FIELD_INT) {
				refused(&vn_methods[i], f, json_integer(f->max + 1));
				refused(&vn_methods[i], f, json_integer(f->min - 1));
			} else if (f->type == VN_FIELD_STRING) {
				refused(&vn_methods[i], f, json_stringn(text, (size_t)f->max + 1));
				refused(&vn_methods[i], f, json_stringn_nocheck("a\0b", 3));
				if (f->min)
					refused(&vn_methods[i], f, json_string(""));
			} else {
				json_t *list = json_array();

				for (int64_t n = 0; n <= f->max; n++)
					json_array_append_new(list, json_string("a"));
				refused(&vn_methods[i], f, list);
			}
		}
	assert_true(seen > 20);
}

static void test_missing_and_unknown(void **state)
{
	for (size_t i = 0; i < vn_n_methods; i++) {
		json_t *o = all_right(&vn_methods[i]);
		struct vn_err err = {0};

		json_object_set_new(o, "nmae", json_true());
		assert_int_equal(vn_fields_check(vn_methods[i].name, vn_methods[i].fields, o, &err), -EINVAL);
		assert_string_equal(err.parameter, "nmae");
		json_object_del(o, "nmae");
		for (const struct vn_field *f = vn_methods[i].fields; f && f->name; f++) {
			json_t *was = json_incref(json_object_get(o, f->name));

			err = (struct vn_err){0};
			json_object_del(o, f->name);
			assert_int_equal(vn_fields_check(vn_methods[i].name, vn_methods[i].fields, o, &err),
					 f->needed ? -EINVAL : 0);
			json_object_set_new(o, f->name, json_null());
			assert_int_equal(vn_fields_check(vn_methods[i].name, vn_methods[i].fields, o, NULL),
					 f->needed ? -EINVAL : 0);
			json_object_set_new(o, f->name, was);
		}
		json_decref(o);
	}
}

static void test_names(void **state)
{
	char name[VN_METHOD_NAME_MAX], full[2 * VN_METHOD_NAME_MAX];

	for (size_t i = 0; i < vn_n_methods; i++) {
		vn_method_varlink(name, &vn_methods[i]);
		assert_true(name[0] >= 'A' && name[0] <= 'Z');
		snprintf(full, sizeof(full), "%s.%s", VN_INTERFACE, name);
		assert_ptr_equal(vn_method_find(full), &vn_methods[i]);
		assert_ptr_equal(vn_method_find(vn_methods[i].name), &vn_methods[i]);
	}
	assert_null(vn_method_find(VN_INTERFACE "."));
	assert_null(vn_method_find(""));
	assert_null(vn_interface_text("vnet.agen"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_right), cmocka_unit_test(test_wrong_type),
		cmocka_unit_test(test_range), cmocka_unit_test(test_missing_and_unknown),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests_name("methods", tests, NULL, NULL);
}
