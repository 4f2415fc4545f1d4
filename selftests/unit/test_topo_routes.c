// SPDX-License-Identifier: GPL-2.0-only
/*
 * Routes, by simulation: over random networks every packet is forwarded hop by hop, by longest prefix match over
 * nothing but the tables, from every node to every address. What arrives must have come the shortest way, as
 * an independent Floyd-Warshall says; what has no destination must end in "unreachable", never in a loop.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "model/model_internal.h"

#define FAR (UINT64_MAX / 4)
#define TTL 1000

static uint64_t seed_;

static uint32_t rnd(uint32_t n)
{
	seed_ = seed_ * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(seed_ >> 33) % n;
}

struct text {
	char *buf;
	size_t len;
	FILE *f;
};

static struct vn_topo *resolve_text(const char *text, const struct vn_topo *prev)
{
	struct vn_topo *t = NULL;
	struct vn_err err = {0};

	if (vn_topo_parse("test", text, strlen(text), &t, &err) < 0 || vn_topo_resolve(t, prev, NULL, NULL, &err) < 0)
		fail_msg("%s\n%s", err.text, text);
	return t;
}

/* ---- an independent shortest path ---- */

static uint64_t cost_of(const struct vn_link *l, int dir)
{
	return l->disc[dir].delay_ns + l->trace_delay_ns[dir] + 1000;
}

static uint64_t *floyd(const struct vn_topo *t)
{
	size_t n = t->n_nodes, i, j, k;
	uint64_t *d = malloc(n * n * sizeof(*d));

	for (i = 0; i < n * n; i++)
		d[i] = FAR;
	for (i = 0; i < n; i++)
		d[i * n + i] = 0;
	for (i = 0; i < t->n_links; i++) {
		size_t a = t->links[i].ports[0].node, b = t->links[i].ports[1].node;

		if (!(t->links[i].disc[0].flags & VN_DISC_DOWN))
			d[a * n + b] = VN_MIN(d[a * n + b], cost_of(&t->links[i], 0));
		if (!(t->links[i].disc[1].flags & VN_DISC_DOWN))
			d[b * n + a] = VN_MIN(d[b * n + a], cost_of(&t->links[i], 1));
	}
	for (k = 0; k < n; k++) {
		if (!t->nodes[k].forward)
			continue;
		for (i = 0; i < n; i++) {
			for (j = 0; j < n; j++)
				d[i * n + j] = VN_MIN(d[i * n + j], d[i * n + k] + d[k * n + j]);
		}
	}
	return d;
}

/* ---- forwarding as the kernel does it ---- */

static bool matches(const struct vn_addr *prefix, const struct vn_addr *a)
{
	struct vn_addr cut = *a;

	if (prefix->family != a->family)
		return false;
	cut.plen = prefix->plen;
	cut = vn_addr_network(&cut);
	return !memcmp(cut.bytes, prefix->bytes, sizeof(cut.bytes));
}

static const struct vn_addr *addr_of(const struct vn_port *p, int family)
{
	return family == AF_INET ? &p->ip4 : &p->ip6;
}

static bool is_local(const struct vn_topo *t, size_t node, const struct vn_addr *a)
{
	const struct vn_node *n = &t->nodes[node];
	size_t i;

	if (!memcmp(n->lo4.bytes, a->bytes, 16) && n->lo4.family == a->family)
		return true;
	if (!memcmp(n->lo6.bytes, a->bytes, 16) && n->lo6.family == a->family)
		return true;
	for (i = 0; i < n->n_links; i++) {
		const struct vn_addr *own = addr_of(&t->links[n->link_ids[i] / 2].ports[n->link_ids[i] % 2], a->family);

		if (own->family && !memcmp(own->bytes, a->bytes, 16))
			return true;
	}
	return false;
}

enum fate { DELIVERED, UNREACHABLE, NO_ROUTE, NOT_FORWARDED, NEIGHBOUR_GONE, LOOP };

/* One step at @node: the port it leaves by as link * 2 + side, or a fate. */
static enum fate look_up(const struct vn_topo *t, size_t node, const struct vn_addr *a, uint32_t *ret_out)
{
	const struct vn_node *n = &t->nodes[node];
	int best = -1;
	enum fate fate = NO_ROUTE;
	size_t i;

