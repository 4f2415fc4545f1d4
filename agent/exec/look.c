// SPDX-License-Identifier: GPL-2.0-only
#include "exec/look.h"

#include <linux/if_link.h>
#include <linux/ipv6.h>
#include <linux/neighbour.h>
#include <linux/netconf.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>

#include <base/util.h>

#include "exec/exec_internal.h"
#include "net/netns.h"
#include "net/netns_id.h"
#include "net/veth.h"

#define ANSWERS_MAX 4096u /* addresses of a device; routes of ours beside those that are wished */
#define TRIES       3u    /* at a dump that is changed meanwhile */

void vn_look_release(struct vn_look *k)
{
	vn_nl_close(&k->fabric);
	vn_nl_close(&k->node);
}

struct link_answer {
	uint32_t ifindex; /* 0: any */
	struct vn_device_seen *d;
	uint32_t peer;
	int peer_nsid;
};

static void read_ipv6(const struct nlattr *spec, struct vn_device_seen *d)
{
	const struct nlattr *af = nla_find(nla_data(spec), nla_len(spec), AF_INET6);
	const struct nlattr *conf = af ? nla_find(nla_data(af), nla_len(af), IFLA_INET6_CONF) : NULL;
	int32_t off;

	d->ipv6_off = !conf;
	if (!conf || nla_len(conf) < (int)((DEVCONF_DISABLE_IPV6 + 1) * sizeof(off)))
		return;
	memcpy(&off, (const uint8_t *)nla_data(conf) + DEVCONF_DISABLE_IPV6 * sizeof(off), sizeof(off));
	d->ipv6_off = off != 0;
}

static void read_link(void *arg, struct nlmsghdr *h)
{
	struct link_answer *answer = arg;
	const struct ifinfomsg *ifi = NLMSG_DATA(h);
	struct vn_device_seen *d = answer->d;
	struct nlattr *a;
	int left;

	if (h->nlmsg_type != RTM_NEWLINK || h->nlmsg_len < NLMSG_LENGTH(sizeof(*ifi)) ||
	    (answer->ifindex && (uint32_t)ifi->ifi_index != answer->ifindex))
		return;
	d->there = true;
	d->ipv6_off = true;
	d->flags = ifi->ifi_flags;
	nlmsg_for_each_attr(a, h, sizeof(*ifi), left) switch (nla_type(a))
	{
	case IFLA_IFNAME:
		snprintf(d->ifname, sizeof(d->ifname), "%s", nla_get_string(a));
		break;
	case IFLA_MTU:
		d->mtu = nla_get_u32(a);
		break;
	case IFLA_ADDRESS:
		if (nla_len(a) == (int)sizeof(d->mac))
			memcpy(d->mac, nla_data(a), sizeof(d->mac));
		break;
	case IFLA_CARRIER:
		d->carrier = nla_get_u8(a);
		break;
	case IFLA_AF_SPEC:
		read_ipv6(a, d);
		break;
	case IFLA_LINK:
		answer->peer = nla_get_u32(a);
		break;
	case IFLA_LINK_NETNSID:
		answer->peer_nsid = (int)nla_get_u32(a);
		break;
	}
}

