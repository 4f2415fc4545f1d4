/* SPDX-License-Identifier: GPL-2.0-only */
#include "base/job.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include <base/util.h>

#define STACK_BYTES (1u << 20) /* of address space: pages that are never touched cost nothing */
#define GUARD_BYTES 65536u     /* below it: who goes beyond ends the process instead of writing elsewhere */
#define LOOK_NS     (20 * VN_NSEC_PER_MSEC) /* how often who waits for a lock looks whether it is cancelled */

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#else
#define __sanitizer_start_switch_fiber(save, bottom, size)  ((void)(save), (void)(bottom), (void)(size))
#define __sanitizer_finish_switch_fiber(save, bottom, size) ((void)(save), (void)(bottom), (void)(size))
#endif

struct vn_job {
	struct vn_jobs *jobs;
	void (*run)(void *arg);
	void (*ended)(void *arg);
	void *arg;
	struct vn_source timer, fd;
	bool done;
	void *stack;
	ucontext_t here, loop;
	void *fake; /* the sanitizer's */
	const void *loop_bottom;
	size_t loop_size;
	struct vn_job *next;
};

/* From the loop to @j, until it waits or ends. */
static void enter(struct vn_job *j)
{
	void *fake = NULL;

	j->jobs->current = j;
	__sanitizer_start_switch_fiber(&fake, (char *)j->stack + GUARD_BYTES, STACK_BYTES);
	swapcontext(&j->loop, &j->here);
	__sanitizer_finish_switch_fiber(fake, NULL, NULL);
	j->jobs->current = NULL;
}

/* From @j to the loop. */
static void leave(struct vn_job *j)
{
	__sanitizer_start_switch_fiber(j->done ? NULL : &j->fake, j->loop_bottom, j->loop_size);
	swapcontext(&j->here, &j->loop);
	__sanitizer_finish_switch_fiber(j->fake, &j->loop_bottom, &j->loop_size);
}

static void job_free(struct vn_job *j)
{
	for (struct vn_job **pp = &j->jobs->list; *pp; pp = &(*pp)->next)
		if (*pp == j) {
			*pp = j->next;
			j->jobs->n--;
			break;
		}
	vn_loop_remove(j->jobs->loop, &j->timer);
	vn_cleanup_close(&j->timer.fd);
	if (j->stack)
		munmap(j->stack, GUARD_BYTES + STACK_BYTES);
	free(j);
}

/* In the loop. */
static void go_on(struct vn_job *j)
{
	enter(j);
	if (!j->done)
		return;
	if (j->ended)
		j->ended(j->arg);
	job_free(j);
}

static void on_timer(void *arg, uint32_t events)
{
	struct vn_job *j = arg;
	uint64_t n;

	if (read(j->timer.fd, &n, sizeof(n)) == sizeof(n))
		go_on(j);
}

static void on_fd(void *arg, uint32_t events)
{
	go_on(arg);
}

static void arm(struct vn_job *j, uint64_t ns)
{
	const struct itimerspec its = {
		.it_value = {.tv_sec = (time_t)(ns / VN_NSEC_PER_SEC), .tv_nsec = (long)(ns % VN_NSEC_PER_SEC)}};

	timerfd_settime(j->timer.fd, 0, &its, NULL);
}

/* makecontext(3) passes ints. */
static void job_main(unsigned int high, unsigned int low)
{
	struct vn_job *j =
		(struct vn_job *)(uintptr_t)((uint64_t)high << 32 | low); // NOLINT(performance-no-int-to-ptr)

	__sanitizer_finish_switch_fiber(NULL, &j->loop_bottom, &j->loop_size);
	j->run(j->arg);
	j->done = true;
	leave(j);
	abort(); /* nobody enters it again */
}

