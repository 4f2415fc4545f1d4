/* SPDX-License-Identifier: GPL-2.0-only */
/* Running a plan: batches of like steps, forwards; and backwards when one fails. */
#include <time.h>

#include <base/util.h>

#include "exec/exec_internal.h"

#define TICK_NS        (20 * VN_NSEC_PER_MSEC)
#define OPEN_NODES_MAX 256u /* namespaces kept open from one batch to the next */
#define STEPS_MAX      VN_EXEC_DELETE_BATCH

typedef int (*step_fn)(struct vn_exec *x, struct vn_step *steps, size_t n);

void vn_exec_tick(struct vn_exec *x, size_t done)
{
	uint64_t now = vn_now_ns();

	if (!x->ops || !x->ops->progress || now - x->told_ns < TICK_NS)
		return;
	x->ops->progress(x->ops->arg, x->n_done + done, x->n_steps);
	x->told_ns = vn_now_ns();
}

void vn_exec_pause(struct vn_exec *x, uint64_t ns)
{
	const struct timespec ts = {.tv_sec = (time_t)(ns / VN_NSEC_PER_SEC), .tv_nsec = (long)(ns % VN_NSEC_PER_SEC)};

	if (x->ops && x->ops->pause)
		x->ops->pause(x->ops->arg, ns);
	else
		nanosleep(&ts, NULL);
}

static void describe(void *arg, uint64_t tag, char *buf, size_t size)
{
	const struct vn_exec *x = arg;

	if (tag & VN_TAG_NODE) {
		snprintf(buf, size, "node %s", x->topo->nodes[tag & ~VN_TAG_NODE].name);
	} else {
		const struct vn_link *l = &x->topo->links[tag / VN_DIRS];
		const struct vn_port *port = &l->ports[tag % VN_DIRS];

		snprintf(buf, size, "link %s, port %s:%s", l->name, x->topo->nodes[port->node].name, port->ifname);
	}
}

static size_t n_nodes(const struct vn_topo *t)
{
	return t ? t->n_nodes : 0;
}

static size_t n_links(const struct vn_topo *t)
{
	return t ? t->n_links : 0;
}

static void exec_release(struct vn_exec *x)
{
	for (size_t i = 0; i < x->n_open_nodes; i++)
		close(x->node_fds[x->open_nodes[i]]);
	free(x->node_fds);
	free(x->open_nodes);
	free(x->new_link_made);
	free(x->retry);
	vn_nl_close(&x->nl);
	vn_nl_close(&x->node_nl);
	vn_look_release(&x->look);
	vn_proc_release(&x->proc);
}

static int exec_init(struct vn_exec *x)
{
	const size_t nodes = n_nodes(x->new), links = n_links(x->new);
	int r;

	x->node_fds = malloc((nodes ?: 1) * sizeof(*x->node_fds));
	x->open_nodes = calloc(nodes ?: 1, sizeof(*x->open_nodes));
	x->new_link_made = calloc(links ?: 1, sizeof(*x->new_link_made));
	x->retry = calloc((size_t)VN_EXEC_CREATE_BATCH * VN_DIRS, sizeof(*x->retry));
	if (!x->node_fds || !x->open_nodes || !x->new_link_made || !x->retry)
		return vn_err_kernel(x->err, ENOMEM, "executor: %s", strerror(ENOMEM));
	for (size_t i = 0; i < nodes; i++)
		x->node_fds[i] = -1;
	x->nl.describe = x->node_nl.describe = describe;
	x->nl.arg = x->node_nl.arg = x;
	r = vn_home_nl_open(&x->f->home, x->f->home.netns_fd, &x->nl, x->err);
	x->told_ns = vn_now_ns();
	return r;
}

/* Namespaces stay open from batch to batch, since neighbours share them; but not without bound. */
static void close_nodes(struct vn_exec *x)
{
	if (x->n_open_nodes <= OPEN_NODES_MAX)
		return;
	while (x->n_open_nodes) {
		size_t i = x->open_nodes[--x->n_open_nodes];

		close(x->node_fds[i]);
		x->node_fds[i] = -1;
	}
}

static step_fn step_function(const struct vn_step *s)
{
	switch (s->kind) {
	case VN_STEP_NODE:
		return s->new != VN_NONE ? vn_exec_nodes_create : vn_exec_nodes_delete;
	case VN_STEP_LINK:
		return s->new != VN_NONE ? vn_exec_links_create : vn_exec_links_delete;
	case VN_STEP_DISC:
		return vn_exec_discs;
	case VN_STEP_CONFIG:
		return vn_exec_configs;
	case VN_STEP_BORROW:
		return s->new != VN_NONE ? vn_exec_borrow : vn_exec_give_back;
	case VN_STEP_RUN:
		return s->new != VN_NONE ? vn_exec_runs_start : vn_exec_runs_stop;
	}
	return NULL;
}

