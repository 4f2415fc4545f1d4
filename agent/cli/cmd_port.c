/* SPDX-License-Identifier: GPL-2.0-only */
/* vnet-agent port show */
#include "cli/words.h"

#include <inttypes.h>
#include <time.h>

#include <base/util.h>

#include "cli/table.h"

static const json_t *app_of(const json_t *port)
{
	const json_t *app = json_object_get(port, "application");

	return json_is_object(app) ? app : NULL;
}

static bool is_kind(const json_t *port, const char *kind)
{
	return strcmp(vn_json_str(port, "kind"), kind) == 0;
}

/* "testpmd (pid 123, uid 65534)" */
static const char *app_text(char *buf, size_t size, const json_t *port)
{
	const json_t *app = app_of(port);

	if (app)
		snprintf(buf, size, "%s (pid %" PRIu64 ", uid %" PRIu64 ")", vn_json_str(app, "comm"),
			 vn_json_u64(app, "pid"), vn_json_u64(app, "uid"));
	else
		snprintf(buf, size, "-");
	return buf;
}

static uint64_t packets(const json_t *port, const char *fate)
{
	return vn_json_u64(json_object_get(json_object_get(port, "counters"), fate), "packets");
}

/* A port whose frames a VF carries: what stands on that. */
static void add_vf_port(struct vn_table *t, const json_t *p)
{
	const json_t *vf = json_object_get(p, "vf");

	if (json_is_object(vf) && *vn_json_str(vf, "pci"))
		vn_table_add(t, VN_GOOD, "up");
	else
		vn_table_add(t, VN_BAD, "broken");
	for (int i = 0; i < 5; i++)
		vn_table_add(t, VN_PLAIN, "-");
	if (vn_json_u64(vf, "xsks"))
		vn_table_add(t, VN_PLAIN, "%" PRIu64 " AF_XDP sockets, %s", vn_json_u64(vf, "xsks"),
			     vn_json_bool(vf, "zerocopy") ? "zero-copy" : "copy");
	else
		vn_table_add(t, VN_PLAIN, "%s", *vn_json_str(vf, "vfio") ? vn_json_str(vf, "vfio") : "-");
}

/* The columns after the link, by kind. */
static void add_afxdp_port(struct vn_table *t, const json_t *p)
{
	const char *state = vn_json_str(p, "state");
	char buf[128];

	vn_table_add(t, strcmp(state, "up") == 0 ? VN_GOOD : VN_BAD, "%s", state);
	vn_table_add(t, VN_PLAIN, "%s", vn_json_str(p, "kernel"));
	vn_table_add(t, VN_PLAIN, "%s", vn_json_str(p, "unbound"));
	vn_table_add(t, VN_PLAIN, "%" PRIu64, packets(p, "app"));
	vn_table_add(t, VN_PLAIN, "%" PRIu64, packets(p, "kernel") + packets(p, "unbound-kernel"));
	vn_table_add(t, VN_PLAIN, "%" PRIu64, packets(p, "unbound-drop") + vn_json_u64(p, "undelivered"));
	vn_table_add(t, VN_PLAIN, "%s", app_text(buf, sizeof(buf), p));
}

static int print_ports(const json_t *ports, bool full)
{
	static const char *const heads[] = {"PORT",    "LINK",       "STATE",    "KERNEL",       "UNBOUND",
					    ">TO APP", ">TO KERNEL", ">DROPPED", "~APPLICATION", NULL};
	cleanup_table struct vn_table t;
	json_t *p;
	size_t i;

	vn_table_init(&t, heads);
	json_array_foreach (ports, i, p) {
		vn_table_add(&t, VN_PLAIN, "%s%s%s:%s", full ? vn_json_str(p, "topology") : "", full ? "/" : "",
			     vn_json_str(p, "node"), vn_json_str(p, "ifname"));
		vn_table_add(&t, VN_PLAIN, "%s", vn_json_str(p, "link"));
		if (is_kind(p, "afxdp"))
			add_afxdp_port(&t, p);
		else if (is_kind(p, "vf"))
			add_vf_port(&t, p);
		else
			for (size_t column = 2; heads[column]; column++)
				vn_table_add(&t, VN_PLAIN, "-");
	}
	return vn_table_print(&t, stdout);
}

static void print_app(const json_t *p)
{
	const json_t *app = app_of(p), *handovers = json_object_get(p, "handovers");
	time_t since = app ? (time_t)(vn_json_u64(app, "since_ns") / VN_NSEC_PER_SEC) : 0;
	char text[128], when[64] = "";
	struct tm tm;

	if (app && localtime_r(&since, &tm))
		strftime(when, sizeof(when), "%F %T", &tm);
	if (app)
		printf("    application %s, gid %" PRIu64 ", calls itself '%s', since %s, %s\n",
		       app_text(text, sizeof(text), p), vn_json_u64(app, "gid"), vn_json_str(app, "host"), when,
		       *vn_json_str(p, "mode") ? vn_json_str(p, "mode") : "not bound");
	else
		printf("    application none\n");
	printf("    handed over %" PRIu64 " times, refused %" PRIu64 " times\n", vn_json_u64(handovers, "given"),
	       vn_json_u64(handovers, "refused"));
}

