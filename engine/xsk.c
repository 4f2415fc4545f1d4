// SPDX-License-Identifier: GPL-2.0-only
#include "engine/xsk.h"

#include <base/engine_args.h>
#include <base/util.h>

#define TX_RING_MAX 4096u
#define CHUNKS_MIN  192u
#define BIND_TRIES  100
#define BIND_WAIT   (10 * VN_NSEC_PER_MSEC)

static uint32_t pow2_floor(uint32_t n)
{
	return 1u << (31 - __builtin_clz(n));
}

static int bind_once(const struct vn_xio_args *a, bool sg)
{
	struct sockaddr_xdp sxdp = {.sxdp_family = AF_XDP,
				    .sxdp_ifindex = a->ifindex,
				    .sxdp_flags = (__u16)(XDP_COPY | XDP_USE_NEED_WAKEUP | (sg ? XDP_USE_SG : 0))};

	return bind(a->fd, (struct sockaddr *)&sxdp, sizeof(sxdp)) < 0 ? -errno : 0;
}

static int bind_queue(struct vn_xio *x, const struct vn_xio_args *a)
{
	const struct timespec wait = {.tv_nsec = BIND_WAIT};
	int r = -EBUSY;

	x->sg = a->sg;
	for (int i = 0; i < BIND_TRIES && r == -EBUSY; i++) {
		r = bind_once(a, x->sg);
		if (r == -EINVAL && x->sg) {
			x->sg = false;
			r = bind_once(a, false);
		}
		if (r == -EBUSY)
			nanosleep(&wait, NULL);
	}
	return r;
}

int vn_xio_open(struct vn_xio *x, const struct vn_xio_args *a)
{
	uint32_t rx_ring, tx_ring;
	void *umem;
	int r;

	*x = (struct vn_xio){.fd = a->fd, .chunks = a->chunks, .chunk_size = a->chunk_size};
	if (a->chunks < CHUNKS_MIN || (a->chunk_size != 2048 && a->chunk_size != 4096))
		return -EINVAL;
	x->rx_target = vn_engine_rx_target(a->chunks);
	rx_ring = vn_engine_rx_entries(a->chunks);
	tx_ring = VN_MIN(pow2_floor(a->chunks - x->rx_target), TX_RING_MAX);
	x->free = calloc(a->chunks, sizeof(*x->free));
	x->note = calloc(tx_ring, sizeof(*x->note));
	if (!x->free || !x->note) {
		r = -ENOMEM;
		goto fail;
	}
	for (uint32_t i = 0; i < a->chunks; i++)
		x->free[x->n_free++] = a->chunks - 1 - i;
	umem = mmap(NULL, (size_t)a->chunks * a->chunk_size, PROT_READ | PROT_WRITE, MAP_SHARED, a->umem_fd, 0);
	if (umem == MAP_FAILED) {
		r = -errno;
		goto fail;
	}
	x->umem = umem;
	/* Before the bind: older kernels refuse it afterwards. */
	r = vn_xsk_rings_init(a->fd, rx_ring, tx_ring, &x->rings);
	if (r < 0)
		goto fail;
	vn_xio_recycle(x);
	r = bind_queue(x, a);
	if (r < 0)
		goto fail;
	return 0;
fail:
	vn_xio_close(x);
	return r;
}

void vn_xio_close(struct vn_xio *x)
{
	vn_xsk_rings_release(&x->rings);
	if (x->umem)
		munmap(x->umem, (size_t)x->chunks * x->chunk_size);
	free(x->free);
	free(x->note);
	*x = (struct vn_xio){.fd = -EBADF};
}

void vn_xio_recycle(struct vn_xio *x)
{
	struct vn_xsk_rings *r = &x->rings;
	uint32_t idx, n = xsk_ring_cons__peek(&r->comp, r->comp.size, &idx);

	for (uint32_t i = 0; i < n; i++)
		x->free[x->n_free++] = (uint32_t)(*xsk_ring_cons__comp_addr(&r->comp, idx + i) / x->chunk_size);
	if (n) {
		xsk_ring_cons__release(&r->comp, n);
		x->tx_out -= n;
	}
	/* In batches, so that the ring's shared words do not change hands for each frame. */
	n = VN_MIN(x->rx_target - x->rx_out, x->n_free);
	if (n < 32 || !xsk_ring_prod__reserve(&r->fill, n, &idx))
		return;
	for (uint32_t i = 0; i < n; i++)
		*xsk_ring_prod__fill_addr(&r->fill, idx + i) = (uint64_t)x->free[--x->n_free] * x->chunk_size;
	xsk_ring_prod__submit(&r->fill, n);
	x->rx_out += n;
}

