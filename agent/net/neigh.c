/* SPDX-License-Identifier: GPL-2.0-only */
#include "net/neigh.h"

#include <linux/neighbour.h>

void vn_neigh_set(struct vn_nl *nl, uint32_t ifindex, const struct vn_addr *a, const uint8_t mac[6])
{
	const uint8_t protocol = VN_PROTOCOL;
	const struct ndmsg nd = {
		.ndm_family = (uint8_t)a->family, .ndm_ifindex = (int)ifindex, .ndm_state = NUD_PERMANENT};

	vn_nl_begin(nl, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, &nd, sizeof(nd));
	vn_nl_put(nl, NDA_DST, a->bytes, a->family == AF_INET6 ? 16 : 4);
	vn_nl_put(nl, NDA_LLADDR, mac, 6);
	vn_nl_put(nl, NDA_PROTOCOL, &protocol, sizeof(protocol)); /* Linux 5.0; others ignore it */
	vn_nl_end(nl, "name its neighbour", VN_NL_OK(0));
}
