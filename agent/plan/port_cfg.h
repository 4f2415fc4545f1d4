/* SPDX-License-Identifier: GPL-2.0-only */
/* What a port's entry in the data path says, as far as the topology decides it. Pure. */
#ifndef VNET_PLAN_PORT_CFG_H
#define VNET_PLAN_PORT_CFG_H

#include "model/model.h"

/* What the discipline alone decides of a port's flags. */
#define VN_PORT_DISC_FLAGS ((uint32_t)(VN_PORT_HELD | VN_PORT_POLICED | VN_PORT_GATED))
uint32_t vn_port_disc_flags(const struct vn_disc *d);
/* VN_PORT_APP_FLAGS of a port whose other end is @peer. */
uint32_t vn_port_app_flags(const struct vn_port *peer);

/*
 * Everything but the engine port: flags (active, fail-open, vn_port_disc_flags()), interface indexes, MAC, isolation.
 * -E2BIG when more sources are asked for than a port can have.
 */
int vn_port_cfg_make(const struct vn_topo *t, const struct vn_link *l, int side, struct vn_port_cfg *ret_cfg);

#endif
