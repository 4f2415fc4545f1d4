// SPDX-License-Identifier: GPL-2.0-only
/*
 * Static routes by the shortest delay, few of them: for each node, Dijkstra's algorithm from it, then the first hops
 * to all address blocks compressed by ORTC (ortc.c).
 *
 * A direction with `state: down` in the file is no way. What `link set` changes later moves no route: the file decides.
 *
 * No packet can loop: a packet for a block or a subnet follows strictly falling distances; one for an id that no node
 * has follows the route of the nearest lower id, whose node answers "unreachable" for the rest of its own block.
 */
#include "model/model_internal.h"

#define HOP_COST_NS 1000       /* so that fewer hops win where there is no delay, and no weight is 0 */
#define ROUTES_MAX  (4u << 20) /* over all nodes: 180 MB */
#define UNREACHABLE 0u         /* a first hop: no way; else 1 + index into the node's row of arcs */

struct arc {
	uint64_t weight;
	uint32_t to;
	uint32_t link_id; /* link index * 2 + side of the port it starts at */
};

/* One family's links, or both families' where they are the same. */
struct graph {
	const struct vn_topo *t;
	uint32_t *row; /* arcs of node i: arcs[row[i]] to arcs[row[i + 1] - 1], by id of the neighbour, then by link */
	struct arc *arcs;
};

struct visit {
	uint64_t dist;
	uint32_t hops;
	uint32_t first; /* first hop from the source: of equals the lowest */
	uint64_t also;  /* equally short first hops, a bit each, as far as they are below 64 */
};

struct heap_item {
	uint64_t dist;
	uint32_t hops;
	uint32_t node;
};

/* A subnet that no block covers, or whose block's owner would not forward to it. */
struct exact {
	struct vn_addr dst;
	uint32_t ends[2];    /* nodes of the link: they have it connected */
	uint32_t targets[2]; /* nodes to which it leads, the nearer one wins */
	uint32_t unless;     /* not needed where this node can be reached; UINT32_MAX: needed everywhere */
};

struct router {
	struct vn_topo *t;
	struct graph graph;
	int families[2];
	size_t n_families;
	struct visit *visits;
	struct heap_item *heap;
	size_t n_heap;
	unsigned int id_bits;
	uint32_t *id_to_node; /* for each id below 2^id_bits, the node that stands for it */
	uint32_t *leaf;
	uint64_t *leaf_also;
	struct vn_ortc *ortc;
	struct exact *exacts;
	size_t n_exacts;
	struct vn_route *routes; /* of the node at hand */
	size_t n_routes, room;
	size_t total;
	struct vn_err *err;
};

static const struct vn_addr *port_addr(const struct vn_port *p, int family)
{
	return family == AF_INET ? &p->ip4 : &p->ip6;
}

static bool usable(const struct vn_link *l, int family)
{
	return port_addr(&l->ports[0], family)->family && port_addr(&l->ports[1], family)->family;
}

static bool is_down(const struct vn_link *l, size_t dir)
{
	return l->disc[dir].flags & VN_DISC_DOWN;
}

static int arc_cmp(const void *a, const void *b, void *arg)
{
	const struct arc *x = a, *y = b;
	const struct vn_topo *t = arg;
	uint32_t idx = t->nodes[x->to].id, idy = t->nodes[y->to].id;

	if (idx != idy)
		return idx < idy ? -1 : 1;
	return x->link_id < y->link_id ? -1 : x->link_id > y->link_id;
}

static int graph_build(struct graph *g, const struct vn_topo *t, int family)
{
	uint32_t n = 0;
	size_t i, j;

	g->t = t;
	if (!g->row)
		g->row = calloc(t->n_nodes + 1, sizeof(*g->row));
	if (!g->arcs)
		g->arcs = calloc(t->n_links * VN_DIRS + 1, sizeof(*g->arcs));
	if (!g->row || !g->arcs)
		return -ENOMEM;
	for (i = 0; i < t->n_nodes; i++) {
		g->row[i] = n;
		for (j = 0; j < t->nodes[i].n_links; j++) {
			uint32_t id = t->nodes[i].link_ids[j], side = id % VN_DIRS;
			const struct vn_link *l = &t->links[id / VN_DIRS];

			if (usable(l, family) && !is_down(l, side))
				g->arcs[n++] =
					(struct arc){l->disc[side].delay_ns + l->trace_delay_ns[side] + HOP_COST_NS,
						     (uint32_t)l->ports[!side].node, id};
		}
		qsort_r(&g->arcs[g->row[i]], n - g->row[i], sizeof(*g->arcs), arc_cmp, (void *)t);
	}
	g->row[t->n_nodes] = n;
	return 0;
}

