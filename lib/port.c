/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* Opening a port: ask, look at what came, map it. Closing, waiting, and what is told of it. */
#include "port.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <base/util.h>
#include <base/xdp_uapi.h>

#define TIMEOUT_MS   3000
#define ASK_AGAIN_MS 100
#define SEALS        (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

/* What one answer brought; the descriptors are closed with it. */
struct answer {
	struct vn_handover_grant grant;
	int fds[VN_HANDOVER_FDS];
	size_t n_fds;
};

static void answer_release(struct answer *a)
{
	for (size_t i = 0; i < a->n_fds; i++)
		vn_cleanup_close(&a->fds[i]);
}
#define cleanup_answer __attribute__((cleanup(answer_release)))

static int remaining_ms(uint64_t until_ns)
{
	uint64_t now = vn_now_ns();

	return now >= until_ns ? 0 : (int)((until_ns - now) / VN_NSEC_PER_MSEC) + 1;
}

static void pause_ms(int ms)
{
	struct timespec t = {.tv_nsec = ms * (long)VN_NSEC_PER_MSEC};

	nanosleep(&t, NULL);
}

/* The queue of an agent that is being flooded is full (EAGAIN): try until there is room. */
static int dial(const char *path, uint64_t until_ns)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	cleanup_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, path, strlen(path));
	while (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		if (errno != EAGAIN && errno != EINTR)
			return errno == EPROTOTYPE || errno == ENOTSOCK ? -EPROTO : -errno;
		if (!remaining_ms(until_ns))
			return -ETIMEDOUT;
		pause_ms(5);
	}
	return take_fd(&fd);
}

static int send_hello(int fd, const struct vnet_port_options *opts)
{
	struct vn_handover_hello hello = {.magic = VN_HANDOVER_MAGIC, .version = VN_HANDOVER_VERSION};

	snprintf(hello.name, sizeof(hello.name), "%s", opts->name ? opts->name : program_invocation_short_name);
	if (send(fd, &hello, sizeof(hello), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return errno == EPIPE || errno == ECONNRESET ? -EBUSY : -errno;
	return 0;
}

static void keep_fds(struct msghdr *msg, struct answer *a)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		/* No more of them fit into the control buffer. */
		for (size_t i = 0; i < n && a->n_fds < VN_HANDOVER_FDS; i++)
			memcpy(&a->fds[a->n_fds++], CMSG_DATA(c) + i * sizeof(int), sizeof(int));
	}
}

static int receive(int fd, uint64_t until_ns, struct answer *a)
{
	union {
		char buf[CMSG_SPACE(VN_HANDOVER_FDS * sizeof(int))];
		struct cmsghdr align;
	} control;
	uint8_t data[sizeof(struct vn_handover_grant) + 1];
	struct iovec iov = {.iov_base = data, .iov_len = sizeof(data)};
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.buf, .msg_controllen = sizeof(control.buf)};
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	ssize_t n;
	int r;

	do {
		r = poll(&pfd, 1, remaining_ms(until_ns));
	} while (r < 0 && errno == EINTR);
	if (r <= 0)
		return r < 0 ? -errno : -ETIMEDOUT;
	n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (n < 0)
		return -errno;
	keep_fds(&msg, a);
	if (!n) /* closed without a word: it took us for something else */
		return -EPROTO;
	if (msg.msg_flags & MSG_CTRUNC)
		return -EPROTO;
	return vnet_grant_check(data, (size_t)n, a->n_fds, &a->grant);
}

static int ask(int fd, const struct vnet_port_options *opts, uint64_t until_ns, struct answer *a)
{
	bool waited = false;
	int r;

	for (;;) {
		r = send_hello(fd, opts);
		if (r == 0)
			r = receive(fd, until_ns, a);
		if (r != -EAGAIN)
			break;
		if (remaining_ms(until_ns) < ASK_AGAIN_MS)
			return -EBUSY;
		waited = true;
		pause_ms(ASK_AGAIN_MS);
	}
	/* The agent has waited long enough for whoever holds the port's queue. */
	return waited && (r == -EPROTO || r == -ETIMEDOUT || r == -ECONNRESET) ? -EBUSY : r;
}

