/* SPDX-License-Identifier: GPL-2.0-only */
/* vnet.link.*: what a link does, and changing it while traffic runs. */
#include "base/log.h"
#include "methods/methods.h"

#include <disc/hist.h>
#include <disc/gate.h>
#include <base/util.h>

#include "measure/calibrate.h"
#include "store/disc_blocks.h"
#include "methods/rows.h"
#include "engines/placement.h"
#include "disc/disc_words.h"
#include "measure/stat.h"
#include "model/topo.h"
#include "measure/verdict.h"

static const char *const dir_words[] = {"ab", "ba", NULL};

static json_t *endpoint(const struct vn_parts *parts, const struct vn_running *run, size_t link, int side)
{
	static const char *const isolation[] = {"off", "mac", "ip"};
	const struct vn_topo *t = run->topo;
	const struct vn_port *p = &t->links[link].ports[side];
	char mac[VN_MAC_BUF];

	return json_pack("{s:s, s:s, s:s, s:I, s:s, s:b, s:o}", "node", t->nodes[p->node].name, "ifname", p->ifname,
			 "mac", vn_mac_format(mac, p->mac), "number", (json_int_t)p->number, "isolation",
			 isolation[p->isolation], "carrier", vn_carrier_is_on(&parts->observe, p->number), "addresses",
			 vn_addresses_to_json(&p->ip4, &p->ip6, vn_watch_port(run, link, side), false));
}

