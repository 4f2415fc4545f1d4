/* SPDX-License-Identifier: GPL-2.0-only */
/* The life of VFs: found, made, given to ports, taken back, and everything as it was found afterwards. */
#ifndef VNET_EXEC_PORT_VF_H
#define VNET_EXEC_PORT_VF_H

#include <jansson.h>

#include "exec/executor.h"
#include "model/vf_port.h"

struct vn_vf_netdev;

/* vn_pf_look_fn with the fabric as its argument: a PF as the machine has it. */
int vn_vfs_look(void *fabric, const char *name, struct vn_pf *ret_pf, struct vn_err *err);

/*
 * After a start: VFs that no port in @topos has are given back, programs on the others are of this build. @log is told
 * what was found.
 */
int vn_vfs_adopt(struct vn_fabric *f, struct vn_topo *const *topos, size_t n, void (*log)(const char *fmt, ...),
		 struct vn_err *err);

/* "TOPOLOGY/NODE:INTERFACE" whose mark an agent left on the netdev @dev, NULL when there is none. */
const char *vn_vf_marked(const struct vn_vf_netdev *dev);

/*
 * VFs of @pf whose netdev has an agent's mark and is on the host, and that nothing on disk speaks of: as fresh VFs are,
 * without the mark. *@ret_names: a list of what they were marked with. What they were before their agent came, nobody
 * knows any more.
 */
int vn_vfs_reclaim(struct vn_fabric *f, const char *pf, json_t *ret_names, struct vn_err *err);

/* Of one port with a VF, what `vf show` prints; NULL: its PF is gone. */
json_t *vn_vf_port_show(struct vn_fabric *f, struct vn_topo *t, const struct vn_port *port, struct vn_err *err);
/* What `vf show` prints of the VFs of @pf, or of all that have or could have VFs when it is NULL. */
json_t *vn_vfs_show(struct vn_fabric *f, const char *pf, struct vn_topo *const *topos, size_t n, struct vn_err *err);

#endif
