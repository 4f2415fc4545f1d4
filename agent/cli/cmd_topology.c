/* SPDX-License-Identifier: GPL-2.0-only */
/* vnet-agent topology check | plan | apply | delete | show */
#include "cli/words.h"

#include <glob.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <base/util.h>

#include "cli/named_files.h"
#include "cli/procs.h"
#include "cli/table.h"
#include "disc/disc_words.h"
#include "model/topo.h"

/* What no TTL is enough for: said on standard error, as it is no part of the answer. */
static void warn_far(const char *topo, uint64_t longest_path)
{
	if (longest_path > VN_HOPS_MAX)
		fprintf(stderr,
			"vnet-agent: warning: %s: the longest path crosses %" PRIu64
			" links, and a packet crosses at most %d: some nodes do not reach each other\n",
			topo, longest_path, VN_HOPS_MAX);
}

#define LATITUDE_FAR 75 /* no network but those of a few research stations is nearer to a pole */

/* [-77.04, 38.91] is in Antarctica, and was meant to be Washington. */
static void warn_coordinates(const struct vn_topo *t)
{
	size_t far = 0, first = 0;

	for (size_t i = t->n_nodes; i-- > 0;) {
		if (!isnan(t->nodes[i].lat) && fabs(t->nodes[i].lat) > LATITUDE_FAR &&
		    fabs(t->nodes[i].lon) < LATITUDE_FAR) {
			far++;
			first = i;
		}
	}
	if (far)
		fprintf(stderr,
			"vnet-agent: warning: %s:%d: %zu node%s, '%s' the first, beyond %d degrees of latitude: "
			"coordinates are [LATITUDE, LONGITUDE]\n",
			t->file, t->nodes[first].line, far, vn_plural(far), t->nodes[first].name, LATITUDE_FAR);
}

/* Two files with one name for their topology are one network: the second changes what the first has made. */
static void tell_replaced(const char *path, const json_t *reply, const char *does)
{
	const char *replaces = vn_json_str(reply, "replaces");

	if (*replaces)
		fprintf(stderr,
			"vnet-agent: note: topology %s was that of %s; this %s that of %s: give it another `name:` if "
			"both networks are wanted\n",
			vn_json_str(reply, "topology"), replaces, does,
			strcmp(path, "-") == 0 ? "standard input" : path);
}

static size_t disciplines_of(const struct vn_topo *t)
{
	size_t n = 0;

	for (size_t l = 0; l < t->n_links; l++)
		for (int dir = 0; dir < VN_DIRS; dir++)
			n += vn_disc_is_any(&t->links[l].disc[dir]);
	return n;
}

int vn_cmd_topology_check(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err)
{
	cleanup_cli_files struct vn_cli_files files = {0};
	cleanup_topo struct vn_topo *t = NULL;
	size_t disciplines;
	json_t *o;
	int r;

	r = vn_cli_load_topo(call->args[0], &t, NULL, NULL, err);
	if (r == 0)
		r = vn_cli_files_init(&files, call->args[0]);
	if (r == 0)
		r = vn_cli_files_add_topo(&files, t, err);
	if (r == 0)
		r = vn_topo_resolve(t, NULL, NULL, NULL, err);
	if (r < 0)
		return r;
	disciplines = disciplines_of(t);
	warn_far(t->name, t->longest_path);
	warn_coordinates(t);
	if (!cli->json) {
		printf("%s: %zu node%s, %zu link%s, %zu of %zu directions with a discipline: OK\n", t->name, t->n_nodes,
		       vn_plural(t->n_nodes), t->n_links, vn_plural(t->n_links), disciplines, t->n_links * VN_DIRS);
		if (t->longest_path > VN_HOPS_DEFAULT && t->longest_path <= VN_HOPS_MAX)
			printf("The longest path crosses %u links: the nodes send with TTL and hop limit %d.\n",
			       t->longest_path, VN_HOPS_MAX);
		return 0;
	}
	o = json_pack("{s:s, s:I, s:I, s:I, s:I}", "topology", t->name, "nodes", (json_int_t)t->n_nodes, "links",
		      (json_int_t)t->n_links, "disciplines", (json_int_t)disciplines, "longest_path",
		      (json_int_t)t->longest_path);
	r = vn_cli_print_json(cli, o, err);
	json_decref(o);
	return r;
}

