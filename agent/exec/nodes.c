/* SPDX-License-Identifier: GPL-2.0-only */
/* Nodes: their namespaces, and what is configured inside. */
#include <fcntl.h>

#include <base/util.h>

#include "exec/exec_internal.h"
#include "exec/look.h"
#include "net/node_addr.h"
#include "net/neigh.h"
#include "net/netns.h"
#include "net/route.h"
#include "net/veth.h"

_Static_assert(VN_NETNS_NAME_MAX >= 2 * VN_NAME_MAX + 2, "topology, dot, node and NUL");

const char *vn_netns_name(char *buf, const char *topo, const char *node)
{
	snprintf(buf, VN_NETNS_NAME_MAX, "%s.%s", topo, node);
	return buf;
}

int vn_exec_forwarding(const struct vn_proc *p, bool on, struct vn_err *err)
{
	int r = vn_sysctl_write(p, "ipv4/ip_forward", on ? "1" : "0", err);

	return r < 0 ? r : vn_sysctl_write(p, "ipv6/conf/all/forwarding", on ? "1" : "0", err);
}

/* Paths need not be symmetric. */
static int no_rp_filter(const struct vn_proc *p, struct vn_err *err)
{
	int r = vn_sysctl_write(p, "ipv4/conf/all/rp_filter", "0", err);

	return r < 0 ? r : vn_sysctl_write(p, "ipv4/conf/default/rp_filter", "0", err);
}

/*
 * What goes far needs more than the kernel's own limit. IPv6 keeps one for each device: new ones take the default's,
 * those of @t that are there are told.
 */
static int hop_limit(const struct vn_proc *p, const struct vn_topo *t, const struct vn_node *node, struct vn_err *err)
{
	char value[8], path[64];
	int r;

	snprintf(value, sizeof(value), "%d", node->hop_limit ?: VN_HOPS_DEFAULT);
	r = vn_sysctl_write(p, "ipv4/ip_default_ttl", value, err);
	if (r == 0)
		r = vn_sysctl_write(p, "ipv6/conf/default/hop_limit", value, err);
	for (size_t i = 0; t && i < node->n_links && r == 0; i++) {
		const struct vn_port *port = &t->links[node->link_ids[i] / VN_DIRS].ports[node->link_ids[i] % VN_DIRS];

		/* One that the node has renamed or sent away keeps what it has. */
		snprintf(path, sizeof(path), "ipv6/conf/%s/hop_limit", port->ifname);
		vn_sysctl_write(p, path, value, NULL);
	}
	return r;
}

#define CONGESTION "ipv4/tcp_congestion_control"

/*
 * The default of TCP sockets that have not chosen one. The kernel lets a namespace other than the first have only what
 * the machine allows every user, whoever asks.
 */
static int congestion(const struct vn_proc *p, const struct vn_node *node, const char *name, struct vn_err *err)
{
	char allowed[128];
	struct vn_err why = {0};
	int r = vn_sysctl_write(p, CONGESTION, name, &why);

	if (r == -ENOENT)
		return vn_err(err, VN_EXIT_NOT_POSSIBLE, ENOENT,
			      "node %s: congestion: this kernel has no '%s': net.ipv4.tcp_available_congestion_control "
			      "lists what it has; others are modules (tcp_%s)",
			      node->name, name, name);
	vn_sysctl_read("ipv4/tcp_allowed_congestion_control", allowed, sizeof(allowed));
	if (r == -EPERM)
		return vn_err(err, VN_EXIT_NOT_POSSIBLE, EPERM,
			      "node %s: congestion: the kernel lets no namespace but the host's own have '%s': add it "
			      "to the host's net.ipv4.tcp_allowed_congestion_control (now: %s), or name one of those",
			      node->name, name, allowed);
	return r < 0 ? vn_err(err, why.exit, -r, "node %s: congestion: %s", node->name, why.text) : 0;
}

