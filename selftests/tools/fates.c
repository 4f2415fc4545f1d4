/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What became of each of N numbered frames: sent raw at one interface, received raw at another, both of this host.
 *
 *   fates send -t TXNS -d TXDEV -r RXNS -D RXDEV [-n FRAMES] [-R FRAMES a second] [-s BYTES of a frame] [-e] [-W MS]
 *              [-b BIN_MS -z START_NS] [-o FILE]
 *       -e: ECN-capable. -W: how long after the last frame nothing may arrive before it ends. -b: the bytes of IP that
 *       arrive in each bin since START_NS (CLOCK_MONOTONIC). -o: a struct fate for each frame. Prints one JSON object.
 *   fates compare FILE FILE
 *       Prints how many frames met different fates, and by how much their delays differ.
 *
 * A frame is IPv4 and UDP, all checksums right, every byte a function of its number, which it carries three times: so a
 * flipped bit anywhere is found, and told apart from a mark.
 */
#include <getopt.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <math.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/ioctl.h>

#include "selftests/perf/perf.h"

#define FRAMES_MAX 20000000u
#define FRAME_MAX  1514u
#define FRAME_MIN  72u
#define BATCH      32u
#define TICK_NS    100000u
#define BINS_MAX   4096u
#define MAGIC      0x766e6661u
#define IP_AT      14u
#define UDP_AT     34u
#define NUMBER_AT  42u /* three times { magic, number } */

enum { MARKED = 1, CORRUPT = 2, MANGLED = 4 };

/* @delay_ns: of the first to arrive; @bit: that was flipped; MANGLED: more than one. */
struct fate {
	int64_t delay_ns;
	uint16_t bit;
	uint8_t copies, flags;
	uint32_t pad;
};

static struct {
	const char *tx_ns, *tx_dev, *rx_ns, *rx_dev, *out;
	uint64_t n, bytes, wait_ms, bin_ns, start_ns;
	double rate;
	bool ect;
} o = {.n = 10000, .rate = 10000, .bytes = 128, .wait_ms = 500};

static uint8_t template[FRAME_MAX];
static struct fate *fates;
static uint64_t *sent_ns;
static uint64_t bins[BINS_MAX];
static struct {
	uint64_t first_ns, last_ns, frames, reordered, foreign, dropped;
} got;
static _Atomic uint64_t last_seen_ns;
static atomic_bool stop;
static uint64_t real_minus_mono_ns;

/* --- frames */

