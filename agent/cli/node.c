/* SPDX-License-Identifier: GPL-2.0-only */
/* vnet-agent node show | exec; attach and detach are in attach.c */
#include "cli/words.h"

#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

#include <vnet/util.h>

#include "cli/procs.h"
#include "cli/table.h"
#include "exec/exec.h"

/* --- show --------------------------------------------------------------------------------------------------------- */

/* "10.0.0.1/32 fd00::1/128" */
static const char *join(char *buf, size_t size, const json_t *list)
{
	size_t len = 0, i;
	json_t *a;

	snprintf(buf, size, "-");
	json_array_foreach (list, i, a)
		if (len < size)
			len += (size_t)snprintf(buf + len, size - len, "%s%s", i ? " " : "", json_string_value(a));
	return buf;
}

static int print_nodes(const json_t *nodes)
{
	static const char *const heads[] = {"NODE",    "NETNS",   "RUNTIME",   "STATE", ">PORTS",
					    ">ROUTES", "FORWARD", "ADDRESSES", NULL};
	cleanup_table struct vn_table t;
	char buf[512];
	json_t *n;
	size_t i;
	int r;

	vn_cli_say_none(nodes, "node");
	vn_table_init(&t, heads);
	json_array_foreach (nodes, i, n) {
		const char *state = vn_json_str(n, "state");

		vn_table_add(&t, VN_PLAIN, "%s", vn_json_str(n, "name"));
		vn_table_add(&t, VN_PLAIN, "%s", vn_json_str(n, "netns"));
		vn_table_add(&t, VN_PLAIN, "%s", vn_json_str(n, "runtime"));
		vn_table_add(&t, strcmp(state, "up") == 0 ? VN_GOOD : VN_BAD, "%s", state);
		vn_table_add(&t, VN_PLAIN, "%zu", json_array_size(json_object_get(n, "ports")));
		vn_table_add(&t, VN_PLAIN, "%" PRIu64, vn_json_u64(n, "routes"));
		vn_table_add(&t, VN_PLAIN, "%s", vn_json_bool(n, "forward") ? "yes" : "no");
		vn_table_add(&t, VN_PLAIN, "%s", join(buf, sizeof(buf), json_object_get(n, "addresses")));
	}
	r = vn_table_print(&t, stdout);
	json_array_foreach (nodes, i, n)
		if (*vn_json_str(n, "drift"))
			vn_print_line("%s: %s", vn_json_str(n, "name"), vn_json_str(n, "drift"));
	return r;
}

/* What the topology gave it and it has, then what is its own but for link-local addresses. */
static const char *join_all(char *buf, size_t size, const json_t *addresses, const json_t *others)
{
	size_t len, i;
	json_t *a;

	join(buf, size, addresses);
	if (json_array_size(addresses) == 0)
		*buf = '\0';
	len = strlen(buf);
	json_array_foreach (others, i, a)
		if (len < size && strncmp(json_string_value(a), "fe80:", 5) != 0 &&
		    strcmp(json_string_value(a), "127.0.0.1/8") != 0 && strcmp(json_string_value(a), "::1/128") != 0)
			len += (size_t)snprintf(buf + len, size - len, "%sown:%s", len ? " " : "",
						json_string_value(a));
	if (!*buf)
		snprintf(buf, size, "-");
	return buf;
}

/* "down", "no carrier", "up"; "-" where nobody has looked, or could. */
static void add_port_state(struct vn_table *t, const json_t *port)
{
	const json_t *seen = json_object_get(port, "seen");
	const bool up = vn_json_bool(seen, "up"), carrier = vn_json_bool(seen, "carrier");

	if (json_is_object(seen))
		vn_table_add(t, up && carrier ? VN_GOOD : VN_BAD, "%s", !up ? "down" : carrier ? "up" : "no carrier");
	else
		vn_table_add(t, VN_PLAIN, "-");
}

static void print_missing(const json_t *missing, const char *ifname)
{
	char buf[512];

	if (json_array_size(missing))
		vn_print_line("    missing at %s: %s", ifname, join(buf, sizeof(buf), missing));
}

