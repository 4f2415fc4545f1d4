/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An AF_XDP socket that sends every frame of the tests' own EtherType back to where it came from: what a device's
 * driver can really do with XDP and AF_XDP, told by frames that went through it.
 *
 *   reflect DEV [--queue N] [--bind auto|zerocopy|copy] [--xdp native|generic] [--expect N] [--wait MS]
 *           [--ready FILE]
 *
 * Until N frames have come and gone (default 1), or MS passed (default 5000); FILE appears once it listens. Prints
 * {"xdp": "native"|"generic", "zerocopy": bool, "received": n, "sent": n}. Exit: 0; 1 with a line that names the step
 * and the kernel's reason: "reflect: DEV: native XDP: Operation not supported".
 */
/*
 * An AF_XDP socket that sends every frame of the tests' own EtherType back to where it came from: what a device's
 * driver can really do with XDP and AF_XDP, told by frames that went through it.
 *
 *   reflect DEV [--queue N] [--bind auto|zerocopy|copy] [--xdp native|generic] [--expect N] [--wait MS]
 * FILE] until N frames have come and gone (default 1), or MS passed (default 5000); FILE appears once it listens.
 * Prints
 *       {"xdp": "native"|"generic", "zerocopy": bool, "received": n, "sent": n}
 *
 * Exit: 0; 1 with a line that names the step and the kernel's reason: "reflect: DEV: native XDP: Operation not
 * supported".
 */
#include <fcntl.h>
#include <getopt.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <poll.h>
#include <sys/mman.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <base/util.h>
#include <base/xsk_ring.h>

#define ETH_P_TEST 0x88b5
#define CHUNK      4096u
#define RING       1024u
#define CHUNKS     (2 * RING)

struct opts {
	const char *dev, *ready;
	uint32_t queue, xdp_flags;
	uint16_t bind_flags;
	unsigned int expect, wait_ms;
};

struct xsk {
	int fd;
	uint8_t *umem;
	struct vn_xsk_rings rings;
	unsigned int received, sent;
};

static void die(const struct opts *o, const char *what, int err)
{
	fprintf(stderr, "reflect: %s: %s: %s\n", o->dev, what, strerror(err));
	exit(1);
}

/* The least program there is: every frame of this queue goes to the socket, of any other to the stack. */
static int load_redirect(int map_fd)
{
	const struct bpf_insn prog[] = {
		/* r2 = ctx->rx_queue_index; r1 = map; r3 = XDP_PASS; return bpf_redirect_map(r1, r2, r3) */
		{.code = BPF_LDX | BPF_MEM | BPF_W,
		 .dst_reg = BPF_REG_2,
		 .src_reg = BPF_REG_1,
		 .off = offsetof(struct xdp_md, rx_queue_index)},
		{.code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = BPF_REG_1, .src_reg = BPF_PSEUDO_MAP_FD, .imm = map_fd},
		{0},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_3, .imm = XDP_PASS},
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_redirect_map},
		{.code = BPF_JMP | BPF_EXIT},
	};

	return bpf_prog_load(BPF_PROG_TYPE_XDP, "xsk_reflect", "GPL", prog, VN_ARRAY_SIZE(prog), NULL);
}

static void open_socket(const struct opts *o, struct xsk *x)
{
	const size_t bytes = (size_t)CHUNKS * CHUNK;
	struct xdp_umem_reg reg = {.len = bytes, .chunk_size = CHUNK};
	uint32_t i;
	int r;

	x->fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (x->fd < 0)
		die(o, "AF_XDP socket", errno);
	x->umem = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (x->umem == MAP_FAILED)
		die(o, "memory", errno);
	reg.addr = (uint64_t)(uintptr_t)x->umem;
	if (setsockopt(x->fd, SOL_XDP, XDP_UMEM_REG, &reg, sizeof(reg)) < 0)
		die(o, "UMEM", errno);
	r = vn_xsk_rings_init(x->fd, RING, RING, &x->rings);
	if (r < 0)
		die(o, "rings", -r);
	if (xsk_ring_prod__reserve(&x->rings.fill, RING, &i) != RING)
		die(o, "fill ring", ENOSPC);
	for (uint32_t k = 0; k < RING; k++)
		*xsk_ring_prod__fill_addr(&x->rings.fill, i + k) = (uint64_t)k * CHUNK;
	xsk_ring_prod__submit(&x->rings.fill, RING);
}

