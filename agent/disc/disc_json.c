// SPDX-License-Identifier: GPL-2.0-only
/* A discipline as JSON: on disk and on the wire. Reading trusts nothing. */
#include <inttypes.h>

#include "base/intern.h"
#include "disc/disc_internal.h"

/* A number of struct vn_disc. Those that are not @always there are left out while they are 0. */
struct field {
	const char *key;
	size_t offset, size;
	int64_t min, max;
	bool always;
};

#define FIELD(key, member, min, max, always)                                                                           \
	{                                                                                                              \
		key, offsetof(struct vn_disc, member), sizeof(((struct vn_disc *)0)->member), min, max, always         \
	}

static const struct field fields[] = {
	FIELD("delay_ns", delay_ns, 0, INT64_MAX, true),
	FIELD("jitter_ns", jitter_ns, 0, INT64_MAX, true),
	FIELD("delay_corr_ppb", delay_corr_ppb, 0, VN_PPB_ONE, false),
	FIELD("loss_ppb", loss_ppb, 0, VN_PPB_ONE, true),
	FIELD("loss_corr_ppb", loss_corr_ppb, 0, VN_PPB_ONE, false),
	FIELD("duplicate_ppb", dup_ppb, 0, VN_PPB_ONE, false),
	FIELD("duplicate_corr_ppb", dup_corr_ppb, 0, VN_PPB_ONE, false),
	FIELD("corrupt_ppb", corrupt_ppb, 0, VN_PPB_ONE, false),
	FIELD("corrupt_corr_ppb", corrupt_corr_ppb, 0, VN_PPB_ONE, false),
	FIELD("reorder_ppb", reorder_ppb, 0, VN_PPB_ONE, false),
	FIELD("reorder_corr_ppb", reorder_corr_ppb, 0, VN_PPB_ONE, false),
	FIELD("reorder_gap", reorder_gap, 0, UINT32_MAX, false),
	FIELD("rate_bps", rate_bps, 0, INT64_MAX, true),
	FIELD("overhead_bytes", overhead, INT32_MIN, INT32_MAX, false),
	FIELD("cell_bytes", cell_bytes, 0, UINT32_MAX, false),
	FIELD("cell_overhead_bytes", cell_overhead, INT32_MIN, INT32_MAX, false),
	FIELD("limit_packets", limit_packets, 0, UINT32_MAX, true),
	FIELD("limit_bytes", limit_bytes, 0, INT64_MAX, true),
	FIELD("slot_min_ns", slot_min_ns, 0, INT64_MAX, false),
	FIELD("slot_max_ns", slot_max_ns, 0, INT64_MAX, false),
	FIELD("slot_packets", slot_packets, 0, UINT32_MAX, false),
	FIELD("slot_bytes", slot_bytes, 0, UINT32_MAX, false),
	FIELD("police_bps", police_bps, 0, INT64_MAX, false),
	FIELD("police_burst_bytes", police_burst_bytes, 0, UINT32_MAX, false),
	FIELD("flap_up_ns", flap_up_ns, 0, INT64_MAX, false),
	FIELD("flap_down_ns", flap_down_ns, 0, INT64_MAX, false),
	FIELD("flap_start_ns", flap_start_ns, 0, INT64_MAX, false),
	FIELD("trace_start_ns", trace_start_ns, 0, INT64_MAX, false),
	FIELD("trace_block", trace_block, 0, VN_ARENA_PAGES, false),
	FIELD("distribution_block", dist_block, 0, VN_ARENA_PAGES, false),
	FIELD("slot_distribution_block", slot_dist_block, 0, VN_ARENA_PAGES, false),
	FIELD("seed", seed, 0, INT64_MAX, true),
};

/* A bit of the flags: true, or left out unless @always. */
struct flag {
	const char *key;
	uint32_t bit;
	bool always;
};

static const struct flag flags[] = {
	{"limit_auto", VN_DISC_LIMIT_AUTO, true}, /* no limit was given */
	{"limit_bytes_auto", VN_DISC_LIMIT_AUTO, false},
	{"seed_auto", VN_DISC_SEED_AUTO, true},
	{"ecn", VN_DISC_ECN, false},
	{"order_keep", VN_DISC_ORDER_KEEP, false},
	{"down", VN_DISC_DOWN, false},
	{"slot", VN_DISC_SLOT, false},
	{"trace_linear", VN_DISC_TRACE_LINEAR, false},
	{"trace_loop", VN_DISC_TRACE_LOOP, false},
	{"trace_auto", VN_DISC_TRACE_AUTO, false},
};

static int64_t get(const struct vn_disc *d, const struct field *f)
{
	const char *at = (const char *)d + f->offset;

	if (f->size == sizeof(uint64_t))
		return (int64_t)(*(const uint64_t *)at & INT64_MAX);
	return f->min < 0 ? (int64_t) * (const int32_t *)at : (int64_t) * (const uint32_t *)at;
}

static void set(struct vn_disc *d, const struct field *f, int64_t v)
{
	char *at = (char *)d + f->offset;

	if (f->size == sizeof(uint64_t))
		*(uint64_t *)at = (uint64_t)v;
	else
		*(uint32_t *)at = (uint32_t)v;
}

