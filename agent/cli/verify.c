/* SPDX-License-Identifier: GPL-2.0-only */
/* vnet-agent link verify | reset */
#include "cli/words.h"

#include <inttypes.h>

#include <vnet/util.h>

#include "cli/table.h"
#include "topo/model.h"

static enum vn_colour verdict_colour(const char *verdict)
{
	if (strcmp(verdict, "pass") == 0)
		return VN_GOOD;
	return strcmp(verdict, "fail") == 0 ? VN_BAD : VN_WARN;
}

static void print_verdict(const char *verdict)
{
	printf("%s%s%s", vn_colour_on(stdout, verdict_colour(verdict)), verdict, vn_colour_off(stdout, VN_PLAIN));
}

/* A note gets a line of its own, lest it make the table too wide for a terminal. */
static int print_direction(const json_t *dir)
{
	static const char *const heads[] = {"    VERDICT", "CHECK", "BY", "FOUND", "BOUND", NULL};
	const char *text = vn_json_str(dir, "text");
	cleanup_table struct vn_table t;
	json_t *row;
	size_t i;
	int r;

	printf("  %s %s -> %s: ", vn_json_str(dir, "dir"), vn_json_str(dir, "from"), vn_json_str(dir, "to"));
	print_verdict(vn_json_str(dir, "verdict"));
	putchar('\n');
	vn_print_line("    (%s)", *text ? text : "no discipline");
	vn_table_init(&t, heads);
	json_array_foreach (json_object_get(dir, "checks"), i, row) {
		const char *verdict = vn_json_str(row, "verdict");

		vn_table_add(&t, verdict_colour(verdict), "    %s", verdict);
		vn_table_add(&t, VN_PLAIN, "%s", vn_json_str(row, "check"));
		vn_table_add(&t, VN_PLAIN, "%s", vn_json_str(row, "source"));
		vn_table_add(&t, VN_PLAIN, "%s", vn_json_str(row, "found"));
		vn_table_add(&t, VN_PLAIN, "%s", vn_json_str(row, "bound"));
	}
	r = vn_table_print(&t, stdout);
	json_array_foreach (json_object_get(dir, "checks"), i, row)
		if (*vn_json_str(row, "note"))
			vn_print_line("    %s: %s", vn_json_str(row, "check"), vn_json_str(row, "note"));
	return r;
}

static int print_report(const json_t *reply)
{
	json_t *link, *dir;
	size_t i, k;
	int r = 0;

	json_array_foreach (json_object_get(reply, "links"), i, link) {
		printf("link %s/%s: ", vn_json_str(link, "topology"), vn_json_str(link, "name"));
		print_verdict(vn_json_str(link, "verdict"));
		putchar('\n');
		json_array_foreach (json_object_get(link, "directions"), k, dir)
			if (r == 0)
				r = print_direction(dir);
	}
	return r;
}

static int exit_of(const json_t *reply)
{
	const char *verdict = vn_json_str(reply, "verdict");

	if (strcmp(verdict, "pass") == 0)
		return VN_EXIT_OK;
	return strcmp(verdict, "fail") == 0 ? VN_EXIT_USAGE : VN_EXIT_UNKNOWN;
}

static int take_params(const struct vn_call *call, json_t **ret_params, struct vn_err *err)
{
	bool probe = vn_call_option(call, "--probe"), no_probe = vn_call_option(call, "--no-probe");
	const char *name = call->n_args ? call->args[0] : "all", *time = vn_call_option(call, "--time"), *dir;
	json_t *params;
	uint64_t ns;
	int first, r;

	r = vn_cli_take_dir(call, &dir, &first, err);
	if (r < 0)
		return r;
	if (first < call->n_args)
		return vn_err_usage(err, "link verify: '%s' is too much: NAME|all [dir ab|ba|both]", call->args[first]);
	if (probe && no_probe)
		return vn_err_usage(err, "link verify: --probe and --no-probe contradict each other");
	params = json_pack("{s:s, s:s}", "name", name, "dir", dir);
	if (params && (probe || no_probe))
		json_object_set_new(params, "probe", json_string(probe ? "always" : "never"));
	if (params && time) {
		r = vn_parse_time(time, &ns, err);
		if (r < 0) {
			json_decref(params);
			return r;
		}
		json_object_set_new(params, "time_ns", json_integer((json_int_t)VN_MIN(ns, (uint64_t)INT64_MAX)));
	}
	*ret_params = params;
	return params ? 0 : vn_err_usage(err, "link verify: the words are not UTF-8");
}

int vn_cmd_link_verify(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err)
{
	json_t *params = NULL, *reply = NULL;
	int r = take_params(call, &params, err);

	if (r == 0)
		r = vn_cli_call(cli, false, "vnet.link.verify", params, &reply, err);
	if (r < 0)
		return r;
	r = cli->json ? vn_cli_print_json(cli, reply, err) : print_report(reply);
	if (r == 0)
		r = exit_of(reply);
	json_decref(reply);
	return r;
}

int vn_cmd_link_reset(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err)
{
	json_t *params = json_pack("{s:s}", "name", call->args[0]), *reply = NULL;
	int r;

	if (!params)
		return vn_err_usage(err, "link reset: the name is not UTF-8");
	r = vn_cli_call(cli, false, "vnet.link.reset", params, &reply, err);
	if (r == 0 && cli->json)
		r = vn_cli_print_json(cli, reply, err);
	json_decref(reply);
	return r;
}
