/* SPDX-License-Identifier: GPL-2.0-only */
/* vnet.port.show, and what a start does for AF_XDP ports. */
#include "base/log.h"
#include "methods/methods.h"

#include <loader/afxdp.h>
#include <base/util.h>

#include "lease/handover_path.h"
#include "exec/port_vf.h"
#include "model/afxdp_port.h"
#include "model/topo.h"

void vn_sync_ports(struct vn_parts *parts)
{
	cleanup_free struct vn_topo **topos = vn_running_topos(&parts->store);

	if (topos)
		vn_handover_sync(&parts->lease, topos, parts->store.n_running);
	vn_sweep_left(&parts->store);
}

void vn_ports_adopt(struct vn_parts *parts)
{
	for (size_t i = 0; i < parts->store.n_running; i++) {
		const struct vn_topo *t = parts->store.running[i]->topo;

		for (size_t p = 0; p < t->n_links * VN_DIRS; p++) {
			const struct vn_port *port = &t->links[p / VN_DIRS].ports[p % VN_DIRS];
			struct vn_err err = {0};

			if (parts->store.running[i]->link_broken[p / VN_DIRS])
				continue;
			if (vn_port_adopt(&parts->fabric, t, p / VN_DIRS, p % VN_DIRS, &err) < 0)
				vn_log("port %s/%s:%s: %s", t->name, t->nodes[port->node].name, port->ifname, err.text);
		}
	}
	parts->lease.unswept = true;
	vn_sync_ports(parts);
}