static bool item_less(const struct heap_item *a, const struct heap_item *b)
{
	return a->dist != b->dist ? a->dist < b->dist : a->hops < b->hops;
}

static void heap_push(struct router *r, struct heap_item item)
{
	size_t i = r->n_heap++, up;

	for (; i; i = up) {
		up = (i - 1) / 2;
		if (!item_less(&item, &r->heap[up]))
			break;
		r->heap[i] = r->heap[up];
	}
	r->heap[i] = item;
}

static struct heap_item heap_pop(struct router *r)
{
	struct heap_item top = r->heap[0], last = r->heap[--r->n_heap];
	size_t i = 0, down;

	for (; (down = 2 * i + 1) < r->n_heap; i = down) {
		if (down + 1 < r->n_heap && item_less(&r->heap[down + 1], &r->heap[down]))
			down++;
		if (!item_less(&r->heap[down], &last))
			break;
		r->heap[i] = r->heap[down];
	}
	r->heap[i] = last;
	return top;
}

/*
 * Distances and first hops from @source; of equal distances the fewest hops. All first hops that are left are as good:
 * each lies on a shortest path, so following any of them at every node comes closer with each step.
 */
static void visit_all(struct router *r, uint32_t source)
{
	const struct graph *g = &r->graph;
	struct visit *seen = r->visits;
	size_t i;

	for (i = 0; i < r->t->n_nodes; i++)
		seen[i] = (struct visit){UINT64_MAX, UINT32_MAX, UNREACHABLE, 0};
	seen[source] = (struct visit){0, 0, UNREACHABLE, 0};
	r->n_heap = 0;
	heap_push(r, (struct heap_item){0, 0, source});
	while (r->n_heap) {
		struct heap_item at = heap_pop(r);
		uint32_t a;

		/* Overtaken by a shorter way since it was pushed, or the end of the road. */
		if (at.dist != seen[at.node].dist || at.hops != seen[at.node].hops)
			continue;
		if (at.node != source && !r->t->nodes[at.node].forward)
			continue;
		for (a = g->row[at.node]; a < g->row[at.node + 1]; a++) {
			const struct arc *arc = &g->arcs[a];
			uint32_t first = at.node == source ? 1 + a - g->row[source] : seen[at.node].first;
			uint64_t also = at.node != source ? seen[at.node].also : first < 64 ? 1ULL << first : 0;
			struct heap_item new = {at.dist + arc->weight, at.hops + 1, arc->to};
			struct heap_item old = {seen[arc->to].dist, seen[arc->to].hops, arc->to};

			if (item_less(&new, &old)) {
				seen[arc->to] = (struct visit){new.dist, new.hops, first, also};
				heap_push(r, new);
			} else if (!item_less(&old, &new)) {
				seen[arc->to].first = VN_MIN(first, seen[arc->to].first);
				seen[arc->to].also |= also;
			}
		}
	}
}

/*
 * One link more than to the farthest node, since the address of a link's far end may be reached over that link. What is
 * not reached has no hops.
 */
static void note_longest_path(struct router *r)
{
	size_t i;

	for (i = 0; i < r->t->n_nodes; i++) {
		if (r->visits[i].first != UNREACHABLE)
			r->t->longest_path = VN_MAX(r->t->longest_path, r->visits[i].hops + 1);
	}
}

