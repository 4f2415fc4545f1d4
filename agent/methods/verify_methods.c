/* SPDX-License-Identifier: GPL-2.0-only */
/* vnet.link.verify and vnet.link.reset: is a link what its discipline says, and since when. */
#include "base/log.h"
#include "methods/methods.h"

#include <stdlib.h>

#include <base/util.h>

#include "measure/probe_link.h"
#include "measure/probe_plan.h"
#include "plan/port_cfg.h"
#include "engines/placement.h"
#include "disc/disc_words.h"
#include "measure/stat.h"
#include "measure/verdict.h"

#define TIME_DEFAULT_NS (2 * VN_NSEC_PER_SEC) /* of looking; probes take as long as they need */
#define TIME_MIN_NS     (100 * VN_NSEC_PER_MSEC)
#define TIME_MAX_NS     (60 * VN_NSEC_PER_SEC)
#define LOOKS           200u                  /* at the queues, within the time given */
#define DELAY_MAX_NS    (5 * VN_NSEC_PER_SEC) /* above, the users' rate is not followed to the other end */
#define RATE_FRAMES_MIN 100u
#define LINKS_MAX       64u /* probed at the same time */
#define ATTEMPTS        3u
#define ATTEMPTS_FAILED 2u
#define PATH_NS         (200 * VN_NSEC_PER_USEC) /* from the sender to the rate's queue, and more */
#define PROBE_MTU       1500u
#define BALANCE_LOOKS   100u
#define BALANCE_LOOK_NS (2 * VN_NSEC_PER_MSEC)
/* Of the engine as a whole: what any of its directions may have suffered from. */
#define ENGINE_OVERLOAD (1u << VN_OVERLOAD_RX_FULL | 1u << VN_OVERLOAD_UMEM | 1u << VN_OVERLOAD_THROTTLED)

static const char *const dir_words[] = {"ab", "ba"};

struct look {
	uint64_t at_ns, out_packets, out_bytes;
};

/* One direction under test. */
struct target {
	struct vn_running *run;
	size_t link;
	int dir;
	uint32_t slot;
	struct vn_disc asked, in_force;
	struct vn_verify verify;
	struct vn_busy busy;
	struct vn_verify_balance balance;
	bool balanced;      /* nothing was on its way at a look */
	struct look *looks; /* only where there is a rate to follow */
	size_t n_looks;
	size_t n_traffic;      /* of the rows: those of the users' frames */
	unsigned int attempts; /* at probing */
	char at_first[96];     /* checks that failed by the first one */
};

struct request {
	int dirs;
	bool always, never;
	uint64_t time_ns, probe_ns; /* probe_ns 0: as long as it takes */
	struct target *targets;
	size_t n;
};

static void request_release(struct request *r)
{
	for (size_t i = 0; i < r->n; i++)
		free(r->targets[i].looks);
	free(r->targets);
}
#define cleanup_request __attribute__((cleanup(request_release)))

static const struct vn_link *link_of(const struct target *t)
{
	return &t->run->topo->links[t->link];
}

static int add_link(struct vn_parts *parts, struct request *q, struct vn_running *run, size_t link)
{
	struct target *more = reallocarray(q->targets, q->n + VN_DIRS, sizeof(*more));

	if (!more)
		return -ENOMEM;
	q->targets = more;
	for (int dir = 0; dir < VN_DIRS; dir++) {
		struct target *t = &q->targets[q->n];

		if (!(q->dirs >> dir & 1))
			continue;
		*t = (struct target){.run = run, .link = link, .dir = dir};
		t->slot = link_of(t)->ports[dir].number;
		t->asked = link_of(t)->disc[dir];
		vn_disc_read(&parts->dp.maps, t->slot, &t->in_force, NULL);
		q->n++;
	}
	return 0;
}

static int add_links(struct vn_parts *parts, struct request *q, const char *name, struct vn_err *err)
{
	struct vn_running *run;
	size_t link;
	int r = 0;

	if (strcmp(name, "all") != 0) {
		r = vn_running_find_link(&parts->store, name, &run, &link, err);
		return r == 0 ? add_link(parts, q, run, link) : r;
	}
	for (size_t i = 0; i < parts->store.n_running && r == 0; i++)
		for (link = 0; link < parts->store.running[i]->topo->n_links && r == 0; link++)
			r = add_link(parts, q, parts->store.running[i], link);
	/* Silence would be taken for a pass. */
	return r == 0 && !q->n ? vn_err_usage(err, "link verify: no link runs, so there is nothing to judge") : r;
}