/*
 * A new namespace inherits the host's IPv4 settings: all that matters is said, not assumed. Set before there are
 * devices, because each of them would be walked.
 */
int vn_exec_node_sysctls(struct vn_proc *proc, const struct vn_node *node, bool foreign, struct vn_err *err)
{
	static const char *const settings[][2] = {
		/* The addresses are the topology's: usable at once, and nobody advertises others. */
		{"ipv6/conf/default/accept_dad", "0"},
		{"ipv6/conf/default/accept_ra", "0"},
	};
	/* docker turns IPv6 off in networks that it knows no IPv6 of. */
	static const char *const ipv6_on[][2] = {
		{"ipv6/conf/default/disable_ipv6", "0"},
		{"ipv6/conf/lo/disable_ipv6", "0"},
	};
	int r;

	vn_proc_visit(proc);
	r = vn_exec_forwarding(proc, node->forward, err);
	if (r == 0)
		r = no_rp_filter(proc, err);
	for (size_t i = 0; i < VN_ARRAY_SIZE(settings) && r == 0; i++)
		r = vn_sysctl_write(proc, settings[i][0], settings[i][1], err);
	for (size_t i = 0; foreign && i < VN_ARRAY_SIZE(ipv6_on) && r == 0; i++)
		r = vn_sysctl_write(proc, ipv6_on[i][0], ipv6_on[i][1], err);
	if (r == 0 && node->hop_limit)
		r = hop_limit(proc, NULL, node, err);
	if (r == 0 && *node->congestion)
		r = congestion(proc, node, node->congestion, err);
	return r;
}

struct new_node {
	struct vn_proc *proc;
	const struct vn_node *node;
};

static int inside_new(void *arg, struct vn_err *err)
{
	const struct new_node *n = arg;

	return vn_exec_node_sysctls(n->proc, n->node, false, err);
}

/* Mending: one that is there is kept, its settings are said again. */
static int adopt_node(struct vn_exec *x, const struct vn_node *node, int fd)
{
	int r = vn_netns_enter(fd);

	if (r == 0) {
		r = vn_exec_node_sysctls(&x->proc, node, vn_node_is_foreign(node), x->err);
		vn_netns_leave(x->f->home.host_netns_fd);
	}
	return r;
}

/* The namespace of a docker node is that of its sandbox: named, and given its settings. */
static int sandbox_node(struct vn_exec *x, size_t i, const char *name)
{
	cleanup_close int fd = -EBADF;
	int r = vn_exec_sandbox(x, i, &fd);

	if (r < 0)
		return r;
	if (x->mending)
		vn_netns_delete(name, NULL);
	r = vn_netns_bind(fd, name, x->err);
	if (r == 0) {
		r = adopt_node(x, &x->new->nodes[i], fd);
		if (r < 0)
			vn_netns_delete(name, NULL);
	}
	if (r < 0)
		vn_exec_sandbox_stop(x, x->new, i);
	return r;
}

int vn_exec_nodes_create(struct vn_exec *x, struct vn_step *steps, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct vn_node *node = &x->new->nodes[steps[i].new];
		struct new_node fresh = {&x->proc, node};
		cleanup_close int there = -EBADF;
		char name[VN_NETNS_NAME_MAX];
		int r;

		vn_netns_name(name, x->new->name, node->name);
		if (x->mending)
			there = vn_netns_open(name);
		if (there >= 0 && !vn_node_has(node, VN_NODE_SANDBOX))
			r = adopt_node(x, node, there);
		else if (vn_node_has(node, VN_NODE_SANDBOX))
			r = sandbox_node(x, steps[i].new, name);
		else {
			if (vn_node_has(node, VN_NODE_ATTACHED))
				vn_exec_attached_forget(x->f, x->new, steps[i].new);
			r = vn_netns_create(x->f->home.host_netns_fd, name,
					    node->privileged ? VN_NETNS_MACHINE : VN_NETNS_OWN, inside_new, &fresh,
					    x->err);
		}
		if (r < 0)
			return vn_err_kernel(x->err, -r, "node %s: %s", node->name, strerror(-r));
		steps[i].done = true;
		vn_exec_tick(x, i + 1);
	}
	return 0;
}

