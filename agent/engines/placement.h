/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which engine holds which direction: where new ones go, and how one moves to another engine while traffic runs
 * (docs/ARCHITECTURE.md, "Life of a move").
 */
#ifndef VNET_ENGINES_PLACEMENT_H
#define VNET_ENGINES_PLACEMENT_H

#include <loader/loader.h>

#include "net/home.h"

#define VN_PLACEMENT_STEP 5000u /* engines whose packets a second differ by less are equally busy */

/* The engine port of an engine, and its load. */
struct vn_engine_port {
	bool there;             /* its devices are */
	bool served;            /* a process serves it, up or not: its supervisor says so */
	bool takes;             /* directions may come to it */
	uint32_t ports;         /* directions that are given to it, held or not */
	uint64_t packets_per_s; /* as the daemon measured it */
};

/* State of the bulk engine. VN_BULK_NOT: it does not serve now, and it is not known whether it will. */
enum vn_bulk_state { VN_BULK_NOT, VN_BULK_COMES, VN_BULK_UP };

/* The bulk engine, asked of who keeps the engines (enum vn_bulk_state); it starts it when it is first asked. */
struct vn_placement_bulk {
	enum vn_bulk_state (*state)(void *arg);
	void *arg;
	bool waited; /* for one that does not come: not again until it has come */
};

/* The engine ports, and the directions that move between them. */
struct vn_placement {
	struct vn_dp *dp;           /* borrowed */
	const struct vn_home *home; /* borrowed */
	struct vn_placement_bulk bulk;
	int packet_fd; /* sends markers into engine ports */
	struct vn_engine_port port[VN_ENGINES_MAX];
	uint32_t *moves; /* numbers of the directions that move */
	size_t n_moves, moves_room;
	uint64_t moved_ns; /* when the last one began */
	bool hurries;      /* the thread has a priority above the engines', from then until their frames flow again */
};

/* vn_trunk.ports anew. */
void vn_placement_count(struct vn_placement *p);
/* Count the directions of each engine, and continue the moves that an earlier daemon began. */
int vn_placement_open(struct vn_placement *p, struct vn_err *err);
void vn_placement_release(struct vn_placement *p);

/* "precise", "bulk": what kind of engine serves @engine. */
static inline const char *vn_holder_word(uint32_t engine)
{
	return engine == VN_ENGINE_BULK ? "bulk" : "precise";
}
/* The precise engine with the least to do, among those that take directions. */
uint32_t vn_placement_pick(const struct vn_placement *p);
/*
 * A new link: direction @number with discipline @d starts on the fastest engine that can do it, and of several on the
 * one with the least to do. @d NULL: no engine will ever hold it. Its engine port.
 */
uint32_t vn_placement_place(struct vn_placement *p, uint32_t number, const struct vn_disc *d);
/* The link goes. */
void vn_placement_leave(struct vn_placement *p, uint32_t number);
/* The engine port of direction @number from now on, or at the end of its move. */
uint32_t vn_placement_engine(const struct vn_placement *p, uint32_t number);
/* Frames of it that other engines still hold since it moved. */
uint32_t vn_placement_away(const struct vn_placement *p, uint32_t number);
/* The same after having waited for them, up to 50 ms. */
uint32_t vn_placement_wait_away(const struct vn_placement *p, uint32_t number);
bool vn_placement_is_moving(const struct vn_placement *p, uint32_t number);

/*
 * Begin to move direction @number. Frames go to engine port @to from now on, where they wait until vn_placement_turn()
 * has got the old engine to hand the direction over. -EBUSY while it is moving already, -EAGAIN while frames of an
 * earlier move are still out (vn_placement_away()).
 */
int vn_placement_begin(struct vn_placement *p, uint32_t number, uint32_t to);
/* Push on and finish the moves that have begun. Call now and then while there are some. */
void vn_placement_turn(struct vn_placement *p);
/* The same until all are done, a few ms at most; what is then left is vn_placement_turn()'s. */
void vn_placement_settle(struct vn_placement *p);

/*
 * Direction @number is about to get discipline @d: see to it that an engine has it that can apply it, and the fastest
 * such, with little to do, when it was not held before. True: once @d is in force, it is to go to the bulk engine
 * (vn_placement_to_bulk()), which could not have applied what it had so far.
 */
bool vn_placement_prepare(struct vn_placement *p, uint32_t number, const struct vn_disc *d);
void vn_placement_to_bulk(struct vn_placement *p, uint32_t number);

#endif
