/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A holder at work, whichever it is: numbered frames sent through a link, received and checked. No upper bound on time
 * is asserted here or by those who use it, as the machine may be busy; lower bounds are: nothing is ever early.
 */
#ifndef VNET_SELFTESTS_HOLDER_RIG_H
#define VNET_SELFTESTS_HOLDER_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <disc/discipline.h>

#include "selftests/bpf/bulk_rig.h"

#define HC_MAGIC 0x766e6574u

struct holder {
	const char *name;
	int (*up)(struct rig *g, const char *engine_path, uint32_t links);
	int (*start)(struct rig *g);
	uint32_t kind; /* enum vn_holder */
};

struct hc_payload {
	uint8_t eth[14];
	uint16_t pad;
	uint32_t magic;
	uint32_t number;
	uint64_t sent_ns;
	uint8_t fill[9000];
};

static const struct holder *hc;
static struct rig rig;
static int hc_tx, hc_rx;
static uint64_t hc_key = 1;

static inline void hc_send(uint32_t number, uint32_t len)
{
	static struct hc_payload p;

	memset(p.eth, 0xff, 6);
	memcpy(p.eth + 6, "\x02\0\0\0\0\1\x88\xb5", 8);
	p.magic = HC_MAGIC;
	p.number = number;
	for (uint32_t i = 0; i < sizeof(p.fill); i++)
		p.fill[i] = (uint8_t)(i * 31 + number);
	p.sent_ns = vn_now_ns();
	while (send(hc_tx, &p, len, 0) != (ssize_t)len) {
		assert_true(errno == EAGAIN || errno == ENOBUFS);
		sched_yield();
	}
}

/* Next frame of ours; its contents are checked. False when none came by @until_ns. */
static inline bool hc_recv(uint64_t until_ns, struct hc_payload *ret, uint32_t *ret_len, uint64_t *ret_now_ns)
{
	for (;;) {
		struct pollfd p = {.fd = hc_rx, .events = POLLIN};
		ssize_t n = recv(hc_rx, ret, sizeof(*ret), 0);
		uint64_t now = vn_now_ns();

		if (n >= 32 && ret->magic == HC_MAGIC) {
			for (uint32_t i = 0; i + offsetof(struct hc_payload, fill) < (uint32_t)n; i++)
				assert_int_equal(ret->fill[i], (uint8_t)(i * 31 + ret->number));
			*ret_len = (uint32_t)n;
			*ret_now_ns = now;
			return true;
		}
		if (n >= 0)
			continue;
		if (now >= until_ns)
			return false;
		poll(&p, 1, 1 + (int)((until_ns - now) / VN_NSEC_PER_MSEC));
	}
}

/* A new link in slot 1 with discipline @d: figures at zero, nothing of the one before in the way. */
static inline void hc_link(struct vn_disc *d)
{
	struct hc_payload p;
	uint32_t len;
	uint64_t now = 0;

	d->key = hc_key++;
	vn_disc_renew(&rig.dp.maps, 1);
	vn_disc_write(&rig.dp.maps, 1, d);
	assert_true(rig_wait(rig_status(&rig)->held_packets == 0));
	while (hc_recv(0, &p, &len, &now))
		;
}

/* What is held has been let go, and the figures of slot 1 are complete for @sent frames. */
static inline bool hc_settled(uint64_t sent)
{
	volatile struct vn_dir *d = rig_dir(&rig, 1);

	return rig_wait(d->gen == rig.dp.maps.disc[1].gen && d->in_packets == sent && d->state.held_packets == 0 &&
			d->state.held_bytes == 0 &&
			d->out_packets + d->drops[VN_EDROP_LOSS] + d->drops[VN_EDROP_LIMIT] +
					d->drops[VN_EDROP_MEMORY] + d->drops[VN_EDROP_TX] ==
				sent);
}

/* @n frames have come to the engine; says what it knows when not. */
static inline bool hc_arrived(uint64_t n)
{
	volatile struct vn_engine *e = rig_status(&rig);
	volatile struct vn_dir *d = rig_dir(&rig, 1);

	if (rig_wait(d->gen == rig.dp.maps.disc[1].gen && d->in_packets == n))
		return true;
	printf("# %llu of %llu frames came; engine-down %llu, bad %llu, overload %x; tr0 has:\n",
	       (unsigned long long)d->in_packets, (unsigned long long)n,
	       (unsigned long long)rig.dp.maps.drop[1].count[VN_DROP_ENGINE_DOWN], (unsigned long long)e->bad_meta,
	       e->overload);
	rig_sh("ip -s link show tr0");
	return false;
}

/* Every frame arrives once, in order, unchanged, and none before its time. */
static inline void hc_delay_of(uint64_t delay_ns, uint32_t len, uint32_t count)
{
	struct vn_disc d = {.delay_ns = delay_ns};
	struct hc_payload p;
	uint32_t got_len;
	uint64_t now = 0;

	hc_link(&d);
	for (uint32_t i = 0; i < count; i++) {
		hc_send(i, len);
		if (i % 64 == 63)
			assert_true(hc_arrived(i + 1));
	}
	for (uint32_t i = 0; i < count; i++) {
		assert_true(hc_recv(vn_now_ns() + RIG_WAIT, &p, &got_len, &now));
		assert_int_equal(p.number, i);
		assert_int_equal(got_len, len);
		assert_true(now - p.sent_ns >= delay_ns);
	}
	assert_true(hc_settled(count));
	assert_int_equal(rig_dir(&rig, 1)->out_packets, count);
	assert_int_equal(rig_dir(&rig, 1)->out_bytes, (uint64_t)count * len);
	assert_int_equal(rig_dir(&rig, 1)->in_bytes, (uint64_t)count * len);
	assert_false(hc_recv(vn_now_ns() + delay_ns, &p, &got_len, &now));
}

/* build/selftests/bpf/test_x -> build/vnet-engine; VNET_ENGINE overrides. */
static inline int hc_engine_path(char *path, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", path, size - 32);
	const char *env = getenv("VNET_ENGINE");

	if (n < 0)
		return -errno;
	path[n] = 0;
	for (int i = 0; i < 3; i++) {
		char *slash = strrchr(path, '/');

		if (!slash)
			return -EINVAL;
		*slash = 0;
	}
	snprintf(path + strlen(path), 16, "/vnet-engine");
	if (env)
		snprintf(path, size, "%s", env);
	return 0;
}

static inline int hc_setup(const struct holder *h)
{
	char path[512];
	int r = hc_engine_path(path, sizeof(path));

	hc = h;
	rig = (struct rig){0};
	if (r == 0)
		r = rig_isolate();
	if (r == 0)
		r = h->up(&rig, path, 1);
	if (r < 0) {
		fprintf(stderr, "%s rig: %s: %s\n", h->name, strerror(-r), rig.err.text);
		return -1;
	}
	hc_tx = rig_socket("a0");
	hc_rx = rig_socket("b0");
	return hc_tx < 0 || hc_rx < 0 ? -1 : 0;
}

static inline int hc_teardown(void **state)
{
	close(hc_tx);
	close(hc_rx);
	rig_down(&rig);
	return 0;
}

#endif
