/* SPDX-License-Identifier: GPL-2.0-only */
/* What this kernel can do: each feature tried, not guessed from a version, in a namespace of the caller's. */
#include "loader/loader.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_xdp.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/vfs.h>
#include <linux/magic.h>

#include <base/util.h>

static int probe_prog(int type)
{
	int r = libbpf_probe_bpf_prog_type((enum bpf_prog_type)type, NULL);

	return r == 1 ? 0 : r == 0 ? -EOPNOTSUPP : r;
}

static int probe_mmap_array(int unused)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	cleanup_close int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "vn_probe", 4, 8, 1, &opts);

	return fd < 0 ? -errno : 0;
}

static int probe_coarse_clock(int unused)
{
	int r = libbpf_probe_bpf_helper(BPF_PROG_TYPE_SCHED_CLS, BPF_FUNC_ktime_get_coarse_ns, NULL);

	return r == 1 ? 0 : r == 0 ? -EOPNOTSUPP : r;
}

static int probe_xsk(int unused)
{
	cleanup_close int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);

	return fd < 0 ? -errno : 0;
}

static int probe_sg(int unused)
{
	struct vn_xsk x;
	int r = vn_xsk_create(64, 64, -1, &x, NULL);

	if (r < 0)
		return r;
	r = x.sg ? 0 : -EOPNOTSUPP;
	vn_xsk_release(&x);
	return r;
}

static int probe_bpffs(int unused)
{
	struct statfs fs;

	return statfs(VN_BPFFS, &fs) < 0 ? -errno : 0;
}

static int probe_fifo(int unused)
{
	struct sched_param p = {.sched_priority = 1}, old;
	int policy = sched_getscheduler(0);

	if (policy < 0 || sched_getparam(0, &old) < 0)
		return -errno;
	if (sched_setscheduler(0, SCHED_FIFO, &p) < 0)
		return -errno;
	return sched_setscheduler(0, policy, &old) < 0 ? -errno : 0;
}

static const struct {
	const char *name;
	bool required;
	int (*probe)(int arg);
	int arg;
	const char *remedy;
} probes[] = {
	{"BPF file system", true, probe_bpffs, 0, "kernel with CONFIG_BPF_SYSCALL; /sys mounted"},
	{"tc BPF programs", true, probe_prog, BPF_PROG_TYPE_SCHED_CLS,
	 "kernel with CONFIG_NET_CLS_BPF, CONFIG_NET_SCH_INGRESS; run as root"},
	{"XDP programs", true, probe_prog, BPF_PROG_TYPE_XDP,
	 "kernel with CONFIG_BPF_JIT, CONFIG_XDP_SOCKETS; run as root"},
	{"mappable BPF arrays", true, probe_mmap_array, 0, "Linux 5.5 or later; run as root"},
	{"coarse clock in BPF", true, probe_coarse_clock, 0, "Linux 5.11 or later"},
	{"AF_XDP sockets", true, probe_xsk, 0, "kernel with CONFIG_XDP_SOCKETS; CAP_NET_RAW"},
	{"AF_XDP multi-buffer", false, probe_sg, 0,
	 "Linux 6.6 or later; without it links above MTU 3490 cannot be held"},
	{"SCHED_FIFO", false, probe_fifo, 0,
	 "CAP_SYS_NICE and a real-time budget in the cpu cgroup; without it delays are less exact under load"},
};

size_t vn_probe(struct vn_feature *features, size_t max)
{
	size_t n = VN_MIN(max, VN_ARRAY_SIZE(probes));

	for (size_t i = 0; i < n; i++)
		features[i] = (struct vn_feature){.name = probes[i].name,
						  .required = probes[i].required,
						  .result = probes[i].probe(probes[i].arg),
						  .remedy = probes[i].remedy};
	return n;
}
