/* SPDX-License-Identifier: GPL-2.0-only */
/* vnet-agent link show | set | replace */
#include "cli/words.h"

#include <inttypes.h>
#include <unistd.h>

#include <abi/abi_engine.h>
#include <base/util.h>

#include "cli/named_files.h"
#include "cli/table.h"
#include "disc/disc_words.h"
#include "model/topo.h"

#define DIRS         2
#define LINK_ARG_MAX 130 /* of TOPOLOGY/LINK, in an error */

static const json_t *dir_of(const json_t *link, size_t dir)
{
	return json_array_get(json_object_get(link, "directions"), dir);
}

static const json_t *end_of(const json_t *link, size_t side)
{
	return json_array_get(json_object_get(link, "endpoints"), side);
}

/* "a:eth0" */
static const char *end_text(char *buf, size_t size, const json_t *link, size_t side)
{
	const json_t *end = end_of(link, side);

	snprintf(buf, size, "%s:%s", vn_json_str(end, "node"), vn_json_str(end, "ifname"));
	return buf;
}

static const char *disc_text(const json_t *dir)
{
	const char *text = vn_json_str(dir, "text");

	return *text ? text : "-";
}

/* Do the links come from more than one topology? Then their names need it in front. */
static bool several_topologies(const json_t *links)
{
	const char *first = vn_json_str(json_array_get(links, 0), "topology");
	json_t *l;
	size_t i;

	json_array_foreach (links, i, l)
		if (strcmp(vn_json_str(l, "topology"), first) != 0)
			return true;
	return false;
}

static void add_name(struct vn_table *t, const json_t *link, bool full)
{
	if (full)
		vn_table_add(t, VN_PLAIN, "%s/%s", vn_json_str(link, "topology"), vn_json_str(link, "name"));
	else
		vn_table_add(t, VN_PLAIN, "%s", vn_json_str(link, "name"));
}

/* Of the link, or of a direction that takes no frames: by its state, or its schedule at the moment. */
static const char *state_text(const json_t *link, const json_t *dir)
{
	const char *state = vn_json_str(link, "state");
	const json_t *gate = json_object_get(dir, "gate");

	return strcmp(state, "up") == 0 && gate && !vn_json_bool(gate, "open") ? "down" : state;
}

static void add_state(struct vn_table *t, const json_t *link, const json_t *dir)
{
	const char *state = state_text(link, dir);

	vn_table_add(t, strcmp(state, "up") == 0 ? VN_GOOD : VN_BAD, "%s", state);
}

/* One row per link, two where the directions differ. */
static int print_links(const json_t *links, bool full)
{
	static const char *const heads[] = {"LINK", "FROM", "", "TO", "STATE", "~DISCIPLINE", NULL};
	cleanup_table struct vn_table table;
	const bool several = several_topologies(links);
	char from[96], to[96];
	json_t *l;
	size_t i;
	int r;

	vn_table_init(&table, heads);
	json_array_foreach (links, i, l) {
		bool equal = strcmp(disc_text(dir_of(l, 0)), disc_text(dir_of(l, 1))) == 0;

		for (size_t dir = 0; dir < (equal ? 1 : DIRS); dir++) {
			if (dir == 0)
				add_name(&table, l, full && several);
			else
				vn_table_add(&table, VN_PLAIN, "%s", "");
			vn_table_add(&table, VN_PLAIN, "%s", end_text(from, sizeof(from), l, dir));
			vn_table_add(&table, VN_PLAIN, "%s", equal ? "<->" : "->");
			vn_table_add(&table, VN_PLAIN, "%s", end_text(to, sizeof(to), l, !dir));
			add_state(&table, l, dir_of(l, dir));
			vn_table_add(&table, VN_PLAIN, "%s", disc_text(dir_of(l, dir)));
		}
	}
	r = vn_table_print(&table, stdout);
	json_array_foreach (links, i, l)
		if (*vn_json_str(l, "drift"))
			vn_print_line("%s: %s", vn_json_str(l, "name"), vn_json_str(l, "drift"));
	return r;
}

