/* SPDX-License-Identifier: GPL-2.0-only */
#include "lease/handover_lend.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <loader/afxdp.h>
#include <base/util.h>
#include <base/xdp_uapi.h>

#include "base/log.h"
#include "exec/executor.h"
#include "lease/handover.h"

/* All memory that is lent may be this part of the machine's. */
#define MEMORY_PART 4u
/* Making a socket holds the loop up: at most one part in so many of the time may go into it, for each port. */
#define REST_FACTOR 20u

void vn_lend_describe(struct vn_lend_port *p, const struct vn_topo *t, const struct vn_port *port, uint32_t mtu)
{
	*p = (struct vn_lend_port){.number = port->number, .buffers = port->buffers, .mtu = mtu};
	vn_netns_name(p->netns, t->name, t->nodes[port->node].name);
	memcpy(p->mac, port->mac, sizeof(p->mac));
}

static uint64_t memory_max(void)
{
	return (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE) / MEMORY_PART;
}

static enum vn_grant_status status_of(int error)
{
	switch (error) {
	case -EBUSY:
		return VN_GRANT_AGAIN;
	case -EOPNOTSUPP:
		return VN_GRANT_KERNEL;
	case -ENOMEM:
	case -ENOBUFS:
	case -EPERM: /* RLIMIT_MEMLOCK, without CAP_IPC_LOCK */
		return VN_GRANT_MEMORY;
	default:
		return VN_GRANT_BROKEN;
	}
}

static void describe(const struct vn_lend_port *p, const struct vn_afxdp_socket *s, struct vn_handover_grant *g)
{
	g->flags = s->xsk.sg ? VN_HANDOVER_SG : 0;
	g->buffers = s->xsk.chunks;
	g->buffer_size = s->xsk.chunk_size;
	g->rx_entries = g->tx_entries = s->entries;
	g->number = p->number;
	g->mtu = p->mtu;
	memcpy(g->mac, p->mac, sizeof(g->mac));
	memcpy(g->ring, s->ring, sizeof(g->ring));
}

static enum vn_grant_status make(struct vn_handover *h, struct vn_lending *l, struct vn_handover_grant *g, int *fds)
{
	const uint64_t bytes = (uint64_t)l->port.buffers * vn_xsk_chunk_size(), begin_ns = vn_now_ns();
	struct vn_afxdp_socket s;
	struct vn_err err = {0};
	uint64_t now_ns;
	int r;

	if (begin_ns < l->rest_until_ns)
		return VN_GRANT_AGAIN;
	if (h->lent_bytes + bytes > memory_max()) {
		vn_log("node %s: %.1f MiB of buffers for an application: %.1f MiB are lent already, of at most %.1f",
		       l->port.netns, (double)bytes / 0x1p20, (double)h->lent_bytes / 0x1p20,
		       (double)memory_max() / 0x1p20);
		return VN_GRANT_MEMORY;
	}
	r = vn_fabric_afxdp_socket(h->fabric, l->port.netns, l->port.number, l->port.buffers, &s, &err);
	now_ns = vn_now_ns();
	l->rest_until_ns = now_ns + REST_FACTOR * (now_ns - begin_ns);
	if (r < 0) {
		if (r != -EBUSY)
			vn_log("node %s: %s", l->port.netns, err.text);
		return status_of(r);
	}
	h->lent_bytes += bytes - l->bytes;
	l->bytes = bytes;
	describe(&l->port, &s, g);
	fds[0] = s.xsk.fd;
	fds[1] = s.xsk.umem_fd;
	return VN_GRANT_OK;
}

enum vn_grant_status vn_lend(struct vn_handover *h, struct vn_lending *l, struct vn_handover_grant *ret_grant,
			     int ret_fds[VN_HANDOVER_FDS])
{
	if (l->fd >= 0)
		vn_lend_end(h, l);
	ret_grant->status = make(h, l, ret_grant, ret_fds);
	return ret_grant->status;
}

int vn_lend_start(struct vn_handover *h, struct vn_lending *l, int xsk_fd)
{
	l->fd = fcntl(xsk_fd, F_DUPFD_CLOEXEC, 3);
	return vn_afxdp_give(h->pin_dir, l->port.number, xsk_fd);
}

/*
 * What the kernel finds wrong in the fill ring it counts, but does not tell: rx_invalid_descs is read of another ring
 * (net/xdp/xsk.c). The frames that such buffers could not take count as no-buffer.
 */
static struct xdp_statistics statistics(const struct vn_lending *l)
{
	struct xdp_statistics now = {0}, sum = l->past;
	socklen_t len = sizeof(now);

	if (l->fd < 0 || getsockopt(l->fd, SOL_XDP, XDP_STATISTICS, &now, &len) < 0)
		return sum;
	sum.rx_dropped += now.rx_dropped;
	sum.tx_invalid_descs += now.tx_invalid_descs;
	sum.rx_ring_full += now.rx_ring_full;
	sum.rx_fill_ring_empty_descs += now.rx_fill_ring_empty_descs;
	return sum;
}

void vn_lend_release(struct vn_handover *h, struct vn_lending *l)
{
	if (l->lease.fd >= 0)
		vn_loop_remove(h->loop, &l->lease);
	vn_receiver_release(h->receiver, &l->lease.fd);
	vn_cleanup_close(&l->fd);
	l->fd = -EBADF;
	h->lent_bytes -= l->bytes;
	l->bytes = 0;
}

void vn_lend_end(struct vn_handover *h, struct vn_lending *l)
{
	/* First of all, since a child of the application, or who it was sent to, may hold the socket still. */
	vn_afxdp_take_back(h->pin_dir, l->port.number);
	l->past = statistics(l);
	vn_lend_release(h, l);
}

void vn_lend_adopt(struct vn_handover *h, struct vn_lending *l)
{
	l->bytes = (uint64_t)l->port.buffers * vn_xsk_chunk_size();
	h->lent_bytes += l->bytes;
}

bool vn_lend_lease_ended(const struct vn_lending *l)
{
	char byte;

	return recv(l->lease.fd, &byte, sizeof(byte), MSG_PEEK | MSG_DONTWAIT) >= 0 || errno != EAGAIN;
}

json_t *vn_lend_json(const struct vn_lending *l)
{
	const struct xdp_statistics s = statistics(l);

	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "buffers", (json_int_t)l->port.buffers, "bytes",
			 (json_int_t)l->bytes, "dropped", (json_int_t)s.rx_dropped, "ring-full",
			 (json_int_t)s.rx_ring_full, "no-buffer", (json_int_t)s.rx_fill_ring_empty_descs, "tx-invalid",
			 (json_int_t)s.tx_invalid_descs);
}
