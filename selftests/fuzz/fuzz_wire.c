/* SPDX-License-Identifier: GPL-2.0-only */
/* The control socket's framing: bytes as they come, in pieces whose sizes the input chooses. */
#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

#include <base/util.h>

#include "api/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void take_all(struct vn_wire_buf *b)
{
	for (;;) {
		struct vn_err err = {0};
		json_t *msg = NULL;
		cleanup_free char *text = NULL;
		size_t len;
		int r = vn_wire_take(b, &msg, &err);

		if (r == -EAGAIN)
			return;
		if (r < 0) {
			/* Every refusal has a text; a connection ends here. */
			if (!err.text[0])
				abort();
			continue;
		}
		text = vn_wire_encode(msg, &len);
		if (!text || text[len - 1])
			abort();
		json_decref(msg);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vn_wire_buf b = {.max = 4096};
	size_t step = size ? data[0] % 64 + 1u : 1, done = size > 0;
	int fds[2];

	if (pipe2(fds, O_NONBLOCK) < 0)
		return 0;
	while (done < size) {
		size_t n = VN_MIN(step, size - done);
		ssize_t r;

		if (write(fds[1], data + done, n) != (ssize_t)n)
			abort();
		done += n;
		r = vn_wire_fill(&b, fds[0]);
		if (r < 0)
			break;
		take_all(&b);
		if (b.len > b.max + 64)
			break; /* the server closes here */
	}
	vn_wire_buf_release(&b);
	close(fds[0]);
	close(fds[1]);
	return 0;
}
