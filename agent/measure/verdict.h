/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Judges whether a link does what its discipline says. Input: statistics and a discipline; output: verdicts with their
 * bounds. Pure functions: the daemon reads the statistics, of the users' frames or of probes.
 */
#ifndef VNET_MEASURE_VERDICT_H
#define VNET_MEASURE_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <abi/abi_disc.h>
#include <abi/abi_engine.h>

/* What is still right. How late: an engine that was not disturbed is an order of magnitude below. */
#define VN_VERIFY_LATE_P50_NS  100000ULL
#define VN_VERIFY_LATE_P99_NS  1000000ULL
#define VN_VERIFY_LATE_MAX_NS  20000000ULL
#define VN_VERIFY_WAIT_NS      1000000ULL /* for the engine: from here on it explains lateness */
#define VN_VERIFY_PROBE_P50_NS 200000ULL  /* of probes: their sender and receiver are ordinary processes */
#define VN_VERIFY_PROBE_P99_NS 2000000ULL
#define VN_VERIFY_RATE_PPM     10000u /* of the rate, either way */
#define VN_VERIFY_FRAMES_MIN   100u   /* for a 99th percentile */
#define VN_VERIFY_EVENTS_MIN   10u    /* expected, before their number says anything */
#define VN_VERIFY_SMALL        0.001  /* a share that is certainly as near to what was set need not be told from it */
#define VN_VERIFY_ROWS_MAX     28

enum vn_judgement {
	VN_PASSED,
	VN_UNKNOWN, /* too little to say */
	VN_FAILED,
};
extern const char *const vn_judgement_words[]; /* "pass", "unknown", "fail" */

/**
 * struct vn_verify_row - one check
 * @check:  "loss", "lateness" ...
 * @probe:  of probes, not of the users' frames
 * @n:      frames it speaks of
 * @has_ppb:   configured, measured, low, high are parts per billion
 * @has_times: p50, p99, max
 * @has_rate:  configured, measured, low, high are bit/s
 * @found, @bound: for people
 * @note:   why, or what to do; may be empty
 */
struct vn_verify_row {
	const char *check;
	enum vn_judgement verdict;
	bool probe, has_ppb, has_times, has_rate;
	uint64_t n;
	uint64_t configured, measured, low, high;
	int64_t p50_ns, p90_ns, p99_ns, max_ns;
	uint64_t p50_bound_ns, p99_bound_ns, max_bound_ns;
	char found[112], bound[112], note[160];
};

struct vn_verify {
	struct vn_verify_row rows[VN_VERIFY_ROWS_MAX];
	size_t n;
};

/*
 * The worst of all rows, but what is unknown by one source may be known by the other. Without rows: unknown.
 */
enum vn_judgement vn_verify_verdict(const struct vn_verify *v);

/* At a port, of frames that no discipline asked to drop. */
struct vn_verify_port {
	uint64_t engine_down, no_peer, ring_full, undelivered;
};

/**
 * struct vn_verify_balance - does everything that entered leave, or wait, or is it counted as dropped
 * @entered: frames, since the figures began
 * @missing: frames of which none of that was so, at the one of several looks at which they were fewest; below 0: more
 *           came out than went in, at every look
 * @on_way:  so many may have been on their way between two counters: what entered in a ms while it was looked
 */
struct vn_verify_balance {
	uint64_t entered;
	int64_t missing;
	uint64_t on_way;
};

/**
 * struct vn_verify_figures - what the users' frames met
 * @dir:       the engine's figures
 * @asked:     the discipline that was configured
 * @in_force:  the one that the data path has
 * @path_ok:   the port's entry says what the topology says (held or not, where to)
 * @node:      "" or how the node's end of the link differs from what was configured there, at both ends
 * @up:        the engine answers
 * @port:      drops at the port that no discipline asked for
 * @engine_overload: bits that concern every direction of the engine (its ring, its buffers)
 * @rate_ns:   how long the rate's queue was certainly never empty, @rate_bits: bits on the wire that left it then; 0, 0
 *             when it was never seen to be
 */
struct vn_verify_figures {
	const struct vn_dir *dir;
	const struct vn_disc *asked, *in_force;
	bool held, path_ok, up;
	struct vn_verify_port port;
	struct vn_verify_balance balance;
	const char *node;
	uint32_t engine_overload;
	uint64_t rate_ns, rate_bits;
};
void vn_verify_traffic(const struct vn_verify_figures *f, struct vn_verify *v);

/**
 * struct vn_verify_probes - what probes met
 * @delay_ns:  of those that arrived and whose sender was not disturbed, ascending, @n_delays of them
 * @serve_ns:  time of one probe in the server of the rate
 * @burst_ns, @burst_bits: between first and last frame of a burst that kept the queue full
 * @burst_least: or of one that could not fill it: the rate is at least that
 * @missed:    frames that the receiver itself lost: nothing can be said about loss
 * @port:      of them, dropped at the port
 * @dir:       the engine's figures of them
 * @before_burst: the same, before a burst filled the queue of the rate and took its share of the host; or NULL
 */
struct vn_verify_probes {
	const uint64_t *delay_ns;
	size_t n_delays;
	uint64_t sent, lost, duplicated, corrupted, reordered, missed;
	uint64_t serve_ns;
	uint64_t burst_ns, burst_bits;
	bool burst_least;
	struct vn_verify_port port;
	const struct vn_dir *dir, *before_burst;
};
void vn_verify_probing(const struct vn_disc *asked, const struct vn_verify_probes *p, struct vn_verify *v);

/* "late, throttled"; "none". Returns @buf. */
const char *vn_overload_text(char *buf, size_t size, uint32_t bits);
/* Figures of which the discipline now in force is the cause: since its mark. */
uint64_t vn_verify_since(uint64_t total, uint64_t mark);

#endif
