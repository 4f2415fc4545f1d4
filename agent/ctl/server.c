/* SPDX-License-Identifier: GPL-2.0-only */
#include "ctl/server.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <vnet/util.h>

#include "ctl/fdpass.h"

static bool has_output(const struct vn_conn *c)
{
	return c->out_len > c->out_done;
}

static uint32_t wanted_events(const struct vn_conn *c)
{
	/* A connection whose request waits or is in work, or who does not take its answers, is not read from. */
	return (c->waiting || c->paused || has_output(c) ? 0 : EPOLLIN) | (has_output(c) ? EPOLLOUT : 0);
}

static void conn_kill(struct vn_conn *c)
{
	if (c->dead)
		return;
	c->dead = true;
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
	}
	if (c->dead)
		return;
	if (c->out_done == c->out_len) {
		free(c->out);
		c->out = NULL;
		c->out_len = c->out_done = 0;
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
	memcpy(out + c->out_len, text, len);
	c->out = out;
	c->out_len += len;
	conn_flush(c);
}

void vn_conn_reply(struct vn_conn *c, json_t *parameters, bool continues)
{
	json_t *msg = json_pack("{s:o}", "parameters", parameters);

	if (msg && continues)
		json_object_set_new(msg, "continues", json_true());
	conn_send(c, msg);
	json_decref(msg);
}

void vn_conn_error(struct vn_conn *c, const struct vn_err *err)
{
	json_t *text = json_string(err->text);
	json_t *msg;

	if (!text)
		text = json_string("the error's text is not UTF-8");
	msg = json_pack("{s:s, s:{s:i, s:i, s:o}}", "error", "vnet.error", "parameters", "exit", (int)err->exit,
			"errno", err->err, "text", text);
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

static void conn_request(struct vn_conn *c, json_t *request)
{
	bool waits;

	c->more = json_is_true(json_object_get(request, "more"));
	c->serving = true;
	waits = c->server->request(c->server->arg, c, request) == -EBUSY;
	c->serving = false;
	if (waits) {
		c->waiting = json_incref(request);
	} else {
		vn_cleanup_close(&c->passed);
		c->passed = -EBADF;
	}
	if ((waits || c->paused) && !c->dead) {
		c->paused = false;
		vn_loop_modify(c->server->loop, &c->source, wanted_events(c));
	}
}

static void conn_take(struct vn_conn *c)
{
	while (!c->dead && !c->waiting && !has_output(c)) {
		struct vn_err err = {0};
		json_t *request = NULL;
		int r = vn_wire_take(&c->in, &request, &err);

		if (r == -EAGAIN)
			return;
		if (r < 0) {
			vn_conn_error(c, &err);
			conn_kill(c);
			return;
		}
		conn_request(c, request);
		json_decref(request);
	}
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
		conn_flush(c);
		/* What it asked for meanwhile. */
		if (!c->serving)
			conn_take(c);
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
	if (n == 0 || (n < 0 && n != -EAGAIN))
		conn_kill(c);
	else if (n > 0)
		conn_take(c);
}

/* May one more of @uid come in? */
static bool has_room(const struct vn_listener *l, uid_t uid)
{
	size_t n = 0;

	if (l->n_conns >= VN_CONNS_MAX)
		return false;
	for (const struct vn_conn *c = l->server->conns; c && uid != 0; c = c->next)
		n += !c->dead && c->observe == l->observe && c->uid == uid;
	return n < VN_CONNS_UID;
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
	c->passing = l->refuses && vn_pass_is_refused(*fd) ? VN_PASSING_REFUSED : VN_PASSING_CHECKED;
	c->passed = -EBADF;
	c->in.max = l->observe ? 65536 : VN_WIRE_REQUEST_MAX;
	c->source = (struct vn_source){.fd = take_fd(fd), .handle = conn_event, .arg = c};
	if (vn_loop_add(s->loop, &c->source, EPOLLIN) < 0) {
		*fd = c->source.fd;
		free(c);
		return;
	}
	c->next = s->conns;
	s->conns = c;
	l->n_conns++;
}

static void accept_event(void *arg, uint32_t events)
{
	struct vn_listener *l = arg;
	struct vn_server *s = l->server;
	int fd;

	if (vn_receiver_is_behind(s->receiver)) {
		listener_rest(l);
		return;
	}
	fd = accept4(l->source.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			listener_rest(l);
		return;
	}
	take_conn(l, &fd);
	vn_receiver_release(s->receiver, &fd);
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
	l->source = (struct vn_source){.fd = take_fd(&fd), .handle = accept_event, .arg = l};
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

		if (!c->dead) {
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
		json_t *request = c->waiting;

		if (!request || c->dead)
			continue;
		c->waiting = NULL;
		conn_request(c, request);
		json_decref(request);
		if (!c->dead && !c->waiting) {
			vn_loop_modify(s->loop, &c->source, wanted_events(c));
			conn_take(c);
		}
	}
}

void vn_server_close(struct vn_server *s)
{
	for (struct vn_conn *c = s->conns; c; c = c->next)
		conn_kill(c);
	vn_server_reap(s);
	for (size_t i = 0; i < VN_ARRAY_SIZE(s->listeners); i++) {
		vn_loop_remove(s->loop, &s->listeners[i].source);
		/* Whoever waits to be accepted may have passed something already. */
		vn_receiver_release(s->receiver, &s->listeners[i].source.fd);
	}
}
