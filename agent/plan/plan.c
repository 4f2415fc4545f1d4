/* SPDX-License-Identifier: GPL-2.0-only */
#include "plan/plan.h"

#include <jansson.h>
#include <uthash.h>

#include <base/util.h>

#include "plan/port_cfg.h"
#include "disc/disc_words.h"

/* Objects of the old topology by name. */
struct name_entry {
	const char *name;
	size_t index;
	UT_hash_handle hh;
};

struct name_table {
	struct name_entry *entries; /* one array */
	struct name_entry *head;
};

/* What is known while the steps are being chosen. All arrays are indexed like the topology they speak of. */
struct planner {
	const struct vn_topo *old, *new;
	const struct vn_observed *seen;
	struct name_table old_nodes, old_links;
	size_t *node_of_old, *node_of_new; /* the same node on the other side, or VN_NONE */
	size_t *link_of_old, *link_of_new;
	bool *new_node_touched; /* one of its devices is made or goes */
	struct vn_plan *plan;
	size_t max_steps;
};

static int table_init(struct name_table *t, size_t n)
{
	t->entries = calloc(n ?: 1, sizeof(*t->entries));
	return t->entries ? 0 : -ENOMEM;
}

static void table_add(struct name_table *t, const char *name, size_t index)
{
	struct name_entry *e = &t->entries[index];

	e->name = name;
	e->index = index;
	HASH_ADD_KEYPTR(hh, t->head, name, strlen(name), e);
}

static size_t table_find(const struct name_table *t, const char *name)
{
	struct name_entry *e;

	HASH_FIND(hh, t->head, name, strlen(name), e);
	return e ? e->index : VN_NONE;
}

static void table_release(struct name_table *t)
{
	HASH_CLEAR(hh, t->head);
	free(t->entries);
}

static void planner_release(struct planner *p)
{
	table_release(&p->old_nodes);
	table_release(&p->old_links);
	free(p->node_of_old);
	free(p->node_of_new);
	free(p->link_of_old);
	free(p->link_of_new);
	free(p->new_node_touched);
	vn_plan_free(p->plan);
}

static size_t n_nodes(const struct vn_topo *t)
{
	return t ? t->n_nodes : 0;
}

static size_t n_links(const struct vn_topo *t)
{
	return t ? t->n_links : 0;
}

static void add_step(struct planner *p, enum vn_step_kind kind, size_t old, size_t new)
{
	p->plan->steps[p->plan->n_steps++] = (struct vn_step){.kind = kind, .old = old, .new = new};
}

static bool addr_equal(const struct vn_addr *a, const struct vn_addr *b)
{
	return a->family == b->family && (!a->family || (a->plen == b->plen && !memcmp(a->bytes, b->bytes, 16)));
}

/* The device would have to be another one. */
static bool same_devices(const struct planner *p, const struct vn_link *a, const struct vn_link *b)
{
	if (a->mtu != b->mtu)
		return false;
	for (int side = 0; side < VN_DIRS; side++) {
		const struct vn_port *x = &a->ports[side], *y = &b->ports[side];

		if (p->node_of_new[y->node] != x->node || strcmp(x->ifname, y->ifname) != 0 ||
		    memcmp(x->mac, y->mac, sizeof(x->mac)) != 0 || x->number != y->number || !vn_port_same_device(x, y))
			return false;
	}
	return true;
}

/* What the data path is told about the link: disciplines, isolation, MACs, VLANs, addresses, kinds of ports. */
static bool same_rules(const struct planner *p, const struct vn_link *a, const struct vn_link *b)
{
	if (a->carrier_ignore != b->carrier_ignore)
		return false;
	for (int side = 0; side < VN_DIRS; side++) {
		struct vn_port_cfg x, y;

		if (vn_port_is_raw(p->old, &a->ports[side]) != vn_port_is_raw(p->new, &b->ports[side]))
			return false;
		if (memcmp(&a->disc[side], &b->disc[side], sizeof(a->disc[side])) != 0 ||
		    !vn_port_same_rules(&a->ports[side], &b->ports[side]) ||
		    vn_port_cfg_make(p->old, a, side, &x) < 0 || vn_port_cfg_make(p->new, b, side, &y) < 0 ||
		    memcmp(&x, &y, sizeof(x)) != 0)
			return false;
	}
	return true;
}

static uint32_t route_port(const struct vn_topo *t, const struct vn_route *r)
{
	return r->gw.family ? t->links[r->link].ports[r->side].number : 0;
}

