// SPDX-License-Identifier: GPL-2.0-only
/*
 * The rival that edt.sh measures: a link by earliest departure times. Frames cross from one device to the other by
 * bpf_redirect(), get their time at the egress, and sch_fq there keeps them until then.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

#define NSEC_PER_SEC 1000000000ULL

/* Set by bpftool: five words of 64 bits. */
struct edt_config {
	__u64 delay_ns;
	__u64 rate_bps;
	__u64 limit_ns; /* the longest queue, by the time it takes */
	__u64 to;       /* redirect to this device */
	__u64 next_ns;  /* when the wire is free */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct edt_config);
} edt_config SEC(".maps");

SEC("tc")
int edt_cross(struct __sk_buff *skb __attribute__((unused)))
{
	__u32 key = 0;
	struct edt_config *c = bpf_map_lookup_elem(&edt_config, &key);

	return c ? bpf_redirect((__u32)c->to, 0) : TC_ACT_SHOT;
}

/* The virtual clock of a rate: one word, taken by compare and swap. 0: the queue is full. */
static __u64 depart(struct edt_config *c, __u32 bytes, __u64 now)
{
	__u64 took = (__u64)bytes * 8 * NSEC_PER_SEC / c->rate_bps;

	for (int i = 0; i < 8; i++) {
		__u64 seen = *(volatile __u64 *)&c->next_ns, begin = seen > now ? seen : now;

		if (begin - now > c->limit_ns)
			return 0;
		if (__sync_val_compare_and_swap(&c->next_ns, seen, begin + took) == seen)
			return begin + took;
	}
	return 0;
}

SEC("tc")
int edt_stamp(struct __sk_buff *skb)
{
	__u64 now = bpf_ktime_get_ns(), at = now;
	__u32 key = 0;
	struct edt_config *c = bpf_map_lookup_elem(&edt_config, &key);

	if (!c || (!c->delay_ns && !c->rate_bps))
		return TC_ACT_OK;
	if (c->rate_bps)
		at = depart(c, skb->wire_len, now);
	if (!at)
		return TC_ACT_SHOT;
	bpf_skb_set_tstamp(skb, at + c->delay_ns, BPF_SKB_TSTAMP_DELIVERY_MONO);
	return TC_ACT_OK;
}

char LICENSE[] SEC("license") = "GPL";