/* A socket of the right kind, and memory that cannot be taken away below our feet. */
static int check_fds(const struct answer *a)
{
	int domain = 0, seals = fcntl(a->fds[1], F_GET_SEALS);
	socklen_t len = sizeof(domain);
	struct stat st;

	if (getsockopt(a->fds[0], SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0 || domain != AF_XDP)
		return -EPROTO;
	if (seals < 0 || (seals & SEALS) != SEALS || fstat(a->fds[1], &st) < 0)
		return -EPROTO;
	return st.st_size == (off_t)a->grant.buffers * a->grant.buffer_size ? 0 : -EPROTO;
}

static int map_ring(struct vnet_port *p, enum vn_handover_ring_id id)
{
	static const uint64_t offsets[] = {
		[VN_RING_RX] = XDP_PGOFF_RX_RING,
		[VN_RING_TX] = XDP_PGOFF_TX_RING,
		[VN_RING_FILL] = XDP_UMEM_PGOFF_FILL_RING,
		[VN_RING_COMP] = XDP_UMEM_PGOFF_COMPLETION_RING,
	};
	const struct vn_handover_ring *where = &p->grant.ring[id];
	bool rx_side = id == VN_RING_RX || id == VN_RING_FILL, ours = id == VN_RING_TX || id == VN_RING_FILL;
	struct ring *r = &p->ring[id];
	size_t len = vnet_grant_ring_len(&p->grant, id);
	uint8_t *map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, p->xsk, (off_t)offsets[id]);

	if (map == MAP_FAILED)
		return errno == EBUSY ? -EOPNOTSUPP : -errno; /* Linux before 6.4: not once it is bound */
	*r = (struct ring){.producer = (uint32_t *)(map + where->producer),
			   .consumer = (uint32_t *)(map + where->consumer),
			   .flags = (uint32_t *)(map + where->flags),
			   .entries = map + where->desc,
			   .mask = (rx_side ? p->grant.rx_entries : p->grant.tx_entries) - 1,
			   .map = map,
			   .map_len = len};
	r->at = ring_load(ours ? r->producer : r->consumer);
	return 0;
}

static int map_all(struct vnet_port *p)
{
	int r = 0;

	p->umem_len = (size_t)p->grant.buffers * p->grant.buffer_size;
	p->shift = (uint32_t)__builtin_ctz(p->grant.buffer_size);
	p->umem = mmap(NULL, p->umem_len, PROT_READ | PROT_WRITE, MAP_SHARED, p->umem_fd, 0);
	if (p->umem == MAP_FAILED) {
		p->umem = NULL;
		return -errno;
	}
	for (int i = 0; i < VN_RING_MAX && r == 0; i++)
		r = map_ring(p, (enum vn_handover_ring_id)i);
	p->owner = calloc(p->grant.buffers, sizeof(*p->owner));
	p->free = calloc(p->grant.buffers, sizeof(*p->free));
	if (r == 0 && (!p->owner || !p->free))
		r = -ENOMEM;
	return r;
}

/* Options as this version knows them, of a caller that may know fewer or more. */
static int read_options(const struct vnet_port_options *opts, struct vnet_port_options *ret)
{
	*ret = (struct vnet_port_options){0};
	if (opts) {
		if (opts->size < offsetof(struct vnet_port_options, name))
			return -EINVAL;
		memcpy(ret, opts, VN_MIN(opts->size, sizeof(*ret)));
	}
	if (ret->timeout_ms <= 0)
		ret->timeout_ms = TIMEOUT_MS;
	return 0;
}

