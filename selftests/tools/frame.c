/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Raw frames for the tests, in the namespace it is run in.
 *
 *   frame send DEV [--count N] [--src MAC] [--dst MAC] [--vlan [ad:]ID[,[ad:]ID]] [--mark N] [--len N] KIND ...
 *       --bytes N: frames of exactly N bytes, cut or filled with zeros
 *       KIND: raw                               payload of the test's own EtherType 0x88b5
 *             udp4 SRC DST | udp6 SRC DST       to port 9
 *             arp SENDER-IP TARGET-IP [SENDER-MAC]
 *             na TARGET-IP6 [MAC] | ns TARGET-IP6 [MAC] | ra [MAC] | rs [MAC] | redirect TARGET-IP6 [MAC]
 *                 with --options N: N others in front of the one with MAC
 *                 with --jumbo: behind a hop-by-hop header, payload length 0; with --fragment: in a whole fragment
 *             super | super-tcp SIZE BYTES SRC DST
 *                                               BYTES of UDP or TCP as one GSO frame with segments of SIZE
 *             dgram4 DST BYTES [SEGMENT]        no frame: a datagram to port 9, from a socket (UDP_SEGMENT)
 *             hex BYTES                         the whole frame, as it is
 *       prints {"sent": N}; frames carry --mark and their number, so that a capture can tell them
 *   frame capture DEV [--mark N] [--expect N] [--wait MS] [--ready FILE]
 *       counts the marked frames that arrive until N have come, or MS passed since the start; prints
 *       {"frames": n, "tagged": n, "vlan": [outer, inner], "tpid": "8100", "src": mac, "dst": mac, "len": n,
 *        "bad": n, "bad_checksum": n}
 *       of the last one; "bad" counts frames whose payload is not what was sent, "bad_checksum" UDP over IPv4 whose
 *       checksum is not right as it stands in the frame. FILE appears once it listens.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <base/util.h>

#define MAGIC      0x766e6574u    /* "vnet" */
#define ETH_P_TEST 0x88b5         /* IEEE 802 local experimental EtherType 1 */
#ifndef VIRTIO_NET_HDR_GSO_UDP_L4 /* Linux 6.2 */
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif
#define FRAME_MAX 66000

struct stamp {
	uint32_t magic, mark, number, len;
} __attribute__((packed));

struct opts {
	const char *dev, *ready;
	uint8_t src[6], dst[6];
	uint16_t tpid[2], vid[2];
	int n_vlans, src_given;
	unsigned int count, len, bytes, wait_ms, expect, options;
	bool jumbo, fragment;
	uint32_t mark;
};

struct buf {
	uint8_t data[FRAME_MAX];
	size_t len;
};

