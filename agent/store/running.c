/* SPDX-License-Identifier: GPL-2.0-only */
/* The topologies that run, the names of their objects, their port numbers, and the loss of a device. */
#include "store/store.h"

#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <base/netlink.h>

#include <base/util.h>

#include "base/log.h"
#include "exec/port_vf.h"

struct vn_running *vn_running_find(struct vn_store *store, const char *name)
{
	for (size_t i = 0; i < store->n_running; i++)
		if (strcmp(store->running[i]->topo->name, name) == 0)
			return store->running[i];
	return NULL;
}

static void running_release(struct vn_store *store, struct vn_running *r)
{
	store->observer.end(store->observer.arg, r);
	vn_topo_free(r->topo);
	free(r->link_broken);
	free(r->link_degraded);
	*r = (struct vn_running){0};
}

/* After what runs has changed, before anybody is told. */
static void index_owners(struct vn_store *store)
{
	memset(store->owners, 0, store->dp->maps.max_ports * sizeof(*store->owners));
	for (size_t i = 0; i < store->n_running; i++)
		for (size_t p = 0; p < store->running[i]->topo->n_links * VN_DIRS; p++) {
			const uint32_t number = store->running[i]->topo->links[p / VN_DIRS].ports[p % VN_DIRS].number;

			if (number < store->dp->maps.max_ports)
				store->owners[number] = (struct vn_port_owner){
					.run = store->running[i], .link = (uint32_t)(p / VN_DIRS), .side = p % VN_DIRS};
		}
}

const struct vn_port_owner *vn_port_owner(const struct vn_store *store, uint32_t number)
{
	const struct vn_port_owner *o = number < store->dp->maps.max_ports ? &store->owners[number] : NULL;

	return o && o->run ? o : NULL;
}

static void drop(struct vn_store *store, struct vn_running *run)
{
	for (size_t i = 0; i < store->n_running; i++)
		if (store->running[i] == run) {
			store->running[i] = store->running[--store->n_running];
			break;
		}
	running_release(store, run);
	free(run);
	index_owners(store);
	store->observer.changed(store->observer.arg);
}

static int add(struct vn_store *store, const struct vn_running *fresh)
{
	struct vn_running **more = reallocarray(store->running, store->n_running + 1, sizeof(struct vn_running *));
	struct vn_running *run = malloc(sizeof(*run));

	if (more)
		store->running = more;
	if (!more || !run) {
		free(run);
		return -ENOMEM;
	}
	*run = *fresh;
	store->running[store->n_running++] = run;
	return 0;
}

/* What was told of links that stay. */
static void inherit_links(const struct vn_running *was, struct vn_running *run)
{
	for (size_t i = 0; i < was->topo->n_links; i++) {
		size_t at;

		if (was->link_degraded[i] && vn_topo_find_link(run->topo, was->topo->links[i].name, &at) == 0)
			run->link_degraded[at] = true;
	}
}

int vn_running_replace(struct vn_store *store, const char *name, struct vn_topo *topo, const struct vn_plan *plan)
{
	struct vn_running *run = vn_running_find(store, name), fresh = {.topo = topo};
	int r = 0;

	if (!topo) {
		if (run)
			drop(store, run);
		return 0;
	}
	fresh.link_broken = calloc(topo->n_links + 1, sizeof(*fresh.link_broken));
	fresh.link_degraded = calloc(topo->n_links + 1, sizeof(*fresh.link_degraded));
	if (!fresh.link_broken || !fresh.link_degraded || store->observer.begin(store->observer.arg, &fresh) < 0) {
		free(fresh.link_broken);
		free(fresh.link_degraded);
		return -ENOMEM;
	}
	if (run) {
		store->observer.inherit(run, &fresh, plan);
		inherit_links(run, &fresh);
		running_release(store, run);
		*run = fresh;
	} else {
		r = add(store, &fresh);
	}
	if (r < 0) {
		store->observer.end(store->observer.arg, &fresh);
		free(fresh.link_broken);
		free(fresh.link_degraded);
		return r;
	}
	index_owners(store);
	store->observer.changed(store->observer.arg);
	return 0;
}

static int find_in(struct vn_topo *t, bool link, const char *name, size_t *ret_index)
{
	return link ? vn_topo_find_link(t, name, ret_index) : vn_topo_find_node(t, name, ret_index);
}