/* The socket's own statistics, of a port that the agent lends. */
static void print_lent(const json_t *lent)
{
	static const char *const counts[] = {"dropped", "ring-full", "no-buffer", "tx-invalid"};
	char bytes[VN_HUMAN_BUF];

	if (!json_is_object(lent))
		return;
	for (size_t i = 0; i < VN_ARRAY_SIZE(counts); i++)
		printf("    %-14s %" PRIu64 " packets\n", counts[i], vn_json_u64(lent, counts[i]));
	printf("    %" PRIu64 " buffers, %s lent\n", vn_json_u64(lent, "buffers"),
	       vn_human_bytes(bytes, vn_json_u64(lent, "bytes")));
}

static void print_vf(const json_t *vf)
{
	const uint64_t n = vn_json_u64(vf, "xsks");

	if (!json_is_object(vf)) {
		printf("    its PF is gone\n");
		return;
	}
	printf("    VF %" PRIu64 " of %s (%s), mode %s, driver %s, ", vn_json_u64(vf, "vf"), vn_json_str(vf, "pf"),
	       vn_json_str(vf, "pci"), vn_json_str(vf, "mode"), vn_json_str(vf, "driver"));
	if (*vn_json_str(vf, "vfio"))
		printf("for a guest: %s\n", vn_json_str(vf, "vfio"));
	else if (json_is_null(json_object_get(vf, "xsks")))
		printf("XDP %s, AF_XDP sockets not told by this kernel\n", vn_json_str(vf, "xdp"));
	else
		printf("XDP %s, AF_XDP sockets %" PRIu64 "%s\n", vn_json_str(vf, "xdp"), n,
		       !n                             ? ""
		       : vn_json_bool(vf, "zerocopy") ? ", zero-copy"
						      : ", copy");
}

static void print_port(const json_t *p)
{
	const char *state = vn_json_str(p, "state"), *fate;
	char bytes[VN_HUMAN_BUF];
	enum vn_colour colour;
	json_t *count;

	printf("port %s/%s:%s on link %s: kind %s", vn_json_str(p, "topology"), vn_json_str(p, "node"),
	       vn_json_str(p, "ifname"), vn_json_str(p, "link"), vn_json_str(p, "kind"));
	if (!is_kind(p, "afxdp")) {
		putchar('\n');
		if (json_object_get(p, "vf"))
			print_vf(json_object_get(p, "vf"));
		return;
	}
	colour = strcmp(state, "up") == 0 ? VN_GOOD : VN_BAD;
	printf(", %s%s%s, queues %" PRIu64 ", kernel %s, unbound %s, handover %s\n", vn_colour_on(stdout, colour),
	       state, vn_colour_off(stdout, colour), vn_json_u64(p, "queues"), vn_json_str(p, "kernel"),
	       vn_json_str(p, "unbound"), vn_json_str(p, "handover"));
	print_app(p);
	json_object_foreach (json_object_get(p, "counters"), fate, count)
		printf("    %-14s %" PRIu64 " packets %s\n", fate, vn_json_u64(count, "packets"),
		       vn_human_bytes(bytes, vn_json_u64(count, "bytes")));
	printf("    %-14s %" PRIu64 " packets\n", "undelivered", vn_json_u64(p, "undelivered"));
	print_lent(json_object_get(p, "lent"));
	if (*vn_json_str(p, "socket"))
		printf("    socket %s\n", vn_json_str(p, "socket"));
	if (*vn_json_str(p, "map"))
		printf("    map %s\n", vn_json_str(p, "map"));
	if (*vn_json_str(p, "vdev"))
		printf("    dpdk-testpmd --no-pci --in-memory --vdev %s\n", vn_json_str(p, "vdev"));
}

int vn_cmd_port_show(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err)
{
	json_t *params = call->n_args ? json_pack("{s:s}", "name", call->args[0]) : NULL, *reply = NULL, *ports, *p;
	size_t i;
	int r = vn_cli_call(cli, true, "vnet.port.show", params, &reply, err);

	if (r < 0)
		return r;
	ports = json_object_get(reply, "ports");
	if (cli->json) {
		r = vn_cli_print_json(cli, reply, err);
	} else if (cli->details || call->n_args) {
		json_array_foreach (ports, i, p)
			print_port(p);
	} else {
		vn_cli_say_none(ports, "AF_XDP port");
		r = vn_each_topology(ports, print_ports);
	}
	json_decref(reply);
	return r;
}
