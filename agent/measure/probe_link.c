/* SPDX-License-Identifier: GPL-2.0-only */
#include "measure/probe_link.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <disc/discipline.h>
#include <base/util.h>

#include "base/log.h"
#include "plan/plan.h"
#include "engines/placement.h"
#include "net/veth.h"
#include "model/topo.h"

#define LOOK_NS (5 * VN_NSEC_PER_MSEC) /* how often the queue is looked at */

static int make_topo(struct vn_measure *m, uint32_t mtu, size_t n_links, struct vn_topo **ret_topo, struct vn_err *err)
{
	cleanup_topo struct vn_topo *t = NULL;
	cleanup_free char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	int r;

	if (!f)
		return -ENOMEM;
	fprintf(f, "name: " VN_PROBE_LINK_NAME "\nnodes: {a: {}, b: {}}\naddressing: none\nrouting: none\nlinks:\n");
	for (size_t i = 0; i < n_links; i++)
		fprintf(f, "  link%zu: {endpoints: [a:probe%zu, b:probe%zu], mtu: %u}\n", i, i, i, mtu);
	if (fclose(f) != 0)
		return -ENOMEM;
	r = vn_topo_parse(VN_PROBE_LINK_NAME, text, size, &t, err);
	if (r == 0)
		r = vn_topo_resolve(t, NULL, vn_ports_alloc, m->store, err);
	if (r == 0)
		*ret_topo = take_ptr(t);
	return r;
}

static int probe_link_change(struct vn_measure *m, struct vn_topo *from, struct vn_topo *to, struct vn_err *err)
{
	cleanup_observed struct vn_observed seen = {0};
	cleanup_plan struct vn_plan *plan = NULL;
	int r = from ? vn_observe(m->store->fabric, from, &seen, err) : 0;

	if (r == 0)
		r = vn_plan_make(from, &seen, to, &plan, err);
	/* What is pending stays so while the probe link is there: a daemon that dies meanwhile is followed by one that
	 * cleans up.
	 */
	return r == 0 ? vn_plan_execute(m->store, NULL, plan, err) : r;
}

static void probe_link_release(struct vn_measure *m, struct vn_probe_link *t)
{
	for (int i = 0; i < VN_DIRS; i++)
		vn_cleanup_close(&t->netns_fd[i]);
	vn_planned_drop(m->store, &t->planned);
	vn_topo_free(t->topo);
	free(t->dropped);
	t->topo = NULL;
	t->dropped = NULL;
	vn_ports_rebuild(m->store);
	vn_lock_drop(m->store->locks, &t->lock);
}

static int probe_link_begin(struct vn_measure *m, uint32_t mtu, size_t n_links, struct vn_probe_link *t,
			    struct vn_err *err)
{
	int r;

	if (vn_running_find(m->store, VN_PROBE_LINK_NAME))
		return vn_err(err, VN_EXIT_CHANGED, EBUSY,
			      "topology " VN_PROBE_LINK_NAME " has the name that probes need: delete it");
	t->dropped = calloc(n_links, sizeof(*t->dropped));
	r = t->dropped ? make_topo(m, mtu, n_links, &t->topo, err) : -ENOMEM;
	if (r < 0)
		return r;
	vn_planned_add(m->store, &t->planned, t->topo);
	return probe_link_change(m, NULL, t->topo, err);
}

int vn_probe_link_open(struct vn_measure *m, const bool *cancelled, uint32_t mtu, size_t n_links,
		       struct vn_probe_link *t, struct vn_err *err)
{
	int r;

	*t = (struct vn_probe_link){.netns_fd = {-EBADF, -EBADF}};
	r = vn_lock_take(m->store->locks, &t->lock, VN_PROBE_LINK_NAME, false, cancelled);
	if (r < 0 || *m->stop) {
		vn_lock_drop(m->store->locks, &t->lock);
		return vn_err(err, VN_EXIT_CHANGED, ECANCELED, "probe: cancelled");
	}
	r = probe_link_begin(m, mtu, n_links, t, err);
	if (r < 0) {
		probe_link_release(m, t);
		return r;
	}
	for (int i = 0; i < VN_DIRS && r >= 0; i++) {
		char name[VN_NETNS_NAME_MAX];

		r = t->netns_fd[i] = vn_netns_open(vn_netns_name(name, t->topo->name, t->topo->nodes[i].name));
	}
	if (r < 0) {
		vn_probe_link_close(m, t);
		return vn_err_kernel(err, -r, "probe: its namespace: %s", strerror(-r));
	}
	return 0;
}

void vn_probe_link_close(struct vn_measure *m, struct vn_probe_link *t)
{
	struct vn_err err = {0};

	if (probe_link_change(m, t->topo, NULL, &err) < 0)
		vn_log_at(VN_LOG_WARNING, "probe: cleaning up: %s", err.text);
	else
		vn_state_abandon(m->store, VN_PROBE_LINK_NAME);
	probe_link_release(m, t);
}

