// SPDX-License-Identifier: GPL-2.0-only
#include "runtime/oci_node.h"

#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include <base/userns.h>
#include <base/util.h>

#include "runtime/oci_text.h"

static int malformed(const char *what, struct vn_err *err)
{
	return vn_err_usage(err, "config.json: %s is not what the specification says", what);
}

/* A path; NULL: it is none. Strings of JSON may hold NUL. */
static const char *path_of(const json_t *value)
{
	const char *s = json_string_value(value);

	return s && *s && strlen(s) == json_string_length(value) ? s : NULL;
}

static bool is_type(const json_t *ns, const char *type)
{
	const char *s = json_string_value(json_object_get(ns, "type"));

	return s && strcmp(s, type) == 0;
}

/* The maps are those of the namespace: runc wants to be told them again. */
int vn_oci_join_users(json_t *o, const char *path)
{
	static const char *const maps[] = {"uidMappings", "gidMappings"};
	json_t *list = vn_oci_member(o, "namespaces", json_array), *ns;
	int r = list ? 0 : -EINVAL;

	for (size_t i = json_array_size(list); i-- > 0;) {
		ns = json_array_get(list, i);
		if (is_type(ns, "user"))
			json_array_remove(list, i);
	}
	if (r == 0 && json_array_append_new(list, json_pack("{s:s, s:s}", "type", "user", "path", path)) < 0)
		r = -ENOMEM;
	for (size_t i = 0; i < VN_ARRAY_SIZE(maps) && r == 0; i++)
		if (json_object_set_new(o, maps[i],
					json_pack("[{s:i, s:I, s:I}]", "containerID", 0, "hostID",
						  (json_int_t)VN_USERNS_BASE, "size", (json_int_t)VN_USERNS_IDS)) < 0)
			r = -ENOMEM;
	return r;
}

static int find_netns(const json_t *config, const json_t *linux_part, const char **ret_path, struct vn_err *err)
{
	bool own = false;
	size_t i;
	json_t *ns;

	*ret_path = NULL;
	json_array_foreach (json_object_get(linux_part, "namespaces"), i, ns) {
		if (!is_type(ns, "network"))
			continue;
		own = true;
		if (!json_object_get(ns, "path"))
			continue;
		*ret_path = path_of(json_object_get(ns, "path"));
		if (!*ret_path)
			return malformed("the path of its network namespace", err);
	}
	if (!own)
		return vn_err_usage(err, "it would share the host's network: this runtime is for nodes of topologies");
	if (!*ret_path)
		*ret_path = vn_oci_env(config, VN_OCI_OWNER_ENV);
	return *ret_path ? 0
			 : vn_err_usage(
				   err,
				   "its network is no node's: this runtime is for nodes of topologies, which the agent "
				   "starts; vnet-runc is for containers that you start");
}

static int show_root(json_t *config, const json_t *linux_part, const struct vn_oci_machine *m, struct vn_err *err)
{
	const json_t *limit =
		json_object_get(json_object_get(json_object_get(linux_part, "resources"), "memory"), "limit");
	json_t *root = json_object_get(config, "root");
	const char *path = path_of(json_object_get(root, "path")), *shown;
	int r;

	if (!path)
		return malformed("root", err);
	r = m->root(m->arg, path, !json_is_true(json_object_get(root, "readonly")), json_integer_value(limit), &shown,
		    err);
	if (r == 0 && json_object_set_new(root, "path", json_string(shown)) < 0)
		r = malformed("root", err);
	return r;
}

static bool has_option(const json_t *mount, const char *word)
{
	size_t i;
	json_t *w;

	json_array_foreach (json_object_get(mount, "options"), i, w) {
		const char *s = json_string_value(w);

		if (s && strcmp(s, word) == 0)
			return true;
	}
	return false;
}

/* A mount that is to be read-only, say, is mounted once more with its options, and keeps what is locked only if named.
 */
static int keep_flags(json_t *mount, unsigned long flags)
{
	static const struct {
		unsigned long flag;
		const char *word;
	} words[] = {{ST_RDONLY, "ro"}, {ST_NOSUID, "nosuid"}, {ST_NODEV, "nodev"}, {ST_NOEXEC, "noexec"}};
	json_t *options = vn_oci_member(mount, "options", json_array);
	int r = options ? 0 : -EINVAL;

	for (size_t i = 0; i < VN_ARRAY_SIZE(words) && r == 0; i++)
		if (flags & words[i].flag && !has_option(mount, words[i].word) &&
		    json_array_append_new(options, json_string(words[i].word)) < 0)
			r = -ENOMEM;
	return r;
}

