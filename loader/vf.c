/* SPDX-License-Identifier: GPL-2.0-only */
#include "loader/vf.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>

#include <base/util.h>

#include "loader/internal.h"
#include "loader/xdp_query.h"

#include "vf.skel.h"

static void skel_freep(struct vf_bpf **s)
{
	vf_bpf__destroy(*s);
}

static int link_path(const char *pin_dir, uint32_t number, char *buf, size_t size)
{
	return snprintf(buf, size, "%s/link_vf%u", pin_dir, number) < (int)size ? 0 : -ENAMETOOLONG;
}

static int open_link(const char *pin_dir, uint32_t number)
{
	char path[256];
	int r = link_path(pin_dir, number, path, sizeof(path));

	if (r < 0)
		return r;
	r = bpf_obj_get(path);
	return r < 0 ? -errno : r;
}

/* The device that the link is on, 0 when it went. */
static uint32_t link_device(int fd)
{
	struct bpf_link_info info = {0};
	__u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &len) < 0 || info.type != BPF_LINK_TYPE_XDP)
		return 0;
	return info.xdp.ifindex;
}

int vn_vf_attached(const char *pin_dir, uint32_t number)
{
	cleanup_close int fd = open_link(pin_dir, number);

	return fd >= 0 && link_device(fd);
}

static int mode_of(uint32_t ifindex, enum vn_xdp_mode *ret_mode)
{
	uint8_t attached = XDP_ATTACHED_NONE;
	uint32_t id;
	int r = vn_xdp_query(ifindex, &attached, &id);

	if (r < 0)
		return r;
	*ret_mode = attached == XDP_ATTACHED_SKB ? VN_XDP_GENERIC : VN_XDP_NATIVE;
	return 0;
}

static int create(int prog_fd, uint32_t ifindex, enum vn_xdp_mode mode)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts,
		    .flags = mode == VN_XDP_GENERIC ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE);
	int fd = bpf_link_create(prog_fd, (int)ifindex, BPF_XDP, &opts);

	return fd < 0 ? -errno : fd;
}

static int attach_anew(const char *path, int prog_fd, uint32_t ifindex, enum vn_xdp_mode want,
		       enum vn_xdp_mode *ret_mode)
{
	cleanup_close int fd = create(prog_fd, ifindex, want == VN_XDP_OFF ? VN_XDP_NATIVE : want);

	*ret_mode = want == VN_XDP_GENERIC ? VN_XDP_GENERIC : VN_XDP_NATIVE;
	if (fd == -EOPNOTSUPP && want == VN_XDP_OFF) {
		fd = create(prog_fd, ifindex, VN_XDP_GENERIC);
		*ret_mode = VN_XDP_GENERIC;
	}
	if (fd < 0)
		return fd;
	return bpf_obj_pin(fd, path) < 0 ? -errno : 0;
}

static int attach(const char *pin_dir, uint32_t number, uint32_t ifindex, int prog_fd, enum vn_xdp_mode want,
		  enum vn_xdp_mode *ret_mode)
{
	cleanup_close int fd = open_link(pin_dir, number);
	char path[256];
	int r = link_path(pin_dir, number, path, sizeof(path));

	if (r < 0)
		return r;
	if (fd >= 0 && link_device(fd) == ifindex) {
		if (bpf_link_update(fd, prog_fd, NULL) < 0)
			return -errno;
		return mode_of(ifindex, ret_mode);
	}
	if (fd >= 0)
		unlink(path);
	return attach_anew(path, prog_fd, ifindex, want, ret_mode);
}

int vn_vf_attach(const char *pin_dir, uint32_t number, uint32_t ifindex, enum vn_xdp_mode want,
		 enum vn_xdp_mode *ret_mode, struct vn_err *err)
{
	__attribute__((cleanup(skel_freep))) struct vf_bpf *skel = vf_bpf__open();
	bool adopted;
	int r;

	if (!skel)
		return vn_err_kernel(err, errno, "VF program: %s", strerror(errno));
	r = vn_maps_share(skel->obj, pin_dir, &adopted, err);
	if (r < 0)
		return r;
	r = vf_bpf__load(skel);
	if (r < 0)
		return vn_err(err, VN_EXIT_NOT_POSSIBLE, -r, "VF port %u: loading its program: %s", number,
			      strerror(-r));
	r = attach(pin_dir, number, ifindex, bpf_program__fd(skel->progs.vn_xdp_vf), want, ret_mode);
	if (r == -EOPNOTSUPP)
		return vn_err(err, VN_EXIT_NOT_POSSIBLE, EOPNOTSUPP,
			      "VF port %u: native XDP: %s: its driver has none: write `xdp: auto` or `xdp: generic`",
			      number, strerror(EOPNOTSUPP));
	return r < 0 ? vn_err_kernel(err, -r, "VF port %u: XDP: %s", number, strerror(-r)) : 0;
}

void vn_vf_detach(const char *pin_dir, uint32_t number)
{
	cleanup_close int fd = open_link(pin_dir, number);
	char path[256];

	if (fd >= 0)
		bpf_link_detach(fd);
	if (link_path(pin_dir, number, path, sizeof(path)) == 0)
		unlink(path);
}