static uint16_t sum16(const uint8_t *p, size_t n, uint32_t sum)
{
	for (size_t i = 0; i + 1 < n; i += 2)
		sum += (uint32_t)(p[i] << 8 | p[i + 1]);
	if (n & 1)
		sum += (uint32_t)p[n - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void put16(uint8_t *at, uint32_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static void put32(uint8_t *at, uint32_t v)
{
	put16(at, v >> 16);
	put16(at + 2, v);
}

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void template_make(const uint8_t dst[ETH_ALEN], const uint8_t src[ETH_ALEN])
{
	uint8_t *ip = template + IP_AT;

	for (uint32_t i = NUMBER_AT; i < o.bytes; i++)
		template[i] = (uint8_t)(i * 37u);
	memcpy(template, dst, ETH_ALEN);
	memcpy(template + ETH_ALEN, src, ETH_ALEN);
	put16(template + 12, ETH_P_IP);
	memcpy(ip, (const uint8_t[20]){0x45, [8] = 64, [9] = IPPROTO_UDP, [12] = 10, [15] = 1, [16] = 10, [19] = 2},
	       20);
	ip[1] = o.ect ? 2 : 0;
	put16(ip + 2, (uint32_t)o.bytes - IP_AT);
	put16(template + UDP_AT, 9);
	put16(template + UDP_AT + 2, 9);
	put16(template + UDP_AT + 4, (uint32_t)o.bytes - UDP_AT);
}

static void frame_make(uint8_t *f, uint32_t number, bool marked)
{
	uint32_t udp_len = (uint32_t)o.bytes - UDP_AT;

	memcpy(f, template, o.bytes);
	for (int i = 0; i < 3; i++) {
		put32(f + NUMBER_AT + 8 * i, MAGIC);
		put32(f + NUMBER_AT + 8 * i + 4, number);
	}
	f[IP_AT + 1] |= marked ? 3 : 0;
	put16(f + IP_AT + 10, sum16(f + IP_AT, 20, 0));
	/* the pseudo header: both addresses, protocol and length */
	put16(f + UDP_AT + 6,
	      sum16(f + UDP_AT, udp_len, IPPROTO_UDP + udp_len + (10u << 8) + 1 + (10u << 8) + 2) ?: 0xffff);
}

static uint32_t majority(const uint8_t *at)
{
	uint32_t a = get32(at), b = get32(at + 8), c = get32(at + 16);

	return (a & b) | (a & c) | (b & c);
}

/* How many bits @f and @g differ in; the first one's number. */
static uint32_t differ(const uint8_t *f, const uint8_t *g, uint32_t *ret_bit)
{
	uint32_t n = 0;

	if (!memcmp(f, g, o.bytes))
		return 0;
	for (uint32_t i = 0; i < o.bytes; i++) {
		uint8_t x = f[i] ^ g[i];

		if (x && !n)
			*ret_bit = i * 8 + (uint32_t)__builtin_ctz(x);
		n += (uint32_t)__builtin_popcount(x);
	}
	return n;
}

/* --- receiving */

static void take(const uint8_t *f, size_t len, uint64_t at_ns)
{
	static uint32_t highest;
	uint8_t want[FRAME_MAX];
	uint32_t number, bit = 0, bits;
	bool marked = false;
	struct fate *to;

	if (len != o.bytes || majority(f + NUMBER_AT) != MAGIC || (number = majority(f + NUMBER_AT + 4)) >= o.n) {
		got.foreign++;
		return;
	}
	frame_make(want, number, false);
	bits = differ(f, want, &bit);
	if (bits > 1) {
		frame_make(want, number, true);
		bits = differ(f, want, &bit);
		marked = true;
	}
	to = &fates[number];
	if (!to->copies++) {
		to->delay_ns = (int64_t)(at_ns - sent_ns[number]);
		if (number < highest)
			got.reordered++;
		else
			highest = number;
	}
	if (bits) {
		to->flags |= bits == 1 ? CORRUPT : MANGLED;
		to->bit = (uint16_t)bit;
	}
	to->flags |= marked ? MARKED : 0;
	if (!got.frames++)
		got.first_ns = at_ns;
	got.last_ns = at_ns;
	if (o.bin_ns && at_ns >= o.start_ns && (at_ns - o.start_ns) / o.bin_ns < BINS_MAX)
		bins[(at_ns - o.start_ns) / o.bin_ns] += o.bytes - IP_AT;
	atomic_store(&last_seen_ns, at_ns);
}

static uint64_t arrival_ns(struct msghdr *h)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		struct timespec ts;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SO_TIMESTAMPNS)
			continue;
		memcpy(&ts, CMSG_DATA(c), sizeof(ts));
		return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec - real_minus_mono_ns;
	}
	die_usage("the kernel gave no timestamp");
}

static void *receive(void *arg)
{
	static uint8_t data[BATCH][FRAME_MAX + 1], control[BATCH][128];
	static struct sockaddr_ll from[BATCH];
	struct pollfd pfd = {.fd = *(int *)arg, .events = POLLIN};
	struct mmsghdr msgs[BATCH];
	struct iovec iov[BATCH];

	while (!atomic_load(&stop)) {
		int n;

		if (poll(&pfd, 1, 20) <= 0)
			continue;
		for (size_t i = 0; i < BATCH; i++) {
			iov[i] = (struct iovec){data[i], sizeof(data[i])};
			msgs[i] = (struct mmsghdr){.msg_hdr = {.msg_name = &from[i],
							       .msg_namelen = sizeof(from[i]),
							       .msg_iov = &iov[i],
							       .msg_iovlen = 1,
							       .msg_control = control[i],
							       .msg_controllen = sizeof(control[i])}};
		}
		n = recvmmsg(pfd.fd, msgs, BATCH, MSG_DONTWAIT, NULL);
		for (int i = 0; i < n; i++)
			if (from[i].sll_pkttype != PACKET_OUTGOING)
				take(data[i], msgs[i].msg_len, arrival_ns(&msgs[i].msg_hdr));
	}
	return NULL;
}

