/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The bulk holder: an engine port that is a tap with IFF_VNET_HDR. Frames come and go with their offloads, GSO frames
 * of up to 64 KiB whole; a discipline with a rate is applied to chunks of them, each of which leaves when its own last
 * bit has been served. It serves delay, rate and limit; other words of a discipline act on whole chunks, or not at all.
 */
#ifndef VNET_ENGINE_BULK_H
#define VNET_ENGINE_BULK_H

#include "engine/loop.h"

extern const struct vn_marker_ops vn_bulk_ops;

/*
 * The tap at @fd (TUNSETIFF done: IFF_TAP, IFF_NO_PI, IFF_VNET_HDR) becomes the engine port of @l: header size,
 * offloads and O_NONBLOCK are set here. What an earlier engine left unread is lost, and counted. Once a process.
 */
int vn_bulk_open(struct vn_loop *l, int fd);

#endif
