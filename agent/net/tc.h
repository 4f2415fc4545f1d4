/* SPDX-License-Identifier: GPL-2.0-only */
/* clsact qdiscs and BPF filters. Each function adds requests to a batch. */
#ifndef VNET_NET_TC_H
#define VNET_NET_TC_H

#include "net/nl.h"

/* One there already serves as well. */
void vn_tc_clsact(struct vn_nl *nl, uint32_t ifindex);
/*
 * @prog_fd at ingress, direct-action, priority 1, handle 1; @classid_minor (0:N) reaches it as skb->tc_classid.
 * Replaces the filter that is there in one step: no frame passes unseen between the two.
 */
void vn_tc_bpf_ingress(struct vn_nl *nl, uint32_t ifindex, int prog_fd, const char *name, uint16_t classid_minor);

#endif
