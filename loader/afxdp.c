/* SPDX-License-Identifier: GPL-2.0-only */
#include "loader/afxdp.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <linux/if_link.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <base/util.h>

#include "loader/xdp_query.h"

#include "afxdp.skel.h"

#define PATH_SIZE 192

static void skel_freep(struct afxdp_bpf **s)
{
	afxdp_bpf__destroy(*s);
}

static int pin_path(const char *dir, const char *name, uint32_t number, char *buf, size_t size)
{
	return snprintf(buf, size, "%s/%s%u", dir, name, number) < (int)size ? 0 : -ENAMETOOLONG;
}

/* vn_dp_unpin() knows all pins by these beginnings. */
#define PIN_XSK  "map_axp_xsk"
#define PIN_LINK "link_afxdp"
#define PIN_LOST "link_app_lost" /* vn_dp_open()'s */

static int open_pin(const char *dir, const char *name, uint32_t number)
{
	char path[PATH_SIZE];
	int r = pin_path(dir, name, number, path, sizeof(path));

	if (r < 0)
		return r;
	r = bpf_obj_get(path);
	return r < 0 ? -errno : r;
}

int vn_afxdp_map_path(const char *pin_dir, uint32_t number, char *buf, size_t size)
{
	return pin_path(pin_dir, PIN_XSK, number, buf, size);
}

int vn_afxdp_open_map(const char *pin_dir, uint32_t number)
{
	return open_pin(pin_dir, PIN_XSK, number);
}

int vn_afxdp_share_map(const char *pin_dir, uint32_t number, int shared)
{
	char path[PATH_SIZE];
	int r = vn_afxdp_map_path(pin_dir, number, path, sizeof(path));

	if (r < 0)
		return r;
	return chmod(path, shared ? 0666 : 0600) < 0 ? -errno : 0;
}

/* The key of its element in vn_app_lost. */
static int map_id(const char *pin_dir, uint32_t number, uint32_t *ret_id)
{
	cleanup_close int fd = vn_afxdp_open_map(pin_dir, number);
	struct bpf_map_info info = {0};
	__u32 len = sizeof(info);

	if (fd < 0)
		return fd;
	if (bpf_obj_get_info_by_fd(fd, &info, &len) < 0)
		return -errno;
	*ret_id = info.id;
	return 0;
}

int vn_afxdp_lost(const struct vn_dp *dp, uint32_t number, uint64_t *ret_n)
{
	char path[PATH_SIZE];
	uint32_t id;
	int r = snprintf(path, sizeof(path), "%s/" PIN_LOST, dp->pin_dir) < (int)sizeof(path) ? 0 : -ENAMETOOLONG;

	if (r == 0)
		r = map_id(dp->pin_dir, number, &id);
	if (r < 0)
		return r;
	if (access(path, F_OK) < 0)
		return -ENODATA;
	return bpf_map_lookup_elem(dp->maps.fd_app_lost, &id, ret_n) < 0 ? -errno : 0;
}

/* The device a link is on, 0 when it went; the tag of its program. */
static int link_state(int fd, uint32_t *ret_ifindex, __u8 ret_tag[BPF_TAG_SIZE])
{
	struct bpf_link_info info = {0};
	struct bpf_prog_info prog = {0};
	__u32 len = sizeof(info), prog_len = sizeof(prog);
	cleanup_close int prog_fd = -EBADF;

	if (bpf_obj_get_info_by_fd(fd, &info, &len) < 0)
		return -errno;
	if (info.type != BPF_LINK_TYPE_XDP)
		return -EINVAL;
	prog_fd = bpf_prog_get_fd_by_id(info.prog_id);
	if (prog_fd >= 0 && bpf_obj_get_info_by_fd(prog_fd, &prog, &prog_len) == 0)
		memcpy(ret_tag, prog.tag, BPF_TAG_SIZE);
	*ret_ifindex = info.xdp.ifindex;
	return 0;
}

int vn_afxdp_attached(const char *pin_dir, uint32_t number)
{
	cleanup_close int fd = open_pin(pin_dir, PIN_LINK, number);
	__u8 tag[BPF_TAG_SIZE] = {0};
	uint32_t ifindex = 0;

	return fd >= 0 && link_state(fd, &ifindex, tag) == 0 && ifindex;
}

