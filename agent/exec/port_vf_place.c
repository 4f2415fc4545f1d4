// SPDX-License-Identifier: GPL-2.0-only
/* VFs that are made go where they belong, with their programs, and come up there. */
#include <linux/if_link.h>

#include <loader/vf.h>
#include <base/util.h>

#include "exec/exec_internal.h"
#include "exec/port_vf.h"
#include "exec/port_exec.h"
#include "exec/port_vf_internal.h"
#include "sriov/netdev.h"
#include "net/netns.h"
#include "sriov/sriov.h"
#include "net/veth.h"

static int move(struct vn_exec *x, const struct vn_vf *v, unsigned int vf, const struct vn_vf_move *to)
{
	cleanup_nl struct vn_nl nl = VN_NL_INIT;
	struct vn_vf_name what = {.pf = v->pf, .vf = vf};
	struct vn_vf_netdev dev;
	char pci[VN_PCI_NAME];
	struct vn_sriov pf;
	int r = vn_sriov_open(v->pf, &pf, x->err);

	if (r == 0)
		r = vn_vf_host_nl(&nl, &what, x->err);
	if (r == 0)
		r = vn_sriov_vf_pci(&pf, vf, pci);
	if (r == 0)
		r = vn_sriov_netdev(&nl, pci, &dev);
	if (r < 0)
		return vn_err(x->err, VN_EXIT_CHANGED, -r, "PF %s, VF %u: its network device is gone: apply again",
			      v->pf, vf);
	vn_link_down(&nl, dev.ifindex);
	vn_netdev_move(&nl, dev.ifindex, to);
	return vn_nl_flush(&nl);
}

int vn_vf_put_program(const struct vn_fabric *f, const struct vn_port *port, int node_fd, enum vn_xdp_mode *ret_mode,
		      struct vn_err *err)
{
	static const enum vn_xdp_mode want[] = {[VN_VF_XDP_AUTO] = VN_XDP_OFF,
						[VN_VF_XDP_NATIVE] = VN_XDP_NATIVE,
						[VN_VF_XDP_GENERIC] = VN_XDP_GENERIC};
	int r;

	if (port->vf.xdp == VN_VF_XDP_NONE || port->vf.driver == VN_VF_VFIO)
		return 0;
	r = vn_netns_enter(node_fd);
	if (r < 0)
		return vn_err_kernel(err, -r, "entering a node: %s", strerror(-r));
	r = vn_vf_attach(f->dp->pin_dir, port->number, VN_IFINDEX_NODE + port->number, want[port->vf.xdp], ret_mode,
			 err);
	vn_netns_leave(f->home.host_netns_fd);
	return r;
}

static int place(struct vn_exec *x, size_t id)
{
	const struct vn_port *port = vn_port_of(x->new, id);
	struct vn_vf_move to = {.ifindex = VN_IFINDEX_NODE + port->number, .name = port->ifname};
	enum vn_xdp_mode mode = VN_XDP_OFF;
	char host[IF_NAMESIZE];
	int r = vn_exec_node_fd(x, port->node, &to.netns_fd), node_fd = to.netns_fd;

	if (r == 0 && port->vf.driver != VN_VF_VFIO)
		r = move(x, &port->vf, port->vf.index, &to);
	if (r == 0)
		r = vn_vf_put_program(x->f, port, node_fd, &mode, x->err);
	if (r < 0 || port->vf.mode != VN_VF_WIRE)
		return r;
	snprintf(host, sizeof(host), VN_PORT_IFNAME, port->number);
	to = (struct vn_vf_move){.netns_fd = x->f->home.netns_fd,
				 .ifindex = VN_IFINDEX_HOST + port->number,
				 .name = host,
				 .group = VN_GROUP_PORTS};
	return move(x, &port->vf, port->vf.partner, &to);
}

/*
 * What a node sends to groups, and with which tags, is the other end's to judge, not the NIC's. Virtio's filter of
 * VLANs is off in promiscuous mode only; a NIC that puts VFs into VLANs has this wire's frames alone for the partner.
 */
static void up(struct vn_exec *x, size_t id, bool closed)
{
	const struct vn_port *port = vn_port_of(x->new, id);
	const uint32_t ifindex = VN_IFINDEX_HOST + port->number;

	(void)closed;
	if (port->vf.mode != VN_VF_WIRE)
		return;
	vn_link_up(&x->nl, ifindex);
	vn_netdev_take_all(&x->nl, ifindex, port->vf.vid ? 0 : IFF_PROMISC);
}

/* Its link is not up yet. False also where it has no netdev in that namespace: nothing to wait for. */
static bool is_coming_up(const struct vn_fabric *f, int netns_fd, const struct vn_sriov *pf, unsigned int vf)
{
	cleanup_nl struct vn_nl nl = VN_NL_INIT;
	struct vn_vf_netdev dev = {.flags = IFF_RUNNING};
	char pci[VN_PCI_NAME];

	if (vn_sriov_vf_pci(pf, vf, pci) < 0 || vn_netns_enter(netns_fd) < 0)
		return false;
	if (vn_nl_open(&nl, NULL) == 0)
		vn_sriov_netdev(&nl, pci, &dev);
	vn_netns_leave(f->home.host_netns_fd);
	return dev.flags & IFF_UP && !(dev.flags & IFF_RUNNING);
}

static bool port_is_coming_up(struct vn_exec *x, const struct vn_port *port)
{
	struct vn_sriov pf;
	int fd;

	if (port->vf.state == IFLA_VF_LINK_STATE_DISABLE || !vn_vf_carrier(port->vf.pf) ||
	    vn_sriov_open(port->vf.pf, &pf, NULL) < 0)
		return false;
	if (port->vf.mode == VN_VF_WIRE && is_coming_up(x->f, x->f->home.netns_fd, &pf, port->vf.partner))
		return true;
	return vn_exec_node_fd(x, port->node, &fd) == 0 && is_coming_up(x->f, fd, &pf, port->vf.index);
}

static void settle(struct vn_exec *x, const struct vn_port *port, uint64_t until)
{
	while (port_is_coming_up(x, port) && vn_now_ns() < until) {
		usleep(VN_VF_POLL_US);
		vn_exec_tick(x, 0);
	}
}

int vn_vf_node_netns(const struct vn_topo *t, const struct vn_port *port)
{
	char name[VN_NETNS_NAME_MAX];

	return vn_netns_open(vn_netns_name(name, t->name, t->nodes[port->node].name));
}

static bool present(const struct vn_fabric *f, const struct vn_topo *t, const struct vn_port *port)
{
	char pci[VN_PCI_NAME], ifname[IF_NAMESIZE] = "", driver[64];
	cleanup_close int fd = vn_vf_node_netns(t, port);
	struct vn_sriov pf;

	if (vn_sriov_open(port->vf.pf, &pf, NULL) < 0 || vn_sriov_vf_pci(&pf, port->vf.index, pci) < 0)
		return false;
	if (port->vf.driver == VN_VF_VFIO) {
		vn_pci_driver(pci, driver, sizeof(driver));
		return strcmp(driver, "vfio-pci") == 0;
	}
	if (fd < 0 || vn_netns_enter(fd) < 0)
		return false;
	if (!if_indextoname(VN_IFINDEX_NODE + port->number, ifname))
		*ifname = '\0';
	vn_netns_leave(f->home.host_netns_fd);
	return *ifname;
}

const struct vn_port_exec vn_vf_exec = {
	.take = vn_vf_take,
	.give_back = vn_vf_give_back,
	.check_give_back = vn_vf_check_give_back,
	.settle = settle,
	.present = present,
	.make = place,
	.up = up,
};
