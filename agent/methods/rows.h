/* SPDX-License-Identifier: GPL-2.0-only */
/* How values appear in the daemon's answers. */
#ifndef VNET_METHODS_ROWS_H
#define VNET_METHODS_ROWS_H

#include <jansson.h>

#include "plan/drift.h"
#include "model/model.h"

/* "10.0.0.1/31", or null without address. */
json_t *vn_addr_to_json(const struct vn_addr *a);
/* ["late", ...]: the words of bits of enum vn_overload_bit. */
json_t *vn_overload_json(uint32_t bits);
/*
 * The addresses @ip4 and @ip6, each of which may be none, that the device has by @drift (NULL: all), or those that
 * are @missing.
 */
json_t *vn_addresses_to_json(const struct vn_addr *ip4, const struct vn_addr *ip6, const struct vn_device_drift *drift,
			     bool missing);

/*
 * @o has a member "container": of its environment the names stay and the values go, in a copy. What a program is told
 * that way is often a secret, and observe.sock is open to everybody.
 */
void vn_container_hide(json_t *o);

#endif
