// SPDX-License-Identifier: GPL-2.0-only
#include "model/container.h"

#include "model/model_internal.h"

const char *const vn_container_caps[] = {"NET_RAW", "NET_ADMIN", "NET_BIND_SERVICE", "IPC_LOCK", "SYS_NICE", NULL};

int vn_cpuset_parse(const char *text, bool ret_cpus[VN_CONTAINER_CPUS_MAX])
{
	bool cpus[VN_CONTAINER_CPUS_MAX] = {false};
	const char *s = text;

	for (;;) {
		unsigned long first, last;
		char *end;

		if (*s < '0' || *s > '9')
			return -EINVAL;
		first = last = strtoul(s, &end, 10);
		if (*end == '-' && end[1] >= '0' && end[1] <= '9')
			last = strtoul(end + 1, &end, 10);
		if (first > last || last >= VN_CONTAINER_CPUS_MAX)
			return -EINVAL;
		for (unsigned long i = first; i <= last; i++)
			cpus[i] = true;
		if (!*end)
			break;
		if (*end != ',')
			return -EINVAL;
		s = end + 1;
	}
	memcpy(ret_cpus, cpus, sizeof(cpus));
	return 0;
}

/* The checks of values, one for each key. They return NULL when the value is valid. */

static const char *check_path(const json_t *v)
{
	const char *s = json_string_value(v);

	if (!s || s[0] != '/' || strlen(s) >= 4096)
		return "must be an absolute path";
	return strstr(s, "/../") || (strlen(s) >= 3 && !strcmp(s + strlen(s) - 3, "/..")) ? "must not contain '..'"
											  : NULL;
}

