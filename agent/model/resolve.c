// SPDX-License-Identifier: GPL-2.0-only
/*
 * From what the file says to what can be built: ids, addresses, MACs, disciplines, routes, port numbers. What runs
 * already keeps what it has. See vn_topo_resolve() in model.h.
 *
 * Addresses: node id (16 bits, hi.lo) owns 10.hi.lo.0/24 and fd00:766e:0:ID::/64. Its loopback is .1 and ::1; pair k
 * of the block, .2+2k/31 and ::2+2k/127, serves a link that ends at the node.
 */
#include <uthash.h>

#include "model/model_internal.h"

#define PAIRS           127 /* .2/31 to .254/31 */
#define PAIR_HOST(pair) ((uint8_t)(2 + 2 * (pair)))
#define ID_MAX          65535u

/* Which pairs of a node's block are taken. */
struct block {
	uint64_t taken[2];
	unsigned int free;
};

struct mac_entry {
	uint8_t mac[6];
	uint32_t link;
	int side;
	UT_hash_handle hh;
};

struct resolver {
	struct vn_topo *t;
	const struct vn_topo *prev;
	struct vn_name_index *prev_nodes, *prev_links;
	uint32_t *prev_link; /* per link of @t: the same link of @prev, or UINT32_MAX */
	struct block *blocks;
	struct mac_entry *macs, *mac_pool;
	struct vn_err *err;
};

static bool same_port(const struct resolver *r, const struct vn_port *a, const struct vn_port *b)
{
	return !strcmp(a->ifname, b->ifname) && !strcmp(r->t->nodes[a->node].name, r->prev->nodes[b->node].name);
}

static int match_prev(struct resolver *r)
{
	const struct vn_topo *prev = r->prev;
	const struct vn_link *l, *old;
	size_t i, at;

	r->prev_link = calloc(r->t->n_links + 1, sizeof(*r->prev_link));
	if (!r->prev_link)
		return vn_err_nomem(r->err);
	for (i = 0; i < r->t->n_links; i++)
		r->prev_link[i] = UINT32_MAX;
	if (!prev)
		return 0;
	r->prev_nodes = vn_name_index_new((const char *)prev->nodes, sizeof(*prev->nodes), prev->n_nodes, NULL);
	r->prev_links = vn_name_index_new((const char *)prev->links, sizeof(*prev->links), prev->n_links, NULL);
	if (!r->prev_nodes || !r->prev_links)
		return vn_err_nomem(r->err);
	for (i = 0; i < r->t->n_links; i++) {
		l = &r->t->links[i];
		if (vn_name_index_find(r->prev_links, l->name, &at) < 0)
			continue;
		old = &prev->links[at];
		if (same_port(r, &l->ports[0], &old->ports[0]) && same_port(r, &l->ports[1], &old->ports[1]))
			r->prev_link[i] = (uint32_t)at;
	}
	return 0;
}

static const struct vn_link *prev_link(const struct resolver *r, size_t link)
{
	return r->prev_link[link] == UINT32_MAX ? NULL : &r->prev->links[r->prev_link[link]];
}

static int give_ids(struct resolver *r)
{
	cleanup_free uint8_t *used = calloc(ID_MAX + 2, 1);
	struct vn_topo *t = r->t;
	uint32_t next = 1;
	size_t i, at;

	if (!used)
		return vn_err_nomem(r->err);
	for (i = 0; i < t->n_nodes; i++) {
		t->nodes[i].id = 0;
		if (!r->prev || vn_name_index_find(r->prev_nodes, t->nodes[i].name, &at) < 0)
			continue;
		if (r->prev->nodes[at].id > ID_MAX || used[r->prev->nodes[at].id])
			continue;
		t->nodes[i].id = r->prev->nodes[at].id;
		used[t->nodes[i].id] = 1;
	}
	for (i = 0; i < t->n_nodes; i++) {
		if (t->nodes[i].id)
			continue;
		/* Cannot run out: there are fewer nodes than ids. */
		while (used[next])
			next++;
		t->nodes[i].id = next;
		used[next] = 1;
	}
	return 0;
}

_Static_assert(VN_TOPO_NODES_MAX < ID_MAX, "every node gets an id");

