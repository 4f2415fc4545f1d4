/* SPDX-License-Identifier: GPL-2.0-only */
/* Events: what every `monitor` is told. */
#ifndef VNET_API_EVENTS_H
#define VNET_API_EVENTS_H

#include <jansson.h>

#include "base/tell.h"

/* Add the time, in words and in nanoseconds (CLOCK_REALTIME). */
void vn_event_stamp(json_t *event);
/* struct vn_tell's function, with the server (struct vn_server) as its argument. */
void vn_events_tell(void *server, json_t *event);

#endif