static int print_node_details(const json_t *n)
{
	static const char *const heads[] = {"    PORT", "LINK", "STATE", "MAC", "ADDRESSES", NULL};
	const char *state = vn_json_str(n, "state"), *holder = vn_json_str(n, "holder"),
		   *drift = vn_json_str(n, "drift");
	enum vn_colour c = strcmp(state, "up") == 0 ? VN_GOOD : VN_BAD;
	const uint64_t missing = vn_json_u64(n, "missing_routes");
	cleanup_table struct vn_table t;
	char buf[2048], routes[48] = "";
	json_t *p, *seen;
	size_t i;
	int r;

	if (missing)
		snprintf(routes, sizeof(routes), " (%" PRIu64 " missing)", missing);
	printf("node %s/%s: %s%s%s%s%s%s%s%s, netns %s, id %" PRIu64 ", forward %s, %" PRIu64 " routes%s\n",
	       vn_json_str(n, "topology"), vn_json_str(n, "name"), vn_colour_on(stdout, c), state, *drift ? ": " : "",
	       drift, vn_colour_off(stdout, c), *holder ? " (" : "", holder, *holder ? ")" : "",
	       vn_json_str(n, "netns"), vn_json_u64(n, "id"), vn_json_bool(n, "forward") ? "yes" : "no",
	       vn_json_u64(n, "routes"), routes);
	vn_table_init(&t, heads);
	vn_table_add(&t, VN_PLAIN, "    lo");
	vn_table_add(&t, VN_PLAIN, "-");
	vn_table_add(&t, VN_PLAIN, "-");
	vn_table_add(&t, VN_PLAIN, "-");
	vn_table_add(
		&t, VN_PLAIN, "%s",
		join_all(buf, sizeof(buf), json_object_get(n, "addresses"), json_object_get(n, "other_addresses")));
	json_array_foreach (json_object_get(n, "ports"), i, p) {
		seen = json_object_get(p, "seen");
		vn_table_add(&t, VN_PLAIN, "    %s", vn_json_str(p, "ifname"));
		vn_table_add(&t, VN_PLAIN, "%s", vn_json_str(p, "link"));
		add_port_state(&t, p);
		vn_table_add(&t, VN_PLAIN, "%s", vn_json_str(json_is_object(seen) ? seen : p, "mac"));
		vn_table_add(&t, VN_PLAIN, "%s",
			     join_all(buf, sizeof(buf), json_object_get(p, "addresses"),
				      json_object_get(seen, "other_addresses")));
	}
	r = vn_table_print(&t, stdout);
	print_missing(json_object_get(n, "missing_addresses"), "lo");
	json_array_foreach (json_object_get(n, "ports"), i, p)
		print_missing(json_object_get(p, "missing_addresses"), vn_json_str(p, "ifname"));
	return r;
}

int vn_cmd_node_show(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err)
{
	json_t *params = call->n_args ? json_pack("{s:s}", "name", call->args[0]) : NULL, *reply = NULL, *nodes, *n;
	size_t i;
	int r = vn_cli_call(cli, true, "vnet.node.show", params, &reply, err);

	if (r < 0)
		return r;
	nodes = json_object_get(reply, "nodes");
	if (cli->json) {
		r = vn_cli_print_json(cli, reply, err);
	} else if (cli->details || call->n_args) {
		json_array_foreach (nodes, i, n)
			if (r == 0)
				r = print_node_details(n);
	} else {
		r = print_nodes(nodes);
	}
	json_decref(reply);
	return r;
}

/* --- ps ----------------------------------------------------------------------------------------------------------- */

int vn_cmd_node_ps(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err)
{
	static const char *const heads[] = {"NODE", ">PID", ">USER", "PROGRAM", "COMMAND", NULL};
	cleanup_held_nodes struct vn_held_nodes held = {0};
	cleanup_table struct vn_table t;
	json_t *list, *o;
	size_t i;
	int r = vn_held_nodes_open(cli, NULL, call->n_args ? call->args[0] : NULL, &held, err);

	vn_table_init(&t, heads);
	if (r < 0)
		return r;
	list = vn_held_nodes_processes(&held);
	if (cli->json) {
		o = json_pack("{s:O}", "processes", list);
		r = vn_cli_print_json(cli, o, err);
		json_decref(o);
		json_decref(list);
		return r;
	}
	if (geteuid() != 0)
		fputs("vnet-agent: of other users' processes root alone is told\n", stderr);
	json_array_foreach (list, i, o) {
		vn_table_add(&t, VN_PLAIN, "%s/%s", vn_json_str(o, "topology"), vn_json_str(o, "node"));
		vn_table_add(&t, VN_PLAIN, "%" PRIu64, vn_json_u64(o, "pid"));
		vn_table_add(&t, VN_PLAIN, "%" PRIu64, vn_json_u64(o, "uid"));
		vn_table_add(&t, VN_PLAIN, "%s", vn_json_str(o, "program"));
		vn_table_add(&t, VN_PLAIN, "%s", vn_json_str(o, "command"));
	}
	json_decref(list);
	return vn_table_print(&t, stdout);
}

