/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * What is done with frames for an AF_XDP port, and what is counted. Each port has maps of its own: whoever
 * is handed a map of one port cannot reach another.
 */
#ifndef VNET_ABI_ABI_AFXDP_H
#define VNET_ABI_ABI_AFXDP_H

#include <linux/types.h>

#define VN_AFXDP_QUEUES   1u /* receive queues of a port: a veth pair keeps a port's order by having one */
#define VN_AFXDP_TAGS_MAX 2  /* VLAN tags that are looked through */

/*
 * What a frame is to the filter; each frame is one of these, by what stands behind at most two VLAN tags: id, word of
 * the topology file, explanation.
 */
#define VN_AFXDP_CLASS_LIST(X)                                                                                         \
	X(ARP, "arp", "ARP")                                                                                           \
	X(ICMP, "icmp", "ICMP, and ICMPv6 with its neighbour discovery")                                               \
	X(TCP, "tcp", "TCP over IPv4 or IPv6")                                                                         \
	X(UDP, "udp", "UDP over IPv4 or IPv6")                                                                         \
	X(IP, "ip", "any other protocol over IPv4 or IPv6, and fragments")                                             \
	X(OTHER, "other", "everything else")

enum vn_afxdp_class {
#define X(id, word, text) VN_AFXDP_##id,
	VN_AFXDP_CLASS_LIST(X)
#undef X
		VN_AFXDP_CLASS_MAX,
};
#define VN_AFXDP_CLASS_ALL ((1u << VN_AFXDP_CLASS_MAX) - 1)
_Static_assert(VN_AFXDP_CLASS_MAX <= 8, "VN_PORT_APP_FLAGS has a bit for each");

/* Where a frame that is for the application goes while none is bound. */
enum vn_afxdp_unbound {
	VN_AFXDP_UNBOUND_KERNEL = 0,
	VN_AFXDP_UNBOUND_DROP = 1,
};

/* What became of a frame: id, word of `port show`, explanation. */
#define VN_AFXDP_FATE_LIST(X)                                                                                          \
	X(APP, "app", "to the application's socket")                                                                   \
	X(KERNEL, "kernel", "to the node's kernel, because the filter says so")                                        \
	X(UNBOUND, "unbound-kernel", "to the node's kernel, because no application is bound")                          \
	X(UNBOUND_DROP, "unbound-drop", "dropped, because no application is bound")

enum vn_afxdp_fate {
#define X(id, word, text) VN_AFXDP_FATE_##id,
	VN_AFXDP_FATE_LIST(X)
#undef X
		VN_AFXDP_FATE_MAX,
};

/**
 * struct vn_afxdp_cfg - filter and policy of a port; they stand in the flags of the port that sends to it
 * @kernel:  bits 1 << enum vn_afxdp_class: these go to the node's kernel whoever is bound
 * @unbound: enum vn_afxdp_unbound
 */
struct vn_afxdp_cfg {
	__u32 kernel;
	__u32 unbound;
};

/* Element of the per-CPU map vn_app_ctr, index: port number. */
struct vn_afxdp_ctr {
	struct {
		__u64 packets;
		__u64 bytes;
	} fate[VN_AFXDP_FATE_MAX];
};
_Static_assert(sizeof(struct vn_afxdp_ctr) == 64, "vn_afxdp_ctr is shared with BPF");

#endif
