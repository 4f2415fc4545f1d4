/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * A link direction's discipline as the daemon writes it and the data path reads it.
 * Shared by BPF programs, engine and daemon: fixed width, explicit padding.
 */
#ifndef VNET_ABI_ABI_DISC_H
#define VNET_ABI_ABI_DISC_H

#include <linux/types.h>

/* Probabilities are parts per billion: 100 % is this. */
#define VN_PPB_ONE 1000000000u

/* What a frame occupies on an Ethernet wire beside its bytes in the skb: preamble 7, SFD 1, FCS 4, gap 12. */
#define VN_WIRE_OVERHEAD 24u

enum vn_dist_kind {
	VN_DIST_UNIFORM = 0,      /* delay +- jitter, all equally likely */
	VN_DIST_NORMAL = 1,       /* jitter is the standard deviation */
	VN_DIST_PARETO = 2,       /* iproute2's pareto.dist: jitter scales it */
	VN_DIST_PARETONORMAL = 3, /* iproute2's paretonormal.dist: 1/4 normal, 3/4 pareto */
	VN_DIST_TABLE = 4,        /* a .dist file: the arena block vn_disc.dist_block */
	VN_DIST_KINDS,
};

enum vn_loss_model {
	VN_LOSS_RANDOM = 0,  /* loss_ppb, loss_corr_ppb */
	VN_LOSS_STATE = 1,   /* four states; loss_p[]: p13 p31 p32 p23 p14 */
	VN_LOSS_GEMODEL = 2, /* Gilbert-Elliott; loss_p[]: p r 1-h 1-k */
};

enum vn_holder {
	VN_HOLDER_AUTO = 0,
	VN_HOLDER_PRECISE = 1, /* AF_XDP engine port: every discipline, per packet */
	VN_HOLDER_BULK = 2,    /* tap engine port: delay, rate and limit, GSO frames whole */
};

enum vn_disc_flag {
	VN_DISC_LIMIT_AUTO = 1u << 0,   /* limit_bytes was computed from rate and delay, not asked for */
	VN_DISC_SEED_AUTO = 1u << 1,    /* seed was derived from the name, not asked for */
	VN_DISC_ECN = 1u << 2,          /* mark ECN-capable frames instead of losing them */
	VN_DISC_ORDER_KEEP = 1u << 3,   /* no frame is released before one that came earlier */
	VN_DISC_DOWN = 1u << 4,         /* `state down` */
	VN_DISC_TRACE_LINEAR = 1u << 5, /* between the rows of a table trace: a straight line instead of a step */
	VN_DISC_TRACE_LOOP = 1u << 6,   /* begin again at its end, instead of staying there */
	VN_DISC_SLOT = 1u << 7,         /* the slot_* fields are in force */
	VN_DISC_TRACE_AUTO = 1u << 8,   /* whether the trace loops follows from its kind, was not asked for */
};

