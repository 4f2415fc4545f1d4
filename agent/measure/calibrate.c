/* SPDX-License-Identifier: GPL-2.0-only */
#include "measure/calibrate.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/utsname.h>

#include <disc/hist.h>
#include <base/util.h>

#include "base/runtime_dir.h"
#include "store/damaged.h"
#include "measure/probe_link.h"
#include "base/atomic_file.h"
#include "engines/placement.h"
#include "disc/disc_words.h"
#include "model/topo.h"

#define STEPS           7u /* of equal length */
#define PROBE_PPS       1000u
#define PROBE_MTU       1500u
#define HOLD_NS         VN_NSEC_PER_MSEC
#define WIRE_BYTES      38u /* that a full frame has on the wire beyond its MTU */
#define FULL_WIRE_BYTES (PROBE_MTU + WIRE_BYTES)
#define UNCOUNTED_BYTES 24u /* of which the figures count all but preamble, checksum and gap */
#define BULK_WAIT_NS    (2 * VN_NSEC_PER_SEC)
#define BULK_LOOK_NS    (5 * VN_NSEC_PER_MSEC)

static const uint32_t rates_pps[] = {1000, 10000, 50000};

static int cmp_u64(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static uint64_t quantile(uint64_t *v, size_t n, unsigned int percent)
{
	if (!n)
		return 0;
	qsort(v, n, sizeof(*v), cmp_u64);
	return v[VN_MIN(n * percent / 100, n - 1)];
}

static void cpu_name(char *buf, size_t size)
{
	cleanup_fclose FILE *f = fopen("/proc/cpuinfo", "re");
	char line[256];

	snprintf(buf, size, "unknown");
	while (f && fgets(line, sizeof(line), f)) {
		char *colon = strchr(line, ':');

		if (strncmp(line, "model name", 10) != 0 || !colon)
			continue;
		colon[strcspn(colon, "\n")] = 0;
		snprintf(buf, size, "%s", colon + 1 + (colon[1] == ' '));
		return;
	}
}

static json_t *machine(void)
{
	struct utsname u = {0};
	struct timespec now;
	char cpu[128];

	uname(&u);
	cpu_name(cpu, sizeof(cpu));
	clock_gettime(CLOCK_REALTIME, &now);
	return json_pack("{s:s, s:s, s:I, s:s, s:I}", "kernel", u.release, "cpu", cpu, "cpus",
			 (json_int_t)sysconf(_SC_NPROCESSORS_ONLN), "version", VN_VERSION, "time_ns",
			 (json_int_t)now.tv_sec * (json_int_t)VN_NSEC_PER_SEC + now.tv_nsec);
}

/* Time that the engine has spent on a processor: first figure of its schedstat. */
static uint64_t engine_cpu_ns(const struct vn_measure *m, uint32_t engine)
{
	unsigned long long ns = 0;
	char path[64];
	cleanup_fclose FILE *f = NULL;

	snprintf(path, sizeof(path), "/proc/%d/schedstat", (int)m->engines->engine[engine].pid);
	f = fopen(path, "re");
	return f && fscanf(f, "%llu", &ns) == 1 ? ns : 0;
}

struct run {
	struct vn_measure *m;
	const bool *cancelled;
	struct vn_probe_link pair;
	uint64_t step_ns;
	json_t *out;
	struct vn_err *err;
};

/* The engine under test: that of the probed direction. */
static uint32_t engine_of(const struct run *x)
{
	return vn_placement_engine(&x->m->store->fabric->placement, vn_probe_link_slot(&x->pair, 0, 0));
}

static void put(struct run *x, const char *key, uint64_t v)
{
	json_object_set_new(x->out, key, json_integer((json_int_t)v));
}

/* One job by the first direction, which the engine of @engine holds. */
static int probe(struct run *x, const struct vn_disc *disc, uint32_t engine, const struct vn_probe_job *job,
		 struct vn_probe_shared **ret_s)
{
	struct vn_probe_job own = *job;
	struct vn_probe_shared *s = vn_prober_map(&own, 1);
	int r;

	if (!s)
		return -ENOMEM;
	vn_probe_link_set(x->m, &x->pair, 0, 0, disc, engine);
	r = vn_probe_run(x->m, x->cancelled, &x->pair, &own, 1, s, NULL, x->err);
	if (r < 0)
		vn_prober_unmap(s);
	else
		*ret_s = s;
	return r;
}

static struct vn_probe_job spaced(uint64_t step_ns, uint32_t pps)
{
	return (struct vn_probe_job){.n = (uint32_t)VN_MIN(step_ns * pps / VN_NSEC_PER_SEC, VN_PROBES_MAX),
				     .gap_ns = VN_NSEC_PER_SEC / pps,
				     .len = VN_PROBE_LEN_MIN,
				     .wait_ns = 20 * VN_NSEC_PER_MSEC};
}

/* The path by itself, and with the engine in it: what a held frame takes at least beyond its delay. */
static int measure_floor(struct run *x)
{
	const struct vn_probe_job job = spaced(x->step_ns, PROBE_PPS);
	struct vn_disc disc = VN_DISC_NONE;
	struct vn_probe_shared *s;
	uint64_t wire, held;
	int r = probe(x, &disc, engine_of(x), &job, &s);

	if (r < 0)
		return r;
	wire = quantile(s->job[0].delay_ns, s->job[0].n_delays, 50);
	put(x, "wire_ns", wire);
	put(x, "timer_p50_ns", quantile(s->timer_late_ns, s->n_timer_late, 50));
	put(x, "timer_p99_ns", quantile(s->timer_late_ns, s->n_timer_late, 99));
	vn_prober_unmap(s);
	disc.delay_ns = 1;
	r = probe(x, &disc, engine_of(x), &job, &s);
	if (r < 0)
		return r;
	if (!s->job[0].n_delays)
		r = vn_err_kernel(x->err, EIO, "calibrate: no probe came back: see `vnet-agent doctor`");
	held = quantile(s->job[0].delay_ns, s->job[0].n_delays, 50);
	put(x, "floor_ns", held > wire ? held - wire : 0);
	vn_prober_unmap(s);
	return r;
}

static json_t *lateness(const struct vn_dir *dir, uint32_t pps)
{
	const __u64 *h = (const __u64 *)dir->late_hist;
	uint64_t max = dir->late_max_ns;

	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "pps", (json_int_t)pps, "packets",
			 (json_int_t)dir->out_packets, "p50_ns", (json_int_t)VN_MIN(vn_hist_percentile(h, 500000), max),
			 "p99_ns", (json_int_t)VN_MIN(vn_hist_percentile(h, 990000), max), "p999_ns",
			 (json_int_t)VN_MIN(vn_hist_percentile(h, 999000), max), "max_ns", (json_int_t)max);
}

