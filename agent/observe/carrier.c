/* SPDX-License-Identifier: GPL-2.0-only */
#include "observe/carrier.h"

#include <net/if.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

#include <disc/gate.h>
#include <base/util.h>

#include "base/log.h"
#include "observe/observe.h"
#include "net/veth.h"

#ifndef IFF_LOWER_UP
#define IFF_LOWER_UP 0x10000
#endif

#define FLAP_LEAST_NS (100 * VN_NSEC_PER_MSEC) /* a schedule with shorter steps is loss, not a cable that is pulled */
#define CHANGE_NS     (100 * VN_NSEC_PER_MSEC) /* of a link, in the long run */
#define BURST         8u
#define SLACK_NS      (2 * VN_NSEC_PER_MSEC) /* of the timer: one walk over all links serves many */

/* False: it is there, and its node's end is up, or nobody can tell. */
static bool is_lost(const struct vn_carrier_end *e)
{
	return !e->there || (e->up && !e->lower);
}

bool vn_carrier_want(const struct vn_carrier_end ends[2], int side, bool closed)
{
	const struct vn_carrier_end *self = &ends[side], *other = &ends[!side];

	if (closed || !other->there)
		return false;
	/* Both are down in their nodes: neither has a carrier, and each shows when it comes back. */
	return !is_lost(other) || is_lost(self);
}

bool vn_carrier_may(uint64_t *spent_ns, uint64_t now_ns, uint64_t *ret_due_ns)
{
	uint64_t spent = VN_MAX(*spent_ns, now_ns);

	if (spent - now_ns > (BURST - 1) * CHANGE_NS) {
		*ret_due_ns = spent - (BURST - 1) * CHANGE_NS;
		return false;
	}
	*spent_ns = spent + CHANGE_NS;
	return true;
}

static bool dir_closed(const struct vn_disc *disc, uint64_t now_ns, uint64_t *due_ns)
{
	const uint64_t period = disc->flap_up_ns + disc->flap_down_ns;
	uint64_t at, next;
	bool open;

	if (disc->flags & VN_DISC_DOWN)
		return true;
	if (disc->flap_up_ns < FLAP_LEAST_NS || disc->flap_down_ns < FLAP_LEAST_NS || now_ns < disc->flap_start_ns)
		return false;
	open = vn_gate_open(disc, now_ns);
	at = (now_ns - disc->flap_start_ns) % period;
	next = now_ns + (open ? disc->flap_up_ns : period) - at;
	if (!*due_ns || next < *due_ns)
		*due_ns = next;
	return !open;
}

bool vn_carrier_closed(const struct vn_link *l, uint64_t now_ns, uint64_t *ret_due_ns)
{
	bool ab, ba;

	*ret_due_ns = 0;
	ab = dir_closed(&l->disc[0], now_ns, ret_due_ns);
	ba = dir_closed(&l->disc[1], now_ns, ret_due_ns);
	return ab && ba;
}

static void set_timer(struct vn_observe *o, uint64_t due_ns)
{
	struct vn_carrier *c = &o->carrier;
	struct itimerspec its = {.it_value = {.tv_sec = (time_t)(due_ns / VN_NSEC_PER_SEC),
					      .tv_nsec = (long)(due_ns % VN_NSEC_PER_SEC)}};

	if (c->timer_ns && c->timer_ns <= due_ns)
		return;
	if (timerfd_settime(c->timer.fd, TFD_TIMER_ABSTIME, &its, NULL) == 0)
		c->timer_ns = due_ns;
}

static void tell(struct vn_observe *o, uint32_t number)
{
	const struct vn_port_owner *owner = vn_port_owner(o->store, number);
	const struct vn_topo *t = owner->run->topo;
	const struct vn_link *l = &t->links[owner->link];
	const struct vn_port *port = &l->ports[owner->side];

	vn_tell(&o->store->tell, json_pack("{s:s, s:s, s:s, s:s, s:s, s:b}", "event", "carrier", "topology", t->name,
					   "link", l->name, "node", t->nodes[port->node].name, "ifname", port->ifname,
					   "carrier", o->carrier.end[number].want));
}

static void flush(struct vn_carrier *c)
{
	struct vn_end_change *swap = c->doing;

	/* One at a time, until on_done() has looked at what became of it. */
	if (!c->n_todo || c->n_doing)
		return;
	c->doing = c->todo;
	c->n_doing = c->n_todo;
	c->todo = swap;
	c->n_todo = 0;
	vn_ends_post(c->ends, c->doing, c->n_doing);
}

