/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/**
 * DOC: libvnet
 *
 * Ethernet frames from and to a port of a vnet-agent topology, for a program without any capability and without the
 * port's network namespace: it is handed a bound AF_XDP socket and the memory of its frames by a unix socket, which
 * somebody mounted for it. Frames are read and written where the kernel left them or takes them from.
 *
 *   struct vnet_port *port;
 *   struct vnet_frame f[64];
 *   int r = vnet_port_open("/run/port/afxdp.sock", NULL, &port);
 *
 *   while (r == 0 && vnet_port_wait(port, VNET_IN, -1) >= 0) {
 *           unsigned int n = vnet_port_rx(port, f, 64);
 *
 *           look_at(f, n);
 *           vnet_port_release(port, f, n);
 *   }
 *
 * Functions return 0 or a count, or a negative errno value; they do not print, allocate nothing after
 * vnet_port_open(), start no thread, and leave signals alone. A port is used by one thread at a time, and by the
 * process that opened it: a child has to open its own. Manual: vnet-port(3).
 */
#ifndef VNET_VNET_H
#define VNET_VNET_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** struct vnet_port - an open port; what is in it is the library's */
struct vnet_port;

/**
 * enum vnet_frame_flags - of a frame
 * @VNET_FRAME_MORE: the packet goes on in the next frame
 */
enum vnet_frame_flags {
	VNET_FRAME_MORE = 1u << 0,
};

/**
 * struct vnet_frame - a buffer of the port's memory that is the application's for the time being
 * @data:  first byte: the destination MAC, where the packet begins in this frame
 * @len:   bytes used, from @data on
 * @room:  bytes that fit, from @data on; at least 1536
 * @flags: enum vnet_frame_flags
 * @token: which buffer; the library's
 *
 * Comes by vnet_port_rx() or vnet_port_alloc(), goes by vnet_port_tx() or vnet_port_release(). A received frame may be
 * sent as it is. @data may be moved within the buffer.
 */
struct vnet_frame {
	uint8_t *data;
	uint32_t len;
	uint32_t room;
	uint32_t flags;
	uint32_t token;
};

/**
 * struct vnet_port_options - for vnet_port_open(); zero is right for every field that is not said
 * @size:       sizeof(struct vnet_port_options), so that later versions may have more
 * @timeout_ms: how long to wait for an agent that is busy, and for a predecessor's socket to go; 0: 3000
 * @name:       what the application calls itself in `vnet-agent port show`, up to 31 bytes; NULL: its process's name
 */
struct vnet_port_options {
	size_t size;
	int timeout_ms;
	const char *name;
};

/**
 * struct vnet_port_info - what a port is
 * @size:        sizeof(struct vnet_port_info), set by the caller
 * @number:      its number in the agent
 * @mtu:         of its interface: a packet has at most this many bytes behind its Ethernet header
 * @mac:         the source address that the topology lets out
 * @long_frames: packets longer than a buffer come and go, in pieces (Linux 6.6 or later)
 * @buffers:     frames that there are
 * @buffer_size: bytes of each
 * @rx_entries:  frames that may wait to be received
 * @tx_entries:  frames that may wait to be sent
 */
struct vnet_port_info {
	size_t size;
	uint32_t number;
	uint32_t mtu;
	uint8_t mac[6];
	uint8_t long_frames;
	uint8_t reserved;
	uint32_t buffers, buffer_size;
	uint32_t rx_entries, tx_entries;
};

/**
 * struct vnet_port_stats - since the port was opened
 * @size:            sizeof(struct vnet_port_stats), set by the caller
 * @rx_packets:      frames received, by vnet_port_rx()
 * @rx_bytes:        of these
 * @tx_packets:      frames given to the kernel, by vnet_port_tx()
 * @tx_bytes:        of these
 * @tx_done:         of these, how many the kernel has sent
 * @rx_dropped:      packets that the kernel could not place: too long, mostly
 * @rx_ring_full:    packets that found the receive ring full: the application is too slow
 * @rx_no_buffer:    packets that found no buffer: the application keeps too many
 * @tx_invalid:      descriptors that the kernel refused, of the transmit ring
 *
 * The last four are the kernel's, by XDP_STATISTICS.
 */
struct vnet_port_stats {
	size_t size;
	uint64_t rx_packets, rx_bytes;
	uint64_t tx_packets, tx_bytes, tx_done;
	uint64_t rx_dropped, rx_ring_full, rx_no_buffer;
	uint64_t tx_invalid;
};

/** enum vnet_wait - what vnet_port_wait() waits for, and found: something to receive, room to send */
enum vnet_wait {
	VNET_IN = 1,
	VNET_OUT = 2,
};

