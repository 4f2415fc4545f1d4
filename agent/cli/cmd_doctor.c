/* SPDX-License-Identifier: GPL-2.0-only */
/* vnet-agent doctor: what this host can do, tried rather than guessed, with a remedy where something is missing. */
#include "cli/words.h"

#include <cap-ng.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/vfs.h>
#include <time.h>

#include <loader/loader.h>
#include <base/util.h>

#include "cli/table.h"
#include "base/program.h"
#include "exec/executor.h"
#include "model/model.h"

#define FEATURES_MAX 32

enum verdict { OK, SKIP, WARN, MISSING };
static const char *const verdict_words[] = {"ok", "skip", "warn", "missing"};

struct report {
	json_t *checks;
	bool missing;
};

/* @remedy is shown, and kept, only when there is something to remedy. */
static void check(struct report *rep, enum verdict v, const char *name, const char *found, const char *remedy)
{
	json_t *o = json_pack("{s:s, s:s, s:s}", "result", verdict_words[v], "name", name, "found", found);

	if (o && v != OK)
		json_object_set_new(o, "remedy", json_string(remedy));
	json_array_append_new(rep->checks, o);
	rep->missing |= v == MISSING;
}

/* First line of a file under /proc or /sys; "" when it cannot be read. */
static void read_line(const char *path, char *buf, size_t size)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);

	buf[n > 0 ? n : 0] = 0;
	buf[strcspn(buf, "\n")] = 0;
}

/* An ordinary user can try little; what the daemon does all the time needs no trial. */
static void check_root(struct report *rep, bool daemon)
{
	char found[64];

	snprintf(found, sizeof(found), "uid %u", (unsigned int)geteuid());
	if (geteuid() != 0 && daemon)
		snprintf(found, sizeof(found), "uid %u; the daemon runs", (unsigned int)geteuid());
	check(rep, geteuid() == 0 || daemon ? OK : MISSING, "root", found,
	      "the daemon needs root, and so do the checks that were not tried: run doctor as root");
}

static void check_features(struct report *rep, bool daemon)
{
	struct vn_feature features[FEATURES_MAX];
	size_t n = vn_probe(features, FEATURES_MAX);

	for (size_t i = 0; i < n; i++) {
		const struct vn_feature *f = &features[i];

		if (f->result != 0 && geteuid() != 0) {
			/* A daemon that runs has everything that is required. */
			if (daemon && f->required)
				check(rep, OK, f->name, "the daemon uses it", "");
			else
				check(rep, SKIP, f->name, "not tried: needs root", "run doctor as root to try it");
			continue;
		}
		check(rep,
		      f->result == 0 ? OK
		      : f->required  ? MISSING
				     : WARN,
		      f->name, f->result == 0 ? "works" : strerror(-f->result), f->remedy);
	}
}

static void check_bpffs(struct report *rep)
{
	struct statfs fs;
	bool mounted = statfs(VN_BPFFS, &fs) == 0 && fs.f_type == BPF_FS_MAGIC;

	check(rep, mounted ? OK : WARN, "BPF file system mounted", mounted ? VN_BPFFS : "not mounted",
	      "the daemon mounts it; so does `mount -t bpf bpf " VN_BPFFS "`");
}

static void check_ipv6(struct report *rep)
{
	bool there = access("/proc/sys/net/ipv6", F_OK) == 0;

	check(rep, there ? OK : WARN, "IPv6", there ? "there" : "switched off",
	      "boot without ipv6.disable=1; without it nodes have IPv4 only");
}

