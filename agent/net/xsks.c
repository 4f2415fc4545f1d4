// SPDX-License-Identifier: GPL-2.0-only
#include "net/xsks.h"

#include <linux/sock_diag.h>
#include <linux/xdp_diag.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <sys/socket.h>

#include <vnet/util.h>

static void read_sock(struct vn_xsks *s, uint32_t ifindex, const struct nlmsghdr *h)
{
	const struct xdp_diag_msg *m = NLMSG_DATA(h);
	struct nlattr *info = nlmsg_find_attr((struct nlmsghdr *)h, sizeof(*m), XDP_DIAG_INFO);
	struct nlattr *umem = nlmsg_find_attr((struct nlmsghdr *)h, sizeof(*m), XDP_DIAG_UMEM);

	if (!info || ((const struct xdp_diag_info *)nla_data(info))->ifindex != ifindex)
		return;
	s->n++;
	if (umem && ((const struct xdp_diag_umem *)nla_data(umem))->flags & XDP_DU_F_ZEROCOPY)
		s->zerocopy++;
}

int vn_xsks_on(uint32_t ifindex, struct vn_xsks *ret_xsks)
{
	const struct {
		struct nlmsghdr h;
		struct xdp_diag_req r;
	} req = {
		.h = {.nlmsg_len = sizeof(req),
		      .nlmsg_type = SOCK_DIAG_BY_FAMILY,
		      .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.r = {.sdiag_family = AF_XDP, .xdiag_show = XDP_SHOW_INFO | XDP_SHOW_UMEM},
	};
	cleanup_close int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	_Alignas(struct nlmsghdr) uint8_t buf[16384];
	struct vn_xsks s = {0};
	ssize_t n;

	if (fd < 0 || send(fd, &req, sizeof(req), 0) < 0)
		return -errno;
	while ((n = recv(fd, buf, sizeof(buf), 0)) > 0)
		for (struct nlmsghdr *h = (struct nlmsghdr *)buf; NLMSG_OK(h, (size_t)n); h = NLMSG_NEXT(h, n)) {
			if (h->nlmsg_type == NLMSG_ERROR)
				return -EOPNOTSUPP;
			if (h->nlmsg_type == NLMSG_DONE) {
				*ret_xsks = s;
				return 0;
			}
			read_sock(&s, ifindex, h);
		}
	return n < 0 ? -errno : -EOPNOTSUPP;
}
