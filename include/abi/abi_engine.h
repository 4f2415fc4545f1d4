/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * What engine, daemon and BPF programs share about the holding of frames: the engine port's metadata, each direction's
 * state and statistics (written by the engine alone), the engine's status and heartbeat.
 */
#ifndef VNET_ABI_ABI_ENGINE_H
#define VNET_ABI_ABI_ENGINE_H

#include <linux/types.h>

#define VN_ENGINES_MAX     16
#define VN_ENGINE_STALE_NS 50000000ULL /* older than this, the heartbeat means: engine down */

/* In front of each frame that vn_xdp_engine hands to the XSK (XDP metadata, ends where the frame begins). */
struct vn_engine_meta {
	__u64 arrival_ns; /* CLOCK_MONOTONIC */
	__u32 hop_ns;     /* of a sample (VN_SAMPLE_TPID): how long ago it passed its port; 0: no sample */
	__u16 slot;
	__u16 len; /* of the whole frame without tags of ours */
};
_Static_assert(sizeof(struct vn_engine_meta) == 16, "XDP metadata: a multiple of 4, at most 32");

/*
 * A frame of the daemon's own, tagged with slot 0, that it sends into an engine port behind the last frame of a
 * direction that goes elsewhere: the engine that reads it has read all of them, and hands the direction over
 * (docs/ARCHITECTURE.md).
 */
#define VN_MARKER_PROTO 0x88b5u /* IEEE 802: local experimental */
#define VN_MARKER_MAGIC 0x766e6d6bu
#define VN_MARKER_BYTES 60u

struct vn_marker {
	__u8 dst[6], src[6];
	__be16 tpid, tci; /* VN_SLOT_TPID, 0 */
	__be16 proto;
	__u16 pad;
	__u32 magic;
	__u32 slot; /* the direction */
	__u8 fill[32];
};
_Static_assert(sizeof(struct vn_marker) == VN_MARKER_BYTES, "a minimal frame");

/* Why the engine drops: same use as VN_DROP_LIST. */
#define VN_EDROP_LIST(X)                                                                                               \
	X(LOSS, "loss", "the discipline's random loss")                                                                \
	X(LIMIT, "limit", "queue full: limit reached")                                                                 \
	X(MEMORY, "memory", "no room left to hold frames")                                                             \
	X(GONE, "link-gone", "link deleted while the frame was held")                                                  \
	X(LOST, "engine-down", "held when the engine died")                                                            \
	X(TX, "tx", "the engine port refused the frame at release")

enum vn_edrop {
#define X(id, word, text) VN_EDROP_##id,
	VN_EDROP_LIST(X)
#undef X
		VN_EDROP_MAX,
};

/*
 * State that a discipline carries from frame to frame of one direction; outlives the engine (replay).
 * The draws' memory is what correlations repeat.
 */
struct vn_disc_state {
	__u64 next_free_ns; /* virtual clock: when the rate server is free again */
	__u64 index;        /* number of the next frame: counter of the random generator */
	__u64 held_packets; /* accepted and not yet released */
	__u64 held_bytes;
	__u64 last_release_ns; /* of the latest so far: `order keep` */
	__u64 slot_next_ns;    /* the current slot begins */
	__u64 trace_next;      /* number of the next delivery opportunity since the trace's start; */
			       /* with a table: when trace_bits was true */
	__u32 trace_left;      /* bytes left of the opportunity before trace_next */
	__u32 slot_packets_left;
	__u32 slot_bytes_left;
	__u32 reorder_count;
	__u32 loss_state;
	__u32 flags;      /* bit n: draw n of enum vn_draw has a predecessor in last[] */
	__u64 last[6];    /* by enum vn_draw */
	__u64 trace_id;   /* of the trace that the trace_* fields speak of */
	__u64 trace_bits; /* queue in front of a rate that comes from a table */
	__u32 disc_seq;   /* of vn_disc_slot when vn_dir.mark was set, plus one */
	__u32 pad;
	__u64 spare;
};
_Static_assert(sizeof(struct vn_disc_state) == 160, "vn_disc_state is shared");

#define VN_HIST_BUCKETS 80 /* see include/disc/hist.h */