static json_t *counters(struct vn_parts *parts, uint32_t number)
{
	struct vn_afxdp_ctr sum = {0};
	json_t *o = json_object();

	vn_app_ctr_read(&parts->dp.maps, number, &sum);
#define X(id, word, text)                                                                                              \
	json_object_set_new(o, word,                                                                                   \
			    json_pack("{s:I, s:I}", "packets", (json_int_t)sum.fate[VN_AFXDP_FATE_##id].packets,       \
				      "bytes", (json_int_t)sum.fate[VN_AFXDP_FATE_##id].bytes));
	VN_AFXDP_FATE_LIST(X)
#undef X
	return o;
}

static json_t *undelivered(struct vn_parts *parts, const struct vn_port *port)
{
	uint64_t n;

	return vn_afxdp_lost(&parts->dp, port->number, &n) == 0 ? json_integer((json_int_t)n) : json_null();
}

/* The paths an application is given, and the words it is given them by. */
static void add_handover(json_t *o, struct vn_parts *parts, const struct vn_topo *t, const struct vn_port *port)
{
	const char *node = t->nodes[port->node].name;
	bool cni = port->handover & VN_HANDOVER_CNI, lent = port->handover & VN_HANDOVER_LIBVNET;
	bool pinned = port->handover & VN_HANDOVER_PINNED;
	char key[VN_HANDOVER_KEY], sock[sizeof(((struct sockaddr_un *)NULL)->sun_path)], map[192] = "", vdev[640];

	vn_handover_sock_path(&parts->lease, vn_handover_key(key, t->name, node, port->ifname), port->number, sock);
	pinned = pinned && vn_afxdp_map_path(parts->pin_dir, port->number, map, sizeof(map)) == 0;
	snprintf(vdev, sizeof(vdev), "net_af_xdp0,iface=%s,%s=1,dp_path=%s", port->ifname,
		 cni ? "use_cni" : "use_pinned_map", cni ? sock : map);
	json_object_set_new(o, "socket", cni || lent ? json_string(sock) : json_null());
	json_object_set_new(o, "map", pinned ? json_string(map) : json_null());
	json_object_set_new(o, "vdev", cni || pinned ? json_string(vdev) : json_null());
}

/*
 * How the sockets on the port's device were really bound, null while none is. On a kernel that does not tell, as a veth
 * can be: its driver refuses zero-copy, so what is bound was bound to copy.
 */
static json_t *bound_mode(struct vn_parts *parts, const struct vn_topo *t, const struct vn_port *port, bool owned)
{
	struct vn_xsks socks = {0};

	if (vn_fabric_xsks(&parts->fabric, t, port, &socks) < 0)
		return owned ? json_string("copy") : json_null();
	if (!socks.n)
		return json_null();
	return json_string(socks.zerocopy == socks.n ? "zero-copy" : "copy");
}

static void add_afxdp(json_t *o, struct vn_parts *parts, struct vn_topo *t, const struct vn_port *port)
{
	json_t *handovers = NULL, *lent = NULL, *owner;
	char kernel[VN_CLASSES_BUF];

	owner = vn_handover_owner(&parts->lease, t->name, t->nodes[port->node].name, port->ifname, &handovers, &lent);
	json_object_set_new(o, "queues", json_integer(VN_AFXDP_QUEUES));
	json_object_set_new(o, "kernel", json_string(vn_classes_format(kernel, port->afxdp.kernel)));
	json_object_set_new(o, "unbound", json_string(vn_unbound_words[port->afxdp.unbound]));
	json_object_set_new(o, "handover", json_string(vn_handover_words[port->handover]));
	json_object_set_new(o, "state", json_string(vn_afxdp_attached(parts->pin_dir, port->number) ? "up" : "broken"));
	json_object_set_new(o, "mode", bound_mode(parts, t, port, !json_is_null(owner)));
	add_handover(o, parts, t, port);
	json_object_set_new(o, "application", owner);
	json_object_set_new(o, "handovers", handovers);
	json_object_set_new(o, "lent", lent);
	json_object_set_new(o, "counters", counters(parts, port->number));
	json_object_set_new(o, "undelivered", undelivered(parts, port));
}

static void add_vf(json_t *o, struct vn_parts *parts, struct vn_topo *t, const struct vn_port *port)
{
	json_object_set_new(o, "vf", vn_vf_port_show(&parts->fabric, t, port, NULL) ?: json_null());
}

/* What is shown of a kind alone, by enum vn_port_kind. */
static void (*const add_kind[VN_PORT_KINDS])(json_t *o, struct vn_parts *parts, struct vn_topo *t,
					     const struct vn_port *port) = {
	[VN_PORT_AFXDP] = add_afxdp,
	[VN_PORT_VF] = add_vf,
};

static json_t *port_json(struct vn_parts *parts, struct vn_topo *t, size_t id)
{
	const struct vn_link *l = &t->links[id / VN_DIRS];
	const struct vn_port *port = &l->ports[id % VN_DIRS];
	char name[VN_NAME_MAX + IF_NAMESIZE + 2];
	json_t *o;

	snprintf(name, sizeof(name), "%s:%s", t->nodes[port->node].name, port->ifname);
	o = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "topology", t->name, "name", name, "node",
		      t->nodes[port->node].name, "ifname", port->ifname, "link", l->name, "kind",
		      vn_port_model(port)->word);
	if (o && add_kind[port->kind])
		add_kind[port->kind](o, parts, t, port);
	return o;
}

/* "[TOPOLOGY/]NODE:INTERFACE" cut in two; the interface stands behind the last colon. */
static int find_port(struct vn_parts *parts, const char *name, struct vn_running **ret_run, size_t *ret_id,
		     struct vn_err *err)
{
	const char *colon = strrchr(name, ':');
	cleanup_free char *node = colon ? strndup(name, (size_t)(colon - name)) : NULL;
	const struct vn_node *n;
	struct vn_running *run;
	size_t index;
	int r;

	if (!node)
		return vn_err_usage(err, "port '%.130s': write NODE:INTERFACE, such as a:eth0", name);
	r = vn_running_find_node(&parts->store, node, &run, &index, err);
	if (r < 0)
		return r;
	n = &run->topo->nodes[index];
	for (size_t i = 0; i < n->n_links; i++) {
		const struct vn_port *port =
			&run->topo->links[n->link_ids[i] / VN_DIRS].ports[n->link_ids[i] % VN_DIRS];

		if (strcmp(port->ifname, colon + 1) != 0)
			continue;
		*ret_run = run;
		*ret_id = n->link_ids[i];
		return 0;
	}
	return vn_err(err, VN_EXIT_USAGE, ENOENT,
		      "port '%.130s': node %s has no interface '%.15s' (see `vnet-agent node "
		      "show %s`)",
		      name, n->name, colon + 1, n->name);
}

int vn_op_port_show(struct vn_parts *parts, struct vn_conn *c, const json_t *params, json_t **ret_reply,
		    struct vn_err *err)
{
	const char *name = json_string_value(json_object_get(params, "name"));
	json_t *list = json_array();

	if (name) {
		struct vn_running *run = NULL;
		size_t id = 0;
		int r = find_port(parts, name, &run, &id, err);

		if (r < 0) {
			json_decref(list);
			return r;
		}
		json_array_append_new(list, port_json(parts, run->topo, id));
	}
	for (size_t i = 0; i < parts->store.n_running && !name; i++) {
		struct vn_topo *t = parts->store.running[i]->topo;

		for (size_t p = 0; p < t->n_links * VN_DIRS; p++) {
			const struct vn_port *port = &t->links[p / VN_DIRS].ports[p % VN_DIRS];

			if (port->kind != VN_PORT_VETH)
				json_array_append_new(list, port_json(parts, t, p));
		}
	}
	*ret_reply = json_pack("{s:o}", "ports", list);
	return *ret_reply ? 0 : -ENOMEM;
}
