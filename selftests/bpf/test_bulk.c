// SPDX-License-Identifier: GPL-2.0-only
/*
 * Both holders at work on what both serve, and the bulk holder with GSO frames: each, cut into whatever chunks, must
 * arrive as the very segments that the kernel makes of it on the same path without a holder.
 */
#include <linux/virtio_net.h>

#include "engine/gso.h"
#include "selftests/bpf/holder_cases.h"

#define GSO_MAX  65600u
#define SEGS_MAX 128u

/* --- GSO frames in, by a packet socket with virtio_net_hdr */

struct shape {
	const char *name;
	bool tcp, ip6;
	uint32_t tags; /* below the slot's */
	uint32_t gso_size, payload;
	uint8_t tcp_flags;
};

struct out_frame {
	struct virtio_net_hdr vh;
	uint8_t data[GSO_MAX];
	uint32_t len;
} __attribute__((packed));

struct segment {
	uint32_t len;
	uint32_t tci, tpid;
	uint8_t data[9300];
};

struct capture {
	uint32_t n;
	struct segment seg[SEGS_MAX];
};

static void put(struct out_frame *f, const void *p, uint32_t n)
{
	memcpy(f->data + f->len, p, n);
	f->len += n;
}

static void put16(struct out_frame *f, uint32_t v)
{
	uint16_t be = htons((uint16_t)v);

	put(f, &be, 2);
}

static void put32(struct out_frame *f, uint32_t v)
{
	put16(f, v >> 16);
	put16(f, v);
}

