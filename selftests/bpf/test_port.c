/* SPDX-License-Identifier: GPL-2.0-only */
/* The real programs on packet fixtures by BPF_PROG_TEST_RUN: every verdict, every drop reason and its counter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <sched.h>

#include <loader/loader.h>
#include <base/util.h>

#include "fixtures.h"
#include "port_rig.h"

static void test_source_mac(void **state)
{
	struct vn_port_cfg mac = port_a(VN_ISOLATION_MAC), off = port_a(VN_ISOLATION_OFF);
	struct pkt good = {0}, bad = {0};

	put_eth(&good, mac_a, ETH_P_IP), put_udp4(&good, "10.9.9.9", "10.0.0.2");
	put_eth(&bad, mac_x, ETH_P_IP), put_udp4(&bad, "10.0.0.1", "10.0.0.2");
	check_port(&mac, &good, VN_PASS);
	check_port(&mac, &bad, VN_DROP_MAC_SPOOF);
	check_port(&off, &bad, VN_PASS);
	off.flags = 0;
	check_port(&off, &good, VN_DROP_INACTIVE);
}

static void test_source_ip4(void **state)
{
	struct vn_port_cfg ip = port_a(VN_ISOLATION_IP);
	static const struct {
		const char *src;
		unsigned int reason;
	} cases[] = {{"10.0.0.1", VN_PASS},
		     {"192.168.77.1", VN_PASS},
		     {"0.0.0.0", VN_PASS},
		     {"10.0.0.2", VN_DROP_IP_SPOOF},
		     {"192.169.0.1", VN_DROP_IP_SPOOF}};

	for (size_t i = 0; i < VN_ARRAY_SIZE(cases); i++) {
		struct pkt p = {0};

		put_eth(&p, mac_a, ETH_P_IP), put_udp4(&p, cases[i].src, "10.0.0.2");
		check_port(&ip, &p, cases[i].reason);
	}
}

static void test_arp(void **state)
{
	struct vn_port_cfg mac = port_a(VN_ISOLATION_MAC), ip = port_a(VN_ISOLATION_IP);
	struct pkt own = {0}, other_ip = {0}, strange_ip = {0}, other_mac = {0}, probe = {0}, cut = {0};

	put_eth(&own, mac_a, ETH_P_ARP), put_arp(&own, mac_a, "10.0.0.1");
	put_eth(&other_ip, mac_a, ETH_P_ARP), put_arp(&other_ip, mac_a, "192.168.0.1");
	put_eth(&strange_ip, mac_a, ETH_P_ARP), put_arp(&strange_ip, mac_a, "10.0.0.2");
	put_eth(&other_mac, mac_a, ETH_P_ARP), put_arp(&other_mac, mac_x, "10.0.0.1");
	put_eth(&probe, mac_a, ETH_P_ARP), put_arp(&probe, mac_a, "0.0.0.0");
	put_eth(&cut, mac_a, ETH_P_ARP), put16(&cut, 1);
	check_port(&ip, &own, VN_PASS);
	check_port(&mac, &other_ip, VN_PASS);
	check_port(&ip, &other_ip, VN_PASS); /* of a prefix that was opened to it */
	check_port(&ip, &strange_ip, VN_DROP_ARP_SPOOF);
	check_port(&mac, &other_mac, VN_DROP_ARP_SPOOF);
	check_port(&ip, &probe, VN_PASS);
	check_port(&mac, &cut, VN_DROP_MALFORMED);
}