int vnet_port_open(const char *path, const struct vnet_port_options *opts, struct vnet_port **ret_port)
{
	cleanup_answer struct answer a = {0};
	cleanup_close int lease = -EBADF;
	struct vnet_port_options o;
	struct vnet_port *p;
	uint64_t until_ns;
	int r = read_options(opts, &o);

	if (r < 0)
		return r;
	until_ns = vn_now_ns() + (uint64_t)o.timeout_ms * VN_NSEC_PER_MSEC;
	lease = dial(path, until_ns);
	r = lease < 0 ? lease : ask(lease, &o, until_ns, &a);
	if (r == 0)
		r = check_fds(&a);
	if (r < 0)
		return r;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->grant = a.grant;
	p->lease = take_fd(&lease);
	p->xsk = take_fd(&a.fds[0]);
	p->umem_fd = take_fd(&a.fds[1]);
	r = map_all(p);
	if (r < 0) {
		vnet_port_close(p);
		return r;
	}
	vnet_frames_start(p);
	*ret_port = p;
	return 0;
}

void vnet_port_close(struct vnet_port *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < VN_RING_MAX; i++)
		if (p->ring[i].map)
			munmap(p->ring[i].map, p->ring[i].map_len);
	if (p->umem)
		munmap(p->umem, p->umem_len);
	/* The socket before the lease: who is told that the port is free finds it so. */
	vn_cleanup_close(&p->xsk);
	vn_cleanup_close(&p->umem_fd);
	vn_cleanup_close(&p->lease);
	free(p->owner);
	free(p->free);
	free(p);
}

int vnet_port_fd(const struct vnet_port *p)
{
	return p->xsk;
}

/* A caller's struct begins with its size: what of ours fits there, behind that. */
static int copy_out(void *out, const void *ours, size_t our_size)
{
	size_t size = *(size_t *)out;

	if (size < sizeof(size))
		return -EINVAL;
	memset((uint8_t *)out + sizeof(size), 0, size - sizeof(size));
	memcpy((uint8_t *)out + sizeof(size), (const uint8_t *)ours + sizeof(size),
	       VN_MIN(size, our_size) - sizeof(size));
	return 0;
}

int vnet_port_info(const struct vnet_port *p, struct vnet_port_info *info)
{
	struct vnet_port_info i = {
		.number = p->grant.number,
		.mtu = p->grant.mtu,
		.long_frames = !!(p->grant.flags & VN_HANDOVER_SG),
		.buffers = p->grant.buffers,
		.buffer_size = p->grant.buffer_size,
		.rx_entries = p->grant.rx_entries,
		.tx_entries = p->grant.tx_entries,
	};

	memcpy(i.mac, p->grant.mac, sizeof(i.mac));
	return copy_out(info, &i, sizeof(i));
}

int vnet_port_stats(struct vnet_port *p, struct vnet_port_stats *stats)
{
	struct vnet_port_stats s = {
		.rx_packets = p->rx_packets,
		.rx_bytes = p->rx_bytes,
		.tx_packets = p->tx_packets,
		.tx_bytes = p->tx_bytes,
		.tx_done = p->tx_done,
	};
	struct xdp_statistics x = {0};
	socklen_t len = sizeof(x);

	if (getsockopt(p->xsk, SOL_XDP, XDP_STATISTICS, &x, &len) < 0)
		return -errno;
	s.rx_dropped = x.rx_dropped;
	s.rx_ring_full = x.rx_ring_full;
	s.rx_no_buffer = x.rx_fill_ring_empty_descs;
	s.tx_invalid = x.tx_invalid_descs;
	return copy_out(stats, &s, sizeof(s));
}

int vnet_port_wait(struct vnet_port *p, unsigned int what, int timeout_ms)
{
	struct pollfd pfd = {.fd = p->xsk};
	int r;

	if (!what || what & ~(unsigned int)(VNET_IN | VNET_OUT))
		return -EINVAL;
	pfd.events = (short)((what & VNET_IN ? POLLIN : 0) | (what & VNET_OUT ? POLLOUT : 0));
	r = poll(&pfd, 1, timeout_ms);
	if (r < 0)
		return -errno;
	if (pfd.revents & (POLLERR | POLLHUP | POLLNVAL))
		return -ENETDOWN;
	return (pfd.revents & POLLIN ? VNET_IN : 0) | (pfd.revents & POLLOUT ? VNET_OUT : 0);
}

unsigned int vnet_version(void)
{
	unsigned int major = 0, minor = 0;

	sscanf(LIBVNET_VERSION, "%u.%u", &major, &minor);
	return major << 16 | minor;
}