int vn_exec_nodes_delete(struct vn_exec *x, struct vn_step *steps, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char name[VN_NETNS_NAME_MAX];
		int r;

		steps[i].done = true;
		r = vn_netns_delete(vn_netns_name(name, x->old->name, x->old->nodes[steps[i].old].name), x->err);
		if (r == 0 && vn_node_has(&x->old->nodes[steps[i].old], VN_NODE_SANDBOX))
			r = vn_exec_sandbox_stop(x, x->old, steps[i].old);
		if (vn_node_has(&x->old->nodes[steps[i].old], VN_NODE_ATTACHED))
			vn_exec_attached_forget(x->f, x->old, steps[i].old);
		if (r < 0)
			return r;
		vn_exec_tick(x, i + 1);
	}
	return 0;
}

int vn_exec_node_fd(struct vn_exec *x, size_t i, int *ret_fd)
{
	const struct vn_node *node = &x->new->nodes[i];
	char name[VN_NETNS_NAME_MAX];

	if (x->node_fds[i] < 0) {
		int fd = vn_netns_open(vn_netns_name(name, x->new->name, node->name));

		if (fd < 0)
			return vn_err_kernel(x->err, -fd, "node %s: namespace %s: %s", node->name, name, strerror(-fd));
		x->node_fds[i] = fd;
		x->open_nodes[x->n_open_nodes++] = i;
	}
	*ret_fd = x->node_fds[i];
	return 0;
}

/* A port of the node as it was, found by number. */
struct port_ref {
	uint32_t number;
	const struct vn_port *port;
};

/* One node being configured: from @a (NULL: nothing is there) to @b. */
struct config {
	struct vn_exec *x;
	struct vn_nl *nl;
	const struct vn_node *a, *b;
	/* What of @b the node lacks, when it is not what @a says; otherwise NULL. Of ports as of @b. */
	const struct vn_drift *drift;
	struct port_ref *old_ports; /* sorted by number */
	size_t n_old_ports;
	bool all4, all6; /* set every route, whether it differs or not */
};

static const struct vn_port *node_port(const struct vn_topo *t, const struct vn_node *n, size_t i)
{
	return &t->links[n->link_ids[i] / VN_DIRS].ports[n->link_ids[i] % VN_DIRS];
}

static int cmp_port_ref(const void *a, const void *b)
{
	const struct port_ref *x = a, *y = b;

	return x->number < y->number ? -1 : x->number > y->number;
}

static int index_old_ports(struct config *c)
{
	if (!c->a || !c->a->n_links)
		return 0;
	c->old_ports = calloc(c->a->n_links, sizeof(*c->old_ports));
	if (!c->old_ports)
		return -ENOMEM;
	for (size_t i = 0; i < c->a->n_links; i++) {
		const struct vn_port *port = node_port(c->x->old, c->a, i);

		c->old_ports[c->n_old_ports++] = (struct port_ref){port->number, port};
	}
	qsort(c->old_ports, c->n_old_ports, sizeof(*c->old_ports), cmp_port_ref);
	return 0;
}

/* The port as it stands on the same device, NULL when the device is new. */
static const struct vn_port *old_port(const struct config *c, const struct vn_port *port, size_t link)
{
	const struct port_ref key = {.number = port->number};
	const struct port_ref *ref;

	if (c->x->new_link_made[link] || !c->n_old_ports)
		return NULL;
	ref = bsearch(&key, c->old_ports, c->n_old_ports, sizeof(key), cmp_port_ref);
	return ref ? ref->port : NULL;
}