static void start(const struct opts *o, struct xsk *x, uint32_t ifindex)
{
	struct sockaddr_xdp sxdp = {.sxdp_family = AF_XDP,
				    .sxdp_ifindex = ifindex,
				    .sxdp_queue_id = o->queue,
				    .sxdp_flags = (uint16_t)(o->bind_flags | XDP_USE_NEED_WAKEUP)};
	LIBBPF_OPTS(bpf_link_create_opts, link, .flags = o->xdp_flags);
	const char *what = o->xdp_flags & XDP_FLAGS_DRV_MODE ? "native XDP" : "generic XDP";
	int map, prog;

	map = bpf_map_create(BPF_MAP_TYPE_XSKMAP, "xsks", sizeof(uint32_t), sizeof(uint32_t), 64, NULL);
	if (map < 0)
		die(o, "XSKMAP", -map);
	prog = load_redirect(map);
	if (prog < 0)
		die(o, "XDP program", -prog);
	/* The link lives as long as this process: its fd is never closed. */
	if (bpf_link_create(prog, (int)ifindex, BPF_XDP, &link) < 0)
		die(o, what, errno);
	if (bind(x->fd, (struct sockaddr *)&sxdp, sizeof(sxdp)) < 0)
		die(o, o->bind_flags & XDP_ZEROCOPY ? "AF_XDP bind, zero-copy" : "AF_XDP bind", errno);
	if (bpf_map_update_elem(map, &o->queue, &x->fd, 0) < 0)
		die(o, "XSKMAP entry", errno);
}

/* Chunks whose frame has left, or that held a frame of somebody else, are for the kernel to fill again. */
static void give_back(struct xsk *x, uint64_t addr)
{
	uint32_t i;

	if (xsk_ring_prod__reserve(&x->rings.fill, 1, &i) != 1)
		return;
	*xsk_ring_prod__fill_addr(&x->rings.fill, i) = addr & ~(uint64_t)(CHUNK - 1);
	xsk_ring_prod__submit(&x->rings.fill, 1);
}

static void reflect(struct xsk *x, const struct xdp_desc *rx)
{
	struct ethhdr *eth = (struct ethhdr *)(x->umem + rx->addr);
	uint8_t mac[ETH_ALEN];
	uint32_t i;

	if (rx->len < sizeof(*eth) || eth->h_proto != __builtin_bswap16(ETH_P_TEST)) {
		give_back(x, rx->addr);
		return;
	}
	x->received++;
	memcpy(mac, eth->h_dest, ETH_ALEN);
	memcpy(eth->h_dest, eth->h_source, ETH_ALEN);
	memcpy(eth->h_source, mac, ETH_ALEN);
	if (xsk_ring_prod__reserve(&x->rings.tx, 1, &i) != 1) {
		give_back(x, rx->addr);
		return;
	}
	*xsk_ring_prod__tx_desc(&x->rings.tx, i) = (struct xdp_desc){.addr = rx->addr, .len = rx->len};
	xsk_ring_prod__submit(&x->rings.tx, 1);
}

