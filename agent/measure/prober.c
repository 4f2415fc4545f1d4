/* SPDX-License-Identifier: GPL-2.0-only */
#include "measure/prober.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>

#include <base/util.h>

#define PROTO           0x88b6u /* IEEE 802: local experimental 2 */
#define FRAME_MAX       1518u
#define RCVBUF          (256 << 20)
#define BATCH           64
#define DISTURBED_NS    (300 * VN_NSEC_PER_USEC) /* a sender that took so long lost its processor on the way */
#define BURST_TICK_NS   VN_NSEC_PER_MSEC
#define BURST_PER_TURN  256u
#define BEFORE_BURST_NS (30 * VN_NSEC_PER_MSEC) /* for the daemon to look */
#define DRAIN_NS        (2 * VN_NSEC_PER_MSEC)
#define BURST_BIT       0x80000000u
#define DISABLE_IPV6    "/proc/sys/net/ipv6/conf/all/disable_ipv6"

/* One direction as the child works on it. */
struct lane {
	const struct vn_probe_job *job;
	struct vn_probe_result *res;
	int tx, rx;
	uint32_t nonce, highest;
	bool any;
	uint8_t frame[2][FRAME_MAX]; /* one by one, burst */
	struct gso *gso;
};

/* A GSO frame as a packet socket takes it. Its addresses are of TEST-NET-1 (RFC 5737): no node's. */
struct gso {
	struct virtio_net_hdr vnet;
	struct ethhdr eth;
	struct iphdr ip;
	struct tcphdr tcp;
	uint8_t payload[VN_PROBE_GSO_BYTES];
} __attribute__((packed));
#define GSO_HEAD (sizeof(struct ethhdr) + sizeof(struct iphdr) + sizeof(struct tcphdr))

struct lanes {
	struct lane *lane;
	size_t n;
	uint64_t drained_ns;
};

static uint64_t real_minus_mono_ns;

static uint64_t real_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * VN_NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

static void sleep_until(uint64_t mono_ns)
{
	const struct timespec ts = {.tv_sec = (time_t)(mono_ns / VN_NSEC_PER_SEC),
				    .tv_nsec = (long)(mono_ns % VN_NSEC_PER_SEC)};

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}

static int packet_socket(int ns, uint32_t ifindex, uint16_t proto)
{
	struct sockaddr_ll addr = {.sll_family = AF_PACKET, .sll_protocol = htons(proto), .sll_ifindex = (int)ifindex};
	cleanup_close int fd = -EBADF, knob = -EBADF;

	if (setns(ns, CLONE_NEWNET) < 0)
		return -errno;
	/* Nobody but the probes shall speak on this link: its kernel would, of neighbours and routers. */
	knob = open(DISABLE_IPV6, O_WRONLY | O_CLOEXEC);
	if (knob >= 0 && write(knob, "1", 1) < 0)
		return -errno;
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return -errno;
	return take_fd(&fd);
}

static int lane_open(struct lane *l)
{
	int on = 1, size = RCVBUF;

	/* A frame that goes out is not to be received as well: protocol 0 receives nothing. */
	l->tx = packet_socket(l->job->tx_ns, l->job->tx_ifindex, 0);
	if (l->tx < 0)
		return l->tx;
	setsockopt(l->tx, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on));
	if (l->gso && setsockopt(l->tx, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) < 0)
		return -errno;
	if (l->job->blind)
		return 0;
	l->rx = packet_socket(l->job->rx_ns, l->job->rx_ifindex, ETH_P_ALL);
	if (l->rx < 0)
		return l->rx;
	setsockopt(l->rx, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on));
	setsockopt(l->rx, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	return setsockopt(l->rx, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) < 0 ? -errno : 0;
}

static void frame_init(const struct lane *l, uint8_t *frame)
{
	const uint16_t proto = htons(PROTO);

	memcpy(frame, l->job->dst, 6);
	memcpy(frame + 6, l->job->src, 6);
	memcpy(frame + 12, &proto, sizeof(proto));
	for (size_t i = 14; i < FRAME_MAX; i++)
		frame[i] = (uint8_t)(i * 37);
}