static void note_push(struct vn_xio *x, const struct vn_tx_note *note, uint32_t end)
{
	struct vn_tx_note *n = &x->note[x->note_tail++ & x->rings.tx.mask];

	*n = *note;
	n->end = end;
}

/* The completion ring must take back whatever is out, or the kernel would stop in the middle of a frame. */
static bool tx_reserve(struct vn_xio *x, uint32_t n, uint32_t *ret_idx)
{
	struct xsk_ring_prod *tx = &x->rings.tx;

	if (x->tx_out + n > tx->size || !xsk_ring_prod__reserve(tx, n, ret_idx))
		return false;
	x->tx_out += n;
	return true;
}

bool vn_xio_forward(struct vn_xio *x, const struct xdp_desc *d, uint32_t n, const struct vn_tx_note *note)
{
	struct xsk_ring_prod *tx = &x->rings.tx;
	uint32_t idx;

	if (!tx_reserve(x, n, &idx))
		return false;
	for (uint32_t i = 0; i < n; i++)
		*xsk_ring_prod__tx_desc(tx, idx + i) =
			(struct xdp_desc){.addr = d[i].addr, .len = d[i].len, .options = i + 1 < n ? XDP_PKT_CONTD : 0};
	xsk_ring_prod__submit(tx, n);
	note_push(x, note, idx + n);
	return true;
}

bool vn_xio_send(struct vn_xio *x, const uint8_t *data, const struct vn_tx_note *note)
{
	struct xsk_ring_prod *tx = &x->rings.tx;
	uint32_t idx, left = note->len, n = (note->len + x->chunk_size - 1) / x->chunk_size;

	if (n > x->n_free || !tx_reserve(x, n, &idx))
		return false;
	for (uint32_t i = 0; i < n; i++) {
		uint64_t addr = (uint64_t)x->free[--x->n_free] * x->chunk_size;
		uint32_t len = VN_MIN(left, x->chunk_size);

		memcpy(vn_xio_data(x, addr), data, len);
		data += len;
		left -= len;
		*xsk_ring_prod__tx_desc(tx, idx + i) =
			(struct xdp_desc){.addr = addr, .len = len, .options = left ? XDP_PKT_CONTD : 0};
	}
	xsk_ring_prod__submit(tx, n);
	note_push(x, note, idx + n);
	return true;
}

int vn_xio_kick(struct vn_xio *x, uint32_t *ret_refused)
{
	struct xsk_ring_prod *tx = &x->rings.tx;
	uint32_t before, after = __atomic_load_n(tx->consumer, __ATOMIC_ACQUIRE);

	*ret_refused = 0;
	for (;;) {
		int err;

		before = after;
		err = sendto(x->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) < 0 ? errno : 0;
		after = __atomic_load_n(tx->consumer, __ATOMIC_ACQUIRE);
		if (err == EBUSY) /* the device dropped one frame: NET_XMIT_DROP */
			++*ret_refused;
		if (after == *tx->producer)
			return 0;
		if (err && err != EAGAIN && err != EBUSY && err != EINTR && err != ENOBUFS)
			return -err;
		/* Kernels before 6.17 show their progress only when the ring is empty: EBUSY means that there was some.
		 */
		if (after == before && err != EBUSY && err != EINTR)
			return -EAGAIN;
	}
}

bool vn_xio_settle(struct vn_xio *x, struct vn_tx_note *ret_note)
{
	const struct vn_tx_note *n = &x->note[x->note_head & x->rings.tx.mask];

	if (x->note_head == x->note_tail ||
	    (int32_t)(__atomic_load_n(x->rings.tx.consumer, __ATOMIC_ACQUIRE) - n->end) < 0)
		return false;
	*ret_note = *n;
	x->note_head++;
	return true;
}
