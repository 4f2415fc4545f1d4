/* SPDX-License-Identifier: GPL-2.0-only */
#include "lease/handover.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <loader/afxdp.h>
#include <uthash.h>
#include <base/util.h>
#include <base/xdp_uapi.h>

#include "base/log.h"
#include "model/model.h"
#include "base/fdpass.h"
#include "lease/handover_lend.h"
#include "lease/handover_owner.h"
#include "lease/handover_path.h"
#include "lease/handover_proto.h"

/*
 * A hostile application may connect as often as it likes and say nothing: what it gets is so many connections at a
 * time, so many a second, and so long; the rest waits in the kernel's short queue, at no cost to us.
 */
#define CONNS_MAX       4u
#define TOKENS_MAX      32u
#define TOKENS_PER_TICK 5u
#define CONN_NS         (3 * VN_NSEC_PER_SEC)

struct conn {
	struct vn_handover_sock *sock;
	struct vn_source source; /* fd -EBADF: free */
	struct vn_handover_session session;
	bool relayed; /* by the receiver: its descriptors are there */
	struct vn_owner peer;
	uint64_t until_ns;
};

struct vn_handover_sock {
	char key[VN_HANDOVER_KEY]; /* "TOPOLOGY/NODE/INTERFACE": its directory below RUNTIME/ports */
	const char *ifname;        /* in key */
	struct vn_handover *h;
	uint32_t number;
	struct vn_source listener;
	bool listening; /* the loop is told of connections */
	unsigned int tokens;
	struct conn conns[CONNS_MAX];
	struct vn_owner owner;
	struct vn_source death; /* the owner's pidfd */
	bool lends;             /* libvnet's protocol, not DPDK's */
	struct vn_lending lending;
	uint64_t given, refused;
	bool seen; /* by the sync at work */
	UT_hash_handle hh;
};

static void tell(const struct vn_handover_sock *s, const char *event, const struct vn_owner *o)
{
	vn_tell(&s->h->tell, json_pack("{s:s, s:s, s:I, s:I, s:s}", "event", event, "port", s->key, "pid",
				       (json_int_t)o->pid, "uid", (json_int_t)o->uid, "comm", o->comm));
}

static void owner_forget(struct vn_handover_sock *s)
{
	char path[512];

	vn_loop_remove(s->h->loop, &s->death);
	s->death.fd = -EBADF;
	vn_owner_release(&s->owner);
	if (vn_handover_owner_path(s->h, s->number, path, sizeof(path)) == 0)
		unlink(path);
}

/* Nobody has the port. */
static void set_free(struct vn_handover_sock *s)
{
	if (s->lends)
		vn_lend_end(s->h, &s->lending);
	owner_forget(s);
}

static void on_death(void *arg, uint32_t events)
{
	struct vn_handover_sock *s = arg;

	vn_log_at(VN_LOG_INFO, "port %s: pid %d (%s) ended: the port is free", s->key, (int)s->owner.pid,
		  s->owner.comm);
	tell(s, "port-free", &s->owner);
	set_free(s);
}

static void on_lease(void *arg, uint32_t events)
{
	struct vn_handover_sock *s = arg;

	if (!vn_lend_lease_ended(&s->lending))
		return;
	vn_log_at(VN_LOG_INFO, "port %s: pid %d (%s) gave it back", s->key, (int)s->owner.pid, s->owner.comm);
	tell(s, "port-free", &s->owner);
	set_free(s);
}

static void owner_watch(struct vn_handover_sock *s)
{
	s->death = (struct vn_source){.fd = s->owner.pidfd, .handle = on_death, .arg = s};
	if (vn_loop_add(s->h->loop, &s->death, EPOLLIN) < 0)
		vn_log_at(VN_LOG_WARNING, "port %s: pid %d cannot be watched: the port is freed when it asks again",
			  s->key, (int)s->owner.pid);
}