/* What nobody reads, the checksums for one, is not there. */
static struct gso *gso_new(const struct vn_probe_job *j)
{
	struct gso *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->vnet = (struct virtio_net_hdr){.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
					  .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
					  .hdr_len = GSO_HEAD,
					  .gso_size = 1460,
					  .csum_start = GSO_HEAD - sizeof(f->tcp),
					  .csum_offset = offsetof(struct tcphdr, check)};
	memcpy(f->eth.h_dest, j->dst, ETH_ALEN);
	memcpy(f->eth.h_source, j->src, ETH_ALEN);
	f->eth.h_proto = htons(ETH_P_IP);
	f->ip = (struct iphdr){.version = 4,
			       .ihl = sizeof(f->ip) / 4,
			       .tot_len = htons(sizeof(f->ip) + sizeof(f->tcp) + sizeof(f->payload)),
			       .ttl = 1,
			       .protocol = IPPROTO_TCP,
			       .saddr = htonl(0xc0000201),
			       .daddr = htonl(0xc0000202)};
	f->tcp.doff = sizeof(f->tcp) / 4;
	return f;
}

static void frame_number(const struct lane *l, uint8_t *frame, uint32_t seq)
{
	const uint64_t word = (uint64_t)l->nonce << 32 | seq;

	for (size_t i = 0; i < 3; i++)
		memcpy(frame + 14 + 8 * i, &word, sizeof(word));
}

/* Two of three say what it is, bit by bit; false: not ours. */
static bool frame_read(const struct lane *l, const uint8_t *data, size_t len, uint32_t *ret_seq)
{
	uint64_t w[3], word;

	if (len < VN_PROBE_LEN_MIN)
		return false;
	memcpy(w, data + 14, sizeof(w));
	word = (w[0] & w[1]) | (w[0] & w[2]) | (w[1] & w[2]);
	*ret_seq = (uint32_t)word;
	return word >> 32 == l->nonce;
}

static bool frame_whole(struct lane *l, const uint8_t *data, size_t len, uint32_t seq)
{
	bool burst = seq & BURST_BIT;
	uint8_t *want = l->frame[burst];

	frame_number(l, want, seq);
	return len == (burst ? l->job->burst_len : l->job->len) && memcmp(data, want, len) == 0;
}

static void take(struct lane *l, const uint8_t *data, size_t len, uint64_t at_real_ns)
{
	struct vn_probe_result *r = l->res;
	bool whole;
	uint32_t seq;

	if (!frame_read(l, data, len, &seq))
		return;
	whole = frame_whole(l, data, len, seq);
	if (seq & BURST_BIT) {
		if (r->burst_received < r->burst_max)
			r->burst_at_ns[r->burst_received++] = at_real_ns - real_minus_mono_ns;
		return;
	}
	if (seq >= r->sent)
		return;
	r->corrupted += !whole;
	if (r->seen[seq]) {
		r->duplicated++;
		return;
	}
	r->seen[seq] = 1;
	r->received++;
	if (l->any && seq < l->highest)
		r->reordered++;
	else
		l->highest = seq;
	l->any = true;
	if (r->sent_ns[seq] && at_real_ns > r->sent_ns[seq])
		r->delay_ns[r->n_delays++] = at_real_ns - r->sent_ns[seq];
}

static uint64_t stamp_of(struct msghdr *h)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		struct timespec ts;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SO_TIMESTAMPNS)
			continue;
		memcpy(&ts, CMSG_DATA(c), sizeof(ts));
		return (uint64_t)ts.tv_sec * VN_NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
	}
	return 0;
}

static void drain(struct lane *l)
{
	static uint8_t data[BATCH][FRAME_MAX];
	static uint8_t control[BATCH][64];
	struct mmsghdr msgs[BATCH];
	struct iovec iov[BATCH];
	int n;

	do {
		for (size_t i = 0; i < BATCH; i++) {
			iov[i] = (struct iovec){.iov_base = data[i], .iov_len = sizeof(data[i])};
			msgs[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &iov[i],
							       .msg_iovlen = 1,
							       .msg_control = control[i],
							       .msg_controllen = sizeof(control[i])}};
		}
		n = recvmmsg(l->rx, msgs, BATCH, MSG_DONTWAIT, NULL);
		for (int i = 0; i < n; i++)
			take(l, data[i], msgs[i].msg_len, stamp_of(&msgs[i].msg_hdr));
	} while (n == BATCH);
}

