/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A port's carrier follows its link: the node's end loses it while the link is down both ways (its state, or a flap
 * schedule of at least 100 ms a step), while the other end is set down in its node, and while the other port's device
 * is gone. What takes it away is the host's end, set down.
 *
 * What a node does with its end is seen at the host's end alone, in the fabric: up, and without a lower device, it
 * belongs to an end that is down. No message of a node's namespace is believed. A host end that is itself down shows
 * nothing; so of two host ends of a link that is up at most one is ever down, and the other one tells when to look
 * again.
 */
#ifndef VNET_OBSERVE_CARRIER_H
#define VNET_OBSERVE_CARRIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <base/err.h>

#include "base/event_loop.h"
#include "exec/ends.h"

struct vn_observe;
struct vn_running;

/* The host's end of a port, by number. */
struct vn_carrier_end {
	bool there, up, lower; /* as the kernel told last */
	bool want;             /* up, as decided last */
	bool posted;           /* is being made so */
	bool dirty;            /* told something new, not looked at yet */
	/* Of the link, at its first end: when to look again (0: when something happens), and how much it has flapped.
	 */
	uint64_t due_ns, spent_ns;
};

struct vn_carrier {
	struct vn_carrier_end *end;
	uint32_t n; /* numbers at and above it were never used */
	struct vn_ends *ends;
	struct vn_end_change *todo, *doing;
	uint32_t *dirty; /* numbers */
	size_t n_todo, n_doing, n_dirty, room;
	struct vn_source timer, done;
	uint64_t timer_ns; /* when it rings; 0: not */
};

/* The pure part, for tests. Should the host's end @side be up? @closed: the link is down both ways. */
bool vn_carrier_want(const struct vn_carrier_end ends[2], int side, bool closed);
/*
 * May a link change carriers at @now_ns? Eight times at once, ten times a second in the long run, whoever asks how
 * often. Otherwise when it may, in *@ret_due_ns.
 */
bool vn_carrier_may(uint64_t *spent_ns, uint64_t now_ns, uint64_t *ret_due_ns);
/* Is @l down both ways? When its schedules say otherwise next, in *@ret_due_ns (0: never). */
bool vn_carrier_closed(const struct vn_link *l, uint64_t now_ns, uint64_t *ret_due_ns);

/* After the privileges were dropped, since a thread keeps what it has. Looks at everything. */
int vn_carrier_open(struct vn_observe *o, struct vn_err *err);
void vn_carrier_close(struct vn_observe *o);
/* The topologies that run are others than before. */
void vn_carrier_index(struct vn_observe *o);
/* Look at all host ends, and set what is not as it should be. */
void vn_carrier_sync(struct vn_observe *o);
/* A device of the fabric changed or, @gone, went; vn_carrier_turn() when all that is known has been told. */
void vn_carrier_event(struct vn_observe *o, uint32_t ifindex, uint32_t flags, bool gone);
void vn_carrier_turn(struct vn_observe *o);
/* Link @link of @run has other disciplines. */
void vn_carrier_link(struct vn_observe *o, const struct vn_running *run, size_t link);
/* Has the end of port @number a carrier, as far as we give it? */
bool vn_carrier_is_on(const struct vn_observe *o, uint32_t number);

#endif
