/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is on disk, under the runtime directory (a tmpfs: it goes with the kernel objects it describes).
 *
 *   topologies/NAME.json   a running topology, resolved
 *   pending.json           a change in the making: {"name", "from": resolved|null, "to": resolved|null}
 *
 * Each file appears whole by rename. Disciplines changed live are not written: the pinned map holds them.
 */
#include "ctl/daemon.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vnet/abi_arena.h>
#include <vnet/util.h>

#include "ctl/calibrate.h"
#include "ctl/files.h"
#include "exec/record.h"
#include "topo/topo.h"

#define PENDING "pending.json"
#define TOPOS   "topologies"

static int write_file(const struct vn_daemon *d, const char *name, json_t *content, struct vn_err *err)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", d->opts.runtime_dir, name);
	return vn_record_json(path, content, err);
}

static json_t *read_file(const struct vn_daemon *d, const char *name)
{
	char path[1024];

	snprintf(path, sizeof(path), "%s/%s", d->opts.runtime_dir, name);
	return json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
}

static void topo_file(char *buf, size_t size, const char *name)
{
	snprintf(buf, size, TOPOS "/%s.json", name);
}

static json_t *topo_or_null(const struct vn_topo *t)
{
	return t ? vn_topo_to_json(t) : json_null();
}

int vn_state_save_pending(struct vn_daemon *d, const struct vn_topo *from, const struct vn_topo *to, struct vn_err *err)
{
	return write_file(d, PENDING,
			  json_pack("{s:s, s:o, s:o}", "name", to ? to->name : from->name, "from", topo_or_null(from),
				    "to", topo_or_null(to)),
			  err);
}

void vn_state_abandon(struct vn_daemon *d)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/" PENDING, d->opts.runtime_dir);
	unlink(path);
}

int vn_state_commit(struct vn_daemon *d, const char *name, const struct vn_topo *committed, struct vn_err *err)
{
	char file[256], path[512];
	int r;

	topo_file(file, sizeof(file), name);
	if (committed) {
		r = write_file(d, file, vn_topo_to_json(committed), err);
		if (r < 0)
			return r;
	} else {
		snprintf(path, sizeof(path), "%s/%s", d->opts.runtime_dir, file);
		if (unlink(path) < 0 && errno != ENOENT)
			return vn_err_kernel(err, errno, "%s: %s", path, strerror(errno));
	}
	vn_state_abandon(d);
	return 0;
}

/* --- adoption
 * ----------------------------------------------------------------------------------------------------------- */

