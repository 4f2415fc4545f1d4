/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where a port's hand-over is in the file system: RUNTIME/ports/TOPOLOGY/NODE/INTERFACE/afxdp.sock, and
 * RUNTIME/owners/N with who has port number N.
 */
#ifndef VNET_CTL_HANDOVER_PATH_H
#define VNET_CTL_HANDOVER_PATH_H

#include "ctl/daemon.h"

#define VN_HANDOVER_OWNERS "owners"
#define VN_HANDOVER_KEY    (2 * VN_NAME_MAX + IF_NAMESIZE + 3) /* "TOPOLOGY/NODE/INTERFACE" */

const char *vn_handover_key(char *buf, const char *topo, const char *node, const char *ifname);

/* RUNTIME/ and what follows; -ENAMETOOLONG. */
int vn_handover_path(const struct vn_daemon *d, char *buf, size_t size, const char *fmt, ...) VN_PRINTF(4, 5);
int vn_handover_owner_path(const struct vn_daemon *d, uint32_t number, char *buf, size_t size);

/* The directories down to @key's, which is in @path then; and those that are empty without it removed, with its socket.
 */
int vn_handover_make_dirs(const struct vn_daemon *d, const char *key, char *path, size_t size);
void vn_handover_remove_dirs(const struct vn_daemon *d, const char *key);
/* The socket in @dir, listening. */
int vn_handover_bind(const char *dir, int *ret_fd);

#endif