/*
 * What the first end that came up sent to groups found the other one down: that is no loss of the link's. Its figures
 * begin when both are up.
 */
static void begin_figures(struct vn_exec *x)
{
	for (size_t i = 0; i < x->n_steps; i++) {
		const struct vn_step *s = &x->steps[i];

		for (int side = 0; s->kind == VN_STEP_LINK && s->new != VN_NONE &&side < VN_DIRS; side++)
			vn_dir_reset(&x->f->dp->maps, x->new->links[s->new].ports[side].number);
	}
}

/* Run all steps; mending goes on after a failure and returns the first. */
static int run_steps(struct vn_exec *x)
{
	int first = 0;

	for (size_t i = 0, n; i < x->n_steps; i += n) {
		const step_fn fn = step_function(&x->steps[i]);
		int r;

		for (n = 1; n < STEPS_MAX && i + n < x->n_steps && step_function(&x->steps[i + n]) == fn; n++)
			;
		x->topo = x->steps[i].new != VN_NONE ? x->new : x->old;
		r = fn(x, &x->steps[i], n);
		if (r < 0 && !x->mending)
			return r;
		first = first ?: r;
		x->n_done += n;
		if (fn == vn_exec_configs)
			begin_figures(x);
		close_nodes(x);
	}
	return first;
}

static void add_inverse(struct vn_exec *back, const struct vn_step *s)
{
	back->steps[back->n_steps++] = (struct vn_step){.kind = s->kind, .old = s->new, .new = s->old};
}

/* A container that is to run again does so in a node that is complete. */
static bool is_stop(const struct vn_step *s)
{
	return s->kind == VN_STEP_RUN && s->new == VN_NONE;
}

/*
 * What was begun, turned round, newest first. Configuration comes after that, once per node, whether it had been
 * changed or a device of the node has to be made anew; containers last.
 */
static void invert(const struct vn_exec *x, struct vn_exec *back, size_t *config_of)
{
	for (size_t i = 0; i < n_nodes(back->new); i++)
		config_of[i] = VN_NONE;
	for (size_t i = x->n_steps; i-- > 0;)
		if (x->steps[i].done && x->steps[i].kind != VN_STEP_CONFIG && !is_stop(&x->steps[i]))
			add_inverse(back, &x->steps[i]);
	for (size_t i = 0, n = back->n_steps; i < n; i++) {
		const struct vn_step *s = &back->steps[i];

		if (s->new == VN_NONE)
			continue;
		if (s->kind == VN_STEP_NODE)
			config_of[s->new] = n_nodes(back->old);
		for (int side = 0; s->kind == VN_STEP_LINK && side < VN_DIRS; side++)
			config_of[back->new->links[s->new].ports[side].node] = n_nodes(back->old);
	}
	for (size_t i = 0; i < x->n_steps; i++)
		if (x->steps[i].done && x->steps[i].kind == VN_STEP_CONFIG && x->steps[i].old != VN_NONE)
			config_of[x->steps[i].old] = x->steps[i].new;
	for (size_t i = 0; i < n_nodes(back->new); i++)
		if (config_of[i] != VN_NONE)
			back->steps[back->n_steps++] = (struct vn_step){
				.kind = VN_STEP_CONFIG,
				.old = config_of[i] == n_nodes(back->old) ? VN_NONE : config_of[i],
				.new = i,
			};
	for (size_t i = 0; i < x->n_steps; i++)
		if (x->steps[i].done && is_stop(&x->steps[i]))
			add_inverse(back, &x->steps[i]);
}

static int undo(const struct vn_exec *x, struct vn_err *err)
{
	struct vn_exec back = {.f = x->f,
			       .old = x->new,
			       .new = x->old,
			       .err = err,
			       .mending = true,
			       .nl = VN_NL_INIT,
			       .node_nl = VN_NL_INIT,
			       .look = VN_LOOK_INIT,
			       .proc = VN_PROC_INIT};
	cleanup_free size_t *config_of = calloc(n_nodes(x->old) ?: 1, sizeof(*config_of));
	int r;

	back.steps = calloc(x->n_steps + n_nodes(x->old) + 1, sizeof(*back.steps));
	if (!config_of || !back.steps) {
		free(back.steps);
		return vn_err_kernel(err, ENOMEM, "%s", strerror(ENOMEM));
	}
	invert(x, &back, config_of);
	r = exec_init(&back);
	if (r == 0)
		r = run_steps(&back);
	exec_release(&back);
	free(back.steps);
	return r;
}