/* The parameters of plan and apply; the file is parsed here first, so that its errors need no daemon. */
static int file_parameters(const char *path, struct vn_topo **ret_topo, json_t **ret_params, struct vn_err *err)
{
	cleanup_cli_files struct vn_cli_files files = {0};
	cleanup_topo struct vn_topo *t = NULL;
	cleanup_free char *text = NULL, *source = NULL;
	size_t len;
	json_t *params;
	int r;

	r = vn_cli_load_topo(path, &t, &text, &len, err);
	if (r == 0)
		r = vn_cli_files_init(&files, path);
	if (r == 0)
		r = vn_cli_files_add_topo(&files, t, err);
	if (r < 0)
		return r;
	params = json_pack("{s:s, s:s%}", "file", strcmp(path, "-") == 0 ? "stdin" : path, "text", text, len);
	if (!params)
		return vn_err_usage(err, "%s: file name or content is not UTF-8", path);
	/* A path that is no UTF-8 is not told. */
	source = strcmp(path, "-") == 0 ? NULL : realpath(path, NULL);
	if (source)
		json_object_set_new(params, "source", json_string(source));
	r = vn_cli_files_send(&files, params, err);
	if (r < 0) {
		json_decref(params);
		return r;
	}
	*ret_topo = take_ptr(t);
	*ret_params = params;
	return 0;
}

/* Devices and memory of a change may be negative: a plan that deletes gives them back. */
static void print_cost(const json_t *cost)
{
	json_int_t namespaces = (json_int_t)vn_json_u64(cost, "namespaces"),
		   devices = (json_int_t)vn_json_u64(cost, "devices"),
		   bytes = (json_int_t)vn_json_u64(cost, "kernel_bytes");
	char memory[VN_HUMAN_BUF], time[VN_HUMAN_BUF];

	printf("cost: %+" JSON_INTEGER_FORMAT " namespaces, %+" JSON_INTEGER_FORMAT
	       " devices, %s%s of kernel memory, about %s\n",
	       namespaces, devices, bytes < 0 ? "-" : "+",
	       vn_human_bytes(memory, (uint64_t)(bytes < 0 ? -bytes : bytes)),
	       vn_human_time(time, vn_json_u64(cost, "time_ns")));
}

static void print_plan(const json_t *plan)
{
	const json_t *steps = json_object_get(plan, "steps");
	char digits[24];
	int width = snprintf(digits, sizeof(digits), "%zu", json_array_size(steps));
	json_t *step;
	size_t i;

	if (json_array_size(steps) == 0) {
		printf("%s: nothing to do\n", vn_json_str(plan, "topology"));
		return;
	}
	json_array_foreach (steps, i, step) {
		size_t at = (size_t)printf("%*zu  ", width, i + 1);

		vn_wrap(stdout, vn_json_str(step, "text"), at, at + 4, vn_cli_columns(stdout));
		putchar('\n');
	}
	print_cost(json_object_get(plan, "cost"));
}

int vn_cmd_topology_plan(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err)
{
	cleanup_topo struct vn_topo *t = NULL;
	json_t *params = NULL, *reply = NULL;
	int r;

	r = file_parameters(call->args[0], &t, &params, err);
	if (r == 0)
		r = vn_cli_call(cli, false, "vnet.topology.plan", params, &reply, err);
	if (r < 0)
		return r;
	warn_far(t->name, vn_json_u64(reply, "longest_path"));
	warn_coordinates(t);
	tell_replaced(call->args[0], reply, "would make it");
	if (cli->json)
		r = vn_cli_print_json(cli, reply, err);
	else
		print_plan(reply);
	if (r == 0 && json_array_size(json_object_get(reply, "steps")) > 0)
		r = VN_EXIT_CHANGES;
	json_decref(reply);
	return r;
}

#define BAR_WIDTH 40

static void draw_progress(uint64_t done, uint64_t total)
{
	int filled = total ? (int)(done * BAR_WIDTH / total) : BAR_WIDTH;

	filled = VN_MIN(filled, BAR_WIDTH);
	fprintf(stderr, "\r%3d %% [%.*s%.*s] %" PRIu64 "/%" PRIu64 " steps", total ? (int)(done * 100 / total) : 100,
		filled, "########################################", BAR_WIDTH - filled,
		"                                        ", done, total);
}

/* A call that reports its progress; the bar is on stderr, and only on a terminal. */
static int call_with_progress(const struct vn_cli *cli, const char *method, json_t *params, json_t **ret_reply,
			      struct vn_err *err)
{
	struct vn_client c = {.fd = -EBADF};
	bool bar = isatty(STDERR_FILENO), drawn = false, continues = false;
	json_t *reply = NULL;
	int r;

	r = vn_cli_connect(cli, false, &c, err);
	if (r == 0)
		r = vn_client_send(&c, method, params, bar, err);
	while (r == 0) {
		r = vn_client_receive(&c, &reply, &continues, err);
		if (r < 0 || !continues)
			break;
		if (bar) {
			draw_progress(vn_json_u64(reply, "done"), vn_json_u64(reply, "total"));
			drawn = true;
		}
		json_decref(reply);
		reply = NULL;
	}
	if (drawn)
		fputs("\r\033[K", stderr);
	vn_client_release(&c);
	json_decref(params);
	if (r == 0)
		*ret_reply = reply;
	return r;
}

