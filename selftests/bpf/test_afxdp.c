/* SPDX-License-Identifier: GPL-2.0-only */
/* vn_tc_port by BPF_PROG_TEST_RUN, in front of an AF_XDP port: which frames the filter keeps for the kernel, and what
 * is done while nobody is bound. The program on the port itself: attached, swapped, taken off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cmocka.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/pkt_cls.h>
#include <loader/afxdp.h>
#include <net/if.h>
#include <sys/stat.h>
#include <abi/abi_afxdp.h>
#include <abi/ifindex.h>
#include <base/util.h>

#include "fixtures.h"

#define PINS "/sys/fs/bpf/t"
#define PORT 0 /* BPF_PROG_TEST_RUN cannot set tc_classid: the port that sends is number 0 */
#define APP  9 /* and this the one with an application */

static const uint8_t mac[6] = {2, 0, 0, 0, 0, 0xaa};
static struct vn_dp dp;

static int setup(void **state)
{
	struct vn_err err = {0};

	return vn_dp_open(PINS, 64, &dp, &err);
}

static int teardown(void **state)
{
	struct vn_err err = {0};

	vn_dp_release(&dp);
	return vn_dp_unpin(PINS, &err);
}

static void configure(uint32_t kernel, uint32_t unbound)
{
	const struct vn_port_cfg cfg = {.flags = VN_PORT_ACTIVE | VN_PORT_TO_APP | kernel << VN_PORT_APP_KERNEL_SHIFT |
						 (unbound == VN_AFXDP_UNBOUND_DROP ? VN_PORT_APP_DROP : 0),
					.peer_ifindex = VN_IFINDEX_HOST + APP,
					.mtu = 1500};

	vn_port_publish(&dp.maps, PORT, &cfg);
}

static int run(const struct pkt *p)
{
	uint8_t out[sizeof(p->data)];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = p->data, .data_size_in = p->len, .data_out = out,
		    .data_size_out = sizeof(out));

	assert_int_equal(bpf_prog_test_run_opts(dp.fd_tc_port, &opts), 0);
	return (int)opts.retval;
}

static struct vn_afxdp_ctr counters(void)
{
	struct vn_afxdp_ctr sum;

	assert_int_equal(vn_app_ctr_read(&dp.maps, APP, &sum), 0);
	return sum;
}

/* With nobody bound and policy drop, what passes is what the filter keeps. */
static void expect_class(const struct pkt *p, enum vn_afxdp_class class)
{
	for (uint32_t c = 0; c < VN_AFXDP_CLASS_MAX; c++) {
		configure(1u << c, VN_AFXDP_UNBOUND_DROP);
		assert_int_equal(run(p), c == class ? TC_ACT_REDIRECT : TC_ACT_SHOT);
	}
	configure(VN_AFXDP_CLASS_ALL & ~(1u << class), VN_AFXDP_UNBOUND_DROP);
	assert_int_equal(run(p), TC_ACT_SHOT);
}

static struct pkt ip4(uint8_t protocol, uint16_t fragment)
{
	struct pkt p = {0};

	put_eth(&p, mac, 0x0800);
	put_udp4(&p, "10.0.0.1", "10.0.0.2");
	p.data[14 + 9] = protocol;
	p.data[14 + 6] = (uint8_t)(fragment >> 8);
	p.data[14 + 7] = (uint8_t)fragment;
	return p;
}

static struct pkt ip6(uint8_t next)
{
	struct pkt p = {0};

	put_eth(&p, mac, 0x86dd);
	put_ip6_head(&p, "fd00::1", "fd00::2", next, 8);
	put16(&p, 1), put16(&p, 2), put16(&p, 8), put16(&p, 0);
	return p;
}

static void test_classes(void **state)
{
	struct pkt p = {0};

	put_eth(&p, mac, 0x0806);
	put_arp(&p, mac, "10.0.0.1");
	expect_class(&p, VN_AFXDP_ARP);
	p = ip4(1, 0), expect_class(&p, VN_AFXDP_ICMP);
	p = ip4(6, 0), expect_class(&p, VN_AFXDP_TCP);
	p = ip4(17, 0), expect_class(&p, VN_AFXDP_UDP);
	p = ip4(47, 0), expect_class(&p, VN_AFXDP_IP);
	p = ip6(58), expect_class(&p, VN_AFXDP_ICMP);
	p = ip6(6), expect_class(&p, VN_AFXDP_TCP);
	p = ip6(17), expect_class(&p, VN_AFXDP_UDP);
	p = ip6(0), expect_class(&p, VN_AFXDP_IP);
}

