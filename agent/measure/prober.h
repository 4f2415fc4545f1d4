/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The prober sends and receives probes. It is a child process of the daemon, so that neither waits for the other. It
 * works on directions of links between two namespaces of the daemon's own, all at the same time.
 *
 * Each probe carries its number three times and is otherwise known to the byte: what arrives is recognised, and found
 * corrupt, even with a bit flipped. The time of sending is taken before the system call, that of arrival by the kernel
 * when the frame enters the receiving stack; both of CLOCK_REALTIME.
 */
#ifndef VNET_MEASURE_PROBER_H
#define VNET_MEASURE_PROBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VN_PROBES_MAX      100000u /* one after the other, a direction */
#define VN_PROBE_BURST_MAX 400000u
#define VN_PROBE_LEN_MIN   60u

#define VN_PROBE_GSO_BYTES (44u * 1460u) /* as much as an IPv4 packet takes in whole segments */

/**
 * struct vn_probe_job - what to send in one direction
 * @tx_ns, @rx_ns:   namespaces of the two ends
 * @tx_ifindex, @rx_ifindex, @src, @dst: of them
 * @n, @gap_ns, @len: probes one by one (n 0: none); length in bytes, Ethernet header included
 * @burst_at_ns: when all have sent those, the burst begins so much later ...
 * @burst_ns, @burst_gap_ns, @burst_len: ... and lasts so long, frames this far apart: as many as the clock says at each
 * ms
 * @burst_super: the burst is of GSO frames of TCP, VN_PROBE_SUPER_BYTES of payload in segments of an MTU of 1500
 */
struct vn_probe_job {
	int tx_ns, rx_ns;
	uint32_t tx_ifindex, rx_ifindex;
	uint8_t src[6], dst[6];
	uint32_t n;
	uint64_t gap_ns;
	uint32_t len;
	uint64_t burst_at_ns, burst_ns, burst_gap_ns;
	uint32_t burst_len;
	bool burst_gso;
	bool blind;       /* nobody receives: the sender is to be as fast as it can */
	uint64_t wait_ns; /* for stragglers, after the last was sent */
};

/* What became of them; the arrays are as long as the job may need. */
struct vn_probe_result {
	uint32_t sent, received, duplicated, corrupted, reordered; /* of those one by one */
	uint32_t missed;                                           /* by the receiving socket */
	uint32_t n_delays;                                         /* of undisturbed senders */
	uint32_t burst_sent, burst_received, burst_max;
	uint64_t *delay_ns;
	uint64_t *sent_ns;                     /* scratch */
	uint8_t *seen;                         /* scratch */
	uint64_t *burst_sent_ns, *burst_at_ns; /* of each that was sent, of each that came; CLOCK_MONOTONIC */
};

/* One piece of memory that daemon and child share, at the same address. */
struct vn_probe_shared {
	size_t size;
	int error;                    /* negative errno of the child's preparations */
	bool bursting;                /* the last of those one by one has been sent; some time before the first burst */
	uint64_t timer_late_ns[2000]; /* how late this ordinary process woke up: scratch of calibrate */
	uint32_t n_timer_late;
	size_t n;
	struct vn_probe_result job[]; /* as many as jobs */
};

/* Start the child on @n @jobs (those without probes and burst are skipped). Its pid, or -errno. */
int vn_prober_start(const struct vn_probe_job *jobs, size_t n, struct vn_probe_shared *shared);
/* Memory for what becomes of @jobs; NULL when there is none. */
struct vn_probe_shared *vn_prober_map(const struct vn_probe_job *jobs, size_t n);
void vn_prober_unmap(struct vn_probe_shared *s);

#endif
