// SPDX-License-Identifier: GPL-2.0-only
/* Where held frames live and in which order they leave: slab, heap and lanes against plain references. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <disc/rng.h>
#include <base/util.h>

#include "engine/hold.h"

static uint64_t draw_n;

static uint64_t below(uint64_t range)
{
	return vn_rng_below(vn_rng_draw(1, draw_n++, 0), range);
}

/* --- slab */

static void test_slab_classes(void **state)
{
	assert_int_equal(vn_slab_class(0), 0);
	assert_int_equal(vn_slab_class(VN_SLAB_OBJECT_MAX), VN_SLAB_CLASSES - 1);
	assert_int_equal(vn_slab_class(VN_SLAB_OBJECT_MAX + 1), -EMSGSIZE);
	for (unsigned int i = 0; i < VN_SLAB_CLASSES; i++) {
		assert_int_equal(vn_slab_class(vn_slab_class_bytes(i)), i);
		assert_int_equal(vn_slab_class_bytes(i) % VN_SLAB_UNIT, 0);
		/* little of a span is wasted */
		assert_true(VN_SLAB_SPAN_BYTES % vn_slab_class_bytes(i) < VN_SLAB_SPAN_BYTES / 20);
	}
	/* a frame of MTU 9216 with two tags of the user's, and a full one of MTU 1500 in its class */
	assert_true(VN_FRAME_MAX >= 16256 + 14 + 4 + 8);
	assert_int_equal(vn_slab_class_bytes((unsigned int)vn_slab_class(sizeof(struct vn_frame) + 1518)), 1664);
}

/* Objects do not overlap: each is filled with its own byte, and still holds it when it is freed. */
static void test_slab_no_overlap(void **state)
{
	struct {
		uint32_t ref;
		uint8_t fill;
		uint8_t class;
	} live[2000];
	struct vn_slab s;
	size_t n = 0;
	uint64_t bytes = 0;

	assert_int_equal(vn_slab_init(&s, 64 << 20), 0);
	for (int round = 0; round < 100000; round++) {
		if (n < VN_ARRAY_SIZE(live) && below(5) < 3) {
			uint8_t class = (uint8_t)below(VN_SLAB_CLASSES);
			uint32_t ref = vn_slab_alloc(&s, class);

			assert_int_not_equal(ref, VN_SLAB_NONE);
			live[n].ref = ref;
			live[n].class = class;
			live[n].fill = (uint8_t)below(256);
			memset(vn_slab_ptr(&s, ref), live[n].fill, vn_slab_class_bytes(class));
			bytes += vn_slab_class_bytes(class);
			n++;
		} else if (n > 0) {
			size_t i = below(n);
			const uint8_t *p = vn_slab_ptr(&s, live[i].ref);

			for (uint32_t b = 0; b < vn_slab_class_bytes(live[i].class); b++)
				assert_int_equal(p[b], live[i].fill);
			vn_slab_free(&s, live[i].ref);
			bytes -= vn_slab_class_bytes(live[i].class);
			live[i] = live[--n];
		}
		assert_int_equal(s.used_bytes, bytes);
	}
	while (n > 0)
		vn_slab_free(&s, live[--n].ref);
	assert_int_equal(s.used_bytes, 0);
	assert_int_equal(s.n_busy, 0);
	vn_slab_release(&s);
}

/* Full is full, whatever the class; what one class has given back another can use; trimmed spans too. */
static void test_slab_full(void **state)
{
	static uint32_t ref[200000];
	struct vn_slab s;

	assert_int_equal(vn_slab_init(&s, 16 << 20), 0);
	for (int round = 0; round < 3; round++) {
		for (unsigned int class = 0; class < VN_SLAB_CLASSES; class ++) {
			uint32_t n = 0, expect = s.n_spans * (VN_SLAB_SPAN_BYTES / vn_slab_class_bytes(class));

			while ((ref[n] = vn_slab_alloc(&s, class)) != VN_SLAB_NONE)
				n++;
			assert_int_equal(n, expect);
			assert_int_equal(vn_slab_taken_bytes(&s), 16 << 20);
			while (n > 0)
				vn_slab_free(&s, ref[--n]);
			vn_slab_trim(&s, (uint32_t)round * 10, UINT32_MAX);
			assert_int_equal(vn_slab_taken_bytes(&s), (uint64_t)round * 10 * VN_SLAB_SPAN_BYTES);
		}
	}
	vn_slab_release(&s);
	assert_int_equal(vn_slab_init(&s, VN_SLAB_SPAN_BYTES), -EINVAL);
	assert_int_equal(vn_slab_init(&s, 1ULL << 50), -EINVAL);
}

