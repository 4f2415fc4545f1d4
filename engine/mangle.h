/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the discipline does to a frame's bytes. Frames lie as the engine port delivers them: the slot's tag, of which
 * the discipline knows nothing, behind the addresses.
 */
#ifndef VNET_ENGINE_MANGLE_H
#define VNET_ENGINE_MANGLE_H

#include <stdbool.h>
#include <stdint.h>

#define VN_EDIT_TAG_AT    12u /* where the slot's tag is, */
#define VN_EDIT_TAG_BYTES 4u
#define VN_EDIT_TAGS_MAX  4u /* of the user's, that are looked behind */

/* True when @frame, of which @len bytes lie at hand, is IP, behind whatever VLAN tags, and ECN-capable (RFC 3168). */
bool vn_edit_is_ect(const uint8_t *frame, uint32_t len);
/* Set Congestion Experienced in a frame of which vn_edit_is_ect() is true. */
void vn_edit_mark(uint8_t *frame, uint32_t len);

/* The bytes of the frame on the engine port for byte @at of the user's frame. */
static inline uint32_t vn_edit_at(uint32_t at)
{
	return at < VN_EDIT_TAG_AT ? at : at + VN_EDIT_TAG_BYTES;
}

#endif
