/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Policing: a token bucket as one word, the virtual clock of a single server (GCRA, ITU-T I.371, "virtual scheduling").
 * One word can be advanced by compare-and-swap, so any number of CPUs share one bucket without a lock. Pure functions;
 * users: vn_tc_port and the tests.
 */
#ifndef VNET_DISC_POLICE_H
#define VNET_DISC_POLICE_H

#include <disc/discipline.h>

/*
 * vn_police_bytes() - what a frame takes from the bucket: its bytes on the wire, like the discipline's rate
 * @len:      of the frame or GSO frame, Ethernet header on
 * @head:     bytes of headers that each segment of a GSO frame repeats
 * @gso_size: payload of each segment but the last, which may be shorter; 0: not a GSO frame
 */
static inline __u64 vn_police_bytes(__u32 len, __u32 head, __u32 gso_size)
{
	__u32 full;

	if (!gso_size || head >= len)
		return vn_wire_bytes(len);
	full = (len - head - 1) / gso_size;
	return (__u64)full * vn_wire_bytes(head + gso_size) + vn_wire_bytes(len - full * gso_size);
}

/**
 * vn_police_conform() - may a frame pass, and what the bucket is afterwards
 * @tat_ns:     the word: when the bucket is (or was) full again
 * @now_ns:     CLOCK_MONOTONIC; may lag behind what another CPU has seen
 * @bytes:      the frame's (vn_police_bytes()); more than 2^31 count as that, as in the burst
 * @rate_bps, @burst_bytes: of the bucket, in bytes on the wire; a rate of 0 is the caller's to handle
 * @ret_tat_ns: the new word; set only when the frame passes
 *
 * A frame passes when the bucket holds its bytes; one longer than the whole bucket when the bucket is full. Either way
 * all of it is charged, so the rate over any longer time is exact and GSO frames need no burst of their size.
 * Returns 1 when it passes.
 *
 * The word is in whole ns, although 84 bytes take 0.7 ns at 1 Tbit/s: vn_disc_serve_ns() rounds up for just the
 * fraction of the frames that makes the sum right, here chosen by a hash of the clocks. The largest values, 2^31 bytes
 * at 1 kbit/s, are 199 days; nothing overflows.
 */
static inline int vn_police_conform(__u64 tat_ns, __u64 now_ns, __u64 bytes, __u64 rate_bps, __u32 burst_bytes,
				    __u64 *ret_tat_ns)
{
	__u64 ahead_ns = tat_ns > now_ns ? tat_ns - now_ns : 0;

	if (rate_bps > VN_DISC_RATE_MAX)
		rate_bps = VN_DISC_RATE_MAX;
	if (bytes > VN_DISC_LIMIT_MAX)
		bytes = VN_DISC_LIMIT_MAX;
	if (burst_bytes > VN_DISC_LIMIT_MAX)
		burst_bytes = VN_DISC_LIMIT_MAX;
	/* Not by the rounded cost: it would let pass those whose cost was rounded down rather than the others. */
	if (ahead_ns > vn_disc_limit_ns(burst_bytes > bytes ? burst_bytes - bytes : 0, rate_bps))
		return 0;
	*ret_tat_ns = now_ns + ahead_ns + vn_disc_serve_ns((__u32)bytes, rate_bps, vn_mix64(tat_ns + now_ns));
	return 1;
}

#endif
