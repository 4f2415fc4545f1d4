// SPDX-License-Identifier: GPL-2.0-only
/* Quantities, names and suggestions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "model/model_internal.h"

typedef int (*parse_fn)(const char *s, uint64_t *ret, struct vn_err *err);
typedef const char *(*format_fn)(char *buf, uint64_t v);

struct good {
	const char *text;
	uint64_t value;
	const char *again; /* as it is printed */
};

static void check_good(const struct good *g, size_t n, parse_fn parse, format_fn format)
{
	char buf[VN_UNIT_BUF];
	uint64_t v;

	for (; n--; g++) {
		struct vn_err err = {0};

		v = UINT64_MAX - 1;
		if (parse(g->text, &v, &err) < 0)
			fail_msg("'%s': %s", g->text, err.text);
		if (v != g->value)
			fail_msg("'%s' is %llu", g->text, (unsigned long long)v);
		assert_string_equal(format(buf, v), g->again);
	}
}

static void check_bad(const char *const *words, parse_fn parse)
{
	for (; *words; words++) {
		struct vn_err err = {0};
		char quoted[128];
		uint64_t v = 77;

		if (parse(*words, &v, &err) != -EINVAL)
			fail_msg("'%s' was taken for %llu", *words, (unsigned long long)v);
		assert_int_equal(v, 77);
		assert_int_equal(err.exit, VN_EXIT_USAGE);
		snprintf(quoted, sizeof(quoted), "'%.60s", *words);
		if (!strstr(err.text, quoted))
			fail_msg("'%s' is not quoted in: %s", *words, err.text);
	}
}

static void test_time(void **state)
{
	static const struct good good[] = {
		{"10ms", 10000000, "10ms"},
		{"1.5ms", 1500000, "1.5ms"},
		{"1.5 s", 1500000000, "1.5s"},
		{"100us", 100000, "100us"},
		{"1000us", 1000000, "1ms"},
		{"0.1s", 100000000, "100ms"},
		{"7ns", 7, "7ns"},
		{"0", 0, "0"},
		{"0.00", 0, "0"},
		{"0ms", 0, "0"},
		{"1MS", 1000000, "1ms"},
		{"2secs", 2000000000, "2s"},
		{"1h", 3600000000000, "3600s"},
		{"2min", 120000000000, "120s"},
		{"3msec", 3000000, "3ms"},
		{"3usecs", 3000, "3us"},
		{"1.000000000s", 1000000000, "1s"},
		{"0.000000001s", 1, "1ns"},
		{"18446744073709551615ns", UINT64_MAX, "18446744073.709551615s"},
		{"18446744073.709551615s", UINT64_MAX, "18446744073.709551615s"},
	};
	static const char *const bad[] = {
		"10",
		"",
		"ms",
		"-1ms",
		"-0",
		"1e3ms",
		"1e308",
		"0x10ms",
		"NaN",
		"inf",
		"1.ms",
		".5ms",
		"1..5s",
		"1,5s",
		"10 m",
		"10m",
		"10mss",
		" 1ms",
		"+1ms",
		"1ms ",
		"0.5ns",
		"1.0000000001s",
		"18446744073709551616ns",
		"18446744074s",
		"99999999999999999999999999999999s",
		"١ms",
		NULL,
	};

	check_good(good, VN_ARRAY_SIZE(good), vn_parse_time, vn_format_time);
	check_bad(bad, vn_parse_time);
}

