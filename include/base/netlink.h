/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Opening and reading netlink sockets. Whoever has CAP_NET_ADMIN in a network namespace may send messages to the port
 * ids of others there, the root of a node to the daemon's, and an answer looks like any other message. So every netlink
 * socket is opened by vn_netlink_open() and read by vn_netlink_recv(): it is connected to the kernel, which refuses
 * unicast from anybody else (ECONNREFUSED at the sender, netlink_getsockbyportid()), and the sender of each message is
 * looked at, which holds for multicast, too. Who waits for an answer also compares port id and sequence number.
 */
#ifndef VNET_BASE_NETLINK_H
#define VNET_BASE_NETLINK_H

#include <linux/netlink.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <base/util.h>

/*
 * A socket of @protocol in the namespace of the calling thread, bound to an own port id and the multicast @groups,
 * connected to the kernel. @flags: SOCK_NONBLOCK or 0. *@ret_port, unless NULL: the port id, which answers carry.
 */
static inline int vn_netlink_open(int protocol, uint32_t groups, int flags, uint32_t *ret_port)
{
	const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	struct sockaddr_nl own = {.nl_family = AF_NETLINK, .nl_groups = groups};
	socklen_t len = sizeof(own);
	cleanup_close int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | flags, protocol);

	/* In this order: a connected socket has a port id, and takes no other. */
	if (fd < 0 || bind(fd, (struct sockaddr *)&own, sizeof(own)) < 0 ||
	    connect(fd, (const struct sockaddr *)&kernel, sizeof(kernel)) < 0 ||
	    getsockname(fd, (struct sockaddr *)&own, &len) < 0)
		return -errno;
	if (ret_port)
		*ret_port = own.nl_pid;
	return take_fd(&fd);
}

/* Where the sequence numbers of a socket begin: nobody can guess it. */
static inline uint32_t vn_netlink_seq(void)
{
	uint32_t seq;

	return getrandom(&seq, sizeof(seq), GRND_NONBLOCK) == sizeof(seq) ? seq : (uint32_t)vn_now_ns();
}

/*
 * The next datagram of the kernel, whose port id is 0 (@peer: of another sender, for tests): its length, or -errno.
 * -EAGAIN with MSG_DONTWAIT also for a message of somebody else, so that none keeps the caller busy; -EMSGSIZE: @buf is
 * too small. *@ret_nsid, unless NULL: the namespace that an event comes from, as the socket's own numbers it (with the
 * option NETLINK_LISTEN_ALL_NSID); -1: its own.
 */
static inline ssize_t vn_netlink_recv_nsid(int fd, uint32_t peer, void *buf, size_t size, int flags, int *ret_nsid)
{
	for (;;) {
		_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
		struct sockaddr_nl from = {0};
		struct iovec iov = {.iov_base = buf, .iov_len = size};
		struct msghdr m = {.msg_name = &from,
				   .msg_namelen = sizeof(from),
				   .msg_iov = &iov,
				   .msg_iovlen = 1,
				   .msg_control = ret_nsid ? control : NULL,
				   .msg_controllen = ret_nsid ? sizeof(control) : 0};
		ssize_t n = recvmsg(fd, &m, flags);
		struct cmsghdr *c = n < 0 || !ret_nsid ? NULL : CMSG_FIRSTHDR(&m);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (ret_nsid)
			*ret_nsid = -1;
		if (c && c->cmsg_level == SOL_NETLINK && c->cmsg_type == NETLINK_LISTEN_ALL_NSID &&
		    c->cmsg_len == CMSG_LEN(sizeof(int)))
			memcpy(ret_nsid, CMSG_DATA(c), sizeof(int));
		if (m.msg_namelen == sizeof(from) && from.nl_family == AF_NETLINK && from.nl_pid == peer)
			return m.msg_flags & MSG_TRUNC ? -EMSGSIZE : n ?: -EPROTO;
		if (flags & MSG_DONTWAIT)
			return -EAGAIN;
	}
}

static inline ssize_t vn_netlink_recv(int fd, uint32_t peer, void *buf, size_t size, int flags)
{
	return vn_netlink_recv_nsid(fd, peer, buf, size, flags, NULL);
}

#endif
