// SPDX-License-Identifier: GPL-2.0-only
#include "lease/handover_path.h"

#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <base/util.h>

#include "base/log.h"
#include "base/fdpass.h"
#include "lease/handover.h"
#include "base/beneath.h"

#define BACKLOG 8
#define LEVELS  3 /* of directories below RUNTIME/ports: topology, node, interface */

int vn_handover_path(const struct vn_handover *h, char *buf, size_t size, const char *fmt, ...)
{
	int n = snprintf(buf, size, "%s/", h->runtime_dir);
	va_list ap;

	if (n < 0 || (size_t)n >= size)
		return -ENAMETOOLONG;
	va_start(ap, fmt);
	n += vsnprintf(buf + n, size - (size_t)n, fmt, ap);
	va_end(ap);
	return (size_t)n < size ? 0 : -ENAMETOOLONG;
}

int vn_handover_owner_path(const struct vn_handover *h, uint32_t number, char *buf, size_t size)
{
	return vn_handover_path(h, buf, size, VN_HANDOVER_OWNERS "/%u", number);
}

const char *vn_handover_key(char *buf, const char *topo, const char *node, const char *ifname)
{
	snprintf(buf, VN_HANDOVER_KEY, "%s/%s/%s", topo, node, ifname);
	return buf;
}

void vn_handover_sock_path(const struct vn_handover *h, const char *key, uint32_t number,
			   char buf[sizeof(((struct sockaddr_un *)NULL)->sun_path)])
{
	const size_t size = sizeof(((struct sockaddr_un *)NULL)->sun_path);

	if (vn_handover_path(h, buf, size, VN_HANDOVER_PORTS "/%s/" VN_HANDOVER_SOCK, key) < 0)
		vn_handover_path(h, buf, size, VN_HANDOVER_BY_NUMBER "/%u/" VN_HANDOVER_SOCK, number);
}

