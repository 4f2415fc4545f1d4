/* SPDX-License-Identifier: GPL-2.0-only */
#include "cli/procs.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <base/util.h>

#include "net/netns.h"

#define TERM_NS     (2 * VN_NSEC_PER_SEC) /* to end by itself */
#define KILL_NS     (2 * VN_NSEC_PER_SEC) /* for the kernel to end it */
#define ROUNDS      8                     /* of looking for what they started meanwhile */
#define TOLD        8                     /* processes of a node that are named in words */
#define ANCESTORS   64
#define COMMAND_MAX 256

static void held_release(struct vn_held_node *n)
{
	free(n->topo);
	free(n->name);
	free(n->netns);
	vn_cleanup_close(&n->fd);
}

void vn_held_nodes_release(struct vn_held_nodes *h)
{
	for (size_t i = 0; i < h->n; i++)
		held_release(&h->list[i]);
	free(h->list);
	*h = (struct vn_held_nodes){0};
}

static int hold(struct vn_held_nodes *h, const json_t *o)
{
	struct vn_held_node n = {.fd = vn_netns_open(vn_json_str(o, "netns"))};
	struct stat st;

	if (n.fd < 0 || fstat(n.fd, &st) < 0) {
		vn_cleanup_close(&n.fd);
		return 0; /* broken: nothing is in it */
	}
	n.topo = strdup(vn_json_str(o, "topology"));
	n.name = strdup(vn_json_str(o, "name"));
	n.netns = strdup(vn_json_str(o, "netns"));
	n.external = strcmp(vn_json_str(o, "runtime"), "external") == 0;
	n.dev = st.st_dev;
	n.ino = st.st_ino;
	if (!n.topo || !n.name || !n.netns) {
		held_release(&n);
		return -ENOMEM;
	}
	h->list[h->n++] = n;
	return 0;
}

static int by_number(const void *a, const void *b)
{
	const struct vn_held_node *x = a, *y = b;

	return x->ino < y->ino ? -1 : x->ino > y->ino;
}

/* One descriptor a node. */
static void raise_nofile(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int vn_held_nodes_open(const struct vn_cli *cli, const char *topo, const char *node, struct vn_held_nodes *ret,
		       struct vn_err *err)
{
	cleanup_held_nodes struct vn_held_nodes h = {0};
	json_t *params = node ? json_pack("{s:s}", "name", node) : NULL, *reply = NULL, *info = NULL, *o;
	const json_t *nodes;
	size_t i;
	int r;

	raise_nofile();
	r = vn_cli_call(cli, true, "vnet.info", NULL, &info, err);
	h.daemon = r == 0 ? (pid_t)vn_json_u64(info, "pid") : 0;
	json_decref(info);
	if (r == 0)
		r = vn_cli_call(cli, true, "vnet.node.show", params, &reply, err);
	else
		json_decref(params);
	if (r < 0)
		return r;
	nodes = json_object_get(reply, "nodes");
	h.list = calloc(json_array_size(nodes) + 1, sizeof(*h.list));
	r = h.list ? 0 : -ENOMEM;
	json_array_foreach (nodes, i, o)
		if (r == 0 && (!topo || strcmp(vn_json_str(o, "topology"), topo) == 0))
			r = hold(&h, o);
	json_decref(reply);
	if (r < 0)
		return r;
	qsort(h.list, h.n, sizeof(*h.list), by_number);
	*ret = h;
	h = (struct vn_held_nodes){0};
	return 0;
}

void vn_held_nodes_deleted(struct vn_held_nodes *h)
{
	size_t kept = 0;

	for (size_t i = 0; i < h->n; i++) {
		struct vn_held_node *n = &h->list[i];
		cleanup_close int now = vn_netns_open(n->netns);

		if (n->external || vn_netns_same(now, n->fd))
			held_release(n);
		else
			h->list[kept++] = *n;
	}
	h->n = kept;
}

/* The caller, its shell, and so on upwards: whoever deletes a node from within does not end itself. */
static size_t own_line(pid_t line[ANCESTORS])
{
	size_t n = 0;
	pid_t pid = getpid();

	while (pid > 0 && n < ANCESTORS) {
		char path[32], text[512];
		cleanup_fclose FILE *f = NULL;
		const char *s;
		int parent = 0;

		line[n++] = pid;
		snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
		f = fopen(path, "re");
		s = f && fgets(text, sizeof(text), f) ? strrchr(text, ')') : NULL;
		if (!s || sscanf(s, ") %*c %d", &parent) != 1)
			break;
		pid = parent;
	}
	return n;
}

static const struct vn_held_node *node_of(const struct vn_held_nodes *h, pid_t pid)
{
	struct vn_held_node key;
	const struct vn_held_node *n;
	struct stat st;
	char path[40];

	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	if (stat(path, &st) < 0)
		return NULL;
	key.ino = st.st_ino;
	n = bsearch(&key, h->list, h->n, sizeof(key), by_number);
	return n && n->dev == st.st_dev ? n : NULL;
}

/* Printable; the zeroes between words become spaces. */
static void read_text(pid_t pid, const char *file, char *buf, size_t size)
{
	char path[40];
	cleanup_close int fd = -EBADF;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, buf, size - 1);
	n = n < 0 ? 0 : n;
	while (n && (!buf[n - 1] || buf[n - 1] == '\n'))
		n--;
	for (ssize_t i = 0; i < n; i++)
		if (!buf[i])
			buf[i] = ' ';
		else if (buf[i] < ' ' || buf[i] > '~')
			buf[i] = '?';
	buf[n] = '\0';
}

