// SPDX-License-Identifier: GPL-2.0-only
/* The words of a discipline: what they set, what they refuse, how they are printed and sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "model/model_internal.h"

#define WORDS_MAX 32

static int apply(struct vn_disc *d, const char *words, struct vn_err *err)
{
	cleanup_free char *copy = strdup(words);
	char *argv[WORDS_MAX], *save = NULL, *arg;
	int argc = 0;

	for (arg = strtok_r(copy, " ", &save); arg && argc < WORDS_MAX; arg = strtok_r(NULL, " ", &save))
		argv[argc++] = arg;
	return vn_disc_parse_args(d, argc, argv, NULL, err);
}

static struct vn_disc must(struct vn_disc d, const char *words)
{
	struct vn_err err = {0};

	if (apply(&d, words, &err) < 0)
		fail_msg("'%s': %s", words, err.text);
	return d;
}

static void test_set_one(void **state)
{
	struct vn_disc d = must(VN_DISC_NONE, "delay 10ms 1ms loss 0.1% rate 1gbit");

	assert_int_equal(d.delay_ns, 10000000);
	assert_int_equal(d.jitter_ns, 1000000);
	assert_int_equal(d.loss_ppb, 1000000);
	assert_int_equal(d.rate_bps, 1000000000);
	/* One word changes, the others stay; `delay` with one value keeps the jitter. */
	d = must(d, "delay 20ms");
	assert_int_equal(d.delay_ns, 20000000);
	assert_int_equal(d.jitter_ns, 1000000);
	assert_int_equal(d.loss_ppb, 1000000);
	d = must(d, "jitter 0 loss random 1% distribution normal");
	assert_int_equal(d.jitter_ns, 0);
	assert_int_equal(d.loss_ppb, 10000000);
	assert_int_equal(d.dist, VN_DIST_NORMAL);
	d = must(d, "delay 0 loss 0 rate 0 distribution uniform");
	assert_false(vn_disc_is_held(&d));
}

static void test_limit(void **state)
{
	struct vn_disc d = must(VN_DISC_NONE, "rate 10mbit");

	assert_true(d.flags & VN_DISC_LIMIT_AUTO);
	vn_disc_complete(&d, "t", "l", 0, 1, 1500);
	/* 10 Mbit/s for 50 ms are 62500 bytes: more than 32 frames of 1538. */
	assert_int_equal(d.limit_bytes, 62500);
	d = must(d, "delay 100ms");
	vn_disc_complete(&d, "t", "l", 0, 1, 1500);
	assert_int_equal(d.limit_bytes, 187500);
	d = must(d, "rate 1mbit delay 0");
	vn_disc_complete(&d, "t", "l", 0, 1, 1500);
	assert_int_equal(d.limit_bytes, 32 * 1538);
	/* Packets bind: the bytes leave room for them. */
	d = must(d, "limit 100");
	vn_disc_complete(&d, "t", "l", 0, 1, 1500);
	assert_int_equal(d.limit_packets, 100);
	assert_int_equal(d.limit_bytes, 100 * 1538);
	d = must(d, "limit 64kb");
	vn_disc_complete(&d, "t", "l", 0, 1, 1500);
	assert_int_equal(d.limit_packets, 0);
	assert_int_equal(d.limit_bytes, 65536);
	assert_false(d.flags & VN_DISC_LIMIT_AUTO);
	d = must(d, "limit auto rate 0");
	vn_disc_complete(&d, "t", "l", 0, 1, 1500);
	assert_int_equal(d.limit_bytes, 0);
	/* The largest of everything does not overflow. */
	d = must(VN_DISC_NONE, "rate 1tbit delay 3600s 3600s");
	vn_disc_complete(&d, "t", "l", 0, 1, 9000);
	assert_true(d.limit_bytes == 900006250000000ULL);
}