static void test_rate(void **state)
{
	static const struct good good[] = {
		{"10mbit", 10000000, "10mbit"},
		{"1.5gbit", 1500000000, "1.5gbit"},
		{"800kB/s", 6400000, "6.4mbit"},
		{"10Mbit/s", 10000000, "10mbit"},
		{"10Mb/s", 10000000, "10mbit"},
		{"10MB/s", 80000000, "80mbit"},
		{"10 MB/s", 80000000, "80mbit"},
		{"1KIBIT/S", 1024, "1.024kbit"},
		{"1bit", 1, "1bit"},
		{"1B/s", 8, "8bit"},
		{"1kibit", 1024, "1.024kbit"},
		{"1MiB/s", 8388608, "8.388608mbit"},
		{"1Gbit", 1000000000, "1gbit"},
		{"0", 0, "0"},
		{"1tbit", 1000000000000, "1tbit"},
		{"0.5kbit", 500, "500bit"},
	};
	static const char *const bad[] = {"10",   "10mb", "10m", "1.5bit", "-1mbit", "1mbits", "99999999999tbit",
					  "mbit", NULL};

	check_good(good, VN_ARRAY_SIZE(good), vn_parse_rate, vn_format_rate);
	check_bad(bad, vn_parse_rate);
}

/* Refused, and whatever is offered instead is understood as what it is said to be. */
static void test_bits_or_bytes(void **state)
{
	static const struct {
		const char *said, *bits, *bytes;
	} cases[] = {
		{"10Mbps", "10mbit", "10MB/s"},    {"10mbps", "10mbit", "10MB/s"}, {"800 kbps", "800kbit", "800kB/s"},
		{"1.5Gbps", "1.5gbit", "1.5GB/s"}, {"1tbps", "1tbit", "1TB/s"},    {"10KBps", "10kbit", "10kB/s"},
		{"9bps", "9bit", "9 B/s"},         {"10M", "10mbit", "10MB/s"},    {"10mb", "10mbit", "10MB/s"},
		{"10Mibps", "10mibit", "10MiB/s"}, {"10G", "10gbit", "10GB/s"},    {"7B", "7bit", "7 B/s"},
		{"10MIB/S", "10mibit", "10MiB/s"},
	};

	for (size_t i = 0; i < VN_ARRAY_SIZE(cases); i++) {
		uint64_t bits = 0, bytes = 0;
		struct vn_err err = {0};
		char want[160];

		assert_int_equal(vn_parse_rate(cases[i].said, &bits, &err), -EINVAL);
		snprintf(want, sizeof(want), "'%s' may mean bits or bytes a second: write %s, or %s for bytes",
			 cases[i].said, cases[i].bits, cases[i].bytes);
		assert_string_equal(err.text, want);
		assert_int_equal(vn_parse_rate(cases[i].bits, &bits, &err), 0);
		assert_int_equal(vn_parse_rate(cases[i].bytes, &bytes, &err), 0);
		assert_true(bytes == 8 * bits);
	}
}

static void test_size(void **state)
{
	static const struct good good[] = {
		{"100kb", 102400, "100kb"}, {"1.5mb", 1572864, "1.5mb"},
		{"64kib", 65536, "64kb"},   {"1500b", 1500, "1500b"},
		{"1k", 1024, "1kb"},        {"2m", 2097152, "2mb"},
		{"1gb", 1 << 30, "1gb"},    {"0", 0, "0"},
		{"1536b", 1536, "1.5kb"},   {"1281b", 1281, "1281b"},
		{"1.25kb", 1280, "1.25kb"},
	};
	static const char *const bad[] = {"100", "1.5b", "0.0001kb", "1tb", "1kbit", "-1b", NULL};

	check_good(good, VN_ARRAY_SIZE(good), vn_parse_size, vn_format_size);
	check_bad(bad, vn_parse_size);
}

static int parse_percent(const char *s, uint64_t *ret, struct vn_err *err)
{
	uint32_t ppb;
	int r = vn_parse_percent(s, &ppb, err);

	if (r == 0)
		*ret = ppb;
	return r;
}

static const char *format_percent(char *buf, uint64_t v)
{
	return vn_format_percent(buf, (uint32_t)v);
}

