/* SPDX-License-Identifier: GPL-2.0-only */
/* Network namespaces bound under VN_NETNS_DIR, as `ip netns` makes and finds them; entering one and coming back. */
#ifndef VNET_NET_NETNS_H
#define VNET_NET_NETNS_H

#include <stdbool.h>

#include <base/err.h>

#define VN_NETNS_DIR      "/run/netns"
#define VN_NETNS_NAME_MAX 128 /* "TOPOLOGY.NODE" with its NUL */

/* The directory, as a mount of its own that is shared with other mount namespaces. Idempotent. */
int vn_netns_setup(struct vn_err *err);

/* The namespace of the calling thread. */
int vn_netns_self(void);

/* To whom a namespace belongs: who has CAP_NET_ADMIN over the owner has it in the namespace. */
enum vn_netns_owner {
	VN_NETNS_OWN,     /* a user namespace of its own: root in there is nobody outside */
	VN_NETNS_MACHINE, /* the machine's */
};

/*
 * Make namespace @name of @owner. @inside runs in it before anyone can see it (may be NULL; 0 or -errno). -EEXIST when
 * a namespace of that name exists; a file left there by an interrupted creation is taken over. No trace on failure.
 */
int vn_netns_create(int host_fd, const char *name, enum vn_netns_owner owner,
		    int (*inside)(void *arg, struct vn_err *err), void *arg, struct vn_err *err);
/* Give the namespace @fd, which somebody else made, the name @name. -EEXIST when a namespace of that name exists. */
int vn_netns_bind(int fd, const char *name, struct vn_err *err);
/* An fd of the namespace; -ENOENT when there is none (nor when the file is no namespace). */
int vn_netns_open(const char *name);
/* Both are open, and one and the same. */
bool vn_netns_same(int a, int b);
/* The name is gone; the namespace too when nothing else holds it. Gone already: 0. */
int vn_netns_delete(const char *name, struct vn_err *err);

/* Go into @fd; come back to @host_fd. Not to come back is fatal: the daemon must not act in the wrong namespace. */
int vn_netns_enter(int fd);
void vn_netns_leave(int host_fd);

/*
 * A /proc of our own, mounted nowhere, for /proc/sys/net of many namespaces. In the machine's /proc the entry "ipv4" of
 * every namespace lies in one hash chain: walked from end to end for each new namespace, and kept for as long as the
 * namespace lives. Here they go with the mount, which is renewed now and then.
 */
struct vn_proc {
	int fd;
	unsigned int visits;
};
#define VN_PROC_INIT                                                                                                   \
	{                                                                                                              \
		.fd = -1                                                                                               \
	}

/* Call once per namespace. Never fails: without a mount of our own the machine's /proc serves. */
void vn_proc_visit(struct vn_proc *p);
void vn_proc_release(struct vn_proc *p);
#define cleanup_proc __attribute__((cleanup(vn_proc_release)))

/* The first line of /proc/sys/net/@path of the namespace the thread is in; "" when it cannot be read. */
void vn_sysctl_read(const char *path, char *buf, size_t size);
/* Write @value to /proc/sys/net/@path of the namespace the thread is in. */
int vn_sysctl_write(const struct vn_proc *p, const char *path, const char *value, struct vn_err *err);

#endif
