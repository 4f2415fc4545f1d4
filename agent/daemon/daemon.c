/* SPDX-License-Identifier: GPL-2.0-only */
/* `vnet-agent daemon`: start, adopt, serve, leave traffic running. */
#include "store/disc_blocks.h"
#include "daemon/background.h"

#include <cap-ng.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include <base/util.h>

#include "base/log.h"
#include "api/audit.h"
#include "api/events.h"
#include "measure/calibrate.h"
#include "store/damaged.h"
#include "daemon/daemon_main.h"
#include "daemon/host_lock.h"
#include "daemon/options.h"
#include "methods/methods.h"
#include "methods/rows.h"

#define TICK_MS       100
#define VF_LOOK_TICKS 10
#define SHOWN_AT_ONCE 32 /* nodes and links: more are shown by a process of their own */
/* The engine's own identity when there is no user of its name: from the range nobody hands out by hand. */
#define ENGINE_USER     "vnet-engine"
#define ENGINE_UID_BARE 64611

struct vn_daemon {
	struct vn_parts parts;
	struct vn_daemon_opts opts;
	struct vn_receiver receiver;
	struct vn_server server;
	uint32_t overload_told[VN_ENGINES_MAX]; /* VN_OVERLOAD_ bits, as events said last */
	bool fresh;                             /* starting, and there was nothing before: what fails leaves nothing */
	int lock_fd;
	struct vn_host_lock host_lock;
	bool name_lost;    /* the fabric has none any more */
	int background_fd; /* to who started it in the background, until it is ready; -EBADF: nobody waits */
};

/* The whole answer to a request that only shows. */
static json_t *make_reply(void *arg, struct vn_conn *c, const json_t *request)
{
	struct vn_err err = {0};
	json_t *reply = NULL;
	struct vn_daemon *d = arg;
	int r;

	/* A copy reads from no socket that it shares with the daemon: nothing is looked at anew. */
	for (size_t i = 0; i < d->parts.store.n_running; i++)
		d->parts.store.running[i]->changing = true;
	r = vn_methods_call(&d->parts, c, request, &reply, &err);
	if (r == 0 && reply)
		return json_pack("{s:o}", "parameters", reply);
	if (!err.err)
		vn_err(&err, VN_EXIT_KERNEL, r < 0 ? -r : ENOMEM, "%s", strerror(r < 0 ? -r : ENOMEM));
	return vn_wire_error(&err);
}

/* Does it show so much that the loop would be held up? */
static bool shows_much(const struct vn_daemon *d, const json_t *request)
{
	static const char *const lists[] = {"vnet.node.show", "vnet.link.show"};
	const char *method = vn_method_name(request);
	const bool named = json_object_get(json_object_get(request, "parameters"), "name");
	size_t n = 0;

	for (size_t i = 0; i < d->parts.store.n_running; i++)
		n += d->parts.store.running[i]->topo->n_nodes + d->parts.store.running[i]->topo->n_links;
	if (!method || n <= SHOWN_AT_ONCE)
		return false;
	for (size_t i = 0; i < VN_ARRAY_SIZE(lists); i++)
		if (strcmp(method, lists[i]) == 0)
			return !named;
	return named && strcmp(method, "vnet.topology.show") == 0;
}

/* Run the method, and send what it says. */
static void answer(struct vn_daemon *d, struct vn_conn *c, const json_t *request)
{
	struct vn_err err = {0};
	json_t *reply = NULL;
	int r = vn_methods_call(&d->parts, c, request, &reply, &err);

	if ((r < 0 || !reply) && !err.err)
		vn_err(&err, VN_EXIT_KERNEL, r < 0 ? -r : ENOMEM, "%s", strerror(r < 0 ? -r : ENOMEM));
	vn_audit_request(c, vn_method_name(request), request, reply, r < 0 || !reply ? err.text : NULL);
	if (r < 0 || !reply) {
		json_decref(reply);
		vn_conn_error(c, &err);
		return;
	}
	vn_conn_reply(c, reply, c->monitor);
}

/* A request that waits for much: its client may go meanwhile, the connection stays until it has ended. */
struct request_job {
	struct vn_daemon *d;
	struct vn_conn *c;
	json_t *request;
};

static void run_request(void *arg)
{
	struct request_job *j = arg;

	answer(j->d, j->c, j->request);
}

static void request_ended(void *arg)
{
	struct request_job *j = arg;

	vn_conn_done(j->c);
	json_decref(j->request);
	free(j);
}

