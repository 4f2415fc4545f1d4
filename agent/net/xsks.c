// SPDX-License-Identifier: GPL-2.0-only
#include "net/xsks.h"

#include <linux/sock_diag.h>
#include <linux/xdp_diag.h>

#include <base/util.h>

#include "net/nl.h"

struct xsk_dump {
	uint32_t ifindex;
	struct vn_xsks s;
};

static void read_sock(void *arg, struct nlmsghdr *h)
{
	struct xsk_dump *d = arg;
	const struct xdp_diag_msg *m = NLMSG_DATA(h);
	struct nlattr *info = nlmsg_find_attr(h, sizeof(*m), XDP_DIAG_INFO);
	struct nlattr *umem = nlmsg_find_attr(h, sizeof(*m), XDP_DIAG_UMEM);

	if (!info || ((const struct xdp_diag_info *)nla_data(info))->ifindex != d->ifindex)
		return;
	d->s.n++;
	if (umem && ((const struct xdp_diag_umem *)nla_data(umem))->flags & XDP_DU_F_ZEROCOPY)
		d->s.zerocopy++;
}

int vn_xsks_on(uint32_t ifindex, struct vn_xsks *ret_xsks)
{
	const struct xdp_diag_req req = {.sdiag_family = AF_XDP, .xdiag_show = XDP_SHOW_INFO | XDP_SHOW_UMEM};
	cleanup_nl struct vn_nl nl = VN_NL_INIT;
	struct xsk_dump d = {.ifindex = ifindex};
	int r = vn_nl_open_protocol(&nl, NETLINK_SOCK_DIAG, NULL);

	if (r < 0)
		return r;
	vn_nl_begin(&nl, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &req, sizeof(req));
	r = vn_nl_dump(&nl, read_sock, &d);
	/* The kernel was built without it, where it knows no such question. */
	if (r < 0)
		return r == -ENOENT ? -EOPNOTSUPP : r;
	*ret_xsks = d.s;
	return 0;
}
