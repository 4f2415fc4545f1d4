// SPDX-License-Identifier: GPL-2.0-only
#include "runtime/image.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <base/util.h>

#include "base/beneath.h"
#include "model/container.h"
#include "runtime/shown.h"

#define ROOTFS "rootfs"
#define LOWER  "lower" /* layers of an overlay, mounted while it is put together */
#define HUGE   "huge"

static bool is_root(const struct vn_container_spec *s)
{
	return s->asked_by == 0;
}

/* What of @path is below directory @dir, as it is written: "" for the directory itself; NULL: it is not below. */
static const char *rest_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	while (len && dir[len - 1] == '/')
		len--;
	if (strncmp(path, dir, len) != 0 || (path[len] && path[len] != '/'))
		return NULL;
	return path + len + strspn(path + len, "/");
}

static int open_below(const struct vn_container_spec *s, const char *what, const char *path, struct vn_err *err)
{
	cleanup_free char *real = s->image_dir ? realpath(s->image_dir, NULL) : NULL;
	cleanup_close int dir = real ? open(real, O_PATH | O_DIRECTORY | O_CLOEXEC) : -EBADF;
	const char *rest = dir < 0 ? NULL : rest_below(path, s->image_dir) ?: rest_below(path, real);
	int fd = rest ? vn_beneath_open(dir, *rest ? rest : ".", O_PATH) : -EXDEV;

	if (fd == -EXDEV)
		return vn_err(err, VN_EXIT_DENIED, EACCES, "%s %s: only root gives containers files of the host%s%s",
			      what, path, s->image_dir ? ", others those below " : " (see daemon --image-dir)",
			      s->image_dir ?: "");
	if (fd == -ELOOP)
		return vn_err(
			err, VN_EXIT_DENIED, EACCES,
			"%s %s: a symbolic link is on the way, and those are followed for root alone: name what it "
			"leads to",
			what, path);
	return fd < 0 ? vn_err(err, VN_EXIT_USAGE, -fd, "%s %s: %s", what, path, strerror(-fd)) : fd;
}

/* An O_PATH descriptor of what the caller may have at @path. @what: for errors. */
static int image_open(const struct vn_container_spec *s, const char *what, const char *path, struct vn_err *err)
{
	int fd;

	if (!is_root(s))
		return open_below(s, what, path, err);
	fd = open(path, O_PATH | O_CLOEXEC);
	return fd < 0 ? vn_err(err, VN_EXIT_USAGE, errno, "%s %s: %s", what, path, strerror(errno)) : fd;
}

static int open_rootfs(const struct vn_container_spec *s, const char *path, struct vn_err *err)
{
	int fd = image_open(s, "rootfs", path, err);
	struct stat st;

	if (fd == -ENOENT && err && is_root(s)) {
		*err = (struct vn_err){0};
		return vn_err(err, VN_EXIT_USAGE, ENOENT,
			      "rootfs %s: %s: debootstrap makes one; scripts/image makes one with DPDK, and says where",
			      path, strerror(ENOENT));
	}
	if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISDIR(st.st_mode))) {
		close(fd);
		return vn_err(err, VN_EXIT_USAGE, ENOTDIR, "rootfs %s: not a directory", path);
	}
	return fd;
}

/* "/host:/guest[:rw]" */
static int open_source(const struct vn_container_spec *s, const char *text, bool *ret_rw, struct vn_err *err)
{
	const char *colon = strrchr(text, ':');
	char host[PATH_MAX];
	int fd;

	*ret_rw = colon && strcmp(colon, ":rw") == 0;
	snprintf(host, sizeof(host), "%.*s", (int)strcspn(text, ":"), text);
	fd = image_open(s, is_root(s) ? "mounts:" : "mount", host, err);
	if (fd < 0 || !*ret_rw || is_root(s))
		return fd;
	close(fd);
	return vn_err(err, VN_EXIT_DENIED, EACCES,
		      "mount %s: only root lets containers write to the host's files: leave `:rw` out", host);
}

int vn_image_check(const struct vn_container_spec *s, struct vn_err *err)
{
	const char *rootfs = json_string_value(json_object_get(s->o, "rootfs"));
	int fd = rootfs ? open_rootfs(s, rootfs, err) : -EBADF;
	json_t *w;
	size_t i;
	bool rw;

	if (rootfs && fd < 0)
		return fd;
	vn_cleanup_close(&fd);
	json_array_foreach (json_object_get(s->o, "mounts"), i, w) {
		fd = open_source(s, json_string_value(w), &rw, err);
		if (fd < 0)
			return fd;
		close(fd);
	}
	return 0;
}

static int mount_fd(const struct vn_container_spec *s, int fd, const char *name, uint64_t attr, bool owners,
		    struct vn_err *err)
{
	cleanup_close int tree = -EBADF;
	int r = vn_shown_tree(fd, s->users_fd, attr, AT_RECURSIVE, owners, &tree, err);

