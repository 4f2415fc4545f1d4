/* SPDX-License-Identifier: GPL-2.0-only */
/* The topologies that run, the names of their objects, their port numbers, and the loss of a device. */
#include "daemon/daemon.h"

#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <base/netlink.h>

#include "exec/port_vf.h"

#define EVENTS_MAX 16384 /* messages read in a row: nodes may write them as fast as they can */

struct vn_running *vn_running_find(struct vn_daemon *d, const char *name)
{
	for (size_t i = 0; i < d->n_running; i++)
		if (strcmp(d->running[i].topo->name, name) == 0)
			return &d->running[i];
	return NULL;
}

static void running_release(struct vn_daemon *d, struct vn_running *r)
{
	vn_watch_end(d, r);
	vn_topo_free(r->topo);
	free(r->link_broken);
	*r = (struct vn_running){0};
}

int vn_running_replace(struct vn_daemon *d, const char *name, struct vn_topo *topo, const struct vn_plan *plan)
{
	struct vn_running *run = vn_running_find(d, name), *more, fresh = {.topo = topo};

	if (!topo) {
		if (run) {
			running_release(d, run);
			*run = d->running[--d->n_running];
			vn_carrier_index(d);
		}
		return 0;
	}
	fresh.link_broken = calloc(topo->n_links + 1, sizeof(*fresh.link_broken));
	if (!fresh.link_broken || vn_watch_begin(d, &fresh) < 0) {
		free(fresh.link_broken);
		return -ENOMEM;
	}
	if (run) {
		vn_watch_inherit(run, &fresh, plan);
		running_release(d, run);
	} else {
		more = reallocarray(d->running, d->n_running + 1, sizeof(*more));
		if (!more) {
			vn_watch_end(d, &fresh);
			free(fresh.link_broken);
			return -ENOMEM;
		}
		d->running = more;
		run = &d->running[d->n_running++];
	}
	*run = fresh;
	vn_carrier_index(d);
	return 0;
}

static int find_in(struct vn_topo *t, bool link, const char *name, size_t *ret_index)
{
	return link ? vn_topo_find_link(t, name, ret_index) : vn_topo_find_node(t, name, ret_index);
}

static int find_object(struct vn_daemon *d, bool link, const char *full, struct vn_running **ret_run, size_t *ret_index,
		       struct vn_err *err)
{
	const char *what = link ? "link" : "node", *slash = strchr(full, '/'), *name = slash ? slash + 1 : full;
	struct vn_running *found = NULL;
	size_t index = 0, i_found = 0;

	for (size_t i = 0; i < d->n_running; i++) {
		struct vn_running *run = &d->running[i];
		const char *topo = run->topo->name;

		if (slash && (strncmp(topo, full, (size_t)(slash - full)) != 0 || topo[slash - full]))
			continue;
		if (find_in(run->topo, link, name, &index) < 0)
			continue;
		if (found)
			return vn_err(err, VN_EXIT_USAGE, ENOTUNIQ,
				      "%s '%s': in topologies %s and %s: say %s/%s or %s/%s", what, full,
				      found->topo->name, topo, found->topo->name, name, topo, name);
		found = run;
		i_found = index;
	}
	if (!found)
		return vn_err(err, VN_EXIT_USAGE, ENOENT,
			      "%s '%s': no running topology has it (see `vnet-agent %s show`)", what, full, what);
	*ret_run = found;
	*ret_index = i_found;
	return 0;
}

int vn_running_find_link(struct vn_daemon *d, const char *name, struct vn_running **ret_run, size_t *ret_link,
			 struct vn_err *err)
{
	return find_object(d, true, name, ret_run, ret_link, err);
}

int vn_running_find_node(struct vn_daemon *d, const char *name, struct vn_running **ret_run, size_t *ret_node,
			 struct vn_err *err)
{
	return find_object(d, false, name, ret_run, ret_node, err);
}

int vn_running_observe(struct vn_daemon *d, struct vn_running *run, struct vn_err *err)
{
	struct vn_observed seen = {0};
	int r = vn_observe(&d->fabric, run->topo, &seen, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < run->topo->n_links; i++)
		run->link_broken[i] = !seen.link_ok[i];
	vn_observed_release(&seen);
	return 0;
}

/* --- port numbers ----------------------------------------------------------------------------------------------------
 */

bool vn_port_used(const struct vn_daemon *d, uint32_t number)
{
	return d->ports_used[number / 64] >> (number % 64) & 1;
}

int vn_ports_alloc(void *daemon, uint32_t *ret_number)
{
	struct vn_daemon *d = daemon;
	uint32_t max = d->dp.maps.max_ports;

	for (uint32_t tried = 1; tried < max; tried++) {
		uint32_t number = d->next_port;

		d->next_port = number + 1 < max ? number + 1 : 1;
		if (vn_port_used(d, number))
			continue;
		d->ports_used[number / 64] |= 1ULL << (number % 64);
		*ret_number = number;
		return 0;
	}
	return -ENOSPC;
}

void vn_ports_rebuild(struct vn_daemon *d)
{
	memset(d->ports_used, 0, (d->dp.maps.max_ports / 64 + 1) * sizeof(*d->ports_used));
	for (size_t i = 0; i < d->n_running; i++)
		for (size_t l = 0; l < d->running[i].topo->n_links; l++)
			for (int side = 0; side < VN_DIRS; side++) {
				uint32_t number = d->running[i].topo->links[l].ports[side].number;

				if (number < d->dp.maps.max_ports)
					d->ports_used[number / 64] |= 1ULL << (number % 64);
			}
}

/* --- devices that go
 * -------------------------------------------------------------------------------------------------- */

