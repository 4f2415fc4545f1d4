/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * vnet-echo SOCKET: answer every vnet-ping that arrives at the port, in the buffer it came in, until SIGINT or SIGTERM;
 * then say what happened, in JSON.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <vnet/vnet.h>

#include "demo.h"

#define BATCH 64

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

static void answer(const struct vnet_frame *f, const uint8_t mac[6])
{
	const uint32_t what = DEMO_REPLY;

	memcpy(f->data, f->data + 6, 6);
	memcpy(f->data + 6, mac, 6);
	memcpy(f->data + offsetof(struct demo_frame, what), &what, sizeof(what));
}

static int serve(struct vnet_port *port, const uint8_t mac[6])
{
	struct vnet_frame in[BATCH], out[BATCH];

	while (!stop) {
		unsigned int n, n_out = 0;
		int r = vnet_port_wait(port, VNET_IN, 1000);

		if (r == -EINTR)
			continue;
		if (r < 0)
			return r;
		n = vnet_port_rx(port, in, BATCH);
		for (unsigned int i = 0; i < n; i++) {
			if (!demo_is(in[i].data, in[i].len, DEMO_REQUEST))
				continue;
			answer(&in[i], mac);
			out[n_out++] = in[i];
		}
		if (n_out)
			r = vnet_port_tx(port, out, n_out);
		/* What was sent is not ours any more, and is left alone; the rest goes back. */
		vnet_port_release(port, in, n);
		if (r < 0)
			return r;
	}
	return 0;
}

int main(int argc, char *argv[])
{
	struct vnet_port_stats stats = {.size = sizeof(stats)};
	struct vnet_port_info info = {.size = sizeof(info)};
	struct sigaction on_end = {.sa_handler = on_signal};
	struct vnet_port *port;
	int r;

	if (argc != 2) {
		fprintf(stderr, "usage: vnet-echo SOCKET\n");
		return 2;
	}
	r = vnet_port_open(argv[1], NULL, &port);
	if (r < 0) {
		fprintf(stderr, "vnet-echo: %s: %s\n", argv[1], strerror(-r));
		return 1;
	}
	vnet_port_info(port, &info);
	sigaction(SIGINT, &on_end, NULL);
	sigaction(SIGTERM, &on_end, NULL);
	r = serve(port, info.mac);
	if (r < 0)
		fprintf(stderr, "vnet-echo: %s\n", strerror(-r));
	vnet_port_stats(port, &stats);
	printf("{\"received\": %" PRIu64 ", \"sent\": %" PRIu64 ", \"ring_full\": %" PRIu64 ", \"no_buffer\": %" PRIu64
	       "}\n",
	       stats.rx_packets, stats.tx_packets, stats.rx_ring_full, stats.rx_no_buffer);
	vnet_port_close(port);
	return r < 0;
}
