// SPDX-License-Identifier: GPL-2.0-only
/*
 * Room in nodes for the devices of new links. A node's root may have taken the index that a port would get, which makes
 * it another number; or its name, which nobody but the node can give up.
 */
#include <net/if.h>
#include <stdlib.h>

#include <base/util.h>

#include "exec/exec_internal.h"
#include "net/veth.h"

#define DEVICES_MAX 16384u /* of one node */

/* The node's devices, as far as they matter: those with an index that a port could get, and all names. */
struct device {
	uint32_t ifindex;
	bool port_like; /* its other end is, or claims to be, the host end of the same number */
	char name[IF_NAMESIZE];
};

struct devices {
	struct device *list;
	size_t n, room;
	bool failed;
};

static void take_device(void *arg, const struct vn_link_info *l)
{
	struct devices *d = arg;

	if (d->n == d->room) {
		size_t room = d->room ? 2 * d->room : 16;
		struct device *more = reallocarray(d->list, room, sizeof(*more));

		d->failed |= !more;
		if (!more)
			return;
		d->list = more;
		d->room = room;
	}
	d->list[d->n] = (struct device){.ifindex = l->ifindex,
					.port_like = l->ifindex > VN_IFINDEX_NODE &&
						     l->peer_ifindex == l->ifindex - VN_IFINDEX_NODE + VN_IFINDEX_HOST};
	snprintf(d->list[d->n].name, sizeof(d->list[d->n].name), "%s", l->name);
	d->n++;
}

static int list_devices(struct vn_fabric *f, struct vn_nl *nl, const struct vn_topo *t, const struct vn_node *n,
			struct devices *ret, struct vn_err *err)
{
	char name[VN_NETNS_NAME_MAX];
	cleanup_close int fd = vn_netns_open(vn_netns_name(name, t->name, n->name));
	int r;

	/* It is not there: made anew, and empty. */
	if (fd < 0)
		return 0;
	r = vn_home_nl_open(&f->home, fd, nl, err);
	if (r < 0)
		return r;
	nl->dump_most = DEVICES_MAX;
	nl->err = NULL;
	r = vn_link_dump(nl, take_device, ret);
	nl->err = err;
	if (r == -E2BIG)
		return vn_err_kernel(err, E2BIG,
				     "node %s: it has more than %u devices, so no link can be added: delete some there",
				     n->name, DEVICES_MAX);
	return r < 0         ? vn_err_kernel(err, -r, "node %s: its devices: %s", n->name, strerror(-r))
	       : ret->failed ? vn_err_kernel(err, ENOMEM, "node %s: its devices: %s", n->name, strerror(ENOMEM))
			     : 0;
}

static const struct device *by_index(const struct devices *d, uint32_t ifindex)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->list[i].ifindex == ifindex)
			return &d->list[i];
	return NULL;
}

/* Not one of ours, which goes, or is renamed, in time. */
static const struct device *by_name(const struct devices *d, const char *name)
{
	for (size_t i = 0; i < d->n; i++)
		if (!d->list[i].port_like && strcmp(d->list[i].name, name) == 0)
			return &d->list[i];
	return NULL;
}

static int check_port(const struct devices *d, const struct vn_topo *t, const struct vn_node *n, struct vn_port *port,
		      vn_port_alloc_fn alloc, void *arg, struct vn_err *err)
{
	const struct device *taken = by_name(d, port->ifname), *at;

	if (taken)
		return vn_err_kernel(
			err, EEXIST,
			"node %s: it has an interface %s of its own already (index %u): rename it (`vnet-agent node "
			"exec %s/%s -- ip link set %s name OTHER`) or delete it there, or name the port otherwise",
			n->name, taken->name, taken->ifindex, t->name, n->name, taken->name);
	for (uint32_t tries = 0; (at = by_index(d, VN_IFINDEX_NODE + port->number)) && !at->port_like; tries++)
		if (tries > d->n || alloc(arg, &port->number) < 0)
			return vn_err_kernel(err, EBUSY,
					     "node %s: its interface %s has the index %u, and others have all that are "
					     "left for a port: delete them there",
					     n->name, at->name, at->ifindex);
	return 0;
}

/* The link is there, and stays. */
static bool stays(struct vn_topo *old, const struct vn_observed *seen, const struct vn_link *l)
{
	size_t i;

	return vn_topo_find_link(old, l->name, &i) == 0 && seen->link_ok[i] &&
	       old->links[i].ports[0].number == l->ports[0].number &&
	       old->links[i].ports[1].number == l->ports[1].number &&
	       strcmp(old->links[i].ports[0].ifname, l->ports[0].ifname) == 0 &&
	       strcmp(old->links[i].ports[1].ifname, l->ports[1].ifname) == 0;
}

static int check_node(struct vn_fabric *f, struct vn_nl *nl, struct vn_topo *old, const struct vn_observed *seen,
		      struct vn_topo *new, size_t node, vn_port_alloc_fn alloc, void *arg, struct vn_err *err)
{
	const struct vn_node *n = &new->nodes[node];
	struct devices devices = {0};
	bool listed = false;
	size_t was;
	int r = 0;

	if (vn_topo_find_node(old, n->name, &was) < 0 || !seen->node_ok[was])
		return 0;
	for (size_t i = 0; i < n->n_links && r == 0; i++) {
		struct vn_link *l = &new->links[n->link_ids[i] / VN_DIRS];
		struct vn_port *port = &l->ports[n->link_ids[i] % VN_DIRS];

		if (!vn_port_has(port, VN_TRAIT_PAIR) || stays(old, seen, l))
			continue;
		if (!listed)
			r = list_devices(f, nl, new, n, &devices, err);
		listed = true;
		if (r == 0)
			r = check_port(&devices, new, n, port, alloc, arg, err);
	}
	free(devices.list);
	return r;
}

int vn_exec_make_room(struct vn_fabric *f, struct vn_topo *old, const struct vn_observed *seen, struct vn_topo *new,
		      vn_port_alloc_fn alloc, void *arg, struct vn_err *err)
{
	cleanup_nl struct vn_nl nl = VN_NL_INIT;
	int r = 0;

	for (size_t i = 0; i < new->n_nodes &&r == 0; i++)
		r = check_node(f, &nl, old, seen, new, i, alloc, arg, err);
	return r;
}
