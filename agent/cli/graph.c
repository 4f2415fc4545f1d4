/* SPDX-License-Identifier: GPL-2.0-only */
/* vnet-agent topology graph | import */
#include "cli/words.h"

#include <inttypes.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <vnet/util.h>

#include "topo/disc_words.h"
#include "topo/topo.h"

extern char **environ;

/* --- graph -------------------------------------------------------------------------------------------------------- */

/* A running topology by its name, or a file. */
static int load(const struct vn_cli *cli, const char *arg, struct vn_topo **ret_topo, struct vn_err *err)
{
	json_t *reply = NULL;
	int r;

	if (!vn_cli_is_name(arg))
		return vn_cli_load_topo(arg, ret_topo, NULL, NULL, err);
	r = vn_cli_call(cli, true, "vnet.topology.show", json_pack("{s:s}", "name", arg), &reply, err);
	if (r < 0)
		return r;
	r = vn_topo_from_json(json_object_get(reply, "topology"), ret_topo, err);
	json_decref(reply);
	return r;
}

static int write_dot(const struct vn_topo *t, const char *out, struct vn_err *err)
{
	FILE *f;
	int r = vn_cli_output_open(out, &f, err);

	if (r < 0)
		return r;
	r = vn_topo_emit_dot(t, f);
	if (r < 0)
		vn_err_kernel(err, -r, "drawing %s: %s", t->name, strerror(-r));
	return vn_cli_output_close(out, f, err) < 0 || r < 0 ? -EIO : 0;
}

/* Graphviz reads DOT from @in and writes SVG to @out. No shell, no temporary file. */
static int run_graphviz(int in, int out, struct vn_err *err)
{
	char *const argv[] = {(char *)"dot", (char *)"-q", (char *)"-Tsvg", NULL};
	posix_spawn_file_actions_t actions;
	int status, r;
	pid_t pid;

	r = posix_spawn_file_actions_init(&actions);
	if (r == 0) {
		r = posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
		if (r == 0)
			r = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
		if (r == 0)
			r = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
		posix_spawn_file_actions_destroy(&actions);
	}
	if (r == ENOENT)
		return vn_err(
			err, VN_EXIT_NOT_POSSIBLE, r,
			"SVG needs graphviz, whose `dot` is not here: install the package graphviz, or take --dot");
	if (r != 0)
		return vn_err_kernel(err, r, "starting dot: %s", strerror(r));
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return vn_err_kernel(err, errno, "waiting for dot: %s", strerror(errno));
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return vn_err(err, VN_EXIT_KERNEL, EIO, "dot failed (status %#x), see its message above", status);
	return 0;
}

static int emit_to_fd(const struct vn_topo *t, int fd, struct vn_err *err)
{
	int copy = dup(fd), r;
	FILE *f = copy < 0 ? NULL : fdopen(copy, "w");

	if (!f) {
		r = -errno;
		if (copy >= 0)
			close(copy);
		return vn_err_kernel(err, -r, "drawing %s: %s", t->name, strerror(-r));
	}
	r = vn_topo_emit_dot(t, f);
	if (fclose(f) != 0 && r == 0)
		r = -errno;
	if (r == 0 && lseek(fd, 0, SEEK_SET) < 0)
		r = -errno;
	return r < 0 ? vn_err_kernel(err, -r, "drawing %s: %s", t->name, strerror(-r)) : 0;
}

static int copy_out(int fd, const char *out, struct vn_err *err)
{
	char buf[16384];
	ssize_t n = -1;
	FILE *f;
	int r = lseek(fd, 0, SEEK_SET) < 0 ? -errno : 0;

	if (r < 0)
		return vn_err_kernel(err, -r, "reading dot's output: %s", strerror(-r));
	r = vn_cli_output_open(out, &f, err);
	if (r < 0)
		return r;
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		fwrite(buf, 1, (size_t)n, f);
	return vn_cli_output_close(out, f, err);
}

static int write_svg(const struct vn_topo *t, const char *out, struct vn_err *err)
{
	cleanup_close int dot = memfd_create("dot", MFD_CLOEXEC), svg = memfd_create("svg", MFD_CLOEXEC);
	int r;

	if (dot < 0 || svg < 0)
		return vn_err_kernel(err, errno, "memfd_create: %s", strerror(errno));
	r = emit_to_fd(t, dot, err);
	if (r == 0)
		r = run_graphviz(dot, svg, err);
	/* @out is touched only now that there is something to write. */
	return r < 0 ? r : copy_out(svg, out, err);
}

