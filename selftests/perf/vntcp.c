/* SPDX-License-Identifier: GPL-2.0-only */
/* One TCP connection as fast as it goes: goodput at the receiver, after a warm-up. */
#include <getopt.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "perf.h"

#define CHUNK (128u << 10)

static const char help[] = "usage: vntcp -t TXNS -r RXNS -a ADDR [-p PORT] [-d SECONDS (3)] [-w WARMUP seconds (1)]\n"
			   "Prints one JSON object.\n";

static _Atomic uint64_t received;
static atomic_bool stop;

static void *receive(void *arg)
{
	static char buf[CHUNK];
	int fd = accept(*(int *)arg, NULL, NULL);

	if (fd < 0)
		die("accept");
	for (;;) {
		ssize_t n = recv(fd, buf, sizeof(buf), 0);

		if (n <= 0)
			break;
		atomic_fetch_add(&received, (uint64_t)n);
	}
	close(fd);
	return NULL;
}

static void *send_run(void *arg)
{
	static char buf[CHUNK];
	int fd = *(int *)arg;

	while (!atomic_load(&stop))
		if (send(fd, buf, sizeof(buf), MSG_NOSIGNAL) < 0 && errno != EINTR)
			break;
	return NULL;
}

int main(int argc, char **argv)
{
	const char *tx = "", *rx = "", *addr = NULL;
	uint64_t port = 9002, t0, t1, n0, n1;
	double seconds = 3, warmup = 1;
	struct tcp_info info = {};
	socklen_t info_len = sizeof(info);
	struct sockaddr_storage sa;
	pthread_t receiver, sender;
	socklen_t len;
	int opt, home_fd, listen_fd, fd;
	struct linger abort_now = {.l_onoff = 1, .l_linger = 0};

	while ((opt = getopt(argc, argv, "t:r:a:p:d:w:h")) != -1) {
		switch (opt) {
		case 't':
			tx = optarg;
			break;
		case 'r':
			rx = optarg;
			break;
		case 'a':
			addr = optarg;
			break;
		case 'p':
			port = parse_u64(optarg, "-p");
			break;
		case 'd':
			seconds = parse_double(optarg, "-d");
			break;
		case 'w':
			warmup = parse_double(optarg, "-w");
			break;
		default:
			fputs(help, opt == 'h' ? stdout : stderr);
			return opt == 'h' ? 0 : 2;
		}
	}
	if (!addr)
		die_usage("%s", help);
	home_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	len = parse_addr(addr, (uint16_t)port, &sa);
	ns_enter(rx);
	listen_fd = socket_bound(sa.ss_family, SOCK_STREAM, (uint16_t)port);
	if (listen(listen_fd, 1) < 0)
		die("listen");
	if (setns(home_fd, CLONE_NEWNET) < 0)
		die("setns");
	ns_enter(tx);
	if (pthread_create(&receiver, NULL, receive, &listen_fd))
		die("pthread_create");
	fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sa, len) < 0)
		die("%s", addr);
	if (pthread_create(&sender, NULL, send_run, &fd))
		die("pthread_create");

	sleep_until(now_ns() + (uint64_t)(warmup * 1e9));
	t0 = now_ns();
	n0 = atomic_load(&received);
	sleep_until(t0 + (uint64_t)(seconds * 1e9));
	t1 = now_ns();
	n1 = atomic_load(&received);
	getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &info_len);
	atomic_store(&stop, true);
	/* A reset ends both ends at once, whatever a slow link still holds. */
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &abort_now, sizeof(abort_now));
	shutdown(fd, SHUT_RDWR);
	pthread_join(sender, NULL);
	close(fd);
	printf("{\"bytes\":%llu,\"window_ns\":%llu,\"goodput_bps\":%.0f,\"retransmits\":%u,\"rtt_us\":%u}\n",
	       (unsigned long long)(n1 - n0), (unsigned long long)(t1 - t0),
	       (double)(n1 - n0) * 8e9 / (double)(t1 - t0), info.tcpi_total_retrans, info.tcpi_rtt);
	return 0;
}