/* --- heap */

static int compare_node(const void *a, const void *b)
{
	const struct vn_heap_node *x = a, *y = b;

	return vn_heap_before(x, y) ? -1 : vn_heap_before(y, x);
}

static void test_heap_sorts(void **state)
{
	static struct vn_heap_node room[VN_HEAP_ROOT + 5000], ref[5000];

	for (uint32_t n = 1; n <= 5000; n = n < 40 ? n + 1 : n * 2 + 1) {
		struct vn_heap h = {.node = room, .max = n};

		for (uint32_t i = 0; i < n; i++) {
			/* few distinct times: the sequence decides often; and it wraps */
			ref[i] = (struct vn_heap_node){
				.release_ns = below(n / 4 + 1), .seq = UINT32_MAX - 20 + i, .ref = i};
			assert_true(vn_heap_push(&h, ref[i]));
		}
		assert_false(vn_heap_push(&h, ref[0]));
		qsort(ref, n, sizeof(*ref), compare_node);
		for (uint32_t i = 0; i < n; i++) {
			assert_memory_equal(vn_heap_top(&h), &ref[i], sizeof(*ref));
			vn_heap_pop(&h);
		}
		assert_int_equal(h.n, 0);
	}
}

static void test_heap_rebuild(void **state)
{
	static struct vn_heap_node room[VN_HEAP_ROOT + 1000], ref[1000];

	for (uint32_t n = 0; n <= 1000; n = n < 40 ? n + 1 : n * 3) {
		struct vn_heap h = {.node = room, .max = n, .n = n};

		for (uint32_t i = 0; i < n; i++)
			room[VN_HEAP_ROOT + i] = ref[i] = (struct vn_heap_node){.release_ns = below(50), .seq = i};
		vn_heap_rebuild(&h);
		qsort(ref, n, sizeof(*ref), compare_node);
		for (uint32_t i = 0; i < n; i++) {
			assert_memory_equal(vn_heap_top(&h), &ref[i], sizeof(*ref));
			vn_heap_pop(&h);
		}
	}
}

/* --- lanes */

static struct vn_frame *hold(struct vn_hold *h, uint32_t slot, uint64_t depart_ns, uint64_t extra_ns)
{
	struct vn_frame *f = vn_hold_alloc(h, slot, 60);

	assert_non_null(f);
	f->depart_ns = depart_ns;
	f->release_ns = depart_ns + extra_ns;
	vn_hold_insert(h, f);
	return f;
}

/* Everything leaves by (time, order of arrival) over all lanes, while more arrives. */
static void order(uint32_t lanes, uint64_t delay, uint64_t jitter)
{
	struct vn_hold h;
	uint64_t now = 0, last_release = 0, out = 0, in = 0;
	uint32_t last_seq = 0;

	assert_int_equal(vn_hold_init(&h, lanes, 256 << 20), 0);
	h.seq = UINT32_MAX - 1000; /* wraps on the way */
	last_seq = h.seq - 1;
	while (out < 200000) {
		now += below(20);
		if (in < 200000 && below(8) < 5) {
			hold(&h, (uint32_t)below(lanes), now, delay + below(jitter + 1));
			in++;
		}
		while (vn_hold_next_ns(&h) <= now || (in == 200000 && h.packets)) {
			struct vn_frame *first = vn_hold_first(&h), *f = vn_hold_pop(&h);

			assert_ptr_equal(first, f);
			assert_true(f->release_ns >= last_release);
			if (f->release_ns == last_release)
				assert_true((int32_t)(f->seq - last_seq) > 0);
			assert_true(h.heap.n == 0 || vn_hold_next_ns(&h) >= f->release_ns);
			last_release = f->release_ns;
			last_seq = f->seq;
			vn_hold_free(&h, f);
			out++;
		}
	}
	assert_int_equal(h.packets, 0);
	assert_int_equal(h.bytes, 0);
	assert_int_equal(h.slab.used_bytes, 0);
	assert_null(vn_hold_first(&h));
	assert_int_equal(vn_hold_next_ns(&h), UINT64_MAX);
	for (uint32_t i = 0; i < lanes; i++) {
		assert_int_equal(h.lane[i].bytes, 0);
		assert_int_equal(h.lane[i].head, 0);
	}
	vn_hold_release(&h);
}

