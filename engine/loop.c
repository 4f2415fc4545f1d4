// SPDX-License-Identifier: GPL-2.0-only
/* The turn of the loop: release what is due, take in what came, and sleep as long as that is safe. */
#include "engine/loop.h"

#include <poll.h>
#include <time.h>

#include <disc/discipline.h>
#include <disc/hist.h>
#include <base/util.h>

#define RX_PER_TURN     64u
#define RELEASE_MAX     128u /* a turn; twice what comes in, so that what is held does not grow under overload */
#define BEAT_NS         VN_NSEC_PER_MSEC
#define SLEEP_MAX_NS    (10 * VN_NSEC_PER_MSEC)
#define HOUSE_NS        (100 * VN_NSEC_PER_MSEC)
#define LATE_NS         VN_NSEC_PER_MSEC
#define THROTTLED_NS    (20 * VN_NSEC_PER_MSEC)
#define STALL_NS        (200 * VN_NSEC_PER_USEC) /* pause when the engine port takes no frame */
#define HOUSE_SCAN      256u
#define TRIM_KEEP_SPANS 64u /* 4 MiB for the next burst */
#define TRIM_SPANS      16u

/*
 * How early to wake: so that one wake-up in 400 comes too late, learnt from how late they come. It is a few us where
 * the CPU is busy, and tens where it has to come back from idleness, the more so on a virtual machine.
 */
#define MARGIN_MIN_NS  (15 * VN_NSEC_PER_USEC)
#define MARGIN_MAX_NS  (80 * VN_NSEC_PER_USEC)
#define MARGIN_UP_NS   (8 * VN_NSEC_PER_USEC)
#define MARGIN_DOWN_NS (MARGIN_UP_NS / 400)

/*
 * A SCHED_FIFO thread that never sleeps is stopped by the kernel for up to 50 ms in each second, for the sake of the
 * ordinary threads of its CPU (real-time throttling; the fair server since 6.12), unless they get their 5 % before.
 * Many short rests cost the frames less than few long ones: so rest 10 us in 110.
 */
#define REST_EVERY_NS (100 * VN_NSEC_PER_USEC)
#define REST_NS       (10 * VN_NSEC_PER_USEC)

#define WAY_COLD_NS   (30 * VN_NSEC_PER_USEC)
#define WAY_ASK_EVERY 16u

/*
 * While frames keep coming, being woken by each costs its sender more than anything else on its way (an interrupt to
 * another CPU; on virtual machines several us). A frame that is held anyway can wait in the ring: then the engine
 * sleeps by the clock for a part of the time that frames are held at least, and looks what has come.
 */
#define ACTIVE_NS       VN_NSEC_PER_MSEC /* so long after the last frame more are expected */
#define SPIN_NS         SLEEP_MAX_NS     /* and so long does it spin for them, where it may */
#define COALESCE_MIN_NS REST_NS
#define COALESCE_MAX_NS (100 * VN_NSEC_PER_USEC) /* the most by which a link silent until now can be surprised */
#define COALESCE_PART   4
#define SLACK_EPOCH_NS  VN_NSEC_PER_SEC

/*
 * What a sample was on the way longer than its discipline says: from the port's program to the engine port's, and past
 * its time of release. The discipline counts from the engine port for every frame, samples too, or they would overtake.
 */
static void account_error(struct vn_dir *d, uint64_t error_ns)
{
	vn_stat_join(&d->error_hist[vn_hist_bucket(error_ns)], 1);
	if (error_ns > d->error_max_ns)
		vn_stat_set(&d->error_max_ns, error_ns);
}

