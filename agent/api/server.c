/* SPDX-License-Identifier: GPL-2.0-only */
#include "api/server.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <uthash.h>
#include <base/util.h>

#include "base/fdpass.h"

#define FILLED_LITTLE     (256u << 10) /* of a connection: not worth a look at the sum */
#define ASIDE_NICE        10
#define LOOKERS_A_TURN    16
#define VN_SERVER_TICK_NS (100 * VN_NSEC_PER_MSEC)

/* What looking cost lately, of the loop's time. */
struct vn_uid_time {
	uid_t uid;
	uint64_t used_ns;
	UT_hash_handle hh;
};

static bool has_output(const struct vn_conn *c)
{
	return c->out_len > c->out_done;
}

static uint32_t wanted_events(const struct vn_conn *c)
{
	if (has_output(c))
		return EPOLLOUT;
	/* A connection whose request waits or is in work, or who does not take its answers, is not read from. */
	if (c->waiting || c->paused || c->slow || c->child.fd >= 0)
		return 0;
	/* The next request is there already: it gets its turn like what comes from others, by being writable. */
	return c->more_in ? EPOLLOUT : EPOLLIN;
}

static size_t memory_of(const struct vn_conn *c)
{
	return c->in.size + c->out_len;
}

static void conn_kill(struct vn_conn *c)
{
	if (c->dead)
		return;
	c->dead = true;
	if (c->child.fd >= 0)
		kill(c->child_pid, SIGKILL);
	/* Its place is free at once: while a plan is executed nobody is reaped. */
	c->server->listeners[c->observe].n_conns--;
	vn_loop_remove(c->server->loop, &c->source);
	if (c->passing == VN_PASSING_RELAYED)
		vn_cleanup_close(&c->source.fd);
	else
		vn_receiver_release(c->server->receiver, &c->source.fd);
	c->source.fd = -EBADF;
}

static void conn_flush(struct vn_conn *c)
{
	while (!c->dead && has_output(c)) {
		ssize_t n =
			send(c->source.fd, c->out + c->out_done, c->out_len - c->out_done, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			conn_kill(c);
			return;
		}
		c->out_done += (size_t)n;
		c->begun_ns = c->active_ns = vn_now_ns();
	}
	if (c->dead)
		return;
	if (c->out_done == c->out_len) {
		free(c->out);
		c->out = NULL;
		c->out_len = c->out_done = 0;
		c->begun_ns = c->in.len && !c->more_in ? vn_now_ns() : 0;
	}
	vn_loop_modify(c->server->loop, &c->source, wanted_events(c));
}

static void conn_send(struct vn_conn *c, const json_t *msg)
{
	cleanup_free char *text = NULL;
	size_t len = 0;
	char *out;

	if (c->dead)
		return;
	text = vn_wire_encode(msg, &len);
	if (!text || c->out_len - c->out_done + len > VN_CONN_OUT_MAX + (c->monitor ? 0 : VN_WIRE_REPLY_MAX)) {
		conn_kill(c);
		return;
	}
	if (c->out_done) {
		memmove(c->out, c->out + c->out_done, c->out_len - c->out_done);
		c->out_len -= c->out_done;
		c->out_done = 0;
	}
	out = realloc(c->out, c->out_len + len);
	if (!out) {
		conn_kill(c);
		return;
	}
	if (!c->out_len)
		c->begun_ns = vn_now_ns();
	memcpy(out + c->out_len, text, len);
	c->out = out;
	c->out_len += len;
	conn_flush(c);
}

void vn_conn_reply(struct vn_conn *c, json_t *parameters, bool continues)
{
	json_t *msg;

	if (c->oneway) {
		json_decref(parameters);
		return;
	}
	msg = json_pack("{s:o}", "parameters", parameters);
	if (msg && continues)
		json_object_set_new(msg, "continues", json_true());
	conn_send(c, msg);
	json_decref(msg);
}