static int measure_lateness(struct run *x)
{
	struct vn_disc disc = VN_DISC_NONE;
	json_t *list = json_array();

	disc.delay_ns = HOLD_NS;
	json_object_set_new(x->out, "lateness", list);
	for (size_t i = 0; i < VN_ARRAY_SIZE(rates_pps); i++) {
		struct vn_probe_job job = spaced(x->step_ns, rates_pps[i]);
		struct vn_probe_shared *s;
		struct vn_dir dir;
		int r;

		/* One by one is not possible any more: so many each ms. */
		if (rates_pps[i] > 10000)
			job = (struct vn_probe_job){.burst_ns = x->step_ns,
						    .burst_gap_ns = VN_NSEC_PER_SEC / rates_pps[i],
						    .burst_len = VN_PROBE_LEN_MIN,
						    .wait_ns = 20 * VN_NSEC_PER_MSEC};
		r = probe(x, &disc, engine_of(x), &job, &s);
		if (r < 0)
			return r;
		vn_prober_unmap(s);
		vn_dir_read(&x->m->store->dp->maps, vn_probe_link_slot(&x->pair, 0, 0), &dir);
		json_array_append_new(list, lateness(&dir, rates_pps[i]));
	}
	return 0;
}

/* As much as one sender can send: the limit of the engine of @engine, or the sender's, whichever is lower. */
static int send_most(struct run *x, const struct vn_disc *disc, uint32_t engine, bool gso, struct vn_dir *ret_dir,
		     uint64_t *ret_ns)
{
	const struct vn_probe_job job = {.burst_ns = VN_MIN(x->step_ns, VN_NSEC_PER_SEC / 2),
					 .burst_gap_ns = 1,
					 .burst_len = VN_PROBE_LEN_MIN,
					 .burst_gso = gso,
					 .blind = true,
					 .wait_ns = 50 * VN_NSEC_PER_MSEC};
	struct vn_probe_shared *s;
	int r = probe(x, disc, engine, &job, &s);

	if (r < 0)
		return r;
	vn_prober_unmap(s);
	vn_dir_read(&x->m->store->dp->maps, vn_probe_link_slot(&x->pair, 0, 0), ret_dir);
	*ret_ns = job.burst_ns;
	return 0;
}