static int open_runtime_dir(const struct vn_handover *h)
{
	int fd = open(h->runtime_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* RUNTIME/ports is closed to everybody, the rest open to whom it is mounted for. A descriptor of @key's directory. */
static int make_dirs(const struct vn_handover *h, const char *key)
{
	cleanup_close int top = open_runtime_dir(h);
	int at = top < 0 ? top : vn_beneath_make_dir(top, VN_HANDOVER_PORTS, 0700);

	for (size_t len; at >= 0 && *key; key += len + (key[len] == '/')) {
		cleanup_close int above = at;
		char name[VN_NAME_MAX + 1];

		len = strcspn(key, "/");
		snprintf(name, sizeof(name), "%.*s", (int)len, key);
		at = vn_beneath_make_dir(above, name, 0755);
	}
	return at;
}

static bool is_long(const struct vn_handover *h, const char *key)
{
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];

	return vn_handover_path(h, path, sizeof(path), VN_HANDOVER_PORTS "/%s/" VN_HANDOVER_SOCK, key) < 0;
}

static int make_link(const struct vn_handover *h, const char *key, uint32_t number)
{
	cleanup_close int top = open_runtime_dir(h);
	cleanup_close int dir = top < 0 ? top : vn_beneath_make_dir(top, VN_HANDOVER_BY_NUMBER, 0700);
	char name[16], target[VN_HANDOVER_KEY + sizeof("../" VN_HANDOVER_PORTS "/")];
	int r = dir;

	snprintf(name, sizeof(name), "%u", number);
	snprintf(target, sizeof(target), "../" VN_HANDOVER_PORTS "/%s", key);
	if (r >= 0)
		r = vn_beneath_remove(dir, name);
	if (r < 0)
		return r;
	return symlinkat(target, dir, name) < 0 ? -errno : 0;
}

/* Relative to its directory, since a socket's path is short and names are long; with its mode from the first moment. */
static int bind_in(int dir, bool refuse, int *ret_fd)
{
	cleanup_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	mode_t mask;
	int r;

	if (fd < 0)
		return -errno;
	r = vn_beneath_remove(dir, VN_HANDOVER_SOCK);
	if (r < 0)
		return r;
	snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d/" VN_HANDOVER_SOCK, dir);
	fchmod(fd, 0666);
	mask = umask(0);
	r = bind(fd, (struct sockaddr *)&addr, sizeof(addr));
	r = r < 0 ? -errno : 0;
	umask(mask);
	if (r < 0)
		return r;
	if (refuse)
		vn_pass_refuse(fd); /* before Linux 6.16 the connections are looked at */
	if (listen(fd, BACKLOG) < 0)
		return -errno;
	*ret_fd = take_fd(&fd);
	return 0;
}

int vn_handover_bind(const struct vn_handover *h, const char *key, uint32_t number, bool refuse, int *ret_fd)
{
	cleanup_close int dir = make_dirs(h, key);
	int r = dir < 0 ? dir : bind_in(dir, refuse, ret_fd);

	return r == 0 && is_long(h, key) ? make_link(h, key, number) : r;
}

/* RUNTIME/ports/@key with all in it; then upwards what is empty. @at is consumed. */
static int remove_key(int at, const char *key)
{
	cleanup_close int dir = at;
	const char *slash = strchr(key, '/');
	char name[VN_NAME_MAX + 1];
	int below, r;

	if (!slash)
		return vn_beneath_remove(dir, key);
	snprintf(name, sizeof(name), "%.*s", (int)(slash - key), key);
	below = vn_beneath_open(dir, name, O_PATH | O_DIRECTORY);
	r = below == -ENOENT ? 0 : below < 0 ? below : remove_key(below, slash + 1);
	if (r == 0 && unlinkat(dir, name, AT_REMOVEDIR) < 0 && errno != ENOTEMPTY && errno != ENOENT)
		r = -errno;
	return r;
}

int vn_handover_unbind(const struct vn_handover *h, const char *key, uint32_t number)
{
	cleanup_close int top = open_runtime_dir(h);
	int ports = top < 0 ? top : vn_beneath_open(top, VN_HANDOVER_PORTS, O_PATH | O_DIRECTORY), r;
	char link[32];

	if (top < 0)
		return top;
	r = ports == -ENOENT ? 0 : ports < 0 ? ports : remove_key(ports, key);
	unlinkat(top, VN_HANDOVER_PORTS, AT_REMOVEDIR);
	snprintf(link, sizeof(link), VN_HANDOVER_BY_NUMBER "/%u", number);
	if (is_long(h, key) && unlinkat(top, link, 0) < 0 && errno != ENOENT)
		r = r ?: -errno;
	unlinkat(top, VN_HANDOVER_BY_NUMBER, AT_REMOVEDIR);
	return r;
}

struct sweep {
	struct vn_handover *h;
	const char *where;                    /* "ports/x/a", for the log */
	char key[VN_HANDOVER_KEY + NAME_MAX]; /* "x/a"; "" at the top */
	int level;
};

static void drop(const struct sweep *s, int dir, const char *name)
{
	int r = vn_beneath_remove(dir, name);

	if (r < 0)
		vn_log("%s/%s: belongs to no port, and cannot be removed: %s", s->where, name, strerror(-r));
	else
		vn_log("%s/%s: belongs to no port: removed", s->where, name);
}

/* In a port's own directory there is its socket and nothing else. */
static int sweep_port(int dir, const char *name, void *arg)
{
	if (strcmp(name, VN_HANDOVER_SOCK) != 0)
		drop(arg, dir, name);
	return 0;
}

static int sweep_level(int dir, const char *name, void *arg)
{
	const struct sweep *above = arg;
	struct sweep s = {.h = above->h, .level = above->level + 1};
	cleanup_close int fd = vn_beneath_open(dir, name, O_PATH | O_DIRECTORY);
	char where[sizeof(s.key) + sizeof(VN_HANDOVER_PORTS)];

	if (fd >= 0 &&
	    snprintf(s.key, sizeof(s.key), "%s%s%s", above->key, *above->key ? "/" : "", name) >= (int)sizeof(s.key)) {
		drop(above, dir, name);
		return 0;
	}
	snprintf(where, sizeof(where), VN_HANDOVER_PORTS "/%s", s.key);
	s.where = where;
	if (fd < 0 || (s.level == LEVELS && !vn_handover_has(s.h, s.key))) {
		drop(above, dir, name);
		return 0;
	}
	vn_beneath_list(fd, s.level == LEVELS ? sweep_port : sweep_level, &s);
	if (s.level < LEVELS)
		unlinkat(dir, name, AT_REMOVEDIR); /* when nothing is left in it */
	return 0;
}

static int sweep_number(int dir, const char *name, void *arg)
{
	const struct sweep *s = arg;
	unsigned int number;
	char exact[16] = "";

	if (sscanf(name, "%u", &number) == 1)
		snprintf(exact, sizeof(exact), "%u", number);
	if (strcmp(exact, name) != 0 || !vn_handover_has_number(s->h, number))
		drop(s, dir, name);
	return 0;
}

void vn_handover_sweep(struct vn_handover *h)
{
	static const char *const by_number[] = {VN_HANDOVER_BY_NUMBER, VN_HANDOVER_OWNERS};
	cleanup_close int top = open_runtime_dir(h);
	cleanup_close int ports = top < 0 ? top : vn_beneath_open(top, VN_HANDOVER_PORTS, O_PATH | O_DIRECTORY);
	struct sweep s = {.h = h, .where = VN_HANDOVER_PORTS};

	if (top < 0)
		return;
	if (ports >= 0)
		vn_beneath_list(ports, sweep_level, &s);
	unlinkat(top, VN_HANDOVER_PORTS, AT_REMOVEDIR); /* when nothing is left in it */
	for (size_t i = 0; i < VN_ARRAY_SIZE(by_number); i++) {
		cleanup_close int dir = vn_beneath_open(top, by_number[i], O_PATH | O_DIRECTORY);

		s.where = by_number[i];
		if (dir >= 0)
			vn_beneath_list(dir, sweep_number, &s);
	}
}

void vn_handover_wipe(struct vn_handover *h)
{
	static const char *const dirs[] = {VN_HANDOVER_OWNERS, VN_HANDOVER_BY_NUMBER, VN_HANDOVER_PORTS};
	cleanup_close int top = open_runtime_dir(h);

	for (size_t i = 0; top >= 0 && i < VN_ARRAY_SIZE(dirs); i++)
		unlinkat(top, dirs[i], AT_REMOVEDIR);
}
