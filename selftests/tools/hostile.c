/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An application that is handed a port by libvnet's protocol and means ill. It needs no capability and no namespace.
 *
 *   hostile SOCKET WHAT [MS]          MS: how long at most (3000); prints JSON
 *     open      takes the port and gives it back: {"opened"}, or {"error": errno's name}
 *     twice     opens, opens again while it is open, closes, opens: {"second", "third"}
 *     receive   receives and gives back: {"received", "no_buffer", "ring_full"}
 *     keep      receives and never gives a buffer back; same
 *     idle      never looks at its ring; same
 *     garbage   fills the transmit and the fill ring with descriptors that point nowhere, or too far, or all to the
 *               same place: {"tx_invalid", "no_buffer", "sent"}
 *     send      correct frames, as fast as it can: {"sent"}
 *     memory    what the seals must refuse: {"shrink", "grow", "seal"}; "punch" (a hole, its own affair)
 *     socket    what a socket that is bound must refuse: {"bind", "ring", "umem", "new"}
 *     stain     writes to every byte of its memory; {"bytes"}
 *     look      {"stained"}: bytes of its memory that are not zero
 *     heir      forks; parent ends soon, child keeps the socket for MS: {"received"} by it after that
 *     chatter   opens, then says something on the lease: {"received"} after that
 *   hostile SOCKET babble N           N connections that say what no protocol allows, descriptors along with it:
 *                                     {"said", "answered", "grants"}
 */
#include <fcntl.h>
#include <linux/if_xdp.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <base/util.h>
#include <base/xdp_uapi.h>
#include <vnet/vnet.h>

#include "../../lib/port.h"

#define BATCH    64u
#define FDS      16
#define WORD_MAX 256u

static void die(const char *what, int r)
{
	printf("{\"error\": \"%s\", \"at\": \"%s\"}\n", strerrorname_np(-r), what);
	exit(1);
}

/* "ok", or why not. */
static const char *outcome(int r)
{
	return r >= 0 ? "ok" : strerrorname_np(errno);
}

static struct vnet_port *open_port(const char *path)
{
	struct vnet_port *port = NULL;
	int r = vnet_port_open(path, NULL, &port);

	if (r < 0)
		die("open", r);
	return port;
}

static struct vnet_port_stats stats_of(struct vnet_port *port)
{
	struct vnet_port_stats s = {.size = sizeof(s)};

	vnet_port_stats(port, &s);
	return s;
}

/* --- rings ----------------------------------------------------------------------------------------------------------
 */

enum manners { GIVE_BACK, KEEP, IDLE };

static uint64_t receive(struct vnet_port *port, unsigned int ms, enum manners how)
{
	const uint64_t until_ns = vn_now_ns() + ms * VN_NSEC_PER_MSEC;
	struct vnet_frame f[BATCH];

	while (vn_now_ns() < until_ns) {
		unsigned int n;

		poll(how == IDLE ? NULL : &(struct pollfd){.fd = vnet_port_fd(port), .events = POLLIN}, how != IDLE,
		     20);
		if (how == IDLE)
			continue;
		n = vnet_port_rx(port, f, BATCH);
		if (how == GIVE_BACK)
			vnet_port_release(port, f, n);
	}
	return stats_of(port).rx_packets;
}

static void tell_receive(struct vnet_port *port, unsigned int ms, enum manners how)
{
	uint64_t n = receive(port, ms, how);
	struct vnet_port_stats s = stats_of(port);

	printf("{\"received\": %lu, \"no_buffer\": %lu, \"ring_full\": %lu}\n", n, s.rx_no_buffer, s.rx_ring_full);
}

/* Addresses at the edges, beyond them, and of the same frame over and over; lengths of nothing and of everything. */
static void garbage(struct vnet_port *port, unsigned int ms)
{
	const uint64_t until_ns = vn_now_ns() + ms * VN_NSEC_PER_MSEC;
	const uint64_t end = port->umem_len, addrs[] = {end, end - 1, UINT64_MAX, 0, 2047, end * 7, 1ull << 47, 4096};
	const uint32_t lens[] = {UINT32_MAX, 0, 60, 4097, 1u << 31, 2048, 1, 13};
	struct ring *tx = &port->ring[VN_RING_TX], *fill = &port->ring[VN_RING_FILL];
	struct vnet_port_stats s;
	uint64_t sent = 0;

	while (vn_now_ns() < until_ns) {
		uint32_t n = ring_room(tx);

		for (uint32_t i = 0; i < n; i++, sent++) {
			*ring_desc(tx, tx->at) = (struct xdp_desc){.addr = addrs[sent % 8],
								   .len = lens[sent / 8 % 8],
								   .options = (uint32_t)(sent / 64 % 4)};
			tx->at++;
		}
		ring_publish(tx, tx->producer);
		n = ring_room(fill);
		for (uint32_t i = 0; i < n; i++, fill->at++)
			*ring_addr(fill, fill->at) = addrs[i % 8];
		ring_publish(fill, fill->producer);
		for (int i = 0; i < 100; i++)
			sendto(port->xsk, NULL, 0, MSG_DONTWAIT, NULL, 0);
		receive(port, 10, KEEP);
		/* Indexes that no ring can have, and back. */
		__atomic_store_n(tx->producer, tx->at + 1000000, __ATOMIC_RELEASE);
		sendto(port->xsk, NULL, 0, MSG_DONTWAIT, NULL, 0);
		ring_publish(tx, tx->producer);
	}
	s = stats_of(port);
	printf("{\"tx_invalid\": %lu, \"no_buffer\": %lu, \"sent\": %lu}\n", s.tx_invalid, s.rx_no_buffer, sent);
}

static void send_all(struct vnet_port *port, unsigned int ms)
{
	const uint64_t until_ns = vn_now_ns() + ms * VN_NSEC_PER_MSEC;
	struct vnet_port_info info = {.size = sizeof(info)};
	struct vnet_frame f[BATCH];

	vnet_port_info(port, &info);
	while (vn_now_ns() < until_ns) {
		unsigned int n = vnet_port_alloc(port, f, BATCH);
		int taken;

		for (unsigned int i = 0; i < n; i++) {
			memset(f[i].data, 0xff, 6);
			memcpy(f[i].data + 6, info.mac, 6);
			memcpy(f[i].data + 12, "\x88\xb5", 2);
			f[i].len = 60;
		}
		taken = vnet_port_tx(port, f, n);
		if (taken < 0)
			break;
		vnet_port_release(port, f, n);
	}
	printf("{\"sent\": %lu}\n", stats_of(port).tx_done);
}

/* --- descriptors ----------------------------------------------------------------------------------------------------
 */

static void memory(struct vnet_port *port)
{
	const int fd = port->umem_fd;
	const char *shrink = outcome(ftruncate(fd, 4096)), *grow = outcome(ftruncate(fd, (off_t)port->umem_len * 2)),
		   *seal = outcome(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));

	printf("{\"shrink\": \"%s\", \"grow\": \"%s\", \"seal\": \"%s\", \"punch\": \"%s\"}\n", shrink, grow, seal,
	       outcome(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t)port->umem_len)));
}