void vn_conn_error(struct vn_conn *c, const struct vn_err *err)
{
	json_t *msg = c->oneway ? NULL : vn_wire_error(err);

	if (msg)
		conn_send(c, msg);
	json_decref(msg);
}

void vn_server_event(struct vn_server *s, const json_t *event)
{
	json_t *msg = json_pack("{s:O, s:b}", "parameters", event, "continues", 1);

	for (struct vn_conn *c = s->conns; c; c = c->next)
		if (c->monitor)
			conn_send(c, msg);
	json_decref(msg);
}

/* @c's user looked for @ns: too much, and all its looking waits. */
static void account(struct vn_conn *c, uint64_t ns)
{
	struct vn_server *s = c->server;
	struct vn_uid_time *t;

	if (!c->observe || c->uid == 0)
		return;
	HASH_FIND(hh, s->times, &c->uid, sizeof(c->uid), t);
	if (!t) {
		t = calloc(1, sizeof(*t));
		if (!t)
			return;
		t->uid = c->uid;
		HASH_ADD(hh, s->times, uid, sizeof(t->uid), t);
	}
	t->used_ns += ns;
	for (struct vn_conn *o = s->conns; o && t->used_ns > VN_UID_TIME_NS; o = o->next)
		if (o->observe && o->uid == c->uid && !o->slow && !o->dead) {
			o->slow = true;
			vn_loop_modify(s->loop, &o->source, wanted_events(o));
		}
}

static void times_tick(struct vn_server *s, uint64_t passed_ns)
{
	struct vn_uid_time *t, *next;

	HASH_ITER (hh, s->times, t, next) {
		t->used_ns -= VN_MIN(t->used_ns, passed_ns / VN_UID_TIME_SHARE);
		for (struct vn_conn *c = s->conns; c && t->used_ns <= VN_UID_TIME_NS; c = c->next)
			if (c->slow && c->uid == t->uid && !c->dead) {
				c->slow = false;
				vn_loop_modify(s->loop, &c->source, wanted_events(c));
			}
		if (!t->used_ns) {
			HASH_DEL(s->times, t);
			free(t);
		}
	}
}

static void request_ended(struct vn_conn *c)
{
	c->serving = c->oneway = false;
	vn_cleanup_close(&c->passed);
	c->passed = -EBADF;
	c->active_ns = vn_now_ns();
	c->paused = false;
	if (!c->dead)
		vn_loop_modify(c->server->loop, &c->source, wanted_events(c));
}

void vn_conn_done(struct vn_conn *c)
{
	request_ended(c);
}

static void conn_request(struct vn_conn *c, json_t *request)
{
	const uint64_t begin_ns = vn_now_ns();
	int r;

	c->more = json_is_true(json_object_get(request, "more"));
	c->oneway = json_is_true(json_object_get(request, "oneway"));
	c->serving = true;
	r = c->server->request(c->server->arg, c, request);
	if (r == -EINPROGRESS)
		return;
	if (r == -EBUSY) {
		c->serving = c->paused = false;
		c->waiting = json_incref(request);
		c->active_ns = vn_now_ns();
		if (!c->dead)
			vn_loop_modify(c->server->loop, &c->source, wanted_events(c));
	} else {
		request_ended(c);
	}
	account(c, c->active_ns - begin_ns);
}

/* One request, then it is the turn of others. */
static void conn_take(struct vn_conn *c)
{
	struct vn_err err = {0};
	json_t *request = NULL;
	int r;

	if (c->dead || c->waiting || c->serving || c->child.fd >= 0 || has_output(c))
		return;
	r = vn_wire_take(&c->in, &request, &err);
	c->more_in = r >= 0 && vn_wire_ready(&c->in);
	c->begun_ns = c->in.len && !c->more_in ? (c->begun_ns ?: vn_now_ns()) : 0;
	if (r == -EAGAIN) {
		vn_loop_modify(c->server->loop, &c->source, wanted_events(c));
		return;
	}
	if (r < 0) {
		vn_conn_error(c, &err);
		conn_kill(c);
		return;
	}
	conn_request(c, request);
	json_decref(request);
}

