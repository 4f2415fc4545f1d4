/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The receiver: a process for descriptors that others passed. Who drops the last reference to a file waits for what its
 * owner made of it: a socket that lingers for an hour, a FUSE file whose server does not answer. So the daemon neither
 * receives a descriptor from a client, nor closes a socket in which one may wait unread:
 *
 * - where no descriptor belongs, the kernel refuses it to its sender (vn_pass_refuse());
 * - everywhere else vn_pass_peek() looks before each read, and leaves in the queue what it sees;
 * - a connection in which one waits goes to the receiver, which relays its messages and gives the daemon nothing but
 *   network namespaces (receiver_relay.h);
 * - sockets that are to be closed go there, too. A process that ends does not wait for a lingering socket, so a child
 * of the receiver ends with them.
 */
#ifndef VNET_API_RECEIVER_H
#define VNET_API_RECEIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <base/err.h>

#include "base/event_loop.h"
#include "api/receiver_relay.h"

/* Of one key few connections are relayed at a time: what its descriptors hold up is held up for it alone. */
#define VN_RELAY_ROOT         1ULL /* without that limit */
#define VN_RELAY_UID(uid)     (VN_RELAY_ROOT + (uid))
#define VN_RELAY_PORT(number) (1ULL << 33 | (number))

struct vn_receiver {
	struct vn_loop *loop;
	struct vn_source source; /* our end of its socket; fd -EBADF: it does not run */
	pid_t pid;
	uint64_t retry_ns;
	bool go_due;  /* it has a socket that we hold no more, and was not told so */
	int *waiting; /* sockets that it had no room for */
	size_t n_waiting, n_room;
};
#define VN_RECEIVER_INIT                                                                                               \
	{                                                                                                              \
		.source.fd = -EBADF                                                                                    \
	}

/* Start it. @loop sees when it ends, and the tick starts another. */
int vn_receiver_open(struct vn_receiver *r, struct vn_loop *loop, struct vn_err *err);
void vn_receiver_tick(struct vn_receiver *r);
/* Sockets that still wait are left to the end of this process. */
void vn_receiver_close(struct vn_receiver *r);

/* Close the unix socket *@fd, a connection or a listener, whatever waits in it. *@fd is -EBADF then. */
void vn_receiver_release(struct vn_receiver *r, int *fd);
/* So many wait to be closed that no more should be accepted. */
bool vn_receiver_is_behind(const struct vn_receiver *r);
/* Exchange connection *@fd for one to the receiver, which relays. On failure *@fd is as before. */
int vn_receiver_relay(struct vn_receiver *r, int *fd, enum vn_relay_kind kind, uint64_t key);

#endif