/* An empty slot at the end of the node's routes. */
static int add_route(struct router *r, struct vn_route **ret_route)
{
	struct vn_route *routes;
	size_t room;

	if (++r->total > ROUTES_MAX)
		return vn_err_usage(r->err,
				    "the topology needs over %u routes in all: make it smaller, or set `routing: none`",
				    ROUTES_MAX);
	if (r->n_routes == r->room) {
		room = r->room ? 2 * r->room : 64;
		routes = reallocarray(r->routes, room, sizeof(*routes));
		if (!routes)
			return vn_err_nomem(r->err);
		r->routes = routes;
		r->room = room;
	}
	*ret_route = &r->routes[r->n_routes++];
	return 0;
}

static int add_route_via(struct router *r, uint32_t source, const struct vn_addr *dst, uint32_t first)
{
	struct vn_route *route = NULL;
	const struct arc *arc;
	int ret;

	ret = add_route(r, &route);
	if (ret < 0)
		return ret;
	memset(route, 0, sizeof(*route));
	route->dst = *dst;
	if (first == UNREACHABLE)
		return 0;
	arc = &r->graph.arcs[r->graph.row[source] + first - 1];
	route->link = arc->link_id / VN_DIRS;
	route->side = (uint8_t)(arc->link_id % VN_DIRS);
	route->gw = *port_addr(&r->t->links[route->link].ports[!route->side], dst->family);
	route->gw.plen = dst->family == AF_INET ? 32 : 128;
	return 0;
}

static int add_block_routes(struct router *r, uint32_t source)
{
	uint32_t n_values = 1 + r->graph.row[source + 1] - r->graph.row[source];
	const struct vn_ortc_prefix *prefixes;
	struct vn_addr dst;
	size_t n, i, f;
	int ret;

	/* The source's own first hop is UNREACHABLE: what its block does not use, and all ids it stands for. */
	for (i = 0; i < (size_t)1 << r->id_bits; i++) {
		r->leaf[i] = r->visits[r->id_to_node[i]].first;
		r->leaf_also[i] = r->visits[r->id_to_node[i]].also;
	}
	ret = vn_ortc_compress(r->ortc, r->leaf, r->leaf_also, n_values, &prefixes, &n);
	if (ret < 0)
		return vn_err_nomem(r->err);
	for (f = 0; f < r->n_families; f++) {
		for (i = 0; i < n; i++) {
			dst = vn_addr_block(r->families[f], prefixes[i].first);
			dst.plen = (uint8_t)(dst.plen - prefixes[i].bits);
			ret = add_route_via(r, source, &dst, prefixes[i].value);
			if (ret < 0)
				return ret;
		}
	}
	return 0;
}

