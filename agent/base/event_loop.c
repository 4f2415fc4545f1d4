/* SPDX-License-Identifier: GPL-2.0-only */
#include "base/event_loop.h"

#include <systemd/sd-event.h>

#include <base/util.h>

int vn_loop_init(struct vn_loop *l)
{
	return sd_event_new(&l->event);
}

void vn_loop_release(struct vn_loop *l)
{
	l->event = sd_event_unref(l->event);
}

/* A handler deals with its own failures; to the loop it never fails, or its source would be switched off. */
static int on_io(sd_event_source *event, int fd, uint32_t events, void *source)
{
	const struct vn_source *s = source;

	s->handle(s->arg, events);
	return 0;
}

int vn_loop_add(struct vn_loop *l, struct vn_source *s, uint32_t events)
{
	int r = sd_event_add_io(l->event, &s->event, s->fd, events, on_io, s);

	if (r >= 0 && s->level != VN_LEVEL_OWN)
		r = sd_event_source_set_priority(s->event, s->level);
	if (r >= 0)
		r = sd_event_source_set_floating(s->event, true);
	if (r < 0) {
		vn_loop_remove(l, s);
		return r;
	}
	/* The loop's alone from here on: what nobody removes goes with it. */
	sd_event_source_unref(s->event);
	return 0;
}

int vn_loop_modify(struct vn_loop *l, struct vn_source *s, uint32_t events)
{
	int r = s->event ? sd_event_source_set_io_events(s->event, events) : -ENOENT;

	return r < 0 ? r : 0;
}

void vn_loop_remove(struct vn_loop *l, struct vn_source *s)
{
	s->event = sd_event_source_disable_unref(s->event);
}

int vn_loop_turn(struct vn_loop *l, int timeout_ms)
{
	return sd_event_run(l->event, timeout_ms < 0 ? UINT64_MAX : (uint64_t)timeout_ms * 1000);
}
