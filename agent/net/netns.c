/* SPDX-License-Identifier: GPL-2.0-only */
#include "net/netns.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <base/util.h>

#include "net/node_userns.h"

#define PATH_BYTES (sizeof(VN_NETNS_DIR) + VN_NETNS_NAME_MAX)

int vn_netns_self(void)
{
	int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int vn_netns_enter(int fd)
{
	return setns(fd, CLONE_NEWNET) < 0 ? -errno : 0;
}

void vn_netns_leave(int host_fd)
{
	if (setns(host_fd, CLONE_NEWNET) == 0)
		return;
	fprintf(stderr, "cannot return to the host's network namespace: %s\n", strerror(errno));
	abort();
}

static int netns_path(char path[PATH_BYTES], const char *name)
{
	return snprintf(path, PATH_BYTES, "%s/%s", VN_NETNS_DIR, name) < (int)PATH_BYTES ? 0 : -ENAMETOOLONG;
}

/* Made like iproute2 does, under the same lock, so that either may come first. */
int vn_netns_setup(struct vn_err *err)
{
	cleanup_close int dir = -EBADF;
	bool bound = false;

	if (mkdir(VN_NETNS_DIR, 0755) < 0 && errno != EEXIST)
		return vn_err_kernel(err, errno, "mkdir %s: %s", VN_NETNS_DIR, strerror(errno));
	dir = open(VN_NETNS_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || flock(dir, LOCK_EX) < 0)
		return vn_err_kernel(err, errno, "%s: %s", VN_NETNS_DIR, strerror(errno));
	while (mount("", VN_NETNS_DIR, "none", MS_SHARED | MS_REC, NULL) < 0) {
		if (errno != EINVAL || bound)
			return vn_err_kernel(err, errno, "making %s a shared mount: %s", VN_NETNS_DIR, strerror(errno));
		if (mount(VN_NETNS_DIR, VN_NETNS_DIR, "none", MS_BIND | MS_REC, NULL) < 0)
			return vn_err_kernel(err, errno, "binding %s: %s", VN_NETNS_DIR, strerror(errno));
		bound = true;
	}
	return 0;
}

int vn_netns_open(const char *name)
{
	cleanup_close int fd = -EBADF;
	char path[PATH_BYTES];
	struct statfs fs;

	if (netns_path(path, name) < 0)
		return -ENAMETOOLONG;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstatfs(fd, &fs) < 0)
		return -errno;
	return fs.f_type == NSFS_MAGIC ? take_fd(&fd) : -ENOENT;
}

/* The file that the namespace will be bound on. One that is there, but no namespace, was left by a crash of ours. */
static int make_file(const char *path, const char *name, struct vn_err *err)
{
	int fd = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0);

	if (fd < 0 && errno == EEXIST) {
		cleanup_close int there = vn_netns_open(name);

		if (there != -ENOENT)
			return vn_err(err, VN_EXIT_KERNEL, EEXIST,
				      "namespace %s exists already and is not this topology's: `ip netns del %s`, or "
				      "choose another name",
				      name, name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	if (fd < 0)
		return vn_err_kernel(err, errno, "%s: %s", path, strerror(errno));
	close(fd);
	return 0;
}

static int enter_new(enum vn_netns_owner owner, struct vn_err *err)
{
	cleanup_close int fd = -EBADF;
	int r;

	if (owner == VN_NETNS_MACHINE)
		return unshare(CLONE_NEWNET) < 0 ? -errno : 0;
	r = vn_userns_netns(&fd, err);
	return r < 0 ? r : vn_netns_enter(fd);
}

int vn_netns_create(int host_fd, const char *name, enum vn_netns_owner owner,
		    int (*inside)(void *arg, struct vn_err *err), void *arg, struct vn_err *err)
{
	struct vn_err why = {0};
	char path[PATH_BYTES];
	int r = netns_path(path, name);

	if (r == 0)
		r = make_file(path, name, err);
	if (r < 0)
		return r;
	r = enter_new(owner, &why);
	if (r < 0) {
		vn_err_kernel(err, -r, "namespace %s: %s", name, *why.text ? why.text : strerror(-r));
		unlink(path);
		return r;
	}
	if (inside)
		r = inside(arg, err);
	if (r == 0 && mount("/proc/thread-self/ns/net", path, "none", MS_BIND, NULL) < 0)
		r = vn_err_kernel(err, errno, "namespace %s: binding it: %s", name, strerror(errno));
	vn_netns_leave(host_fd);
	if (r < 0)
		unlink(path);
	return r;
}

int vn_netns_bind(int fd, const char *name, struct vn_err *err)
{
	char path[PATH_BYTES], from[32];
	int r = netns_path(path, name);

	if (r == 0)
		r = make_file(path, name, err);
	if (r < 0)
		return r;
	snprintf(from, sizeof(from), "/proc/self/fd/%d", fd);
	if (mount(from, path, "none", MS_BIND, NULL) < 0) {
		r = vn_err_kernel(err, errno, "namespace %s: binding it: %s", name, strerror(errno));
		unlink(path);
	}
	return r;
}

bool vn_netns_same(int a, int b)
{
	struct stat x, y;

	return a >= 0 && b >= 0 && fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
}

int vn_netns_delete(const char *name, struct vn_err *err)
{
	char path[PATH_BYTES];
	int r = netns_path(path, name);

	if (r < 0)
		return r;
	if (umount2(path, MNT_DETACH) < 0 && errno != EINVAL && errno != ENOENT)
		return vn_err_kernel(err, errno, "namespace %s: umount: %s", name, strerror(errno));
	if (unlink(path) < 0 && errno != ENOENT)
		return vn_err_kernel(err, errno, "namespace %s: unlink: %s", name, strerror(errno));
	return 0;
}

#define PROC_VISITS 32u /* namespaces by one mount: a mount costs as much as two or three of them */

void vn_proc_visit(struct vn_proc *p)
{
	cleanup_close int fs = -EBADF;

	if (p->visits++ % PROC_VISITS)
		return;
	vn_cleanup_close(&p->fd);
	p->fd = -EBADF;
	fs = fsopen("proc", FSOPEN_CLOEXEC);
	if (fs >= 0 && fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
		p->fd = fsmount(fs, FSMOUNT_CLOEXEC, 0);
}

void vn_proc_release(struct vn_proc *p)
{
	vn_cleanup_close(&p->fd);
	p->fd = -EBADF;
}

void vn_sysctl_read(const char *path, char *buf, size_t size)
{
	cleanup_close int fd = -EBADF;
	char full[128];
	ssize_t n = -1;

	if (snprintf(full, sizeof(full), "/proc/sys/net/%s", path) < (int)sizeof(full))
		fd = open(full, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		n = read(fd, buf, size - 1);
	buf[n > 0 ? n : 0] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
}

int vn_sysctl_write(const struct vn_proc *p, const char *path, const char *value, struct vn_err *err)
{
	cleanup_close int fd = -EBADF;
	char full[128];

	if (snprintf(full, sizeof(full), "%ssys/net/%s", p->fd >= 0 ? "" : "/proc/", path) >= (int)sizeof(full))
		return -ENAMETOOLONG;
	fd = openat(p->fd, full, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		return vn_err_kernel(err, errno, "sysctl %s = %s: %s", path, value, strerror(errno));
	return 0;
}
