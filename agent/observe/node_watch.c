// SPDX-License-Identifier: GPL-2.0-only
#include "observe/node_watch.h"

#include <linux/neighbour.h>
#include <linux/netconf.h>
#include <linux/rtnetlink.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>

#include <abi/ifindex.h>
#include <base/netlink.h>

#include "base/log.h"
#include "observe/observe.h"
#include "net/netns_events.h"
#include "net/veth.h"

#define BURST       64u                      /* messages in one turn of the loop */
#define TURN_NS     (2 * VN_NSEC_PER_MSEC)   /* of a plan's looks, then the loop is given way */
#define PAUSE_NS    (10 * VN_NSEC_PER_MSEC)  /* between two such turns */
#define LOOK_GAP_NS (50 * VN_NSEC_PER_MSEC)  /* between two looks into one node ... */
#define LOOK_SHARE  100u                     /* ... of which each takes at most a hundredth of the time */
#define JOB_GAP_NS  (200 * VN_NSEC_PER_USEC) /* between looks into different nodes, or as long as the last took */
#define ASK_SHARE   3u                       /* who asks waits for a costly node at most a quarter of the time */
#define CHEAP_NS    (3 * VN_NSEC_PER_MSEC)   /* who asks is answered by a look at once, unless it costs more */
#define TELL_GAP_NS (200 * VN_NSEC_PER_MSEC)

static int note_nsid(struct vn_watch *w, int nsid, struct vn_node_ref ref)
{
	size_t n = (size_t)nsid + 1;

	if (n > w->n_by_nsid) {
		struct vn_node_ref *more = reallocarray(w->by_nsid, n, sizeof(*more));

		if (!more)
			return -ENOMEM;
		for (size_t i = w->n_by_nsid; i < n; i++)
			more[i].run = VN_NONE;
		w->by_nsid = more;
		w->n_by_nsid = n;
	}
	w->by_nsid[nsid] = ref;
	return 0;
}

static void index_nsids(struct vn_observe *o)
{
	struct vn_watch *w = &o->watch;

	for (size_t i = 0; i < w->n_by_nsid; i++)
		w->by_nsid[i].run = VN_NONE;
	w->stale = false;
	for (size_t i = 0; i < o->store->n_running; i++)
		for (size_t n = 0; n < o->store->running[i]->topo->n_nodes; n++)
			if (o->store->running[i]->nodes[n].seen.nsid >= 0 &&
			    note_nsid(w, o->store->running[i]->nodes[n].seen.nsid, (struct vn_node_ref){i, n}) < 0)
				w->stale = true;
}

static bool is_ours(const struct vn_topo *t, const struct vn_node *n, uint32_t ifindex, const struct vn_port **ret_peer)
{
	*ret_peer = NULL;
	if (ifindex == VN_IFINDEX_LO)
		return true;
	for (size_t i = 0; i < n->n_links; i++) {
		const struct vn_link *l = &t->links[n->link_ids[i] / VN_DIRS];
		const size_t side = n->link_ids[i] % VN_DIRS;

		*ret_peer = &l->ports[!side];
		if (ifindex == VN_IFINDEX_NODE + l->ports[side].number)
			return true;
	}
	return false;
}

static const struct rtattr *find_attr(const struct nlmsghdr *h, size_t header, unsigned short type)
{
	int left = (int)h->nlmsg_len - (int)NLMSG_SPACE(header);
	const struct rtattr *a = (const struct rtattr *)((const uint8_t *)NLMSG_DATA(h) + NLMSG_ALIGN(header));

	for (; RTA_OK(a, left); a = RTA_NEXT(a, left))
		if (a->rta_type == type)
			return a;
	return NULL;
}

/* Neighbours come and go all the time: only the other end's entry is of our making. */
static bool is_peer(const struct nlmsghdr *h, const struct vn_port *peer)
{
	const struct ndmsg *nd = NLMSG_DATA(h);
	const struct rtattr *dst = find_attr(h, sizeof(*nd), NDA_DST);
	const struct vn_addr *a = nd->ndm_family == AF_INET6 ? &peer->ip6 : &peer->ip4;

	return dst && a->family == nd->ndm_family && RTA_PAYLOAD(dst) == (a->family == AF_INET6 ? 16 : 4) &&
	       memcmp(RTA_DATA(dst), a->bytes, RTA_PAYLOAD(dst)) == 0;
}