static int add_exact_routes(struct router *r, uint32_t source)
{
	const struct exact *e;
	uint32_t near;
	size_t i;
	int ret;

	for (i = 0; i < r->n_exacts; i++) {
		e = &r->exacts[i];
		if (e->ends[0] == source || e->ends[1] == source)
			continue;
		if (e->unless != UINT32_MAX && r->visits[e->unless].first != UNREACHABLE)
			continue;
		near = e->targets[r->visits[e->targets[1]].dist < r->visits[e->targets[0]].dist];
		if (r->visits[near].first == UNREACHABLE)
			continue;
		ret = add_route_via(r, source, &e->dst, r->visits[near].first);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static int route_cmp(const void *a, const void *b)
{
	const struct vn_route *x = a, *y = b;

	return vn_addr_cmp(&x->dst, &y->dst);
}

/* What was found for @source goes behind what it has from the other family. */
static int keep_routes(struct router *r, uint32_t source)
{
	struct vn_node *node = &r->t->nodes[source];
	struct vn_route *all;

	if (!r->n_routes)
		return 0;
	all = reallocarray(node->routes, node->n_routes + r->n_routes, sizeof(*all));
	if (!all)
		return vn_err_nomem(r->err);
	memcpy(&all[node->n_routes], r->routes, r->n_routes * sizeof(*all));
	node->routes = all;
	node->n_routes += r->n_routes;
	if (r->n_exacts)
		qsort(all, node->n_routes, sizeof(*all), route_cmp);
	return 0;
}

static void add_exact(struct router *r, const struct vn_link *l, const struct vn_addr *dst, size_t target0,
		      size_t target1, uint32_t unless)
{
	r->exacts[r->n_exacts++] = (struct exact){
		.dst = *dst,
		.ends = {(uint32_t)l->ports[0].node, (uint32_t)l->ports[1].node},
		.targets = {(uint32_t)target0, (uint32_t)target1},
		.unless = unless,
	};
}

static void add_exact_host(struct router *r, const struct vn_link *l, int side, int family, uint32_t unless)
{
	struct vn_addr dst = *port_addr(&l->ports[side], family);

	dst.plen = family == AF_INET ? 32 : 128;
	add_exact(r, l, &dst, l->ports[side].node, l->ports[side].node, unless);
}

/* Routes of their own: subnets of the file, and pairs in the block of a node that would not forward to the other end.
 */
static bool needs_exact(const struct vn_topo *t, const struct vn_link *l)
{
	const struct vn_node *ends[2] = {&t->nodes[l->ports[0].node], &t->nodes[l->ports[1].node]};
	const struct vn_addr *a = &l->ports[0].ip4;
	int owner;

	if (l->ports[0].ip_given)
		return true;
	owner = ((uint32_t)a->bytes[1] << 8 | a->bytes[2]) != ends[0]->id;
	if (ends[owner]->forward)
		return false;
	return ends[owner]->n_links > 1 || (!ends[!owner]->forward && ends[!owner]->n_links > 1);
}

static void find_link_exacts(struct router *r, const struct vn_link *l, int family)
{
	const struct vn_topo *t = r->t;
	size_t n[2] = {l->ports[0].node, l->ports[1].node};
	bool forwards[2] = {t->nodes[n[0]].forward, t->nodes[n[1]].forward};
	struct vn_addr dst = vn_addr_network(port_addr(&l->ports[0], family));
	int side;

	/*
	 * Each end's address is reached as the end itself is. The other end, too, goes round, unless its own direction
	 * is up: then it reaches the address over the link, and the kernel may refuse a route to it by itself.
	 */
	if (is_down(l, 0) || is_down(l, 1)) {
		for (side = 0; side < VN_DIRS; side++) {
			add_exact_host(r, l, side, family, UINT32_MAX);
			r->exacts[r->n_exacts - 1].ends[0] = (uint32_t)l->ports[side].node;
			r->exacts[r->n_exacts - 1].ends[1] = (uint32_t)l->ports[is_down(l, !side) ? side : !side].node;
		}
		return;
	}
	if (forwards[0] || forwards[1]) {
		/* An end that forwards reaches the other one over the link itself. */
		if (needs_exact(t, l))
			add_exact(r, l, &dst, n[!forwards[0]], n[forwards[1]], UINT32_MAX);
		/* One that does not may be reached by another of its links where the first end is not. */
		side = forwards[0];
		if (!forwards[side] && t->nodes[n[side]].n_links > 1)
			add_exact_host(r, l, side, family, (uint32_t)n[!side]);
		return;
	}
	for (side = 0; side < VN_DIRS && needs_exact(t, l); side++)
		add_exact_host(r, l, side, family, UINT32_MAX);
}

static int find_exacts(struct router *r)
{
	const struct vn_topo *t = r->t;
	size_t i, f;

	if (!r->exacts)
		r->exacts = calloc(t->n_links * 4 + 1, sizeof(*r->exacts));
	if (!r->exacts)
		return vn_err_nomem(r->err);
	r->n_exacts = 0;
	for (i = 0; i < t->n_links; i++) {
		for (f = 0; f < r->n_families; f++) {
			if (usable(&t->links[i], r->families[f]))
				find_link_exacts(r, &t->links[i], r->families[f]);
		}
	}
	return 0;
}

/* Which node stands for each id: its own, or the one of the nearest lower id (the lowest of all, if none is lower). */
static int map_ids(struct router *r)
{
	const struct vn_topo *t = r->t;
	uint32_t max_id = 0, last = UINT32_MAX;
	size_t i;

	for (i = 0; i < t->n_nodes; i++)
		max_id = VN_MAX(max_id, t->nodes[i].id);
	while (max_id >> r->id_bits)
		r->id_bits++;
	r->id_to_node = malloc(sizeof(*r->id_to_node) << r->id_bits);
	r->leaf = malloc(sizeof(*r->leaf) << r->id_bits);
	r->leaf_also = malloc(sizeof(*r->leaf_also) << r->id_bits);
	r->ortc = vn_ortc_new(r->id_bits);
	if (!r->id_to_node || !r->leaf || !r->leaf_also || !r->ortc)
		return vn_err_nomem(r->err);
	memset(r->id_to_node, 0xff, sizeof(*r->id_to_node) << r->id_bits);
	for (i = 0; i < t->n_nodes; i++)
		r->id_to_node[t->nodes[i].id] = (uint32_t)i;
	for (i = 0; i < (size_t)1 << r->id_bits; i++) {
		if (r->id_to_node[i] != UINT32_MAX && last == UINT32_MAX) {
			for (last = 0; last < i; last++)
				r->id_to_node[last] = r->id_to_node[i];
		}
		if (r->id_to_node[i] == UINT32_MAX && last != UINT32_MAX)
			r->id_to_node[i] = last;
		last = r->id_to_node[i];
	}
	return 0;
}

static int route_families(struct router *r)
{
	uint32_t i;
	int ret;

	if (graph_build(&r->graph, r->t, r->families[0]) < 0)
		return vn_err_nomem(r->err);
	ret = find_exacts(r);
	if (ret < 0)
		return ret;
	for (i = 0; i < r->t->n_nodes; i++) {
		r->n_routes = 0;
		visit_all(r, i);
		note_longest_path(r);
		if (r->t->addressing == VN_ADDRESSING_AUTO)
			ret = add_block_routes(r, i);
		if (ret == 0)
			ret = add_exact_routes(r, i);
		if (ret == 0)
			ret = keep_routes(r, i);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static int route_all(struct router *r)
{
	const struct vn_topo *t = r->t;
	bool same = true;
	size_t i;
	int ret;

	r->visits = calloc(t->n_nodes + 1, sizeof(*r->visits));
	/* An item is pushed at most once for each arc. */
	r->heap = calloc(t->n_links * VN_DIRS + 1, sizeof(*r->heap));
	if (!r->visits || !r->heap)
		return vn_err_nomem(r->err);
	ret = map_ids(r);
	if (ret < 0)
		return ret;
	for (i = 0; i < t->n_links; i++)
		same &= usable(&t->links[i], AF_INET) == usable(&t->links[i], AF_INET6);
	r->families[0] = AF_INET;
	r->families[1] = AF_INET6;
	r->n_families = same ? 2 : 1;
	ret = route_families(r);
	if (ret < 0 || same)
		return ret;
	r->families[0] = AF_INET6;
	return route_families(r);
}

int vn_topo_routes(struct vn_topo *t, struct vn_err *err)
{
	struct router r = {.t = t, .err = err};
	size_t i;
	int ret;

	for (i = 0; i < t->n_nodes; i++) {
		free(t->nodes[i].routes);
		t->nodes[i].routes = NULL;
		t->nodes[i].n_routes = 0;
		t->nodes[i].hop_limit = 0;
	}
	t->longest_path = 0;
	if (t->routing == VN_ROUTING_NONE)
		return 0;
	if (t->n_nodes > VN_ROUTING_NODES_MAX)
		return vn_err_usage(err,
				    "`routing: shortest` serves at most %d nodes, these are %zu: set `routing: none`",
				    VN_ROUTING_NODES_MAX, t->n_nodes);
	ret = route_all(&r);
	for (i = 0; i < t->n_nodes && t->longest_path > VN_HOPS_DEFAULT; i++)
		t->nodes[i].hop_limit = VN_HOPS_MAX;
	free(r.graph.row);
	free(r.graph.arcs);
	free(r.visits);
	free(r.heap);
	free(r.id_to_node);
	free(r.leaf);
	free(r.leaf_also);
	vn_ortc_free(r.ortc);
	free(r.exacts);
	free(r.routes);
	return ret;
}