void vn_loop_account(struct vn_loop *l, const struct vn_tx_note *n, uint64_t sent_ns, bool refused)
{
	struct vn_dir *d = &l->dir[n->slot];
	uint64_t late_ns = sent_ns > n->release_ns ? sent_ns - n->release_ns : 0;
	uint64_t error_ns = sent_ns + n->hop_ns;

	if (!n->slot)
		return; /* a marker of its own */
	l->tx_packets += refused ? 0 : n->segs;
	if (d->gen != n->gen)
		return;
	if (n->away)
		vn_own_released_away(&l->own, n->slot, n->segs, n->len - 4u);
	if (refused) {
		vn_stat_join(&d->drops[VN_EDROP_TX], n->segs);
		return;
	}
	vn_stat_join(&d->out_packets, n->segs);
	vn_stat_join(&d->out_bytes, n->len - 4u);
	vn_stat_join(&d->late_hist[vn_hist_bucket(late_ns)], n->segs);
	if (late_ns > d->late_max_ns)
		vn_stat_set(&d->late_max_ns, late_ns);
	if (late_ns > LATE_NS) {
		l->late_packets += n->segs;
		vn_loop_overload_dir(l, d, VN_OVERLOAD_LATE);
	}
	if (n->hop_ns)
		account_error(d, error_ns > n->release_ns ? error_ns - n->release_ns : 0);
}

/* After a pause the caches are cold, and the way out is longer. */
static struct vn_path_latency *way_out(struct vn_loop *l)
{
	return &l->way_out[l->now_ns - l->kick_ns > WAY_COLD_NS];
}

/*
 * A frame is on its way for some us that no discipline asked for: from its port to the engine port, from here to the
 * program that delivers it, and from there to its node. It may leave earlier by as much as hardly any frame falls short
 * of; what it spends between the sender's call and the port's program is not counted, so that none arrives early. The
 * first part is measured by samples, the second by questions that the program answers, one in so many kicks of a single
 * frame. The third nobody sees, but it is what the first is: one redirection, one veth.
 */
static uint64_t lead_ns(struct vn_loop *l)
{
	return 2 * vn_path_latency_ns(&l->way_in) + vn_path_latency_ns(way_out(l));
}

/* What took place between @begin_ns and now. */
static void way_answered(struct vn_loop *l, struct vn_path_latency *w, uint64_t begin_ns)
{
	uint64_t at_ns = __atomic_load_n(&l->status->path_at_ns, __ATOMIC_RELAXED);

	/* Else it is not there yet: the kernel has put it off. */
	if (at_ns > begin_ns && at_ns <= l->now_ns)
		vn_path_latency_learn(w, at_ns - begin_ns);
}

/*
 * Kick, and account for what the kernel took. It sends the frames one after the other within the call: each is booked
 * with its share of the time that took.
 */
static int flush(struct vn_loop *l)
{
	uint32_t first = l->io.note_head, n, refused;
	uint64_t begin, took;
	struct vn_tx_note note;
	struct vn_path_latency *way = NULL;
	int r;

	if (!vn_xio_pending(&l->io))
		return 0;
	n = l->io.note_tail - first;
	if (n == 1 && ++l->kicks % WAY_ASK_EVERY == 0) {
		way = way_out(l);
		vn_stat_set(&l->status->path_ask, 1);
	}
	begin = vn_now_ns();
	r = vn_xio_kick(&l->io, &refused);
	l->now_ns = vn_now_ns();
	took = l->now_ns - begin;
	l->kick_ns = l->now_ns;
	if (way)
		way_answered(l, way, begin);
	l->tx_errors += refused;
	while (vn_xio_settle(&l->io, &note)) {
		uint32_t place = l->io.note_head - first;

		/* Which of the batch the device refused is not told; the last ones are as likely as any. */
		vn_loop_account(l, &note, begin + took * place / n, place + refused > n);
	}
	if (r == -EAGAIN)
		l->stalled_ns = l->now_ns;
	else if (r < 0)
		l->tx_errors++, l->stalled_ns = l->now_ns;
	return r;
}

