// SPDX-License-Identifier: GPL-2.0-only
#include "runtime/oci_adopt.h"

#include <jansson.h>
#include <stdbool.h>

#include <base/util.h>

#include "model/topo.h"

#define HOOK_SECONDS 60

/* --- numbers -------------------------------------------------------------------------------------------------------
 */

/*
 * A limit that is none is 2^64 - 1 in there: more than an integer of jansson's holds. Numbers that might not survive
 * stand as strings, with this in front, while jansson has them.
 */
#define NUMBER     "vnet-number:"
#define DIGITS_MAX 18u

static size_t string_length(const char *s, size_t len)
{
	size_t i = 1;

	while (i < len && s[i] != '"')
		i += s[i] == '\\' ? 2 : 1;
	return VN_MIN(i + 1, len);
}

static int hide_numbers(const char *s, size_t len, char **ret_text, size_t *ret_len, size_t *ret_hidden)
{
	FILE *f = open_memstream(ret_text, ret_len);

	*ret_hidden = 0;

	if (!f)
		return -ENOMEM;
	for (size_t n; len; s += n, len -= n) {
		size_t digits = 0;

		n = 1;
		if (*s == '"')
			n = string_length(s, len);
		while (digits < len && s[digits] && strchr("0123456789+-.eE", s[digits]))
			digits++;
		/* Letters alone ("e" of true) are no number. */
		if ((*s >= '0' && *s <= '9') || *s == '-')
			n = digits;
		else
			digits = 0;
		if (digits > DIGITS_MAX) {
			fprintf(f, "\"" NUMBER "%.*s\"", (int)n, s);
			++*ret_hidden;
		} else {
			fwrite(s, 1, n, f);
		}
	}
	return fclose(f) ? -ENOMEM : 0;
}

/* In place; how many there were. */
static size_t show_numbers(char *text)
{
	const char *from = text;
	size_t shown = 0;
	char *to = text;

	while (*from) {
		size_t n = *from == '"' ? string_length(from, strlen(from)) : 1;
		const size_t mark = strlen(NUMBER) + 1;

		if (n > mark && strncmp(from + 1, NUMBER, mark - 1) == 0) {
			memmove(to, from + mark, n - mark - 1);
			to += n - mark - 1;
			shown++;
		} else {
			memmove(to, from, n);
			to += n;
		}
		from += n;
	}
	*to = '\0';
	return shown;
}

/* --- which node ----------------------------------------------------------------------------------------------------
 */

static const char *from_env(const json_t *config, const char *key)
{
	const size_t len = strlen(key);
	const char *value = NULL;
	size_t i;
	json_t *w;

	json_array_foreach (json_object_get(json_object_get(config, "process"), "env"), i, w) {
		const char *s = json_string_value(w);

		if (s && strncmp(s, key, len) == 0 && s[len] == '=')
			value = s + len + 1;
	}
	return value && *value ? value : NULL;
}

/* The value, NULL when there is none; *@ret_key is the word that the user has written. */
static const char *wanted(const json_t *config, const char *annotation, const char *variable, const char **ret_key)
{
	const char *value = json_string_value(json_object_get(json_object_get(config, "annotations"), annotation));

	*ret_key = annotation;
	if (value && *value)
		return value;
	*ret_key = variable;
	return from_env(config, variable);
}

static int check_name(const char *key, const char *name, struct vn_err *err)
{
	if (!name || vn_name_valid(name))
		return 0;
	return vn_err_usage(err, "%s '%.64s' is not a name: letters, digits, '-' and '_', at most %u", key, name,
			    VN_NAME_MAX);
}

static bool has_netns(const json_t *config)
{
	size_t i;
	json_t *ns;

	json_array_foreach (json_object_get(json_object_get(config, "linux"), "namespaces"), i, ns) {
		const char *type = json_string_value(json_object_get(ns, "type"));

		if (type && strcmp(type, "network") == 0)
			return true;
	}
	return false;
}

/* --- the edit ------------------------------------------------------------------------------------------------------
 */

