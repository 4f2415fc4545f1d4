/* SPDX-License-Identifier: GPL-2.0-only */
#include "net/veth.h"

#include <linux/if_link.h>
#include <linux/veth.h>
#include <net/if.h>

#ifndef IFLA_GSO_IPV4_MAX_SIZE /* uapi of Linux 6.3 */
#define IFLA_GSO_IPV4_MAX_SIZE 63
#endif

static void put_end(struct vn_nl *nl, const struct vn_veth_end *e, uint32_t mtu)
{
	vn_nl_put_str(nl, IFLA_IFNAME, e->ifname);
	vn_nl_put_u32(nl, IFLA_MTU, mtu);
	/* A queue per CPU would only cost memory: a port's order is kept by one. */
	vn_nl_put_u32(nl, IFLA_NUM_TX_QUEUES, 1);
	vn_nl_put_u32(nl, IFLA_NUM_RX_QUEUES, 1);
	if (e->mac)
		vn_nl_put(nl, IFLA_ADDRESS, e->mac, 6);
}

void vn_veth_create(struct vn_nl *nl, const struct vn_veth_end *end, const struct vn_veth_end *peer, uint32_t mtu,
		    uint32_t group)
{
	const struct ifinfomsg ifi = {.ifi_index = (int)end->ifindex}, peer_ifi = {.ifi_index = (int)peer->ifindex};
	struct nlattr *info, *data, *p;

	vn_nl_begin(nl, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &ifi, sizeof(ifi));
	put_end(nl, end, mtu);
	if (end->gso_max) {
		vn_nl_put_u32(nl, IFLA_GSO_MAX_SIZE, end->gso_max);
		vn_nl_put_u32(nl, IFLA_GSO_IPV4_MAX_SIZE, end->gso_max);
	}
	vn_nl_put_u32(nl, IFLA_GROUP, group);
	info = vn_nl_nest(nl, IFLA_LINKINFO);
	vn_nl_put_str(nl, IFLA_INFO_KIND, "veth");
	data = vn_nl_nest(nl, IFLA_INFO_DATA);
	p = vn_nl_nest(nl, VETH_INFO_PEER);
	if (nlmsg_append(nl->msg, (void *)&peer_ifi, sizeof(peer_ifi), NLMSG_ALIGNTO) < 0)
		nl->overflow = true;
	put_end(nl, peer, mtu);
	/* Made there, not moved there: a move costs 18 ms. */
	if (peer->netns_fd >= 0)
		vn_nl_put_u32(nl, IFLA_NET_NS_FD, (uint32_t)peer->netns_fd);
	vn_nl_nest_end(nl, p);
	vn_nl_nest_end(nl, data);
	vn_nl_nest_end(nl, info);
	vn_nl_end(nl, "create its veth pair", 0);
}

static void link_flags(struct vn_nl *nl, uint32_t ifindex, bool up, const char *what, uint32_t ok)
{
	const struct ifinfomsg ifi = {.ifi_index = (int)ifindex, .ifi_flags = up ? IFF_UP : 0, .ifi_change = IFF_UP};

	vn_nl_begin(nl, RTM_NEWLINK, 0, &ifi, sizeof(ifi));
	vn_nl_end(nl, what, ok);
}

void vn_link_up(struct vn_nl *nl, uint32_t ifindex)
{
	link_flags(nl, ifindex, true, "bring it up", 0);
}

void vn_link_down(struct vn_nl *nl, uint32_t ifindex)
{
	link_flags(nl, ifindex, false, "bring it down", VN_NL_OK(ENODEV));
}

void vn_link_rename(struct vn_nl *nl, uint32_t ifindex, const char *ifname)
{
	const struct ifinfomsg ifi = {.ifi_index = (int)ifindex};

	vn_nl_begin(nl, RTM_SETLINK, 0, &ifi, sizeof(ifi));
	vn_nl_put_str(nl, IFLA_IFNAME, ifname);
	vn_nl_end(nl, "give it its name", VN_NL_OK2(EEXIST, EBUSY));
}

void vn_link_set_mac(struct vn_nl *nl, uint32_t ifindex, const uint8_t mac[6])
{
	const struct ifinfomsg ifi = {.ifi_index = (int)ifindex};

	vn_nl_begin(nl, RTM_SETLINK, 0, &ifi, sizeof(ifi));
	vn_nl_put(nl, IFLA_ADDRESS, mac, 6);
	vn_nl_end(nl, "set its MAC", 0);
}

void vn_link_set_mtu(struct vn_nl *nl, uint32_t ifindex, uint32_t mtu)
{
	const struct ifinfomsg ifi = {.ifi_index = (int)ifindex};

	vn_nl_begin(nl, RTM_SETLINK, 0, &ifi, sizeof(ifi));
	vn_nl_put_u32(nl, IFLA_MTU, mtu);
	vn_nl_end(nl, "set its MTU", 0);
}

