/* SPDX-License-Identifier: GPL-2.0-only */
#include "ctl/loop.h"

#include <sys/epoll.h>

#include <vnet/util.h>

int vn_loop_init(struct vn_loop *l)
{
	l->epfd = epoll_create1(EPOLL_CLOEXEC);
	return l->epfd < 0 ? -errno : 0;
}

void vn_loop_release(struct vn_loop *l)
{
	vn_cleanup_close(&l->epfd);
	l->epfd = -EBADF;
}

int vn_loop_add(struct vn_loop *l, struct vn_source *s, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.ptr = s};

	return epoll_ctl(l->epfd, EPOLL_CTL_ADD, s->fd, &e) < 0 ? -errno : 0;
}

int vn_loop_modify(struct vn_loop *l, struct vn_source *s, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.ptr = s};

	return epoll_ctl(l->epfd, EPOLL_CTL_MOD, s->fd, &e) < 0 ? -errno : 0;
}

void vn_loop_remove(struct vn_loop *l, struct vn_source *s)
{
	if (s->fd >= 0)
		epoll_ctl(l->epfd, EPOLL_CTL_DEL, s->fd, NULL);
}

int vn_loop_turn(struct vn_loop *l, int timeout_ms)
{
	struct epoll_event e;
	int n;

	/* One event a turn: a handler may remove any other source, and no stale pointer of the same batch is left. */
	n = epoll_wait(l->epfd, &e, 1, timeout_ms);
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	if (n > 0) {
		struct vn_source *s = e.data.ptr;

		s->handle(s->arg, e.events);
	}
	return n;
}
