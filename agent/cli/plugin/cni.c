/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vnet-agent cni, also as vnet-cni: a plugin of the Container Network Interface, specification 1.1.0. The command comes
 * in CNI_COMMAND, the configuration on standard input, the result goes to standard output. Keys of ours in the
 * configuration:
 *
 *   topology     which topology the containers of this network are nodes of
 *   node         which node; else VNET_NODE of CNI_ARGS, else K8S_POD_NAME (podman: the container's name)
 *   runtimeDir   of the daemon
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <base/util.h>

#include "cli/cmd_attach.h"
#include "cli/words.h"
#include "net/netns.h"

#define CONFIG_MAX  (1u << 20)
#define CNI_VERSION "1.1.0"
static const char *const versions[] = {"0.4.0", "1.0.0", CNI_VERSION, NULL};

/* Error codes of the specification; from 100 on a plugin's own. */
enum cni_code {
	CNI_VERSION_UNKNOWN = 1,
	CNI_ENVIRONMENT = 4,
	CNI_IO = 5,
	CNI_DECODE = 6,
	CNI_CONFIG = 7,
	CNI_TRY_AGAIN = 11,
	CNI_UNAVAILABLE = 50,
	CNI_FAILED = 100,
	CNI_NOT_ATTACHED = 101,
};

struct cni {
	struct vn_cli cli;
	json_t *config;
	const char *version, *topo;
	char node[256];   /* "TOPOLOGY/NODE" */
	char holder[256]; /* "cni:CONTAINER" */
	const char *container, *netns, *ifname;
	enum cni_code code; /* of the failure in @err */
	struct vn_err *err;
};

static int fail(struct cni *c, enum cni_code code, const char *fmt, ...) VN_PRINTF(3, 4);
static int fail(struct cni *c, enum cni_code code, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	c->code = code;
	return vn_err_usage(c->err, "%s", text);
}

/* The value of @key in "KEY=value;KEY=value". */
static bool cni_arg(const char *key, char *buf, size_t size)
{
	const char *s = getenv("CNI_ARGS");
	const size_t len = strlen(key);

	for (; s && *s; s += strspn(s, ";")) {
		const size_t n = strcspn(s, ";");

		if (n > len && !strncmp(s, key, len) && s[len] == '=') {
			snprintf(buf, size, "%.*s", (int)(n - len - 1), s + len + 1);
			return *buf;
		}
		s += n;
	}
	return false;
}

static int read_config(struct cni *c)
{
	cleanup_free char *text = NULL;
	json_error_t why;
	size_t len = 0;
	const char *dir;
	int r = vn_cli_read_file("-", CONFIG_MAX, &text, &len, c->err);

	if (r < 0) {
		c->code = CNI_IO;
		return r;
	}
	c->config = json_loadb(text, len, 0, &why);
	if (!json_is_object(c->config))
		return fail(c, CNI_DECODE, "the network configuration is no JSON object: %s", why.text);
	c->version = json_string_value(json_object_get(c->config, "cniVersion"));
	c->version = c->version ?: "0.1.0";
	dir = json_string_value(json_object_get(c->config, "runtimeDir"));
	c->cli.runtime_dir = dir ?: c->cli.runtime_dir;
	return 0;
}

static int check_version(struct cni *c)
{
	for (size_t i = 0; versions[i]; i++)
		if (strcmp(versions[i], c->version) == 0)
			return 0;
	return fail(c, CNI_VERSION_UNKNOWN, "cniVersion %s: this plugin speaks 0.4.0, 1.0.0 and 1.1.0", c->version);
}

static int find_topology(struct cni *c)
{
	c->topo = json_string_value(json_object_get(c->config, "topology"));
	return c->topo ? 0 : fail(c, CNI_CONFIG, "the configuration has no key 'topology'");
}

static int find_node(struct cni *c)
{
	const char *node = json_string_value(json_object_get(c->config, "node"));
	char arg[128];

	if (!node && (cni_arg("VNET_NODE", arg, sizeof(arg)) || cni_arg("K8S_POD_NAME", arg, sizeof(arg))))
		node = arg;
	if (!node)
		return fail(c, CNI_CONFIG,
			    "which node? neither 'node' in the configuration nor VNET_NODE or "
			    "K8S_POD_NAME in CNI_ARGS");
	snprintf(c->node, sizeof(c->node), "%s/%s", c->topo, node);
	return 0;
}

static int find_container(struct cni *c)
{
	c->container = getenv("CNI_CONTAINERID");
	if (!c->container || !*c->container || strlen(c->container) > 200)
		return fail(c, CNI_ENVIRONMENT, "CNI_CONTAINERID is missing or too long");
	snprintf(c->holder, sizeof(c->holder), "cni:%s", c->container);
	return 0;
}

static int find_interface(struct cni *c)
{
	c->netns = getenv("CNI_NETNS");
	c->ifname = getenv("CNI_IFNAME");
	if (!c->netns || !*c->netns || !c->ifname || !*c->ifname)
		return fail(c, CNI_ENVIRONMENT, "CNI_NETNS and CNI_IFNAME are needed");
	return 0;
}

static int call(struct cni *c, const char *method, json_t *params, json_t **ret_reply)
{
	int r = vn_cli_call(&c->cli, true, method, params, ret_reply, c->err);

	if (r < 0)
		c->code = c->err->exit == VN_EXIT_NO_AGENT ? CNI_TRY_AGAIN : CNI_CONFIG;
	return r;
}

/* A new reference to the node. */
static int show_node(struct cni *c, json_t **ret_node)
{
	json_t *reply = NULL;
	int r = call(c, "vnet.node.show", json_pack("{s:s}", "name", c->node), &reply);

	if (r < 0)
		return r;
	*ret_node = json_incref(json_array_get(json_object_get(reply, "nodes"), 0));
	json_decref(reply);
	return 0;
}

/* Detach what containers of CNI have in this topology and @keep does not want. */
static int detach_where(struct cni *c, bool (*keep)(const struct cni *c, const char *holder))
{
	json_t *reply = NULL, *n;
	size_t i;
	int r = call(c, "vnet.node.show", NULL, &reply);

	if (r < 0)
		return r;
	json_array_foreach (json_object_get(reply, "nodes"), i, n) {
		const char *holder = vn_json_str(n, "holder");
		json_t *done = NULL;
		char name[256];

		if (strcmp(vn_json_str(n, "topology"), c->topo) != 0 || strncmp(holder, "cni:", 4) != 0 ||
		    keep(c, holder) || r < 0)
			continue;
		snprintf(name, sizeof(name), "%s/%s", c->topo, vn_json_str(n, "name"));
		r = vn_cli_detach(&c->cli, name, holder, &done, c->err);
		json_decref(done);
		if (r < 0)
			c->code = CNI_FAILED;
	}
	json_decref(reply);
	return r;
}

static bool newer(const struct cni *c)
{
	return strcmp(c->version, CNI_VERSION) == 0;
}

static void add_socket(struct cni *c, const char *node, json_t *iface)
{
	json_t *reply = NULL, *p;
	struct vn_err ignored = {0};
	size_t i;

	if (vn_cli_call(&c->cli, true, "vnet.port.show", NULL, &reply, &ignored) < 0)
		return;
	json_array_foreach (json_object_get(reply, "ports"), i, p)
		if (!strcmp(vn_json_str(p, "topology"), c->topo) && !strcmp(vn_json_str(p, "node"), node) &&
		    !strcmp(vn_json_str(p, "ifname"), vn_json_str(iface, "name")) && *vn_json_str(p, "socket"))
			json_object_set(iface, "socketPath", json_object_get(p, "socket"));
	json_decref(reply);
}

static void add_ips(const struct cni *c, json_t *ips, const json_t *addresses, json_int_t index)
{
	size_t i;
	json_t *a;

	json_array_foreach (addresses, i, a) {
		json_t *ip = json_pack("{s:O}", "address", a);

		if (index >= 0)
			json_object_set_new(ip, "interface", json_integer(index));
		if (strcmp(c->version, "0.4.0") == 0)
			json_object_set_new(ip, "version", json_string(strchr(json_string_value(a), ':') ? "6" : "4"));
		json_array_append_new(ips, ip);
	}
}

/* What the plugins before us made stays in the list. */
static json_t *list_of(const struct cni *c, const char *key)
{
	const json_t *prev = json_object_get(json_object_get(c->config, "prevResult"), key);

	return json_is_array(prev) ? json_deep_copy(prev) : json_array();
}

static json_t *result(struct cni *c, const json_t *node)
{
	json_t *interfaces = list_of(c, "interfaces"), *ips = list_of(c, "ips"), *p;
	size_t i;

	json_array_foreach (json_object_get(node, "ports"), i, p) {
		json_t *iface = json_pack("{s:O, s:O, s:s}", "name", json_object_get(p, "ifname"), "mac",
					  json_object_get(p, "mac"), "sandbox", c->netns);

		if (newer(c))
			add_socket(c, vn_json_str(node, "name"), iface);
		add_ips(c, ips, json_object_get(p, "addresses"), (json_int_t)json_array_size(interfaces));
		json_array_append_new(interfaces, iface);
	}
	add_ips(c, ips, json_object_get(node, "addresses"), -1);
	return json_pack("{s:s, s:o, s:o, s:o, s:{}}", "cniVersion", c->version, "interfaces", interfaces, "ips", ips,
			 "routes", list_of(c, "routes"), "dns");
}

static int has_interface(struct cni *c, const json_t *node)
{
	char names[256] = "";
	size_t i, len = 0;
	json_t *p;

	json_array_foreach (json_object_get(node, "ports"), i, p) {
		if (strcmp(vn_json_str(p, "ifname"), c->ifname) == 0)
			return 0;
		if (len < sizeof(names))
			len += (size_t)snprintf(names + len, sizeof(names) - len, " %s", vn_json_str(p, "ifname"));
	}
	return fail(c, CNI_CONFIG, "node %s has no interface %s (CNI_IFNAME); it has:%s", c->node, c->ifname,
		    *names ? names : " none");
}

static int cmd_add(struct cni *c)
{
	json_t *node = NULL, *reply = NULL, *o;
	int r = show_node(c, &node);

	if (r == 0)
		r = has_interface(c, node);
	json_decref(node);
	if (r < 0)
		return r;
	r = vn_cli_attach(&c->cli, c->node, c->netns, c->holder, 0, &reply, c->err);
	if (r < 0) {
		c->code = r == -EBUSY ? CNI_TRY_AGAIN : CNI_FAILED;
		return r;
	}
	o = result(c, json_object_get(reply, "node"));
	json_decref(reply);
	r = o ? vn_cli_print_json(&c->cli, o, c->err) : -ENOMEM;
	json_decref(o);
	return r;
}

static int cmd_check(struct cni *c)
{
	struct stat a, b;
	char path[256];
	json_t *node = NULL;
	int r = show_node(c, &node);

	if (r == 0)
		r = has_interface(c, node);
	if (r == 0) {
		snprintf(path, sizeof(path), VN_NETNS_DIR "/%s", vn_json_str(node, "netns"));
		if (strcmp(vn_json_str(node, "holder"), c->holder) != 0 || stat(path, &a) < 0 ||
		    stat(c->netns, &b) < 0 || a.st_dev != b.st_dev || a.st_ino != b.st_ino)
			r = fail(c, CNI_NOT_ATTACHED, "node %s is not attached to container %s", c->node, c->container);
	}
	json_decref(node);
	return r;
}

static bool not_this(const struct cni *c, const char *holder)
{
	return strcmp(holder, c->holder) != 0;
}

/* What is gone is deleted: an agent that does not run has nothing attached, or GC will find it. */
static int cmd_del(struct cni *c)
{
	int r = detach_where(c, not_this);

	if (r < 0 && c->err->exit == VN_EXIT_NO_AGENT) {
		fprintf(stderr, "vnet-cni: %s\n", c->err->text);
		*c->err = (struct vn_err){0};
		return 0;
	}
	return r;
}

static bool is_valid(const struct cni *c, const char *holder)
{
	json_t *a;
	size_t i;

	json_array_foreach (json_object_get(c->config, "cni.dev/valid-attachments"), i, a)
		if (strcmp(vn_json_str(a, "containerID"), holder + strlen("cni:")) == 0)
			return true;
	return false;
}

static int cmd_gc(struct cni *c)
{
	return detach_where(c, is_valid);
}

static int cmd_status(struct cni *c)
{
	json_t *reply = NULL;
	int r = call(c, "vnet.topology.show", json_pack("{s:s}", "name", c->topo), &reply);

	json_decref(reply);
	if (r < 0)
		c->code = CNI_UNAVAILABLE;
	return r;
}

static int cmd_version(struct cni *c)
{
	json_t *list = json_array(), *o;
	int r;

	for (size_t i = 0; versions[i]; i++)
		json_array_append_new(list, json_string(versions[i]));
	o = json_pack("{s:s, s:o}", "cniVersion", CNI_VERSION, "supportedVersions", list);
	r = vn_cli_print_json(&c->cli, o, c->err);
	json_decref(o);
	return r;
}

enum { NODE = 1, CONTAINER = 2, INTERFACE = 4 };

static const struct {
	const char *word;
	int (*run)(struct cni *c);
	unsigned int needs;
} commands[] = {
	{"ADD", cmd_add, NODE | CONTAINER | INTERFACE},
	{"DEL", cmd_del, CONTAINER},
	{"CHECK", cmd_check, NODE | CONTAINER | INTERFACE},
	{"GC", cmd_gc, 0},
	{"STATUS", cmd_status, 0},
};

static int run(struct cni *c)
{
	const char *word = getenv("CNI_COMMAND");
	int r;

	if (!word)
		return fail(c, CNI_ENVIRONMENT,
			    "CNI_COMMAND is missing: this is a CNI plugin, called by container engines");
	r = read_config(c);
	if (r < 0)
		return r;
	if (strcmp(word, "VERSION") == 0)
		return cmd_version(c);
	for (size_t i = 0; i < VN_ARRAY_SIZE(commands); i++) {
		if (strcmp(word, commands[i].word) != 0)
			continue;
		r = check_version(c);
		if (r == 0)
			r = find_topology(c);
		if (r == 0 && commands[i].needs & NODE)
			r = find_node(c);
		if (r == 0 && commands[i].needs & CONTAINER)
			r = find_container(c);
		if (r == 0 && commands[i].needs & INTERFACE)
			r = find_interface(c);
		return r < 0 ? r : commands[i].run(c);
	}
	return fail(c, CNI_ENVIRONMENT, "CNI_COMMAND '%s' is not known", word);
}

int vn_cmd_cni(const struct vn_cli *cli, const struct vn_call *args, struct vn_err *err)
{
	struct cni c = {.cli = *cli, .err = err, .code = CNI_FAILED, .version = CNI_VERSION};
	int r = run(&c);

	/* Engines read the error on standard output, people on standard error. */
	if (r < 0) {
		json_t *o = json_pack("{s:s, s:i, s:s, s:s}", "cniVersion", c.version, "code", (int)c.code, "msg",
				      *err->text ? err->text : strerror(-r), "details", c.node);

		vn_cli_print_json(&c.cli, o, NULL);
		json_decref(o);
	}
	json_decref(c.config);
	return r;
}