static bool same_routes(const struct planner *p, const struct vn_node *a, const struct vn_node *b)
{
	if (a->n_routes != b->n_routes)
		return false;
	for (size_t i = 0; i < a->n_routes; i++)
		if (!addr_equal(&a->routes[i].dst, &b->routes[i].dst) ||
		    !addr_equal(&a->routes[i].gw, &b->routes[i].gw) ||
		    route_port(p->old, &a->routes[i]) != route_port(p->new, &b->routes[i]))
			return false;
	return true;
}

/* The other end's addresses are this node's neighbours, unless its isolation is off. */
static bool same_neighbours(const struct vn_port *was, const struct vn_port *is)
{
	return is->isolation == VN_ISOLATION_OFF ||
	       (was->isolation != VN_ISOLATION_OFF && addr_equal(&was->ip4, &is->ip4) &&
		addr_equal(&was->ip6, &is->ip6));
}

/* The addresses of ports that stay, and of their other ends; ports that come or go have touched the node already. */
static bool same_port_addrs(const struct planner *p, const struct vn_node *b)
{
	for (size_t i = 0; i < b->n_links; i++) {
		size_t l = b->link_ids[i] / VN_DIRS, side = b->link_ids[i] % VN_DIRS;
		const struct vn_port *y = p->new->links[l].ports;
		const struct vn_port *x = p->old->links[p->link_of_new[l]].ports;

		if (!addr_equal(&x[side].ip4, &y[side].ip4) || !addr_equal(&x[side].ip6, &y[side].ip6) ||
		    !same_neighbours(&x[!side], &y[!side]))
			return false;
	}
	return true;
}

static bool same_config(const struct planner *p, size_t old, size_t new)
{
	const struct vn_node *a = &p->old->nodes[old], *b = &p->new->nodes[new];

	return !p->new_node_touched[new] && a->forward == b->forward && a->hop_limit == b->hop_limit &&
	       strcmp(a->congestion, b->congestion) == 0 && addr_equal(&a->lo4, &b->lo4) &&
	       addr_equal(&a->lo6, &b->lo6) && same_port_addrs(p, b) && same_routes(p, a, b);
}

/* What runs in node @new goes on. */
static bool same_run(const struct planner *p, size_t old, size_t new)
{
	const struct vn_node *a = &p->old->nodes[old], *b = &p->new->nodes[new];

	if (a->runtime != b->runtime || a->privileged != b->privileged)
		return false;
	if (!vn_node_has(b, VN_NODE_CONTAINER))
		return true;
	return json_equal(a->container, b->container) && (!p->seen || !p->seen->run_ok || p->seen->run_ok[old]);
}

static bool old_node_there(const struct planner *p, size_t i)
{
	return !p->seen || !p->seen->node_ok || p->seen->node_ok[i];
}

static bool old_link_there(const struct planner *p, size_t i)
{
	return !p->seen || !p->seen->link_ok || p->seen->link_ok[i];
}

static void match_nodes(struct planner *p)
{
	for (size_t i = 0; i < n_nodes(p->old); i++) {
		p->node_of_old[i] = VN_NONE;
		table_add(&p->old_nodes, p->old->nodes[i].name, i);
	}
	for (size_t i = 0; i < n_nodes(p->new); i++) {
		size_t old = table_find(&p->old_nodes, p->new->nodes[i].name);

		/* One that is not really there is created anew. */
		p->node_of_new[i] = old != VN_NONE && old_node_there(p, old) &&
						    vn_node_same_namespace(&p->old->nodes[old], &p->new->nodes[i])
					    ? old
					    : VN_NONE;
		if (p->node_of_new[i] != VN_NONE)
			p->node_of_old[old] = i;
	}
}

static void match_links(struct planner *p)
{
	for (size_t i = 0; i < n_links(p->old); i++) {
		p->link_of_old[i] = VN_NONE;
		table_add(&p->old_links, p->old->links[i].name, i);
	}
	for (size_t i = 0; i < n_links(p->new); i++) {
		const struct vn_link *link = &p->new->links[i];
		size_t old = table_find(&p->old_links, link->name);

		if (old != VN_NONE && old_link_there(p, old) && same_devices(p, &p->old->links[old], link)) {
			p->link_of_new[i] = old;
			p->link_of_old[old] = i;
			continue;
		}
		p->link_of_new[i] = VN_NONE;
		for (int side = 0; side < VN_DIRS; side++)
			p->new_node_touched[link->ports[side].node] = true;
	}
}

