/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One daemon a host: vnet-fabric and the numbers of its devices are one for the host, whatever directories a daemon is
 * given. The lock lies beside VN_NETNS_DIR, where the namespaces' names are, and says whose the fabric is.
 */
#ifndef VNET_DAEMON_HOST_LOCK_H
#define VNET_DAEMON_HOST_LOCK_H

#include <stdbool.h>

#include <base/err.h>

#define VN_HOST_LOCK "/run/vnet-fabric.lock"

struct vn_host_lock {
	int fd;
	bool found; /* the fabric was there when the lock was taken: somebody else's, or an earlier daemon's */
};

/*
 * Before anything is touched. Refused while another daemon lives, and when the fabric that is there belongs to the
 * networks of another @runtime_dir.
 */
int vn_host_lock_take(struct vn_host_lock *l, const char *runtime_dir, struct vn_err *err);
/* Every second or so: somebody removed the file; it is made and locked anew. */
void vn_host_lock_keep(struct vn_host_lock *l, const char *runtime_dir);
/* @gone: the fabric is, and so goes the file. */
void vn_host_lock_release(struct vn_host_lock *l, bool gone);

#endif