static void die(const char *what)
{
	fprintf(stderr, "frame: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void usage(const char *what)
{
	fprintf(stderr, "frame: %s: see the head of selftests/tools/frame.c\n", what);
	exit(2);
}

static void put(struct buf *b, const void *p, size_t n)
{
	if (b->len + n > sizeof(b->data))
		usage("frame too long");
	memcpy(b->data + b->len, p, n);
	b->len += n;
}

static void put8(struct buf *b, uint8_t v)
{
	put(b, &v, 1);
}

static void put16(struct buf *b, uint16_t v)
{
	uint16_t be = htons(v);

	put(b, &be, 2);
}

static void parse_mac(const char *s, uint8_t *mac)
{
	char end;

	if (sscanf(s, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%c", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4], &mac[5],
		   &end) != 6)
		usage(s);
}

static void put_ip(struct buf *b, int family, const char *s)
{
	uint8_t a[16];

	if (inet_pton(family, s, a) != 1)
		usage(s);
	put(b, a, family == AF_INET ? 4 : 16);
}

/* The complement of the sum. */
static uint16_t sum16(const uint8_t *p, size_t n, uint32_t sum)
{
	for (size_t i = 0; i + 1 < n; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	if (n & 1)
		sum += (uint32_t)p[n - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void fill16(uint8_t *at, uint16_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static void put_payload(struct buf *b, const struct opts *o, unsigned int number)
{
	struct stamp s = {htonl(MAGIC), htonl(o->mark), htonl(number), 0};
	size_t at = b->len, end = o->len > b->len + sizeof(s) ? o->len : b->len + sizeof(s);

	s.len = htonl((uint32_t)(end - at));
	put(b, &s, sizeof(s));
	while (b->len < end)
		put8(b, (uint8_t)(b->len - at));
}

static void put_head(struct buf *b, const struct opts *o, uint16_t proto)
{
	put(b, o->dst, 6);
	put(b, o->src, 6);
	for (int i = 0; i < o->n_vlans; i++)
		put16(b, o->tpid[i]), put16(b, o->vid[i]);
	put16(b, proto);
}

static void put_udp(struct buf *b, const struct opts *o, unsigned int number)
{
	size_t at = b->len;

	put16(b, 4444), put16(b, 9), put16(b, 0), put16(b, 0);
	put_payload(b, o, number);
	fill16(b->data + at + 4, (uint16_t)(b->len - at));
}

static void make_udp(struct buf *b, const struct opts *o, unsigned int number, int family, const char *src,
		     const char *dst)
{
	size_t ip, l4;
	uint16_t sum;

	put_head(b, o, family == AF_INET ? ETH_P_IP : ETH_P_IPV6);
	ip = b->len;
	if (family == AF_INET)
		put(b, "\x45\0\0\0\0\0\0\0\x40\x11\0\0", 12);
	else
		put(b, "\x60\0\0\0\0\0\x11\x40", 8);
	put_ip(b, family, src);
	put_ip(b, family, dst);
	l4 = b->len;
	put_udp(b, o, number);
	if (family == AF_INET) {
		fill16(b->data + ip + 2, (uint16_t)(b->len - ip));
		fill16(b->data + ip + 10, sum16(b->data + ip, 20, 0));
		sum = sum16(b->data + ip + 12, b->len - ip - 12, 17 + (uint32_t)(b->len - l4));
	} else {
		fill16(b->data + ip + 4, (uint16_t)(b->len - l4));
		sum = sum16(b->data + ip + 8, b->len - ip - 8, 17 + (uint32_t)(b->len - l4));
	}
	fill16(b->data + l4 + 6, sum ? sum : 0xffff);
}

static void make_arp(struct buf *b, const struct opts *o, unsigned int number, int argc, char **argv)
{
	uint8_t mac[6];

	if (argc < 2)
		usage("arp");
	memcpy(mac, o->src, 6);
	if (argc > 2)
		parse_mac(argv[2], mac);
	put_head(b, o, ETH_P_ARP);
	put(b, "\0\1\x08\0\6\4\0\2", 8);
	put(b, mac, 6);
	put_ip(b, AF_INET, argv[0]);
	put(b, o->dst, 6);
	put_ip(b, AF_INET, argv[1]);
	put_payload(b, o, number);
}

/* Neighbour discovery to all nodes, from the link-local address of the source MAC. */
static void make_nd(struct buf *b, const struct opts *o, uint8_t type, const char *target, const char *mac_text)
{
	static const uint8_t head_len[] = {8, 16, 24, 24, 40};
	const uint8_t *m = o->src;
	uint8_t ll[16] = {0xfe, 0x80, 0, 0, 0, 0, 0, 0, m[0] ^ 2, m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5]}, mac[6];
	size_t ip, ext, l4;

	memcpy(mac, o->src, 6);
	if (mac_text)
		parse_mac(mac_text, mac);
	put_head(b, o, ETH_P_IPV6);
	ip = b->len;
	put(b, "\x60\0\0\0\0\0", 6);
	put8(b, o->jumbo ? 0 : o->fragment ? 44 : 58), put8(b, 255);
	put(b, ll, 16);
	put_ip(b, AF_INET6, "ff02::1");
	ext = b->len;
	if (o->jumbo) /* a PadN in place of the jumbo option */
		put(b, "\x3a\0\1\4\0\0\0\0", 8);
	else if (o->fragment)
		put(b, "\x3a\0\0\0\0\0\0\7", 8);
	l4 = b->len;
	put8(b, type), put8(b, 0), put16(b, 0), put16(b, type == 136 ? 0x2000 : 0), put16(b, 0);
	if (target)
		put_ip(b, AF_INET6, target);
	while (b->len < l4 + head_len[type - 133])
		put8(b, 0);
	for (unsigned int i = 0; i < o->options; i++)
		put(b, "\x0e\1nonce", 8);
	put8(b, type == 136 || type == 137 ? 2 : 1), put8(b, 1);
	put(b, mac, 6);
	if (!o->jumbo)
		fill16(b->data + ip + 4, (uint16_t)(b->len - ext));
	fill16(b->data + l4 + 2,
	       sum16(b->data + l4, b->len - l4, (uint16_t)~sum16(b->data + ip + 8, 32, 58 + (uint32_t)(b->len - l4))));
}

/* A virtio_net_hdr in front: what the kernel segments where a device does not. */
static void make_gso(struct buf *b, const struct opts *o, unsigned int number, bool tcp, char **argv)
{
	struct opts big = *o;
	struct virtio_net_hdr vh = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
				    .gso_type = VIRTIO_NET_HDR_GSO_UDP_L4,
				    .gso_size = (uint16_t)strtoul(argv[0], NULL, 10),
				    .csum_offset = 6};

	vh.csum_start = (uint16_t)(14 + 4 * o->n_vlans + 20);
	vh.hdr_len = (uint16_t)(vh.csum_start + 8);
	big.len = vh.hdr_len + (unsigned int)strtoul(argv[1], NULL, 10);
	put(b, &vh, sizeof(vh));
	big.len += (unsigned int)sizeof(vh);
	make_udp(b, &big, number, AF_INET, argv[2], argv[3]);
	if (tcp) {
		uint8_t *ip = b->data + sizeof(vh) + vh.csum_start - 20;

		ip[9] = 6;
		ip[10] = ip[11] = 0;
		fill16(ip + 10, sum16(ip, 20, 0));
		memset(ip + 24, 0, 16);
		ip[32] = 0x50, ip[33] = 0x10; /* a head of 20 bytes, ACK */
		vh.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
		vh.csum_offset = 16;
		vh.hdr_len = (uint16_t)(vh.csum_start + 20);
		memcpy(b->data, &vh, sizeof(vh));
		return;
	}
	/* what the device that completes it expects: the pseudo header's sum */
	fill16(b->data + sizeof(vh) + vh.csum_start + 6,
	       (uint16_t)~sum16(b->data + sizeof(vh) + vh.csum_start - 8, 8,
				17 + (uint32_t)(b->len - sizeof(vh) - vh.csum_start)));
}

static void make_hex(struct buf *b, const char *text)
{
	uint8_t v;

	for (; *text; text += 2) {
		if (sscanf(text, "%2hhx", &v) != 1 || !text[1])
			usage("hex");
		put8(b, v);
	}
}

static void make(struct buf *b, const struct opts *o, unsigned int number, int argc, char **argv)
{
	const char *kind = argv[0];

	b->len = 0;
	if (strcmp(kind, "raw") == 0) {
		put_head(b, o, ETH_P_TEST);
		put_payload(b, o, number);
	} else if ((strcmp(kind, "udp4") == 0 || strcmp(kind, "udp6") == 0) && argc == 3) {
		make_udp(b, o, number, kind[3] == '4' ? AF_INET : AF_INET6, argv[1], argv[2]);
	} else if (strcmp(kind, "arp") == 0) {
		make_arp(b, o, number, argc - 1, argv + 1);
	} else if (strcmp(kind, "na") == 0 && argc >= 2) {
		make_nd(b, o, 136, argv[1], argc > 2 ? argv[2] : NULL);
	} else if (strcmp(kind, "ns") == 0 && argc >= 2) {
		make_nd(b, o, 135, argv[1], argc > 2 ? argv[2] : NULL);
	} else if (strcmp(kind, "redirect") == 0 && argc >= 2) {
		make_nd(b, o, 137, argv[1], argc > 2 ? argv[2] : NULL);
	} else if (strcmp(kind, "ra") == 0) {
		make_nd(b, o, 134, NULL, argc > 1 ? argv[1] : NULL);
	} else if (strcmp(kind, "rs") == 0) {
		make_nd(b, o, 133, NULL, argc > 1 ? argv[1] : NULL);
	} else if (strncmp(kind, "super", 5) == 0 && argc == 5) {
		make_gso(b, o, number, kind[5] == '-', argv + 1);
	} else if (strcmp(kind, "hex") == 0 && argc == 2) {
		make_hex(b, argv[1]);
	} else {
		usage(kind);
	}
	while (b->len < o->bytes)
		put8(b, 0);
	if (o->bytes)
		b->len = o->bytes;
}

static int open_packet(const struct opts *o, int protocol)
{
	struct sockaddr_ll ll = {.sll_family = AF_PACKET, .sll_protocol = htons((uint16_t)protocol)};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), one = 1, size = 32 << 20;

	ll.sll_ifindex = (int)if_nametoindex(o->dev);
	if (fd < 0 || !ll.sll_ifindex)
		die(o->dev);
	setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if (bind(fd, (struct sockaddr *)&ll, sizeof(ll)) < 0)
		die(o->dev);
	return fd;
}

static int send_dgrams(const struct opts *o, int argc, char **argv)
{
	static struct buf b;
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), segment = argc > 3 ? (int)strtol(argv[3], NULL, 10) : 0;
	struct opts big = *o;

	if (argc < 3 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1)
		usage("dgram4");
	if (fd < 0 || (segment && setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment)) < 0))
		die("UDP_SEGMENT");
	big.len = (unsigned int)strtoul(argv[2], NULL, 10);
	for (unsigned int i = 0; i < o->count; i++) {
		b.len = 0;
		put_payload(&b, &big, i);
		if (sendto(fd, b.data, b.len, 0, (const struct sockaddr *)&to, sizeof(to)) < 0)
			die("sendto");
	}
	printf("{\"sent\": %u}\n", o->count);
	return 0;
}

