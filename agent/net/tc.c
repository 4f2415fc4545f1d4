/* SPDX-License-Identifier: GPL-2.0-only */
#include "net/tc.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>

#define FILTER_PRIO   1u
#define FILTER_HANDLE 1u

void vn_tc_ingress(struct vn_nl *nl, uint32_t ifindex)
{
	const struct tcmsg t = {
		.tcm_family = AF_UNSPEC,
		.tcm_ifindex = (int)ifindex,
		.tcm_parent = TC_H_INGRESS,
		.tcm_handle = TC_H_MAKE(TC_H_INGRESS, 0),
	};

	vn_nl_begin(nl, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, &t, sizeof(t));
	vn_nl_put_str(nl, TCA_KIND, "ingress");
	vn_nl_end(nl, "add its ingress qdisc", VN_NL_OK(EEXIST));
}

void vn_tc_bpf_ingress(struct vn_nl *nl, uint32_t ifindex, int prog_fd, const char *name, uint16_t classid_minor)
{
	const struct tcmsg t = {
		.tcm_family = AF_UNSPEC,
		.tcm_ifindex = (int)ifindex,
		.tcm_parent = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS),
		.tcm_handle = FILTER_HANDLE,
		.tcm_info = TC_H_MAKE(FILTER_PRIO << 16, htons(ETH_P_ALL)),
	};
	struct nlattr *options;

	vn_nl_begin(nl, RTM_NEWTFILTER, NLM_F_CREATE, &t, sizeof(t));
	vn_nl_put_str(nl, TCA_KIND, "bpf");
	options = vn_nl_nest(nl, TCA_OPTIONS);
	if (classid_minor)
		vn_nl_put_u32(nl, TCA_BPF_CLASSID, classid_minor);
	vn_nl_put_u32(nl, TCA_BPF_FD, (uint32_t)prog_fd);
	vn_nl_put_str(nl, TCA_BPF_NAME, name);
	vn_nl_put_u32(nl, TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
	vn_nl_nest_end(nl, options);
	vn_nl_end(nl, "attach its tc program", 0);
}

static void begin_root(struct vn_nl *nl, uint32_t ifindex, const char *kind)
{
	const struct tcmsg t = {.tcm_family = AF_UNSPEC, .tcm_ifindex = (int)ifindex, .tcm_parent = TC_H_ROOT};

	vn_nl_begin(nl, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, &t, sizeof(t));
	vn_nl_put_str(nl, TCA_KIND, kind);
}

void vn_tc_queue(struct vn_nl *nl, uint32_t ifindex, uint32_t bytes)
{
	const struct tc_fifo_qopt fifo = {.limit = bytes};

	begin_root(nl, ifindex, "bfifo");
	vn_nl_put(nl, TCA_OPTIONS, &fifo, sizeof(fifo));
	vn_nl_end(nl, "give it a queue", 0);
}

void vn_tc_noqueue(struct vn_nl *nl, uint32_t ifindex)
{
	begin_root(nl, ifindex, "noqueue");
	vn_nl_end(nl, "take its queue away", 0);
}
