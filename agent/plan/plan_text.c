/* SPDX-License-Identifier: GPL-2.0-only */
/* A plan in words and as JSON: what a dry run prints. */
#include <base/util.h>

#include "plan/plan.h"
#include "disc/disc_words.h"

/*
 * What things cost, measured on the reference machine with 1000 nodes and 2000 links (docs/ARCHITECTURE.md); an
 * estimate for the reader, nothing depends on it.
 */
#define NODE_BYTES     150000u /* namespace, its tables and sysctls */
#define LINK_BYTES     250000u /* two veth pairs with qdisc and filter */
#define ROUTE_BYTES    400u
#define NODE_NS        500000u
#define NODE_DELETE_NS 60000u
#define LINK_NS        900000u
#define LINK_DELETE_NS 700000u
#define DISC_NS        2000u
#define CONFIG_NS      300000u
#define ROUTE_NS       2500u
#define VF_NS          500000000u /* drivers differ by tens */
#define RUN_NS         300000000u /* runc or podman; a few at a time */
#define RUN_STOP_NS    100000000u

static const char *disc_text(const struct vn_disc *d, char *buf, size_t size)
{
	if (!vn_disc_is_any(d) || vn_disc_format(d, buf, size) < 0 || !*buf)
		snprintf(buf, size, "no discipline");
	return buf;
}

static const struct vn_node *port_node(const struct vn_topo *t, const struct vn_link *l, int side)
{
	return &t->nodes[l->ports[side].node];
}

/* ", delay 10ms", or both directions when they differ; nothing without a discipline. */
static int link_discs(const struct vn_topo *t, const struct vn_link *l, char *buf, size_t size)
{
	char ab[VN_DISC_TEXT_BUF], ba[VN_DISC_TEXT_BUF];

	disc_text(&l->disc[0], ab, sizeof(ab));
	disc_text(&l->disc[1], ba, sizeof(ba));
	if (!vn_disc_is_any(&l->disc[0]) && !vn_disc_is_any(&l->disc[1])) {
		*buf = '\0';
		return 0;
	}
	if (strcmp(ab, ba) == 0)
		return snprintf(buf, size, ", %s", ab);
	return snprintf(buf, size, ", %s (%s to %s), %s (%s to %s)", ab, port_node(t, l, 0)->name,
			port_node(t, l, 1)->name, ba, port_node(t, l, 1)->name, port_node(t, l, 0)->name);
}

static int describe_link(const char *verb, const struct vn_topo *t, const struct vn_link *l, char *buf, size_t size)
{
	char discs[2 * VN_DISC_TEXT_BUF + 4 * VN_NAME_MAX + 32], mtu[32] = "";

	link_discs(t, l, discs, sizeof(discs));
	if (l->mtu < VN_MTU_IP6)
		snprintf(mtu, sizeof(mtu), ", no IPv6 (MTU %u)", l->mtu);
	return snprintf(buf, size, "%s link %s: %s:%s <-> %s:%s%s%s", verb, l->name, port_node(t, l, 0)->name,
			l->ports[0].ifname, port_node(t, l, 1)->name, l->ports[1].ifname, mtu, discs);
}

/* The same words, but another block of the arena, or another start. */
static bool new_contents(const struct vn_link *was, const struct vn_link *is)
{
	for (int dir = 0; dir < VN_DIRS; dir++) {
		const struct vn_disc *a = &was->disc[dir], *b = &is->disc[dir];

		if (a->trace_block != b->trace_block || a->dist_block != b->dist_block ||
		    a->slot_dist_block != b->slot_dist_block || a->trace_start_ns != b->trace_start_ns ||
		    a->flap_start_ns != b->flap_start_ns)
			return true;
	}
	return false;
}

/* "change link ab: delay 10ms -> delay 20ms (a to b)"; without direction when both change alike. */
static int describe_disc(const struct vn_plan *p, const struct vn_step *s, char *buf, size_t size)
{
	const struct vn_link *was = &p->old->links[s->old], *is = &p->new->links[s->new];
	char from[VN_DIRS][VN_DISC_TEXT_BUF], to[VN_DIRS][VN_DISC_TEXT_BUF];
	bool differs[VN_DIRS];
	const char *sep = "";
	int n;

	for (int dir = 0; dir < VN_DIRS; dir++) {
		disc_text(&was->disc[dir], from[dir], sizeof(from[dir]));
		disc_text(&is->disc[dir], to[dir], sizeof(to[dir]));
		differs[dir] = strcmp(from[dir], to[dir]) != 0;
	}
	if (was->carrier_ignore != is->carrier_ignore) {
		static const char *const words[] = {"follow", "ignore"};

		n = snprintf(buf, size, "change link %s: carrier %s -> %s", is->name, words[was->carrier_ignore],
			     words[is->carrier_ignore]);
		return n;
	}
	if (!differs[0] && !differs[1] && new_contents(was, is))
		return snprintf(buf, size, "change link %s: its files have other contents, or its trace begins anew",
				is->name);
	if (!differs[0] && !differs[1])
		return snprintf(buf, size,
				"change link %s: kind, isolation, MACs, VLANs, addresses or checksums of its ports",
				is->name);
	if (strcmp(from[0], from[1]) == 0 && strcmp(to[0], to[1]) == 0)
		return snprintf(buf, size, "change link %s: %s -> %s", is->name, from[0], to[0]);
	n = snprintf(buf, size, "change link %s: ", is->name);
	for (int dir = 0; dir < VN_DIRS; dir++) {
		if (!differs[dir] || n < 0 || (size_t)n >= size)
			continue;
		n += snprintf(buf + n, size - (size_t)n, "%s%s -> %s (%s to %s)", sep, from[dir], to[dir],
			      port_node(p->new, is, dir)->name, port_node(p->new, is, !dir)->name);
		sep = ", ";
	}
	return n;
}