/* Something that we set may have changed by it. */
static bool concerns(const struct nlmsghdr *h, const struct vn_topo *t, const struct vn_node *n)
{
	const struct vn_port *peer;
	const struct rtattr *a;
	uint32_t index = 0;
	int32_t which = 0;

	/* The headers of links, addresses and neighbours have their index at the same place. */
	if (h->nlmsg_len < NLMSG_LENGTH(sizeof(struct ifaddrmsg)))
		return h->nlmsg_type == RTM_NEWNETCONF || h->nlmsg_type == RTM_DELNETCONF;
	memcpy(&index, (const uint8_t *)NLMSG_DATA(h) + 4, sizeof(index));
	switch (h->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
	case RTM_NEWADDR:
	case RTM_DELADDR:
		return is_ours(t, n, index, &peer);
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		return h->nlmsg_len >= NLMSG_LENGTH(sizeof(struct ndmsg)) && is_ours(t, n, index, &peer) && peer &&
		       is_peer(h, peer);
	case RTM_NEWROUTE: /* as the socket's filter lets them through */
	case RTM_DELROUTE:
		return true;
	case RTM_NEWNETCONF:
		a = find_attr(h, sizeof(struct netconfmsg), NETCONFA_IFINDEX);
		if (a && RTA_PAYLOAD(a) == sizeof(which))
			memcpy(&which, RTA_DATA(a), sizeof(which));
		return which < 0;
	}
	return false;
}

static void arm(struct vn_watch *w, uint64_t in_ns)
{
	const struct itimerspec its = {
		.it_value = {.tv_sec = (time_t)(in_ns / VN_NSEC_PER_SEC), .tv_nsec = (long)(in_ns % VN_NSEC_PER_SEC)}};
	struct itimerspec was;

	if (w->timer.fd < 0)
		return;
	if (timerfd_gettime(w->timer.fd, &was) == 0 && (was.it_value.tv_sec || was.it_value.tv_nsec) &&
	    (uint64_t)was.it_value.tv_sec * VN_NSEC_PER_SEC + (uint64_t)was.it_value.tv_nsec <= in_ns)
		return;
	timerfd_settime(w->timer.fd, 0, &its, NULL);
}

static void mark(struct vn_observe *o, struct vn_running *run, size_t node)
{
	struct vn_node_state *s = &run->nodes[node];

	if (s->dirty)
		return;
	s->dirty = true;
	arm(&o->watch, PAUSE_NS / 4);
}

void vn_watch_touch(struct vn_observe *o, struct vn_running *run, size_t node)
{
	for (size_t i = 0; i < run->topo->n_nodes; i++)
		if (node == VN_NONE || node == i)
			mark(o, run, i);
}

static void take_message(struct vn_observe *o, int nsid, const struct nlmsghdr *h)
{
	struct vn_watch *w = &o->watch;
	struct vn_running *run;
	struct vn_node_ref ref;

	if (w->stale)
		index_nsids(o);
	if (nsid < 0 || (size_t)nsid >= w->n_by_nsid || w->by_nsid[nsid].run == VN_NONE)
		return;
	ref = w->by_nsid[nsid];
	run = o->store->running[ref.run];
	if (!run->nodes[ref.node].dirty && concerns(h, run->topo, &run->topo->nodes[ref.node]))
		mark(o, run, ref.node);
}