/* Member @key of @o, which becomes an empty @kind where there is none. NULL: it is something else. */
static json_t *member(json_t *o, const char *key, json_t *(*kind)(void))
{
	json_t *value = json_object_get(o, key), *fresh = kind();

	if (!value || json_is_null(value)) {
		json_object_set(o, key, fresh);
		value = fresh;
	} else if (json_typeof(value) != json_typeof(fresh)) {
		value = NULL;
	}
	json_decref(fresh);
	return value;
}

/* Once, whoever else has put it there. */
static int add_hook(json_t *hooks, const char *stage, json_t *hook)
{
	json_t *list = member(hooks, stage, json_array), *h;
	size_t i;

	if (!list)
		return -EINVAL;
	json_array_foreach (list, i, h)
		if (json_equal(json_object_get(h, "args"), json_object_get(hook, "args")))
			return 0;
	return json_array_append(list, hook) < 0 ? -ENOMEM : 0;
}

static int edit(json_t *config, const char *topo, const char *node, const char *agent, const char *runtime_dir)
{
	json_t *annotations = member(config, "annotations", json_object), *hooks = member(config, "hooks", json_object);
	json_t *hook = json_pack("{s:s, s:[s, s, s, s], s:i}", "path", agent, "args", "vnet-agent", "--runtime-dir",
				 runtime_dir, "oci-hook", "timeout", HOOK_SECONDS);
	int r = hook ? 0 : -ENOMEM;

	if (!annotations || !hooks)
		r = -EINVAL;
	if (r == 0 && topo)
		json_object_set_new(annotations, "vnet.topology", json_string(topo));
	if (r == 0)
		json_object_set_new(annotations, "vnet.node", json_string(node));
	if (r == 0)
		r = add_hook(hooks, "createRuntime", hook);
	if (r == 0)
		r = add_hook(hooks, "poststop", hook);
	json_decref(hook);
	return r;
}

static int adopt(json_t *config, const char *agent, const char *runtime_dir, bool *ret_ours, struct vn_err *err)
{
	const char *topo_key, *node_key;
	const char *topo = wanted(config, "vnet.topology", "VNET_TOPOLOGY", &topo_key);
	const char *node = wanted(config, "vnet.node", "VNET_NODE", &node_key);
	int r;

	if (!topo && !node)
		return 0;
	r = check_name(topo_key, topo, err);
	if (r == 0)
		r = check_name(node_key, node, err);
	if (r < 0)
		return r;
	if (!node)
		return vn_err_usage(err, "%s is %s, and VNET_NODE is missing: which node of it is this container?",
				    topo_key, topo);
	if (!has_netns(config))
		return vn_err_usage(
			err, "node %s: it would share the host's network: start the container with `--network none`",
			node);
	r = edit(config, topo, node, agent, runtime_dir);
	if (r < 0)
		return vn_err_usage(err, "config.json: annotations or hooks are not what the specification says");
	*ret_ours = true;
	return 0;
}

int vn_oci_adopt(const char *text, size_t len, const char *agent, const char *runtime_dir, char **ret_text,
		 struct vn_err *err)
{
	cleanup_free char *hidden = NULL, *out = NULL;
	json_error_t why;
	bool ours = false;
	size_t n = 0, numbers;
	json_t *config;
	int r;

	r = hide_numbers(text, len, &hidden, &n, &numbers);
	if (r < 0)
		return vn_err_kernel(err, -r, "config.json: %s", strerror(-r));
	config = json_loadb(hidden, n, JSON_ALLOW_NUL, &why);
	if (!json_is_object(config)) {
		r = vn_err_usage(err, "config.json is no JSON object: line %d: %.160s", why.line, why.text);
		json_decref(config);
		return r;
	}
	r = adopt(config, agent, runtime_dir, &ours, err);
	if (r == 0 && ours) {
		out = json_dumps(config, JSON_COMPACT);
		if (!out)
			r = vn_err_kernel(err, ENOMEM, "config.json: %s", strerror(ENOMEM));
		else if (show_numbers(out) != numbers)
			r = vn_err_usage(err, "config.json: a string in it begins with " NUMBER);
	}
	json_decref(config);
	if (r == 0)
		*ret_text = take_ptr(out);
	return r;
}