/* --- exec --------------------------------------------------------------------------------------------------------- */

/* Where the node's commands run: its namespace, and the container's process when there is one. */
struct place {
	char netns[512];
	bool container;
	pid_t pid;
};

static int find_place(const struct vn_cli *cli, const char *node, struct place *ret, struct vn_err *err)
{
	json_t *reply = NULL;
	const json_t *o;
	const char *netns;
	int r;

	r = vn_cli_call(cli, true, "vnet.node.show", json_pack("{s:s}", "name", node), &reply, err);
	if (r < 0)
		return r;
	o = json_array_get(json_object_get(reply, "nodes"), 0);
	netns = vn_json_str(o, "netns");
	ret->container = json_is_object(json_object_get(o, "container"));
	ret->pid = (pid_t)vn_json_u64(o, "pid");
	if (!*netns || strchr(netns, '/') ||
	    snprintf(ret->netns, sizeof(ret->netns), "%s/%s", VN_NETNS_DIR, netns) >= (int)sizeof(ret->netns))
		r = vn_err(err, VN_EXIT_KERNEL, EBADMSG, "node %s: the agent names no namespace", node);
	json_decref(reply);
	return r;
}

/* Who the container's program is, as /proc tells it. */
struct identity {
	unsigned int uid, gid, no_new_privs;
	unsigned long long permitted, bounding, ambient;
	char environ[65536]; /* NAME=value, each with its NUL */
	size_t environ_len;
};

static int read_identity(pid_t pid, struct identity *ret)
{
	cleanup_fclose FILE *status = NULL;
	cleanup_close int env = -EBADF;
	char path[48], line[256];
	int found = 0;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	status = fopen(path, "re");
	if (!status)
		return -errno;
	while (fgets(line, sizeof(line), status))
		found += sscanf(line, "Uid:\t%u", &ret->uid) == 1 || sscanf(line, "Gid:\t%u", &ret->gid) == 1 ||
			 sscanf(line, "NoNewPrivs:\t%u", &ret->no_new_privs) == 1 ||
			 sscanf(line, "CapPrm:\t%llx", &ret->permitted) == 1 ||
			 sscanf(line, "CapBnd:\t%llx", &ret->bounding) == 1 ||
			 sscanf(line, "CapAmb:\t%llx", &ret->ambient) == 1;
	snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
	env = open(path, O_RDONLY | O_CLOEXEC);
	while (env >= 0 &&
	       (n = read(env, ret->environ + ret->environ_len, sizeof(ret->environ) - 1 - ret->environ_len)) > 0)
		ret->environ_len += (size_t)n;
	return found == 6 ? 0 : -EBADMSG;
}

/*
 * Become what the container's program is: its files are not to be trusted with the rights of who came in. Its seccomp
 * filter and its control group cannot be joined.
 */
static int assume(struct identity *id)
{
	struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
	const struct __user_cap_data_struct caps[2] = {{.effective = (uint32_t)id->permitted,
							.permitted = (uint32_t)id->permitted,
							.inheritable = (uint32_t)id->ambient},
						       {.effective = (uint32_t)(id->permitted >> 32),
							.permitted = (uint32_t)(id->permitted >> 32),
							.inheritable = (uint32_t)(id->ambient >> 32)}};

	close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
	for (unsigned long cap = 0; cap < 64 && prctl(PR_CAPBSET_READ, cap) >= 0; cap++)
		if (!(id->bounding >> cap & 1) && prctl(PR_CAPBSET_DROP, cap) < 0)
			return -errno;
	if (setgroups(0, NULL) < 0 || setresgid(id->gid, id->gid, id->gid) < 0 || prctl(PR_SET_KEEPCAPS, 1L) < 0 ||
	    setresuid(id->uid, id->uid, id->uid) < 0 || syscall(SYS_capset, &h, caps) < 0)
		return -errno;
	for (unsigned long cap = 0; cap < 64; cap++)
		if (id->ambient >> cap & 1 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0L, 0L) < 0)
			return -errno;
	if (id->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L) < 0)
		return -errno;
	clearenv();
	for (char *s = id->environ; s < id->environ + id->environ_len; s += strlen(s) + 1)
		putenv(s);
	return 0;
}

