/* SPDX-License-Identifier: GPL-2.0-only */
/* Engine ports: what joins the fabric to an engine. Precise ones are veth pairs, the bulk one is a tap. */
#ifndef VNET_ENGINES_ENGINE_PORT_H
#define VNET_ENGINES_ENGINE_PORT_H

#include "engines/placement.h"
#include "net/nl.h"

#define VN_ENGINE_PORT_MTU 16256 /* the largest frame of a link that is held, with the tags that it may have */

/* "tr0" or "tr1" of engine port 0, "tr2" or "tr3" of engine port 1, ...; "bulk" for the tap. */
const char *vn_engine_port_name(char buf[16], uint32_t index, int end);
static inline uint32_t vn_engine_port_ifindex(uint32_t index, int end)
{
	return VN_ENGINE_PORT_IFINDEX + 2 * index + (uint32_t)end;
}
/* In the namespace of the thread, under its name and its index. */
bool vn_engine_port_there(uint32_t index, int end);

/*
 * Create or adopt engine port @index in the namespace of the thread, which is the fabric: devices, offloads, programs,
 * up. -ENODEV and the like for the tap where the kernel has none.
 */
int vn_engine_port_make(struct vn_placement *p, struct vn_nl *nl, uint32_t index, struct vn_err *err);
/* Load and attach its programs again. */
int vn_engine_port_refresh(struct vn_placement *p, struct vn_nl *nl, uint32_t index, struct vn_err *err);
/*
 * The pair VN_ENGINE_PORT_FINISH: frames for AF_XDP ports go through it when they are not whole. Made like an engine
 * port, or its programs anew.
 */
int vn_finish_make(struct vn_placement *p, struct vn_nl *nl, struct vn_err *err);
int vn_finish_refresh(struct vn_placement *p, struct vn_nl *nl, struct vn_err *err);
/* A queue of the bulk engine port's tap, for its engine; one at a time is attached. */
int vn_engine_port_open_tap(struct vn_err *err);

/* Another one: made or adopted; how many frames it has lost; and its devices removed. */
int vn_engine_port_add(struct vn_placement *p, uint32_t index, struct vn_err *err);
int vn_engine_port_dropped(struct vn_placement *p, uint32_t index, uint64_t *ret_dropped, struct vn_err *err);
int vn_engine_port_remove(struct vn_placement *p, uint32_t index, struct vn_err *err);

#endif
