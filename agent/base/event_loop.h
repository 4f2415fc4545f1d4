/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The event loop: sd-event(3), with sources that their owners embed. A source of a lower level is served only when none
 * of a higher one is ready; those of one level take turns.
 */
#ifndef VNET_BASE_EVENT_LOOP_H
#define VNET_BASE_EVENT_LOOP_H

#include <stdint.h>

enum vn_level {
	VN_LEVEL_OWN,    /* timers, processes, root's changes */
	VN_LEVEL_CHANGE, /* changes of others */
	VN_LEVEL_LOOK,   /* who only looks */
};

struct vn_source {
	int fd;
	void (*handle)(void *arg, uint32_t events); /* EPOLLIN etc. */
	void *arg;
	enum vn_level level;
	struct sd_event_source *event; /* the loop's; NULL: it is in none */
};

struct vn_loop {
	struct sd_event *event; /* NULL: not made yet */
};

int vn_loop_init(struct vn_loop *l);
void vn_loop_release(struct vn_loop *l);
/* @s stays where it is while it is in the loop; its descriptor is closed after vn_loop_remove(). */
int vn_loop_add(struct vn_loop *l, struct vn_source *s, uint32_t events);
int vn_loop_modify(struct vn_loop *l, struct vn_source *s, uint32_t events);
void vn_loop_remove(struct vn_loop *l, struct vn_source *s);
/* One turn: wait up to @timeout_ms (-1: for ever), handle one event. Positive when there was one. */
int vn_loop_turn(struct vn_loop *l, int timeout_ms);

#endif