static void child_forget(struct vn_conn *c)
{
	if (c->child.fd < 0)
		return;
	vn_loop_remove(c->server->loop, &c->child);
	vn_cleanup_close(&c->child.fd);
	c->child.fd = -EBADF;
}

static void conn_resume(struct vn_conn *c)
{
	json_t *request = c->waiting;

	c->waiting = NULL;
	c->waits_child = false;
	conn_request(c, request);
	json_decref(request);
}

/* Of root's, or of all others', who has waited for longest is next: now, since a plan may be executed for long yet. */
static void next_child(struct vn_server *s, bool root)
{
	struct vn_conn *first;

	do {
		first = NULL;
		for (struct vn_conn *c = s->conns; c; c = c->next)
			if (!c->dead && c->waiting && c->waits_child && (c->uid == 0) == root &&
			    (!first || c->active_ns < first->active_ns))
				first = c;
		if (first)
			conn_resume(first);
	} while (first && !first->waiting && first->child.fd < 0);
}

static void on_child(void *arg, uint32_t events)
{
	struct vn_conn *c = arg;
	struct rusage use = {0};
	int status = -1;

	if (wait4(c->child_pid, &status, WNOHANG, &use) == 0)
		return;
	child_forget(c);
	next_child(c->server, c->uid == 0);
	if (c->dead)
		return;
	c->active_ns = vn_now_ns();
	c->begun_ns = 0;
	/* Part of an answer may have gone: nothing can follow it. */
	if (status != 0) {
		conn_kill(c);
		return;
	}
	account(c, (uint64_t)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) * VN_NSEC_PER_SEC +
			   (uint64_t)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) * 1000);
	vn_loop_modify(c->server->loop, &c->source, wanted_events(c));
}

static void child_write(const struct vn_conn *c, const char *text, size_t len)
{
	struct pollfd p = {.fd = c->source.fd, .events = POLLOUT};

	for (size_t done = 0; done < len;) {
		ssize_t n = send(c->source.fd, text + done, len - done, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno != EAGAIN && errno != EINTR)
			_exit(1);
		if (n < 0)
			poll(&p, 1, -1);
		else
			done += (size_t)n;
	}
}

int vn_conn_aside(struct vn_conn *c, json_t *(*make)(void *arg, struct vn_conn *c, const json_t *request), void *arg,
		  const json_t *request)
{
	size_t n = 0;
	pid_t pid;

	for (const struct vn_conn *o = c->server->conns; o; o = o->next)
		n += o->child.fd >= 0 && (o->uid == 0) == (c->uid == 0);
	c->waits_child = n >= (c->uid == 0 ? VN_ASIDE_ROOT : VN_ASIDE_OTHERS);
	if (c->waits_child)
		return -EBUSY;
	if (c->monitor || c->oneway)
		return -EOPNOTSUPP; /* an event could come between; and nothing is to be sent */
	pid = fork();
	if (pid < 0)
		return -EOPNOTSUPP;
	if (pid == 0) {
		json_t *reply;
		char *text;
		size_t len;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (c->uid != 0)
			setpriority(PRIO_PROCESS, 0, ASIDE_NICE);
		reply = make(arg, c, request);
		text = reply ? vn_wire_encode(reply, &len) : NULL;
		if (!text)
			_exit(1);
		/* Who does not read keeps nobody else's connection open. */
		if (c->source.fd > 3)
			close_range(3, (unsigned int)c->source.fd - 1, 0);
		close_range((unsigned int)c->source.fd + 1, ~0U, 0);
		child_write(c, text, len);
		_exit(0);
	}
	c->child = (struct vn_source){
		.fd = (int)syscall(SYS_pidfd_open, pid, 0), .handle = on_child, .arg = c, .level = c->source.level};
	c->child_pid = pid;
	if (c->child.fd < 0 || vn_loop_add(c->server->loop, &c->child, EPOLLIN) < 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		vn_cleanup_close(&c->child.fd);
		c->child.fd = -EBADF;
		conn_kill(c);
		return 0;
	}
	c->begun_ns = vn_now_ns();
	return 0;
}