static const char *dist_text(uint32_t kind, uint32_t name)
{
	return kind < VN_DIST_TABLE ? vn_dist_words[kind] : vn_atom_text(name);
}

static void words_to_json(const struct vn_disc *d, json_t *o)
{
	char key[24];

	json_object_set_new(o, "distribution", json_string(dist_text(d->dist, d->dist_name)));
	if (d->loss_model != VN_LOSS_RANDOM) {
		json_t *p = json_array();

		for (size_t i = 0; i < VN_LOSS_PARAMS; i++)
			json_array_append_new(p, json_integer(d->loss_p[i]));
		json_object_set_new(o, "loss_model", json_string(vn_loss_words[d->loss_model]));
		json_object_set_new(o, "loss_p_ppb", p);
	}
	if (d->slot_dist)
		json_object_set_new(o, "slot_distribution",
				    json_string(dist_text(d->slot_dist - 1, d->slot_dist_name)));
	if (d->holder)
		json_object_set_new(o, "holder", json_string(vn_holder_words[d->holder]));
	if (d->trace_name)
		json_object_set_new(o, "trace", json_string(vn_atom_text(d->trace_name)));
	if (d->sync_name)
		json_object_set_new(o, "sync", json_string(vn_atom_text(d->sync_name)));
	snprintf(key, sizeof(key), "0x%016" PRIx64, (uint64_t)d->key);
	json_object_set_new(o, "key", json_string(key));
}

json_t *vn_disc_to_json(const struct vn_disc *d)
{
	json_t *o = json_object();

	for (size_t i = 0; i < VN_ARRAY_SIZE(fields); i++) {
		if (fields[i].always || get(d, &fields[i]))
			json_object_set_new(o, fields[i].key, json_integer(get(d, &fields[i])));
	}
	for (size_t i = 0; i < VN_ARRAY_SIZE(flags); i++) {
		if (flags[i].always || d->flags & flags[i].bit)
			json_object_set_new(o, flags[i].key, json_boolean(d->flags & flags[i].bit));
	}
	/* One in packets is a limit that was given, whatever its bytes are computed from. */
	if (d->limit_packets)
		json_object_set_new(o, "limit_auto", json_false());
	else
		json_object_del(o, "limit_bytes_auto");
	words_to_json(d, o);
	return o;
}

static int find_word(const char *const *words, const char *text)
{
	for (int i = 0; words[i]; i++) {
		if (!strcmp(words[i], text))
			return i;
	}
	return -EINVAL;
}

static int read_name(const json_t *v, uint32_t *ret_atom, struct vn_err *err)
{
	const char *s = json_string_value(v);
	uint32_t atom;

	if (!s || !*s || strlen(s) > VN_FILE_NAME_MAX)
		return vn_err_usage(err, "discipline: a name is empty or too long");
	for (const char *p = s; *p; p++) {
		if ((unsigned char)*p <= ' ' || *p == 0x7f)
			return vn_err_usage(err, "discipline: a name has blanks or control characters");
	}
	atom = vn_atom(s);
	if (!atom)
		return vn_err_nomem(err);
	*ret_atom = atom;
	return 0;
}

static int read_dist(const json_t *v, uint32_t *ret_kind, uint32_t *ret_name, struct vn_err *err)
{
	const char *s = json_string_value(v);
	int kind = s ? find_word(vn_dist_words, s) : -EINVAL;
	size_t n = s ? strlen(s) : 0;

	if (kind >= 0) {
		*ret_kind = (uint32_t)kind;
		return 0;
	}
	if (!s || (!strchr(s, '/') && (n <= 5 || strcmp(s + n - 5, ".dist") != 0)))
		return vn_err_usage(err, "discipline: unknown distribution");
	*ret_kind = VN_DIST_TABLE;
	return read_name(v, ret_name, err);
}

static int read_loss_p(const json_t *v, struct vn_disc *d, struct vn_err *err)
{
	if (json_array_size(v) != VN_LOSS_PARAMS)
		return vn_err_usage(err, "discipline: loss_p_ppb has five numbers");
	for (size_t i = 0; i < VN_LOSS_PARAMS; i++) {
		const json_t *p = json_array_get(v, i);
		json_int_t n = json_integer_value(p);

		if (!json_is_integer(p) || n < 0 || n > VN_PPB_ONE)
			return vn_err_usage(err, "discipline: a number is out of range");
		d->loss_p[i] = (uint32_t)n;
	}
	return 0;
}

static int read_key(const json_t *v, struct vn_disc *d, struct vn_err *err)
{
	const char *s = json_string_value(v);

	if (!s || strncmp(s, "0x", 2) || strlen(s) != 18 || strspn(s + 2, "0123456789abcdef") != 16)
		return vn_err_usage(err, "discipline: the key is not 0x and 16 digits");
	d->key = strtoull(s + 2, NULL, 16);
	return 0;
}

static int read_choice(const json_t *v, const char *const *words, uint32_t *ret, struct vn_err *err)
{
	int i = json_is_string(v) ? find_word(words, json_string_value(v)) : -EINVAL;

	if (i < 0)
		return vn_err_usage(err, "discipline: an unknown word");
	*ret = (uint32_t)i;
	return 0;
}

