/* SPDX-License-Identifier: GPL-2.0-only */
/* vnet-agent monitor: events as they come, a line each. */
#include "cli/words.h"

#include <base/util.h>

/* The topology that @event is about: its name up to a slash; "" where it is about the host. */
static void topology_of(const json_t *event, char *buf, size_t size)
{
	const char *name = vn_json_str(event, "topology");

	/* A port that is lent says "TOPOLOGY/NODE/INTERFACE". */
	if (!*name)
		name = vn_json_str(event, "port");
	snprintf(buf, size, "%.*s", (int)strcspn(name, "/"), name);
}

/* Is it about one of the topologies that were asked for, or about all of them? */
static bool is_wanted(const struct vn_call *call, const json_t *event)
{
	char topo[256];

	topology_of(event, topo, sizeof(topo));
	for (int i = 0; i < call->n_args && *topo; i++)
		if (strcmp(call->args[i], topo) == 0)
			return true;
	return !call->n_args || !*topo;
}

/* What it is about: "demo", "demo/a", "demo/ab"; and which of its keys say that. */
static const char *subject(const json_t *event, char *buf, size_t size)
{
	static const char *const parts[] = {"node", "link"};

	snprintf(buf, size, "%s", vn_json_str(event, "topology"));
	for (size_t i = 0; i < VN_ARRAY_SIZE(parts); i++) {
		const char *part = vn_json_str(event, parts[i]);
		const size_t len = strlen(buf);

		if (*part)
			snprintf(buf + len, size - len, "%s%s", len ? "/" : "", part);
	}
	return buf;
}

static bool is_told(const char *key)
{
	static const char *const told[] = {"event", "time", "time_ns", "topology", "node", "link"};

	for (size_t i = 0; i < VN_ARRAY_SIZE(told); i++)
		if (strcmp(key, told[i]) == 0)
			return true;
	return false;
}

static void print_event(const json_t *event)
{
	const char *word = vn_json_str(event, "event"), *time = vn_json_str(event, "time"), *key;
	char about[256];
	json_t *v;

	printf("%s %s%-16s%s", time, vn_colour_on(stdout, VN_HEAD), word, vn_colour_off(stdout, VN_HEAD));
	subject(event, about, sizeof(about));
	if (*about)
		printf(" %s", about);
	json_object_foreach ((json_t *)event, key, v) {
		cleanup_free char *text =
			is_told(key) || json_is_string(v) ? NULL : json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);

		if (is_told(key) || (json_is_string(v) && !*json_string_value(v)))
			continue;
		printf(" %s=%s", key, text ?: json_string_value(v));
	}
	putchar('\n');
}

int vn_cmd_monitor(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err)
{
	struct vn_client c = {.fd = -EBADF};
	bool continues = true;
	int r = vn_cli_connect(cli, true, &c, err);

	if (r == 0)
		r = vn_client_send(&c, "vnet.monitor", NULL, true, err);
	while (r == 0 && continues) {
		json_t *event = NULL;

		r = vn_client_receive(&c, &event, &continues, err);
		if (r == 0 && is_wanted(call, event)) {
			if (cli->json)
				r = vn_cli_print_json(cli, event, err);
			else
				print_event(event);
		}
		/* A reader in a pipe sees each event at once. */
		if (r == 0 && fflush(stdout) != 0)
			r = vn_err_kernel(err, errno, "standard output: %s", strerror(errno));
		json_decref(event);
	}
	vn_client_release(&c);
	return r;
}
