/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * A port's devices get chosen interface indexes, so that nobody has to ask for them, programs included: VN_IFINDEX_HOST
 * + number in the fabric, VN_IFINDEX_NODE + number in the node. They differ, because a veth whose index equals its
 * peer's looks to the kernel (and to `ip link`) like a device without a peer.
 */
#ifndef VNET_ABI_IFINDEX_H
#define VNET_ABI_IFINDEX_H

#define VN_IFINDEX_HOST 1000000u
#define VN_IFINDEX_NODE 2000000u

#endif
