/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * `vnet-agent daemon --background`: the caller waits until the daemon is ready, or has said why it cannot be. And
 * `vnet-agent daemon --stop`.
 */
#ifndef VNET_DAEMON_BACKGROUND_H
#define VNET_DAEMON_BACKGROUND_H

#include <sys/types.h>

#include <base/err.h>

#include "base/runtime_dir.h"

/*
 * Fork. In the child: 0, with *@ret_fd the pipe to the caller; its standard output and error are the log from then on.
 * The caller does not return before the child is ready (it exits with 0) or has failed (-errno, @err is the child's).
 */
int vn_background_enter(const char *runtime_dir, int *ret_fd, struct vn_err *err);
/* Tell the caller: @err NULL: ready. Closes *@fd; nothing happens where it is not open. */
void vn_background_tell(int *fd, const struct vn_err *err);

/* End it with SIGTERM, and wait for its end, at most 10 s. */
int vn_daemon_stop(const char *runtime_dir, struct vn_err *err);

#endif
