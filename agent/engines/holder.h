/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which kind of engine holds a direction with `holder auto`, where both can: the bulk one while its traffic, or that of
 * the link's other direction, is large, and a precise one while it is small. A direction begins with the bulk one
 * (placement.h).
 */
#ifndef VNET_ENGINES_HOLDER_H
#define VNET_ENGINES_HOLDER_H

#include "engines/engines.h"

/* Hear of large GSO frames at once: of a direction that a precise engine holds, and moves then. */
int vn_holder_open(struct vn_engines *e, struct vn_err *err);
void vn_holder_close(struct vn_engines *e);
/* At each look, in turn: after the figures of direction @number, and when those of all are known. */
void vn_holder_look(struct vn_engines *e, uint32_t number);
void vn_holder_choose(struct vn_engines *e, uint32_t number);
/* The bulk engine has come up: those that it was to have. */
void vn_holder_catch_up(struct vn_engines *e);

#endif