/* @c's process has the port from now on. */
static void owner_set(struct conn *c)
{
	struct vn_handover_sock *s = c->sock;
	char path[512];
	int r;

	if (s->owner.pidfd >= 0 && s->owner.pid == c->peer.pid)
		return; /* once more, for its next queue */
	if (s->owner.pidfd >= 0)
		owner_forget(s);
	s->owner = c->peer;
	c->peer.pidfd = -EBADF; /* not a copy: without a descriptor for one nobody would have the port */
	snprintf(s->owner.host, sizeof(s->owner.host), "%s", c->session.host);
	owner_watch(s);
	r = vn_handover_owner_path(s->h, s->number, path, sizeof(path));
	if (r == 0)
		r = vn_owner_save(&s->owner, path);
	if (r < 0)
		vn_log_at(VN_LOG_WARNING,
			  "port %s: its owner cannot be written down: %s: a restart of the agent forgets it", s->key,
			  strerror(-r));
	vn_log_at(VN_LOG_INFO, "port %s: given to pid %d (%s), uid %u, calling itself '%s'", s->key, (int)s->owner.pid,
		  s->owner.comm, s->owner.uid, s->owner.host);
	tell(s, "port-given", &s->owner);
}

/* Another living process has the port, or is being given it. */
static bool taken_for(const struct conn *c)
{
	const struct vn_handover_sock *s = c->sock;

	if (s->owner.pid != c->peer.pid && vn_owner_alive(&s->owner))
		return true;
	for (size_t i = 0; i < CONNS_MAX; i++) {
		const struct conn *other = &s->conns[i];

		if (other != c && other->source.fd >= 0 && other->session.connected && other->peer.pid != c->peer.pid)
			return true;
	}
	return false;
}

static void listener_arm(struct vn_handover_sock *s)
{
	size_t used = 0;

	for (size_t i = 0; i < CONNS_MAX; i++)
		used += s->conns[i].source.fd >= 0;
	if (!s->listening && s->tokens && used < CONNS_MAX)
		s->listening = vn_loop_add(s->h->loop, &s->listener, EPOLLIN) == 0;
	else if (s->listening && (!s->tokens || used == CONNS_MAX)) {
		vn_loop_remove(s->h->loop, &s->listener);
		s->listening = false;
	}
}

static void conn_close(struct conn *c)
{
	struct vn_handover *h = c->sock->h;

	vn_loop_remove(h->loop, &c->source);
	if (c->relayed)
		vn_cleanup_close(&c->source.fd);
	else
		vn_receiver_release(h->receiver, &c->source.fd);
	c->source.fd = -EBADF;
	c->relayed = false;
	vn_owner_release(&c->peer);
	c->session = (struct vn_handover_session){0};
}

/* To the client, or to the receiver for it; of what a relay carries one descriptor at most. */
static int answer(const struct conn *c, const char *text, int fd)
{
	struct vn_relay_packet p = {.op = VN_RELAY_TEXT, .len = (uint32_t)strlen(text)};
	ssize_t n;

	if (!c->relayed) {
		n = vn_pass_send(c->source.fd, text, p.len, &fd, fd >= 0, MSG_DONTWAIT);
	} else {
		memcpy(p.text, text, VN_MIN(p.len, sizeof(p.text)));
		n = vn_pass_send(c->source.fd, &p, sizeof(p), &fd, fd >= 0, MSG_DONTWAIT);
	}
	return n < 0 ? (int)n : 0;
}

/* The receiver has the descriptor, sets what the client wants, and tells it how that went. */
static int set_busy_poll(const struct conn *c, const struct vn_handover_step *step)
{
	struct vn_relay_packet p = {.op = VN_RELAY_BUSY_POLL, .usec = step->usec, .budget = step->budget};
	ssize_t n;

	p.len = (uint32_t)snprintf(p.text, sizeof(p.text), "%s%c%s", step->reply, '\0', VN_HANDOVER_BUSY_POLL_NAK);
	n = vn_pass_send(c->source.fd, &p, sizeof(p), NULL, 0, MSG_DONTWAIT);
	return n < 0 ? (int)n : 0;
}

