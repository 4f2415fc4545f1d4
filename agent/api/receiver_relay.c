/* SPDX-License-Identifier: GPL-2.0-only */
#include "api/receiver_relay.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/vfs.h>

#include <base/util.h>
#include <base/xdp_uapi.h>

#include "base/fdpass.h"

#define FDS_MAX  253  /* SCM_MAX_FD: what one message can carry */
#define KEPT_MAX 64   /* descriptors of one connection */
#define LAST_MS  5000 /* for the client to take the daemon's last words */
#define BUFFER   65536

/* As many descriptors as came, in @fds. */
static ssize_t receive_all(int fd, void *data, size_t len, int fds[FDS_MAX], size_t *ret_n)
{
	union {
		char buf[CMSG_SPACE(FDS_MAX * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = {.iov_base = data, .iov_len = len};
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.buf, .msg_controllen = sizeof(control.buf)};
	ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	*ret_n = 0;
	if (n < 0)
		return -errno;
	for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h)) {
		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		*ret_n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds, CMSG_DATA(h), *ret_n * sizeof(int));
	}
	return n;
}

/*
 * What came is never closed while this process lives: that may take for ever, while the end of a process waits for no
 * lingering socket. False: so much came that nothing but that end is left.
 */
static bool keep(size_t n)
{
	static size_t kept;

	kept += n;
	return kept <= KEPT_MAX;
}

struct flow {
	int from, to;
	char buf[BUFFER];
	size_t len, done;
	int pass; /* with the first byte */
	bool end; /* nothing more comes */
};

/* Of nsfs, whose files nothing waits for when they are closed. */
static bool is_netns(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && fs.f_type == NSFS_MAGIC && ioctl(fd, NS_GET_NSTYPE) == CLONE_NEWNET;
}

/* The daemon gets the last one; for what is no namespace of a network something harmless, which it says that it is. */
static int choose(const int *fds, size_t n)
{
	if (!n)
		return -EBADF;
	return is_netns(fds[n - 1]) ? fcntl(fds[n - 1], F_DUPFD_CLOEXEC, 3) : eventfd(0, EFD_CLOEXEC);
}

static void flow_read(struct flow *f)
{
	int fds[FDS_MAX];
	size_t n_fds = 0;
	ssize_t n = receive_all(f->from, f->buf, sizeof(f->buf), fds, &n_fds);

	if (n == -EAGAIN || n == -EINTR)
		return;
	f->end = n <= 0 || !keep(n_fds);
	f->len = f->end ? 0 : (size_t)n;
	f->done = 0;
	f->pass = f->end ? -EBADF : choose(fds, n_fds);
}

static void flow_write(struct flow *f)
{
	ssize_t n = vn_pass_send(f->to, f->buf + f->done, f->len - f->done, &f->pass, f->pass >= 0, MSG_DONTWAIT);

	if (n == -EAGAIN || n == -EINTR)
		return;
	if (n < 0) {
		f->end = true;
		f->len = f->done = 0;
		return;
	}
	vn_cleanup_close(&f->pass);
	f->pass = -EBADF;
	f->done += (size_t)n;
	if (f->done == f->len)
		f->len = f->done = 0;
}

static short flow_events(const struct flow *f, bool reading)
{
	return reading ? (f->len || f->end ? 0 : POLLIN) : (f->len ? POLLOUT : 0);
}