static void give_loopbacks(struct vn_topo *t)
{
	struct vn_node *node;
	size_t i;

	for (i = 0; i < t->n_nodes; i++) {
		node = &t->nodes[i];
		node->forward = node->forward_opt < 0 ? node->n_links > 1 : node->forward_opt > 0;
		memset(&node->lo4, 0, sizeof(node->lo4));
		memset(&node->lo6, 0, sizeof(node->lo6));
		if (t->addressing == VN_ADDRESSING_AUTO) {
			node->lo4 = vn_addr_in_block(AF_INET, node->id, 1, 32);
			node->lo6 = vn_addr_in_block(AF_INET6, node->id, 1, 128);
		}
	}
}

static bool take_pair(struct block *b, unsigned int pair)
{
	if (b->taken[pair / 64] >> (pair % 64) & 1)
		return false;
	b->taken[pair / 64] |= 1ULL << (pair % 64);
	b->free--;
	return true;
}

static void set_pair(struct vn_link *l, uint32_t owner_id, unsigned int pair)
{
	int side;

	for (side = 0; side < VN_DIRS; side++) {
		l->ports[side].ip4 = vn_addr_in_block(AF_INET, owner_id, (uint8_t)(PAIR_HOST(pair) + side), 31);
		if (l->mtu >= VN_MTU_IP6)
			l->ports[side].ip6 =
				vn_addr_in_block(AF_INET6, owner_id, (uint8_t)(PAIR_HOST(pair) + side), 127);
	}
}

/* Give @l the pair that it has in @old; false when that is none of our making. */
static bool keep_pair(struct resolver *r, struct vn_link *l, const struct vn_link *old)
{
	const struct vn_addr *a = &old->ports[0].ip4;
	uint32_t id = (uint32_t)a->bytes[1] << 8 | a->bytes[2];
	struct vn_link as_ours = {.mtu = old->mtu};
	unsigned int pair;
	int side;

	if (old->ports[0].ip_given || a->family != AF_INET || a->bytes[3] < 2)
		return false;
	pair = (a->bytes[3] - 2u) / 2;
	set_pair(&as_ours, id, pair);
	for (side = 0; side < VN_DIRS; side++) {
		if (!vn_addr_equal(&as_ours.ports[side].ip4, &old->ports[side].ip4) ||
		    !vn_addr_equal(&as_ours.ports[side].ip6, &old->ports[side].ip6))
			return false;
	}
	for (side = 0; side < VN_DIRS; side++) {
		if (r->t->nodes[l->ports[side].node].id == id && take_pair(&r->blocks[l->ports[side].node], pair)) {
			set_pair(l, id, pair);
			return true;
		}
	}
	return false;
}

/*
 * The end whose block serves the link: one that forwards, since the routes of the other nodes lead to the owner of an
 * address; then the one with more room.
 */
static int choose_owner(const struct resolver *r, const struct vn_link *l)
{
	size_t a = l->ports[0].node, b = l->ports[1].node;

	if (!r->blocks[a].free || !r->blocks[b].free)
		return !r->blocks[a].free;
	if (r->t->nodes[a].forward != r->t->nodes[b].forward)
		return r->t->nodes[b].forward;
	return r->blocks[a].free < r->blocks[b].free;
}

static int give_pair(struct resolver *r, struct vn_link *l)
{
	int owner = choose_owner(r, l);
	size_t node = l->ports[owner].node;
	unsigned int pair;

	for (pair = 0; pair < PAIRS; pair++) {
		if (take_pair(&r->blocks[node], pair)) {
			set_pair(l, r->t->nodes[node].id, pair);
			return 0;
		}
	}
	return vn_link_fail(r->t, l, r->err,
			    "nodes '%s' and '%s' have used up their address blocks of %d links each: give `ip:` "
			    "to the ports of some, or set `addressing: none`",
			    r->t->nodes[l->ports[0].node].name, r->t->nodes[l->ports[1].node].name, PAIRS);
}

