/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * A link direction's discipline as the daemon writes it and the data path reads it.
 * Shared by BPF programs, engine and daemon: fixed width, explicit padding.
 */
#ifndef VNET_ABI_DISC_H
#define VNET_ABI_DISC_H

#include <linux/types.h>

/* Probabilities are parts per billion: 100 % is this. */
#define VN_PPB_ONE 1000000000u

/* What a frame occupies on an Ethernet wire beside its bytes in the skb: preamble 7, SFD 1, FCS 4, gap 12. */
#define VN_WIRE_OVERHEAD 24u

enum vn_dist_kind {
	VN_DIST_UNIFORM = 0, /* delay +- jitter, all equally likely */
	VN_DIST_NORMAL = 1,  /* jitter is the standard deviation */
};

enum vn_disc_flag {
	VN_DISC_LIMIT_AUTO = 1u << 0, /* limit_bytes was computed from rate and delay, not asked for */
	VN_DISC_SEED_AUTO = 1u << 1,  /* seed was derived from the name, not asked for */
};

/**
 * struct vn_disc - the discipline of one direction
 * @delay_ns:      constant delay
 * @jitter_ns:     spread of the delay; its meaning depends on @dist
 * @rate_bps:      shaping rate in bit/s on the wire (frame + VN_WIRE_OVERHEAD); 0: none
 * @limit_bytes:   longest queue in front of the rate, in wire bytes; always set when @rate_bps is
 * @limit_packets: most frames held in this direction at a time; 0: only bounded by memory
 * @loss_ppb:      independent loss, parts per billion
 * @dist:          enum vn_dist_kind
 * @flags:         enum vn_disc_flag
 * @seed:          as the user gave it, or derived from topology and link name
 * @key:           key of the random generator: seed, link and direction mixed (include/vnet/rng.h)
 */
struct vn_disc {
	__u64 delay_ns;
	__u64 jitter_ns;
	__u64 rate_bps;
	__u64 limit_bytes;
	__u32 limit_packets;
	__u32 loss_ppb;
	__u32 dist;
	__u32 flags;
	__u64 seed;
	__u64 key;
};
_Static_assert(sizeof(struct vn_disc) == 64, "vn_disc is shared with BPF");

/**
 * struct vn_disc_slot - element of the map vn_disc, index: slot (= number of the sending port)
 * @seq:  sequence lock: odd while the daemon writes @disc
 * @gen:  changes whenever the slot is given to another link; frames held under an older one are dropped
 * @disc: the discipline
 */
struct vn_disc_slot {
	__u32 seq;
	__u32 gen;
	struct vn_disc disc;
	__u8 pad[56];
};
_Static_assert(sizeof(struct vn_disc_slot) == 128, "vn_disc_slot is shared with BPF");

#endif
