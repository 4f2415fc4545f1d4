/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * AF_XDP ports: the program on the node's end, and what the host's end must do for it and for other raw readers.
 *
 * A veth hands a frame to its peer as it is: unsegmented, its checksum still to be computed, its VLAN tag beside it. A
 * kernel can read that; an application cannot, and XDP loses the tag. So the offloads of the *host's* end are switched
 * off, where the node's root cannot switch them on again: the kernel then completes each frame before it crosses.
 */
#include <net/if.h>

#include <loader/afxdp.h>
#include <base/util.h>

#include "exec/port_exec.h"
#include "net/netns.h"
#include "net/offload.h"
#include "net/veth.h"

static int offloads(struct vn_exec *x, uint32_t number, bool on)
{
	char host[IF_NAMESIZE];
	int r = vn_netns_enter(x->f->home.netns_fd);

	if (r < 0)
		return vn_err_kernel(x->err, -r, "entering %s: %s", VN_FABRIC_NAME, strerror(-r));
	snprintf(host, sizeof(host), VN_PORT_IFNAME, number);
	r = on ? vn_offload_tx_on(host, x->err) : vn_offload_all_off(host, x->err);
	vn_netns_leave(x->f->home.host_netns_fd);
	return r;
}

static int attach(struct vn_exec *x, const struct vn_port *port, int node_fd)
{
	int r = vn_netns_enter(node_fd);

	if (r < 0)
		return vn_err_kernel(x->err, -r, "entering a node: %s", strerror(-r));
	r = vn_afxdp_attach(x->f->dp, port->number, VN_IFINDEX_NODE + port->number, x->err);
	vn_netns_leave(x->f->home.host_netns_fd);
	if (r == 0)
		r = vn_afxdp_share_map(x->f->dp->pin_dir, port->number, !!(port->handover & VN_HANDOVER_PINNED));
	return r;
}

/* Pins that stay do no harm to others: they are swept later, and told. */
static void detach(struct vn_fabric *f, uint32_t number)
{
	int r = vn_afxdp_detach(f->dp, number);

	if (r < 0)
		vn_err_kernel(&f->left, -r, "AF_XDP port %u: its pins in %s cannot be removed: %s", number,
			      f->dp->pin_dir, strerror(-r));
}

int vn_exec_raw(struct vn_exec *x, const struct vn_topo *was_in, const struct vn_port *was, const struct vn_topo *t,
		const struct vn_port *port)
{
	const bool raw = vn_port_is_raw(t, port);

	/* A NIC completes what a VF sends to another. */
	if (!vn_port_has(port, VN_TRAIT_PAIR) || raw == (was && vn_port_is_raw(was_in, was)))
		return 0;
	return offloads(x, port->number, !raw);
}

static int serve(struct vn_exec *x, const struct vn_port *port)
{
	int node_fd = -EBADF, r = vn_exec_node_fd(x, port->node, &node_fd);

	return r == 0 ? attach(x, port, node_fd) : r;
}

static int adopt(struct vn_fabric *f, const struct vn_topo *t, const struct vn_port *port, struct vn_err *err)
{
	char name[VN_NETNS_NAME_MAX];
	cleanup_close int fd = vn_netns_open(vn_netns_name(name, t->name, t->nodes[port->node].name));
	struct vn_exec x = {.f = f, .new = t, .err = err};

	if (fd < 0)
		return vn_err_kernel(err, -fd, "node %s: %s", t->nodes[port->node].name, strerror(-fd));
	return attach(&x, port, fd);
}

const struct vn_port_exec vn_afxdp_exec = {
	.make = vn_veth_make,
	.up = vn_veth_up,
	.remove = vn_veth_remove,
	.serve = serve,
	.unserve = detach,
	.adopt = adopt,
};

int vn_fabric_afxdp_socket(struct vn_fabric *f, const char *netns, uint32_t number, uint32_t buffers,
			   struct vn_afxdp_socket *ret_socket, struct vn_err *err)
{
	cleanup_close int fd = vn_netns_open(netns);
	int r = fd < 0 ? fd : vn_netns_enter(fd);

	if (r < 0)
		return vn_err_kernel(err, -r, "node %s: %s", netns, strerror(-r));
	r = vn_afxdp_socket(VN_IFINDEX_NODE + number, buffers, ret_socket, err);
	vn_netns_leave(f->home.host_netns_fd);
	return r;
}

int vn_fabric_xsks(struct vn_fabric *f, const struct vn_topo *t, const struct vn_port *port, struct vn_xsks *ret_xsks)
{
	char name[VN_NETNS_NAME_MAX];
	cleanup_close int fd = vn_netns_open(vn_netns_name(name, t->name, t->nodes[port->node].name));
	int r = fd < 0 ? fd : vn_netns_enter(fd);

	if (r < 0)
		return r;
	r = vn_xsks_on(VN_IFINDEX_NODE + port->number, ret_xsks);
	vn_netns_leave(f->home.host_netns_fd);
	return r;
}
