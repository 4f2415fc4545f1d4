/* SPDX-License-Identifier: GPL-2.0-only */
/* Programs and maps: adopted from their pins, or loaded and pinned. */
#include "loader/loader.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <base/util.h>

#include "loader/internal.h"

#include "vnet.skel.h"

static void skel_freep(struct vnet_bpf **s)
{
	vnet_bpf__destroy(*s);
}

static int silent(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	return 0;
}

int vn_dp_bpffs(const char *pin_dir, struct vn_err *err)
{
	struct statfs fs;

	if (statfs(VN_BPFFS, &fs) < 0)
		return vn_err(err, VN_EXIT_NOT_POSSIBLE, errno,
			      "%s: %s: this kernel has no BPF file system (CONFIG_BPF_SYSCALL)", VN_BPFFS,
			      strerror(errno));
	if (fs.f_type != BPF_FS_MAGIC &&
	    mount("bpf", VN_BPFFS, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700") < 0)
		return vn_err_kernel(err, errno, "mount bpf on %s: %s", VN_BPFFS, strerror(errno));
	if (mkdir(pin_dir, 0700) < 0 && errno != EEXIST)
		return vn_err_kernel(err, errno, "mkdir %s: %s", pin_dir, strerror(errno));
	return 0;
}

static int pin_path(char *buf, size_t size, const char *dir, const char *kind, const char *name)
{
	return snprintf(buf, size, "%s/%s_%s", dir, kind, name) < (int)size ? 0 : -ENAMETOOLONG;
}

/* Sizes follow pinned maps, so that a restart with another --max-ports adopts what runs. */
static uint32_t pinned_max_ports(const char *pin_dir, uint32_t max_ports)
{
	cleanup_close int fd = -EBADF;
	struct bpf_map_info info = {0};
	__u32 len = sizeof(info);
	char path[256];

	if (pin_path(path, sizeof(path), pin_dir, "map", "vn_port") < 0)
		return max_ports;
	fd = bpf_obj_get(path);
	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len) < 0)
		return max_ports;
	return info.max_entries;
}

/* What a topology runs on is not thrown away unasked: who has the build that made it can delete the topology with it.
 */
static int refuse_foreign(const char *pin_dir, const char *map, struct vn_err *err)
{
	return vn_err(err, VN_EXIT_NOT_POSSIBLE, EPROTO,
		      "map %s under %s is of another version: delete the topologies with that version's agent "
		      "(`vnet-agent topology delete`) and stop it, or end what runs: stop its vnet-engine, "
		      "`rm -r %s`, `ip netns delete` the nodes",
		      map, pin_dir, pin_dir);
}

int vn_maps_prepare(struct bpf_object *obj, const char *pin_dir, uint32_t max_ports, bool *ret_adopted,
		    struct vn_err *err)
{
	struct bpf_map *map;
	char path[256];
	int r;

	*ret_adopted = true;
	bpf_object__for_each_map(map, obj)
	{
		const char *name = bpf_map__name(map);
		cleanup_close int pinned = -EBADF;

		if (bpf_map__is_internal(map))
			continue;
		if (bpf_map__max_entries(map) == VN_PORTS_DEFAULT) {
			r = bpf_map__set_max_entries(map, max_ports);
			if (r < 0)
				return vn_err_kernel(err, -r, "map %s: %u ports: %s", name, max_ports, strerror(-r));
		}
		r = pin_path(path, sizeof(path), pin_dir, "map", name);
		if (r < 0)
			return vn_err_usage(err, "pin directory '%s' is too long", pin_dir);
		pinned = bpf_obj_get(path);
		if (pinned < 0)
			*ret_adopted = false;
		else if (!vn_map_fits(map, bpf_object__btf(obj), pinned))
			return refuse_foreign(pin_dir, name, err);
		r = bpf_map__set_pin_path(map, path);
		if (r < 0)
			return vn_err_kernel(err, -r, "map %s: pin path: %s", name, strerror(-r));
	}
	return 0;
}

int vn_maps_share(struct bpf_object *obj, const char *pin_dir, bool *ret_adopted, struct vn_err *err)
{
	return vn_maps_prepare(obj, pin_dir, pinned_max_ports(pin_dir, VN_PORTS_DEFAULT), ret_adopted, err);
}

static int prog_tag(int fd, __u8 tag[BPF_TAG_SIZE])
{
	struct bpf_prog_info info = {0};
	__u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &len) < 0)
		return -errno;
	memcpy(tag, info.tag, BPF_TAG_SIZE);
	return 0;
}

