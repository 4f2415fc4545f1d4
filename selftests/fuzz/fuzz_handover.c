/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The hand-over protocol: a connection's messages as the input cuts them (a byte of length, a byte of what else holds,
 * the text). Whatever they say: every answer is one of the protocol's, the map is given only to who said /connect to a
 * free port, and a connection ends.
 */
#include <stdint.h>

#include <base/util.h>

#include "lease/handover_proto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool known(const char *reply)
{
	static const char *const replies[] = {"/host_ok",
					      "/host_nak",
					      "0.1",
					      "/fd_ack",
					      VN_HANDOVER_FD_NAK,
					      VN_HANDOVER_BUSY_POLL_ACK,
					      VN_HANDOVER_BUSY_POLL_NAK,
					      "/fin_ack",
					      "/nak"};

	for (size_t i = 0; i < VN_ARRAY_SIZE(replies); i++)
		if (strcmp(reply, replies[i]) == 0)
			return true;
	return false;
}

static void check(bool ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vn_handover_session s = {0};
	bool was_free = false;

	for (size_t at = 0, n = 0; at + 2 <= size; n++) {
		const size_t claimed = data[at], fds = data[at + 1] & 3;
		const struct vn_handover_port port = {.ifname = "eth0", .taken = data[at + 1] & 4};
		const size_t there = VN_MIN(VN_MIN(claimed, (size_t)VN_HANDOVER_MSG_MAX + 1), size - at - 2);
		/* A copy of its own size, so that reading on is seen. */
		cleanup_free char *msg = malloc(there + 1);
		struct vn_handover_step step;

		check(msg && n <= VN_HANDOVER_MSGS_MAX);
		memcpy(msg, data + at + 2, there);
		step = vn_handover_message(&s, &port, msg, there, fds);
		was_free |= !port.taken && s.connected;
		check(step.action == VN_HANDOVER_CLOSE || known(step.reply));
		check(step.action != VN_HANDOVER_CLOSE || step.close);
		check(step.action != VN_HANDOVER_GIVE || (s.connected && was_free && !fds));
		check(step.action != VN_HANDOVER_BUSY_POLL || (s.connected && fds == 1));
		check(memchr(s.host, '\0', sizeof(s.host)) != NULL);
		if (step.close)
			break;
		at += 2 + there;
	}
	return 0;
}
