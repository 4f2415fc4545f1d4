/* SPDX-License-Identifier: GPL-2.0-only */
/* What the running topologies are, as against what they were made: kept by the kernel's events, not by polling. */
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
/* What they tell, as far as it has come. */
void vn_links_read_events(struct vn_observe *o);
/* Whether every VF is where its port is; a second apart is often enough. */
void vn_links_look_at_borrowed(struct vn_observe *o);

#endif