/* --- sending */

/* A raw socket at @dev of @ns; @ret_mac: the device's. */
static int raw_open(int home_fd, const char *ns, const char *dev, bool rx, uint8_t ret_mac[ETH_ALEN])
{
	struct sockaddr_ll sa = {.sll_family = AF_PACKET};
	struct ifreq ifr = {0};
	int fd, on = 1;

	ns_enter(ns);
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (fd < 0)
		die("packet socket");
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", dev);
	if (ioctl(fd, SIOCGIFHWADDR, &ifr) < 0)
		die("%s", dev);
	memcpy(ret_mac, ifr.ifr_hwaddr.sa_data, ETH_ALEN);
	sa.sll_protocol = htons(rx ? ETH_P_ALL : 0);
	sa.sll_ifindex = (int)if_nametoindex(dev);
	if (rx) {
		socket_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, 256 << 20);
		if (setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) < 0)
			die("SO_TIMESTAMPNS");
	} else {
		setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on));
	}
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		die("bind to %s", dev);
	if (setns(home_fd, CLONE_NEWNET) < 0)
		die("setns");
	return fd;
}

static uint64_t send_all(int fd)
{
	static uint8_t frames[BATCH][FRAME_MAX];
	uint64_t begin = now_ns() + 10000000, refused = 0;
	double gap_ns = 1e9 / o.rate;

	for (uint64_t i = 0; i < o.n;) {
		uint64_t due = begin + (uint64_t)((double)i * gap_ns), now;
		struct mmsghdr msgs[BATCH];
		struct iovec iov[BATCH];
		uint32_t k = 0;
		int sent;

		if (gap_ns < TICK_NS)
			due -= due % TICK_NS;
		if (due > now_ns())
			sleep_until(due);
		now = now_ns();
		/* all that are due by now */
		while (k < BATCH && i + k < o.n && (!k || begin + (uint64_t)((double)(i + k) * gap_ns) <= now)) {
			frame_make(frames[k], (uint32_t)(i + k), false);
			iov[k] = (struct iovec){frames[k], o.bytes};
			msgs[k] = (struct mmsghdr){.msg_hdr = {.msg_iov = &iov[k], .msg_iovlen = 1}};
			sent_ns[i + k++] = now_ns();
		}
		for (uint32_t j = 0; j < k; j += (uint32_t)sent) {
			sent = sendmmsg(fd, msgs + j, k - j, 0);
			if (sent <= 0)
				refused++, sent = 1;
		}
		i += k;
	}
	return refused;
}

/* --- what it says */

static uint64_t clock_offset(void)
{
	uint64_t best = UINT64_MAX, offset = 0;

	for (int i = 0; i < 64; i++) {
		uint64_t a = now_ns(), r = clock_ns(CLOCK_REALTIME), b = now_ns();

		if (b - a < best)
			best = b - a, offset = r - (a + (b - a) / 2);
	}
	return offset;
}

