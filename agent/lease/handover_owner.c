/* SPDX-License-Identifier: GPL-2.0-only */
#include "lease/handover_owner.h"

#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <base/util.h>

#include "base/atomic_file.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* Linux 6.5 */
#endif

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
	vn_process_comm(o.pid, o.comm);
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
	unsigned long long start = 0;
	int r = vn_process_start(o->pid, &start);

	if (r < 0)
		return r;
	return vn_record_json(path,
			      json_pack("{s:I, s:I, s:I, s:I, s:s, s:s, s:I}", "pid", (json_int_t)o->pid, "start_ticks",
					(json_int_t)start, "uid", (json_int_t)o->uid, "gid", (json_int_t)o->gid, "comm",
					o->comm, "host", o->host, "since_ns", (json_int_t)o->since_ns),
			      NULL);
}

int vn_owner_load(const char *path, struct vn_owner *ret_owner)
{
	struct vn_owner o = VN_OWNER_NONE;
	json_int_t pid, start, uid, gid, since;
	json_t *content = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
	const char *comm, *host;
	unsigned long long now = 0;
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
		r = o.pidfd >= 0 && vn_process_start(o.pid, &now) == 0 && now == (unsigned long long)start &&
				    vn_owner_alive(&o)
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