/* At most @max messages; false when there are no more. */
static bool take_messages(struct vn_observe *o, unsigned int max)
{
	_Alignas(struct nlmsghdr) char buf[8192];
	const struct nlmsghdr *h;

	for (unsigned int i = 0; i < max; i++) {
		int nsid = -1;
		ssize_t n = vn_netlink_recv_nsid(o->watch.events.fd, 0, buf, sizeof(buf), MSG_DONTWAIT, &nsid);

		/* Too many at once, or one that is too long: which nodes they were about is not known. */
		if (n == -ENOBUFS || n == -EMSGSIZE)
			for (size_t r = 0; r < o->store->n_running; r++)
				vn_watch_touch(o, o->store->running[r], VN_NONE);
		if (n == -EAGAIN)
			return false;
		for (h = (struct nlmsghdr *)buf; n > 0 && NLMSG_OK(h, (size_t)n); h = NLMSG_NEXT(h, n))
			take_message(o, nsid, h);
	}
	return true;
}

static void on_events(void *arg, uint32_t events)
{
	take_messages(arg, BURST);
}

const char *vn_watch_node_text(const struct vn_running *run, size_t node, char buf[VN_WATCH_TEXT])
{
	return vn_drift_format(run->topo, node, &run->nodes[node].drift, VN_DRIFT_ALL, buf);
}

const char *vn_watch_link_text(const struct vn_running *run, size_t link, char buf[VN_WATCH_TEXT])
{
	const struct vn_link *l = &run->topo->links[link];
	size_t len = 0;

	*buf = '\0';
	for (int side = 0; side < VN_DIRS; side++) {
		const size_t node = l->ports[side].node;
		char text[VN_DRIFT_TEXT];

		if (side && node == l->ports[0].node)
			break;
		vn_drift_format(run->topo, node, &run->nodes[node].drift, link, text);
		if (*text)
			len += (size_t)snprintf(buf + len, VN_WATCH_TEXT - len, "%s%s: %s", len ? "; " : "",
						run->topo->nodes[node].name, text);
	}
	return buf;
}

const struct vn_device_drift *vn_watch_port(const struct vn_running *run, size_t link, int side)
{
	const size_t node = run->topo->links[link].ports[side].node;
	const struct vn_node *n = &run->topo->nodes[node];
	const struct vn_drift *d = &run->nodes[node].drift;

	for (size_t i = 0; d->any && i < n->n_links; i++)
		if (n->link_ids[i] == link * VN_DIRS + (size_t)side)
			return d->ports[i].bits ? &d->ports[i] : NULL;
	return NULL;
}

static uint64_t hash(const char *s)
{
	uint64_t h = 0xcbf29ce484222325;

	for (; *s; s++)
		h = (h ^ (uint8_t)*s) * 0x100000001b3;
	return h ?: 1;
}

/* Links of the node that differ from the topology at one of their ends now, or no longer. */
static void tell_links(struct vn_observe *o, struct vn_running *run, size_t node)
{
	const struct vn_node *n = &run->topo->nodes[node];
	char text[VN_WATCH_TEXT];

	for (size_t i = 0; i < n->n_links; i++) {
		const size_t link = n->link_ids[i] / VN_DIRS;
		const bool degraded = *vn_watch_link_text(run, link, text);

		if (degraded == run->link_degraded[link])
			continue;
		run->link_degraded[link] = degraded;
		vn_tell(&o->store->tell,
			json_pack("{s:s, s:s, s:s, s:s}", "event", degraded ? "link-degraded" : "link-recovered",
				  "topology", run->topo->name, "link", run->topo->links[link].name, "drift", text));
	}
}

static void tell(struct vn_observe *o, struct vn_running *run, size_t node, uint64_t now)
{
	struct vn_node_state *s = &run->nodes[node];
	char text[VN_WATCH_TEXT];
	uint64_t h;

	vn_watch_node_text(run, node, text);
	h = *text ? hash(text) : 0;
	if (h == s->told)
		return;
	if (now - s->told_ns < TELL_GAP_NS) {
		s->dirty = true;
		s->due_ns = VN_MAX(s->due_ns, s->told_ns + TELL_GAP_NS);
		return;
	}
	s->told = h;
	s->told_ns = now;
	vn_log_at(*text ? VN_LOG_WARNING : VN_LOG_NOTICE, "node %s/%s: %s", run->topo->name,
		  run->topo->nodes[node].name, *text ? text : "as its topology says again");
	vn_tell(&o->store->tell,
		json_pack("{s:s, s:s, s:s, s:s, s:s}", "event", "node-changed", "topology", run->topo->name, "node",
			  run->topo->nodes[node].name, "state", *text ? "degraded" : "up", "drift", text));
	tell_links(o, run, node);
}

