/* SPDX-License-Identifier: GPL-2.0-only */
/* vnet.info and vnet.node.show. */
#include "base/log.h"
#include "methods/methods.h"

#include <unistd.h>

#include <base/util.h>

#include "store/damaged.h"
#include "methods/rows.h"
#include "model/topo.h"

#define OTHERS_MAX 64u /* addresses of a device that are shown */

static json_t *engines_json(struct vn_parts *parts)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < VN_ENGINES_MAX; i++)
		if (parts->engines.used[i])
			json_array_append_new(list, vn_engine_to_json(parts, i));
	return list;
}

int vn_op_info(struct vn_parts *parts, struct vn_conn *c, const json_t *params, json_t **ret_reply, struct vn_err *err)
{
	char program[VN_PROGRAM_TEXT], bpf[VN_DP_BUILD_TEXT];

	vn_dp_pinned_build(parts->pin_dir, bpf);
	*ret_reply =
		json_pack("{s:s, s:i, s:I, s:I, s:s, s:I, s:b, s:o, s:o, s:b, s:O?, s:s?, s:s?}", "version", VN_VERSION,
			  "pid", (int)getpid(), "uptime_ns", (json_int_t)(vn_now_ns() - parts->start_ns), "max_ports",
			  (json_int_t)parts->dp.maps.max_ports, "runtime_dir", parts->runtime_dir, "topologies",
			  (json_int_t)parts->store.n_running, "busy", parts->jobs.n > 0, "engines", engines_json(parts),
			  "damaged", vn_damaged_to_json(&parts->store), "runner", vn_runner_there(&parts->runner),
			  "calibration", parts->measure.calibration, "program",
			  vn_program_text(parts->program, program), "bpf_build", bpf[0] ? bpf : NULL);
	return *ret_reply ? 0 : -ENOMEM;
}

/* Addresses that the agent did not set: the node's own, the kernel's. */
static json_t *others(const struct vn_device_seen *seen, const struct vn_addr *ip4, const struct vn_addr *ip6)
{
	json_t *list = json_array();

	for (size_t i = 0; i < VN_MIN(seen->n_addrs, OTHERS_MAX); i++) {
		const struct vn_addr *a = &seen->addrs[i], *wished = a->family == AF_INET ? ip4 : ip6;

		if (a->family != wished->family || a->plen != wished->plen || memcmp(a->bytes, wished->bytes, 16) != 0)
			json_array_append_new(list, vn_addr_to_json(a));
	}
	return list;
}

/* As its kernel has it; null where nobody has looked, or where there is no device. */
static json_t *seen_port(const struct vn_device_seen *seen, const struct vn_port *p)
{
	char mac[VN_MAC_BUF];

	if (!seen->there || seen->away)
		return json_null();
	return json_pack("{s:s, s:b, s:b, s:I, s:s, s:o}", "ifname", seen->ifname, "up", !!(seen->flags & IFF_UP),
			 "carrier", seen->carrier, "mtu", (json_int_t)seen->mtu, "mac", vn_mac_format(mac, seen->mac),
			 "other_addresses", others(seen, &p->ip4, &p->ip6));
}

static json_t *node_port(const struct vn_running *run, size_t node, size_t i)
{
	const struct vn_node_state *s = &run->nodes[node];
	const uint32_t id = run->topo->nodes[node].link_ids[i];
	const struct vn_link *l = &run->topo->links[id / VN_DIRS];
	const struct vn_port *p = &l->ports[id % VN_DIRS];
	const struct vn_device_drift *drift = vn_watch_port(run, id / VN_DIRS, (int)(id % VN_DIRS));
	char mac[VN_MAC_BUF];

	return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o}", "ifname", p->ifname, "link", l->name, "mac",
			 vn_mac_format(mac, p->mac), "addresses", vn_addresses_to_json(&p->ip4, &p->ip6, drift, false),
			 "missing_addresses", vn_addresses_to_json(&p->ip4, &p->ip6, drift, true), "seen",
			 s->seen.looked ? seen_port(&s->seen.ports[i], p) : json_null());
}

/* A container that ended leaves its network: apply starts it again. */
static const char *node_state(const struct vn_node *n, const char *netns_path, pid_t pid, bool held, bool ended,
			      bool drifted)
{
	const char *up = drifted ? "degraded" : "up";

	if (access(netns_path, F_OK) < 0)
		return "broken";
	if (vn_node_has(n, VN_NODE_ATTACHED))
		return !held ? "detached" : ended ? "stopped" : up;
	return vn_node_has(n, VN_NODE_CONTAINER) && !pid ? "stopped" : up;
}