static size_t count_addrs(const struct vn_topo *t, const struct vn_node *n)
{
	size_t count = !!n->lo4.family + !!n->lo6.family;

	for (size_t i = 0; i < n->n_links; i++) {
		const struct vn_port *port = &t->links[n->link_ids[i] / VN_DIRS].ports[n->link_ids[i] % VN_DIRS];

		count += !!port->ip4.family + !!port->ip6.family;
	}
	return count;
}

static int describe_config(const struct vn_plan *p, const struct vn_step *s, char *buf, size_t size)
{
	const struct vn_node *n = &p->new->nodes[s->new];
	size_t addrs = count_addrs(p->new, n);

	if (s->mends)
		return snprintf(buf, size, "configure node %s: %s", n->name, s->drift);
	return snprintf(buf, size, "configure node %s: %zu address%s, %zu route%s%s%s%s", n->name, addrs,
			addrs == 1 ? "" : "es", n->n_routes, n->n_routes == 1 ? "" : "s",
			n->forward ? ", forwarding" : "", s->drift ? "; mending " : "", s->drift ?: "");
}

static int describe_run(const struct vn_topo *t, size_t i, bool start, char *buf, size_t size)
{
	const struct vn_node *node = &t->nodes[i];
	const char *image = json_string_value(json_object_get(node->container, "image"));
	const char *rootfs = json_string_value(json_object_get(node->container, "rootfs"));
	const char *word = json_string_value(json_array_get(json_object_get(node->container, "command"), 0));

	if (!start)
		return snprintf(buf, size, "stop %s container of node %s", vn_runtime_words[node->runtime], node->name);
	return snprintf(buf, size, "start %s container of node %s: %s%s%s", vn_runtime_words[node->runtime], node->name,
			image ?: rootfs, word ? ", " : "", word ?: "");
}

/* "a:eth0 is VF 3 of ens1 (wire to VF 4, VLAN 4094)" */
static int describe_vf(const struct vn_topo *t, const struct vn_link *l, int side, char *buf, size_t size)
{
	static const char *const programs[] = {
		[VN_VF_XDP_AUTO] = "native XDP, generic where its driver has none",
		[VN_VF_XDP_NATIVE] = "native XDP",
		[VN_VF_XDP_GENERIC] = "generic XDP",
		[VN_VF_XDP_NONE] = "no program of ours on it",
	};
	const struct vn_vf *v = &l->ports[side].vf;
	char partner[32] = "direct", vlan[32] = "";

	if (v->mode == VN_VF_WIRE)
		snprintf(partner, sizeof(partner), "wire to VF %u", v->partner);
	if (v->vid)
		snprintf(vlan, sizeof(vlan), ", VLAN %u", v->vid);
	return snprintf(buf, size, "%s:%s is VF %u of %s (%s%s, %s)", port_node(t, l, side)->name,
			l->ports[side].ifname, v->index, v->pf, partner, vlan,
			v->driver == VN_VF_VFIO ? "driver vfio-pci" : programs[v->xdp]);
}

/* Of borrowed devices: which one it is, by enum vn_port_kind. */
static int (*const describe_port[VN_PORT_KINDS])(const struct vn_topo *t, const struct vn_link *l, int side, char *buf,
						 size_t size) = {
	[VN_PORT_VF] = describe_vf,
};

/* Attaching resets some NICs for seconds: so it is done once, when the VF is placed, and the program replaced after. */
static int describe_vfs(const struct vn_topo *t, const struct vn_link *l, bool make, char *buf, size_t size)
{
	int n = snprintf(buf, size, make ? "make VFs of link %s: " : "give back VFs of link %s", l->name);
	const char *sep = "";

	for (int side = 0; side < VN_DIRS && make; side++) {
		if (!vn_port_has(&l->ports[side], VN_TRAIT_BORROWED) || n < 0 || (size_t)n >= size)
			continue;
		n += snprintf(buf + n, size - (size_t)n, "%s", sep);
		n += describe_port[l->ports[side].kind](t, l, side, buf + n, size - (size_t)n);
		sep = "; ";
	}
	if (make && n > 0 && (size_t)n < size)
		n += snprintf(buf + n, size - (size_t)n, "; its PF may be away for seconds");
	return n;
}