/* The first fragment, one in the middle, the last; "do not fragment" is none. */
static void test_fragments(void **state)
{
	struct pkt p = ip4(17, 0x2000);

	expect_class(&p, VN_AFXDP_IP);
	p = ip4(17, 0x2001), expect_class(&p, VN_AFXDP_IP);
	p = ip4(17, 0x0010), expect_class(&p, VN_AFXDP_IP);
	p = ip4(17, 0x4000), expect_class(&p, VN_AFXDP_UDP);
}

/* One and two tags are looked through, a third is not. */
static void test_tags(void **state)
{
	for (int tags = 1; tags <= 3; tags++) {
		struct pkt p = {0};

		put_eth(&p, mac, tags > 1 ? 0x88a8 : 0x8100);
		for (int i = 1; i <= tags; i++)
			put_tag(&p, (uint16_t)i, i < tags ? 0x8100 : 0x0806);
		put_arp(&p, mac, "10.0.0.1");
		expect_class(&p, tags <= 2 ? VN_AFXDP_ARP : VN_AFXDP_OTHER);
	}
}

/*
 * Cut anywhere inside its headers, a frame is of the class of what cannot be told. Tagged, because the kernel runs no
 * program on a runt that it knows for IP.
 */
static void test_runts(void **state)
{
	struct pkt whole = {0};

	put_eth(&whole, mac, 0x8100);
	put_tag(&whole, 5, 0x0800);
	put_udp4(&whole, "10.0.0.1", "10.0.0.2");
	expect_class(&whole, VN_AFXDP_UDP);
	for (uint32_t len = 18; len < 18 + 20; len++) {
		struct pkt p = whole;

		p.len = len;
		expect_class(&p, VN_AFXDP_OTHER);
	}
}

static void test_unbound(void **state)
{
	const struct pkt p = ip4(17, 0);
	struct vn_afxdp_ctr before = counters(), after;

	configure(0, VN_AFXDP_UNBOUND_KERNEL);
	assert_int_equal(run(&p), TC_ACT_REDIRECT);
	configure(0, VN_AFXDP_UNBOUND_DROP);
	assert_int_equal(run(&p), TC_ACT_SHOT);
	assert_int_equal(run(&p), TC_ACT_SHOT);
	configure(1u << VN_AFXDP_UDP, VN_AFXDP_UNBOUND_DROP);
	assert_int_equal(run(&p), TC_ACT_REDIRECT);
	after = counters();
#define GREW(id) (after.fate[VN_AFXDP_FATE_##id].packets - before.fate[VN_AFXDP_FATE_##id].packets)
	assert_int_equal(GREW(UNBOUND), 1);
	assert_int_equal(GREW(UNBOUND_DROP), 2);
	assert_int_equal(GREW(KERNEL), 1);
	assert_int_equal(GREW(APP), 0);
	assert_int_equal(after.fate[VN_AFXDP_FATE_UNBOUND_DROP].bytes - before.fate[VN_AFXDP_FATE_UNBOUND_DROP].bytes,
			 2 * p.len);
}

/* --- attaching: in the sandbox, on a veth of the test's own --------------------------------------------------------
 */

static int veth_up(void **state)
{
	return system("ip link add v0 type veth peer name v1") == 0 ? 0 : -1;
}

static int veth_down(void **state)
{
	(void)!system("ip link del v0 2>/dev/null");
	vn_afxdp_detach(&dp, 7);
	return 0;
}

/* A program that is none of ours. */
static int other_program(void)
{
	const struct bpf_insn pass[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = XDP_PASS},
					{.code = BPF_JMP | BPF_EXIT}};

	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_XDP);

	return bpf_prog_load(BPF_PROG_TYPE_XDP, "other", "GPL", pass, VN_ARRAY_SIZE(pass), &opts);
}