static int take_request(struct vn_parts *parts, const json_t *params, struct request *q, struct vn_err *err)
{
	const char *name = json_string_value(json_object_get(params, "name"));
	const char *probe = json_string_value(json_object_get(params, "probe"));
	const json_t *time = json_object_get(params, "time_ns");

	q->dirs = vn_link_dirs(params, err);
	if (q->dirs < 0)
		return q->dirs;
	q->always = probe && strcmp(probe, "always") == 0;
	q->never = probe && strcmp(probe, "never") == 0;
	q->probe_ns = time ? (uint64_t)json_integer_value(time) : 0;
	q->time_ns = time ? q->probe_ns : TIME_DEFAULT_NS;
	if (q->time_ns < TIME_MIN_NS || q->time_ns > TIME_MAX_NS)
		return vn_err_usage(err, "link verify: --time: from 100ms to 60s");
	return add_links(parts, q, name, err);
}

/* Nothing was on its way between two counters, or it was fewest. False: no figures. */
static bool look_at_account(struct vn_parts *parts, struct target *t, bool first)
{
	struct vn_account a;

	if (vn_account_read(&parts->dp.maps, t->slot, &a) < 0)
		return false;
	t->balanced = a.least <= 0 && a.most >= 0;
	if (t->balanced)
		t->balance.missing = 0;
	else if (first || llabs(a.least) < llabs(t->balance.missing))
		t->balance.missing = a.least > 0 ? a.least : a.most;
	t->balance.entered = a.ctr.in_packets;
	return true;
}

static bool look_at_balances(struct vn_parts *parts, struct request *q, bool first)
{
	bool all = true;

	for (size_t i = 0; i < q->n; i++)
		if (!q->targets[i].balanced)
			all &= look_at_account(parts, &q->targets[i], first) && q->targets[i].balanced;
	return all;
}

/*
 * While traffic runs some frames are between two counters at nearly every look: so many looks until none was, at every
 * direction, or as many were there each time. What entered within a ms may all be on its way; more is missing.
 */
static void follow_balances(struct vn_parts *parts, struct vn_conn *c, struct request *q)
{
	uint64_t begin = vn_now_ns(), ns;
	bool done = look_at_balances(parts, q, true);

	for (size_t i = 0; i < q->n; i++)
		q->targets[i].balance.on_way = q->targets[i].balance.entered;
	for (uint32_t i = 0; i < BALANCE_LOOKS && !done && !parts->stop && !c->dead; i++) {
		vn_job_sleep(&parts->jobs, BALANCE_LOOK_NS);
		done = look_at_balances(parts, q, false);
	}
	ns = vn_now_ns() - begin;
	for (size_t i = 0; i < q->n; i++) {
		struct vn_verify_balance *b = &q->targets[i].balance;
		uint64_t n = b->entered > b->on_way ? b->entered - b->on_way : 0;

		b->on_way = ns ? n * VN_NSEC_PER_MSEC / ns : 0;
	}
}

static bool has_fixed_rate(const struct vn_disc *d)
{
	return d->rate_bps && !d->trace_block;
}

/* A frame's cells depend on its length: of the users' frames only sums are known. */
static bool follows_rate(const struct target *t)
{
	return has_fixed_rate(&t->asked) && !t->asked.cell_bytes && t->asked.delay_ns <= DELAY_MAX_NS &&
	       t->asked.delay_ns >= 50 * t->asked.jitter_ns;
}

static void look(struct vn_parts *parts, struct target *t, size_t max_looks)
{
	const struct vn_dir *dir = &parts->dp.maps.dir[t->slot];
	uint64_t now = vn_now_ns();

	if (!t->looks || t->n_looks == max_looks)
		return;
	vn_busy_look(&t->busy, now, __atomic_load_n(&dir->state.next_free_ns, __ATOMIC_RELAXED));
	t->looks[t->n_looks++] = (struct look){now, __atomic_load_n(&dir->out_packets, __ATOMIC_RELAXED),
					       __atomic_load_n(&dir->out_bytes, __ATOMIC_RELAXED)};
}

