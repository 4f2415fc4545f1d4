/* SPDX-License-Identifier: GPL-2.0-only */
/* Changing what runs: a plan executed under the mark of pending/NAME.json, and undone when it cannot be kept. */
#include <stdlib.h>
#include <string.h>

#include <base/util.h>

#include "exec/port_vf.h"
#include "store/store.h"

#define PROGRESS_NS (50 * VN_NSEC_PER_MSEC)

struct progress {
	struct vn_store *store;
	const struct vn_change_progress *told;
	uint64_t last_ns;
};

/* Between two batches: tell who asked, and let others run. */
static void on_progress(void *arg, size_t done, size_t total)
{
	struct progress *p = arg;
	uint64_t now = vn_now_ns();

	if (p->told && now - p->last_ns >= PROGRESS_NS) {
		p->last_ns = now;
		p->told->told(p->told->arg, done, total);
	}
	if (vn_job_is_one(p->store->jobs))
		vn_job_sleep(p->store->jobs, 0);
}

static void on_pause(void *arg, uint64_t ns)
{
	const struct progress *p = arg;

	vn_job_sleep(p->store->jobs, ns);
}

/* A program may look for its socket at once. */
static int on_before_runs(void *arg, const struct vn_topo *t, struct vn_err *err)
{
	const struct progress *p = arg;

	return vn_handover_add(p->store->lease, t, err);
}

int vn_plan_check_runs(struct vn_store *store, const struct vn_change_progress *told, struct vn_plan *plan,
		       struct vn_err *err)
{
	struct progress p = {.store = store, .told = told, .last_ns = vn_now_ns()};
	const struct vn_exec_ops ops = {.progress = on_progress, .pause = on_pause, .arg = &p};

	return vn_exec_check_runs(store->fabric, plan, &ops, err);
}

static const char *name_of(const struct vn_plan *plan)
{
	return plan->new ? plan->new->name : plan->old->name;
}

int vn_plan_undo(struct vn_store *store, const struct vn_plan *plan, struct vn_err *err)
{
	struct vn_err why = {0};
	int r = vn_exec_recover(store->fabric, plan->old, plan->new, plan->old, &why);
	size_t len = strlen(err->text);

	vn_state_abandon(store, name_of(plan));
	err->exit = VN_EXIT_ROLLED_BACK;
	snprintf(err->text + len, sizeof(err->text) - len,
		 r < 0 ? "; not everything could be undone: %s" : "; everything was undone%s", why.text);
	return -err->err;
}

int vn_plan_execute(struct vn_store *store, const struct vn_change_progress *told, struct vn_plan *plan,
		    struct vn_err *err)
{
	struct progress p = {.store = store, .told = told, .last_ns = vn_now_ns()};
	struct vn_exec_ops ops = {.progress = on_progress, .pause = on_pause, .before_runs = on_before_runs, .arg = &p};
	struct vn_running *run;
	bool executed = false;
	int r;

	run = plan->old ? vn_running_find(store, plan->old->name) : NULL;
	if (run)
		run->changing = true;
	r = vn_exec_check_give_back(plan, err);
	if (r == 0)
		r = vn_plan_check_runs(store, told, plan, err);
	store->changes++;
	if (r == 0)
		r = vn_arena_save_names(store->arena, err);
	if (r == 0)
		r = vn_state_save_pending(store, plan->old, plan->new, err);
	if (r == 0) {
		r = vn_exec_run(store->fabric, plan, &ops, err);
		executed = r == 0;
	}
	if (r == 0 && plan->new)
		r = vn_handover_add(store->lease, plan->new, err);
	if (run)
		run->changing = false;
	if (r < 0 && executed)
		r = vn_plan_undo(store, plan, err);
	store->changes--;
	if (r < 0)
		vn_state_abandon(store, name_of(plan));
	return r;
}

void vn_keep_drop(struct vn_store *store, struct vn_keep *keep)
{
	for (size_t i = 0; i < keep->n; i++)
		vn_lock_drop(store->locks, &keep->lock[i]);
	free(keep->lock);
	*keep = (struct vn_keep){0};
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct vn_lock *)a)->name, ((const struct vn_lock *)b)->name);
}

/* Do all topologies that run now have a lock? Others may have come while one of them was waited for. */
static bool all_kept(const struct vn_store *store, const struct vn_keep *keep)
{
	for (size_t i = 0; i < store->n_running; i++) {
		struct vn_lock key = {0};

		snprintf(key.name, sizeof(key.name), "%s", store->running[i]->topo->name);
		if (!bsearch(&key, keep->lock, keep->n, sizeof(key), by_name))
			return false;
	}
	return true;
}

/* In the order of the names, as all do who have several. */
static int keep_all(struct vn_store *store, struct vn_keep *keep, const bool *cancelled)
{
	int r = 0;

	keep->n = store->n_running;
	keep->lock = calloc(keep->n + 1, sizeof(*keep->lock));
	if (!keep->lock)
		return -ENOMEM;
	for (size_t i = 0; i < keep->n; i++)
		snprintf(keep->lock[i].name, sizeof(keep->lock[i].name), "%s", store->running[i]->topo->name);
	qsort(keep->lock, keep->n, sizeof(*keep->lock), by_name);
	for (size_t i = 0; i < keep->n && r == 0; i++) {
		char name[VN_LOCK_NAME_MAX];

		memcpy(name, keep->lock[i].name, sizeof(name));
		r = vn_lock_take(store->locks, &keep->lock[i], name, true, cancelled);
	}
	return r;
}

int vn_keep_take(struct vn_store *store, struct vn_keep *keep, const char *name, const bool *cancelled)
{
	int r;

	if (name) {
		keep->lock = calloc(1, sizeof(*keep->lock));
		if (!keep->lock)
			return -ENOMEM;
		keep->n = 1;
		r = vn_lock_take(store->locks, keep->lock, name, true, cancelled);
		return r < 0 ? r : vn_running_find(store, name) ? 0 : -ENOENT;
	}
	for (;;) {
		r = keep_all(store, keep, cancelled);
		if (r < 0 || all_kept(store, keep))
			return r;
		vn_keep_drop(store, keep);
	}
}