/**
 * struct vn_disc - the discipline of one direction
 *
 * Probabilities are parts per billion. A correlation c means: with probability c a random number repeats the one before
 * it, so that the distribution stays what it is and the autocorrelation at lag n is c^n.
 *
 * @delay_ns:      constant delay
 * @jitter_ns:     spread of the delay; its meaning depends on @dist
 * @rate_bps:      shaping rate in bit/s on the wire (frame + VN_WIRE_OVERHEAD); 0: none
 * @limit_bytes:   longest queue in front of the rate, in wire bytes; always set when @rate_bps is
 * @limit_packets: most frames held in this direction at a time; 0: only bounded by memory
 * @loss_ppb:      loss of the model random
 * @dist:          enum vn_dist_kind, of the jitter
 * @flags:         enum vn_disc_flag
 * @seed:          as the user gave it, or derived from topology and link name
 * @key:           key of the random generator: seed, link and direction mixed (include/disc/rng.h)
 * @delay_corr_ppb, @loss_corr_ppb, @dup_corr_ppb, @corrupt_corr_ppb, @reorder_corr_ppb: correlations
 * @dup_ppb:       a second copy of the frame
 * @corrupt_ppb:   one bit of the frame flipped
 * @reorder_ppb:   every @reorder_gap-th frame skips the delay with this probability (1: any frame may); 0: none
 * @loss_model:    enum vn_loss_model
 * @loss_p:        its parameters
 * @overhead:      bytes a frame counts more (or less) before the rate than its wire bytes, as tc-netem(8)
 * @cell_bytes:    before the rate frames are cut into cells of this size, 0: not
 * @cell_overhead: bytes each cell counts more
 * @holder:        enum vn_holder as asked
 * @slot_min_ns, @slot_max_ns: time between slots; with @slot_dist a delay and its jitter
 * @slot_packets, @slot_bytes: most of each in a slot; 0: any
 * @slot_dist:     enum vn_dist_kind + 1, 0: evenly between min and max
 * @police_bps:    of the token bucket at the port, on the wire; 0: none
 * @police_burst_bytes: its depth
 * @flap_up_ns, @flap_down_ns: from @flap_start_ns on the link is up and down in turn; 0: no schedule
 * @trace_start_ns: CLOCK_MONOTONIC at which position 0 of the trace was or will be
 * @trace_block, @dist_block, @slot_dist_block: arena blocks (include/abi/abi_arena.h), 0: none
 * @trace_name, @dist_name, @slot_dist_name, @sync_name: atoms of the agent (agent/base/intern.h), for printing; 0:
 * none. They mean nothing to engine and BPF.
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
	/* 64 */
	__u32 delay_corr_ppb;
	__u32 loss_corr_ppb;
	__u32 dup_ppb;
	__u32 dup_corr_ppb;
	__u32 corrupt_ppb;
	__u32 corrupt_corr_ppb;
	__u32 reorder_ppb;
	__u32 reorder_corr_ppb;
	__u32 reorder_gap;
	__u32 loss_model;
	__u32 loss_p[5];
	__s32 overhead;
	/* 128 */
	__u32 cell_bytes;
	__s32 cell_overhead;
	__u32 holder;
	__u32 slot_dist;
	__u64 slot_min_ns;
	__u64 slot_max_ns;
	__u32 slot_packets;
	__u32 slot_bytes;
	__u64 police_bps;
	__u32 police_burst_bytes;
	__u32 pad;
	__u64 trace_start_ns;
	/* 192 */
	__u64 flap_up_ns;
	__u64 flap_down_ns;
	__u64 flap_start_ns;
	__u32 trace_block;
	__u32 dist_block;
	__u32 slot_dist_block;
	__u32 trace_name;
	__u32 dist_name;
	__u32 slot_dist_name;
	__u32 sync_name;
	__u32 pad2[3];
};
_Static_assert(sizeof(struct vn_disc) == 256, "vn_disc is shared with BPF");
_Static_assert(__builtin_offsetof(struct vn_disc, delay_corr_ppb) == 64, "hot part first");

/**
 * struct vn_disc_slot - element of the map vn_disc, index: slot (= number of the sending port)
 * @seq:  sequence lock: odd while the daemon writes @disc
 * @gen:  changes whenever the slot is given to another link; frames held under an older one are dropped
 * @engine: whose engine applies the discipline from now on (the port's frames follow vn_port_cfg.engine_ifindex)
 * @from:  whose engine did so until now: @engine, but while the direction moves. Where both name an engine and
 * vn_dir.engine names another, that one is dead, and the engine may take the direction without being handed it
 * @reset: counts the requests to reset the statistics; the engine follows (struct vn_dir.reset)
 * @replay: counts the requests to begin the draws anew; each comes before a change of @seq (struct vn_dir.replay)
 * @base_in_packets, @base_in_bytes, @base_out_packets, @base_out_bytes: what vn_port_ctr had counted when the figures
 *         began anew (the daemon's alone)
 * @disc: the discipline
 */
struct vn_disc_slot {
	__u32 seq;
	__u32 gen;
	__u32 engine;
	__u32 from;
	__u32 reset;
	__u32 replay;
	__u64 base_in_packets, base_in_bytes, base_out_packets, base_out_bytes;
	__u64 pad2;
	struct vn_disc disc;
};
_Static_assert(sizeof(struct vn_disc_slot) == 320, "vn_disc_slot is shared with BPF");
_Static_assert(__builtin_offsetof(struct vn_disc_slot, disc) == 64, "lines of their own");

/*
 * struct vn_police - element of the map vn_police, index: slot; writer: vn_tc_port on any CPU, by compare-and-swap
 * @tat_ns: theoretical arrival time (the virtual clock of a token bucket; GCRA, ITU-T I.371): the bucket is full
 *          when it lies in the past, empty when it lies a whole burst ahead
 * @tap_tat_ns: the same of the port's share of a busy tap (VN_TAP_BUSY), in frames
 */
struct vn_police {
	__u64 tat_ns;
	__u64 dropped_packets;
	__u64 dropped_bytes;
	__u64 tap_tat_ns;
	__u64 pad[4];
};
_Static_assert(sizeof(struct vn_police) == 64, "a cache line each");

#endif