static void test_percent(void **state)
{
	static const struct good good[] = {
		{"0.1%", 1000000, "0.1%"},
		{"1%", 10000000, "1%"},
		{"100%", 1000000000, "100%"},
		{"0.0000001%", 1, "0.0000001%"},
		{"0", 0, "0%"},
		{"0%", 0, "0%"},
		{"33.3333333%", 333333333, "33.3333333%"},
		{"1.10 %", 11000000, "1.1%"},
	};
	static const char *const bad[] = {"1",   "0.1", "100.0000001%", "101%", "-1%", "0.00000001%",
					  "1%%", "%",   "1e-3%",        NULL};

	check_good(good, VN_ARRAY_SIZE(good), parse_percent, format_percent);
	check_bad(bad, parse_percent);
}

/* Every value comes back, over all orders of magnitude. */
static void test_round_trip(void **state)
{
	static const struct {
		parse_fn parse;
		format_fn format;
	} pairs[] = {{vn_parse_time, vn_format_time}, {vn_parse_rate, vn_format_rate}, {vn_parse_size, vn_format_size}};
	uint64_t x = 88172645463325252ULL, v, again;
	char buf[VN_UNIT_BUF];
	size_t i, p;

	for (i = 0; i < 200000; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		v = x >> (i % 64);
		if (i % 3 == 0)
			v -= v % 1000;
		for (p = 0; p < VN_ARRAY_SIZE(pairs); p++) {
			struct vn_err err = {0};

			if (pairs[p].parse(pairs[p].format(buf, v), &again, &err) < 0)
				fail_msg("%s: %s", buf, err.text);
			assert_true(again == v);
		}
	}
}

static void test_messages(void **state)
{
	static const struct {
		parse_fn parse;
		const char *word, *text;
	} cases[] = {
		{vn_parse_time, "10", "'10' needs a unit: 10ms, 1.5s or 100us"},
		{vn_parse_time, "10msc", "'10msc' is not a time: unknown unit 'msc', did you mean 'ms'?"},
		{vn_parse_time, "-5ms", "'-5ms' is negative: write 10ms, 1.5s or 100us"},
		{vn_parse_time, "0.1ns", "'0.1ns' is finer than 1ns, the smallest step"},
		{vn_parse_rate, "10mbitt", "'10mbitt' is not a rate: unknown unit 'mbitt', did you mean 'mbit'?"},
		{parse_percent, "0.1", "'0.1' needs a unit: 1% or 0.1%"},
		{parse_percent, "200%", "'200%' is too much: at most 100%"},
		{vn_parse_time, "a\nb\x1b[31m",
		 "'a?b?[31m' is not a time: write a number and a unit, such as 10ms, 1.5s or 100us"},
	};
	size_t i;

	for (i = 0; i < VN_ARRAY_SIZE(cases); i++) {
		struct vn_err err = {0};
		uint64_t v;

		assert_int_equal(cases[i].parse(cases[i].word, &v, &err), -EINVAL);
		assert_string_equal(err.text, cases[i].text);
	}
}

static void test_names(void **state)
{
	char name[80];

	assert_true(vn_name_valid("a"));
	assert_true(vn_name_valid("New_York-2"));
	assert_true(vn_name_valid("0"));
	assert_false(vn_name_valid(""));
	assert_false(vn_name_valid("-a"));
	assert_false(vn_name_valid("a.b"));
	assert_false(vn_name_valid("a/b"));
	assert_false(vn_name_valid(".."));
	assert_false(vn_name_valid("a b"));
	assert_false(vn_name_valid("a\n"));
	assert_false(vn_name_valid("zürich"));
	memset(name, 'x', sizeof(name));
	name[VN_NAME_MAX] = '\0';
	assert_true(vn_name_valid(name));
	name[VN_NAME_MAX] = 'x';
	name[VN_NAME_MAX + 1] = '\0';
	assert_false(vn_name_valid(name));

	assert_true(vn_ifname_valid("eth0"));
	assert_true(vn_ifname_valid("a23456789012345"));
	assert_false(vn_ifname_valid("a234567890123456"));
	assert_false(vn_ifname_valid("lo"));
	assert_false(vn_ifname_valid("all"));
	assert_false(vn_ifname_valid("default"));
	assert_false(vn_ifname_valid("eth%d"));
	assert_false(vn_ifname_valid("eth0.1"));
	assert_false(vn_ifname_valid(""));
}

