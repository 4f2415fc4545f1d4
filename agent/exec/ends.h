/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Host ends brought up and down while links run. A thread of its own asks the kernel: closing a device waits for a
 * grace period, and others may hold the kernel's lock for network configuration much longer, while the daemon has a
 * loop to turn.
 */
#ifndef VNET_EXEC_ENDS_H
#define VNET_EXEC_ENDS_H

#include <stddef.h>

#include "exec/executor.h"

struct vn_end_change {
	uint32_t number; /* of the port */
	bool up;
};

struct vn_ends;
/* The thread has the capabilities that the caller has now. */
int vn_ends_open(struct vn_fabric *f, struct vn_ends **ret_ends, struct vn_err *err);
/* Waits for what was posted. */
void vn_ends_close(struct vn_ends *e);
/* Readable when what was posted last is done. */
int vn_ends_fd(const struct vn_ends *e);
/* Not before the last one is done. @changes stays the caller's, and as it is until that is over. A device that is gone
 * is none. */
void vn_ends_post(struct vn_ends *e, const struct vn_end_change *changes, size_t n);

#endif