static int begin_job(struct vn_daemon *d, struct vn_conn *c, const json_t *request)
{
	struct request_job *j = calloc(1, sizeof(*j));
	struct vn_err err = {0};

	if (j)
		*j = (struct request_job){.d = d, .c = c, .request = json_incref((json_t *)request)};
	if (j && vn_job_start(&d->parts.jobs, run_request, request_ended, j) == 0)
		return -EINPROGRESS;
	if (j)
		json_decref(j->request);
	free(j);
	vn_err_nomem(&err);
	vn_conn_error(c, &err);
	return 0;
}

static int on_request(void *arg, struct vn_conn *c, const json_t *request)
{
	struct vn_daemon *d = arg;
	int r;

	if (shows_much(d, request)) {
		const uint64_t until_ns = vn_now_ns() + VN_WATCH_SHOW_NS;

		/* What the kernel has told already is in the copy, which itself reads nothing of it. */
		for (size_t i = 0; i < d->parts.store.n_running; i++)
			vn_watch_sync(&d->parts.observe, d->parts.store.running[i], VN_NONE, until_ns);
		r = vn_conn_aside(c, make_reply, d, request);
		if (r != -EOPNOTSUPP)
			return r;
	}
	if (vn_method_is_long(request))
		return begin_job(d, c, request);
	answer(d, c, request);
	return 0;
}

static void on_engine(struct vn_supervisor *s, const char *what)
{
	struct vn_daemon *d = s->arg;

	vn_log("engine %u: %s%s", s->engine, what, s->pid ? "" : ", what it holds drops until it is back");
	vn_tell(&d->parts.tell, json_pack("{s:s, s:s, s:i, s:i}", "event", "engine", "what", what, "trunk",
					  (int)s->engine, "pid", (int)s->pid));
}

static int engine_identity(const struct vn_daemon *d, uid_t *ret_uid, gid_t *ret_gid, struct vn_err *err)
{
	const char *name = d->opts.engine_user ? d->opts.engine_user : ENGINE_USER;
	const struct passwd *pw = getpwnam(name);

	if (!pw && d->opts.engine_user)
		return vn_err_usage(err, "--engine-user: no user '%s'", name);
	*ret_uid = pw ? pw->pw_uid : ENGINE_UID_BARE;
	*ret_gid = pw ? pw->pw_gid : ENGINE_UID_BARE;
	return *ret_uid == 0 ? vn_err_usage(err, "--engine-user: the engine does not run as root") : 0;
}

static int make_supervisors(struct vn_daemon *d, struct vn_err *err)
{
	uid_t uid = 0;
	gid_t gid = 0;
	int r = engine_identity(d, &uid, &gid, err);

	for (uint32_t i = 0; i < VN_ENGINES_MAX; i++)
		d->parts.engines.engine[i] = (struct vn_supervisor){.loop = &d->parts.loop,
								    .placement = &d->parts.fabric.placement,
								    .path = d->opts.engine_path,
								    .runtime_dir = d->parts.runtime_dir,
								    .uid = uid,
								    .gid = gid,
								    .engine = i,
								    .cpu = d->opts.engine_cpu[i],
								    .spin = d->opts.engine_spin,
								    .umem_fd = -EBADF,
								    .pidfd.fd = -EBADF,
								    .changed = on_engine,
								    .arg = d};
	return r;
}

/* One daemon per runtime directory: the lock goes with the process, whatever kills it. */
static int take_lock(struct vn_daemon *d, struct vn_err *err)
{
	char path[256], pid[16] = "?";
	ssize_t n;

	if (mkdir(d->parts.runtime_dir, 0755) < 0 && errno != EEXIST)
		return vn_err_kernel(err, errno, "mkdir %s: %s", d->parts.runtime_dir, strerror(errno));
	if (snprintf(path, sizeof(path), "%s/" VN_DAEMON_LOCK, d->parts.runtime_dir) >= (int)sizeof(path))
		return vn_err_usage(err, "--runtime-dir: too long");
	d->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (d->lock_fd < 0)
		return vn_err_kernel(err, errno, "%s: %s", path, strerror(errno));
	/* Of the process: what we fork may outlive us by a moment. */
	if (fcntl(d->lock_fd, F_SETLK, &(struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET}) < 0) {
		n = read(d->lock_fd, pid, sizeof(pid) - 1);
		pid[n > 0 ? strcspn(pid, "\n") : 0] = 0;
		return vn_err_usage(
			err,
			"another daemon (pid %s) already serves %s: there is one daemon a host: use that one, or end "
			"it first",
			pid, d->parts.runtime_dir);
	}
	n = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
	if (ftruncate(d->lock_fd, 0) < 0 || pwrite(d->lock_fd, pid, (size_t)n, 0) < 0)
		return vn_err_kernel(err, errno, "%s: %s", path, strerror(errno));
	return 0;
}

