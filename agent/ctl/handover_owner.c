/* SPDX-License-Identifier: GPL-2.0-only */
#include "ctl/handover_owner.h"

#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <vnet/util.h>

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* Linux 6.5 */
#endif

static int proc_read(pid_t pid, const char *file, char *buf, size_t size)
{
	char path[64];
	cleanup_close int fd = -EBADF;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, buf, size - 1);
	if (n < 0)
		return -errno;
	buf[n] = '\0';
	return 0;
}

/* Field 22 of /proc/PID/stat, in clock ticks since boot; the name before it may hold anything, parentheses included. */
static int start_ticks(pid_t pid, uint64_t *ret_ticks)
{
	unsigned long long ticks;
	char buf[1024], *at;
	int r = proc_read(pid, "stat", buf, sizeof(buf));

	if (r < 0)
		return r;
	at = strrchr(buf, ')');
	if (!at || sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
			  &ticks) != 1)
		return -EBADMSG;
	*ret_ticks = ticks;
	return 0;
}

/* The name a process gives itself: printable, or not told. */
static void read_comm(pid_t pid, char comm[16])
{
	char buf[32] = "";

	proc_read(pid, "comm", buf, sizeof(buf));
	buf[strcspn(buf, "\n")] = '\0';
	for (size_t i = 0; buf[i]; i++)
		if (buf[i] < ' ' || buf[i] > '~')
			buf[i] = '?';
	snprintf(comm, 16, "%.15s", buf);
}

int vn_owner_of_peer(int fd, struct vn_owner *ret_owner)
{
	struct vn_owner o = VN_OWNER_NONE;
	struct timespec now;
	struct ucred cred;
	socklen_t len = sizeof(cred);
	int pidfd;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return -errno;
	if (cred.pid <= 0)
		return -ESRCH; /* from beyond our PID namespace */
	len = sizeof(pidfd);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &len) == 0)
		o.pidfd = pidfd;
	else if (errno == ENOPROTOOPT) /* before Linux 6.5: by number, which the peer keeps while it waits for us */
		o.pidfd = (int)syscall(SYS_pidfd_open, cred.pid, 0);
	if (o.pidfd < 0)
		return -ESRCH;
	fcntl(o.pidfd, F_SETFD, FD_CLOEXEC);
	o.pid = cred.pid;
	o.uid = cred.uid;
	o.gid = cred.gid;
	read_comm(o.pid, o.comm);
	clock_gettime(CLOCK_REALTIME, &now);
	o.since_ns = (uint64_t)now.tv_sec * VN_NSEC_PER_SEC + (uint64_t)now.tv_nsec;
	*ret_owner = o;
	return 0;
}

void vn_owner_release(struct vn_owner *o)
{
	vn_cleanup_close(&o->pidfd);
	*o = (struct vn_owner)VN_OWNER_NONE;
}

bool vn_owner_alive(const struct vn_owner *o)
{
	struct pollfd p = {.fd = o->pidfd, .events = POLLIN};

	return o->pidfd >= 0 && poll(&p, 1, 0) == 0;
}

int vn_owner_save(const struct vn_owner *o, const char *path)
{
	uint64_t start = 0;
	json_t *content;
	char tmp[512];
	int r = start_ticks(o->pid, &start);

	if (r < 0)
		return r;
	if (snprintf(tmp, sizeof(tmp), "%s.new", path) >= (int)sizeof(tmp))
		return -ENAMETOOLONG;
	content = json_pack("{s:I, s:I, s:I, s:I, s:s, s:s, s:I}", "pid", (json_int_t)o->pid, "start_ticks",
			    (json_int_t)start, "uid", (json_int_t)o->uid, "gid", (json_int_t)o->gid, "comm", o->comm,
			    "host", o->host, "since_ns", (json_int_t)o->since_ns);
	r = content ? json_dump_file(content, tmp, JSON_COMPACT) : -1;
	json_decref(content);
	if (r < 0)
		return -EIO;
	return rename(tmp, path) < 0 ? -errno : 0;
}

int vn_owner_load(const char *path, struct vn_owner *ret_owner)
{
	struct vn_owner o = VN_OWNER_NONE;
	json_int_t pid, start, uid, gid, since;
	json_t *content = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
	const char *comm, *host;
	uint64_t now = 0;
	int r = -EBADMSG;

	if (!content)
		return -ENOENT;
	if (json_unpack(content, "{s:I, s:I, s:I, s:I, s:s, s:s, s:I}", "pid", &pid, "start_ticks", &start, "uid", &uid,
			"gid", &gid, "comm", &comm, "host", &host, "since_ns", &since) == 0) {
		o.pid = (pid_t)pid;
		o.uid = (uid_t)uid;
		o.gid = (gid_t)gid;
		o.since_ns = (uint64_t)since;
		snprintf(o.comm, sizeof(o.comm), "%s", comm);
		snprintf(o.host, sizeof(o.host), "%s", host);
		/* The pidfd first: a number that is taken again between the two looks is not taken for the old process.
		 */
		o.pidfd = (int)syscall(SYS_pidfd_open, o.pid, 0);
		r = o.pidfd >= 0 && start_ticks(o.pid, &now) == 0 && now == (uint64_t)start && vn_owner_alive(&o)
			    ? 0
			    : -ESRCH;
	}
	json_decref(content);
	if (r < 0)
		vn_owner_release(&o);
	else
		*ret_owner = o;
	return r;
}
