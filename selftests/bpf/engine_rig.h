/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The data path without an agent: a namespace with engine port, ports and a real, unprivileged engine process. Link i
 * (from 0) joins the devices a<i> and b<i>; its slots are 2i+1 (from a) and 2i+2 (from b). Frames are sent and received
 * raw.
 */
#ifndef VNET_SELFTESTS_ENGINE_RIG_H
#define VNET_SELFTESTS_ENGINE_RIG_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <loader/loader.h>
#include <abi/abi_arena.h>
#include <base/engine_args.h>
#include <base/util.h>

#define RIG_PIN    VN_BPFFS "/vnet"
#define RIG_PORTS  16384u
#define RIG_CHUNKS 24576u
#define RIG_UID    65534u
#define RIG_WAIT   (5 * rig_slow() * VN_NSEC_PER_SEC) /* for anything that should happen at once */

struct rig {
	struct vn_dp dp;
	struct vn_err err;
	char engine_path[512];
	int lock_fd;
	int arena_fd;
	pid_t engine;
	uint32_t links, tr0, tr1;
	uint64_t slab_bytes; /* 0: the engine's choice */
	bool sg;             /* frames of several chunks: Linux 6.6 */
};

/* VN_SLOW: how many times slower than others this machine is (emulated in software). */
static inline uint64_t rig_slow(void)
{
	const char *slow = getenv("VN_SLOW");

	return VN_MAX(slow ? strtoul(slow, NULL, 10) : 1ul, 1ul);
}

/* A command of the test's own making; output only when it fails. */
__attribute__((format(printf, 1, 2))) static inline int rig_sh(const char *fmt, ...)
{
	char cmd[1024];
	va_list ap;
	int r;

	va_start(ap, fmt);
	vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	r = system(cmd);
	if (r)
		fprintf(stderr, "failed (%d): %s\n", r, cmd);
	return r;
}

/* Namespaces of mount and network for this process, with a bpffs of its own. */
static inline int rig_isolate(void)
{
	if (unshare(CLONE_NEWNS | CLONE_NEWNET) < 0 || mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("sysfs", "/sys", "sysfs", 0, NULL) < 0 || mount("bpf", VN_BPFFS, "bpf", 0, NULL) < 0 ||
	    mount("tmpfs", "/run", "tmpfs", 0, NULL) < 0)
		return -errno;
	return rig_sh("ip link set lo up; sysctl -qw net.ipv6.conf.default.disable_ipv6=1 "
		      "net.ipv6.conf.all.disable_ipv6=1");
}

static inline volatile struct vn_engine *rig_status(const struct rig *g)
{
	return &g->dp.maps.engine[0];
}

static inline volatile struct vn_dir *rig_dir(const struct rig *g, uint32_t slot)
{
	return &g->dp.maps.dir[slot];
}

/* Before Linux 6.6 a frame must fit one piece of veth's; the planner refuses links with larger ones. */
static inline bool rig_carries(const struct rig *g, uint32_t len)
{
	return g->sg || len <= 3490;
}

/* Wait for a condition, re-evaluated with a short pause; false when RIG_WAIT has passed. */
#define rig_wait(cond)                                                                                                 \
	({                                                                                                             \
		uint64_t until_ = vn_now_ns() + RIG_WAIT;                                                              \
		const struct timespec pause_ = {.tv_nsec = 200000};                                                    \
		while (!(cond) && vn_now_ns() < until_)                                                                \
			nanosleep(&pause_, NULL);                                                                      \
		(cond);                                                                                                \
	})

/* The engine on engine port device @ifindex, in a process of its own; @more: up to RIG_MORE arguments, NULL behind
 * them. */
#define RIG_MORE 5
static inline void rig_exec_engine(const struct rig *g, uint32_t engine, int fd, int umem_fd, char *const *more)
{
	const struct vn_maps *m = &g->dp.maps;
	const int fds[VN_ENGINE_N_FDS] = {fd, umem_fd, m->fd_disc, m->fd_dir, m->fd_engine, g->lock_fd, g->arena_fd};
	char ifindex[16], ports[16], slab[24];
	char *argv[9 + RIG_MORE + 1] = {(char *)"vnet-engine",
					(char *)"--index",
					(char *)"0",
					(char *)"--ifindex",
					ifindex,
					(char *)"--max-ports",
					ports,
					(char *)"--slab-bytes",
					slab};
	struct sched_param fifo = {.sched_priority = 10};
	/* Before the folders above it may be closed to RIG_UID. */
	int exe = fcntl(open(g->engine_path, O_PATH | O_CLOEXEC), F_DUPFD_CLOEXEC, 64), high[VN_ENGINE_N_FDS];

	for (int i = 0; i < RIG_MORE && more[i]; i++)
		argv[9 + i] = more[i];
	snprintf(ifindex, sizeof(ifindex), "%u", engine);
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
	fexecve(exe, argv, environ);
	perror(g->engine_path);
	_exit(127);
}