/* What verify compares: figures at the moment in which the discipline in force began. */
struct vn_dir_mark {
	__u64 since_ns; /* CLOCK_MONOTONIC; 0: no frame since */
	__u64 in_packets;
	__u64 in_bytes;
	__u64 out_packets;
	__u64 out_bytes;
	__u64 lost; /* drops by loss, and marks in their place */
	__u64 limited;
	__u64 duplicated, corrupted, reordered;
};

/**
 * struct vn_dir - element of the map vn_dir, index: slot; writer: the engine that owns the slot
 * @state:    the discipline's state
 * @gen:      of the link these figures belong to: the engine zeroes all of it when vn_disc_slot.gen differs
 * @engine:    whose engine owns this: after a crash it clears what it held, and only that
 * @in_packets, @in_bytes:   frames that arrived from the engine port (bytes without the slot's tag)
 * @out_packets, @out_bytes: frames released
 * @marked, @duplicated, @corrupted, @reordered: frames to which that happened
 * @drops:    by enum vn_edrop
 * @overload: bits of enum vn_overload_bit that befell this direction; sticky until the daemon clears them
 * @overload_ns: when last
 * @mark:     since when the figures speak of the discipline in force
 * @late_max_ns: worst release lateness
 * @late_hist:   release lateness, actual minus intended, ns
 * @away, @away_bytes: by engine port: frames that its engine still holds after it handed the direction over. Each is
 * written by that engine alone; figures that it changes then (out_*, drops, late_hist) are added to atomically
 * @away_until_ns: when the last of those leaves
 * @leaving:  by engine port, a bit: its engine has handed the direction over, and its last frame may still be on its
 * way out. Set and cleared by that engine alone
 * @wait_max_ns, @wait_ns, @wait_n: how long frames were in the tap before the bulk engine read them: the longest, all
 * of them together, how many. Lateness and delay error count from the port and hold what of it the delay did not hide
 * @error_max_ns, @error_hist: one-way delay error of sampled frames, from the port's program to the release, ns
 * @reset: the vn_disc_slot.reset that these figures follow; while the two differ, they are of before the request
 * @replay: the vn_disc_slot.replay that state.index and the memory of the draws follow
 */
struct vn_dir {
	struct vn_disc_state state;
	__u32 gen;
	__u32 engine;
	__u64 in_packets;
	__u64 in_bytes;
	__u64 out_packets;
	__u64 out_bytes;
	__u64 marked, duplicated, corrupted, reordered;
	__u64 drops[12];
	__u32 overload;
	__u32 holder; /* enum vn_holder: who really holds */
	__u64 overload_ns;
	struct vn_dir_mark mark;
	__u32 reset;
	__u32 replay;
	__u32 leaving;
	__u32 pad;
	__u64 wait_max_ns, wait_ns, wait_n;
	__u64 pad2[3];
	__u64 late_max_ns;
	__u64 late_hist[VN_HIST_BUCKETS];
	__u64 error_max_ns;
	__u32 error_hist[VN_HIST_BUCKETS];
	__u64 away_until_ns;
	__u32 away[VN_ENGINES_MAX];
	__u32 away_bytes[VN_ENGINES_MAX];
};
_Static_assert(VN_EDROP_MAX <= 12, "vn_dir holds every reason");
_Static_assert(sizeof(struct vn_dir) == 1600, "vn_dir is shared");

/*
 * Why a run is not to be trusted: bits of vn_engine.overload, and of vn_dir.overload where it is known which direction
 * it befell (late, memory; the others can befall any direction of the engine). Sticky until the daemon clears them.
 */
#define VN_OVERLOAD_LIST(X)                                                                                            \
	X(LATE, "late", "frames released over 1 ms late")                                                              \
	X(RX_FULL, "ring-full", "the engine port's receive ring was full")                                             \
	X(UMEM, "umem-empty", "no free receive buffer")                                                                \
	X(MEMORY, "memory", "frames dropped for want of memory")                                                       \
	X(THROTTLED, "throttled", "the engine was off the CPU for over 20 ms")

enum vn_overload_bit {
#define X(id, word, text) VN_OVERLOAD_##id,
	VN_OVERLOAD_LIST(X)
#undef X
		VN_OVERLOAD_MAX,
};