	return r < 0 ? r : vn_shown_attach(tree, name, err);
}

/* An overlay over what @fd names: what is written goes into memory of the container's own, and ends with it. */
static int mount_overlay(const struct vn_container_spec *s, int fd, struct vn_err *err)
{
	const long long memory = json_integer_value(json_object_get(s->o, "memory_bytes"));
	const bool writable = json_is_true(json_object_get(s->o, "writable"));
	int r = mount_fd(s, fd, LOWER, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, true, err);

	if (r == 0)
		r = vn_shown_overlay(LOWER, "", vn_shown_upper_bytes(writable, memory), ROOTFS, err);
	/* The overlay has it. */
	umount2(LOWER, MNT_DETACH);
	return r;
}

static int mount_rootfs(const struct vn_container_spec *s, struct vn_err *err)
{
	const char *path = json_string_value(json_object_get(s->o, "rootfs"));
	cleanup_close int fd = path ? open_rootfs(s, path, err) : -EBADF;
	struct vn_err why = {0};
	int r;

	if (!path || fd < 0)
		return path ? fd : 0;
	r = is_root(s) ? mount_fd(s, fd, ROOTFS, 0, true, &why) : mount_overlay(s, fd, &why);
	return r < 0 ? vn_err(err, why.exit, why.err, "rootfs %s: %s", path, why.text) : 0;
}

static int mount_sources(const struct vn_container_spec *s, struct vn_err *err)
{
	json_t *w;
	size_t i;

	json_array_foreach (json_object_get(s->o, "mounts"), i, w) {
		uint64_t attr = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
		struct vn_err why = {0};
		char name[32];
		bool rw = false;
		cleanup_close int fd = open_source(s, json_string_value(w), &rw, err);
		int r;

		if (fd < 0)
			return fd;
		snprintf(name, sizeof(name), "mnt%zu", i);
		r = mount_fd(s, fd, name, rw ? attr : attr | MOUNT_ATTR_RDONLY, rw, &why);
		if (r < 0)
			return vn_err(err, why.exit, why.err, "mounts: %s: %s", json_string_value(w), why.text);
	}
	return 0;
}

static int mount_hugepages(const struct vn_container_spec *s, struct vn_err *err)
{
	const json_int_t bytes = json_integer_value(json_object_get(s->o, "hugepages_bytes"));
	char options[96];

	if (!bytes)
		return 0;
	snprintf(options, sizeof(options), "pagesize=2M,mode=1777,size=%lld", (long long)bytes);
	if ((mkdir(HUGE, 0755) < 0 && errno != EEXIST) ||
	    mount("hugetlbfs", HUGE, "hugetlbfs", MS_NOSUID | MS_NODEV, options) < 0 ||
	    mount(NULL, HUGE, NULL, MS_PRIVATE, NULL) < 0)
		return vn_err_kernel(err, errno, "hugepages: hugetlbfs: %s", strerror(errno));
	return 0;
}

int vn_image_mount(const struct vn_container_spec *s, struct vn_err *err)
{
	/* Names in the container's directory, whatever its path: an overlay's options have words of their own. */
	cleanup_close int back = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (back < 0 || chdir(s->dir) < 0)
		return vn_err_kernel(err, errno, "%s: %s", s->dir, strerror(errno));
	r = mount_rootfs(s, err);
	if (r == 0)
		r = mount_sources(s, err);
	if (r == 0)
		r = mount_hugepages(s, err);
	if (fchdir(back) < 0 && r == 0)
		r = vn_err_kernel(err, errno, "working directory: %s", strerror(errno));
	return r;
}

static int unmount_one(int dir, const char *name, void *arg)
{
	const char *path = arg;
	char full[512 + NAME_MAX + 2];

	snprintf(full, sizeof(full), "%s/%s", path, name);
	if (strcmp(name, ROOTFS) == 0 || strcmp(name, LOWER) == 0 || strcmp(name, VN_SHOWN_UPPER) == 0 ||
	    strcmp(name, HUGE) == 0 || strncmp(name, "mnt", 3) == 0)
		while (umount2(full, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
			;
	return 0;
}

void vn_image_unmount(const char *path)
{
	cleanup_close int dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (dir >= 0)
		vn_beneath_list(dir, unmount_one, (void *)path);
}

void vn_image_rootfs_path(const struct vn_container_spec *s, char path[512])
{
	snprintf(path, 512, "%s/" ROOTFS, s->dir);
}

void vn_image_hugepages_path(const struct vn_container_spec *s, char path[512])
{
	snprintf(path, 512, "%s/" HUGE, s->dir);
}

void vn_image_source_path(const struct vn_container_spec *s, size_t mount, char path[512])
{
	snprintf(path, 512, "%s/mnt%zu", s->dir, mount);
}
