/* SPDX-License-Identifier: GPL-2.0-only */
/* As engine_rig.h, but the engine port is a tap and the engine its bulk holder. */
#ifndef VNET_SELFTESTS_BULK_RIG_H
#define VNET_SELFTESTS_BULK_RIG_H

#include <linux/if_tun.h>

#include "selftests/bpf/engine_rig.h"

#define BULK_QUEUE 10000

static inline int bulk_tap(void)
{
	struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR, .ifr_name = "tr0"};
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (ioctl(fd, TUNSETIFF, &ifr) < 0 || ioctl(fd, TUNSETPERSIST, 1) < 0) {
		close(fd);
		return -errno;
	}
	return fd;
}

/* The tap stays when the engine dies; its queue is attached anew. */
static inline int bulk_engine_start(struct rig *g)
{
	char *more[] = {(char *)"--bulk", NULL};
	cleanup_close int tap_fd = bulk_tap();

	if (tap_fd < 0)
		return tap_fd;
	/* It has no UMEM, and looks at no descriptor of one. */
	return rig_engine_run(g, g->tr0, tap_fd, tap_fd, more);
}

/* Everything up to a running engine. The caller is in namespaces of its own (rig_isolate()). */
static inline int bulk_up(struct rig *g, const char *engine_path, uint32_t links)
{
	int r, fd;

	snprintf(g->engine_path, sizeof(g->engine_path), "%s", engine_path);
	r = vn_dp_open(RIG_PIN, RIG_PORTS, &g->dp, &g->err);
	if (r < 0)
		return r;
	fd = bulk_tap();
	if (fd < 0)
		return fd;
	close(fd);
	if (rig_sh("set -e; ip link set tr0 mtu 9216 txqueuelen %d; tc qdisc replace dev tr0 root noqueue; "
		   "ip link set tr0 up arp off; tc qdisc add dev tr0 ingress; "
		   "tc filter add dev tr0 ingress bpf da object-pinned " RIG_PIN "/prog_vn_tc_deliver",
		   BULK_QUEUE))
		return -EIO;
	g->tr0 = if_nametoindex("tr0");
	for (uint32_t i = 0; i < links && r == 0; i++)
		r = rig_link(g, i);
	g->links = links;
	return r < 0 ? r : bulk_engine_start(g);
}

#endif