static bool addr_equal(const struct vn_addr *a, const struct vn_addr *b)
{
	return a->family == b->family && (!a->family || (a->plen == b->plen && !memcmp(a->bytes, b->bytes, 16)));
}

static void put_addr(const struct config *c, uint32_t ifindex, const struct vn_addr *was, const struct vn_addr *is,
		     bool missing)
{
	if (is->family && (c->x->mending || missing || !was || !addr_equal(was, is)))
		vn_addr_add(c->nl, ifindex, is);
}

static void drop_addr(const struct config *c, uint32_t ifindex, const struct vn_addr *was, const struct vn_addr *is)
{
	if (was->family && !addr_equal(was, is))
		vn_addr_del(c->nl, ifindex, was);
}

static void config_lo(struct config *c)
{
	static const struct vn_addr none;
	const struct vn_addr *a4 = c->a ? &c->a->lo4 : &none, *a6 = c->a ? &c->a->lo6 : &none;
	const uint16_t drift = c->drift ? c->drift->lo.bits : 0;

	if (!c->a || c->x->mending || drift & VN_DRIFT_DOWN)
		vn_link_up(c->nl, VN_IFINDEX_LO);
	put_addr(c, VN_IFINDEX_LO, a4, &c->b->lo4, drift & VN_DRIFT_IP4);
	put_addr(c, VN_IFINDEX_LO, a6, &c->b->lo6, drift & VN_DRIFT_IP6);
	drop_addr(c, VN_IFINDEX_LO, a4, &c->b->lo4);
	drop_addr(c, VN_IFINDEX_LO, a6, &c->b->lo6);
	/* The kernel removes routes whose preferred source goes. */
	c->all4 = !c->a || c->x->mending || !addr_equal(a4, &c->b->lo4);
	c->all6 = !c->a || c->x->mending || !addr_equal(a6, &c->b->lo6);
}

/* The other end of the link, while nothing but its MAC can come from there. */
static void config_neighbour(const struct config *c, uint32_t ifindex, const struct vn_port *peer)
{
	if (peer->isolation == VN_ISOLATION_OFF)
		return;
	if (peer->ip4.family)
		vn_neigh_set(c->nl, ifindex, &peer->ip4, peer->mac);
	if (peer->ip6.family)
		vn_neigh_set(c->nl, ifindex, &peer->ip6, peer->mac);
}

/* What a device is again before its addresses and routes can be. */
static void mend_device(const struct config *c, const struct vn_link *l, const struct vn_port *port, uint16_t drift)
{
	const uint32_t ifindex = VN_IFINDEX_NODE + port->number;

	if (drift & VN_DRIFT_NAME)
		vn_link_rename(c->nl, ifindex, port->ifname);
	if (drift & VN_DRIFT_MTU)
		vn_link_set_mtu(c->nl, ifindex, l->mtu);
	if (drift & VN_DRIFT_MAC)
		vn_link_set_mac(c->nl, ifindex, port->mac);
}

/* Addresses are added before any is removed: a device without one would lose its routes. */
static void config_ports(struct config *c)
{
	for (size_t i = 0; i < c->b->n_links; i++) {
		const uint16_t drift = c->drift ? c->drift->ports[i].bits : 0;
		const size_t link = c->b->link_ids[i] / VN_DIRS;
		const struct vn_port *is = node_port(c->x->new, c->b, i), *was = old_port(c, is, link);
		const struct vn_port *peer = &c->x->new->links[link].ports[!(c->b->link_ids[i] % VN_DIRS)];
		const uint32_t ifindex = VN_IFINDEX_NODE + is->number;

		if (!vn_port_has(is, VN_TRAIT_NETDEV))
			continue;
		c->nl->tag = c->b->link_ids[i];
		mend_device(c, &c->x->new->links[link], is, drift);
		if (!was || c->x->mending || drift & VN_DRIFT_DOWN)
			vn_link_up(c->nl, ifindex);
		put_addr(c, ifindex, was ? &was->ip4 : NULL, &is->ip4, drift & VN_DRIFT_IP4);
		put_addr(c, ifindex, was ? &was->ip6 : NULL, &is->ip6, drift & VN_DRIFT_IP6);
		if (was) {
			drop_addr(c, ifindex, &was->ip4, &is->ip4);
			drop_addr(c, ifindex, &was->ip6, &is->ip6);
		}
		if (drift & VN_DRIFT_NET4)
			vn_route_network(c->nl, ifindex, &is->ip4);
		if (drift & VN_DRIFT_NET6)
			vn_route_network(c->nl, ifindex, &is->ip6);
		config_neighbour(c, ifindex, peer);
	}
}

