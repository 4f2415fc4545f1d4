/* SPDX-License-Identifier: GPL-2.0-only */
/* What runs in nodes: containers started and stopped by the runner, several at a time. */
#include <vnet/util.h>

#include "exec/internal.h"

#define TURN_MS 20

static struct vn_runner_job job_of(const struct vn_topo *t, size_t node, enum vn_runner_op op)
{
	const struct vn_node *n = &t->nodes[node];

	return (struct vn_runner_job){.op = op,
				      .runtime = (enum vn_runtime)n->runtime,
				      .topo = t->name,
				      .node = n->name,
				      .place = node,
				      .o = n->container};
}

/* A batch of operations: which of the @n steps each reply belongs to. */
struct batch {
	struct vn_runner *runner;
	const struct vn_topo *topo;
	uint64_t *ids;
	size_t *nodes;
	size_t n, sent, received;
	enum vn_runner_op op;
	struct vn_err *err;
	int first; /* failure */
};

static void take_reply(struct batch *b, uint64_t id, const struct vn_err *why)
{
	b->received++;
	if (!why->err || b->first)
		return;
	for (size_t i = 0; i < b->sent; i++)
		if (b->ids[i] == id)
			b->first = vn_err(b->err, why->exit, why->err, "node %s: %s", b->topo->nodes[b->nodes[i]].name,
					  why->text);
}

/* Send as much as the runner takes, wait for a reply. 0, or the runner is gone. After a failure nothing more begins. */
static int turn(struct batch *b)
{
	struct vn_err why = {0};
	uint64_t id;
	pid_t pid;
	int r = 0;

	while (!b->first && b->sent < b->n) {
		const struct vn_runner_job job = job_of(b->topo, b->nodes[b->sent], b->op);

		r = vn_runner_send(b->runner, &job, &b->ids[b->sent], b->err);
		if (r == -EAGAIN)
			break;
		if (r < 0)
			return r;
		b->sent++;
	}
	r = vn_runner_receive(b->runner, TURN_MS, &id, &pid, &why);
	if (r == 0)
		take_reply(b, id, &why);
	return r == -EAGAIN ? 0
	       : r < 0      ? vn_err_kernel(b->err, -r, "the runner of containers died: %s", strerror(-r))
			    : 0;
}

static bool finished(const struct batch *b)
{
	return b->received == b->sent && (b->first || b->sent == b->n);
}

/* @tick is called between turns; NULL: nothing to serve meanwhile. */
static int run_batch(struct batch *b, struct vn_exec *x)
{
	int r = 0;

	b->ids = calloc(b->n ?: 1, sizeof(*b->ids));
	if (!b->ids)
		return -ENOMEM;
	while (r == 0 && !finished(b)) {
		r = turn(b);
		if (x)
			vn_exec_tick(x, b->received);
	}
	free(b->ids);
	return r < 0 ? r : b->first;
}

static int run_steps(struct vn_exec *x, struct vn_step *steps, size_t n, const struct vn_topo *t, enum vn_runner_op op)
{
	cleanup_free size_t *nodes = calloc(n, sizeof(*nodes));
	struct batch b = {.runner = x->f->runner, .topo = t, .nodes = nodes, .n = n, .op = op, .err = x->err};

	if (!nodes)
		return vn_err_kernel(x->err, ENOMEM, "containers: %s", strerror(ENOMEM));
	if (!b.runner)
		return vn_err_kernel(x->err, ENOTCONN, "containers: there is no runner");
	for (size_t i = 0; i < n; i++) {
		nodes[i] = op == VN_RUNNER_START ? steps[i].new : steps[i].old;
		steps[i].done = true;
	}
	return run_batch(&b, x);
}

int vn_exec_runs_start(struct vn_exec *x, struct vn_step *steps, size_t n)
{
	return run_steps(x, steps, n, x->new, VN_RUNNER_START);
}

int vn_exec_runs_stop(struct vn_exec *x, struct vn_step *steps, size_t n)
{
	return run_steps(x, steps, n, x->old, VN_RUNNER_STOP);
}

int vn_exec_sandbox(struct vn_exec *x, size_t node, pid_t *ret_pid)
{
	const struct vn_runner_job job = job_of(x->new, node, VN_RUNNER_SANDBOX);
	struct vn_err why = {0};
	uint64_t id, got;
	int r;

	if (!x->f->runner)
		return vn_err_kernel(x->err, ENOTCONN, "containers: there is no runner");
	r = vn_runner_send(x->f->runner, &job, &id, x->err);
	if (r < 0)
		return r;
	while ((r = vn_runner_receive(x->f->runner, TURN_MS, &got, ret_pid, &why)) == -EAGAIN)
		vn_exec_tick(x, 0);
	if (r < 0)
		return vn_err_kernel(x->err, -r, "the runner of containers died: %s", strerror(-r));
	if (r == 0 && why.err)
		r = vn_err(x->err, why.exit, why.err, "node %s: %s", x->new->nodes[node].name, why.text);
	return r;
}

int vn_exec_check_runs(const struct vn_fabric *f, const struct vn_plan *p, struct vn_err *err)
{
	cleanup_free size_t *nodes = calloc(p->n_steps ?: 1, sizeof(*nodes));
	struct batch b = {.runner = f->runner, .topo = p->new, .nodes = nodes, .op = VN_RUNNER_CHECK, .err = err};

	if (!nodes)
		return vn_err_kernel(err, ENOMEM, "containers: %s", strerror(ENOMEM));
	for (size_t i = 0; i < p->n_steps; i++)
		if (p->steps[i].kind == VN_STEP_RUN && p->steps[i].new != VN_NONE)
			nodes[b.n++] = p->steps[i].new;
	return b.n ? run_batch(&b, NULL) : 0;
}