	for (i = 0; i < n->n_links; i++) {
		uint32_t id = n->link_ids[i];
		struct vn_addr net = vn_addr_network(addr_of(&t->links[id / 2].ports[id % 2], a->family));

		if (net.family && net.plen > best && matches(&net, a)) {
			best = net.plen;
			*ret_out = id;
			/* On the link itself only the other end answers. */
			fate = !(t->links[id / 2].disc[id % 2].flags & VN_DISC_DOWN) &&
					       !memcmp(addr_of(&t->links[id / 2].ports[!(id % 2)], a->family)->bytes,
						       a->bytes, 16)
				       ? DELIVERED
				       : NEIGHBOUR_GONE;
		}
	}
	for (i = 0; i < n->n_routes; i++) {
		const struct vn_route *r = &n->routes[i];

		if (r->dst.plen > best && matches(&r->dst, a)) {
			best = r->dst.plen;
			*ret_out = r->link * 2 + r->side;
			fate = r->gw.family ? DELIVERED : UNREACHABLE;
			if (!r->gw.family)
				continue;
			assert_int_equal(t->links[r->link].ports[r->side].node, node);
			assert_memory_equal(r->gw.bytes, addr_of(&t->links[r->link].ports[!r->side], a->family)->bytes,
					    16);
		}
	}
	return fate;
}

static enum fate send_packet(const struct vn_topo *t, size_t from, const struct vn_addr *to, uint64_t *ret_cost)
{
	size_t at = from;
	enum fate fate;
	int ttl;

	*ret_cost = 0;
	for (ttl = 0; ttl < TTL; ttl++) {
		uint32_t out = 0;

		if (is_local(t, at, to))
			return DELIVERED;
		if (at != from && !t->nodes[at].forward)
			return NOT_FORWARDED;
		fate = look_up(t, at, to, &out);
		if (fate != DELIVERED)
			return fate;
		*ret_cost += cost_of(&t->links[out / 2], out % 2);
		at = t->links[out / 2].ports[!(out % 2)].node;
	}
	return LOOP;
}

static void check_node_pair(const struct vn_topo *t, const uint64_t *dist, size_t a, size_t b)
{
	const struct vn_addr *los[] = {&t->nodes[b].lo4, &t->nodes[b].lo6};
	uint64_t want = dist[a * t->n_nodes + b], cost;
	size_t i, j;

	for (i = 0; i < 2; i++) {
		enum fate fate = send_packet(t, a, los[i], &cost);

		if (!los[i]->family)
			continue;
		if (want >= FAR ? fate != UNREACHABLE : fate != DELIVERED || cost != want)
			fail_msg("%s to %s: fate %d, cost %llu instead of %llu", t->nodes[a].name, t->nodes[b].name,
				 fate, (unsigned long long)cost, (unsigned long long)want);
	}
	/* The addresses of its ports: arrive, if perhaps through the other end of the link. */
	for (i = 0; i < t->nodes[b].n_links; i++) {
		for (j = 0; j < 2; j++) {
			uint32_t id = t->nodes[b].link_ids[i];
			const struct vn_addr *to = addr_of(&t->links[id / 2].ports[id % 2], j ? AF_INET6 : AF_INET);
			enum fate fate;

			if (!to->family)
				continue;
			fate = send_packet(t, a, to, &cost);
			if (want < FAR ? fate != DELIVERED : fate == DELIVERED || fate == LOOP)
				fail_msg("%s to %s:%s of link %s: fate %d", t->nodes[a].name, t->nodes[b].name,
					 t->links[id / 2].ports[id % 2].ifname, t->links[id / 2].name, fate);
		}
	}
}