static void test_order(void **state)
{
	order(1, 1000, 0);
	order(1, 1000, 1000);
	order(7, 500, 3);
	order(500, 1000, 0);
	order(500, 1000, 900);
	order(16384, 100000, 50000);
}

/* Constant delay on one lane: one node in the heap, however many are held. */
static void test_one_lane_is_flat(void **state)
{
	struct vn_hold h;

	assert_int_equal(vn_hold_init(&h, 2, 64 << 20), 0);
	for (uint64_t i = 0; i < 10000; i++)
		hold(&h, 1, i, 1000);
	assert_int_equal(h.heap.n, 1);
	assert_int_equal(h.packets, 10000);
	vn_hold_release(&h);
}

/* One lane takes its share and no more; the others still find room. */
static void test_share(void **state)
{
	struct vn_hold h;
	uint64_t n = 0;

	assert_int_equal(vn_hold_init(&h, 3, 16 << 20), 0);
	while (vn_hold_alloc(&h, 1, 60))
		n++;
	assert_int_equal(n, (8 << 20) / 128);
	for (n = 0; n < 1000; n++)
		assert_non_null(vn_hold_alloc(&h, 2, 1514));
	assert_null(vn_hold_alloc(&h, 2, VN_FRAME_MAX + 1));
	assert_non_null(vn_hold_alloc(&h, 2, VN_FRAME_MAX));
	vn_hold_release(&h);
}

/* What the issue promises: a direction of 10 Gbit/s and 100 ms, full frames of MTU 1500, in under 260 MB. */
static void test_memory(void **state)
{
	const uint32_t n = 83334, len = 1518; /* 10^9 bits of 1500-byte packets; with Ethernet header and slot tag */
	struct vn_hold h;

	assert_int_equal(vn_hold_init(&h, 2, 512 << 20), 0);
	for (uint32_t i = 0; i < n; i++) {
		struct vn_frame *f = vn_hold_alloc(&h, 1, len);

		assert_non_null(f);
		f->release_ns = i * 12000;
		memset(f->data, 0, len);
		vn_hold_insert(&h, f);
	}
	/* in whole objects, and these in whole spans */
	assert_int_equal(h.lane[1].bytes,
			 (uint64_t)n * vn_slab_class_bytes((unsigned int)vn_slab_class(sizeof(struct vn_frame) + len)));
	assert_true(vn_slab_taken_bytes(&h.slab) < 260000000);
	print_message("# %u frames of %u bytes take %llu bytes\n", n, len,
		      (unsigned long long)vn_slab_taken_bytes(&h.slab));
	for (uint32_t i = 0; i < n; i++)
		vn_hold_free(&h, vn_hold_pop(&h));
	assert_int_equal(h.lane[1].bytes, 0);
	vn_hold_release(&h);
}

static void test_new_depart(void **state)
{
	assert_int_equal(vn_hold_new_depart(50, 100, 10, 20), 50);     /* has departed */
	assert_int_equal(vn_hold_new_depart(1100, 100, 10, 20), 600);  /* twice as fast */
	assert_int_equal(vn_hold_new_depart(1100, 100, 20, 10), 2100); /* half as fast */
	assert_int_equal(vn_hold_new_depart(1100, 100, 20, 0), 100);   /* no rate any more */
	assert_int_equal(vn_hold_new_depart(1100, 100, 0, 10), 1100);  /* had none: cannot wait */
	assert_int_equal(vn_hold_new_depart(INT64_MAX / 2, 100, 1000000000000, 1), INT64_MAX);
}

/* A change of rate moves what waits, in order, leaves what is in flight, and no other lane notices. */
static void retime(uint64_t jitter)
{
	struct vn_hold h;
	uint64_t now = 100000, last = 0, moved = 0;
	uint32_t other = 0;

	assert_int_equal(vn_hold_init(&h, 4, 64 << 20), 0);
	for (uint64_t i = 0; i < 2000; i++) {
		hold(&h, 2, i * 100, 5000 + below(jitter + 1));
		hold(&h, 3, i * 100, 5000 + below(jitter + 1));
	}
	vn_hold_retime(&h, 2, now, 1000, 4000);
	while (h.packets) {
		struct vn_frame *f = vn_hold_pop(&h);
		uint64_t extra = f->release_ns - f->depart_ns;

		assert_in_range(extra, 5000, 5000 + jitter);
		assert_true(f->release_ns >= last);
		last = f->release_ns;
		if (f->slot == 3) {
			assert_int_equal(f->depart_ns % 100, 0);
			other++;
		} else {
			assert_true(f->depart_ns <= now || (f->depart_ns - now) % 25 == 0);
			assert_true(f->depart_ns <= now + 100000 / 4);
			moved += f->depart_ns > now;
		}
		vn_hold_free(&h, f);
	}
	assert_int_equal(other, 2000);
	assert_int_equal(moved, 999);
	assert_int_equal(h.slab.used_bytes, 0);
	assert_int_equal(h.heap.n, 0);
	vn_hold_release(&h);
}

