/* SPDX-License-Identifier: GPL-2.0-only */
#include "base/event_loop.h"

#include <sys/epoll.h>

#include <base/util.h>

int vn_loop_init(struct vn_loop *l)
{
	for (size_t i = 0; i < VN_LEVELS; i++)
		l->lower[i] = -EBADF;
	l->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epfd < 0)
		return -errno;
	for (size_t i = VN_LEVEL_OWN + 1; i < VN_LEVELS; i++) {
		struct epoll_event e = {.events = EPOLLIN, .data.ptr = &l->lower[i]};

		l->lower[i] = epoll_create1(EPOLL_CLOEXEC);
		if (l->lower[i] < 0 || epoll_ctl(l->epfd, EPOLL_CTL_ADD, l->lower[i], &e) < 0) {
			int r = -errno;

			vn_loop_release(l);
			return r;
		}
	}
	return 0;
}

void vn_loop_release(struct vn_loop *l)
{
	/* One that was never made is closed, too. */
	for (size_t i = VN_LEVEL_OWN + 1; i < VN_LEVELS && l->epfd >= 0; i++) {
		vn_cleanup_close(&l->lower[i]);
		l->lower[i] = -EBADF;
	}
	vn_cleanup_close(&l->epfd);
	l->epfd = -EBADF;
}

static int set_of(const struct vn_loop *l, const struct vn_source *s)
{
	return s->level == VN_LEVEL_OWN ? l->epfd : l->lower[s->level];
}

int vn_loop_add(struct vn_loop *l, struct vn_source *s, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.ptr = s};

	return epoll_ctl(set_of(l, s), EPOLL_CTL_ADD, s->fd, &e) < 0 ? -errno : 0;
}

int vn_loop_modify(struct vn_loop *l, struct vn_source *s, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.ptr = s};

	return epoll_ctl(set_of(l, s), EPOLL_CTL_MOD, s->fd, &e) < 0 ? -errno : 0;
}

void vn_loop_remove(struct vn_loop *l, struct vn_source *s)
{
	if (s->fd >= 0)
		epoll_ctl(set_of(l, s), EPOLL_CTL_DEL, s->fd, NULL);
}

/* Which level's set @ptr is; VN_LEVEL_OWN: it is a source. */
static enum vn_level level_of(const struct vn_loop *l, const void *ptr)
{
	for (int i = VN_LEVEL_OWN + 1; i < VN_LEVELS; i++)
		if (ptr == &l->lower[i])
			return (enum vn_level)i;
	return VN_LEVEL_OWN;
}

int vn_loop_turn(struct vn_loop *l, int timeout_ms)
{
	enum vn_level level = VN_LEVELS, seen;
	struct vn_source *s;
	struct epoll_event e;
	int n;

	/*
	 * One event a turn: a handler may remove any other source, and no stale pointer of the same batch is left. What
	 * was told goes to the end of the kernel's list; so after each lower level once a source of ours would come.
	 */
	for (int i = 0; i < VN_LEVELS; i++) {
		n = epoll_wait(l->epfd, &e, 1, i ? 0 : timeout_ms);
		if (n < 0)
			return errno == EINTR ? 0 : -errno;
		if (n == 0)
			break;
		seen = level_of(l, e.data.ptr);
		level = VN_MIN(level, seen);
		if (seen == VN_LEVEL_OWN)
			break;
	}
	if (level == VN_LEVELS)
		return 0;
	if (level != VN_LEVEL_OWN)
		n = epoll_wait(l->lower[level], &e, 1, 0);
	if (n <= 0)
		return n < 0 && errno != EINTR ? -errno : 0;
	s = e.data.ptr;
	s->handle(s->arg, e.events);
	return 1;
}