/* Addresses nobody has: within the space the trie covers, all must end in "unreachable". */
static void check_unassigned(const struct vn_topo *t)
{
	uint32_t max_id = 0, id, bits = 0;
	size_t i, f;

	for (i = 0; i < t->n_nodes; i++)
		max_id = VN_MAX(max_id, t->nodes[i].id);
	while (max_id >> bits)
		bits++;
	for (id = 0; id < 1u << bits; id++) {
		for (f = 0; f < 2; f++) {
			struct vn_addr a = vn_addr_in_block(f ? AF_INET6 : AF_INET, id, 0, 32);
			uint64_t cost;

			/* Host 0 is never given out. */
			a.bytes[f ? 15 : 3] = 0;
			for (i = 0; i < t->n_nodes; i++) {
				enum fate fate = send_packet(t, i, &a, &cost);

				if (fate != UNREACHABLE && fate != NOT_FORWARDED)
					fail_msg("from %s to an address of id %u: fate %d", t->nodes[i].name, id, fate);
			}
		}
	}
}

static void check_sorted(const struct vn_topo *t)
{
	size_t i, j;

	for (i = 0; i < t->n_nodes; i++) {
		for (j = 1; j < t->nodes[i].n_routes; j++)
			assert_true(vn_addr_cmp(&t->nodes[i].routes[j - 1].dst, &t->nodes[i].routes[j].dst) < 0);
	}
}

static void check_all(const struct vn_topo *t)
{
	uint64_t *dist = floyd(t);
	size_t a, b;

	for (a = 0; a < t->n_nodes; a++) {
		for (b = 0; b < t->n_nodes; b++) {
			if (a != b)
				check_node_pair(t, dist, a, b);
		}
	}
	if (t->addressing == VN_ADDRESSING_AUTO)
		check_unassigned(t);
	check_sorted(t);
	free(dist);
}

/* ---- networks ---- */

static void begin(struct text *x, const char *head)
{
	*x = (struct text){0};
	x->f = open_memstream(&x->buf, &x->len);
	fprintf(x->f, "name: t\n%snodes:\n", head);
}

static void add_link(struct text *x, uint32_t i, uint32_t a, uint32_t b, uint32_t max_us)
{
	fprintf(x->f, "  l%u: {endpoints: [n%u, n%u]", i, a, b);
	if (max_us)
		fprintf(x->f, ", delay: %uus, reverse: {delay: %uus}", rnd(max_us), rnd(max_us));
	fputs("}\n", x->f);
}

static struct vn_topo *finish(struct text *x, const struct vn_topo *prev)
{
	struct vn_topo *t;

	fclose(x->f);
	t = resolve_text(x->buf, prev);
	free(x->buf);
	return t;
}

static void test_random(void **state)
{
	uint32_t round, n, links, i;

	for (round = 0; round < 60; round++) {
		cleanup_topo struct vn_topo *t = NULL;
		struct text x;

		seed_ = round + 1;
		n = 2 + rnd(28);
		links = rnd(2 * n) + 1;
		begin(&x, "");
		for (i = 0; i < n; i++)
			fprintf(x.f, "  n%u: {%s}\n", i, rnd(6) ? "" : rnd(2) ? "forward: false" : "forward: true");
		fputs("links:\n", x.f);
		for (i = 0; i < links; i++) {
			uint32_t a = rnd(n);

			add_link(&x, i, a, (a + 1 + rnd(n - 1)) % n, round % 3 ? 1 + rnd(5000) : 0);
		}
		t = finish(&x, NULL);
		check_all(t);
	}
}

/* Links and single directions that the file sets down are no way, and what traces add to delays counts. */
static void test_random_down(void **state)
{
	static const char *const states[] = {"", ", state: down", ", state: down, reverse: {state: up}",
					     ", reverse: {state: down}"};
	uint32_t round, n, i;
	struct vn_err err = {0};

	for (round = 0; round < 40; round++) {
		cleanup_topo struct vn_topo *t = NULL;
		struct text x;

		seed_ = round + 100;
		n = 3 + rnd(20);
		begin(&x, "");
		for (i = 0; i < n; i++)
			fprintf(x.f, "  n%u: {%s}\n", i, rnd(6) ? "" : "forward: false");
		fputs("links:\n", x.f);
		for (i = 0; i < 2 * n; i++) {
			uint32_t a = rnd(n), state_of = rnd(8);

			fprintf(x.f, "  l%u: {endpoints: [n%u, n%u], delay: %uus%s}\n", i, a, (a + 1 + rnd(n - 1)) % n,
				rnd(5000), states[state_of < 4 ? state_of : 0]);
		}
		t = finish(&x, NULL);
		check_all(t);
		for (i = 0; i < t->n_links * VN_DIRS; i++)
			t->links[i / VN_DIRS].trace_delay_ns[i % VN_DIRS] = rnd(2) ? 1000 * rnd(9000) : 0;
		assert_int_equal(vn_topo_routes(t, &err), 0);
		check_all(t);
	}
}