/* "loss 12, limit 3": the reasons that occurred. */
static const char *drops_text(char *buf, size_t size, const json_t *drops)
{
	const char *reason;
	json_t *count;
	size_t len = 0;

	snprintf(buf, size, "-");
	json_object_foreach ((json_t *)drops, reason, count) {
		if (json_integer_value(count) == 0 || len >= size)
			continue;
		len += (size_t)snprintf(buf + len, size - len, "%s%s %" JSON_INTEGER_FORMAT, len ? ", " : "", reason,
					json_integer_value(count));
	}
	return buf;
}

static void add_lateness(struct vn_table *t, const json_t *late)
{
	static const char *const keys[] = {"p50_ns", "p99_ns", "max_ns"};
	char buf[VN_HUMAN_BUF];

	for (size_t i = 0; i < VN_ARRAY_SIZE(keys); i++)
		vn_table_add(t, VN_PLAIN, "%s",
			     vn_json_u64(late, "count") ? vn_human_time(buf, vn_json_u64(late, keys[i])) : "-");
}

static bool all_up(const json_t *links)
{
	json_t *l;
	size_t i;

	json_array_foreach (links, i, l)
		for (size_t dir = 0; dir < DIRS; dir++)
			if (strcmp(state_text(l, dir_of(l, dir)), "up") != 0)
				return false;
	return true;
}

#define NARROW 100 /* columns, below which names would break: bytes are in -d and -j */

/* One row per direction: what went in, what came out, what was lost why, and how late frames were released. */
static int print_stats(const json_t *links, bool full)
{
	const size_t columns = vn_cli_columns(stdout);
	const bool several = several_topologies(links), bytes = !columns || columns >= NARROW;
	/* A terminal has no room for what goes without saying. */
	const bool state = !all_up(links);
	const char *heads[14] = {"LINK", "FROM", "TO"};
	static const char *const last[] = {">HELD", ">LATE P50", ">P99", ">MAX", "~DROPS"};
	char buf[512], from[96], to[96];
	cleanup_table struct vn_table t;
	size_t i, n = 3;
	json_t *l;

	if (state)
		heads[n++] = "STATE";
	heads[n++] = ">IN";
	if (bytes)
		heads[n++] = ">BYTES";
	heads[n++] = ">OUT";
	if (bytes)
		heads[n++] = ">BYTES";
	for (i = 0; i < VN_ARRAY_SIZE(last); i++)
		heads[n++] = last[i];
	vn_table_init(&t, heads);
	json_array_foreach (links, i, l)
		for (size_t dir = 0; dir < DIRS; dir++) {
			const json_t *s = json_object_get(dir_of(l, dir), "stats");

			add_name(&t, l, full && several);
			vn_table_add(&t, VN_PLAIN, "%s", end_text(from, sizeof(from), l, dir));
			vn_table_add(&t, VN_PLAIN, "%s", end_text(to, sizeof(to), l, !dir));
			if (state)
				add_state(&t, l, dir_of(l, dir));
			vn_table_add(&t, VN_PLAIN, "%" PRIu64, vn_json_u64(s, "in_packets"));
			if (bytes)
				vn_table_add(&t, VN_PLAIN, "%s", vn_human_bytes(buf, vn_json_u64(s, "in_bytes")));
			vn_table_add(&t, VN_PLAIN, "%" PRIu64, vn_json_u64(s, "out_packets"));
			if (bytes)
				vn_table_add(&t, VN_PLAIN, "%s", vn_human_bytes(buf, vn_json_u64(s, "out_bytes")));
			vn_table_add(&t, VN_PLAIN, "%" PRIu64, vn_json_u64(s, "held_packets"));
			add_lateness(&t, json_object_get(s, "lateness"));
			drops_text(buf, sizeof(buf), json_object_get(s, "drops"));
			if (json_array_size(json_object_get(s, "overload")))
				vn_table_add(&t, VN_BAD, "%s; overload: %s", buf,
					     json_string_value(json_array_get(json_object_get(s, "overload"), 0)));
			else
				vn_table_add(&t, VN_PLAIN, "%s", buf);
		}
	return vn_table_print(&t, stdout);
}

/*
 * A line made piece by piece: begin_line(), fprintf() to what it returns, end_line(), which prints it as wide as the
 * terminal is.
 */
