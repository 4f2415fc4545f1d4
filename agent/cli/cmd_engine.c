/* SPDX-License-Identifier: GPL-2.0-only */
/* vnet-agent engine show | move | restart */
#include "cli/words.h"

#include <inttypes.h>

#include <base/util.h>

#include "cli/table.h"

static const char *state_of(const json_t *e)
{
	if (!vn_json_bool(e, "up"))
		return vn_json_u64(e, "failures") ? "failing" : "down";
	return vn_json_bool(e, "leaving") ? "leaving" : "up";
}

static void add_engine(struct vn_table *t, const json_t *e, bool details)
{
	const json_t *overload = json_object_get(e, "overload"), *word;
	const bool current = vn_json_bool(e, "program_current");
	char text[128] = "-", bytes[VN_HUMAN_BUF];
	size_t i, len = 0;

	json_array_foreach (overload, i, word)
		if (len < sizeof(text))
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", i ? " " : "",
						json_string_value(word));
	vn_table_add(t, VN_PLAIN, "%" PRIu64, vn_json_u64(e, "engine"));
	vn_table_add(t, VN_PLAIN, "%s", vn_json_str(e, "kind"));
	vn_table_add(t, vn_json_bool(e, "up") ? VN_GOOD : VN_BAD, "%s", state_of(e));
	if (details) {
		vn_table_add(t, VN_PLAIN, "%" PRIu64, vn_json_u64(e, "pid"));
		vn_table_add(t, VN_PLAIN, "%" PRIu64, vn_json_u64(e, "restarts"));
	}
	vn_table_add(t, VN_PLAIN, "%" PRIu64, vn_json_u64(e, "directions"));
	vn_table_add(t, VN_PLAIN, "%" PRIu64, vn_json_u64(e, "packets_per_s"));
	vn_table_add(t, VN_PLAIN, "%" PRIu64, vn_json_u64(e, "held_packets"));
	if (details)
		vn_table_add(t, VN_PLAIN, "%s", vn_human_bytes(bytes, vn_json_u64(e, "held_bytes")));
	vn_table_add(t, VN_PLAIN, "%" PRIu64, vn_json_u64(e, "late_packets"));
	vn_table_add(t, VN_PLAIN, "%" PRIu64, vn_json_u64(e, "rx_dropped"));
	vn_table_add(t, current ? VN_PLAIN : VN_WARN, current ? "%.8s" : "%.8s older",
		     json_string_value(json_object_get(e, "program")) ?: "?");
	vn_table_add(t, *text == '-' ? VN_PLAIN : VN_WARN, "%s", text);
}

static int print_engines(const json_t *engines, bool details)
{
	static const char *const heads[] = {"ENGINE", "KIND",     "STATE",    ">DIRS",     ">PKT/S", ">HELD",
					    ">LATE",  ">DROPPED", "~PROGRAM", "~OVERLOAD", NULL};
	static const char *const more[] = {"ENGINE", "KIND",   "STATE", ">PID",     ">RESTARTS", ">DIRS",     ">PKT/S",
					   ">HELD",  ">BYTES", ">LATE", ">DROPPED", "~PROGRAM",  "~OVERLOAD", NULL};
	cleanup_table struct vn_table table;
	json_t *e;
	size_t i;

	vn_table_init(&table, details ? more : heads);
	json_array_foreach (engines, i, e)
		add_engine(&table, e, details);
	return vn_table_print(&table, stdout);
}

int vn_cmd_engine_show(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err)
{
	json_t *reply = NULL;
	int r = vn_cli_call(cli, true, "vnet.engine.show", NULL, &reply, err);

	if (r < 0)
		return r;
	r = cli->json ? vn_cli_print_json(cli, reply, err)
		      : print_engines(json_object_get(reply, "engines"), cli->details);
	json_decref(reply);
	return r;
}

static int take_number(const char *command, const char *text, unsigned long *ret_engine, struct vn_err *err)
{
	char *end;

	*ret_engine = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || *ret_engine > INT32_MAX)
		return vn_err_usage(err, "%s: '%s' is not a number of an engine: see `vnet-agent engine show`", command,
				    text);
	return 0;
}

int vn_cmd_engine_move(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err)
{
	json_t *params, *reply = NULL;
	unsigned long engine;
	const char *dir;
	int first, r = vn_cli_take_dir(cli, call, &dir, &first, err);

	if (r < 0)
		return r;
	if (call->n_args != first + 1)
		return vn_err_usage(err, "engine move: takes LINK [dir ab|ba|both] N");
	r = take_number("engine move", call->args[first], &engine, err);
	if (r < 0)
		return r;
	params = json_pack("{s:s, s:s, s:I}", "name", call->args[0], "dir", dir, "engine", (json_int_t)engine);
	if (!params)
		return vn_err_usage(err, "engine move: the link's name is not UTF-8");
	r = vn_cli_call(cli, false, "vnet.engine.move", params, &reply, err);
	if (r < 0)
		return r;
	if (cli->json)
		r = vn_cli_print_json(cli, reply, err);
	json_decref(reply);
	return r;
}

static void print_restarted(const json_t *engines)
{
	char took[VN_HUMAN_BUF];
	json_t *e;
	size_t i;

	json_array_foreach (engines, i, e)
		printf("engine %" PRIu64 ": pid %" PRIu64 " in the place of %" PRIu64 ", %" PRIu64
		       " directions moved away and back, in %s\n",
		       vn_json_u64(e, "engine"), vn_json_u64(e, "pid"), vn_json_u64(e, "old_pid"),
		       vn_json_u64(e, "directions"), vn_human_time(took, vn_json_u64(e, "time_ns")));
}

int vn_cmd_engine_restart(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err)
{
	json_t *params = NULL, *reply = NULL;
	unsigned long engine;
	int r;

	if (call->n_args) {
		r = take_number("engine restart", call->args[0], &engine, err);
		if (r < 0)
			return r;
		params = json_pack("{s:I}", "engine", (json_int_t)engine);
	}
	r = vn_cli_call(cli, false, "vnet.engine.restart", params, &reply, err);
	if (r < 0)
		return r;
	if (cli->json)
		r = vn_cli_print_json(cli, reply, err);
	else
		print_restarted(json_object_get(reply, "engines"));
	json_decref(reply);
	return r;
}
