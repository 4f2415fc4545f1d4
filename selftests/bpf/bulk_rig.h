/* SPDX-License-Identifier: GPL-2.0-only */
/* As engine_rig.h, but the trunk is a tap and the engine its bulk holder. */
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

static inline void bulk_exec_engine(const struct rig *g, int tap_fd)
{
	const struct vn_maps *m = &g->dp.maps;
	const int fds[VN_ENGINE_N_FDS] = {tap_fd,       g->lock_fd, m->fd_disc, m->fd_dir,
					  m->fd_engine, g->lock_fd, g->arena_fd};
	char ifindex[16], ports[16], slab[24];
	char *argv[] = {(char *)"vnet-engine",
			(char *)"--bulk",
			(char *)"--index",
			(char *)"0",
			(char *)"--ifindex",
			ifindex,
			(char *)"--max-ports",
			ports,
			(char *)"--slab-bytes",
			slab,
			NULL};
	struct sched_param fifo = {.sched_priority = 10};
	int high[VN_ENGINE_N_FDS];

	snprintf(ifindex, sizeof(ifindex), "%u", g->tr0);
	snprintf(ports, sizeof(ports), "%u", m->max_ports);
	snprintf(slab, sizeof(slab), "%llu", (unsigned long long)(g->slab_bytes ? g->slab_bytes : 256ULL << 20));
	for (int i = 0; i < VN_ENGINE_N_FDS; i++)
		high[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 64);
	for (int i = 0; i < VN_ENGINE_N_FDS; i++)
		dup2(high[i], VN_ENGINE_FD_FIRST + i);
	sched_setscheduler(0, SCHED_FIFO, &fifo);
	if (setresgid(RIG_UID, RIG_UID, RIG_UID) < 0 || setresuid(RIG_UID, RIG_UID, RIG_UID) < 0)
		_exit(126);
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); /* not longer than the test, however that ends */
	execv(g->engine_path, argv);
	perror(g->engine_path);
	_exit(127);
}

/* The tap stays when the engine dies; its queue is attached anew. */
static inline int bulk_engine_start(struct rig *g)
{
	cleanup_close int tap_fd = bulk_tap();

	if (tap_fd < 0)
		return tap_fd;
	g->lock_fd = open("/run/engine.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	g->arena_fd = open("/run/" VN_ARENA_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (g->arena_fd < 0 || ftruncate(g->arena_fd, VN_ARENA_BYTES) < 0)
		return -errno;
	if (g->lock_fd < 0 || flock(g->lock_fd, LOCK_EX | LOCK_NB) < 0)
		return -errno;
	g->engine = fork();
	if (g->engine == 0)
		bulk_exec_engine(g, tap_fd);
	vn_cleanup_close(&g->lock_fd);
	vn_cleanup_close(&g->arena_fd);
	return rig_wait(rig_status(g)->pid == (uint32_t)g->engine && rig_status(g)->heartbeat_ns) ? 0 : -ETIMEDOUT;
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