struct line {
	char *text;
	size_t len;
	FILE *f;
};

static FILE *begin_line(struct line *l)
{
	*l = (struct line){0};
	l->f = open_memstream(&l->text, &l->len);
	return l->f;
}

static void end_line(struct line *l)
{
	if (fclose(l->f) == 0)
		vn_print_line("%s", l->text);
	free(l->text);
}

static void print_addresses(FILE *f, const json_t *list)
{
	json_t *a;
	size_t i;

	json_array_foreach (list, i, a)
		fprintf(f, " %s", json_string_value(a));
}

static void print_times(const char *what, const json_t *t)
{
	static const struct {
		const char *word, *key;
	} figures[] = {
		{"p50", "p50_ns"}, {"p90", "p90_ns"}, {"p99", "p99_ns"}, {"p99.9", "p999_ns"}, {"max", "max_ns"}};
	char buf[VN_HUMAN_BUF];
	struct line line;

	if (!vn_json_u64(t, "count") || !begin_line(&line))
		return;
	fprintf(line.f, "        %s", what);
	for (size_t i = 0; i < VN_ARRAY_SIZE(figures); i++)
		fprintf(line.f, " %s %s", figures[i].word, vn_human_time(buf, vn_json_u64(t, figures[i].key)));
	fprintf(line.f, ", of %" PRIu64 " frames", vn_json_u64(t, "count"));
	end_line(&line);
}

static void print_loss(const json_t *l)
{
	if (!vn_json_u64(l, "lost"))
		return;
	vn_print_line("        lost %" PRIu64 " of %" PRIu64
		      " since the discipline began: %.4g%% (99.9%% interval %.4g%%..%.4g%%)",
		      vn_json_u64(l, "lost"), vn_json_u64(l, "packets"), (double)vn_json_u64(l, "measured_ppb") / 1e7,
		      (double)vn_json_u64(l, "low_ppb") / 1e7, (double)vn_json_u64(l, "high_ppb") / 1e7);
}

/* Which bit means what is said where the bits are defined. */
static void print_overload(const json_t *list)
{
	static const struct {
		const char *word, *text;
	} reasons[] = {
#define X(id, word, text) {word, text},
		VN_OVERLOAD_LIST(X)
#undef X
	};
	const json_t *word;
	size_t i;

	json_array_foreach (list, i, word)
		for (size_t k = 0; k < VN_ARRAY_SIZE(reasons); k++)
			if (strcmp(json_string_value(word), reasons[k].word) == 0)
				printf("        %soverload %s%s: %s\n", vn_colour_on(stdout, VN_BAD), reasons[k].word,
				       vn_colour_off(stdout, VN_BAD), reasons[k].text);
}

static void print_dir_stats(const json_t *s)
{
	char in[VN_HUMAN_BUF], out[VN_HUMAN_BUF], held[VN_HUMAN_BUF], drops[512];
	const json_t *late = json_object_get(s, "lateness");

	vn_print_line("        in %" PRIu64 " packets %s, out %" PRIu64 " packets %s, held %" PRIu64 " packets %s",
		      vn_json_u64(s, "in_packets"), vn_human_bytes(in, vn_json_u64(s, "in_bytes")),
		      vn_json_u64(s, "out_packets"), vn_human_bytes(out, vn_json_u64(s, "out_bytes")),
		      vn_json_u64(s, "held_packets"), vn_human_bytes(held, vn_json_u64(s, "held_bytes")));
	vn_print_line("        dropped %s", drops_text(drops, sizeof(drops), json_object_get(s, "drops")));
	print_loss(json_object_get(s, "loss"));
	print_overload(json_object_get(s, "overload"));
	print_times("late", late);
	print_times("delay error", json_object_get(s, "delay_error"));
}

/* What no discipline asked for: it makes frames late where it is longer than their delay. */
static void print_wait(const json_t *wait)
{
	char mean[VN_HUMAN_BUF], max[VN_HUMAN_BUF];

	if (vn_json_u64(wait, "count"))
		vn_print_line("        waited for the engine: mean %s, max %s, of %" PRIu64 " frames as they came",
			      vn_human_time(mean, vn_json_u64(wait, "mean_ns")),
			      vn_human_time(max, vn_json_u64(wait, "max_ns")), vn_json_u64(wait, "count"));
}