int vn_job_start(struct vn_jobs *jobs, void (*run)(void *arg), void (*ended)(void *arg), void *arg)
{
	struct vn_job *j = calloc(1, sizeof(*j));
	const uint64_t self = (uint64_t)(uintptr_t)j;

	if (!j)
		return -ENOMEM;
	*j = (struct vn_job){.jobs = jobs, .run = run, .ended = ended, .arg = arg};
	j->timer = (struct vn_source){
		.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), .handle = on_timer, .arg = j};
	j->stack = mmap(NULL, GUARD_BYTES + STACK_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	if (j->stack == MAP_FAILED)
		j->stack = NULL;
	if (j->timer.fd < 0 || !j->stack ||
	    mprotect((char *)j->stack + GUARD_BYTES, STACK_BYTES, PROT_READ | PROT_WRITE) < 0 ||
	    getcontext(&j->here) < 0 || vn_loop_add(jobs->loop, &j->timer, EPOLLIN) < 0) {
		job_free(j);
		return -ENOMEM;
	}
	j->here.uc_stack.ss_sp = (char *)j->stack + GUARD_BYTES;
	j->here.uc_stack.ss_size = STACK_BYTES;
	makecontext(&j->here, (void (*)(void))job_main, 2, (unsigned int)(self >> 32), (unsigned int)self);
	j->next = jobs->list;
	jobs->list = j;
	jobs->n++;
	/* A job may begin another one. */
	if (jobs->current)
		arm(j, 1);
	else
		go_on(j);
	return 0;
}

bool vn_job_is_one(const struct vn_jobs *jobs)
{
	return jobs->current;
}

void vn_job_sleep(struct vn_jobs *jobs, uint64_t ns)
{
	const struct timespec ts = {.tv_sec = (time_t)(ns / VN_NSEC_PER_SEC), .tv_nsec = (long)(ns % VN_NSEC_PER_SEC)};

	if (!jobs->current) {
		nanosleep(&ts, NULL);
		return;
	}
	arm(jobs->current, ns ?: 1);
	leave(jobs->current);
}

void vn_job_wait_fd(struct vn_jobs *jobs, int fd, uint32_t events, uint64_t ns)
{
	struct pollfd p = {.fd = fd, .events = (short)events};
	struct vn_job *j = jobs->current;

	if (!j) {
		poll(&p, 1, (int)(ns / VN_NSEC_PER_MSEC));
		return;
	}
	j->fd = (struct vn_source){.fd = fd, .handle = on_fd, .arg = j};
	if (vn_loop_add(jobs->loop, &j->fd, events) < 0) {
		vn_job_sleep(jobs, VN_NSEC_PER_MSEC);
		return;
	}
	arm(j, ns ?: 1);
	leave(j);
	vn_loop_remove(jobs->loop, &j->fd);
	arm(j, 0);
}

/* Does one that was asked for before it keep @l from being held? */
static bool is_kept(const struct vn_locks *locks, const struct vn_lock *l)
{
	for (const struct vn_lock *e = locks->first; e && e != l; e = e->next)
		if (!(e->shared && l->shared) && strcmp(e->name, l->name) == 0)
			return true;
	return false;
}

static void append(struct vn_locks *locks, struct vn_lock *l, const char *name, bool shared)
{
	struct vn_lock **pp = &locks->first;

	*l = (struct vn_lock){.owner = locks->jobs->current, .asked = true, .shared = shared};
	snprintf(l->name, sizeof(l->name), "%s", name);
	while (*pp)
		pp = &(*pp)->next;
	*pp = l;
}

int vn_lock_take(struct vn_locks *locks, struct vn_lock *l, const char *name, bool shared, const bool *cancelled)
{
	append(locks, l, name, shared);
	while (locks->jobs->current && is_kept(locks, l)) {
		if (cancelled && *cancelled) {
			vn_lock_drop(locks, l);
			return -ECANCELED;
		}
		vn_job_sleep(locks->jobs, LOOK_NS);
	}
	l->held = true;
	return 0;
}

int vn_lock_try(struct vn_locks *locks, struct vn_lock *l, const char *name, bool shared)
{
	append(locks, l, name, shared);
	if (is_kept(locks, l)) {
		vn_lock_drop(locks, l);
		return -EBUSY;
	}
	l->held = true;
	return 0;
}

void vn_lock_drop(struct vn_locks *locks, struct vn_lock *l)
{
	if (!l->asked)
		return;
	for (struct vn_lock **pp = &locks->first; *pp; pp = &(*pp)->next)
		if (*pp == l) {
			*pp = l->next;
			break;
		}
	l->asked = l->held = false;
	/* Whoever waits looks again; a job that runs is not woken by that, since its timer is not set. */
	for (const struct vn_lock *e = locks->first; e; e = e->next)
		if (!e->held && e->owner && strcmp(e->name, l->name) == 0)
			arm(e->owner, 1);
}