static void test_vlan(void **state)
{
	struct vn_port_cfg any = port_a(VN_ISOLATION_MAC), list = any, none = any, ip = port_a(VN_ISOLATION_IP);
	struct pkt tag100 = {0}, tag200 = {0}, qinq = {0}, plain = {0}, triple = {0}, spoof = {0}, nine = {0};

	list.flags |= VN_PORT_VLAN_LIST;
	list.vlans[0] = 100;
	list.n_vlans = 1;
	none.flags |= VN_PORT_VLAN_LIST;
	put_eth(&plain, mac_a, ETH_P_IP), put_udp4(&plain, "10.0.0.1", "10.0.0.2");
	put_eth(&tag100, mac_a, ETH_P_8021Q), put_tag(&tag100, 0x6000 | 100, ETH_P_IP),
		put_udp4(&tag100, "10.0.0.1", "10.0.0.2");
	put_eth(&tag200, mac_a, ETH_P_8021Q), put_tag(&tag200, 200, ETH_P_IP),
		put_udp4(&tag200, "10.0.0.1", "10.0.0.2");
	put_eth(&qinq, mac_a, ETH_P_8021AD), put_tag(&qinq, 200, ETH_P_8021Q), put_tag(&qinq, 100, ETH_P_IP);
	put_udp4(&qinq, "10.0.0.1", "10.0.0.2");
	put_eth(&spoof, mac_a, ETH_P_8021Q), put_tag(&spoof, 100, ETH_P_IP), put_udp4(&spoof, "10.0.0.7", "10.0.0.2");
	put_eth(&triple, mac_a, ETH_P_8021AD);
	for (int i = 0; i < 3; i++)
		put_tag(&triple, 100, ETH_P_8021Q);
	put_tag(&triple, 100, ETH_P_IP), put_udp4(&triple, "10.0.0.7", "10.0.0.2");
	put_eth(&nine, mac_a, ETH_P_8021Q);
	for (int i = 0; i < 8; i++)
		put_tag(&nine, 100, ETH_P_8021Q);
	put_tag(&nine, 100, ETH_P_ARP), put_arp(&nine, mac_x, "10.0.0.7");
	check_port(&any, &tag200, VN_PASS);
	check_port(&any, &qinq, VN_PASS);
	check_port(&any, &triple, VN_PASS);
	check_port(&list, &plain, VN_PASS);
	check_port(&list, &tag100, VN_PASS);
	check_port(&list, &tag200, VN_DROP_VLAN);
	check_port(&list, &qinq, VN_DROP_VLAN);
	check_port(&none, &tag100, VN_DROP_VLAN);
	check_port(&none, &plain, VN_PASS);
	check_port(&ip, &spoof, VN_DROP_IP_SPOOF); /* behind a tag is no hiding place */
	check_port(&ip, &triple, VN_DROP_IP_SPOOF);
	check_port(&any, &nine, VN_DROP_MALFORMED); /* nor behind more tags than are looked behind */
}

static void test_held(void **state)
{
	struct vn_port_cfg held = port_a(VN_ISOLATION_MAC);
	struct pkt p = {0};

	put_eth(&p, mac_a, ETH_P_IP), put_udp4(&p, "10.0.0.1", "10.0.0.2");
	held.flags |= VN_PORT_HELD;
	dp.maps.engine[0].heartbeat_ns = vn_now_ns();
	check_port(&held, &p, VN_PASS);
	dp.maps.engine[0].heartbeat_ns = vn_now_ns() + 3 * VN_NSEC_PER_MSEC; /* ahead of the coarse clock: no wrap */
	check_port(&held, &p, VN_PASS);
	dp.maps.engine[0].heartbeat_ns = vn_now_ns() - 2 * VN_ENGINE_STALE_NS;
	check_port(&held, &p, VN_DROP_ENGINE_DOWN);
	held.flags |= VN_PORT_FAIL_OPEN;
	check_port(&held, &p, VN_PASS);
}

static int note_number(void *arg, void *data, size_t size)
{
	uint32_t *told = arg;

	assert_int_equal(size, sizeof(uint32_t));
	assert_int_equal(*(const uint32_t *)data, PORT);
	++*told;
	return 0;
}

#define SEGMENT 60u

/* A GSO frame of @segs segments of UDP. */
static void send_gso(const struct vn_port_cfg *cfg, uint32_t segs, unsigned int reason)
{
	struct __sk_buff ctx = {.gso_size = SEGMENT, .gso_segs = segs};
	struct pkt p = {0};

	put_eth(&p, mac_a, ETH_P_IP), put_udp4(&p, "10.0.0.1", "10.0.0.2");
	memset(p.data + p.len, 0, segs * SEGMENT);
	p.len += segs * SEGMENT;
	check_skb(cfg, &p, &ctx, reason);
}

