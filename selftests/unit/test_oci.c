/* SPDX-License-Identifier: GPL-2.0-only */
/* A container engine's config.json made ours: what is added, what must stay as it was, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

#include <base/util.h>

#include "runtime/oci_adopt.h"

#define AGENT "/opt/vnet-agent"
#define NETNS "\"linux\": {\"namespaces\": [{\"type\": \"pid\"}, {\"type\": \"network\"}]}"

/* A configuration with environment @env and members @more; NULL: not ours. */
static char *adopt(const char *env, const char *more)
{
	char text[2048], *out = NULL;
	struct vn_err err = {0};
	int n = snprintf(text, sizeof(text), "{\"process\": {\"env\": [%s]}%s%s}", env, *more ? ", " : "", more);

	if (vn_oci_adopt(text, (size_t)n, AGENT, "/run/vnet", &out, &err) < 0)
		fail_msg("%s", err.text);
	return out;
}

static void assert_refused(const char *env, const char *more, const char *want)
{
	char text[2048], *out = NULL;
	struct vn_err err = {0};
	int n = snprintf(text, sizeof(text), "{\"process\": {\"env\": [%s]}%s%s}", env, *more ? ", " : "", more);

	assert_int_equal(vn_oci_adopt(text, (size_t)n, AGENT, "/run/vnet", &out, &err), -EINVAL);
	assert_null(out);
	if (!strstr(err.text, want))
		fail_msg("wanted '%s', got '%s'", want, err.text);
	assert_null(strchr(err.text, '\n'));
}

static const char *annotation(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(json_object_get(o, "annotations"), key));
}

static json_t *stage(const json_t *o, const char *name)
{
	return json_object_get(json_object_get(o, "hooks"), name);
}

static void assert_hook(const json_t *o, const char *name, size_t at, size_t of)
{
	const json_t *list = stage(o, name), *h = json_array_get(list, at);

	assert_int_equal(json_array_size(list), of);
	assert_string_equal(json_string_value(json_object_get(h, "path")), AGENT);
	assert_string_equal(json_string_value(json_array_get(json_object_get(h, "args"), 3)), "oci-hook");
}

static json_t *parse(const char *text)
{
	json_error_t why;
	json_t *o;

	assert_non_null(text);
	o = json_loads(text, 0, &why);
	if (!o)
		fail_msg("%s: %s", why.text, text);
	return o;
}

static void test_environment(void **state)
{
	cleanup_free char *out = adopt("\"PATH=/bin\", \"VNET_TOPOLOGY=lab\", \"VNET_NODE=a\"", NETNS);
	json_t *o = parse(out);

	assert_string_equal(annotation(o, "vnet.topology"), "lab");
	assert_string_equal(annotation(o, "vnet.node"), "a");
	assert_hook(o, "createRuntime", 0, 1);
	assert_hook(o, "poststop", 0, 1);
	/* The container still sees it. */
	assert_string_equal(json_string_value(json_array_get(json_object_get(json_object_get(o, "process"), "env"), 1)),
			    "VNET_TOPOLOGY=lab");
	json_decref(o);
}

static void test_node_alone(void **state)
{
	cleanup_free char *out = adopt("\"VNET_NODE=old\", \"VNET_NODE=new\"", NETNS);
	json_t *o = parse(out);

	assert_string_equal(annotation(o, "vnet.node"), "new");
	assert_null(annotation(o, "vnet.topology"));
	json_decref(o);
}

static void test_annotations_come_first(void **state)
{
	cleanup_free char *out = adopt("\"VNET_NODE=env\"", "\"annotations\": {\"vnet.node\": \"said\", \"k\": \"v\"}, "
							    "\"hooks\": {\"prestart\": [{\"path\": \"/p\"}], "
							    "\"poststop\": [{\"path\": \"/q\"}]}, " NETNS);
	json_t *o = parse(out);

	assert_string_equal(annotation(o, "vnet.node"), "said");
	assert_string_equal(annotation(o, "k"), "v");
	assert_int_equal(json_array_size(stage(o, "prestart")), 1);
	assert_hook(o, "createRuntime", 0, 1);
	assert_hook(o, "poststop", 1, 2);
	json_decref(o);
}