/* Make @err tell of the rollback; the failure itself was told already. */
static void tell_undone(struct vn_err *err, const struct vn_err *undo_err)
{
	size_t len = strlen(err->text);

	err->exit = VN_EXIT_ROLLED_BACK;
	if (undo_err->err)
		snprintf(err->text + len, sizeof(err->text) - len, "; not everything could be undone: %s",
			 undo_err->text);
	else
		snprintf(err->text + len, sizeof(err->text) - len, "; everything was undone");
}

int vn_exec_run(struct vn_fabric *f, struct vn_plan *p, const struct vn_exec_ops *ops, struct vn_err *err)
{
	struct vn_err local = {0};
	struct vn_exec x = {
		.f = f,
		.old = p->old,
		.new = p->new,
		.steps = p->steps,
		.n_steps = p->n_steps,
		.ops = ops,
		.err = err ?: &local,
		.nl = VN_NL_INIT,
		.node_nl = VN_NL_INIT,
		.look = VN_LOOK_INIT,
		.proc = VN_PROC_INIT,
	};
	struct vn_err undo_err = {0};
	int r;

	if (!p->n_steps)
		return 0;
	r = exec_init(&x);
	if (r == 0) {
		r = run_steps(&x);
		if (r < 0) {
			vn_err_kernel(x.err, -r, "%s", strerror(-r));
			undo(&x, &undo_err);
			tell_undone(x.err, &undo_err);
		}
	}
	if (r == 0)
		vn_exec_settle(&x);
	exec_release(&x);
	if (r == 0 && ops && ops->progress)
		ops->progress(ops->arg, p->n_steps, p->n_steps);
	return r;
}

int vn_exec_heal(struct vn_fabric *f, const struct vn_topo *t, size_t node, const char *drift, struct vn_err *err)
{
	struct vn_step step = {.kind = VN_STEP_CONFIG, .old = node, .new = node, .drift = (char *)drift, .mends = true};
	struct vn_plan plan = {.old = t, .new = t, .steps = &step, .n_steps = 1};

	return vn_exec_run(f, &plan, NULL, err);
}

/*
 * Links that the plan would make, but whose two pairs were seen: the change got that far, or had not come to delete
 * them. Not so when the number belongs to another link in @other as well, or when the link there has other devices.
 */
static int find_adoptable(struct vn_fabric *f, const struct vn_topo *other, const struct vn_topo *goal,
			  bool **ret_adopt, struct vn_err *err)
{
	const uint32_t max = f->dp->maps.max_ports;
	cleanup_free struct vn_host_end *ends = NULL;
	bool *adopt;
	int r = vn_exec_seen_ports(f, &ends, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n_links(other) * VN_DIRS; i++) {
		uint32_t number = other->links[i / VN_DIRS].ports[i % VN_DIRS].number;

		if (number < max)
			ends[number].mtu = 0;
	}
	adopt = calloc(n_links(goal) ?: 1, sizeof(*adopt));
	if (!adopt)
		return vn_err_kernel(err, ENOMEM, "recovery: %s", strerror(ENOMEM));
	for (size_t i = 0; i < n_links(goal); i++) {
		const struct vn_link *l = &goal->links[i];

		/* Borrowed devices are taken anew in any case: their links follow. */
		adopt[i] = !vn_link_has(l, VN_TRAIT_BORROWED);
		for (int side = 0; side < VN_DIRS; side++)
			adopt[i] &= l->ports[side].number < max && ends[l->ports[side].number].mtu == l->mtu;
	}
	*ret_adopt = adopt;
	return 0;
}

int vn_exec_recover(struct vn_fabric *f, const struct vn_topo *from, const struct vn_topo *to,
		    const struct vn_topo *goal, struct vn_err *err)
{
	const struct vn_topo *other = goal == to ? from : to;
	struct vn_exec x = {
		.f = f,
		.old = other,
		.new = goal,
		.err = err,
		.mending = true,
		.nl = VN_NL_INIT,
		.node_nl = VN_NL_INIT,
		.look = VN_LOOK_INIT,
		.proc = VN_PROC_INIT,
	};
	struct vn_plan *plan = NULL;
	int r = vn_plan_make(other, NULL, goal, &plan, err);

	if (r == 0)
		r = find_adoptable(f, other, goal, &x.adopt_link, err);
	if (r == 0)
		r = exec_init(&x);
	if (r == 0) {
		x.steps = plan->steps;
		x.n_steps = plan->n_steps;
		r = run_steps(&x);
	}
	exec_release(&x);
	free(x.adopt_link);
	vn_plan_free(plan);
	return r;
}