static void send_one(struct lane *l)
{
	struct vn_probe_result *r = l->res;
	uint32_t seq = r->sent;
	uint64_t before;

	frame_number(l, l->frame[0], seq);
	r->sent = seq + 1;
	before = real_ns();
	/* One that this side refuses counts as sent and lost: the port's end is part of what is measured. */
	if (send(l->tx, l->frame[0], l->job->len, 0) < 0)
		return;
	r->sent_ns[seq] = real_ns() - before < DISTURBED_NS ? before : 0;
}

static void note_timer(struct vn_probe_shared *s, uint64_t due_ns)
{
	uint64_t now = vn_now_ns();

	if (s->n_timer_late < VN_ARRAY_SIZE(s->timer_late_ns))
		s->timer_late_ns[s->n_timer_late++] = now > due_ns ? now - due_ns : 0;
}

/* Looking costs a system call for each; the kernel says when a frame came, however late it is taken. */
static void drain_all(struct lanes *a)
{
	uint64_t now = vn_now_ns();

	if (now < a->drained_ns + DRAIN_NS)
		return;
	a->drained_ns = now;
	for (size_t i = 0; i < a->n; i++)
		if (a->lane[i].rx >= 0)
			drain(&a->lane[i]);
}

static void one_by_one(struct lanes *a, struct vn_probe_shared *s)
{
	uint64_t begin = vn_now_ns() + VN_NSEC_PER_MSEC, next;

	do {
		next = UINT64_MAX;
		for (size_t i = 0; i < a->n; i++) {
			struct lane *l = &a->lane[i];
			/* Side by side, not one behind the other: they would wait for each other. */
			uint64_t due = begin + l->job->gap_ns * i / a->n + l->res->sent * l->job->gap_ns;

			if (l->res->sent >= l->job->n)
				continue;
			if (due <= vn_now_ns()) {
				send_one(l);
				due += l->job->gap_ns;
			}
			if (l->res->sent < l->job->n)
				next = VN_MIN(next, due);
		}
		drain_all(a);
		if (next != UINT64_MAX && next > vn_now_ns()) {
			sleep_until(next);
			note_timer(s, next);
		}
	} while (next != UINT64_MAX);
}

static void send_burst(struct lane *l, uint64_t elapsed_ns)
{
	uint64_t due = elapsed_ns / VN_MAX(l->job->burst_gap_ns, 1);
	struct vn_probe_result *r = l->res;

	for (uint32_t i = 0; i < BURST_PER_TURN && r->burst_sent < due && r->burst_sent < r->burst_max; i++) {
		r->burst_sent_ns[r->burst_sent] = vn_now_ns();
		frame_number(l, l->frame[1], BURST_BIT | r->burst_sent++);
		if (l->gso ? send(l->tx, l->gso, sizeof(*l->gso), 0) < 0
			   : send(l->tx, l->frame[1], l->job->burst_len, 0) < 0)
			break;
	}
}

static void bursts(struct lanes *a)
{
	uint64_t begin = vn_now_ns() + BEFORE_BURST_NS, longest = 0;
	bool rests = false;

	for (size_t i = 0; i < a->n; i++) {
		const struct vn_probe_job *j = a->lane[i].job;

		longest = VN_MAX(longest, j->burst_at_ns + j->burst_ns);
		/* Faster than the tick it sends without a rest; its processor is shared. */
		rests |= j->burst_gap_ns > 1;
	}
	if (longest)
		sleep_until(begin);
	for (uint64_t elapsed = 0; elapsed < longest; elapsed = vn_now_ns() - begin) {
		for (size_t i = 0; i < a->n; i++) {
			const struct vn_probe_job *j = a->lane[i].job;

			if (elapsed >= j->burst_at_ns && elapsed < j->burst_at_ns + j->burst_ns)
				send_burst(&a->lane[i], elapsed - j->burst_at_ns);
		}
		drain_all(a);
		if (rests)
			sleep_until(begin + (elapsed / BURST_TICK_NS + 1) * BURST_TICK_NS);
	}
}

static void wait_stragglers(struct lanes *a)
{
	uint64_t now = vn_now_ns(), deadline = now;

	for (size_t i = 0; i < a->n; i++)
		deadline = VN_MAX(deadline, now + a->lane[i].job->wait_ns);
	for (; now < deadline; now = vn_now_ns()) {
		sleep_until(now + DRAIN_NS);
		drain_all(a);
	}
}

