/* SPDX-License-Identifier: GPL-2.0-only */
/* The supervisor of an engine: starts it, adopts a running one, notices its death (pidfd) and a missing heartbeat. */
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
/* Called about every 100 ms: checks the heartbeat, and retries starts that had to wait. */
void vn_supervisor_tick(struct vn_supervisor *s);
/* Release the supervisor; the engine keeps running. The file of an engine that was told to end is removed. */
void vn_supervisor_close(struct vn_supervisor *s);
/* End the process and start the program that is on disk now. The engine must hold no frames. */
void vn_supervisor_replace(struct vn_supervisor *s);
/* Tell the engine to end; it is not started again. */
void vn_supervisor_end(struct vn_supervisor *s);
/* The same, and wait until it has ended: it holds no frames after that. */
void vn_supervisor_stop(struct vn_supervisor *s);
/* Time until the next attempt to start an engine that could not be started; 0: it runs or is starting. */
uint64_t vn_supervisor_retry_in_ns(const struct vn_supervisor *s);
/* Whether the engine runs the program that is on disk; true if that cannot be read. */
bool vn_supervisor_is_current(struct vn_supervisor *s);
bool vn_supervisor_is_up(const struct vn_supervisor *s);

#endif
