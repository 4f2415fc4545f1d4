/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How many small UDP packets a path carries: one sending thread, as fast as it can (or at a rate), one thread that
 * counts what arrives. Many flows (-f) go round robin, a batch each, over connected sockets.
 */
#include <getopt.h>
#include <linux/filter.h>
#include <linux/sock_diag.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/epoll.h>

#include "perf.h"

#define BATCH_MAX 256
#define FLOWS_MAX 65536
#define SINKS_MAX 64

static const char help[] =
	"usage: vnblast -t TXNS -r RXNS -a ADDR | -f FLOWS   (a line of FLOWS: TXNS RXNS ADDR)\n"
	"  -p PORT (9000)  -s PAYLOAD bytes (18)  -d SECONDS (2)  -w WARMUP seconds (0.3)  -b BATCH (64)\n"
	"  -R PACKETS a second (0: as many as go)  -k: the sink drops in the kernel, counting only\n"
	"  -T CPU, -S CPU: pin sender, sink\n"
	"NS is a path such as /run/netns/x; '' is this namespace. Prints one JSON object.\n";

struct flow {
	int fd;
};

struct sink {
	char ns[256];
	int family;
	int fd;
	_Atomic uint64_t received;
};

static struct flow flows[FLOWS_MAX];
static size_t n_flows;
static struct sink sinks[SINKS_MAX];
static size_t n_sinks;
static bool sink_drops;
static int sink_cpu = -1;
static atomic_bool stop;

/* The namespaces of 4000 flows are few: enter each once in a row. */
static void ns_switch(const char *path, int home_fd)
{
	static char here[256];

	if (!strcmp(here, path))
		return;
	if (setns(home_fd, CLONE_NEWNET) < 0)
		die("setns");
	ns_enter(path);
	snprintf(here, sizeof(here), "%s", path);
}

static struct sink *sink_get(const char *ns, int family, uint16_t port, int home_fd)
{
	/* Every packet is "truncated" to nothing: sk_filter counts it as a drop of the socket and frees it. */
	struct sock_filter none[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
	struct sock_fprog prog = {.len = 1, .filter = none};
	struct sink *s;

	for (size_t i = 0; i < n_sinks; i++)
		if (sinks[i].family == family && !strcmp(sinks[i].ns, ns))
			return &sinks[i];
	if (n_sinks == SINKS_MAX)
		die_usage("more than %d receiving namespaces", SINKS_MAX);
	s = &sinks[n_sinks++];
	snprintf(s->ns, sizeof(s->ns), "%s", ns);
	s->family = family;
	ns_switch(ns, home_fd);
	s->fd = socket_bound(family, SOCK_DGRAM | SOCK_NONBLOCK, port);
	socket_buffer(s->fd, SO_RCVBUFFORCE, SO_RCVBUF, 32 << 20);
	if (sink_drops && setsockopt(s->fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) < 0)
		die("SO_ATTACH_FILTER");
	return s;
}

static void flow_add(const char *tx, const char *rx, const char *addr, uint16_t port, int home_fd)
{
	struct sockaddr_storage sa;
	socklen_t len = parse_addr(addr, port, &sa);
	int fd;

	if (n_flows == FLOWS_MAX)
		die_usage("more than %d flows", FLOWS_MAX);
	sink_get(rx, sa.ss_family, port, home_fd);
	ns_switch(tx, home_fd);
	fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		die("socket");
	socket_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, 8 << 20);
	if (connect(fd, (struct sockaddr *)&sa, len) < 0)
		die("%s", addr);
	flows[n_flows++].fd = fd;
}

static void flows_read(const char *path, uint16_t port, int home_fd)
{
	char tx[256], rx[256], addr[64];
	FILE *f = fopen(path, "re");

	if (!f)
		die("%s", path);
	while (fscanf(f, "%255s %255s %63s", tx, rx, addr) == 3)
		flow_add(tx, rx, addr, port, home_fd);
	fclose(f);
}

static uint64_t sink_total(void)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n_sinks; i++) {
		uint32_t mem[SK_MEMINFO_VARS] = {};
		socklen_t len = sizeof(mem);

		if (!sink_drops)
			sum += atomic_load(&sinks[i].received);
		else if (getsockopt(sinks[i].fd, SOL_SOCKET, SO_MEMINFO, mem, &len) == 0)
			sum += mem[SK_MEMINFO_DROPS];
	}
	return sum;
}