static int do_send(const struct opts *o, int argc, char **argv)
{
	static struct buf b;
	int fd = open_packet(o, 0);
	unsigned int sent = 0;
	int on = 1;

	if (argc < 1)
		usage("what to send");
	if (strcmp(argv[0], "dgram4") == 0)
		return send_dgrams(o, argc, argv);
	if (strncmp(argv[0], "super", 5) == 0 && setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) < 0)
		die("PACKET_VNET_HDR");
	for (unsigned int i = 0; i < o->count; i++) {
		int tries = 0;

		make(&b, o, i, argc, argv);
		/* A full queue empties soon; a frame that the peer of the veth refuses (too long for it) is never
		 * taken. */
		while (send(fd, b.data, b.len, 0) < 0 && tries++ < 20) {
			struct pollfd p = {.fd = fd, .events = POLLOUT};

			if (errno != EAGAIN && errno != ENOBUFS)
				die("send");
			poll(&p, 1, 10);
		}
		sent += tries <= 20;
	}
	printf("{\"sent\": %u}\n", sent);
	return 0;
}

struct seen {
	unsigned int frames, tagged, bad, bad_checksum;
	uint16_t tpid, vid[2];
	uint8_t src[6], dst[6];
	size_t len;
};

/* Find our stamp whatever headers are in front of it. */
static const uint8_t *find_stamp(const uint8_t *p, size_t len, uint32_t mark, struct stamp *ret)
{
	for (size_t i = 14; i + sizeof(*ret) <= len; i++) {
		memcpy(ret, p + i, sizeof(*ret));
		if (ret->magic == htonl(MAGIC) && ret->mark == htonl(mark))
			return p + i;
	}
	return NULL;
}