static int give_map(struct conn *c, const char *text)
{
	struct vn_handover_sock *s = c->sock;
	cleanup_close int fd = vn_afxdp_open_map(s->h->pin_dir, s->number);
	int r;

	if (fd < 0)
		return answer(c, VN_HANDOVER_FD_NAK, -1);
	r = answer(c, text, fd);
	if (r == 0) {
		s->given++;
		owner_set(c);
	}
	return r;
}

static void refused(const struct conn *c, bool taken)
{
	struct vn_handover_sock *s = c->sock;

	s->refused++;
	/* Who knocks all the time does not fill the log as well. */
	if (taken && s->tokens > TOKENS_MAX / 2)
		vn_log_at(VN_LOG_WARNING, "port %s: pid %d (%s), uid %u, refused: pid %d has it", s->key,
			  (int)c->peer.pid, c->peer.comm, c->peer.uid, (int)s->owner.pid);
}

static void handle(struct conn *c, const char *msg, size_t len, size_t n_fds)
{
	struct vn_handover_sock *s = c->sock;
	const struct vn_handover_port port = {.ifname = s->ifname, .taken = taken_for(c)};
	const bool was_connected = c->session.connected;
	struct vn_handover_step step = vn_handover_message(&c->session, &port, msg, len, n_fds);
	int r = 0;

	switch (step.action) {
	case VN_HANDOVER_REPLY:
		r = answer(c, step.reply, -1);
		break;
	case VN_HANDOVER_GIVE:
		r = give_map(c, step.reply);
		break;
	case VN_HANDOVER_BUSY_POLL:
		r = set_busy_poll(c, &step);
		break;
	case VN_HANDOVER_CLOSE:
		break;
	}
	if (step.close && !was_connected)
		refused(c, port.taken);
	if (step.close || r < 0)
		conn_close(c);
}

/* The connection becomes the lease. */
static void keep_lease(struct conn *c)
{
	struct vn_handover_sock *s = c->sock;

	vn_loop_remove(s->h->loop, &c->source);
	s->lending.lease = (struct vn_source){.fd = take_fd(&c->source.fd), .handle = on_lease, .arg = s};
	if (vn_loop_add(s->h->loop, &s->lending.lease, EPOLLIN) < 0)
		vn_log_at(VN_LOG_WARNING, "port %s: its lease cannot be watched: the port is free when pid %d ends",
			  s->key, (int)s->owner.pid);
	conn_close(c);
}

/* @c's process is given the port, or told why not. */
static void lend(struct conn *c, enum vn_grant_status status)
{
	struct vn_handover_sock *s = c->sock;
	struct vn_handover_grant grant = {.magic = VN_HANDOVER_MAGIC, .version = VN_HANDOVER_VERSION, .status = status};
	cleanup_close int xsk = -EBADF, umem = -EBADF;
	int fds[VN_HANDOVER_FDS] = {-EBADF, -EBADF}, r;

	if (status == VN_GRANT_OK)
		status = vn_lend(s->h, &s->lending, &grant, fds);
	xsk = fds[0];
	umem = fds[1];
	r = status == VN_GRANT_OK ? vn_lend_start(s->h, &s->lending, xsk) : 0;
	if (r < 0)
		grant.status = status = VN_GRANT_BROKEN;
	r = (int)vn_pass_send(c->source.fd, &grant, sizeof(grant), fds, status == VN_GRANT_OK ? VN_HANDOVER_FDS : 0,
			      MSG_DONTWAIT);
	r = VN_MIN(r, 0);
	if (r == 0 && status == VN_GRANT_OK) {
		s->given++;
		owner_set(c);
		keep_lease(c);
		return;
	}
	if (xsk >= 0)
		vn_lend_end(s->h, &s->lending);
	if (status != VN_GRANT_AGAIN)
		refused(c, status == VN_GRANT_BUSY);
	if (status != VN_GRANT_AGAIN || r < 0)
		conn_close(c);
}