/* The connection other than root's which has had something unfinished for longest, of those that do for @stall_ns. */
static struct vn_conn *stalled(struct vn_server *s, uint64_t stall_ns)
{
	const uint64_t now = vn_now_ns();
	struct vn_conn *longest = NULL;

	for (struct vn_conn *c = s->conns; c; c = c->next)
		if (!c->dead && c->uid != 0 && c->begun_ns && !c->waiting && !c->serving &&
		    now - c->begun_ns >= stall_ns && (!longest || c->begun_ns < longest->begun_ns))
			longest = c;
	return longest;
}

static void limit_memory(struct vn_server *s)
{
	struct vn_conn *c;
	size_t sum = 0;

	for (c = s->conns; c; c = c->next)
		sum += c->dead || c->uid == 0 ? 0 : memory_of(c);
	while (sum > VN_CONNS_MEMORY && (c = stalled(s, 0))) {
		sum -= memory_of(c);
		conn_kill(c);
		vn_wire_buf_release(&c->in);
	}
}

/* The one that has been idle for longest on @l, of user @uid, or with 0 of all but root; no monitor. */
static struct vn_conn *longest_idle(const struct vn_listener *l, uid_t uid)
{
	struct vn_conn *longest = NULL;

	for (struct vn_conn *c = l->server->conns; c; c = c->next)
		if (!c->dead && c->observe == l->observe && c->uid != 0 && (!uid || c->uid == uid) && !c->monitor &&
		    !c->waiting && !c->serving && (!longest || c->active_ns < longest->active_ns))
			longest = c;
	return longest;
}

/* A descriptor waits in @c: from now on the receiver reads it. On the read-only socket nothing takes one. */
static int conn_relay(struct vn_conn *c)
{
	struct vn_server *s = c->server;
	int r;

	if (c->observe)
		return -EPROTO;
	vn_loop_remove(s->loop, &c->source);
	r = vn_receiver_relay(s->receiver, &c->source.fd, VN_RELAY_STREAM, VN_RELAY_UID(c->uid));
	if (r == 0)
		c->passing = VN_PASSING_RELAYED;
	if (vn_loop_add(s->loop, &c->source, wanted_events(c)) < 0)
		return -ENOMEM;
	return r;
}

static ssize_t conn_fill(struct vn_conn *c)
{
	ssize_t n;

	switch (c->passing) {
	case VN_PASSING_REFUSED:
		return vn_wire_fill(&c->in, c->source.fd);
	case VN_PASSING_RELAYED:
		return vn_wire_fill_fd(&c->in, c->source.fd, &c->passed);
	default:
		n = vn_wire_fill_checked(&c->in, c->source.fd);
		if (n == -EREMOTE)
			n = conn_relay(c) == 0 ? -EAGAIN : -EPROTO;
		return n;
	}
}

static void conn_event(void *arg, uint32_t events)
{
	struct vn_conn *c = arg;
	ssize_t n;

	if (c->dead)
		return;
	if (events & EPOLLOUT) {
		if (has_output(c))
			conn_flush(c);
		else if (!c->serving && !c->slow)
			conn_take(c);
		else
			events |= EPOLLIN;
	}
	if (!c->dead && (events & (EPOLLHUP | EPOLLERR))) {
		conn_kill(c);
		return;
	}
	if (c->dead || !(events & EPOLLIN))
		return;
	if (c->serving) {
		c->paused = true;
		vn_loop_modify(c->server->loop, &c->source, wanted_events(c));
		return;
	}
	n = conn_fill(c);
	if (n == 0 || (n < 0 && n != -EAGAIN)) {
		conn_kill(c);
	} else if (n > 0) {
		c->active_ns = vn_now_ns();
		conn_take(c);
		if (memory_of(c) > FILLED_LITTLE)
			limit_memory(c->server);
	}
}