/* All that the container has of its own. The command is its child: only children are in the process namespace. */
static int enter_container(const char *node, const struct place *p, struct vn_err *err)
{
	cleanup_close int fd = (int)syscall(SYS_pidfd_open, p->pid, 0);
	static struct identity id;
	int st = 0, r;
	pid_t child;

	if (!p->pid)
		return vn_err(err, VN_EXIT_KERNEL, ESRCH, "node %s: its container has ended: apply the topology again",
			      node);
	r = read_identity(p->pid, &id);
	if (r < 0)
		return vn_err_kernel(err, -r, "node %s: its container: %s", node, strerror(-r));
	if (fd < 0 || setns(fd, CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS) < 0)
		return vn_err(err, errno == EPERM ? VN_EXIT_DENIED : VN_EXIT_KERNEL, errno,
			      "node %s: entering its container: %s%s", node, strerror(errno),
			      errno == EPERM ? ": run as root" : "");
	child = fork();
	if (child < 0)
		return vn_err_kernel(err, errno, "node %s: fork: %s", node, strerror(errno));
	if (child == 0) {
		r = assume(&id);
		return r < 0 ? vn_err_kernel(err, -r, "node %s: becoming its user: %s", node, strerror(-r)) : 0;
	}
	while (waitpid(child, &st, 0) < 0 && errno == EINTR)
		;
	exit(WIFEXITED(st) ? WEXITSTATUS(st) : 128 + WTERMSIG(st));
}

static int enter(const char *node, const char *path, struct vn_err *err)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return vn_err_kernel(err, errno, "node %s: %s: %s: apply the topology again to restore it", node, path,
				     strerror(errno));
	if (setns(fd, CLONE_NEWNET) == 0)
		return 0;
	if (errno == EPERM)
		return vn_err(err, VN_EXIT_DENIED, EPERM,
			      "node %s: entering a namespace needs CAP_SYS_ADMIN: run as root", node);
	return vn_err_kernel(err, errno, "node %s: entering %s: %s", node, path, strerror(errno));
}

/*
 * /sys/class/net shows the namespace in which it was mounted: give the command one of the node's. Best effort: where
 * mounting is forbidden it sees the host's devices in /sys, and nothing else differs.
 */
static void mount_sys(void)
{
	struct statvfs vfs;
	unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;

	if (unshare(CLONE_NEWNS) < 0 || mount("", "/", NULL, MS_SLAVE | MS_REC, NULL) < 0)
		return;
	if (statvfs("/sys", &vfs) == 0 && (vfs.f_flag & ST_RDONLY))
		flags |= MS_RDONLY;
	(void)!mount("vnet", "/sys", "sysfs", flags, NULL);
}

int vn_cmd_node_exec(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err)
{
	const char *node = call->args[0], *cmd = call->args[1];
	struct place place = {.pid = 0};
	char **argv;
	int r;

	r = find_place(cli, node, &place, err);
	if (r == 0)
		r = place.container ? enter_container(node, &place, err) : enter(node, place.netns, err);
	if (r < 0)
		return r;
	if (!place.container)
		mount_sys();
	argv = calloc((size_t)call->n_args, sizeof(*argv));
	if (!argv)
		return -ENOMEM;
	memcpy(argv, call->args + 1, (size_t)(call->n_args - 1) * sizeof(*argv));
	fflush(NULL);
	execvp(cmd, argv);
	r = -errno;
	free(argv);
	/* As env(1) and the shell do, so that a caller can tell it from the command's own codes. */
	fprintf(stderr, "vnet-agent: node %s: %s: %s\n", node, cmd, strerror(-r));
	return r == -ENOENT ? 127 : 126;
}