/* A link's trace says 400 ms there and 1 ms back; the other one has 5 ms: each direction takes its own way. */
static void test_trace_delay(void **state)
{
	static const char text[] = "name: t\nnodes: {a: , b: }\n"
				   "links:\n  sat: {endpoints: [a, b]}\n  fibre: {endpoints: [a, b], delay: 5ms}\n";
	cleanup_topo struct vn_topo *t = resolve_text(text, NULL);
	cleanup_topo struct vn_topo *back = NULL;
	struct vn_err err = {0};
	uint64_t cost;
	json_t *o;

	t->links[0].trace_delay_ns[0] = 400 * VN_NSEC_PER_MSEC;
	t->links[0].trace_delay_ns[1] = VN_NSEC_PER_MSEC;
	assert_int_equal(vn_topo_routes(t, &err), 0);
	assert_int_equal(send_packet(t, 0, &t->nodes[1].lo4, &cost), DELIVERED);
	assert_int_equal(cost, 5 * VN_NSEC_PER_MSEC + 1000);
	assert_int_equal(send_packet(t, 1, &t->nodes[0].lo4, &cost), DELIVERED);
	assert_int_equal(cost, VN_NSEC_PER_MSEC + 1000);
	/* A daemon that starts again has the same routes, with or without the trace's file. */
	o = vn_topo_to_json(t);
	assert_int_equal(vn_topo_from_json(o, &back, &err), 0);
	json_decref(o);
	assert_int_equal(send_packet(back, 0, &back->nodes[1].lo4, &cost), DELIVERED);
	assert_int_equal(cost, 5 * VN_NSEC_PER_MSEC + 1000);
}

static struct vn_topo *chain(uint32_t n, const char *head)
{
	struct text x;

	begin(&x, head);
	for (uint32_t i = 0; i < n; i++)
		fprintf(x.f, "  n%u:\n", i);
	fputs("links:\n", x.f);
	for (uint32_t i = 0; i + 1 < n; i++)
		add_link(&x, i, i, i + 1, 0);
	return finish(&x, NULL);
}

/* Every node sends far enough, and nobody's default is touched without need. */
static void test_hop_limit(void **state)
{
	static const struct {
		uint32_t nodes, limit;
		const char *head;
	} chains[] = {{2, 0, ""},    {64, 0, ""},    {66, 255, ""},
		      {70, 255, ""}, {300, 255, ""}, {70, 0, "routing: none\n"}};

	for (size_t i = 0; i < VN_ARRAY_SIZE(chains); i++) {
		cleanup_topo struct vn_topo *t = chain(chains[i].nodes, chains[i].head);

		for (size_t n = 0; n < t->n_nodes; n++)
			assert_int_equal(t->nodes[n].hop_limit, chains[i].limit);
		assert_int_equal(t->longest_path, *chains[i].head ? 0 : chains[i].nodes);
	}
}

static void test_tree(void **state)
{
	cleanup_topo struct vn_topo *t = NULL;
	struct text x;
	uint32_t i;

	seed_ = 5;
	begin(&x, "");
	for (i = 0; i < 60; i++)
		fprintf(x.f, "  n%u:\n", i);
	fputs("links:\n", x.f);
	for (i = 1; i < 60; i++)
		add_link(&x, i, rnd(i), i, 1000);
	t = finish(&x, NULL);
	check_all(t);
}