/* rig_exec_engine() with what every engine is given, until it lives. */
static inline int rig_engine_run(struct rig *g, uint32_t engine, int fd, int umem_fd, char *const *more)
{
	g->lock_fd = open("/run/engine.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	g->arena_fd = open("/run/" VN_ARENA_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (g->arena_fd < 0 || ftruncate(g->arena_fd, VN_ARENA_BYTES) < 0)
		return -errno;
	if (g->lock_fd < 0 || flock(g->lock_fd, LOCK_EX | LOCK_NB) < 0)
		return -errno;
	g->engine = fork();
	if (g->engine == 0)
		rig_exec_engine(g, engine, fd, umem_fd, more);
	vn_cleanup_close(&g->lock_fd);
	vn_cleanup_close(&g->arena_fd);
	return rig_wait(rig_status(g)->pid == (uint32_t)g->engine && rig_status(g)->heartbeat_ns) ? 0 : -ETIMEDOUT;
}

static inline int rig_engine_start(struct rig *g)
{
	char chunks[16], chunk_size[16];
	char *more[] = {(char *)"--chunks", chunks, (char *)"--chunk-size", chunk_size, NULL, NULL};
	struct vn_xsk x;
	int r = vn_xsk_create(RIG_CHUNKS, vn_engine_rx_entries(RIG_CHUNKS), -1, &x, &g->err);

	if (r < 0)
		return r;
	snprintf(chunks, sizeof(chunks), "%u", x.chunks);
	snprintf(chunk_size, sizeof(chunk_size), "%u", x.chunk_size);
	g->sg = x.sg;
	if (x.sg)
		more[4] = (char *)"--sg";
	r = vn_dp_set_xsk(&g->dp, 0, x.fd, &g->err);
	if (r == 0)
		r = rig_engine_run(g, g->tr1, x.fd, x.umem_fd, more);
	vn_xsk_release(&x);
	return r;
}

/* Returns its wait status. */
static inline int rig_engine_stop(struct rig *g, int sig)
{
	int st = -1;

	kill(g->engine, sig);
	waitpid(g->engine, &st, 0);
	g->engine = 0;
	return st;
}

static inline void rig_port(struct rig *g, uint32_t number, const char *dev, const char *peer)
{
	struct vn_port_cfg cfg = {.flags = VN_PORT_ACTIVE | VN_PORT_HELD,
				  .ifindex = if_nametoindex(dev),
				  .peer_ifindex = if_nametoindex(peer),
				  .engine_ifindex = g->tr0,
				  .mtu = 9000};

	vn_port_publish(&g->dp.maps, number, &cfg);
}

static inline int rig_link(struct rig *g, uint32_t i)
{
	char p[16], q[16];
	int r = rig_sh(
		"set -e; for s in a b; do ip link add ${s}%u mtu 9000 type veth peer name v${s}%u mtu 9000; "
		"ip link set ${s}%u up arp off; ip link set v${s}%u up arp off; tc qdisc add dev v${s}%u clsact; done",
		i, i, i, i, i);

	if (r)
		return -EIO;
	snprintf(p, sizeof(p), "va%u", i);
	snprintf(q, sizeof(q), "vb%u", i);
	rig_port(g, 2 * i + 1, p, q);
	rig_port(g, 2 * i + 2, q, p);
	return rig_sh("tc filter add dev %s ingress bpf da object-pinned " RIG_PIN "/prog_vn_tc_port classid 0:%x", p,
		      2 * i + 1) ||
			       rig_sh("tc filter add dev %s ingress bpf da object-pinned " RIG_PIN
				      "/prog_vn_tc_port classid 0:%x",
				      q, 2 * i + 2)
		       ? -EIO
		       : 0;
}

/* Everything up to a running engine. The caller is in namespaces of its own (rig_isolate()). */
static inline int rig_up(struct rig *g, const char *engine_path, uint32_t links)
{
	int r;

	snprintf(g->engine_path, sizeof(g->engine_path), "%s", engine_path);
	r = vn_dp_open(RIG_PIN, RIG_PORTS, &g->dp, &g->err);
	if (r < 0)
		return r;
	if (rig_sh("set -e; ip link add tr0 index 3000000 mtu 9216 type veth peer name tr1 index 3000001 mtu 9216; "
		   "ethtool -K tr0 tx off tso off txvlan off tx-vlan-stag-hw-insert off >/dev/null; "
		   "ip link set tr0 up arp off; ip link set tr1 up arp off; tc qdisc add dev tr0 clsact; "
		   "tc filter add dev tr0 ingress bpf da object-pinned " RIG_PIN "/prog_vn_tc_deliver"))
		return -EIO;
	g->tr0 = if_nametoindex("tr0");
	g->tr1 = if_nametoindex("tr1");
	r = vn_dp_attach_engine(&g->dp, 0, g->tr1, &g->err);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < links && r == 0; i++)
		r = rig_link(g, i);
	g->links = links;
	return r < 0 ? r : rig_engine_start(g);
}

static inline void rig_down(struct rig *g)
{
	if (g->engine)
		rig_engine_stop(g, SIGKILL);
	vn_dp_release(&g->dp);
}

/* A raw socket on @dev that sees what arrives there. */
static inline int rig_socket(const char *dev)
{
	struct sockaddr_ll sll = {
		.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)if_nametoindex(dev)};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1, room = 64 << 20;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
	setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&sll, sizeof(sll)) < 0) {
		close(fd);
		return -errno;
	}
	return fd;
}

#endif
