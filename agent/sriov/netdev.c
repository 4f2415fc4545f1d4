// SPDX-License-Identifier: GPL-2.0-only
#include "sriov/netdev.h"

#include <linux/if_link.h>

#include <base/util.h>

#include "sriov/pci.h"

struct netdev_dump {
	char parent[2][64]; /* as the kernel names it: the PCI device, or the virtio one below it */
	struct vn_vf_netdev dev;
	bool found;
};

static void read_netdev(void *arg, struct nlmsghdr *h)
{
	struct netdev_dump *d = arg;
	const struct ifinfomsg *ifi = NLMSG_DATA(h);
	struct vn_vf_netdev dev = {0};
	const char *parent = "";
	struct nlattr *a, *x;
	int left;

	if (h->nlmsg_type != RTM_NEWLINK)
		return;
	dev.ifindex = (uint32_t)ifi->ifi_index;
	dev.flags = ifi->ifi_flags;
	nlmsg_for_each_attr(a, h, sizeof(*ifi), left) switch (nla_type(a))
	{
	case IFLA_PARENT_DEV_NAME:
		parent = nla_get_string(a);
		break;
	case IFLA_IFNAME:
		snprintf(dev.name, sizeof(dev.name), "%s", nla_get_string(a));
		break;
	case IFLA_IFALIAS:
		snprintf(dev.alias, sizeof(dev.alias), "%s", nla_get_string(a));
		break;
	case IFLA_MTU:
		dev.mtu = nla_get_u32(a);
		break;
	case IFLA_GROUP:
		dev.group = nla_get_u32(a);
		break;
	case IFLA_ADDRESS:
		if (nla_len(a) == 6)
			memcpy(dev.mac, nla_data(a), 6);
		break;
	case IFLA_XDP:
		x = nla_find(nla_data(a), nla_len(a), IFLA_XDP_ATTACHED);
		dev.xdp = x && nla_get_u8(x) != XDP_ATTACHED_NONE;
		break;
	}
	for (size_t i = 0; i < VN_ARRAY_SIZE(d->parent); i++)
		if (*d->parent[i] && strcmp(parent, d->parent[i]) == 0) {
			d->dev = dev;
			d->found = true;
		}
}

int vn_sriov_netdev(struct vn_nl *nl, const char *pci, struct vn_vf_netdev *ret)
{
	const struct ifinfomsg ifi = {0};
	struct netdev_dump d = {0};
	int r;

	snprintf(d.parent[0], sizeof(d.parent[0]), "%s", pci);
	vn_pci_virtio(pci, d.parent[1], sizeof(d.parent[1]));
	vn_nl_begin(nl, RTM_GETLINK, NLM_F_DUMP, &ifi, sizeof(ifi));
	vn_nl_put_u32(nl, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	r = vn_nl_dump(nl, read_netdev, &d);
	if (r == 0 && !d.found)
		r = -ENOENT;
	if (r == 0)
		*ret = d.dev;
	return r;
}

void vn_netdev_move(struct vn_nl *nl, uint32_t ifindex, const struct vn_vf_move *to)
{
	const struct ifinfomsg ifi = {.ifi_index = (int)ifindex};

	vn_nl_begin(nl, RTM_SETLINK, 0, &ifi, sizeof(ifi));
	vn_nl_put_str(nl, IFLA_IFNAME, to->name);
	vn_nl_put_u32(nl, IFLA_GROUP, to->group);
	vn_nl_put_u32(nl, IFLA_NET_NS_FD, (uint32_t)to->netns_fd);
	vn_nl_put_u32(nl, IFLA_NEW_IFINDEX, to->ifindex);
	vn_nl_end(nl, "move its VF", 0);
}

void vn_netdev_set(struct vn_nl *nl, uint32_t ifindex, const char *name, const uint8_t *mac, uint32_t mtu,
		   const char *alias)
{
	const struct ifinfomsg ifi = {.ifi_index = (int)ifindex};

	vn_nl_begin(nl, RTM_SETLINK, 0, &ifi, sizeof(ifi));
	if (name)
		vn_nl_put_str(nl, IFLA_IFNAME, name);
	if (mac)
		vn_nl_put(nl, IFLA_ADDRESS, mac, 6);
	if (mtu)
		vn_nl_put_u32(nl, IFLA_MTU, mtu);
	if (alias)
		vn_nl_put_str(nl, IFLA_IFALIAS, alias);
	vn_nl_end(nl, name ? "rename it" : mac ? "set the MAC of its netdev" : mtu ? "set its MTU" : "mark it", 0);
}

void vn_netdev_take_all(struct vn_nl *nl, uint32_t ifindex, unsigned int flags)
{
	const struct ifinfomsg ifi = {
		.ifi_index = (int)ifindex, .ifi_flags = IFF_ALLMULTI | flags, .ifi_change = IFF_ALLMULTI | flags};

	vn_nl_begin(nl, RTM_NEWLINK, 0, &ifi, sizeof(ifi));
	vn_nl_end(nl, "take all multicast", 0);
}

struct route_dump {
	uint32_t oif[16];
	size_t n;
};

static void read_route(void *arg, struct nlmsghdr *h)
{
	struct route_dump *d = arg;
	const struct rtmsg *rt = NLMSG_DATA(h);
	struct nlattr *oif;

	if (h->nlmsg_type != RTM_NEWROUTE || rt->rtm_dst_len || rt->rtm_type != RTN_UNICAST)
		return;
	oif = nlmsg_find_attr(h, sizeof(*rt), RTA_OIF);
	if (oif && d->n < VN_ARRAY_SIZE(d->oif))
		d->oif[d->n++] = nla_get_u32(oif);
}

struct upper_dump {
	uint32_t ifindex, master;
};

static void read_upper(void *arg, struct nlmsghdr *h)
{
	struct upper_dump *d = arg;
	const struct ifinfomsg *ifi = NLMSG_DATA(h);
	struct nlattr *m;

	if (h->nlmsg_type != RTM_NEWLINK || (uint32_t)ifi->ifi_index != d->ifindex)
		return;
	m = nlmsg_find_attr(h, sizeof(*ifi), IFLA_MASTER);
	if (m)
		d->master = nla_get_u32(m);
}

int vn_default_route(struct vn_nl *nl, uint32_t ifindex, bool *ret_there)
{
	static const uint8_t families[] = {AF_INET, AF_INET6};
	const struct ifinfomsg ifi = {0};
	struct upper_dump up = {.ifindex = ifindex};
	struct route_dump d = {0};
	int r = 0;

	for (size_t i = 0; i < VN_ARRAY_SIZE(families) && r == 0; i++) {
		const struct rtmsg rt = {.rtm_family = families[i]};

		vn_nl_begin(nl, RTM_GETROUTE, NLM_F_DUMP, &rt, sizeof(rt));
		r = vn_nl_dump(nl, read_route, &d);
	}
	if (r < 0)
		return r;
	vn_nl_begin(nl, RTM_GETLINK, NLM_F_DUMP, &ifi, sizeof(ifi));
	vn_nl_put_u32(nl, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	r = vn_nl_dump(nl, read_upper, &up);
	if (r < 0)
		return r;
	*ret_there = false;
	for (size_t i = 0; i < d.n; i++)
		*ret_there |= d.oif[i] == ifindex || (up.master && d.oif[i] == up.master);
	return 0;
}