static void check_memlock(struct report *rep)
{
	struct rlimit lim = {0};
	bool cap = capng_get_caps_process() == 0 && capng_have_capability(CAPNG_EFFECTIVE, CAP_IPC_LOCK);
	char found[80];

	getrlimit(RLIMIT_MEMLOCK, &lim);
	if (lim.rlim_max == RLIM_INFINITY)
		snprintf(found, sizeof(found), "unlimited");
	else
		snprintf(found, sizeof(found), "%llu KiB%s", (unsigned long long)lim.rlim_max >> 10,
			 cap ? ", CAP_IPC_LOCK lifts it" : "");
	check(rep, cap || lim.rlim_max >= 256u << 20 ? OK : WARN, "locked memory", found,
	      "CAP_IPC_LOCK for the daemon, or RLIMIT_MEMLOCK of 256 MiB: an engine's UMEM is locked");
}

static void check_throttling(struct report *rep)
{
	char runtime[32], period[32], found[80];
	long r, p;

	read_line("/proc/sys/kernel/sched_rt_runtime_us", runtime, sizeof(runtime));
	read_line("/proc/sys/kernel/sched_rt_period_us", period, sizeof(period));
	r = strtol(runtime, NULL, 10);
	p = strtol(period, NULL, 10);
	if (!*runtime || p <= 0) {
		check(rep, OK, "real-time throttling", "this kernel has none", "");
		return;
	}
	snprintf(found, sizeof(found), r < 0 ? "off" : "%ld of %ld us", r, p);
	check(rep, r < 0 || r >= p / 10 * 9 ? OK : WARN, "real-time throttling", found,
	      "sysctl kernel.sched_rt_runtime_us=950000: below nine tenths of the period the engine is stopped while "
	      "it waits");
}

/* Nodes begin with it. One that paces sends at the rate that it measured, so a link's own limits hardly show. */
static void check_congestion(struct report *rep)
{
	char name[32], found[80];
	bool paces;

	read_line("/proc/sys/net/ipv4/tcp_congestion_control", name, sizeof(name));
	paces = strncmp(name, "bbr", 3) == 0;
	snprintf(found, sizeof(found), "%s%s", *name ? name : "unknown", paces ? ", which paces" : "");
	check(rep, paces ? WARN : OK, "congestion control of TCP", found,
	      "new nodes begin with it, and what they send is paced by its estimate of the path: name another with a "
	      "node's `congestion:`, or set net.ipv4.tcp_congestion_control, and say with each figure which it was");
}

static void check_clock(struct report *rep)
{
	static const char *const slow[] = {"hpet", "acpi_pm", "jiffies", "refined-jiffies"};
	char name[64];
	bool bad = false;

	read_line("/sys/devices/system/clocksource/clocksource0/current_clocksource", name, sizeof(name));
	for (size_t i = 0; i < VN_ARRAY_SIZE(slow); i++)
		bad |= strcmp(name, slow[i]) == 0;
	check(rep, bad || !*name ? WARN : OK, "clock source", *name ? name : "unknown",
	      "a fast clock (tsc, kvm-clock, arch_sys_counter): each frame's arrival reads it");
}

static void check_cpus(struct report *rep)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);
	char found[32];

	snprintf(found, sizeof(found), "%ld", n);
	check(rep, n >= 2 ? OK : WARN, "processors", found, "two or more: the engine spins before each release");
}

static void check_graphviz(struct report *rep)
{
	const char *path = getenv("PATH");
	cleanup_free char *copy = strdup(path ? path : "/usr/bin:/bin");
	char file[512], *rest = copy, *dir;
	bool there = false;

	while (!there && copy && (dir = strsep(&rest, ":")))
		there = snprintf(file, sizeof(file), "%s/dot", *dir ? dir : ".") < (int)sizeof(file) &&
			access(file, X_OK) == 0;
	check(rep, there ? OK : WARN, "graphviz", there ? file : "no `dot` in PATH",
	      "install the package graphviz: `topology graph --svg` needs it");
}

