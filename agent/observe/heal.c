/* SPDX-License-Identifier: GPL-2.0-only */
/* Links whose devices are gone are made anew where the topology says `heal: true`. */
#include <stdio.h>
#include <string.h>

#include <base/util.h>

#include "base/log.h"
#include "exec/executor.h"
#include "observe/observe.h"

#define HEAL_NS     (100 * VN_NSEC_PER_MSEC) /* doubled each time */
#define HEAL_MAX_NS (10 * VN_NSEC_PER_SEC)
#define HEAL_CALM   (3 * HEAL_MAX_NS) /* afterwards it begins anew */

void vn_heal_back_off(uint64_t *heal_ns, unsigned int *healed, uint64_t now)
{
	if (now - *heal_ns > HEAL_CALM)
		*healed = 0;
	*heal_ns = now + VN_MIN(HEAL_NS << VN_MIN(*healed, 10), HEAL_MAX_NS);
	(*healed)++;
}

static bool has_broken(const struct vn_running *run)
{
	return memchr(run->link_broken, true, run->topo->n_links) != NULL;
}

/* The file again, against what is there. */
static void heal_links(struct vn_observe *o, struct vn_running *run)
{
	cleanup_observed struct vn_observed seen = {0};
	cleanup_plan struct vn_plan *plan = NULL;
	struct vn_err err = {0};
	int r = vn_observe(o->store->fabric, run->topo, &seen, &err);

	seen.kernel = &o->store->kernel;
	if (r == 0)
		r = vn_plan_make(run->topo, &seen, run->topo, &plan, &err);
	if (r == 0 && plan->n_steps)
		r = vn_plan_execute(o->store, NULL, plan, &err);
	if (r == 0) {
		vn_state_abandon(o->store, run->topo->name);
		vn_running_observe(o->store, run, NULL);
	}
	vn_watch_touch(o, run, VN_NONE);
	vn_tell(&o->store->tell,
		json_pack("{s:s, s:s, s:b}", "event", "topology-healed", "topology", run->topo->name, "done", r == 0));
	vn_log("topology %s: %s", run->topo->name, r < 0 ? err.text : "lost devices were made anew (`heal: true`)");
}

static bool is_due(struct vn_running *run, uint64_t now)
{
	return run->topo->heal && !run->changing && now >= run->heal_ns && has_broken(run);
}

/* A job: each topology that is due, unless somebody changes it just now, who mends it anyhow. */
static void heal_job(void *arg)
{
	struct vn_observe *o = arg;
	struct vn_running *run = NULL;
	struct vn_lock all, topo, mends;
	char name[VN_LOCK_NAME_MAX];
	const uint64_t now = vn_now_ns();

	for (size_t i = 0; i < o->store->n_running && !run; i++)
		if (is_due(o->store->running[i], now))
			run = o->store->running[i];
	if (!run || vn_lock_try(o->store->locks, &all, VN_LOCK_ALL, true) < 0)
		return;
	snprintf(name, sizeof(name), "%s" VN_LOCK_MENDS, run->topo->name);
	if (vn_lock_try(o->store->locks, &topo, run->topo->name, true) == 0) {
		if (vn_lock_try(o->store->locks, &mends, name, false) == 0) {
			vn_heal_back_off(&run->heal_ns, &run->healed, now);
			heal_links(o, run);
			vn_lock_drop(o->store->locks, &mends);
		}
		vn_lock_drop(o->store->locks, &topo);
	}
	vn_lock_drop(o->store->locks, &all);
}

static void heal_ended(void *arg)
{
	struct vn_observe *o = arg;

	o->watch.healing = false;
}

void vn_watch_tick(struct vn_observe *o)
{
	const uint64_t now = vn_now_ns();

	for (size_t i = 0; i < o->store->n_running && !o->watch.healing; i++)
		if (is_due(o->store->running[i], now)) {
			o->watch.healing = true;
			if (vn_job_start(o->store->jobs, heal_job, heal_ended, o) < 0)
				o->watch.healing = false;
			return;
		}
}
