/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Runtimes for container engines: each edits the bundle's config.json before `create` and `run`, and becomes runc.
 *
 *   vnet-agent oci-runtime, also as vnet-runc: containers that name a node are given our hooks (runtime/oci_adopt.h).
 *   For engines that let their user choose a runtime but no hooks: docker run --runtime.
 *
 *   vnet-agent oci-node-runtime, also as vnet-node-runc: for nodes with `runtime: podman` and `runtime: docker`. The
 *   container joins the user namespace that owns its node's network namespace (runtime/oci_node.h).
 */
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <sys/stat.h>
#include <time.h>

#include <base/util.h>

#include "cli/words.h"
#include "base/command.h"
#include "runtime/node_mounts.h"
#include "runtime/oci_adopt.h"

#define RUNTIME    "runc"
#define CONFIG     "config.json"
#define CONFIG_MAX (8u << 20)

struct call {
	const char *verb, *bundle, *id;
	const char *process; /* what `exec` executes */
	const char *log;
	bool log_json;
};

/* argv[*i] is the option @word ("-word", "--word", either with "=value"): its value, and *i on its last word. */
static const char *value_of(const char *word, int argc, char *argv[], int *i)
{
	const char *s = argv[*i];
	const size_t len = strlen(word);

	s += strspn(s, "-");
	if (s == argv[*i] || strncmp(s, word, len) != 0)
		return NULL;
	if (s[len] == '=')
		return s + len + 1;
	return s[len] == '\0' && *i + 1 < argc ? argv[++*i] : NULL;
}

/* Options of runc, and of crun, that have a value, in front of the command and behind it. */
static const char *const with_value[] = {"root",           "criu",     "rootless",     "cgroup-manager",
					 "console-socket", "pid-file", "preserve-fds", NULL};

static void look_at(int argc, char *argv[], struct call *c)
{
	*c = (struct call){.bundle = "."};
	for (int i = 0; i < argc; i++) {
		const char *v;

		if (argv[i][0] != '-' || !argv[i][1]) {
			*(c->verb ? &c->id : &c->verb) = argv[i];
		} else if ((v = value_of("log", argc, argv, &i))) {
			c->log = v;
		} else if ((v = value_of("log-format", argc, argv, &i))) {
			c->log_json = strcmp(v, "json") == 0;
		} else if ((v = value_of("bundle", argc, argv, &i)) || (v = value_of("b", argc, argv, &i))) {
			c->bundle = v;
		} else if ((v = value_of("process", argc, argv, &i)) || (v = value_of("p", argc, argv, &i))) {
			c->process = v;
		} else {
			for (size_t o = 0; with_value[o] && !v; o++)
				v = value_of(with_value[o], argc, argv, &i);
		}
	}
}

static int replace(const char *path, const char *text, struct vn_err *err)
{
	char fresh[PATH_MAX];
	cleanup_close int fd = -EBADF;
	const size_t len = strlen(text);
	struct stat st;
	int e;

	if (snprintf(fresh, sizeof(fresh), "%s.vnet", path) >= (int)sizeof(fresh))
		return vn_err_kernel(err, ENAMETOOLONG, "%s: %s", path, strerror(ENAMETOOLONG));
	unlink(fresh);
	fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd >= 0 && stat(path, &st) == 0 && fchown(fd, st.st_uid, st.st_gid) == 0 && fchmod(fd, st.st_mode) == 0 &&
	    write(fd, text, len) == (ssize_t)len && rename(fresh, path) == 0)
		return 0;
	e = errno ?: EIO;
	if (fd >= 0)
		unlink(fresh);
	return vn_err_kernel(err, e, "%s: %s", path, strerror(e));
}

static int config_path(const struct call *c, char path[PATH_MAX], struct vn_err *err)
{
	if (snprintf(path, PATH_MAX, "%s/" CONFIG, c->bundle) >= PATH_MAX)
		return vn_err_kernel(err, ENAMETOOLONG, "%.64s...: %s", c->bundle, strerror(ENAMETOOLONG));
	return 0;
}