/* Of the first reason: the others mostly follow from it. */
static const char *overload_remedy(const char *word)
{
	static const struct {
		const char *word, *remedy;
	} remedies[] = {
		{"late",
		 "fewer packets, a quieter machine, or --engine-cpus on a processor of its own; then `link reset all`"},
		{"ring-full",
		 "fewer packets at once, or --engine-cpus on a processor of its own; then `link reset all`"},
		{"umem-empty",
		 "fewer packets at once, or --engine-cpus on a processor of its own; then `link reset all`"},
		{"memory", "less rate times delay, or a limit; then `link reset all`"},
		{"throttled", "nothing else on the engine's processor (--engine-cpus); then `link reset all`"},
	};

	for (size_t i = 0; i < VN_ARRAY_SIZE(remedies); i++)
		if (strcmp(remedies[i].word, word) == 0)
			return remedies[i].remedy;
	return "measurements taken then are not to be trusted: `link reset all`";
}

static void check_calibration(struct report *rep, const json_t *c)
{
	char found[160], floor[VN_HUMAN_BUF];

	if (!json_is_object(c)) {
		check(rep, OK, "calibration", "none (`vnet-agent calibrate`)", "");
		return;
	}
	snprintf(found, sizeof(found), "delay floor %s, %" PRIu64 " packets/s, %" PRIu64 " frames held",
		 vn_human_time(floor, vn_json_u64(c, "floor_ns")), vn_json_u64(c, "pps_max"),
		 vn_json_u64(c, "direction_frames"));
	check(rep, OK, "calibration", found, "");
}

static void check_engine(struct report *rep, const json_t *e)
{
	const json_t *overload = json_object_get(e, "overload");
	char name[32], found[160];
	size_t len, i;
	json_t *word;

	snprintf(name, sizeof(name), "engine %" PRIu64, vn_json_u64(e, "engine"));
	if (!vn_json_bool(e, "up") && vn_json_u64(e, "failures")) {
		snprintf(found, sizeof(found), "%" PRIu64 " starts in a row failed, the next in %" PRIu64 " ms",
			 vn_json_u64(e, "failures"), (uint64_t)(vn_json_u64(e, "retry_in_ns") / VN_NSEC_PER_MSEC));
		check(rep, WARN, name, found, "held links drop until it works: the daemon's log says why it does not");
		return;
	}
	if (!vn_json_bool(e, "up")) {
		check(rep, WARN, name, "does not answer",
		      "held links drop until the daemon has restarted it: see its log");
		return;
	}
	len = (size_t)snprintf(found, sizeof(found), "pid %" PRIu64 ", %s, %" PRIu64 " restarts", vn_json_u64(e, "pid"),
			       vn_json_bool(e, "fifo") ? "SCHED_FIFO" : "no SCHED_FIFO", vn_json_u64(e, "restarts"));
	json_array_foreach (overload, i, word)
		if (len < sizeof(found))
			len += (size_t)snprintf(found + len, sizeof(found) - len, "%s%s",
						i ? " " : ", overloaded: ", json_string_value(word));
	if (!vn_json_bool(e, "program_current"))
		check(rep, WARN, name, "it runs an older program", "vnet-agent engine restart: no frame is lost");
	if (json_array_size(overload))
		check(rep, WARN, name, found, overload_remedy(json_string_value(json_array_get(overload, 0))));
	else
		check(rep, vn_json_bool(e, "fifo") ? OK : WARN, name, found,
		      "see SCHED_FIFO above: delays are less exact under load");
}

static void check_damaged(struct report *rep, const json_t *info)
{
	const char *dir = vn_json_str(info, "runtime_dir");
	char remedy[320];
	json_t *name;
	size_t i;

	json_array_foreach (json_object_get(info, "damaged"), i, name) {
		snprintf(remedy, sizeof(remedy),
			 "%s/damaged/%s: the log says what was wrong and what follows; remove it when it is of no use",
			 dir, json_string_value(name));
		check(rep, WARN, "damaged file", json_string_value(name), remedy);
	}
}

