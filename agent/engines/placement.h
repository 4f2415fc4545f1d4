/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which engine holds which direction: where new ones go, and how one moves to another engine while traffic runs
 * (docs/ARCHITECTURE.md, "Life of a move").
 */
#ifndef VNET_ENGINES_PLACEMENT_H
#define VNET_ENGINES_PLACEMENT_H

#include "exec/executor.h"

/* vn_trunk.ports anew. */
void vn_shard_count(struct vn_fabric *f);
/* Count who has what, and take up moves that an earlier daemon began. */
int vn_shard_open(struct vn_fabric *f, struct vn_err *err);
void vn_shard_release(struct vn_fabric *f);

/* "precise", "bulk": what kind of engine serves @trunk. */
static inline const char *vn_holder_word(uint32_t trunk)
{
	return trunk == VN_TRUNK_BULK ? "bulk" : "precise";
}
/* The precise engine with the least to do, among those that take directions. */
uint32_t vn_shard_pick(const struct vn_fabric *f);
/* A new link: direction @number starts on the engine with the least to do. Its trunk. */
uint32_t vn_shard_place(struct vn_fabric *f, uint32_t number);
/* The link goes. */
void vn_shard_leave(struct vn_fabric *f, uint32_t number);
/* The trunk of direction @number from now on, or at the end of its move. */
uint32_t vn_shard_trunk(const struct vn_fabric *f, uint32_t number);
/* Frames of it that other engines still hold since it moved. */
uint32_t vn_shard_away(const struct vn_fabric *f, uint32_t number);
/* The same after having waited for them, up to 50 ms. */
uint32_t vn_shard_wait_away(const struct vn_fabric *f, uint32_t number);
bool vn_shard_is_moving(const struct vn_fabric *f, uint32_t number);

/*
 * Begin to move direction @number. Frames go to trunk @to from now on, where they wait until vn_shard_turn() has got
 * the old engine to hand the direction over. -EBUSY while it is moving already, -EAGAIN while frames of an earlier move
 * are still out (vn_shard_away()).
 */
int vn_shard_begin(struct vn_fabric *f, uint32_t number, uint32_t to);
/* Push on and finish the moves that have begun. Call now and then while there are some. */
void vn_shard_turn(struct vn_fabric *f);
/* The same until all are done, a few ms at most; what is then left is vn_shard_turn()'s. */
void vn_shard_settle(struct vn_fabric *f);

/*
 * Direction @number is about to get discipline @d: see to it that an engine has it that can apply it, and one with
 * little to do when it was not held before.
 */
void vn_shard_prepare(struct vn_fabric *f, uint32_t number, const struct vn_disc *d);

#endif