/* Follow the queues of rates for the time given, where one was in use of late. */
static int look_at_rates(struct vn_parts *parts, struct vn_conn *c, struct request *q)
{
	uint64_t begin = vn_now_ns(), span = 0, step;
	size_t max_looks = LOOKS + 8;

	for (size_t i = 0; i < q->n; i++) {
		struct target *t = &q->targets[i];

		if (!follows_rate(t) ||
		    __atomic_load_n(&parts->dp.maps.dir[t->slot].state.next_free_ns, __ATOMIC_RELAXED) +
				    100 * VN_NSEC_PER_MSEC <
			    begin)
			continue;
		t->looks = calloc(max_looks, sizeof(*t->looks));
		if (!t->looks)
			return -ENOMEM;
		span = VN_MAX(span, q->time_ns + t->asked.delay_ns);
	}
	step = VN_MAX(span / LOOKS, VN_NSEC_PER_MSEC);
	for (uint64_t now = begin; now < begin + span && !parts->stop && !c->dead; now = vn_now_ns()) {
		uint64_t next = now + step;

		for (size_t i = 0; i < q->n; i++)
			look(parts, &q->targets[i], max_looks);
		for (; now < next; now = vn_now_ns())
			vn_job_sleep(&parts->jobs, next - now);
	}
	return 0;
}

/* What left at the other end of the delay while the queue in front of it was busy. */
static void rate_seen(const struct target *t, uint64_t *ret_bits, uint64_t *ret_ns)
{
	const struct look *first = NULL, *last = NULL;
	uint64_t packets, bytes;

	for (size_t i = 0; i < t->n_looks; i++) {
		const struct look *l = &t->looks[i];

		if (l->at_ns < t->busy.from_ns + t->asked.delay_ns + VN_NSEC_PER_MSEC ||
		    l->at_ns > t->busy.to_ns + t->asked.delay_ns)
			continue;
		first = first ? first : l;
		last = l;
	}
	if (!first || last == first)
		return;
	packets = last->out_packets - first->out_packets;
	bytes = last->out_bytes - first->out_bytes;
	if (packets < RATE_FRAMES_MIN || last->out_packets < first->out_packets)
		return;
	*ret_bits = (uint64_t)((int64_t)bytes + (int64_t)packets * ((int64_t)VN_WIRE_OVERHEAD + t->asked.overhead)) * 8;
	*ret_ns = last->at_ns - first->at_ns;
}

/* Figures that belong together: the same before and after, or, under load, off by the frames of a few microseconds. */
static void read_dir(struct vn_parts *parts, uint32_t slot, struct vn_dir *ret)
{
	struct vn_dir again;

	for (int i = 0; i < 4; i++) {
		vn_dir_read(&parts->dp.maps, slot, ret);
		vn_dir_read(&parts->dp.maps, slot, &again);
		if (again.in_packets == ret->in_packets && again.mark.since_ns == ret->mark.since_ns)
			return;
	}
}

static bool path_ok(struct vn_parts *parts, const struct target *t)
{
	const struct vn_port_cfg *p = &parts->dp.maps.port[t->slot];
	uint32_t flags = __atomic_load_n(&p->flags, __ATOMIC_RELAXED);
	struct vn_port_cfg want;

	if (t->run->link_broken[t->link] || vn_port_cfg_make(t->run->topo, link_of(t), t->dir, &want) < 0)
		return false;
	return flags & VN_PORT_ACTIVE && !!(flags & VN_PORT_HELD) == vn_disc_is_held(&t->asked) &&
	       p->peer_ifindex == want.peer_ifindex && p->ifindex == want.ifindex && p->isolation == want.isolation;
}

/* Only what was since the figures began; a direction that no frame has used has suffered nothing. */
static uint32_t engine_overload(const struct vn_engine *e, const struct vn_dir *dir)
{
	uint64_t since = dir->mark.since_ns;

	return since && __atomic_load_n(&e->overload_ns, __ATOMIC_RELAXED) >= since
		       ? __atomic_load_n(&e->overload, __ATOMIC_RELAXED) & ENGINE_OVERLOAD
		       : 0;
}