static uint16_t sum_of(const uint8_t *p, uint32_t n, uint32_t sum)
{
	for (uint32_t i = 0; i < n; i += 2)
		sum += (uint32_t)(p[i] << 8 | p[i + 1]);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static void put_ip(struct out_frame *f, const struct shape *s, uint32_t l4_bytes)
{
	uint32_t at = f->len;
	uint8_t proto = s->tcp ? IPPROTO_TCP : IPPROTO_UDP, ttl = 64, addr[32];

	for (uint32_t i = 0; i < sizeof(addr); i++)
		addr[i] = (uint8_t)(10 + i * 7);
	if (s->ip6) {
		put32(f, 0x60000000u | 1u << 20 | 0x12345);
		put16(f, l4_bytes);
		put(f, &proto, 1);
		put(f, &ttl, 1);
		put(f, addr, 32);
		return;
	}
	put16(f, 0x4501);
	put16(f, 20 + l4_bytes);
	put16(f, 0xfff0); /* wraps within the frame */
	put16(f, s->tcp ? 0x4000 : 0);
	put(f, &ttl, 1);
	put(f, &proto, 1);
	put16(f, 0);
	put(f, addr, 8);
	f->data[at + 10] = (uint8_t)(~sum_of(f->data + at, 20, 0) >> 8);
	f->data[at + 11] = (uint8_t)~sum_of(f->data + at, 20, 0);
}

static void put_l4(struct out_frame *f, const struct shape *s, uint32_t l3, uint32_t l4_bytes)
{
	uint32_t proto = s->tcp ? IPPROTO_TCP : IPPROTO_UDP;
	uint16_t pseudo = s->ip6 ? sum_of(f->data + l3 + 8, 32, l4_bytes + proto)
				 : sum_of(f->data + l3 + 12, 8, l4_bytes + proto);

	put16(f, 4000);
	put16(f, 4001);
	if (!s->tcp) {
		put16(f, l4_bytes);
		put16(f, pseudo);
		return;
	}
	put32(f, 0xffffff00u); /* wraps, too */
	put32(f, 77);
	put16(f, 0x8000u | s->tcp_flags); /* 32 bytes: with timestamps */
	put16(f, 1000);
	put16(f, pseudo);
	put16(f, 0);
	put32(f, 0x0101080au);
	put32(f, 123456);
	put32(f, 654321);
}

static void build(struct out_frame *f, const struct shape *s)
{
	uint32_t l4_bytes = (s->tcp ? 32 : 8) + s->payload, l3, l4;

	f->len = 0;
	f->vh = (struct virtio_net_hdr){.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .gso_size = (uint16_t)s->gso_size};
	f->vh.gso_type = !s->tcp  ? VIRTIO_NET_HDR_GSO_UDP_L4
			 : s->ip6 ? VIRTIO_NET_HDR_GSO_TCPV6
				  : VIRTIO_NET_HDR_GSO_TCPV4;
	if (s->tcp_flags & 0x80)
		f->vh.gso_type |= VIRTIO_NET_HDR_GSO_ECN;
	put(f, "\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\7", 12);
	for (uint32_t i = s->tags; i-- > 0;)
		put16(f, i ? 0x88a8 : 0x8100), put16(f, 100 + i);
	put16(f, s->ip6 ? 0x86dd : 0x0800);
	l3 = f->len;
	put_ip(f, s, l4_bytes);
	l4 = f->len;
	put_l4(f, s, l3, l4_bytes);
	f->vh.csum_start = (uint16_t)l4;
	f->vh.csum_offset = s->tcp ? 16 : 6;
	f->vh.hdr_len = (uint16_t)f->len;
	for (uint32_t i = 0; i < s->payload; i++)
		f->data[f->len++] = (uint8_t)(i * 131 + (i >> 8));
}

/* False where the kernel's virtio headers know no UDP segments: before Linux 6.2 such a frame cannot be sent. */
static bool send_gso(int fd, const struct out_frame *f)
{
	const struct iovec iov[2] = {{(void *)&f->vh, sizeof(f->vh)}, {(void *)f->data, f->len}};
	const struct msghdr m = {.msg_iov = (void *)iov, .msg_iovlen = 2};

	if (sendmsg(fd, &m, 0) == (ssize_t)(sizeof(f->vh) + f->len))
		return true;
	assert_int_equal(errno, EINVAL);
	assert_int_equal(f->vh.gso_type, VIRTIO_NET_HDR_GSO_UDP_L4);
	return false;
}

/* --- segments out */

static bool receive(struct segment *s, uint64_t until_ns)
{
	for (;;) {
		union {
			struct cmsghdr h;
			char room[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
		} ctl;
		struct iovec iov = {s->data, sizeof(s->data)};
		struct msghdr m = {
			.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &ctl, .msg_controllen = sizeof(ctl)};
		struct pollfd p = {.fd = hc_rx, .events = POLLIN};
		ssize_t n = recvmsg(hc_rx, &m, 0);

		if (n >= 14 && memcmp(s->data + 6, "\x02\0\0\0\0\7", 6) == 0) {
			const struct tpacket_auxdata *a = (const void *)CMSG_DATA(&ctl.h);

			s->len = (uint32_t)n;
			s->tci = a->tp_status & TP_STATUS_VLAN_VALID ? a->tp_vlan_tci : 0;
			s->tpid = a->tp_status & TP_STATUS_VLAN_TPID_VALID ? a->tp_vlan_tpid : 0;
			return true;
		}
		if (n >= 0)
			continue;
		if (vn_now_ns() >= until_ns)
			return false;
		poll(&p, 1, 1);
	}
}

static void collect(struct capture *c, uint32_t n)
{
	for (c->n = 0; c->n < n; c->n++)
		assert_true(receive(&c->seg[c->n], vn_now_ns() + RIG_WAIT));
	assert_false(receive(&c->seg[c->n], vn_now_ns()));
}

static void same(const struct capture *a, const struct capture *b)
{
	assert_int_equal(a->n, b->n);
	for (uint32_t i = 0; i < a->n; i++) {
		assert_int_equal(a->seg[i].len, b->seg[i].len);
		assert_int_equal(a->seg[i].tci, b->seg[i].tci);
		assert_int_equal(a->seg[i].tpid, b->seg[i].tpid);
		assert_memory_equal(a->seg[i].data, b->seg[i].data, a->seg[i].len);
	}
}

/* Frames that the tap took in: GSO frames count once. */
static uint64_t tap_frames(void)
{
	unsigned long long n = 0;
	FILE *f = fopen("/sys/class/net/tr0/statistics/tx_packets", "re");

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%llu", &n), 1);
	fclose(f);
	return n;
}

static void test_gso_frames(void **state)
{
	static const struct shape shapes[] = {
		{"TCP/IPv4", true, false, 0, 1448, 60000, 0x18},
		{"TCP/IPv4, all flags", true, false, 0, 1448, 1448 * 44 + 1, 0x80 | 0x10 | 0x08 | 0x01},
		{"TCP/IPv4, MTU 1280", true, false, 0, 1228, 50000, 0x10},
		{"TCP/IPv4, MTU 9000", true, false, 0, 8948, 60000, 0x18},
		{"TCP/IPv4, 2 segments", true, false, 0, 1448, 1449, 0x19},
		{"TCP/IPv6", true, true, 0, 1428, 60000, 0x18},
		{"TCP/IPv6, all flags", true, true, 0, 1428, 61111, 0x80 | 0x10 | 0x08 | 0x01},
		{"UDP/IPv4", false, false, 0, 1472, 60000, 0},
		{"UDP/IPv4, odd", false, false, 0, 333, 33333, 0},
		{"UDP/IPv6", false, true, 0, 1452, 60000, 0},
		{"TCP/IPv4 in 802.1Q", true, false, 1, 1444, 60000, 0x19},
		{"TCP/IPv6 in 802.1Q", true, true, 1, 1424, 60000, 0x18},
		{"UDP/IPv4 in 802.1Q", false, false, 1, 1468, 60000, 0},
		{"TCP/IPv4 in QinQ", true, false, 2, 1440, 60000, 0x18},
		{"UDP/IPv6 in QinQ", false, true, 2, 1444, 60000, 0},
	};
	/* whole; chunks of 8; of a few; each segment alone */
	static const uint64_t rates[] = {0, 1000000000, 400000000, 100000000};
	static struct capture plain, held;
	static struct out_frame f;
	int fd = rig_socket("a0"), one = 1;

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)), 0);
	/* The receiving side gets segments, with complete checksums. */
	assert_int_equal(rig_sh("ethtool -K vb0 tx off tso off gso off >/dev/null"), 0);
	for (size_t i = 0; i < VN_ARRAY_SIZE(shapes); i++) {
		const struct shape *s = &shapes[i];
		uint32_t segs = (s->payload + s->gso_size - 1) / s->gso_size;
		bool known;

		build(&f, s);
		vn_port_flags(&rig.dp.maps, 1, 0, VN_PORT_HELD);
		known = send_gso(fd, &f);
		if (known)
			collect(&plain, segs);
		vn_port_flags(&rig.dp.maps, 1, VN_PORT_HELD, 0);
		if (!known) {
			printf("# %s: this kernel knows no such frame\n", s->name);
			continue;
		}
		for (size_t k = 0; k < VN_ARRAY_SIZE(rates); k++) {
			struct vn_disc d = {.delay_ns = VN_NSEC_PER_MSEC,
					    .rate_bps = rates[k],
					    .limit_bytes = rates[k] ? 1 << 20 : 0};
			uint64_t begin = vn_now_ns(), bits = 8 * (f.len + (segs - 1) * f.vh.hdr_len + segs * 24);
			uint64_t whole = tap_frames(), busy_ns = rates[k] ? bits * 1000000000u / rates[k] : 0;

			hc_link(&d);
			send_gso(fd, &f);
			collect(&held, segs);
			same(&plain, &held);
			assert_int_equal(tap_frames() - whole, 1); /* not cut before it was held */
			assert_true(vn_now_ns() - begin >= d.delay_ns + busy_ns);
			assert_true(hc_settled(segs));
			assert_int_equal(rig_dir(&rig, 1)->out_packets, segs);
			assert_int_equal(rig_dir(&rig, 1)->out_bytes, f.len + (segs - 1) * f.vh.hdr_len);
			assert_int_equal(rig_dir(&rig, 1)->in_bytes, f.len + (segs - 1) * f.vh.hdr_len);
		}
		printf("# %s: %u segments, %zu ways to cut\n", s->name, segs, VN_ARRAY_SIZE(rates));
	}
	close(fd);
}

