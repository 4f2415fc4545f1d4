/* SPDX-License-Identifier: GPL-2.0-only */
/* vnet.node.attach and detach; on whose behalf containers run. */
#include "base/log.h"
#include "methods/methods.h"

#include <linux/nsfs.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include <base/userns.h>
#include <base/util.h>

#include "model/container.h"

/* Who may enter it: root, and the one to whom its user namespace belongs (rootless containers). */
static bool may_enter(int fd, uid_t uid)
{
	cleanup_close int user = -EBADF;
	uid_t owner;

	if (uid == 0)
		return true;
	user = ioctl(fd, NS_GET_USERNS);
	return user >= 0 && ioctl(user, NS_GET_OWNER_UID, &owner) == 0 && owner == uid;
}

/* The running node that has namespace @fd; false: none. */
static bool find_owner(struct vn_parts *parts, int fd, const struct vn_running **ret_run, size_t *ret_node)
{
	for (size_t i = 0; i < parts->store.n_running; i++)
		for (size_t n = 0; n < parts->store.running[i]->topo->n_nodes; n++) {
			char name[VN_NETNS_NAME_MAX];
			cleanup_close int there =
				vn_netns_open(vn_netns_name(name, parts->store.running[i]->topo->name,
							    parts->store.running[i]->topo->nodes[n].name));

			if (!vn_netns_same(fd, there))
				continue;
			*ret_run = parts->store.running[i];
			*ret_node = n;
			return true;
		}
	return false;
}

static int check_namespace(struct vn_parts *parts, const struct vn_conn *c, const char *node, struct vn_err *err)
{
	if (c->passed < 0 || ioctl(c->passed, NS_GET_NSTYPE) != CLONE_NEWNET)
		return vn_err_usage(err, "node %s: what was given is not a network namespace", node);
	if (!may_enter(c->passed, c->uid))
		return vn_err(err, VN_EXIT_DENIED, EPERM,
			      "node %s: the namespace belongs to somebody else: only root, or who may enter it, can "
			      "attach it",
			      node);
	if (vn_netns_same(c->passed, parts->fabric.home.host_netns_fd))
		return vn_err_usage(
			err, "node %s: that is the host's own namespace: start the container with `--network none`",
			node);
	if (vn_netns_same(c->passed, parts->fabric.home.netns_fd))
		return vn_err_usage(err, "node %s: that is %s, the agent's own namespace", node, VN_FABRIC_NAME);
	return 0;
}

struct target {
	struct vn_hold hold;
	struct vn_running *run;
	size_t index;
	const char *node, *holder; /* holder NULL: not named */
	char held_by[VN_HOLDER_MAX];
	bool held, ended;
};

static void target_release(struct target *t)
{
	vn_hold_drop(&t->hold);
}
#define cleanup_target __attribute__((cleanup(target_release)))

static int find_target(struct vn_parts *parts, struct vn_conn *c, const json_t *params, struct target *ret,
		       struct vn_err *err)
{
	const char *name = json_string_value(json_object_get(params, "name"));
	char topo[VN_NAME_MAX + 1];
	const struct vn_node *n;
	int r;

	ret->holder = json_string_value(json_object_get(params, "holder"));
	if (ret->holder && strpbrk(ret->holder, "\r\n"))
		return vn_err_usage(err, "parameter 'holder': not one line of at most %d bytes", VN_HOLDER_MAX - 1);
	r = vn_running_find_node(&parts->store, name, &ret->run, &ret->index, err);
	if (r < 0)
		return r;
	/* Another job may change the topology, or delete it, before it is ours. */
	snprintf(topo, sizeof(topo), "%s", ret->run->topo->name);
	r = vn_hold_mends(parts, c, topo, &ret->hold, err);
	if (r == 0)
		r = vn_running_find_node(&parts->store, name, &ret->run, &ret->index, err);
	if (r == 0 && strcmp(ret->run->topo->name, topo) != 0)
		r = vn_err(err, VN_EXIT_CHANGED, EAGAIN, "node %s: it was in topology %s a moment ago: try again", name,
			   topo);
	if (r < 0)
		return r;
	n = &ret->run->topo->nodes[ret->index];
	ret->node = n->name;
	if (!vn_node_has(n, VN_NODE_ATTACHED))
		return vn_err_usage(err, "node %s: its runtime is %s: only nodes with `runtime: external` are attached",
				    n->name, vn_runtime_words[n->runtime]);
	ret->held = vn_exec_attached(&parts->fabric, ret->run->topo, ret->index, ret->held_by, &ret->ended);
	return 0;
}