static void plan_stops(struct planner *p)
{
	for (size_t i = 0; i < n_nodes(p->old); i++)
		if (vn_node_has(&p->old->nodes[i], VN_NODE_CONTAINER) &&
		    (p->node_of_old[i] == VN_NONE || !same_run(p, i, p->node_of_old[i])))
			add_step(p, VN_STEP_RUN, i, VN_NONE);
}

static void plan_starts(struct planner *p)
{
	for (size_t i = 0; i < n_nodes(p->new); i++)
		if (vn_node_has(&p->new->nodes[i], VN_NODE_CONTAINER) &&
		    (p->node_of_new[i] == VN_NONE || !same_run(p, p->node_of_new[i], i)))
			add_step(p, VN_STEP_RUN, VN_NONE, i);
}

/* A deleted link leaves its mark on those of its nodes that stay. */
static void plan_link_deletes(struct planner *p)
{
	for (size_t i = 0; i < n_links(p->old); i++) {
		if (p->link_of_old[i] != VN_NONE)
			continue;
		for (int side = 0; side < VN_DIRS; side++) {
			size_t node = p->node_of_old[p->old->links[i].ports[side].node];

			if (node != VN_NONE)
				p->new_node_touched[node] = true;
		}
		add_step(p, VN_STEP_LINK, i, VN_NONE);
	}
	for (size_t i = 0; i < n_links(p->old); i++)
		if (p->link_of_old[i] == VN_NONE && vn_link_has(&p->old->links[i], VN_TRAIT_BORROWED))
			add_step(p, VN_STEP_BORROW, i, VN_NONE);
}

static void plan_nodes(struct planner *p)
{
	for (size_t i = 0; i < n_nodes(p->old); i++)
		if (p->node_of_old[i] == VN_NONE)
			add_step(p, VN_STEP_NODE, i, VN_NONE);
	for (size_t i = 0; i < n_nodes(p->new); i++)
		if (p->node_of_new[i] == VN_NONE)
			add_step(p, VN_STEP_NODE, VN_NONE, i);
}

static void plan_links(struct planner *p)
{
	for (size_t i = 0; i < n_links(p->new); i++)
		if (p->link_of_new[i] == VN_NONE && vn_link_has(&p->new->links[i], VN_TRAIT_BORROWED))
			add_step(p, VN_STEP_BORROW, VN_NONE, i);
	for (size_t i = 0; i < n_links(p->new); i++)
		if (p->link_of_new[i] == VN_NONE)
			add_step(p, VN_STEP_LINK, VN_NONE, i);
	for (size_t i = 0; i < n_links(p->new); i++)
		if (p->link_of_new[i] != VN_NONE &&
		    !same_rules(p, &p->old->links[p->link_of_new[i]], &p->new->links[i]))
			add_step(p, VN_STEP_DISC, p->link_of_new[i], i);
}

static bool is_bare(const struct planner *p, size_t old)
{
	return p->seen && p->seen->node_bare && p->seen->node_bare[old];
}

static const struct vn_drift *drift_of(const struct planner *p, size_t old)
{
	return p->seen && p->seen->drift ? p->seen->drift[old] : NULL;
}

/* A node that stays: what changed by the file, and what changed by itself. */
static int plan_config(struct planner *p, size_t old, size_t new)
{
	const struct vn_drift *drift = drift_of(p, old);
	const bool same = same_config(p, old, new), mend = drift && vn_drift_is_mendable(drift);
	char text[VN_DRIFT_TEXT];
	struct vn_step *s;

	if (same && !mend)
		return 0;
	add_step(p, VN_STEP_CONFIG, old, new);
	if (!mend)
		return 0;
	s = &p->plan->steps[p->plan->n_steps - 1];
	s->drift = strdup(vn_drift_format(p->old, old, drift, VN_DRIFT_ALL, text));
	s->mends = same;
	return s->drift ? 0 : -ENOMEM;
}

static int plan_configs(struct planner *p)
{
	int r = 0;

	for (size_t i = 0; i < n_nodes(p->new) && r == 0; i++) {
		const size_t old = p->node_of_new[i];

		if (old == VN_NONE || is_bare(p, old))
			add_step(p, VN_STEP_CONFIG, VN_NONE, i);
		else
			r = plan_config(p, old, i);
	}
	return r;
}

