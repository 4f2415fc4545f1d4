// SPDX-License-Identifier: GPL-2.0-only
/* Wished and seen: each way in which a node can differ, in words and as steps; and what is the node's own business. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <abi/ifindex.h>
#include <base/util.h>

#include "plan/drift.h"
#include "plan/plan.h"
#include "topo_text.h"

static const char line[] = "name: t\n"
			   "nodes: {a: {}, b: {}, c: {forward: false}}\n"
			   "links:\n"
			   "  ab: {endpoints: [a:eth0, b:eth0]}\n"
			   "  bc: {endpoints: [b:eth1, c:eth0]}\n";

enum { A, B, C };

static void add_addr(struct vn_device_seen *d, const struct vn_addr *a)
{
	if (!a->family)
		return;
	d->addrs = reallocarray(d->addrs, d->n_addrs + 1, sizeof(*d->addrs));
	assert_non_null(d->addrs);
	d->addrs[d->n_addrs++] = *a;
}

static void know(struct vn_neigh_seen *n, const struct vn_port *peer)
{
	n->there = n->permanent = true;
	memcpy(n->mac, peer->mac, sizeof(n->mac));
}

static void see_port(struct vn_device_seen *d, const struct vn_link *l, int side)
{
	const struct vn_port *port = &l->ports[side], *peer = &l->ports[!side];

	d->there = true;
	d->flags = IFF_UP;
	d->mtu = l->mtu;
	d->net4 = d->net6 = true;
	memcpy(d->mac, port->mac, sizeof(d->mac));
	snprintf(d->ifname, sizeof(d->ifname), "%s", port->ifname);
	add_addr(d, &port->ip4);
	add_addr(d, &port->ip6);
	know(&d->neigh4, peer);
	know(&d->neigh6, peer);
}

/* All as wished. */
static struct vn_node_seen see(const struct vn_topo *t, size_t node)
{
	const struct vn_node *n = &t->nodes[node];
	struct vn_node_seen s = {.looked = true, .forward4 = n->forward, .forward6 = n->forward};

	s.lo.there = true;
	s.lo.flags = IFF_UP;
	add_addr(&s.lo, &n->lo4);
	add_addr(&s.lo, &n->lo6);
	s.n_ports = n->n_links;
	s.ports = calloc(n->n_links, sizeof(*s.ports));
	s.routes = calloc(n->n_routes, sizeof(*s.routes));
	assert_true(s.ports && s.routes);
	for (size_t i = 0; i < n->n_links; i++)
		see_port(&s.ports[i], &t->links[n->link_ids[i] / VN_DIRS], (int)(n->link_ids[i] % VN_DIRS));
	/* The kernel's order is its own. */
	for (size_t i = n->n_routes; i-- > 0;) {
		const struct vn_route *r = &n->routes[i];

		s.routes[s.n_routes] = (struct vn_route_seen){.dst = r->dst, .gw = r->gw, .oif = 1};
		if (r->gw.family) {
			s.routes[s.n_routes].oif = VN_IFINDEX_NODE + t->links[r->link].ports[r->side].number;
			s.routes[s.n_routes].src = r->dst.family == AF_INET ? n->lo4 : n->lo6;
		}
		s.n_routes++;
	}
	return s;
}

static void expect(const struct vn_topo *t, size_t node, struct vn_node_seen *s, size_t link, const char *text)
{
	cleanup_drift struct vn_drift d = {0};
	char buf[VN_DRIFT_TEXT];

	assert_int_equal(vn_drift_make(t, node, s, &d), 0);
	assert_string_equal(vn_drift_format(t, node, &d, link, buf), text);
	if (link == VN_DRIFT_ALL)
		assert_int_equal(d.any, *text != '\0');
}

static void test_as_wished(void **state)
{
	cleanup_topo struct vn_topo *t = topo_text(line, NULL, NULL);

	for (size_t i = 0; i < t->n_nodes; i++) {
		cleanup_node_seen struct vn_node_seen s = see(t, i), blind = {0};

		expect(t, i, &s, VN_DRIFT_ALL, "");
		expect(t, i, &blind, VN_DRIFT_ALL, "");
	}
}

/* `ip link set eth0 down; up`: no IPv6 address, no route over it, no neighbour. */
static void test_bounce(void **state)
{
	cleanup_topo struct vn_topo *t = topo_text(line, NULL, NULL);
	cleanup_node_seen struct vn_node_seen s = see(t, B);

	s.ports[0].flags = 0;
	s.ports[0].n_addrs = 1;
	s.ports[0].neigh4.there = s.ports[0].neigh6.there = false;
	for (size_t i = 0; i < s.n_routes; i++)
		if (s.routes[i].oif == VN_IFINDEX_NODE + t->links[0].ports[1].number)
			s.routes[i--] = s.routes[--s.n_routes];
	expect(t, B, &s, VN_DRIFT_ALL, "eth0 down, 1 address missing, 2 routes missing, 2 neighbours missing");
	expect(t, B, &s, 0, "eth0 down, 1 address missing, 2 routes missing, 2 neighbours missing");
	expect(t, B, &s, 1, "");
}