static void judge_traffic(struct vn_parts *parts, struct target *t)
{
	const struct vn_port_cfg *p = &parts->dp.maps.port[t->slot];
	const struct vn_port_drop *drop = &parts->dp.maps.drop[t->slot];
	struct vn_verify_figures f;
	char node[VN_WATCH_TEXT];
	struct vn_dir dir;

	read_dir(parts, t->slot, &dir);
	f = (struct vn_verify_figures){
		.dir = &dir,
		.asked = &t->asked,
		.in_force = &t->in_force,
		.held = vn_disc_is_held(&t->asked),
		.path_ok = path_ok(parts, t),
		.node = vn_watch_link_text(t->run, t->link, node),
		.up = vn_supervisor_is_up(&parts->engines.engine[p->engine]),
		.port = {.engine_down = drop->count[VN_DROP_ENGINE_DOWN],
			 .no_peer = drop->count[VN_DROP_NO_PEER],
			 .ring_full = drop->count[VN_DROP_RING_FULL],
			 .undelivered = drop->count[VN_DROP_UNDELIVERED]},
		.balance = t->balance,
		.engine_overload = engine_overload(&parts->dp.maps.engine[p->engine], &dir),
	};
	rate_seen(t, &f.rate_bits, &f.rate_ns);
	vn_verify_traffic(&f, &t->verify);
	t->n_traffic = t->verify.n;
}