static void test_refusals(void **state)
{
	static const struct {
		const char *words, *text;
	} cases[] = {
		{"dely 10ms", "unknown keyword 'dely', did you mean 'delay'?"},
		{"temperature 1mbit",
		 "unknown keyword 'temperature', known are: delay, jitter, distribution, loss, ecn, duplicate, "
		 "corrupt, "
		 "reorder, gap, order, rate, overhead, cell, limit, slot, police, state, flap, holder, trace, seed"},
		{"delay", "'delay' needs a value: delay TIME [JITTER [CORR]]"},
		{"loss", "'loss' needs a value: loss [random] P [CORR] | state P13 [P31 [P32 [P23 [P14]]]] | gemodel P "
			 "[R [1-H [1-K]]]"},
		{"rate 10Mbps", "rate: '10Mbps' may mean bits or bytes a second: write 10mbit, or 10MB/s for bytes"},
		{"limit 10 20 packets", "limit: '20' is unexpected: limit PACKETS|SIZE|auto"},
		{"delay 10", "delay: '10' needs a unit: 10ms, 1.5s or 100us"},
		{"delay 10ms 1", "delay: '1' needs a unit: 10ms, 1.5s or 100us"},
		{"delay 10ms 1ms 25% 5ms", "delay: '5ms' is unexpected: delay TIME [JITTER [CORR]]"},
		{"delay 2h", "delay: '2h' is too long: at most 3600s"},
		{"delay 3601s", "delay: '3601s' is too long: at most 3600s"},
		{"delay 1ms delay 2ms", "'delay' is given twice"},
		{"delay rate 1mbit",
		 "delay: 'rate' is not a time: write a number and a unit, such as 10ms, 1.5s or 100us"},
		{"distribution par", "distribution: unknown distribution 'par', write uniform, normal, pareto, "
				     "paretonormal or a file such as "
				     "par.dist"},
		{"distribution norml", "distribution: unknown distribution 'norml', did you mean 'normal'?"},
		{"loss 5", "loss: '5' needs a unit: 1% or 0.1%"},
		{"loss 0% 25%", "loss: the correlation '25%' has nothing to correlate: there is no loss"},
		{"loss 1% 25% 1%", "loss: '1%' is unexpected: loss [random] P [CORR] | "
				   "state P13 [P31 [P32 [P23 [P14]]]] | gemodel P [R [1-H [1-K]]]"},
		{"loss gemodel", "loss: the model needs at least one probability, such as 1%"},
		{"loss state 60% 1% 1% 1% 60%",
		 "loss: the ways out of a state add up to over 100%: P13 + P14, or P31 + P32"},
		{"reorder 101%", "reorder: '101%' is too much: at most 100%"},
		{"gap -1", "gap: '-1' is not a number from 0 to 2147483647"},
		{"slot 2ms 1ms", "slot: the least time '2ms' is over the most '1ms'"},
		{"slot off packets 5", "slot: 'packets' bounds a slot, and it is off"},
		{"police rate 1mbit", "police: both are needed: rate RATE burst SIZE"},
		{"police rate 1mbit burst 100b",
		 "police: burst '100b' is out of range: a frame takes 1538b, at most 4gb"},
		{"police rate 1mbit burst 10kb conform-exceed drop",
		 "police: 'conform-exceed' is tc-police(8)'s: what exceeds the rate is always dropped here"},
		{"flap up 1s", "flap: both times are needed: up TIME down TIME, or off"},
		{"state sideways", "state: 'sideways' is not a state: up or down"},
		{"holder bulky", "holder: unknown holder 'bulky', did you mean 'bulk'?"},
		{"trace loss 1%",
		 "trace: 'loss' is a word, no file: write trace FILE, or ./loss for a file of that name"},
		{"trace x sync", "trace: 'sync' needs the name of a group"},
		{"rate 10", "rate: '10' needs a unit: 10mbit, 1.5gbit or 800kB/s (bytes)"},
		{"rate 1bit", "rate: '1bit' is out of range: write 1kbit to 1tbit, or 0 for no limit "
			      "(a single full frame would take 3.42 h)"},
		{"rate 2tbit", "rate: '2tbit' is out of range: write 1kbit to 1tbit, or 0 for no limit"},
		{"limit 0", "limit: '0' is out of range: write 1 to 4294967295 packets, or auto"},
		{"limit 4294967296", "limit: '4294967296' is out of range: write 1 to 4294967295 packets, or auto"},
		{"limit 100b", "limit: '100b' is out of range: write 1538b to 1024gb, packets, or auto"},
		{"limit many", "limit: 'many' is not a size: write a number and a unit, such as 1500b, 64kb or 1.5mb"},
		{"seed -1", "seed: '-1' is not a seed: write a number from 0 to 9223372036854775807, or auto"},
		{"seed 9223372036854775808",
		 "seed: '9223372036854775808' is not a seed: write a number from 0 to 9223372036854775807, or auto"},
	};
	size_t i;

	for (i = 0; i < VN_ARRAY_SIZE(cases); i++) {
		struct vn_disc d = VN_DISC_NONE, before = d;
		struct vn_err err = {0};

		if (apply(&d, cases[i].words, &err) != -EINVAL)
			fail_msg("'%s' was taken", cases[i].words);
		assert_string_equal(err.text, cases[i].text);
		assert_memory_equal(&d, &before, sizeof(d));
	}
}

