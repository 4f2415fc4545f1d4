// SPDX-License-Identifier: GPL-2.0-only
#include "runtime/runner.h"

#include <uthash.h>

#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <base/userns.h>
#include <base/util.h>

#include "base/process.h"
#include "runtime/cpus.h"
#include "model/model.h"

#define LOG_PERIOD_MS 1000

struct task {
	uint64_t id;
	pid_t pid;
	int out; /* reading end: the reply, as it goes to the daemon */
	size_t n;
	char reply[2048];
};

struct server {
	int fd;
	struct vn_runner_paths paths;
	struct task tasks[VN_RUNNER_PARALLEL];
	size_t n_tasks;
};

struct request {
	int op, runtime, ports, privileged;
	const char *topo, *node;
	json_int_t id, place, asked_by;
	json_t *o;
};

static int unpack(const json_t *msg, struct request *ret, struct vn_err *err)
{
	json_error_t why;

	if (json_unpack_ex((json_t *)msg, &why, 0, "{s:I, s:i, s:i, s:s, s:s, s:I, s:b, s:I, s:b, s:o}", "id", &ret->id,
			   "op", &ret->op, "runtime", &ret->runtime, "topology", &ret->topo, "node", &ret->node,
			   "place", &ret->place, "ports", &ret->ports, "asked_by", &ret->asked_by, "privileged",
			   &ret->privileged, "container", &ret->o) < 0)
		return vn_err_usage(err, "runner: %s", why.text);
	if (!vn_runtime_has((enum vn_runtime)ret->runtime, VN_NODE_CONTAINER) || strlen(ret->topo) > VN_NAME_MAX ||
	    strlen(ret->node) > VN_NAME_MAX || strpbrk(ret->topo, "/.") || strpbrk(ret->node, "/."))
		return vn_err_usage(err, "runner: no container of ours");
	/* What the daemon checked is checked again by the one who has the rights. */
	return vn_container_check(ret->o, (enum vn_runtime)ret->runtime, err);
}

/* The user namespace that owns the network namespace; -ENODATA: the machine's. */
static int open_owner(const char *netns)
{
	cleanup_close int fd = open(netns, O_RDONLY | O_CLOEXEC);
	int r = fd < 0 ? -errno : vn_userns_is_ours(fd);

	return r < 0 ? r : r ? -ENODATA : vn_userns_of(fd);
}

static int perform(const struct server *s, const struct request *q, pid_t *ret_pid, struct vn_err *err)
{
	char id[VN_CONTAINER_ID_MAX], dir[512], netns[320], cpus[VN_CPU_LIST], ports[512];
	struct vn_container_spec spec = {.id = id,
					 .topo = q->topo,
					 .hostname = q->node,
					 .o = q->o,
					 .netns = netns,
					 .cpus = cpus,
					 .dir = dir,
					 .image_dir = s->paths.image_dir,
					 .node_runc = s->paths.node_runc,
					 .asked_by = (uint32_t)q->asked_by,
					 .privileged = q->privileged,
					 .users_fd = -EBADF};
	char users[48];
	cleanup_close int users_fd = -EBADF;
	enum vn_runtime runtime = (enum vn_runtime)q->runtime;
	int r;

	snprintf(id, sizeof(id), "vnet-%s.%s", q->topo, q->node);
	snprintf(netns, sizeof(netns), "/run/netns/%s.%s", q->topo, q->node);
	snprintf(dir, sizeof(dir), "%s/" VN_RUNNER_DIR "/%s.%s", s->paths.runtime_dir, q->topo, q->node);
	snprintf(ports, sizeof(ports), "%s/ports/%s/%s", s->paths.runtime_dir, q->topo, q->node);
	if (q->ports)
		spec.ports_dir = ports;
	r = vn_cpus_choose(q->o, (size_t)q->place, cpus, err);
	if (r < 0 && q->op != VN_RUNNER_STOP && q->op != VN_RUNNER_SANDBOX_STOP)
		return r;
	if (q->op == VN_RUNNER_START) {
		users_fd = open_owner(netns);
		if (users_fd < 0 && users_fd != -ENODATA)
			return vn_err_kernel(err, -users_fd, "%s: %s", netns, strerror(-users_fd));
		if (users_fd >= 0) {
			/* For as long as this process, which waits for the runtime, is there. */
			snprintf(users, sizeof(users), "/proc/%d/fd/%d", (int)getpid(), users_fd);
			spec.users = users;
			spec.users_fd = users_fd;
		}
	}
	switch ((enum vn_runner_op)q->op) {
	case VN_RUNNER_CHECK:
		return vn_backend_check(runtime, &spec, err);
	case VN_RUNNER_SANDBOX:
		return vn_backend_sandbox(&spec, s->paths.pause, ret_pid, err);
	case VN_RUNNER_SANDBOX_STOP:
		return vn_backend_sandbox_stop(&spec, err);
	case VN_RUNNER_START:
		return vn_backend_start(runtime, &spec, ret_pid, err);
	case VN_RUNNER_STOP:
		return vn_backend_stop(runtime, &spec, err);
	}
	return vn_err_usage(err, "runner: unknown operation %d", q->op);
}