static int cmp_route(const struct vn_route *a, const struct vn_route *b)
{
	int d;

	if (a->dst.family != b->dst.family)
		return a->dst.family < b->dst.family ? -1 : 1;
	d = memcmp(a->dst.bytes, b->dst.bytes, sizeof(a->dst.bytes));
	return d ?: (int)a->dst.plen - (int)b->dst.plen;
}

static const struct vn_port *route_port(const struct vn_topo *t, const struct vn_route *r)
{
	return &t->links[r->link].ports[r->side];
}

/* The kernel has it exactly so: same way, over a device and an address that stayed. */
static bool route_stands(const struct config *c, const struct vn_route *was, const struct vn_route *is)
{
	const struct vn_port *port, *before;

	if (c->drift && c->drift->route_missing && c->drift->route_missing[is - c->b->routes])
		return false;
	if ((is->dst.family == AF_INET ? c->all4 : c->all6) || !addr_equal(&was->gw, &is->gw))
		return false;
	if (!is->gw.family)
		return true;
	port = route_port(c->x->new, is);
	before = old_port(c, port, is->link);
	return before == route_port(c->x->old, was) && addr_equal(&before->ip4, &port->ip4) &&
	       addr_equal(&before->ip6, &port->ip6);
}

static void set_route(const struct config *c, const struct vn_route *is)
{
	const struct vn_addr *src = is->dst.family == AF_INET ? &c->b->lo4 : &c->b->lo6;
	uint32_t oif = is->gw.family ? VN_IFINDEX_NODE + route_port(c->x->new, is)->number : 0;

	/* Whoever has the VF has its own routes. */
	if (is->gw.family && !vn_port_has(route_port(c->x->new, is), VN_TRAIT_NETDEV))
		return;
	vn_route_replace(c->nl, is, oif, src);
}

static void drop_route(const struct config *c, const struct vn_route *was)
{
	uint32_t oif = was->gw.family ? VN_IFINDEX_NODE + route_port(c->x->old, was)->number : 0;

	if (was->gw.family && !vn_port_has(route_port(c->x->old, was), VN_TRAIT_NETDEV))
		return;
	vn_route_del(c->nl, was, oif);
}

/* Both lists are sorted: one walk. First every route that is to be, then those that are no longer. */
static void config_routes(struct config *c)
{
	const size_t n_old = c->a ? c->a->n_routes : 0, n_new = c->b->n_routes;

	for (int dropping = 0; dropping < 2; dropping++)
		for (size_t i = 0, j = 0; i < n_old || j < n_new;) {
			int d = i == n_old ? 1 : j == n_new ? -1 : cmp_route(&c->a->routes[i], &c->b->routes[j]);

			if (dropping && d < 0)
				drop_route(c, &c->a->routes[i]);
			else if (!dropping &&
				 (d > 0 || (d == 0 && !route_stands(c, &c->a->routes[i], &c->b->routes[j]))))
				set_route(c, &c->b->routes[j]);
			i += d <= 0;
			j += d >= 0;
		}
}

