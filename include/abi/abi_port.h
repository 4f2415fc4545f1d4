/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Everything the data path knows about a port, its counters and the reasons for which it drops.
 * A port's number is the index into these arrays, the minor number of its tc filter's classid, and the slot
 * (the 802.1ad tag) of the direction that starts at it. Number 0 is never given out.
 */
#ifndef VNET_ABI_ABI_PORT_H
#define VNET_ABI_ABI_PORT_H

#include <linux/types.h>

#define VN_PORTS_MAX      65535u /* a slot is 16 bits wide */
#define VN_PORTS_DEFAULT  16384u /* unless the daemon is told otherwise */
#define VN_PORT_VLANS     8      /* VLAN ids a port may be restricted to */
#define VN_PORT_PREFIXES  6      /* source prefixes per family */
#define VN_PORT_MACS      8      /* MACs that a port may use beside its own */
#define VN_FRAME_MIN      16u    /* shorter frames are filled up with zeros at their port */
#define VN_GSO_SIZE_MIN   48u   /* bytes of payload in each segment of a GSO frame: Linux's TCP sends no smaller ones */
#define VN_GSO_MTU        160u  /* ... on links of at least this MTU */
#define VN_GSO_SEGS_MAX   1500u /* segments of a GSO frame; UDP_SEGMENT makes 128 at most, TCP fewer than this */
#define VN_GSO_SEGS_LARGE 4u    /* segments from which on a GSO frame says that its sender has much to send */
#define VN_SLOT_TPID      0x88a8u /* the slot's tag on the engine port */

/*
 * Engine ports: the first device of engine port i, into which the ports' frames go, has the interface index
 * VN_ENGINE_PORT_IFINDEX + 2 * i, the second (a veth pair's other end) the next one. So every program knows the engine
 * port it stands at.
 */
#define VN_ENGINE_PORT_IFINDEX 3000000u
#define VN_ENGINE_BULK         15u /* the one that is a tap; the others are veth pairs */
#define VN_ENGINE_PORT_FINISH  16u /* no engine's: a pair in which frames are segmented and their checksums computed */

/*
 * One held frame in VN_SAMPLE_EVERY crosses the engine port as a sample, for the one-way delay error: the slot's tag
 * carries VN_SAMPLE_TPID instead of VN_SLOT_TPID (the outermost tag is always ours: no node can forge it), and the tag
 * below it is the port's clock in units of 2^VN_SAMPLE_SHIFT ns. 16 bits of them are 33 ms: longer than that over one
 * veth, and the engine is off its CPU, which is reported by itself. vn_xdp_engine makes an ordinary frame of it.
 */
#define VN_SAMPLE_TPID  0x8100u
#define VN_SAMPLE_EVERY 64u /* a power of two */
#define VN_SAMPLE_SHIFT 9
#define VN_SAMPLE_BITS  16

enum vn_port_flag {
	VN_PORT_ACTIVE = 1u << 0,    /* the link exists: frames may pass */
	VN_PORT_HELD = 1u << 1,      /* frames go through the engine port and the engine */
	VN_PORT_FAIL_OPEN = 1u << 2, /* pass unheld, instead of dropping, while the engine is down */
	VN_PORT_POLICED = 1u << 4,   /* a token bucket: police_* of the direction's discipline, state in vn_police */
	VN_PORT_GATED = 1u << 5,     /* `state down` or a flap schedule of the discipline */
	VN_PORT_DIRECT = 1u << 6,    /* a VF without host end: the program on the peer's VF applies the discipline */
	VN_PORT_VLAN_LIST = 1u << 3, /* tagged frames only with an id from vlans[] (an empty list: none) */
	VN_PORT_TO_APP = 1u << 7,    /* the other end is an AF_XDP port, by the rules of the bits below */
	VN_PORT_APP_DROP = 1u << 8,  /* and drops what is for its application while none is bound */
	VN_PORT_WATCH_GSO = 1u << 9, /* held, and the daemon wants to know of the next large GSO frame: the program
				      * clears the bit at that frame, and tells it by vn_port_gso */
};

/* With VN_PORT_TO_APP: bits 1 << enum vn_afxdp_class, shifted, of what stays the kernel's. */
#define VN_PORT_APP_KERNEL_SHIFT 16
#define VN_PORT_APP_FLAGS        (VN_PORT_TO_APP | VN_PORT_APP_DROP | 0xffu << VN_PORT_APP_KERNEL_SHIFT)

enum vn_isolation {
	VN_ISOLATION_OFF = 0,
	VN_ISOLATION_MAC = 1, /* source MAC, ARP and ND link-layer addresses */
	VN_ISOLATION_IP = 2,  /* and source addresses, ARP and ND sender addresses */
};