/* Asked for, the next large GSO frame of a held port is told, once. */
static void test_gso_watched(void **state)
{
	struct vn_port_cfg held = port_a(VN_ISOLATION_MAC);
	uint32_t told = 0;
	struct ring_buffer *ring = ring_buffer__new(dp.maps.fd_gso, note_number, &told, NULL);

	assert_non_null(ring);
	held.flags |= VN_PORT_HELD;
	dp.maps.engine[0].heartbeat_ns = vn_now_ns() + VN_NSEC_PER_SEC;
	send_gso(&held, VN_GSO_SEGS_LARGE, VN_PASS);
	assert_int_equal(ring_buffer__consume(ring), 0);
	held.flags |= VN_PORT_WATCH_GSO;
	send_gso(&held, VN_GSO_SEGS_LARGE - 1, VN_PASS);
	assert_true(dp.maps.port[PORT].flags & VN_PORT_WATCH_GSO);
	send_gso(&held, VN_GSO_SEGS_LARGE, VN_PASS);
	assert_int_equal(dp.maps.port[PORT].flags, held.flags & ~(uint32_t)VN_PORT_WATCH_GSO);
	assert_int_equal(ring_buffer__consume(ring), 1);
	held.flags &= ~(uint32_t)VN_PORT_HELD;
	send_gso(&held, VN_GSO_SEGS_LARGE, VN_PASS);
	assert_int_equal(ring_buffer__consume(ring), 0);
	assert_int_equal(told, 1);
	ring_buffer__free(ring);
}

/* Into the tap as much as its engine reads in time: of GSO frames, counted with the tags that they get. */
static void test_tap_room(void **state)
{
	struct vn_port_cfg held = port_a(VN_ISOLATION_MAC);
	struct vn_engine *e = &dp.maps.engine[VN_ENGINE_BULK];
	struct pkt small = {0};
	uint64_t bytes;

	put_eth(&small, mac_a, ETH_P_IP), put_udp4(&small, "10.0.0.1", "10.0.0.2");
	held.flags |= VN_PORT_HELD;
	held.engine = VN_ENGINE_BULK;
	e->stamp_ifindex = held.engine_ifindex;
	e->heartbeat_ns = vn_now_ns() + VN_NSEC_PER_SEC;
	e->gso_room_bytes = 500;
	e->gso_in_bytes = e->gso_out_bytes = UINT64_MAX - 100;
	send_gso(&held, 5, VN_PASS);
	bytes = e->gso_in_bytes - e->gso_out_bytes;
	assert_int_equal(bytes, small.len + 5 * SEGMENT + 2 * 4);
	send_gso(&held, 5, VN_PASS);
	send_gso(&held, 5, VN_DROP_RING_FULL);
	assert_int_equal(e->ring_dropped, 5);
	dp.maps.disc[PORT].disc.delay_ns = VN_BULK_WAIT_NS; /* which hides as much again */
	send_gso(&held, 5, VN_PASS);
	send_gso(&held, 5, VN_DROP_RING_FULL);
	dp.maps.disc[PORT].disc.delay_ns = 0;
	e->gso_in_bytes -= bytes;
	check_port(&held, &small, VN_PASS);
	assert_int_equal(e->gso_in_bytes - e->gso_out_bytes, 2 * bytes);
	e->gso_out_bytes += bytes;
	send_gso(&held, 5, VN_PASS);
	*e = (struct vn_engine){0};
}

/* A port that floods a busy tap leaves room for others: @n frames of it, how many pass. */
static uint32_t flood(uint32_t n)
{
	struct pkt small = {0};
	uint32_t passed = 0;

	put_eth(&small, mac_a, ETH_P_IP), put_udp4(&small, "10.0.0.1", "10.0.0.2");
	for (uint32_t i = 0; i < n; i++)
		passed += run_tc(dp.fd_tc_port, &small, NULL) == TC_ACT_REDIRECT;
	return passed;
}

