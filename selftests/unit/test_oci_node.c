/* SPDX-License-Identifier: GPL-2.0-only */
/* A container engine's config.json for a node's user namespace: what is asked for, what changes, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <sys/statvfs.h>

#include <base/util.h>

#include "runtime/oci_node.h"

struct seen {
	char text[512];
	int fail;
};

static VN_PRINTF(2, 3) void note(struct seen *s, const char *fmt, ...)
{
	const size_t n = strlen(s->text);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(s->text + n, sizeof(s->text) - n, fmt, ap);
	va_end(ap);
}

static int users(void *arg, const char *netns, const char **ret_path, struct vn_err *err)
{
	struct seen *s = arg;

	note(s, "users %s\n", netns);
	*ret_path = "/proc/9/fd/3";
	return s->fail ? vn_err_kernel(err, EPERM, "no users") : 0;
}

static int root(void *arg, const char *path, bool writable, long long memory, const char **ret_path, struct vn_err *err)
{
	note(arg, "root %s %s %lld\n", path, writable ? "rw" : "ro", memory);
	*ret_path = "/shown/root";
	return 0;
}

static int source(void *arg, const char *path, bool tree, const char **ret_path, unsigned long *ret_flags,
		  struct vn_err *err)
{
	*ret_flags = strcmp(path, "/a") == 0 ? ST_NOSUID | ST_RDONLY : 0;
	note(arg, "%s %s\n", tree ? "tree" : "source", path);
	*ret_path = "/shown/source";
	return 0;
}

static int limit(void *arg, const char *type, uint64_t soft, uint64_t hard, struct vn_err *err)
{
	note(arg, "%s %llu %llu\n", type, (unsigned long long)soft, (unsigned long long)hard);
	return 0;
}

static int edit(struct seen *s, const char *text, char **ret, struct vn_err *err)
{
	const struct vn_oci_machine m = {.arg = s, .users = users, .root = root, .source = source, .limit = limit};

	*ret = NULL;
	return vn_oci_node(text, strlen(text), &m, ret, err);
}

#define NETNS "\"namespaces\":[{\"type\":\"network\",\"path\":\"/run/netns/lab.a\"}]"
#define ROOT  "\"root\":{\"path\":\"/img\"}"

static void assert_edited(const char *text, const char *want_seen, const char *want)
{
	cleanup_free char *out = NULL;
	struct seen s = {.fail = 0};
	struct vn_err err = {0};

	if (edit(&s, text, &out, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(s.text, want_seen);
	if (!strstr(out, want))
		fail_msg("wanted '%s' in %s", want, out);
}

static void assert_refused(const char *text, const char *want)
{
	struct seen s = {.fail = 0};
	struct vn_err err = {0};
	char *out;

	assert_true(edit(&s, text, &out, &err) < 0);
	assert_null(out);
	if (!strstr(err.text, want))
		fail_msg("wanted '%s', got '%s'", want, err.text);
	assert_null(strchr(err.text, '\n'));
}

/* The user namespace once, whatever the engine has chosen, with all of its users. */
static void test_users(void **state)
{
	assert_edited("{" ROOT ",\"linux\":{" NETNS "}}", "users /run/netns/lab.a\nroot /img rw 0\n",
		      "{\"type\":\"user\",\"path\":\"/proc/9/fd/3\"}],\"uidMappings\":[{\"containerID\":0,\"hostID\":"
		      "1879113728,\"size\":65536}],\"gidMappings\":[{\"containerID\":0,\"hostID\":1879113728,\"size\":"
		      "65536}]");
	assert_edited(
		"{" ROOT ",\"linux\":{\"uidMappings\":[{\"containerID\":0,\"hostID\":0,\"size\":1}],\"namespaces\":["
		"{\"type\":\"user\",\"path\":\"/proc/1/ns/user\"},{\"type\":\"network\",\"path\":\"/n\"},{\"type\":"
		"\"user\"}]}}",
		"users /n\nroot /img rw 0\n",
		"{\"uidMappings\":[{\"containerID\":0,\"hostID\":1879113728,\"size\":65536}],\"namespaces\":[{\"type\":"
		"\"network\",\"path\":\"/n\"},{\"type\":\"user\",\"path\":\"/proc/9/fd/3\"}]");
}

/* docker's sandbox names nothing but the owner; a path comes first. */
static void test_sandbox(void **state)
{
	assert_edited("{" ROOT
		      ",\"process\":{\"env\":[\"VNET_OWNER_OF=/proc/5/fd/7\"]},\"linux\":{\"namespaces\":[{\"type\":"
		      "\"network\"}]}}",
		      "users /proc/5/fd/7\nroot /img rw 0\n", "/proc/9/fd/3");
	assert_edited("{" ROOT ",\"process\":{\"env\":[\"VNET_OWNER_OF=/other\"]},\"linux\":{" NETNS "}}",
		      "users /run/netns/lab.a\nroot /img rw 0\n", "/proc/9/fd/3");
}