/* The tables and traces that @disc names are in the arena; one that is not takes the word that named it along. */
static void adopt_files(struct vn_daemon *d, const char *link, struct vn_disc *disc)
{
	if (vn_files_adopt(d, disc))
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

static int load_topo(struct vn_daemon *d, const json_t *o, struct vn_topo **ret_topo, struct vn_err *err)
{
	int r;

	*ret_topo = NULL;
	if (!o || json_is_null(o))
		return 0;
	r = vn_topo_from_json(o, ret_topo, err);
	for (size_t i = 0; r == 0 && i < (*ret_topo)->n_links * VN_DIRS; i++)
		adopt_files(d, (*ret_topo)->links[i / VN_DIRS].name,
			    &(*ret_topo)->links[i / VN_DIRS].disc[i % VN_DIRS]);
	return r;
}

/* The live disciplines are in the map; one that was being written when its writer died stays as the file has it. */
static void adopt_disciplines(struct vn_daemon *d, struct vn_topo *t)
{
	for (size_t l = 0; l < t->n_links; l++)
		for (int dir = 0; dir < VN_DIRS; dir++) {
			uint32_t number = t->links[l].ports[dir].number;
			struct vn_disc *disc = &t->links[l].disc[dir];
			bool torn = d->dp.maps.disc[number].seq & 1;

			if (!torn)
				vn_disc_read(&d->dp.maps, number, disc, NULL);
			adopt_files(d, t->links[l].name, disc);
			if (torn)
				vn_exec_set_disc(&d->fabric, number, disc);
		}
}

/*
 * An interrupted apply is undone, an interrupted delete is finished; a change that was committed but for its mark is
 * only confirmed.
 */
static int recover(struct vn_daemon *d, const json_t *pending, struct vn_err *err)
{
	cleanup_topo struct vn_topo *from = NULL, *to = NULL;
	const char *name = json_string_value(json_object_get(pending, "name"));
	const struct vn_topo *goal;
	json_t *committed;
	char file[256];
	bool done;
	int r;

	if (!name || !vn_name_valid(name))
		return vn_err(err, VN_EXIT_KERNEL, EBADMSG, "%s/%s: not readable: remove it", d->opts.runtime_dir,
			      PENDING);
	r = load_topo(d, json_object_get(pending, "from"), &from, err);
	if (r == 0)
		r = load_topo(d, json_object_get(pending, "to"), &to, err);
	if (r < 0)
		return r;
	topo_file(file, sizeof(file), name);
	committed = read_file(d, file);
	done = to && committed && json_equal(committed, json_object_get(pending, "to"));
	json_decref(committed);
	goal = done || !to ? to : from;
	vn_log("topology %s: an interrupted %s is being %s", name, to ? "apply" : "delete",
	       goal == to ? "finished" : "undone");
	r = vn_exec_recover(&d->fabric, from, to, goal, err);
	if (r < 0)
		return r;
	return vn_state_commit(d, name, goal, err);
}

static int adopt_topo(struct vn_daemon *d, const char *file, struct vn_err *err)
{
	cleanup_topo struct vn_topo *t = NULL;
	char path[512];
	json_t *o;
	int r;

	snprintf(path, sizeof(path), TOPOS "/%s", file);
	o = read_file(d, path);
	if (!o)
		return vn_err(err, VN_EXIT_KERNEL, EBADMSG, "%s/%s: not readable: remove it, or restore it",
			      d->opts.runtime_dir, path);
	r = vn_topo_from_json(o, &t, err);
	json_decref(o);
	if (r < 0)
		return r;
	for (size_t l = 0; l < t->n_links; l++)
		for (int side = 0; side < VN_DIRS; side++)
			if (t->links[l].ports[side].number >= d->dp.maps.max_ports)
				return vn_err(err, VN_EXIT_KERNEL, ERANGE,
					      "%s/%s: port number %u is beyond this data path's %u",
					      d->opts.runtime_dir, path, t->links[l].ports[side].number,
					      d->dp.maps.max_ports);
	adopt_disciplines(d, t);
	r = vn_running_replace(d, t->name, t);
	if (r < 0)
		return r;
	t = NULL;
	return vn_running_observe(d, &d->running[d->n_running - 1], err);
}

static int adopt_all(struct vn_daemon *d, struct vn_err *err)
{
	struct dirent *e;
	char path[512];
	DIR *dir;
	int r = 0;

	snprintf(path, sizeof(path), "%s/" TOPOS, d->opts.runtime_dir);
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return vn_err_kernel(err, errno, "mkdir %s: %s", path, strerror(errno));
	dir = opendir(path);
	if (!dir)
		return vn_err_kernel(err, errno, "%s: %s", path, strerror(errno));
	while (r == 0 && (e = readdir(dir))) {
		const char *dot = strrchr(e->d_name, '.');

		if (dot && strcmp(dot, ".json") == 0)
			r = adopt_topo(d, e->d_name, err);
		else if (dot && strcmp(dot, ".new") == 0)
			unlinkat(dirfd(dir), e->d_name, 0); /* never became one */
	}
	closedir(dir);
	return r;
}

int vn_state_adopt(struct vn_daemon *d, struct vn_err *err)
{
	json_t *pending = read_file(d, PENDING);
	int r = pending ? recover(d, pending, err) : 0;
	char path[512];

	json_decref(pending);
	/* of a daemon that was killed while it wrote: never became one */
	snprintf(path, sizeof(path), "%s/" PENDING ".new", d->opts.runtime_dir);
	unlink(path);
	if (r < 0)
		return r;
	r = adopt_all(d, err);
	if (r < 0)
		return r;
	vn_ports_rebuild(d);
	return 0;
}

bool vn_state_is_empty(const struct vn_daemon *d)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", d->opts.runtime_dir, PENDING);
	if (access(path, F_OK) == 0)
		return false;
	snprintf(path, sizeof(path), "%s/%s", d->opts.runtime_dir, TOPOS);
	return rmdir(path) == 0 || errno == ENOENT;
}

void vn_state_wipe(struct vn_daemon *d)
{
	static const char *const files[] = {VN_SOCK_CONTROL, VN_SOCK_OBSERVE,    PENDING, VN_ARENA_FILE, VN_NAMES_FILE,
					    "daemon.lock",   VN_CALIBRATION_FILE};
	static const char *const dirs[] = {TOPOS, VN_RUNNER_DIR, VN_RUNNER_RUNC_DIR, "owners"};
	char path[512];

	for (size_t i = 0; i < VN_ARRAY_SIZE(dirs); i++) {
		snprintf(path, sizeof(path), "%s/%s", d->opts.runtime_dir, dirs[i]);
		rmdir(path);
	}
	for (size_t i = 0; i < VN_ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", d->opts.runtime_dir, files[i]);
		unlink(path);
	}
	rmdir(d->opts.runtime_dir);
}
