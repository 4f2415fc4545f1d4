/* SPDX-License-Identifier: GPL-2.0-only */
/* An epoll loop that may be turned from inside a handler (while a plan is executed). */
#ifndef VNET_CTL_LOOP_H
#define VNET_CTL_LOOP_H

#include <stdint.h>

struct vn_source {
	int fd;
	void (*handle)(void *arg, uint32_t events); /* EPOLLIN etc. */
	void *arg;
};

struct vn_loop {
	int epfd;
};

int vn_loop_init(struct vn_loop *l);
void vn_loop_release(struct vn_loop *l);
/* @s stays where it is while it is in the loop. */
int vn_loop_add(struct vn_loop *l, struct vn_source *s, uint32_t events);
int vn_loop_modify(struct vn_loop *l, struct vn_source *s, uint32_t events);
void vn_loop_remove(struct vn_loop *l, struct vn_source *s);
/* One turn: wait up to @timeout_ms (-1: for ever), handle one batch of events. */
int vn_loop_turn(struct vn_loop *l, int timeout_ms);

#endif
