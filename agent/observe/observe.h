/* SPDX-License-Identifier: GPL-2.0-only */
/* Observes the running topologies and compares them with their configuration, by events of the kernel instead of
 * polling. */
#ifndef VNET_OBSERVE_OBSERVE_H
#define VNET_OBSERVE_OBSERVE_H

#include "observe/carrier.h"
#include "observe/node_watch.h"
#include "store/store.h"

struct vn_observe {
	struct vn_store *store; /* borrowed */
	struct vn_carrier carrier;
	struct vn_watch watch;  /* rtnetlink: what happens inside nodes */
	struct vn_source links; /* rtnetlink: devices of the fabric that change or go */
	bool links_lost;        /* there were more of them than the socket holds */
};
#define VN_OBSERVE_INIT                                                                                                \
	{                                                                                                              \
		.carrier = {.timer.fd = -EBADF, .done.fd = -EBADF}, .links.fd = -EBADF, .watch = {                     \
			.events.fd = -EBADF,                                                                           \
			.timer.fd = -EBADF,                                                                            \
			.done.fd = -EBADF,                                                                             \
			.job.look = VN_LOOK_INIT,                                                                      \
			.asked.look = VN_LOOK_INIT                                                                     \
		}                                                                                                      \
	}

/* The store tells @o of what comes and goes from now on. */
void vn_observe_attach(struct vn_observe *o, struct vn_store *store);

/* Follow the fabric's devices: a port that disappears breaks its link, and is reported. */
int vn_links_watch(struct vn_observe *o, struct vn_err *err);
/* Read the events that have arrived. */
void vn_links_read_events(struct vn_observe *o);
/* Check that every VF is still in the namespace of its port. Call this once a second. */
void vn_links_look_at_borrowed(struct vn_observe *o);

#endif
