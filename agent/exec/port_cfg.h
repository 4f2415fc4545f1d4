/* SPDX-License-Identifier: GPL-2.0-only */
/* What a port's entry in the data path says, as far as the topology decides it. Pure. */
#ifndef VNET_EXEC_PORT_CFG_H
#define VNET_EXEC_PORT_CFG_H

#include "topo/model.h"

/*
 * Everything but the trunk: flags (active; held and fail-open as the link says), interface indexes, MAC, isolation.
 * -E2BIG when more sources are asked for than a port can have.
 */
int vn_port_cfg_make(const struct vn_topo *t, const struct vn_link *l, int side, struct vn_port_cfg *ret_cfg);

#endif