/* The programs that run, against those that are installed: this command line's own, and what is built into it. */
static void check_builds(struct report *rep, const json_t *info)
{
	const char *daemon = json_string_value(json_object_get(info, "program")),
		   *bpf = json_string_value(json_object_get(info, "bpf_build"));
	char ours[VN_DP_BUILD_TEXT], own[VN_PROGRAM_TEXT];

	vn_dp_build(ours);
	if (vn_program_text(vn_program_hash(VN_PROGRAM_SELF), own) && (!daemon || strcmp(daemon, own) != 0))
		check(rep, WARN, "daemon's program", "of another build than this command",
		      "restart the daemon: networks go on meanwhile");
	if (!bpf || strcmp(bpf, ours) != 0)
		check(rep, WARN, "BPF programs loaded", "of another build than this command",
		      "restart the daemon: it replaces them in place, no frame is lost");
}

/* @info: what the daemon says of itself; NULL: it says nothing, and @why tells why. */
static void check_daemon(struct report *rep, const json_t *info, const struct vn_err *why)
{
	char found[128];
	json_t *e;
	size_t i;

	if (!info) {
		check(rep, WARN, "daemon", why->exit == VN_EXIT_NO_AGENT ? "none answers" : why->text,
		      "start it as root: vnet-agent daemon");
		return;
	}
	snprintf(found, sizeof(found), "version %s, pid %" PRIu64 ", topologies: %" PRIu64,
		 vn_json_str(info, "version"), vn_json_u64(info, "pid"), vn_json_u64(info, "topologies"));
	if (strcmp(vn_json_str(info, "version"), VN_VERSION) == 0)
		check(rep, OK, "daemon", found, "");
	else
		check(rep, WARN, "daemon", found, "restart it: this command line is of version " VN_VERSION);
	check_builds(rep, info);
	json_array_foreach (json_object_get(info, "engines"), i, e)
		check_engine(rep, e);
	check_calibration(rep, json_object_get(info, "calibration"));
	check_damaged(rep, info);
	if (json_is_false(json_object_get(info, "runner")))
		check(rep, WARN, "runner of containers", "gone",
		      "no container can be started or stopped: restart the daemon");
}

/* Topologies in which a packet's TTL ends before its way does. */
static void check_paths(const struct vn_cli *cli, struct report *rep)
{
	char name[VN_NAME_MAX + 16], found[80];
	json_t *reply = NULL, *t;
	size_t i;

	if (vn_cli_call(cli, true, "vnet.topology.show", NULL, &reply, NULL) < 0)
		return;
	json_array_foreach (json_object_get(reply, "topologies"), i, t) {
		if (vn_json_u64(t, "longest_path") <= VN_HOPS_MAX)
			continue;
		snprintf(name, sizeof(name), "topology %s", vn_json_str(t, "name"));
		snprintf(found, sizeof(found), "its longest path crosses %" PRIu64 " links",
			 vn_json_u64(t, "longest_path"));
		check(rep, WARN, name, found,
		      "a packet crosses at most 255: some nodes do not reach each other; add links that shorten it");
	}
	json_decref(reply);
}

/* A namespace that was deleted by its name goes on without one, until the next start finds it missing. */
static void check_netns(struct report *rep, const char *what, const char *netns)
{
	char path[sizeof(VN_NETNS_DIR) + VN_NETNS_NAME_MAX], found[sizeof(path) + 24];

	if (!*netns || snprintf(path, sizeof(path), "%s/%s", VN_NETNS_DIR, netns) >= (int)sizeof(path) ||
	    access(path, F_OK) == 0 || errno != ENOENT)
		return;
	snprintf(found, sizeof(found), "%s has been deleted", path);
	check(rep, WARN, what, found,
	      strcmp(netns, VN_FABRIC_NAME) == 0
		      ? "links work until the daemon is restarted: restart it, and apply the topologies again"
		      : "apply its topology again: the node is made anew");
}