static void print_steps_and_time(const json_t *reply)
{
	uint64_t steps = vn_json_u64(reply, "steps"), time_ns = vn_json_u64(reply, "time_ns");
	int decimals = time_ns < 100 * VN_NSEC_PER_MSEC ? 3 : 2;

	printf(" in %.*f s (%" PRIu64 " step%s)\n", decimals, (double)time_ns / (double)VN_NSEC_PER_SEC, steps,
	       vn_plural(steps));
}

/* Processes that go on in nodes of @held which are no more: into @reply as "processes", told or ended. */
static void look_after(struct vn_held_nodes *held, bool end, json_t *reply)
{
	json_t *list;

	vn_held_nodes_deleted(held);
	list = end ? vn_held_nodes_kill(held) : vn_held_nodes_processes(held);
	if (json_array_size(list))
		json_object_set(reply, "processes", list);
	json_decref(list);
}

static int apply_file(const struct vn_cli *cli, const char *path, struct vn_err *err)
{
	cleanup_held_nodes struct vn_held_nodes held = {0};
	cleanup_topo struct vn_topo *t = NULL;
	json_t *params = NULL, *reply = NULL;
	int r;

	r = file_parameters(path, &t, &params, err);
	if (r == 0)
		vn_held_nodes_open(cli, t->name, NULL, &held, NULL);
	if (r == 0)
		r = call_with_progress(cli, "vnet.topology.apply", params, &reply, err);
	if (r < 0)
		return r;
	warn_far(t->name, vn_json_u64(reply, "longest_path"));
	warn_coordinates(t);
	tell_replaced(path, reply, "made it");
	look_after(&held, false, reply);
	if (cli->json) {
		r = vn_cli_print_json(cli, reply, err);
	} else if (vn_json_u64(reply, "steps") == 0) {
		printf("%s: nothing to do (0 steps)\n", vn_json_str(reply, "topology"));
	} else {
		printf("applied %s: %zu node%s, %zu link%s", vn_json_str(reply, "topology"), t->n_nodes,
		       vn_plural(t->n_nodes), t->n_links, vn_plural(t->n_links));
		print_steps_and_time(reply);
		vn_processes_print(json_object_get(reply, "processes"));
	}
	json_decref(reply);
	return r;
}

/* What is wrong in a file begins with its name already. */
static void tell_failure(const char *path, const char *text)
{
	const bool named = strncmp(text, path, strlen(path)) == 0;

	fprintf(stderr, "vnet-agent: %s%s%s\n", named ? "" : path, named ? "" : ": ", text);
}

/* Every topology file of the directory, by name. One that fails does not stop the others; each failure is a line. */
static int apply_directory(const struct vn_cli *cli, const char *dir, struct vn_err *err)
{
	cleanup_free char *pattern = NULL;
	size_t failed = 0;
	glob_t files = {0};
	int r = 0;

	if (asprintf(&pattern, "%s/*.yaml", dir) < 0)
		return vn_err_kernel(err, ENOMEM, "%s: %s", dir, strerror(ENOMEM));
	r = glob(pattern, 0, NULL, &files);
	if (r && r != GLOB_NOMATCH)
		return vn_err_kernel(err, EIO, "%s: cannot be read", dir);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		struct vn_err why = {0};

		r = apply_file(cli, files.gl_pathv[i], &why);
		if (r < 0) {
			failed++;
			tell_failure(files.gl_pathv[i], why.err ? why.text : strerror(-r));
		}
		fflush(stdout);
	}
	if (!files.gl_pathc)
		fprintf(stderr, "vnet-agent: %s has no file *.yaml\n", dir);
	r = 0;
	if (failed)
		r = vn_err(err, VN_EXIT_USAGE, EINVAL, "%zu of %zu topologies of %s could not be applied", failed,
			   files.gl_pathc, dir);
	globfree(&files);
	return r;
}

int vn_cmd_topology_apply(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err)
{
	struct stat st;

	if (stat(call->args[0], &st) == 0 && S_ISDIR(st.st_mode))
		return apply_directory(cli, call->args[0], err);
	return apply_file(cli, call->args[0], err);
}

int vn_cmd_topology_delete(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err)
{
	cleanup_held_nodes struct vn_held_nodes held = {0};
	cleanup_topo struct vn_topo *t = NULL;
	const char *name = call->args[0];
	json_t *reply = NULL;
	int r;

	if (!vn_cli_is_name(name)) {
		r = vn_cli_load_topo(name, &t, NULL, NULL, err);
		if (r < 0)
			return r;
		name = t->name;
	}
	vn_held_nodes_open(cli, name, NULL, &held, NULL);
	r = call_with_progress(cli, "vnet.topology.delete", json_pack("{s:s}", "name", name), &reply, err);
	if (r < 0)
		return r;
	look_after(&held, vn_call_option(call, "--kill"), reply);
	if (cli->json) {
		r = vn_cli_print_json(cli, reply, err);
	} else {
		printf("deleted %s", vn_json_str(reply, "topology"));
		print_steps_and_time(reply);
		vn_processes_print(json_object_get(reply, "processes"));
	}
	json_decref(reply);
	return r;
}

