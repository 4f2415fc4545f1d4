/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is on disk, under the runtime directory (a tmpfs: it goes with the kernel objects it describes).
 *
 *   topologies/NAME.json   a running topology, resolved
 *   pending/NAME.json      a change in the making: {"name", "from": resolved|null, "to": resolved|null}
 *
 * One that is damaged is put aside (damaged.h) and the others are adopted; what it told of belongs to nobody then and
 * is swept (sweep.h).
 *
 * Each file appears whole by rename. Disciplines changed live are not written: the pinned map holds them.
 */
#include "store/store.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <abi/abi_arena.h>
#include <base/util.h>

#include "base/log.h"
#include "base/runtime_dir.h"
#include "store/damaged.h"
#include "store/disc_blocks.h"
#include "base/atomic_file.h"
#include "model/topo.h"

#define PENDING "pending"
#define TOPOS   "topologies"

static int write_file(const struct vn_store *store, const char *name, json_t *content, struct vn_err *err)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", store->runtime_dir, name);
	return vn_record_json(path, content, err);
}

static void topo_file(char *buf, size_t size, const char *name)
{
	snprintf(buf, size, TOPOS "/%s.json", name);
}

static void pending_file(char *buf, size_t size, const char *name)
{
	snprintf(buf, size, PENDING "/%s.json", name);
}

static json_t *topo_or_null(const struct vn_topo *t)
{
	return t ? vn_topo_to_json(t) : json_null();
}

int vn_state_save_pending(struct vn_store *store, const struct vn_topo *from, const struct vn_topo *to,
			  struct vn_err *err)
{
	char file[256];

	pending_file(file, sizeof(file), to ? to->name : from->name);
	return write_file(store, file,
			  json_pack("{s:s, s:o, s:o}", "name", to ? to->name : from->name, "from", topo_or_null(from),
				    "to", topo_or_null(to)),
			  err);
}

void vn_state_abandon(struct vn_store *store, const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/" PENDING "/%s.json", store->runtime_dir, name);
	unlink(path);
}

int vn_state_commit(struct vn_store *store, const char *name, const struct vn_topo *committed, struct vn_err *err)
{
	char file[256], path[512];
	int r;

	topo_file(file, sizeof(file), name);
	if (committed) {
		r = write_file(store, file, vn_topo_to_json(committed), err);
		if (r < 0)
			return r;
	} else {
		snprintf(path, sizeof(path), "%s/%s", store->runtime_dir, file);
		if (unlink(path) < 0 && errno != ENOENT)
			return vn_err_kernel(err, errno, "%s: %s", path, strerror(errno));
	}
	vn_state_abandon(store, name);
	return 0;
}

/* The tables and traces that @disc names are in the arena; one that is not takes the word that named it along. */
static void adopt_files(struct vn_store *store, const char *link, struct vn_disc *disc)
{
	if (vn_files_adopt(store, disc))
		return;
	vn_log("link %s: a trace or distribution that it followed is gone: it goes on without", link);
	if (!disc->trace_block) {
		struct vn_disc none = VN_DISC_NONE;

		disc->trace_name = disc->sync_name = 0;
		disc->trace_start_ns = none.trace_start_ns;
		disc->flags &= ~(uint32_t)(VN_DISC_TRACE_LINEAR | VN_DISC_TRACE_LOOP | VN_DISC_TRACE_AUTO);
	}
	if (disc->dist == VN_DIST_TABLE && !disc->dist_block)
		disc->dist = disc->dist_name = 0;
	if (disc->slot_dist == VN_DIST_TABLE + 1 && !disc->slot_dist_block)
		disc->slot_dist = VN_DIST_UNIFORM + 1;
	vn_disc_settle(disc, 0);
}

static int load_topo(struct vn_store *store, const json_t *o, struct vn_topo **ret_topo, struct vn_err *err)
{
	int r;

	*ret_topo = NULL;
	if (!o || json_is_null(o))
		return 0;
	r = vn_topo_from_json(o, ret_topo, err);
	for (size_t i = 0; r == 0 && i < (*ret_topo)->n_links * VN_DIRS; i++)
		adopt_files(store, (*ret_topo)->links[i / VN_DIRS].name,
			    &(*ret_topo)->links[i / VN_DIRS].disc[i % VN_DIRS]);
	return r;
}