static uint32_t program_on(const char *ifname)
{
	uint32_t id = 0;

	assert_int_equal(bpf_xdp_query_id((int)if_nametoindex(ifname), XDP_FLAGS_SKB_MODE, &id), 0);
	return id;
}

/* Twice is once; another build's program is swapped on the link that is there, and the map stays the same. */
static void test_attach(void **state)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = XDP_FLAGS_SKB_MODE);
	uint32_t ifindex = if_nametoindex("v0"), first;
	int prog = other_program(), link;
	struct vn_err err = {0};
	uint64_t lost = 1;

	link = bpf_link_create(prog, (int)ifindex, BPF_XDP, &opts);
	assert_true(link >= 0);
	assert_int_equal(bpf_obj_pin(link, PINS "/link_afxdp7"), 0);
	close(link);
	first = program_on("v0");
	assert_int_equal(vn_afxdp_attach(&dp, 7, ifindex, &err), 0);
	assert_int_not_equal(program_on("v0"), first);
	first = program_on("v0");
	assert_int_equal(vn_afxdp_attach(&dp, 7, ifindex, &err), 0);
	assert_int_equal(program_on("v0"), first);
	assert_true(vn_afxdp_attached(PINS, 7));
	assert_int_equal(vn_afxdp_lost(&dp, 7, &lost), 0);
	assert_int_equal(lost, 0);
	vn_afxdp_detach(&dp, 7);
	assert_int_equal(program_on("v0"), 0);
	assert_int_equal(vn_afxdp_open_map(PINS, 7), -ENOENT);
	close(prog);
}

/* A native one under our name is an earlier version's: it cannot be made generic, so it is told. */
static void test_attach_native(void **state)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = XDP_FLAGS_DRV_MODE);
	uint32_t ifindex = if_nametoindex("v0");
	int prog = other_program(), link = bpf_link_create(prog, (int)ifindex, BPF_XDP, &opts);
	struct vn_err err = {0};

	assert_int_equal(bpf_obj_pin(link, PINS "/link_afxdp7"), 0);
	assert_int_equal(vn_afxdp_attach(&dp, 7, ifindex, &err), -EPROTO);
	assert_non_null(strstr(err.text, "another version"));
	close(link);
	close(prog);
}

/* What the node's root attached first is told, not replaced. */
static void test_attach_foreign(void **state)
{
	uint32_t ifindex = if_nametoindex("v0");
	int prog = other_program();
	struct vn_err err = {0};

	for (uint32_t mode = XDP_FLAGS_SKB_MODE; mode <= XDP_FLAGS_DRV_MODE; mode <<= 1) {
		assert_int_equal(bpf_xdp_attach((int)ifindex, prog, mode, NULL), 0);
		assert_int_equal(vn_afxdp_attach(&dp, 7, ifindex, &err), -EBUSY);
		assert_non_null(strstr(err.text, "another XDP program"));
		assert_int_equal(bpf_xdp_detach((int)ifindex, mode, NULL), 0);
	}
	close(prog);
}

/* A device that went leaves an empty shell; the next one of that number gets a link of its own. */
static void test_attach_again(void **state)
{
	struct vn_err err = {0};

	assert_int_equal(vn_afxdp_attach(&dp, 7, if_nametoindex("v0"), &err), 0);
	assert_int_equal(system("ip link del v0 && ip link add v0 type veth peer name v1"), 0);
	assert_false(vn_afxdp_attached(PINS, 7));
	assert_int_equal(vn_afxdp_attach(&dp, 7, if_nametoindex("v0"), &err), 0);
	assert_true(vn_afxdp_attached(PINS, 7));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_classes),
		cmocka_unit_test(test_fragments),
		cmocka_unit_test(test_tags),
		cmocka_unit_test(test_runts),
		cmocka_unit_test(test_unbound),
		cmocka_unit_test_setup_teardown(test_attach, veth_up, veth_down),
		cmocka_unit_test_setup_teardown(test_attach_native, veth_up, veth_down),
		cmocka_unit_test_setup_teardown(test_attach_foreign, veth_up, veth_down),
		cmocka_unit_test_setup_teardown(test_attach_again, veth_up, veth_down),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