/* A lane whose link is gone empties at once, up to the first frame of the link that has its slot now. */
static void test_expire(void **state)
{
	struct vn_hold h;
	struct vn_frame *f;

	assert_int_equal(vn_hold_init(&h, 3, 64 << 20), 0);
	for (uint64_t i = 0; i < 300; i++) {
		hold(&h, 1, 50 + i, 1000)->gen = 7;
		hold(&h, 2, i, 1000)->gen = i < 200 ? 8 : 9;
	}
	for (uint32_t i = VN_HEAP_ROOT; i < VN_HEAP_ROOT + h.heap.n; i++) {
		f = vn_slab_ptr(&h.slab, h.heap.node[i].ref);
		if (f->slot == 2) {
			vn_hold_expire(&h, i);
			break;
		}
	}
	for (uint64_t i = 0; i < 200; i++) {
		f = vn_hold_pop(&h);
		assert_int_equal(f->gen, 8);
		assert_int_equal(f->depart_ns, i);
		vn_hold_free(&h, f);
	}
	assert_int_equal(vn_hold_next_ns(&h), 1050);
	assert_int_equal(h.packets, 400);
	vn_hold_release(&h);
}

static void test_retime(void **state)
{
	retime(0);
	retime(20000);
}

/*
 * However many frames wait with one delay: a change of rate touches the first and the last of them, and each other one
 * when its turn comes. Two changes, frames that come after each, against the times by hand.
 */
static void test_retime_many(void **state)
{
	const uint64_t now[2] = {100000, 150000}, bps[3] = {1000, 500, 8000};
	struct vn_hold h;
	struct vn_frame *f[3000];
	uint64_t depart[3000], last = 0;

	for (int changes = 1; changes < 3; changes++) {
		assert_int_equal(vn_hold_init(&h, 2, 64 << 20), 0);
		for (uint64_t i = 0; i < 3000; i++) {
			depart[i] = i * 100;
			if (i == 2000 || i == 2500)
				depart[i] = depart[i - 1];
			if (i > 2000)
				depart[i] = depart[i - 1] + 200;
			f[i] = hold(&h, 1, depart[i], 5000);
			if (i != 1999 && (i != 2499 || changes < 2))
				continue;
			const int change = i == 2499;

			vn_hold_retime(&h, 1, now[change], bps[change], bps[change + 1]);
			for (uint64_t j = 0; j <= i; j++)
				depart[j] = vn_hold_new_depart(depart[j], now[change], bps[change], bps[change + 1]);
			assert_int_equal(f[i]->depart_ns, depart[i]);
			assert_int_equal(f[0]->depart_ns, depart[0]);
			if (!change) /* not one of those between was touched */
				assert_int_equal(f[1500]->depart_ns, 1500 * 100);
		}
		last = 0;
		for (uint64_t i = 0; i < 3000; i++) {
			struct vn_frame *first = vn_hold_pop(&h);

			assert_ptr_equal(first, f[i]);
			assert_int_equal(first->depart_ns, depart[i]);
			assert_int_equal(first->release_ns, depart[i] + 5000);
			assert_true(first->release_ns >= last);
			last = first->release_ns;
			vn_hold_free(&h, first);
		}
		assert_int_equal(h.heap.n, 0);
		vn_hold_release(&h);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slab_classes),     cmocka_unit_test(test_slab_no_overlap),
		cmocka_unit_test(test_slab_full),        cmocka_unit_test(test_heap_sorts),
		cmocka_unit_test(test_heap_rebuild),     cmocka_unit_test(test_order),
		cmocka_unit_test(test_one_lane_is_flat), cmocka_unit_test(test_share),
		cmocka_unit_test(test_memory),           cmocka_unit_test(test_new_depart),
		cmocka_unit_test(test_retime),           cmocka_unit_test(test_retime_many),
		cmocka_unit_test(test_expire),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