/* An end is in the list once: there is room for all. */
static void post(struct vn_observe *o, uint32_t number)
{
	struct vn_carrier_end *e = &o->carrier.end[number];

	e->posted = true;
	o->carrier.todo[o->carrier.n_todo++] = (struct vn_end_change){number, e->want};
	tell(o, number);
}

static bool has_end(const struct vn_port *p)
{
	return vn_port_has(p, VN_TRAIT_FABRIC);
}

static void look_at_link(struct vn_observe *o, const struct vn_running *run, size_t link)
{
	const struct vn_link *l = &run->topo->links[link];
	struct vn_carrier_end *ends[VN_DIRS], seen[VN_DIRS];
	uint64_t now = vn_now_ns(), due = 0;
	bool closed, want[VN_DIRS], differs = false;

	/* While its devices are made and unmade they are the plan's. */
	if (run->changing)
		return;
	closed = vn_carrier_closed(l, now, &due);
	for (int side = 0; side < VN_DIRS; side++) {
		const struct vn_port *port = &l->ports[side];

		ends[side] = &o->carrier.end[port->number];
		seen[side] = *ends[side];
		/* A partner VF tells of its NIC, not of its node. */
		if (!vn_port_has(port, VN_TRAIT_PAIR))
			seen[side].there = seen[side].lower = true;
		if (ends[side]->posted)
			return; /* when that is done */
	}
	for (int side = 0; side < VN_DIRS; side++) {
		want[side] = l->carrier_ignore || vn_carrier_want(seen, side, closed);
		if (has_end(&l->ports[side]) && ends[side]->there && ends[side]->up != want[side])
			differs = true;
	}
	ends[0]->due_ns = l->carrier_ignore ? 0 : due;
	if (differs && !vn_carrier_may(&ends[0]->spent_ns, now, &due)) {
		ends[0]->due_ns = due;
		differs = false;
	}
	if (ends[0]->due_ns)
		set_timer(o, ends[0]->due_ns);
	for (int side = 0; side < VN_DIRS && differs; side++) {
		if (!has_end(&l->ports[side]) || !ends[side]->there || ends[side]->up == want[side])
			continue;
		ends[side]->want = want[side];
		post(o, l->ports[side].number);
	}
}

static void look_at_end(struct vn_observe *o, uint32_t number)
{
	const struct vn_port_owner *owner = vn_port_owner(o->store, number);

	if (owner)
		look_at_link(o, owner->run, owner->link);
}

static void mark(struct vn_carrier *c, uint32_t number)
{
	if (c->end[number].dirty)
		return;
	c->end[number].dirty = true;
	c->dirty[c->n_dirty++] = number;
}

void vn_carrier_event(struct vn_observe *o, uint32_t ifindex, uint32_t flags, bool gone)
{
	struct vn_carrier *c = &o->carrier;
	struct vn_carrier_end was, *e;

	if (!c->ends || ifindex <= VN_IFINDEX_HOST || ifindex - VN_IFINDEX_HOST >= c->n)
		return;
	e = &c->end[ifindex - VN_IFINDEX_HOST];
	was = *e;
	e->there = !gone;
	e->up = !gone && flags & IFF_UP;
	e->lower = !gone && flags & IFF_LOWER_UP;
	if (e->there != was.there || e->up != was.up || e->lower != was.lower)
		mark(c, ifindex - VN_IFINDEX_HOST);
}

void vn_carrier_turn(struct vn_observe *o)
{
	struct vn_carrier *c = &o->carrier;

	for (size_t i = 0; i < c->n_dirty; i++) {
		c->end[c->dirty[i]].dirty = false;
		look_at_end(o, c->dirty[i]);
	}
	c->n_dirty = 0;
	flush(c);
}

void vn_carrier_link(struct vn_observe *o, const struct vn_running *run, size_t link)
{
	if (!o->carrier.ends)
		return;
	look_at_link(o, run, link);
	flush(&o->carrier);
}

bool vn_carrier_is_on(const struct vn_observe *o, uint32_t number)
{
	const struct vn_carrier_end *e = &o->carrier.end[number];

	return e->there && e->up && e->lower;
}

static void see(void *arg, const struct vn_link_info *l)
{
	struct vn_carrier *c = arg;
	const uint32_t number = l->ifindex - VN_IFINDEX_HOST;

	if (l->ifindex <= VN_IFINDEX_HOST || number >= c->n)
		return;
	c->end[number].there = true;
	c->end[number].up = l->flags & IFF_UP;
	c->end[number].lower = l->flags & IFF_LOWER_UP;
}