/* Sources that do not fit a port are told before anything is done. */
static int check_ports(const struct vn_topo *t, struct vn_err *err)
{
	for (size_t i = 0; i < n_links(t); i++)
		for (int side = 0; side < VN_DIRS; side++) {
			const struct vn_port *port = &t->links[i].ports[side];
			struct vn_port_cfg cfg;

			if (vn_port_cfg_make(t, &t->links[i], side, &cfg) < 0)
				return vn_err_usage(err,
						    "link %s: port %s:%s: more than %d source prefixes of one family, "
						    "the node's own addresses included",
						    t->links[i].name, t->nodes[port->node].name, port->ifname,
						    VN_PORT_PREFIXES);
		}
	return 0;
}

int vn_plan_check_link(const struct vn_kernel *k, const struct vn_link *l, const struct vn_disc disc[VN_DIRS],
		       struct vn_err *err)
{
	if (!(vn_disc_is_held(&disc[0]) || vn_disc_is_held(&disc[1])))
		return 0;
	if (l->mtu > VN_HELD_MTU_MAX)
		return vn_err(
			err, VN_EXIT_NOT_POSSIBLE, EMSGSIZE,
			"link %s: MTU %u with a discipline that holds frames: the engine holds frames of an MTU of "
			"%u at most: say `mtu: %u` or less; without such a discipline up to %d is possible",
			l->name, l->mtu, VN_HELD_MTU_MAX, VN_HELD_MTU_MAX, VN_MTU_MAX);
	if (l->mtu <= k->held_mtu_max)
		return 0;
	/* The bulk holder could, but whatever it gives back is held precisely. */
	return vn_err(err, VN_EXIT_NOT_POSSIBLE, EOPNOTSUPP,
		      "link %s: MTU %u with a discipline that holds frames: Linux %s loses those of more than %u bytes "
		      "(AF_XDP in several buffers came with 6.6): say `mtu: %u` or less, or boot Linux 6.6 or later",
		      l->name, l->mtu, k->release, k->held_mtu_max, k->held_mtu_max);
}

static int check_kernel(const struct vn_topo *t, const struct vn_observed *seen, struct vn_err *err)
{
	int r = 0;

	for (size_t i = 0; i < n_links(t) && seen && seen->kernel && r == 0; i++)
		r = vn_plan_check_link(seen->kernel, &t->links[i], t->links[i].disc, err);
	return r;
}

static size_t *index_array(size_t n)
{
	return calloc(n ?: 1, sizeof(size_t));
}

static int planner_init(struct planner *p)
{
	p->node_of_old = index_array(n_nodes(p->old));
	p->node_of_new = index_array(n_nodes(p->new));
	p->link_of_old = index_array(n_links(p->old));
	p->link_of_new = index_array(n_links(p->new));
	p->new_node_touched = calloc(n_nodes(p->new) ?: 1, sizeof(bool));
	p->plan = calloc(1, sizeof(*p->plan));
	if (!p->node_of_old || !p->node_of_new || !p->link_of_old || !p->link_of_new || !p->new_node_touched ||
	    !p->plan || table_init(&p->old_nodes, n_nodes(p->old)) < 0 ||
	    table_init(&p->old_links, n_links(p->old)) < 0)
		return -ENOMEM;
	p->max_steps = 2 * n_nodes(p->old) + 3 * n_nodes(p->new) + 2 * (n_links(p->old) + n_links(p->new));
	p->plan->steps = calloc(p->max_steps ?: 1, sizeof(*p->plan->steps));
	p->plan->old = p->old;
	p->plan->new = p->new;
	return p->plan->steps ? 0 : -ENOMEM;
}

int vn_plan_make(const struct vn_topo *old, const struct vn_observed *seen, const struct vn_topo *new,
		 struct vn_plan **ret_plan, struct vn_err *err)
{
	struct planner p = {.old = old, .new = new, .seen = seen};
	int r = check_ports(new, err);

	if (r == 0)
		r = check_kernel(new, seen, err);
	if (r < 0)
		return r;
	r = planner_init(&p);
	if (r == 0) {
		match_nodes(&p);
		match_links(&p);
		plan_stops(&p);
		plan_link_deletes(&p);
		plan_nodes(&p);
		plan_links(&p);
		r = plan_configs(&p);
		plan_starts(&p);
	}
	if (r == 0)
		*ret_plan = take_ptr(p.plan);
	planner_release(&p);
	return r < 0 ? vn_err_kernel(err, -r, "plan: %s", strerror(-r)) : 0;
}

void vn_plan_free(struct vn_plan *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n_steps; i++)
		free(p->steps[i].drift);
	free(p->steps);
	free(p);
}
