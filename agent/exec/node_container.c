/* SPDX-License-Identifier: GPL-2.0-only */
/* What runs in nodes: containers started and stopped by the runner, several at a time. */
#include <fcntl.h>
#include <unistd.h>

#include <base/util.h>

#include "exec/exec_internal.h"

#define LOOK_NS (2 * VN_NSEC_PER_MSEC) /* how often replies are looked for */

static bool has_ports(const struct vn_topo *t, const struct vn_node *n)
{
	for (size_t i = 0; i < n->n_links; i++)
		if (t->links[n->link_ids[i] / VN_DIRS].ports[n->link_ids[i] % VN_DIRS].handover &
		    (VN_HANDOVER_CNI | VN_HANDOVER_LIBVNET))
			return true;
	return false;
}

static struct vn_runner_job job_of(const struct vn_topo *t, size_t node, enum vn_runner_op op)
{
	const struct vn_node *n = &t->nodes[node];

	return (struct vn_runner_job){.op = op,
				      .runtime = (enum vn_runtime)n->runtime,
				      .topo = t->name,
				      .node = n->name,
				      .place = node,
				      .ports = has_ports(t, n),
				      .asked_by = n->asked_by,
				      .privileged = n->privileged,
				      .o = n->container};
}

/* A batch of operations: which of the @n steps each reply belongs to. */
struct batch {
	struct vn_runner *runner;
	const struct vn_topo *topo;
	uint64_t *ids; /* 0: answered */
	size_t *nodes;
	size_t n, sent, received;
	enum vn_runner_op op;
	struct vn_err *err;
	int first; /* failure */
};

static int runner_died(struct vn_err *err, int r)
{
	return vn_err_kernel(err, -r, "the runner of containers %s",
			     r == -ECONNRESET ? "was killed; it is started again: try once more"
					      : "is gone: restart the daemon");
}

static int take_replies(struct batch *b)
{
	for (size_t i = 0; i < b->sent; i++) {
		struct vn_err why = {0};
		pid_t pid;
		int r = b->ids[i] ? vn_runner_receive(b->runner, b->ids[i], &pid, &why) : -EAGAIN;

		if (r < 0 && r != -EAGAIN)
			return runner_died(b->err, r);
		if (r < 0)
			continue;
		b->ids[i] = 0;
		b->received++;
		if (why.err && !b->first)
			b->first = vn_err(b->err, why.exit, why.err, "node %s: %s", b->topo->nodes[b->nodes[i]].name,
					  why.text);
	}
	return 0;
}

/*
 * Send as much as the runner takes, and take what it answered. 0, or the runner is gone. After a failure nothing more
 * begins; those under way are still waited for.
 */
static int turn(struct batch *b)
{
	while (!b->first && b->sent < b->n) {
		const struct vn_runner_job job = job_of(b->topo, b->nodes[b->sent], b->op);
		int r = vn_runner_send(b->runner, &job, &b->ids[b->sent], b->err);

		if (r == -EAGAIN)
			break;
		if (r < 0)
			b->first = r;
		else
			b->sent++;
	}
	return take_replies(b);
}

static bool finished(const struct batch *b)
{
	return b->received == b->sent && (b->first || b->sent == b->n);
}