static int see_all(struct vn_observe *o, struct vn_err *err)
{
	struct vn_carrier *c = &o->carrier;

	for (uint32_t i = 1; i < c->n; i++)
		c->end[i].there = c->end[i].up = c->end[i].lower = false;
	return vn_fabric_dump(o->store->fabric, see, c, err);
}

void vn_carrier_index(struct vn_observe *o)
{
	uint32_t highest = o->store->dp->maps.max_ports - 1;
	struct vn_carrier *c = &o->carrier;

	if (!c->end)
		return;
	while (highest && !vn_port_owner(o->store, highest))
		highest--;
	c->n = VN_MAX(c->n, highest + 1);
}

static void look_at_all(struct vn_observe *o)
{
	for (size_t r = 0; r < o->store->n_running; r++)
		for (size_t l = 0; l < o->store->running[r]->topo->n_links; l++)
			look_at_link(o, o->store->running[r], l);
	flush(&o->carrier);
}

void vn_carrier_sync(struct vn_observe *o)
{
	struct vn_err err = {0};

	if (!o->carrier.ends)
		return;
	vn_carrier_index(o);
	/* What waits to be read is older than what is seen now. */
	vn_links_read_events(o);
	if (see_all(o, &err) < 0) {
		vn_log("carriers: %s", err.text);
		return;
	}
	look_at_all(o);
}

static void on_timer(void *arg, uint32_t events)
{
	struct vn_observe *o = arg;
	struct vn_carrier *c = &o->carrier;
	uint64_t n, now = vn_now_ns() + SLACK_NS, next = 0;

	if (read(c->timer.fd, &n, sizeof(n)) != sizeof(n))
		return;
	c->timer_ns = 0;
	for (uint32_t i = 1; i < c->n; i++) {
		struct vn_carrier_end *e = &c->end[i];

		if (!e->due_ns || !vn_port_owner(o->store, i))
			continue;
		if (e->due_ns <= now) {
			e->due_ns = 0;
			look_at_end(o, i);
		}
		if (e->due_ns && (!next || e->due_ns < next))
			next = e->due_ns;
	}
	if (next)
		set_timer(o, VN_MAX(next, vn_now_ns() + SLACK_NS));
	flush(c);
}

/* What the kernel did about it is in the queue of events: read it first, and look again. */
static void on_done(void *arg, uint32_t events)
{
	struct vn_observe *o = arg;
	struct vn_carrier *c = &o->carrier;
	uint64_t n;

	if (read(c->done.fd, &n, sizeof(n)) != sizeof(n))
		return;
	for (size_t i = 0; i < c->n_doing; i++) {
		c->end[c->doing[i].number].posted = false;
		mark(c, c->doing[i].number);
	}
	c->n_doing = 0;
	vn_links_read_events(o);
	vn_carrier_turn(o);
}

int vn_carrier_open(struct vn_observe *o, struct vn_err *err)
{
	struct vn_carrier *c = &o->carrier;
	int r;

	c->n = 1;
	c->room = o->store->dp->maps.max_ports;
	c->end = calloc(c->room, sizeof(*c->end));
	c->todo = calloc(c->room, sizeof(*c->todo));
	c->doing = calloc(c->room, sizeof(*c->doing));
	c->dirty = calloc(c->room, sizeof(*c->dirty));
	if (!c->end || !c->todo || !c->doing || !c->dirty)
		return vn_err_kernel(err, ENOMEM, "carriers: %s", strerror(ENOMEM));
	c->timer = (struct vn_source){
		.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), .handle = on_timer, .arg = o};
	if (c->timer.fd < 0)
		return vn_err_kernel(err, errno, "carriers: timer: %s", strerror(errno));
	r = vn_ends_open(o->store->fabric, &c->ends, err);
	if (r < 0)
		return r;
	c->done = (struct vn_source){.fd = vn_ends_fd(c->ends), .handle = on_done, .arg = o};
	r = vn_loop_add(o->store->loop, &c->timer, EPOLLIN);
	if (r == 0)
		r = vn_loop_add(o->store->loop, &c->done, EPOLLIN);
	if (r < 0)
		return vn_err_kernel(err, -r, "epoll: %s", strerror(-r));
	vn_carrier_sync(o);
	return 0;
}

void vn_carrier_close(struct vn_observe *o)
{
	struct vn_carrier *c = &o->carrier;

	vn_ends_close(c->ends);
	vn_cleanup_close(&c->timer.fd);
	free(c->end);
	free(c->todo);
	free(c->doing);
	free(c->dirty);
	*c = (struct vn_carrier){.timer.fd = -EBADF, .done.fd = -EBADF};
}
