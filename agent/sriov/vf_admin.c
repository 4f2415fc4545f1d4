// SPDX-License-Identifier: GPL-2.0-only
#include "sriov/vf_admin.h"

#include <linux/if_link.h>

#include <base/util.h>

#define NO_VF 0x7ffffffeu /* a VF that cannot exist */

const char *const vn_vf_attr_words[VN_VF_ATTR_MAX] = {"mac", "vlan", "spoofchk", "trust", "state", "tx_rate"};

struct admin_dump {
	uint32_t ifindex;
	unsigned int vf;
	struct vn_vf_admin a;
};

static void read_stats(struct vn_vf_admin *a, struct nlattr *stats)
{
	struct nlattr *s;
	int left;

	nla_for_each_nested(s, stats, left) switch (nla_type(s))
	{
	case IFLA_VF_STATS_RX_PACKETS:
		a->rx_packets = nla_get_u64(s);
		break;
	case IFLA_VF_STATS_TX_PACKETS:
		a->tx_packets = nla_get_u64(s);
		break;
	case IFLA_VF_STATS_RX_BYTES:
		a->rx_bytes = nla_get_u64(s);
		break;
	case IFLA_VF_STATS_TX_BYTES:
		a->tx_bytes = nla_get_u64(s);
		break;
	}
	a->has_stats = a->rx_packets || a->tx_packets;
}

/* A driver that does not know an attribute leaves it at all ones. */
static void take(struct vn_vf_admin *a, enum vn_vf_attr attr, uint32_t value, uint32_t *to)
{
	if (value == UINT32_MAX)
		return;
	*to = value;
	a->has |= 1u << attr;
}

static void read_info(struct admin_dump *d, struct nlattr *info)
{
	struct vn_vf_admin a = {0};
	uint32_t vf = UINT32_MAX;
	struct nlattr *i;
	int left;

	nla_for_each_nested(i, info, left)
	{
		const void *data = nla_data(i);

		switch (nla_type(i)) {
		case IFLA_VF_MAC:
			vf = ((const struct ifla_vf_mac *)data)->vf;
			memcpy(a.mac, ((const struct ifla_vf_mac *)data)->mac, sizeof(a.mac));
			a.has |= 1u << VN_VF_ATTR_MAC;
			break;
		case IFLA_VF_VLAN:
			a.vlan = ((const struct ifla_vf_vlan *)data)->vlan;
			a.qos = ((const struct ifla_vf_vlan *)data)->qos;
			a.has |= 1u << VN_VF_ATTR_VLAN;
			break;
		case IFLA_VF_SPOOFCHK:
			take(&a, VN_VF_ATTR_SPOOFCHK, ((const struct ifla_vf_spoofchk *)data)->setting, &a.spoofchk);
			break;
		case IFLA_VF_TRUST:
			take(&a, VN_VF_ATTR_TRUST, ((const struct ifla_vf_trust *)data)->setting, &a.trust);
			break;
		case IFLA_VF_LINK_STATE:
			take(&a, VN_VF_ATTR_STATE, ((const struct ifla_vf_link_state *)data)->link_state, &a.state);
			break;
		case IFLA_VF_RATE:
			a.min_tx_rate = ((const struct ifla_vf_rate *)data)->min_tx_rate;
			a.max_tx_rate = ((const struct ifla_vf_rate *)data)->max_tx_rate;
			a.has |= 1u << VN_VF_ATTR_RATE;
			break;
		case IFLA_VF_STATS:
			read_stats(&a, i);
			break;
		}
	}
	if (vf == d->vf)
		d->a = a;
}

static void read_admin(void *arg, struct nlmsghdr *h)
{
	struct admin_dump *d = arg;
	const struct ifinfomsg *ifi = NLMSG_DATA(h);
	struct nlattr *list, *info;
	int left;

	if (h->nlmsg_type != RTM_NEWLINK || (uint32_t)ifi->ifi_index != d->ifindex)
		return;
	list = nlmsg_find_attr(h, sizeof(*ifi), IFLA_VFINFO_LIST);
	if (!list)
		return;
	nla_for_each_nested(info, list, left) if (nla_type(info) == IFLA_VF_INFO) read_info(d, info);
}

int vn_sriov_admin_get(struct vn_nl *nl, uint32_t pf_ifindex, unsigned int vf, struct vn_vf_admin *ret)
{
	const struct ifinfomsg ifi = {0};
	struct admin_dump d = {.ifindex = pf_ifindex, .vf = vf};
	int r;

	vn_nl_begin(nl, RTM_GETLINK, NLM_F_DUMP, &ifi, sizeof(ifi));
	vn_nl_put_u32(nl, IFLA_EXT_MASK, RTEXT_FILTER_VF);
	r = vn_nl_dump(nl, read_admin, &d);
	if (r == 0)
		*ret = d.a;
	return r;
}