static bool send_held(struct vn_loop *l, struct vn_frame *f)
{
	struct vn_dir *d = &l->dir[f->slot];
	uint32_t gen = __atomic_load_n(&l->disc[f->slot].gen, __ATOMIC_RELAXED);
	struct vn_tx_note note = {.release_ns = f->release_ns,
				  .gen = f->gen,
				  .slot = f->slot,
				  .len = f->len,
				  .segs = 1,
				  .hop_ns = f->hop_ns,
				  .away = !l->own.mine[f->slot]};

	if (gen == f->gen && !vn_xio_send(&l->io, f->data, &note))
		return false; /* stays held until there is room: late, not lost */
	if (d->gen == f->gen) {
		if (!note.away)
			vn_disc_released(&d->state, f->len - 4u);
		if (gen != f->gen)
			vn_stat_join(&d->drops[VN_EDROP_GONE], 1);
	}
	return true;
}

/* At most @max frames whose time has come. */
static uint32_t release_due(struct vn_loop *l, uint32_t max)
{
	uint64_t due_ns = l->now_ns + lead_ns(l);
	uint32_t n = 0;

	if (l->reorder_head && !vn_loop_reorder_release(l))
		return 0;
	while (n < max && vn_hold_next_ns(&l->hold) <= due_ns) {
		struct vn_frame *f = vn_hold_first(&l->hold);

		if (vn_loop_reorder_shut(l, f)) {
			vn_loop_reorder(l, vn_hold_pop(&l->hold));
			continue;
		}
		if (!send_held(l, f))
			break;
		vn_hold_pop(&l->hold);
		vn_hold_free(&l->hold, f);
		n++;
	}
	return n;
}

static void beat(struct vn_loop *l)
{
	struct vn_engine *e = l->status;

	/* Every port's program reads this cache line: not at every turn. */
	if (l->now_ns - l->beat_ns < BEAT_NS)
		return;
	l->beat_ns = l->now_ns;
	vn_stat_set(&e->held_packets, l->hold.packets);
	vn_stat_set(&e->held_bytes, l->hold.bytes);
	vn_stat_set(&e->slab_bytes, vn_slab_taken_bytes(&l->hold.slab));
	vn_stat_set(&e->rx_packets, l->rx_packets);
	vn_stat_set(&e->tx_packets, l->tx_packets);
	vn_stat_set(&e->tx_errors, l->tx_errors);
	vn_stat_set(&e->bad_meta, l->bad_meta);
	vn_stat_set(&e->wakeups, l->wakeups);
	vn_stat_set(&e->late_packets, l->late_packets);
	__atomic_store_n(&e->heartbeat_ns, l->now_ns, __ATOMIC_RELEASE);
}

static void read_losses(struct vn_loop *l)
{
	struct xdp_statistics s = {0};
	socklen_t len = sizeof(s);

	if (getsockopt(l->io.fd, SOL_XDP, XDP_STATISTICS, &s, &len) < 0)
		return;
	if (s.rx_ring_full != l->rx_lost[1])
		vn_loop_overload(l, VN_OVERLOAD_RX_FULL);
	if (s.rx_fill_ring_empty_descs != l->rx_lost[2])
		vn_loop_overload(l, VN_OVERLOAD_UMEM);
	l->rx_lost[0] = s.rx_dropped;
	l->rx_lost[1] = s.rx_ring_full;
	l->rx_lost[2] = s.rx_fill_ring_empty_descs;
	/* A frame that found no room in the ring or no chunk counts in one of the three only. */
	vn_stat_set(&l->status->rx_dropped, s.rx_dropped + s.rx_ring_full + s.rx_fill_ring_empty_descs);
}

/*
 * What nobody tells the engine: links that were deleted while it holds their frames, disciplines that changed on
 * links that send nothing. A part of the heap each time.
 */
static void look_around(struct vn_loop *l)
{
	uint32_t n = VN_MIN(l->hold.heap.n, HOUSE_SCAN);

	for (uint32_t k = 0; k < n; k++) {
		uint32_t i = VN_HEAP_ROOT + (l->scan >= l->hold.heap.n ? (l->scan = 0) : l->scan);
		struct vn_frame *f = vn_slab_ptr(&l->hold.slab, l->hold.heap.node[i].ref);
		uint32_t slot = f->slot;

		l->scan++;
		if (__atomic_load_n(&l->disc[slot].gen, __ATOMIC_RELAXED) != f->gen) {
			if (f->release_ns)
				vn_hold_expire(&l->hold, i);
		} else {
			vn_loop_disc(l, slot);
		}
	}
}

