/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The program on the node's end of an AF_XDP port: which frames the bound application gets, and which the node's
 * kernel. One instance per port, each with maps of its own; attached by a pinned bpf_link, which the node's root cannot
 * remove.
 *
 *   peer -> host end -> node's end: vn_xdp_port -> XSKMAP -> application
 *                                              -> node's kernel (filter; or nobody bound)
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <stdbool.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include <vnet/abi_afxdp.h>

#define MAX_TAGS 2

/* The application's sockets by queue. Writer: the application, which is handed it; an entry goes with its socket. */
struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, VN_AFXDP_QUEUES);
	__type(key, __u32);
	__type(value, __u32);
} axp_xsk SEC(".maps");

/* Filter and policy. Writer: daemon, also while traffic runs; reader: the program. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct vn_afxdp_cfg);
} axp_cfg SEC(".maps");

/* Fates of frames. Writer: the program, each CPU its own; reader: daemon. Lives as long as the port. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct vn_afxdp_ctr);
} axp_ctr SEC(".maps");

static __always_inline __u32 class_of_protocol(__u8 protocol)
{
	switch (protocol) {
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return VN_AFXDP_ICMP;
	case IPPROTO_TCP:
		return VN_AFXDP_TCP;
	case IPPROTO_UDP:
		return VN_AFXDP_UDP;
	default:
		return VN_AFXDP_IP;
	}
}

/* The class of a frame; what is too short for its own headers is OTHER, so that no filter is slipped by a runt. */
static __always_inline __u32 class_of(const __u8 *data, const __u8 *end)
{
	const __u8 *l3 = data + ETH_HLEN;
	__be16 proto;

	if (l3 > end)
		return VN_AFXDP_OTHER;
	proto = *(const __be16 *)(l3 - 2);
	for (int i = 0; i < MAX_TAGS; i++) {
		if (proto != bpf_htons(ETH_P_8021Q) && proto != bpf_htons(ETH_P_8021AD))
			break;
		l3 += 4;
		if (l3 > end)
			return VN_AFXDP_OTHER;
		proto = *(const __be16 *)(l3 - 2);
	}
	if (proto == bpf_htons(ETH_P_ARP))
		return VN_AFXDP_ARP;
	if (proto == bpf_htons(ETH_P_IP)) {
		if (l3 + 20 > end)
			return VN_AFXDP_OTHER;
		/* A later fragment does not say what it is a part of, so the first one is not taken at its word. */
		if (*(const __be16 *)(l3 + 6) & bpf_htons(0x3fff))
			return VN_AFXDP_IP;
		return class_of_protocol(l3[9]);
	}
	if (proto == bpf_htons(ETH_P_IPV6)) {
		if (l3 + 40 > end)
			return VN_AFXDP_OTHER;
		return class_of_protocol(l3[6]);
	}
	return VN_AFXDP_OTHER;
}

static __always_inline int count(struct vn_afxdp_ctr *c, __u32 fate, __u64 bytes, int action)
{
	c->fate[fate].packets += 1;
	c->fate[fate].bytes += bytes;
	return action;
}

SEC("xdp.frags")
int vn_xdp_port(struct xdp_md *ctx)
{
	__u32 zero = 0, class;
	const volatile struct vn_afxdp_cfg *cfg = bpf_map_lookup_elem(&axp_cfg, &zero);
	struct vn_afxdp_ctr *ctr = bpf_map_lookup_elem(&axp_ctr, &zero);
	__u64 len = bpf_xdp_get_buff_len(ctx);
	int otherwise, action;

	if (!cfg || !ctr)
		return XDP_DROP;
	class = class_of((const __u8 *)(long)ctx->data, (const __u8 *)(long)ctx->data_end);
	if (cfg->kernel >> class & 1)
		return count(ctr, VN_AFXDP_FATE_KERNEL, len, XDP_PASS);
	otherwise = cfg->unbound == VN_AFXDP_UNBOUND_DROP ? XDP_DROP : XDP_PASS;
	action = bpf_redirect_map(&axp_xsk, ctx->rx_queue_index, otherwise);
	if (action == XDP_REDIRECT)
		return count(ctr, VN_AFXDP_FATE_APP, len, action);
	return count(ctr, action == XDP_DROP ? VN_AFXDP_FATE_UNBOUND_DROP : VN_AFXDP_FATE_UNBOUND, len, action);
}

char _license[] SEC("license") = "GPL";
