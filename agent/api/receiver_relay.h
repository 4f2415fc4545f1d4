/* SPDX-License-Identifier: GPL-2.0-only */
/* What a child of the receiver does for one connection in which descriptors come. */
#ifndef VNET_API_RECEIVER_RELAY_H
#define VNET_API_RECEIVER_RELAY_H

#include <stdint.h>

#define VN_RELAY_TEXT_MAX 128

enum vn_relay_kind {
	VN_RELAY_STREAM,  /* bytes as they are; of descriptors the last network namespace */
	VN_RELAY_PACKETS, /* struct vn_relay_packet on the daemon's side, plain packets on the client's */
};

enum vn_relay_op {
	VN_RELAY_TEXT,      /* a packet of the client, or for it; one for it may carry a descriptor */
	VN_RELAY_BUSY_POLL, /* set @usec and @budget on the one AF_XDP socket that came with the last packet, and send
			       the client what the text says: for success, a NUL, for failure */
};

/* The client's next packet is read when the daemon has answered the one before. */
struct vn_relay_packet {
	uint32_t op;    /* enum vn_relay_op */
	uint32_t n_fds; /* of the client's packet: they stay in the receiver until the answer */
	uint32_t usec, budget;
	uint32_t len;
	char text[VN_RELAY_TEXT_MAX];
};

/* Until one of the two sides hangs up. */
void vn_relay_run(int client, int daemon, enum vn_relay_kind kind);

#endif