static void test_files(void **state)
{
	assert_edited(
		"{\"root\":{\"path\":\"img\",\"readonly\":true},\"mounts\":[{\"type\":\"proc\",\"source\":\"proc\"},"
		"{\"type\":\"bind\",\"source\":\"/a\",\"options\":[\"rbind\",\"ro\"]},{\"source\":\"b\",\"options\":["
		"\"bind\"]},{\"type\":\"bind\",\"source\":\"/"
		"c\"}],\"linux\":{\"resources\":{\"memory\":{\"limit\":4096}}," NETNS "}}",
		"users /run/netns/lab.a\nroot img ro 4096\ntree /a\nsource b\nsource /c\n",
		"{\"path\":\"/shown/root\",\"readonly\":true},\"mounts\":[{\"type\":\"proc\",\"source\":\"proc\"},"
		"{\"type\":\"bind\",\"source\":\"/shown/source\",\"options\":[\"rbind\",\"ro\",\"nosuid\"]}");
}

/* Limits are inherited, groups end where the namespace's do, and what is none of ours keeps its value. */
static void test_rest(void **state)
{
	assert_edited("{" ROOT
		      ",\"x\":18446744073709551615,\"process\":{\"rlimits\":[{\"type\":\"RLIMIT_CORE\",\"soft\":0,"
		      "\"hard\":18446744073709551615}],\"cwd\":\"/\"},\"linux\":{" NETNS "}}",
		      "users /run/netns/lab.a\nroot /img rw 0\nRLIMIT_CORE 0 18446744073709551615\n",
		      "\"x\":18446744073709551615,\"process\":{\"cwd\":\"/\"}");
	assert_edited("{" ROOT ",\"linux\":{\"sysctl\":{\"net.ipv4.ping_group_range\":\"0 2147483647\"}," NETNS "}}",
		      "users /run/netns/lab.a\nroot /img rw 0\n", "\"net.ipv4.ping_group_range\":\"0 65535\"");
	assert_edited("{" ROOT ",\"linux\":{\"sysctl\":{\"net.ipv4.ping_group_range\":\"1 0\"}," NETNS "}}",
		      "users /run/netns/lab.a\nroot /img rw 0\n", "\"net.ipv4.ping_group_range\":\"1 0\"");
}

static void test_process(void **state)
{
	static const char text[] =
		"{\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"soft\":1,\"hard\":2}],\"args\":[\"sh\"]}";
	struct seen s = {.fail = 0};
	const struct vn_oci_machine m = {.arg = &s, .limit = limit};
	cleanup_free char *out = NULL, *none = NULL;
	struct vn_err err = {0};

	assert_int_equal(vn_oci_node_process(text, strlen(text), &m, &out, &err), 0);
	assert_string_equal(out, "{\"args\":[\"sh\"]}");
	assert_string_equal(s.text, "RLIMIT_NOFILE 1 2\n");
	assert_int_equal(vn_oci_node_process(out, strlen(out), &m, &none, &err), 0);
	assert_null(none);
}

static void test_refused(void **state)
{
	struct seen s = {.fail = 1};
	struct vn_err err = {0};
	char *out;

	assert_int_equal(edit(&s, "{" ROOT ",\"linux\":{" NETNS "}}", &out, &err), -EPERM);
	assert_string_equal(err.text, "no users");
	assert_null(out);
	assert_refused("{" ROOT "}", "linux is not what");
	assert_refused("{" ROOT ",\"linux\":{}}", "share the host's network");
	assert_refused("{" ROOT ",\"linux\":{\"namespaces\":[{\"type\":\"network\"}]}}", "no node's");
	assert_refused("{" ROOT ",\"linux\":{\"namespaces\":[{\"type\":\"network\",\"path\":7}]}}",
		       "path of its network");
	assert_refused("{\"root\":{\"path\":\"/a\\u0000b\"},\"linux\":{" NETNS "}}", "root is not what");
	assert_refused("{\"linux\":{" NETNS "}}", "root is not what");
	assert_refused("{" ROOT ",\"mounts\":[{\"type\":\"bind\"}],\"linux\":{" NETNS "}}", "source of a mount");
	assert_refused("{" ROOT ",\"mounts\":[{\"type\":\"bind\",\"source\":\"/a\\u0000\"}],\"linux\":{" NETNS "}}",
		       "source of a mount");
	assert_refused(
		"{" ROOT
		",\"process\":{\"rlimits\":[{\"type\":\"RLIMIT_CORE\",\"soft\":-1,\"hard\":0}]},\"linux\":{" NETNS "}}",
		"process.rlimits");
	assert_refused("{" ROOT ",\"process\":{\"rlimits\":[{}]},\"linux\":{" NETNS "}}", "process.rlimits");
	assert_refused("{" ROOT ",\"x\":\"vnet-number:1\",\"linux\":{" NETNS "}}", "begins with vnet-number:");
	assert_refused("[]", "no JSON object");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_users), cmocka_unit_test(test_sandbox), cmocka_unit_test(test_files),
		cmocka_unit_test(test_rest),  cmocka_unit_test(test_process), cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
