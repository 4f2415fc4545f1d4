/* SPDX-License-Identifier: GPL-2.0-only */
/* vnet-agent link verify | reset */
#include "cli/words.h"

#include <inttypes.h>
#include <stdarg.h>

#include <base/util.h>

#include "cli/table.h"
#include "model/model.h"

static enum vn_colour verdict_colour(const char *verdict)
{
	if (strcmp(verdict, "pass") == 0)
		return VN_GOOD;
	return strcmp(verdict, "fail") == 0 ? VN_BAD : VN_WARN;
}

static void print_verdict(const char *verdict)
{
	printf("%s%s%s", vn_colour_on(stdout, verdict_colour(verdict)), verdict,
	       vn_colour_off(stdout, verdict_colour(verdict)));
}

static const char *first_attempt(const json_t *dir)
{
	return vn_json_u64(dir, "attempts") > 1 ? vn_json_str(dir, "failed_at_first") : "";
}

/* A note gets a line of its own, lest it make the table too wide for a terminal. */
static int print_direction(const json_t *dir)
{
	static const char *const heads[] = {"  VERDICT", "CHECK", "BY", "~FOUND", "~BOUND", NULL};
	const char *text = vn_json_str(dir, "text");
	cleanup_table struct vn_table t;
	json_t *row;
	size_t i;
	int r;

	printf("  %s %s -> %s: ", vn_json_str(dir, "dir"), vn_json_str(dir, "from"), vn_json_str(dir, "to"));
	print_verdict(vn_json_str(dir, "verdict"));
	putchar('\n');
	vn_print_line("    (%s)", *text ? text : "no discipline");
	if (*first_attempt(dir))
		vn_print_line("    probed twice; the first time failed: %s", first_attempt(dir));
	vn_table_init(&t, heads);
	json_array_foreach (json_object_get(dir, "checks"), i, row) {
		const char *verdict = vn_json_str(row, "verdict");

		vn_table_add(&t, verdict_colour(verdict), "  %s", verdict);
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

static int print_link(const json_t *link)
{
	const size_t columns = vn_cli_columns(stdout);
	char name[160];
	json_t *dir;
	size_t i;
	int r = 0;

	snprintf(name, sizeof(name), "link %s/%s:", vn_json_str(link, "topology"), vn_json_str(link, "name"));
	/* One that is as long as a line leaves no room for the verdict. */
	fputs(name, stdout);
	fputs(columns && strlen(name) + sizeof(" unknown") > columns ? "\n    " : " ", stdout);
	print_verdict(vn_json_str(link, "verdict"));
	putchar('\n');
	json_array_foreach (json_object_get(link, "directions"), i, dir)
		if (r == 0)
			r = print_direction(dir);
	return r;
}

/* The row that settled @check: one that could judge it before one that could not. */
static const json_t *settled(const json_t *dir, const char *check)
{
	const json_t *found = NULL, *row;
	size_t i;

	json_array_foreach (json_object_get(dir, "checks"), i, row) {
		if (strcmp(vn_json_str(row, "check"), check) != 0)
			continue;
		if (!found || strcmp(vn_json_str(row, "verdict"), "unknown") != 0)
			found = row;
	}
	return found;
}

static void add(char *buf, size_t size, const char *fmt, ...) VN_PRINTF(3, 4);
static void add(char *buf, size_t size, const char *fmt, ...)
{
	size_t len = strlen(buf);
	va_list ap;

	if (len && len + 2 < size)
		len += (size_t)snprintf(buf + len, size - len, ", ");
	va_start(ap, fmt);
	vsnprintf(buf + len, size - len, fmt, ap);
	va_end(ap);
}

static void add_time(char *buf, size_t size, const char *what, const json_t *row)
{
	char t[VN_HUMAN_BUF];

	if (row && json_object_get(row, "p99_ns"))
		add(buf, size, "%s p99 %s", what, vn_human_time(t, vn_json_u64(row, "p99_ns")));
}

static void add_share(char *buf, size_t size, const json_t *dir, const char *check)
{
	const json_t *row = settled(dir, check);

	if (row && json_object_get(row, "measured_ppb"))
		add(buf, size, "%s %.4g%% of %" PRIu64, check, (double)vn_json_u64(row, "measured_ppb") / 1e7,
		    vn_json_u64(row, "packets"));
}

static const char *in_short(const json_t *dir, char *buf, size_t size)
{
	static const char *const shares[] = {"loss", "duplicate", "corrupt", "reorder"};
	const json_t *rate = settled(dir, "rate");

	*buf = 0;
	add_time(buf, size, "late", settled(dir, "lateness"));
	for (size_t i = 0; i < VN_ARRAY_SIZE(shares); i++)
		add_share(buf, size, dir, shares[i]);
	if (rate && vn_json_u64(rate, "measured_bps"))
		add(buf, size, "rate %.5g Mbit/s", (double)vn_json_u64(rate, "measured_bps") / 1e6);
	if (*first_attempt(dir))
		add(buf, size, "at the second attempt (first: %s)", first_attempt(dir));
	return *buf ? buf : "in force";
}

/* What is not as it should be: the failures, or, without any, what could not be judged. */
static const char *not_passed(const json_t *dir, char *buf, size_t size)
{
	const char *verdict = vn_json_str(dir, "verdict");
	bool failed = strcmp(verdict, "fail") == 0;
	const json_t *row;
	size_t i;

	*buf = 0;
	json_array_foreach (json_object_get(dir, "checks"), i, row) {
		const char *check = vn_json_str(row, "check");

		if (strcmp(vn_json_str(row, "verdict"), verdict) != 0)
			continue;
		if (failed)
			add(buf, size, "%s by %s: %s (%s)", check, vn_json_str(row, "source"),
			    vn_json_str(row, "found"), vn_json_str(row, "bound"));
		else if (settled(dir, check) == row)
			add(buf, size, "%s: %s", check, vn_json_str(row, "note"));
	}
	return buf;
}

static int print_summary(const json_t *links, bool full)
{
	static const char *const heads[] = {"VERDICT", "LINK", "DIR", ">FRAMES", "~FOUND", NULL};
	cleanup_table struct vn_table t;
	json_t *link, *dir;
	char text[512];
	size_t i, k;

	vn_table_init(&t, heads);
	json_array_foreach (links, i, link)
		json_array_foreach (json_object_get(link, "directions"), k, dir) {
			const char *verdict = vn_json_str(dir, "verdict");
			const json_t *late = settled(dir, "lateness");

			vn_table_add(&t, verdict_colour(verdict), "%s", verdict);
			vn_table_add(&t, VN_PLAIN, "%s%s%s", full ? vn_json_str(link, "topology") : "", full ? "/" : "",
				     vn_json_str(link, "name"));
			vn_table_add(&t, VN_PLAIN, "%s", vn_json_str(dir, "dir"));
			vn_table_add(&t, VN_PLAIN, "%" PRIu64, late ? vn_json_u64(late, "packets") : 0);
			vn_table_add(&t, VN_PLAIN, "%s",
				     strcmp(verdict, "pass") == 0 ? in_short(dir, text, sizeof(text))
								  : not_passed(dir, text, sizeof(text)));
		}
	return vn_table_print(&t, stdout);
}

static int print_report(const json_t *reply, bool details)
{
	const json_t *links = json_object_get(reply, "links");
	json_t *link;
	size_t i;
	int r = 0;

	if (json_array_size(links) > 1 && !details)
		return vn_each_topology(links, print_summary);
	json_array_foreach (links, i, link)
		if (r == 0)
			r = print_link(link);
	return r;
}

static int exit_of(const json_t *reply)
{
	const char *verdict = vn_json_str(reply, "verdict");

	if (strcmp(verdict, "pass") == 0)
		return VN_EXIT_OK;
	return strcmp(verdict, "fail") == 0 ? VN_EXIT_USAGE : VN_EXIT_UNKNOWN;
}

static int take_params(const struct vn_cli *cli, const struct vn_call *call, json_t **ret_params, struct vn_err *err)
{
	bool probe = vn_call_option(call, "--probe"), no_probe = vn_call_option(call, "--no-probe");
	const char *name = call->n_args ? call->args[0] : "all", *time = vn_call_option(call, "--time"), *dir;
	json_t *params;
	uint64_t ns;
	int first, r;

	r = vn_cli_take_dir(cli, call, &dir, &first, err);
	if (r < 0)
		return r;
	if (first < call->n_args)
		return vn_err_usage(err, "link verify: unexpected argument '%s': NAME|all [dir ab|ba|both]",
				    call->args[first]);
	if (probe && no_probe)
		return vn_err_usage(err, "link verify: --probe and --no-probe contradict each other");
	params = json_pack("{s:s, s:s}", "name", name, "dir", dir);
	if (params && (probe || no_probe))
		json_object_set_new(params, "probe", json_string(probe ? "always" : "never"));
	if (params && time) {
		r = vn_call_time(call, "--time", &ns, err);
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
	int r = take_params(cli, call, &params, err);

	if (r == 0)
		r = vn_cli_call(cli, false, "vnet.link.verify", params, &reply, err);
	if (r < 0)
		return r;
	r = cli->json ? vn_cli_print_json(cli, reply, err) : print_report(reply, cli->details);
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