static void print_delays(void)
{
	int64_t *v = calloc(o.n, sizeof(*v));
	double sum = 0, var = 0, lag = 0, mean;
	size_t k = 0, pairs = 0, quick = 0; /* quick: in less than half of the median */

	if (!v)
		die("memory");
	for (uint64_t i = 0; i < o.n; i++)
		if (fates[i].copies)
			v[k++] = fates[i].delay_ns, sum += (double)fates[i].delay_ns;
	mean = k ? sum / (double)k : 0;
	for (uint64_t i = 0; i < o.n; i++) {
		double x = (double)fates[i].delay_ns - mean;

		if (!fates[i].copies)
			continue;
		var += x * x;
		if (i && fates[i - 1].copies)
			lag += x * ((double)fates[i - 1].delay_ns - mean), pairs++;
	}
	if (k) {
		var /= (double)k;
		qsort(v, k, sizeof(*v), cmp_i64);
		while (quick < k && 2 * v[quick] < v[k / 2])
			quick++;
		printf(",\"quick\":%zu,\"delay_ns\":{\"min\":%lld,\"p1\":%lld,\"p10\":%lld,\"p50\":%lld,\"p90\":%lld,"
		       "\"p99\":%lld,"
		       "\"max\":%lld,\"mean\":%.0f,\"stddev\":%.0f,\"lag1\":%.4f}",
		       quick, (long long)v[0], (long long)v[quantile(k, 0.01)], (long long)v[quantile(k, 0.1)],
		       (long long)v[quantile(k, 0.5)], (long long)v[quantile(k, 0.9)], (long long)v[quantile(k, 0.99)],
		       (long long)v[k - 1], mean, sqrt(var), pairs && var > 0 ? lag / (double)pairs / var : 0);
	}
	free(v);
}

static void report(uint64_t refused)
{
	uint64_t lost = 0, bursts = 0, longest = 0, run = 0, duplicated = 0, n[8] = {0};
	double took = (double)(got.last_ns - got.first_ns) / 1e9;

	for (uint64_t i = 0; i < o.n; i++) {
		const struct fate *f = &fates[i];

		run = f->copies ? 0 : run + 1;
		bursts += run == 1;
		longest = run > longest ? run : longest;
		lost += !f->copies;
		duplicated += f->copies > 1;
		for (int b = 1; b < 8; b <<= 1)
			n[b] += (f->flags & b) != 0;
	}
	printf("{\"sent\":%llu,\"refused\":%llu,\"lost\":%llu,\"loss_bursts\":%llu,\"longest_burst\":%llu,"
	       "\"duplicated\":%llu,\"corrupted\":%llu,\"mangled\":%llu,\"marked\":%llu,\"reordered\":%llu,"
	       "\"foreign\":%llu,\"missed\":%llu,\"rx_pps\":%.1f",
	       (unsigned long long)o.n, (unsigned long long)refused, (unsigned long long)lost,
	       (unsigned long long)bursts, (unsigned long long)longest, (unsigned long long)duplicated,
	       (unsigned long long)n[CORRUPT], (unsigned long long)n[MANGLED], (unsigned long long)n[MARKED],
	       (unsigned long long)got.reordered, (unsigned long long)got.foreign, (unsigned long long)got.dropped,
	       took > 0 ? (double)(got.frames - 1) / took : 0);
	print_delays();
	if (o.bin_ns) {
		uint64_t last = (got.last_ns - o.start_ns) / o.bin_ns;

		printf(",\"sent_from_ns\":%llu,\"sent_until_ns\":%llu,\"bins\":[", (unsigned long long)sent_ns[0],
		       (unsigned long long)sent_ns[o.n - 1]);
		for (uint64_t i = 0; i <= last && i < BINS_MAX; i++)
			printf("%s%llu", i ? "," : "", (unsigned long long)bins[i]);
		printf("]");
	}
	printf("}\n");
}

static void save(void)
{
	FILE *f = fopen(o.out, "w");

	if (!f || fwrite(fates, sizeof(*fates), o.n, f) != o.n || fclose(f))
		die("%s", o.out);
}

static int run(void)
{
	uint8_t src[ETH_ALEN], dst[ETH_ALEN];
	int home_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), rx_fd, tx_fd;
	struct tpacket_stats stats;
	socklen_t len = sizeof(stats);
	uint64_t refused, quiet;
	pthread_t thread;

	fates = calloc(o.n, sizeof(*fates));
	sent_ns = calloc(o.n, sizeof(*sent_ns));
	if (!fates || !sent_ns)
		die("memory");
	rx_fd = raw_open(home_fd, o.rx_ns, o.rx_dev, true, dst);
	tx_fd = raw_open(home_fd, o.tx_ns, o.tx_dev, false, src);
	template_make(dst, src);
	real_minus_mono_ns = clock_offset();
	if (pthread_create(&thread, NULL, receive, &rx_fd))
		die("pthread_create");
	refused = send_all(tx_fd);
	quiet = now_ns();
	for (;;) {
		uint64_t last = atomic_load(&last_seen_ns);

		if (now_ns() > (last > quiet ? last : quiet) + o.wait_ms * 1000000)
			break;
		sleep_until(now_ns() + 5000000);
	}
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	if (!getsockopt(rx_fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len))
		got.dropped = stats.tp_drops;
	report(refused);
	if (o.out)
		save();
	return 0;
}

