/* SPDX-License-Identifier: GPL-2.0-only */
#include "engines/supervisor.h"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <base/engine_args.h>
#include <base/util.h>

#include "engines/arena.h"
#include "base/log.h"
#include "engines/engine_port.h"

#define ENGINE_CHUNKS     24576u                   /* 16384 to receive into, the rest to send from */
#define HUNG_NS           (250 * VN_NSEC_PER_MSEC) /* no heartbeat for so long: not coming back by itself */
#define STARTUP_NS        (3 * VN_NSEC_PER_SEC)    /* until the first heartbeat */
#define QUICK_DEATH_NS    (2 * VN_NSEC_PER_SEC)
#define QUICK_DEATHS_MAX  10                       /* then it counts as one that does not work */
#define BACKOFF_FIRST_NS  (100 * VN_NSEC_PER_MSEC) /* after the first start that failed; doubled after each */
#define BACKOFF_LAST_NS   (30 * VN_NSEC_PER_SEC)
#define FIFO_PRIORITY     10
#define ENGINE_EXIT_USAGE 2 /* it does not know what it was told: starting it again would not help */

static int sys_pidfd_open(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

static int sys_pidfd_send_signal(int fd, int sig)
{
	return (int)syscall(SYS_pidfd_send_signal, fd, sig, NULL, 0);
}

static volatile struct vn_engine *status(const struct vn_supervisor *s)
{
	return &s->placement->dp->maps.engine[s->engine];
}

#define LOCK_PATH_MAX 256

static const char *lock_path(const struct vn_supervisor *s, char buf[LOCK_PATH_MAX])
{
	snprintf(buf, LOCK_PATH_MAX, "%s/engine%u.lock", s->runtime_dir, s->engine);
	return buf;
}

static int lock_open(const struct vn_supervisor *s, struct vn_err *err)
{
	char path[LOCK_PATH_MAX];
	int fd;

	lock_path(s, path);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	return fd < 0 ? vn_err_kernel(err, errno, "%s: %s", path, strerror(errno)) : fd;
}

/* Which program holds the lock, the lock's file says: for the next daemon, which did not start it. */
static void note_program(struct vn_supervisor *s, int lock)
{
	char text[VN_PROGRAM_TEXT];

	if (ftruncate(lock, 0) < 0 || !vn_program_text(s->program, text) ||
	    pwrite(lock, text, sizeof(text) - 1, 0) != sizeof(text) - 1)
		vn_log_at(VN_LOG_DEBUG, "engine %u: which program it runs is not noted", s->engine);
}

static void read_program(struct vn_supervisor *s)
{
	cleanup_close int lock = lock_open(s, NULL);
	char text[VN_PROGRAM_TEXT] = "";
	ssize_t n = lock < 0 ? -1 : pread(lock, text, sizeof(text) - 1, 0);

	s->program = n == sizeof(text) - 1 ? strtoull(text, NULL, 16) : 0;
}

bool vn_supervisor_is_current(struct vn_supervisor *s)
{
	const uint64_t installed = vn_program_look(&s->installed, s->path);

	return !installed || installed == s->program;
}

static void watch_event(void *arg, uint32_t events);

static int watch(struct vn_supervisor *s, pid_t pid)
{
	int r;

	s->pidfd = (struct vn_source){.fd = sys_pidfd_open(pid), .handle = watch_event, .arg = s};
	if (s->pidfd.fd < 0)
		return -errno;
	r = vn_loop_add(s->loop, &s->pidfd, EPOLLIN);
	if (r < 0) {
		vn_cleanup_close(&s->pidfd.fd);
		s->pidfd.fd = -EBADF;
		return r;
	}
	s->pid = pid;
	s->placement->port[s->engine].served = true;
	return 0;
}

static void unwatch(struct vn_supervisor *s)
{
	if (s->pidfd.fd >= 0) {
		vn_loop_remove(s->loop, &s->pidfd);
		vn_cleanup_close(&s->pidfd.fd);
	}
	s->pidfd.fd = -EBADF;
	s->pid = 0;
	s->hung = false;
	s->placement->port[s->engine].served = false;
}

/* Between fork and exec: only what may be called there. Order: priority while still root, identity last. */
static void child_become(const struct vn_supervisor *s)
{
	struct sched_param fifo = {.sched_priority = FIFO_PRIORITY};
	struct rlimit none = {0, 0};
	cpu_set_t cpus;

	if (s->cpu >= 0) {
		CPU_ZERO(&cpus);
		CPU_SET((size_t)s->cpu, &cpus);
		sched_setaffinity(0, sizeof(cpus), &cpus);
	}
	/* Refused without a real-time budget in the cgroup: the engine then says so in its status. */
	sched_setscheduler(0, SCHED_FIFO, &fifo);
	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (setgroups(0, NULL) < 0 || setresgid(s->gid, s->gid, s->gid) < 0 || setresuid(s->uid, s->uid, s->uid) < 0)
		_exit(126);
}

/* What the engine gets, and behind it what the child needs until then: its program, and where to say why it failed. */
enum { CHILD_EXE = VN_ENGINE_FD_FIRST + VN_ENGINE_N_FDS, CHILD_TELL, CHILD_FD_END };
#define CHILD_N_FDS (CHILD_FD_END - VN_ENGINE_FD_FIRST)

/* The descriptors at their agreed numbers, everything else closed. They come in above all of those numbers. */
static void child_fds(const int fds[CHILD_N_FDS])
{
	for (int i = 0; i < CHILD_N_FDS; i++)
		if (dup3(fds[i], VN_ENGINE_FD_FIRST + i, i < VN_ENGINE_N_FDS ? 0 : O_CLOEXEC) < 0)
			_exit(126);
	if (syscall(SYS_close_range, CHILD_FD_END, ~0U, 0) < 0)
		_exit(126);
}

/* By descriptor, since the engine's user may not be allowed into the folders above its program (/root). */
static void child(const struct vn_supervisor *s, const char *const argv[], const int fds[CHILD_N_FDS])
{
	static char *const env[] = {NULL};
	sigset_t none;
	int r;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	if (chdir("/") < 0)
		_exit(126);
	child_fds(fds);
	child_become(s);
	syscall(SYS_execveat, CHILD_EXE, "", argv, env, AT_EMPTY_PATH);
	r = errno;
	if (write(CHILD_TELL, &r, sizeof(r)) < 0)
		_exit(126);
	_exit(127);
}

struct engine_fds {
	int fd[CHILD_N_FDS];
};

static void engine_fds_close(struct engine_fds *f)
{
	for (size_t i = 0; i < VN_ARRAY_SIZE(f->fd); i++)
		vn_cleanup_close(&f->fd[i]);
}

/* High copies, so that placing them at their numbers in the child cannot step on one another. */
static int engine_fds_fill(const struct vn_supervisor *s, const struct vn_xsk *xsk, int lock, int arena, int exe,
			   int tell, struct engine_fds *ret)
{
	const struct vn_maps *m = &s->placement->dp->maps;
	const int from[CHILD_N_FDS] = {
		[VN_ENGINE_FD_XSK - VN_ENGINE_FD_FIRST] = xsk->fd,
		[VN_ENGINE_FD_UMEM - VN_ENGINE_FD_FIRST] = xsk->umem_fd,
		[VN_ENGINE_FD_DISC - VN_ENGINE_FD_FIRST] = m->fd_disc,
		[VN_ENGINE_FD_DIR - VN_ENGINE_FD_FIRST] = m->fd_dir,
		[VN_ENGINE_FD_ENGINE - VN_ENGINE_FD_FIRST] = m->fd_engine,
		[VN_ENGINE_FD_LOCK - VN_ENGINE_FD_FIRST] = lock,
		[VN_ENGINE_FD_ARENA - VN_ENGINE_FD_FIRST] = arena,
		[CHILD_EXE - VN_ENGINE_FD_FIRST] = exe,
		[CHILD_TELL - VN_ENGINE_FD_FIRST] = tell,
	};

	for (size_t i = 0; i < CHILD_N_FDS; i++) {
		ret->fd[i] = fcntl(from[i], F_DUPFD_CLOEXEC, 64);
		if (ret->fd[i] < 0)
			return -errno;
	}
	return 0;
}

/* The engine's command line; the bulk one has no chunks. */
struct engine_args {
	char index[16], ifindex[16], chunks[16], chunk_size[16], max_ports[16];
	const char *argv[16];
};

static void make_args(const struct vn_supervisor *s, const struct vn_xsk *xsk, struct engine_args *a)
{
	const bool bulk = s->engine == VN_ENGINE_BULK;
	size_t n = 0;

	snprintf(a->index, sizeof(a->index), "%u", s->engine);
	snprintf(a->ifindex, sizeof(a->ifindex), "%u", vn_engine_port_ifindex(s->engine, bulk ? 0 : 1));
	snprintf(a->chunks, sizeof(a->chunks), "%u", xsk->chunks);
	snprintf(a->chunk_size, sizeof(a->chunk_size), "%u", xsk->chunk_size);
	snprintf(a->max_ports, sizeof(a->max_ports), "%u", s->placement->dp->maps.max_ports);
	a->argv[n++] = VN_ENGINE_NAME;
	a->argv[n++] = "--index", a->argv[n++] = a->index;
	a->argv[n++] = "--ifindex", a->argv[n++] = a->ifindex;
	a->argv[n++] = "--max-ports", a->argv[n++] = a->max_ports;
	if (bulk) {
		a->argv[n++] = "--bulk";
	} else {
		a->argv[n++] = "--chunks", a->argv[n++] = a->chunks;
		a->argv[n++] = "--chunk-size", a->argv[n++] = a->chunk_size;
		if (xsk->sg)
			a->argv[n++] = "--sg";
		if (s->spin)
			a->argv[n++] = "--spin";
	}
	a->argv[n] = NULL;
}

/* Exec closes the child's end of the pipe; before that it holds the error, if there was one. */
static int exec_result(const struct vn_supervisor *s, int tell, struct vn_err *err)
{
	ssize_t n;
	int r = 0;

	do {
		n = read(tell, &r, sizeof(r));
	} while (n < 0 && errno == EINTR);
	if (n != sizeof(r))
		return 0; /* what else ended it, its exit code says */
	if (r == EACCES)
		return vn_err_kernel(err, r,
				     "engine: %s: %s as user %u: chmod a+rx it (was it built with umask 077?), "
				     "and look whether its file system is mounted noexec",
				     s->path, strerror(r), (unsigned int)s->uid);
	return vn_err_kernel(err, r, "engine: cannot execute %s: %s", s->path, strerror(r));
}

/* The child's pid. Our copies of what it gets are closed again. */
static pid_t fork_child(const struct vn_supervisor *s, const struct vn_xsk *xsk, int lock, int exe, int tell,
			struct vn_err *err)
{
	__attribute__((cleanup(engine_fds_close))) struct engine_fds fds;
	cleanup_close int arena = vn_arena_open_read(s->runtime_dir, err);
	struct engine_args args;
	pid_t pid;
	int r;

	memset(&fds, 0xff, sizeof(fds));
	if (arena < 0)
		return arena;
	make_args(s, xsk, &args);
	r = engine_fds_fill(s, xsk, lock, arena, exe, tell, &fds);
	if (r < 0)
		return vn_err_kernel(err, -r, "engine: duplicating descriptors: %s", strerror(-r));
	pid = fork();
	if (pid < 0)
		return vn_err_kernel(err, errno, "engine: fork: %s", strerror(errno));
	if (pid == 0)
		child(s, args.argv, fds.fd);
	return pid;
}

static int spawn(struct vn_supervisor *s, const struct vn_xsk *xsk, int lock, struct vn_err *err)
{
	cleanup_close int exe = open(s->path, O_PATH | O_CLOEXEC), tell_read = -EBADF;
	char itself[32];
	int r, tell[2];
	pid_t pid;

	if (exe < 0)
		return vn_err_kernel(err, errno, "engine: %s: %s", s->path, strerror(errno));
	snprintf(itself, sizeof(itself), "/proc/self/fd/%d", exe);
	if (pipe2(tell, O_CLOEXEC) < 0)
		return vn_err_kernel(err, errno, "engine: pipe: %s", strerror(errno));
	tell_read = tell[0];
	pid = fork_child(s, xsk, lock, exe, tell[1], err);
	close(tell[1]);
	if (pid < 0)
		return pid;
	r = exec_result(s, tell_read, err);
	if (r == 0) {
		s->program = vn_program_hash(itself);
		note_program(s, lock);
		r = watch(s, pid);
		if (r < 0)
			vn_err_kernel(err, -r, "engine: pidfd: %s", strerror(-r));
	}
	if (r < 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	return r;
}

/* The tap's queue in the place of the socket, and nothing in that of the UMEM. */
static int make_tap(struct vn_xsk *ret_xsk, struct vn_err *err)
{
	cleanup_close int fd = vn_engine_port_open_tap(err), none = -EBADF;

	if (fd < 0)
		return fd;
	none = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (none < 0)
		return vn_err_kernel(err, errno, "/dev/null: %s", strerror(errno));
	*ret_xsk = (struct vn_xsk){.fd = take_fd(&fd), .umem_fd = take_fd(&none)};
	return 0;
}

/* The socket must be of the fabric; the daemon comes home whatever happens. */
static int make_socket(struct vn_supervisor *s, struct vn_xsk *ret_xsk, struct vn_err *err)
{
	int r;

	if (setns(s->placement->home->netns_fd, CLONE_NEWNET) < 0)
		return vn_err_kernel(err, errno, "engine: entering %s: %s", VN_FABRIC_NAME, strerror(errno));
	r = s->engine == VN_ENGINE_BULK
		    ? make_tap(ret_xsk, err)
		    : vn_xsk_create(ENGINE_CHUNKS, vn_engine_rx_entries(ENGINE_CHUNKS), s->umem_fd, ret_xsk, err);
	if (setns(s->placement->home->host_netns_fd, CLONE_NEWNET) < 0) {
		vn_log_at(VN_LOG_ERROR, "cannot return to the host's network namespace: %s", strerror(errno));
		abort();
	}
	return r;
}

static void xsk_cleanup(struct vn_xsk *x)
{
	vn_xsk_release(x);
}

static int start(struct vn_supervisor *s, struct vn_err *err)
{
	__attribute__((cleanup(xsk_cleanup))) struct vn_xsk xsk = {.fd = -EBADF, .umem_fd = -EBADF};
	cleanup_close int lock = lock_open(s, err);
	char path[LOCK_PATH_MAX];
	int r;

	if (lock < 0)
		return lock;
	if (flock(lock, LOCK_EX | LOCK_NB) < 0)
		return vn_err_kernel(err, errno, "engine %u: its lock is held: another engine still runs", s->engine);
	r = make_socket(s, &xsk, err);
	if (r < 0)
		return r;
	/* Before the engine binds it: from the first bound moment on frames arrive. */
	if (s->engine != VN_ENGINE_BULK)
		r = vn_dp_set_xsk(s->placement->dp, s->engine, xsk.fd, err);
	if (r < 0)
		return r;
	r = spawn(s, &xsk, lock, err);
	if (r < 0) {
		unlink(lock_path(s, path));
		return r;
	}
	s->started_ns = vn_now_ns();
	vn_cleanup_close(&s->umem_fd);
	if (s->engine != VN_ENGINE_BULK)
		s->umem_fd = take_fd(&xsk.umem_fd);
	return 0;
}

/* An engine that cannot work is not tried without end: the machine has other things to do. */
static void back_off(struct vn_supervisor *s)
{
	uint64_t wait_ns = BACKOFF_FIRST_NS << VN_MIN(s->failures, 20u);

	wait_ns = VN_MIN(wait_ns, BACKOFF_LAST_NS);
	s->failures++;
	s->retry_ns = vn_now_ns() + wait_ns;
	vn_log_at(VN_LOG_ERROR, "engine %u: %u starts in a row failed: the next in %llu ms", s->engine, s->failures,
		  (unsigned long long)(wait_ns / VN_NSEC_PER_MSEC));
}

uint64_t vn_supervisor_retry_in_ns(const struct vn_supervisor *s)
{
	const uint64_t now = vn_now_ns();

	return !s->pid && s->retry_ns > now ? s->retry_ns - now : 0;
}

static void try_start(struct vn_supervisor *s)
{
	struct vn_err err = {0};

	if (start(s, &err) < 0) {
		vn_log_at(VN_LOG_ERROR, "%s", err.text);
		s->why = err;
		back_off(s);
		return;
	}
	s->retry_ns = 0;
	s->restarts++;
	s->changed(s, "started");
}

/* Did it ever work? */
static bool reap(struct vn_supervisor *s)
{
	uint64_t now = vn_now_ns();
	bool worked;
	int st = 0;

	/* An adopted engine is not our child: nothing to wait for. */
	if (waitpid(s->pid, &st, WNOHANG) == s->pid) {
		if (WIFEXITED(st) && WEXITSTATUS(st) == ENGINE_EXIT_USAGE)
			s->refuses = true;
		else if (!s->stopping && !(s->replacing && st == 0))
			vn_log_at(VN_LOG_ERROR, "engine %u (pid %d): %s %d", s->engine, (int)s->pid,
				  WIFSIGNALED(st) ? "killed by signal" : "ended with",
				  WIFSIGNALED(st) ? WTERMSIG(st) : WEXITSTATUS(st));
		s->why = (struct vn_err){0};
		vn_err_kernel(&s->why, ECHILD, "engine %u: %s %s %d", s->engine, s->path,
			      WIFSIGNALED(st) ? "was killed by signal" : "ended with",
			      WIFSIGNALED(st) ? WTERMSIG(st) : WEXITSTATUS(st));
	}
	unwatch(s);
	worked = status(s)->heartbeat_ns >= s->started_ns;
	/* Ports see it at once, not after the heartbeat has aged. */
	status(s)->heartbeat_ns = 0;
	s->quick_deaths = now - s->started_ns < QUICK_DEATH_NS ? s->quick_deaths + 1 : 0;
	if (worked && s->quick_deaths < QUICK_DEATHS_MAX)
		s->failures = 0;
	return worked;
}

static void watch_event(void *arg, uint32_t events)
{
	struct vn_supervisor *s = arg;
	bool worked;

	worked = reap(s);
	if (s->stopping)
		return;
	if (s->replacing) {
		s->replacing = false;
		s->quick_deaths = s->failures = 0;
		try_start(s);
		return;
	}
	s->changed(s, "died");
	if (s->refuses) {
		vn_log_at(VN_LOG_ERROR, "engine %u: %s does not understand how it was started: is it of this version?",
			  s->engine, s->path);
		s->retry_ns = UINT64_MAX;
	} else if (!worked || s->quick_deaths >= QUICK_DEATHS_MAX) {
		back_off(s);
	} else {
		try_start(s);
	}
}

void vn_supervisor_tick(struct vn_supervisor *s)
{
	uint64_t now = vn_now_ns(), beat = status(s)->heartbeat_ns;

	if (s->stopping)
		return;
	if (!s->pid) {
		if (now >= s->retry_ns)
			try_start(s);
		return;
	}
	if ((int64_t)(now - VN_MAX(beat, s->started_ns)) < (int64_t)(beat >= s->started_ns ? HUNG_NS : STARTUP_NS))
		return;
	/* Said once: on a busy machine a killed process takes a while to go. */
	if (s->hung)
		return;
	s->hung = true;
	vn_log_at(VN_LOG_WARNING, "engine %u (pid %d): no heartbeat for %llu ms: replaced", s->engine, (int)s->pid,
		  (unsigned long long)((now - VN_MAX(beat, s->started_ns)) / VN_NSEC_PER_MSEC));
	s->changed(s, "hung");
	sys_pidfd_send_signal(s->pidfd.fd, SIGKILL);
}

bool vn_supervisor_is_up(const struct vn_supervisor *s)
{
	/* The beat of that process, not of one that fights it for the engine port. */
	return s->pid && status(s)->pid == (uint32_t)s->pid &&
	       (int64_t)(vn_now_ns() - status(s)->heartbeat_ns) < (int64_t)VN_ENGINE_STALE_NS;
}

static bool lock_is_held(const struct vn_supervisor *s)
{
	cleanup_close int lock = lock_open(s, NULL);

	return lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

/* By its user, or, where that was another one (--engine-user), by the name that it gives itself. */
static bool is_engine(const struct vn_supervisor *s, pid_t pid)
{
	cleanup_fclose FILE *f = NULL;
	char path[32], line[128], name[16] = "";
	unsigned int uid;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		sscanf(line, "Name: %15s", name);
		if (sscanf(line, "Uid: %u", &uid) == 1)
			return uid == s->uid || strcmp(name, VN_ENGINE_NAME) == 0;
	}
	return false;
}

/* Was it started for this engine port? Its arguments are what we gave it; it can change them for itself, for nobody
 * else. */
static bool serves(const struct vn_supervisor *s, pid_t pid)
{
	char path[32], args[1024], index[16];
	cleanup_close int fd = -EBADF;
	const char *a;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	snprintf(index, sizeof(index), "%u", s->engine);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, args, sizeof(args) - 1);
	if (n <= 0)
		return false;
	args[n] = '\0';
	for (a = args; a < args + n; a += strlen(a) + 1)
		if (strcmp(a, "--index") == 0)
			return strcmp(a + strlen(a) + 1, index) == 0;
	return false;
}

/*
 * Somebody removed the lock's file while the engine that holds it ran on: a second one could not bind its port. Its
 * user is nobody else's, so when its heart beats it is the one; and one that hangs is ended, or no other could start.
 */
static int adopt_unlocked(struct vn_supervisor *s, pid_t pid)
{
	const bool beats = (int64_t)(vn_now_ns() - status(s)->heartbeat_ns) < (int64_t)HUNG_NS;
	int r;

	if (!is_engine(s, pid) || (!beats && !serves(s, pid)))
		return -ESRCH;
	r = watch(s, pid);
	if (r < 0)
		return r;
	if (!is_engine(s, pid) || (!beats && !serves(s, pid))) {
		unwatch(s);
		return -ESRCH;
	}
	s->started_ns = status(s)->start_ns;
	s->program = 0;
	s->hung = !beats;
	vn_log_at(beats ? VN_LOG_NOTICE : VN_LOG_WARNING, "engine %u (pid %d): the file of its lock was removed%s",
		  s->engine, (int)pid, beats ? ": adopted all the same" : ", and it has no heartbeat: replaced");
	return 0;
}

/*
 * The lock is inherited by the engine alone, so while it is held the pid in the status is the engine's: unless one that
 * was taken over wrote another's there, to have it killed as hung.
 */
static int adopt(struct vn_supervisor *s)
{
	pid_t pid = (pid_t)status(s)->pid;
	int r;

	if (pid <= 0)
		return -ESRCH;
	if (!lock_is_held(s))
		return adopt_unlocked(s, pid);
	r = watch(s, pid);
	if (r < 0)
		return r;
	if (!lock_is_held(s) || !is_engine(s, pid)) {
		if (lock_is_held(s))
			vn_log_at(VN_LOG_ERROR,
				  "engine %u: its status names pid %d, which is no engine: left alone; end what holds "
				  "%s/engine%u.lock",
				  s->engine, (int)pid, s->runtime_dir, s->engine);
		unwatch(s);
		return -ESRCH;
	}
	s->started_ns = status(s)->start_ns;
	read_program(s);
	return 0;
}

int vn_supervisor_open(struct vn_supervisor *s, struct vn_err *err)
{
	int r;

	s->pidfd.fd = -EBADF;
	r = adopt(s);
	if (r == 0 && s->placement->home->made) {
		vn_log("engine %u (pid %d): its port is in a namespace that lost its name: replaced", s->engine,
		       (int)s->pid);
		sys_pidfd_send_signal(s->pidfd.fd, SIGKILL);
		return 0; /* its death starts ours */
	}
	if (r == 0 && s->hung) {
		sys_pidfd_send_signal(s->pidfd.fd, SIGKILL);
		return 0; /* its death starts ours */
	}
	if (r == 0 && status(s)->abi == VN_ENGINE_ABI) {
		s->changed(s, "adopted");
		return 0;
	}
	if (r == 0) {
		vn_log("engine %u (pid %d): of another version: replaced", s->engine, (int)s->pid);
		sys_pidfd_send_signal(s->pidfd.fd, SIGKILL);
		return 0; /* its death starts ours */
	}
	if (lock_is_held(s)) {
		/* Starting or just ending: its predecessor's pid is in the status. The tick tries again. */
		s->retry_ns = vn_now_ns() + 100 * VN_NSEC_PER_MSEC;
		return 0;
	}
	r = start(s, err);
	if (r < 0)
		return r;
	s->changed(s, "started");
	return 0;
}

void vn_supervisor_close(struct vn_supervisor *s)
{
	char path[LOCK_PATH_MAX];

	unwatch(s);
	if (s->stopping)
		unlink(lock_path(s, path));
	vn_cleanup_close(&s->umem_fd);
	s->umem_fd = -EBADF;
}

void vn_supervisor_replace(struct vn_supervisor *s)
{
	s->refuses = false;
	s->why = (struct vn_err){0};
	if (!s->pid) {
		s->quick_deaths = s->failures = 0;
		try_start(s);
		return;
	}
	s->replacing = true;
	sys_pidfd_send_signal(s->pidfd.fd, SIGTERM);
}

void vn_supervisor_end(struct vn_supervisor *s)
{
	s->stopping = true;
	if (s->pid)
		sys_pidfd_send_signal(s->pidfd.fd, SIGTERM);
}

void vn_supervisor_stop(struct vn_supervisor *s)
{
	vn_supervisor_end(s);
	if (!s->pid)
		return;
	/* It has nothing to save: what does not end at once is ended. */
	for (int i = 0; i < 200 && s->pid; i++)
		vn_loop_turn(s->loop, 5);
	if (s->pid)
		sys_pidfd_send_signal(s->pidfd.fd, SIGKILL);
}