static int read_word(struct vn_disc *d, const char *key, const json_t *v, struct vn_err *err)
{
	char shown[VN_SHOW_BUF];
	int r;

	if (!strcmp(key, "distribution"))
		return read_dist(v, &d->dist, &d->dist_name, err);
	if (!strcmp(key, "slot_distribution")) {
		r = read_dist(v, &d->slot_dist, &d->slot_dist_name, err);
		d->slot_dist++;
		return r;
	}
	if (!strcmp(key, "loss_model"))
		return read_choice(v, vn_loss_words, &d->loss_model, err);
	if (!strcmp(key, "loss_p_ppb"))
		return read_loss_p(v, d, err);
	if (!strcmp(key, "holder"))
		return read_choice(v, vn_holder_words, &d->holder, err);
	if (!strcmp(key, "trace"))
		return read_name(v, &d->trace_name, err);
	if (!strcmp(key, "sync"))
		return read_name(v, &d->sync_name, err);
	if (!strcmp(key, "key"))
		return read_key(v, d, err);
	return vn_err_usage(err, "discipline: unknown key '%s'", vn_show(shown, key));
}

static int read_member(struct vn_disc *d, const char *key, const json_t *v, struct vn_err *err)
{
	for (size_t i = 0; i < VN_ARRAY_SIZE(fields); i++) {
		if (strcmp(fields[i].key, key) != 0)
			continue;
		if (!json_is_integer(v))
			return vn_err_usage(err, "discipline: %s is not an integer", key);
		if (json_integer_value(v) < fields[i].min || json_integer_value(v) > fields[i].max)
			return vn_err_usage(err, "discipline: %s is out of range", key);
		set(d, &fields[i], json_integer_value(v));
		return 0;
	}
	for (size_t i = 0; i < VN_ARRAY_SIZE(flags); i++) {
		if (strcmp(flags[i].key, key) != 0)
			continue;
		if (!json_is_boolean(v))
			return vn_err_usage(err, "discipline: %s is neither true nor false", key);
		d->flags &= ~flags[i].bit;
		d->flags |= json_is_true(v) ? flags[i].bit : 0;
		return 0;
	}
	return read_word(d, key, v, err);
}

int vn_disc_from_json(const json_t *o, struct vn_disc *ret_disc, struct vn_err *err)
{
	struct vn_disc d = VN_DISC_NONE;
	const char *key;
	json_t *v;
	int r;

	if (!json_is_object(o))
		return vn_err_usage(err, "discipline: not an object");
	json_object_foreach ((json_t *)o, key, v) {
		r = read_member(&d, key, v, err);
		if (r < 0)
			return r;
	}
	if (!d.trace_name && (d.trace_block || d.trace_start_ns || d.sync_name ||
			      d.flags & (VN_DISC_TRACE_LINEAR | VN_DISC_TRACE_LOOP | VN_DISC_TRACE_AUTO)))
		return vn_err_usage(err, "discipline: parts of a trace that has no name");
	if ((d.dist_block && d.dist != VN_DIST_TABLE) || (d.slot_dist_block && d.slot_dist != VN_DIST_TABLE + 1))
		return vn_err_usage(err, "discipline: a block without a distribution's file");
	if (vn_disc_check(&d, err) < 0)
		return -EINVAL;
	*ret_disc = d;
	return 0;
}

/* What is computed or belongs to the daemon's memory; and traces, whose parts only mean something together. */
static const char *const not_given[] = {"trace_block",
					"distribution_block",
					"slot_distribution_block",
					"key",
					"trace_start_ns",
					"flap_start_ns",
					"limit_bytes_auto",
					"limit_auto",
					"seed_auto",
					"trace",
					"trace_linear",
					"trace_loop",
					"trace_auto",
					"sync"};

int vn_disc_apply_json(const json_t *o, struct vn_disc *d, struct vn_err *err)
{
	const char *key;
	json_t *v;
	int r = 0;

	/* A limit has one form: the new one takes the old one's place. */
	if (json_object_get(o, "limit_packets") || json_object_get(o, "limit_bytes")) {
		d->limit_packets = 0;
		d->limit_bytes = 0;
		d->flags &= ~VN_DISC_LIMIT_AUTO;
	}
	json_object_foreach ((json_t *)o, key, v) {
		for (size_t i = 0; i < VN_ARRAY_SIZE(not_given); i++)
			if (strcmp(key, not_given[i]) == 0)
				return vn_err_usage(err,
						    "discipline: %s is not given so: traces are said in words, the "
						    "rest is computed",
						    key);
		if (strcmp(key, "seed") == 0)
			d->flags &= ~VN_DISC_SEED_AUTO;
		if (strcmp(key, "distribution") == 0)
			d->dist_block = d->dist_name = 0;
		if (strcmp(key, "slot_distribution") == 0)
			d->slot_dist_block = d->slot_dist_name = 0;
		r = read_member(d, key, v, err);
		if (r < 0)
			return r;
	}
	return 0;
}
