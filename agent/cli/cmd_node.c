/* SPDX-License-Identifier: GPL-2.0-only */
/* vnet-agent node show | ps; exec is in cmd_exec.c, attach and detach are in cmd_attach.c */
#include "cli/words.h"

#include <inttypes.h>
#include <unistd.h>

#include <base/util.h>

#include "cli/procs.h"
#include "cli/table.h"

/* "10.0.0.1/32 fd00::1/128" */
static const char *join(char *buf, size_t size, const json_t *list)
{
	size_t len = 0, i;
	json_t *a;

	snprintf(buf, size, "-");
	json_array_foreach (list, i, a)
		if (len < size)
			len += (size_t)snprintf(buf + len, size - len, "%s%s", i ? " " : "", json_string_value(a));
	return buf;
}

static int print_nodes(const json_t *nodes, bool full)
{
	static const char *const heads[] = {"NODE",    "NETNS",   "RUNTIME",    "STATE", ">PORTS",
					    ">ROUTES", "FORWARD", "~ADDRESSES", NULL};
	cleanup_table struct vn_table t;
	char buf[512];
	json_t *n;
	size_t i;
	int r;

	vn_table_init(&t, heads);
	json_array_foreach (nodes, i, n) {
		const char *state = vn_json_str(n, "state");

		vn_table_add(&t, VN_PLAIN, "%s", vn_json_str(n, "name"));
		vn_table_add(&t, VN_PLAIN, "%s", vn_json_str(n, "netns"));
		vn_table_add(&t, VN_PLAIN, "%s", vn_json_str(n, "runtime"));
		vn_table_add(&t, strcmp(state, "up") == 0 ? VN_GOOD : VN_BAD, "%s", state);
		vn_table_add(&t, VN_PLAIN, "%zu", json_array_size(json_object_get(n, "ports")));
		vn_table_add(&t, VN_PLAIN, "%" PRIu64, vn_json_u64(n, "routes"));
		vn_table_add(&t, VN_PLAIN, "%s", vn_json_bool(n, "forward") ? "yes" : "no");
		vn_table_add(&t, VN_PLAIN, "%s", join(buf, sizeof(buf), json_object_get(n, "addresses")));
	}
	r = vn_table_print(&t, stdout);
	json_array_foreach (nodes, i, n)
		if (*vn_json_str(n, "drift"))
			vn_print_line("%s: %s", vn_json_str(n, "name"), vn_json_str(n, "drift"));
	return r;
}

/* What the topology gave it and it has, then what is its own but for link-local addresses. */
static const char *join_all(char *buf, size_t size, const json_t *addresses, const json_t *others)
{
	size_t len, i;
	json_t *a;

	join(buf, size, addresses);
	if (json_array_size(addresses) == 0)
		*buf = '\0';
	len = strlen(buf);
	json_array_foreach (others, i, a)
		if (len < size && strncmp(json_string_value(a), "fe80:", 5) != 0 &&
		    strcmp(json_string_value(a), "127.0.0.1/8") != 0 && strcmp(json_string_value(a), "::1/128") != 0)
			len += (size_t)snprintf(buf + len, size - len, "%sown:%s", len ? " " : "",
						json_string_value(a));
	if (!*buf)
		snprintf(buf, size, "-");
	return buf;
}

/* "down", "no carrier", "up"; "-" where nobody has looked, or could. */
static void add_port_state(struct vn_table *t, const json_t *port)
{
	const json_t *seen = json_object_get(port, "seen");
	const bool up = vn_json_bool(seen, "up"), carrier = vn_json_bool(seen, "carrier");

	if (json_is_object(seen))
		vn_table_add(t, up && carrier ? VN_GOOD : VN_BAD, "%s", !up ? "down" : carrier ? "up" : "no carrier");
	else
		vn_table_add(t, VN_PLAIN, "-");
}

static void print_missing(const json_t *missing, const char *ifname)
{
	char buf[512];

	if (json_array_size(missing))
		vn_print_line("    missing at %s: %s", ifname, join(buf, sizeof(buf), missing));
}