/* Every figure of the discipline, what was computed included; the generator's key is of use to nobody. */
static void print_discipline(const json_t *d)
{
	const char *key;
	struct line line;
	json_t *v;

	if (!begin_line(&line))
		return;
	fprintf(line.f, "        ");
	json_object_foreach ((json_t *)d, key, v) {
		if (json_is_integer(v))
			fprintf(line.f, " %s %" JSON_INTEGER_FORMAT, key, json_integer_value(v));
		else if (json_is_string(v))
			fprintf(line.f, " %s %s", key, json_string_value(v));
		else if (json_is_boolean(v))
			fprintf(line.f, " %s %s", key, json_is_true(v) ? "yes" : "no");
	}
	end_line(&line);
}

static void print_link_details(const json_t *l, bool stats)
{
	const char *state = vn_json_str(l, "state"), *drift = vn_json_str(l, "drift");
	enum vn_colour c = strcmp(state, "up") == 0 ? VN_GOOD : VN_BAD;
	char from[96], to[96], held[64];
	struct line line;

	printf("link %s/%s: %s%s%s%s%s, mtu %" PRIu64 ", engine-down %s\n", vn_json_str(l, "topology"),
	       vn_json_str(l, "name"), vn_colour_on(stdout, c), state, *drift ? ": " : "", drift,
	       vn_colour_off(stdout, c), vn_json_u64(l, "mtu"), vn_json_str(l, "engine_down"));
	for (size_t side = 0; side < DIRS; side++) {
		const json_t *e = end_of(l, side);

		if (!begin_line(&line))
			return;
		fprintf(line.f, "    port %s number %" PRIu64 " mac %s isolation %s",
			end_text(from, sizeof(from), l, side), vn_json_u64(e, "number"), vn_json_str(e, "mac"),
			vn_json_str(e, "isolation"));
		print_addresses(line.f, json_object_get(e, "addresses"));
		end_line(&line);
	}
	for (size_t dir = 0; dir < DIRS; dir++) {
		const json_t *d = dir_of(l, dir);

		snprintf(held, sizeof(held), "direct");
		if (vn_json_bool(d, "held"))
			snprintf(held, sizeof(held), "held by engine %" PRIu64 " (%s)", vn_json_u64(d, "engine"),
				 vn_json_str(d, "holder"));
		vn_print_line("    %s %s -> %s %s: %s", vn_json_str(d, "dir"), end_text(from, sizeof(from), l, dir),
			      end_text(to, sizeof(to), l, !dir), held, disc_text(d));
		print_discipline(json_object_get(d, "discipline"));
		print_wait(json_object_get(json_object_get(d, "stats"), "wait"));
		if (stats)
			print_dir_stats(json_object_get(d, "stats"));
	}
}

/* How long frames waited stands among the figures. */
static bool with_stats(const struct vn_cli *cli)
{
	return cli->stats || (cli->details && !cli->json);
}

/* All links of @topo, as an answer to "vnet.link.show"; -ENOENT when there are none. */
static int links_of_topology(const struct vn_cli *cli, const char *topo, json_t **ret_reply)
{
	json_t *reply = NULL, *links;
	int r = vn_cli_call(cli, true, "vnet.link.show", json_pack("{s:b}", "stats", with_stats(cli)), &reply, NULL);

	if (r < 0)
		return r;
	links = json_object_get(reply, "links");
	for (size_t i = json_array_size(links); i-- > 0;)
		if (strcmp(vn_json_str(json_array_get(links, i), "topology"), topo) != 0)
			json_array_remove(links, i);
	if (json_array_size(links) == 0) {
		json_decref(reply);
		return -ENOENT;
	}
	*ret_reply = reply;
	return 0;
}