/* What @seen says is left to do. */
static int complete(struct vn_parts *parts, struct vn_conn *c, struct target *t, struct vn_observed *seen,
		    struct vn_err *err)
{
	const struct vn_change_progress told = vn_progress_to(c);
	struct vn_plan *plan = NULL;
	int r = vn_plan_make(t->run->topo, seen, t->run->topo, &plan, err);

	if (r == 0)
		r = vn_plan_execute(&parts->store, &told, plan, err);
	if (r == 0)
		vn_state_abandon(
			&parts->store,
			t->run->topo->name); /* from and to are the same: nothing to commit but the end of it */
	vn_plan_free(plan);
	return r;
}

static int move_to(struct vn_parts *parts, struct vn_conn *c, struct target *t, int fd, struct vn_err *err)
{
	const struct vn_node *n = &t->run->topo->nodes[t->index];
	struct vn_observed seen = {0};
	char name[VN_NETNS_NAME_MAX];
	cleanup_close int was = vn_netns_open(vn_netns_name(name, t->run->topo->name, n->name));
	int r = vn_observe(&parts->fabric, t->run->topo, &seen, err);

	if (r == 0)
		r = vn_exec_relocate(&parts->fabric, t->run->topo, t->index, fd, &seen, err);
	if (r == 0)
		r = complete(parts, c, t, &seen, err);
	vn_observed_release(&seen);
	if (r < 0 && was >= 0) {
		/* Back to where it was, and configured there. */
		struct vn_err ignored = {0};

		if (vn_observe(&parts->fabric, t->run->topo, &seen, &ignored) == 0 &&
		    vn_exec_relocate(&parts->fabric, t->run->topo, t->index, was, &seen, &ignored) == 0)
			complete(parts, c, t, &seen, &ignored);
		vn_observed_release(&seen);
	}
	vn_running_observe(&parts->store, t->run, NULL);
	vn_carrier_sync(&parts->observe);
	return r;
}

static void tell(struct vn_parts *parts, const struct target *t, const char *event, const char *holder)
{
	vn_tell(&parts->tell, json_pack("{s:s, s:s, s:s, s:s}", "event", event, "topology", t->run->topo->name, "node",
					t->node, "holder", holder));
}

static int reply_node(struct vn_parts *parts, const struct target *t, const char *word, bool value, json_t **ret_reply)
{
	vn_watch_touch(&parts->observe, t->run, t->index);
	vn_watch_sync(&parts->observe, t->run, t->index, vn_now_ns() + VN_WATCH_SHOW_NS);
	*ret_reply = json_pack("{s:b, s:o}", word, value, "node", vn_node_to_json(parts, t->run, t->index));
	return *ret_reply ? 0 : -ENOMEM;
}

int vn_op_node_attach(struct vn_parts *parts, struct vn_conn *c, const json_t *params, json_t **ret_reply,
		      struct vn_err *err)
{
	const pid_t pid = (pid_t)json_integer_value(json_object_get(params, "pid"));
	const struct vn_running *run;
	cleanup_target struct target t = {0};
	size_t node;
	bool moved;
	int r = find_target(parts, c, params, &t, err);