static void test_check(void **state)
{
	struct vn_disc d = must(VN_DISC_NONE, "limit 64kb delay 1ms");
	struct vn_err err = {0};

	assert_int_equal(vn_disc_check(&d, &err), -EINVAL);
	assert_non_null(strstr(err.text, "limit"));
	d = must(d, "rate 1mbit");
	assert_int_equal(vn_disc_check(&d, NULL), 0);
	d = must(VN_DISC_NONE, "limit 10");
	assert_int_equal(vn_disc_check(&d, NULL), -EINVAL);
	d = must(VN_DISC_NONE, "jitter 1ms");
	assert_int_equal(vn_disc_check(&d, NULL), 0);
	/* A rate taken away with an automatic limit leaves no contradiction. */
	d = must(VN_DISC_NONE, "rate 1mbit delay 1ms");
	vn_disc_complete(&d, "t", "l", 0, 1, 1500);
	d = must(d, "rate 0");
	assert_int_equal(vn_disc_check(&d, NULL), 0);
}

static void test_format(void **state)
{
	static const char *const texts[] = {
		"",
		"delay 10ms",
		"delay 10ms 1ms distribution normal loss 0.1% rate 1gbit limit 64kb seed 5",
		"jitter 1us",
		"loss 0.0000001% limit 4294967295",
		"delay 100ms 20ms 25% distribution paretonormal loss 5% 10% ecn duplicate 1% 2% corrupt 3% 4% order "
		"keep",
		"delay 10ms reorder 25% 50% gap 5 rate 5kbit overhead -20 cell 100 5",
		"loss state 1%",
		"loss state 1% 20% 5% 50% 2%",
		"loss gemodel 1% 10% 70% 0.1%",
		"slot 800us 1ms packets 32 bytes 65536",
		"slot 0 1ms packets 32",
		"slot distribution ./a.dist 1ms 100us",
		"police rate 10mbit burst 64kb state down",
		"flap up 10s down 500ms holder precise",
		"jitter 1ms 5% distribution b.dist trace x.csv linear loop sync g",
		"trace y once",
		"rate 1.5mbit limit 1538b",
		"delay 3600s 3600s seed 0",
		"seed 9223372036854775807",
	};
	size_t i;

	for (i = 0; i < VN_ARRAY_SIZE(texts); i++) {
		struct vn_disc d = must(VN_DISC_NONE, texts[i]), back;
		struct vn_err err = {0};
		char buf[VN_DISC_TEXT_BUF];
		json_t *o;

		vn_disc_complete(&d, "topo", "link", 1, 42, 1500);
		assert_int_equal(vn_disc_format(&d, buf, sizeof(buf)), 0);
		assert_string_equal(buf, texts[i]);
		if (*texts[i])
			assert_int_equal(vn_disc_format(&d, buf, strlen(texts[i])), -ENOSPC);
		o = vn_disc_to_json(&d);
		assert_int_equal(vn_disc_from_json(o, &back, &err), 0);
		assert_memory_equal(&back, &d, sizeof(d));
		/* A limit that was given is not automatic. */
		assert_int_equal(json_is_true(json_object_get(o, "limit_auto")), !strstr(texts[i], "limit"));
		json_decref(o);
	}
}

