/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The engine's side of the engine port: one AF_XDP socket, its rings and its chunks. A chunk is either with the kernel
 * to be filled, in a received frame, on its way out, or free.
 */
#ifndef VNET_ENGINE_XSK_H
#define VNET_ENGINE_XSK_H

#include <stdbool.h>
#include <stdint.h>

#include <base/xsk_ring.h>

#define VN_CHAIN_MAX 18u /* descriptors of one frame: the kernel's MAX_SKB_FRAGS + 1 */
#define VN_TX_BATCH  32u /* what one sendto() moves in copy mode */

/* A frame in the transmit ring: what is to be accounted once the kernel has taken it. */
struct vn_tx_note {
	uint64_t release_ns;
	uint32_t end; /* of its descriptors in the ring */
	uint32_t gen;
	uint32_t slot;
	uint32_t len;    /* with the slot's tag */
	uint32_t segs;   /* that it stands for */
	uint32_t hop_ns; /* struct vn_engine_meta */
	bool away;       /* held since before its direction went to another engine */
};

struct vn_xio {
	int fd;
	bool sg;
	uint32_t chunks, chunk_size;
	uint8_t *umem;
	struct vn_xsk_rings rings;
	uint32_t *free; /* stack of chunk numbers */
	uint32_t n_free;
	uint32_t rx_out, rx_target; /* chunks the kernel has for receiving, and should have */
	uint32_t tx_out;            /* descriptors submitted and not completed */
	struct vn_tx_note *note;    /* ring as large as the transmit ring */
	uint32_t note_head, note_tail;
};

struct vn_xio_args {
	int fd, umem_fd;
	uint32_t ifindex, chunks, chunk_size;
	bool sg;
};

/* Rings, UMEM, bind (an earlier engine's socket may keep the queue busy for a moment: up to 1 s of trying). */
int vn_xio_open(struct vn_xio *x, const struct vn_xio_args *a);
void vn_xio_close(struct vn_xio *x);

/* Chunks that were sent come back; the kernel gets what it lacks for receiving. */
void vn_xio_recycle(struct vn_xio *x);

static inline uint8_t *vn_xio_data(const struct vn_xio *x, uint64_t addr)
{
	return x->umem + addr;
}

/* The chunks of a received frame are free again. */
static inline void vn_xio_drop(struct vn_xio *x, const struct xdp_desc *d, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		x->free[x->n_free++] = (uint32_t)(d[i].addr / x->chunk_size);
}

/* Send a received frame as it lies, without copying; false: no room, nothing done. */
bool vn_xio_forward(struct vn_xio *x, const struct xdp_desc *d, uint32_t n, const struct vn_tx_note *note);
/* Send a copy of note->len bytes at @data; false: no room, nothing done. */
bool vn_xio_send(struct vn_xio *x, const uint8_t *data, const struct vn_tx_note *note);

/*
 * Let the kernel send what is in the ring. 0 when it took all, -EAGAIN when it would not take more now, another error
 * of the device. @ret_refused: frames that the device dropped in spite of having taken them; they are the latest taken.
 */
int vn_xio_kick(struct vn_xio *x, uint32_t *ret_refused);

/* Descriptors that the kernel has not yet taken. */
static inline bool vn_xio_pending(const struct vn_xio *x)
{
	return x->note_head != x->note_tail;
}

/* The oldest frame, if the kernel has taken it by now; it is forgotten by that. */
bool vn_xio_settle(struct vn_xio *x, struct vn_tx_note *ret_note);

#endif
