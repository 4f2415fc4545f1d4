// SPDX-License-Identifier: GPL-2.0-only
#include "store/disc_blocks.h"

#include <base/util.h>

#include "base/log.h"
#include "store/store.h"
#include "base/intern.h"

#define COLLECT_NS VN_NSEC_PER_SEC

static __u32 *block_of(struct vn_disc *disc, const struct vn_disc_file *file)
{
	return (__u32 *)((char *)disc + file->block_at);
}

int vn_files_init(struct vn_files *f, const json_t *params, struct vn_err *err)
{
	const char *name;
	json_t *text;

	*f = (struct vn_files){.texts = json_object_get(params, "files")};
	if (json_is_null(f->texts))
		f->texts = NULL;
	if (f->texts && !json_is_object(f->texts))
		return vn_err_usage(err, "parameter 'files': not an object of names and texts");
	if (json_object_size(f->texts) > VN_FILES_MAX)
		return vn_err_usage(err, "parameter 'files': more than %u", VN_FILES_MAX);
	json_object_foreach ((json_t *)f->texts, name, text) {
		if (!json_is_string(text))
			return vn_err_usage(err, "parameter 'files': '%.64s' has no text", name);
	}
	return 0;
}

static void free_block(struct vn_arena_block **b)
{
	free(*b);
}

static int make_block(struct vn_store *store, const struct vn_files *f, const char *name, bool is_dist,
		      uint32_t *ret_number, struct vn_err *err)
{
	__attribute__((cleanup(free_block))) struct vn_arena_block *image = NULL;
	const json_t *text = json_object_get(f->texts, name);
	int r;

	if (!text)
		return vn_err_usage(err, "file '%.128s': its content did not come with the request", name);
	r = (is_dist ? vn_block_parse_dist : vn_block_parse_trace)(name, json_string_value(text),
								   json_string_length(text), &image, err);
	return r < 0 ? r : vn_arena_put(store->arena, image, ret_number, err);
}

static int number_of(struct vn_store *store, struct vn_files *f, const struct vn_disc_file *file, __u32 *ret_number,
		     struct vn_err *err)
{
	uint32_t number = 0;
	int r;

	for (size_t i = 0; i < f->n; i++) {
		if (f->known[i].name == file->name && f->known[i].is_dist == file->is_dist) {
			*ret_number = f->known[i].number;
			return 0;
		}
	}
	if (f->n == VN_FILES_MAX)
		return vn_err_usage(err, "more than %u files", VN_FILES_MAX);
	r = make_block(store, f, vn_atom_text(file->name), file->is_dist, &number, err);
	if (r < 0)
		return r;
	f->known[f->n++] = (struct vn_files_known){file->name, file->is_dist, number};
	*ret_number = number;
	return 0;
}

int vn_files_fill(struct vn_store *store, struct vn_files *f, struct vn_disc *disc, uint32_t mtu, struct vn_err *err)
{
	struct vn_disc_file files[VN_DISC_FILES];
	size_t n = vn_disc_files(disc, files);
	const struct vn_arena_block *trace;
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		__u32 *number = block_of(disc, &files[i]);

		if (!vn_arena_block_at(store->arena, *number))
			r = number_of(store, f, &files[i], number, err);
	}
	if (r < 0 || !disc->trace_name)
		return r;
	trace = vn_arena_block_at(store->arena, disc->trace_block);
	if (!trace)
		return vn_err_kernel(err, ENOENT, "trace: its block is gone");
	r = vn_trace_check(disc, trace, err);
	if (r == 0)
		vn_trace_complete(disc, trace, mtu);
	return r;
}

void vn_files_start(const struct vn_topo *t, const struct vn_link *self, int dirs, struct vn_disc *disc,
		    vn_disc_given_t given, uint64_t now_ns)
{
	if (disc->flap_up_ns && vn_disc_is_given(given, "flap"))
		disc->flap_start_ns = now_ns;
	if (!disc->trace_name || !vn_disc_is_given(given, "trace"))
		return;
	disc->trace_start_ns = now_ns;
	for (size_t i = 0; disc->sync_name && i < t->n_links; i++) {
		for (int dir = 0; dir < VN_DIRS; dir++) {
			const struct vn_disc *other = &t->links[i].disc[dir];

			if ((&t->links[i] == self && dirs >> dir & 1) || other->sync_name != disc->sync_name ||
			    !other->trace_start_ns)
				continue;
			disc->trace_start_ns = other->trace_start_ns;
			return;
		}
	}
}

static bool same_trace(const struct vn_disc *a, const struct vn_disc *b)
{
	const uint32_t shape = VN_DISC_TRACE_LINEAR | VN_DISC_TRACE_LOOP;

	return a->trace_name == b->trace_name && a->trace_block == b->trace_block && a->sync_name == b->sync_name &&
	       (a->flags & shape) == (b->flags & shape);
}

