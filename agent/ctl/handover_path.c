// SPDX-License-Identifier: GPL-2.0-only
#include "ctl/handover_path.h"

#include <fcntl.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <vnet/util.h>

#include "ctl/handover.h"

#define BACKLOG 8

int vn_handover_path(const struct vn_daemon *d, char *buf, size_t size, const char *fmt, ...)
{
	int n = snprintf(buf, size, "%s/", d->opts.runtime_dir);
	va_list ap;

	if (n < 0 || (size_t)n >= size)
		return -ENAMETOOLONG;
	va_start(ap, fmt);
	n += vsnprintf(buf + n, size - (size_t)n, fmt, ap);
	va_end(ap);
	return (size_t)n < size ? 0 : -ENAMETOOLONG;
}

static int make_dir(const char *path, mode_t mode)
{
	if (mkdir(path, mode) < 0 && errno != EEXIST)
		return -errno;
	return 0;
}

/* RUNTIME/ports is closed to everybody, the rest open to whom it is mounted for. */
int vn_handover_make_dirs(const struct vn_daemon *d, const char *key, char *path, size_t size)
{
	int r = vn_handover_path(d, path, size, VN_HANDOVER_PORTS "/%s", key);
	char *at = path + strlen(d->opts.runtime_dir) + strlen("/" VN_HANDOVER_PORTS);
	mode_t mode = 0700;

	while (r == 0 && at) {
		*at = '\0';
		r = make_dir(path, mode);
		*at = '/';
		mode = 0755;
		at = strchr(at + 1, '/');
	}
	return r == 0 ? make_dir(path, mode) : r;
}

void vn_handover_remove_dirs(const struct vn_daemon *d, const char *key)
{
	char path[512], file[sizeof(path) + sizeof(VN_HANDOVER_SOCK) + 1];
	const size_t root = strlen(d->opts.runtime_dir) + strlen("/" VN_HANDOVER_PORTS);

	if (vn_handover_path(d, path, sizeof(path), VN_HANDOVER_PORTS "/%s", key) < 0)
		return;
	snprintf(file, sizeof(file), "%s/" VN_HANDOVER_SOCK, path);
	unlink(file);
	for (;;) {
		if (rmdir(path) < 0 || strlen(path) <= root)
			return;
		*strrchr(path, '/') = '\0';
	}
}

int vn_handover_owner_path(const struct vn_daemon *d, uint32_t number, char *buf, size_t size)
{
	return vn_handover_path(d, buf, size, VN_HANDOVER_OWNERS "/%u", number);
}

/* Relative to its directory, since a socket's path is short and names are long; with its mode from the first moment. */
int vn_handover_bind(const char *dir, int *ret_fd)
{
	cleanup_close int dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	cleanup_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	mode_t mask;
	int r;

	if (dir_fd < 0 || fd < 0)
		return -errno;
	unlinkat(dir_fd, VN_HANDOVER_SOCK, 0);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d/" VN_HANDOVER_SOCK, dir_fd);
	fchmod(fd, 0666);
	mask = umask(0);
	r = bind(fd, (struct sockaddr *)&addr, sizeof(addr));
	r = r < 0 ? -errno : 0;
	umask(mask);
	if (r < 0)
		return r;
	if (listen(fd, BACKLOG) < 0)
		return -errno;
	*ret_fd = take_fd(&fd);
	return 0;
}

const char *vn_handover_key(char *buf, const char *topo, const char *node, const char *ifname)
{
	snprintf(buf, VN_HANDOVER_KEY, "%s/%s/%s", topo, node, ifname);
	return buf;
}

void vn_handover_wipe(struct vn_daemon *d)
{
	static const char *const dirs[] = {VN_HANDOVER_OWNERS, VN_HANDOVER_PORTS};
	char path[512];

	for (size_t i = 0; i < VN_ARRAY_SIZE(dirs); i++)
		if (vn_handover_path(d, path, sizeof(path), "%s", dirs[i]) == 0)
			rmdir(path);
}
