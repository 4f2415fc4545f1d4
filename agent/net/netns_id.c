// SPDX-License-Identifier: GPL-2.0-only
#include "net/netns_id.h"

#include <linux/net_namespace.h>

static void read_nsid(void *arg, struct nlmsghdr *h)
{
	const struct rtgenmsg *g = NLMSG_DATA(h);
	struct nlattr *a;

	if (h->nlmsg_type != RTM_NEWNSID || h->nlmsg_len < NLMSG_LENGTH(sizeof(*g)))
		return;
	a = nlmsg_find_attr(h, sizeof(*g), NETNSA_NSID);
	if (a && nla_len(a) >= (int)sizeof(int32_t))
		*(int *)arg = (int)nla_get_u32(a);
}

static int ask(struct vn_nl *nl, int netns_fd, int *ret_nsid)
{
	const struct rtgenmsg g = {.rtgen_family = AF_UNSPEC};

	*ret_nsid = NETNSA_NSID_NOT_ASSIGNED;
	vn_nl_begin(nl, RTM_GETNSID, NLM_F_ACK, &g, sizeof(g));
	vn_nl_put_u32(nl, NETNSA_FD, (uint32_t)netns_fd);
	return vn_nl_dump(nl, read_nsid, ret_nsid);
}

int vn_nsid_get(struct vn_nl *nl, int netns_fd, int *ret_nsid)
{
	const struct rtgenmsg g = {.rtgen_family = AF_UNSPEC};
	int nsid, r = ask(nl, netns_fd, &nsid);

	if (r == 0 && nsid < 0) {
		vn_nl_begin(nl, RTM_NEWNSID, 0, &g, sizeof(g));
		vn_nl_put_u32(nl, NETNSA_FD, (uint32_t)netns_fd);
		vn_nl_put_u32(nl, NETNSA_NSID, (uint32_t)NETNSA_NSID_NOT_ASSIGNED);
		vn_nl_end(nl, "number its namespace", VN_NL_OK(EEXIST));
		r = vn_nl_flush(nl);
		r = r ?: ask(nl, netns_fd, &nsid);
	}
	if (r == 0)
		*ret_nsid = nsid;
	return r;
}