static int measure_capacity(struct run *x)
{
	const uint32_t engine = engine_of(x);
	uint64_t cpu_ns = engine_cpu_ns(x->m, engine), ns;
	struct vn_disc disc = VN_DISC_NONE;
	struct vn_dir dir;
	int r;

	disc.delay_ns = HOLD_NS;
	disc.holder = VN_HOLDER_PRECISE;
	r = send_most(x, &disc, engine, false, &dir, &ns);
	if (r < 0)
		return r;
	put(x, "pps_max", dir.out_packets * VN_NSEC_PER_SEC / ns);
	put(x, "cpu_ns_per_packet", dir.out_packets ? (engine_cpu_ns(x->m, engine) - cpu_ns) / dir.out_packets : 0);
	return 0;
}

/* The same of the bulk holder, in bits on the wire; 0 where it cannot serve. */
static int measure_bulk(struct run *x)
{
	uint64_t until_ns = vn_now_ns() + BULK_WAIT_NS, ns;
	struct vn_disc disc = VN_DISC_NONE;
	struct vn_dir dir;
	int r;

	put(x, "bulk_bps_max", 0);
	while (!vn_engines_bulk_up(x->m->engines)) {
		if (vn_now_ns() > until_ns || *x->m->stop)
			return 0;
		vn_job_sleep(x->m->store->jobs, BULK_LOOK_NS);
	}
	disc.delay_ns = HOLD_NS;
	disc.holder = VN_HOLDER_BULK;
	r = send_most(x, &disc, VN_ENGINE_BULK, true, &dir, &ns);
	if (r < 0)
		return r;
	put(x, "bulk_bps_max",
	    (uint64_t)((double)(dir.out_bytes + dir.out_packets * UNCOUNTED_BYTES) * 8e9 / (double)ns));
	return 0;
}

static int measure(struct run *x)
{
	const struct vn_engine *e = &x->m->store->dp->maps.engine[engine_of(x)];
	int r = measure_floor(x);

	if (r == 0)
		r = measure_lateness(x);
	if (r == 0)
		r = measure_capacity(x);
	if (r == 0)
		r = measure_bulk(x);
	put(x, "memory_bytes", e->slab_max_bytes);
	put(x, "direction_bytes", e->lane_max_bytes);
	put(x, "frame_bytes", e->frame_bytes);
	put(x, "direction_frames", e->frame_bytes ? e->lane_max_bytes / e->frame_bytes : 0);
	json_object_set_new(x->out, "fifo", json_boolean(e->fifo));
	return r;
}

static int save(const struct vn_measure *m, json_t *o, struct vn_err *err)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/" VN_CALIBRATION_FILE, m->store->runtime_dir);
	return vn_record_json(path, json_incref(o), err);
}

int vn_calibrate(struct vn_measure *m, uint64_t time_ns, const bool *cancelled, struct vn_err *err)
{
	struct run x = {.m = m, .cancelled = cancelled, .step_ns = time_ns / STEPS, .err = err};
	int r;

	r = vn_probe_link_open(m, cancelled, PROBE_MTU, 1, &x.pair, err);
	if (r < 0)
		return r;
	x.out = machine();
	r = x.out ? measure(&x) : -ENOMEM;
	vn_probe_link_close(m, &x.pair);
	if (r == 0)
		r = save(m, x.out, err);
	if (r < 0) {
		json_decref(x.out);
		return r;
	}
	json_decref(m->calibration);
	m->calibration = x.out;
	return 0;
}

void vn_calibration_load(struct vn_measure *m)
{
	static const char *const same[] = {"kernel", "cpu", "cpus"};
	json_t *now = machine(), *was = NULL;
	struct vn_err why = {0};
	int r = vn_damaged_load(m->store, VN_CALIBRATION_FILE, &was, &why);

	for (size_t i = 0; r == 0 && i < VN_ARRAY_SIZE(same); i++)
		if (!json_object_get(was, same[i]))
			r = vn_err_usage(&why, "'%s' is missing", same[i]);
	if (r < 0 && r != -ENOENT) {
		vn_damaged_aside(m->store, VN_CALIBRATION_FILE, why.text, "this host counts as not calibrated");
		json_decref(was);
		was = NULL;
	}
	/* One of another machine, or of another kernel, is whole and of no use. */
	for (size_t i = 0; was && i < VN_ARRAY_SIZE(same); i++)
		if (!json_equal(json_object_get(was, same[i]), json_object_get(now, same[i]))) {
			json_decref(was);
			was = NULL;
		}
	json_decref(now);
	m->calibration = was;
}

static uint64_t known(const struct vn_measure *m, const char *key)
{
	json_int_t v = json_integer_value(json_object_get(m->calibration, key));

	return m->no_check || v < 0 ? 0 : (uint64_t)v;
}