static void test_device(void **state)
{
	cleanup_topo struct vn_topo *t = topo_text(line, NULL, NULL);
	cleanup_node_seen struct vn_node_seen s = see(t, A);

	snprintf(s.ports[0].ifname, sizeof(s.ports[0].ifname), "wan");
	s.ports[0].mtu = 1400;
	memcpy(s.ports[0].mac, "\x02\0\0\0\0\x77", 6);
	s.ports[0].ipv6_off = true;
	expect(t, A, &s, VN_DRIFT_ALL,
	       "eth0 is named wan, eth0 MTU 1400, eth0 MAC 02:00:00:00:00:77, eth0 without IPv6");
	s.ports[0].name_taken = true;
	s.ports[0].mtu = t->links[0].mtu;
	s.ports[0].ipv6_off = false;
	memcpy(s.ports[0].mac, t->links[0].ports[0].mac, 6);
	expect(t, A, &s, VN_DRIFT_ALL, "eth0 is named wan and another device has its name");
	s.ports[0].away = true;
	expect(t, A, &s, VN_DRIFT_ALL, "eth0 gone");
}

static void test_settings(void **state)
{
	cleanup_topo struct vn_topo *t = topo_text(line, NULL, NULL);
	cleanup_node_seen struct vn_node_seen a = see(t, A), b = see(t, B), c = see(t, C);

	b.forward6 = false;
	b.rp_filter = true;
	expect(t, B, &b, VN_DRIFT_ALL, "forwarding off, rp_filter on");
	/* Nobody asked: a routing daemon of the node's may. */
	a.forward4 = a.forward6 = true;
	expect(t, A, &a, VN_DRIFT_ALL, "");
	c.forward4 = true;
	expect(t, C, &c, VN_DRIFT_ALL, "forwarding on");
	a.lo.flags = 0;
	a.lo.n_addrs = 0;
	expect(t, A, &a, VN_DRIFT_ALL, "lo down, 2 addresses missing");
}

/* What the node adds is its own; what replaces ours is not. */
static void test_own_and_foreign(void **state)
{
	cleanup_topo struct vn_topo *t = topo_text(line, NULL, NULL);
	cleanup_node_seen struct vn_node_seen s = see(t, A);
	const struct vn_addr extra = {.family = AF_INET, .bytes = {192, 0, 2, 1}, .plen = 24};
	const struct vn_route_seen more = {.dst = extra};

	add_addr(&s.ports[0], &extra);
	s.routes = reallocarray(s.routes, s.n_routes + 1, sizeof(*s.routes));
	assert_non_null(s.routes);
	s.routes[s.n_routes++] = more;
	expect(t, A, &s, VN_DRIFT_ALL, "");
	s.ports[0].neigh4.permanent = false;
	s.ports[0].neigh6.mac[5] ^= 1;
	expect(t, A, &s, VN_DRIFT_ALL, "2 neighbours missing");
	for (size_t i = 0; i < s.n_routes; i++)
		if (s.routes[i].gw.family == AF_INET)
			s.routes[i].gw.bytes[3] ^= 0x80;
	expect(t, A, &s, 0, "1 route missing, 2 neighbours missing");
	s.ports[0].net4 = s.ports[0].net6 = false;
	expect(t, A, &s, 0, "3 routes missing, 2 neighbours missing");
	for (size_t i = 0; i < s.n_routes; i++)
		s.routes[i].src.family = 0;
	expect(t, A, &s, 0, "4 routes missing, 2 neighbours missing");
	s.too_many = true;
	expect(t, A, &s, 0, "2 neighbours missing");
}

/* Nothing is configured: nothing can be missed. */
static void test_none(void **state)
{
	static const char none[] = "name: t\naddressing: none\nrouting: none\nnodes: {a: {}, b: {}}\n"
				   "links:\n  ab: {endpoints: [a:eth0, b:eth0], isolation: \"off\"}\n";
	cleanup_topo struct vn_topo *t = topo_text(none, NULL, NULL);
	cleanup_node_seen struct vn_node_seen s = see(t, A);

	s.n_routes = 0;
	s.ports[0].n_addrs = 0;
	s.ports[0].ipv6_off = true;
	s.ports[0].neigh4.there = s.ports[0].neigh6.there = false;
	expect(t, A, &s, VN_DRIFT_ALL, "");
}

static void expect_plan(const struct vn_plan *p, const char *text)
{
	char all[2048] = "", one[1024];

	for (size_t i = 0; i < p->n_steps; i++) {
		size_t len = strlen(all);

		assert_int_equal(vn_step_describe(p, &p->steps[i], one, sizeof(one)), 0);
		snprintf(all + len, sizeof(all) - len, "%s\n", one);
	}
	assert_string_equal(all, text);
}

