// SPDX-License-Identifier: GPL-2.0-only
#include "net/netns_events.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/rtnetlink.h>

#include <base/netlink.h>

#include "net/nl.h"

#define RCVBUF_BYTES (4 << 20)

#define GROUP(g) (1u << ((g)-1))
#define GROUPS                                                                                                         \
	(GROUP(RTNLGRP_LINK) | GROUP(RTNLGRP_NEIGH) | GROUP(RTNLGRP_IPV4_IFADDR) | GROUP(RTNLGRP_IPV4_ROUTE) |         \
	 GROUP(RTNLGRP_IPV6_IFADDR) | GROUP(RTNLGRP_IPV6_ROUTE) | GROUP(RTNLGRP_IPV4_NETCONF) |                        \
	 GROUP(RTNLGRP_IPV6_NETCONF))

/* Whoever runs a routing daemon, or adds routes by the hundred thousand, costs us nothing. */
static int filter_routes(int fd)
{
	struct sock_filter code[] = {
		/* The filter reads in network order, netlink writes in the host's. */
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_type)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(RTM_NEWROUTE), 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(RTM_DELROUTE), 0, 6),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, NLMSG_HDRLEN + offsetof(struct rtmsg, rtm_protocol)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, VN_PROTOCOL, 4, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, RTPROT_KERNEL, 3, 0),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_flags)),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, htons(NLM_F_REPLACE), 1, 0),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	};
	const struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ? -errno : 0;
}

int vn_events_open(int *ret_fd, struct vn_err *err)
{
	const int one = 1, size = RCVBUF_BYTES;
	cleanup_close int fd = vn_netlink_open(NETLINK_ROUTE, 0, SOCK_NONBLOCK, NULL);
	uint32_t groups = GROUPS;
	int r;

	if (fd < 0)
		return vn_err_kernel(err, -fd, "netlink socket: %s", strerror(-fd));
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	r = filter_routes(fd);
	if (r < 0)
		return vn_err_kernel(err, -r, "netlink events: filter: %s", strerror(-r));
	if (setsockopt(fd, SOL_NETLINK, NETLINK_LISTEN_ALL_NSID, &one, sizeof(one)) < 0)
		return vn_err_kernel(err, errno, "netlink events of all namespaces: %s", strerror(errno));
	for (int group = 1; groups; group++, groups >>= 1)
		if (groups & 1 && setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
			return vn_err_kernel(err, errno, "netlink events: group %d: %s", group, strerror(errno));
	*ret_fd = take_fd(&fd);
	return 0;
}
