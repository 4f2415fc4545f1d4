/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The program on the node's end of an AF_XDP port. One instance per port, with a map of its own; attached in generic
 * mode by a pinned bpf_link, which the node's root cannot remove. Only what the application shall have comes here
 * (bpf/to_app.h says why).
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include <vnet/abi_afxdp.h>

/* The application's sockets by queue. Writer: the application, which is handed it; an entry goes with its socket. */
struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, VN_AFXDP_QUEUES);
	__type(key, __u32);
	__type(value, __u32);
} axp_xsk SEC(".maps");

/*
 * Not "xdp.frags", though frames of several pages come, too: the kernel then makes them one piece, which costs a small
 * frame a third of what a new skb for it would. XDP_PASS: whoever was bound a moment ago is not any more.
 */
SEC("xdp")
int vn_xdp_port(struct xdp_md *ctx)
{
	return bpf_redirect_map(&axp_xsk, ctx->rx_queue_index, XDP_PASS);
}

char _license[] SEC("license") = "GPL";