static void test_twice_is_once(void **state)
{
	cleanup_free char *out = adopt("\"VNET_NODE=a\"", NETNS), *again = NULL;
	struct vn_err err = {0};
	json_t *o;

	assert_int_equal(vn_oci_adopt(out, strlen(out), AGENT, "/run/vnet", &again, &err), 0);
	o = parse(again);
	assert_hook(o, "createRuntime", 0, 1);
	assert_hook(o, "poststop", 0, 1);
	json_decref(o);
}

static void test_not_ours(void **state)
{
	assert_null(adopt("\"PATH=/bin\"", NETNS));
	assert_null(adopt("\"VNET_NODE=\", \"VNET_TOPOLOGY=\"", NETNS));
	assert_null(adopt("\"VNET_NODES=a\"", ""));
	assert_null(adopt("", "\"annotations\": {\"other\": \"a\"}"));
}

/* Digit by digit, where an integer or a double of this machine would not hold them. */
static void test_numbers_survive(void **state)
{
	static const char *const numbers[] = {"18446744073709551615",
					      "9223372036854775807",
					      "-9223372036854775808",
					      "184467440737095516150000",
					      "1234567890123456789.25",
					      "0",
					      "-1",
					      "1024"};
	char more[1024] = NETNS ", \"numbers\": [\"-12345678901234567890\"";
	size_t len = strlen(more);
	cleanup_free char *out = NULL;

	for (size_t i = 0; i < VN_ARRAY_SIZE(numbers); i++)
		len += (size_t)snprintf(more + len, sizeof(more) - len, ", %s", numbers[i]);
	snprintf(more + len, sizeof(more) - len, ", true, \"\\\"18446744073709551615\"]");
	out = adopt("\"VNET_NODE=a\"", more);
	assert_non_null(strstr(out, "[\"-12345678901234567890\",18446744073709551615,9223372036854775807,"
				    "-9223372036854775808,184467440737095516150000,1234567890123456789.25,0,-1,1024,"
				    "true,\"\\\"18446744073709551615\"]"));
}

static void test_refused(void **state)
{
	assert_refused("\"VNET_TOPOLOGY=lab\"", NETNS, "VNET_NODE is missing");
	assert_refused("\"VNET_NODE=../a\"", NETNS, "VNET_NODE '../a' is not a name");
	assert_refused("\"VNET_NODE=a\", \"VNET_TOPOLOGY=a b\"", NETNS, "VNET_TOPOLOGY 'a b' is not a name");
	assert_refused("", "\"annotations\": {\"vnet.node\": \"-x\"}, " NETNS, "vnet.node '-x' is not a name");
	assert_refused("\"VNET_NODE=a\"", "\"linux\": {\"namespaces\": [{\"type\": \"pid\"}]}", "--network none");
	assert_refused("\"VNET_NODE=a\"", NETNS ", \"hooks\": 7", "not what the specification says");
	assert_refused("\"VNET_NODE=a\"", NETNS ", \"hooks\": {\"poststop\": {}}", "not what the specification says");
	assert_refused("\"VNET_NODE=a\"", NETNS ", \"x\": \"vnet-number:1,\"", "begins with vnet-number:");
	assert_refused("\"VNET_NODE=a\"", NETNS ", \"x\": \"\\u0076net-number:1\"", "begins with vnet-number:");
	assert_refused("\"VNET_NODE=a\"", NETNS ", \"x\": 1.2.3", "no JSON object: line 1");
	assert_refused("\"VNET_NODE=a", "", "no JSON object");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_node_alone),
		cmocka_unit_test(test_annotations_come_first),
		cmocka_unit_test(test_twice_is_once),
		cmocka_unit_test(test_not_ours),
		cmocka_unit_test(test_numbers_survive),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
