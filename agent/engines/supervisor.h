/* SPDX-License-Identifier: GPL-2.0-only */
/* The engine's keeper: starts it, adopts one that runs, notices its death (pidfd) and its silence (heartbeat). */
#ifndef VNET_ENGINES_SUPERVISOR_H
#define VNET_ENGINES_SUPERVISOR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/event_loop.h"
#include "base/program.h"
#include "engines/placement.h"

struct vn_supervisor {
	struct vn_loop *loop;
	struct vn_placement *placement;
	const char *path;        /* of the executable */
	const char *runtime_dir; /* of the lock */
	uid_t uid;
	gid_t gid;
	int cpu; /* -1: any */
	bool spin;
	int umem_fd; /* memory of the last engine we started, for the next one; -1: none */
	uint32_t engine;
	pid_t pid; /* 0: none runs */
	struct vn_source pidfd;
	uint64_t program;            /* hash of what runs; 0: not known */
	struct vn_program installed; /* what would be started */
	uint64_t started_ns;
	uint64_t restarts;
	uint64_t retry_ns; /* not before this */
	unsigned int quick_deaths;
	unsigned int failures; /* starts in a row after which it did not work: each waits longer */
	bool stopping;
	bool refuses;      /* the executable is of another version */
	bool hung;         /* killed for its silence, not gone yet */
	bool leaving;      /* its directions go to other engines, then it ends */
	bool replacing;    /* it was told to end, and the next one starts at once */
	uint32_t stand_in; /* 1 + the engine port whose engine it stands in for; 0: for none */
	struct vn_err why; /* what the last start, or death, that failed said */
	void (*changed)(struct vn_supervisor *s, const char *what); /* "started", "adopted", "died", "hung" */
	void *arg;
};

/* Adopt the engine that runs, or start one. */
int vn_supervisor_open(struct vn_supervisor *s, struct vn_err *err);
/* Every 100 ms or so: silence, and starts that had to wait. */
void vn_supervisor_tick(struct vn_supervisor *s);
/* Forget the engine; it goes on. One that was told to end leaves no file. */
void vn_supervisor_close(struct vn_supervisor *s);
/* End the process and start another: of the program as it is on disk now. It has to hold nothing. */
void vn_supervisor_replace(struct vn_supervisor *s);
/* Tell it to end; it is not started again. */
void vn_supervisor_end(struct vn_supervisor *s);
/* The same, and wait for it: nothing is held any more. */
void vn_supervisor_stop(struct vn_supervisor *s);
/* Until it is tried again, where it could not be started; 0: it runs, or is about to. */
uint64_t vn_supervisor_retry_in_ns(const struct vn_supervisor *s);
/* Does it run what is on disk? Where that cannot be read, yes. */
bool vn_supervisor_is_current(struct vn_supervisor *s);
bool vn_supervisor_is_up(const struct vn_supervisor *s);

#endif