/* A deleted device leaves its error with the socket; poll() does not tell (Linux 6.18). */
static int engine_error(const struct vn_loop *l)
{
	socklen_t len = sizeof(int);
	int err = 0;

	return getsockopt(l->io.fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0 ? -errno : -err;
}

static bool xsk_send(struct vn_loop *l, struct vn_frame *f)
{
	if (!send_held(l, f))
		return false;
	vn_hold_free(&l->hold, f);
	return true;
}

static uint32_t xsk_release(struct vn_loop *l)
{
	uint32_t n = release_due(l, VN_TX_BATCH);

	flush(l);
	return n;
}

static uint32_t xsk_receive(struct vn_loop *l)
{
	uint32_t n;

	vn_xio_recycle(&l->io);
	vn_loop_unpark(l);
	n = vn_loop_receive(l, RX_PER_TURN);
	flush(l);
	return n;
}

static bool xsk_mark(struct vn_loop *l, const struct vn_marker *m)
{
	const struct vn_tx_note note = {.len = sizeof(*m)};

	if (!vn_xio_send(&l->io, (const uint8_t *)m, &note))
		return false;
	flush(l);
	return true;
}

static int xsk_check(struct vn_loop *l)
{
	read_losses(l);
	return engine_error(l);
}

const struct vn_marker_ops vn_xsk_ops = {
	.release = xsk_release, .receive = xsk_receive, .send = xsk_send, .mark = xsk_mark, .check = xsk_check};

static int keep_house(struct vn_loop *l)
{
	if (l->now_ns - l->house_ns < HOUSE_NS)
		return 0;
	l->house_ns = l->now_ns;
	look_around(l);
	vn_slab_trim(&l->hold.slab, TRIM_KEEP_SPANS, TRIM_SPANS);
	return l->ops->check(l);
}

/* Off the CPU for long without having asked for it, since @since_ns. */
static void notice_throttling(struct vn_loop *l, uint64_t since_ns)
{
	if (l->now_ns > since_ns + THROTTLED_NS)
		vn_loop_overload(l, VN_OVERLOAD_THROTTLED);
}

static void slept(struct vn_loop *l, uint64_t wake_ns, bool timed_out)
{
	l->now_ns = vn_now_ns();
	notice_throttling(l, wake_ns);
	/* Oversleeping counts as what it is: time that the CPU was not ours. */
	l->woke_ns = VN_MIN(l->now_ns, wake_ns);
	l->wakeups++;
	if (!timed_out)
		return;
	if (l->now_ns > wake_ns + l->margin_ns)
		l->margin_ns = VN_MIN(l->margin_ns + MARGIN_UP_NS, MARGIN_MAX_NS);
	else
		l->margin_ns = VN_MAX(l->margin_ns - MARGIN_DOWN_NS, MARGIN_MIN_NS);
}

/* Sleep until a frame comes, or until @wake_ns. -ENETDOWN when the engine port is gone. */
static int sleep_until(struct vn_loop *l, uint64_t wake_ns)
{
	uint64_t ns = wake_ns - l->now_ns;
	struct timespec ts = {.tv_sec = (time_t)(ns / VN_NSEC_PER_SEC), .tv_nsec = (long)(ns % VN_NSEC_PER_SEC)};
	struct pollfd p = {.fd = l->io.fd, .events = POLLIN};
	int r = ppoll(&p, 1, &ts, NULL);

	if (r < 0 && errno != EINTR)
		return -errno;
	slept(l, wake_ns, r == 0);
	if (r > 0 && p.revents & (POLLERR | POLLHUP | POLLNVAL))
		return -ENETDOWN;
	return 0;
}

/* Sleep until @wake_ns, whatever comes. */
static void doze_until(struct vn_loop *l, uint64_t wake_ns)
{
	const struct timespec ts = {.tv_sec = (time_t)(wake_ns / VN_NSEC_PER_SEC),
				    .tv_nsec = (long)(wake_ns % VN_NSEC_PER_SEC)};
	int r = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);

	slept(l, wake_ns, r == 0);
}