static void test_tap_share(void **state)
{
	const uint32_t burst = VN_TAP_BURST_NS / VN_TAP_SHARE_NS;
	struct vn_port_cfg held = port_a(VN_ISOLATION_MAC);
	struct vn_engine *e = &dp.maps.engine[VN_ENGINE_BULK];
	uint64_t since;
	uint32_t passed;

	held.flags |= VN_PORT_HELD;
	held.engine = VN_ENGINE_BULK;
	e->stamp_ifindex = held.engine_ifindex;
	e->heartbeat_ns = vn_now_ns() + VN_NSEC_PER_SEC;
	vn_port_clear(&dp.maps, PORT);
	vn_port_publish(&dp.maps, PORT, &held);
	assert_int_equal(flood(VN_TAP_BUSY), VN_TAP_BUSY); /* it is not busy yet */
	assert_int_equal(e->tap_in_frames, VN_TAP_BUSY);
	e->tap_in_frames++;
	since = vn_now_ns();
	passed = flood(8 * burst);
	assert_in_range(passed, burst, burst + 1 + (vn_now_ns() - since) / VN_TAP_SHARE_NS);
	assert_int_equal(dp.maps.drop[PORT].count[VN_DROP_RING_FULL], 8 * burst - passed);
	dp.maps.police[PORT].tap_tat_ns = 0; /* another port has a share of its own */
	assert_int_equal(flood(1), 1);
	e->tap_out_frames = e->tap_in_frames; /* read: it is no longer busy */
	dp.maps.police[PORT].tap_tat_ns = vn_now_ns() + VN_NSEC_PER_SEC;
	assert_int_equal(flood(1), 1);
	*e = (struct vn_engine){0};
}

static void test_deliver(void **state)
{
	struct vn_port_cfg cfg = port_a(VN_ISOLATION_MAC);
	struct pkt plain = {0};

	vn_port_clear(&dp.maps, 5);
	put_eth(&plain, mac_a, ETH_P_IP), put_udp4(&plain, "10.0.0.1", "10.0.0.2");
	assert_int_equal(run_tc(dp.fd_tc_deliver, &plain, NULL), TC_ACT_SHOT);
	vn_port_publish(&dp.maps, 5, &cfg);
	assert_int_equal(run_tc(dp.fd_tc_deliver, &plain, NULL), TC_ACT_SHOT); /* no tag: nobody's */
}

static void test_engine_port(void **state)
{
	struct pkt p = {0}, untagged = {0};
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = p.data, .repeat = 1);
	uint64_t before = vn_now_ns();

	put_eth(&p, mac_a, VN_SLOT_TPID), put_tag(&p, 5, ETH_P_IP), put_udp4(&p, "10.0.0.1", "10.0.0.2");
	put_eth(&untagged, mac_a, ETH_P_IP), put_udp4(&untagged, "10.0.0.1", "10.0.0.2");
	o.data_size_in = p.len;
	assert_int_equal(bpf_prog_test_run_opts(dp.fd_xdp_engine, &o), 0);
	assert_int_equal(o.retval, XDP_DROP); /* no engine's socket in the map: fails closed */
	o.data_in = untagged.data;
	o.data_size_in = untagged.len;
	assert_int_equal(bpf_prog_test_run_opts(dp.fd_xdp_engine, &o), 0);
	assert_int_equal(o.retval, XDP_DROP);
	assert_true(vn_now_ns() > before);
}