/* Only what the work needs (vnet-agent(8), PRIVILEGES). */
static int drop_privileges(struct vn_err *err)
{
	static const unsigned int keep[] = {CAP_NET_ADMIN, CAP_NET_RAW, CAP_SYS_ADMIN, CAP_IPC_LOCK, CAP_SYS_NICE,
					    CAP_KILL,      CAP_SETUID,  CAP_SETGID,    CAP_BPF,      CAP_PERFMON};

	capng_clear(CAPNG_SELECT_CAPS);
	for (size_t i = 0; i < VN_ARRAY_SIZE(keep); i++)
		capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, keep[i]);
	/* The bounding set first, while that is permitted: no program that we execute gets more. */
	for (unsigned int cap = 0; cap <= CAP_LAST_CAP; cap++)
		if (!capng_have_capability(CAPNG_PERMITTED, cap) && prctl(PR_CAPBSET_DROP, (unsigned long)cap) < 0 &&
		    errno != EINVAL && errno != EPERM)
			return vn_err_kernel(err, errno, "dropping capabilities: %s", strerror(errno));
	if (capng_apply(CAPNG_SELECT_CAPS) < 0)
		return vn_err_kernel(err, EPERM, "dropping capabilities: not permitted: is the daemon run by root?");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L) < 0)
		return vn_err_kernel(err, errno, "no_new_privs: %s", strerror(errno));
	return 0;
}

static int control_group(const struct vn_daemon *d, gid_t *ret_gid, struct vn_err *err)
{
	const struct group *gr = getgrnam(d->opts.socket_group ? d->opts.socket_group : "vnet");

	if (!gr && d->opts.socket_group)
		return vn_err_usage(err, "--socket-group: no group '%s'", d->opts.socket_group);
	*ret_gid = gr ? gr->gr_gid : 0;
	return 0;
}

/*
 * A listener and an owner's pidfd per port, the namespaces of all nodes that a batch of links touches: more than the
 * usual 1024 descriptors, from the first start on that has to mend something.
 */