/**
 * struct vn_engine - element of the map vn_engine, index: engine port; writer: that engine port's engine (but
 * @overload: both)
 * @heartbeat_ns: CLOCK_MONOTONIC of the last turn of the loop, at most 10 ms apart when healthy
 * @start_ns:     when this engine process began
 * @pid:          of the engine
 * @abi:          VN_ENGINE_ABI
 * @stamp_ifindex: the tap that is the engine port: each frame carries its time of arrival (VN_STAMP_SHIFT); 0: no tap
 * @held_packets, @held_bytes: now, over all directions
 * @slab_bytes:   memory taken for held frames
 * @overload:     bits of enum vn_overload_bit
 * @fifo:         1: runs under SCHED_FIFO
 * @late_packets: released so late that it is an overload
 * @slab_max_bytes, @lane_max_bytes: what it may hold at most, over all directions and in one
 * @frame_bytes:  of that, what a frame of MTU 1500 takes
 * @overload_ns:  when it was last overloaded
 * @path_ask, @path_at_ns: the engine asks the program at the engine port's other end for the time at which it sees the
 * next frame: how long the way out takes. Who answers clears the question. Apart from what ports read
 * @rx_dropped:   frames that found no room on their way to the engine; of a tap the daemon writes it
 * @fence_seen:   number of the last fence that the program at the engine port's other end has seen: a marker that the
 * engine sends behind its frames, its number in the place of the slot
 * @ring_dropped: frames that found no room in the engine port itself, on their way to the engine (written by
 * bpf/lost.bpf.c, and of a tap by vn_tc_port)
 * @gso_in_bytes: of GSO frames that ports have sent into the tap (atomic, by vn_tc_port)
 * @gso_out_bytes, @gso_room_bytes: of those that the engine has read from it, and how many may be between the two: what
 * it reads within VN_BULK_WAIT_NS
 * @tap_in_frames, @tap_out_frames: of all frames, GSO frames as one: sent into the tap and read from it
 */
struct vn_engine {
	__u64 heartbeat_ns;
	__u64 start_ns;
	__u32 pid;
	__u32 abi;
	__u32 stamp_ifindex;
	__u32 pad;
	__u64 held_packets;
	__u64 held_bytes;
	__u64 slab_bytes;
	__u64 rx_packets;
	__u64 tx_packets;
	__u64 rx_dropped;
	__u64 tx_errors;
	__u64 bad_meta; /* frames without sane metadata: dropped */
	__u64 wakeups;
	__u32 overload;
	__u32 fifo;
	__u64 overload_ns;
	__u64 late_packets;
	__u64 slab_max_bytes;
	__u64 lane_max_bytes;
	__u32 frame_bytes;
	__u32 path_ask;
	__u64 path_at_ns;
	__u32 fence_seen;
	__u32 pad2;
	__u64 ring_dropped;
	__u64 gso_in_bytes;
	__u64 gso_out_bytes;
	__u64 gso_room_bytes;
	__u64 tap_in_frames;
	__u64 tap_out_frames;
	__u64 spare[2];
};
_Static_assert(sizeof(struct vn_engine) == 232, "vn_engine is shared");

#define VN_ENGINE_ABI 4u

/*
 * A tap has no room for metadata: there every frame crosses like a sample (VN_SAMPLE_TPID), but in units of
 * 2^VN_STAMP_SHIFT ns, of which 16 bits are 134 ms: more than VN_ENGINE_STALE_NS.
 */
#define VN_STAMP_SHIFT 11

/*
 * How long frames may wait in the tap for the bulk engine: not part of any discipline, so short beside what one asks
 * for, and long enough that TCP keeps the engine busy. A round trip has it twice.
 */
#define VN_BULK_WAIT_NS 3000000ULL

/*
 * A tap drops what finds no room, whosever it is. So while more than VN_TAP_BUSY frames are in it, a port that sends
 * more than one in VN_TAP_SHARE_NS, after a burst of VN_TAP_BURST_NS, has to wait for room: what others send in a
 * moderate number finds it. The share is more than the frames of any TCP whose GSO frames are large.
 */
#define VN_TAP_BUSY     1024
#define VN_TAP_SHARE_NS 20000ULL
#define VN_TAP_BURST_NS (128 * VN_TAP_SHARE_NS)

#endif