/* A sample leaves as the frame that it was, with its hop measured on the port's clock. */
static void test_trunk_sample(void **state)
{
	const uint64_t ago_ns = 5 * VN_NSEC_PER_MSEC;
	struct pkt p = {0}, plain = {0};
	struct {
		struct vn_engine_meta meta;
		uint8_t frame[512];
	} out;
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = p.data, .data_out = &out, .repeat = 1);
	uint64_t before = vn_now_ns(), after;

	put_eth(&p, mac_a, VN_SAMPLE_TPID), put_tag(&p, 5, VN_SLOT_TPID);
	put_tag(&p, (uint16_t)((before - ago_ns) >> VN_SAMPLE_SHIFT), ETH_P_8021Q), put_tag(&p, 100, ETH_P_IP);
	put_udp4(&p, "10.0.0.1", "10.0.0.2");
	put_eth(&plain, mac_a, VN_SLOT_TPID), put_tag(&plain, 5, ETH_P_8021Q), put_tag(&plain, 100, ETH_P_IP);
	put_udp4(&plain, "10.0.0.1", "10.0.0.2");
	o.data_size_in = p.len;
	o.data_size_out = sizeof(out);
	assert_int_equal(bpf_prog_test_run_opts(dp.fd_xdp_engine, &o), 0);
	after = vn_now_ns();
	assert_int_equal(o.data_size_out, sizeof(out.meta) + plain.len);
	assert_memory_equal(out.frame, plain.data, plain.len);
	assert_int_equal(out.meta.slot, 5);
	assert_int_equal(out.meta.len, plain.len - 4);
	assert_in_range(out.meta.arrival_ns, before, after);
	assert_in_range(out.meta.hop_ns, ago_ns - (1u << VN_SAMPLE_SHIFT),
			ago_ns + (after - before) + (1u << VN_SAMPLE_SHIFT));

	o.data_in = plain.data;
	o.data_size_in = plain.len;
	o.data_size_out = sizeof(out);
	assert_int_equal(bpf_prog_test_run_opts(dp.fd_xdp_engine, &o), 0);
	assert_memory_equal(out.frame, plain.data, plain.len);
	assert_int_equal(out.meta.hop_ns, 0);
}

static void test_adopt(void **state)
{
	struct vn_err err = {0};
	struct vn_dp again;

	vn_port_flags(&dp.maps, 9, VN_PORT_FAIL_OPEN, 0);
	assert_int_equal(vn_dp_open(PIN, 4096, &again, &err), 0);
	assert_true(again.adopted);
	assert_int_equal(again.maps.max_ports, 64); /* what runs wins over what is asked */
	assert_int_equal(again.maps.port[9].flags, VN_PORT_FAIL_OPEN);
	vn_dp_release(&again);
}

/* The pinned link of what sockets lost: a new one after each loading. */
static __u32 loading_id(void)
{
	struct bpf_link_info info = {0};
	__u32 len = sizeof(info);
	int fd = bpf_obj_get(PIN "/link_app_lost");

	assert_true(fd >= 0);
	assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &len), 0);
	close(fd);
	return info.id;
}

static __u32 prog_id(int fd)
{
	struct bpf_prog_info info = {0};
	__u32 len = sizeof(info);

	assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &len), 0);
	return info.id;
}

/* The programs of this very build are not loaded again; of another, or where one is missing, they are. */
static void test_adopt_build(void **state)
{
	static const char build[] = PIN "/prog_of_build", one[] = PIN "/prog_vn_tc_finish";
	const __u32 before = loading_id();
	struct vn_err err = {0};
	struct vn_dp again;

	assert_int_equal(vn_dp_open(PIN, 64, &again, &err), 0);
	assert_true(again.adopted);
	assert_int_equal(loading_id(), before);
	assert_int_equal(prog_id(again.fd_tc_port), prog_id(dp.fd_tc_port));
	assert_int_equal(prog_id(again.fd_xdp_finish), prog_id(dp.fd_xdp_finish));
	vn_dp_release(&again);

	unlink(build);
	assert_int_equal(symlink("0123456789abcdef", build), 0);
	assert_int_equal(vn_dp_open(PIN, 64, &again, &err), 0);
	assert_true(again.adopted); /* the same code, whatever the build */
	assert_int_not_equal(loading_id(), before);
	assert_int_equal(prog_id(again.fd_tc_port), prog_id(dp.fd_tc_port));
	vn_dp_release(&again);

	assert_int_equal(unlink(one), 0);
	assert_int_equal(vn_dp_open(PIN, 64, &again, &err), 0);
	assert_false(again.adopted);
	assert_int_equal(access(one, F_OK), 0);
	vn_dp_release(&again);
}