int vn_cmd_link_show(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err)
{
	struct vn_err why = {0};
	json_t *params = json_pack("{s:b}", "stats", with_stats(cli)), *reply = NULL, *links, *l;
	size_t i;
	int r;

	if (params && call->n_args)
		json_object_set_new(params, "name", json_string(call->args[0]));
	r = vn_cli_call(cli, true, "vnet.link.show", params, &reply, &why);
	/* No link's name, but perhaps a topology's. */
	if (r < 0 && why.exit == VN_EXIT_USAGE && call->n_args)
		r = links_of_topology(cli, call->args[0], &reply);
	if (r < 0)
		return why.err ? vn_err(err, why.exit, why.err, "%s", why.text) : r;
	links = json_object_get(reply, "links");
	if (!cli->json)
		vn_cli_say_none(links, "link");
	if (cli->json) {
		r = vn_cli_print_json(cli, reply, err);
	} else if (cli->details) {
		json_array_foreach (links, i, l)
			print_link_details(l, cli->stats);
	} else {
		r = vn_each_topology(links, cli->stats ? print_stats : print_links);
	}
	json_decref(reply);
	return r;
}

/* Wrong words and files are refused here, before the daemon is asked: what they mean to this link, only it can say. */
static int check_words(const char *link, int n, char *words[], struct vn_cli_files *files, struct vn_err *err)
{
	const struct vn_arena_block *trace;
	struct vn_disc scratch = VN_DISC_NONE;
	struct vn_err why = {0};

	for (int i = 0; i < n; i++)
		if (strcmp(words[i], "dir") == 0)
			return vn_err_usage(err, "link %s: 'dir' stands right after the link's name: %s dir %s ...",
					    link, link, i + 1 < n ? words[i + 1] : "ab");
	if (vn_disc_parse_args(&scratch, n, words, NULL, &why) < 0 ||
	    vn_cli_files_add(files, &scratch, &trace, &why) < 0)
		return vn_err_usage(err, "link %.*s: %.600s", LINK_ARG_MAX, link, why.text);
	return 0;
}

/*
 * "left", "left->right": the direction that leaves node left, as far as the link is between two nodes. Returns 0 and
 * NULL for what is not that; -errno where the link cannot be asked for.
 */
static int dir_by_nodes(const struct vn_cli *cli, const char *link, const char *word, const char **ret_dir,
			struct vn_err *err)
{
	static const char *const dirs[] = {"ab", "ba"};
	const char *arrow = strstr(word, "->"), *nodes[DIRS];
	size_t from = arrow ? (size_t)(arrow - word) : strlen(word);
	json_t *reply = NULL, *l;
	int r;

	*ret_dir = NULL;
	if (!from || from > VN_NAME_MAX || (arrow && !vn_name_valid(arrow + 2)))
		return 0;
	r = vn_cli_call(cli, true, "vnet.link.show", json_pack("{s:s}", "name", link), &reply, err);
	if (r < 0)
		return r;
	l = json_array_get(json_object_get(reply, "links"), 0);
	for (size_t side = 0; side < DIRS; side++)
		nodes[side] = vn_json_str(end_of(l, side), "node");
	for (size_t side = 0; side < DIRS && strcmp(nodes[0], nodes[1]) != 0; side++)
		if (strlen(nodes[side]) == from && strncmp(nodes[side], word, from) == 0 &&
		    (!arrow || strcmp(arrow + 2, nodes[!side]) == 0))
			*ret_dir = dirs[side];
	if (!*ret_dir)
		r = vn_err_usage(
			err,
			"link %s: '%s' is not a direction: ab (from %s to %s), ba, both, or the node that it leaves",
			link, word, nodes[0], nodes[1]);
	json_decref(reply);
	return r;
}

int vn_cli_take_dir(const struct vn_cli *cli, const struct vn_call *call, const char **ret_dir, int *ret_first,
		    struct vn_err *err)
{
	static const char *const dirs[] = {"ab", "ba", "both", NULL};
	struct vn_err why = {0};
	const char *word;
	int r;

