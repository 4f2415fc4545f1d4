/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The hand-over protocol of DPDK's AF_XDP driver (use_cni=1, dp_path=SOCKET) and of the AF_XDP plugins for Kubernetes,
 * as a pure function: a message in, what to do and answer out. Packets of a SOCK_SEQPACKET unix socket, without NUL:
 *
 *   /connect,HOSTNAME                 /host_ok | /host_nak     the hostname is the client's word and proves nothing
 *   /version                          0.1
 *   /xsk_map_fd,INTERFACE             /fd_ack + the XSKMAP's fd | /fd_nak
 *   /config_busy_poll,USEC,BUDGET + fd   /config_busy_poll_ack | /config_busy_poll_nak
 *   /fin                              /fin_ack, and the end
 *   anything else                     /nak
 *
 * DPDK repeats all of it once per receive queue. Its 24.11 takes /fd_nak for success and starts a port that never
 * receives; so a port that is taken says so at /connect already.
 *
 * Sources: DPDK, drivers/net/af_xdp/rte_eth_af_xdp.c; afxdp-plugins-for-kubernetes, internal/udsserver.
 */
#ifndef VNET_LEASE_HANDOVER_PROTO_H
#define VNET_LEASE_HANDOVER_PROTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <abi/abi_handover.h>

#define VN_HANDOVER_MSG_MAX  64 /* bytes of a request */
#define VN_HANDOVER_MSGS_MAX 32 /* requests of a connection; DPDK needs five */
#define VN_HANDOVER_HOST_MAX 56 /* what /connect leaves of a request, and a NUL */

/* One connection. Zero to begin with. */
struct vn_handover_session {
	bool connected;
	bool given; /* the map was handed out */
	unsigned int n_msgs;
	char host[VN_HANDOVER_HOST_MAX]; /* as claimed, printable */
};

struct vn_handover_port {
	const char *ifname;
	bool taken; /* another process has it */
};

enum vn_handover_action {
	VN_HANDOVER_REPLY,     /* send @reply */
	VN_HANDOVER_GIVE,      /* send @reply with the XSKMAP */
	VN_HANDOVER_BUSY_POLL, /* set @usec and @budget on the fd that came, then _ack or _nak */
	VN_HANDOVER_CLOSE,     /* without a word */
};

struct vn_handover_step {
	enum vn_handover_action action;
	const char *reply;
	bool close; /* after the reply */
	uint32_t usec, budget;
};

#define VN_HANDOVER_FD_NAK        "/fd_nak"
#define VN_HANDOVER_BUSY_POLL_ACK "/config_busy_poll_ack"
#define VN_HANDOVER_BUSY_POLL_NAK "/config_busy_poll_nak"

/*
 * Handle a message of @len bytes that came with @n_fds descriptors (@len may exceed VN_HANDOVER_MSG_MAX: the message
 * was longer than that, @msg holds its beginning). Descriptors that nobody asked for end the connection.
 */
struct vn_handover_step vn_handover_message(struct vn_handover_session *s, const struct vn_handover_port *port,
					    const char *msg, size_t len, size_t n_fds);

/*
 * The other protocol, libvnet's (abi/abi_handover.h): a message that came with @n_fds descriptors. 0: it asks for the
 * port, and s->host is what the application calls itself; -EPROTONOSUPPORT: it speaks another version, tell it so;
 * -EPROTO: hang up.
 */
int vn_handover_hello(struct vn_handover_session *s, const void *msg, size_t len, size_t n_fds);

#endif