int vn_step_describe(const struct vn_plan *p, const struct vn_step *s, char *buf, size_t size)
{
	const struct vn_topo *t = s->new != VN_NONE ? p->new : p->old;
	const size_t i = s->new != VN_NONE ? s->new : s->old;
	int n = 0;

	switch (s->kind) {
	case VN_STEP_NODE:
		n = snprintf(buf, size, "%s node %s", s->new != VN_NONE ? "create" : "delete", t->nodes[i].name);
		break;
	case VN_STEP_LINK:
		if (s->new != VN_NONE)
			n = describe_link("create", t, &t->links[i], buf, size);
		else
			n = snprintf(buf, size, "delete link %s", t->links[i].name);
		break;
	case VN_STEP_DISC:
		n = describe_disc(p, s, buf, size);
		break;
	case VN_STEP_CONFIG:
		n = describe_config(p, s, buf, size);
		break;
	case VN_STEP_BORROW:
		n = describe_vfs(t, &t->links[i], s->new != VN_NONE, buf, size);
		break;
	case VN_STEP_RUN:
		n = describe_run(t, i, s->new != VN_NONE, buf, size);
		break;
	}
	return n < 0 ? -EINVAL : (size_t)n >= size ? -ENOSPC : 0;
}

static const char *kind_word(enum vn_step_kind kind)
{
	static const char *const words[] = {
		[VN_STEP_NODE] = "node",       [VN_STEP_LINK] = "link",     [VN_STEP_CONFIG] = "config",
		[VN_STEP_DISC] = "discipline", [VN_STEP_RUN] = "container", [VN_STEP_BORROW] = "vf",
	};

	return words[kind];
}

struct cost {
	json_int_t namespaces, devices, kernel_bytes, time_ns;
};

static void add_cost(const struct vn_plan *p, const struct vn_step *s, struct cost *c)
{
	const int sign = s->new != VN_NONE ? 1 : -1;
	size_t routes;

	switch (s->kind) {
	case VN_STEP_NODE:
		c->namespaces += sign;
		c->kernel_bytes += sign * (json_int_t)NODE_BYTES;
		c->time_ns += sign > 0 ? NODE_NS : NODE_DELETE_NS;
		break;
	case VN_STEP_LINK:
		c->devices += sign * 2 * VN_DIRS;
		c->kernel_bytes += sign * (json_int_t)LINK_BYTES;
		c->time_ns += sign > 0 ? LINK_NS : LINK_DELETE_NS;
		break;
	case VN_STEP_DISC:
		c->time_ns += DISC_NS;
		break;
	case VN_STEP_CONFIG:
		routes = p->new->nodes[s->new].n_routes;
		if (s->old == VN_NONE)
			c->kernel_bytes += (json_int_t)(routes * ROUTE_BYTES);
		c->time_ns += (json_int_t)(CONFIG_NS + routes * ROUTE_NS);
		break;
	case VN_STEP_BORROW:
		c->time_ns += VF_NS;
		break;
	case VN_STEP_RUN:
		c->time_ns += sign > 0 ? RUN_NS : RUN_STOP_NS;
		break;
	}
}

json_t *vn_plan_to_json(const struct vn_plan *p)
{
	json_t *steps = json_array();
	struct cost c = {0};

	for (size_t i = 0; i < p->n_steps; i++) {
		const struct vn_step *s = &p->steps[i];
		const struct vn_topo *t = s->new != VN_NONE ? p->new : p->old;
		const size_t at = s->new != VN_NONE ? s->new : s->old;
		const bool link = s->kind == VN_STEP_LINK || s->kind == VN_STEP_DISC || s->kind == VN_STEP_BORROW;
		char text[4 * VN_DISC_TEXT_BUF + 1024];

		vn_step_describe(p, s, text, sizeof(text));
		add_cost(p, s, &c);
		if (json_array_append_new(steps,
					  json_pack("{s:s, s:s, s:s}", "kind", kind_word(s->kind), "object",
						    link ? t->links[at].name : t->nodes[at].name, "text", text)) < 0) {
			json_decref(steps);
			return NULL;
		}
	}
	return json_pack("{s:o, s:{s:I, s:I, s:I, s:I}}", "steps", steps, "cost", "namespaces", c.namespaces, "devices",
			 c.devices, "kernel_bytes", c.kernel_bytes, "time_ns", c.time_ns);
}
