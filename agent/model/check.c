// SPDX-License-Identifier: GPL-2.0-only
/* Checks over a whole topology: addresses that contradict each other, isolation that would cut a node off. */
#include "model/model_internal.h"

int vn_link_fail(const struct vn_topo *t, const struct vn_link *l, struct vn_err *err, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!*t->file || !l->line)
		return vn_err_usage(err, "link '%s': %s", l->name, text);
	return vn_err_usage(err, "%s:%d:%d: link '%s': %s", t->file, l->line, l->column, l->name, text);
}

int vn_link_check_addresses(const struct vn_topo *t, const struct vn_link *l, struct vn_err *err)
{
	static const int families[] = {AF_INET, AF_INET6};
	const struct vn_port *p = l->ports;
	char a0[VN_ADDR_BUF], a1[VN_ADDR_BUF];
	const char *n0 = t->nodes[p[0].node].name, *n1 = t->nodes[p[1].node].name;
	size_t i;

	if (p[0].ip_given != p[1].ip_given) {
		int without = p[0].ip_given;

		return vn_link_fail(t, l, err, "port '%s:%s' has no `ip:` though the other end has: give it one too",
				    without ? n1 : n0, p[without].ifname);
	}
	for (i = 0; i < VN_ARRAY_SIZE(families); i++) {
		const struct vn_addr *x = families[i] == AF_INET ? &p[0].ip4 : &p[0].ip6;
		const struct vn_addr *y = families[i] == AF_INET ? &p[1].ip4 : &p[1].ip6;
		struct vn_addr nx = vn_addr_network(x), ny = vn_addr_network(y);

		if (x->family != y->family)
			return vn_link_fail(t, l, err, "only '%s:%s' has an %s address: give the other end one too",
					    x->family ? n0 : n1, p[x->family ? 0 : 1].ifname,
					    families[i] == AF_INET ? "IPv4" : "IPv6");
		if (!vn_addr_equal(&nx, &ny))
			return vn_link_fail(t, l, err, "%s and %s are not on one subnet", vn_addr_format(a0, x, false),
					    vn_addr_format(a1, y, false));
		if (x->family == AF_INET6 && l->mtu < VN_MTU_IP6)
			return vn_link_fail(
				t, l, err,
				"%s on a link with an MTU of %u: IPv6 needs %d (RFC 8200): leave it out, or "
				"raise `mtu:`",
				vn_addr_format(a0, x, false), l->mtu, VN_MTU_IP6);
		if (x->family && vn_addr_equal(x, y))
			return vn_link_fail(t, l, err, "both ends have the address %s", vn_addr_format(a0, x, false));
	}
	return 0;
}

/* A subnet of a link whose addresses the file gives. */
struct subnet {
	struct vn_addr net;
	const struct vn_link *link;
};

static int subnet_cmp(const void *a, const void *b)
{
	const struct subnet *x = a, *y = b;

	return vn_addr_cmp(&x->net, &y->net);
}

/* True when @inner lies in @outer. */
static bool contains(const struct vn_addr *outer, const struct vn_addr *inner)
{
	struct vn_addr cut = *inner;

	if (outer->family != inner->family || outer->plen > inner->plen)
		return false;
	cut.plen = outer->plen;
	cut = vn_addr_network(&cut);
	return !memcmp(cut.bytes, outer->bytes, sizeof(cut.bytes));
}

/* The addresses that `addressing: auto` hands out: the blocks of ids 0 .. 2^k-1, which hold every id in use. */
static struct vn_addr auto_space(const struct vn_topo *t, int family)
{
	struct vn_addr a = vn_addr_block(family, 0);
	uint32_t max_id = 0;
	size_t i;

	for (i = 0; i < t->n_nodes; i++)
		max_id = VN_MAX(max_id, t->nodes[i].id);
	for (; max_id; max_id >>= 1)
		a.plen--;
	return a;
}

static int check_subnet(const struct vn_topo *t, const struct subnet *s, const struct vn_addr spaces[2],
			struct vn_err *err)
{
	char a0[VN_ADDR_BUF], a1[VN_ADDR_BUF];
	int i;

	for (i = 0; t->addressing == VN_ADDRESSING_AUTO && i < 2; i++) {
		if (contains(&spaces[i], &s->net) || contains(&s->net, &spaces[i]))
			return vn_link_fail(t, s->link, err,
					    "%s overlaps %s, which `addressing: auto` hands out: take others, "
					    "or set `addressing: none`",
					    vn_addr_format(a0, &s->net, false), vn_addr_format(a1, &spaces[i], false));
	}
	return 0;
}

static int check_subnets(const struct vn_topo *t, struct vn_err *err)
{
	const struct vn_addr spaces[2] = {auto_space(t, AF_INET), auto_space(t, AF_INET6)};
	cleanup_free struct subnet *s = calloc(2 * t->n_links + 1, sizeof(*s));
	char a0[VN_ADDR_BUF], a1[VN_ADDR_BUF];
	size_t i, n = 0, outer = 0;
	int r;

	if (!s)
		return vn_err_nomem(err);
	for (i = 0; i < t->n_links; i++) {
		const struct vn_port *p = &t->links[i].ports[0];

		if (p->ip_given && p->ip4.family)
			s[n++] = (struct subnet){vn_addr_network(&p->ip4), &t->links[i]};
		if (p->ip_given && p->ip6.family)
			s[n++] = (struct subnet){vn_addr_network(&p->ip6), &t->links[i]};
	}
	qsort(s, n, sizeof(*s), subnet_cmp);
	for (i = 0; i < n; i++) {
		r = check_subnet(t, &s[i], spaces, err);
		if (r < 0)
			return r;
		/* Prefixes nest or are apart, so the last one that began before decides. */
		if (i && contains(&s[outer].net, &s[i].net))
			return vn_link_fail(t, s[i].link, err,
					    "its subnet %s overlaps %s of link '%s': give each its own",
					    vn_addr_format(a1, &s[i].net, false),
					    vn_addr_format(a0, &s[outer].net, false), s[outer].link->name);
		outer = i;
	}
	return 0;
}

static int check_isolation(const struct vn_topo *t, const struct vn_port *p, const struct vn_link *l,
			   struct vn_err *err)
{
	const struct vn_node *node = &t->nodes[p->node];

	if (p->isolation != VN_ISOLATION_IP || p->n_sources)
		return 0;
	if (node->forward)
		return vn_link_fail(t, l, err,
				    "port '%s:%s': isolation 'ip' would drop what '%s' forwards for others: use "
				    "isolation 'mac', `forward: false` on the node, or list `sources:` of the port",
				    node->name, p->ifname, node->name);
	if (!p->ip4.family && !p->ip6.family)
		return vn_link_fail(t, l, err,
				    "port '%s:%s': isolation 'ip' on a port without addresses would drop "
				    "everything: give it `ip:` or `sources:`, or use isolation 'mac'",
				    node->name, p->ifname);
	return 0;
}

int vn_topo_check_addresses(const struct vn_topo *t, struct vn_err *err)
{
	size_t i;
	int r, side;

	for (i = 0; i < t->n_links; i++) {
		r = vn_link_check_addresses(t, &t->links[i], err);
		for (side = 0; side < VN_DIRS && r == 0; side++)
			r = check_isolation(t, &t->links[i].ports[side], &t->links[i], err);
		if (r < 0)
			return r;
	}
	return check_subnets(t, err);
}