static void sockets(struct vnet_port *port)
{
	struct sockaddr_xdp addr = {.sxdp_family = AF_XDP, .sxdp_ifindex = 1};
	struct xdp_umem_reg reg = {.addr = (uintptr_t)port->umem, .len = port->umem_len, .chunk_size = 2048};
	const uint32_t entries = 64;
	const char *again, *ring, *umem;

	again = outcome(bind(port->xsk, (struct sockaddr *)&addr, sizeof(addr)));
	ring = outcome(setsockopt(port->xsk, SOL_XDP, XDP_RX_RING, &entries, sizeof(entries)));
	umem = outcome(setsockopt(port->xsk, SOL_XDP, XDP_UMEM_REG, &reg, sizeof(reg)));
	printf("{\"bind\": \"%s\", \"ring\": \"%s\", \"umem\": \"%s\", \"new\": \"%s\"}\n", again, ring, umem,
	       outcome(socket(AF_XDP, SOCK_RAW, 0)));
}

static void look(const struct vnet_port *port)
{
	size_t n = 0;

	for (size_t i = 0; i < port->umem_len; i++)
		n += port->umem[i] != 0;
	printf("{\"stained\": %zu}\n", n);
}

static void heir(struct vnet_port *port, unsigned int ms)
{
	const pid_t parent = getpid();
	uint64_t before;

	if (fork() != 0) {
		poll(NULL, 0, (int)ms / 11); /* to be seen */
		_exit(0);
	}
	while (getppid() == parent)
		poll(NULL, 0, 5);
	/* The lease was inherited, too; the agent sees the owner's end all the same. What came by then is not counted.
	 */
	before = receive(port, 300, GIVE_BACK);
	printf("{\"received\": %lu}\n", receive(port, ms, GIVE_BACK) - before);
}

static void chatter(struct vnet_port *port, unsigned int ms)
{
	uint64_t before;

	send(port->lease, "more!", 5, MSG_NOSIGNAL);
	before = receive(port, 300, GIVE_BACK);
	printf("{\"received\": %lu}\n", receive(port, ms, GIVE_BACK) - before);
}

