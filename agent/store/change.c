/* SPDX-License-Identifier: GPL-2.0-only */
/* Changing what runs: a plan executed under the mark of pending.json, and undone when it cannot be kept. */
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

/* Between two batches: tell the caller, and do what else is due (the engine's keeper, `link set`, `show`). */
static void on_progress(void *arg, size_t done, size_t total)
{
	struct progress *p = arg;
	uint64_t now = vn_now_ns();

	if (p->told && now - p->last_ns >= PROGRESS_NS) {
		p->last_ns = now;
		p->told->told(p->told->arg, done, total);
	}
	for (int i = 0; i < 64 && vn_loop_turn(p->store->loop, 0) > 0; i++)
		;
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
	const struct vn_exec_ops ops = {.progress = on_progress, .arg = &p};
	int r;

	store->busy = true;
	r = vn_exec_check_runs(store->fabric, plan, &ops, err);
	store->busy = false;
	return r;
}

int vn_plan_undo(struct vn_store *store, const struct vn_plan *plan, struct vn_err *err)
{
	struct vn_err why = {0};
	int r = vn_exec_recover(store->fabric, plan->old, plan->new, plan->old, &why);
	size_t len = strlen(err->text);

	vn_state_abandon(store);
	err->exit = VN_EXIT_ROLLED_BACK;
	snprintf(err->text + len, sizeof(err->text) - len,
		 r < 0 ? "; not everything could be undone: %s" : "; everything was undone%s", why.text);
	return -err->err;
}

int vn_plan_execute(struct vn_store *store, const struct vn_change_progress *told, struct vn_plan *plan,
		    struct vn_err *err)
{
	struct progress p = {.store = store, .told = told, .last_ns = vn_now_ns()};
	struct vn_exec_ops ops = {.progress = on_progress, .before_runs = on_before_runs, .arg = &p};
	struct vn_running *run;
	bool executed = false;
	int r;

	run = plan->old ? vn_running_find(store, plan->old->name) : NULL;
	if (run)
		run->changing = true;
	r = vn_exec_check_vfs(plan, err);
	if (r == 0)
		r = vn_plan_check_runs(store, told, plan, err);
	store->busy = true;
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
	store->busy = false;
	if (r < 0)
		vn_state_abandon(store);
	return r;
}