static int write_settings(const struct config *c)
{
	struct vn_proc *proc = &c->x->proc;
	char path[64];
	int r;

	vn_proc_visit(proc);
	r = vn_exec_forwarding(proc, c->b->forward, c->x->err);
	if (!c->drift || r < 0)
		return r;
	if (c->drift->bits & VN_DRIFT_RP_FILTER)
		r = no_rp_filter(proc, c->x->err);
	if (r == 0 && c->drift->lo.bits & VN_DRIFT_NO_IPV6)
		r = vn_sysctl_write(proc, "ipv6/conf/lo/disable_ipv6", "0", c->x->err);
	for (size_t i = 0; i < c->b->n_links && r == 0; i++) {
		const struct vn_device_drift *d = &c->drift->ports[i];

		/* Below IPv6's least MTU there is no such file; the MTU comes first then, and this the next time. */
		if (!(d->bits & VN_DRIFT_NO_IPV6) || d->bits & VN_DRIFT_MTU)
			continue;
		snprintf(path, sizeof(path), "ipv6/conf/%s/disable_ipv6", d->ifname);
		r = vn_sysctl_write(proc, path, "0", c->x->err);
	}
	return r;
}

/* A device that comes into a node whose root has turned IPv6 off for new ones is to have its addresses all the same. */
static void ipv6_on_new_ports(const struct config *c)
{
	char path[64];

	vn_proc_visit(&c->x->proc);
	for (size_t i = 0; i < c->b->n_links; i++) {
		const struct vn_port *is = node_port(c->x->new, c->b, i);

		if (!is->ip6.family || (!c->x->mending && old_port(c, is, c->b->link_ids[i] / VN_DIRS)))
			continue;
		/* Where that is not possible, adding the address says why. */
		snprintf(path, sizeof(path), "ipv6/conf/%s/disable_ipv6", is->ifname);
		vn_sysctl_write(&c->x->proc, path, "0", NULL);
	}
}

/* The socket of the node, and the settings that only /proc has. One made by this run has them already. */
static int enter_node(const struct config *c, int fd)
{
	char host[VN_CONGESTION_MAX + 1];
	int r;

	/* What a node has that names none: read while the thread is still in the host's namespace. */
	vn_sysctl_read(CONGESTION, host, sizeof(host));
	r = vn_netns_enter(fd);

	if (r < 0)
		return vn_err_kernel(c->x->err, -r, "node %s: entering its namespace: %s", c->b->name, strerror(-r));
	r = vn_nl_open(c->nl, c->x->err);
	if (r == 0 && c->a && (c->x->mending || c->drift || c->a->forward != c->b->forward))
		r = write_settings(c);
	if (r == 0 && c->a && (c->a->hop_limit != c->b->hop_limit || (c->x->mending && c->b->hop_limit))) {
		vn_proc_visit(&c->x->proc);
		r = hop_limit(&c->x->proc, c->x->new, c->b, c->x->err);
	}
	if (r == 0 && c->a && strcmp(c->a->congestion, c->b->congestion) != 0) {
		vn_proc_visit(&c->x->proc);
		r = congestion(&c->x->proc, c->b, *c->b->congestion ? c->b->congestion : host, c->x->err);
	}
	if (r == 0 && c->a)
		ipv6_on_new_ports(c);
	vn_netns_leave(c->x->f->home.host_netns_fd);
	return r;
}

/* What the node has now, compared with what it is to have. */
static int look_at(const struct config *c, size_t node, struct vn_drift *ret_drift)
{
	cleanup_node_seen struct vn_node_seen seen = {.nsid = -1};
	int r = vn_look_node(&c->x->look, c->x->f, c->x->new, node, &seen);

	if (r == 0)
		r = vn_drift_make(c->x->new, node, &seen, ret_drift);
	return r < 0 ? vn_err_kernel(c->x->err, -r, "node %s: looking into it: %s", c->b->name, strerror(-r)) : 0;
}

static bool has_drift(const struct vn_drift *d, uint16_t bit)
{
	for (size_t i = 0; i < d->n_ports; i++)
		if (d->ports[i].bits & bit)
			return true;
	return false;
}

