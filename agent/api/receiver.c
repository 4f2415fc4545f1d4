/* SPDX-License-Identifier: GPL-2.0-only */
#include "api/receiver.h"

#include <cap-ng.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <base/util.h>

#include "base/fdpass.h"
#include "base/log.h"

#define RECEIVER_UID     64612           /* nobody else's; the engine's is the one before */
#define QUEUE_BYTES      (4 << 20)       /* of orders */
#define WAITING_MAX      64u             /* sockets to be closed; then no more are accepted */
#define RETRY_NS         VN_NSEC_PER_SEC /* between two starts */
#define BATCH            32u             /* sockets that end with one child */
#define CHILDREN_MAX     512u            /* beyond that no order is read */
#define RELAYS_KEY_MAX   16u             /* of one key other than root's */
#define RELAYS_MAX       192u            /* of all of these: they may be held up, and closing must go on */
#define CHILDREN_LOOK_MS 1000

/*
 * What the daemon orders. CLOSE comes with a socket, RELAY with the client's and the daemon's. GO says that the daemon
 * has closed its own copies of all that came before: only now nothing here can make the daemon's the last.
 */
enum order_op { ORDER_CLOSE, ORDER_RELAY, ORDER_GO };

struct order {
	uint32_t op, kind;
	uint64_t key;
};

struct child {
	pid_t pid;
	uint64_t key; /* 0: it only closes */
};

struct receiver {
	int fd;
	int *closing;
	size_t n_closing, n_room;
	size_t n_ready; /* of these, the first so many the daemon has no more */
	struct order relay;
	int relay_fds[VN_PASS_MAX]; /* the client's, the daemon's; -EBADF: none is ordered */
	struct child children[CHILDREN_MAX];
	size_t n_children;
};

static void close_later(struct receiver *r, int fd)
{
	if (r->n_closing == r->n_room) {
		size_t room = VN_MAX(2 * r->n_room, (size_t)64);
		int *more = reallocarray(r->closing, room, sizeof(*more));

		if (!more)
			_exit(1); /* closes them as well; the daemon starts another */
		r->closing = more;
		r->n_room = room;
	}
	r->closing[r->n_closing++] = fd;
}

static void reap_children(struct receiver *r)
{
	pid_t pid;

	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
		for (size_t i = 0; i < r->n_children; i++)
			if (r->children[i].pid == pid) {
				r->children[i] = r->children[--r->n_children];
				break;
			}
}

/* A child ends with what is ready, as soon as we hold it no more: so its references are the last. */
static void end_with_ready(struct receiver *r)
{
	int hold[2];
	pid_t pid;
	char c;

	if (!r->n_ready || r->n_children == CHILDREN_MAX || pipe2(hold, O_CLOEXEC) < 0)
		return;
	pid = fork();
	if (pid == 0) {
		close(hold[1]);
		while (read(hold[0], &c, 1) < 0 && errno == EINTR)
			;
		_exit(0);
	}
	if (pid > 0) {
		r->children[r->n_children++] = (struct child){.pid = pid};
		for (size_t i = 0; i < r->n_ready; i++)
			close(r->closing[i]);
		r->n_closing -= r->n_ready;
		memmove(r->closing, r->closing + r->n_ready, r->n_closing * sizeof(*r->closing));
		r->n_ready = 0;
	}
	close(hold[0]);
	close(hold[1]);
}

static bool may_relay(const struct receiver *r, uint64_t key)
{
	size_t n = 0, all = 0;

	for (size_t i = 0; i < r->n_children; i++) {
		n += r->children[i].key == key;
		all += r->children[i].key > VN_RELAY_ROOT;
	}
	return key == VN_RELAY_ROOT || (n < RELAYS_KEY_MAX && all < RELAYS_MAX);
}

