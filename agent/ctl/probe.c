/* SPDX-License-Identifier: GPL-2.0-only */
#include "ctl/probe.h"

#include <signal.h>
#include <sys/wait.h>

#include <vnet/discipline.h>
#include <vnet/util.h>

#include "exec/plan.h"
#include "exec/shard.h"
#include "net/veth.h"
#include "topo/topo.h"

#define LOOK_MS 5 /* how often the queue is looked at */

/* --- the twin ----------------------------------------------------------------------------------------------------- */

static void plan_freep(struct vn_plan **p)
{
	vn_plan_free(*p);
}
#define cleanup_plan __attribute__((cleanup(plan_freep)))

static void observed_release(struct vn_observed *o)
{
	vn_observed_release(o);
}
#define cleanup_observed __attribute__((cleanup(observed_release)))

static int make_topo(struct vn_daemon *d, uint32_t mtu, struct vn_topo **ret_topo, struct vn_err *err)
{
	cleanup_topo struct vn_topo *t = NULL;
	char text[256];
	int n, r;

	n = snprintf(text, sizeof(text),
		     "name: " VN_TWIN_NAME "\nnodes: {a: {}, b: {}}\naddressing: none\nrouting: none\n"
		     "links: {twin: {endpoints: [a:probe, b:probe], mtu: %u}}\n",
		     mtu);
	r = vn_topo_parse(VN_TWIN_NAME, text, (size_t)n, &t, err);
	if (r == 0)
		r = vn_topo_resolve(t, NULL, vn_ports_alloc, d, err);
	if (r == 0)
		*ret_topo = take_ptr(t);
	return r;
}

static int twin_change(struct vn_daemon *d, struct vn_topo *from, struct vn_topo *to, struct vn_err *err)
{
	cleanup_observed struct vn_observed seen = {0};
	cleanup_plan struct vn_plan *plan = NULL;
	int r = from ? vn_observe(&d->fabric, from, &seen, err) : 0;

	if (r == 0)
		r = vn_plan_make(from, &seen, to, &plan, err);
	/* What is pending stays so while the twin is there: a daemon that dies meanwhile is followed by one that cleans
	 * up.
	 */
	return r == 0 ? vn_plan_execute(d, NULL, plan, err) : r;
}

int vn_twin_open(struct vn_daemon *d, struct vn_conn *c, uint32_t mtu, struct vn_twin *ret, struct vn_err *err)
{
	struct vn_twin t = {.netns_fd = {-EBADF, -EBADF}};
	int r;

	if (vn_running_find(d, VN_TWIN_NAME))
		return vn_err(err, VN_EXIT_CHANGED, EBUSY,
			      "topology " VN_TWIN_NAME " has the name that probes need: delete it");
	r = make_topo(d, mtu, &t.topo, err);
	if (r == 0)
		r = twin_change(d, NULL, t.topo, err);
	if (r < 0) {
		vn_topo_free(t.topo);
		vn_ports_rebuild(d);
		return r;
	}
	d->busy = true;
	for (int i = 0; i < VN_DIRS && r >= 0; i++) {
		char name[VN_NETNS_NAME_MAX];

		r = t.netns_fd[i] = vn_netns_open(vn_netns_name(name, t.topo->name, t.topo->nodes[i].name));
	}
	if (r < 0) {
		vn_twin_close(d, &t);
		return vn_err_kernel(err, -r, "probe: its namespace: %s", strerror(-r));
	}
	*ret = t;
	return 0;
}

void vn_twin_close(struct vn_daemon *d, struct vn_twin *t)
{
	struct vn_err err = {0};

	for (int i = 0; i < VN_DIRS; i++)
		vn_cleanup_close(&t->netns_fd[i]);
	if (twin_change(d, t->topo, NULL, &err) < 0)
		vn_log("probe: cleaning up: %s", err.text);
	else
		vn_state_abandon(d);
	d->busy = false;
	vn_topo_free(t->topo);
	t->topo = NULL;
	vn_ports_rebuild(d);
}

