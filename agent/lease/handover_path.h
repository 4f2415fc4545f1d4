/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where a port's hand-over is in the file system: RUNTIME/ports/TOPOLOGY/NODE/INTERFACE/afxdp.sock, and
 * RUNTIME/owners/N with who has port number N. A container has the directory of its node mounted, read-only; what is in
 * there is reached by descriptor all the same, never through a symbolic link (base/beneath.h).
 */
#ifndef VNET_LEASE_HANDOVER_PATH_H
#define VNET_LEASE_HANDOVER_PATH_H

#include <net/if.h>
#include <sys/un.h>

#include <base/util.h>

#include "lease/handover.h"
#include "model/model.h"

#define VN_HANDOVER_OWNERS    "owners"
#define VN_HANDOVER_BY_NUMBER "by-number"
#define VN_HANDOVER_KEY       (2 * VN_NAME_MAX + IF_NAMESIZE + 3) /* "TOPOLOGY/NODE/INTERFACE" */

const char *vn_handover_key(char *buf, const char *topo, const char *node, const char *ifname);

/* RUNTIME/ and what follows; -ENAMETOOLONG. */
int vn_handover_path(const struct vn_handover *h, char *buf, size_t size, const char *fmt, ...) VN_PRINTF(4, 5);
int vn_handover_owner_path(const struct vn_handover *h, uint32_t number, char *buf, size_t size);

/*
 * A path that connect(2) takes, of port @number's socket: that of its directory, or where the names are too long for a
 * socket's address (108 bytes) RUNTIME/by-number/NUMBER/afxdp.sock, a link that is made with the socket.
 */
void vn_handover_sock_path(const struct vn_handover *h, const char *key, uint32_t number,
			   char buf[sizeof(((struct sockaddr_un *)NULL)->sun_path)]);

/* The socket of port @number at @key, listening; directories and link are made. @refuse: nobody can pass a descriptor
 * by it. */
int vn_handover_bind(const struct vn_handover *h, const char *key, uint32_t number, bool refuse, int *ret_fd);
/* It is gone afterwards, with its link and the directories that are empty without it. */
int vn_handover_unbind(const struct vn_handover *h, const char *key, uint32_t number);
/* Whatever is below RUNTIME/ports, /by-number and /owners and belongs to no socket of ours is removed, and told. */
void vn_handover_sweep(struct vn_handover *h);

#endif