static json_t *drops(const struct vn_port_drop *port, const struct vn_dir *dir)
{
	json_t *o = json_object();

#define X(id, word, text) json_object_set_new(o, word, json_integer((json_int_t)port->count[VN_DROP_##id]));
	VN_DROP_LIST(X)
#undef X
	/* Both lists have engine-down: frames refused at the port, and frames that were held when it died. */
#define X(id, word, text)                                                                                              \
	json_object_set_new(                                                                                           \
		o, word,                                                                                               \
		json_integer(json_integer_value(json_object_get(o, word)) + (json_int_t)dir->drops[VN_EDROP_##id]));
	VN_EDROP_LIST(X)
#undef X
	return o;
}

/* A bucket's end may lie beyond the worst that was seen. */
static json_int_t below_ns(const __u64 *hist, uint64_t max_ns, uint32_t ppm)
{
	return (json_int_t)VN_MIN(vn_hist_percentile(hist, ppm), max_ns);
}

static json_t *histogram(const __u64 *hist, uint64_t max_ns)
{
	json_int_t count = 0;

	for (int i = 0; i < VN_HIST_BUCKETS; i++)
		count += (json_int_t)hist[i];
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "count", count, "p50_ns", below_ns(hist, max_ns, 500000),
			 "p90_ns", below_ns(hist, max_ns, 900000), "p99_ns", below_ns(hist, max_ns, 990000), "p999_ns",
			 below_ns(hist, max_ns, 999000), "max_ns", (json_int_t)max_ns);
}

static json_t *delay_error(const struct vn_dir *dir)
{
	__u64 hist[VN_HIST_BUCKETS];

	for (int i = 0; i < VN_HIST_BUCKETS; i++)
		hist[i] = dir->error_hist[i];
	return histogram(hist, dir->error_max_ns);
}

/* Since the discipline in force began: what was lost, and between which bounds its probability lies. */
static json_t *realised_loss(const struct vn_dir *dir, const struct vn_disc *disc)
{
	uint64_t n = vn_verify_since(dir->in_packets, dir->mark.in_packets);
	uint64_t lost = vn_verify_since(dir->drops[VN_EDROP_LOSS] + dir->marked, dir->mark.lost);
	double p = n ? (double)lost / (double)n : 0, want = 0, worth = 1;
	struct vn_interval in;

	vn_stat_disc_loss(disc, &want, &worth);
	in = vn_stat_proportion(p * (double)n * worth, (double)n * worth);
	return json_pack("{s:I, s:I, s:I, s:I, s:I}", "packets", (json_int_t)n, "lost", (json_int_t)lost,
			 "measured_ppb", (json_int_t)(p * VN_PPB_ONE), "low_ppb", (json_int_t)(in.low * VN_PPB_ONE),
			 "high_ppb", (json_int_t)(in.high * VN_PPB_ONE));
}

/* Bucket by bucket, without the empty ones at the end: for differences between two moments (include/disc/hist.h). */
static json_t *late_hist(const struct vn_dir *dir)
{
	json_t *list = json_array();
	int n = VN_HIST_BUCKETS;

	while (n > 0 && !dir->late_hist[n - 1])
		n--;
	for (int i = 0; i < n; i++)
		json_array_append_new(list, json_integer((json_int_t)dir->late_hist[i]));
	return list;
}

/* How long frames were in the bulk engine's tap before it read them. */
static json_t *wait_json(const struct vn_dir *dir)
{
	return json_pack("{s:I, s:I, s:I}", "count", (json_int_t)dir->wait_n, "mean_ns",
			 (json_int_t)(dir->wait_n ? dir->wait_ns / dir->wait_n : 0), "max_ns",
			 (json_int_t)dir->wait_max_ns);
}

/* In one reading: in + duplicated = out + drops + held. */
static json_t *stats(struct vn_parts *parts, uint32_t number, const struct vn_disc *disc)
{
	struct vn_account a = {0};
	const struct vn_dir *dir = &a.dir;

	vn_account_read(&parts->dp.maps, number, &a);
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "in_packets",
			 (json_int_t)a.ctr.in_packets, "in_bytes", (json_int_t)a.ctr.in_bytes, "out_packets",
			 (json_int_t)a.ctr.out_packets, "out_bytes", (json_int_t)a.ctr.out_bytes, "held_packets",
			 (json_int_t)a.held, "held_bytes", (json_int_t)dir->state.held_bytes, "engine_held_packets",
			 (json_int_t)dir->state.held_packets, "duplicated_packets", (json_int_t)dir->duplicated,
			 "drops", drops(&a.drop, dir), "lateness",
			 histogram((const __u64 *)dir->late_hist, dir->late_max_ns), "delay_error", delay_error(dir),
			 "loss", realised_loss(dir, disc), "overload", vn_overload_json(dir->overload), "late_hist",
			 late_hist(dir), "wait", wait_json(dir));
}

/* Whether frames may enter, and for how long that holds: only a schedule says. */
static json_t *gate_json(const struct vn_disc *disc, uint64_t now_ns)
{
	bool open = vn_gate_open(disc, now_ns);
	uint64_t period = disc->flap_up_ns + disc->flap_down_ns, at;
	json_t *o = json_pack("{s:b}", "open", open);

	if (!o || disc->flags & VN_DISC_DOWN || !period || now_ns < disc->flap_start_ns)
		return o;
	at = (now_ns - disc->flap_start_ns) % period;
	json_object_set_new(o, "changes_in_ns", json_integer((json_int_t)((open ? disc->flap_up_ns : period) - at)));
	return o;
}

/* Where the direction's trace stands, and what it puts in force. */
static json_t *trace_json(struct vn_parts *parts, const struct vn_disc *disc)
{
	const struct vn_arena_block *b = vn_arena_block_at(&parts->arena, disc->trace_block);
	struct vn_trace_position p;
	json_t *o;

	if (!b)
		return json_null();
	vn_trace_at(disc, b, vn_now_ns(), &p);
	o = json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:b}", "kind",
		      b->kind == VN_ARENA_OPPS ? "opportunities" : "rows", "index", (json_int_t)p.index, "count",
		      (json_int_t)b->n, "time_ns", (json_int_t)p.time_ns, "period_ns", (json_int_t)b->period_ns,
		      "loops", (json_int_t)p.loops, "ended", p.ended);
	if (o && b->kind == VN_ARENA_TABLE) {
		const struct {
			uint32_t column;
			const char *key;
			uint64_t value;
		} columns[] = {{VN_TRACE_DELAY, "delay_ns", p.row.delay_ns},
			       {VN_TRACE_JITTER, "jitter_ns", p.row.jitter_ns},
			       {VN_TRACE_RATE, "rate_bps", p.row.rate_bps},
			       {VN_TRACE_LOSS, "loss_ppb", p.row.loss_ppb},
			       {VN_TRACE_LIMIT, "limit_bytes", p.row.limit_bytes},
			       {VN_TRACE_LIMIT, "limit_packets", p.row.limit_packets}};

		for (size_t i = 0; i < VN_ARRAY_SIZE(columns); i++)
			if (b->columns & columns[i].column)
				json_object_set_new(o, columns[i].key, json_integer((json_int_t)columns[i].value));
	}
	return o;
}

