/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The program on a VF in its node. A NIC's switch delivers what it likes; here passes what comes from the other end of
 * the VF's link and nothing else. On a direct link, where no host end does it, the direction's discipline is applied
 * here: its state, its policer and its loss; what would have to be kept cannot be.
 *
 * One program for all VFs: a VF's interface index, chosen by the agent, says which port it is.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>

#include <maps/maps.bpf.h>
#include <disc/discipline.h>
#include <disc/gate.h>
#include <abi/ifindex.h>
#include <disc/police.h>
#include "port_check.h"

#define VN_VF_POLICE_TRIES 8 /* as VN_POLICE_TRIES of vn_tc_port */

/* A frame that nobody has counted yet: it enters here, and goes no further. */
static __always_inline int vn_vf_drop(__u32 number, __u32 reason, __u32 len)
{
	struct vn_port_drop *d = bpf_map_lookup_elem(&vn_port_drop, &number);
	struct vn_port_ctr *c = bpf_map_lookup_elem(&vn_port_ctr, &number);

	if (c) {
		c->in_packets++;
		c->in_bytes += len;
	}
	if (d && reason < VN_DROP_MAX)
		__sync_fetch_and_add(&d->count[reason], 1);
	return XDP_DROP;
}

static __always_inline int vn_vf_police(const struct vn_disc *d, __u32 slot, __u32 len, __u64 now_ns)
{
	struct vn_police *p = bpf_map_lookup_elem(&vn_police, &slot);
	__u64 rate_bps = *(volatile const __u64 *)&d->police_bps, bytes = vn_police_bytes(len, 0, 0);
	__u32 burst = d->police_burst_bytes;

	if (!p || !rate_bps)
		return VN_PASS;
	for (int i = 0; i < VN_VF_POLICE_TRIES; i++) {
		__u64 tat_ns = *(volatile __u64 *)&p->tat_ns, next_ns;

		if (!vn_police_conform(tat_ns, now_ns, bytes, rate_bps, burst, &next_ns))
			break;
		if (__sync_val_compare_and_swap(&p->tat_ns, tat_ns, next_ns) == tat_ns)
			return VN_PASS;
	}
	__sync_fetch_and_add(&p->dropped_packets, 1);
	__sync_fetch_and_add(&p->dropped_bytes, bytes);
	return VN_DROP_POLICE;
}

/*
 * The frame's number is taken from the direction's state, as the engine takes it: same seed, same fates. A direction of
 * a direct link has no engine, so its figures are written here, by all CPUs that receive. Returns whether it is lost.
 */
static __always_inline bool vn_vf_loses(const struct vn_disc_slot *slot, __u32 number, __u32 len)
{
	struct vn_dir *dir = bpf_map_lookup_elem(&vn_dir, &number);
	struct vn_disc d = {.loss_ppb = slot->disc.loss_ppb, .key = slot->disc.key, .flags = VN_DISC_PLAIN};
	const struct vn_disc_in in = {.len = len, .segs = 1};
	const struct vn_disc_env env = {};
	struct vn_disc_state state = {};
	struct vn_fate fate[2] = {};

	if (!dir || !d.loss_ppb)
		return false;
	/* The figures of the slot's earlier link: no engine takes them away. */
	if (dir->gen != slot->gen) {
		dir->gen = slot->gen;
		dir->state.index = 0;
		dir->in_packets = dir->in_bytes = dir->out_packets = dir->out_bytes = 0;
		dir->drops[VN_EDROP_LOSS] = 0;
	}
	if (dir->reset != slot->reset) {
		dir->reset = slot->reset;
		dir->in_packets = dir->in_bytes = dir->out_packets = dir->out_bytes = 0;
		dir->drops[VN_EDROP_LOSS] = 0;
	}
	state.index = __sync_fetch_and_add(&dir->state.index, 1);
	__sync_fetch_and_add(&dir->in_packets, 1);
	__sync_fetch_and_add(&dir->in_bytes, len);
	vn_disc_apply(&d, &state, &env, &in, fate);
	if (fate[0].verdict == VN_VERDICT_DROP) {
		__sync_fetch_and_add(&dir->drops[VN_EDROP_LOSS], 1);
		return true;
	}
	__sync_fetch_and_add(&dir->out_packets, 1);
	__sync_fetch_and_add(&dir->out_bytes, len);
	return false;
}

/* What vn_tc_port, engine and vn_tc_deliver do for other links, for direction @peer that ends here. */
static __always_inline int vn_vf_direct(__u32 peer, __u32 flags, __u32 len)
{
	const struct vn_disc_slot *slot = bpf_map_lookup_elem(&vn_disc, &peer);
	struct vn_port_ctr *c = bpf_map_lookup_elem(&vn_port_ctr, &peer);
	__u64 now_ns = bpf_ktime_get_ns();
	int reason = VN_PASS;

	if (!slot || !c)
		return XDP_DROP;
	if (flags & VN_PORT_GATED && !vn_gate_open(&slot->disc, now_ns))
		reason = VN_DROP_DOWN;
	else if (flags & VN_PORT_POLICED)
		reason = vn_vf_police(&slot->disc, peer, len, now_ns);
	if (reason != VN_PASS)
		return vn_vf_drop(peer, reason, len);
	c->in_packets++;
	c->in_bytes += len;
	if (vn_vf_loses(slot, peer, len))
		return XDP_DROP;
	c->out_packets++;
	c->out_bytes += len;
	return XDP_PASS;
}

SEC("xdp.frags")
int vn_xdp_vf(struct xdp_md *ctx)
{
	__u32 number = ctx->ingress_ifindex - VN_IFINDEX_NODE, len = bpf_xdp_get_buff_len(ctx), peer, flags;
	const struct vn_port_cfg *own = bpf_map_lookup_elem(&vn_port, &number), *from;
	const __u8 *data = (void *)(long)ctx->data, *src = data + ETH_ALEN;

	if (!own || data + ETH_HLEN > (const __u8 *)(long)ctx->data_end)
		return XDP_DROP;
	peer = own->peer_ifindex - VN_IFINDEX_HOST;
	from = bpf_map_lookup_elem(&vn_port, &peer);
	if (!from)
		return XDP_DROP;
	flags = *(volatile const __u32 *)&from->flags;
	if (!(flags & VN_PORT_ACTIVE))
		return vn_vf_drop(peer, VN_DROP_INACTIVE, len);
	if (!vn_mac_allowed(from, src))
		return vn_vf_drop(peer, VN_DROP_FOREIGN, len);
	return flags & VN_PORT_DIRECT ? vn_vf_direct(peer, flags, len) : XDP_PASS;
}

char _license[] SEC("license") = "GPL";