/* --- comparing */

static struct fate *load(const char *path, uint64_t *ret_n)
{
	FILE *f = fopen(path, "r");
	struct fate *v;
	long size;

	if (!f || fseek(f, 0, SEEK_END) || (size = ftell(f)) < 0 || fseek(f, 0, SEEK_SET))
		die("%s", path);
	*ret_n = (uint64_t)size / sizeof(*v);
	v = calloc(*ret_n + 1, sizeof(*v));
	if (!v || fread(v, sizeof(*v), *ret_n, f) != *ret_n)
		die("%s", path);
	fclose(f);
	return v;
}

static int compare(const char *path_a, const char *path_b)
{
	uint64_t na, nb, n, different = 0, first = 0, both = 0;
	struct fate *a = load(path_a, &na), *b = load(path_b, &nb);
	int64_t *by;

	n = na < nb ? na : nb;
	by = calloc(n + 1, sizeof(*by));
	if (!by)
		die("memory");
	for (uint64_t i = 0; i < n; i++) {
		if (a[i].copies != b[i].copies || a[i].flags != b[i].flags || a[i].bit != b[i].bit) {
			if (!different++)
				first = i;
			continue;
		}
		if (a[i].copies)
			by[both++] = llabs(a[i].delay_ns - b[i].delay_ns);
	}
	qsort(by, both, sizeof(*by), cmp_i64);
	printf("{\"frames\":[%llu,%llu],\"different\":%llu,\"first\":%llu,\"delay_differs_ns\":{\"p50\":%lld,"
	       "\"p90\":%lld,\"p99\":%lld}}\n",
	       (unsigned long long)na, (unsigned long long)nb, (unsigned long long)different, (unsigned long long)first,
	       (long long)by[quantile(both + 1, 0.5)], (long long)by[quantile(both + 1, 0.9)],
	       (long long)by[quantile(both + 1, 0.99)]);
	free(a);
	free(b);
	free(by);
	return 0;
}

int main(int argc, char **argv)
{
	int opt;

	if (argc == 4 && !strcmp(argv[1], "compare"))
		return compare(argv[2], argv[3]);
	if (argc < 2 || strcmp(argv[1], "send"))
		die_usage("fates: see the head of selftests/tools/fates.c");
	optind = 2;
	while ((opt = getopt(argc, argv, "t:d:r:D:n:R:s:eW:b:z:o:")) != -1) {
		switch (opt) {
		case 't':
			o.tx_ns = optarg;
			break;
		case 'd':
			o.tx_dev = optarg;
			break;
		case 'r':
			o.rx_ns = optarg;
			break;
		case 'D':
			o.rx_dev = optarg;
			break;
		case 'n':
			o.n = parse_u64(optarg, "-n");
			break;
		case 'R':
			o.rate = parse_double(optarg, "-R");
			break;
		case 's':
			o.bytes = parse_u64(optarg, "-s");
			break;
		case 'e':
			o.ect = true;
			break;
		case 'W':
			o.wait_ms = parse_u64(optarg, "-W");
			break;
		case 'b':
			o.bin_ns = parse_u64(optarg, "-b") * 1000000;
			break;
		case 'z':
			o.start_ns = parse_u64(optarg, "-z");
			break;
		case 'o':
			o.out = optarg;
			break;
		default:
			return 2;
		}
	}
	if (!o.tx_dev || !o.rx_dev || o.n < 1 || o.n > FRAMES_MAX || o.rate <= 0 || o.bytes < FRAME_MIN ||
	    o.bytes > FRAME_MAX)
		die_usage("fates: see the head of selftests/tools/fates.c");
	return run();
}
