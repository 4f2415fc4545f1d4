/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* The agent's answer, looked at: a pure function, since a program may be pointed at any socket. */
#ifndef LIBVNET_GRANT_H
#define LIBVNET_GRANT_H

#include <stddef.h>

#include <abi/abi_handover.h>

/*
 * @len bytes of @msg came with @n_fds descriptors. 0: *@ret_grant is a grant in which every number is one that the
 * library can work with (it says nothing about the descriptors); else the -errno of vnet_port_open(), -EAGAIN to ask
 * once more.
 */
int vnet_grant_check(const void *msg, size_t len, size_t n_fds, struct vn_handover_grant *ret_grant);

/* Bytes of the mapping of ring @id. */
size_t vnet_grant_ring_len(const struct vn_handover_grant *g, enum vn_handover_ring_id id);

#endif