static struct vn_plan *plan(const struct vn_topo *old, const struct vn_observed *seen, const struct vn_topo *new)
{
	struct vn_err err = {0};
	struct vn_plan *p = NULL;

	if (vn_plan_make(old, seen, new, &p, &err) < 0)
		fail_msg("%s", err.text);
	return p;
}

/* The other end's address is this node's neighbour, whoever's file line changed. */
static void test_neighbour_moves(void **state)
{
	static const char two[] =
		"name: t\nrouting: none\nnodes: {a: {}, b: {}}\nlinks: {ab: {endpoints: [a:e, b:e]}}\n"
		"ports: {\"a:e\": {ip: 192.0.2.1/24}, \"b:e\": {ip: 192.0.2.2/24}}\n";
	static const char moved[] =
		"name: t\nrouting: none\nnodes: {a: {}, b: {}}\nlinks: {ab: {endpoints: [a:e, b:e]}}\n"
		"ports: {\"a:e\": {ip: 192.0.2.1/24}, \"b:e\": {ip: 192.0.2.3/24}}\n";
	cleanup_topo struct vn_topo *t = topo_text(two, NULL, NULL), *u = topo_text(moved, t, NULL);
	cleanup_plan struct vn_plan *p = plan(t, NULL, u);

	expect_plan(p, "configure node a: 3 addresses, 0 routes\n"
		       "configure node b: 3 addresses, 0 routes\n");
}

/* Drift is a step by itself, joins one that is there anyway, and is none where the device has to be made anew. */
static void test_plan(void **state)
{
	static const char open[] = "name: t\n"
				   "nodes: {a: {forward: true}, b: {}, c: {forward: false}}\n"
				   "links:\n"
				   "  ab: {endpoints: [a:eth0, b:eth0]}\n"
				   "  bc: {endpoints: [b:eth1, c:eth0]}\n";
	cleanup_topo struct vn_topo *t = topo_text(line, NULL, NULL), *t_open = topo_text(open, t, NULL);
	cleanup_node_seen struct vn_node_seen s = see(t, A);
	cleanup_drift struct vn_drift down = {0}, away = {0};
	const struct vn_drift *of[3] = {&down};
	bool nodes[] = {true, true, true}, links[] = {true, true};
	struct vn_observed seen = {.node_ok = nodes, .link_ok = links, .drift = of};

	s.ports[0].flags = 0;
	for (size_t i = 0; i < s.n_routes; i++)
		if (s.routes[i].gw.family)
			s.routes[i--] = s.routes[--s.n_routes];
	assert_int_equal(s.n_routes, 2); /* what is unreachable */
	assert_int_equal(vn_drift_make(t, A, &s, &down), 0);
	s.ports[0].away = true;
	assert_int_equal(vn_drift_make(t, A, &s, &away), 0);
	{
		cleanup_plan struct vn_plan *p = plan(t, &seen, t), *q = plan(t, &seen, t_open),
					    *r = plan(t, &seen, NULL);

		expect_plan(p, "configure node a: eth0 down, 2 routes missing\n");
		assert_string_equal(p->steps[0].drift, "eth0 down, 2 routes missing");
		expect_plan(
			q,
			"configure node a: 4 addresses, 4 routes, forwarding; mending eth0 down, 2 routes missing\n");
		assert_int_equal(r->n_steps, 5);
	}
	of[A] = &away;
	links[0] = false;
	{
		cleanup_plan struct vn_plan *p = plan(t, &seen, t);

		expect_plan(p, "delete link ab\n"
			       "create link ab: a:eth0 <-> b:eth0\n"
			       "configure node a: 4 addresses, 4 routes\n"
			       "configure node b: 6 addresses, 6 routes, forwarding\n");
	}
}

/* However much there is to tell, it is one line that ends. */
static void test_long(void **state)
{
	char text[4096], buf[VN_DRIFT_TEXT];
	size_t len = (size_t)snprintf(text, sizeof(text), "name: t\nnodes: {hub: {}, x: {}}\nlinks:\n");
	cleanup_topo struct vn_topo *t = NULL;
	cleanup_node_seen struct vn_node_seen s = {0};
	cleanup_drift struct vn_drift d = {0};

	for (int i = 0; i < 40; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "  l%d: {endpoints: [hub:port%d, x:port%d]}\n",
					i, i, i);
	t = topo_text(text, NULL, NULL);
	s = see(t, 0);
	for (size_t i = 0; i < s.n_ports; i++)
		s.ports[i].flags = 0;
	assert_int_equal(vn_drift_make(t, 0, &s, &d), 0);
	vn_drift_format(t, 0, &d, VN_DRIFT_ALL, buf);
	assert_true(strlen(buf) < VN_DRIFT_TEXT);
	assert_string_equal(buf + strlen(buf) - 10, ", and more");
	assert_true(vn_drift_is_mendable(&d));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_wished),
		cmocka_unit_test(test_bounce),
		cmocka_unit_test(test_device),
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_own_and_foreign),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_plan),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_neighbour_moves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
