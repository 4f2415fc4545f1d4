/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The program on the node's end of an AF_XDP port. One instance per port, with a map of its own; attached in generic
 * mode by a pinned bpf_link, which the node's root cannot remove. Only what the application shall have comes here
 * (bpf/to_app.h says why).
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include <maps/maps.bpf.h>
#include <abi/ifindex.h>

#include "class.h"

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

/*
 * The same for kernels that do not spare frames which bpf_redirect() sent: those for the node's kernel come here, too,
 * and go on to it. Told by what they are, as at tc, less a tag in metadata, which XDP does not see.
 */
SEC("xdp")
int vn_xdp_port_all(struct xdp_md *ctx)
{
	__u32 number = ctx->ingress_ifindex - VN_IFINDEX_NODE;
	const struct vn_port_cfg *own = bpf_map_lookup_elem(&vn_port, &number), *from = NULL;

	if (own) {
		number = own->peer_ifindex - VN_IFINDEX_HOST;
		from = bpf_map_lookup_elem(&vn_port, &number);
	}
	if (from) {
		const struct vn_l3 l3 = vn_find_l3(ctx, VN_AT_XDP);

		if (from->flags >> VN_PORT_APP_KERNEL_SHIFT & 1u << vn_class_of(ctx, VN_AT_XDP, &l3, 0))
			return XDP_PASS;
	}
	return bpf_redirect_map(&axp_xsk, ctx->rx_queue_index, XDP_PASS);
}

char _license[] SEC("license") = "GPL";