static json_t *describe(const struct vn_held_node *n, pid_t pid)
{
	char comm[32], command[COMMAND_MAX], path[32];
	struct stat st = {0};

	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	if (stat(path, &st) < 0)
		return NULL;
	read_text(pid, "comm", comm, sizeof(comm));
	read_text(pid, "cmdline", command, sizeof(command));
	return json_pack("{s:s, s:s, s:I, s:I, s:s, s:s}", "topology", n->topo, "node", n->name, "pid", (json_int_t)pid,
			 "uid", (json_int_t)st.st_uid, "program", comm, "command", *command ? command : comm);
}

static int by_node(const void *a, const void *b)
{
	const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
	int d = strcmp(vn_json_str(x, "topology"), vn_json_str(y, "topology"));

	d = d ?: strcmp(vn_json_str(x, "node"), vn_json_str(y, "node"));
	return d ?: vn_json_u64(x, "pid") < vn_json_u64(y, "pid") ? -1 : 1;
}

static json_t *sorted(json_t *list)
{
	const size_t n = json_array_size(list);
	cleanup_free json_t **all = calloc(n + 1, sizeof(json_t *));
	json_t *o, *out = json_array();
	size_t i;

	if (!all)
		return out;
	json_array_foreach (list, i, o)
		all[i] = o;
	qsort(all, n, sizeof(*all), by_node);
	for (i = 0; i < n; i++)
		json_array_append(out, all[i]);
	json_decref(list);
	return out;
}

json_t *vn_held_nodes_processes(const struct vn_held_nodes *h)
{
	json_t *list = json_array();
	pid_t line[ANCESTORS];
	size_t n_line = own_line(line);
	DIR *proc = h->n ? opendir("/proc") : NULL;
	struct dirent *e;

	while (proc && (e = readdir(proc))) {
		const pid_t pid = isdigit((unsigned char)e->d_name[0]) ? (pid_t)strtol(e->d_name, NULL, 10) : 0;
		const struct vn_held_node *n = pid > 1 && pid != h->daemon ? node_of(h, pid) : NULL;

		for (size_t i = 0; n && i < n_line; i++)
			if (line[i] == pid)
				n = NULL;
		if (n)
			json_array_append_new(list, describe(n, pid));
	}
	if (proc)
		closedir(proc);
	return sorted(list);
}

/* The process, which is still in its node; a number that was given to another meanwhile does not pass. */
static int open_process(const struct vn_held_nodes *h, pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	if (fd >= 0 && !node_of(h, pid)) {
		close(fd);
		errno = ESRCH;
		return -1;
	}
	return fd;
}

static bool ended_by(struct pollfd *p, size_t n, uint64_t deadline)
{
	bool all = true;

	for (size_t i = 0; i < n; i++) {
		const uint64_t now = vn_now_ns();
		int left = now < deadline ? (int)((deadline - now) / VN_NSEC_PER_MSEC) + 1 : 0;

		if (p[i].fd >= 0 && poll(&p[i], 1, left) > 0) {
			close(p[i].fd);
			p[i].fd = -1;
		}
		all &= p[i].fd < 0;
	}
	return all;
}