/* Nodes whose root is not kept in them, or whose namespace has lost its name. */
static void check_nodes(const struct vn_cli *cli, struct report *rep)
{
	char name[2 * VN_NAME_MAX + 16];
	json_t *reply = NULL, *n;
	size_t i;

	if (vn_cli_call(cli, true, "vnet.node.show", NULL, &reply, NULL) < 0)
		return;
	json_array_foreach (json_object_get(reply, "nodes"), i, n) {
		const char *runtime = vn_json_str(n, "runtime");
		const bool open = vn_json_bool(n, "open");

		snprintf(name, sizeof(name), "node %s/%s", vn_json_str(n, "topology"), vn_json_str(n, "name"));
		if (open)
			check(rep, WARN, name, "its root reaches every link of the machine",
			      strcmp(runtime, "external") == 0 ? "its namespace is the machine's: start the container "
								 "without NET_ADMIN, or forbid "
								 "it by `strict: true`"
							       : "leave out `privileged: true`, or NET_ADMIN");
		else if (strcmp(vn_json_str(n, "owner"), "machine") == 0 && strcmp(runtime, "docker") == 0)
			check(rep, WARN, name, "its namespace has no owner of its own: docker made it",
			      "name vnet-node-runc among dockerd's runtimes (oci-node-runtime in vnet-agent(8)), "
			      "delete "
			      "its topology and apply it again");
		else if (strcmp(vn_json_str(n, "owner"), "machine") == 0 && strcmp(runtime, "external") != 0)
			check(rep, WARN, name, "its namespace has no owner of its own: an older agent made it",
			      "delete its topology and apply it again");
		check_netns(rep, name, vn_json_str(n, "netns"));
	}
	json_decref(reply);
}

static int print_report(const struct report *rep)
{
	static const char *const heads[] = {"RESULT", "~CHECK", "~FOUND", "~REMEDY", NULL};
	static const enum vn_colour colours[] = {
		[OK] = VN_GOOD, [SKIP] = VN_PLAIN, [WARN] = VN_WARN, [MISSING] = VN_BAD};
	cleanup_table struct vn_table t;
	json_t *c;
	size_t i;

	vn_table_init(&t, heads);
	json_array_foreach (rep->checks, i, c) {
		const char *result = vn_json_str(c, "result");
		enum verdict v = OK;

		while (v < MISSING && strcmp(result, verdict_words[v]) != 0)
			v++;
		vn_table_add(&t, colours[v], "%s", result);
		vn_table_add(&t, VN_PLAIN, "%s", vn_json_str(c, "name"));
		vn_table_add(&t, VN_PLAIN, "%s", vn_json_str(c, "found"));
		vn_table_add(&t, VN_PLAIN, "%s", vn_json_str(c, "remedy"));
	}
	return vn_table_print(&t, stdout);
}

int vn_cmd_doctor(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err)
{
	struct report rep = {.checks = json_array()};
	struct vn_err why = {0};
	json_t *o, *info = NULL;
	bool daemon;
	int r;

	if (!rep.checks)
		return -ENOMEM;
	daemon = vn_cli_call(cli, true, "vnet.info", NULL, &info, &why) == 0;
	check_root(&rep, daemon);
	check_features(&rep, daemon);
	check_bpffs(&rep);
	check_ipv6(&rep);
	check_memlock(&rep);
	check_throttling(&rep);
	check_congestion(&rep);
	check_clock(&rep);
	check_cpus(&rep);
	check_graphviz(&rep);
	check_daemon(&rep, info, &why);
	json_decref(info);
	if (daemon) {
		check_paths(cli, &rep);
		check_netns(&rep, "fabric", VN_FABRIC_NAME);
		check_nodes(cli, &rep);
	}
	o = json_pack("{s:b, s:o}", "able", !rep.missing, "checks", rep.checks);
	if (cli->json)
		r = vn_cli_print_json(cli, o, err);
	else
		r = print_report(&rep);
	json_decref(o);
	return r < 0 ? r : rep.missing ? VN_EXIT_NOT_POSSIBLE : VN_EXIT_OK;
}