static void test_json_distrust(void **state)
{
	static const char *const bad[] = {
		"[]",
		"{\"delay_ns\":-1}",
		"{\"delay_ns\":3600000000001}",
		"{\"delay_ns\":\"1\"}",
		"{\"dely_ns\":1}",
		"{\"del\\nay\\u001b\":1}",
		"{\"loss_ppb\":1000000001}",
		"{\"rate_bps\":1}",
		"{\"limit_packets\":4294967296}",
		"{\"seed\":-1}",
		"{\"distribution\":\"pareto\"}", /* no jitter */
		"{\"trace_start_ns\":5}",
		"{\"overhead_bytes\":5}",
		"{\"loss_p_ppb\":[1]}",
		"{\"reorder_ppb\":5}",
		"{\"holder\":\"nobody\"}",
		"{\"key\":\"0x12\"}",
		"{\"limit_packets\":1}",
		"{\"limit_bytes\":2000,\"limit_auto\":false}",
	};
	size_t i;

	for (i = 0; i < VN_ARRAY_SIZE(bad); i++) {
		json_t *o = json_loads(bad[i], 0, NULL);
		struct vn_err err = {0};
		struct vn_disc d;

		assert_non_null(o);
		if (vn_disc_from_json(o, &d, &err) != -EINVAL)
			fail_msg("%s was taken", bad[i]);
		assert_null(strpbrk(err.text, "\n\x1b"));
		json_decref(o);
	}
}