/**
 * vnet_port_open() - get a port
 * @path:     the unix socket that `vnet-agent port show` names, wherever it is mounted
 * @opts:     or NULL
 * @ret_port: set on success; closed by vnet_port_close()
 *
 * The port is the process's until it closes it or ends, also over restarts of the agent. What arrived before is lost to
 * it; buffers are zero.
 *
 * Return: 0; -ENOENT, -ECONNREFUSED or -EACCES: no agent there, or no way to it; -EBUSY: another process has the port;
 * -EPROTONOSUPPORT: the agent speaks another version; -EPROTO: it speaks something else (is it a port with `handover:
 * libvnet`?); -EOPNOTSUPP: Linux before 6.4; -ENOBUFS: the agent gives out no more memory; -ENETDOWN: the port is
 * broken; -ETIMEDOUT: the agent does not answer; -ENOMEM.
 */
int vnet_port_open(const char *path, const struct vnet_port_options *opts, struct vnet_port **ret_port);

/**
 * vnet_port_close() - give the port back
 * @port: or NULL
 *
 * Every frame of it becomes invalid. Frames that the kernel has not sent yet are lost.
 */
void vnet_port_close(struct vnet_port *port);

/**
 * vnet_port_fd() - the descriptor to poll or epoll for
 * @port: an open port
 *
 * POLLIN: frames can be received. POLLOUT: there is room in the transmit ring. POLLERR: the interface is gone. It stays
 * the library's: do not close, read or write it.
 *
 * Return: the descriptor.
 */
int vnet_port_fd(const struct vnet_port *port);

/**
 * vnet_port_info() - what the port is
 * @port: an open port
 * @info: @info->size set; the rest is filled as far as it and the library know it
 *
 * Return: 0 or -EINVAL.
 */
int vnet_port_info(const struct vnet_port *port, struct vnet_port_info *info);

/**
 * vnet_port_stats() - what happened to frames
 * @port:  an open port
 * @stats: @stats->size set; the rest is filled as far as it and the library know it
 *
 * Return: 0 or -errno.
 */
int vnet_port_stats(struct vnet_port *port, struct vnet_port_stats *stats);

/**
 * vnet_port_wait() - until there is something to do
 * @port:       an open port
 * @what:       VNET_IN, VNET_OUT or both
 * @timeout_ms: 0: look, -1: for ever
 *
 * Return: what there is, of @what; 0 after the time; -EINTR; -ENETDOWN: the interface is gone, close the port and open
 * it again when the topology has been mended.
 */
int vnet_port_wait(struct vnet_port *port, unsigned int what, int timeout_ms);

/**
 * vnet_port_rx() - take frames that arrived
 * @port:   an open port
 * @frames: room for @n
 * @n:      at most so many
 *
 * Never waits. Never gives a part of a packet: one of more pieces than @n is dropped (18 are always enough).
 *
 * Return: how many frames came.
 */
unsigned int vnet_port_rx(struct vnet_port *port, struct vnet_frame *frames, unsigned int n);

/**
 * vnet_port_release() - frames that are not needed any more
 * @port:   an open port
 * @frames: @n of them; what is not the application's (any more) is left alone
 * @n:      how many
 *
 * Return: how many were given back.
 */
unsigned int vnet_port_release(struct vnet_port *port, const struct vnet_frame *frames, unsigned int n);

/**
 * vnet_port_alloc() - empty frames to send
 * @port:   an open port
 * @frames: room for @n; their contents are undefined, @len is 0
 * @n:      at most so many
 *
 * Return: how many there were.
 */
unsigned int vnet_port_alloc(struct vnet_port *port, struct vnet_frame *frames, unsigned int n);

/**
 * vnet_port_tx() - send frames
 * @port:   an open port
 * @frames: @n of them, from @data on @len bytes each; a packet in several frames has VNET_FRAME_MORE in all but its
 * last
 * @n:      how many
 *
 * Takes the first ones, as many whole packets as there is room for, and has the kernel send them. The rest stays the
 * application's.
 *
 * Return: how many were taken; -EINVAL, nothing was taken: a frame is not the application's, is outside its buffer, is
 * shorter than an Ethernet header, is there twice, or the last packet does not end; -ENETDOWN: the interface is gone.
 */
int vnet_port_tx(struct vnet_port *port, const struct vnet_frame *frames, unsigned int n);

/**
 * vnet_version() - of the library that is linked
 *
 * Return: major << 16 | minor.
 */
unsigned int vnet_version(void);

#ifdef __cplusplus
}
#endif

#endif