/* A map of @value_size, its value a struct of two numbers named @first and @second, in place of vn_police's pin. */
static void replace_pin(const char *pin, __u32 value_size, const char *first, const char *second)
{
	struct btf *btf = btf__new_empty();
	LIBBPF_OPTS(bpf_map_create_opts, o, .map_flags = BPF_F_MMAPABLE);
	int u32, fd;

	assert_non_null(btf);
	u32 = btf__add_int(btf, "unsigned int", 4, 0);
	o.btf_key_type_id = (__u32)u32;
	o.btf_value_type_id = (__u32)btf__add_struct(btf, "vn_police", value_size);
	assert_int_equal(btf__add_field(btf, first, u32, 0, 0), 0);
	assert_int_equal(btf__add_field(btf, second, u32, 32, 0), 0);
	assert_int_equal(btf__load_into_kernel(btf), 0);
	o.btf_fd = (__u32)btf__fd(btf);
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "vn_police", 4, value_size, 64, &o);
	assert_true(fd >= 0);
	unlink(pin);
	assert_int_equal(bpf_obj_pin(fd, pin), 0);
	close(fd);
	btf__free(btf);
}

/* What another build left pinned is refused by its name, whether it is larger or only arranged otherwise. */
static void test_foreign_map(void **state)
{
	static const char pin[] = PIN "/map_vn_police", kept[] = PIN "/kept";
	struct vn_err err = {0};
	struct vn_dp other;

	assert_int_equal(rename(pin, kept), 0);
	for (int larger = 0; larger < 2; larger++) {
		replace_pin(pin, sizeof(struct vn_police) + (larger ? 8 : 0), "moved", "here");
		err = (struct vn_err){0};
		assert_int_equal(vn_dp_open(PIN, 64, &other, &err), -EPROTO);
		assert_int_equal(err.exit, VN_EXIT_NOT_POSSIBLE);
		assert_non_null(strstr(err.text, "map vn_police under " PIN " is of another version"));
	}
	assert_int_equal(rename(kept, pin), 0);
	assert_int_equal(vn_dp_open(PIN, 64, &other, &err), 0);
	assert_true(other.adopted);
	vn_dp_release(&other);
}

static void test_disc_seqlock(void **state)
{
	struct vn_disc d = {.delay_ns = 5, .key = 9}, got;
	uint32_t gen, gen2;

	vn_disc_write(&dp.maps, 7, &d);
	assert_int_equal(dp.maps.disc[7].seq & 1, 0);
	vn_disc_read(&dp.maps, 7, &got, &gen);
	assert_memory_equal(&got, &d, sizeof(d));
	dp.maps.disc[7].seq |= 1; /* a writer that died half way */
	vn_disc_write(&dp.maps, 7, &d);
	assert_int_equal(dp.maps.disc[7].seq & 1, 0);
	vn_disc_renew(&dp.maps, 7);
	vn_disc_read(&dp.maps, 7, &got, &gen2);
	assert_int_equal(gen2, gen + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_source_mac),   cmocka_unit_test(test_source_ip4),
		cmocka_unit_test(test_arp),          cmocka_unit_test(test_vlan),
		cmocka_unit_test(test_held),         cmocka_unit_test(test_deliver),
		cmocka_unit_test(test_engine_port),  cmocka_unit_test(test_adopt),
		cmocka_unit_test(test_adopt_build),  cmocka_unit_test(test_disc_seqlock),
		cmocka_unit_test(test_trunk_sample), cmocka_unit_test(test_foreign_map),
		cmocka_unit_test(test_gso_watched),  cmocka_unit_test(test_tap_room),
		cmocka_unit_test(test_tap_share),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