/* Every example of tc-netem(8) and of the pages that users copy from: taken, or refused with a reason. */
static void test_netem(void **state)
{
	static const struct {
		const char *words, *refused;
	} cases[] = {
		/* LIMIT */
		{"delay 10ms limit 1000", NULL},
		{"limit 1000", "limit: nothing is held on a link without delay or rate"},
		{"limit 0", "limit: '0' is out of range"},
		/* DELAY, each distribution of the page; tc finds others, such as experimental, by their file's name */
		{"delay 10ms 1ms 25% distribution uniform", NULL},
		{"delay 10ms 1ms 25% distribution normal", NULL},
		{"delay 10ms 1ms 25% distribution pareto", NULL},
		{"delay 10ms 1ms 25% distribution paretonormal", NULL},
		{"delay 10ms 1ms distribution experimental.dist", NULL},
		{"delay 10ms 1ms distribution experimental", "distribution: unknown distribution 'experimental', write "
							     "uniform, normal, pareto, paretonormal or a file such "
							     "as experimental.dist"},
		{"delay 10msec 1msecs", NULL},
		{"delay 1000usec", NULL},
		{"latency 10ms", "unknown keyword 'latency', did you mean 'delay'?"},
		/* LOSS: each model with each number of arguments, and ecn behind each */
		{"loss random 1%", NULL},
		{"loss random 1% ecn", NULL},
		{"loss state 1%", NULL},
		{"loss state 1% 10%", NULL},
		{"loss state 1% 10% 5%", NULL},
		{"loss state 1% 10% 5% 90%", NULL},
		{"loss state 1% 10% 5% 90% 1% ecn", NULL},
		{"loss state 60% 10% 5% 90% 50%", "loss: the ways out of a state add up to over 100%"},
		{"loss state", "loss: the model needs at least one probability"},
		{"loss gemodel 1%", NULL},
		{"loss gemodel 1% 10%", NULL},
		{"loss gemodel 1% 10% 70%", NULL},
		{"loss gemodel 1% 10% 70% 0.1% ecn", NULL},
		{"loss gemodel", "loss: the model needs at least one probability"},
		{"loss 30% 150%", "loss: '150%' is too much"},
		{"drop 1%", "unknown keyword 'drop', did you mean 'loss'?"},
		/* CORRUPT, DUPLICATION, REORDERING */
		{"corrupt 0.1% 25%", NULL},
		{"corrupt 1", "corrupt: '1' needs a unit"},
		{"duplicate 1% 25%", NULL},
		{"duplicate 1% ecn", "ecn: there is no loss"},
		{"delay 10ms reorder 25% gap 5", NULL},
		{"delay 10ms reorder 100% gap 5", NULL},
		{"delay 10ms reorder 25% 50% gap -1", "gap: '-1'"},
		/* RATE with PACKETOVERHEAD, CELLSIZE, CELLOVERHEAD */
		{"rate 100kbit", NULL},
		{"rate 1mbit 14", NULL},
		{"rate 1mbit -14", NULL},
		{"rate 1mbit 0 48", NULL},
		{"rate 1mbit 0 48 5", NULL},
		{"rate 1mbit 20 48 -5", NULL},
		{"rate 1mbit 0 48 -60", "rate: a cell of 48 bytes cannot have an overhead of -60"},
		{"rate 1mbit 14 48 5 7", "rate: '7' is unexpected"},
		{"rate 1000", "rate: '1000' needs a unit"},
		/* SLOT */
		{"slot 800us", NULL},
		{"slot 800000ns 1ms packets 5", NULL},
		{"slot 1ms 2ms packets 5 bytes 3000", NULL},
		{"slot distribution uniform 1ms 0.1ms", NULL},
		{"slot distribution normal 1ms 0.1ms bytes 3000", NULL},
		{"slot distribution paretonormal 1ms 0.1ms packets 5", NULL},
		{"slot distribution mine.dist 1ms 0.1ms", NULL},
		{"slot distribution custom 1ms 0.1ms", "slot: unknown distribution 'custom'"},
		{"slot distribution normal 1ms", "slot: 'distribution' needs a NAME, a DELAY and a JITTER"},
		{"slot 2ms 1ms", "slot: the least time '2ms' is over the most '1ms'"},
		{"slot 800us rate 1mbit", NULL},
		{"slot 800", "slot: '800' needs a unit"},
		/* seed, of newer pages */
		{"loss 1% seed 42", NULL},
		{"seed -1", "seed: '-1' is not a seed"},
		/* All at once. */
		{"limit 1000 delay 10ms 1ms 25% distribution normal loss random 1% 25% ecn corrupt 0.1% duplicate 1% "
		 "reorder 5% "
		 "rate 1mbit slot 1ms",
		 NULL},
		{"rate 5kbit 20 100 5", NULL},
		{"delay 10ms reorder 25% 50% gap 5", NULL},
		{"delay 10ms reorder 25% 50%", NULL},
		{"gap 5 delay 10ms", "gap: there is no reorder"},
		{"delay 100ms", NULL},
		{"delay 100ms 10ms", NULL},
		{"delay 100ms 10ms 25%", NULL},
		{"delay 100ms 20ms distribution normal", NULL},
		{"loss 0.1%", NULL},
		{"loss 0.3% 25%", NULL},
		{"loss random 1% 25%", NULL},
		{"loss gemodel 1% 10% 70% 0.1%", NULL},
		{"loss state 0.1% 5% 1% 10% 0.01%", NULL},
		{"loss 1% ecn", NULL},
		{"duplicate 1%", NULL},
		{"corrupt 0.1%", NULL},
		{"delay 100ms 75ms", NULL},
		{"delay 10ms rate 1mbit limit 1000", NULL},
		{"slot 800us 1000us", NULL},
		{"slot distribution pareto 1ms 0.1ms packets 10 bytes 64000", NULL},
		{"reorder 25% 50%", "reorder: there is no delay"},
		{"distribution normal", "distribution: there is no jitter"},
		{"delay 10ms distribution normal", "distribution: there is no jitter"},
		{"ecn", "ecn: there is no loss"},
		{"loss 0 ecn", "ecn: there is no loss"},
		{"delay 100", "delay: '100' needs a unit"},
		{"loss 1", "loss: '1' needs a unit"},
		{"rate 1kbit limit 1gb", "limit: 1gb at a rate of 1kbit is a queue of 99.4 days: at most an hour"},
		{"holder bulk loss 1%", "holder: bulk serves delay, rate and limit only, not loss"},
		{"delay 1ms reorder 5% order keep", "reorder: contradicts `order keep`"},
		{"flap up 1s down 1s state down", "flap: contradicts `state down`"},
	};

	for (size_t i = 0; i < VN_ARRAY_SIZE(cases); i++) {
		struct vn_disc d = VN_DISC_NONE;
		struct vn_err err = {0};
		int r = apply(&d, cases[i].words, &err);

		if (r == 0)
			r = vn_disc_check(&d, &err);
		if (!cases[i].refused && r < 0)
			fail_msg("'%s': %s", cases[i].words, err.text);
		if (cases[i].refused && (r == 0 || strncmp(err.text, cases[i].refused, strlen(cases[i].refused))))
			fail_msg("'%s': wanted '%s', got '%s'", cases[i].words, cases[i].refused, err.text);
	}
}