static void turn(struct xsk *x)
{
	struct pollfd p = {.fd = x->fd, .events = POLLIN};
	uint32_t i, n;

	poll(&p, 1, 10);
	n = xsk_ring_cons__peek(&x->rings.rx, 64, &i);
	for (uint32_t k = 0; k < n; k++)
		reflect(x, xsk_ring_cons__rx_desc(&x->rings.rx, i + k));
	xsk_ring_cons__release(&x->rings.rx, n);
	/* Copy mode sends inside this call; a driver is woken by it. */
	sendto(x->fd, NULL, 0, MSG_DONTWAIT, NULL, 0);
	n = xsk_ring_cons__peek(&x->rings.comp, 64, &i);
	for (uint32_t k = 0; k < n; k++)
		give_back(x, *xsk_ring_cons__comp_addr(&x->rings.comp, i + k));
	xsk_ring_cons__release(&x->rings.comp, n);
	x->sent += n;
}

static bool zerocopy_granted(const struct opts *o, const struct xsk *x)
{
	struct xdp_options got = {0};
	socklen_t len = sizeof(got);

	if (getsockopt(x->fd, SOL_XDP, XDP_OPTIONS, &got, &len) < 0)
		die(o, "XDP_OPTIONS", errno);
	return got.flags & XDP_OPTIONS_ZEROCOPY;
}

static const char *xdp_mode(const struct opts *o, uint32_t ifindex)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, q);
	int r = bpf_xdp_query((int)ifindex, 0, &q);

	if (r < 0)
		die(o, "XDP query", -r);
	return q.attach_mode == XDP_ATTACHED_DRV ? "native" : q.attach_mode == XDP_ATTACHED_SKB ? "generic" : "none";
}

static void parse(int argc, char **argv, struct opts *o)
{
	enum { QUEUE = 1, BIND, MODE, EXPECT, WAIT, READY };
	static const struct option options[] = {{"queue", required_argument, NULL, QUEUE},
						{"bind", required_argument, NULL, BIND},
						{"xdp", required_argument, NULL, MODE},
						{"expect", required_argument, NULL, EXPECT},
						{"wait", required_argument, NULL, WAIT},
						{"ready", required_argument, NULL, READY},
						{0}};
	bool ok = argc >= 2;
	int c;

	*o = (struct opts){.dev = ok ? argv[1] : "", .xdp_flags = XDP_FLAGS_DRV_MODE, .expect = 1, .wait_ms = 5000};
	optind = 2;
	while (ok && (c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == QUEUE)
			o->queue = (uint32_t)strtoul(optarg, NULL, 10);
		else if (c == BIND)
			o->bind_flags = !strcmp(optarg, "zerocopy") ? XDP_ZEROCOPY
					: !strcmp(optarg, "copy")   ? XDP_COPY
								    : 0;
		else if (c == MODE)
			o->xdp_flags = !strcmp(optarg, "generic") ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;
		else if (c == EXPECT)
			o->expect = (unsigned int)strtoul(optarg, NULL, 10);
		else if (c == WAIT)
			o->wait_ms = (unsigned int)strtoul(optarg, NULL, 10);
		else if (c == READY)
			o->ready = optarg;
		else
			ok = false;
	}
	if (!ok || o->queue >= 64) {
		fprintf(stderr, "reflect: see the head of selftests/tools/reflect.c\n");
		exit(2);
	}
}

int main(int argc, char **argv)
{
	struct xsk x = {0};
	uint64_t deadline;
	uint32_t ifindex;
	struct opts o;

	parse(argc, argv, &o);
	ifindex = if_nametoindex(o.dev);
	if (!ifindex)
		die(&o, "device", errno);
	open_socket(&o, &x);
	start(&o, &x, ifindex);
	if (o.ready)
		close(open(o.ready, O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
	deadline = vn_now_ns() + o.wait_ms * VN_NSEC_PER_MSEC;
	while (x.sent < o.expect && vn_now_ns() < deadline)
		turn(&x);
	printf("{\"xdp\": \"%s\", \"zerocopy\": %s, \"received\": %u, \"sent\": %u}\n", xdp_mode(&o, ifindex),
	       zerocopy_granted(&o, &x) ? "true" : "false", x.received, x.sent);
	return 0;
}