static void relay_stream(int client, int daemon)
{
	static struct flow in, out;
	bool last = false;

	in = (struct flow){.from = client, .to = daemon, .pass = -EBADF};
	out = (struct flow){.from = daemon, .to = client, .pass = -EBADF};
	while (!out.end && !(in.end && !in.len)) {
		struct pollfd p[2] = {
			{.fd = client, .events = flow_events(&in, true) | flow_events(&out, false)},
			{.fd = daemon, .events = flow_events(&out, true) | flow_events(&in, false)},
		};
		int n;

		/* Who hung up is seen by reading, which waits for room: a poll for nothing would be woken for ever. */
		for (int i = 0; i < 2; i++)
			if (!p[i].events && (i == 0 || last))
				p[i].fd = -1;
		n = poll(p, 2, last ? LAST_MS : -1);
		if (n == 0 || (n < 0 && errno != EINTR))
			return;
		if (n < 0)
			continue;
		last |= p[1].revents & POLLHUP;
		if (p[0].revents && !in.len && !in.end)
			flow_read(&in);
		if (p[1].revents && !out.len && !out.end)
			flow_read(&out);
		if (in.len)
			flow_write(&in);
		if (out.len)
			flow_write(&out);
	}
}

/* As afxdp-plugins-for-kubernetes does it; on nothing but an AF_XDP socket. */
static bool set_busy_poll(int fd, uint32_t usec, uint32_t budget)
{
	int domain = 0, prefer = 1, us = (int)usec, packets = (int)budget;
	socklen_t len = sizeof(domain);

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 && domain == AF_XDP &&
	       setsockopt(fd, SOL_SOCKET, SO_PREFER_BUSY_POLL, &prefer, sizeof(prefer)) == 0 &&
	       setsockopt(fd, SOL_SOCKET, SO_BUSY_POLL, &us, sizeof(us)) == 0 &&
	       setsockopt(fd, SOL_SOCKET, SO_BUSY_POLL_BUDGET, &packets, sizeof(packets)) == 0;
}

/* The daemon's answer to the packet that came with @fds; false: it hung up. */
static bool answer(int client, int daemon, const int *fds, size_t n_fds)
{
	struct vn_relay_packet p;
	int pass[VN_PASS_MAX];
	const char *text = p.text;
	size_t len;
	ssize_t n;

	do {
		n = vn_pass_receive(daemon, &p, sizeof(p), pass, 0);
	} while (n == -EINTR);
	if (n != sizeof(p) || p.len > sizeof(p.text))
		return false;
	len = p.len;
	if (p.op == VN_RELAY_BUSY_POLL) {
		size_t first = strnlen(p.text, p.len);

		if (n_fds == 1 && set_busy_poll(fds[0], p.usec, p.budget)) {
			len = first;
		} else {
			text += VN_MIN(first + 1, p.len);
			len -= (size_t)(text - p.text);
		}
	}
	n = vn_pass_send(client, text, len, pass, pass[0] >= 0, MSG_DONTWAIT);
	for (size_t i = 0; i < VN_PASS_MAX; i++)
		vn_cleanup_close(&pass[i]);
	return n >= 0;
}

static bool relay_packet(int client, int daemon)
{
	struct vn_relay_packet p = {.op = VN_RELAY_TEXT};
	int fds[FDS_MAX];
	size_t n_fds = 0;
	ssize_t n = receive_all(client, p.text, sizeof(p.text), fds, &n_fds);

	if (n == -EAGAIN || n == -EINTR)
		return true;
	p.len = n > 0 ? (uint32_t)n : 0;
	p.n_fds = (uint32_t)n_fds;
	return n > 0 && keep(n_fds) && vn_pass_send(daemon, &p, sizeof(p), NULL, 0, 0) >= 0 &&
	       answer(client, daemon, fds, n_fds);
}

static void relay_packets(int client, int daemon)
{
	struct pollfd p[2] = {{.fd = client, .events = POLLIN}, {.fd = daemon, .events = POLLIN}};

	while (poll(p, 2, -1) >= 0 || errno == EINTR) {
		/* The daemon says nothing unasked: it hung up. */
		if (p[1].revents || (p[0].revents && !relay_packet(client, daemon)))
			return;
	}
}

void vn_relay_run(int client, int daemon, enum vn_relay_kind kind)
{
	if (kind == VN_RELAY_STREAM)
		relay_stream(client, daemon);
	else
		relay_packets(client, daemon);
}