/*
 * Whether frames that tc redirected are spared generic XDP: 6.1 does not, 6.18 does, and nothing but traffic would show
 * it. A kernel that does is served well by the other program, too, which takes longer.
 */
static bool spares_redirected(void)
{
	return vn_kernel_at_least(6, 18);
}

/* The program for this kernel and the maps that it uses, of those that the object knows. */
static int choose(struct afxdp_bpf *skel, const struct vn_dp *dp, struct bpf_program **ret_prog)
{
	const bool spares = spares_redirected();
	struct bpf_map *m;
	int r = 0;

	*ret_prog = spares ? skel->progs.vn_xdp_port : skel->progs.vn_xdp_port_all;
	bpf_program__set_autoload(spares ? skel->progs.vn_xdp_port_all : skel->progs.vn_xdp_port, false);
	for (m = bpf_object__next_map(skel->obj, NULL); m && r == 0; m = bpf_object__next_map(skel->obj, m))
		if (m != skel->maps.axp_xsk && (spares || m != skel->maps.vn_port))
			r = bpf_map__set_autocreate(m, false);
	return r == 0 && !spares ? bpf_map__reuse_fd(skel->maps.vn_port, dp->maps.fd_port) : r;
}

/* Load, with the map that is pinned; one that is not is created and pinned. */
static int load(const struct vn_dp *dp, uint32_t number, struct afxdp_bpf **ret_skel, struct bpf_program **ret_prog)
{
	__attribute__((cleanup(skel_freep))) struct afxdp_bpf *skel = afxdp_bpf__open();
	char path[PATH_SIZE];
	int r;

	if (!skel)
		return -errno;
	r = vn_afxdp_map_path(dp->pin_dir, number, path, sizeof(path));
	if (r == 0)
		r = bpf_map__set_pin_path(skel->maps.axp_xsk, path);
	if (r == 0)
		r = choose(skel, dp, ret_prog);
	if (r == 0)
		r = afxdp_bpf__load(skel);
	if (r == 0)
		*ret_skel = take_ptr(skel);
	return r;
}

/* From here on the programs that deliver know of the port's sockets, and those that are full are counted. */
static int announce(const struct vn_dp *dp, uint32_t number, int map_fd)
{
	const uint64_t none = 0;
	uint32_t id;
	int r = map_id(dp->pin_dir, number, &id);

	if (r < 0)
		return r;
	if (bpf_map_update_elem(dp->maps.fd_app_lost, &id, &none, BPF_NOEXIST) < 0 && errno != EEXIST)
		return -errno;
	return bpf_map_update_elem(dp->maps.fd_app_xsk, &number, &map_fd, BPF_ANY) < 0 ? -errno : 0;
}

/* Earlier versions had native programs, whose links cannot become generic ones. */
static bool is_generic(uint32_t ifindex)
{
	uint32_t id = 0;
	uint8_t attached;

	return vn_xdp_query(ifindex, &attached, &id) == 0 && id;
}

static int attach_anew(int prog_fd, const char *path, uint32_t ifindex)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = XDP_FLAGS_SKB_MODE);
	cleanup_close int fd = bpf_link_create(prog_fd, (int)ifindex, BPF_XDP, &opts);

	if (fd < 0)
		return -errno;
	return bpf_obj_pin(fd, path) < 0 ? -errno : 0;
}

static int attach(const char *pin_dir, uint32_t number, uint32_t ifindex, int prog_fd)
{
	cleanup_close int fd = open_pin(pin_dir, PIN_LINK, number);
	__u8 theirs[BPF_TAG_SIZE] = {0};
	struct bpf_prog_info prog = {0};
	__u32 len = sizeof(prog);
	char path[PATH_SIZE];
	uint32_t on = 0;
	int r = pin_path(pin_dir, PIN_LINK, number, path, sizeof(path));

	if (r < 0)
		return r;
	if (fd >= 0 && link_state(fd, &on, theirs) == 0 && on == ifindex) {
		if (!is_generic(ifindex))
			return -EPROTO;
		if (bpf_obj_get_info_by_fd(prog_fd, &prog, &len) == 0 && memcmp(prog.tag, theirs, sizeof(theirs)) == 0)
			return 0;
		return bpf_link_update(fd, prog_fd, NULL) < 0 ? -errno : 0;
	}
	/* An empty shell: its device is gone. */
	if (fd >= 0)
		unlink(path);
	return attach_anew(prog_fd, path, ifindex);
}