static void raise_nofile(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static void on_damaged(void *arg, const struct vn_arena_block *block, const char *why)
{
	char name[sizeof(VN_ARENA_FILE) + sizeof(block->name) + 1];

	if (!block) {
		vn_damaged_aside(arg, VN_NAMES_FILE, why,
				 "the names of traces and distributions are taken from their contents");
		return;
	}
	snprintf(name, sizeof(name), VN_ARENA_FILE "/%.*s", (int)sizeof(block->name), block->name);
	vn_damaged_part(arg, name, block, block->n_pages * VN_ARENA_PAGE, why,
			"links that followed it go on without: apply the topology again");
}

static void watch_lost(const struct vn_daemon *d)
{
	int r = vn_fabric_watch_lost(&d->parts.fabric);

	if (r < 0)
		vn_log("what devices of the fabric lose is missing in the figures: this kernel does not tell (it takes "
		       "BTF and Linux 5.17): %s",
		       strerror(-r));
}

/* Who needs whom. Nothing is opened yet. */
static void assemble(struct vn_daemon *d)
{
	struct vn_parts *p = &d->parts;

	p->runtime_dir = d->opts.runtime_dir;
	p->pin_dir = d->opts.pin_dir;
	p->tell = (struct vn_tell){.event = vn_events_tell, .arg = &d->server};
	p->engines.placement = &p->fabric.placement;
	p->engines.tell = p->tell;
	p->engines.n = d->opts.n_engines;
	p->engines.rebalance = d->opts.rebalance;
	p->lease.loop = &p->loop;
	p->lease.receiver = &d->receiver;
	p->lease.fabric = &p->fabric;
	p->lease.runtime_dir = p->runtime_dir;
	p->lease.pin_dir = p->pin_dir;
	p->lease.tell = p->tell;
	p->jobs.loop = &p->loop;
	p->locks.jobs = &p->jobs;
	p->store.loop = &p->loop;
	p->store.jobs = &p->jobs;
	p->store.locks = &p->locks;
	p->store.fabric = &p->fabric;
	p->store.dp = &p->dp;
	p->store.arena = &p->arena;
	p->store.lease = &p->lease;
	p->store.runtime_dir = p->runtime_dir;
	p->store.tell = p->tell;
	vn_observe_attach(&p->observe, &p->store);
	p->measure.store = &p->store;
	p->measure.engines = &p->engines;
	p->measure.stop = &p->stop;
	p->measure.no_check = d->opts.no_calibration_check;
	d->server.loop = &p->loop;
	d->server.receiver = &d->receiver;
}

static int daemon_open(struct vn_daemon *d, struct vn_err *err)
{
	gid_t group = 0;
	int r;

	r = vn_host_lock_take(&d->host_lock, d->parts.runtime_dir, err);
	if (r == 0)
		r = take_lock(d, err);
	if (r == 0)
		r = control_group(d, &group, err);
	if (r == 0)
		r = make_supervisors(d, err);
	if (r == 0)
		r = vn_loop_init(&d->parts.loop);
	if (r == 0)
		r = vn_kernel_ask(&d->parts.store.kernel, err);
	if (r == 0)
		r = vn_dp_open(d->parts.pin_dir, d->opts.max_ports, &d->parts.dp, err);
	if (r < 0)
		return r;
	/* What an earlier daemon made is not ours to remove. */
	d->fresh = !d->parts.dp.adopted && vn_state_is_empty(&d->parts.store) && !d->host_lock.found;
	r = vn_store_open(&d->parts.store, err);
	if (r < 0)
		return r;
	/* While it can have all rights; after the lock, which it must not keep. */
	r = vn_runner_open(&d->parts.runner,
			   &(struct vn_runner_paths){.runtime_dir = d->parts.runtime_dir,
						     .pause = d->opts.pause_path,
						     .node_runc = d->opts.node_runc,
						     .image_dir = d->opts.image_dir},
			   err);
	if (r < 0)
		return r;
	r = vn_receiver_open(&d->receiver, &d->parts.loop, err);
	if (r < 0)
		return r;
	raise_nofile(); /* not for the runner: what it starts expects the usual limit */
	r = vn_fabric_open(&d->parts.fabric, &d->parts.dp, err);
	d->parts.fabric.runner = &d->parts.runner;
	d->parts.fabric.runtime_dir = d->parts.runtime_dir;
	if (r == 0 && !d->parts.dp.adopted)
		r = vn_fabric_refresh(&d->parts.fabric, err);
	if (r == 0) {
		watch_lost(d);
		r = vn_arena_open(&d->parts.arena, d->parts.runtime_dir, on_damaged, &d->parts.store, err);
	}
	/* The engine before the links: what a crash interrupted is mended with frames already flowing. */
	if (r == 0)
		r = vn_engines_open(&d->parts.engines, err);
	if (r == 0)
		r = vn_state_adopt(&d->parts.store, err);
	if (r == 0)
		r = vn_vfs_adopt_all(&d->parts, err);
	if (r == 0) {
		vn_sweep_start(&d->parts.store);
		vn_ports_adopt(&d->parts);
	}
	if (r == 0)
		vn_calibration_load(&d->parts.measure);
	if (r == 0)
		r = vn_links_watch(&d->parts.observe, err);
	if (r == 0)
		r = vn_watch_open(&d->parts.observe, err);
	/* Clients last: who is answered sees everything in order. */
	if (r == 0)
		r = vn_server_open(&d->server, &d->parts.loop, &d->receiver, d->parts.runtime_dir, group, on_request, d,
				   err);
	if (r == 0)
		r = drop_privileges(err);
	if (r == 0)
		r = vn_carrier_open(&d->parts.observe, err);
	d->fresh &= r < 0;
	return r;
}

static void daemon_release(struct vn_daemon *d)
{
	const bool last = d->parts.store.n_running == 0 && (d->parts.stop || d->fresh);

	vn_server_close(&d->server);
	vn_carrier_close(&d->parts.observe);
	vn_handover_release(&d->parts.lease);
	vn_receiver_close(&d->receiver);
	/* With nothing running there is nothing to hold for: leave no trace. Otherwise the network goes on without us.
	 */
	vn_engines_close(&d->parts.engines, last);
	if (last) {
		struct vn_err err = {0};

		if (vn_fabric_destroy(&err) < 0 || vn_dp_unpin(d->parts.pin_dir, &err) < 0)
			vn_log_at(VN_LOG_ERROR, "%s", err.text);
		vn_handover_wipe(&d->parts.lease);
		vn_state_wipe(&d->parts.store);
	}
	vn_store_release(&d->parts.store);
	vn_cleanup_close(&d->parts.observe.links.fd);
	vn_watch_release(&d->parts.observe);
	vn_arena_close(&d->parts.arena);
	vn_runner_close(&d->parts.runner);
	vn_fabric_release(&d->parts.fabric);
	vn_dp_release(&d->parts.dp);
	json_decref(d->parts.measure.calibration);
	vn_loop_release(&d->parts.loop);
	vn_cleanup_close(&d->lock_fd);
	vn_host_lock_release(&d->host_lock, last);
}

/* Measurements of an engine that is overloaded are not to be trusted: said when a reason comes up. */
static void tell_overload(struct vn_daemon *d)
{
	for (uint32_t i = 0; i < VN_ENGINES_MAX; i++) {
		const uint32_t bits = d->parts.engines.used[i] ? d->parts.dp.maps.engine[i].overload : 0;

		if (bits & ~d->overload_told[i]) {
			json_t *reasons = vn_overload_json(bits);
			char *text = json_dumps(reasons, 0);

			vn_log_at(VN_LOG_WARNING, "engine %u: overloaded: %s", i, text ?: "?");
			vn_tell(&d->parts.tell, json_pack("{s:s, s:i, s:o}", "event", "overload", "engine", (int)i,
							  "reasons", reasons));
			free(text);
		}
		d->overload_told[i] = bits;
	}
}

static void on_tick(void *arg, uint32_t events)
{
	struct vn_daemon *d = arg;

	tell_overload(d);

	vn_engines_tick(&d->parts.engines);
	vn_handover_tick(&d->parts.lease);
	vn_files_tick(&d->parts.store);
	vn_receiver_tick(&d->receiver);
	vn_log_tick();
	vn_watch_tick(&d->parts.observe);
	vn_server_tick(&d->server);
}

/* `ip netns del`: all goes on, but the next start finds nothing under the name and makes everything anew. */
static void look_at_name(struct vn_daemon *d)
{
	cleanup_close int fd = vn_netns_open(VN_FABRIC_NAME);
	const bool lost = !vn_netns_same(fd, d->parts.fabric.home.netns_fd);

	if (lost == d->name_lost)
		return;
	d->name_lost = lost;
	if (!lost)
		return;
	vn_log("namespace %s: somebody deleted its name: traffic goes on, but after the next start all links are "
	       "broken until their topologies are applied again",
	       VN_FABRIC_NAME);
	vn_tell(&d->parts.tell, json_pack("{s:s, s:s}", "event", "name-lost", "namespace", VN_FABRIC_NAME));
}

struct tick_source {
	struct vn_source source;
	struct vn_daemon *d;
	unsigned int turns;
};

static void on_timer(void *arg, uint32_t events)
{
	struct tick_source *t = arg;
	uint64_t n;

	if (read(t->source.fd, &n, sizeof(n)) != sizeof(n))
		return;
	on_tick(t->d, events);
	if (t->turns++ % VF_LOOK_TICKS == 0) {
		vn_links_look_at_borrowed(&t->d->parts.observe);
		vn_host_lock_keep(&t->d->host_lock, t->d->parts.runtime_dir);
		look_at_name(t->d);
	}
}

static void on_signal(void *arg, uint32_t events)
{
	struct tick_source *t = arg;
	struct signalfd_siginfo si;

	if (read(t->source.fd, &si, sizeof(si)) != sizeof(si))
		return;
	if (si.ssi_signo == SIGHUP) {
		vn_log("SIGHUP from pid %d, uid %u: nothing to read again: the options are the command line's, "
		       "topologies are "
		       "applied; networks and the daemon go on",
		       (int)si.ssi_pid, si.ssi_uid);
		return;
	}
	vn_log("stopping: %s from pid %d, uid %u; %s", si.ssi_signo == SIGTERM ? "SIGTERM" : "SIGINT", (int)si.ssi_pid,
	       si.ssi_uid, t->d->parts.store.n_running ? "networks go on" : "no topology runs: everything is removed");
	vn_tell(&t->d->parts.tell,
		json_pack("{s:s, s:b}", "event", "stop", "networks", t->d->parts.store.n_running > 0));
	t->d->parts.stop = true;
}

static int add_signals(struct tick_source *s)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	s->source =
		(struct vn_source){.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), .handle = on_signal, .arg = s};
	return s->source.fd < 0 ? -errno : vn_loop_add(&s->d->parts.loop, &s->source, EPOLLIN);
}

