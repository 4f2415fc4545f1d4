/* SPDX-License-Identifier: GPL-2.0-only */
/* AF_XDP sockets as the kernel has them: what an application really obtained, whoever made its socket. */
#ifndef VNET_NET_XSKS_H
#define VNET_NET_XSKS_H

#include <stdint.h>

struct vn_xsks {
	unsigned int n;        /* sockets bound to the device */
	unsigned int zerocopy; /* of these, with zero-copy */
};

/*
 * The sockets bound to the device @ifindex of the calling thread's namespace: 0; -EOPNOTSUPP on a kernel that does not
 * tell (CONFIG_XDP_SOCKETS_DIAG).
 */
int vn_xsks_on(uint32_t ifindex, struct vn_xsks *ret_xsks);

#endif