int vn_afxdp_attach(const struct vn_dp *dp, uint32_t number, uint32_t ifindex, struct vn_err *err)
{
	__attribute__((cleanup(skel_freep))) struct afxdp_bpf *skel = NULL;
	struct bpf_program *prog = NULL;
	int r = load(dp, number, &skel, &prog);

	if (r < 0 && r != -EINVAL)
		return vn_err(err, VN_EXIT_NOT_POSSIBLE, -r, "AF_XDP port %u: loading its program: %s", number,
			      strerror(-r));
	/* Handed over without the program a frame would be the kernel's: so it is announced when it is there. */
	if (r == 0)
		r = attach(dp->pin_dir, number, ifindex, bpf_program__fd(prog));
	if (r == 0)
		r = announce(dp, number, bpf_map__fd(skel->maps.axp_xsk));
	if (r == -EINVAL || r == -EPROTO)
		return vn_err(err, VN_EXIT_NOT_POSSIBLE, EPROTO,
			      "AF_XDP port %u: its map or program under %s is of another version: delete its topology "
			      "and apply it again",
			      number, dp->pin_dir);
	if (r == -EBUSY || r == -EEXIST)
		return vn_err_kernel(
			err, EBUSY,
			"AF_XDP port %u: another XDP program is on its interface: remove it in the node (`ip "
			"link set DEV xdp off`)",
			number);
	return r < 0 ? vn_err_kernel(err, -r, "AF_XDP port %u: generic XDP: %s", number, strerror(-r)) : 0;
}

int vn_afxdp_detach(const struct vn_dp *dp, uint32_t number)
{
	static const char *const pins[] = {PIN_LINK, PIN_XSK};
	cleanup_close int fd = open_pin(dp->pin_dir, PIN_LINK, number);
	char path[PATH_SIZE];
	uint32_t id;
	int first = 0;

	/* Returns when no program that has seen it runs any more. */
	bpf_map_delete_elem(dp->maps.fd_app_xsk, &number);
	if (map_id(dp->pin_dir, number, &id) == 0)
		bpf_map_delete_elem(dp->maps.fd_app_lost, &id);
	/* Explicitly: others may hold the link, and the program must be off when the port is a plain one again. */
	if (fd >= 0)
		bpf_link_detach(fd);
	for (size_t i = 0; i < VN_ARRAY_SIZE(pins); i++)
		if (pin_path(dp->pin_dir, pins[i], number, path, sizeof(path)) == 0 && unlink(path) < 0 &&
		    errno != ENOENT)
			first = first ?: -errno;
	return first;
}

void vn_afxdp_list(const char *pin_dir, void (*each)(void *arg, uint32_t number), void *arg)
{
	static const char *const pins[] = {PIN_LINK, PIN_XSK};
	cleanup_free bool *there = calloc(VN_PORTS_MAX + 1, sizeof(*there));
	struct dirent *e;
	DIR *d = there ? opendir(pin_dir) : NULL;

	/* First all, then one after the other: what is called removes names from the directory. */
	while (d && (e = readdir(d)))
		for (size_t i = 0; i < VN_ARRAY_SIZE(pins); i++) {
			const size_t len = strlen(pins[i]);
			unsigned long number;
			char *end;

			if (strncmp(e->d_name, pins[i], len) != 0)
				continue;
			number = strtoul(e->d_name + len, &end, 10);
			if (number <= VN_PORTS_MAX && end > e->d_name + len && !*end)
				there[number] = true;
		}
	if (!d)
		return;
	closedir(d);
	for (uint32_t i = 0; i <= VN_PORTS_MAX; i++)
		if (there[i])
			each(arg, i);
}
