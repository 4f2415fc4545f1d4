// SPDX-License-Identifier: GPL-2.0-only
#include "loader/xdp_query.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <base/netlink.h>

struct attached {
	uint8_t mode;
	uint32_t skb_id;
};

static void read_xdp(struct rtattr *xdp, struct attached *ret)
{
	int left = (int)RTA_PAYLOAD(xdp);

	for (struct rtattr *a = RTA_DATA(xdp); RTA_OK(a, left); a = RTA_NEXT(a, left))
		if (a->rta_type == IFLA_XDP_ATTACHED && RTA_PAYLOAD(a) >= sizeof(ret->mode))
			memcpy(&ret->mode, RTA_DATA(a), sizeof(ret->mode));
		else if (a->rta_type == IFLA_XDP_SKB_PROG_ID && RTA_PAYLOAD(a) >= sizeof(ret->skb_id))
			memcpy(&ret->skb_id, RTA_DATA(a), sizeof(ret->skb_id));
		else if (a->rta_type == IFLA_XDP_PROG_ID && RTA_PAYLOAD(a) >= sizeof(ret->skb_id) &&
			 ret->mode == XDP_ATTACHED_SKB)
			memcpy(&ret->skb_id, RTA_DATA(a), sizeof(ret->skb_id));
}

static int read_answer(const struct nlmsghdr *h, struct attached *ret)
{
	const struct nlmsgerr *e = NLMSG_DATA(h);
	const struct ifinfomsg *ifi = NLMSG_DATA(h);
	int left = (int)h->nlmsg_len - (int)NLMSG_LENGTH(sizeof(*ifi));

	if (h->nlmsg_type == NLMSG_ERROR)
		return h->nlmsg_len >= NLMSG_LENGTH(sizeof(*e)) && e->error < 0 ? e->error : -EPROTO;
	if (h->nlmsg_type != RTM_NEWLINK || left < 0)
		return -EPROTO;
	for (struct rtattr *a = IFLA_RTA(ifi); RTA_OK(a, left); a = RTA_NEXT(a, left))
		if ((a->rta_type & NLA_TYPE_MASK) == IFLA_XDP)
			read_xdp(a, ret);
	return 0;
}

int vn_xdp_query(uint32_t ifindex, uint8_t *ret_attached, uint32_t *ret_skb_id)
{
	struct {
		struct nlmsghdr h;
		struct ifinfomsg ifi;
		struct rtattr a;
		uint32_t mask;
	} req = {
		.h = {.nlmsg_len = sizeof(req),
		      .nlmsg_type = RTM_GETLINK,
		      .nlmsg_flags = NLM_F_REQUEST,
		      .nlmsg_seq = vn_netlink_seq()},
		.ifi = {.ifi_index = (int)ifindex},
		.a = {.rta_len = RTA_LENGTH(sizeof(req.mask)), .rta_type = IFLA_EXT_MASK},
		.mask = RTEXT_FILTER_SKIP_STATS,
	};
	_Alignas(struct nlmsghdr) uint8_t buf[32768];
	struct attached got = {.mode = XDP_ATTACHED_NONE};
	uint32_t port = 0;
	cleanup_close int fd = vn_netlink_open(NETLINK_ROUTE, 0, 0, &port);
	ssize_t n;

	if (fd < 0)
		return fd;
	if (send(fd, &req, sizeof(req), 0) < 0)
		return -errno;
	while ((n = vn_netlink_recv(fd, 0, buf, sizeof(buf), 0)) > 0)
		for (struct nlmsghdr *h = (struct nlmsghdr *)buf; NLMSG_OK(h, (size_t)n); h = NLMSG_NEXT(h, n)) {
			int r;

			if (h->nlmsg_seq != req.h.nlmsg_seq || h->nlmsg_pid != port)
				continue;
			r = read_answer(h, &got);
			if (r < 0)
				return r;
			*ret_attached = got.mode;
			*ret_skb_id = got.skb_id;
			return 0;
		}
	return (int)n;
}
