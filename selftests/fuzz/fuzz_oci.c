// SPDX-License-Identifier: GPL-2.0-only
/*
 * A container engine's config.json, for a container with our hooks and for one that joins its node's user namespace:
 * refused in one line, none of our business, or JSON with what we add, and then stable.
 */
#include <jansson.h>
#include <sys/statvfs.h>

#include "check.h"
#include "runtime/oci_adopt.h"
#include "runtime/oci_node.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void adopt(const char *text, size_t size)
{
	cleanup_free char *out = NULL, *again = NULL;
	struct vn_err err = {0};

	if (vn_oci_adopt(text, size, "/agent", "/run", &out, &err) < 0) {
		CHECK(!out);
		check_refusal(&err);
		return;
	}
	if (!out)
		return;
	CHECK(strstr(out, "oci-hook"));
	CHECK(vn_oci_adopt(out, strlen(out), "/agent", "/run", &again, &err) == 0);
	CHECK(again && strcmp(out, again) == 0);
}

static int users(void *arg, const char *netns, const char **ret_path, struct vn_err *err)
{
	CHECK(*netns);
	*ret_path = "/proc/1/fd/3";
	return 0;
}

static int root(void *arg, const char *path, bool writable, long long memory, const char **ret_path, struct vn_err *err)
{
	CHECK(*path);
	*ret_path = "/shown/root";
	return 0;
}

static int source(void *arg, const char *path, bool tree, const char **ret_path, unsigned long *ret_flags,
		  struct vn_err *err)
{
	CHECK(*path);
	*ret_flags = ST_NODEV;
	++*(size_t *)arg;
	*ret_path = "/shown/source";
	return 0;
}

static int limit(void *arg, const char *type, uint64_t soft, uint64_t hard, struct vn_err *err)
{
	return *type == 'R' ? 0 : vn_err_usage(err, "limit '%.32s' is not known", type);
}

/* It is in the user namespace, and nothing but what was shown to that is mounted in it. */
static void check_joined(const char *text, size_t sources)
{
	json_error_t why;
	json_t *o = json_loads(text, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &why), *list, *w;
	size_t users_there = 0, i;

	/* A number that no JSON library holds is the engine's own. */
	if (!o)
		return;
	list = json_object_get(json_object_get(o, "linux"), "namespaces");
	json_array_foreach (list, i, w) {
		const char *type = json_string_value(json_object_get(w, "type"));

		users_there += type && strcmp(type, "user") == 0;
	}
	CHECK(users_there == 1);
	CHECK(strcmp(json_string_value(json_object_get(json_object_get(o, "root"), "path")), "/shown/root") == 0);
	CHECK(!json_object_get(json_object_get(o, "process"), "rlimits"));
	json_array_foreach (json_object_get(o, "mounts"), i, w) {
		const char *type = json_string_value(json_object_get(w, "type"));
		const char *from = json_string_value(json_object_get(w, "source"));

		if (type && strcmp(type, "bind") == 0)
			CHECK(from && strcmp(from, "/shown/source") == 0 && sources > 0);
	}
	json_decref(o);
}

static void join(const char *text, size_t size)
{
	size_t sources = 0, more = 0;
	struct vn_oci_machine m = {.arg = &sources, .users = users, .root = root, .source = source, .limit = limit};
	cleanup_free char *out = NULL, *again = NULL, *process = NULL;
	struct vn_err err = {0};

	if (vn_oci_node_process(text, size, &m, &process, &err) < 0)
		check_refusal(&err);
	err = (struct vn_err){0};
	sources = 0;
	if (vn_oci_node(text, size, &m, &out, &err) < 0) {
		CHECK(!out);
		check_refusal(&err);
		return;
	}
	CHECK(out);
	check_joined(out, sources);
	m.arg = &more;
	CHECK(vn_oci_node(out, strlen(out), &m, &again, &err) == 0);
	CHECK(again && strcmp(out, again) == 0 && more == sources);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	adopt((const char *)data, size);
	join((const char *)data, size);
	return 0;
}