/* UDP over IPv4 with a checksum that is right, or none; what is something else is not looked at. */
static bool udp4_right(const uint8_t *ip, size_t len)
{
	size_t head = (ip[0] & 0xf) * 4u, total = (size_t)ip[2] << 8 | ip[3];

	if (len < 28 || ip[9] != IPPROTO_UDP)
		return true;
	if (total > len || total < head + 8)
		return false;
	if (!(ip[head + 6] | ip[head + 7]))
		return true;
	return sum16(ip + head, total - head, (uint16_t)~sum16(ip + 12, 8, 17 + (uint32_t)(total - head))) == 0;
}

static void note(struct seen *s, const uint8_t *p, size_t len, const struct tpacket_auxdata *aux, uint32_t mark)
{
	struct stamp st;
	const uint8_t *at = find_stamp(p, len, mark, &st);
	uint16_t proto = (uint16_t)(p[12] << 8 | p[13]);
	size_t off = 14;
	int n = 0;

	if (!at)
		return;
	s->frames++;
	s->len = len;
	s->vid[0] = s->vid[1] = s->tpid = 0;
	memcpy(s->dst, p, 6);
	memcpy(s->src, p + 6, 6);
	if (aux && aux->tp_status & TP_STATUS_VLAN_VALID) {
		s->vid[n++] = aux->tp_vlan_tci & 0xfff;
		s->tpid = aux->tp_status & TP_STATUS_VLAN_TPID_VALID ? aux->tp_vlan_tpid : ETH_P_8021Q;
		s->len += 4;
	}
	while (n < 2 && (proto == ETH_P_8021Q || proto == ETH_P_8021AD) && off + 4 <= len) {
		if (!n)
			s->tpid = proto;
		s->vid[n++] = (uint16_t)((p[off] & 0xf) << 8 | p[off + 1]);
		proto = (uint16_t)(p[off + 2] << 8 | p[off + 3]);
		off += 4;
	}
	s->tagged += n > 0;
	s->bad_checksum += proto == ETH_P_IP && !udp4_right(p + off, len - off);
	/* The payload as it was written. */
	if ((size_t)(at - p) + ntohl(st.len) > len) {
		s->bad++;
		return;
	}
	for (uint32_t i = sizeof(st); i < ntohl(st.len); i++)
		if (at[i] != (uint8_t)i) {
			s->bad++;
			return;
		}
}