static bool has_suffix(const char *s, const char *suffix)
{
	size_t n = s ? strlen(s) : 0, k = strlen(suffix);

	return n > k && strcmp(s + n - k, suffix) == 0;
}

int vn_cmd_topology_graph(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err)
{
	const char *out = vn_call_option(call, "-o");
	bool want_dot = vn_call_option(call, "--dot"), want_svg = vn_call_option(call, "--svg");
	cleanup_topo struct vn_topo *t = NULL;
	int r;

	if (want_dot && want_svg)
		return vn_err_usage(err, "topology graph: --dot or --svg, not both");
	r = load(cli, call->args[0], &t, err);
	if (r < 0)
		return r;
	return want_svg || (!want_dot && has_suffix(out, ".svg")) ? write_svg(t, out, err) : write_dot(t, out, err);
}

/* --- import ---------------------------------------------------------------------------------------------------------
 */

/* On standard error: what the topology does not have of the file, or has otherwise. */
static void say_report(const struct vn_topo *t, const struct vn_gml_wish *wish, const struct vn_gml_report *rep)
{
	char delay[VN_UNIT_BUF];

	fprintf(stderr, "%s: %zu nodes, %zu links\n", t->name, t->n_nodes, t->n_links);
	if (rep->unknown_delay && wish->delay_ns)
		fprintf(stderr, "  %zu links between nodes without coordinates have the delay %s\n", rep->unknown_delay,
			vn_format_time(delay, wish->delay_ns));
	else if (rep->unknown_delay)
		fprintf(stderr,
			"  %zu links have no delay, since a node at an end has no coordinates: routes will prefer "
			"them; "
			"--delay TIME gives them one\n",
			rep->unknown_delay);
	if (rep->rates)
		fprintf(stderr, "  %zu links have the rate that the file gives (--no-rates leaves it out)\n",
			rep->rates);
	if (rep->unknown_rate)
		fprintf(stderr, "  %zu links have a speed that is not a number of bit/s: left out\n",
			rep->unknown_rate);
	if (rep->not_built)
		fprintf(stderr, "  %zu links that the file calls planned, proposed or future: left out\n",
			rep->not_built);
	if (rep->hyperedges)
		fprintf(stderr, "  %zu nodes stand for a link of more than two ends (hyperedge): imported as nodes\n",
			rep->hyperedges);
	if (rep->renamed)
		fprintf(stderr, "  %zu nodes without a label of their own: %s%s\n", rep->renamed, rep->renamed_text,
			rep->renamed > 2 ? " ..." : "");
}

int vn_cmd_topology_import(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err)
{
	const char *in = call->args[0], *out = vn_call_option(call, "-o");
	cleanup_topo struct vn_topo *t = NULL;
	struct vn_gml_wish wish = {.no_rates = vn_call_option(call, "--no-rates")};
	struct vn_gml_report report;
	cleanup_free char *text = NULL;
	size_t len;
	FILE *f;
	int r = 0;

	if (vn_call_option(call, "--delay"))
		r = vn_call_time(call, "--delay", &wish.delay_ns, err);
	if (r == 0 && wish.delay_ns > VN_DELAY_MAX_NS)
		r = vn_err_usage(err, "--delay: more than an hour");
	if (r == 0)
		r = vn_cli_read_file(in, VN_TOPO_FILE_MAX, &text, &len, err);
	if (r == 0)
		r = vn_gml_import(strcmp(in, "-") == 0 ? "stdin" : in, text, len, &wish, &t, &report, err);
	if (r == 0)
		r = vn_cli_output_open(out, &f, err);
	if (r < 0)
		return r;
	r = vn_topo_emit_yaml(t, f);
	if (r < 0)
		vn_err_kernel(err, -r, "writing %s: %s", t->name, strerror(-r));
	if (vn_cli_output_close(out, f, err) < 0 || r < 0)
		return -EIO;
	say_report(t, &wish, &report);
	return 0;
}