uint32_t vn_probe_link_slot(const struct vn_probe_link *t, size_t link, int dir)
{
	return t->topo->links[link].ports[dir].number;
}

void vn_probe_link_set(struct vn_measure *m, struct vn_probe_link *t, size_t link, int dir, const struct vn_disc *disc,
		       uint32_t engine)
{
	const uint32_t slot = vn_probe_link_slot(t, link, dir);
	struct vn_disc own = *disc;

	/* Fresh draws: with the link's key the same probes would meet the same fates each time, right or wrong. */
	own.key = vn_mix64(own.key ^ vn_now_ns());
	/* The engine that is asked about, whatever traffic the probes look like. */
	own.holder = engine == VN_ENGINE_BULK ? VN_HOLDER_BULK : VN_HOLDER_PRECISE;
	vn_exec_set_disc(m->store->fabric, slot, &own);
	if (vn_placement_engine(&m->store->fabric->placement, slot) != engine &&
	    vn_placement_begin(&m->store->fabric->placement, slot, engine) == 0)
		vn_placement_settle(&m->store->fabric->placement);
	vn_dir_reset(&m->store->dp->maps, slot);
	t->dropped[link][dir] =
		(struct vn_verify_port){.engine_down = m->store->dp->maps.drop[slot].count[VN_DROP_ENGINE_DOWN],
					.ring_full = m->store->dp->maps.drop[slot].count[VN_DROP_RING_FULL]};
}

void vn_busy_look(struct vn_busy *b, uint64_t now_ns, uint64_t next_free_ns)
{
	if (!b->run_from_ns || b->last_free_ns < now_ns)
		b->run_from_ns = now_ns;
	b->last_free_ns = next_free_ns;
	if (now_ns - b->run_from_ns > b->to_ns - b->from_ns) {
		b->from_ns = b->run_from_ns;
		b->to_ns = now_ns;
	}
}

static void complete_job(const struct vn_probe_link *t, size_t i, struct vn_probe_job *j)
{
	const struct vn_link *l = &t->topo->links[i / VN_DIRS];
	const int dir = (int)(i % VN_DIRS);

	j->tx_ns = t->netns_fd[dir];
	j->rx_ns = t->netns_fd[!dir];
	j->tx_ifindex = VN_IFINDEX_NODE + l->ports[dir].number;
	j->rx_ifindex = VN_IFINDEX_NODE + l->ports[!dir].number;
	memcpy(j->src, l->ports[dir].mac, sizeof(j->src));
	memcpy(j->dst, l->ports[!dir].mac, sizeof(j->dst));
	j->len = VN_MAX(j->len, VN_PROBE_LEN_MIN);
	j->burst_len = VN_MAX(j->burst_len, VN_PROBE_LEN_MIN);
}

static void look(struct vn_measure *m, const struct vn_probe_link *t, const struct vn_probe_job *jobs, size_t n,
		 struct vn_probe_seen *seen)
{
	for (size_t i = 0; i < n; i++) {
		if (seen[i].has_before || !jobs[i].n)
			continue;
		vn_dir_read(&m->store->dp->maps, vn_probe_link_slot(t, i / VN_DIRS, (int)(i % VN_DIRS)),
			    &seen[i].before);
		seen[i].has_before = true;
	}
}

int vn_probe_run(struct vn_measure *m, const bool *cancelled, struct vn_probe_link *t, struct vn_probe_job *jobs,
		 size_t n, struct vn_probe_shared *s, struct vn_probe_seen *seen, struct vn_err *err)
{
	bool killed = false;
	int pid, st = 0;

	for (size_t i = 0; i < n; i++)
		complete_job(t, i, &jobs[i]);
	pid = vn_prober_start(jobs, n, s);
	if (pid < 0)
		return vn_err_kernel(err, -pid, "probe: fork: %s", strerror(-pid));
	while (waitpid(pid, &st, WNOHANG) == 0) {
		vn_job_sleep(m->store->jobs, LOOK_NS);
		if (seen && __atomic_load_n(&s->bursting, __ATOMIC_ACQUIRE))
			look(m, t, jobs, n, seen);
		if (!killed && (*m->stop || (cancelled && *cancelled))) {
			killed = true;
			kill(pid, SIGKILL);
		}
	}
	if (killed)
		return vn_err(err, VN_EXIT_CHANGED, ECANCELED, "probe: cancelled");
	if (!WIFEXITED(st) || WEXITSTATUS(st))
		return vn_err_kernel(err, ECHILD, "probe: its process failed");
	return s->error < 0 ? vn_err_kernel(err, -s->error, "probe: packet sockets: %s", strerror(-s->error)) : 0;
}