static int add_timer(struct tick_source *t)
{
	struct itimerspec its = {.it_interval.tv_nsec = TICK_MS * 1000000L, .it_value.tv_nsec = TICK_MS * 1000000L};

	t->source = (struct vn_source){
		.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), .handle = on_timer, .arg = t};
	if (t->source.fd < 0 || timerfd_settime(t->source.fd, 0, &its, NULL) < 0)
		return -errno;
	return vn_loop_add(&t->d->parts.loop, &t->source, EPOLLIN);
}

static int serve(struct vn_daemon *d, struct vn_err *err)
{
	struct tick_source timer = {.d = d}, signals = {.d = d};
	int r = add_signals(&signals);

	if (r == 0)
		r = add_timer(&timer);
	if (r < 0)
		return vn_err_kernel(err, -r, "event loop: %s", strerror(-r));
	vn_log("ready on %s/%s (%zu topologies, %u ports)", d->parts.runtime_dir, VN_SOCK_CONTROL,
	       d->parts.store.n_running, d->parts.dp.maps.max_ports);
	sd_notify(0, "READY=1");
	vn_background_tell(&d->background_fd, NULL);
	/* What was begun is finished; what waits is told that the daemon is about to end. */
	while (!d->parts.stop || d->parts.jobs.n) {
		r = vn_loop_turn(&d->parts.loop, -1);
		if (r < 0)
			return vn_err_kernel(err, -r, "event loop: %s", strerror(-r));
		vn_server_resume(&d->server);
		vn_server_reap(&d->server);
	}
	vn_loop_remove(&d->parts.loop, &timer.source);
	vn_loop_remove(&d->parts.loop, &signals.source);
	vn_cleanup_close(&timer.source.fd);
	vn_cleanup_close(&signals.source.fd);
	return 0;
}

