/* SPDX-License-Identifier: GPL-2.0-only */
/* Who wants to hear of events: parts that make them know no more of it than this. */
#ifndef VNET_BASE_TELL_H
#define VNET_BASE_TELL_H

#include <jansson.h>

struct vn_tell {
	void (*event)(void *arg, json_t *event); /* takes ownership, and adds the time; NULL: nobody listens */
	void *arg;
};

/* Tell of @event, a new object (NULL: memory was short); takes ownership. */
static inline void vn_tell(const struct vn_tell *t, json_t *event)
{
	if (t->event)
		t->event(t->arg, event);
	else
		json_decref(event);
}

#endif
