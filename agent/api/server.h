/* SPDX-License-Identifier: GPL-2.0-only */
/* Connections of the two control sockets: framing, limits, replies, events. What a method does is not known here. */
#ifndef VNET_API_SERVER_H
#define VNET_API_SERVER_H

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/event_loop.h"
#include "api/receiver.h"
#include "api/wire.h"

#define VN_CONNS_MAX      256          /* of each socket */
#define VN_CONNS_ROOT     32           /* of these, nobody but root has */
#define VN_CONNS_UID      64           /* of these, of one user other than root: nobody locks the others out */
#define VN_CONN_OUT_MAX   (8u << 20)   /* a monitor that does not read is dropped beyond this */
#define VN_CONNS_MEMORY   (128u << 20) /* of all connections but root's: unfinished requests, answers not taken */
#define VN_CONN_STALL_NS  (10 * VN_NSEC_PER_SEC)   /* and so long one may have such, without a byte more of an answer */
#define VN_ASIDE_ROOT     4                        /* processes that answer for root at a time */
#define VN_ASIDE_OTHERS   1                        /* for all others */
#define VN_UID_TIME_NS    (250 * VN_NSEC_PER_MSEC) /* of the loop, for looking, at once; and ... */
#define VN_UID_TIME_SHARE 4                        /* ... from then on one part in so many, for one other than root */

struct vn_server;

/* What keeps descriptors that the client passes from being released here (receiver.h). */
enum vn_conn_passing {
	VN_PASSING_REFUSED, /* by the kernel */
	VN_PASSING_CHECKED, /* none waits in what is read */
	VN_PASSING_RELAYED, /* the receiver keeps them */
};

struct vn_conn {
	struct vn_server *server;
	struct vn_source source;
	struct vn_wire_buf in;
	char *out;
	size_t out_len, out_done;
	bool observe; /* came by the read-only socket */
	enum vn_conn_passing passing;
	bool more;          /* the request in work allows several replies */
	bool oneway;        /* ... wants none */
	bool monitor;       /* gets events until it goes */
	bool dead;          /* closed; freed when nothing of it is being handled any more */
	bool serving;       /* its request is being handled, by a job perhaps: its next one has to wait */
	bool paused;        /* and so it is not read from */
	bool more_in;       /* a whole request waits in its buffer */
	bool slow;          /* its user looked too much: it is served later */
	uint64_t active_ns; /* when it last said something, or was answered */
	uint64_t begun_ns;  /* since when it has an unfinished request, or an answer of which nothing was taken; 0: none
			     */
	json_t *waiting;    /* a request that waits for the daemon to be idle */
	int passed;         /* a network namespace that came with the request, or negative; closed after it */
	pid_t pid;
	uid_t uid;
	struct vn_source child; /* the pidfd of the process that answers (vn_conn_aside()); -EBADF: none */
	pid_t child_pid;
	bool waits_child; /* its request waits for a process of another one to end */
	struct vn_conn *next;
};

/*
 * Handle @request of @c: 0 when answered, -EBUSY when it has to wait and be asked again, -EINPROGRESS when a job
 * answers it and calls vn_conn_done() then.
 */
typedef int (*vn_request_fn)(void *arg, struct vn_conn *c, const json_t *request);

struct vn_server {
	struct vn_loop *loop;
	struct vn_receiver *receiver;
	vn_request_fn request;
	void *arg;
	struct vn_listener {
		struct vn_server *server;
		struct vn_source source;
		bool observe;
		bool refuses; /* descriptors */
		bool resting; /* no descriptor was left for the next connection */
		size_t n_conns;
	} listeners[2];
	struct vn_conn *conns;
	struct vn_uid_time *times; /* uthash, by uid: who looked lately */
};

int vn_server_open(struct vn_server *s, struct vn_loop *loop, struct vn_receiver *receiver, const char *runtime_dir,
		   gid_t group, vn_request_fn request, void *arg, struct vn_err *err);
void vn_server_close(struct vn_server *s);
/* Every 100 ms: whom no descriptor was left for, who takes too long, who may look again. */
void vn_server_tick(struct vn_server *s);
/* Answer: takes ownership of @parameters. */
void vn_conn_reply(struct vn_conn *c, json_t *parameters, bool continues);
void vn_conn_error(struct vn_conn *c, const struct vn_err *err);
/* A job has answered its request. */
void vn_conn_done(struct vn_conn *c);
/*
 * Answer in a process of its own, what would hold the loop up: a copy of this one as it is now, in which @make fills
 * the reply. It must touch nothing that is shared (the loop, other sockets). -EBUSY: too many do; ask again later.
 * -EOPNOTSUPP: answer here.
 */
int vn_conn_aside(struct vn_conn *c, json_t *(*make)(void *arg, struct vn_conn *c, const json_t *request), void *arg,
		  const json_t *request);
/* To every monitor. */
void vn_server_event(struct vn_server *s, const json_t *event);
/*
 * Requests that waited; and connections that died. Between two turns of the loop: no handler has one of them then.
 */
void vn_server_resume(struct vn_server *s);
void vn_server_reap(struct vn_server *s);

#endif
