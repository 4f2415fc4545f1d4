/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One-way delay, loss and order: numbered UDP probes, each with the time at which it was sent, on absolute deadlines.
 * Both ends run on one host, so both read one clock. The time of arrival is the kernel's (SO_TIMESTAMPNS, taken when
 * the packet enters the receiving stack) or, on request, the reader's own.
 *
 * The 99 % confidence interval of the loss is Wilson's score interval (Wilson, J. Am. Stat. Assoc. 22 (1927) 209).
 */
#include <getopt.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "perf.h"

#define PROBES_MAX 20000000u
#define BATCH      64
#define TICK_NS    100000u /* above 10,000 probes a second, several leave per tick */
#define Z99        2.5758293035489004

static const char help[] =
	"usage: vnprobe -t TXNS -r RXNS -a ADDR\n"
	"  -n PROBES (10000)  -R PROBES a second (10000)  -s PAYLOAD bytes (64)  -p PORT (9001)\n"
	"  -g NS: expected time between arrivals, reports the error (its amount) of each as spacing_ns\n"
	"  -e NS: expected delay, reports the error (measured - expected) too\n"
	"  -c kernel|user: clock of arrival (kernel)  -W MS: wait for stragglers (500 after the expected delay)\n"
	"  -T CPU: pin the sender\n"
	"Prints one JSON object; times in ns.\n";

struct probe {
	uint64_t seq;
	uint64_t sent_ns;
};

struct result {
	uint64_t *delay_ns; /* by sequence number; UINT64_MAX: not arrived */
	uint64_t *at_ns;
	uint64_t received, duplicates, reordered;
};

static uint64_t n_probes = 10000;
static struct result res;
static bool user_clock;
static atomic_bool stop;
static uint64_t real_minus_mono_ns;

/* The offset of the two clocks as near as they can be read: the tightest of several brackets. */
static uint64_t clock_offset(void)
{
	uint64_t best = UINT64_MAX, offset = 0;

	for (int i = 0; i < 64; i++) {
		uint64_t a = now_ns(), r = clock_ns(CLOCK_REALTIME), b = now_ns();

		if (b - a < best) {
			best = b - a;
			offset = r - (a + (b - a) / 2);
		}
	}
	return offset;
}

static uint64_t arrival_ns(struct msghdr *h, uint64_t read_ns)
{
	if (user_clock)
		return read_ns;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		struct timespec ts;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SO_TIMESTAMPNS)
			continue;
		memcpy(&ts, CMSG_DATA(c), sizeof(ts));
		return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec - real_minus_mono_ns;
	}
	die_usage("the kernel gave no timestamp");
}

static void take(const struct probe *p, uint64_t at_ns)
{
	static uint64_t highest;

	if (p->seq >= n_probes)
		return;
	if (res.delay_ns[p->seq] != UINT64_MAX) {
		res.duplicates++;
		return;
	}
	res.delay_ns[p->seq] = at_ns - p->sent_ns;
	res.at_ns[p->seq] = at_ns;
	res.received++;
	if (p->seq < highest)
		res.reordered++;
	else
		highest = p->seq;
}

static void *receive(void *arg)
{
	static char control[BATCH][128];
	struct probe probes[BATCH];
	struct mmsghdr msgs[BATCH];
	struct iovec iov[BATCH];
	int fd = *(int *)arg;
	struct pollfd pfd = {.fd = fd, .events = POLLIN};

	while (!atomic_load(&stop)) {
		uint64_t at;
		int n;

		if (poll(&pfd, 1, 20) <= 0)
			continue;
		for (size_t i = 0; i < BATCH; i++) {
			iov[i] = (struct iovec){.iov_base = &probes[i], .iov_len = sizeof(probes[i])};
			msgs[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &iov[i],
							       .msg_iovlen = 1,
							       .msg_control = control[i],
							       .msg_controllen = sizeof(control[i])}};
		}
		n = recvmmsg(fd, msgs, user_clock ? 1 : BATCH, MSG_DONTWAIT, NULL);
		at = now_ns();
		for (int i = 0; i < n; i++)
			if (msgs[i].msg_len == sizeof(struct probe))
				take(&probes[i], arrival_ns(&msgs[i].msg_hdr, at));
	}
	return NULL;
}

/* Returns how many were refused locally; those count as lost. */
static uint64_t send_all(int fd, double rate, size_t payload)
{
	static char data[2048];
	uint64_t refused = 0, begin = now_ns() + 10000000;
	double gap_ns = 1e9 / rate;

	for (uint64_t seq = 0; seq < n_probes; seq++) {
		struct probe *p = (struct probe *)data;
		uint64_t due = begin + (uint64_t)((double)seq * gap_ns);

		if (gap_ns < TICK_NS)
			due -= due % TICK_NS;
		if (due > now_ns())
			sleep_until(due);
		p->seq = seq;
		p->sent_ns = now_ns();
		if (send(fd, data, payload, 0) < 0)
			refused++;
	}
	return refused;
}

static void print_quantiles(const char *name, int64_t *v, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (double)v[i];
	qsort(v, n, sizeof(*v), cmp_i64);
	printf(",\"%s\":{\"min\":%lld,\"p1\":%lld,\"p50\":%lld,\"p90\":%lld,\"p99\":%lld,\"p999\":%lld,\"max\":%lld,"
	       "\"mean\":%.0f}",
	       name, (long long)v[0], (long long)v[quantile(n, 0.01)], (long long)v[quantile(n, 0.5)],
	       (long long)v[quantile(n, 0.9)], (long long)v[quantile(n, 0.99)], (long long)v[quantile(n, 0.999)],
	       (long long)v[n - 1], sum / (double)n);
}