static void count_missed(struct lane *l)
{
	struct tpacket_stats st = {0};
	socklen_t len = sizeof(st);

	if (getsockopt(l->rx, SOL_PACKET, PACKET_STATISTICS, &st, &len) == 0)
		l->res->missed = st.tp_drops;
}

static bool has_work(const struct vn_probe_job *j)
{
	return j->n || j->burst_ns;
}

static int work(const struct vn_probe_job *jobs, size_t n, struct vn_probe_shared *s)
{
	struct lanes a = {.lane = calloc(n, sizeof(*a.lane))};
	int r;

	if (!a.lane)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		struct lane *l = &a.lane[a.n];

		if (!has_work(&jobs[i]))
			continue;
		*l = (struct lane){.job = &jobs[i], .res = &s->job[i], .tx = -1, .rx = -1};
		a.n++;
		/* Of this run alone: stragglers of an earlier one are not taken for ours. */
		l->nonce = (uint32_t)(vn_now_ns() >> 4) * 2654435761u + (uint32_t)i;
		frame_init(l, l->frame[0]);
		frame_init(l, l->frame[1]);
		if (jobs[i].burst_gso && !(l->gso = gso_new(&jobs[i])))
			return -ENOMEM;
		r = lane_open(l);
		if (r < 0)
			return r;
	}
	real_minus_mono_ns = real_ns() - vn_now_ns();
	one_by_one(&a, s);
	__atomic_store_n(&s->bursting, true, __ATOMIC_RELEASE);
	bursts(&a);
	wait_stragglers(&a);
	for (size_t i = 0; i < a.n; i++)
		if (a.lane[i].rx >= 0)
			count_missed(&a.lane[i]);
	return 0;
}

static uint32_t burst_max(const struct vn_probe_job *j)
{
	/* Duplicates may come, too. */
	return j->burst_ns ? (uint32_t)VN_MIN(2 * (j->burst_ns / VN_MAX(j->burst_gap_ns, 1)), VN_PROBE_BURST_MAX) : 0;
}

/* The next @size bytes of the memory behind the results. */
static void *carve(uint8_t **at, size_t size)
{
	void *p = *at;

	*at += (size + 7) & ~(size_t)7;
	return p;
}

struct vn_probe_shared *vn_prober_map(const struct vn_probe_job *jobs, size_t n)
{
	size_t size = sizeof(struct vn_probe_shared) + n * sizeof(struct vn_probe_result);
	struct vn_probe_shared *s;
	uint8_t *at;

	for (size_t i = 0; i < n; i++)
		size += jobs[i].n * (2 * sizeof(uint64_t) + 1) + 8 + burst_max(&jobs[i]) * 2 * sizeof(uint64_t);
	s = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (s == MAP_FAILED)
		return NULL;
	s->size = size;
	s->n = n;
	at = (uint8_t *)&s->job[n];
	for (size_t i = 0; i < n; i++) {
		struct vn_probe_result *r = &s->job[i];

		r->burst_max = burst_max(&jobs[i]);
		r->delay_ns = carve(&at, jobs[i].n * sizeof(*r->delay_ns));
		r->sent_ns = carve(&at, jobs[i].n * sizeof(*r->sent_ns));
		r->burst_sent_ns = carve(&at, r->burst_max * sizeof(*r->burst_sent_ns));
		r->burst_at_ns = carve(&at, r->burst_max * sizeof(*r->burst_at_ns));
		r->seen = carve(&at, jobs[i].n);
	}
	return s;
}

void vn_prober_unmap(struct vn_probe_shared *s)
{
	if (s)
		munmap(s, s->size);
}

int vn_prober_start(const struct vn_probe_job *jobs, size_t n, struct vn_probe_shared *shared)
{
	pid_t parent = getpid(), pid = fork();

	if (pid < 0)
		return -errno;
	if (pid)
		return pid;
	/* It holds copies of the daemon's descriptors, locks among them: it must not outlive it. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_TIMERSLACK, 1UL, 0, 0, 0);
	if (getppid() != parent)
		_exit(1);
	shared->error = work(jobs, n, shared);
	_exit(0);
}
