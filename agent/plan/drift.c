// SPDX-License-Identifier: GPL-2.0-only
#include "plan/drift.h"

#include <stdarg.h>
#include <stdlib.h>

#include <abi/ifindex.h>
#include <base/util.h>

static void device_release(struct vn_device_seen *d)
{
	free(d->addrs);
}

void vn_node_seen_release(struct vn_node_seen *s)
{
	device_release(&s->lo);
	for (size_t i = 0; i < s->n_ports; i++)
		device_release(&s->ports[i]);
	free(s->ports);
	free(s->routes);
	*s = (struct vn_node_seen){.nsid = -1};
}

void vn_drift_release(struct vn_drift *d)
{
	free(d->ports);
	free(d->route_missing);
	*d = (struct vn_drift){0};
}

static const struct vn_port *port_of(const struct vn_topo *t, const struct vn_node *n, size_t i)
{
	return &t->links[n->link_ids[i] / VN_DIRS].ports[n->link_ids[i] % VN_DIRS];
}

static const struct vn_port *peer_of(const struct vn_topo *t, const struct vn_node *n, size_t i)
{
	return &t->links[n->link_ids[i] / VN_DIRS].ports[!(n->link_ids[i] % VN_DIRS)];
}

static bool same_addr(const struct vn_addr *a, const struct vn_addr *b)
{
	return a->family == b->family && a->plen == b->plen &&
	       memcmp(a->bytes, b->bytes, a->family == AF_INET ? 4 : 16) == 0;
}

static bool has_addr(const struct vn_device_seen *d, const struct vn_addr *wished)
{
	for (size_t i = 0; i < d->n_addrs; i++)
		if (same_addr(&d->addrs[i], wished))
			return true;
	return false;
}

static uint16_t missing_addrs(const struct vn_node_seen *seen, const struct vn_device_seen *d,
			      const struct vn_addr *ip4, const struct vn_addr *ip6)
{
	uint16_t bits = 0;

	if (ip4->family && !has_addr(d, ip4) && !seen->too_many)
		bits |= VN_DRIFT_IP4;
	if (ip6->family && !has_addr(d, ip6) && !seen->too_many)
		bits |= VN_DRIFT_IP6;
	return bits;
}

static bool knows_peer(const struct vn_neigh_seen *n, const struct vn_port *peer)
{
	return n->there && n->permanent && memcmp(n->mac, peer->mac, sizeof(n->mac)) == 0;
}

/* Of an address that is missing, or on a device that is down, nothing else is to be expected. */
static uint16_t missing_networks(const struct vn_node_seen *node, const struct vn_device_seen *seen, uint16_t bits,
				 const struct vn_port *wished)
{
	uint16_t more = 0;

	if (node->too_many || bits & VN_DRIFT_DOWN)
		return 0;
	if (wished->ip4.family && wished->ip4.plen < 32 && !(bits & VN_DRIFT_IP4) && !seen->net4)
		more |= VN_DRIFT_NET4;
	if (wished->ip6.family && wished->ip6.plen < 128 && !(bits & VN_DRIFT_IP6) && !seen->net6)
		more |= VN_DRIFT_NET6;
	return more;
}

static struct vn_device_drift port_drift(const struct vn_link *l, const struct vn_port *wished,
					 const struct vn_port *peer, const struct vn_node_seen *node,
					 const struct vn_device_seen *seen)
{
	struct vn_device_drift d = {.mtu = seen->mtu, .name_taken = seen->name_taken};

	if (!vn_port_has(wished, VN_TRAIT_NETDEV))
		return d;
	memcpy(d.mac, seen->mac, sizeof(d.mac));
	snprintf(d.ifname, sizeof(d.ifname), "%s", seen->ifname);
	if (!seen->there || seen->away) {
		d.bits = VN_DRIFT_AWAY;
		return d;
	}
	if (!(seen->flags & IFF_UP))
		d.bits |= VN_DRIFT_DOWN;
	if (strcmp(seen->ifname, wished->ifname) != 0)
		d.bits |= VN_DRIFT_NAME;
	/* A borrowed device's are its owner's to set and to guard. */
	if (vn_port_has(wished, VN_TRAIT_PAIR) && seen->mtu != l->mtu)
		d.bits |= VN_DRIFT_MTU;
	if (vn_port_has(wished, VN_TRAIT_PAIR) && memcmp(seen->mac, wished->mac, sizeof(seen->mac)) != 0)
		d.bits |= VN_DRIFT_MAC;
	if (wished->ip6.family && seen->ipv6_off)
		d.bits |= VN_DRIFT_NO_IPV6;
	d.bits |= missing_addrs(node, seen, &wished->ip4, &wished->ip6);
	d.bits |= missing_networks(node, seen, d.bits, wished);
	if (peer->isolation != VN_ISOLATION_OFF) {
		if (peer->ip4.family && !knows_peer(&seen->neigh4, peer))
			d.bits |= VN_DRIFT_NEIGH4;
		if (peer->ip6.family && !knows_peer(&seen->neigh6, peer))
			d.bits |= VN_DRIFT_NEIGH6;
	}
	return d;
}