static void test_suggest(void **state)
{
	static const char *const words[] = {"delay", "jitter", "loss", "rate", "limit", "endpoints", NULL};

	assert_string_equal(vn_suggest("dely", words), "delay");
	assert_string_equal(vn_suggest("dealy", words), "delay");
	assert_string_equal(vn_suggest("DELAY", words), "delay");
	assert_string_equal(vn_suggest("lost", words), "loss");
	assert_string_equal(vn_suggest("endpoint", words), "endpoints");
	assert_string_equal(vn_suggest("limt", words), "limit");
	assert_null(vn_suggest("", words));
	assert_null(vn_suggest("x", words));
	assert_null(vn_suggest("temperature", words));
	/* What other tools call it, where that is known here. */
	assert_string_equal(vn_suggest("bandwidth", words), "rate");
	assert_string_equal(vn_suggest("Latency", words), "delay");
	assert_null(vn_suggest("destroy", words));
	assert_null(vn_suggest("a-word-far-longer-than-any-that-anybody-knows", words));
}

static void test_addresses(void **state)
{
	static const struct {
		const char *text;
		bool parses, host;
	} cases[] = {
		{"192.0.2.1/24", true, true},    {"192.0.2.0/31", true, true},      {"192.0.2.0/24", true, false},
		{"192.0.2.255/24", true, false}, {"192.0.2.1/32", true, false},     {"127.0.0.1/8", true, false},
		{"224.0.0.1/24", true, false},   {"0.0.0.1/8", true, false},        {"192.0.2.1", false, false},
		{"192.0.2.1/33", false, false},  {"192.0.2.1/024", false, false},   {"192.0.2/24", false, false},
		{"192.0.2.1/-1", false, false},  {"192.0.2.1/", false, false},      {"/24", false, false},
		{"fd00::1/64", true, true},      {"fd00::/127", true, true},        {"fd00::/64", true, false},
		{"fe80::1/64", true, false},     {"ff02::1/64", true, false},       {"::1/128", true, false},
		{"fd00::1/129", false, false},   {"fd00::1%eth0/64", false, false}, {"", false, false},
	};
	struct vn_addr a;
	char buf[VN_ADDR_BUF];
	size_t i;

	for (i = 0; i < VN_ARRAY_SIZE(cases); i++) {
		if ((vn_addr_parse(cases[i].text, &a) == 0) != cases[i].parses)
			fail_msg("%s", cases[i].text);
		if (!cases[i].parses)
			continue;
		assert_string_equal(vn_addr_format(buf, &a, false), cases[i].text);
		if (!vn_addr_why_not_host(&a) != cases[i].host)
			fail_msg("%s", cases[i].text);
	}
	assert_int_equal(vn_addr_parse("10.1.2.3/12", &a), 0);
	a = vn_addr_network(&a);
	assert_string_equal(vn_addr_format(buf, &a, false), "10.0.0.0/12");
	a = vn_addr_block(AF_INET6, 0x1234);
	assert_string_equal(vn_addr_format(buf, &a, false), "fd00:766e:0:1234::/64");
	a = vn_addr_in_block(AF_INET, 258, 7, 31);
	assert_string_equal(vn_addr_format(buf, &a, false), "10.1.2.7/31");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_time),      cmocka_unit_test(test_rate),    cmocka_unit_test(test_bits_or_bytes),
		cmocka_unit_test(test_size),      cmocka_unit_test(test_percent), cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_messages),  cmocka_unit_test(test_names),   cmocka_unit_test(test_suggest),
		cmocka_unit_test(test_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