static int cmp_u64(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/*
 * When the queue of the rate that was asked for cannot have been empty, by the times of sending. Of what was sent, as
 * much as came counts: the rest was lost before the queue, or found it full.
 */
static struct vn_busy burst_busy(const struct vn_disc *d, const struct vn_probe_job *j, const struct vn_probe_result *r)
{
	double share = r->burst_sent ? VN_MIN((double)r->burst_received / r->burst_sent, 1) : 0;
	uint64_t serve = (uint64_t)((double)vn_rate_serve_ns(d, j->burst_len) * share), next_free = 0;
	struct vn_busy busy = {0};

	for (uint32_t i = 0; i < r->burst_sent; i++) {
		next_free = VN_MAX(next_free, r->burst_sent_ns[i]) + serve;
		vn_busy_look(&busy, r->burst_sent_ns[i], next_free - VN_MIN(next_free, PATH_NS));
	}
	return busy;
}

/*
 * The rate at which frames arrived while the queue was busy, or at all where the burst could not fill it: by the median
 * time that half of them took, from each one on, which a host that stops now and then does not change.
 */
static void burst_rate(const struct vn_disc *d, const struct vn_probe_job *j, struct vn_probe_result *r,
		       struct vn_verify_probes *p)
{
	const struct vn_busy busy = burst_busy(d, j, r);
	const bool whole = vn_probe_burst_is_short(d, j);
	uint64_t *at = r->burst_at_ns, half;
	size_t n = 0;

	if (!whole && d->jitter_ns * 50 > busy.to_ns - busy.from_ns)
		return;
	for (uint32_t i = 0; i < r->burst_received; i++)
		if (whole || (at[i] > busy.from_ns + d->delay_ns && at[i] <= busy.to_ns + d->delay_ns))
			at[n++] = at[i];
	if (n < RATE_FRAMES_MIN)
		return;
	qsort(at, n, sizeof(*at), cmp_u64);
	half = n / 2;
	for (size_t i = 0; i + half < n; i++)
		at[i] = at[i + half] - at[i];
	qsort(at, n - half, sizeof(*at), cmp_u64);
	p->burst_least = whole;
	p->burst_bits = half * vn_rate_bits(d, j->burst_len);
	p->burst_ns = at[(n - half) / 2];
}

/* What probes one direction: its place among the links of the probe link. */
struct lane {
	struct target *t;
	size_t link;
	struct vn_probe_job *job;
	struct vn_probe_result *res;
	const struct vn_probe_seen *seen;
};

static void judge_probes(struct vn_parts *parts, const struct vn_probe_link *pair, const struct lane *l)
{
	const struct vn_disc *asked = &l->t->asked;
	uint32_t slot = vn_probe_link_slot(pair, l->link, l->t->dir);
	struct vn_probe_result *r = l->res;
	struct vn_verify_probes p = {
		.delay_ns = r->delay_ns,
		.n_delays = r->n_delays,
		.sent = r->sent,
		.lost = r->sent - r->received,
		.duplicated = r->duplicated,
		.corrupted = r->corrupted,
		.reordered = r->reordered,
		.missed = r->missed,
		.serve_ns = vn_rate_serve_ns(asked, l->job->len),
		.port = {.engine_down = parts->dp.maps.drop[slot].count[VN_DROP_ENGINE_DOWN] -
					pair->dropped[l->link][l->t->dir].engine_down,
			 .ring_full = parts->dp.maps.drop[slot].count[VN_DROP_RING_FULL] -
				      pair->dropped[l->link][l->t->dir].ring_full},
	};
	struct vn_dir dir;

	vn_dir_read(&parts->dp.maps, slot, &dir);
	p.dir = &dir;
	p.before_burst = l->seen->has_before ? &l->seen->before : NULL;
	qsort(r->delay_ns, r->n_delays, sizeof(*r->delay_ns), cmp_u64);
	burst_rate(asked, l->job, r, &p);
	/* What an earlier attempt said is replaced. */
	l->t->verify.n = l->t->n_traffic;
	vn_verify_probing(asked, &p, &l->t->verify);
	l->t->attempts++;
}

/* Without being asked nobody is kept waiting for minutes. */
static bool can_probe(const struct request *q, const struct target *t)
{
	const struct vn_disc *d = &t->asked;

	return vn_disc_is_held(d) &&
	       (q->always || d->delay_ns + 5 * d->jitter_ns + d->slot_max_ns <= VN_PROBE_WAIT_MAX_NS);
}

/* The directions of @n links, @per_link of each, @links[i] pointing to the first: all at the same time. */
static int probe_links(struct vn_parts *parts, struct vn_conn *c, struct vn_probe_link *pair, const struct request *q,
		       struct target *const *links, size_t n, size_t per_link, struct vn_err *err)
{
	const struct vn_disc *disc[LINKS_MAX * VN_DIRS] = {NULL};
	struct vn_probe_job jobs[LINKS_MAX * VN_DIRS] = {0};
	cleanup_free struct vn_probe_seen *seen = calloc(n * VN_DIRS, sizeof(*seen));
	struct vn_probe_shared *s;
	struct vn_disc own;
	int r;

	if (!seen)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		for (struct target *t = links[i]; t < links[i] + per_link; t++) {
			if (!can_probe(q, t))
				continue;
			own = t->in_force;
			/* What the data path has, not what was asked for: that is the question. But not what the port
			 * does by itself: probes shall get to the engine.
			 */
			own.flags &= ~(__u32)VN_DISC_DOWN;
			own.flap_up_ns = own.flap_down_ns = own.flap_start_ns = 0;
			own.police_bps = own.police_burst_bytes = 0;
			vn_probe_link_set(&parts->measure, pair, i, t->dir, &own,
					  vn_placement_engine(&parts->fabric.placement, t->slot));
			disc[i * VN_DIRS + (size_t)t->dir] = &t->asked;
		}
	vn_probe_plan(disc, jobs, n * VN_DIRS, q->probe_ns);
	s = vn_prober_map(jobs, n * VN_DIRS);
	if (!s)
		return -ENOMEM;
	r = vn_probe_run(&parts->measure, &c->dead, pair, jobs, n * VN_DIRS, s, seen, err);
	for (size_t i = 0; i < n && r == 0; i++)
		for (struct target *t = links[i]; t < links[i] + per_link; t++) {
			size_t k = i * VN_DIRS + (size_t)t->dir;

			if (jobs[k].n)
				judge_probes(parts, pair, &(struct lane){t, i, &jobs[k], &s->job[k], &seen[k]});
		}
	vn_prober_unmap(s);
	return r;
}

static bool wants_probes(const struct request *q, const struct target *t, size_t n)
{
	bool can = false, unknown = false;

	for (size_t i = 0; i < n; i++) {
		can |= can_probe(q, &t[i]);
		unknown |= can_probe(q, &t[i]) && vn_verify_verdict(&t[i].verify) == VN_UNKNOWN;
	}
	return q->always ? can : !q->never && unknown;
}

/* Which checks failed by probes, or could not be judged where the host disturbed a burst; empty: none. */
static void amiss(const struct target *t, enum vn_judgement verdict, char *buf, size_t size)
{
	size_t len = 0;

	*buf = 0;
	for (size_t i = t->n_traffic; i < t->verify.n && len < size; i++) {
		const struct vn_verify_row *row = &t->verify.rows[i];

		if (row->verdict == verdict && (verdict == VN_FAILED || row->has_rate))
			len += (size_t)snprintf(buf + len, size - len, "%s%s", len ? ", " : "", row->check);
	}
}

/*
 * One check in a thousand fails by chance, and a busy host lets others fail now and then: what fails twice, fails. The
 * queue of a rate must be seen full once.
 */
static bool wants_another(struct target *t, size_t n, unsigned int attempt)
{
	bool again = false;

	for (size_t i = 0; i < n; i++) {
		char failed[sizeof(t->at_first)], unseen[sizeof(t->at_first)];

		amiss(&t[i], VN_FAILED, failed, sizeof(failed));
		amiss(&t[i], VN_UNKNOWN, unseen, sizeof(unseen));
		if (attempt == 0)
			memcpy(t[i].at_first, *failed ? failed : unseen, sizeof(failed));
		again |= (*failed && attempt + 1 < ATTEMPTS_FAILED) || (*unseen && attempt + 1 < ATTEMPTS);
	}
	return again;
}

static int probe_all(struct vn_parts *parts, struct vn_conn *c, struct request *q, struct vn_err *err)
{
	size_t per_link = q->dirs == 3 ? VN_DIRS : 1, n_links = q->n / per_link, n = 0;
	cleanup_free struct target **links = calloc(n_links + 1, sizeof(*links));
	struct vn_probe_link pair;
	int r;

	if (!links)
		return -ENOMEM;
	for (size_t i = 0; i < n_links; i++)
		if (wants_probes(q, &q->targets[i * per_link], per_link))
			links[n++] = &q->targets[i * per_link];
	if (!n)
		return 0;
	r = vn_probe_link_open(&parts->measure, &c->dead, PROBE_MTU, VN_MIN(n, LINKS_MAX), &pair, err);
	if (r < 0)
		return r;
	for (unsigned int attempt = 0; n && r == 0; attempt++) {
		size_t again = 0;

		for (size_t i = 0; i < n && r == 0; i += LINKS_MAX)
			r = probe_links(parts, c, &pair, q, links + i, VN_MIN(n - i, LINKS_MAX), per_link, err);
		for (size_t i = 0; i < n; i++)
			if (wants_another(links[i], per_link, attempt))
				links[again++] = links[i];
		n = again;
	}
	vn_probe_link_close(&parts->measure, &pair);
	return r;
}

static void set_int(json_t *o, const char *key, int64_t v)
{
	json_object_set_new(o, key, json_integer((json_int_t)v));
}

static json_t *row_json(const struct vn_verify_row *row)
{
	const char *unit = row->has_ppb ? "ppb" : "bps";
	json_t *o = json_pack("{s:s, s:s, s:s, s:I, s:s, s:s, s:s}", "check", row->check, "source",
			      row->probe ? "probe" : "traffic", "verdict", vn_judgement_words[row->verdict], "packets",
			      (json_int_t)row->n, "found", row->found, "bound", row->bound, "note", row->note);

	if (row->has_ppb || row->has_rate) {
		static const char *const names[] = {"configured", "measured", "low", "high"};
		const uint64_t values[] = {row->configured, row->measured, row->low, row->high};
		char key[32];

		for (size_t i = 0; i < VN_ARRAY_SIZE(names); i++) {
			snprintf(key, sizeof(key), "%s_%s", names[i], unit);
			set_int(o, key, (int64_t)values[i]);
		}
	}
	if (row->has_times) {
		set_int(o, "p50_ns", row->p50_ns);
		set_int(o, "p90_ns", row->p90_ns);
		set_int(o, "p99_ns", row->p99_ns);
		set_int(o, "max_ns", row->max_ns);
		set_int(o, "p50_bound_ns", (int64_t)row->p50_bound_ns);
		set_int(o, "p99_bound_ns", (int64_t)row->p99_bound_ns);
		set_int(o, "max_bound_ns", (int64_t)row->max_bound_ns);
	}
	return o;
}

static json_t *target_json(struct vn_parts *parts, const struct target *t)
{
	const struct vn_link *l = link_of(t);
	const struct vn_topo *topo = t->run->topo;
	uint64_t since = parts->dp.maps.dir[t->slot].mark.since_ns, now = vn_now_ns();
	json_t *rows = json_array();
	char text[1024] = "";

	vn_disc_format(&t->asked, text, sizeof(text));
	for (size_t i = 0; i < t->verify.n; i++)
		json_array_append_new(rows, row_json(&t->verify.rows[i]));
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:I, s:s, s:I, s:o}", "dir", dir_words[t->dir], "from",
			 topo->nodes[l->ports[t->dir].node].name, "to", topo->nodes[l->ports[!t->dir].node].name,
			 "text", text, "verdict", vn_judgement_words[vn_verify_verdict(&t->verify)], "probed",
			 t->attempts > 0, "attempts", (json_int_t)t->attempts, "failed_at_first", t->at_first, "age_ns",
			 (json_int_t)(since && now > since ? now - since : 0), "checks", rows);
}