/* The pinned program when it is the same code as @prog, else @prog, pinned in its place. */
static int adopt_or_pin(const char *pin_dir, const struct bpf_program *prog, int *ret_fd, bool *adopted,
			struct vn_err *err)
{
	const char *name = bpf_program__name(prog);
	__u8 ours[BPF_TAG_SIZE], theirs[BPF_TAG_SIZE];
	cleanup_close int pinned = -EBADF;
	char path[256], fresh[272];
	int fd;

	if (pin_path(path, sizeof(path), pin_dir, "prog", name) < 0)
		return vn_err_usage(err, "pin directory '%s' is too long", pin_dir);
	pinned = bpf_obj_get(path);
	/* Not loaded: what is pinned is known to be ours. */
	if (pinned >= 0 && (bpf_program__fd(prog) < 0 ||
			    (prog_tag(pinned, theirs) == 0 && prog_tag(bpf_program__fd(prog), ours) == 0 &&
			     memcmp(ours, theirs, BPF_TAG_SIZE) == 0))) {
		*ret_fd = take_fd(&pinned);
		return 0;
	}
	*adopted = false;
	fd = fcntl(bpf_program__fd(prog), F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		return -errno;
	/* By rename, so that there is always one under the name. */
	snprintf(fresh, sizeof(fresh), "%s_new", path);
	unlink(fresh);
	if (bpf_obj_pin(fd, fresh) < 0 || rename(fresh, path) < 0) {
		int r = -errno;

		close(fd);
		return vn_err_kernel(err, -r, "pin %s: %s", path, strerror(-r));
	}
	*ret_fd = fd;
	return 0;
}

static int take_maps(const struct vnet_bpf *skel, uint32_t max_ports, struct vn_maps *m, struct vn_err *err)
{
	const struct {
		const struct bpf_map *map;
		int *fd;
	} fds[] = {
		{skel->maps.vn_port, &m->fd_port},         {skel->maps.vn_port_ctr, &m->fd_ctr},
		{skel->maps.vn_port_drop, &m->fd_drop},    {skel->maps.vn_disc, &m->fd_disc},
		{skel->maps.vn_police, &m->fd_police},     {skel->maps.vn_dir, &m->fd_dir},
		{skel->maps.vn_engine, &m->fd_engine},     {skel->maps.vn_xsk, &m->fd_xsk},
		{skel->maps.vn_app_xsk, &m->fd_app_xsk},   {skel->maps.vn_app_ctr, &m->fd_app_ctr},
		{skel->maps.vn_app_lost, &m->fd_app_lost}, {skel->maps.vn_port_gso, &m->fd_gso},
	};
	int r;

	for (size_t i = 0; i < VN_ARRAY_SIZE(fds); i++) {
		/* Prepared and not loaded, it has its pin's path and no fd. */
		int fd = bpf_map__fd(fds[i].map);

		*fds[i].fd = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : bpf_obj_get(bpf_map__pin_path(fds[i].map));
		if (*fds[i].fd < 0)
			return -errno;
	}
	m->max_ports = max_ports;
	r = vn_maps_init(m);
	if (r < 0)
		return vn_err_kernel(err, -r, "mapping the BPF arrays of %u ports: %s", max_ports, strerror(-r));
	return 0;
}

static int open_progs(const struct vnet_bpf *skel, struct vn_dp *dp, struct vn_err *err)
{
	const struct {
		const struct bpf_program *prog;
		int *fd;
	} progs[] = {
		{skel->progs.vn_tc_port, &dp->fd_tc_port},       {skel->progs.vn_tc_deliver, &dp->fd_tc_deliver},
		{skel->progs.vn_tc_finish, &dp->fd_tc_finish},   {skel->progs.vn_xdp_engine, &dp->fd_xdp_engine},
		{skel->progs.vn_xdp_finish, &dp->fd_xdp_finish},
	};
	int r;

	for (size_t i = 0; i < VN_ARRAY_SIZE(progs); i++) {
		r = adopt_or_pin(dp->pin_dir, progs[i].prog, progs[i].fd, &dp->adopted, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/*
 * The build whose programs are pinned, by its object's hash: where a link under the pin directory points, since a BPF
 * file system has no files. There only while every program of that build is: they need not be loaded again to be
 * compared, and that, the verifier's work, is most of a start.
 */
#define BUILD_LINK "of_build"

void vn_dp_build(char buf[VN_DP_BUILD_TEXT])
{
	size_t len;
	const void *elf = vnet_bpf__elf_bytes(&len);

	snprintf(buf, VN_DP_BUILD_TEXT, "%016llx", (unsigned long long)vn_fnv1a_bytes(VN_FNV_INIT, elf, len));
}

void vn_dp_pinned_build(const char *pin_dir, char buf[VN_DP_BUILD_TEXT])
{
	char path[256];

	memset(buf, 0, VN_DP_BUILD_TEXT);
	if (pin_path(path, sizeof(path), pin_dir, "prog", BUILD_LINK) < 0 ||
	    readlink(path, buf, VN_DP_BUILD_TEXT) != VN_DP_BUILD_TEXT - 1)
		buf[0] = 0;
	buf[VN_DP_BUILD_TEXT - 1] = 0;
}

static bool is_pinned(const char *pin_dir, const struct vnet_bpf *skel)
{
	char path[256], ours[VN_DP_BUILD_TEXT], theirs[VN_DP_BUILD_TEXT];
	struct bpf_program *prog;

	vn_dp_build(ours);
	vn_dp_pinned_build(pin_dir, theirs);
	if (strcmp(ours, theirs) != 0)
		return false;
	bpf_object__for_each_program(prog, skel->obj)
	{
		if (prog == skel->progs.vn_app_lost_tp)
			continue;
		if (pin_path(path, sizeof(path), pin_dir, "prog", bpf_program__name(prog)) < 0 ||
		    access(path, F_OK) < 0)
			return false;
	}
	return true;
}

static void forget_build(const char *pin_dir)
{
	char path[256];

	if (pin_path(path, sizeof(path), pin_dir, "prog", BUILD_LINK) == 0)
		unlink(path);
}

/* Without it, the next start loads: no error. */
static void note_build(const char *pin_dir)
{
	char path[256], ours[VN_DP_BUILD_TEXT];

	vn_dp_build(ours);
	if (pin_path(path, sizeof(path), pin_dir, "prog", BUILD_LINK) == 0 && symlink(ours, path) < 0)
		unlink(path);
}

/*
 * Counts go on while no daemon runs: pinned. Anew each time, since a link of this kind takes no other program; a kernel
 * without tracepoints only lacks the figure.
 */
static void watch_app_lost(const char *pin_dir, const struct bpf_program *prog)
{
	cleanup_close int fd = -EBADF;
	char path[256];

	if (pin_path(path, sizeof(path), pin_dir, "link", "app_lost") < 0)
		return;
	unlink(path);
	fd = bpf_raw_tracepoint_open("xdp_redirect_err", bpf_program__fd(prog));
	if (fd >= 0)
		bpf_obj_pin(fd, path);
}

int vn_dp_open(const char *pin_dir, uint32_t max_ports, struct vn_dp *ret_dp, struct vn_err *err)
{
	__attribute__((cleanup(skel_freep))) struct vnet_bpf *skel = NULL;
	struct vn_dp dp = VN_DP_INIT;
	bool loaded = true;
	int r;

	if (snprintf(dp.pin_dir, sizeof(dp.pin_dir), "%s", pin_dir) >= (int)sizeof(dp.pin_dir))
		return vn_err_usage(err, "pin directory '%s' is too long", pin_dir);
	r = vn_dp_bpffs(pin_dir, err);
	if (r < 0)
		return r;
	libbpf_set_print(silent);
	skel = vnet_bpf__open();
	if (!skel)
		return vn_err_kernel(err, errno, "BPF object: %s", strerror(errno));
	max_ports = pinned_max_ports(pin_dir, max_ports);
	r = vn_maps_prepare(skel->obj, pin_dir, max_ports, &dp.adopted, err);
	if (r < 0)
		return r;
	if (dp.adopted && is_pinned(pin_dir, skel))
		loaded = false;
	else
		forget_build(pin_dir);
	r = loaded ? vnet_bpf__load(skel) : 0;
	if (r == -EPERM)
		return vn_err(err, VN_EXIT_DENIED, EPERM,
			      "BPF programs: not permitted to load them: the daemon needs CAP_BPF and CAP_NET_ADMIN, "
			      "or plain root");
	if (r < 0)
		return vn_err(err, VN_EXIT_NOT_POSSIBLE, -r,
			      "BPF programs: the kernel refused to load them: %s (see `vnet-agent doctor`)",
			      strerror(-r));
	r = open_progs(skel, &dp, err);
	if (r == 0)
		r = take_maps(skel, max_ports, &dp.maps, err);
	if (r < 0) {
		vn_dp_release(&dp);
		return r;
	}
	if (loaded) {
		watch_app_lost(pin_dir, skel->progs.vn_app_lost_tp);
		note_build(pin_dir);
	}
	*ret_dp = dp;
	return 0;
}

void vn_dp_release(struct vn_dp *dp)
{
	vn_maps_release(&dp->maps);
	vn_cleanup_close(&dp->fd_tc_port);
	vn_cleanup_close(&dp->fd_tc_deliver);
	vn_cleanup_close(&dp->fd_tc_finish);
	vn_cleanup_close(&dp->fd_xdp_engine);
	vn_cleanup_close(&dp->fd_xdp_finish);
	dp->fd_tc_port = dp->fd_tc_deliver = dp->fd_tc_finish = dp->fd_xdp_engine = dp->fd_xdp_finish = -1;
}

int vn_dp_unpin(const char *pin_dir, struct vn_err *err)
{
	struct dirent *e;
	DIR *d = opendir(pin_dir);

	if (!d)
		return errno == ENOENT ? 0 : vn_err_kernel(err, errno, "%s: %s", pin_dir, strerror(errno));
	while ((e = readdir(d)))
		if (strncmp(e->d_name, "map_", 4) == 0 || strncmp(e->d_name, "prog_", 5) == 0 ||
		    strncmp(e->d_name, "link_", 5) == 0)
			unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
	if (rmdir(pin_dir) < 0 && errno != ENOENT)
		return vn_err_kernel(err, errno, "rmdir %s: %s", pin_dir, strerror(errno));
	return 0;
}

/* A pinned link whose device is gone is an empty shell (ifindex 0): it cannot be updated, only replaced. */
static bool link_is_on(int fd, uint32_t ifindex)
{
	struct bpf_link_info info = {0};
	__u32 len = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &len) == 0 && info.type == BPF_LINK_TYPE_XDP &&
	       info.xdp.ifindex == ifindex;
}

static int attach_xdp(const char *pin_dir, const char *name, uint32_t index, uint32_t ifindex, int prog_fd,
		      struct vn_err *err)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = XDP_FLAGS_DRV_MODE);
	cleanup_close int fd = -EBADF;
	char path[256];
	int r;

	if (snprintf(path, sizeof(path), "%s/link_%s%u", pin_dir, name, index) >= (int)sizeof(path))
		return vn_err_usage(err, "pin directory '%s' is too long", pin_dir);
	fd = bpf_obj_get(path);
	if (fd >= 0 && link_is_on(fd, ifindex)) {
		if (bpf_link_update(fd, prog_fd, NULL) < 0)
			return vn_err_kernel(err, errno, "%s %u: replacing its XDP program: %s", name, index,
					     strerror(errno));
		return 0;
	}
	if (fd >= 0) {
		unlink(path);
		vn_cleanup_close(&fd);
	}
	fd = bpf_link_create(prog_fd, (int)ifindex, BPF_XDP, &opts);
	if (fd < 0) {
		r = -errno;
		if (r == -EBUSY)
			return vn_err_kernel(err, EBUSY,
					     "%s %u: another XDP program is attached to ifindex %u: remove it (`ip "
					     "link set DEV xdp off`)",
					     name, index, ifindex);
		return vn_err_kernel(err, -r, "%s %u: native XDP on ifindex %u: %s", name, index, ifindex,
				     strerror(-r));
	}
	if (bpf_obj_pin(fd, path) < 0)
		return vn_err_kernel(err, errno, "pin %s: %s", path, strerror(errno));
	return 0;
}

int vn_dp_attach_engine(struct vn_dp *dp, uint32_t index, uint32_t ifindex, struct vn_err *err)
{
	return attach_xdp(dp->pin_dir, "trunk", index, ifindex, dp->fd_xdp_engine, err);
}

int vn_dp_attach_finish(struct vn_dp *dp, int end, uint32_t ifindex, struct vn_err *err)
{
	return attach_xdp(dp->pin_dir, "finish", (uint32_t)end, ifindex, dp->fd_xdp_finish, err);
}

void vn_dp_detach_engine(const struct vn_dp *dp, uint32_t index)
{
	char path[256];

	if (snprintf(path, sizeof(path), "%s/link_trunk%u", dp->pin_dir, index) < (int)sizeof(path))
		unlink(path);
}

void vn_dp_detach_finish(const struct vn_dp *dp)
{
	char path[256];

	for (int end = 0; end < 2; end++)
		if (snprintf(path, sizeof(path), "%s/link_finish%d", dp->pin_dir, end) < (int)sizeof(path))
			unlink(path);
}

int vn_dp_set_xsk(struct vn_dp *dp, uint32_t index, int xsk_fd, struct vn_err *err)
{
	if (bpf_map_update_elem(dp->maps.fd_xsk, &index, &xsk_fd, BPF_ANY) < 0)
		return vn_err_kernel(err, errno, "engine port %u: XSKMAP: %s", index, strerror(errno));
	return 0;
}
