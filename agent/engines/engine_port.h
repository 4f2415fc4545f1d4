/* SPDX-License-Identifier: GPL-2.0-only */
/* Trunks: what joins the fabric to an engine. Precise ones are veth pairs, the bulk one is a tap. */
#ifndef VNET_ENGINES_ENGINE_PORT_H
#define VNET_ENGINES_ENGINE_PORT_H

#include "engines/placement.h"
#include "net/nl.h"

#define VN_TRUNK_MTU 16256 /* the largest frame of a link that is held, with the tags that it may have */

/* "tr0" or "tr1" of trunk 0, "tr2" or "tr3" of trunk 1, ...; "bulk" for the tap. */
const char *vn_trunk_name(char buf[16], uint32_t index, int end);
static inline uint32_t vn_trunk_ifindex(uint32_t index, int end)
{
	return VN_TRUNK_IFINDEX + 2 * index + (uint32_t)end;
}
/* In the namespace of the thread, under its name and its index. */
bool vn_trunk_there(uint32_t index, int end);

/*
 * Create or adopt trunk @index in the namespace of the thread, which is the fabric: devices, offloads, programs, up.
 * -ENODEV and the like for the tap where the kernel has none.
 */
int vn_trunk_make(struct vn_placement *p, struct vn_nl *nl, uint32_t index, struct vn_err *err);
/* Its programs anew. */
int vn_trunk_refresh(struct vn_placement *p, struct vn_nl *nl, uint32_t index, struct vn_err *err);
/*
 * The pair VN_TRUNK_FINISH: frames for AF_XDP ports go through it when they are not whole. Made like a trunk, or its
 * programs anew.
 */
int vn_finish_make(struct vn_placement *p, struct vn_nl *nl, struct vn_err *err);
int vn_finish_refresh(struct vn_placement *p, struct vn_nl *nl, struct vn_err *err);
/* A queue of the bulk trunk's tap, for its engine; one at a time is attached. */
int vn_trunk_open_tap(struct vn_err *err);

/* Another one: made or adopted; how many frames it has lost; and its devices removed. */
int vn_trunk_add(struct vn_placement *p, uint32_t index, struct vn_err *err);
int vn_trunk_dropped(struct vn_placement *p, uint32_t index, uint64_t *ret_dropped, struct vn_err *err);
int vn_trunk_remove(struct vn_placement *p, uint32_t index, struct vn_err *err);

#endif