static void put_attr(struct vn_nl *nl, unsigned int vf, enum vn_vf_attr attr, const struct vn_vf_admin *a)
{
	struct ifla_vf_mac mac = {.vf = vf};
	const struct ifla_vf_vlan vlan = {.vf = vf, .vlan = a->vlan, .qos = a->qos};
	const struct ifla_vf_spoofchk spoofchk = {.vf = vf, .setting = a->spoofchk};
	const struct ifla_vf_trust trust = {.vf = vf, .setting = a->trust};
	const struct ifla_vf_link_state state = {.vf = vf, .link_state = a->state};
	const struct ifla_vf_rate rate = {.vf = vf, .min_tx_rate = a->min_tx_rate, .max_tx_rate = a->max_tx_rate};

	memcpy(mac.mac, a->mac, sizeof(a->mac));
	switch (attr) {
	case VN_VF_ATTR_MAC:
		vn_nl_put(nl, IFLA_VF_MAC, &mac, sizeof(mac));
		break;
	case VN_VF_ATTR_VLAN:
		vn_nl_put(nl, IFLA_VF_VLAN, &vlan, sizeof(vlan));
		break;
	case VN_VF_ATTR_SPOOFCHK:
		vn_nl_put(nl, IFLA_VF_SPOOFCHK, &spoofchk, sizeof(spoofchk));
		break;
	case VN_VF_ATTR_TRUST:
		vn_nl_put(nl, IFLA_VF_TRUST, &trust, sizeof(trust));
		break;
	case VN_VF_ATTR_STATE:
		vn_nl_put(nl, IFLA_VF_LINK_STATE, &state, sizeof(state));
		break;
	case VN_VF_ATTR_RATE:
		vn_nl_put(nl, IFLA_VF_RATE, &rate, sizeof(rate));
		break;
	case VN_VF_ATTR_MAX:
		break;
	}
}

void vn_sriov_admin_put(struct vn_nl *nl, uint32_t pf_ifindex, unsigned int vf, enum vn_vf_attr attr,
			const struct vn_vf_admin *a)
{
	const struct ifinfomsg ifi = {.ifi_index = (int)pf_ifindex};
	struct nlattr *list, *info;

	vn_nl_begin(nl, RTM_SETLINK, 0, &ifi, sizeof(ifi));
	list = vn_nl_nest(nl, IFLA_VFINFO_LIST);
	info = vn_nl_nest(nl, IFLA_VF_INFO);
	put_attr(nl, vf, attr, a);
	vn_nl_nest_end(nl, info);
	vn_nl_nest_end(nl, list);
	vn_nl_end(nl, vn_vf_attr_words[attr], 0);
}

const char *vn_vf_attr_text(char *buf, size_t size, enum vn_vf_attr attr, const struct vn_vf_admin *a)
{
	static const char *const states[] = {"auto", "enable", "disable"};
	const uint8_t *m = a->mac;

	switch (attr) {
	case VN_VF_ATTR_MAC:
		snprintf(buf, size, "mac %02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
		break;
	case VN_VF_ATTR_VLAN:
		snprintf(buf, size, "vlan %u", a->vlan);
		break;
	case VN_VF_ATTR_SPOOFCHK:
		snprintf(buf, size, "spoofchk %s", a->spoofchk ? "on" : "off");
		break;
	case VN_VF_ATTR_TRUST:
		snprintf(buf, size, "trust %s", a->trust ? "on" : "off");
		break;
	case VN_VF_ATTR_STATE:
		snprintf(buf, size, "state %s", a->state < VN_ARRAY_SIZE(states) ? states[a->state] : "?");
		break;
	default:
		snprintf(buf, size, "min_tx_rate %u max_tx_rate %u", a->min_tx_rate, a->max_tx_rate);
		break;
	}
	return buf;
}

bool vn_vf_attr_equal(enum vn_vf_attr attr, const struct vn_vf_admin *a, const struct vn_vf_admin *b)
{
	switch (attr) {
	case VN_VF_ATTR_MAC:
		return memcmp(a->mac, b->mac, sizeof(a->mac)) == 0;
	case VN_VF_ATTR_VLAN:
		return a->vlan == b->vlan && a->qos == b->qos;
	case VN_VF_ATTR_SPOOFCHK:
		return a->spoofchk == b->spoofchk;
	case VN_VF_ATTR_TRUST:
		return a->trust == b->trust;
	case VN_VF_ATTR_STATE:
		return a->state == b->state;
	default:
		return a->min_tx_rate == b->min_tx_rate && a->max_tx_rate == b->max_tx_rate;
	}
}

bool vn_sriov_can_vlan(uint32_t pf_ifindex)
{
	static const struct vn_vf_admin none;
	cleanup_nl struct vn_nl nl = VN_NL_INIT;

	if (vn_nl_open(&nl, NULL) < 0)
		return false;
	vn_sriov_admin_put(&nl, pf_ifindex, NO_VF, VN_VF_ATTR_VLAN, &none);
	return vn_nl_flush(&nl) != -EOPNOTSUPP;
}