static void start_relay(struct receiver *r)
{
	pid_t pid = -1;

	/* It must not inherit what another child is to be the last to have. */
	end_with_ready(r);
	if (!r->n_closing && r->n_children < CHILDREN_MAX && may_relay(r, r->relay.key))
		pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(r->fd);
		vn_relay_run(r->relay_fds[0], r->relay_fds[1], (enum vn_relay_kind)r->relay.kind);
		_exit(0);
	}
	if (pid > 0)
		r->children[r->n_children++] = (struct child){.pid = pid, .key = r->relay.key};
	close(r->relay_fds[1]);
	/* Not at once: should the relay have ended already, then ours is the last. */
	close_later(r, r->relay_fds[0]);
	r->relay_fds[0] = r->relay_fds[1] = -EBADF;
}

static void take_order(struct receiver *r, const struct order *o, const int fds[VN_PASS_MAX])
{
	switch (o->op) {
	case ORDER_CLOSE:
		close_later(r, fds[0]);
		break;
	case ORDER_RELAY:
		r->relay = *o;
		r->relay_fds[0] = fds[0];
		r->relay_fds[1] = fds[1];
		break;
	case ORDER_GO:
		r->n_ready = r->n_closing;
		if (r->relay_fds[0] >= 0) {
			start_relay(r);
			r->n_ready = r->n_closing;
		}
		break;
	}
}

/* One order; false when there is none. */
static bool read_order(struct receiver *r)
{
	int fds[VN_PASS_MAX];
	struct order o;
	ssize_t n = vn_pass_receive(r->fd, &o, sizeof(o), fds, MSG_DONTWAIT);

	if (n == -EAGAIN || n == -EINTR)
		return false;
	if (n != sizeof(o))
		_exit(n ? 1 : 0); /* the daemon ended: what is left is closed with us */
	take_order(r, &o, fds);
	return true;
}

static void on_child(int signal)
{
}

static void receiver_serve(int fd)
{
	static struct receiver r;

	r = (struct receiver){.fd = fd, .relay_fds = {-EBADF, -EBADF}};
	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};

		if (r.n_children == CHILDREN_MAX)
			p.events = 0;
		poll(&p, 1, r.n_children || r.n_closing ? CHILDREN_LOOK_MS : -1);
		reap_children(&r);
		while (r.n_children < CHILDREN_MAX && r.n_ready < BATCH && read_order(&r))
			;
		end_with_ready(&r);
	}
}

