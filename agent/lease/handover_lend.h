/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A port with `handover: libvnet`, lent: the agent makes socket and memory, the application is given both, and gives
 * them back by closing its connection or by ending. Each application gets memory that nobody has seen before.
 */
#ifndef VNET_LEASE_HANDOVER_LEND_H
#define VNET_LEASE_HANDOVER_LEND_H

#include <jansson.h>
#include <linux/if_xdp.h>
#include <stdbool.h>

#include <abi/abi_handover.h>

#include "base/event_loop.h"
#include "net/netns.h"

struct vn_handover;
struct vn_topo;
struct vn_port;

/* What there is to lend. */
struct vn_lend_port {
	char netns[VN_NETNS_NAME_MAX];
	uint32_t number, buffers, mtu;
	uint8_t mac[6];
};

struct vn_lending {
	struct vn_lend_port port;
	struct vn_source lease; /* the application's connection; fd -EBADF: none */
	int fd;                 /* the socket, once more, for its statistics; -EBADF: not known to this daemon */
	uint64_t bytes;         /* of memory */
	uint64_t rest_until_ns; /* making a socket takes milliseconds: not too often */
	struct xdp_statistics past;
};
#define VN_LENDING_NONE                                                                                                \
	{                                                                                                              \
		.lease.fd = -EBADF, .fd = -EBADF                                                                       \
	}

/* Describe @port of @t, whose link has @mtu. */
void vn_lend_describe(struct vn_lend_port *p, const struct vn_topo *t, const struct vn_port *port, uint32_t mtu);

/*
 * Make what the application is given: *@ret_grant, and for VN_GRANT_OK @ret_fds, which the caller closes. The port's
 * frames go there only after vn_lend_start(). Return: the grant's status.
 */
enum vn_grant_status vn_lend(struct vn_handover *h, struct vn_lending *l, struct vn_handover_grant *ret_grant,
			     int ret_fds[VN_HANDOVER_FDS]);
int vn_lend_start(struct vn_handover *h, struct vn_lending *l, int xsk_fd);
/* Take it back: no frame reaches whoever still has the socket. Idempotent. */
void vn_lend_end(struct vn_handover *h, struct vn_lending *l);
/* The daemon ends; the application goes on. */
void vn_lend_release(struct vn_handover *h, struct vn_lending *l);
/* An application has it that an earlier daemon lent it to. */
void vn_lend_adopt(struct vn_handover *h, struct vn_lending *l);

/* Has the application closed its connection, or broken the protocol on it? */
bool vn_lend_lease_ended(const struct vn_lending *l);

/* {buffers, bytes, dropped, ring-full, no-buffer, tx-invalid} of all its applications so far. */
json_t *vn_lend_json(const struct vn_lending *l);

#endif
