/* SPDX-License-Identifier: GPL-2.0-only */
/* Device features by their ethtool names. */
#ifndef VNET_NET_OFFLOAD_H
#define VNET_NET_OFFLOAD_H

#include <base/err.h>

/*
 * Everything off by which a device may be handed a frame that is not yet as it will stand on the wire: checksums,
 * segmentation, VLAN tags; and the merging of received frames. In the namespace of the calling thread.
 */
int vn_offload_all_off(const char *ifname, struct vn_err *err);
/* Sending with them again, as a new veth does. */
int vn_offload_tx_on(const char *ifname, struct vn_err *err);

#endif