static json_t *answer(struct vn_parts *parts, const struct request *q)
{
	size_t per_link = q->dirs == 3 ? VN_DIRS : 1;
	enum vn_judgement all = q->n ? VN_PASSED : VN_UNKNOWN;
	json_t *links = json_array();

	for (size_t i = 0; i < q->n; i += per_link) {
		const struct target *t = &q->targets[i];
		enum vn_judgement worst = VN_PASSED;
		json_t *dirs = json_array();

		for (size_t k = 0; k < per_link; k++) {
			worst = VN_MAX(worst, vn_verify_verdict(&t[k].verify));
			json_array_append_new(dirs, target_json(parts, &t[k]));
		}
		all = VN_MAX(all, worst);
		json_array_append_new(links, json_pack("{s:s, s:s, s:s, s:o}", "topology", t->run->topo->name, "name",
						       link_of(t)->name, "verdict", vn_judgement_words[worst],
						       "directions", dirs));
	}
	return json_pack("{s:s, s:o}", "verdict", vn_judgement_words[all], "links", links);
}

/* What is judged stays as it is meanwhile: "all", or the topology of link @name. */
static int keep_links(struct vn_parts *parts, struct vn_conn *c, const char *name, struct vn_keep *keep,
		      struct vn_err *err)
{
	char topo[VN_NAME_MAX + 1];
	struct vn_running *run;
	size_t link;
	int r;