static void test_torus(void **state)
{
	cleanup_topo struct vn_topo *t = NULL;
	size_t i, routes = 0;
	uint32_t k, side = 9;
	struct text x;

	begin(&x, "");
	for (k = 0; k < side * side; k++)
		fprintf(x.f, "  n%u:\n", k);
	fputs("links:\n", x.f);
	for (k = 0; k < side * side; k++) {
		add_link(&x, 2 * k, k, k / side * side + (k + 1) % side, 0);
		add_link(&x, 2 * k + 1, k, (k + side) % (side * side), 0);
	}
	t = finish(&x, NULL);
	check_all(t);
	for (i = 0; i < t->n_nodes; i++)
		routes += t->nodes[i].n_routes;
	/* Compressed: well under half of one route per destination and family. */
	assert_true(routes < t->n_nodes * t->n_nodes);
}

/* A hub with more links than its block has room for: the leaves' blocks serve, everything is reached. */
static void test_star(void **state)
{
	cleanup_topo struct vn_topo *t = NULL;
	struct text x;
	uint32_t i;

	seed_ = 3;
	begin(&x, "");
	for (i = 0; i < 180; i++)
		fprintf(x.f, "  n%u:\n", i);
	fputs("links:\n", x.f);
	for (i = 1; i < 180; i++)
		add_link(&x, i, 0, i, 0);
	t = finish(&x, NULL);
	check_all(t);
}

/* Ids with gaps, as after nodes were removed. */
static void test_gaps(void **state)
{
	cleanup_topo struct vn_topo *all = NULL, *some = NULL;
	struct text x;
	uint32_t i;

	seed_ = 11;
	begin(&x, "");
	for (i = 0; i < 40; i++)
		fprintf(x.f, "  n%u:\n", i);
	all = finish(&x, NULL);
	begin(&x, "");
	for (i = 0; i < 40; i += 1 + i % 4)
		fprintf(x.f, "  n%u:\n", i);
	fputs("links:\n", x.f);
	for (i = 0; i + 1 + i % 4 < 40; i += 1 + i % 4)
		add_link(&x, i, i, i + 1 + i % 4, 100);
	some = finish(&x, all);
	assert_int_equal(some->nodes[some->n_nodes - 1].id,
			 all->nodes[39].id > 38 ? some->nodes[some->n_nodes - 1].id : 0);
	check_all(some);
}

static void test_explicit(void **state)
{
	static const char text[] = "name: t\n"
				   "addressing: none\n"
				   "nodes: {a: , b: , c: , d: , e: }\n"
				   "links:\n"
				   "  ab: {endpoints: [a:e0, b:e0], delay: 1ms}\n"
				   "  bc: {endpoints: [b:e1, c:e0], delay: 1ms}\n"
				   "  cd: {endpoints: [c:e1, d:e0], delay: 1ms}\n"
				   "  da: {endpoints: [d:e1, a:e1], delay: 9ms}\n"
				   "  de: {endpoints: [d:e2, e:e0]}\n"
				   "ports:\n"
				   "  a:e0: {ip: [172.16.0.1/24, \"fd12::1/64\"]}\n"
				   "  b:e0: {ip: [172.16.0.2/24, \"fd12::2/64\"]}\n"
				   "  b:e1: {ip: [172.16.1.1/30, \"fd12:0:0:1::1/64\"]}\n"
				   "  c:e0: {ip: [172.16.1.2/30, \"fd12:0:0:1::2/64\"]}\n"
				   "  c:e1: {ip: 172.16.2.1/24}\n"
				   "  d:e0: {ip: 172.16.2.2/24}\n"
				   "  d:e1: {ip: [172.16.3.2/31, \"fd12:0:0:3::2/127\"]}\n"
				   "  a:e1: {ip: [172.16.3.3/31, \"fd12:0:0:3::3/127\"]}\n"
				   "  d:e2: {ip: [192.168.7.1/24, \"fd12:0:0:4::1/64\"]}\n"
				   "  e:e0: {ip: [192.168.7.2/24, \"fd12:0:0:4::2/64\"]}\n";
	cleanup_topo struct vn_topo *t = resolve_text(text, NULL);
	struct vn_addr e6, e4;
	uint64_t cost;
	size_t b;

	check_all(t);
	assert_int_equal(vn_topo_find_node(t, "b", &b), 0);
	assert_int_equal(vn_addr_parse("192.168.7.2/32", &e4), 0);
	assert_int_equal(vn_addr_parse("fd12:0:0:4::2/128", &e6), 0);
	/* IPv4 by c, IPv6 the long way round: c to d has none. */
	assert_int_equal(send_packet(t, b, &e4, &cost), DELIVERED);
	assert_int_equal(cost, 2000000 + 3000);
	assert_int_equal(send_packet(t, b, &e6, &cost), DELIVERED);
	assert_int_equal(cost, 10000000 + 3000);
}