uint32_t vn_twin_slot(const struct vn_twin *t, int dir)
{
	return t->topo->links[0].ports[dir].number;
}

void vn_twin_set(struct vn_daemon *d, struct vn_twin *t, int dir, const struct vn_disc *disc, uint32_t trunk)
{
	const uint32_t slot = vn_twin_slot(t, dir);
	struct vn_disc own = *disc;

	/* Fresh draws: with the link's key the same probes would meet the same fates each time, right or wrong. */
	own.key = vn_mix64(own.key ^ vn_now_ns());
	vn_exec_set_disc(&d->fabric, slot, &own);
	if (vn_shard_trunk(&d->fabric, slot) != trunk && vn_shard_begin(&d->fabric, slot, trunk) == 0)
		vn_shard_settle(&d->fabric);
	vn_dir_reset(&d->dp.maps, slot);
	t->engine_down[dir] = d->dp.maps.drop[slot].count[VN_DROP_ENGINE_DOWN];
}

/* --- looking at a queue ------------------------------------------------------------------------------------------- */

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

uint64_t vn_rate_bits(const struct vn_disc *d, uint32_t len)
{
	const struct vn_disc_in in = {.len = len, .segs = 1};

	return vn_disc_rate_bytes(d, &in) * 8;
}

/* --- running ------------------------------------------------------------------------------------------------------ */

static void complete_jobs(const struct vn_twin *t, struct vn_probe_job jobs[VN_DIRS])
{
	for (int dir = 0; dir < VN_DIRS; dir++) {
		const struct vn_port *from = &t->topo->links[0].ports[dir], *to = &t->topo->links[0].ports[!dir];
		struct vn_probe_job *j = &jobs[dir];

		j->tx_ns = t->netns_fd[dir];
		j->rx_ns = t->netns_fd[!dir];
		j->tx_ifindex = VN_IFINDEX_NODE + from->number;
		j->rx_ifindex = VN_IFINDEX_NODE + to->number;
		memcpy(j->src, from->mac, sizeof(j->src));
		memcpy(j->dst, to->mac, sizeof(j->dst));
		j->len = VN_MAX(j->len, VN_PROBE_LEN_MIN);
		j->burst_len = VN_MAX(j->burst_len, VN_PROBE_LEN_MIN);
	}
}

int vn_probe_run(struct vn_daemon *d, struct vn_conn *c, struct vn_twin *t, struct vn_probe_job jobs[VN_DIRS],
		 struct vn_probe_shared *s, struct vn_busy busy[VN_DIRS], struct vn_err *err)
{
	bool cancelled = false;
	int pid, st = 0;

	complete_jobs(t, jobs);
	pid = vn_prober_start(jobs, s);
	if (pid < 0)
		return vn_err_kernel(err, -pid, "probe: fork: %s", strerror(-pid));
	while (waitpid(pid, &st, WNOHANG) == 0) {
		vn_loop_turn(&d->loop, LOOK_MS);
		for (int dir = 0; busy && dir < VN_DIRS; dir++)
			vn_busy_look(&busy[dir], vn_now_ns(),
				     __atomic_load_n(&d->dp.maps.dir[vn_twin_slot(t, dir)].state.next_free_ns,
						     __ATOMIC_RELAXED));
		if (!cancelled && (d->stop || (c && c->dead))) {
			cancelled = true;
			kill(pid, SIGKILL);
		}
	}
	if (cancelled)
		return vn_err(err, VN_EXIT_CHANGED, ECANCELED, "probe: cancelled");
	if (!WIFEXITED(st) || WEXITSTATUS(st))
		return vn_err_kernel(err, ECHILD, "probe: its process failed");
	return s->error < 0 ? vn_err_kernel(err, -s->error, "probe: packet sockets: %s", strerror(-s->error)) : 0;
}
