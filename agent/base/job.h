/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Jobs: work that takes longer than a turn of the loop may. Each runs on a stack of its own and in the one thread of
 * the loop: from one wait to the next nobody else runs, and while it waits everybody else does. So nothing ever waits
 * on the stack of another, and what a job must find as it left it across a wait it locks (vn_lock_take()).
 *
 * Called outside of a job (before the loop is turned, at the end), what waits for a time sleeps, and what waits for a
 * lock gets it at once.
 */
#ifndef VNET_BASE_JOB_H
#define VNET_BASE_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/event_loop.h"

struct vn_job;

/* All jobs of a loop. */
struct vn_jobs {
	struct vn_loop *loop;
	struct vn_job *list;
	struct vn_job *current; /* NULL: the loop itself runs */
	unsigned int n;         /* that have not ended */
};

/*
 * Begin @run, up to its first wait. @ended (may be NULL) is called by the loop when it has returned; it may be within
 * this call. -errno: there is no memory for it, and it was not begun.
 */
int vn_job_start(struct vn_jobs *jobs, void (*run)(void *arg), void (*ended)(void *arg), void *arg);
/* Does a job run? */
bool vn_job_is_one(const struct vn_jobs *jobs);

/* Let others run for @ns, at least one turn of the loop. */
void vn_job_sleep(struct vn_jobs *jobs, uint64_t ns);
/* The same until @fd has one of @events (EPOLLIN ...), at most @ns. @fd is in no loop. */
void vn_job_wait_fd(struct vn_jobs *jobs, int fd, uint32_t events, uint64_t ns);

/*
 * A lock has a name. It is held by one job at a time, or, shared, by several; who asks first gets it first. A job that
 * has several asks for them in the order of their names, or gives up what it has before. *@cancelled (may be NULL):
 * -ECANCELED when it becomes true meanwhile.
 */
#define VN_LOCK_NAME_MAX 80
struct vn_lock {
	char name[VN_LOCK_NAME_MAX];
	bool shared, asked, held;
	struct vn_job *owner;
	struct vn_lock *next;
};
struct vn_locks {
	struct vn_jobs *jobs;
	struct vn_lock *first; /* in the order in which they were asked for */
};
int vn_lock_take(struct vn_locks *locks, struct vn_lock *l, const char *name, bool shared, const bool *cancelled);
/* Now, or -EBUSY. */
int vn_lock_try(struct vn_locks *locks, struct vn_lock *l, const char *name, bool shared);
/* What is not held stays so. */
void vn_lock_drop(struct vn_locks *locks, struct vn_lock *l);

#endif