static void handle_hello(struct conn *c, const char *msg, size_t len, size_t n_fds)
{
	struct vn_handover_sock *s = c->sock;
	bool taken = taken_for(c) || (s->lending.lease.fd >= 0 && !vn_lend_lease_ended(&s->lending));

	switch (vn_handover_hello(&c->session, msg, len, n_fds)) {
	case 0:
		lend(c, taken ? VN_GRANT_BUSY : VN_GRANT_OK);
		return;
	case -EPROTONOSUPPORT:
		lend(c, VN_GRANT_VERSION);
		return;
	default:
		refused(c, false);
		conn_close(c);
	}
}

/* A message of @c without its descriptors, which are not received here. */
static ssize_t take_message(struct conn *c, char *text, size_t size, size_t *ret_n_fds)
{
	struct vn_relay_packet p;
	int none[VN_PASS_MAX];
	ssize_t n;

	*ret_n_fds = 0;
	if (c->relayed) {
		n = vn_pass_receive(c->source.fd, &p, sizeof(p), none, MSG_DONTWAIT);
		if (n != sizeof(p) || p.len > sizeof(p.text))
			return n < 0 ? n : 0;
		*ret_n_fds = p.n_fds;
		memcpy(text, p.text, VN_MIN(p.len, size));
		return (ssize_t)VN_MIN(p.len, size);
	}
	n = vn_pass_peek(c->source.fd, text, size);
	return n < 0 ? n : recv(c->source.fd, text, size, MSG_DONTWAIT);
}

/* A descriptor waits: from now on the receiver reads. Nobody passes one to libvnet's socket. */
static int conn_relay(struct conn *c)
{
	struct vn_handover_sock *s = c->sock;
	int r;

	if (s->lends)
		return -EPROTO;
	vn_loop_remove(s->h->loop, &c->source);
	r = vn_receiver_relay(s->h->receiver, &c->source.fd, VN_RELAY_PACKETS, VN_RELAY_PORT(s->number));
	c->relayed = r == 0;
	return vn_loop_add(s->h->loop, &c->source, EPOLLIN) < 0 ? -ENOMEM : r;
}

static void on_message(void *arg, uint32_t events)
{
	char text[VN_MAX(VN_HANDOVER_MSG_MAX, sizeof(struct vn_handover_hello)) + 1];
	struct conn *c = arg;
	struct vn_handover_sock *s = c->sock;
	size_t n_fds;
	ssize_t n = take_message(c, text, sizeof(text), &n_fds);

	if (n == -EREMOTE)
		n = conn_relay(c) == 0 ? -EAGAIN : -EPROTO;
	if (n == -EAGAIN || n == -EINTR)
		return;
	if (n < 0)
		conn_close(c);
	else if (s->lends)
		handle_hello(c, text, (size_t)n, n_fds);
	else
		handle(c, text, (size_t)n, n_fds);
	listener_arm(s);
}