/* By index or by name; none is no failure. */
static int get_link(struct vn_nl *nl, uint32_t ifindex, const char *ifname, struct link_answer *answer)
{
	const struct ifinfomsg ifi = {.ifi_index = (int)ifindex};
	int r;

	answer->ifindex = ifindex;
	answer->peer_nsid = -1;
	vn_nl_begin(nl, RTM_GETLINK, NLM_F_ACK, &ifi, sizeof(ifi));
	if (ifname)
		vn_nl_put_str(nl, IFLA_IFNAME, ifname);
	vn_nl_put_u32(nl, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	r = vn_nl_dump(nl, read_link, answer);
	return r == -ENODEV ? 0 : r;
}

/* The device of port @i of the node, and whether it is the other end of the host's. */
static int look_at_port(struct vn_look *k, const struct vn_topo *t, const struct vn_node *n, size_t i,
			struct vn_node_seen *seen)
{
	const struct vn_port *port = &t->links[n->link_ids[i] / VN_DIRS].ports[n->link_ids[i] % VN_DIRS];
	struct vn_device_seen *d = &seen->ports[i], host = {0}, other = {0};
	struct link_answer answer = {.d = d};
	int r;

	if (!vn_port_has(port, VN_TRAIT_NETDEV))
		return 0;
	r = get_link(&k->node, VN_IFINDEX_NODE + port->number, NULL, &answer);
	if (r == 0 && d->there && strcmp(d->ifname, port->ifname) != 0) {
		answer = (struct link_answer){.d = &other};
		r = get_link(&k->node, 0, port->ifname, &answer);
		d->name_taken = other.there;
	}
	if (r < 0 || !vn_port_has(port, VN_TRAIT_PAIR))
		return r;
	answer = (struct link_answer){.d = &host};
	r = get_link(&k->fabric, VN_IFINDEX_HOST + port->number, NULL, &answer);
	d->host_gone = !host.there;
	d->away = d->host_gone || answer.peer != VN_IFINDEX_NODE + port->number || answer.peer_nsid != seen->nsid;
	return r;
}

static int look_at_devices(struct vn_look *k, const struct vn_topo *t, const struct vn_node *n,
			   struct vn_node_seen *seen)
{
	struct link_answer answer = {.d = &seen->lo};
	int r = get_link(&k->node, VN_IFINDEX_LO, NULL, &answer);

	for (size_t i = 0; i < n->n_links && r == 0; i++)
		r = look_at_port(k, t, n, i, seen);
	return r;
}

struct netconf_answer {
	bool forwarding, rp_filter;
};

static void read_netconf(void *arg, struct nlmsghdr *h)
{
	struct netconf_answer *answer = arg;
	struct nlattr *a;
	int left;

	if (h->nlmsg_type != RTM_NEWNETCONF)
		return;
	nlmsg_for_each_attr(a, h, sizeof(struct netconfmsg), left)
	{
		if (nla_type(a) == NETCONFA_FORWARDING)
			answer->forwarding = nla_get_u32(a);
		if (nla_type(a) == NETCONFA_RP_FILTER)
			answer->rp_filter = nla_get_u32(a);
	}
}

static int get_netconf(struct vn_nl *nl, uint8_t family, int32_t which, struct netconf_answer *ret)
{
	const struct netconfmsg ncm = {.ncm_family = family};

	*ret = (struct netconf_answer){0};
	vn_nl_begin(nl, RTM_GETNETCONF, NLM_F_ACK, &ncm, sizeof(ncm));
	vn_nl_put_u32(nl, NETCONFA_IFINDEX, (uint32_t)which);
	return vn_nl_dump(nl, read_netconf, ret);
}

static int look_at_settings(struct vn_nl *nl, struct vn_node_seen *seen)
{
	struct netconf_answer all4, default4 = {0}, all6 = {0};
	int r = get_netconf(nl, AF_INET, NETCONFA_IFINDEX_ALL, &all4);

	if (r == 0)
		r = get_netconf(nl, AF_INET, NETCONFA_IFINDEX_DEFAULT, &default4);
	if (r == 0)
		r = get_netconf(nl, AF_INET6, NETCONFA_IFINDEX_ALL, &all6);
	seen->forward4 = all4.forwarding;
	seen->forward6 = all6.forwarding;
	seen->rp_filter = all4.rp_filter || default4.rp_filter;
	return r;
}

static void read_neigh(void *arg, struct nlmsghdr *h)
{
	struct vn_neigh_seen *n = arg;
	const struct ndmsg *nd = NLMSG_DATA(h);
	struct nlattr *a;

	if (h->nlmsg_type != RTM_NEWNEIGH || h->nlmsg_len < NLMSG_LENGTH(sizeof(*nd)))
		return;
	a = nlmsg_find_attr(h, sizeof(*nd), NDA_LLADDR);
	if (!a || nla_len(a) != (int)sizeof(n->mac))
		return;
	n->there = true;
	n->permanent = nd->ndm_state & NUD_PERMANENT;
	memcpy(n->mac, nla_data(a), sizeof(n->mac));
}

static int get_neigh(struct vn_nl *nl, uint32_t ifindex, const struct vn_addr *a, struct vn_neigh_seen *ret)
{
	const struct ndmsg nd = {.ndm_family = a->family, .ndm_ifindex = (int)ifindex};
	int r;

	if (!a->family)
		return 0;
	vn_nl_begin(nl, RTM_GETNEIGH, NLM_F_ACK, &nd, sizeof(nd));
	vn_nl_put(nl, NDA_DST, a->bytes, a->family == AF_INET6 ? 16 : 4);
	r = vn_nl_dump(nl, read_neigh, ret);
	return r == -ENOENT || r == -ENODEV ? 0 : r;
}

static int look_at_neighbours(struct vn_nl *nl, const struct vn_topo *t, const struct vn_node *n,
			      struct vn_node_seen *seen)
{
	int r = 0;

	for (size_t i = 0; i < n->n_links && r == 0; i++) {
		const struct vn_link *l = &t->links[n->link_ids[i] / VN_DIRS];
		const size_t side = n->link_ids[i] % VN_DIRS;
		const struct vn_port *peer = &l->ports[!side];
		const uint32_t ifindex = VN_IFINDEX_NODE + l->ports[side].number;

		if (!seen->ports[i].there || peer->isolation == VN_ISOLATION_OFF)
			continue;
		r = get_neigh(nl, ifindex, &peer->ip4, &seen->ports[i].neigh4);
		if (r == 0)
			r = get_neigh(nl, ifindex, &peer->ip6, &seen->ports[i].neigh6);
	}
	return r;
}

struct addr_list {
	uint32_t ifindex;
	struct vn_addr *addrs;
	size_t n, room;
	bool failed;
};

static void read_addr(void *arg, struct nlmsghdr *h)
{
	struct addr_list *list = arg;
	const struct ifaddrmsg *ifa = NLMSG_DATA(h);
	struct nlattr *local, *address;
	struct vn_addr a = {0};

	if (h->nlmsg_type != RTM_NEWADDR || h->nlmsg_len < NLMSG_LENGTH(sizeof(*ifa)) ||
	    ifa->ifa_index != list->ifindex)
		return;
	address = nlmsg_find_attr(h, sizeof(*ifa), IFA_ADDRESS);
	local = nlmsg_find_attr(h, sizeof(*ifa), IFA_LOCAL) ?: address;
	a.family = ifa->ifa_family;
	a.plen = ifa->ifa_prefixlen;
	if (!local || nla_len(local) != (a.family == AF_INET6 ? 16 : 4))
		return;
	memcpy(a.bytes, nla_data(local), (size_t)nla_len(local));
	if (list->n == list->room) {
		size_t room = list->room ? 2 * list->room : 4;
		struct vn_addr *more = reallocarray(list->addrs, room, sizeof(*more));

		list->failed |= !more;
		if (!more)
			return;
		list->addrs = more;
		list->room = room;
	}
	list->addrs[list->n++] = a;
}

static int get_addrs(struct vn_nl *nl, uint32_t ifindex, struct vn_device_seen *d)
{
	static const uint8_t families[] = {AF_INET, AF_INET6};
	struct addr_list list = {.ifindex = ifindex};
	int r = 0;

	for (size_t i = 0; i < VN_ARRAY_SIZE(families) && r == 0; i++) {
		const struct ifaddrmsg ifa = {.ifa_family = families[i], .ifa_index = ifindex};

		vn_nl_begin(nl, RTM_GETADDR, NLM_F_DUMP, &ifa, sizeof(ifa));
		r = vn_nl_dump(nl, read_addr, &list);
		/* Of a device that has no addresses of the family, some kernels say that there is no device. */
		r = r == -ENODEV ? 0 : r;
	}
	d->addrs = list.addrs;
	d->n_addrs = list.n;
	return list.failed ? -ENOMEM : r;
}

static int look_at_addresses(struct vn_nl *nl, const struct vn_topo *t, const struct vn_node *n,
			     struct vn_node_seen *seen)
{
	int r = get_addrs(nl, VN_IFINDEX_LO, &seen->lo);

	for (size_t i = 0; i < n->n_links && r == 0; i++)
		if (seen->ports[i].there)
			r = get_addrs(nl,
				      VN_IFINDEX_NODE +
					      t->links[n->link_ids[i] / VN_DIRS].ports[n->link_ids[i] % VN_DIRS].number,
				      &seen->ports[i]);
	return r;
}

struct route_list {
	struct vn_node_seen *seen;
	size_t room;
	bool failed;
};

struct network_list {
	const struct vn_topo *t;
	const struct vn_node *n;
	struct vn_node_seen *seen;
};

static void take_addr(struct vn_addr *a, const struct nlattr *attr)
{
	if (attr && nla_len(attr) <= (int)sizeof(a->bytes))
		memcpy(a->bytes, nla_data(attr), (size_t)nla_len(attr));
}

/* Linux before 4.20 filters neither by protocol nor by table. */
static bool is_route_of(const struct nlmsghdr *h, uint8_t protocol)
{
	const struct rtmsg *rtm = NLMSG_DATA(h);
	struct nlattr *table;

	if (h->nlmsg_type != RTM_NEWROUTE || h->nlmsg_len < NLMSG_LENGTH(sizeof(*rtm)) ||
	    rtm->rtm_protocol != protocol || rtm->rtm_flags & RTM_F_CLONED)
		return false;
	table = nlmsg_find_attr((struct nlmsghdr *)h, sizeof(*rtm), RTA_TABLE);
	return (table ? nla_get_u32(table) : rtm->rtm_table) == RT_TABLE_MAIN;
}

static bool in_network(const struct vn_addr *a, const struct vn_addr *net)
{
	const size_t bytes = a->plen / 8;
	const uint8_t rest = (uint8_t)(0xff << (8 - a->plen % 8));

	return a->family == net->family && a->plen == net->plen && memcmp(a->bytes, net->bytes, bytes) == 0 &&
	       (a->plen % 8 == 0 || ((a->bytes[bytes] ^ net->bytes[bytes]) & rest) == 0);
}

/* A route that the kernel made with an address: of which port? Whoever puts it back may say another protocol. */
static void read_network(void *arg, struct nlmsghdr *h)
{
	const struct network_list *list = arg;
	const struct rtmsg *rtm = NLMSG_DATA(h);
	struct nlattr *oif;
	struct vn_addr net = {0};

	if (!is_route_of(h, RTPROT_KERNEL) || rtm->rtm_type != RTN_UNICAST)
		return;
	oif = nlmsg_find_attr(h, sizeof(*rtm), RTA_OIF);
	net.family = rtm->rtm_family;
	net.plen = rtm->rtm_dst_len;
	take_addr(&net, nlmsg_find_attr(h, sizeof(*rtm), RTA_DST));
	for (size_t i = 0; oif && i < list->n->n_links; i++) {
		const struct vn_port *p =
			&list->t->links[list->n->link_ids[i] / VN_DIRS].ports[list->n->link_ids[i] % VN_DIRS];

		if (nla_get_u32(oif) != VN_IFINDEX_NODE + p->number)
			continue;
		list->seen->ports[i].net4 |= net.family == AF_INET && in_network(&p->ip4, &net);
		list->seen->ports[i].net6 |= net.family == AF_INET6 && in_network(&p->ip6, &net);
	}
}

static void read_route(void *arg, struct nlmsghdr *h)
{
	struct route_list *list = arg;
	struct vn_node_seen *seen = list->seen;
	const struct rtmsg *rtm = NLMSG_DATA(h);
	struct nlattr *gw, *oif, *src;
	struct vn_route_seen r = {0};

	if (!is_route_of(h, VN_PROTOCOL))
		return;
	r.dst.family = rtm->rtm_family;
	r.dst.plen = rtm->rtm_dst_len;
	take_addr(&r.dst, nlmsg_find_attr(h, sizeof(*rtm), RTA_DST));
	gw = nlmsg_find_attr(h, sizeof(*rtm), RTA_GATEWAY);
	oif = nlmsg_find_attr(h, sizeof(*rtm), RTA_OIF);
	if (rtm->rtm_type == RTN_UNICAST && gw && oif) {
		r.gw.family = rtm->rtm_family;
		take_addr(&r.gw, gw);
		src = nlmsg_find_attr(h, sizeof(*rtm), RTA_PREFSRC);
		r.src.family = src ? rtm->rtm_family : 0;
		take_addr(&r.src, src);
		r.oif = nla_get_u32(oif);
	} else if (rtm->rtm_type != RTN_UNREACHABLE) {
		return;
	}
	if (seen->n_routes == list->room) {
		size_t room = list->room ? 2 * list->room : 16;
		struct vn_route_seen *more = reallocarray(seen->routes, room, sizeof(*more));

		list->failed |= !more;
		if (!more)
			return;
		seen->routes = more;
		list->room = room;
	}
	seen->routes[seen->n_routes++] = r;
}

/* By the number of the protocol and the table, so that the kernel sorts out the node's own (Linux 4.20). */
static int get_routes(struct vn_nl *nl, uint8_t family, uint8_t protocol, void (*each)(void *arg, struct nlmsghdr *h),
		      void *arg)
{
	const struct rtmsg rtm = {.rtm_family = family, .rtm_table = RT_TABLE_MAIN, .rtm_protocol = protocol};
	int r;

	vn_nl_begin(nl, RTM_GETROUTE, NLM_F_DUMP, &rtm, sizeof(rtm));
	r = vn_nl_dump(nl, each, arg);
	/* A table that nobody has put a route into does not exist. */
	return r == -ENOENT ? 0 : r;
}

static int look_at_routes(struct vn_nl *nl, const struct vn_topo *t, const struct vn_node *n, struct vn_node_seen *seen)
{
	struct route_list list = {.seen = seen};
	struct network_list networks = {t, n, seen};
	bool routes[2] = {false, false}, nets[2] = {false, false};
	int r = 0;

	for (size_t i = 0; i < n->n_routes; i++)
		routes[n->routes[i].dst.family == AF_INET6] = true;
	for (size_t i = 0; i < n->n_links; i++) {
		const struct vn_port *p = &t->links[n->link_ids[i] / VN_DIRS].ports[n->link_ids[i] % VN_DIRS];

		nets[0] |= p->ip4.family;
		nets[1] |= p->ip6.family;
	}
	for (int i = 0; i < 2 && r == 0; i++) {
		const uint8_t family = i ? AF_INET6 : AF_INET;

		if (routes[i])
			r = get_routes(nl, family, VN_PROTOCOL, read_route, &list);
		if (r == 0 && nets[i])
			r = get_routes(nl, family, RTPROT_KERNEL, read_network, &networks);
	}
	return list.failed ? -ENOMEM : r;
}

static int open_sockets(struct vn_look *k, const struct vn_fabric *f, int netns_fd)
{
	int r = k->fabric.fd < 0 ? vn_home_nl_open(&f->home, f->home.netns_fd, &k->fabric, NULL) : 0;

	return r == 0 ? vn_home_nl_open(&f->home, netns_fd, &k->node, NULL) : r;
}

static int look_inside(struct vn_look *k, const struct vn_topo *t, const struct vn_node *n, struct vn_node_seen *seen)
{
	int r;

	k->node.dump_tries = TRIES;
	k->node.dump_most = 0;
	r = look_at_devices(k, t, n, seen);
	if (r == 0)
		r = look_at_settings(&k->node, seen);
	if (r == 0)
		r = look_at_neighbours(&k->node, t, n, seen);
	/* Whose number the node's root decides. */
	k->node.dump_most = ANSWERS_MAX + 4 * n->n_routes;
	if (r == 0)
		r = look_at_routes(&k->node, t, n, seen);
	if (r == 0)
		r = look_at_addresses(&k->node, t, n, seen);
	if (r == -E2BIG)
		seen->too_many = true;
	return r == -E2BIG ? 0 : r;
}

int vn_look_node(struct vn_look *k, const struct vn_fabric *f, const struct vn_topo *t, size_t node,
		 struct vn_node_seen *ret_seen)
{
	const struct vn_node *n = &t->nodes[node];
	cleanup_node_seen struct vn_node_seen seen = {.nsid = -1};
	char name[VN_NETNS_NAME_MAX];
	cleanup_close int fd = vn_netns_open(vn_netns_name(name, t->name, n->name));
	int r = fd < 0 ? fd : open_sockets(k, f, fd);

	if (r == 0)
		r = vn_nsid_get(&k->fabric, fd, &seen.nsid);
	if (r < 0)
		return r;
	seen.ports = calloc(n->n_links ?: 1, sizeof(*seen.ports));
	if (!seen.ports)
		return -ENOMEM;
	seen.n_ports = n->n_links;
	r = look_inside(k, t, n, &seen);
	if (r < 0)
		return r;
	seen.looked = true;
	*ret_seen = seen;
	seen = (struct vn_node_seen){.nsid = -1};
	return 0;
}
