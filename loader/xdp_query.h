/* SPDX-License-Identifier: GPL-2.0-only */
/* How a device has an XDP program attached. libbpf's own query takes answers from anybody in the namespace. */
#ifndef VNET_LOADER_XDP_QUERY_H
#define VNET_LOADER_XDP_QUERY_H

#include <stdint.h>

/*
 * Of device @ifindex of the calling thread's namespace: *@ret_attached is XDP_ATTACHED_NONE, _DRV, _SKB, _HW or _MULTI
 * (linux/if_link.h), *@ret_skb_id the generic program's number, 0: none.
 */
int vn_xdp_query(uint32_t ifindex, uint8_t *ret_attached, uint32_t *ret_skb_id);

#endif