/* Before Linux 6.2 a device that is up keeps its name: it goes down for a moment, and loses what it had there. */
static int rename_ports(const struct config *c, const struct vn_drift *d)
{
	for (size_t i = 0; i < c->b->n_links; i++) {
		const struct vn_port *port = node_port(c->x->new, c->b, i);
		const uint32_t ifindex = VN_IFINDEX_NODE + port->number;

		if (!(d->ports[i].bits & VN_DRIFT_NAME) || d->ports[i].name_taken)
			continue;
		c->nl->tag = c->b->link_ids[i];
		vn_link_rename(c->nl, ifindex, port->ifname);
	}
	return vn_nl_flush(c->nl);
}

static int rename_down(const struct config *c, const struct vn_drift *d)
{
	for (size_t i = 0; i < c->b->n_links; i++)
		if (d->ports[i].bits & VN_DRIFT_NAME && !d->ports[i].name_taken)
			vn_link_down(c->nl, VN_IFINDEX_NODE + node_port(c->x->new, c->b, i)->number);
	return rename_ports(c, d);
}

/* The drift of a node that is to be mended: names first, because that may cost what else is there. */
static int find_drift(const struct config *c, size_t node, int fd, struct vn_drift *ret_drift)
{
	int r = look_at(c, node, ret_drift);

	for (int i = 0; i < 2 && r == 0 && has_drift(ret_drift, VN_DRIFT_NAME); i++) {
		r = vn_home_nl_open(&c->x->f->home, fd, c->nl, c->x->err);
		if (r == 0)
			r = i ? rename_down(c, ret_drift) : rename_ports(c, ret_drift);
		vn_drift_release(ret_drift);
		if (r == 0)
			r = look_at(c, node, ret_drift);
	}
	return r;
}

/*
 * A device that the node's own root takes away, moves or sets down while it is being configured is no failure of ours,
 * and does not stop what else is to be done: it is drift, seen by the next look.
 */
static int note_interference(void *arg, uint64_t tag, int error)
{
	return error == ENODEV || error == ENETDOWN || error == ENETUNREACH || error == EHOSTUNREACH ? 0 : -error;
}

static int config_node(struct vn_exec *x, const struct vn_step *s)
{
	struct config c = {
		.x = x,
		.nl = &x->node_nl,
		.a = s->old == VN_NONE ? NULL : &x->old->nodes[s->old],
		.b = &x->new->nodes[s->new],
	};
	cleanup_drift struct vn_drift drift = {0};
	int fd = -EBADF, r = vn_exec_node_fd(x, s->new, &fd);

	if (r == 0 && s->drift && c.a) {
		r = find_drift(&c, s->new, fd, &drift);
		c.drift = drift.any ? &drift : NULL;
	}
	if (r == 0)
		r = enter_node(&c, fd);
	if (r == 0)
		r = index_old_ports(&c);
	if (r == 0) {
		c.nl->tag = VN_TAG_NODE | s->new;
		c.nl->on_error = c.a || x->mending ? note_interference : NULL;
		config_lo(&c);
		config_ports(&c);
		c.nl->tag = VN_TAG_NODE | s->new;
		config_routes(&c);
		r = vn_nl_flush(c.nl);
	}
	free(c.old_ports);
	return r;
}

int vn_exec_configs(struct vn_exec *x, struct vn_step *steps, size_t n)
{
	int first = 0;

	for (size_t i = 0; i < n; i++) {
		int r;

		steps[i].done = true;
		/* Undone for a node that goes: nothing to do, it takes its configuration along. */
		if (steps[i].new == VN_NONE)
			continue;
		r = config_node(x, &steps[i]);
		if (r < 0 && !x->mending)
			return r;
		first = first ?: r;
		vn_exec_tick(x, i + 1);
	}
	return first;
}
