/* SPDX-License-Identifier: GPL-2.0-only */
/* vnet-agent topology graph | import */
#include "cli/words.h"

#include <inttypes.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <base/util.h>

#include "disc/disc_words.h"
#include "model/topo.h"

extern char **environ;

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

/* Graphviz reads DOT from @in and writes @format to @out. No shell, no temporary file. */
static int run_graphviz(const char *format, int in, int out, struct vn_err *err)
{
	char type[16];
	char *const argv[] = {(char *)"dot", (char *)"-q", type, NULL};
	posix_spawn_file_actions_t actions;
	int status, r;
	pid_t pid;

	snprintf(type, sizeof(type), "-T%s", format);
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
		return vn_err(err, VN_EXIT_NOT_POSSIBLE, r,
			      "%s needs graphviz, whose `dot` is not here: install the package graphviz, or take --dot",
			      format);
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

static int write_drawn(const struct vn_topo *t, const char *format, const char *out, struct vn_err *err)
{
	cleanup_close int dot = memfd_create("dot", MFD_CLOEXEC), svg = memfd_create("svg", MFD_CLOEXEC);
	int r;

	if (dot < 0 || svg < 0)
		return vn_err_kernel(err, errno, "memfd_create: %s", strerror(errno));
	r = emit_to_fd(t, dot, err);
	if (r == 0)
		r = run_graphviz(format, dot, svg, err);
	/* @out is touched only now that there is something to write. */
	return r < 0 ? r : copy_out(svg, out, err);
}

/* What the end of @out's name asks for: a format of graphviz's, or "dot". */
static int format_of(const char *out, const char **ret_format, struct vn_err *err)
{
	static const char *const formats[][2] = {{"svg", "svg"}, {"png", "png"}, {"pdf", "pdf"},
						 {"jpg", "jpg"}, {"dot", "dot"}, {"gv", "dot"}};
	const char *base = out ? strrchr(out, '/') : NULL, *dot = out ? strrchr(base ? base : out, '.') : NULL;

	*ret_format = "dot";
	if (!dot || dot[1] == '\0')
		return 0;
	for (size_t i = 0; i < VN_ARRAY_SIZE(formats); i++) {
		if (strcmp(dot + 1, formats[i][0]) == 0) {
			*ret_format = formats[i][1];
			return 0;
		}
	}
	return vn_err_usage(
		err,
		"topology graph: -o %s: the end of the name says what to write: .svg, .png, .pdf, .jpg or .dot "
		"(or give --svg or --dot)",
		out);
}

int vn_cmd_topology_graph(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err)
{
	const char *out = vn_call_option(call, "-o");
	bool want_dot = vn_call_option(call, "--dot"), want_svg = vn_call_option(call, "--svg");
	cleanup_topo struct vn_topo *t = NULL;
	const char *format = want_svg ? "svg" : "dot";
	int r = 0;

	if (want_dot && want_svg)
		return vn_err_usage(err, "topology graph: --dot or --svg, not both");
	if (!want_dot && !want_svg)
		r = format_of(out, &format, err);
	if (r == 0)
		r = load(cli, call->args[0], &t, err);
	if (r < 0)
		return r;
	return strcmp(format, "dot") == 0 ? write_dot(t, out, err) : write_drawn(t, format, out, err);
}

static int write_yaml(const struct vn_topo *t, const char *out, struct vn_err *err)
{
	FILE *f;
	int r = vn_cli_output_open(out, &f, err);

	if (r < 0)
		return r;
	r = vn_topo_emit_yaml(t, f);
	if (r < 0)
		vn_err_kernel(err, -r, "writing %s: %s", t->name, strerror(-r));
	return vn_cli_output_close(out, f, err) < 0 || r < 0 ? -EIO : 0;
}

/* As it runs now, with what `link set` changed. Not over the socket of those who may only look: it hides containers'
 * environments. */
int vn_cmd_topology_export(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err)
{
	cleanup_topo struct vn_topo *t = NULL;
	json_t *reply = NULL;
	int r = vn_cli_call(cli, false, "vnet.topology.show", json_pack("{s:s}", "name", call->args[0]), &reply, err);

	if (r == 0)
		r = vn_topo_from_json(json_object_get(reply, "topology"), &t, err);
	json_decref(reply);
	return r < 0 ? r : write_yaml(t, vn_call_option(call, "-o"), err);
}

/* On standard error: what the topology does not have of the file, or has otherwise. */
static void say_report(const struct vn_topo *t, const struct vn_gml_wish *wish, const struct vn_gml_report *rep)
{
	char delay[VN_UNIT_BUF];

	fprintf(stderr, "%s: %zu node%s, %zu link%s\n", t->name, t->n_nodes, vn_plural(t->n_nodes), t->n_links,
		vn_plural(t->n_links));
	if (rep->unknown_delay && wish->delay_ns)
		fprintf(stderr, "  %zu link%s between nodes without coordinates given the delay %s\n",
			rep->unknown_delay, vn_plural(rep->unknown_delay), vn_format_time(delay, wish->delay_ns));
	else if (rep->unknown_delay)
		fprintf(stderr,
			"  %zu link%s without delay, since a node at an end has no coordinates: routes will prefer "
			"such links; --delay TIME gives them one\n",
			rep->unknown_delay, vn_plural(rep->unknown_delay));
	if (rep->rates)
		fprintf(stderr, "  %zu link%s with the rate that the file gives (--no-rates leaves it out)\n",
			rep->rates, vn_plural(rep->rates));
	if (rep->unknown_rate)
		fprintf(stderr,
			"  %zu link%s without a rate, since the speed that the file gives is not a number of bit/s\n",
			rep->unknown_rate, vn_plural(rep->unknown_rate));
	if (rep->not_built)
		fprintf(stderr, "  %zu link%s that the file calls planned, proposed or future: left out\n",
			rep->not_built, vn_plural(rep->not_built));
	if (rep->hyperedges)
		fprintf(stderr,
			"  %zu node%s standing for a link of more than two ends (hyperedge): imported as nodes\n",
			rep->hyperedges, vn_plural(rep->hyperedges));
	if (rep->renamed)
		fprintf(stderr, "  %zu node%s without a unique label: %s%s\n", rep->renamed, vn_plural(rep->renamed),
			rep->renamed_text, rep->renamed > 2 ? " ..." : "");
}

int vn_cmd_topology_import(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err)
{
	const char *in = call->args[0], *out = vn_call_option(call, "-o");
	cleanup_topo struct vn_topo *t = NULL;
	struct vn_gml_wish wish = {.no_rates = vn_call_option(call, "--no-rates")};
	struct vn_gml_report report;
	cleanup_free char *text = NULL;
	size_t len;
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
		r = write_yaml(t, out, err);
	if (r < 0)
		return r;
	say_report(t, &wish, &report);
	return 0;
}