	if (r == 0)
		r = check_namespace(parts, c, t.node, err);
	if (r == 0 && t.run->topo->strict && vn_userns_is_ours(c->passed) != 0 && vn_may_have_net_admin(pid))
		r = vn_err(err, VN_EXIT_DENIED, EPERM,
			   "node %s: the topology is `strict: true`, and that namespace belongs to the machine's user "
			   "namespace: with NET_ADMIN, which %s, its root reaches every link of the machine",
			   t.node, pid > 0 ? "its process may have" : "nobody can rule out without a process");
	if (r < 0)
		return r;
	moved = true;
	if (find_owner(parts, c->passed, &run, &node)) {
		if (run != t.run || node != t.index)
			return vn_err_usage(err, "node %s: that namespace is node %s/%s", t.node, run->topo->name,
					    run->topo->nodes[node].name);
		moved = false;
	}
	if (moved && t.held && !t.ended)
		return vn_err(err, VN_EXIT_USAGE, EBUSY, "node %s: it is attached already (%s): detach it first",
			      t.node, t.held_by);
	/* Again for the namespace that it has: whatever was lost there is made anew. */
	r = move_to(parts, c, &t, c->passed, err);
	if (r == 0)
		r = vn_exec_attached_note(&parts->fabric, t.run->topo, t.index, t.holder ?: "somebody", pid, err);
	if (r < 0)
		return r;
	tell(parts, &t, "node-attached", t.holder ?: "somebody");
	return reply_node(parts, &t, "attached", moved, ret_reply);
}

int vn_op_node_detach(struct vn_parts *parts, struct vn_conn *c, const json_t *params, json_t **ret_reply,
		      struct vn_err *err)
{
	char name[VN_NETNS_NAME_MAX];
	cleanup_close int fd = -EBADF;
	cleanup_target struct target t = {0};
	int r = find_target(parts, c, params, &t, err);

	if (r < 0)
		return r;
	if (!t.held || (t.holder && strcmp(t.holder, t.held_by) != 0))
		return reply_node(parts, &t, "detached", false, ret_reply);
	fd = vn_netns_open(vn_netns_name(name, t.run->topo->name, t.node));
	if (c->uid != 0 && !may_enter(fd, c->uid))
		return vn_err(err, VN_EXIT_DENIED, EPERM,
			      "node %s: only root, or who may enter its namespace, can "
			      "detach it",
			      t.node);
	r = move_to(parts, c, &t, -1, err);
	if (r < 0)
		return r;
	vn_exec_attached_forget(&parts->fabric, t.run->topo, t.index);
	tell(parts, &t, "node-detached", t.held_by);
	return reply_node(parts, &t, "detached", true, ret_reply);
}

/*
 * A container gets of the host's files what the one may give who described it: that is remembered, and counts whenever
 * it starts again, whoever's apply or restart that is (runtime/image.h). Root's becomes another user's when that user
 * starts it again: the files of the host are not lent to whoever repeats root's words.
 */
void vn_containers_asked(struct vn_parts *parts, const struct vn_plan *plan, struct vn_topo *new, uid_t uid)
{
	const struct vn_running *run = vn_running_find(&parts->store, new->name);

	for (size_t i = 0; i < new->n_nodes; i++) {
		struct vn_node *n = &new->nodes[i];
		const struct vn_node *was = NULL;
		size_t old;

		if (!vn_node_has(n, VN_NODE_CONTAINER))
			continue;
		if (run && vn_topo_find_node(run->topo, n->name, &old) == 0)
			was = &run->topo->nodes[old];
		n->asked_by = was && was->runtime == n->runtime && json_equal(was->container, n->container)
				      ? was->asked_by
				      : uid;
	}
	for (size_t i = 0; i < plan->n_steps; i++)
		if (plan->steps[i].kind == VN_STEP_RUN && plan->steps[i].new != VN_NONE &&
		    !new->nodes[plan->steps[i].new].asked_by)
			new->nodes[plan->steps[i].new].asked_by = uid;
}

int vn_privileged_allowed(const struct vn_plan *plan, uid_t uid, struct vn_err *err)
{
	for (size_t i = 0; uid != 0 && i < plan->n_steps; i++) {
		const struct vn_step *s = &plan->steps[i];

		if ((s->kind == VN_STEP_NODE || s->kind == VN_STEP_RUN) && s->new != VN_NONE &&
		    plan->new->nodes[s->new].privileged)
			return vn_err(err, VN_EXIT_DENIED, EACCES,
				      "node %s: only root may ask for `privileged: true`: root in such a node reaches "
				      "every link of the machine",
				      plan->new->nodes[s->new].name);
	}
	return 0;
}
