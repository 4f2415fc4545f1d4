/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a held frame lies in the slab. A body is one object that holds the frame, or the first of several: the rest of a
 * long frame follows in pieces. Its chunks, the units that the discipline and the hold know, are struct vn_frame:
 * the first stands in the body itself, any other is a small object that refers to it.
 */
#ifndef VNET_ENGINE_BULK_BODY_H
#define VNET_ENGINE_BULK_BODY_H

#include <sys/uio.h>

#include "engine/hold.h"
#include "engine/gso.h"

#define VN_PIECE_BYTES 4096u
#define VN_PIECES_MAX  17u /* the head included: 64 KiB of IP, headers, tags */
#define VN_IOV_MAX     (VN_PIECES_MAX + 1)
#define VN_VH_BYTES    sizeof(struct virtio_net_hdr)

/**
 * struct vn_body - of a frame; the payload of its struct vn_frame
 * @chunk:    of the first chunk; each other chunk's object has one, too
 * @body:     reference of the object in which the body stands
 * @first, @segs: segments of the chunk
 * @bytes:    of these, each as a frame, without the slot's tag
 * @refs:     chunks that are still held
 * @n_pieces: that follow the head; their references stand at the head's end
 * @super:    what the frame is, with the slot's tag
 * @shift:    where in @raw the header begins: behind what the stamp left empty
 * @raw:      virtio_net_hdr, frame
 */
struct vn_chunk {
	uint32_t body;
	uint32_t first, segs;
	uint32_t bytes;
};

struct vn_body {
	struct vn_chunk chunk;
	uint32_t refs;
	uint16_t n_pieces;
	uint16_t shift;
	struct vn_gso gso;
	uint32_t pad;
	uint8_t raw[];
};
_Static_assert((sizeof(struct vn_frame) + sizeof(struct vn_body)) % 8 == 0, "headers are aligned");

#define VN_BODY_OVERHEAD (sizeof(struct vn_frame) + sizeof(struct vn_body))
#define VN_HEAD_RAW      (VN_PIECE_BYTES - VN_BODY_OVERHEAD - (VN_PIECES_MAX - 1) * sizeof(uint32_t))

static inline struct vn_body *vn_body_of(struct vn_frame *head)
{
	return (struct vn_body *)(void *)head->data;
}

/* References of the pieces of a body whose head is an object of VN_PIECE_BYTES. */
static inline uint32_t *vn_body_pieces(struct vn_frame *head)
{
	return (uint32_t *)(void *)((uint8_t *)head + VN_PIECE_BYTES) - (VN_PIECES_MAX - 1);
}

static inline struct virtio_net_hdr *vn_body_vh(struct vn_body *b)
{
	return (struct virtio_net_hdr *)(void *)(b->raw + b->shift);
}

static inline uint8_t *vn_body_frame(struct vn_body *b)
{
	return b->raw + b->shift + VN_VH_BYTES;
}

/* Where bytes @from .. @from + @bytes of raw[] lie; returns the number of entries of @iov used. */
static inline int vn_body_map(const struct vn_slab *s, struct vn_frame *head, uint32_t from, uint32_t bytes,
			      struct iovec *iov)
{
	struct vn_body *b = vn_body_of(head);
	uint32_t room = b->n_pieces ? (uint32_t)VN_HEAD_RAW : from + bytes;
	int n = 0;

	if (from < room) {
		uint32_t here = VN_MIN(bytes, room - from);

		iov[n++] = (struct iovec){b->raw + from, here};
		from += here;
		bytes -= here;
	}
	while (bytes) {
		uint32_t at = from - room, i = at / VN_PIECE_BYTES, in = at % VN_PIECE_BYTES;
		uint32_t here = VN_MIN(bytes, VN_PIECE_BYTES - in);

		iov[n++] = (struct iovec){(uint8_t *)vn_slab_ptr(s, vn_body_pieces(head)[i]) + in, here};
		from += here;
		bytes -= here;
	}
	return n;
}

#endif
