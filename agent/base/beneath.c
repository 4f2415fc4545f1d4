// SPDX-License-Identifier: GPL-2.0-only
#include "base/beneath.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <base/util.h>

#define REMOVE_DEPTH 64 /* of directories in one another: nobody needs more, and each is a stack frame */

static int open_how(int dir, const char *path, int flags, uint64_t more)
{
	struct open_how how = {.flags = (uint64_t)(flags | O_CLOEXEC),
			       .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | more};
	long fd;

	/* EAGAIN: something was renamed meanwhile and the kernel cannot tell whether the path led out. */
	for (int i = 0; i < 32; i++) {
		fd = syscall(SYS_openat2, dir, path, &how, sizeof(how));
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			break;
	}
	return fd < 0 ? -errno : (int)fd;
}

int vn_beneath_open(int dir, const char *path, int flags)
{
	return open_how(dir, path, flags ?: O_PATH, 0);
}

int vn_beneath_make_dir(int dir, const char *name, mode_t mode)
{
	int fd = -EEXIST, r;

	for (int i = 0; i < 2; i++) {
		if (mkdirat(dir, name, mode) < 0 && errno != EEXIST)
			return -errno;
		fd = vn_beneath_open(dir, name, O_PATH | O_DIRECTORY);
		if (fd != -ENOTDIR && fd != -ELOOP)
			break;
		r = vn_beneath_remove(dir, name);
		if (r < 0)
			return r;
	}
	return fd;
}

int vn_beneath_list(int dir, int (*each)(int dir, const char *name, void *arg), void *arg)
{
	int fd = open_how(dir, ".", O_RDONLY | O_DIRECTORY, 0), r = 0;
	struct dirent *e;
	DIR *list;

	if (fd < 0)
		return fd;
	list = fdopendir(fd);
	if (!list) {
		r = -errno;
		close(fd);
		return r;
	}
	while (r >= 0 && (errno = 0, e = readdir(list)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			r = each(dir, e->d_name, arg);
	closedir(list);
	return r < 0 ? r : 0;
}

static int remove_deep(int dir, const char *name, int depth);

struct removal {
	int depth, first;
};

static int remove_entry(int dir, const char *name, void *arg)
{
	struct removal *m = arg;
	int r = remove_deep(dir, name, m->depth);

	m->first = m->first ?: r;
	return 0;
}

static int remove_deep(int dir, const char *name, int depth)
{
	struct removal inside = {.depth = depth + 1};
	cleanup_close int fd = -EBADF;

	if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	if (depth == REMOVE_DEPTH)
		return -ELOOP;
	fd = open_how(dir, name, O_PATH | O_DIRECTORY, RESOLVE_NO_XDEV);
	if (fd < 0)
		return fd;
	vn_beneath_list(fd, remove_entry, &inside);
	if (unlinkat(dir, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	return inside.first ?: -errno;
}

int vn_beneath_remove(int dir, const char *name)
{
	return remove_deep(dir, name, 0);
}
