/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The runner: the one process that keeps all of root's rights, because container runtimes want them. The daemon asks
 * it, over a socket pair, for just these things: check, sandbox, start and stop of containers as model/container.h
 * describes them. Nobody else can talk to it; it ends with the daemon, containers go on. The daemon forks its keeper
 * before it drops its own rights, which starts the runner, and starts it again when it was killed.
 */
#ifndef VNET_RUNTIME_RUNNER_H
#define VNET_RUNTIME_RUNNER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "runtime/backend.h"

/* In the runtime directory: a directory for each container, and the state of runc. */
#define VN_RUNNER_DIR         "containers"
#define VN_RUNNER_RUNC_DIR    "runc"
#define VN_RUNNER_LOG_MAX     (1 << 20) /* of what a container said; half of it stays when there is more */
#define VN_RUNNER_MESSAGE_MAX 131072u   /* a container's description with all that belongs to it */

enum vn_runner_op { VN_RUNNER_CHECK, VN_RUNNER_SANDBOX, VN_RUNNER_SANDBOX_STOP, VN_RUNNER_START, VN_RUNNER_STOP };

struct vn_runner {
	int fd;
	pid_t pid; /* of its keeper */
	uint64_t next_id;
	uint64_t lost_before; /* what was asked under a smaller id is answered no more */
	unsigned int pending;
	int gone;                        /* -errno: there is no runner any more */
	struct vn_runner_reply *replies; /* uthash, by id: that nobody has taken yet */
};

#define VN_RUNNER_INIT                                                                                                 \
	{                                                                                                              \
		.fd = -1                                                                                               \
	}
#define VN_RUNNER_PARALLEL 8 /* operations at a time; more wait */

/**
 * struct vn_runner_job - one operation on one container
 * @topo, @node: names
 * @place:       of the node in the topology: where its CPUs begin
 * @ports:       it has ports with hand-over sockets
 * @asked_by:    uid of who described it
 * @o:           what runs in it
 */
struct vn_runner_job {
	enum vn_runner_op op;
	enum vn_runtime runtime;
	const char *topo, *node;
	size_t place;
	bool ports;
	uint32_t asked_by;
	bool privileged;
	const json_t *o;
};

/* Programs and places that it uses; @image_dir: where others than root may have files from; NULL: nowhere. */
struct vn_runner_paths {
	const char *runtime_dir, *pause, *node_runc, *image_dir;
};

int vn_runner_open(struct vn_runner *r, const struct vn_runner_paths *paths, struct vn_err *err);
void vn_runner_close(struct vn_runner *r);
/* Somebody is there to ask. */
bool vn_runner_there(const struct vn_runner *r);

/* Begin; its reply has *@ret_id. -EAGAIN when VN_RUNNER_PARALLEL are under way: try again later. */
int vn_runner_send(struct vn_runner *r, const struct vn_runner_job *job, uint64_t *ret_id, struct vn_err *err);
/*
 * The reply to @id: 0, *@ret_pid (of the process started) and *@ret_why (why->err 0: it went well). -EAGAIN: it has not
 * come yet; -ECONNRESET: the runner was killed, this is answered no more, and another one serves what is asked from now
 * on; another error when it is gone for good. Replies to others are kept for them.
 */
int vn_runner_receive(struct vn_runner *r, uint64_t id, pid_t *ret_pid, struct vn_err *ret_why);
/* For who has nothing else to do: until a reply to somebody is there, at most @timeout_ms. */
void vn_runner_wait(struct vn_runner *r, int timeout_ms);

/*
 * The process that is written in file @what (VN_CONTAINER_STARTED, VN_CONTAINER_SANDBOX) of the node's directory;
 * -ESRCH when it does not run any more.
 */
int vn_container_pid(const char *runtime_dir, const char *topo, const char *node, const char *what, pid_t *ret_pid);

#endif