static json_t *direction(struct vn_parts *parts, const struct vn_topo *t, const struct vn_link *l, int dir,
			 bool with_stats)
{
	const struct vn_disc *disc = &l->disc[dir];
	/* Where no device of the fabric stands before the link, nothing is held. */
	const bool held = vn_disc_is_held(disc) && vn_port_has(&l->ports[dir], VN_TRAIT_FABRIC);
	char text[VN_DISC_TEXT_BUF] = "";
	json_t *o;

	vn_disc_format(disc, text, sizeof(text));
	o = json_pack("{s:s, s:s, s:s, s:b, s:o, s:s}", "dir", dir_words[dir], "from",
		      t->nodes[l->ports[dir].node].name, "to", t->nodes[l->ports[!dir].node].name, "held", held,
		      "discipline", vn_disc_to_json(disc), "text", text);
	if (o && held) {
		uint32_t engine = vn_placement_engine(&parts->fabric.placement, l->ports[dir].number);

		json_object_set_new(o, "engine", json_integer(engine));
		json_object_set_new(o, "holder", json_string(vn_holder_word(engine)));
	}
	if (o && disc->trace_name)
		json_object_set_new(o, "trace", trace_json(parts, disc));
	if (o && vn_disc_is_gated(disc))
		json_object_set_new(o, "gate", gate_json(disc, vn_now_ns()));
	if (o && with_stats)
		json_object_set_new(o, "stats", stats(parts, l->ports[dir].number, disc));
	return o;
}

static json_t *link_json(struct vn_parts *parts, const struct vn_running *run, size_t index, bool with_stats)
{
	const struct vn_link *l = &run->topo->links[index];
	char drift[VN_WATCH_TEXT];

	vn_watch_link_text(run, index, drift);
	return json_pack("{s:s, s:s, s:I, s:s, s:s, s:s, s:s, s:[o, o], s:[o, o]}", "topology", run->topo->name, "name",
			 l->name, "mtu", (json_int_t)l->mtu, "engine_down", l->fail_open ? "pass" : "drop", "carrier",
			 l->carrier_ignore ? "ignore" : "follow", "state",
			 run->link_broken[index] ? "broken"
			 : *drift                ? "degraded"
						 : "up",
			 "drift", drift, "endpoints", endpoint(parts, run, index, 0), endpoint(parts, run, index, 1),
			 "directions", direction(parts, run->topo, l, 0, with_stats),
			 direction(parts, run->topo, l, 1, with_stats));
}

int vn_op_link_show(struct vn_parts *parts, struct vn_conn *c, const json_t *params, json_t **ret_reply,
		    struct vn_err *err)
{
	const char *name = json_string_value(json_object_get(params, "name"));
	bool with_stats = json_is_true(json_object_get(params, "stats"));
	const uint64_t until_ns = vn_now_ns() + VN_WATCH_SHOW_NS;
	json_t *list = json_array();

	if (name) {
		struct vn_running *run;
		size_t index;
		int r = vn_running_find_link(&parts->store, name, &run, &index, err);

		if (r < 0) {
			json_decref(list);
			return r;
		}
		for (int side = 0; side < VN_DIRS; side++)
			vn_watch_sync(&parts->observe, run, run->topo->links[index].ports[side].node, until_ns);
		json_array_append_new(list, link_json(parts, run, index, with_stats));
	} else {
		for (size_t i = 0; i < parts->store.n_running; i++)
			vn_watch_sync(&parts->observe, parts->store.running[i], VN_NONE, until_ns);
		for (size_t i = 0; i < parts->store.n_running; i++)
			for (size_t l = 0; l < parts->store.running[i]->topo->n_links; l++)
				json_array_append_new(list, link_json(parts, parts->store.running[i], l, with_stats));
	}
	*ret_reply = json_pack("{s:o}", "links", list);
	return *ret_reply ? 0 : -ENOMEM;
}

struct words {
	char *argv[VN_LINK_SET_WORDS];
	int argc;
};

static void take_words(const json_t *params, struct words *ret)
{
	const json_t *words = json_object_get(params, "words"), *word;
	size_t i;

	json_array_foreach (words, i, word)
		ret->argv[i] = (char *)json_string_value(word);
	ret->argc = (int)json_array_size(words);
}

int vn_link_dirs(const json_t *params, struct vn_err *err)
{
	const char *dir = json_string_value(json_object_get(params, "dir"));

	if (!dir || strcmp(dir, "both") == 0)
		return 3;
	for (int i = 0; dir_words[i]; i++)
		if (strcmp(dir, dir_words[i]) == 0)
			return 1 << i;
	return vn_err_usage(err, "'%s' is not a direction: ab, ba or both", dir);
}

/* A `link set`: which directions, with which words and files, at which moment. */
struct change {
	struct vn_parts *parts;
	struct words words;
	const json_t *members; /* of the discipline, before the words; NULL: none */
	struct vn_files files;
	int dirs;
	bool replace;
	bool replay; /* the seed is among the words: the draws begin anew, whether it is another one or not */
	uint64_t now_ns;
};

/* The new discipline of direction @dir, checked and complete; nothing has changed yet. */
static int make_disc(struct change *c, const struct vn_topo *t, const struct vn_link *l, int dir,
		     struct vn_disc *ret_disc, struct vn_err *err)
{
	/* What was not asked for is computed anew. */
	struct vn_disc disc = c->replace ? VN_DISC_NONE : l->disc[dir];
	vn_disc_given_t given = 0;
	int r;