/* Why a frame is dropped: one list for the counter, the word of the command line, and the explanation. */
#define VN_DROP_LIST(X)                                                                                                \
	X(INACTIVE, "inactive", "the port belongs to no running link")                                                 \
	X(MAC_SPOOF, "mac-spoof", "source MAC is not the port's")                                                      \
	X(VLAN, "vlan", "VLAN tag not allowed on the port")                                                            \
	X(IP_SPOOF, "ip-spoof", "source address is not the node's")                                                    \
	X(ARP_SPOOF, "arp-spoof", "ARP sender is not the node")                                                        \
	X(ND_SPOOF, "nd-spoof", "neighbour discovery for another's address, or a router's word")                       \
	X(MALFORMED, "malformed", "frame too short for its headers, too many VLAN tags, or absurd segments")           \
	X(ENGINE_DOWN, "engine-down", "held link while the engine is dead or hung")                                    \
	X(NO_PEER, "no-peer", "released for a port that is gone")                                                      \
	X(POLICE, "police", "over the rate that the discipline polices")                                               \
	X(DOWN, "down", "the link is down, by its state or its flap schedule")                                         \
	X(FOREIGN, "foreign", "reached the peer's VF from somebody else than the port")                                \
	X(TOO_LONG, "too-long", "frame, or a segment of a GSO frame, longer than the link's MTU")                      \
	X(RING_FULL, "ring-full", "found no room on its way to the engine")                                            \
	X(UNDELIVERED, "undelivered", "refused by the receiving end: it is down, full, or its MTU is smaller")

enum vn_drop {
#define X(id, word, text) VN_DROP_##id,
	VN_DROP_LIST(X)
#undef X
		VN_DROP_MAX,
	VN_PASS = VN_DROP_MAX, /* what a check returns when the frame may go on */
};

struct vn_prefix4 {
	__be32 addr;
	__be32 mask;
};

struct vn_prefix6 {
	__be32 addr[4];
	__be32 mask[4];
};

/**
 * struct vn_port_cfg - element of the map vn_port, index: port number
 * @flags:         enum vn_port_flag; written alone, with one atomic store, while traffic runs
 * @peer_ifindex:  host end of the other port of the link, in the fabric
 * @trunk_ifindex: first device of the engine port that holds this port's frames; written alone while traffic runs
 * @ifindex:       host end of this port
 * @mac:           the port's source MAC (isolation mac and ip)
 * @isolation:     enum vn_isolation
 * @engine:         its index: whose heartbeat counts. It may lag behind @trunk_ifindex while a direction moves
 * @mtu:           of the link: what may stand behind a frame's Ethernet header and VLAN tags
 * @vlans:         allowed VLAN ids when VN_PORT_VLAN_LIST, @n_vlans of them; VID 0 is untagged
 * @macs:          source MACs allowed beside @mac, @n_macs of them
 * @src4, @src6:   allowed sources (isolation ip): the node's own full addresses and the prefixes that were opened;
 *                 these alone may stand in ARP and ND, too
 */
struct vn_port_cfg {
	__u32 flags;
	__u32 peer_ifindex;
	__u32 engine_ifindex;
	__u32 ifindex;
	__u8 mac[6];
	__u8 isolation;
	__u8 engine;
	__u16 mtu;
	__u8 n_vlans;
	__u8 n_macs;
	__u8 n_src4;
	__u8 n_src6;
	__u8 pad[2];
	__u16 vlans[VN_PORT_VLANS];
	__u8 macs[VN_PORT_MACS][6];
	struct vn_prefix4 src4[VN_PORT_PREFIXES];
	struct vn_prefix6 src6[VN_PORT_PREFIXES];
};
_Static_assert(sizeof(struct vn_port_cfg) == 336, "vn_port_cfg is shared with BPF");
_Static_assert(__builtin_offsetof(struct vn_port_cfg, mac) == 16, "hot part first");
_Static_assert(__builtin_offsetof(struct vn_port_cfg, macs) <= 64, "the hot part fills the first cache line");

/*
 * Element of the per-CPU map vn_port_ctr: what entered the direction that starts here, and what left it at the peer.
 * Every frame that enters leaves, is dropped for one of the reasons, or is held: in = out + drops + held, but for the
 * copies that a discipline makes.
 */
struct vn_port_ctr {
	__u64 in_packets; /* that the node sent; a GSO frame counts its segments */
	__u64 in_bytes;
	__u64 out_packets; /* taken by the peer's device */
	__u64 out_bytes;
	__u64 last; /* the skb that was handed over last, for vn_lost_tp */
};
_Static_assert(sizeof(struct vn_port_ctr) == 40, "vn_port_ctr is shared with BPF");

/*
 * The frame that vn_xdp_engine sees on this CPU, for what befalls it afterwards (bpf/lost.bpf.c).
 * @slot: its direction; 0: none
 * @down: it is dropped, as no engine is there
 */
struct vn_engine_port_note {
	__u32 slot;
	__u32 down;
};

/* Element of the map vn_port_drop: frames dropped by reason; shared by all CPUs, atomic adds (drops are rare). */
struct vn_port_drop {
	__u64 count[16];
};
_Static_assert(VN_DROP_MAX <= 16, "vn_port_drop holds every reason");

#endif
