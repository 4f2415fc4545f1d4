// SPDX-License-Identifier: GPL-2.0-only
#include "runtime/seccomp.h"

#include <linux/bpf.h>
#include <stdbool.h>
#include <string.h>

#if defined(__x86_64__)
#define ARCH "amd64"
static const char *const arches[] = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32", NULL};
#elif defined(__aarch64__)
#define ARCH "arm64"
static const char *const arches[] = {"SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM", NULL};
#else
#error "the seccomp profile does not know this architecture"
#endif

static bool has_word(const json_t *list, const char *word)
{
	size_t i;
	json_t *w;

	json_array_foreach (list, i, w)
		if (json_is_string(w) && !strcmp(json_string_value(w), word))
			return true;
	return false;
}

/* Any of the CAP_* in @list. */
static bool has_cap(const json_t *list, const json_t *caps)
{
	size_t i;
	json_t *w;

	json_array_foreach (list, i, w)
		if (json_is_string(w) && !strncmp(json_string_value(w), "CAP_", 4) &&
		    has_word(caps, json_string_value(w) + 4))
			return true;
	return false;
}

/* The runtimes' condition: all that is included is there, nothing that is excluded. */
static bool applies(const json_t *rule, const json_t *caps)
{
	const json_t *in = json_object_get(rule, "includes"), *out = json_object_get(rule, "excludes");
	const json_t *v;

	v = json_object_get(in, "caps");
	if (json_array_size(v) && !has_cap(v, caps))
		return false;
	v = json_object_get(in, "arches");
	if (json_array_size(v) && !has_word(v, ARCH))
		return false;
	v = json_object_get(out, "caps");
	if (json_array_size(v) && has_cap(v, caps))
		return false;
	return !has_word(json_object_get(out, "arches"), ARCH);
}

/* The rule as OCI has it, without bpf. */
static json_t *converted(const json_t *rule)
{
	static const char *const keys[] = {"action", "errnoRet"};
	json_t *o = json_object(), *names = json_array(), *w;
	const json_t *args = json_object_get(rule, "args");
	size_t i;

	json_array_foreach (json_object_get(rule, "names"), i, w)
		if (!json_is_string(w) || strcmp(json_string_value(w), "bpf"))
			json_array_append(names, w);
	if (!json_array_size(names)) {
		json_decref(o);
		json_decref(names);
		return NULL;
	}
	json_object_set_new(o, "names", names);
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (json_object_get(rule, keys[i]))
			json_object_set(o, keys[i], json_object_get(rule, keys[i]));
	if (json_array_size(args))
		json_object_set(o, "args", (json_t *)args);
	return o;
}

json_t *vn_seccomp_profile(const json_t *caps, struct vn_err *err)
{
	json_error_t why;
	json_t *base = json_load_file(VN_SECCOMP_BASE, JSON_REJECT_DUPLICATES, &why), *rules, *arch, *rule;
	size_t i;

	if (!base || !json_is_array(json_object_get(base, "syscalls"))) {
		vn_err_kernel(err, ENOENT, "%s: %s: install golang-github-containers-common", VN_SECCOMP_BASE,
			      base ? "no seccomp profile" : why.text);
		json_decref(base);
		return NULL;
	}
	rules = json_array();
	json_array_foreach (json_object_get(base, "syscalls"), i, rule)
		if (applies(rule, caps)) {
			json_t *o = converted(rule);

			if (o)
				json_array_append_new(rules, o);
		}
	json_array_append_new(rules,
			      json_pack("{s:[s], s:s, s:[{s:i, s:i, s:s}]}", "names", "bpf", "action", "SCMP_ACT_ALLOW",
					"args", "index", 0, "value", BPF_MAP_UPDATE_ELEM, "op", "SCMP_CMP_EQ"));
	arch = json_array();
	for (i = 0; arches[i]; i++)
		json_array_append_new(arch, json_string(arches[i]));
	json_decref(base);
	return json_pack("{s:s, s:i, s:o, s:o}", "defaultAction", "SCMP_ACT_ERRNO", "defaultErrnoRet", 38,
			 "architectures", arch, "syscalls", rules);
}