static int run_batch(struct batch *b, struct vn_exec *x)
{
	int r = 0;

	b->ids = calloc(b->n ?: 1, sizeof(*b->ids));
	if (!b->ids)
		return -ENOMEM;
	while (r == 0 && !finished(b)) {
		r = turn(b);
		vn_exec_tick(x, b->received);
		if (r == 0 && !finished(b))
			vn_exec_pause(x, LOOK_NS);
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
	int r = x->ops && x->ops->before_runs ? x->ops->before_runs(x->ops->arg, x->new, x->err) : 0;

	return r < 0 ? r : run_steps(x, steps, n, x->new, VN_RUNNER_START);
}

int vn_exec_runs_stop(struct vn_exec *x, struct vn_step *steps, size_t n)
{
	return run_steps(x, steps, n, x->old, VN_RUNNER_STOP);
}

static int sandbox(struct vn_exec *x, const struct vn_topo *t, size_t node, enum vn_runner_op op, pid_t *ret_pid)
{
	const struct vn_runner_job job = job_of(t, node, op);
	struct vn_err why = {0};
	uint64_t id;
	int r;

	if (!x->f->runner)
		return vn_err_kernel(x->err, ENOTCONN, "containers: there is no runner");
	while ((r = vn_runner_send(x->f->runner, &job, &id, x->err)) == -EAGAIN)
		vn_exec_pause(x, LOOK_NS);
	if (r < 0)
		return r;
	while ((r = vn_runner_receive(x->f->runner, id, ret_pid, &why)) == -EAGAIN) {
		vn_exec_pause(x, LOOK_NS);
		vn_exec_tick(x, 0);
	}
	if (r < 0)
		return runner_died(x->err, r);
	return why.err ? vn_err(x->err, why.exit, why.err, "node %s: %s", t->nodes[node].name, why.text) : 0;
}

int vn_exec_sandbox(struct vn_exec *x, size_t node, int *ret_netns)
{
	char path[512];
	pid_t pid;
	int fd, r = sandbox(x, x->new, node, VN_RUNNER_SANDBOX, &pid);

	if (r < 0)
		return r;
	/* The daemon may not look into foreign processes: the runner has given the namespace a name. */
	snprintf(path, sizeof(path), "%s/" VN_RUNNER_DIR "/%s.%s/" VN_SANDBOX_NETNS, x->f->runtime_dir, x->new->name,
		 x->new->nodes[node].name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		r = vn_err_kernel(x->err, errno, "node %s: %s: %s", x->new->nodes[node].name, path, strerror(errno));
		vn_exec_sandbox_stop(x, x->new, node);
		return r;
	}
	*ret_netns = fd;
	return 0;
}

int vn_exec_sandbox_stop(struct vn_exec *x, const struct vn_topo *t, size_t node)
{
	pid_t pid;

	return sandbox(x, t, node, VN_RUNNER_SANDBOX_STOP, &pid);
}

/* Huge pages of all that starts, less what those have that stop first. */
static long long hugepages(const struct vn_plan *p)
{
	long long sum = 0;

	for (size_t i = 0; i < p->n_steps; i++) {
		const struct vn_step *s = &p->steps[i];
		const json_t *o = s->kind != VN_STEP_RUN ? NULL
				  : s->new != VN_NONE    ? p->new->nodes[s->new].container
							 : p->old->nodes[s->old].container;
		const long long bytes = json_integer_value(json_object_get(o, "hugepages_bytes"));

		sum += s->new != VN_NONE ? bytes : -bytes;
	}
	return sum;
}

static bool alike(const struct vn_node *a, const struct vn_node *b)
{
	return a->runtime == b->runtime && a->asked_by == b->asked_by && json_equal(a->container, b->container);
}

int vn_exec_check_runs(struct vn_fabric *f, const struct vn_plan *p, const struct vn_exec_ops *ops, struct vn_err *err)
{
	cleanup_free size_t *nodes = calloc(p->n_steps ?: 1, sizeof(*nodes));
	struct vn_exec x = {.f = f, .ops = ops, .n_steps = p->n_steps};
	struct batch b = {.runner = f->runner, .topo = p->new, .nodes = nodes, .op = VN_RUNNER_CHECK, .err = err};

	if (!nodes)
		return vn_err_kernel(err, ENOMEM, "containers: %s", strerror(ENOMEM));
	for (size_t i = 0; i < p->n_steps; i++) {
		const size_t node = p->steps[i].new;

		if (p->steps[i].kind != VN_STEP_RUN || node == VN_NONE)
			continue;
		/* Many nodes alike, as defaults make them, are asked for once. */
		if (b.n && alike(&p->new->nodes[nodes[b.n - 1]], &p->new->nodes[node]))
			continue;
		nodes[b.n++] = node;
	}
	if (!b.n)
		return 0;
	if (!b.runner)
		return vn_err_kernel(err, ENOTCONN, "containers: there is no runner");
	return vn_backend_check_hugepages(hugepages(p), err) ?: run_batch(&b, &x);
}