json_t *vn_node_to_json(struct vn_parts *parts, const struct vn_running *run, size_t index)
{
	const struct vn_node *n = &run->topo->nodes[index];
	const struct vn_node_state *s = &run->nodes[index];
	json_t *ports = json_array();
	char drift[VN_WATCH_TEXT];
	bool held = false, ended = false;
	char holder[VN_HOLDER_MAX];
	pid_t pid = 0;
	char netns[VN_NETNS_NAME_MAX], path[sizeof(VN_NETNS_DIR) + VN_NETNS_NAME_MAX];

	if (vn_node_has(n, VN_NODE_ATTACHED))
		held = vn_exec_attached(&parts->fabric, run->topo, index, holder, &ended);
	if (held || vn_node_has(n, VN_NODE_CONTAINER))
		vn_container_pid(parts->runtime_dir, run->topo->name, n->name, VN_CONTAINER_STARTED, &pid);
	vn_netns_name(netns, run->topo->name, n->name);
	snprintf(path, sizeof(path), "%s/%s", VN_NETNS_DIR, netns);
	vn_watch_node_text(run, index, drift);
	for (size_t i = 0; i < n->n_links; i++)
		json_array_append_new(ports, node_port(run, index, i));
	return json_pack(
		"{s:s, s:s, s:s, s:O?, s:s?, s:I, s:I, s:s, s:s?, s:b, s:b, s:s, s:s, s:o, s:o, s:o, s:I, s:I, s:o}",
		"topology", run->topo->name, "name", n->name, "runtime", vn_runtime_words[n->runtime], "container",
		n->container, "holder", held ? holder : NULL, "pid", (json_int_t)pid, "id", (json_int_t)n->id, "netns",
		netns, "owner", vn_node_owner(run->topo, index), "open",
		vn_node_is_open(&parts->store, run->topo, index), "forward", n->forward, "state",
		node_state(n, path, pid, held, ended, s->drift.any), "drift", drift, "addresses",
		vn_addresses_to_json(&n->lo4, &n->lo6, &s->drift.lo, false), "missing_addresses",
		vn_addresses_to_json(&n->lo4, &n->lo6, &s->drift.lo, true), "other_addresses",
		others(&s->seen.lo, &n->lo4, &n->lo6), "routes", (json_int_t)(n->n_routes - s->drift.n_missing),
		"missing_routes", (json_int_t)s->drift.n_missing, "ports", ports);
}

void vn_container_hide(json_t *o)
{
	json_t *container = json_deep_copy(json_object_get(o, "container")), *env = json_object_get(container, "env"),
	       *w;
	size_t i;

	if (!json_is_object(container)) {
		json_decref(container);
		return;
	}
	json_array_foreach (env, i, w) {
		const char *text = json_string_value(w);

		json_array_set_new(env, i, json_stringn(text, strcspn(text, "=")));
	}
	json_object_set_new(o, "container", container);
}

int vn_op_node_show(struct vn_parts *parts, struct vn_conn *c, const json_t *params, json_t **ret_reply,
		    struct vn_err *err)
{
	const char *name = json_string_value(json_object_get(params, "name"));
	const uint64_t until_ns = vn_now_ns() + VN_WATCH_SHOW_NS;
	json_t *list = json_array(), *node;
	size_t i;

	if (name) {
		struct vn_running *run;
		size_t index;
		int r = vn_running_find_node(&parts->store, name, &run, &index, err);

		if (r < 0) {
			json_decref(list);
			return r;
		}
		vn_watch_sync(&parts->observe, run, index, until_ns);
		json_array_append_new(list, vn_node_to_json(parts, run, index));
	} else {
		for (i = 0; i < parts->store.n_running; i++)
			vn_watch_sync(&parts->observe, parts->store.running[i], VN_NONE, until_ns);
		for (i = 0; i < parts->store.n_running; i++)
			for (size_t n = 0; n < parts->store.running[i]->topo->n_nodes; n++)
				json_array_append_new(list, vn_node_to_json(parts, parts->store.running[i], n));
	}
	if (c->observe)
		json_array_foreach (list, i, node)
			vn_container_hide(node);
	*ret_reply = json_pack("{s:o}", "nodes", list);
	return *ret_reply ? 0 : -ENOMEM;
}