static int print_brief(const json_t *list)
{
	static const char *const heads[] = {"TOPOLOGY", ">NODES", ">LINKS", "ADDRESSING",
					    "ROUTING",  ">SEED",  "~STATE", NULL};
	cleanup_table struct vn_table table;
	json_t *t;
	size_t i;

	vn_table_init(&table, heads);
	json_array_foreach (list, i, t) {
		uint64_t broken = vn_json_u64(t, "broken_links"), degraded = vn_json_u64(t, "degraded_nodes");

		vn_table_add(&table, VN_PLAIN, "%s", vn_json_str(t, "name"));
		vn_table_add(&table, VN_PLAIN, "%" PRIu64, vn_json_u64(t, "nodes"));
		vn_table_add(&table, VN_PLAIN, "%" PRIu64, vn_json_u64(t, "links"));
		vn_table_add(&table, VN_PLAIN, "%s", vn_json_str(t, "addressing"));
		vn_table_add(&table, VN_PLAIN, "%s", vn_json_str(t, "routing"));
		vn_table_add(&table, VN_PLAIN, "%" PRIu64, vn_json_u64(t, "seed"));
		if (broken)
			vn_table_add(&table, VN_BAD, "%" PRIu64 " link%s broken", broken, vn_plural(broken));
		else if (degraded)
			vn_table_add(&table, VN_BAD, "%" PRIu64 " node%s degraded", degraded, vn_plural(degraded));
		else
			vn_table_add(&table, VN_GOOD, "up");
	}
	if (vn_table_print(&table, stdout) < 0)
		return -EIO;
	json_array_foreach (list, i, t) {
		json_t *open = json_object_get(t, "open_nodes"), *w;
		size_t n;

		json_array_foreach (open, n, w)
			printf("%s/%s: its root reaches every link of the machine (see privileged in "
			       "vnet-topology(5))\n",
			       vn_json_str(t, "name"), json_string_value(w));
	}
	return 0;
}

static const char *port_text(char *buf, size_t size, const struct vn_topo *t, const struct vn_port *p)
{
	snprintf(buf, size, "%s:%s", t->nodes[p->node].name, p->ifname);
	return buf;
}

static int print_topo_links(const struct vn_topo *t)
{
	static const char *const heads[] = {"LINK", "FROM", "", "TO", "~DISCIPLINE", NULL};
	cleanup_table struct vn_table table;
	char from[96], to[96], disc[VN_DIRS][VN_DISC_TEXT_BUF];

	vn_table_init(&table, heads);
	for (size_t i = 0; i < t->n_links; i++) {
		const struct vn_link *l = &t->links[i];
		bool equal;

		for (int dir = 0; dir < VN_DIRS; dir++)
			vn_disc_format(&l->disc[dir], disc[dir], sizeof(disc[dir]));
		equal = strcmp(disc[0], disc[1]) == 0;
		for (int dir = 0; dir < (equal ? 1 : VN_DIRS); dir++) {
			vn_table_add(&table, VN_PLAIN, "%s", dir == 0 ? l->name : "");
			vn_table_add(&table, VN_PLAIN, "%s", port_text(from, sizeof(from), t, &l->ports[dir]));
			vn_table_add(&table, VN_PLAIN, "%s", equal ? "<->" : "->");
			vn_table_add(&table, VN_PLAIN, "%s", port_text(to, sizeof(to), t, &l->ports[!dir]));
			vn_table_add(&table, VN_PLAIN, "%s", *disc[dir] ? disc[dir] : "-");
		}
	}
	return vn_table_print(&table, stdout);
}

int vn_cmd_topology_show(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err)
{
	cleanup_topo struct vn_topo *t = NULL;
	json_t *params = call->n_args ? json_pack("{s:s}", "name", call->args[0]) : NULL, *reply = NULL, *list;
	int r = vn_cli_call(cli, true, "vnet.topology.show", params, &reply, err);

	if (r < 0)
		return r;
	list = json_object_get(reply, "topologies");
	if (cli->json) {
		r = vn_cli_print_json(cli, reply, err);
	} else {
		vn_cli_say_none(list, "topology");
		r = print_brief(list);
		if (r == 0 && call->n_args) {
			r = vn_topo_from_json(json_object_get(reply, "topology"), &t, err);
			if (r == 0 && t->n_links) {
				putchar('\n');
				r = print_topo_links(t);
			}
		}
	}
	json_decref(reply);
	return r;
}
