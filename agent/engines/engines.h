/* SPDX-License-Identifier: GPL-2.0-only */
/* The engines: their supervisors, engines that are to end, and placement of directions as traffic changes. */
#ifndef VNET_ENGINES_ENGINES_H
#define VNET_ENGINES_ENGINES_H

#include "base/tell.h"
#include "engines/placement.h"
#include "engines/supervisor.h"

/* The counters of a direction at the last look. */
struct vn_dir_rate {
	uint64_t packets, bytes;
	uint64_t packets_per_s, bytes_per_s;
	uint64_t ring_full; /* frames that found no room on their way to the engine */
	uint32_t gen;
	uint32_t looks; /* in a row that spoke for the other holder */
	bool watched;   /* VN_PORT_WATCH_GSO was set at the last look */
	bool gso;       /* a large GSO frame came between the last two */
};

/* What the last look at the engines and the directions saw (balance.c). */
struct vn_balance {
	uint64_t at_ns;
	struct {
		uint64_t rx_packets, rx_dropped, late_packets;
		unsigned int bad; /* consecutive looks at which it could not keep up */
	} engine[VN_ENGINES_MAX];
	struct vn_dir_rate *dir; /* by number */
};

struct ring_buffer;

struct vn_engines {
	struct vn_placement *placement; /* borrowed */
	struct vn_tell tell;
	uint32_t n;                                  /* asked for: numbers 0 to @n - 1, and the bulk engine */
	bool rebalance;                              /* directions move by themselves when an engine falls behind */
	struct vn_supervisor engine[VN_ENGINES_MAX]; /* by engine port */
	bool used[VN_ENGINES_MAX];
	struct vn_balance balance;
	bool restarting;  /* an engine is being replaced on request */
	bool bulk_failed; /* this machine cannot make the bulk engine's port */
	bool bulk_was_up; /* at the last tick */
	struct {
		struct ring_buffer *ring; /* vn_port_gso (holder.c) */
		struct vn_source source;
	} gso;
};

/* Start or adopt the configured engines, and those that an earlier daemon left running with frames or directions. */
int vn_engines_open(struct vn_engines *e, struct vn_err *err);
/* Called at each tick: supervisors, moves, engines that are to end, and, once a second, placement. */
void vn_engines_tick(struct vn_engines *e);
/* Make engine @engine and all that it needs, with its devices. */
int vn_engine_open(struct vn_engines *e, uint32_t engine, struct vn_err *err);
/* Move some directions of engine @engine to others, as many as can be at once. */
void vn_engine_drain(struct vn_engines *e, uint32_t engine);
/* Number of frames that the engine still has to send. */
bool vn_engine_holds(struct vn_engines *e, uint32_t engine);
/* The bulk engine, which is started when it is first needed. */
enum vn_bulk_state vn_engines_bulk(struct vn_engines *e);
static inline bool vn_engines_bulk_up(struct vn_engines *e)
{
	return vn_engines_bulk(e) == VN_BULK_UP;
}
/* Release the engines, which keep running, or end them. */
void vn_engines_close(struct vn_engines *e, bool stop);

#endif
