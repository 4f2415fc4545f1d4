/* SPDX-License-Identifier: GPL-2.0-only */
#include "daemon/host_lock.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <base/util.h>

#include "exec/executor.h"

/* What the file says: the pid of the daemon that has or had the lock, and its runtime directory. */
struct owner {
	char pid[16], dir[256];
};

static void read_owner(int fd, struct owner *ret)
{
	char text[320] = "";
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	*ret = (struct owner){.pid = "?"};
	if (n > 0)
		sscanf(text, "%15[0-9] %255[^\n]", ret->pid, ret->dir);
}

static int write_owner(int fd, const char *runtime_dir)
{
	char text[320];
	int n = snprintf(text, sizeof(text), "%d %s\n", (int)getpid(), runtime_dir);

	if (n >= (int)sizeof(text))
		return -ENAMETOOLONG;
	return ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)n, 0) < 0 ? -errno : 0;
}

/* Of the process: what we fork may outlive us by a moment. Only root can open it, so that nobody else can hold it. */
static int open_locked(int *ret_fd)
{
	const struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	cleanup_close int fd = open(VN_HOST_LOCK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int r;

	if (fd < 0)
		return -errno;
	r = fcntl(fd, F_SETLK, &lock) < 0 ? -EWOULDBLOCK : 0;
	*ret_fd = take_fd(&fd);
	return r;
}

int vn_host_lock_take(struct vn_host_lock *l, const char *runtime_dir, struct vn_err *err)
{
	cleanup_close int fabric = -EBADF, fd = -EBADF;
	struct owner owner;
	int r = open_locked(&fd);

	if (fd < 0)
		return vn_err_kernel(err, -r, VN_HOST_LOCK ": %s", strerror(-r));
	read_owner(fd, &owner);
	if (r < 0)
		return vn_err_usage(err,
				    "another daemon (pid %s, --runtime-dir %s) has this host's " VN_FABRIC_NAME
				    ": there is one daemon a host: use that one, or end it first",
				    owner.pid, owner.dir);
	fabric = vn_netns_open(VN_FABRIC_NAME);
	if (fabric >= 0 && *owner.dir && strcmp(owner.dir, runtime_dir) != 0)
		return vn_err_usage(err,
				    VN_FABRIC_NAME
				    " belongs to the networks of --runtime-dir %s, whose daemon (pid %s) "
				    "has ended: start it with that, or delete them there first",
				    owner.dir, owner.pid);
	r = write_owner(fd, runtime_dir);
	if (r < 0)
		return vn_err_kernel(err, -r, VN_HOST_LOCK ": %s", strerror(-r));
	l->fd = take_fd(&fd);
	l->found = fabric >= 0;
	return 0;
}

void vn_host_lock_keep(struct vn_host_lock *l, const char *runtime_dir)
{
	struct stat ours, there;
	int fd = -EBADF;

	if (l->fd < 0 || fstat(l->fd, &ours) < 0 ||
	    (stat(VN_HOST_LOCK, &there) == 0 && there.st_ino == ours.st_ino && there.st_dev == ours.st_dev))
		return;
	if (open_locked(&fd) == 0 && write_owner(fd, runtime_dir) == 0) {
		vn_cleanup_close(&l->fd);
		l->fd = fd;
	} else {
		vn_cleanup_close(&fd);
	}
}

void vn_host_lock_release(struct vn_host_lock *l, bool gone)
{
	if (l->fd >= 0 && gone)
		unlink(VN_HOST_LOCK);
	vn_cleanup_close(&l->fd);
	l->fd = -EBADF;
}
