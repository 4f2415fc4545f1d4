/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libvnet's protocol, both ends of it. The agent's answer as the library reads it: a grant that is taken describes
 * rings and memory that lie where they say, and everything else is an error that vnet_port_open() may return. The hello
 * as the agent reads it: what is taken has a name that ends, and a connection does not go on for ever.
 */
#include <errno.h>
#include <linux/if_xdp.h>
#include <stdint.h>

#include <base/util.h>

#include "../../lib/grant.h"
#include "check.h"
#include "lease/handover_proto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_ring(const struct vn_handover_grant *g, enum vn_handover_ring_id id)
{
	const struct vn_handover_ring *r = &g->ring[id];
	const bool rx = id == VN_RING_RX || id == VN_RING_FILL;
	const bool descs = id == VN_RING_RX || id == VN_RING_TX;
	const size_t len = vnet_grant_ring_len(g, id);
	const size_t n = rx ? g->rx_entries : g->tx_entries;

	CHECK(n && !(n & (n - 1)) && n <= g->buffers);
	CHECK(len >= r->desc + n * (descs ? sizeof(struct xdp_desc) : sizeof(uint64_t)) && len < 1u << 20);
	CHECK(r->producer + 4 <= len && r->consumer + 4 <= len && r->flags + 4 <= len);
	CHECK(r->producer % 4 == 0 && r->consumer % 4 == 0 && r->desc % 8 == 0);
}

static void read_answer(const uint8_t *data, size_t size, size_t n_fds)
{
	struct vn_handover_grant g;
	int r = vnet_grant_check(data, size, n_fds, &g);

	CHECK(r <= 0);
	if (r < 0) {
		CHECK(r == -EAGAIN || r == -EBUSY || r == -EPROTONOSUPPORT || r == -EOPNOTSUPP || r == -ENOBUFS ||
		      r == -ENETDOWN || r == -EPROTO);
		return;
	}
	CHECK(n_fds == VN_HANDOVER_FDS && size == sizeof(g) && g.status == VN_GRANT_OK);
	CHECK(g.buffers <= VN_BUFFERS_MAX && (uint64_t)g.buffers * g.buffer_size <= 64u << 20);
	for (int i = 0; i < VN_RING_MAX; i++)
		check_ring(&g, (enum vn_handover_ring_id)i);
}

static void read_hello(const uint8_t *data, size_t size, size_t n_fds)
{
	struct vn_handover_session s = {0};

	for (int i = 0; i < VN_HANDOVER_MSGS_MAX + 2; i++) {
		int r = vn_handover_hello(&s, data, size, n_fds);

		CHECK(r == 0 || r == -EPROTO || r == -EPROTONOSUPPORT);
		CHECK(i < VN_HANDOVER_MSGS_MAX || r == -EPROTO);
		CHECK(r < 0 || (!n_fds && s.connected && size == sizeof(struct vn_handover_hello)));
		CHECK(memchr(s.host, '\0', sizeof(s.host)) != NULL);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A copy of its own size, so that reading on is seen. */
	cleanup_free uint8_t *msg = NULL;

	if (!size)
		return 0;
	msg = malloc(size);
	CHECK(msg != NULL);
	memcpy(msg, data + 1, size - 1);
	read_answer(msg, size - 1, data[0] & 3);
	read_hello(msg, size - 1, data[0] & 4 ? 1 : 0);
	return 0;
}
