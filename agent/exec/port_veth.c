/* SPDX-License-Identifier: GPL-2.0-only */
/* A port that the node's kernel has: a veth pair, whose host end stands in the fabric. */
#include <base/util.h>

#include "exec/port_exec.h"
#include "net/veth.h"

int vn_veth_make(struct vn_exec *x, size_t id)
{
	const struct vn_link *l = &x->new->links[id / VN_DIRS];
	const struct vn_port *port = &l->ports[id % VN_DIRS];
	char host[IF_NAMESIZE];
	struct vn_veth_end end = {.ifname = host, .ifindex = VN_IFINDEX_HOST + port->number, .netns_fd = -1};
	struct vn_veth_end peer = {
		.ifname = port->ifname, .ifindex = VN_IFINDEX_NODE + port->number, .netns_fd = -1, .mac = port->mac};
	int r;

	r = vn_exec_node_fd(x, port->node, &peer.netns_fd);
	if (r < 0)
		return r;
	snprintf(host, sizeof(host), VN_PORT_IFNAME, port->number);
	/* GSO frames of over 64 KiB, of a node that is set to send them (BIG TCP), stay whole as on a pair of its
	 * own. */
	if (vn_kernel_at_least(6, 3))
		end.gso_max = VN_GSO_MAX;
	x->nl.tag = id;
	vn_veth_create(&x->nl, &end, &peer, l->mtu, VN_GROUP_PORTS);
	return 0;
}

/* One that is down from the start gives its ends no carrier, not for a moment. */
void vn_veth_up(struct vn_exec *x, size_t id, bool closed)
{
	if (!closed)
		vn_link_up(&x->nl, VN_IFINDEX_HOST + vn_port_of(x->new, id)->number);
}

void vn_veth_remove(struct vn_exec *x, size_t id)
{
	vn_link_set_group(&x->nl, VN_IFINDEX_HOST + vn_port_of(x->old, id)->number, VN_GROUP_DYING);
}

const struct vn_port_exec vn_veth_exec = {.make = vn_veth_make, .up = vn_veth_up, .remove = vn_veth_remove};

/* A taken name or index is taken by a device that nobody remembers: the fabric is ours alone. */
int vn_exec_veth_taken(void *exec, uint64_t tag, int error)
{
	struct vn_exec *x = exec;

	if (error != EEXIST && error != EBUSY)
		return -error;
	x->retry[x->n_retry++] = tag;
	return 0;
}

/* The node's end of a pair whose fabric lost its name, and is another one now. */
static int delete_node_end(struct vn_exec *x, size_t id)
{
	const struct vn_port *port = vn_port_of(x->new, id);
	int fd = -EBADF, r = vn_exec_node_fd(x, port->node, &fd);

	if (r == 0)
		r = vn_home_nl_open(&x->f->home, fd, &x->node_nl, x->err);
	if (r < 0)
		return r;
	vn_link_set_group(&x->node_nl, VN_IFINDEX_NODE + port->number, VN_GROUP_DYING);
	vn_link_delete_group(&x->node_nl, VN_GROUP_DYING);
	return vn_nl_flush(&x->node_nl);
}

int vn_exec_veth_again(struct vn_exec *x)
{
	char host[IF_NAMESIZE];
	int r = 0;

	for (size_t i = 0; i < x->n_retry; i++) {
		const size_t id = x->retry[i];

		snprintf(host, sizeof(host), VN_PORT_IFNAME, vn_port_of(x->new, id)->number);
		x->nl.tag = id;
		vn_link_set_group(&x->nl, VN_IFINDEX_HOST + vn_port_of(x->new, id)->number, VN_GROUP_DYING);
		vn_link_set_group_named(&x->nl, host, VN_GROUP_DYING);
	}
	vn_link_delete_group(&x->nl, VN_GROUP_DYING);
	r = vn_exec_flush(x);
	for (size_t i = 0; i < x->n_retry && r == 0; i++)
		r = delete_node_end(x, x->retry[i]);
	for (size_t i = 0; i < x->n_retry && r == 0; i++)
		r = vn_veth_make(x, x->retry[i]);
	return r == 0 ? vn_exec_flush(x) : r;
}
