/* SPDX-License-Identifier: GPL-2.0-only */
#include "exec/ends.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include <base/util.h>

#include "exec/exec_internal.h"
#include "net/veth.h"

struct vn_ends {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct vn_nl nl;
	int done_fd;
	const struct vn_end_change *changes; /* NULL: nothing to do */
	size_t n;
	bool stop;
};

/* What fails, fails because the device has gone; its going is an event of its own. */
static void change_all(struct vn_ends *e, const struct vn_end_change *changes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const uint32_t ifindex = VN_IFINDEX_HOST + changes[i].number;

		if (changes[i].up)
			vn_link_up(&e->nl, ifindex);
		else
			vn_link_down(&e->nl, ifindex);
	}
	vn_nl_flush(&e->nl);
}

static void *work(void *arg)
{
	struct vn_ends *e = arg;
	const uint64_t one = 1;

	pthread_mutex_lock(&e->lock);
	while (!e->stop) {
		if (!e->changes) {
			pthread_cond_wait(&e->work, &e->lock);
			continue;
		}
		pthread_mutex_unlock(&e->lock);
		change_all(e, e->changes, e->n);
		pthread_mutex_lock(&e->lock);
		e->changes = NULL;
		if (write(e->done_fd, &one, sizeof(one)) < 0)
			break; /* it cannot overflow */
	}
	pthread_mutex_unlock(&e->lock);
	return NULL;
}

/* Signals are the main thread's. */
static int start_thread(struct vn_ends *e)
{
	sigset_t all, was;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &was);
	r = pthread_create(&e->thread, NULL, work, e);
	pthread_sigmask(SIG_SETMASK, &was, NULL);
	return -r;
}

static void ends_free(struct vn_ends *e)
{
	vn_nl_close(&e->nl);
	vn_cleanup_close(&e->done_fd);
	pthread_cond_destroy(&e->work);
	pthread_mutex_destroy(&e->lock);
	free(e);
}

int vn_ends_open(struct vn_fabric *f, struct vn_ends **ret_ends, struct vn_err *err)
{
	struct vn_ends *e = calloc(1, sizeof(*e));
	int r;

	if (!e)
		return vn_err_kernel(err, ENOMEM, "host ends: %s", strerror(ENOMEM));
	e->nl = (struct vn_nl)VN_NL_INIT;
	pthread_mutex_init(&e->lock, NULL);
	pthread_cond_init(&e->work, NULL);
	e->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = e->done_fd < 0 ? vn_err_kernel(err, errno, "host ends: eventfd: %s", strerror(errno))
			   : vn_home_nl_open(&f->home, f->home.netns_fd, &e->nl, err);
	/* Nobody is told of failures, and nobody's error is around any more when there is one. */
	e->nl.err = NULL;
	if (r == 0) {
		r = start_thread(e);
		if (r < 0)
			vn_err_kernel(err, -r, "host ends: thread: %s", strerror(-r));
	}
	if (r < 0) {
		ends_free(e);
		return r;
	}
	*ret_ends = e;
	return 0;
}

void vn_ends_close(struct vn_ends *e)
{
	if (!e)
		return;
	pthread_mutex_lock(&e->lock);
	e->stop = true;
	pthread_cond_signal(&e->work);
	pthread_mutex_unlock(&e->lock);
	pthread_join(e->thread, NULL);
	ends_free(e);
}

int vn_ends_fd(const struct vn_ends *e)
{
	return e->done_fd;
}

void vn_ends_post(struct vn_ends *e, const struct vn_end_change *changes, size_t n)
{
	pthread_mutex_lock(&e->lock);
	e->changes = changes;
	e->n = n;
	pthread_cond_signal(&e->work);
	pthread_mutex_unlock(&e->lock);
}
