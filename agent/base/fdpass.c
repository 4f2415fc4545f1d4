/* SPDX-License-Identifier: GPL-2.0-only */
#include "base/fdpass.h"

#include <sys/socket.h>

#include <base/util.h>

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83 /* Linux 6.16 */
#endif

union control {
	char buf[CMSG_SPACE(VN_PASS_MAX * sizeof(int))];
	struct cmsghdr align;
};

ssize_t vn_pass_send(int fd, const void *data, size_t len, const int *pass, size_t n_pass, int flags)
{
	union control control = {0};
	struct iovec iov = {.iov_base = (void *)data, .iov_len = len};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	if (n_pass) {
		struct cmsghdr *h;

		m.msg_control = control.buf;
		m.msg_controllen = CMSG_SPACE(n_pass * sizeof(int));
		h = CMSG_FIRSTHDR(&m);
		*h = (struct cmsghdr){
			.cmsg_len = CMSG_LEN(n_pass * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
		memcpy(CMSG_DATA(h), pass, n_pass * sizeof(int));
	}
	n = sendmsg(fd, &m, flags | MSG_NOSIGNAL);
	return n < 0 ? -errno : n;
}

ssize_t vn_pass_receive(int fd, void *data, size_t len, int ret_pass[VN_PASS_MAX], int flags)
{
	union control control;
	struct iovec iov = {.iov_base = data, .iov_len = len};
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.buf, .msg_controllen = sizeof(control.buf)};
	ssize_t n = recvmsg(fd, &m, flags | MSG_CMSG_CLOEXEC);
	struct cmsghdr *h;

	if (n < 0)
		return -errno;
	for (size_t i = 0; i < VN_PASS_MAX; i++)
		ret_pass[i] = -EBADF;
	h = CMSG_FIRSTHDR(&m);
	if (h && h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS)
		memcpy(ret_pass, CMSG_DATA(h), h->cmsg_len - CMSG_LEN(0));
	return n;
}

bool vn_pass_refuse(int fd)
{
	const int off = 0;

	return setsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &off, sizeof(off)) == 0;
}

bool vn_pass_is_refused(int fd)
{
	int on = 1;
	socklen_t len = sizeof(on);

	return getsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &on, &len) == 0 && !on;
}

/* The kernel shows duplicates of what waits: the reference that it drops here, for want of room, is never the last. */
ssize_t vn_pass_peek(int fd, void *buf, size_t max)
{
	struct iovec iov = {.iov_base = buf, .iov_len = max};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n = recvmsg(fd, &m, MSG_PEEK | MSG_DONTWAIT);

	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	return m.msg_flags & MSG_CTRUNC ? -EREMOTE : n;
}
