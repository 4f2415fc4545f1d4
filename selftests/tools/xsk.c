/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A small AF_XDP application for the tests, well- and ill-behaved, in the namespace it is run in.
 *
 *   xsk run DEV (--sock PATH | --map PIN) [--count N] [--ids N] [--wait MS] [--ready FILE] [OPTION...]
 *       takes its port's XSKMAP by the hand-over protocol or by its pin, binds a socket to queue 0 and receives until N
 *       frames, or N different numbers of marked frames, have come or MS passed.
 *       --echo: sends each back, MACs swapped. --keep: never gives a buffer back. --garbage: fills the transmit and the
 *       fill ring with descriptors that point nowhere. --busy: asks for busy polling, and fails without. Prints
 *       {"received", "echoed", "bytes", "longest", "tagged", "bad_checksum", "ids": distinct numbers of marked frames}
 *   xsk say PATH MESSAGE...
 *       speaks the hand-over protocol word by word: each MESSAGE is sent and the reply printed, "+fd" behind it where a
 *       descriptor came along, "closed" where the connection ended. A MESSAGE "+N:TEXT" carries N descriptors.
 *   xsk flood PATH N [MS]
 *       N connections, each closed at once, or as many as MS allow; prints {"connected", "refused"}
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <fcntl.h>
#include <getopt.h>
#include <net/if.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/un.h>

#include <base/util.h>
#include <base/xsk_ring.h>

#define CHUNKS 4096u
#define CHUNK  2048u
#define FDS    16
#define MAGIC  0x766e6574u /* of selftests/tools/frame.c */
#define IDS    65536u

struct app {
	const char *dev, *sock, *map, *ready;
	unsigned int count, n_ids, wait_ms;
	bool echo, keep, garbage, busy;
	int fd;
	uint8_t *umem;
	struct vn_xsk_rings rings;
	uint64_t received, echoed, bytes, longest, tagged, bad_checksum, ids;
	uint8_t seen[IDS];
};

