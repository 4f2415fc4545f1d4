/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * How a port with `handover: libvnet` is given to an application: packets of a SOCK_SEQPACKET unix socket, in the byte
 * order of the machine that both are on.
 *
 *   application                                     agent
 *   struct vn_handover_hello           ->
 *                                      <-           struct vn_handover_grant, @status VN_GRANT_OK, and by SCM_RIGHTS
 *                                                   an AF_XDP socket, bound, and the sealed memfd of its UMEM
 *                                                   or another @status, without descriptors
 *
 * After VN_GRANT_AGAIN the application may ask once more on the same connection, after every other refusal the agent
 * closes it. After a grant the connection is the lease: who closes it, or sends anything more, gives the port back. A
 * lease whose agent has gone stays good: the application keeps its socket until it ends.
 */
#ifndef VNET_ABI_ABI_HANDOVER_H
#define VNET_ABI_ABI_HANDOVER_H

#include <linux/types.h>

#define VN_HANDOVER_MAGIC   0x74656e76u /* "vnet" */
#define VN_HANDOVER_VERSION 1u
#define VN_HANDOVER_NAME    32 /* bytes of an application's name for itself, with its NUL */
#define VN_HANDOVER_FDS     2  /* of a grant: socket, memfd */

#define VN_BUFFERS_MIN     64u
#define VN_BUFFERS_MAX     16384u /* 32 MiB, which the agent takes 50 ms to make */
#define VN_BUFFERS_DEFAULT 4096u

/* What the agent answers: id, errno of vnet_port_open(), explanation. */
#define VN_GRANT_LIST(X)                                                                                               \
	X(OK, 0, "the port is yours")                                                                                  \
	X(AGAIN, EAGAIN, "the last application's socket is not gone yet")                                              \
	X(BUSY, EBUSY, "another application has the port")                                                             \
	X(VERSION, EPROTONOSUPPORT, "the agent speaks another version")                                                \
	X(KERNEL, EOPNOTSUPP, "the kernel cannot hand over a bound socket: Linux 6.4 can")                             \
	X(MEMORY, ENOBUFS, "no more memory may be taken for buffers of applications")                                  \
	X(BROKEN, ENETDOWN, "the port's interface or its program is gone")

enum vn_grant_status {
#define X(id, error, text) VN_GRANT_##id,
	VN_GRANT_LIST(X)
#undef X
		VN_GRANT_MAX,
};

/**
 * struct vn_handover_hello - what an application asks with
 * @magic:    VN_HANDOVER_MAGIC
 * @version:  VN_HANDOVER_VERSION of its library
 * @name:     how it calls itself, NUL-terminated; proves nothing
 */
struct vn_handover_hello {
	__u32 magic;
	__u32 version;
	__u8 reserved[8];
	char name[VN_HANDOVER_NAME];
};
_Static_assert(sizeof(struct vn_handover_hello) == 48, "vn_handover_hello is on the wire");

/* A ring's parts, in bytes from where its mapping begins: struct xdp_ring_offset. */
struct vn_handover_ring {
	__u64 producer, consumer, desc, flags;
};

enum vn_handover_ring_id { VN_RING_RX, VN_RING_TX, VN_RING_FILL, VN_RING_COMP, VN_RING_MAX };

/* The socket takes packets longer than a buffer, in pieces (XDP_USE_SG, Linux 6.6). */
#define VN_HANDOVER_SG (1u << 0)

/**
 * struct vn_handover_grant - what the agent answers with
 * @magic, @version: as in the hello; a grant of another version says no more than that and its status
 * @status:     enum vn_grant_status; what follows is for VN_GRANT_OK
 * @flags:      VN_HANDOVER_SG
 * @buffers:    of the UMEM, which is as long as they are together
 * @buffer_size: bytes; a power of two
 * @rx_entries: of the receive and of the fill ring; a power of two
 * @tx_entries: of the transmit and of the completion ring; a power of two
 * @number:     the port's number
 * @mtu, @mac:  of the interface, as the topology has it
 * @ring:       by enum vn_handover_ring_id
 */
struct vn_handover_grant {
	__u32 magic;
	__u32 version;
	__u32 status;
	__u32 flags;
	__u32 buffers;
	__u32 buffer_size;
	__u32 rx_entries;
	__u32 tx_entries;
	__u32 number;
	__u32 mtu;
	__u8 mac[6];
	__u8 reserved[2];
	struct vn_handover_ring ring[VN_RING_MAX];
};
_Static_assert(sizeof(struct vn_handover_grant) == 176, "vn_handover_grant is on the wire");

#endif