	r = c->members ? vn_disc_apply_json(c->members, &disc, err) : 0;
	if (r == 0)
		r = vn_disc_parse_args(&disc, c->words.argc, c->words.argv, &given, err);
	if (r == 0)
		r = vn_disc_check(&disc, err);
	if (r == 0 && vn_link_cannot(l, &disc))
		r = vn_err_usage(err, "link %s: %s is not possible with `mode: direct`: use `mode: wire`", l->name,
				 vn_link_cannot(l, &disc));
	if (r < 0)
		return r;
	vn_disc_complete(&disc, t->name, l->name, dir, t->seed, l->mtu);
	r = vn_files_fill(&c->parts->store, &c->files, &disc, l->mtu, err);
	if (r < 0)
		return r;
	vn_files_start(t, l, c->dirs, &disc, given, c->now_ns);
	c->replay = vn_disc_is_given(given, "seed") || json_object_get(c->members, "seed");
	*ret_disc = disc;
	return 0;
}

static int check_limits(struct vn_parts *parts, const struct vn_link *l, int dirs, const struct vn_disc fresh[VN_DIRS],
			struct vn_err *err)
{
	char what[VN_NAME_MAX + 16];
	int r = 0;

	for (int dir = 0; dir < VN_DIRS && r == 0; dir++) {
		snprintf(what, sizeof(what), "link %s dir %s", l->name, dir_words[dir]);
		if (dirs >> dir & 1)
			r = vn_limits_check(&parts->measure, what, &fresh[dir], l->mtu, err);
	}
	return r;
}

int vn_op_link_set(struct vn_parts *parts, struct vn_conn *c, const json_t *params, json_t **ret_reply,
		   struct vn_err *err)
{
	const char *name = json_string_value(json_object_get(params, "name"));
	struct change change = {
		.parts = parts, .replace = json_is_true(json_object_get(params, "replace")), .now_ns = vn_now_ns()};
	struct vn_disc fresh[VN_DIRS];
	bool changed = false;
	struct vn_running *run;
	struct vn_link *l;
	size_t index;
	int r;

	change.members = json_object_get(params, "discipline");
	if (json_is_null(change.members))
		change.members = NULL;
	r = vn_running_find_link(&parts->store, name, &run, &index, err);
	take_words(params, &change.words);
	if (r == 0)
		r = vn_files_init(&change.files, params, err);
	if (r < 0)
		return r;
	change.dirs = vn_link_dirs(params, err);
	if (change.dirs < 0)
		return change.dirs;
	if (!change.words.argc && !json_object_size(change.members) && !change.replace)
		return vn_err_usage(err, "link %s: nothing to set: say for example `delay 10ms`", name);
	if (run->changing)
		return vn_err(err, VN_EXIT_CHANGED, EBUSY,
			      "link %s: topology %s is being changed: try again when that is done", name,
			      run->topo->name);
	l = &run->topo->links[index];
	for (int dir = 0; dir < VN_DIRS; dir++) {
		fresh[dir] = l->disc[dir];
		r = change.dirs >> dir & 1 ? make_disc(&change, run->topo, l, dir, &fresh[dir], err) : 0;
		if (r < 0)
			return r;
	}
	r = vn_plan_check_link(&parts->store.kernel, l, fresh, err);
	if (r < 0)
		return r;
	r = check_limits(parts, l, change.dirs, fresh, err);
	if (r == 0)
		r = vn_arena_save_names(&parts->arena, err);
	if (r < 0)
		return r;
	/* Both directions are right: now change them. */
	for (int dir = 0; dir < VN_DIRS; dir++) {
		bool replay = change.replay && change.dirs >> dir & 1;

		if (!replay && memcmp(&fresh[dir], &l->disc[dir], sizeof(fresh[dir])) == 0)
			continue;
		if (replay)
			vn_disc_replay(&parts->dp.maps, l->ports[dir].number);
		vn_exec_set_disc(&parts->fabric, l->ports[dir].number, &fresh[dir]);
		l->disc[dir] = fresh[dir];
		changed = true;
	}
	vn_carrier_link(&parts->observe, run, index);
	if (changed)
		vn_tell(&parts->tell,
			json_pack("{s:s, s:s, s:s, s:[o, o]}", "event", "link-set", "topology", run->topo->name, "link",
				  l->name, "directions", direction(parts, run->topo, l, 0, false),
				  direction(parts, run->topo, l, 1, false)));
	*ret_reply = json_pack("{s:o, s:b}", "link", link_json(parts, run, index, false), "changed", changed);
	return *ret_reply ? 0 : -ENOMEM;
}