static void die(const char *what)
{
	fprintf(stderr, "xsk: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void usage(void)
{
	fputs("xsk: see the head of selftests/tools/xsk.c\n", stderr);
	exit(2);
}

static unsigned int number(const char *s)
{
	return (unsigned int)strtoul(s, NULL, 10);
}

/* --- the hand-over protocol -----------------------------------------------------------------------------------------
 */

static int dial(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		int saved = errno;

		vn_cleanup_close(&fd);
		errno = saved;
		return -1;
	}
	return fd;
}

/* Length of the reply, 0 when the connection ended; a descriptor that came along in *ret_fd. */
static ssize_t ask(int sock, const char *msg, size_t len, int n_fds, int fd, char reply[128], int *ret_fd)
{
	union {
		char buf[CMSG_SPACE(FDS * sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct iovec iov = {.iov_base = (void *)msg, .iov_len = len};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *c;
	ssize_t n;

	if (n_fds > 0) {
		m.msg_control = control.buf;
		m.msg_controllen = CMSG_SPACE((size_t)n_fds * sizeof(int));
		c = CMSG_FIRSTHDR(&m);
		*c = (struct cmsghdr){.cmsg_len = CMSG_LEN((size_t)n_fds * sizeof(int)),
				      .cmsg_level = SOL_SOCKET,
				      .cmsg_type = SCM_RIGHTS};
		for (int i = 0; i < n_fds; i++)
			memcpy(CMSG_DATA(c) + (size_t)i * sizeof(int), &fd, sizeof(fd));
	}
	if (sendmsg(sock, &m, MSG_NOSIGNAL) < 0)
		return 0;
	iov = (struct iovec){.iov_base = reply, .iov_len = 127};
	m = (struct msghdr){
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.buf, .msg_controllen = sizeof(control.buf)};
	n = recvmsg(sock, &m, MSG_CMSG_CLOEXEC);
	if (n <= 0)
		return 0;
	reply[n] = '\0';
	*ret_fd = -1;
	c = CMSG_FIRSTHDR(&m);
	if (c && c->cmsg_type == SCM_RIGHTS)
		memcpy(ret_fd, CMSG_DATA(c), sizeof(*ret_fd));
	return n;
}

static int handshake(const struct app *a)
{
	char msg[64], reply[128] = "closed";
	int sock = dial(a->sock), fd = -1, none;

	if (sock < 0)
		die(a->sock);
	if (!ask(sock, "/connect,test", 13, 0, -1, reply, &none) || strcmp(reply, "/host_ok") != 0) {
		printf("{\"refused\": \"%s\"}\n", reply);
		exit(3);
	}
	snprintf(msg, sizeof(msg), "/xsk_map_fd,%s", a->dev);
	if (!ask(sock, "/version", 8, 0, -1, reply, &none) || !ask(sock, msg, strlen(msg), 0, -1, reply, &fd) || fd < 0)
		die("no map");
	if (a->busy && (!ask(sock, "/config_busy_poll,20,64", 23, 1, a->fd, reply, &none) ||
			strcmp(reply, "/config_busy_poll_ack") != 0))
		die("no busy polling");
	ask(sock, "/fin", 4, 0, -1, reply, &none);
	close(sock);
	return fd;
}

static int cmd_say(int argc, char *argv[])
{
	int sock = argc > 0 ? dial(argv[0]) : -1, null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (sock < 0)
		die("connect");
	for (int i = 1; i < argc; i++) {
		const char *msg = argv[i], *colon = strchr(msg, ':');
		char reply[128];
		int n_fds = 0, fd = -1;

		if (msg[0] == '+' && colon) {
			n_fds = (int)VN_MIN(number(msg + 1), (unsigned int)FDS);
			msg = colon + 1;
		}
		if (!ask(sock, msg, strlen(msg), n_fds, null, reply, &fd)) {
			puts("closed");
			return 0;
		}
		printf("%s%s\n", reply, fd >= 0 ? "+fd" : "");
		vn_cleanup_close(&fd);
	}
	return 0;
}

static int cmd_flood(int argc, char *argv[])
{
	unsigned int n = argc > 1 ? number(argv[1]) : 0, connected = 0, refused = 0;
	const uint64_t ms = argc > 2 ? number(argv[2]) : UINT32_MAX, until_ns = vn_now_ns() + ms * VN_NSEC_PER_MSEC;
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = -1;

	if (argc < 2)
		usage();
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", argv[0]);
	for (unsigned int i = 0; i < n && (i % 1024 || vn_now_ns() < until_ns); i++) {
		/* One that was refused knocks again. */
		if (fd < 0)
			fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (fd < 0)
			die("socket");
		if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
			refused++;
			continue;
		}
		connected++;
		vn_cleanup_close(&fd);
		fd = -1;
	}
	vn_cleanup_close(&fd);
	printf("{\"connected\": %u, \"refused\": %u}\n", connected, refused);
	return 0;
}

/* --- frames ------------------------------------------------------------------------------------------------------- */

static uint32_t sum16(const uint8_t *p, size_t len, uint32_t sum)
{
	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	return len & 1 ? sum + ((uint32_t)p[len - 1] << 8) : sum;
}

static bool checksum_ok(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff;
}

/* IPv4 with TCP or UDP, unfragmented: the header's checksum, and that of all of it. */
static bool complete(const uint8_t *ip, size_t len)
{
	size_t head = (size_t)(ip[0] & 15) * 4, total = (size_t)ip[2] << 8 | ip[3];
	uint32_t sum;

	if (head < 20 || total < head || total > len || !checksum_ok(sum16(ip, head, 0)))
		return false;
	if ((ip[9] != IPPROTO_TCP && ip[9] != IPPROTO_UDP) || (ip[6] & 0x3f) || ip[7])
		return true;
	sum = sum16(ip + 12, 8, ip[9] + (uint32_t)(total - head));
	return checksum_ok(sum16(ip + head, total - head, sum));
}

static void look(struct app *a, const uint8_t *frame, size_t len)
{
	size_t at = 12;
	uint32_t words[3];

	a->received++;
	a->bytes += len;
	a->longest = VN_MAX(a->longest, len);
	if (frame[at] == 0x81 || frame[at] == 0x88) {
		bool tag = (frame[at] == 0x81 && frame[at + 1] == 0) || (frame[at] == 0x88 && frame[at + 1] == 0xa8);

		a->tagged += tag;
		at += tag ? 4 : 0;
	}
	at += 2;
	if (frame[at - 2] == 8 && frame[at - 1] == 0 && len >= at + 20)
		a->bad_checksum += !complete(frame + at, len - at);
	for (; at + sizeof(words) <= len; at++) {
		memcpy(words, frame + at, sizeof(words));
		if (words[0] != MAGIC)
			continue;
		a->ids += !a->seen[words[2] % IDS];
		a->seen[words[2] % IDS] = 1;
		break;
	}
}

/* --- the socket --------------------------------------------------------------------------------------------------- */

static void give_back(struct app *a, uint64_t addr)
{
	uint32_t at;

	if (!a->keep && xsk_ring_prod__reserve(&a->rings.fill, 1, &at) == 1) {
		*xsk_ring_prod__fill_addr(&a->rings.fill, at) = addr;
		xsk_ring_prod__submit(&a->rings.fill, 1);
	}
}

static void open_socket(struct app *a)
{
	struct sockaddr_xdp addr = {
		.sxdp_family = AF_XDP, .sxdp_flags = XDP_COPY, .sxdp_ifindex = if_nametoindex(a->dev)};
	struct xdp_umem_reg reg = {.len = CHUNKS * CHUNK, .chunk_size = CHUNK};
	int map, r;
	const uint32_t queue = 0;

	a->fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (a->fd < 0)
		die("socket");
	a->umem = mmap(NULL, CHUNKS * CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	reg.addr = (uintptr_t)a->umem;
	if (a->umem == MAP_FAILED || setsockopt(a->fd, SOL_XDP, XDP_UMEM_REG, &reg, sizeof(reg)) < 0)
		die("umem");
	r = vn_xsk_rings_init(a->fd, CHUNKS, CHUNKS, &a->rings);
	if (r < 0) {
		errno = -r;
		die("rings");
	}
	for (uint32_t i = 0; i < CHUNKS / 2; i++) {
		bool keep = a->keep;

		a->keep = false;
		give_back(a, (uint64_t)i * CHUNK);
		a->keep = keep;
	}
	/* The first says no to a second one before it takes anything from it. */
	map = a->sock ? handshake(a) : bpf_obj_get(a->map);
	if (map < 0)
		die("map");
	if (bind(a->fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		die("bind");
	if (bpf_map_update_elem(map, &queue, &a->fd, BPF_ANY) < 0)
		die("map update");
	close(map);
}

/* Descriptors that point nowhere, and far too long; the kernel must refuse each. */
static void garbage(struct app *a)
{
	uint32_t at, n = xsk_prod_nb_free(&a->rings.tx, CHUNKS);

	if (n && xsk_ring_prod__reserve(&a->rings.tx, n, &at) == n) {
		for (uint32_t i = 0; i < n; i++)
			*xsk_ring_prod__tx_desc(&a->rings.tx, at + i) = (struct xdp_desc){
				.addr = ~0ULL / (i + 1), .len = ~0u / (i + 1), .options = i % 3 ? ~0u : 0};
		xsk_ring_prod__submit(&a->rings.tx, n);
	}
	n = xsk_prod_nb_free(&a->rings.fill, CHUNKS);
	if (n && xsk_ring_prod__reserve(&a->rings.fill, n, &at) == n) {
		for (uint32_t i = 0; i < n; i++)
			*xsk_ring_prod__fill_addr(&a->rings.fill, at + i) = ~0ULL - i * 4097ULL;
		xsk_ring_prod__submit(&a->rings.fill, n);
	}
	sendto(a->fd, NULL, 0, MSG_DONTWAIT, NULL, 0);
}

static void echo(struct app *a, const struct xdp_desc *d)
{
	uint8_t *frame = a->umem + d->addr, mac[6];
	uint32_t at;

	memcpy(mac, frame, 6);
	memmove(frame, frame + 6, 6);
	memcpy(frame + 6, mac, 6);
	if (xsk_ring_prod__reserve(&a->rings.tx, 1, &at) != 1) {
		give_back(a, d->addr);
		return;
	}
	*xsk_ring_prod__tx_desc(&a->rings.tx, at) = (struct xdp_desc){.addr = d->addr, .len = d->len};
	xsk_ring_prod__submit(&a->rings.tx, 1);
	a->echoed++;
}

static void turn(struct app *a)
{
	uint32_t at, n = xsk_ring_cons__peek(&a->rings.rx, 64, &at);

	for (uint32_t i = 0; i < n; i++) {
		struct xdp_desc d = *xsk_ring_cons__rx_desc(&a->rings.rx, at + i);

		look(a, a->umem + d.addr, d.len);
		if (a->echo)
			echo(a, &d);
		else
			give_back(a, d.addr);
	}
	xsk_ring_cons__release(&a->rings.rx, n);
	if (a->echo)
		sendto(a->fd, NULL, 0, MSG_DONTWAIT, NULL, 0);
	n = xsk_ring_cons__peek(&a->rings.comp, 64, &at);
	for (uint32_t i = 0; i < n; i++)
		give_back(a, *xsk_ring_cons__comp_addr(&a->rings.comp, at + i) / CHUNK * CHUNK);
	xsk_ring_cons__release(&a->rings.comp, n);
}

static int cmd_run(struct app *a)
{
	uint64_t until = vn_now_ns() + a->wait_ms * VN_NSEC_PER_MSEC;

	open_socket(a);
	if (a->ready)
		close(open(a->ready, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
	while (vn_now_ns() < until && (!a->count || a->received < a->count) && (!a->n_ids || a->ids < a->n_ids)) {
		struct pollfd p = {.fd = a->fd, .events = POLLIN};

		if (a->garbage)
			garbage(a);
		poll(&p, 1, a->garbage ? 1 : 10);
		turn(a);
	}
	printf("{\"received\": %llu, \"echoed\": %llu, \"bytes\": %llu, \"longest\": %llu, \"tagged\": %llu, "
	       "\"bad_checksum\": %llu, \"ids\": %llu}\n",
	       (unsigned long long)a->received, (unsigned long long)a->echoed, (unsigned long long)a->bytes,
	       (unsigned long long)a->longest, (unsigned long long)a->tagged, (unsigned long long)a->bad_checksum,
	       (unsigned long long)a->ids);
	return 0;
}

int main(int argc, char *argv[])
{
	static const struct option options[] = {
		{"sock", required_argument, NULL, 's'},
		{"map", required_argument, NULL, 'm'},
		{"ids", required_argument, NULL, 'i'},
		{"count", required_argument, NULL, 'c'},
		{"wait", required_argument, NULL, 'w'},
		{"ready", required_argument, NULL, 'r'},
		{"echo", no_argument, NULL, 'e'},
		{"busy", no_argument, NULL, 'b'},
		{"keep", no_argument, NULL, 'k'},
		{"garbage", no_argument, NULL, 'g'},
		{NULL, 0, NULL, 0},
	};
	static struct app a = {.wait_ms = 5000};
	int c;

	if (argc < 3)
		usage();
	if (strcmp(argv[1], "say") == 0)
		return cmd_say(argc - 2, argv + 2);
	if (strcmp(argv[1], "flood") == 0)
		return cmd_flood(argc - 2, argv + 2);
	if (strcmp(argv[1], "run") != 0)
		usage();
	a.dev = argv[2];
	optind = 3;
	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		switch (c) {
		case 's':
			a.sock = optarg;
			break;
		case 'm':
			a.map = optarg;
			break;
		case 'c':
			a.count = number(optarg);
			break;
		case 'b':
			a.busy = true;
			break;
		case 'i':
			a.n_ids = number(optarg);
			break;
		case 'w':
			a.wait_ms = number(optarg);
			break;
		case 'r':
			a.ready = optarg;
			break;
		case 'e':
			a.echo = true;
			break;
		case 'k':
			a.keep = true;
			break;
		case 'g':
			a.garbage = true;
			break;
		default:
			usage();
		}
	}
	if (!a.sock == !a.map)
		usage();
	return cmd_run(&a);
}