static void gigabytes(char *buf, size_t size, double bytes)
{
	snprintf(buf, size, bytes < 1e9 ? "%.3g MB" : "%.3g GB", bytes / (bytes < 1e9 ? 1e6 : 1e9));
}

/* Full frames at the full rate for all of the delay: what a long transfer will hold. */
static int check_memory(struct vn_measure *m, const char *what, const struct vn_disc *disc, struct vn_err *err)
{
	const struct vn_engine *e = &m->store->dp->maps.engine[0]; /* all have the same */
	double frames = (double)disc->rate_bps / (8 * FULL_WIRE_BYTES) * (double)disc->delay_ns / 1e9, most, need;
	char rate[VN_UNIT_BUF], delay[VN_UNIT_BUF], needs[32], has[32];

	if (!disc->rate_bps || disc->trace_block || !e->lane_max_bytes || !e->frame_bytes)
		return 0;
	most = (double)(e->lane_max_bytes / e->frame_bytes);
	if (disc->limit_packets)
		frames = VN_MIN(frames, disc->limit_packets);
	if (frames <= most)
		return 0;
	need = frames * e->frame_bytes;
	gigabytes(needs, sizeof(needs), need);
	gigabytes(has, sizeof(has), (double)e->lane_max_bytes);
	return vn_err(err, VN_EXIT_NOT_POSSIBLE, ENOSPC,
		      "%s: %s with %s needs %s, the engine may hold %s for one direction: at most %.0fms at this rate, "
		      "or %.4gmbit with this delay",
		      what, vn_format_rate(rate, disc->rate_bps), vn_format_time(delay, disc->delay_ns), needs, has,
		      most * FULL_WIRE_BYTES * 8 / (double)disc->rate_bps * 1e3,
		      most * FULL_WIRE_BYTES * 8 / ((double)disc->delay_ns / 1e9) / 1e6);
}

static int check_floor(struct vn_measure *m, const char *what, const struct vn_disc *disc, struct vn_err *err)
{
	uint64_t floor_ns = known(m, "floor_ns");
	char delay[VN_UNIT_BUF];

	if (!disc->delay_ns || disc->trace_block || disc->delay_ns >= floor_ns)
		return 0;
	return vn_err(err, VN_EXIT_NOT_POSSIBLE, ERANGE,
		      "%s: delay %s: on this host a held frame takes %.1fus by itself: say 0, or at least that "
		      "(calibrate anew, or start the daemon with --no-calibration-check)",
		      what, vn_format_time(delay, disc->delay_ns), (double)floor_ns / 1e3);
}

/*
 * Full frames at the full rate: what a long transfer sends. The bulk holder carries them by the GSO frame, where it
 * may serve at all.
 */
static int check_rate(struct vn_measure *m, const char *what, const struct vn_disc *disc, uint32_t mtu,
		      struct vn_err *err)
{
	bool bulk = vn_disc_bulk_can(disc) && disc->holder != VN_HOLDER_PRECISE;
	double precise_bps = (double)known(m, "pps_max") * (mtu + WIRE_BYTES) * 8,
	       bulk_bps = bulk ? (double)known(m, "bulk_bps_max") : 0, most = VN_MAX(precise_bps, bulk_bps);
	char rate[VN_UNIT_BUF];

	if (!disc->rate_bps || disc->trace_block || !most || (double)disc->rate_bps <= most)
		return 0;
	return vn_err(err, VN_EXIT_NOT_POSSIBLE, ERANGE,
		      "%s: rate %s: through an engine of this host went at most %.3ggbit of full frames%s: say no more "
		      "than that, or no rate (calibrate anew, or start the daemon with --no-calibration-check)",
		      what, vn_format_rate(rate, disc->rate_bps), most / 1e9,
		      bulk ? "" : " one by one, as this discipline wants");
}

int vn_limits_check(struct vn_measure *m, const char *what, const struct vn_disc *disc, uint32_t mtu,
		    struct vn_err *err)
{
	int r = check_memory(m, what, disc, err);

	if (r == 0)
		r = check_floor(m, what, disc, err);
	return r == 0 ? check_rate(m, what, disc, mtu, err) : r;
}

int vn_limits_check_topo(struct vn_measure *m, const struct vn_topo *t, struct vn_err *err)
{
	char what[VN_NAME_MAX + 8];
	int r = 0;

	for (size_t i = 0; i < t->n_links && r == 0; i++)
		for (int dir = 0; dir < VN_DIRS && r == 0; dir++) {
			snprintf(what, sizeof(what), "link %s", t->links[i].name);
			r = vn_limits_check(m, what, &t->links[i].disc[dir], t->links[i].mtu, err);
		}
	return r;
}
