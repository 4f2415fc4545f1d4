/* SPDX-License-Identifier: GPL-2.0-only */
#include "daemon/options.h"

#include <getopt.h>
#include <limits.h>
#include <sched.h>

#include <loader/loader.h>
#include <base/util.h>

#include "daemon/background.h"
#include "daemon/daemon_main.h"
#include "base/log.h"
#include "api/wire.h"
#include "model/topo.h"

static int number(const char *option, const char *s, unsigned long min, unsigned long max, unsigned long *ret,
		  struct vn_err *err)
{
	char *end;
	unsigned long v;

	errno = 0;
	v = strtoul(s, &end, 10);
	if (errno || end == s || *end || *s == '-' || v < min || v > max)
		return vn_err_usage(err, "%s: '%s' is not a number from %lu to %lu", option, s, min, max);
	*ret = v;
	return 0;
}

/* "2,3,6-8": one for each engine in turn, and again from the first when there are more engines. How many it names. */
static int engine_cpus(const char *list, int cpus[VN_ENGINES_MAX], struct vn_err *err)
{
	int n = 0, found[VN_ENGINES_MAX];
	const char *at = list;

	while (*at) {
		char *end;
		unsigned long first, last;

		errno = 0;
		first = last = strtoul(at, &end, 10);
		if (end != at && *end == '-')
			last = strtoul(at = end + 1, &end, 10);
		if (errno || end == at || *at == '-' || (*end && *end != ',') || last < first || last >= CPU_SETSIZE)
			return vn_err_usage(err, "--engine-cpus: '%s' is not a list of processors like 2,3,6-8", list);
		for (; first <= last && n < VN_ENGINES_MAX; first++)
			found[n++] = (int)first;
		at = *end ? end + 1 : end;
	}
	if (!n)
		return vn_err_usage(err, "--engine-cpus: an empty list");
	for (int i = 0; i < VN_ENGINES_MAX; i++)
		cpus[i] = found[i % n];
	return n;
}

/*
 * Two real-time threads of one priority on a processor, of which one never sleeps: the other would never run. So each
 * engine that spins needs its own, and the bulk one, which does not, one that is left, or any.
 */
static int check_spin(struct vn_daemon_opts *o, int n_cpus, struct vn_err *err)
{
	const uint32_t n = o->n_engines, named = (uint32_t)n_cpus;
	const int bulk = named > n ? o->engine_cpu[n] : -1;
	bool own = named >= n;

	if (!o->engine_spin)
		return 0;
	for (uint32_t i = 0; i < n; i++) {
		own &= o->engine_cpu[i] != bulk;
		for (uint32_t k = 0; k < i; k++)
			own &= o->engine_cpu[i] != o->engine_cpu[k];
	}
	if (!own)
		return vn_err_usage(err,
				    "--engine-spin: --engine-cpus must name a processor of its own for each of the %u "
				    "engines",
				    n);
	o->engine_cpu[VN_ENGINE_BULK] = bulk;
	return 0;
}

/* Beside our own executable when run from a build tree, else where `make install` puts it. */
static const char *helper_path(const char *name, char *buf, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", buf, size);
	char *slash;

	buf[n > 0 && (size_t)n < size ? n : 0] = '\0';
	slash = strrchr(buf, '/');
	if (slash && (size_t)(slash + 1 - buf) + strlen(name) < size) {
		memcpy(slash + 1, name, strlen(name) + 1);
		if (access(buf, X_OK) == 0)
			return buf;
	}
	snprintf(buf, size, VN_LIBEXECDIR "/%s", name);
	return buf;
}

const struct vn_option vn_daemon_words[] = {
	{"--background", NULL,
	 "return when the daemon is ready; it keeps running, with its log in " VN_DAEMON_LOG " in DIR"},
	{"--stop", NULL, "start nothing, but stop the daemon that serves DIR; its networks keep running"},
	{"--runtime-dir", "DIR", "sockets, locks and state (" VN_RUNTIME_DIR ")"},
	{"--pin-dir", "DIR", "where BPF programs and maps are pinned (" VN_PIN_DEFAULT ")"},
	{"--max-ports", "N", "largest number of ports (a link has two): 2 to 65535 (16384)"},
	{"--engine", "PATH", "the engine's executable (vnet-engine beside vnet-agent)"},
	{"--engine-user", "NAME", "user that engines run as (vnet-engine, else uid 64611)"},
	{"--engines", "N|auto", "number of precise engines: 1 to 15 (auto: 1)"},
	{"--engine-cpus", "LIST", "pin the engines to processors, such as 2,3,6-8"},
	{"--engine-spin", NULL, "the precise engines do not sleep; each needs its own of --engine-cpus"},
	{"--rebalance", "on|off", "move directions away from an engine that cannot keep up (on)"},
	{"--socket-group", "NAME", "group whose members may make changes (vnet, else only root)"},
	{"--image-dir", "DIR", "directory in which users other than root may keep files of containers (none)"},
	{"--log-level", "LEVEL", "least severe level that is logged: error, warning, notice, info or debug (info)"},
	{"--no-calibration-check", NULL, "do not refuse disciplines beyond the limits that calibrate measured"},
	{0},
};

/* In the order of the table. */
enum {
	OPT_BACKGROUND,
	OPT_STOP,
	OPT_RUNTIME_DIR,
	OPT_PIN_DIR,
	OPT_MAX_PORTS,
	OPT_ENGINE,
	OPT_ENGINE_USER,
	OPT_ENGINES,
	OPT_ENGINE_CPUS,
	OPT_ENGINE_SPIN,
	OPT_REBALANCE,
	OPT_SOCKET_GROUP,
	OPT_IMAGE_DIR,
	OPT_LOG_LEVEL,
	OPT_NO_CALIBRATION_CHECK,
	OPT_COUNT,
};
_Static_assert(VN_ARRAY_SIZE(vn_daemon_words) == OPT_COUNT + 1, "an option of each");

