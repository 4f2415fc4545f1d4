/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * TCP connections as fast as they go: their goodput at the receiver together, after a warm-up. Their congestion control
 * is named in the result, and is set by the socket: a child namespace may not have the one that the host has not
 * allowed for all, but who is root of the namespace may choose it for a socket.
 */
#include <getopt.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "perf.h"

#define CHUNK     (128u << 10)
#define FLOWS_MAX 64u
#define STEP_NS   100000000ull

static const char help[] = "usage: vntcp -t TXNS -r RXNS -a ADDR [-p PORT] [-n FLOWS (1)] [-d SECONDS (3)] "
			   "[-w WARMUP seconds (1)] [-C CONGESTION (cubic)] [-S: and the goodput of each 100 ms]\n"
			   "Prints one JSON object.\n";

static _Atomic uint64_t received;
static atomic_bool stop;

static void *receive(void *arg)
{
	static _Thread_local char buf[CHUNK];
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

/* Where nobody asked for one, a kernel without cubic keeps its own. */
static void set_congestion(int fd, const char *asked)
{
	const char *name = asked ?: "cubic";

	if (setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, (socklen_t)strlen(name)) < 0 && asked)
		die("congestion control %s", name);
}

/* Printed as it runs: what arrived in each step from @at on, with @n bytes before. */
static void print_steps(uint64_t at, uint64_t n, uint64_t until_ns)
{

	printf("\"step_bps\":[");
	for (bool first = true; at + STEP_NS <= until_ns; first = false) {
		uint64_t before = n, since = at;

		sleep_until(at + STEP_NS);
		at = now_ns();
		n = atomic_load(&received);
		printf("%s%.0f", first ? "" : ",", (double)(n - before) * 8e9 / (double)(at - since));
	}
	printf("],");
}

int main(int argc, char **argv)
{
	const char *tx = "", *rx = "", *addr = NULL, *asked = NULL;
	char congestion[16] = "";
	bool steps = false;
	uint64_t port = 9002, flows = 1, t0, t1, n0, n1;
	double seconds = 3, warmup = 1;
	struct tcp_info info = {};
	socklen_t info_len = sizeof(info), congestion_len = sizeof(congestion);
	struct sockaddr_storage sa;
	pthread_t receiver[FLOWS_MAX], sender[FLOWS_MAX];
	unsigned int retransmits = 0;
	int fd[FLOWS_MAX];
	socklen_t len;
	int home_fd, listen_fd;
	struct linger abort_now = {.l_onoff = 1, .l_linger = 0};
	const struct opt options[] = {
		{'t', OPT_TEXT, &tx},       {'r', OPT_TEXT, &rx},
		{'a', OPT_TEXT, &addr},     {'p', OPT_U64, &port},
		{'n', OPT_U64, &flows},     {'d', OPT_DOUBLE, &seconds},
		{'w', OPT_DOUBLE, &warmup}, {'C', OPT_TEXT, &asked},
		{'S', OPT_FLAG, &steps},    {0},
	};

	parse_options(argc, argv, options, help);
	if (!addr || flows < 1 || flows > FLOWS_MAX)
		die_usage("%s", help);
	home_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	len = parse_addr(addr, (uint16_t)port, &sa);
	ns_enter(rx);
	listen_fd = socket_bound(sa.ss_family, SOCK_STREAM, (uint16_t)port);
	if (listen(listen_fd, (int)flows) < 0)
		die("listen");
	if (setns(home_fd, CLONE_NEWNET) < 0)
		die("setns");
	ns_enter(tx);
	for (uint64_t i = 0; i < flows; i++)
		if (pthread_create(&receiver[i], NULL, receive, &listen_fd))
			die("pthread_create");
	for (uint64_t i = 0; i < flows; i++) {
		fd[i] = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd[i] < 0)
			die("socket");
		set_congestion(fd[i], asked);
		if (connect(fd[i], (struct sockaddr *)&sa, len) < 0)
			die("%s", addr);
	}
	for (uint64_t i = 0; i < flows; i++)
		if (pthread_create(&sender[i], NULL, send_run, &fd[i]))
			die("pthread_create");

	sleep_until(now_ns() + (uint64_t)(warmup * 1e9));
	t0 = now_ns();
	n0 = atomic_load(&received);
	printf("{");
	if (steps)
		print_steps(t0, n0, t0 + (uint64_t)(seconds * 1e9));
	sleep_until(t0 + (uint64_t)(seconds * 1e9));
	t1 = now_ns();
	n1 = atomic_load(&received);
	atomic_store(&stop, true);
	getsockopt(fd[0], IPPROTO_TCP, TCP_CONGESTION, congestion, &congestion_len);
	for (uint64_t i = 0; i < flows; i++) {
		getsockopt(fd[i], IPPROTO_TCP, TCP_INFO, &info, &info_len);
		retransmits += info.tcpi_total_retrans;
		/* A reset ends both ends at once, whatever a slow link still holds. */
		setsockopt(fd[i], SOL_SOCKET, SO_LINGER, &abort_now, sizeof(abort_now));
		shutdown(fd[i], SHUT_RDWR);
		pthread_join(sender[i], NULL);
		close(fd[i]);
	}
	printf("\"congestion\":\"%.16s\",", congestion);
	printf("\"bytes\":%llu,\"window_ns\":%llu,\"goodput_bps\":%.0f,\"retransmits\":%u,\"rtt_us\":%u}\n",
	       (unsigned long long)(n1 - n0), (unsigned long long)(t1 - t0),
	       (double)(n1 - n0) * 8e9 / (double)(t1 - t0), retransmits, info.tcpi_rtt);
	return 0;
}