static void on_connection(void *arg, uint32_t events)
{
	struct vn_handover_sock *s = arg;
	int fd = accept4(s->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct conn *c = NULL;

	/* Also for one that no descriptor was left for: until the next tick, or the loop would be woken at once. */
	s->tokens--;
	for (size_t i = 0; i < CONNS_MAX && !c; i++)
		if (s->conns[i].source.fd < 0)
			c = &s->conns[i];
	if (fd >= 0 && c && vn_owner_of_peer(fd, &c->peer) == 0) {
		c->source = (struct vn_source){
			.fd = take_fd(&fd), .handle = on_message, .arg = c, .level = VN_LEVEL_CHANGE};
		c->until_ns = vn_now_ns() + CONN_NS;
		if (vn_loop_add(s->h->loop, &c->source, EPOLLIN) < 0)
			conn_close(c);
	}
	vn_receiver_release(s->h->receiver, &fd);
	listener_arm(s);
}

static void sock_close(struct vn_handover_sock *s)
{
	for (size_t i = 0; i < CONNS_MAX; i++)
		if (s->conns[i].source.fd >= 0)
			conn_close(&s->conns[i]);
	if (s->listening)
		vn_loop_remove(s->h->loop, &s->listener);
	vn_receiver_release(s->h->receiver, &s->listener.fd);
	vn_loop_remove(s->h->loop, &s->death);
	vn_lend_release(s->h, &s->lending);
	vn_owner_release(&s->owner);
	HASH_DEL(s->h->socks, s);
	free(s);
}

/* The port is gone for good. */
static void sock_remove(struct vn_handover_sock *s)
{
	const uint32_t number = s->number;
	char key[VN_HANDOVER_KEY];
	struct vn_handover *h = s->h;
	int r;

	memcpy(key, s->key, sizeof(key));
	set_free(s);
	sock_close(s);
	r = vn_handover_unbind(h, key, number);
	if (r < 0) {
		vn_log_at(VN_LOG_WARNING,
			  "port %s: its directory cannot be removed: %s: tried again with the next change", key,
			  strerror(-r));
		h->unswept = true;
	}
}

static void adopt_owner(struct vn_handover_sock *s)
{
	char path[512];

	if (vn_handover_owner_path(s->h, s->number, path, sizeof(path)) < 0)
		return;
	if (vn_owner_load(path, &s->owner) < 0) {
		unlink(path);
		return;
	}
	owner_watch(s);
	if (s->lends)
		vn_lend_adopt(s->h, &s->lending);
	vn_log_at(VN_LOG_INFO, "port %s: pid %d (%s) still has it", s->key, (int)s->owner.pid, s->owner.comm);
}

static int sock_open(struct vn_handover *h, const char *key, const struct vn_port *port,
		     const struct vn_lend_port *lend)
{
	struct vn_handover_sock *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	snprintf(s->key, sizeof(s->key), "%s", key);
	s->ifname = strrchr(s->key, '/') + 1;
	s->h = h;
	s->number = port->number;
	s->lends = port->handover & VN_HANDOVER_LIBVNET;
	s->lending = (struct vn_lending)VN_LENDING_NONE;
	s->lending.port = *lend;
	s->tokens = TOKENS_MAX;
	s->death.fd = -EBADF;
	s->owner = (struct vn_owner)VN_OWNER_NONE;
	s->listener = (struct vn_source){.fd = -EBADF, .handle = on_connection, .arg = s, .level = VN_LEVEL_CHANGE};
	for (size_t i = 0; i < CONNS_MAX; i++)
		s->conns[i] = (struct conn){.sock = s, .source.fd = -EBADF, .peer = VN_OWNER_NONE};
	HASH_ADD_STR(h->socks, key, s);
	r = vn_handover_bind(h, key, s->number, s->lends, &s->listener.fd);
	if (r < 0) {
		sock_close(s);
		vn_handover_unbind(h, key, port->number);
		return r;
	}
	adopt_owner(s);
	s->seen = true;
	listener_arm(s);
	return 0;
}

static int sync_port(struct vn_handover *h, const struct vn_topo *t, const struct vn_port *port, uint32_t mtu,
		     struct vn_err *err)
{
	const bool lends = port->handover & VN_HANDOVER_LIBVNET;
	struct vn_lend_port lend;
	struct vn_handover_sock *s;
	char key[VN_HANDOVER_KEY];
	int r;

	if (!(port->handover & (VN_HANDOVER_CNI | VN_HANDOVER_LIBVNET)))
		return 0;
	vn_handover_key(key, t->name, t->nodes[port->node].name, port->ifname);
	vn_lend_describe(&lend, t, port, mtu);
	HASH_FIND_STR(h->socks, key, s);
	if (s && s->number == port->number && s->lends == lends) {
		s->lending.port = lend; /* for the next application */
		s->seen = true;
		return 0;
	}
	if (s)
		sock_remove(s);
	r = sock_open(h, key, port, &lend);
	return r < 0 ? vn_err_kernel(err, -r,
				     "port %s: no socket for its application in %s/" VN_HANDOVER_PORTS "/%s: %s", key,
				     h->runtime_dir, key, strerror(-r))
		     : 0;
}

int vn_handover_add(struct vn_handover *h, const struct vn_topo *t, struct vn_err *err)
{
	char path[512];
	int first = 0;

	if (vn_handover_path(h, path, sizeof(path), VN_HANDOVER_OWNERS) == 0)
		mkdir(path, 0700);
	for (size_t p = 0; p < t->n_links * VN_DIRS; p++) {
		int r = sync_port(h, t, &t->links[p / VN_DIRS].ports[p % VN_DIRS], t->links[p / VN_DIRS].mtu, err);

		first = first ?: r;
	}
	return first;
}

void vn_handover_sync(struct vn_handover *h, struct vn_topo *const *topos, size_t n)
{
	struct vn_handover_sock *s, *next;

	for (s = h->socks; s; s = s->hh.next)
		s->seen = false;
	for (size_t i = 0; i < n; i++) {
		struct vn_err err = {0};

		if (vn_handover_add(h, topos[i], &err) < 0)
			vn_log_at(VN_LOG_ERROR, "%s", err.text);
	}
	HASH_ITER (hh, h->socks, s, next)
		if (!s->seen)
			sock_remove(s);
	if (h->unswept) {
		h->unswept = false;
		vn_handover_sweep(h);
	}
	if (!n)
		vn_handover_wipe(h);
}

bool vn_handover_has(const struct vn_handover *h, const char *key)
{
	struct vn_handover_sock *s;

	HASH_FIND_STR(h->socks, key, s);
	return s;
}

bool vn_handover_has_number(const struct vn_handover *h, uint32_t number)
{
	const struct vn_handover_sock *s = h->socks;

	while (s && s->number != number)
		s = s->hh.next;
	return s;
}

void vn_handover_tick(struct vn_handover *h)
{
	const uint64_t now = vn_now_ns();

	for (struct vn_handover_sock *s = h->socks; s; s = s->hh.next) {
		s->tokens = VN_MIN(s->tokens + TOKENS_PER_TICK, TOKENS_MAX);
		for (size_t i = 0; i < CONNS_MAX; i++)
			if (s->conns[i].source.fd >= 0 && now > s->conns[i].until_ns)
				conn_close(&s->conns[i]);
		listener_arm(s);
	}
}

void vn_handover_release(struct vn_handover *h)
{
	struct vn_handover_sock *s, *next;

	HASH_ITER (hh, h->socks, s, next)
		sock_close(s);
}

json_t *vn_handover_owner(struct vn_handover *h, const char *topo, const char *node, const char *ifname,
			  json_t **ret_stats, json_t **ret_lent)
{
	const struct vn_handover_sock *s;
	char key[VN_HANDOVER_KEY];

	vn_handover_key(key, topo, node, ifname);
	HASH_FIND_STR(h->socks, key, s);
	*ret_stats = json_pack("{s:I, s:I}", "given", s ? (json_int_t)s->given : 0, "refused",
			       s ? (json_int_t)s->refused : 0);
	*ret_lent = s && s->lends ? vn_lend_json(&s->lending) : json_null();
	if (!s || !vn_owner_alive(&s->owner))
		return json_null();
	return json_pack("{s:I, s:I, s:I, s:s, s:s, s:I}", "pid", (json_int_t)s->owner.pid, "uid",
			 (json_int_t)s->owner.uid, "gid", (json_int_t)s->owner.gid, "comm", s->owner.comm, "host",
			 s->owner.host, "since_ns", (json_int_t)s->owner.since_ns);
}