int vn_daemon_main(int argc, char *argv[])
{
	struct vn_daemon d = {
		.parts = {.dp = VN_DP_INIT,
			  .fabric = {.home = {.netns_fd = -EBADF, .host_netns_fd = -EBADF},
				     .placement = {.packet_fd = -EBADF}},
			  .runner = VN_RUNNER_INIT,
			  .arena.fd = -EBADF,
			  .observe = VN_OBSERVE_INIT,
			  .start_ns = vn_now_ns()},
		.receiver = VN_RECEIVER_INIT,
		.lock_fd = -EBADF,
		.host_lock.fd = -EBADF,
		.background_fd = -EBADF,
	};
	struct vn_err err = {0};
	int r;

	for (size_t i = 0; i < VN_ARRAY_SIZE(d.server.listeners); i++)
		d.server.listeners[i].source.fd = -EBADF;
	r = vn_daemon_opts_parse(&d.opts, argc, argv, &err);
	if (r == 0 && geteuid() != 0)
		r = vn_err(&err, VN_EXIT_DENIED, EPERM,
			   "daemon: must be started by root (it makes namespaces and loads BPF programs)");
	d.parts.program = vn_program_hash(VN_PROGRAM_SELF);
	assemble(&d);
	/* Modes are what the code says, not what the caller's shell is used to: others must reach observe.sock. */
	umask(022);
	if (r == 0 && d.opts.stop) {
		r = vn_daemon_stop(d.opts.runtime_dir, &err);
		if (r < 0)
			vn_log_at(VN_LOG_ERROR, "%s", err.text);
		return r < 0 ? (int)err.exit : VN_EXIT_OK;
	}
	/* What is wrong is told where the daemon was started, and by that process's exit code. */
	if (r == 0 && d.opts.background) {
		r = vn_background_enter(d.opts.runtime_dir, &d.background_fd, &err);
		if (r < 0) {
			vn_log_at(VN_LOG_ERROR, "%s", err.text);
			return (int)err.exit;
		}
	}
	if (r == 0) {
		vn_log_open((enum vn_log_level)d.opts.log_level);
		vn_log("starting: version " VN_VERSION ", pid %d, in %s", (int)getpid(), d.opts.runtime_dir);
		r = daemon_open(&d, &err);
	}
	if (r == 0)
		r = serve(&d, &err);
	if (r < 0) {
		if (!err.err)
			vn_err_kernel(&err, -r, "daemon: %s", strerror(-r));
		vn_log_at(VN_LOG_ERROR, "%s", err.text);
		vn_background_tell(&d.background_fd, &err);
	}
	daemon_release(&d);
	if (d.opts.runtime_dir && d.parts.stop)
		vn_log("stopped");
	return r < 0 ? (int)err.exit : VN_EXIT_OK;
}