static int show_sources(const json_t *config, const struct vn_oci_machine *m, struct vn_err *err)
{
	size_t i;
	json_t *mount;

	json_array_foreach (json_object_get(config, "mounts"), i, mount) {
		const bool tree = has_option(mount, "rbind");
		const char *path, *shown;
		unsigned long flags = 0;
		int r;

		if (!is_type(mount, "bind") && !tree && !has_option(mount, "bind"))
			continue;
		path = path_of(json_object_get(mount, "source"));
		if (!path)
			return malformed("the source of a mount", err);
		r = m->source(m->arg, path, tree, &shown, &flags, err);
		if (r < 0)
			return r;
		if (json_object_set_new(mount, "source", json_string(shown)) < 0 || keep_flags(mount, flags) < 0)
			return malformed("a mount", err);
	}
	return 0;
}

/* Groups that the user namespace has not cannot be named in it. */
static void cut_ping_groups(json_t *linux_part)
{
	static const char key[] = "net.ipv4.ping_group_range";
	json_t *sysctl = json_object_get(linux_part, "sysctl");
	const char *s = json_string_value(json_object_get(sysctl, key));
	unsigned long long from, to;

	if (s && sscanf(s, "%20llu %20llu", &from, &to) == 2 && from < VN_USERNS_IDS && to >= VN_USERNS_IDS)
		json_object_set_new(sysctl, key, json_sprintf("%llu %u", from, VN_USERNS_IDS - 1));
}

/*
 * The container inherits its limits: to give them to a process of another user namespace, as runc does, takes
 * SYS_RESOURCE, which root does not have everywhere.
 */
static int take_limits(json_t *process, const struct vn_oci_machine *m, struct vn_err *err)
{
	json_t *list = json_object_get(process, "rlimits"), *l;
	size_t i;

	json_array_foreach (list, i, l) {
		const char *type = path_of(json_object_get(l, "type"));
		uint64_t soft, hard;
		int r;

		if (!type || vn_oci_number(json_object_get(l, "soft"), &soft) < 0 ||
		    vn_oci_number(json_object_get(l, "hard"), &hard) < 0)
			return malformed("process.rlimits", err);
		r = m->limit(m->arg, type, soft, hard, err);
		if (r < 0)
			return r;
	}
	json_object_del(process, "rlimits");
	return 0;
}

static int edit(json_t *config, void *arg, bool *ret_changed, struct vn_err *err)
{
	const struct vn_oci_machine *m = arg;
	json_t *linux_part = json_object_get(config, "linux");
	const char *netns, *users;
	int r;

	if (!json_is_object(linux_part))
		return malformed("linux", err);
	r = find_netns(config, linux_part, &netns, err);
	if (r == 0)
		r = m->users(m->arg, netns, &users, err);
	if (r < 0)
		return r;
	if (vn_oci_join_users(linux_part, users) < 0)
		return malformed("linux.namespaces", err);
	r = show_root(config, linux_part, m, err);
	if (r == 0)
		r = show_sources(config, m, err);
	if (r == 0)
		r = take_limits(json_object_get(config, "process"), m, err);
	if (r < 0)
		return r;
	cut_ping_groups(linux_part);
	*ret_changed = true;
	return 0;
}

int vn_oci_node(const char *text, size_t len, const struct vn_oci_machine *machine, char **ret_text, struct vn_err *err)
{
	return vn_oci_edit(text, len, edit, (void *)machine, ret_text, err);
}

static int edit_process(json_t *process, void *arg, bool *ret_changed, struct vn_err *err)
{
	*ret_changed = json_object_get(process, "rlimits") != NULL;
	return take_limits(process, arg, err);
}

int vn_oci_node_process(const char *text, size_t len, const struct vn_oci_machine *machine, char **ret_text,
			struct vn_err *err)
{
	return vn_oci_edit(text, len, edit_process, (void *)machine, ret_text, err);
}