static int find_object(struct vn_store *store, bool link, const char *full, struct vn_running **ret_run,
		       size_t *ret_index, struct vn_err *err)
{
	const char *what = link ? "link" : "node", *slash = strchr(full, '/'), *name = slash ? slash + 1 : full;
	struct vn_running *found = NULL;
	size_t index = 0, i_found = 0;

	for (size_t i = 0; i < store->n_running; i++) {
		struct vn_running *run = store->running[i];
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

int vn_running_find_link(struct vn_store *store, const char *name, struct vn_running **ret_run, size_t *ret_link,
			 struct vn_err *err)
{
	return find_object(store, true, name, ret_run, ret_link, err);
}

int vn_running_find_node(struct vn_store *store, const char *name, struct vn_running **ret_run, size_t *ret_node,
			 struct vn_err *err)
{
	return find_object(store, false, name, ret_run, ret_node, err);
}

int vn_running_observe(struct vn_store *store, struct vn_running *run, struct vn_err *err)
{
	struct vn_observed seen = {0};
	int r = vn_observe(store->fabric, run->topo, &seen, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < run->topo->n_links; i++)
		run->link_broken[i] = !seen.link_ok[i];
	vn_observed_release(&seen);
	return 0;
}

bool vn_port_used(const struct vn_store *store, uint32_t number)
{
	return store->ports_used[number / 64] >> (number % 64) & 1;
}

int vn_ports_alloc(void *arg, uint32_t *ret_number)
{
	struct vn_store *store = arg;
	uint32_t max = store->dp->maps.max_ports;

	for (uint32_t tried = 1; tried < max; tried++) {
		uint32_t number = store->next_port;

		store->next_port = number + 1 < max ? number + 1 : 1;
		if (vn_port_used(store, number))
			continue;
		store->ports_used[number / 64] |= 1ULL << (number % 64);
		*ret_number = number;
		return 0;
	}
	return -ENOSPC;
}

static void take_numbers(struct vn_store *store, const struct vn_topo *t)
{
	for (size_t p = 0; p < t->n_links * VN_DIRS; p++) {
		const uint32_t number = t->links[p / VN_DIRS].ports[p % VN_DIRS].number;

		if (number < store->dp->maps.max_ports)
			store->ports_used[number / 64] |= 1ULL << (number % 64);
	}
}

void vn_ports_rebuild(struct vn_store *store)
{
	memset(store->ports_used, 0, (store->dp->maps.max_ports / 64 + 1) * sizeof(*store->ports_used));
	for (size_t i = 0; i < store->n_running; i++)
		take_numbers(store, store->running[i]->topo);
	for (const struct vn_planned *p = store->planned; p; p = p->next)
		take_numbers(store, p->topo);
}

void vn_planned_add(struct vn_store *store, struct vn_planned *p, const struct vn_topo *topo)
{
	*p = (struct vn_planned){.topo = topo, .next = store->planned};
	store->planned = p;
}

void vn_planned_drop(struct vn_store *store, struct vn_planned *p)
{
	for (struct vn_planned **pp = &store->planned; *pp; pp = &(*pp)->next)
		if (*pp == p) {
			*pp = p->next;
			return;
		}
}

void vn_running_link_lost(struct vn_store *store, struct vn_running *run, size_t l, int side)
{
	const struct vn_link *link = &run->topo->links[l];
	const struct vn_port *port = &link->ports[side];
	const char *node = run->topo->nodes[port->node].name;

	if (run->link_broken[l])
		return;
	run->link_broken[l] = true;
	vn_log_at(VN_LOG_WARNING, "link %s/%s: port %s:%s is gone: apply the topology again to restore it",
		  run->topo->name, link->name, node, port->ifname);
	vn_tell(&store->tell, json_pack("{s:s, s:s, s:s, s:s, s:s}", "event", "port-lost", "topology", run->topo->name,
					"link", link->name, "node", node, "ifname", port->ifname));
}

struct vn_topo **vn_running_topos(const struct vn_store *store)
{
	struct vn_topo **topos = calloc(store->n_running + 1, sizeof(struct vn_topo *));

	for (size_t i = 0; topos && i < store->n_running; i++)
		topos[i] = store->running[i]->topo;
	return topos;
}

int vn_store_open(struct vn_store *store, struct vn_err *err)
{
	store->next_port = 1;
	store->ports_used = calloc(store->dp->maps.max_ports / 64 + 1, sizeof(*store->ports_used));
	store->owners = calloc(store->dp->maps.max_ports, sizeof(*store->owners));
	return store->ports_used && store->owners ? 0 : vn_err_nomem(err);
}

void vn_store_release(struct vn_store *store)
{
	while (store->n_running)
		vn_running_replace(store, store->running[0]->topo->name, NULL, NULL);
	free(store->running);
	free(store->ports_used);
	free(store->owners);
	store->owners = NULL;
	store->running = NULL;
	store->ports_used = NULL;
}
