/* SPDX-License-Identifier: GPL-2.0-only */
#include "net/node_addr.h"

#include <linux/if_addr.h>

static void addr_request(struct vn_nl *nl, uint16_t type, uint16_t flags, uint32_t ifindex, const struct vn_addr *a)
{
	const size_t len = a->family == AF_INET6 ? 16 : 4;
	const struct ifaddrmsg ifa = {
		.ifa_family = (uint8_t)a->family,
		.ifa_prefixlen = a->plen,
		.ifa_flags = a->family == AF_INET6 ? IFA_F_NODAD : 0,
		.ifa_scope = RT_SCOPE_UNIVERSE,
		.ifa_index = ifindex,
	};

	vn_nl_begin(nl, type, flags, &ifa, sizeof(ifa));
	vn_nl_put(nl, IFA_LOCAL, a->bytes, len);
	vn_nl_put(nl, IFA_ADDRESS, a->bytes, len);
}

#define IFA_PROTO_ATTR 11 /* IFA_PROTO, Linux 5.18: older headers lack it, older kernels ignore it */

void vn_addr_add(struct vn_nl *nl, uint32_t ifindex, const struct vn_addr *a)
{
	const uint8_t protocol = VN_PROTOCOL;

	addr_request(nl, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, ifindex, a);
	vn_nl_put(nl, IFA_PROTO_ATTR, &protocol, sizeof(protocol));
	vn_nl_end(nl, "add an address", VN_NL_OK(EEXIST));
}

void vn_addr_del(struct vn_nl *nl, uint32_t ifindex, const struct vn_addr *a)
{
	addr_request(nl, RTM_DELADDR, 0, ifindex, a);
	vn_nl_end(nl, "remove an address", VN_NL_OK2(EADDRNOTAVAIL, ENODEV));
}