void vn_link_set_room(struct vn_nl *nl, uint32_t ifindex, uint32_t mtu, uint32_t queue)
{
	const struct ifinfomsg ifi = {.ifi_index = (int)ifindex};

	vn_nl_begin(nl, RTM_SETLINK, 0, &ifi, sizeof(ifi));
	vn_nl_put_u32(nl, IFLA_MTU, mtu);
	vn_nl_put_u32(nl, IFLA_TXQLEN, queue);
	vn_nl_end(nl, "set its MTU and queue", 0);
}

void vn_link_set_group(struct vn_nl *nl, uint32_t ifindex, uint32_t group)
{
	const struct ifinfomsg ifi = {.ifi_index = (int)ifindex};

	vn_nl_begin(nl, RTM_SETLINK, 0, &ifi, sizeof(ifi));
	vn_nl_put_u32(nl, IFLA_GROUP, group);
	vn_nl_end(nl, "mark it for deletion", VN_NL_OK(ENODEV));
}

void vn_link_set_group_named(struct vn_nl *nl, const char *ifname, uint32_t group)
{
	const struct ifinfomsg ifi = {0};

	vn_nl_begin(nl, RTM_SETLINK, 0, &ifi, sizeof(ifi));
	vn_nl_put_str(nl, IFLA_IFNAME, ifname);
	vn_nl_put_u32(nl, IFLA_GROUP, group);
	vn_nl_end(nl, "mark it for deletion", VN_NL_OK(ENODEV));
}

void vn_link_delete_group(struct vn_nl *nl, uint32_t group)
{
	const struct ifinfomsg ifi = {0};

	vn_nl_begin(nl, RTM_DELLINK, 0, &ifi, sizeof(ifi));
	vn_nl_put_u32(nl, IFLA_GROUP, group);
	vn_nl_end(nl, "delete a group of devices", VN_NL_OK(ENODEV));
}

struct dump_arg {
	void (*each)(void *arg, const struct vn_link_info *l);
	void *arg;
};

static void dump_one(void *arg, struct nlmsghdr *h)
{
	const struct dump_arg *d = arg;
	const struct ifinfomsg *ifi = NLMSG_DATA(h);
	struct vn_link_info l = {.name = "", .peer_nsid = -1};
	struct nlattr *a;
	int left;

	if (h->nlmsg_type != RTM_NEWLINK || h->nlmsg_len < NLMSG_LENGTH(sizeof(*ifi)))
		return;
	l.ifindex = (uint32_t)ifi->ifi_index;
	l.flags = ifi->ifi_flags;
	nlmsg_for_each_attr(a, h, sizeof(*ifi), left) switch (nla_type(a))
	{
	case IFLA_IFNAME:
		l.name = nla_get_string(a);
		break;
	case IFLA_GROUP:
		l.group = nla_get_u32(a);
		break;
	case IFLA_MTU:
		l.mtu = nla_get_u32(a);
		break;
	case IFLA_LINK:
		l.peer_ifindex = nla_get_u32(a);
		break;
	case IFLA_LINK_NETNSID:
		l.peer_nsid = (int)nla_get_u32(a);
		break;
	}
	d->each(d->arg, &l);
}

int vn_link_dump(struct vn_nl *nl, void (*each)(void *arg, const struct vn_link_info *l), void *arg)
{
	const struct ifinfomsg ifi = {0};
	struct dump_arg d = {each, arg};

	vn_nl_begin(nl, RTM_GETLINK, NLM_F_DUMP, &ifi, sizeof(ifi));
	/* Statistics of thousands of devices would be most of the answer. */
	vn_nl_put_u32(nl, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	return vn_nl_dump(nl, dump_one, &d);
}

struct stats_arg {
	uint32_t ifindex;
	bool found;
	uint64_t tx_dropped;
};

static void read_stats(void *arg, struct nlmsghdr *h)
{
	const struct if_stats_msg *ifs = NLMSG_DATA(h);
	struct stats_arg *s = arg;
	struct nlattr *a;

	if (h->nlmsg_type != RTM_NEWSTATS || h->nlmsg_len < NLMSG_LENGTH(sizeof(*ifs)) || ifs->ifindex != s->ifindex)
		return;
	a = nlmsg_find_attr(h, sizeof(*ifs), IFLA_STATS_LINK_64);
	if (!a || nla_len(a) < (int)sizeof(struct rtnl_link_stats64))
		return;
	s->found = true;
	s->tx_dropped = ((const struct rtnl_link_stats64 *)nla_data(a))->tx_dropped;
}

int vn_link_tx_dropped(struct vn_nl *nl, uint32_t ifindex, uint64_t *ret_dropped)
{
	const struct if_stats_msg ifs = {.ifindex = ifindex, .filter_mask = IFLA_STATS_FILTER_BIT(IFLA_STATS_LINK_64)};
	struct stats_arg s = {.ifindex = ifindex};
	int r;

	/* One device's, not all: what ends the answer is the acknowledgement. */
	vn_nl_begin(nl, RTM_GETSTATS, NLM_F_ACK, &ifs, sizeof(ifs));
	r = vn_nl_dump(nl, read_stats, &s);
	if (r < 0)
		return r;
	if (!s.found)
		return -ENODEV;
	*ret_dropped = s.tx_dropped;
	return 0;
}
