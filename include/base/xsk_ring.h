/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * The four rings of an AF_XDP socket mapped from its descriptor, for processes that are handed a socket instead of
 * creating one. The result are libxdp's ring structs, so that the inline functions of <xdp/xsk.h> work on them; libxdp
 * itself is not linked. Kernel side: Documentation/networking/af_xdp.rst.
 */
#ifndef VNET_BASE_XSK_RING_H
#define VNET_BASE_XSK_RING_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <xdp/xsk.h>

#include <base/xdp_uapi.h>

/**
 * struct vn_xsk_rings - the mapped rings of one socket
 * @rx, @tx:     descriptors, from and to the kernel
 * @fill, @comp: chunk addresses, to and from the kernel
 */
struct vn_xsk_rings {
	struct xsk_ring_cons rx, comp;
	struct xsk_ring_prod tx, fill;
	void *map[4];
	size_t map_len[4];
};

/* The halves of a ring that are mapped alike. */
struct vn_xsk_view {
	uint32_t *producer, *consumer, *flags;
	void *ring;
};

static inline int vn_xsk_ring_map_one(int fd, int option, off_t pgoff, const struct xdp_ring_offset *off,
				      uint32_t entries, size_t entry_size, void **ret_map, size_t *ret_len,
				      struct vn_xsk_view *ret_view)
{
	size_t len = off->desc + entries * entry_size;
	uint8_t *map;

	/* Made already by who put the socket into an XSKMAP? One that is too small, or none, fails to be mapped. */
	if (setsockopt(fd, SOL_XDP, option, &entries, sizeof(entries)) < 0 &&
	    (option != XDP_RX_RING || errno != EINVAL))
		return -errno;
	map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, pgoff);
	if (map == MAP_FAILED)
		return -errno;
	*ret_map = map;
	*ret_len = len;
	*ret_view = (struct vn_xsk_view){.producer = (uint32_t *)(map + off->producer),
					 .consumer = (uint32_t *)(map + off->consumer),
					 .flags = (uint32_t *)(map + off->flags),
					 .ring = map + off->desc};
	return 0;
}

static inline void vn_xsk_rings_release(struct vn_xsk_rings *r)
{
	for (size_t i = 0; i < 4; i++)
		if (r->map[i])
			munmap(r->map[i], r->map_len[i]);
	memset(r, 0, sizeof(*r));
}

/**
 * vn_xsk_rings_init() - create and map all four rings of a socket that is not yet bound
 * @fd:       AF_XDP socket with a registered UMEM; its receive ring may be there, of @rx_size entries
 * @rx_size:  entries of the receive and of the fill ring; a power of two
 * @tx_size:  entries of the transmit and of the completion ring; a power of two
 * @ret_rings: untouched on failure
 *
 * Return: 0 or -errno; -EBUSY or -EINVAL when the socket has rings already or is bound.
 */
static inline int vn_xsk_rings_init(int fd, uint32_t rx_size, uint32_t tx_size, struct vn_xsk_rings *ret_rings)
{
	struct vn_xsk_rings r = {0};
	struct xdp_mmap_offsets off;
	struct vn_xsk_view v[4] = {0};
	socklen_t len = sizeof(off);
	int err;

	if (getsockopt(fd, SOL_XDP, XDP_MMAP_OFFSETS, &off, &len) < 0)
		return -errno;
	if (len != sizeof(off)) /* Linux before 5.4: rings without flags */
		return -EOPNOTSUPP;
	err = vn_xsk_ring_map_one(fd, XDP_RX_RING, XDP_PGOFF_RX_RING, &off.rx, rx_size, sizeof(struct xdp_desc),
				  &r.map[0], &r.map_len[0], &v[0]);
	if (err == 0)
		err = vn_xsk_ring_map_one(fd, XDP_TX_RING, XDP_PGOFF_TX_RING, &off.tx, tx_size, sizeof(struct xdp_desc),
					  &r.map[1], &r.map_len[1], &v[1]);
	if (err == 0)
		err = vn_xsk_ring_map_one(fd, XDP_UMEM_FILL_RING, (off_t)XDP_UMEM_PGOFF_FILL_RING, &off.fr, rx_size,
					  sizeof(uint64_t), &r.map[2], &r.map_len[2], &v[2]);
	if (err == 0)
		err = vn_xsk_ring_map_one(fd, XDP_UMEM_COMPLETION_RING, (off_t)XDP_UMEM_PGOFF_COMPLETION_RING, &off.cr,
					  tx_size, sizeof(uint64_t), &r.map[3], &r.map_len[3], &v[3]);
	if (err < 0) {
		vn_xsk_rings_release(&r);
		return err;
	}
	/* A producer's cached consumer runs one ring ahead: see xsk_prod_nb_free(). */
#define VN_XSK_VIEW(entries, i, cons)                                                                                  \
	{.cached_prod = *v[i].producer,                                                                                \
	 .cached_cons = *v[i].consumer + (cons),                                                                       \
	 .mask = (entries)-1,                                                                                          \
	 .size = (entries),                                                                                            \
	 .producer = v[i].producer,                                                                                    \
	 .consumer = v[i].consumer,                                                                                    \
	 .ring = v[i].ring,                                                                                            \
	 .flags = v[i].flags}
	r.rx = (struct xsk_ring_cons)VN_XSK_VIEW(rx_size, 0, 0);
	r.tx = (struct xsk_ring_prod)VN_XSK_VIEW(tx_size, 1, tx_size);
	r.fill = (struct xsk_ring_prod)VN_XSK_VIEW(rx_size, 2, rx_size);
	r.comp = (struct xsk_ring_cons)VN_XSK_VIEW(tx_size, 3, 0);
#undef VN_XSK_VIEW
	*ret_rings = r;
	return 0;
}

#endif