/* The live disciplines are in the map; one that was being written when its writer died stays as the file has it. */
static void adopt_disciplines(struct vn_store *store, struct vn_topo *t)
{
	for (size_t l = 0; l < t->n_links; l++)
		for (int dir = 0; dir < VN_DIRS; dir++) {
			uint32_t number = t->links[l].ports[dir].number;
			struct vn_disc *disc = &t->links[l].disc[dir], was = *disc;
			bool torn = store->dp->maps.disc[number].seq & 1;

			if (!torn)
				vn_disc_read(&store->dp->maps, number, disc, NULL);
			if (!torn && store->arena->names_lost)
				vn_files_rename(store, disc, &was);
			adopt_files(store, t->links[l].name, disc);
			if (torn || (store->arena->names_lost && vn_arena_save_names(store->arena, NULL) == 0))
				vn_exec_set_disc(store->fabric, number, disc);
		}
}

/* The two states of the change that @pending tells of, and its name; an error says what is damaged. */
static int read_pending(struct vn_store *store, const json_t *pending, struct vn_topo **ret_from,
			struct vn_topo **ret_to, const char **ret_name, struct vn_err *why)
{
	cleanup_topo struct vn_topo *from = NULL, *to = NULL;
	const char *name = json_string_value(json_object_get(pending, "name"));
	int r;

	if (!name || !vn_name_valid(name))
		return vn_err_usage(why, "it names no topology");
	r = load_topo(store, json_object_get(pending, "from"), &from, why);
	if (r == 0)
		r = load_topo(store, json_object_get(pending, "to"), &to, why);
	if (r == 0 && ((!from && !to) || (from && strcmp(from->name, name)) || (to && strcmp(to->name, name))))
		r = vn_err_usage(why, "it tells of no change of topology '%s'", name);
	if (r < 0)
		return r;
	*ret_name = name;
	*ret_from = take_ptr(from);
	*ret_to = take_ptr(to);
	return 0;
}

/*
 * An interrupted apply is undone, an interrupted delete is finished; a change that was committed but for its mark is
 * only confirmed.
 */
static int recover(struct vn_store *store, const char *mark, const json_t *pending, struct vn_err *err)
{
	cleanup_topo struct vn_topo *from = NULL, *to = NULL;
	struct vn_err why = {0};
	const struct vn_topo *goal;
	json_t *committed = NULL;
	const char *name = "";
	char file[256];
	bool done;
	int r = read_pending(store, pending, &from, &to, &name, &why);

	if (r < 0) {
		vn_damaged_aside(store, mark, why.text, "a change that was interrupted is neither finished nor undone");
		return 0;
	}
	topo_file(file, sizeof(file), name);
	vn_damaged_load(store, file, &committed, NULL);
	done = to && committed && json_equal(committed, json_object_get(pending, "to"));
	json_decref(committed);
	goal = done || !to ? to : from;
	vn_log("topology %s: an interrupted %s is being %s", name, to ? "apply" : "delete",
	       goal == to ? "finished" : "undone");
	r = vn_exec_recover(store->fabric, from, to, goal, err);
	if (r < 0)
		return r;
	return vn_state_commit(store, name, goal, err);
}

static int check_numbers(const struct vn_store *store, const struct vn_topo *t, struct vn_err *why)
{
	for (size_t p = 0; p < t->n_links * VN_DIRS; p++) {
		uint32_t number = t->links[p / VN_DIRS].ports[p % VN_DIRS].number;

		if (number >= store->dp->maps.max_ports)
			return vn_err(why, VN_EXIT_KERNEL, ERANGE, "port number %u is beyond this data path's %u",
				      number, store->dp->maps.max_ports);
		if (vn_port_used(store, number))
			return vn_err(why, VN_EXIT_KERNEL, ERANGE, "port number %u is another topology's", number);
	}
	return 0;
}

static int read_topo(struct vn_store *store, const char *file, const char *name, struct vn_topo **ret_topo,
		     struct vn_err *why)
{
	cleanup_topo struct vn_topo *t = NULL;
	json_t *o = NULL;
	int r = vn_damaged_load(store, file, &o, why);