/* A limit in packets or bytes takes as many segments as have room, not all or none of a GSO frame. */
static void test_gso_limits(void **state)
{
	static const struct shape s = {"", true, false, 0, 1448, 1448 * 40, 0x18};
	struct vn_disc d = {.delay_ns = 100 * VN_NSEC_PER_MSEC, .limit_packets = 7};
	static struct out_frame f;
	int fd = rig_socket("a0"), one = 1;

	assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)), 0);
	build(&f, &s);
	hc_link(&d);
	send_gso(fd, &f);
	assert_true(hc_settled(40));
	assert_int_equal(rig_dir(&rig, 1)->out_packets, 7);
	assert_int_equal(rig_dir(&rig, 1)->drops[VN_EDROP_LIMIT], 33);
	d = (struct vn_disc){.rate_bps = 10000000, .limit_bytes = 10 * 1538};
	hc_link(&d);
	send_gso(fd, &f);
	assert_true(hc_arrived(40));
	assert_in_range(rig_dir(&rig, 1)->drops[VN_EDROP_LIMIT], 25, 31);
	assert_true(hc_settled(40));
	close(fd);
}

/* 100 GSO frames held take little more memory than their bytes, and give it all back. */
static void test_gso_memory(void **state)
{
	static const struct shape s = {"", true, false, 0, 1448, 60000, 0x18};
	struct vn_disc d = {.delay_ns = 3600 * VN_NSEC_PER_SEC};
	volatile struct vn_engine *e = rig_status(&rig);
	static struct out_frame f;
	int fd = rig_socket("a0"), one = 1;
	uint64_t idle, held;

	assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)), 0);
	build(&f, &s);
	assert_int_equal(rig_engine_stop(&rig, SIGTERM), 0);
	assert_int_equal(hc->start(&rig), 0);
	hc_link(&d);
	assert_true(rig_wait(e->slab_bytes != 0));
	idle = e->slab_bytes;
	for (uint32_t i = 0; i < 100; i++) {
		send_gso(fd, &f);
		assert_true(hc_arrived((i + 1) * 42));
	}
	assert_true(rig_wait(e->held_packets == 4200));
	held = e->slab_bytes - idle;
	assert_in_range(held, 100 * 60000, 100 * 70000);
	vn_disc_renew(&rig.dp.maps, 1);
	assert_true(rig_wait(e->held_packets == 0));
	assert_true(rig_wait(e->slab_bytes <= 5 << 20)); /* what is kept for the next burst */
	close(fd);
}

