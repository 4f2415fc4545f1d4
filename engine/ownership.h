/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whose a direction is. Exactly one engine applies the discipline of a direction and writes its state: the one that
 * vn_dir.engine names. The daemon moves it to another while traffic runs (docs/ARCHITECTURE.md, "Life of a move"):
 *
 *  1. It stores the new engine port in vn_disc_slot.engine and switches the port. The new engine keeps what
 * arrives, untouched.
 *  2. It sends a marker into the old engine port. The engine that reads it has seen all that came before, and hands the
 * direction over by storing vn_dir.engine. What it holds it still releases, counted in vn_dir.away.
 *  3. The new engine applies the discipline to what it kept, with the times of arrival, and lets out no frame due after
 * the last of those before that one has left, and been delivered: which the old one says last (vn_dir.leaving).
 *
 * For engines of both kinds; knows nothing of how they hold frames.
 */
#ifndef VNET_ENGINE_OWNERSHIP_H
#define VNET_ENGINE_OWNERSHIP_H

#include <stdbool.h>
#include <stdint.h>

#include <abi/abi_disc.h>
#include <abi/abi_engine.h>

/**
 * struct vn_own
 * @disc, @dir: mapped elements of the maps, @n of each
 * @index:      of this engine's engine port
 * @holder:     enum vn_holder: what it is (precise, unless set otherwise)
 * @mine:       by slot: this engine is its owner
 * @reorder buffer:       by slot: set to 1 with a direction of which others still hold frames: while
 * vn_own_others_leave(), no frame due at or after vn_dir.away_until_ns may leave. The holder clears it
 */
struct vn_own {
	const struct vn_disc_slot *disc;
	struct vn_dir *dir;
	uint32_t index, holder, n;
	uint8_t *mine, *reorder;
};

enum vn_own_verdict {
	VN_OWN_MINE,  /* apply the discipline */
	VN_OWN_WAIT,  /* soon: keep the frame and ask again */
	VN_OWN_STRAY, /* another's */
};

int vn_own_init(struct vn_own *o, const struct vn_disc_slot *disc, struct vn_dir *dir, uint32_t index, uint32_t n);
/* What an earlier engine of this engine port held is lost: say so. */
void vn_own_adopt(struct vn_own *o);

enum vn_own_verdict vn_own_claim_slow(struct vn_own *o, uint32_t slot);
/* A frame of @slot has come: whose is it? Takes the direction when it is free or has been handed over. */
static inline enum vn_own_verdict vn_own_claim(struct vn_own *o, uint32_t slot)
{
	const struct vn_dir *d = &o->dir[slot];

	if (o->mine[slot] && d->gen == __atomic_load_n(&o->disc[slot].gen, __ATOMIC_RELAXED) &&
	    __atomic_load_n(&d->engine, __ATOMIC_RELAXED) == o->index)
		return VN_OWN_MINE;
	return vn_own_claim_slow(o, slot);
}

/*
 * The marker of @slot has come: hand the direction over if it is to go. What is held of it is let out until @until_ns;
 * true when it went: from now on vn_own_released_away() for each of those frames, and vn_own_left() when the last frame
 * of all has been delivered.
 */
bool vn_own_hand_over(struct vn_own *o, uint32_t slot, uint64_t until_ns);
/* @frames of @bytes (without the slot's tag), held since before the hand-over, have left. */
void vn_own_released_away(struct vn_own *o, uint32_t slot, uint32_t frames, uint32_t bytes);

/* Nothing of @slot is under way any more that this engine sent before it handed it over. */
void vn_own_left(struct vn_own *o, uint32_t slot);
/* Other engines hold frames of @slot, or have some under way. */
bool vn_own_others_leave(const struct vn_own *o, uint32_t slot);
/* Frames of @slot that other engines still hold. */
uint32_t vn_own_away(const struct vn_own *o, uint32_t slot);
/* Of the direction that a marker speaks of; 0: no marker. */
uint32_t vn_own_marker_slot(const void *frame, uint32_t len);

#endif