/* How far the time between arrivals one after the other is from @gap_ns; losses leave a hole. */
static void print_spacing(uint64_t gap_ns)
{
	int64_t *v = calloc(n_probes + 1, sizeof(*v));
	size_t k = 0;

	if (!v)
		die("memory");
	for (uint64_t i = 1; i < n_probes; i++)
		if (res.delay_ns[i] != UINT64_MAX && res.delay_ns[i - 1] != UINT64_MAX)
			v[k++] = llabs((int64_t)(res.at_ns[i] - res.at_ns[i - 1] - gap_ns));
	if (k)
		print_quantiles("spacing_ns", v, k);
	free(v);
}

static void report(bool expected, uint64_t expect_ns, uint64_t gap_ns, bool fifo, uint64_t refused)
{
	double n = (double)n_probes, lost = n - (double)res.received, p = lost / n, z2 = Z99 * Z99;
	double mid = (p + z2 / (2 * n)) / (1 + z2 / n);
	double half = Z99 * sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n);
	int64_t *v = calloc(res.received + 1, sizeof(*v));
	size_t k = 0;

	if (!v)
		die("memory");
	printf("{\"sent\":%llu,\"received\":%llu,\"lost\":%.0f,\"refused\":%llu,\"duplicates\":%llu,\"reordered\":%llu,"
	       "\"fifo\":%s,\"loss_ppm\":%.1f,\"loss_ci99_ppm\":[%.1f,%.1f]",
	       (unsigned long long)n_probes, (unsigned long long)res.received, lost, (unsigned long long)refused,
	       (unsigned long long)res.duplicates, (unsigned long long)res.reordered, fifo ? "true" : "false", p * 1e6,
	       fmax(mid - half, 0) * 1e6, (mid + half) * 1e6);
	for (uint64_t i = 0; i < n_probes; i++)
		if (res.delay_ns[i] != UINT64_MAX)
			v[k++] = (int64_t)res.delay_ns[i];
	if (k) {
		print_quantiles("delay_ns", v, k);
		for (size_t i = 0; expected && i < k; i++)
			v[i] -= (int64_t)expect_ns;
		if (expected)
			print_quantiles("error_ns", v, k);
	}
	if (gap_ns)
		print_spacing(gap_ns);
	printf("}\n");
	free(v);
}

int main(int argc, char **argv)
{
	const char *tx = "", *rx = "", *addr = NULL, *clock = "";
	uint64_t payload = 64, port = 9001, expect_ns = UINT64_MAX, gap_ns = 0, wait_ms = 500, refused, deadline;
	struct sockaddr_storage sa;
	bool expected, fifo;
	double rate = 10000;
	pthread_t thread;
	uint32_t unread;
	socklen_t len;
	int home_fd, tx_fd, rx_fd, on = 1, tx_cpu = -1;
	const struct opt options[] = {
		{'t', OPT_TEXT, &tx},
		{'r', OPT_TEXT, &rx},
		{'a', OPT_TEXT, &addr},
		{'n', OPT_U64, &n_probes},
		{'R', OPT_DOUBLE, &rate},
		{'s', OPT_U64, &payload},
		{'p', OPT_U64, &port},
		{'e', OPT_U64, &expect_ns},
		{'g', OPT_U64, &gap_ns},
		{'c', OPT_TEXT, &clock},
		{'T', OPT_INT, &tx_cpu},
		{'W', OPT_U64, &wait_ms},
		{0},
	};

	parse_options(argc, argv, options, help);
	user_clock = strcmp(clock, "user") == 0;
	expected = expect_ns != UINT64_MAX;
	expect_ns = expected ? expect_ns : 0;
	if (!addr || payload < sizeof(struct probe) || payload > 2048 || rate <= 0 || n_probes < 1 ||
	    n_probes > PROBES_MAX)
		die_usage("%s", help);
	home_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	len = parse_addr(addr, (uint16_t)port, &sa);
	res.delay_ns = malloc(n_probes * sizeof(*res.delay_ns));
	res.at_ns = malloc(n_probes * sizeof(*res.at_ns));
	if (!res.delay_ns || !res.at_ns)
		die("memory");
	memset(res.delay_ns, 0xff, n_probes * sizeof(*res.delay_ns));

	ns_enter(rx);
	rx_fd = socket_bound(sa.ss_family, SOCK_DGRAM, (uint16_t)port);
	/* Room for all that a reader without a CPU leaves there; it takes memory only when it does. */
	socket_buffer(rx_fd, SO_RCVBUFFORCE, SO_RCVBUF, 512 << 20);
	if (!user_clock && setsockopt(rx_fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) < 0)
		die("SO_TIMESTAMPNS");
	if (setns(home_fd, CLONE_NEWNET) < 0)
		die("setns");
	ns_enter(tx);
	tx_fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (tx_fd < 0 || connect(tx_fd, (struct sockaddr *)&sa, len) < 0)
		die("%s", addr);

	real_minus_mono_ns = clock_offset();
	if (pthread_create(&thread, NULL, receive, &rx_fd))
		die("pthread_create");
	cpu_pin(tx_cpu);
	fifo = sched_fifo(10);
	refused = send_all(tx_fd, rate, payload);
	deadline = now_ns() + expect_ns + wait_ms * 1000000;
	for (uint64_t seen = 0; now_ns() < deadline && res.received < n_probes;) {
		sleep_until(now_ns() + 5000000);
		if (res.received != seen)
			deadline = expect_ns + wait_ms * 1000000 + now_ns();
		seen = res.received;
	}
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	unread = socket_drops(rx_fd);
	if (unread)
		fprintf(stderr, "vnprobe: %u of the lost ones arrived, and were not read in time\n", unread);
	report(expected, expect_ns, gap_ns, fifo, refused);
	return 0;
}