/* Killed in the middle of traffic, again and again: the tap and its successor go on; what was in it is counted. */
static void test_killed_under_load(void **state)
{
	static const struct shape s = {"", true, false, 0, 1448, 60000, 0x18};
	struct vn_disc d = {.delay_ns = 5 * VN_NSEC_PER_MSEC};
	static struct out_frame f;
	volatile struct vn_dir *dir = rig_dir(&rig, 1);
	int fd = rig_socket("a0"), one = 1;

	assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)), 0);
	build(&f, &s);
	hc_link(&d);
	for (int round = 0; round < 5; round++) {
		uint64_t out = dir->out_packets;

		for (uint32_t i = 0; i < 200; i++)
			send_gso(fd, &f);
		assert_true(WIFSIGNALED(rig_engine_stop(&rig, SIGKILL)));
		assert_int_equal(hc->start(&rig), 0);
		assert_int_equal(dir->state.held_packets, 0);
		send_gso(fd, &f);
		assert_true(rig_wait(dir->out_packets > out));
		assert_true(rig_wait(dir->state.held_packets == 0));
	}
	assert_int_equal(rig_status(&rig)->bad_meta, 0);
	close(fd);
}

static const struct holder precise = {"precise", rig_up, rig_engine_start, VN_HOLDER_PRECISE};
static const struct holder bulk = {"bulk", bulk_up, bulk_engine_start, VN_HOLDER_BULK};

static int setup_precise(void **state)
{
	return hc_setup(&precise);
}

static int setup_bulk(void **state)
{
	return hc_setup(&bulk);
}

int main(void)
{
	const struct CMUnitTest on_precise[] = {HC_CASES, cmocka_unit_test(hc_engine_lost)};
	const struct CMUnitTest on_bulk[] = {
		HC_CASES,
		cmocka_unit_test(test_gso_frames),
		cmocka_unit_test(test_gso_limits),
		cmocka_unit_test(test_gso_memory),
		cmocka_unit_test(test_killed_under_load),
		cmocka_unit_test(hc_engine_lost),
	};
	int failed;

	if (geteuid() != 0) {
		puts("1..0 # SKIP needs root: namespaces, BPF");
		return 4;
	}
	failed = cmocka_run_group_tests_name("precise", on_precise, setup_precise, hc_teardown);
	return failed + cmocka_run_group_tests_name("bulk", on_bulk, setup_bulk, hc_teardown);
}