static void *sink_run(void *arg)
{
	static char junk[BATCH_MAX][64];
	struct mmsghdr msgs[BATCH_MAX];
	struct iovec iov[BATCH_MAX];
	int ep = epoll_create1(EPOLL_CLOEXEC);

	cpu_pin(sink_cpu);
	for (size_t i = 0; i < BATCH_MAX; i++) {
		iov[i] = (struct iovec){.iov_base = junk[i], .iov_len = sizeof(junk[i])};
		msgs[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &iov[i], .msg_iovlen = 1}};
	}
	for (size_t i = 0; i < n_sinks; i++) {
		struct epoll_event ev = {.events = EPOLLIN, .data.ptr = &sinks[i]};

		if (epoll_ctl(ep, EPOLL_CTL_ADD, sinks[i].fd, &ev) < 0)
			die("epoll");
	}
	while (!atomic_load(&stop)) {
		struct epoll_event ev[SINKS_MAX];
		int n = epoll_wait(ep, ev, SINKS_MAX, 20);

		for (int i = 0; i < n; i++) {
			struct sink *s = ev[i].data.ptr;
			int r = recvmmsg(s->fd, msgs, BATCH_MAX, MSG_DONTWAIT, NULL);

			if (r > 0)
				atomic_fetch_add(&s->received, (uint64_t)r);
		}
	}
	close(ep);
	return arg;
}

/* Sends from now on until @until_ns; at @rate_pps, or as fast as it goes when 0. Returns how many it sent. */
static uint64_t blast(uint64_t until_ns, size_t payload, unsigned int batch, double rate_pps)
{
	static char data[2048];
	struct iovec iov = {.iov_base = data, .iov_len = payload};
	struct mmsghdr msgs[BATCH_MAX];
	uint64_t sent = 0, begin = now_ns();
	static size_t next;

	for (size_t i = 0; i < BATCH_MAX; i++)
		msgs[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}};
	while (now_ns() < until_ns) {
		int r;

		if (rate_pps > 0)
			sleep_until(begin + (uint64_t)((double)sent * 1e9 / rate_pps));
		r = sendmmsg(flows[next].fd, msgs, batch, 0);
		next = next + 1 == n_flows ? 0 : next + 1;
		if (r > 0)
			sent += (uint64_t)r;
		else if (r < 0 && errno != ENOBUFS && errno != EAGAIN && errno != ECONNREFUSED)
			die("sendmmsg");
	}
	return sent;
}

int main(int argc, char **argv)
{
	const char *tx = "", *rx = "", *addr = NULL, *file = NULL;
	uint64_t payload = 18, batch = 64, port = 9000, t0, t1, sent, rx0, rx1;
	double seconds = 2, warmup = 0.3, rate = 0;
	struct rlimit nofile = {FLOWS_MAX + 256, FLOWS_MAX + 256};
	pthread_t thread;
	int home_fd, tx_cpu = -1;
	const struct opt options[] = {
		{'t', OPT_TEXT, &tx},         {'r', OPT_TEXT, &rx},
		{'a', OPT_TEXT, &addr},       {'f', OPT_TEXT, &file},
		{'p', OPT_U64, &port},        {'s', OPT_U64, &payload},
		{'d', OPT_DOUBLE, &seconds},  {'w', OPT_DOUBLE, &warmup},
		{'b', OPT_U64, &batch},       {'R', OPT_DOUBLE, &rate},
		{'k', OPT_FLAG, &sink_drops}, {'T', OPT_INT, &tx_cpu},
		{'S', OPT_INT, &sink_cpu},    {0},
	};

	parse_options(argc, argv, options, help);
	if (!addr == !file || batch < 1 || batch > BATCH_MAX || payload > 2048 || port < 1 || port > 65535)
		die_usage("%s", help);
	if (setrlimit(RLIMIT_NOFILE, &nofile) < 0 && getrlimit(RLIMIT_NOFILE, &nofile) == 0) {
		nofile.rlim_cur = nofile.rlim_max;
		setrlimit(RLIMIT_NOFILE, &nofile);
	}
	home_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (file)
		flows_read(file, (uint16_t)port, home_fd);
	else
		flow_add(tx, rx, addr, (uint16_t)port, home_fd);
	if (n_flows == 0)
		die_usage("no flows");

	if (!sink_drops && pthread_create(&thread, NULL, sink_run, NULL))
		die("pthread_create");
	cpu_pin(tx_cpu);
	blast(now_ns() + (uint64_t)(warmup * 1e9), payload, (unsigned int)batch, rate);
	rx0 = sink_total();
	t0 = now_ns();
	sent = blast(t0 + (uint64_t)(seconds * 1e9), payload, (unsigned int)batch, rate);
	t1 = now_ns();
	rx1 = sink_total();
	atomic_store(&stop, true);
	if (!sink_drops)
		pthread_join(thread, NULL);
	printf("{\"flows\":%zu,\"sent\":%llu,\"received\":%llu,\"window_ns\":%llu,\"tx_pps\":%.0f,\"rx_pps\":%.0f}\n",
	       n_flows, (unsigned long long)sent, (unsigned long long)(rx1 - rx0), (unsigned long long)(t1 - t0),
	       (double)sent * 1e9 / (double)(t1 - t0), (double)(rx1 - rx0) * 1e9 / (double)(t1 - t0));
	return 0;
}
