/* SPDX-License-Identifier: GPL-2.0-only */
/* Ingress qdiscs and BPF filters. Each function adds requests to a batch. */
#ifndef VNET_NET_TC_H
#define VNET_NET_TC_H

#include "net/nl.h"

/*
 * The qdisc "ingress": the same hook as clsact's ingress (`tc filter show dev DEV ingress`), without its egress. That
 * half is never used here and is dear: each filter block enters a list of the kernel's that is walked from its
 * beginning for every further one (flow_indr_dev_setup_offload), so 4000 ports took 1.9 s of CPU with clsact and 1.1 s
 * without. One there already, of either kind, serves as well.
 */
void vn_tc_ingress(struct vn_nl *nl, uint32_t ifindex);
/*
 * @prog_fd at ingress, direct-action, priority 1, handle 1; @classid_minor (0:N) reaches it as skb->tc_classid.
 * Replaces the filter that is there in one step: no frame passes unseen between the two.
 */
void vn_tc_bpf_ingress(struct vn_nl *nl, uint32_t ifindex, int prog_fd, const char *name, uint16_t classid_minor);

/*
 * Frames that the driver has no room for wait, @bytes of them at most, counted as they will be on the wire. (The driver
 * must say that it has none: veth does since Linux 6.16, and drops them before.)
 */
void vn_tc_queue(struct vn_nl *nl, uint32_t ifindex, uint32_t bytes);
/* Frames go straight to the driver: no qdisc of the kernel's choice in front of it. */
void vn_tc_noqueue(struct vn_nl *nl, uint32_t ifindex);

#endif