/* How long frames may wait in the receive ring. */
static uint64_t coalesce_ns(struct vn_loop *l)
{
	uint64_t part = VN_MIN(l->slack_ns[0], l->slack_ns[1]) / COALESCE_PART;

	if (l->now_ns >= l->slack_until_ns) {
		l->slack_ns[1] = l->slack_ns[0];
		l->slack_ns[0] = UINT64_MAX;
		l->slack_until_ns = l->now_ns + SLACK_EPOCH_NS;
	}
	return VN_MIN(VN_MAX(part, COALESCE_MIN_NS), COALESCE_MAX_NS);
}

/* What the next release will touch, fetched while there is time. */
static void warm_up(const struct vn_loop *l)
{
	const struct vn_frame *f = vn_hold_first(&l->hold);
	const uint8_t *to;

	if (!f || !l->io.n_free)
		return;
	to = vn_xio_data(&l->io, (uint64_t)l->io.free[l->io.n_free - 1] * l->io.chunk_size);
	for (uint32_t i = 0; i < 2; i++) {
		__builtin_prefetch((const uint8_t *)f + 64 * i);
		__builtin_prefetch(to + 64 * i, 1);
	}
	__builtin_prefetch(&l->dir[f->slot], 1);
	__builtin_prefetch(&l->disc[f->slot]);
}

/* Nothing came and nothing is due: sleep when the next release is far enough away, else come back at once. */
static int wait_for_work(struct vn_loop *l)
{
	uint64_t next_ns = vn_hold_next_ns(&l->hold), wake_ns = l->now_ns + SLEEP_MAX_NS;

	if (!l->bulk)
		next_ns -= VN_MIN(next_ns, lead_ns(l));
	if (l->stalled_ns && (vn_xio_pending(&l->io) || next_ns <= l->now_ns)) {
		l->stalled_ns = 0;
		doze_until(l, l->now_ns + STALL_NS);
		return 0;
	}
	/* Other engines hand over, or let out what stands in the way, within moments. */
	if (l->parked_n || l->reorder_head || l->fenced) {
		doze_until(l, l->now_ns + REST_NS);
		return 0;
	}
	if (next_ns <= l->now_ns + l->margin_ns) {
		warm_up(l);
		return 0;
	}
	if (l->spin && (l->hold.packets || l->now_ns - l->rx_ns < SPIN_NS))
		return 0;
	wake_ns = VN_MIN(wake_ns, next_ns - l->margin_ns);
	if (l->now_ns - l->rx_ns >= ACTIVE_NS)
		return sleep_until(l, wake_ns);
	doze_until(l, VN_MIN(wake_ns, l->now_ns + coalesce_ns(l)));
	return 0;
}

int vn_loop_run(struct vn_loop *l, const volatile sig_atomic_t *stop)
{
	int r = 0;

	l->now_ns = l->turn_ns = l->woke_ns = vn_now_ns();
	l->margin_ns = MARGIN_MAX_NS / 2;
	l->slack_ns[0] = l->slack_ns[1] = UINT64_MAX;
	while (!*stop) {
		uint32_t work = 0, n;

		l->now_ns = vn_now_ns();
		notice_throttling(l, VN_MAX(l->turn_ns, l->woke_ns));
		l->turn_ns = l->now_ns;
		do {
			n = l->ops->release(l);
			work += n;
		} while (n == VN_TX_BATCH && work < RELEASE_MAX);
		n = l->ops->receive(l);
		if (n)
			l->rx_ns = l->now_ns;
		work += n;
		if (l->leaving_n)
			vn_loop_fence(l);
		beat(l);
		r = keep_house(l);
		if (r == 0 && !work)
			r = wait_for_work(l);
		if (r < 0)
			return r;
		if (l->rests && l->now_ns > l->woke_ns + REST_EVERY_NS)
			doze_until(l, l->now_ns + REST_NS);
	}
	return 0;
}