/* Names as registries know them. A leading '-' would be an option of the runtime's command line. */
static const char *check_image(const json_t *v)
{
	const char *s = json_string_value(v);

	if (!s || !*s || strlen(s) > 255 ||
	    !((*s >= '0' && *s <= '9') || (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z')))
		return "must be the name of an image";
	return strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/:@-") == strlen(s)
		       ? NULL
		       : "must be the name of an image";
}

static const char *check_words(const json_t *v)
{
	size_t i;
	json_t *w;

	if (!json_is_array(v) || json_array_size(v) > VN_CONTAINER_WORDS)
		return "must be a list of at most 256 words";
	json_array_foreach (v, i, w)
		if (!json_is_string(w) || json_string_length(w) > 4096 ||
		    strlen(json_string_value(w)) != json_string_length(w))
			return "must be a list of words of at most 4096 bytes";
	return NULL;
}

static const char *check_command(const json_t *v)
{
	const char *why = check_words(v);

	return why ?: json_array_size(v) && *json_string_value(json_array_get(v, 0)) ? NULL : "names no program";
}

static const char *check_env(const json_t *v)
{
	const char *why = check_words(v);
	size_t i;
	json_t *w;

	json_array_foreach (v, i, w)
		if (!why && strcspn(json_string_value(w), "=") == 0)
			why = "must be NAME=value";
	return why;
}

static const char *check_mounts(const json_t *v)
{
	const char *why = check_words(v);
	size_t i;
	json_t *w;

	json_array_foreach (v, i, w) {
		const char *s = json_string_value(w), *colon = why ? NULL : strchr(s, ':');

		if (!why && (*s != '/' || !colon || colon[1] != '/' || strchr(s, ',') ||
			     (strchr(colon + 1, ':') && strcmp(strchr(colon + 1, ':'), ":rw"))))
			why = "must be /host/path:/path or /host/path:/path:rw";
	}
	return why;
}

static const char *check_cpuset(const json_t *v)
{
	bool cpus[VN_CONTAINER_CPUS_MAX];

	return json_is_string(v) && vn_cpuset_parse(json_string_value(v), cpus) == 0
		       ? NULL
		       : "must be a list of CPUs such as \"0,2-3\"";
}

static const char *check_range(const json_t *v, json_int_t min, json_int_t max, const char *why)
{
	return json_is_integer(v) && json_integer_value(v) >= min && json_integer_value(v) <= max ? NULL : why;
}

static const char *check_cpus(const json_t *v)
{
	return check_range(v, 1, VN_CONTAINER_CPUS_MAX, "must be a number of CPUs, 1 or more");
}

static const char *check_memory(const json_t *v)
{
	return check_range(v, 4 << 20, (json_int_t)1 << 50, "must be 4 MiB or more");
}

static const char *check_hugepages(const json_t *v)
{
	const char *why = "must be a multiple of 2 MiB";

	return check_range(v, 0, (json_int_t)1 << 50, why) ?: json_integer_value(v) % (2 << 20) ? why : NULL;
}

static const char *check_numa(const json_t *v)
{
	return check_range(v, 0, 1023, "must be the number of a NUMA node");
}

static const char *check_id(const json_t *v)
{
	return check_range(v, 0, UINT32_MAX - 1, "must be a number");
}

static const char *check_bool(const json_t *v)
{
	return json_is_boolean(v) ? NULL : "must be true or false";
}

bool vn_container_has_cap(const json_t *o, const char *cap)
{
	const json_t *word;
	size_t i;

	json_array_foreach (json_object_get(o, "capabilities"), i, word)
		if (strcmp(json_string_value(word), cap) == 0)
			return true;
	return false;
}

static const char *check_caps(const json_t *v)
{
	size_t i;
	json_t *w;

	if (check_words(v))
		return check_words(v);
	json_array_foreach (v, i, w) {
		size_t k = 0;

		while (vn_container_caps[k] && strcmp(vn_container_caps[k], json_string_value(w)))
			k++;
		if (!vn_container_caps[k])
			return "may have NET_RAW, NET_ADMIN, NET_BIND_SERVICE, IPC_LOCK and SYS_NICE";
	}
	return NULL;
}

static const struct {
	const char *key;
	const char *(*check)(const json_t *v);
} keys[] = {
	{"image", check_image},
	{"rootfs", check_path},
	{"command", check_command},
	{"env", check_env},
	{"cpus", check_cpus},
	{"cpuset", check_cpuset},
	{"memory_bytes", check_memory},
	{"hugepages_bytes", check_hugepages},
	{"numa", check_numa},
	{"uid", check_id},
	{"gid", check_id},
	{"capabilities", check_caps},
	{"writable", check_bool},
	{"mounts", check_mounts},
};

/* The user's word has no unit in its name. */
static int key_length(const char *key)
{
	static const char unit[] = "_bytes";
	const size_t len = strlen(key), n = strlen(unit);

	return (int)(len > n && strcmp(key + len - n, unit) == 0 ? len - n : VN_SHOW_BUF);
}

static int check_source(const json_t *o, enum vn_runtime runtime, struct vn_err *err)
{
	const bool image = json_object_get(o, "image"), rootfs = json_object_get(o, "rootfs");

	if (image && rootfs)
		return vn_err_usage(err, "image and rootfs: one of them, not both");
	if (!image && !rootfs)
		return vn_err_usage(err, "runtime %s needs an image or a rootfs", vn_runtime_words[runtime]);
	if (rootfs && !vn_runtime_has(runtime, VN_NODE_ROOTFS))
		return vn_err_usage(err, "rootfs: %s starts from images only: `%s import` makes one",
				    vn_runtime_words[runtime], vn_runtime_words[runtime]);
	if (image && !vn_runtime_has(runtime, VN_NODE_IMAGE))
		return vn_err_usage(err, "image: %s knows no images: give a rootfs, or use podman or docker",
				    vn_runtime_words[runtime]);
	if (rootfs && !json_object_get(o, "command"))
		return vn_err_usage(err, "command: a rootfs says not what to run in it");
	return 0;
}

int vn_container_check(const json_t *o, enum vn_runtime runtime, struct vn_err *err)
{
	char shown[VN_SHOW_BUF];
	const char *key;
	json_t *v;

	/* A node with a runtime and no other key. */
	if (!o)
		return vn_err_usage(err, "runtime %s needs an image or a rootfs", vn_runtime_words[runtime]);
	if (!json_is_object(o))
		return vn_err_usage(err, "a container is described by an object");
	json_object_foreach ((json_t *)o, key, v) {
		const char *why = "is not known";

		for (size_t i = 0; i < VN_ARRAY_SIZE(keys); i++)
			if (!strcmp(keys[i].key, key))
				why = keys[i].check(v);
		if (why)
			return vn_err_usage(err, "%.*s: %s", key_length(key), vn_show(shown, key), why);
	}
	if (json_object_get(o, "cpus") && json_object_get(o, "cpuset"))
		return vn_err_usage(err, "cpus and cpuset: one of them, not both");
	return check_source(o, runtime, err);
}
