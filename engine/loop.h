/* SPDX-License-Identifier: GPL-2.0-only */
/* The engine itself: frames in, the discipline, frames held, frames out at their time. One thread, one engine port. */
#ifndef VNET_ENGINE_LOOP_H
#define VNET_ENGINE_LOOP_H

#include <signal.h>

#include <abi/abi_disc.h>
#include <abi/abi_engine.h>
#include <disc/discipline.h>

#include "engine/hold.h"
#include "engine/ownership.h"
#include "engine/path_latency.h"
#include "engine/xsk.h"

struct vn_loop;
struct vn_bulk;

/* What depends on the kind of the engine port. */
struct vn_marker_ops {
	/* Send frames whose time has come, at most VN_TX_BATCH; how many. */
	uint32_t (*release)(struct vn_loop *l);
	/* Take in frames, a moderate number; how many. */
	uint32_t (*receive)(struct vn_loop *l);
	/* Send one frame and forget it; false: no room, nothing done. */
	bool (*send)(struct vn_loop *l, struct vn_frame *f);
	/* Send the daemon's kind of marker behind all that was sent before; false: no room. */
	bool (*mark)(struct vn_loop *l, const struct vn_marker *m);
	/* Now and then: what the engine port lost goes into the status; an error when it is gone. */
	int (*check)(struct vn_loop *l);
};

extern const struct vn_marker_ops vn_xsk_ops;

/**
 * struct vn_loop
 * @io:         of a precise engine port; of a tap the descriptor alone
 * @bulk:       of a tap
 * @disc, @dir, @status: mapped elements of the maps vn_disc, vn_dir (arrays of @max_ports) and vn_engine (ours)
 * @index:      of the engine port
 * @now_ns:     of this turn
 * @woke_ns:    when the process last came back from sleeping of its own will
 * @rx_ns:      when frames last came
 * @slack_ns:   shortest time that a frame was to be held in this and the last second (a sliding minimum)
 * @margin_ns:  how long before a release it must be awake: what the kernel's wake-ups took lately
 * @way_in:     how long frames take at least from their port to the engine port
 * @way_out:    and from release() to delivery: soon after another frame, and after a pause
 * @kick_ns:    when frames were last sent
 * @spin:       do not sleep while frames are held or keep coming
 * @rests:      now and then give way to others, before the kernel makes it
 * @own:        which directions are this engine's
 * @parked:     descriptors of frames, whole ones, whose direction is not yet this engine's (loop_move.c)
 * @leaving:    slots that this engine has handed over, until their last frame has been delivered; of the first @fenced
 *              it has been sent, and the fence behind them all
 * @fence_no, @fence_ns, @fence_round, @fence_sent: the fence that is under way: its number, since when, the how manieth
 * @park_wait:  by slot: in which pass over parked frames one of it had to stay
 * @reorder buffer:       due frames that wait for earlier ones which another engine holds, in order; slab references +
 * 1, 0 ends
 * @env:        tables that the disciplines draw from, and the arena
 * @chain:      descriptors of a frame of which not all have been seen
 */
struct vn_loop {
	const struct vn_marker_ops *ops;
	struct vn_xio io;
	struct vn_bulk *bulk;
	struct vn_hold hold;
	const struct vn_disc_slot *disc;
	struct vn_dir *dir;
	struct vn_engine *status;
	uint32_t index, max_ports;
	bool fifo, spin, rests;
	uint64_t now_ns, turn_ns, beat_ns, house_ns, woke_ns, margin_ns, stalled_ns;
	uint64_t rx_ns, slack_ns[2], slack_until_ns;
	struct vn_path_latency way_in, way_out[2];
	uint64_t kick_ns;
	uint32_t kicks;
	uint64_t rx_packets, tx_packets, tx_errors, bad_meta, wakeups, late_packets;
	uint64_t rx_lost[3]; /* as XDP_STATISTICS last said */
	uint32_t scan;       /* where in the heap the housekeeping goes on */
	struct vn_own own;
	struct xdp_desc *parked;
	uint32_t parked_n;
	uint8_t *park_wait, park_pass;
	uint32_t *leaving, leaving_n, leaving_at, fenced;
	uint32_t fence_no;
	uint64_t fence_ns;
	uint8_t fence_round;
	bool fence_sent;
	uint32_t reorder_head, reorder_tail;
	uint8_t reorder_pass;
	uint32_t chain_n;
	struct xdp_desc chain[VN_CHAIN_MAX];
	struct vn_dist_set dist;
	struct vn_disc_env env;
};

/* Until *@stop, at most 10 ms longer. 0, or -ENETDOWN when the engine port went away. */
int vn_loop_run(struct vn_loop *l, const volatile sig_atomic_t *stop);

