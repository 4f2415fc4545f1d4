/* SPDX-License-Identifier: GPL-2.0-only */
#include "net/route.h"

static void route_request(struct vn_nl *nl, uint16_t type, uint16_t flags, const struct vn_route *route, uint32_t oif,
			  const struct vn_addr *src)
{
	const size_t len = route->dst.family == AF_INET6 ? 16 : 4;
	const struct rtmsg rtm = {
		.rtm_family = (uint8_t)route->dst.family,
		.rtm_dst_len = route->dst.plen,
		.rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = VN_PROTOCOL,
		.rtm_scope = RT_SCOPE_UNIVERSE,
		.rtm_type = route->gw.family ? RTN_UNICAST : RTN_UNREACHABLE,
	};

	vn_nl_begin(nl, type, flags, &rtm, sizeof(rtm));
	vn_nl_put(nl, RTA_DST, route->dst.bytes, len);
	if (route->gw.family) {
		vn_nl_put(nl, RTA_GATEWAY, route->gw.bytes, len);
		vn_nl_put_u32(nl, RTA_OIF, oif);
	}
	if (src && src->family == route->dst.family && route->gw.family)
		vn_nl_put(nl, RTA_PREFSRC, src->bytes, len);
}

void vn_route_replace(struct vn_nl *nl, const struct vn_route *route, uint32_t oif, const struct vn_addr *src)
{
	route_request(nl, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, route, oif, src);
	vn_nl_end(nl, "set a route", 0);
}

void vn_route_network(struct vn_nl *nl, uint32_t ifindex, const struct vn_addr *a)
{
	const bool six = a->family == AF_INET6;
	const size_t len = six ? 16 : 4;
	const struct rtmsg rtm = {
		.rtm_family = a->family,
		.rtm_dst_len = a->plen,
		.rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = RTPROT_KERNEL,
		.rtm_scope = six ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK,
		.rtm_type = RTN_UNICAST,
	};
	uint8_t net[16] = {0};

	for (size_t bit = 0; bit < a->plen; bit++)
		net[bit / 8] |= a->bytes[bit / 8] & (uint8_t)(0x80 >> bit % 8);
	vn_nl_begin(nl, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, &rtm, sizeof(rtm));
	vn_nl_put(nl, RTA_DST, net, len);
	vn_nl_put_u32(nl, RTA_OIF, ifindex);
	if (six)
		vn_nl_put_u32(nl, RTA_PRIORITY, 256); /* IP6_RT_PRIO_ADDRCONF */
	else
		vn_nl_put(nl, RTA_PREFSRC, a->bytes, len);
	vn_nl_end(nl, "set the route to its network", 0);
}

void vn_route_del(struct vn_nl *nl, const struct vn_route *route, uint32_t oif)
{
	route_request(nl, RTM_DELROUTE, 0, route, oif, NULL);
	/* The kernel removed it with its device or its source address. */
	vn_nl_end(nl, "remove a route", VN_NL_OK2(ESRCH, ENODEV));
}