/*
 * Operations of a runner that was killed with its daemon go on to their end: containers would appear after they were
 * cleared away. Each holds the lock, which the one who asks for it here has to wait for.
 */
static void wait_for_predecessor(const struct server *s)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/" VN_RUNNER_DIR, s->paths.runtime_dir);
	if (mkdir(path, 0711) < 0 && errno != EEXIST)
		return;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* kept: workers inherit it, runtimes do not */
	while (fd >= 0 && flock(fd, LOCK_EX) < 0 && errno == EINTR)
		;
}

/*
 * What containers of runc say is appended to a file: of one that grew too long the beginning goes. Engines do that
 * themselves.
 */
static void cut_logs(const struct server *s)
{
	static char tail[VN_RUNNER_LOG_MAX / 2];
	char pattern[512];
	glob_t g;

	snprintf(pattern, sizeof(pattern), "%s/" VN_RUNNER_DIR "/*/log", s->paths.runtime_dir);
	if (glob(pattern, GLOB_NOSORT, NULL, &g) == 0)
		for (size_t i = 0; i < g.gl_pathc; i++) {
			cleanup_close int fd = open(g.gl_pathv[i], O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_APPEND);
			struct stat st;
			ssize_t n;

			if (fd < 0 || fstat(fd, &st) < 0 || st.st_size <= VN_RUNNER_LOG_MAX)
				continue;
			n = pread(fd, tail, sizeof(tail), st.st_size - (off_t)sizeof(tail));
			if (ftruncate(fd, 0) == 0 && n > 0)
				(void)!write(fd, tail, (size_t)n);
		}
	globfree(&g);
}

/* In a process of its own: the reply goes into the pipe as a whole. */
static void work(const struct server *s, const json_t *msg, int out)
{
	struct request q = {.op = -1};
	struct vn_err err = {0};
	pid_t pid = 0;
	int r = unpack(msg, &q, &err);
	json_t *reply;
	char *text;

	if (r == 0)
		r = perform(s, &q, &pid, &err);
	if (r < 0 && !err.err)
		vn_err_kernel(&err, -r, "%s", strerror(-r));
	reply = json_pack("{s:I, s:I, s:i, s:i, s:s}", "id", q.id, "pid", (json_int_t)pid, "errno", r < 0 ? err.err : 0,
			  "exit", (int)err.exit, "text", err.text);
	text = json_dumps(reply, JSON_COMPACT);
	if (text && write(out, text, strlen(text)) < 0)
		_exit(1);
	_exit(0);
}

static void begin(struct server *s)
{
	cleanup_free char *text = malloc(VN_RUNNER_MESSAGE_MAX);
	ssize_t n = text ? recv(s->fd, text, VN_RUNNER_MESSAGE_MAX, MSG_TRUNC) : -1;
	struct task *t = &s->tasks[s->n_tasks];
	json_error_t why;
	json_t *msg;
	int out[2];

	if (n <= 0)
		_exit(0); /* the daemon is gone */
	/* Only the daemon speaks here, and it checked. */
	msg = n <= (ssize_t)VN_RUNNER_MESSAGE_MAX ? json_loadb(text, (size_t)n, 0, &why) : NULL;
	if (!msg || pipe2(out, O_CLOEXEC) < 0)
		_exit(1);
	t->id = (uint64_t)json_integer_value(json_object_get(msg, "id"));
	t->n = 0;
	t->pid = fork();
	if (t->pid == 0)
		work(s, msg, out[1]);
	close(out[1]);
	json_decref(msg);
	t->out = out[0];
	s->n_tasks++;
}