/* netem's defaults for what is left out; and who needs the engine. */
static void test_meaning(void **state)
{
	struct vn_disc d = must(VN_DISC_NONE, "loss state 10%");

	assert_int_equal(d.loss_p[1], VN_PPB_ONE / 10 * 9);
	assert_int_equal(d.loss_p[2], 0);
	assert_int_equal(d.loss_p[3], VN_PPB_ONE);
	d = must(d, "loss gemodel 10%");
	assert_int_equal(d.loss_p[1], VN_PPB_ONE / 10 * 9);
	assert_int_equal(d.loss_p[2], VN_PPB_ONE);
	assert_int_equal(d.loss_p[3], 0);
	d = must(d, "loss 0");
	assert_false(vn_disc_is_held(&d));
	d = must(d, "police rate 1mbit burst 10kb state down");
	assert_false(vn_disc_is_held(&d));
	assert_true(vn_disc_is_policed(&d) && vn_disc_is_gated(&d));
	d = must(d, "state up police off flap up 1s down 1s");
	assert_true(!vn_disc_is_policed(&d) && vn_disc_is_gated(&d));
	d = must(must(VN_DISC_NONE, "delay 1ms 1ms distribution normal reorder 5% gap 3"), "delay 0 0");
	assert_true(!d.dist && !d.reorder_ppb && !d.reorder_gap);
}

static void test_key(void **state)
{
	uint64_t k = vn_disc_key(1, "t", "l", 0);
	struct vn_disc d = must(VN_DISC_NONE, "loss 1%"), e = must(d, "seed 7");

	assert_true(k == vn_disc_key(1, "t", "l", 0));
	assert_true(k != vn_disc_key(2, "t", "l", 0));
	assert_true(k != vn_disc_key(1, "t", "l", 1));
	assert_true(k != vn_disc_key(1, "t", "m", 0));
	assert_true(k != vn_disc_key(1, "tl", "", 0));
	vn_disc_complete(&d, "t", "l", 0, 7, 1500);
	vn_disc_complete(&e, "t", "l", 0, 9, 1500);
	assert_true(d.key == e.key);
}

static uint64_t limit_of(const char *text, uint32_t flags)
{
	struct vn_arena_block *b = NULL;
	struct vn_disc d = {.trace_name = 1, .flags = VN_DISC_LIMIT_AUTO | flags};
	struct vn_err err = {0};

	if (vn_block_parse_trace("t", text, strlen(text), &b, &err) < 0)
		fail_msg("%s", err.text);
	vn_trace_complete(&d, b, 1500);
	free(b);
	return d.limit_bytes;
}

/* @n opportunities at each of @times milliseconds, from @first in steps of @step. */
static char *opps_text(uint32_t n, uint32_t times, uint32_t first, uint32_t step)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	for (uint32_t i = 0; i < times; i++)
		for (uint32_t j = 0; j < n; j++)
			fprintf(f, "%u\n", first + i * step);
	fclose(f);
	return text;
}

/* The automatic limit of a trace that loops is that of its repetition, however short it is. */
static void test_auto_limit_loops(void **state)
{
	static const struct {
		uint32_t n, times, first, step, once;
		uint64_t limit;
	} cases[] = {
		/* 720 Mbit/s, in one millisecond, in three, in 100 and written out over a second */
		{60, 1, 1, 1, 0, 4500000},
		{60, 3, 1, 1, 0, 4500000},
		{60, 100, 1, 1, 0, 4500000},
		{60, 1000, 1, 1, 0, 4500000},
		/* 12 Mbit/s: one every millisecond */
		{1, 1, 1, 1, 0, 75000},
		/* two every 70 ms: four within any 100 */
		{2, 1, 70, 1, 0, 32 * 1538},
		/* not looped: what the one pass has */
		{600, 1, 1, 1, 1, 450000},
		/* 600 within the last 10 ms of 1000 and as many within the first 10: 1200 over the end */
		{60, 10, 991, 1, 0, 450000},
	};

	for (size_t i = 0; i < VN_ARRAY_SIZE(cases); i++) {
		cleanup_free char *text = opps_text(cases[i].n, cases[i].times, cases[i].first, cases[i].step);

		assert_int_equal(limit_of(text, cases[i].once ? 0 : VN_DISC_TRACE_AUTO), cases[i].limit);
	}
	/* a burst at the end and one at the beginning are one */
	{
		cleanup_free char *begin = opps_text(60, 10, 1, 1), *end = opps_text(60, 10, 991, 1);
		char *both = NULL;

		assert_true(asprintf(&both, "%s%s", begin, end) > 0);
		assert_int_equal(limit_of(both, VN_DISC_TRACE_AUTO), 900000);
		assert_int_equal(limit_of(both, 0), 450000);
		free(both);
	}
	assert_int_equal(limit_of("time_ms,rate_mbit\n0,720\n1,720\n", VN_DISC_TRACE_LOOP), 4500000);
}

