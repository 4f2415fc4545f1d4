/* SPDX-License-Identifier: GPL-2.0-only */
/* The devices of the fabric: a port whose device goes breaks its link, and is reported. */
#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <base/netlink.h>
#include <base/util.h>

#include "observe/observe.h"

#define EVENTS_MAX 16384 /* messages read in a row: nodes may write them as fast as they can */

/* A plan clears a port before it removes the device: what is still active was taken from us. */
static void device_gone(struct vn_observe *o, const char *ifname, uint32_t ifindex)
{
	const struct vn_port_owner *owner;
	const struct vn_port_cfg *cfg;
	unsigned int number;

	if (sscanf(ifname, VN_PORT_IFNAME, &number) != 1 || number >= o->store->dp->maps.max_ports)
		return;
	cfg = &o->store->dp->maps.port[number];
	if (cfg->ifindex != ifindex || !(cfg->flags & VN_PORT_ACTIVE))
		return;
	owner = vn_port_owner(o->store, number);
	if (owner)
		vn_running_link_lost(o->store, owner->run, owner->link, owner->side);
}

/* A borrowed device leaves its node, or goes with the node's namespace, without a word in the fabric. */
void vn_links_look_at_borrowed(struct vn_observe *o)
{
	for (size_t i = 0; i < o->store->n_running; i++) {
		struct vn_running *run = o->store->running[i];

		for (size_t p = 0; p < run->topo->n_links * VN_DIRS; p++) {
			const struct vn_port *port = &run->topo->links[p / VN_DIRS].ports[p % VN_DIRS];

			if (vn_port_has(port, VN_TRAIT_BORROWED) && !run->link_broken[p / VN_DIRS] &&
			    !vn_port_present(o->store->fabric, run->topo, port))
				vn_running_link_lost(o->store, run, p / VN_DIRS, (int)(p % VN_DIRS));
		}
	}
}

static void link_message(struct vn_observe *o, const struct nlmsghdr *h)
{
	const struct ifinfomsg *ifi = NLMSG_DATA(h);
	int left = (int)h->nlmsg_len - (int)NLMSG_LENGTH(sizeof(*ifi));

	for (const struct rtattr *a = IFLA_RTA(ifi); RTA_OK(a, left); a = RTA_NEXT(a, left))
		if (a->rta_type == IFLA_IFNAME)
			device_gone(o, RTA_DATA(a), (uint32_t)ifi->ifi_index);
}

static bool read_events(struct vn_observe *o)
{
	_Alignas(struct nlmsghdr) char buf[32768];
	ssize_t n = vn_netlink_recv(o->links.fd, 0, buf, sizeof(buf), MSG_DONTWAIT);
	const bool any = n > 0;
	struct nlmsghdr *h;

	if (n == -ENOBUFS || n == -EMSGSIZE) {
		o->links_lost = true;
		return true;
	}
	for (h = (struct nlmsghdr *)buf; n > 0 && NLMSG_OK(h, (size_t)n); h = NLMSG_NEXT(h, n)) {
		const struct ifinfomsg *ifi = NLMSG_DATA(h);

		if ((h->nlmsg_type != RTM_DELLINK && h->nlmsg_type != RTM_NEWLINK) ||
		    h->nlmsg_len < NLMSG_LENGTH(sizeof(*ifi)))
			continue;
		vn_carrier_event(o, (uint32_t)ifi->ifi_index, ifi->ifi_flags, h->nlmsg_type == RTM_DELLINK);
		if (h->nlmsg_type == RTM_DELLINK)
			link_message(o, h);
	}
	return any;
}

void vn_links_read_events(struct vn_observe *o)
{
	for (int i = 0; i < EVENTS_MAX && read_events(o); i++)
		;
	if (!o->links_lost)
		return;
	/* The newest are missing: look for ourselves, now that the old ones are read. */
	o->links_lost = false;
	for (size_t i = 0; i < o->store->n_running; i++)
		vn_running_observe(o->store, o->store->running[i], NULL);
	vn_carrier_sync(o);
}

static void links_event(void *arg, uint32_t events)
{
	vn_links_read_events(arg);
	vn_carrier_turn(arg);
}

int vn_links_watch(struct vn_observe *o, struct vn_err *err)
{
	int fd, size = 4 << 20, r;

	if (setns(o->store->fabric->home.netns_fd, CLONE_NEWNET) < 0)
		return vn_err_kernel(err, errno, "entering %s: %s", VN_FABRIC_NAME, strerror(errno));
	fd = vn_netlink_open(NETLINK_ROUTE, RTMGRP_LINK, SOCK_NONBLOCK, NULL);
	if (setns(o->store->fabric->home.host_netns_fd, CLONE_NEWNET) < 0)
		abort(); /* nothing may run in the wrong namespace */
	if (fd < 0)
		return vn_err_kernel(err, -fd, "netlink socket: %s", strerror(-fd));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	o->links = (struct vn_source){.fd = fd, .handle = links_event, .arg = o};
	r = vn_loop_add(o->store->loop, &o->links, EPOLLIN);
	return r < 0 ? vn_err_kernel(err, -r, "epoll: %s", strerror(-r)) : 0;
}

static int on_begin(void *arg, struct vn_running *run)
{
	return vn_watch_begin(arg, run);
}

static void on_end(void *arg, struct vn_running *run)
{
	vn_watch_end(arg, run);
}

static void on_changed(void *arg)
{
	vn_carrier_index(arg);
}

void vn_observe_attach(struct vn_observe *o, struct vn_store *store)
{
	o->store = store;
	store->observer = (struct vn_store_observer){
		.begin = on_begin, .end = on_end, .inherit = vn_watch_inherit, .changed = on_changed, .arg = o};
}
