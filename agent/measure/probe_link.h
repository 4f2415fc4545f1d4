/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Probing a link without touching it: on a *probe link*, a link of the daemon's own between two namespaces of its own,
 * whose directions carry the same disciplines over the same path (vn_tc_port, engine port, engine, vn_tc_deliver). See
 * docs/ARCHITECTURE.md for why.
 */
#ifndef VNET_MEASURE_PROBE_LINK_H
#define VNET_MEASURE_PROBE_LINK_H

#include "measure/measure.h"
#include "measure/prober.h"
#include "measure/verdict.h"

#define VN_PROBE_LINK_NAME "vnet-probe"

struct vn_probe_link {
	struct vn_topo *topo;
	int netns_fd[VN_DIRS];
	struct vn_verify_port (*dropped)[VN_DIRS]; /* of each link, at its port before this probing */
	struct vn_planned planned;
	struct vn_lock lock; /* there is one probe link at a time */
};

/*
 * A probe link with @n_links links; waits while another job has one. @t stays where it is until it is closed.
 * -ECANCELED when
 * *@cancelled becomes true meanwhile.
 */
int vn_probe_link_open(struct vn_measure *m, const bool *cancelled, uint32_t mtu, size_t n_links,
		       struct vn_probe_link *t, struct vn_err *err);
void vn_probe_link_close(struct vn_measure *m, struct vn_probe_link *t);
/* The slot of direction @dir of @link. */
uint32_t vn_probe_link_slot(const struct vn_probe_link *t, size_t link, int dir);
/* The discipline of a direction is @disc from now on, held by the engine of @engine, with own draws; figures begin. */
void vn_probe_link_set(struct vn_measure *m, struct vn_probe_link *t, size_t link, int dir, const struct vn_disc *disc,
		       uint32_t engine);

/*
 * When the queue of a rate was certainly never empty: at one look it was busy until beyond the next.
 */
struct vn_busy {
	uint64_t from_ns, to_ns;            /* the longest such time */
	uint64_t run_from_ns, last_free_ns; /* the one that may still go on */
};
void vn_busy_look(struct vn_busy *b, uint64_t now_ns, uint64_t next_free_ns);

/**
 * struct vn_probe_seen - of one direction, while it is probed
 * @before: the engine's figures as they were before any burst
 */
struct vn_probe_seen {
	bool has_before;
	struct vn_dir before;
};

/*
 * Send @n @jobs (namespaces and addresses are filled in here) through the probe link and wait for the end, the daemon
 * doing its other duties meanwhile. Job i goes by direction i % VN_DIRS of link i / VN_DIRS. @seen (as many, or NULL):
 * what was seen of each meanwhile. -ECANCELED when *@cancelled (may be NULL) becomes true, or the daemon is told to
 * stop.
 * @s: fresh from vn_prober_map(), of this run alone.
 */
int vn_probe_run(struct vn_measure *m, const bool *cancelled, struct vn_probe_link *t, struct vn_probe_job *jobs,
		 size_t n, struct vn_probe_shared *s, struct vn_probe_seen *seen, struct vn_err *err);

#endif