/* What goes on as it was keeps its start. */
static void keep_starts(struct vn_disc *disc, const struct vn_disc *was)
{
	if (disc->trace_name && same_trace(disc, was))
		disc->trace_start_ns = was->trace_start_ns;
	if (disc->flap_up_ns && disc->flap_up_ns == was->flap_up_ns && disc->flap_down_ns == was->flap_down_ns)
		disc->flap_start_ns = was->flap_start_ns;
}

/* The start of group @sync as it runs on in @t; 0: none of it does. */
static uint64_t group_start(const struct vn_topo *t, uint32_t sync)
{
	for (size_t i = 0; sync && i < t->n_links * VN_DIRS; i++) {
		const struct vn_disc *disc = &t->links[i / VN_DIRS].disc[i % VN_DIRS];

		if (disc->sync_name == sync && disc->trace_start_ns)
			return disc->trace_start_ns;
	}
	return 0;
}

int vn_files_fill_topo(struct vn_store *store, const json_t *params, struct vn_topo *t, struct vn_topo *old,
		       struct vn_err *err)
{
	uint64_t now = vn_now_ns();
	bool traces = false;
	struct vn_files files;
	int r = vn_files_init(&files, params, err);

	for (size_t i = 0; i < t->n_links * VN_DIRS && r == 0; i++) {
		struct vn_link *l = &t->links[i / VN_DIRS];
		struct vn_disc *disc = &l->disc[i % VN_DIRS];
		struct vn_err why = {0};
		size_t was;

		r = vn_files_fill(store, &files, disc, l->mtu, &why);
		if (r < 0)
			return vn_err(err, why.exit, why.err, "link '%s': %.600s", l->name, why.text);
		if (disc->trace_name)
			l->trace_delay_ns[i % VN_DIRS] = vn_trace_mean_delay_ns(
				vn_arena_block_at(store->arena, disc->trace_block), disc->flags & VN_DISC_TRACE_LINEAR);
		traces |= l->trace_delay_ns[i % VN_DIRS] != 0;
		if (old && vn_topo_find_link(old, l->name, &was) == 0)
			keep_starts(disc, &old->links[was].disc[i % VN_DIRS]);
	}
	for (size_t i = 0; i < t->n_links * VN_DIRS && r == 0; i++) {
		struct vn_disc *disc = &t->links[i / VN_DIRS].disc[i % VN_DIRS];

		if (disc->trace_name && !disc->trace_start_ns)
			disc->trace_start_ns = group_start(t, disc->sync_name) ?: now;
		if (disc->flap_up_ns && !disc->flap_start_ns)
			disc->flap_start_ns = now;
	}
	/* Those that it got before its traces were read did not know their delay. */
	return r == 0 && traces ? vn_topo_routes(t, err) : r;
}

static bool is_right(const struct vn_arena_block *b, const struct vn_disc_file *file)
{
	return b && (b->kind == VN_ARENA_DIST) == file->is_dist &&
	       (!*vn_atom_text(file->name) || strncmp(b->name, vn_atom_text(file->name), sizeof(b->name)) == 0);
}

bool vn_files_adopt(struct vn_store *store, struct vn_disc *disc)
{
	struct vn_disc_file files[VN_DISC_FILES];
	size_t n = vn_disc_files(disc, files);
	bool all = true;

	for (size_t i = 0; i < n; i++) {
		__u32 *number = block_of(disc, &files[i]);

		if (is_right(vn_arena_block_at(store->arena, *number), &files[i]))
			continue;
		*number = vn_arena_find(store->arena, vn_atom_text(files[i].name), files[i].is_dist);
		all &= *number != 0;
	}
	return all;
}

static uint32_t block_name(const struct vn_store *store, uint32_t number)
{
	const struct vn_arena_block *b = vn_arena_block_at(store->arena, number);

	return b ? vn_atom(b->name) : 0;
}

void vn_files_rename(struct vn_store *store, struct vn_disc *disc, const struct vn_disc *was)
{
	disc->trace_name = block_name(store, disc->trace_block);
	disc->dist_name = disc->dist == VN_DIST_TABLE ? block_name(store, disc->dist_block) : 0;
	disc->slot_dist_name = disc->slot_dist == VN_DIST_TABLE + 1 ? block_name(store, disc->slot_dist_block) : 0;
	disc->sync_name = disc->trace_name == was->trace_name ? was->sync_name : 0;
}

void vn_files_tick(struct vn_store *store)
{
	uint64_t now = vn_now_ns();

	/* While a plan is being executed, its blocks are in nobody's hands yet. */
	if (!store->arena->n || store->planned || store->changes || now - store->collected_ns < COLLECT_NS)
		return;
	store->collected_ns = now;
	vn_arena_collect_begin(store->arena);
	for (size_t i = 0; i < store->n_running; i++) {
		struct vn_topo *t = store->running[i]->topo;

		for (size_t l = 0; l < t->n_links * VN_DIRS; l++) {
			const struct vn_disc *disc = &t->links[l / VN_DIRS].disc[l % VN_DIRS];

			vn_arena_mark(store->arena, disc->dist_block);
			vn_arena_mark(store->arena, disc->slot_dist_block);
			vn_arena_mark(store->arena, disc->trace_block);
		}
	}
	vn_arena_collect_end(store->arena, now);
}