static void receive_one(int fd, struct seen *s, uint32_t mark)
{
	static uint8_t data[FRAME_MAX + 64];
	_Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	struct sockaddr_ll from = {0};
	struct iovec iov = {data, sizeof(data)};
	struct msghdr msg = {&from, sizeof(from), &iov, 1, control, sizeof(control), 0};
	const struct tpacket_auxdata *aux = NULL;
	ssize_t n = recvmsg(fd, &msg, MSG_DONTWAIT);

	if (n < 14 || from.sll_pkttype == PACKET_OUTGOING)
		return;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c))
		if (c->cmsg_level == SOL_PACKET && c->cmsg_type == PACKET_AUXDATA)
			aux = (const void *)CMSG_DATA(c);
	note(s, data, (size_t)n, aux, mark);
}

static void print_mac(const char *key, const uint8_t *m)
{
	printf("\"%s\": \"%02x:%02x:%02x:%02x:%02x:%02x\", ", key, m[0], m[1], m[2], m[3], m[4], m[5]);
}

static int do_capture(const struct opts *o)
{
	int fd = open_packet(o, ETH_P_ALL);
	uint64_t end = vn_now_ns() + o->wait_ms * VN_NSEC_PER_MSEC;
	struct seen s = {0};

	if (o->ready && creat(o->ready, 0600) < 0)
		die(o->ready);
	while ((!o->expect || s.frames < o->expect) && vn_now_ns() < end) {
		struct pollfd p = {.fd = fd, .events = POLLIN};

		if (poll(&p, 1, (int)((end - vn_now_ns()) / VN_NSEC_PER_MSEC) + 1) > 0)
			receive_one(fd, &s, o->mark);
	}
	printf("{\"frames\": %u, \"tagged\": %u, \"vlan\": [%u, %u], \"tpid\": \"%04x\", ", s.frames, s.tagged,
	       s.vid[0], s.vid[1], s.tpid);
	print_mac("src", s.src);
	print_mac("dst", s.dst);
	printf("\"len\": %zu, \"bad\": %u, \"bad_checksum\": %u}\n", s.len, s.bad, s.bad_checksum);
	return 0;
}

