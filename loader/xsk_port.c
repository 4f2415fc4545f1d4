/* SPDX-License-Identifier: GPL-2.0-only */
/* An AF_XDP port's socket, made for an application that could not make it: memory, rings and bind, then the map. */
#include "loader/afxdp.h"

#include <bpf/bpf.h>
#include <linux/if_xdp.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <base/util.h>
#include <base/xdp_uapi.h>

#include "loader/loader.h"

static void xsk_releasep(struct vn_xsk *x)
{
	vn_xsk_release(x);
}

/* The greatest power of two that is at most half of @buffers: with that many to fill, as many again can be sent. */
static uint32_t ring_entries(uint32_t buffers)
{
	return 1u << (31 - __builtin_clz(buffers / 2));
}

static int make_rings(int fd, uint32_t entries)
{
	/* The receive ring is there already. */
	static const int options[] = {XDP_TX_RING, XDP_UMEM_FILL_RING, XDP_UMEM_COMPLETION_RING};

	for (size_t i = 0; i < VN_ARRAY_SIZE(options); i++)
		if (setsockopt(fd, SOL_XDP, options[i], &entries, sizeof(entries)) < 0)
			return -errno;
	return 0;
}

static int read_offsets(int fd, struct vn_handover_ring *rings)
{
	struct xdp_mmap_offsets off;
	socklen_t len = sizeof(off);

	if (getsockopt(fd, SOL_XDP, XDP_MMAP_OFFSETS, &off, &len) < 0)
		return -errno;
	if (len != sizeof(off)) /* Linux before 5.4: rings without flags */
		return -EOPNOTSUPP;

	const struct {
		enum vn_handover_ring_id id;
		const struct xdp_ring_offset *from;
	} all[] = {{VN_RING_RX, &off.rx}, {VN_RING_TX, &off.tx}, {VN_RING_FILL, &off.fr}, {VN_RING_COMP, &off.cr}};

	for (size_t i = 0; i < VN_ARRAY_SIZE(all); i++)
		rings[all[i].id] = (struct vn_handover_ring){.producer = all[i].from->producer,
							     .consumer = all[i].from->consumer,
							     .desc = all[i].from->desc,
							     .flags = all[i].from->flags};
	return 0;
}

/*
 * Whoever is handed the socket maps its rings, and it is bound by then. Linux before 6.4 refuses that with EBUSY
 * (xsk_mmap() wants XSK_READY; "xsk: allow remap of fill and/or completion rings", 5f5a7d8d8bd4, adds XSK_BOUND).
 */
static int try_map(int fd)
{
	size_t len = (size_t)sysconf(_SC_PAGESIZE);
	void *map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, XDP_PGOFF_RX_RING);

	if (map == MAP_FAILED)
		return errno == EBUSY ? -EOPNOTSUPP : -errno;
	munmap(map, len);
	return 0;
}

int vn_afxdp_socket(uint32_t ifindex, uint32_t buffers, struct vn_afxdp_socket *ret_socket, struct vn_err *err)
{
	__attribute__((cleanup(xsk_releasep))) struct vn_xsk xsk = {.fd = -EBADF, .umem_fd = -EBADF};
	struct sockaddr_xdp addr = {.sxdp_family = AF_XDP, .sxdp_flags = XDP_COPY, .sxdp_ifindex = ifindex};
	struct vn_afxdp_socket s = {.entries = ring_entries(buffers)};
	int r = vn_xsk_create(buffers, s.entries, -1, &xsk, err);

	if (r < 0)
		return r;
	if (xsk.sg)
		addr.sxdp_flags |= XDP_USE_SG;
	r = make_rings(xsk.fd, s.entries);
	if (r == 0)
		r = read_offsets(xsk.fd, s.ring);
	if (r == 0 && bind(xsk.fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		r = -errno;
	if (r == 0)
		r = try_map(xsk.fd);
	if (r < 0)
		return vn_err_kernel(err, -r, "AF_XDP socket of interface %u: %s", ifindex, strerror(-r));
	s.xsk = xsk;
	xsk.fd = xsk.umem_fd = -EBADF;
	*ret_socket = s;
	return 0;
}

int vn_afxdp_give(const char *pin_dir, uint32_t number, int xsk_fd)
{
	cleanup_close int fd = vn_afxdp_open_map(pin_dir, number);
	const uint32_t queue = 0;

	if (fd < 0)
		return fd;
	return bpf_map_update_elem(fd, &queue, &xsk_fd, BPF_ANY) < 0 ? -errno : 0;
}

void vn_afxdp_take_back(const char *pin_dir, uint32_t number)
{
	cleanup_close int fd = vn_afxdp_open_map(pin_dir, number);
	const uint32_t queue = 0;

	if (fd >= 0)
		bpf_map_delete_elem(fd, &queue);
}