static int adopt_bundle(const struct vn_cli *cli, const struct call *c, struct vn_err *err)
{
	cleanup_free char *text = NULL, *adopted = NULL;
	char path[PATH_MAX], agent[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", agent, sizeof(agent) - 1);
	size_t len;
	int r;

	if (n < 0)
		return vn_err_kernel(err, errno, "/proc/self/exe: %s", strerror(errno));
	agent[n] = '\0';
	r = config_path(c, path, err);
	if (r == 0)
		r = vn_cli_read_file(path, CONFIG_MAX, &text, &len, err);
	if (r == 0)
		r = vn_oci_adopt(text, len, agent, cli->runtime_dir, &adopted, err);
	return r == 0 && adopted ? replace(path, adopted, err) : r;
}

/* The file at @path as @edit makes it. */
static int edit_file(const char *path, struct vn_node_mounts *mounts,
		     int (*edit)(const char *text, size_t len, const struct vn_oci_machine *machine, char **ret_text,
				 struct vn_err *err),
		     struct vn_err *err)
{
	const struct vn_oci_machine machine = vn_node_mounts_machine(mounts);
	cleanup_free char *text = NULL, *edited = NULL;
	size_t len;
	int r = vn_cli_read_file(path, CONFIG_MAX, &text, &len, err);

	if (r == 0)
		r = edit(text, len, &machine, &edited, err);
	return r == 0 && edited ? replace(path, edited, err) : r;
}

/* What is opened stays open until the process is runc, which needs the user namespace. */
static int join_bundle(const struct call *c, struct vn_err *err)
{
	struct vn_node_mounts *mounts = NULL;
	char path[PATH_MAX];
	int r = config_path(c, path, err);

	if (r == 0)
		r = vn_node_mounts_open(c->bundle, &mounts, err);
	if (r == 0)
		r = edit_file(path, mounts, vn_oci_node, err);
	if (r == 0)
		r = vn_node_mounts_make(mounts, err);
	if (r < 0)
		vn_node_mounts_close(&mounts);
	return r;
}

static int join_process(const struct call *c, struct vn_err *err)
{
	struct vn_node_mounts *mounts = NULL;
	int r = vn_node_mounts_open(".", &mounts, err);

	if (r == 0 && c->process)
		r = edit_file(c->process, mounts, vn_oci_node_process, err);
	if (r == 0)
		r = vn_node_mounts_again(mounts, err);
	vn_node_mounts_close(&mounts);
	return r;
}

/* Engines read the reason in runc's log, people on standard error. */
static void log_error(const struct call *c, const char *text)
{
	cleanup_fclose FILE *f = c->log ? fopen(c->log, "ae") : NULL;
	const time_t now = time(NULL);
	char when[64] = "";
	struct tm tm;
	json_t *o;

	if (!f)
		return;
	if (gmtime_r(&now, &tm))
		strftime(when, sizeof(when), "%FT%TZ", &tm);
	if (!c->log_json) {
		fprintf(f, "time=\"%s\" level=error msg=\"%s\"\n", when, text);
		return;
	}
	o = json_pack("{s:s, s:s, s:s}", "level", "error", "msg", text, "time", when);
	if (o && json_dumpf(o, f, JSON_COMPACT) == 0)
		fputc('\n', f);
	json_decref(o);
}

static int become_runc(const struct vn_call *call, struct vn_err *err)
{
	char **argv = calloc((size_t)call->n_args + 2, sizeof(*argv));
	int e;

	if (!argv)
		return vn_err_kernel(err, ENOMEM, "%s", strerror(ENOMEM));
	argv[0] = (char *)RUNTIME;
	memcpy(argv + 1, call->args, (size_t)call->n_args * sizeof(*argv));
	if (!getenv("PATH"))
		setenv("PATH", VN_CMDLINE_PATH, 1);
	execvp(RUNTIME, argv);
	e = errno;
	free(argv);
	return e == ENOENT ? vn_err_kernel(err, e, RUNTIME " is not installed: `apt install runc`")
			   : vn_err_kernel(err, e, RUNTIME ": %s", strerror(e));
}

static bool is_verb(const struct call *c, const char *verb)
{
	return c->verb && strcmp(c->verb, verb) == 0;
}

/* @r: of what was done before. */
static int finish(const struct vn_call *call, const struct call *c, const char *name, int r, struct vn_err *why,
		  struct vn_err *err)
{
	if (r == 0)
		r = become_runc(call, why);
	vn_err(err, why->exit, why->err, "%s: container %.64s: %s", name, c->id ?: "?", why->text);
	log_error(c, err->text);
	return r;
}

int vn_cmd_oci_runtime(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err)
{
	struct vn_err why = {0};
	struct call c;
	int r = 0;

	look_at(call->n_args, call->args, &c);
	if (is_verb(&c, "create") || is_verb(&c, "run"))
		r = adopt_bundle(cli, &c, &why);
	return finish(call, &c, "oci-runtime", r, &why, err);
}

int vn_cmd_oci_node_runtime(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err)
{
	struct vn_err why = {0};
	struct call c;
	int r = 0;

	(void)cli;
	look_at(call->n_args, call->args, &c);
	if (is_verb(&c, "create") || is_verb(&c, "run"))
		r = join_bundle(&c, &why);
	else if (is_verb(&c, "exec"))
		r = join_process(&c, &why);
	return finish(call, &c, "oci-node-runtime", r, &why, err);
}
