// SPDX-License-Identifier: GPL-2.0-only
#include "runtime/oci_adopt.h"

#include <jansson.h>
#include <stdbool.h>

#include <base/util.h>

#include "model/topo.h"
#include "runtime/oci_text.h"

#define HOOK_SECONDS 60

/* The value, NULL when there is none; *@ret_key is the word that the user has written. */
static const char *wanted(const json_t *config, const char *annotation, const char *variable, const char **ret_key)
{
	const char *value = json_string_value(json_object_get(json_object_get(config, "annotations"), annotation));

	*ret_key = annotation;
	if (value && *value)
		return value;
	*ret_key = variable;
	return vn_oci_env(config, variable);
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

/* Once, whoever else has put it there. */
static int add_hook(json_t *hooks, const char *stage, json_t *hook)
{
	json_t *list = vn_oci_member(hooks, stage, json_array), *h;
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
	json_t *annotations = vn_oci_member(config, "annotations", json_object),
	       *hooks = vn_oci_member(config, "hooks", json_object);
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

struct adoption {
	const char *agent, *runtime_dir;
};

static int edit_config(json_t *config, void *arg, bool *ret_changed, struct vn_err *err)
{
	const struct adoption *a = arg;

	return adopt(config, a->agent, a->runtime_dir, ret_changed, err);
}

int vn_oci_adopt(const char *text, size_t len, const char *agent, const char *runtime_dir, char **ret_text,
		 struct vn_err *err)
{
	struct adoption a = {.agent = agent, .runtime_dir = runtime_dir};

	return vn_oci_edit(text, len, edit_config, &a, ret_text, err);
}
