// SPDX-License-Identifier: GPL-2.0-only
/* A node's keys about what runs in it: see container.h for what becomes of them. */
#include "file/parse_topo.h"

static int set(struct vn_parser *p, const struct vn_yaml *v, struct vn_node *node, const char *key, json_t *value)
{
	if (!node->container)
		node->container = json_object();
	if (json_object_set_new(node->container, key, value) < 0)
		return vn_err_nomem(p->err);
	return 0;
}

static int parse_text_key(struct vn_parser *p, const struct vn_yaml *v, struct vn_node *node, const char *key,
			  const char *expected)
{
	const char *text = vn_parse_text(p, v, expected);

	return text ? set(p, v, node, key, json_string(text)) : -EINVAL;
}

static int parse_image(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	return parse_text_key(p, v, obj, "image", "the name of an image");
}

static int parse_rootfs(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	return parse_text_key(p, v, obj, "rootfs", "a directory");
}

static int parse_cpuset(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	return parse_text_key(p, v, obj, "cpuset", "a list of CPUs such as \"0,2-3\"");
}

/* A list of words, or one string that is cut at blanks. */
static int parse_words(struct vn_parser *p, const struct vn_yaml *v, struct vn_node *node, const char *key)
{
	json_t *list = json_array();

	if (v->kind == VN_YAML_MAP) {
		json_decref(list);
		return vn_parse_fail(p, v, "%s: a map where a list of words is expected", key);
	}
	for (size_t i = 0; v->kind == VN_YAML_LIST && i < v->n; i++) {
		const char *text = vn_parse_text(p, &v->items[i], "a word");

		if (!text) {
			json_decref(list);
			return -EINVAL;
		}
		json_array_append_new(list, json_string(text));
	}
	for (const char *s = v->kind == VN_YAML_SCALAR ? v->text : ""; *(s += strspn(s, " \t\n"));) {
		size_t len = strcspn(s, " \t\n");

		json_array_append_new(list, json_stringn(s, len));
		s += len;
	}
	return set(p, v, node, key, list);
}

static int parse_command(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	return parse_words(p, v, obj, "command");
}

static int parse_capabilities(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	return parse_words(p, v, obj, "capabilities");
}

static int parse_mounts(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	return parse_words(p, v, obj, "mounts");
}

static int parse_env(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	json_t *list = json_array();

	if (v->kind != VN_YAML_MAP) {
		json_decref(list);
		return vn_parse_fail(p, v, "env: write a map, such as {NAME: value}");
	}
	for (size_t i = 0; i < v->n; i += 2) {
		const char *text = vn_parse_text(p, &v->items[i + 1], "a value");

		if (!text) {
			json_decref(list);
			return -EINVAL;
		}
		json_array_append_new(list, json_sprintf("%s=%s", v->items[i].text, text));
	}
	return set(p, v, obj, "env", list);
}

static int parse_count(struct vn_parser *p, const struct vn_yaml *v, struct vn_node *node, const char *key,
		       uint64_t max)
{
	char shown[VN_SHOW_BUF];
	const char *text = vn_parse_text(p, v, "a number");
	uint64_t n;

	if (!text)
		return -EINVAL;
	if (vn_parse_u64(text, max, &n) < 0)
		return vn_parse_fail(p, v, "%s: '%s' is not a number up to %llu", key, vn_show(shown, text),
				     (unsigned long long)max);
	return set(p, v, node, key, json_integer((json_int_t)n));
}

static int parse_cpus(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	return parse_count(p, v, obj, "cpus", VN_CONTAINER_CPUS_MAX);
}

static int parse_numa(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	return parse_count(p, v, obj, "numa", 1023);
}