static void parse_vlans(struct opts *o, const char *s)
{
	while (*s && o->n_vlans < 2) {
		int used = 0;

		o->tpid[o->n_vlans] = strncmp(s, "ad:", 3) == 0 ? ETH_P_8021AD : ETH_P_8021Q;
		s += o->tpid[o->n_vlans] == ETH_P_8021AD ? 3 : 0;
		if (sscanf(s, "%hu%n", &o->vid[o->n_vlans], &used) != 1)
			usage("--vlan");
		o->n_vlans++;
		s += used + (s[used] == ',');
	}
}

/* The device's own address, unless a spoofed one is asked for. */
static void own_mac(struct opts *o)
{
	cleanup_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = {0};

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", o->dev);
	if (fd < 0 || ioctl(fd, SIOCGIFHWADDR, &ifr) < 0)
		die(o->dev);
	memcpy(o->src, ifr.ifr_hwaddr.sa_data, 6);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"count", 1, NULL, 'c'},    {"src", 1, NULL, 's'},   {"dst", 1, NULL, 'd'},     {"vlan", 1, NULL, 'v'},
		{"mark", 1, NULL, 'm'},     {"len", 1, NULL, 'l'},   {"expect", 1, NULL, 'e'},  {"wait", 1, NULL, 'w'},
		{"ready", 1, NULL, 'r'},    {"bytes", 1, NULL, 'b'}, {"options", 1, NULL, 'o'}, {"jumbo", 0, NULL, 'j'},
		{"fragment", 0, NULL, 'f'}, {NULL, 0, NULL, 0},
	};
	struct opts o = {.count = 1, .dst = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, .wait_ms = 1000, .mark = 1};
	const char *verb = argc > 2 ? argv[1] : "";
	int c;

	if (argc < 3)
		usage("send or capture");
	o.dev = argv[2];
	argc -= 2;
	argv += 2;
	while ((c = getopt_long(argc, argv, "+", options, NULL)) >= 0) {
		switch (c) {
		case 'c':
			o.count = (unsigned int)strtoul(optarg, NULL, 10);
			break;
		case 's':
			parse_mac(optarg, o.src);
			o.src_given = 1;
			break;
		case 'd':
			parse_mac(optarg, o.dst);
			break;
		case 'v':
			parse_vlans(&o, optarg);
			break;
		case 'm':
			o.mark = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 'l':
			o.len = (unsigned int)strtoul(optarg, NULL, 10);
			break;
		case 'e':
			o.expect = (unsigned int)strtoul(optarg, NULL, 10);
			break;
		case 'w':
			o.wait_ms = (unsigned int)strtoul(optarg, NULL, 10);
			break;
		case 'b':
			o.bytes = (unsigned int)strtoul(optarg, NULL, 10);
			break;
		case 'o':
			o.options = (unsigned int)strtoul(optarg, NULL, 10);
			break;
		case 'j':
			o.jumbo = true;
			break;
		case 'f':
			o.fragment = true;
			break;
		case 'r':
			o.ready = optarg;
			break;
		default:
			usage("option");
		}
	}
	if (!o.src_given)
		own_mac(&o);
	if (strcmp(verb, "send") == 0)
		return do_send(&o, argc - optind, argv + optind);
	if (strcmp(verb, "capture") == 0)
		return do_capture(&o);
	usage(verb);
	return 2;
}