/* Automatic blocks beside subnets of the file's. */
static void test_mixed(void **state)
{
	static const char text[] = "name: t\n"
				   "nodes: {a: , b: , c: {forward: false}, d: {forward: false}, e: }\n"
				   "links:\n"
				   "  ab: {endpoints: [a:e0, b:e0], delay: 1ms}\n"
				   "  bc: {endpoints: [b:e1, c:e0], delay: 1ms}\n"
				   "  cd: {endpoints: [c:e1, d:e0], delay: 1ms}\n"
				   "  de: {endpoints: [d:e1, e:e0], delay: 1ms}\n"
				   "  ea: {endpoints: [e:e1, a:e1], delay: 1ms}\n"
				   "ports:\n"
				   "  a:e0: {ip: 192.168.0.1/24}\n"
				   "  b:e0: {ip: 192.168.0.2/24}\n";
	cleanup_topo struct vn_topo *t = resolve_text(text, NULL);
	uint64_t cost;
	size_t i, j;

	/* IPv6 has no way over a-b: b's and c's IPv6 is cut off, IPv4 goes on. */
	for (i = 0; i < t->n_nodes; i++) {
		for (j = 0; j < t->n_nodes; j++)
			assert_int_equal(send_packet(t, i, &t->nodes[j].lo4, &cost), i == j ? DELIVERED : DELIVERED);
	}
	assert_int_equal(send_packet(t, 0, &t->nodes[1].lo6, &cost), UNREACHABLE);
	assert_int_equal(send_packet(t, 0, &t->nodes[4].lo6, &cost), DELIVERED);
	/* The ports of c and d towards each other, though neither forwards. */
	assert_int_equal(send_packet(t, 0, &t->links[2].ports[0].ip4, &cost), DELIVERED);
	assert_int_equal(send_packet(t, 0, &t->links[2].ports[1].ip4, &cost), DELIVERED);
	check_sorted(t);
}

/* ---- the compressor alone ---- */

static void test_ortc(void **state)
{
	uint32_t leaf[64], round, i, bits, values;

	for (round = 0; round < 300; round++) {
		const struct vn_ortc_prefix *p;
		struct vn_ortc *o;
		size_t n, j, changes = 1;

		seed_ = round;
		bits = rnd(7);
		values = 1 + rnd(round % 5 ? 4 : 100);
		o = vn_ortc_new(bits);
		for (i = 0; i < 1u << bits; i++)
			leaf[i] = rnd(values);
		assert_int_equal(vn_ortc_compress(o, leaf, NULL, values, &p, &n), 0);
		for (i = 0; i < 1u << bits; i++) {
			uint32_t value = UINT32_MAX, best = UINT32_MAX;

			for (j = 0; j < n; j++) {
				if (p[j].bits < best && i >> p[j].bits == p[j].first >> p[j].bits) {
					best = p[j].bits;
					value = p[j].value;
				}
			}
			assert_int_equal(value, leaf[i]);
			changes += i && leaf[i] != leaf[i - 1];
		}
		assert_true(n <= 1u << bits);
		if (changes == 1)
			assert_int_equal(n, 1);
		vn_ortc_free(o);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ortc),        cmocka_unit_test(test_random),
		cmocka_unit_test(test_tree),        cmocka_unit_test(test_torus),
		cmocka_unit_test(test_star),        cmocka_unit_test(test_gaps),
		cmocka_unit_test(test_explicit),    cmocka_unit_test(test_mixed),
		cmocka_unit_test(test_random_down), cmocka_unit_test(test_trace_delay),
		cmocka_unit_test(test_hop_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