/* May one more of @uid come in? Where places are short, who has been idle for longest makes room. */
static bool has_room(struct vn_listener *l, uid_t uid)
{
	size_t same = 0, others = 0;
	struct vn_conn *idle;

	for (const struct vn_conn *c = l->server->conns; c; c = c->next)
		if (!c->dead && c->observe == l->observe && c->uid != 0) {
			others++;
			same += c->uid == uid;
		}
	if (uid != 0 && same >= VN_CONNS_UID)
		idle = longest_idle(l, uid);
	else if (l->n_conns >= VN_CONNS_MAX || (uid != 0 && others >= VN_CONNS_MAX - VN_CONNS_ROOT))
		idle = longest_idle(l, 0);
	else
		return true;
	if (idle)
		conn_kill(idle);
	return idle;
}

/* Who waits in the kernel's queue would wake the loop at once again: try at the next tick. */
static void listener_rest(struct vn_listener *l)
{
	vn_loop_remove(l->server->loop, &l->source);
	l->resting = true;
}

/* Make a connection of *@fd, which is taken; whoever is turned away is left in it. */
static void take_conn(struct vn_listener *l, int *fd)
{
	struct vn_server *s = l->server;
	struct ucred cred;
	socklen_t len = sizeof(cred);
	struct vn_conn *c;

	/* At the limit the newcomer is turned away, not left hanging; so is who cannot be told from root. */
	if (getsockopt(*fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0 || !has_room(l, cred.uid))
		return;
	c = calloc(1, sizeof(*c));
	if (!c)
		return;
	c->server = s;
	c->pid = cred.pid;
	c->uid = cred.uid;
	c->observe = l->observe;
	c->active_ns = vn_now_ns();
	c->passing = l->refuses && vn_pass_is_refused(*fd) ? VN_PASSING_REFUSED : VN_PASSING_CHECKED;
	c->passed = c->child.fd = -EBADF;
	c->in.max = l->observe ? 65536 : VN_WIRE_REQUEST_MAX;
	c->source = (struct vn_source){.fd = take_fd(fd),
				       .handle = conn_event,
				       .arg = c,
				       .level = l->observe      ? VN_LEVEL_LOOK
						: cred.uid == 0 ? VN_LEVEL_OWN
								: VN_LEVEL_CHANGE};
	if (vn_loop_add(s->loop, &c->source, EPOLLIN) < 0) {
		*fd = c->source.fd;
		free(c);
		return;
	}
	c->next = s->conns;
	s->conns = c;
	l->n_conns++;
}

/* False: nobody waits any more, or nobody can come in. */
static bool accept_one(struct vn_listener *l)
{
	int fd;

	if (vn_receiver_is_behind(l->server->receiver)) {
		listener_rest(l);
		return false;
	}
	fd = accept4(l->source.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			listener_rest(l);
		return false;
	}
	take_conn(l, &fd);
	vn_receiver_release(l->server->receiver, &fd);
	return true;
}

/* Who looks comes in by several, or the newcomers would wait for one request of each who is there. */
static void accept_event(void *arg, uint32_t events)
{
	struct vn_listener *l = arg;

	for (int i = 0; i < (l->observe ? LOOKERS_A_TURN : 1) && accept_one(l); i++)
		;
}

static int listener_open(struct vn_listener *l, const char *dir, const char *name, mode_t mode, gid_t group,
			 struct vn_err *err)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	cleanup_close int fd = -EBADF;

	if (snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/%s", dir, name) >= (int)sizeof(addr.sun_path))
		return vn_err_usage(err, "runtime directory '%s' is too long for a socket's path", dir);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return vn_err_kernel(err, errno, "socket: %s", strerror(errno));
	/* The daemon's lock says that nobody else serves this path. Nobody connects before the mode is right. */
	unlink(addr.sun_path);
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return vn_err_kernel(err, errno, "%s: bind: %s", addr.sun_path, strerror(errno));
	if (chown(addr.sun_path, (uid_t)-1, group) < 0 || chmod(addr.sun_path, mode) < 0)
		return vn_err_kernel(err, errno, "%s: %s", addr.sun_path, strerror(errno));
	/* Before anybody connects. To control.sock a namespace may be passed (`node attach`). */
	l->refuses = l->observe && vn_pass_refuse(fd);
	if (listen(fd, 64) < 0)
		return vn_err_kernel(err, errno, "%s: listen: %s", addr.sun_path, strerror(errno));
	l->source = (struct vn_source){.fd = take_fd(&fd),
				       .handle = accept_event,
				       .arg = l,
				       .level = l->observe ? VN_LEVEL_LOOK : VN_LEVEL_OWN};
	return 0;
}

int vn_server_open(struct vn_server *s, struct vn_loop *loop, struct vn_receiver *receiver, const char *runtime_dir,
		   gid_t group, vn_request_fn request, void *arg, struct vn_err *err)
{
	static const struct {
		const char *name;
		mode_t mode;
	} sockets[2] = {{VN_SOCK_CONTROL, 0660}, {VN_SOCK_OBSERVE, 0666}};
	mode_t mask;
	int r;

	*s = (struct vn_server){.loop = loop, .receiver = receiver, .request = request, .arg = arg};
	for (size_t i = 0; i < 2; i++)
		s->listeners[i] = (struct vn_listener){.server = s, .observe = i == 1, .source.fd = -EBADF};
	for (size_t i = 0; i < 2; i++) {
		mask = umask(0177);
		r = listener_open(&s->listeners[i], runtime_dir, sockets[i].name, sockets[i].mode, group, err);
		umask(mask);
		if (r < 0)
			return r;
		r = vn_loop_add(loop, &s->listeners[i].source, EPOLLIN);
		if (r < 0)
			return vn_err_kernel(err, -r, "epoll: %s", strerror(-r));
	}
	return 0;
}

void vn_server_tick(struct vn_server *s)
{
	struct vn_conn *c;

	while ((c = stalled(s, VN_CONN_STALL_NS)))
		conn_kill(c);
	limit_memory(s);
	times_tick(s, VN_SERVER_TICK_NS);
	for (size_t i = 0; i < VN_ARRAY_SIZE(s->listeners); i++) {
		struct vn_listener *l = &s->listeners[i];

		if (l->resting)
			l->resting = vn_loop_add(s->loop, &l->source, EPOLLIN) < 0;
	}
}

void vn_server_reap(struct vn_server *s)
{
	for (struct vn_conn **pp = &s->conns; *pp;) {
		struct vn_conn *c = *pp;

		if (!c->dead || c->child.fd >= 0 || c->serving) {
			pp = &c->next;
			continue;
		}
		*pp = c->next;
		json_decref(c->waiting);
		vn_cleanup_close(&c->passed);
		vn_wire_buf_release(&c->in);
		free(c->out);
		free(c);
	}
}

void vn_server_resume(struct vn_server *s)
{
	for (struct vn_conn *c = s->conns; c; c = c->next) {
		if (c->waiting && !c->waits_child && !c->dead)
			conn_resume(c);
	}
}

void vn_server_close(struct vn_server *s)
{
	for (struct vn_conn *c = s->conns; c; c = c->next) {
		conn_kill(c);
		child_forget(c);
	}
	vn_server_reap(s);
	times_tick(s, UINT64_MAX);
	for (size_t i = 0; i < VN_ARRAY_SIZE(s->listeners); i++) {
		vn_loop_remove(s->loop, &s->listeners[i].source);
		/* Whoever waits to be accepted may have passed something already. */
		vn_receiver_release(s->receiver, &s->listeners[i].source.fd);
	}
}