static int unknown_option(const char *word, struct vn_err *err)
{
	const char *words[OPT_COUNT + 1] = {NULL}, *near;

	for (int i = 0; i < OPT_COUNT; i++)
		words[i] = vn_daemon_words[i].word;
	near = vn_suggest(word, words);
	if (near)
		return vn_err_usage(err, "daemon: option '%s' is not known: did you mean '%s'?", word, near);
	return vn_err_usage(err, "daemon: option '%s' is not known: see `vnet-agent help daemon`", word);
}

static void set_defaults(struct vn_daemon_opts *o)
{
	static char engine[PATH_MAX], pause_path[PATH_MAX], node_runc[PATH_MAX];

	*o = (struct vn_daemon_opts){.runtime_dir = VN_RUNTIME_DIR,
				     .pin_dir = VN_PIN_DEFAULT,
				     .max_ports = VN_PORTS_DEFAULT,
				     .n_engines = 1,
				     .log_level = VN_LOG_INFO,
				     .rebalance = true};
	for (size_t i = 0; i < VN_ENGINES_MAX; i++)
		o->engine_cpu[i] = -1;
	o->engine_path = helper_path("vnet-engine", engine, sizeof(engine));
	o->pause_path = helper_path("vnet-pause", pause_path, sizeof(pause_path));
	o->node_runc = helper_path("vnet-node-runc", node_runc, sizeof(node_runc));
}

/* Option @c with argument @arg; *@n_cpus is set by --engine-cpus. */
static int take_option(struct vn_daemon_opts *o, int c, const char *arg, int *n_cpus, struct vn_err *err)
{
	unsigned long v = 1;
	int r = 0;

	switch (c) {
	case OPT_BACKGROUND:
		o->background = true;
		break;
	case OPT_STOP:
		o->stop = true;
		break;
	case OPT_RUNTIME_DIR:
		o->runtime_dir = arg;
		break;
	case OPT_PIN_DIR:
		o->pin_dir = arg;
		break;
	case OPT_MAX_PORTS:
		v = o->max_ports;
		r = number("--max-ports", arg, 2, VN_PORTS_MAX, &v, err);
		o->max_ports = (uint32_t)v;
		break;
	case OPT_ENGINE:
		o->engine_path = arg;
		break;
	case OPT_ENGINE_USER:
		o->engine_user = arg;
		break;
	case OPT_ENGINE_CPUS:
		*n_cpus = r = engine_cpus(arg, o->engine_cpu, err);
		break;
	case OPT_ENGINES:
		if (strcmp(arg, "auto") != 0)
			r = number("--engines", arg, 1, VN_ENGINES_PRECISE_MAX, &v, err);
		o->n_engines = (uint32_t)v;
		break;
	case OPT_ENGINE_SPIN:
		o->engine_spin = true;
		break;
	case OPT_REBALANCE:
		o->rebalance = strcmp(arg, "on") == 0;
		if (!o->rebalance && strcmp(arg, "off") != 0)
			r = vn_err_usage(err, "--rebalance: '%s' is neither on nor off", arg);
		break;
	case OPT_IMAGE_DIR:
		o->image_dir = arg;
		break;
	case OPT_SOCKET_GROUP:
		o->socket_group = arg;
		break;
	case OPT_LOG_LEVEL:
		o->log_level = vn_log_level_of(arg);
		if (o->log_level < 0)
			r = vn_err_usage(err, "--log-level: '%s' is none of error, warning, notice, info, debug", arg);
		break;
	case OPT_NO_CALIBRATION_CHECK:
		o->no_calibration_check = true;
		break;
	}
	return r < 0 ? r : 0;
}

int vn_daemon_opts_parse(struct vn_daemon_opts *o, int argc, char *argv[], struct vn_err *err)
{
	struct option options[OPT_COUNT + 1] = {0};
	char letter[] = "-?";
	int c, r = 0, n_cpus = 0;

	set_defaults(o);
	for (int i = 0; i < OPT_COUNT; i++)
		options[i] = (struct option){.name = vn_daemon_words[i].word + 2,
					     .has_arg = vn_daemon_words[i].arg ? required_argument : no_argument,
					     .val = i};
	optind = opterr = 0;
	while (r == 0 && (c = getopt_long(argc, argv, ":", options, NULL)) >= 0) {
		if (c < OPT_COUNT) {
			r = take_option(o, c, optarg, &n_cpus, err);
		} else if (c == ':') {
			r = vn_err_usage(err, "daemon: option '%s' needs a value", argv[optind - 1]);
		} else {
			letter[1] = (char)optopt;
			r = unknown_option(optopt > ' ' ? letter : argv[optind - 1], err);
		}
	}
	if (r < 0)
		return r;
	if (optind < argc)
		return vn_err_usage(err, "daemon: '%s' is not an option", argv[optind]);
	/* What is in it has to be connected to (handover_path.h). */
	if (strlen(o->runtime_dir) > VN_RUNTIME_DIR_MAX)
		return vn_err_usage(err,
				    "--runtime-dir: longer than %d bytes: nothing could connect to the sockets in it",
				    VN_RUNTIME_DIR_MAX);
	return check_spin(o, n_cpus, err);
}