static int parse_bytes(struct vn_parser *p, const struct vn_yaml *v, struct vn_node *node, const char *key)
{
	const char *text = vn_parse_text(p, v, "a size");
	struct vn_err why = {0};
	char with_b[32];
	uint64_t n;

	if (!text)
		return -EINVAL;
	/* As container runtimes write it: 256M, 1G, in powers of two. */
	if (strspn(text, "0123456789") == strlen(text) - 1 && strlen(text) < sizeof(with_b) - 3 &&
	    strchr("kKmMgG", text[strlen(text) - 1])) {
		snprintf(with_b, sizeof(with_b), "%sib", text);
		text = with_b;
	}
	if (vn_parse_size(text, &n, &why) < 0)
		return vn_parse_fail(p, v, "%.*s: %s", (int)strcspn(key, "_"), key, why.text);
	return set(p, v, node, key, json_integer((json_int_t)n));
}

static int parse_memory(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	return parse_bytes(p, v, obj, "memory_bytes");
}

static int parse_hugepages(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	return parse_bytes(p, v, obj, "hugepages_bytes");
}

static int parse_writable(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	static const char *const words[] = {"false", "true", NULL};
	unsigned int i;
	int r = vn_parse_choice(p, v, "writable", words, &i);

	return r < 0 ? r : set(p, v, obj, "writable", json_boolean(i));
}

static int parse_privileged(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	static const char *const words[] = {"false", "true", NULL};
	struct vn_node *node = obj;
	unsigned int i;
	int r = vn_parse_choice(p, v, "privileged", words, &i);

	if (r == 0)
		node->privileged = i;
	return r;
}

/* UID or UID:GID */
static int parse_user(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	char shown[VN_SHOW_BUF], uid[16];
	const char *text = vn_parse_text(p, v, "a user number"), *colon;
	uint64_t u, g;
	int r;

	if (!text)
		return -EINVAL;
	colon = strchr(text, ':');
	snprintf(uid, sizeof(uid), "%.*s", (int)strcspn(text, ":"), text);
	if (vn_parse_u64(uid, UINT32_MAX - 1, &u) < 0 || vn_parse_u64(colon ? colon + 1 : uid, UINT32_MAX - 1, &g) < 0)
		return vn_parse_fail(p, v, "user: '%s' is not UID or UID:GID in numbers", vn_show(shown, text));
	r = set(p, v, obj, "uid", json_integer((json_int_t)u));
	return r < 0 ? r : set(p, v, obj, "gid", json_integer((json_int_t)g));
}

static int parse_runtime(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	struct vn_node *node = obj;
	unsigned int i;
	int r = vn_parse_choice(p, v, "runtime", vn_runtime_words, &i);

	if (r == 0)
		node->runtime = (uint8_t)i;
	return r;
}

const struct vn_key vn_container_keys[] = {
	{"runtime", parse_runtime},
	{"image", parse_image},
	{"rootfs", parse_rootfs},
	{"command", parse_command},
	{"env", parse_env},
	{"cpus", parse_cpus},
	{"cpuset", parse_cpuset},
	{"memory", parse_memory},
	{"hugepages", parse_hugepages},
	{"numa", parse_numa},
	{"user", parse_user},
	{"capabilities", parse_capabilities},
	{"writable", parse_writable},
	{"mounts", parse_mounts},
	{"privileged", parse_privileged},
	{NULL, NULL},
};

int vn_parse_container_check(struct vn_parser *p, const struct vn_yaml *v, const struct vn_node *node)
{
	struct vn_err why = {0};

	if (node->privileged && vn_node_has(node, VN_NODE_ATTACHED))
		return vn_parse_fail(
			p, v,
			"node '%s': `privileged: true` belongs to a node whose namespace the agent makes: one "
			"with `runtime: external` has the owner that it was given",
			node->name);
	if (node->privileged && p->topo->strict)
		return vn_parse_fail(p, v, "node '%s': `privileged: true` is what `strict: true` forbids", node->name);
	if (!vn_node_has(node, VN_NODE_CONTAINER)) {
		if (!node->container)
			return 0;
		return vn_parse_fail(p, v,
				     "node '%s': '%s' belongs to a container: write `runtime: podman`, runc or docker",
				     node->name, json_object_iter_key(json_object_iter(node->container)));
	}
	if (vn_container_check(node->container, node->runtime, &why) < 0)
		return vn_parse_fail(p, v, "node '%s': %s", node->name, why.text);
	return 0;
}
