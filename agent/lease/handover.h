/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * AF_XDP ports of running topologies: a socket each, in a directory that can be mounted into a container, where an
 * application is given its port's XSKMAP (handover_proto.h), or with `handover: libvnet` a socket that is ready
 * (handover_lend.h).
 *
 *   RUNTIME/ports/TOPOLOGY/NODE/INTERFACE/afxdp.sock    RUNTIME/ports is root's alone: who reaches a socket had its
 *                                                       directory mounted, and that is its identity
 *   RUNTIME/by-number/NUMBER                            a link to the directory, where its path is too long to connect
 *   RUNTIME/owners/NUMBER                               who has port NUMBER, so that the next daemon knows it
 *
 * A port has one application: the process that was given it, until it ends, however it ends. Its pidfd tells.
 */
#ifndef VNET_LEASE_HANDOVER_H
#define VNET_LEASE_HANDOVER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include <base/err.h>

#include "api/receiver.h"
#include "base/event_loop.h"
#include "base/tell.h"

struct vn_fabric;
struct vn_topo;
struct vn_handover_sock;

#define VN_HANDOVER_SOCK  "afxdp.sock"
#define VN_HANDOVER_PORTS "ports"

struct vn_handover {
	/* borrowed */
	struct vn_loop *loop;
	struct vn_receiver *receiver;
	struct vn_fabric *fabric;
	const char *runtime_dir, *pin_dir;
	struct vn_tell tell;

	struct vn_handover_sock *socks; /* uthash, by topology, node and interface */
	uint64_t lent_bytes;            /* of all ports */
	bool unswept;                   /* there may be directories that belong to no socket */
};

/* Sockets as the running topologies have AF_XDP ports: new ones made, others kept with their owners, the rest removed.
 */
void vn_handover_sync(struct vn_handover *h, struct vn_topo *const *topos, size_t n);
/*
 * The sockets of @t, which is about to run; the next vn_handover_sync() removes them when it does not. The error is of
 * the first that could not be made.
 */
int vn_handover_add(struct vn_handover *h, const struct vn_topo *t, struct vn_err *err);
/* There is a socket of "TOPOLOGY/NODE/INTERFACE", of port @number. */
bool vn_handover_has(const struct vn_handover *h, const char *key);
bool vn_handover_has_number(const struct vn_handover *h, uint32_t number);
/* Every 100 ms: connections that take too long, listeners that were silenced. */
void vn_handover_tick(struct vn_handover *h);
/* Close everything; paths and owners stay for the next daemon. */
void vn_handover_release(struct vn_handover *h);
/* Nothing runs: the directories go too. */
void vn_handover_wipe(struct vn_handover *h);

/*
 * {pid, uid, gid, comm, host, since_ns} of who has the port, or null; in *@ret_stats {given, refused} so far; in
 * *@ret_lent vn_lend_json(), or null for a port that is not lent.
 */
json_t *vn_handover_owner(struct vn_handover *h, const char *topo, const char *node, const char *ifname,
			  json_t **ret_stats, json_t **ret_lent);

#endif