static void signal_all(const json_t *list, struct pollfd *p, int sig)
{
	json_t *o;
	size_t i;

	json_array_foreach (list, i, o) {
		if (p[i].fd < 0)
			continue;
		if (syscall(SYS_pidfd_send_signal, p[i].fd, sig, NULL, 0) == 0) {
			json_object_set_new(o, "ended", json_string(sig == SIGTERM ? "SIGTERM" : "SIGKILL"));
		} else if (errno != ESRCH) {
			json_object_set_new(o, "error", json_string(strerror(errno)));
			vn_cleanup_close(&p[i].fd);
			p[i].fd = -1;
		}
	}
}

static void end_all(const struct vn_held_nodes *h, const json_t *list)
{
	const size_t n = json_array_size(list);
	cleanup_free struct pollfd *p = calloc(n + 1, sizeof(*p));
	json_t *o;
	size_t i;

	if (!p)
		return;
	json_array_foreach (list, i, o) {
		p[i] = (struct pollfd){.fd = open_process(h, (pid_t)vn_json_u64(o, "pid")), .events = POLLIN};
		if (p[i].fd < 0 && errno != ESRCH)
			json_object_set_new(o, "error", json_string(strerror(errno)));
	}
	signal_all(list, p, SIGTERM);
	if (!ended_by(p, n, vn_now_ns() + TERM_NS)) {
		signal_all(list, p, SIGKILL);
		ended_by(p, n, vn_now_ns() + KILL_NS);
	}
	json_array_foreach (list, i, o) {
		if (p[i].fd >= 0)
			json_object_set_new(o, "error", json_string("does not end"));
		vn_cleanup_close(&p[i].fd);
	}
}

static bool all_failed(const json_t *list)
{
	json_t *o;
	size_t i;

	json_array_foreach (list, i, o)
		if (!json_object_get(o, "error"))
			return false;
	return true;
}

json_t *vn_held_nodes_kill(const struct vn_held_nodes *h)
{
	json_t *all = json_array();

	for (int round = 0; round < ROUNDS; round++) {
		json_t *list = vn_held_nodes_processes(h);
		bool last;

		end_all(h, list);
		/* Nothing there, or nothing that can be ended. */
		last = all_failed(list);
		if (!last || round == 0)
			json_array_extend(all, list);
		json_decref(list);
		if (last)
			break;
	}
	return all;
}

static size_t count(const json_t *list, const char *key)
{
	size_t n = 0, i;
	json_t *o;

	json_array_foreach (list, i, o)
		n += !!json_object_get(o, key);
	return n;
}

/* A line a node: "a: 4711 iperf3, 4712 bash", of those that could not be ended, or (@failed false) that run on. */
static void print_list(const json_t *list, bool failed)
{
	const char *node = "";
	size_t i, told = 0;
	json_t *o;

	json_array_foreach (list, i, o) {
		bool same = strcmp(node, vn_json_str(o, "node")) == 0;

		if (!json_object_get(o, failed ? "error" : "pid") || (!failed && json_object_get(o, "ended")))
			continue;
		told = same ? told + 1 : 0;
		node = vn_json_str(o, "node");
		if (told > TOLD)
			continue;
		if (told == TOLD)
			printf(" ...");
		else if (same)
			printf(", %" JSON_INTEGER_FORMAT " %s", (json_int_t)vn_json_u64(o, "pid"),
			       vn_json_str(o, "program"));
		else
			printf("\n  %s: %" JSON_INTEGER_FORMAT " %s", node, (json_int_t)vn_json_u64(o, "pid"),
			       vn_json_str(o, "program"));
	}
	putchar('\n');
}

void vn_processes_print(const json_t *list)
{
	const size_t n = json_array_size(list), ended = count(list, "ended"), failed = count(list, "error");
	const size_t run = n - ended;

	if (ended > failed)
		printf("%zu process%s in its nodes ended\n", ended - failed, ended - failed == 1 ? "" : "es");
	if (failed) {
		printf("%zu process%s in deleted nodes cannot be ended:", failed, failed == 1 ? "" : "es");
		print_list(list, true);
	} else if (run && !ended) {
		printf("%zu process%s still run%s in deleted nodes (`topology delete --kill` ends them):", run,
		       run == 1 ? "" : "es", run == 1 ? "s" : "");
		print_list(list, false);
	}
}