	if (r == 0)
		r = vn_topo_from_json(o, &t, why);
	json_decref(o);
	if (r == 0 && (strlen(t->name) + strlen(".json") != strlen(name) || strncmp(t->name, name, strlen(t->name))))
		r = vn_err_usage(why, "it is that of topology '%s'", t->name);
	if (r == 0)
		r = check_numbers(store, t, why);
	if (r == 0)
		*ret_topo = take_ptr(t);
	return r;
}

static int adopt_topo(struct vn_store *store, const char *name, struct vn_err *err)
{
	cleanup_topo struct vn_topo *t = NULL;
	struct vn_err why = {0};
	char path[512];
	int r;

	snprintf(path, sizeof(path), TOPOS "/%s", name);
	r = read_topo(store, path, name, &t, &why);
	if (r < 0) {
		vn_damaged_aside(store, path, why.text,
				 "the topology runs no more, and what is left of it is removed: apply its file again");
		return 0;
	}
	adopt_disciplines(store, t);
	r = vn_running_replace(store, t->name, t, NULL);
	if (r < 0)
		return r;
	t = NULL;
	vn_ports_rebuild(store);
	return vn_running_observe(store, store->running[store->n_running - 1], err);
}

static int recover_one(struct vn_store *store, const char *name, struct vn_err *err)
{
	struct vn_err why = {0};
	json_t *pending = NULL;
	char file[512];
	int r;

	snprintf(file, sizeof(file), PENDING "/%s", name);
	r = vn_damaged_load(store, file, &pending, &why);
	if (r < 0) {
		vn_damaged_aside(store, file, why.text, "a change that was interrupted is neither finished nor undone");
		return 0;
	}
	r = recover(store, file, pending, err);
	json_decref(pending);
	return r;
}

/* Each file NAME.json of directory @sub of the runtime directory, which is made where it is missing. */
static int each_file(struct vn_store *store, const char *sub,
		     int (*take)(struct vn_store *store, const char *name, struct vn_err *err), struct vn_err *err)
{
	struct dirent *e;
	char path[512];
	DIR *dir;
	int r = 0;

	snprintf(path, sizeof(path), "%s/%s", store->runtime_dir, sub);
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return vn_err_kernel(err, errno, "mkdir %s: %s", path, strerror(errno));
	dir = opendir(path);
	if (!dir)
		return vn_err_kernel(err, errno, "%s: %s", path, strerror(errno));
	while (r == 0 && (e = readdir(dir))) {
		const char *dot = strrchr(e->d_name, '.');

		if (dot && strcmp(dot, ".json") == 0)
			r = take(store, e->d_name, err);
		else if (dot && strcmp(dot, ".new") == 0)
			unlinkat(dirfd(dir), e->d_name, 0); /* of a daemon that was killed while it wrote */
	}
	closedir(dir);
	return r;
}

int vn_state_adopt(struct vn_store *store, struct vn_err *err)
{
	int r = each_file(store, PENDING, recover_one, err);

	if (r < 0)
		return r;
	vn_ports_rebuild(store);
	r = each_file(store, TOPOS, adopt_topo, err);
	if (r < 0)
		return r;
	vn_ports_rebuild(store);
	return 0;
}

bool vn_state_is_empty(const struct vn_store *store)
{
	static const char *const dirs[] = {PENDING, TOPOS};
	char path[512];

	for (size_t i = 0; i < VN_ARRAY_SIZE(dirs); i++) {
		snprintf(path, sizeof(path), "%s/%s", store->runtime_dir, dirs[i]);
		if (rmdir(path) < 0 && errno != ENOENT)
			return false;
	}
	return true;
}

void vn_state_wipe(struct vn_store *store)
{
	static const char *const files[] = {VN_SOCK_CONTROL, VN_SOCK_OBSERVE,     VN_ARENA_FILE, VN_NAMES_FILE,
					    VN_DAEMON_LOCK,  VN_CALIBRATION_FILE, VN_DAEMON_LOG};
	static const char *const dirs[] = {TOPOS, PENDING, VN_RUNNER_DIR, VN_RUNNER_RUNC_DIR, "owners", VN_DAMAGED_DIR};
	char path[512];

	for (size_t i = 0; i < VN_ARRAY_SIZE(dirs); i++) {
		snprintf(path, sizeof(path), "%s/%s", store->runtime_dir, dirs[i]);
		rmdir(path);
	}
	for (size_t i = 0; i < VN_ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", store->runtime_dir, files[i]);
		unlink(path);
	}
	rmdir(store->runtime_dir);
}