static int cmp_dst(const struct vn_addr *a, const struct vn_addr *b)
{
	int d = (int)a->family - (int)b->family;

	d = d ?: memcmp(a->bytes, b->bytes, sizeof(a->bytes));
	return d ?: (int)a->plen - (int)b->plen;
}

static int cmp_route_seen(const void *a, const void *b)
{
	const struct vn_route_seen *x = a, *y = b;

	return cmp_dst(&x->dst, &y->dst);
}

/* There may be several to one destination: the node's root can use our number, too. */
static bool has_route(const struct vn_node_seen *seen, const struct vn_topo *t, const struct vn_node *n,
		      const struct vn_route *wished)
{
	const struct vn_addr *src = wished->dst.family == AF_INET ? &n->lo4 : &n->lo6;
	const uint32_t oif =
		wished->gw.family ? VN_IFINDEX_NODE + t->links[wished->link].ports[wished->side].number : 0;
	size_t low = 0, high = seen->n_routes;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (cmp_dst(&seen->routes[mid].dst, &wished->dst) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < seen->n_routes && cmp_dst(&seen->routes[low].dst, &wished->dst) == 0; low++) {
		const struct vn_route_seen *r = &seen->routes[low];

		if (r->gw.family != wished->gw.family)
			continue;
		if (!wished->gw.family)
			return true;
		/* IPv6 routes outlive the address that they prefer, without it. */
		if (r->oif == oif && memcmp(r->gw.bytes, wished->gw.bytes, sizeof(r->gw.bytes)) == 0 &&
		    r->src.family == src->family && memcmp(r->src.bytes, src->bytes, sizeof(src->bytes)) == 0)
			return true;
	}
	return false;
}

static struct vn_device_drift *drift_of_port(const struct vn_node *n, struct vn_drift *d, size_t link, int side)
{
	for (size_t i = 0; d->ports && i < n->n_links; i++)
		if (n->link_ids[i] == link * VN_DIRS + (size_t)side)
			return &d->ports[i];
	return NULL;
}

static int compare_routes(const struct vn_topo *t, const struct vn_node *n, const struct vn_node_seen *seen,
			  struct vn_drift *d)
{
	for (size_t i = 0; i < n->n_routes && !seen->too_many; i++) {
		const struct vn_route *r = &n->routes[i];
		struct vn_device_drift *port;

		/* Whoever has the VF has its own routes. */
		if (r->gw.family && !vn_port_has(&t->links[r->link].ports[r->side], VN_TRAIT_NETDEV))
			continue;
		if (has_route(seen, t, n, r))
			continue;
		if (!d->route_missing)
			d->route_missing = calloc(n->n_routes, sizeof(*d->route_missing));
		if (!d->route_missing)
			return -ENOMEM;
		d->route_missing[i] = true;
		d->n_missing++;
		port = r->gw.family ? drift_of_port(n, d, r->link, r->side) : NULL;
		if (port && port->routes < UINT16_MAX)
			port->routes++;
	}
	return 0;
}

/* Forwarding that nobody asked for is the node's own: its routing daemon's, as a rule. */
static uint8_t node_bits(const struct vn_node *n, const struct vn_node_seen *seen)
{
	uint8_t bits = 0;

	if (n->forward && (!seen->forward4 || !seen->forward6))
		bits |= VN_DRIFT_FORWARD;
	if (n->forward_opt == 0 && (seen->forward4 || seen->forward6))
		bits |= VN_DRIFT_FORWARD;
	if (seen->rp_filter)
		bits |= VN_DRIFT_RP_FILTER;
	return bits;
}

int vn_drift_make(const struct vn_topo *t, size_t node, const struct vn_node_seen *seen, struct vn_drift *ret_drift)
{
	const struct vn_node *n = &t->nodes[node];
	cleanup_drift struct vn_drift d = {0};

	if (!seen->looked || seen->n_ports != n->n_links) {
		*ret_drift = d;
		return 0;
	}
	d.bits = node_bits(n, seen);
	if (!(seen->lo.flags & IFF_UP))
		d.lo.bits |= VN_DRIFT_DOWN;
	if (n->lo6.family && seen->lo.ipv6_off)
		d.lo.bits |= VN_DRIFT_NO_IPV6;
	d.lo.bits |= missing_addrs(seen, &seen->lo, &n->lo4, &n->lo6);
	d.any = d.bits || d.lo.bits;
	d.n_ports = n->n_links;
	d.ports = calloc(n->n_links ?: 1, sizeof(*d.ports));
	if (!d.ports)
		return -ENOMEM;
	for (size_t i = 0; i < n->n_links; i++) {
		d.ports[i] = port_drift(&t->links[n->link_ids[i] / VN_DIRS], port_of(t, n, i), peer_of(t, n, i), seen,
					&seen->ports[i]);
		d.any |= d.ports[i].bits;
	}
	if (seen->n_routes)
		qsort(seen->routes, seen->n_routes, sizeof(*seen->routes), cmp_route_seen);
	if (compare_routes(t, n, seen, &d) < 0)
		return -ENOMEM;
	d.any |= d.n_missing;
	if (!d.any)
		vn_drift_release(&d);
	*ret_drift = d;
	d = (struct vn_drift){0};
	return 0;
}