/* Links whose devices the node's root has moved away or deleted; and those that are whole again. */
static void look_at_links(struct vn_observe *o, struct vn_running *run, size_t node)
{
	const struct vn_node *n = &run->topo->nodes[node];
	const struct vn_node_seen *seen = &run->nodes[node].seen;

	for (size_t i = 0; seen->looked && i < n->n_links; i++) {
		const size_t link = n->link_ids[i] / VN_DIRS, side = n->link_ids[i] % VN_DIRS;
		const struct vn_link *l = &run->topo->links[link];
		const struct vn_device_drift *other = vn_watch_port(run, link, !side);

		if (vn_link_has(l, VN_TRAIT_BORROWED))
			continue;
		if (!seen->ports[i].there || seen->ports[i].away) {
			vn_running_link_lost(o->store, run, link, (int)side);
			continue;
		}
		if (run->nodes[l->ports[!side].node].seen.looked && !(other && other->bits & VN_DRIFT_AWAY))
			run->link_broken[link] = false;
	}
}

static bool heals(const struct vn_observe *o, const struct vn_running *run, const struct vn_node_state *s)
{
	return run->topo->heal && !run->changing && vn_drift_is_mendable(&s->drift);
}

/* A fight with the node's root costs less and less; each round is told. */
static void heal(struct vn_observe *o, struct vn_running *run, size_t node, uint64_t now)
{
	struct vn_node_state *s = &run->nodes[node];
	char text[VN_WATCH_TEXT];
	struct vn_err err = {0};
	int r;

	s->dirty = true;
	if (now < s->heal_ns) {
		s->due_ns = VN_MAX(s->due_ns, s->heal_ns);
		return;
	}
	vn_heal_back_off(&s->heal_ns, &s->healed, now);
	vn_watch_node_text(run, node, text);
	r = vn_exec_heal(o->store->fabric, run->topo, node, text, &err);
	vn_tell(&o->store->tell,
		json_pack("{s:s, s:s, s:s, s:s, s:b}", "event", "node-healed", "topology", run->topo->name, "node",
			  run->topo->nodes[node].name, "drift", text, "done", r == 0));
	if (r < 0)
		vn_log_at(VN_LOG_WARNING, "node %s/%s: mending it: %s", run->topo->name, run->topo->nodes[node].name,
			  err.text);
}

/* What a look costs others is not what they made it wait for. */
static uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * VN_NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

static void read_node(struct vn_watch_job *j, const struct vn_fabric *f)
{
	const uint64_t cpu = cpu_ns(), wall = vn_now_ns();

	j->r = vn_look_node(&j->look, f, j->topo, j->node, &j->seen);
	j->cpu_ns = cpu_ns() - cpu;
	j->wall_ns = vn_now_ns() - wall;
}

/* What a look has found: into the node's state, to whoever is to know, and mended. */
static void take_look(struct vn_observe *o, struct vn_running *run, struct vn_watch_job *j, bool may_heal)
{
	struct vn_node_state *s = &run->nodes[j->node];
	cleanup_drift struct vn_drift drift = {0};
	const uint64_t now = vn_now_ns();

	s->looks++;
	s->cost_ns = j->wall_ns;
	s->asked_ns = now + ASK_SHARE * j->wall_ns;
	s->due_ns = now + VN_MAX(LOOK_GAP_NS, LOOK_SHARE * j->cpu_ns);
	if (j->r == 0)
		j->r = vn_drift_make(run->topo, j->node, &j->seen, &drift);
	/* Changed while it was read, or no memory: later. One without namespace is known to be broken otherwise. */
	if (j->r < 0) {
		s->dirty |= j->r != -ENOENT;
		vn_node_seen_release(&j->seen);
		return;
	}
	free(j->seen.routes);
	j->seen.routes = NULL;
	j->seen.n_routes = 0;
	o->watch.stale |= j->seen.nsid != s->seen.nsid;
	vn_node_seen_release(&s->seen);
	vn_drift_release(&s->drift);
	s->seen = j->seen;
	s->drift = drift;
	j->seen = (struct vn_node_seen){.nsid = -1};
	drift = (struct vn_drift){0};
	look_at_links(o, run, j->node);
	tell(o, run, j->node, now);
	if (heals(o, run, s)) {
		if (may_heal)
			heal(o, run, j->node, now);
		else
			mark(o, run, j->node);
	}
}