	if (!name || strcmp(name, "all") == 0) {
		r = vn_keep_take(&parts->store, keep, NULL, &c->dead);
	} else {
		r = vn_running_find_link(&parts->store, name, &run, &link, err);
		if (r < 0)
			return r;
		snprintf(topo, sizeof(topo), "%s", run->topo->name);
		r = vn_keep_take(&parts->store, keep, topo, &c->dead);
		if (r == -ENOENT)
			return vn_running_find_link(&parts->store, name, &run, &link, err) ?: -EAGAIN;
	}
	return r < 0 ? vn_err(err, VN_EXIT_CHANGED, -r, "link verify: %s", strerror(-r)) : 0;
}

static int verify(struct vn_parts *parts, struct vn_conn *c, const json_t *params, struct request *q,
		  struct vn_err *err)
{
	int r = take_request(parts, params, q, err);

	if (r == 0)
		r = look_at_rates(parts, c, q);
	if (r < 0)
		return r;
	for (size_t i = 0; i < q->n; i++)
		if (i == 0 || q->targets[i].run != q->targets[i - 1].run)
			vn_watch_sync(&parts->observe, q->targets[i].run, VN_NONE, 0);
	follow_balances(parts, c, q);
	for (size_t i = 0; i < q->n; i++)
		judge_traffic(parts, &q->targets[i]);
	return probe_all(parts, c, q, err);
}

int vn_op_link_verify(struct vn_parts *parts, struct vn_conn *c, const json_t *params, json_t **ret_reply,
		      struct vn_err *err)
{
	cleanup_request struct request q = {0};
	struct vn_keep keep = {0};
	int r = keep_links(parts, c, json_string_value(json_object_get(params, "name")), &keep, err);

	if (r == 0)
		r = verify(parts, c, params, &q, err);
	if (r == 0) {
		*ret_reply = answer(parts, &q);
		r = *ret_reply ? 0 : -ENOMEM;
	}
	vn_keep_drop(&parts->store, &keep);
	return r;
}

int vn_op_link_reset(struct vn_parts *parts, struct vn_conn *c, const json_t *params, json_t **ret_reply,
		     struct vn_err *err)
{
	const char *name = json_string_value(json_object_get(params, "name"));
	cleanup_request struct request q = {.dirs = 3};
	int r;

	r = add_links(parts, &q, name, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < q.n; i++)
		vn_dir_reset(&parts->dp.maps, q.targets[i].slot);
	/* What befell an engine as a whole is everybody's: it goes when all begin anew. */
	if (strcmp(name, "all") == 0)
		for (uint32_t i = 0; i < VN_ENGINES_MAX; i++)
			vn_engine_trust(&parts->dp.maps, i);
	*ret_reply = json_pack("{s:I}", "links", (json_int_t)(q.n / VN_DIRS));
	return *ret_reply ? 0 : -ENOMEM;
}