static void twice(const char *path)
{
	const struct vnet_port_options opts = {.size = sizeof(opts), .timeout_ms = 2000};
	struct vnet_port *first = open_port(path), *second = NULL, *third = NULL;
	int r = vnet_port_open(path, &opts, &second), s;

	vnet_port_close(first);
	s = vnet_port_open(path, &opts, &third);
	printf("{\"second\": \"%s\", \"third\": \"%s\"}\n", r < 0 ? strerrorname_np(-r) : "ok",
	       s < 0 ? strerrorname_np(-s) : "ok");
	vnet_port_close(second);
	vnet_port_close(third);
}

/* --- the protocol ---------------------------------------------------------------------------------------------------
 */

static int dial(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		die("connect", -errno);
	return fd;
}

static bool say(int sock, const void *text, size_t len, int n_fds)
{
	union {
		char buf[CMSG_SPACE(FDS * sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct iovec iov = {.iov_base = (void *)text, .iov_len = len};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

	if (n_fds) {
		struct cmsghdr *c;

		m.msg_control = control.buf;
		m.msg_controllen = CMSG_SPACE((size_t)n_fds * sizeof(int));
		c = CMSG_FIRSTHDR(&m);
		*c = (struct cmsghdr){.cmsg_len = CMSG_LEN((size_t)n_fds * sizeof(int)),
				      .cmsg_level = SOL_SOCKET,
				      .cmsg_type = SCM_RIGHTS};
		for (int i = 0; i < n_fds; i++)
			memcpy(CMSG_DATA(c) + (size_t)i * sizeof(int), &sock, sizeof(sock));
	}
	return sendmsg(sock, &m, MSG_NOSIGNAL) >= 0;
}

/* One message: a hello with something wrong in it, or noise; its descriptors are the connection itself. */
static void babble_once(const char *path, unsigned int i, unsigned int *answered, unsigned int *grants)
{
	struct vn_handover_hello hello = {.magic = VN_HANDOVER_MAGIC, .version = VN_HANDOVER_VERSION, .name = "noise"};
	struct vn_handover_grant g = {0};
	uint8_t word[WORD_MAX];
	cleanup_close int sock = dial(path);
	size_t len = i % WORD_MAX;
	int n_fds = 0;
	ssize_t n;

	if (getrandom(word, sizeof(word), 0) < 0)
		die("random", -errno);
	if (i % 2) {
		memcpy(word, &hello, sizeof(hello));
		len = sizeof(hello);
		if (i % 3 == 0)
			n_fds = (int)(i % FDS) + 1;
		else if (i % 3 == 1)
			len = i % sizeof(hello);
		else
			memset(word + offsetof(struct vn_handover_hello, name), 'x', VN_HANDOVER_NAME);
	}
	if (!say(sock, word, len, n_fds))
		return;
	n = recv(sock, &g, sizeof(g), 0);
	*answered += n > 0;
	*grants += n > 0 && g.status == VN_GRANT_OK && g.magic == VN_HANDOVER_MAGIC;
}

static void babble(const char *path, unsigned int n)
{
	unsigned int answered = 0, grants = 0;

	for (unsigned int i = 0; i < n; i++)
		babble_once(path, i, &answered, &grants);
	printf("{\"said\": %u, \"answered\": %u, \"grants\": %u}\n", n, answered, grants);
}

int main(int argc, char *argv[])
{
	const char *path = argc > 2 ? argv[1] : NULL, *what = argc > 2 ? argv[2] : "";
	const unsigned int n = argc > 3 ? (unsigned int)strtoul(argv[3], NULL, 10) : 3000;
	struct vnet_port *port;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!path)
		die("usage", -EINVAL);
	if (strcmp(what, "babble") == 0 || strcmp(what, "twice") == 0) {
		what[0] == 'b' ? babble(path, n) : twice(path);
		return 0;
	}
	port = open_port(path);
	if (strcmp(what, "open") == 0)
		puts("{\"opened\": true}");
	else if (strcmp(what, "receive") == 0)
		tell_receive(port, n, GIVE_BACK);
	else if (strcmp(what, "keep") == 0)
		tell_receive(port, n, KEEP);
	else if (strcmp(what, "idle") == 0)
		tell_receive(port, n, IDLE);
	else if (strcmp(what, "garbage") == 0)
		garbage(port, n);
	else if (strcmp(what, "send") == 0)
		send_all(port, n);
	else if (strcmp(what, "memory") == 0)
		memory(port);
	else if (strcmp(what, "socket") == 0)
		sockets(port);
	else if (strcmp(what, "stain") == 0)
		printf("{\"bytes\": %zu}\n", (memset(port->umem, 0xaa, port->umem_len), port->umem_len));
	else if (strcmp(what, "look") == 0)
		look(port);
	else if (strcmp(what, "heir") == 0)
		heir(port, n);
	else if (strcmp(what, "chatter") == 0)
		chatter(port, n);
	else
		die(what, -EINVAL);
	vnet_port_close(port);
	return 0;
}