/* Nothing of the daemon's but the socket; and to set busy polling, CAP_NET_ADMIN. */
static void receiver_become(int fd)
{
	struct sigaction child = {.sa_handler = on_child};
	sigset_t none;

	prctl(PR_SET_NAME, "vnet-receiver");
	setsid();
	if (dup3(fd, 3, O_CLOEXEC) < 0 && fd != 3)
		_exit(1);
	close_range(4, ~0U, 0);
	sigaction(SIGCHLD, &child, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (geteuid() == 0) {
		capng_clear(CAPNG_SELECT_CAPS);
		capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_NET_ADMIN);
		if (capng_change_id(RECEIVER_UID, RECEIVER_UID, CAPNG_DROP_SUPP_GRP) < 0)
			_exit(1);
	}
	prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static void on_end(void *arg, uint32_t events)
{
	struct vn_receiver *r = arg;

	vn_loop_remove(r->loop, &r->source);
	vn_cleanup_close(&r->source.fd);
	r->source.fd = -EBADF;
	r->go_due = false;
	r->retry_ns = vn_now_ns() + RETRY_NS;
	vn_log_at(VN_LOG_WARNING, "the receiver of descriptors (pid %d) ended: it is started again", (int)r->pid);
}

static int start(struct vn_receiver *r)
{
	int pair[2], size = QUEUE_BYTES;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	setsockopt(pair[0], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	r->pid = fork();
	if (r->pid == 0) {
		receiver_become(pair[1]);
		receiver_serve(3);
	}
	close(pair[1]);
	r->source = (struct vn_source){.fd = pair[0], .handle = on_end, .arg = r};
	if (r->pid < 0 || vn_loop_add(r->loop, &r->source, EPOLLRDHUP) < 0) {
		int e = errno;

		vn_cleanup_close(&r->source.fd);
		r->source.fd = -EBADF;
		return -e;
	}
	return 0;
}

int vn_receiver_open(struct vn_receiver *r, struct vn_loop *loop, struct vn_err *err)
{
	int e;

	*r = (struct vn_receiver){.loop = loop, .source.fd = -EBADF};
	e = start(r);
	return e < 0 ? vn_err_kernel(err, -e, "starting the receiver of descriptors: %s", strerror(-e)) : 0;
}

static int order(const struct vn_receiver *r, const struct order *o, const int *fds, size_t n_fds)
{
	ssize_t n = r->source.fd < 0 ? -ENOTCONN : vn_pass_send(r->source.fd, o, sizeof(*o), fds, n_fds, MSG_DONTWAIT);

	return n < 0 ? (int)n : 0;
}

static void say_go(struct vn_receiver *r)
{
	r->go_due = order(r, &(struct order){.op = ORDER_GO}, NULL, 0) < 0;
}

static int order_close(struct vn_receiver *r, int fd)
{
	int e = order(r, &(struct order){.op = ORDER_CLOSE}, &fd, 1);

	if (e < 0)
		return e;
	close(fd);
	say_go(r);
	return 0;
}

static void keep_waiting(struct vn_receiver *r, int fd)
{
	if (r->n_waiting == r->n_room) {
		size_t room = VN_MAX(2 * r->n_room, (size_t)64);
		int *more = reallocarray(r->waiting, room, sizeof(*more));

		if (!more)
			return; /* it stays open: better than to wait for what is in it */
		r->waiting = more;
		r->n_room = room;
	}
	r->waiting[r->n_waiting++] = fd;
}

void vn_receiver_tick(struct vn_receiver *r)
{
	if (r->source.fd < 0 && r->pid > 0)
		waitpid(r->pid, NULL, WNOHANG);
	if (r->source.fd < 0 && r->loop && vn_now_ns() >= r->retry_ns && start(r) < 0)
		r->retry_ns = vn_now_ns() + RETRY_NS;
	if (r->go_due)
		say_go(r);
	while (r->n_waiting && order_close(r, r->waiting[r->n_waiting - 1]) == 0)
		r->n_waiting--;
}

/* Its other side can send no more: is anything left in it? Of packets that cannot be told, an empty one looks like
 * none. */
static bool is_empty(int fd)
{
	int type = 0;
	socklen_t len = sizeof(type);
	char byte;

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_STREAM &&
	       vn_pass_peek(fd, &byte, sizeof(byte)) == 0;
}

void vn_receiver_release(struct vn_receiver *r, int *fd)
{
	int was = *fd;

	*fd = -EBADF;
	if (was < 0)
		return;
	if (vn_pass_is_refused(was) || (shutdown(was, SHUT_RDWR) == 0 && is_empty(was))) {
		close(was);
		return;
	}
	if (order_close(r, was) < 0)
		keep_waiting(r, was);
}

bool vn_receiver_is_behind(const struct vn_receiver *r)
{
	return r->n_waiting >= WAITING_MAX;
}

int vn_receiver_relay(struct vn_receiver *r, int *fd, enum vn_relay_kind kind, uint64_t key)
{
	const struct order o = {.op = ORDER_RELAY, .kind = kind, .key = key};
	int pair[2], fds[VN_PASS_MAX], e;

	/* One at a time between two "go". */
	if (r->go_due)
		return -EAGAIN;
	if (socketpair(AF_UNIX, (kind == VN_RELAY_STREAM ? SOCK_STREAM : SOCK_SEQPACKET) | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	fds[0] = *fd;
	fds[1] = pair[1];
	e = order(r, &o, fds, 2);
	close(pair[1]);
	if (e < 0) {
		close(pair[0]);
		return e;
	}
	close(*fd);
	say_go(r);
	fcntl(pair[0], F_SETFL, O_NONBLOCK);
	*fd = pair[0];
	return 0;
}

void vn_receiver_close(struct vn_receiver *r)
{
	if (r->source.fd >= 0)
		vn_loop_remove(r->loop, &r->source);
	vn_cleanup_close(&r->source.fd);
	r->source.fd = -EBADF;
	free(r->waiting);
	r->waiting = NULL;
	r->n_waiting = r->n_room = 0;
}