void vn_running_link_lost(struct vn_daemon *d, struct vn_running *run, size_t l, int side)
{
	const struct vn_link *link = &run->topo->links[l];
	const struct vn_port *port = &link->ports[side];
	const char *node = run->topo->nodes[port->node].name;

	if (run->link_broken[l])
		return;
	run->link_broken[l] = true;
	vn_log_at(VN_LOG_WARNING, "link %s/%s: port %s:%s is gone: apply the topology again to restore it",
		  run->topo->name, link->name, node, port->ifname);
	vn_tell(&d->tell, json_pack("{s:s, s:s, s:s, s:s, s:s}", "event", "port-lost", "topology", run->topo->name, "link",
			      link->name, "node", node, "ifname", port->ifname));
}

/* A plan clears a port before it removes the device: what is still active was taken from us. */
static void device_gone(struct vn_daemon *d, const char *ifname, uint32_t ifindex)
{
	const struct vn_port_cfg *cfg;
	unsigned int number;

	if (sscanf(ifname, VN_PORT_IFNAME, &number) != 1 || number >= d->dp.maps.max_ports)
		return;
	cfg = &d->dp.maps.port[number];
	if (cfg->ifindex != ifindex || !(cfg->flags & VN_PORT_ACTIVE))
		return;
	for (size_t i = 0; i < d->n_running; i++)
		for (size_t l = 0; l < d->running[i].topo->n_links; l++)
			for (int side = 0; side < VN_DIRS; side++)
				if (d->running[i].topo->links[l].ports[side].number == number)
					vn_running_link_lost(d, &d->running[i], l, side);
}

/* A VF leaves its node, or goes with the node's namespace, without a word in the fabric. */
void vn_running_look_at_vfs(struct vn_daemon *d)
{
	for (size_t i = 0; i < d->n_running; i++) {
		struct vn_running *run = &d->running[i];

		for (size_t p = 0; p < run->topo->n_links * VN_DIRS; p++) {
			const struct vn_port *port = &run->topo->links[p / VN_DIRS].ports[p % VN_DIRS];

			if (port->vf.mode && !run->link_broken[p / VN_DIRS] &&
			    !vn_vf_there(&d->fabric, run->topo, port))
				vn_running_link_lost(d, run, p / VN_DIRS, (int)(p % VN_DIRS));
		}
	}
}

static void link_message(struct vn_daemon *d, const struct nlmsghdr *h)
{
	const struct ifinfomsg *ifi = NLMSG_DATA(h);
	int left = (int)h->nlmsg_len - (int)NLMSG_LENGTH(sizeof(*ifi));

	for (const struct rtattr *a = IFLA_RTA(ifi); RTA_OK(a, left); a = RTA_NEXT(a, left))
		if (a->rta_type == IFLA_IFNAME)
			device_gone(d, RTA_DATA(a), (uint32_t)ifi->ifi_index);
}

static bool read_events(struct vn_daemon *d)
{
	_Alignas(struct nlmsghdr) char buf[32768];
	ssize_t n = vn_netlink_recv(d->links.fd, 0, buf, sizeof(buf), MSG_DONTWAIT);
	const bool any = n > 0;
	struct nlmsghdr *h;

	if (n == -ENOBUFS || n == -EMSGSIZE) {
		d->links_lost = true;
		return true;
	}
	for (h = (struct nlmsghdr *)buf; n > 0 && NLMSG_OK(h, (size_t)n); h = NLMSG_NEXT(h, n)) {
		const struct ifinfomsg *ifi = NLMSG_DATA(h);

		if ((h->nlmsg_type != RTM_DELLINK && h->nlmsg_type != RTM_NEWLINK) ||
		    h->nlmsg_len < NLMSG_LENGTH(sizeof(*ifi)))
			continue;
		vn_carrier_event(d, (uint32_t)ifi->ifi_index, ifi->ifi_flags, h->nlmsg_type == RTM_DELLINK);
		if (h->nlmsg_type == RTM_DELLINK)
			link_message(d, h);
	}
	return any;
}

void vn_running_read_events(struct vn_daemon *d)
{
	for (int i = 0; i < EVENTS_MAX && read_events(d); i++)
		;
	if (!d->links_lost)
		return;
	/* The newest are missing: look for ourselves, now that the old ones are read. */
	d->links_lost = false;
	for (size_t i = 0; i < d->n_running; i++)
		vn_running_observe(d, &d->running[i], NULL);
	vn_carrier_sync(d);
}

static void links_event(void *arg, uint32_t events)
{
	vn_running_read_events(arg);
	vn_carrier_turn(arg);
}

int vn_running_watch(struct vn_daemon *d, struct vn_err *err)
{
	int fd, size = 4 << 20, r;

	if (setns(d->fabric.home.netns_fd, CLONE_NEWNET) < 0)
		return vn_err_kernel(err, errno, "entering %s: %s", VN_FABRIC_NAME, strerror(errno));
	fd = vn_netlink_open(NETLINK_ROUTE, RTMGRP_LINK, SOCK_NONBLOCK, NULL);
	if (setns(d->fabric.home.host_netns_fd, CLONE_NEWNET) < 0)
		abort(); /* nothing may run in the wrong namespace */
	if (fd < 0)
		return vn_err_kernel(err, -fd, "netlink socket: %s", strerror(-fd));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	d->links = (struct vn_source){.fd = fd, .handle = links_event, .arg = d};
	r = vn_loop_add(&d->loop, &d->links, EPOLLIN);
	return r < 0 ? vn_err_kernel(err, -r, "epoll: %s", strerror(-r)) : 0;
}
