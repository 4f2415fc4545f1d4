/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files about VFs share; nobody else includes this. */
#ifndef VNET_EXEC_PORT_VF_INTERNAL_H
#define VNET_EXEC_PORT_VF_INTERNAL_H

#include <loader/vf.h>

#include "exec/exec_internal.h"
#include "sriov/vf_state.h"

#define VN_VF_NETDEV_WAIT_NS  (10 * VN_NSEC_PER_SEC)
#define VN_VF_CARRIER_WAIT_NS (10 * VN_NSEC_PER_SEC)
#define VN_VF_POLL_US         20000

/* Who an error of netlink is about. */
struct vn_vf_name {
	const char *pf;
	unsigned int vf;
};

/* A socket in the host's namespace whose errors name @name. */
int vn_vf_host_nl(struct vn_nl *nl, struct vn_vf_name *name, struct vn_err *err);
/* "TOPOLOGY/NODE:INTERFACE" */
void vn_vf_owner(const struct vn_topo *t, const struct vn_port *p, char buf[VN_OWNER_MAX]);
/* For vn_vf_exec (port_exec.h). */
int vn_vf_take(struct vn_exec *x, const struct vn_link *l, int side);
int vn_vf_give_back(struct vn_exec *x, const struct vn_port *port);
int vn_vf_check_give_back(const struct vn_port *port, struct vn_err *err);
/* Whether PF @pf has its link. */
bool vn_vf_carrier(const char *pf);
/* The namespace of the node of @port: a descriptor, or -errno. */
int vn_vf_node_netns(const struct vn_topo *t, const struct vn_port *port);
/* The program on the node's VF of @port, in namespace @node_fd: attached, or replaced by this build's. */
int vn_vf_put_program(const struct vn_fabric *f, const struct vn_port *port, int node_fd, enum vn_xdp_mode *ret_mode,
		      struct vn_err *err);

#endif