	*ret_dir = "both";
	*ret_first = VN_MIN(call->n_args, 1);
	if (call->n_args < 2 || strcmp(call->args[1], "dir") != 0)
		return 0;
	if (call->n_args < 3)
		return vn_err_usage(err, "link %s: 'dir' needs a direction: ab, ba or both", call->args[0]);
	word = call->args[2];
	*ret_first = 3;
	for (size_t i = 0; dirs[i]; i++)
		if (strcmp(word, dirs[i]) == 0) {
			*ret_dir = dirs[i];
			return 0;
		}
	r = strcmp(call->args[0], "all") != 0 ? dir_by_nodes(cli, call->args[0], word, ret_dir, &why) : 0;
	if (r == 0 && *ret_dir)
		return 0;
	if (r < 0 && why.exit == VN_EXIT_USAGE)
		return vn_err(err, why.exit, why.err, "%s", why.text);
	return vn_err_usage(err, "link %s: '%s' is not a direction: ab, ba or both", call->args[0], word);
}

/* What stays though it was perhaps meant to go: `delay 20ms` keeps the jitter that is there. */
static void say_kept(const json_t *link, const char *dir, int n, char *words[])
{
	uint64_t jitter = 0;
	char text[VN_UNIT_BUF];
	bool delay = false;

	for (int i = 0; i < n; i++) {
		if (strcmp(words[i], "jitter") == 0 || strcmp(words[i], "trace") == 0)
			return;
		if (strcmp(words[i], "delay") != 0)
			continue;
		delay = true;
		/* delay TIME JITTER */
		if (i + 2 < n && words[i + 2][0] >= '0' && words[i + 2][0] <= '9')
			return;
	}
	for (size_t d = 0; d < DIRS && delay; d++) {
		const json_t *disc = json_object_get(dir_of(link, d), "discipline");

		if (strcmp(dir, "both") == 0 || strcmp(dir, vn_json_str(dir_of(link, d), "dir")) == 0)
			jitter = VN_MAX(jitter, vn_json_u64(disc, "jitter_ns"));
	}
	if (jitter)
		fprintf(stderr, "vnet-agent: note: link %s keeps its jitter of %s (`jitter 0` ends it)\n",
			vn_json_str(link, "name"), vn_format_time(text, jitter));
}

/* Of a link that there is not, its words say nothing: `link set a b delay 1ms`. */
static int check_link(const struct vn_cli *cli, const char *link, struct vn_err *err)
{
	struct vn_cli now = *cli;
	struct vn_err why = {0};
	json_t *reply = NULL;
	int r;

	now.no_wait = true;
	r = vn_cli_call(&now, true, "vnet.link.show", json_pack("{s:s}", "name", link), &reply, &why);
	json_decref(reply);
	return r < 0 && why.exit == VN_EXIT_USAGE ? vn_err(err, why.exit, why.err, "%s", why.text) : 0;
}

int vn_cmd_link_set(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err)
{
	cleanup_cli_files struct vn_cli_files files = {0};
	bool replace = strcmp(call->cmd->verb, "replace") == 0;
	json_t *words, *params, *reply = NULL, *link;
	struct vn_err why = {0};
	const char *dir;
	int first, r;

	r = vn_cli_take_dir(cli, call, &dir, &first, err);
	if (r == 0 && !replace && first >= call->n_args)
		r = vn_err_usage(err, "link %s: nothing to set: say for example `delay 10ms`", call->args[0]);
	if (r < 0)
		return r;
	r = check_words(call->args[0], call->n_args - first, call->args + first, &files, &why);
	if (r < 0) {
		r = check_link(cli, call->args[0], err);
		return r < 0 ? r : vn_err(err, why.exit, why.err, "%s", why.text);
	}
	words = json_array();
	for (int w = first; w < call->n_args; w++)
		json_array_append_new(words, json_string(call->args[w]));
	params = json_pack("{s:s, s:s, s:o, s:b}", "name", call->args[0], "dir", dir, "words", words, "replace",
			   replace);
	if (!params)
		return vn_err_usage(err, "link set: the words are not UTF-8");
	r = vn_cli_files_send(&files, params, err);
	if (r < 0) {
		json_decref(params);
		return r;
	}
	r = vn_cli_call(cli, false, "vnet.link.set", params, &reply, err);
	if (r < 0)
		return r;
	link = json_object_get(reply, "link");
	if (!replace)
		say_kept(link, dir, call->n_args - first, call->args + first);
	if (cli->json) {
		r = vn_cli_print_json(cli, reply, err);
	} else if (cli->details) {
		print_link_details(link, false);
	}
	json_decref(reply);
	return r;
}