static void finish(struct server *s, size_t i)
{
	struct task *t = &s->tasks[i];
	ssize_t n = read(t->out, t->reply + t->n, sizeof(t->reply) - t->n);

	if (n > 0) {
		t->n += (size_t)n;
		return;
	}
	close(t->out);
	/* Without a process (fork failed) there is none to wait for, and the number would mean any. */
	while (t->pid > 0 && waitpid(t->pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (!t->n)
		t->n = (size_t)snprintf(
			t->reply, sizeof(t->reply),
			"{\"id\":%llu,\"pid\":0,\"errno\":%d,\"exit\":%d,\"text\":\"runner: the operation "
			"%s\"}",
			(unsigned long long)t->id, EIO, VN_EXIT_KERNEL,
			t->pid > 0 ? "died" : "found no room for its process");
	if (send(s->fd, t->reply, t->n, MSG_NOSIGNAL) < 0)
		_exit(0);
	*t = s->tasks[--s->n_tasks];
}

static void serve(struct server *s)
{
	for (;;) {
		struct pollfd p[VN_RUNNER_PARALLEL + 1];
		size_t n = s->n_tasks;
		int r;

		for (size_t i = 0; i < n; i++)
			p[i] = (struct pollfd){.fd = s->tasks[i].out, .events = POLLIN};
		p[n] = (struct pollfd){.fd = n < VN_RUNNER_PARALLEL ? s->fd : -1, .events = POLLIN};
		r = poll(p, n + 1, LOG_PERIOD_MS);
		if (r == 0)
			cut_logs(s);
		if (r <= 0)
			continue;
		for (size_t i = n; i-- > 0;)
			if (p[i].revents)
				finish(s, i);
		if (p[n].revents)
			begin(s);
	}
}

/*
 * The keeper process (vnet-keeper) starts the runner and starts it again.
 *
 * A runner that was killed (it has root's rights, and may grow: it is a choice of the kernel's when memory is short)
 * can be started again only by a process with its rights, which the daemon has not. That is all this one does.
 */

#define KEEPER_PAUSE_NS VN_NSEC_PER_SEC /* a runner that died sooner is not started again at once */

static int oom_score_adj(int value)
{
	cleanup_close int fd = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);
	char text[16] = "0";
	int was;

	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		return 0;
	was = (int)strtol(text, NULL, 10);
	snprintf(text, sizeof(text), "%d", value);
	(void)!pwrite(fd, text, strlen(text), 0);
	return was;
}

/* The process that the caller becomes ends with its parent. */
static void become(const char *name, pid_t parent)
{
	prctl(PR_SET_NAME, name);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
}

static void keep(struct server *s)
{
	const int was = oom_score_adj(-1000);
	const pid_t self = getpid();

	for (;;) {
		const uint64_t begun = vn_now_ns();
		struct timespec pause = {.tv_sec = KEEPER_PAUSE_NS / VN_NSEC_PER_SEC};
		char lost[128];
		int st = 0, n;
		pid_t pid = fork();

		if (pid == 0) {
			become("vnet-runner", self);
			oom_score_adj(was);
			wait_for_predecessor(s);
			serve(s);
		}
		while (pid > 0 && waitpid(pid, &st, 0) < 0 && errno == EINTR)
			;
		if (pid > 0 && WIFEXITED(st) && WEXITSTATUS(st) == 0)
			_exit(0); /* the daemon is gone */
		/* Nobody answers what that one was asked. */
		n = snprintf(lost, sizeof(lost), "{\"id\":0,\"pid\":0,\"errno\":%d,\"exit\":%d,\"text\":\"\"}",
			     ECONNRESET, VN_EXIT_KERNEL);
		if (send(s->fd, lost, (size_t)n, MSG_NOSIGNAL) < 0)
			_exit(0);
		if (vn_now_ns() - begun < KEEPER_PAUSE_NS)
			nanosleep(&pause, NULL);
	}
}

/* A reply that waits for who asked. */
struct vn_runner_reply {
	uint64_t id;
	pid_t pid;
	struct vn_err why;
	UT_hash_handle hh;
};

int vn_runner_open(struct vn_runner *r, const struct vn_runner_paths *paths, struct vn_err *err)
{
	int pair[2], size = 8 * (int)VN_RUNNER_MESSAGE_MAX;
	const pid_t self = getpid();
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return vn_err_kernel(err, errno, "runner: socket pair: %s", strerror(errno));
	setsockopt(pair[0], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	pid = fork();
	if (pid < 0) {
		int e = errno;

		close(pair[0]);
		close(pair[1]);
		return vn_err_kernel(err, e, "runner: fork: %s", strerror(e));
	}
	if (pid == 0) {
		static struct server s;
		sigset_t none;

		become("vnet-keeper", self);
		/* A terminal's interrupt is the daemon's business; runtimes want no signal blocked. */
		setsid();
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		s = (struct server){.fd = fcntl(pair[1], F_DUPFD_CLOEXEC, 3), .paths = *paths};
		dup2(s.fd, 3);
		s.fd = 3;
		fcntl(3, F_SETFD, FD_CLOEXEC);
		close_range(4, ~0U, 0);
		keep(&s);
	}
	close(pair[1]);
	*r = (struct vn_runner){.fd = pair[0], .pid = pid, .next_id = 1};
	return 0;
}

void vn_runner_close(struct vn_runner *r)
{
	struct vn_runner_reply *reply, *next;

	if (r->fd < 0)
		return;
	HASH_ITER (hh, r->replies, reply, next) {
		HASH_DEL(r->replies, reply);
		free(reply);
	}
	vn_cleanup_close(&r->fd);
	r->fd = -1;
	while (waitpid(r->pid, NULL, 0) < 0 && errno == EINTR)
		;
}

bool vn_runner_there(const struct vn_runner *r)
{
	struct pollfd p = {.fd = r->fd, .events = POLLRDHUP};

	return r->fd >= 0 && (poll(&p, 1, 0) == 0 || !(p.revents & (POLLRDHUP | POLLHUP | POLLERR)));
}

/* One message of the runner: false, there is none. */
static bool take_reply(struct vn_runner *r)
{
	struct vn_runner_reply *reply;
	json_int_t id = 0, pid = 0;
	const char *text = "";
	int e = 0, ex = 0;
	json_error_t why;
	char buf[4096];
	json_t *msg;
	ssize_t n;

	n = recv(r->fd, buf, sizeof(buf), MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		r->gone = -ENOTCONN;
		return false;
	}
	msg = json_loadb(buf, (size_t)n, 0, &why);
	if (!msg || json_unpack(msg, "{s:I, s:I, s:i, s:i, s:s}", "id", &id, "pid", &pid, "errno", &e, "exit", &ex,
				"text", &text) < 0) {
		json_decref(msg);
		r->gone = -EBADMSG;
		return false;
	}
	if (id == 0) {
		r->lost_before = r->next_id;
		r->pending = 0;
	} else {
		reply = calloc(1, sizeof(*reply));
		if (reply) {
			*reply = (struct vn_runner_reply){.id = (uint64_t)id, .pid = (pid_t)pid};
			if (e)
				vn_err(&reply->why, (enum vn_exit)ex, e, "%s", text);
			HASH_ADD(hh, r->replies, id, sizeof(reply->id), reply);
		}
		if (r->pending)
			r->pending--;
	}
	json_decref(msg);
	return true;
}

static void take_replies(struct vn_runner *r)
{
	while (r->fd >= 0 && !r->gone && take_reply(r))
		;
}

int vn_runner_send(struct vn_runner *r, const struct vn_runner_job *job, uint64_t *ret_id, struct vn_err *err)
{
	cleanup_free char *text = NULL;
	json_t *msg;
	size_t len;

	take_replies(r);
	if (r->fd < 0)
		return vn_err_kernel(err, ENOTCONN, "the runner of containers is gone: restart the daemon");
	if (r->pending >= VN_RUNNER_PARALLEL)
		return -EAGAIN;
	msg = json_pack("{s:I, s:i, s:i, s:s, s:s, s:I, s:b, s:I, s:b, s:O}", "id", (json_int_t)r->next_id, "op",
			(int)job->op, "runtime", (int)job->runtime, "topology", job->topo, "node", job->node, "place",
			(json_int_t)job->place, "ports", job->ports, "asked_by", (json_int_t)job->asked_by,
			"privileged", job->privileged, "container", job->o);
	text = msg ? json_dumps(msg, JSON_COMPACT) : NULL;
	json_decref(msg);
	if (!text)
		return -ENOMEM;
	len = strlen(text);
	if (len > VN_RUNNER_MESSAGE_MAX)
		return vn_err_usage(err, "node %s: its description is longer than %u bytes", job->node,
				    VN_RUNNER_MESSAGE_MAX);
	if (send(r->fd, text, len, MSG_NOSIGNAL) < 0)
		return vn_err_kernel(err, errno, "the runner of containers is gone (%s): restart the daemon",
				     strerror(errno));
	r->pending++;
	*ret_id = r->next_id++;
	return 0;
}

int vn_runner_receive(struct vn_runner *r, uint64_t id, pid_t *ret_pid, struct vn_err *ret_why)
{
	struct vn_runner_reply *reply;

	take_replies(r);
	HASH_FIND(hh, r->replies, &id, sizeof(id), reply);
	if (!reply)
		return id < r->lost_before ? -ECONNRESET : r->gone ?: -EAGAIN;
	*ret_pid = reply->pid;
	*ret_why = reply->why;
	HASH_DEL(r->replies, reply);
	free(reply);
	return 0;
}

void vn_runner_wait(struct vn_runner *r, int timeout_ms)
{
	struct pollfd p = {.fd = r->fd, .events = POLLIN};

	poll(&p, 1, timeout_ms);
}

int vn_container_pid(const char *runtime_dir, const char *topo, const char *node, const char *what, pid_t *ret_pid)
{
	unsigned long long start = 0, now;
	char path[512];
	int pid = 0, n;
	FILE *f;

	snprintf(path, sizeof(path), "%s/" VN_RUNNER_DIR "/%s.%s/%s", runtime_dir, topo, node, what);
	f = fopen(path, "re");
	if (!f)
		return -ESRCH;
	n = fscanf(f, "%d %llu", &pid, &start);
	fclose(f);
	if (n != 2 || vn_process_start(pid, &now) < 0 || now != start)
		return -ESRCH;
	*ret_pid = pid;
	return 0;
}