static int print_node_details(const json_t *n)
{
	static const char *const heads[] = {"    PORT", "LINK", "STATE", "MAC", "~ADDRESSES", NULL};
	const char *state = vn_json_str(n, "state"), *holder = vn_json_str(n, "holder"),
		   *drift = vn_json_str(n, "drift");
	enum vn_colour c = strcmp(state, "up") == 0 ? VN_GOOD : VN_BAD;
	const uint64_t missing = vn_json_u64(n, "missing_routes");
	cleanup_table struct vn_table t;
	char buf[2048], routes[48] = "";
	json_t *p, *seen;
	size_t i;
	int r;

	if (missing)
		snprintf(routes, sizeof(routes), " (%" PRIu64 " missing)", missing);
	printf("node %s/%s: %s%s%s%s%s%s%s%s, netns %s, id %" PRIu64 ", forward %s, %" PRIu64 " routes%s\n",
	       vn_json_str(n, "topology"), vn_json_str(n, "name"), vn_colour_on(stdout, c), state, *drift ? ": " : "",
	       drift, vn_colour_off(stdout, c), *holder ? " (" : "", holder, *holder ? ")" : "",
	       vn_json_str(n, "netns"), vn_json_u64(n, "id"), vn_json_bool(n, "forward") ? "yes" : "no",
	       vn_json_u64(n, "routes"), routes);
	vn_table_init(&t, heads);
	vn_table_add(&t, VN_PLAIN, "    lo");
	vn_table_add(&t, VN_PLAIN, "-");
	vn_table_add(&t, VN_PLAIN, "-");
	vn_table_add(&t, VN_PLAIN, "-");
	vn_table_add(
		&t, VN_PLAIN, "%s",
		join_all(buf, sizeof(buf), json_object_get(n, "addresses"), json_object_get(n, "other_addresses")));
	json_array_foreach (json_object_get(n, "ports"), i, p) {
		seen = json_object_get(p, "seen");
		vn_table_add(&t, VN_PLAIN, "    %s", vn_json_str(p, "ifname"));
		vn_table_add(&t, VN_PLAIN, "%s", vn_json_str(p, "link"));
		add_port_state(&t, p);
		vn_table_add(&t, VN_PLAIN, "%s", vn_json_str(json_is_object(seen) ? seen : p, "mac"));
		vn_table_add(&t, VN_PLAIN, "%s",
			     join_all(buf, sizeof(buf), json_object_get(p, "addresses"),
				      json_object_get(seen, "other_addresses")));
	}
	r = vn_table_print(&t, stdout);
	print_missing(json_object_get(n, "missing_addresses"), "lo");
	json_array_foreach (json_object_get(n, "ports"), i, p)
		print_missing(json_object_get(p, "missing_addresses"), vn_json_str(p, "ifname"));
	return r;
}

int vn_cmd_node_show(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err)
{
	json_t *params = call->n_args ? json_pack("{s:s}", "name", call->args[0]) : NULL, *reply = NULL, *nodes, *n;
	size_t i;
	int r = vn_cli_call(cli, true, "vnet.node.show", params, &reply, err);

	if (r < 0)
		return r;
	nodes = json_object_get(reply, "nodes");
	if (cli->json) {
		r = vn_cli_print_json(cli, reply, err);
	} else if (cli->details || call->n_args) {
		json_array_foreach (nodes, i, n)
			if (r == 0)
				r = print_node_details(n);
	} else {
		vn_cli_say_none(nodes, "node");
		r = vn_each_topology(nodes, print_nodes);
	}
	json_decref(reply);
	return r;
}

static int print_processes(const json_t *list, bool full)
{
	static const char *const heads[] = {"NODE", ">PID", ">USER", "PROGRAM", "~COMMAND", NULL};
	cleanup_table struct vn_table t;
	json_t *o;
	size_t i;

	vn_table_init(&t, heads);
	json_array_foreach (list, i, o) {
		vn_table_add(&t, VN_PLAIN, "%s%s%s", full ? vn_json_str(o, "topology") : "", full ? "/" : "",
			     vn_json_str(o, "node"));
		vn_table_add(&t, VN_PLAIN, "%" PRIu64, vn_json_u64(o, "pid"));
		vn_table_add(&t, VN_PLAIN, "%" PRIu64, vn_json_u64(o, "uid"));
		vn_table_add(&t, VN_PLAIN, "%s", vn_json_str(o, "program"));
		vn_table_add(&t, VN_PLAIN, "%s", vn_json_str(o, "command"));
	}
	return vn_table_print(&t, stdout);
}

int vn_cmd_node_ps(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err)
{
	cleanup_held_nodes struct vn_held_nodes held = {0};
	json_t *list, *o;
	int r = vn_held_nodes_open(cli, NULL, call->n_args ? call->args[0] : NULL, &held, err);

	if (r < 0)
		return r;
	list = vn_held_nodes_processes(&held);
	if (cli->json) {
		o = json_pack("{s:O}", "processes", list);
		r = vn_cli_print_json(cli, o, err);
		json_decref(o);
		json_decref(list);
		return r;
	}
	if (geteuid() != 0)
		fputs("vnet-agent: of other users' processes root alone is told\n", stderr);
	r = vn_each_topology(list, print_processes);
	json_decref(list);
	return r;
}