static int give_addresses(struct resolver *r)
{
	struct vn_topo *t = r->t;
	cleanup_free bool *done = calloc(t->n_links + 1, sizeof(*done));
	const struct vn_link *old;
	struct vn_link *l;
	size_t i;
	int side, ret;

	r->blocks = calloc(t->n_nodes + 1, sizeof(*r->blocks));
	if (!done || !r->blocks)
		return vn_err_nomem(r->err);
	for (i = 0; i < t->n_nodes; i++)
		r->blocks[i].free = PAIRS;
	for (i = 0; i < t->n_links; i++) {
		l = &t->links[i];
		old = prev_link(r, i);
		done[i] = l->ports[0].ip_given || l->ports[1].ip_given;
		for (side = 0; side < VN_DIRS && !done[i]; side++) {
			memset(&l->ports[side].ip4, 0, sizeof(l->ports[side].ip4));
			memset(&l->ports[side].ip6, 0, sizeof(l->ports[side].ip6));
		}
		done[i] |= t->addressing != VN_ADDRESSING_AUTO;
		if (!done[i] && old)
			done[i] = keep_pair(r, l, old);
	}
	for (i = 0; i < t->n_links; i++) {
		if (done[i])
			continue;
		ret = give_pair(r, &t->links[i]);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static struct mac_entry *mac_find(struct resolver *r, const uint8_t mac[6])
{
	struct mac_entry *e;

	HASH_FIND(hh, r->macs, mac, 6, e);
	return e;
}

static void mac_add(struct resolver *r, size_t link, int side)
{
	struct mac_entry *e = &r->mac_pool[link * VN_DIRS + (size_t)side];

	memcpy(e->mac, r->t->links[link].ports[side].mac, sizeof(e->mac));
	e->link = (uint32_t)link;
	e->side = side;
	HASH_ADD(hh, r->macs, mac, sizeof(e->mac), e);
}

static void hash_mac(const struct vn_topo *t, const struct vn_port *p, uint64_t bump, uint8_t ret_mac[6])
{
	uint64_t h = vn_fnv1a(VN_FNV_INIT, t->name);
	int i;

	h = vn_fnv1a(vn_fnv1a(vn_fnv1a(vn_fnv1a(h, "/"), t->nodes[p->node].name), "/"), p->ifname);
	h = (h ^ h >> 40) + bump;
	ret_mac[0] = 0x02; /* locally administered */
	for (i = 1; i < 6; i++)
		ret_mac[i] = (uint8_t)(h >> (8 * (5 - i)));
}

static int take_given_mac(struct resolver *r, size_t link, int side)
{
	struct vn_port *p = &r->t->links[link].ports[side];
	const struct mac_entry *e;
	char text[VN_MAC_BUF];

	if (!p->mac_given) {
		memset(p->mac, 0, sizeof(p->mac));
		return 0;
	}
	e = mac_find(r, p->mac);
	if (e)
		return vn_link_fail(r->t, &r->t->links[link], r->err,
				    "port '%s:%s' has the MAC %s, as has one of link '%s'", r->t->nodes[p->node].name,
				    p->ifname, vn_mac_format(text, p->mac), r->t->links[e->link].name);
	mac_add(r, link, side);
	return 0;
}

static int keep_mac(struct resolver *r, size_t link, int side)
{
	struct vn_port *p = &r->t->links[link].ports[side];
	const struct vn_link *old = prev_link(r, link);

	if (p->mac_given || !old || old->ports[side].mac_given || mac_find(r, old->ports[side].mac))
		return 0;
	memcpy(p->mac, old->ports[side].mac, sizeof(p->mac));
	mac_add(r, link, side);
	return 0;
}

static int make_mac(struct resolver *r, size_t link, int side)
{
	struct vn_port *p = &r->t->links[link].ports[side];
	uint64_t bump = 0;

	if (vn_mac_valid(p->mac))
		return 0;
	do
		hash_mac(r->t, p, bump++, p->mac);
	while (mac_find(r, p->mac));
	mac_add(r, link, side);
	return 0;
}

/* The file's first, then those that run, then new ones: later ones make way. */
static int give_macs(struct resolver *r)
{
	static int (*const passes[])(struct resolver * r, size_t link, int side) = {take_given_mac, keep_mac, make_mac};
	size_t pass, i;
	int side, ret;

	r->mac_pool = calloc(r->t->n_links * VN_DIRS + 1, sizeof(*r->mac_pool));
	if (!r->mac_pool)
		return vn_err_nomem(r->err);
	for (pass = 0; pass < VN_ARRAY_SIZE(passes); pass++) {
		for (i = 0; i < r->t->n_links; i++) {
			for (side = 0; side < VN_DIRS; side++) {
				ret = passes[pass](r, i, side);
				if (ret < 0)
					return ret;
			}
		}
	}
	return 0;
}

static void complete_disciplines(struct vn_topo *t)
{
	struct vn_link *l;
	size_t i;
	int dir;

	if (!t->seed_given)
		t->seed = vn_fnv1a(VN_FNV_INIT, t->name) & VN_SEED_AUTO_MAX;
	for (i = 0; i < t->n_links; i++) {
		l = &t->links[i];
		for (dir = 0; dir < VN_DIRS; dir++)
			vn_disc_complete(&l->disc[dir], t->name, l->name, dir, t->seed, l->mtu);
	}
}

struct counter {
	uint8_t *used; /* by number, 0 .. VN_PORTS_MAX */
	uint32_t next;
};

static int count_up(void *arg, uint32_t *ret_number)
{
	struct counter *c = arg;

	while (c->next < VN_PORTS_MAX && c->used[c->next])
		c->next++;
	if (c->next >= VN_PORTS_MAX)
		return -ENOSPC;
	*ret_number = c->next++;
	return 0;
}

static int give_numbers(struct resolver *r, vn_port_alloc_fn alloc, void *arg)
{
	struct vn_topo *t = r->t;
	cleanup_free uint8_t *used = calloc(VN_PORTS_MAX + 1, 1);
	struct counter counter = {.used = used, .next = 1};
	const struct vn_link *old;
	struct vn_port *p;
	size_t i;
	int side, ret;

	if (!used)
		return vn_err_nomem(r->err);
	for (i = 0; i < t->n_links; i++) {
		old = prev_link(r, i);
		for (side = 0; side < VN_DIRS; side++) {
			p = &t->links[i].ports[side];
			p->number = old ? old->ports[side].number : 0;
			if (p->number <= VN_PORTS_MAX)
				used[p->number] = 1;
		}
	}
	/* Everything else has succeeded: no number is taken in vain. */
	for (i = 0; i < t->n_links * VN_DIRS; i++) {
		p = &t->links[i / VN_DIRS].ports[i % VN_DIRS];
		if (p->number)
			continue;
		ret = alloc ? alloc(arg, &p->number) : count_up(&counter, &p->number);
		if (ret < 0)
			return vn_err(
				r->err, VN_EXIT_NOT_POSSIBLE, -ret,
				"link '%s': no port number is free: delete a topology, or start the daemon with more "
				"ports",
				t->links[i / VN_DIRS].name);
	}
	return 0;
}

static void resolver_release(struct resolver *r)
{
	HASH_CLEAR(hh, r->macs);
	free(r->mac_pool);
	free(r->blocks);
	free(r->prev_link);
	vn_name_index_free(r->prev_nodes);
	vn_name_index_free(r->prev_links);
}

static int resolve(struct resolver *r, vn_port_alloc_fn alloc, void *arg)
{
	int ret;

	ret = match_prev(r);
	if (ret < 0)
		return ret;
	ret = give_ids(r);
	if (ret < 0)
		return ret;
	give_loopbacks(r->t);
	ret = give_addresses(r);
	if (ret < 0)
		return ret;
	ret = vn_topo_check_addresses(r->t, r->err);
	if (ret < 0)
		return ret;
	ret = give_macs(r);
	if (ret < 0)
		return ret;
	ret = vn_topo_check_ports(r->t, r->err);
	if (ret < 0)
		return ret;
	complete_disciplines(r->t);
	ret = vn_topo_routes(r->t, r->err);
	if (ret < 0)
		return ret;
	return give_numbers(r, alloc, arg);
}

int vn_topo_resolve(struct vn_topo *t, const struct vn_topo *prev, vn_port_alloc_fn alloc, void *arg,
		    struct vn_err *err)
{
	struct resolver r = {.t = t, .prev = prev, .err = err};
	int ret;

	ret = resolve(&r, alloc, arg);
	resolver_release(&r);
	if (ret < 0)
		return ret;
	t->resolved = true;
	return 0;
}