/* At once, for who asks. */
static void look(struct vn_observe *o, struct vn_running *run, size_t node)
{
	struct vn_watch_job *j = &o->watch.asked;

	run->nodes[node].dirty = false;
	j->topo = run->topo;
	j->node = node;
	read_node(j, o->store->fabric);
	take_look(o, run, j, false);
}

/* By itself: in a thread, because the kernel's lock for network configuration may be in others' hands for long. */
static void *look_thread(void *arg)
{
	struct vn_observe *o = arg;
	const uint64_t one = 1;

	read_node(&o->watch.job, o->store->fabric);
	while (write(o->watch.done.fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
	return NULL;
}

static void begin_look(struct vn_observe *o, struct vn_running *run, size_t node)
{
	struct vn_watch_job *j = &o->watch.job;

	run->nodes[node].dirty = false;
	j->topo = run->topo;
	j->node = node;
	j->looks = run->nodes[node].looks;
	j->running = pthread_create(&j->thread, NULL, look_thread, o) == 0;
	if (!j->running)
		run->nodes[node].dirty = true;
}

static void end_look(struct vn_observe *o)
{
	struct vn_watch_job *j = &o->watch.job;

	if (j->running)
		pthread_join(j->thread, NULL);
	j->running = false;
}

static void on_done(void *arg, uint32_t events)
{
	struct vn_observe *o = arg;
	struct vn_watch_job *j = &o->watch.job;
	struct vn_running *run = NULL;
	uint64_t n;

	if (read(o->watch.done.fd, &n, sizeof(n)) != sizeof(n) || !j->running)
		return;
	end_look(o);
	for (size_t i = 0; i < o->store->n_running; i++)
		if (o->store->running[i]->topo == j->topo)
			run = o->store->running[i];
	/* Somebody has asked since, and was given what is newer. */
	if (run && run->nodes[j->node].looks == j->looks && !run->changing)
		take_look(o, run, j, true);
	else if (run)
		mark(o, run, j->node);
	vn_node_seen_release(&j->seen);
	arm(&o->watch, VN_MAX(j->cpu_ns, JOB_GAP_NS));
}

static size_t count_nodes(const struct vn_observe *o)
{
	size_t n = 0;

	for (size_t i = 0; i < o->store->n_running; i++)
		n += o->store->running[i]->topo->n_nodes;
	return n;
}

/* The next of all nodes that run, the first after the last. */
static struct vn_node_ref next_node(const struct vn_observe *o, struct vn_node_ref at)
{
	for (at.node++; at.run >= o->store->n_running || at.node >= o->store->running[at.run]->topo->n_nodes;
	     at.node = 0)
		at.run = at.run + 1 < o->store->n_running ? at.run + 1 : 0;
	return at;
}

/* The next node that is due, from where the last look was; when there is none, the time at which one is (0: none). */
static struct vn_running *find_due(struct vn_observe *o, size_t *ret_node, uint64_t *ret_due_ns)
{
	const uint64_t now = vn_now_ns();

	*ret_due_ns = 0;
	for (size_t n = count_nodes(o); n > 0; n--) {
		struct vn_node_ref *at = &o->watch.next;
		struct vn_running *run;
		struct vn_node_state *s;

		*at = next_node(o, *at);
		run = o->store->running[at->run];
		s = &run->nodes[at->node];
		if (!s->dirty)
			continue;
		if (!run->changing && s->due_ns <= now) {
			*ret_node = at->node;
			return run;
		}
		if (!*ret_due_ns || s->due_ns < *ret_due_ns)
			*ret_due_ns = s->due_ns;
	}
	return NULL;
}

static void on_timer(void *arg, uint32_t events)
{
	struct vn_observe *o = arg;
	struct vn_running *run;
	uint64_t n, due, now;
	size_t node;

	if (read(o->watch.timer.fd, &n, sizeof(n)) != sizeof(n) || o->watch.job.running)
		return;
	run = find_due(o, &node, &due);
	now = vn_now_ns();
	if (run)
		begin_look(o, run, node);
	if (!o->watch.job.running && (run || due))
		arm(&o->watch, VN_MAX(due > now ? due - now : 0, PAUSE_NS));
}

/* Whoever asks may not wait again and again for what a node's root has made costly; a plan has to. */
static bool worth_a_look(const struct vn_node_state *s)
{
	return s->cost_ns < CHEAP_NS || s->asked_ns <= vn_now_ns();
}

void vn_watch_sync(struct vn_observe *o, struct vn_running *run, size_t node, uint64_t until_ns)
{
	uint64_t turned = vn_now_ns();
	const uint64_t drained = until_ns ?: turned + VN_NSEC_PER_SEC;

	/* Who only shows does not wait for another one's look. */
	while (o->watch.looking && !until_ns && vn_job_is_one(o->store->jobs))
		vn_job_sleep(o->store->jobs, TURN_NS);
	if (run->changing || o->watch.looking)
		return;
	o->watch.looking = true;
	/* One that is being looked at is looked at again: what was done meanwhile may not be seen by that. */
	if (o->watch.job.running && o->watch.job.topo == run->topo)
		run->nodes[o->watch.job.node].dirty = true;
	/* What was done before the question was asked has been told by the kernel already. */
	while (take_messages(o, BURST) && vn_now_ns() < drained)
		;
	for (size_t i = 0; i < run->topo->n_nodes; i++) {
		uint64_t now;

		if ((node != VN_NONE && node != i) || !run->nodes[i].dirty ||
		    (until_ns && !worth_a_look(&run->nodes[i])))
			continue;
		look(o, run, i);
		now = vn_now_ns();
		if (until_ns && now > until_ns)
			break;
		if (!until_ns && now - turned > TURN_NS) {
			if (vn_job_is_one(o->store->jobs))
				vn_job_sleep(o->store->jobs, 0);
			turned = vn_now_ns();
		}
	}
	o->watch.looking = false;
	arm(&o->watch, PAUSE_NS);
}

int vn_watch_begin(struct vn_observe *o, struct vn_running *run)
{
	run->nodes = calloc(run->topo->n_nodes ?: 1, sizeof(*run->nodes));
	if (!run->nodes)
		return -ENOMEM;
	for (size_t i = 0; i < run->topo->n_nodes; i++) {
		run->nodes[i].seen.nsid = -1;
		run->nodes[i].dirty = true;
	}
	o->watch.stale = true;
	arm(&o->watch, PAUSE_NS);
	return 0;
}

/* Per node of the new topology; NULL: all of them. */
static bool *touched_by(const struct vn_topo *t, const struct vn_plan *plan)
{
	bool *touched = plan ? calloc(t->n_nodes ?: 1, sizeof(*touched)) : NULL;

	for (size_t i = 0; touched && i < plan->n_steps; i++) {
		const struct vn_step *s = &plan->steps[i];
		const bool link = s->kind == VN_STEP_LINK || s->kind == VN_STEP_DISC || s->kind == VN_STEP_BORROW;

		if (s->new == VN_NONE)
			continue;
		if (!link)
			touched[s->new] = true;
		for (int side = 0; link && side < VN_DIRS; side++)
			touched[t->links[s->new].ports[side].node] = true;
	}
	return touched;
}

static bool same_ports(const struct vn_topo *a, const struct vn_node *x, const struct vn_topo *b,
		       const struct vn_node *y)
{
	if (x->n_links != y->n_links)
		return false;
	for (size_t i = 0; i < x->n_links; i++)
		if (a->links[x->link_ids[i] / VN_DIRS].ports[x->link_ids[i] % VN_DIRS].number !=
		    b->links[y->link_ids[i] / VN_DIRS].ports[y->link_ids[i] % VN_DIRS].number)
			return false;
	return true;
}

void vn_watch_inherit(struct vn_running *was, struct vn_running *run, const struct vn_plan *plan)
{
	cleanup_free bool *touched = touched_by(run->topo, plan);

	for (size_t i = 0; i < was->topo->n_nodes; i++) {
		struct vn_node_state *old = &was->nodes[i], *new;
		size_t at;

		if (vn_topo_find_node(run->topo, was->topo->nodes[i].name, &at) < 0)
			continue;
		new = &run->nodes[at];
		if (touched && !touched[at] &&
		    same_ports(was->topo, &was->topo->nodes[i], run->topo, &run->topo->nodes[at])) {
			*new = *old;
			*old = (struct vn_node_state){0};
			continue;
		}
		new->told = old->told;
		new->told_ns = old->told_ns;
		new->cost_ns = old->cost_ns;
		new->asked_ns = old->asked_ns;
		new->due_ns = old->cost_ns < CHEAP_NS ? 0 : old->due_ns;
		new->heal_ns = old->heal_ns;
		new->healed = old->healed;
	}
	run->heal_ns = was->heal_ns;
	run->healed = was->healed;
}

void vn_watch_end(struct vn_observe *o, struct vn_running *run)
{
	/* It reads the topology. */
	if (o->watch.job.running && o->watch.job.topo == run->topo) {
		end_look(o);
		vn_node_seen_release(&o->watch.job.seen);
		arm(&o->watch, PAUSE_NS);
	}
	for (size_t i = 0; run->nodes && i < run->topo->n_nodes; i++) {
		vn_node_seen_release(&run->nodes[i].seen);
		vn_drift_release(&run->nodes[i].drift);
	}
	free(run->nodes);
	run->nodes = NULL;
	o->watch.stale = true;
}

int vn_watch_open(struct vn_observe *o, struct vn_err *err)
{
	struct vn_watch *w = &o->watch;
	int fd = -EBADF, r = vn_netns_enter(o->store->fabric->home.netns_fd);

	if (r < 0)
		return vn_err_kernel(err, -r, "entering %s: %s", VN_FABRIC_NAME, strerror(-r));
	r = vn_events_open(&fd, err);
	vn_netns_leave(o->store->fabric->home.host_netns_fd);
	if (r < 0)
		return r;
	w->events = (struct vn_source){.fd = fd, .handle = on_events, .arg = o};
	w->timer = (struct vn_source){
		.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), .handle = on_timer, .arg = o};
	w->done = (struct vn_source){.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .handle = on_done, .arg = o};
	if (w->timer.fd < 0 || w->done.fd < 0)
		return vn_err_kernel(err, errno, "timer: %s", strerror(errno));
	r = vn_loop_add(o->store->loop, &w->events, EPOLLIN);
	if (r == 0)
		r = vn_loop_add(o->store->loop, &w->done, EPOLLIN);
	if (r == 0)
		r = vn_loop_add(o->store->loop, &w->timer, EPOLLIN);
	arm(w, PAUSE_NS);
	return r < 0 ? vn_err_kernel(err, -r, "epoll: %s", strerror(-r)) : 0;
}

void vn_watch_release(struct vn_observe *o)
{
	end_look(o);
	vn_node_seen_release(&o->watch.job.seen);
	vn_cleanup_close(&o->watch.done.fd);
	vn_cleanup_close(&o->watch.events.fd);
	vn_cleanup_close(&o->watch.timer.fd);
	vn_look_release(&o->watch.job.look);
	vn_look_release(&o->watch.asked.look);
	free(o->watch.by_nsid);
	o->watch.by_nsid = NULL;
	o->watch.n_by_nsid = 0;
}
