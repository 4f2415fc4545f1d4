/* SPDX-License-Identifier: GPL-2.0-only */
/* The programs and maps of the data path, opened for one port's tests by BPF_PROG_TEST_RUN; setup() and teardown(). */
#ifndef VNET_SELFTESTS_PORT_RIG_H
#define VNET_SELFTESTS_PORT_RIG_H

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <sched.h>
#include <sys/mount.h>

#include <loader/loader.h>
#include <base/util.h>

#include "fixtures.h"

#define PIN  VN_PIN_DEFAULT "-test"
#define PORT 0 /* BPF_PROG_TEST_RUN cannot set tc_classid: the port under test is number 0 */

static const uint8_t mac_a[6] = {2, 0, 0, 0, 0, 0xaa};
static const uint8_t mac_x[6] __attribute__((unused)) = {2, 0, 0, 0, 0, 0xee};
static struct vn_dp dp;

/* A private bpffs: nothing of the machine is touched, and it is gone with the process. */
static int setup(void **state)
{
	struct vn_err err = {0};

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("bpf", VN_BPFFS, "bpf", 0, NULL) < 0 || vn_dp_open(PIN, 64, &dp, &err) < 0) {
		print_error("%s %s\n", err.text, strerror(errno));
		return -1;
	}
	return 0;
}

static int teardown(void **state)
{
	struct vn_err err = {0};

	vn_dp_release(&dp);
	return vn_dp_unpin(PIN, &err);
}

static inline struct vn_port_cfg port_a(uint8_t isolation)
{
	struct vn_port_cfg cfg = {.flags = VN_PORT_ACTIVE,
				  .peer_ifindex = 77,
				  .engine_ifindex = 88,
				  .ifindex = 1,
				  .isolation = isolation,
				  .mtu = 1500};

	memcpy(cfg.mac, mac_a, 6);
	inet_pton(AF_INET, "10.0.0.1", &cfg.src4[0].addr);
	inet_pton(AF_INET, "192.168.0.0", &cfg.src4[1].addr);
	cfg.src4[0].mask = 0xffffffff;
	cfg.src4[1].mask = htonl(0xffff0000);
	cfg.n_src4 = 2;
	inet_pton(AF_INET6, "fd00::1", cfg.src6[0].addr);
	memset(cfg.src6[0].mask, 0xff, 16);
	cfg.n_src6 = 1;
	return cfg;
}

static inline int run_tc(int fd, const struct pkt *p, struct __sk_buff *ctx)
{
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = p->data, .data_size_in = p->len, .ctx_in = ctx,
		    .ctx_size_in = ctx ? sizeof(*ctx) : 0, .repeat = 1);

	assert_int_equal(bpf_prog_test_run_opts(fd, &o), 0);
	return (int)o.retval;
}

/* The frame passes, or is dropped for exactly @reason. @ctx: of a GSO frame, or NULL. */
static inline void check_skb(const struct vn_port_cfg *cfg, const struct pkt *p, struct __sk_buff *ctx,
			     unsigned int reason)
{
	struct vn_port_ctr before, after;
	struct vn_port_drop drops;
	uint64_t n;
	int action;

	vn_port_clear(&dp.maps, PORT);
	vn_port_publish(&dp.maps, PORT, cfg);
	assert_int_equal(vn_port_ctr_read(&dp.maps, PORT, &before), 0);
	action = run_tc(dp.fd_tc_port, p, ctx);
	assert_int_equal(vn_port_ctr_read(&dp.maps, PORT, &after), 0);
	drops = dp.maps.drop[PORT];
	assert_int_equal(action, reason == VN_PASS ? TC_ACT_REDIRECT : TC_ACT_SHOT);
	/* What is refused has entered, too, by as many frames as it is: in = out + drops. */
	n = after.in_packets - before.in_packets;
	if (!ctx) {
		assert_int_equal(n, 1);
		assert_int_equal(after.in_bytes - before.in_bytes, p->len);
	}
	if (!(cfg->flags & VN_PORT_HELD))
		assert_int_equal(after.out_packets - before.out_packets, reason == VN_PASS ? n : 0);
	for (unsigned int i = 0; i < VN_DROP_MAX; i++)
		assert_int_equal(drops.count[i], i == reason ? n : 0);
}

static inline void check_port(const struct vn_port_cfg *cfg, const struct pkt *p, unsigned int reason)
{
	check_skb(cfg, p, NULL, reason);
}

#endif