/* One frame of @n descriptors received at or before l->now_ns (loop_rx.c). */
void vn_loop_frame(struct vn_loop *l, const struct xdp_desc *d, uint32_t n);
/* The discipline of @slot as it is now; a change of rate moves frames that wait. */
const struct vn_disc *vn_loop_disc(struct vn_loop *l, uint32_t slot);
/* Whose is @slot? A change of its discipline from before it came here concerns only what is held of it here. */
static inline enum vn_own_verdict vn_loop_claim(struct vn_loop *l, uint32_t slot)
{
	if (!l->own.mine[slot])
		vn_loop_disc(l, slot);
	return vn_own_claim(&l->own, slot);
}
/* The same for a frame that came: the direction's figures begin anew with another link, its mark with another
 * discipline. @ret_gen: of the slot.
 */
const struct vn_disc *vn_loop_enter(struct vn_loop *l, uint32_t slot, uint32_t *ret_gen);
/* What became of a frame at its release: sent at @sent_ns, or refused by the engine port. */
void vn_loop_account(struct vn_loop *l, const struct vn_tx_note *n, uint64_t sent_ns, bool refused);
/* Receive at most @max frames. */
uint32_t vn_loop_receive(struct vn_loop *l, uint32_t max);

/* Its direction is this engine's: what the discipline makes of it (loop_rx.c). */
void vn_loop_take(struct vn_loop *l, const struct xdp_desc *d, uint32_t n, const struct vn_engine_meta *m);

struct vn_fate;
/* Moves of directions between engines: loop_move.c. */
int vn_loop_move_init(struct vn_loop *l);
/* Keep a frame until its direction is this engine's; take in those that have become so; read a marker. */
void vn_loop_park(struct vn_loop *l, const struct xdp_desc *d, uint32_t n, const struct vn_engine_meta *m);
void vn_loop_unpark(struct vn_loop *l);
/*
 * Whose is the slot of a parked frame? A pass over them begins with vn_loop_park_pass(). A direction that is handed
 * over in the middle of one waits for the next: else its later frames would overtake those that were asked about
 * before.
 */
void vn_loop_park_pass(struct vn_loop *l);
enum vn_own_verdict vn_loop_claim_parked(struct vn_loop *l, uint32_t slot);
void vn_loop_marker(struct vn_loop *l, const struct xdp_desc *d, uint32_t n);
/* The fate of a new frame of @slot: not before what other engines still hold, where frames keep their order. */
void vn_loop_queue_behind(const struct vn_loop *l, uint32_t slot, const struct vn_disc *d, struct vn_fate *fate);
/* Must a due frame wait for others? Then it goes into the reorder buffer. Let out those that need no longer; false: no
 * room. */
bool vn_loop_reorder_shut(struct vn_loop *l, const struct vn_frame *f);
void vn_loop_reorder(struct vn_loop *l, struct vn_frame *f);
bool vn_loop_reorder_release(struct vn_loop *l);
/* What was handed over: tell when the last of its frames has been delivered. */
void vn_loop_fence(struct vn_loop *l);
/* The engine ends: nobody need wait for it. */
void vn_loop_move_end(struct vn_loop *l);
/* The marker of @slot was read: hand the direction over, if it is to go. */
void vn_loop_hand_over(struct vn_loop *l, uint32_t slot);

/* Statistics have one writer, and readers that map the same page: a plain store of a whole word. */
#define vn_stat_add(p, n) __atomic_store_n((p), *(p) + (n), __ATOMIC_RELAXED)
/* But those of a frame on its way out: after a move two engines release frames of one direction. */
#define vn_stat_join(p, n) __atomic_fetch_add((p), (n), __ATOMIC_RELAXED)
#define vn_stat_set(p, v)  __atomic_store_n((p), (v), __ATOMIC_RELAXED)

/* The daemon clears these words (vn_dir_trust()): set with an atomic or, and only when there is need. */
static inline void vn_overload_set(uint32_t *word, enum vn_overload_bit bit)
{
	if (!(__atomic_load_n(word, __ATOMIC_RELAXED) & 1u << bit))
		__atomic_fetch_or(word, 1u << bit, __ATOMIC_RELAXED);
}

/* Something befell the engine that any of its directions may have suffered from. */
static inline void vn_loop_overload(struct vn_loop *l, enum vn_overload_bit bit)
{
	vn_overload_set(&l->status->overload, bit);
	vn_stat_set(&l->status->overload_ns, l->now_ns);
}

/* It befell this direction; the engine as a whole says so too. */
static inline void vn_loop_overload_dir(struct vn_loop *l, struct vn_dir *d, enum vn_overload_bit bit)
{
	vn_overload_set(&d->overload, bit);
	vn_stat_set(&d->overload_ns, l->now_ns);
	vn_loop_overload(l, bit);
}

#endif
