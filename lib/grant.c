/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
#include "grant.h"

#include <errno.h>
#include <linux/if_xdp.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define OFFSET_MAX 4096u /* a ring's head; Linux's is of three cache lines */
#define FRAME_MIN  2048u

static bool power_of_two(uint32_t n)
{
	return n && !(n & (n - 1));
}

static uint32_t entries(const struct vn_handover_grant *g, enum vn_handover_ring_id id)
{
	return id == VN_RING_RX || id == VN_RING_FILL ? g->rx_entries : g->tx_entries;
}

static size_t entry_size(enum vn_handover_ring_id id)
{
	return id == VN_RING_RX || id == VN_RING_TX ? sizeof(struct xdp_desc) : sizeof(uint64_t);
}

size_t vnet_grant_ring_len(const struct vn_handover_grant *g, enum vn_handover_ring_id id)
{
	return g->ring[id].desc + entries(g, id) * entry_size(id);
}

/* The head's words and the entries behind it lie apart, each aligned for what it holds. */
static bool ring_ok(const struct vn_handover_ring *r)
{
	const uint64_t words[] = {r->producer, r->consumer, r->flags};

	if (r->desc > OFFSET_MAX || r->desc % sizeof(uint64_t))
		return false;
	for (size_t i = 0; i < 3; i++)
		if (words[i] % sizeof(uint32_t) || words[i] + sizeof(uint32_t) > r->desc)
			return false;
	return r->producer != r->consumer && r->producer != r->flags && r->consumer != r->flags;
}

static bool grant_ok(const struct vn_handover_grant *g)
{
	if (g->buffers < VN_BUFFERS_MIN || g->buffers > VN_BUFFERS_MAX || !power_of_two(g->buffer_size) ||
	    g->buffer_size < FRAME_MIN || g->buffer_size > 4096 || g->flags & ~VN_HANDOVER_SG)
		return false;
	if (!power_of_two(g->rx_entries) || !power_of_two(g->tx_entries) || g->rx_entries > g->buffers ||
	    g->tx_entries > g->buffers)
		return false;
	for (size_t i = 0; i < VN_RING_MAX; i++)
		if (!ring_ok(&g->ring[i]))
			return false;
	return true;
}

static int status_error(uint32_t status)
{
	static const int errors[] = {
#define X(id, error, text) [VN_GRANT_##id] = -(error),
		VN_GRANT_LIST(X)
#undef X
	};

	return status < VN_GRANT_MAX ? errors[status] : -EPROTO;
}

int vnet_grant_check(const void *msg, size_t len, size_t n_fds, struct vn_handover_grant *ret_grant)
{
	struct vn_handover_grant g = {0};

	if (len < offsetof(struct vn_handover_grant, flags))
		return -EPROTO;
	memcpy(&g, msg, len < sizeof(g) ? len : sizeof(g));
	if (g.magic != VN_HANDOVER_MAGIC)
		return -EPROTO;
	if (g.version != VN_HANDOVER_VERSION)
		return -EPROTONOSUPPORT;
	if (g.status != VN_GRANT_OK)
		return n_fds ? -EPROTO : status_error(g.status);
	if (len != sizeof(g) || n_fds != VN_HANDOVER_FDS || !grant_ok(&g))
		return -EPROTO;
	*ret_grant = g;
	return 0;
}