bool vn_drift_is_mendable(const struct vn_drift *d)
{
	size_t of_the_lost = 0;

	if (!d->any || d->bits || d->lo.bits)
		return d->any;
	for (size_t i = 0; i < d->n_ports; i++) {
		if (d->ports[i].bits & ~VN_DRIFT_AWAY)
			return true;
		if (d->ports[i].bits & VN_DRIFT_AWAY)
			of_the_lost += d->ports[i].routes;
	}
	return d->n_missing > of_the_lost;
}

struct text {
	char *buf;
	size_t len;
	bool full;
};

#define MORE ", and more"

VN_PRINTF(2, 3) static void say(struct text *t, const char *fmt, ...)
{
	char one[96];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(one, sizeof(one), fmt, ap);
	va_end(ap);
	if (t->full || n < 0)
		return;
	if (t->len + (size_t)n + 2 + sizeof(MORE) >= VN_DRIFT_TEXT) {
		t->len += (size_t)snprintf(t->buf + t->len, VN_DRIFT_TEXT - t->len, MORE);
		t->full = true;
		return;
	}
	t->len += (size_t)snprintf(t->buf + t->len, VN_DRIFT_TEXT - t->len, "%s%s", t->len ? ", " : "", one);
}

static void say_count(struct text *t, size_t n, const char *one, const char *many)
{
	if (n)
		say(t, "%zu %s missing", n, n == 1 ? one : many);
}

static size_t count_bits(uint16_t bits, uint16_t which)
{
	return (size_t)__builtin_popcount(bits & which);
}

static void say_device(struct text *t, const char *name, const struct vn_device_drift *d)
{
	if (d->bits & VN_DRIFT_AWAY)
		say(t, "%s gone", name);
	if (d->bits & VN_DRIFT_NAME)
		say(t, "%s is named %s%s", name, d->ifname, d->name_taken ? " and another device has its name" : "");
	if (d->bits & VN_DRIFT_DOWN)
		say(t, "%s down", name);
	if (d->bits & VN_DRIFT_MTU)
		say(t, "%s MTU %u", name, d->mtu);
	if (d->bits & VN_DRIFT_MAC)
		say(t, "%s MAC %02x:%02x:%02x:%02x:%02x:%02x", name, d->mac[0], d->mac[1], d->mac[2], d->mac[3],
		    d->mac[4], d->mac[5]);
	if (d->bits & VN_DRIFT_NO_IPV6)
		say(t, "%s without IPv6", name);
}

const char *vn_drift_format(const struct vn_topo *t, size_t node, const struct vn_drift *d, size_t link,
			    char buf[VN_DRIFT_TEXT])
{
	const struct vn_node *n = &t->nodes[node];
	const uint16_t addrs = VN_DRIFT_IP4 | VN_DRIFT_IP6, neighs = VN_DRIFT_NEIGH4 | VN_DRIFT_NEIGH6,
		       nets = VN_DRIFT_NET4 | VN_DRIFT_NET6;
	size_t n_addrs = 0, n_neighs = 0, n_routes = d->n_missing;
	struct text text = {.buf = buf};

	*buf = '\0';
	if (link != VN_DRIFT_ALL)
		n_routes = 0;
	else
		n_addrs = count_bits(d->lo.bits, addrs), say_device(&text, "lo", &d->lo);
	for (size_t i = 0; i < d->n_ports; i++) {
		if (link != VN_DRIFT_ALL && n->link_ids[i] / VN_DIRS != link)
			continue;
		say_device(&text, port_of(t, n, i)->ifname, &d->ports[i]);
		n_addrs += count_bits(d->ports[i].bits, addrs);
		n_neighs += count_bits(d->ports[i].bits, neighs);
		n_routes += count_bits(d->ports[i].bits, nets);
		if (link != VN_DRIFT_ALL)
			n_routes += d->ports[i].routes;
	}
	say_count(&text, n_addrs, "address", "addresses");
	say_count(&text, n_routes, "route", "routes");
	say_count(&text, n_neighs, "neighbour", "neighbours");
	if (link == VN_DRIFT_ALL && d->bits & VN_DRIFT_FORWARD)
		say(&text, n->forward ? "forwarding off" : "forwarding on");
	if (link == VN_DRIFT_ALL && d->bits & VN_DRIFT_RP_FILTER)
		say(&text, "rp_filter on");
	return buf;
}