static void test_mean_delay(void **state)
{
	static const struct {
		const char *text;
		bool linear;
		uint64_t us;
	} cases[] = {
		{"time_ms,delay_ms\n0,400\n", false, 400000},
		{"time_ms,delay_ms\n0,400\n1000,400\n", false, 400000},
		{"time_ms,delay_ms\n0,10\n900,110\n1000,5\n", false, 20000},
		{"time_ms,delay_ms\n0,10\n1000,20\n", true, 15000},
		{"time_ms,rate_mbit\n0,10\n1000,20\n", false, 0},
		{"1\n2\n", false, 0},
	};

	for (size_t i = 0; i < VN_ARRAY_SIZE(cases); i++) {
		struct vn_arena_block *b = NULL;
		struct vn_err err = {0};

		if (vn_block_parse_trace("t", cases[i].text, strlen(cases[i].text), &b, &err) < 0)
			fail_msg("%s", err.text);
		assert_int_equal(vn_trace_mean_delay_ns(b, cases[i].linear), cases[i].us * VN_NSEC_PER_USEC);
		free(b);
	}
}

/* As people write it: a blank before the unit, bit/s, packets. */
static void test_spellings(void **state)
{
	static const char *const pairs[][2] = {
		{"loss 1 %", "loss 1%"},
		{"loss 1 % 25 % ecn", "loss 1% 25% ecn"},
		{"delay 10 ms 1 ms 25 % distribution normal", "delay 10ms 1ms 25% distribution normal"},
		{"rate 10 Mbit/s", "rate 10mbit"},
		{"rate 10Mbit/s limit 100 packets", "rate 10mbit limit 100"},
		{"limit 100packets delay 1 s", "limit 100 delay 1s"},
		{"delay 1s limit 100 pkts", "delay 1s limit 100"},
		{"delay 1s limit 100pkt loss 1 percent", "delay 1s limit 100 loss 1%"},
		{"slot 1ms packets 32 bytes 9000", "slot 1ms packets 32 bytes 9000"},
		{"rate 1 MB/s 14 53 5", "rate 8mbit overhead 14 cell 53 5"},
		{"delay 1min", "delay 60s"},
	};
	char a[VN_DISC_TEXT_BUF], b[VN_DISC_TEXT_BUF];

	for (size_t i = 0; i < VN_ARRAY_SIZE(pairs); i++) {
		struct vn_disc x = VN_DISC_NONE, y = VN_DISC_NONE;

		x = must(x, pairs[i][0]);
		y = must(y, pairs[i][1]);
		vn_disc_format(&x, a, sizeof(a));
		vn_disc_format(&y, b, sizeof(b));
		assert_string_equal(a, b);
	}
	/* in a file, too */
	{
		struct vn_disc d = VN_DISC_NONE;
		vn_disc_given_t given = 0;
		struct vn_err err = {0};

		assert_int_equal(vn_disc_parse_value(&d, vn_disc_word_find("loss"), "1 % 25 %", &given, &err), 0);
		assert_int_equal(vn_disc_parse_value(&d, vn_disc_word_find("limit"), "100 packets", &given, &err), 0);
		assert_int_equal(d.loss_ppb, VN_PPB_ONE / 100);
		assert_int_equal(d.limit_packets, 100);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set_one),       cmocka_unit_test(test_limit),
		cmocka_unit_test(test_refusals),      cmocka_unit_test(test_spellings),
		cmocka_unit_test(test_check),         cmocka_unit_test(test_format),
		cmocka_unit_test(test_json_distrust), cmocka_unit_test(test_auto_limit_loops),
		cmocka_unit_test(test_mean_delay),    cmocka_unit_test(test_key),
		cmocka_unit_test(test_netem),         cmocka_unit_test(test_meaning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
