/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * vnet-ping [-c COUNT] [-i MICROSECONDS] [-s BYTES] [-w MILLISECONDS] SOCKET: ask whoever runs vnet-echo at the other
 * end of the link, each request with a number and a time; wait that long for the last answers; say in JSON what came
 * back and how long it took.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <vnet/vnet.h>

#include "demo.h"

#define BATCH 64

struct ping {
	struct vnet_port *port;
	uint8_t mac[6];
	uint64_t count, interval_ns, wait_ns;
	uint32_t bytes, run;
	uint64_t sent, received, duplicates, reordered, last, sum_ns;
	uint64_t *rtt_ns; /* by number; 0: not back */
};

static int ask(struct ping *p)
{
	struct vnet_frame f;
	struct demo_frame d = {.ethertype = {DEMO_ETHERTYPE >> 8, DEMO_ETHERTYPE & 0xff},
			       .what = DEMO_REQUEST,
			       .run = p->run,
			       .number = p->sent};
	int r;

	if (!vnet_port_alloc(p->port, &f, 1))
		return 0; /* all buffers are under way: the next turn has one */
	memset(f.data, 0, p->bytes);
	memset(d.dst, 0xff, sizeof(d.dst));
	memcpy(d.src, p->mac, sizeof(d.src));
	d.time_ns = demo_now_ns();
	memcpy(f.data, &d, sizeof(d));
	f.len = p->bytes;
	r = vnet_port_tx(p->port, &f, 1);
	if (r == 1)
		p->sent++;
	else
		vnet_port_release(p->port, &f, 1);
	return r < 0 ? r : 0;
}

static void look(struct ping *p, const struct vnet_frame *f, uint64_t now_ns)
{
	struct demo_frame d;

	if (!demo_is(f->data, f->len, DEMO_REPLY))
		return;
	memcpy(&d, f->data, sizeof(d));
	if (d.run != p->run || d.number >= p->sent)
		return;
	if (p->rtt_ns[d.number]) {
		p->duplicates++;
		return;
	}
	p->rtt_ns[d.number] = now_ns - d.time_ns;
	p->sum_ns += now_ns - d.time_ns;
	p->reordered += p->received && d.number < p->last;
	p->last = d.number;
	p->received++;
}

/* Until @until_ns, or until all are back. */
static int listen_until(struct ping *p, uint64_t until_ns)
{
	struct vnet_frame in[BATCH];
	uint64_t now_ns = demo_now_ns();

	while (now_ns < until_ns && p->received < p->count) {
		uint64_t left_ns = until_ns - now_ns;
		unsigned int n;
		/* Below a millisecond it looks again and again: poll(2) knows no less. */
		int r = vnet_port_wait(p->port, VNET_IN, (int)(left_ns / 1000000));

		if (r < 0)
			return r;
		n = vnet_port_rx(p->port, in, BATCH);
		now_ns = demo_now_ns(); /* not before, or a frame could have come later than it says */
		for (unsigned int i = 0; i < n; i++)
			look(p, &in[i], now_ns);
		vnet_port_release(p->port, in, n);
	}
	return 0;
}

static int run(struct ping *p)
{
	uint64_t begin_ns = demo_now_ns(), next_ns = begin_ns;
	int r = 0;

	while (p->sent < p->count && r == 0) {
		r = ask(p);
		next_ns += p->interval_ns;
		if (r == 0)
			r = listen_until(p, next_ns);
	}
	return r == 0 ? listen_until(p, demo_now_ns() + p->wait_ns) : r;
}

static int by_time(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void tell(const struct ping *p)
{
	const uint64_t lost = p->sent - p->received, *back;

	qsort(p->rtt_ns, p->sent, sizeof(*p->rtt_ns), by_time);
	back = p->rtt_ns + lost;
	printf("{\"sent\": %" PRIu64 ", \"received\": %" PRIu64 ", \"lost\": %" PRIu64 ", \"duplicates\": %" PRIu64
	       ", \"reordered\": %" PRIu64,
	       p->sent, p->received, lost, p->duplicates, p->reordered);
	if (p->received)
		printf(", \"rtt_ns\": {\"min\": %" PRIu64 ", \"mean\": %" PRIu64 ", \"p50\": %" PRIu64
		       ", \"p99\": %" PRIu64 ", \"max\": %" PRIu64 "}",
		       back[0], p->sum_ns / p->received, back[p->received / 2], back[p->received * 99 / 100],
		       back[p->received - 1]);
	puts("}");
}

static int usage(void)
{
	fputs("usage: vnet-ping [-c COUNT] [-i MICROSECONDS] [-s BYTES] [-w MILLISECONDS] SOCKET\n", stderr);
	return 2;
}

int main(int argc, char *argv[])
{
	struct ping p = {.count = 100, .interval_ns = 10000000, .wait_ns = 1000000000, .bytes = 64};
	struct vnet_port_info info = {.size = sizeof(info)};
	int opt, r;

	while ((opt = getopt(argc, argv, "c:i:s:w:")) != -1) {
		uint64_t n = optarg ? strtoull(optarg, NULL, 10) : 0;

		if (opt == 'c')
			p.count = n;
		else if (opt == 'i')
			p.interval_ns = n * 1000;
		else if (opt == 's')
			p.bytes = (uint32_t)n;
		else if (opt == 'w')
			p.wait_ns = n * 1000000;
		else
			return usage();
	}
	if (optind + 1 != argc || p.count < 1 || p.count > 10000000 || p.bytes < sizeof(struct demo_frame) ||
	    p.bytes > 1514)
		return usage();
	p.run = (uint32_t)demo_now_ns() ^ (uint32_t)getpid();
	p.rtt_ns = calloc(p.count, sizeof(*p.rtt_ns));
	r = p.rtt_ns ? vnet_port_open(argv[optind], NULL, &p.port) : -1;
	if (r == 0) {
		vnet_port_info(p.port, &info);
		memcpy(p.mac, info.mac, sizeof(p.mac));
		r = run(&p);
		tell(&p);
		vnet_port_close(p.port);
	}
	if (r < 0)
		fprintf(stderr, "vnet-ping: %s: %s\n", argv[optind], strerror(-r));
	free(p.rtt_ns);
	return r < 0;
}
