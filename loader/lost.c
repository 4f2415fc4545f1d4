/* SPDX-License-Identifier: GPL-2.0-only */
/* The programs that count what devices of the fabric lose. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <unistd.h>

#include <base/util.h>

#include "loader/internal.h"
#include "loader/loader.h"

#include "lost.skel.h"

static void skel_freep(struct lost_bpf **s)
{
	lost_bpf__destroy(*s);
}

/* Counts go on while no daemon runs: pinned. Anew each time, since a link of this kind takes no other program. */
static int watch(const char *pin_dir, const char *name, const struct bpf_program *prog)
{
	cleanup_close int fd = -EBADF;
	char path[256];

	if (snprintf(path, sizeof(path), "%s/link_%s", pin_dir, name) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	unlink(path);
	fd = bpf_raw_tracepoint_open(NULL, bpf_program__fd(prog));
	if (fd < 0)
		return -errno;
	return bpf_obj_pin(fd, path) < 0 ? -errno : 0;
}

int vn_dp_watch_lost(const struct vn_dp *dp, uint32_t fabric_inum)
{
	__attribute__((cleanup(skel_freep))) struct lost_bpf *skel = lost_bpf__open();
	struct vn_err err = {0};
	bool adopted;
	int r;

	if (!skel)
		return -errno;
	skel->rodata->vn_fabric_inum = fabric_inum;
	r = vn_maps_share(skel->obj, dp->pin_dir, &adopted, &err);
	if (r == 0)
		r = lost_bpf__load(skel);
	if (r == 0)
		r = watch(dp->pin_dir, "lost", skel->progs.vn_lost_tp);
	return r == 0 ? watch(dp->pin_dir, "ring_full", skel->progs.vn_ring_full_tp) : r;
}
