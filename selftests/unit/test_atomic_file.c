// SPDX-License-Identifier: GPL-2.0-only
/* Records: whole or not there, nobody else's, nothing left beside them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/stat.h>

#include <base/util.h>

#include "base/atomic_file.h"

static char dir[] = "/tmp/vnet-test-record.XXXXXX";
static char path[64], fresh[72];

static int make_dir(void **state)
{
	memset(dir + strlen(dir) - 6, 'X', 6);
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/a.json", dir);
	snprintf(fresh, sizeof(fresh), "%s.new", path);
	return 0;
}

static int remove_dir(void **state)
{
	unlink(path);
	rmdir(path);
	return rmdir(dir);
}

static void test_written(void **state)
{
	struct stat st;
	json_t *back;

	assert_int_equal(vn_record_json(path, json_pack("{s:i}", "n", 1), NULL), 0);
	assert_int_equal(vn_record_json(path, json_pack("{s:i}", "n", 2), NULL), 0);
	back = json_load_file(path, 0, NULL);
	assert_int_equal(json_integer_value(json_object_get(back, "n")), 2);
	json_decref(back);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_true(access(fresh, F_OK) < 0);
}

/* What an earlier attempt has left, with whatever rights, does not count. */
static void test_remnant(void **state)
{
	struct stat st;
	FILE *f = fopen(fresh, "we");

	assert_non_null(f);
	fputs("a much longer text than the one that follows", f);
	fclose(f);
	assert_int_equal(chmod(fresh, 0666), 0);
	assert_int_equal(vn_record_text(path, "short\n", NULL), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, 6);
}

static void test_refused(void **state)
{
	struct vn_err err = {0};

	assert_int_equal(mkdir(path, 0700), 0);
	assert_true(vn_record_text(path, "x", &err) < 0);
	assert_true(err.err && strstr(err.text, path));
	assert_true(access(fresh, F_OK) < 0);
	assert_int_equal(vn_record_json(path, NULL, NULL), -ENOMEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_written, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_remnant, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_refused, make_dir, remove_dir),
	};

	return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
