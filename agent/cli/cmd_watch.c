// SPDX-License-Identifier: GPL-2.0-only
/*
 * vnet-agent link watch: one line for each direction and interval, made of the difference between two answers of the
 * daemon. With -j a JSON object a line.
 */
#include "cli/words.h"

#include <errno.h>
#include <inttypes.h>
#include <time.h>

#include <disc/hist.h>
#include <base/util.h>

#include "cli/table.h"
#include "model/model.h"

#define INTERVAL_MIN_NS (10 * VN_NSEC_PER_MSEC)
#define HEAD_EVERY      20 /* lines on a terminal */
#define FIGURES_WIDTH   67 /* characters before the last column */
#define LAST_MIN        24 /* the last column gets a line of its own where there is less room */
#define OWN_INDENT      4
#define WHERE_MAX       1024
#define DIRS            2

/* What happened in one direction since the last line. */
struct change {
	uint64_t ns, in_packets, out_packets, out_bytes, dropped;
	__u64 hist[VN_HIST_BUCKETS];
	bool late; /* some frame was released */
};

static uint64_t less(const json_t *now, const json_t *then, const char *key)
{
	uint64_t a = vn_json_u64(now, key), b = vn_json_u64(then, key);

	/* The link was made anew meanwhile. */
	return a >= b ? a - b : a;
}

static struct change difference(const json_t *now, const json_t *then, uint64_t ns)
{
	const json_t *s = json_object_get(now, "stats"), *t = json_object_get(then, "stats");
	const json_t *drops = json_object_get(s, "drops"), *were = json_object_get(t, "drops");
	struct change c = {.ns = ns,
			   .in_packets = less(s, t, "in_packets"),
			   .out_packets = less(s, t, "out_packets"),
			   .out_bytes = less(s, t, "out_bytes")};
	const char *reason;
	json_t *v;

	json_object_foreach ((json_t *)drops, reason, v)
		c.dropped += less(drops, were, reason);
	for (size_t i = 0; i < VN_HIST_BUCKETS; i++) {
		uint64_t a = (uint64_t)json_integer_value(json_array_get(json_object_get(s, "late_hist"), i));
		uint64_t b = (uint64_t)json_integer_value(json_array_get(json_object_get(t, "late_hist"), i));

		c.hist[i] = a >= b ? a - b : a;
		c.late |= c.hist[i];
	}
	return c;
}

/* A ramp is between two rows: what nobody can tell apart is not shown. */
static uint64_t rounded(uint64_t v, uint64_t from, uint64_t to)
{
	return v < from ? v : (v + to / 2) / to * to;
}

static uint64_t shown_ns(const json_t *trace, const char *key)
{
	return rounded(vn_json_u64(trace, key), VN_NSEC_PER_MSEC, VN_NSEC_PER_USEC);
}

static void in_force(char *buf, size_t size, const json_t *dir)
{
	const json_t *trace = json_object_get(dir, "trace");
	char t[VN_UNIT_BUF];
	size_t n = 0;

	*buf = '\0';
	if (json_object_get(trace, "delay_ns"))
		n += (size_t)snprintf(buf + n, size - n, " delay %s", vn_format_time(t, shown_ns(trace, "delay_ns")));
	if (json_object_get(trace, "jitter_ns"))
		n += (size_t)snprintf(buf + n, size - n, " jitter %s", vn_format_time(t, shown_ns(trace, "jitter_ns")));
	if (json_object_get(trace, "rate_bps"))
		n += (size_t)snprintf(buf + n, size - n, " rate %s",
				      vn_format_rate(t, rounded(vn_json_u64(trace, "rate_bps"), 1000000, 1000)));
	if (json_object_get(trace, "loss_ppb"))
		snprintf(buf + n, size - n, " loss %s", vn_format_percent(t, (uint32_t)vn_json_u64(trace, "loss_ppb")));
}

/* "up, down in 1.234 s: ", of a direction with a schedule: in front of the rest of @buf; how much is left of it. */
static size_t gate_text(char **buf, size_t size, const json_t *dir)
{
	const json_t *gate = json_object_get(dir, "gate");
	bool open = vn_json_bool(gate, "open");
	size_t n;

	**buf = '\0';
	if (!json_object_get(gate, "changes_in_ns"))
		return size;
	n = (size_t)snprintf(*buf, size, "%s, %s in %.3f s: ", open ? "up" : "down", open ? "down" : "up",
			     (double)vn_json_u64(gate, "changes_in_ns") / 1e9);
	n = VN_MIN(n, size - 1);
	*buf += n;
	return size - n;
}

/* "12.345 s of 30.000, row 17 of 240, loop 2: delay 20ms" */
static void position(char *buf, size_t size, const json_t *dir)
{
	const json_t *trace = json_object_get(dir, "trace");
	char force[256], loops[32] = "";

	size = gate_text(&buf, size, dir);
	if (!json_is_object(trace)) {
		snprintf(buf, size, "%s", *vn_json_str(dir, "text") ? vn_json_str(dir, "text") : "-");
		return;
	}
	in_force(force, sizeof(force), dir);
	if (vn_json_u64(trace, "loops"))
		snprintf(loops, sizeof(loops), ", loop %" PRIu64, vn_json_u64(trace, "loops"));
	snprintf(buf, size, "%.3f s of %.3f, %s %" PRIu64 " of %" PRIu64 "%s%s%s%s",
		 (double)vn_json_u64(trace, "time_ns") / 1e9, (double)vn_json_u64(trace, "period_ns") / 1e9,
		 strcmp(vn_json_str(trace, "kind"), "rows") ? "opportunity" : "row", vn_json_u64(trace, "index") + 1,
		 vn_json_u64(trace, "count"), loops, vn_json_bool(trace, "ended") ? ", ended" : "", *force ? ":" : "",
		 force);
}

static void print_where(const char *where)
{
	size_t columns = vn_cli_columns(stdout);

	if (!columns || columns >= FIGURES_WIDTH + LAST_MIN) {
		fputs("  ", stdout);
		vn_wrap(stdout, where, FIGURES_WIDTH, FIGURES_WIDTH, columns);
	} else {
		printf("\n%*s", OWN_INDENT, "");
		vn_wrap(stdout, where, OWN_INDENT, OWN_INDENT, columns);
	}
	putchar('\n');
}

static void print_head(void)
{
	printf("%-3s %14s %9s %9s %8s %8s %8s", "DIR", "OUT Mbit/s", "IN", "OUT", "DROPPED", "LATE P50", "P99");
	print_where("TRACE OR DISCIPLINE");
}

/* @shown: what the last column said the last time. It is not said again until it changes, or the heads are. */
static void print_text(const json_t *dir, const struct change *c, char shown[WHERE_MAX])
{
	char rate[48] = "0", p50[VN_HUMAN_BUF] = "-", p99[VN_HUMAN_BUF] = "-", where[WHERE_MAX];
	double bps = (double)c->out_bytes * 8e9 / (double)VN_MAX(c->ns, 1u);

	/* One unit in all rows, so that they can be compared at a glance; what is idle is 0. */
	if (c->out_bytes)
		snprintf(rate, sizeof(rate), "%.3f", bps / 1e6);
	if (c->late) {
		vn_human_time(p50, vn_hist_percentile(c->hist, 500000));
		vn_human_time(p99, vn_hist_percentile(c->hist, 990000));
	}
	position(where, sizeof(where), dir);
	printf("%-3s %14s %9" PRIu64 " %9" PRIu64 " %8" PRIu64 " %8s %8s", vn_json_str(dir, "dir"), rate, c->in_packets,
	       c->out_packets, c->dropped, p50, p99);
	if (strcmp(where, shown) == 0)
		putchar('\n');
	else
		print_where(where);
	memcpy(shown, where, strlen(where) + 1);
}

static int print_json(const json_t *link, const json_t *dir, const struct change *c, struct vn_err *err)
{
	json_t *trace = json_object_get(dir, "trace");
	json_t *o = json_pack(
		"{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:O*, s:O*, s:O*}", "topology",
		vn_json_str(link, "topology"), "name", vn_json_str(link, "name"), "dir", vn_json_str(dir, "dir"),
		"interval_ns", (json_int_t)c->ns, "in_packets", (json_int_t)c->in_packets, "out_packets",
		(json_int_t)c->out_packets, "out_bytes", (json_int_t)c->out_bytes, "throughput_bps",
		(json_int_t)((double)c->out_bytes * 8e9 / (double)VN_MAX(c->ns, 1u)), "dropped", (json_int_t)c->dropped,
		"text", vn_json_str(dir, "text"), "discipline", json_object_get(dir, "discipline"), "trace",
		json_is_object(trace) ? trace : NULL, "gate", json_object_get(dir, "gate"));
	int r;

	if (!o)
		return vn_err_kernel(err, ENOMEM, "out of memory");
	if (c->late) {
		json_object_set_new(o, "late_p50_ns", json_integer((json_int_t)vn_hist_percentile(c->hist, 500000)));
		json_object_set_new(o, "late_p99_ns", json_integer((json_int_t)vn_hist_percentile(c->hist, 990000)));
	}
	r = json_dumpf(o, stdout, JSON_COMPACT) < 0 || putchar('\n') == EOF || fflush(stdout) == EOF;
	json_decref(o);
	return r ? vn_err(err, VN_EXIT_KERNEL, EIO, "standard output: write error") : 0;
}

static int take_options(const struct vn_call *call, uint64_t *ret_interval_ns, uint64_t *ret_count, struct vn_err *err)
{
	const char *interval = vn_call_option(call, "--interval"), *count = vn_call_option(call, "--count");
	uint64_t ns = VN_NSEC_PER_SEC;
	char *end;

	if (interval && vn_call_time(call, "--interval", &ns, err) < 0)
		return -EINVAL;
	if (ns < INTERVAL_MIN_NS || ns > 3600 * VN_NSEC_PER_SEC)
		return vn_err_usage(err, "--interval: '%s' is out of range: 10ms to an hour", interval);
	*ret_interval_ns = ns;
	*ret_count = UINT64_MAX;
	if (!count)
		return 0;
	errno = 0;
	*ret_count = strtoull(count, &end, 10);
	if (errno || *end || end == count || *count == '-' || !*ret_count)
		return vn_err_usage(err, "--count: '%s' is not a number from 1 up", count);
	return 0;
}

static void sleep_until(uint64_t ns)
{
	struct timespec t = {.tv_sec = (time_t)(ns / VN_NSEC_PER_SEC), .tv_nsec = (long)(ns % VN_NSEC_PER_SEC)};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

static int ask(struct vn_client *c, const char *name, json_t **ret_reply, uint64_t *ret_ns, struct vn_err *err)
{
	json_t *params = json_pack("{s:s, s:b}", "name", name, "stats", 1);
	int r = params ? vn_client_call(c, "vnet.link.show", params, ret_reply, err)
		       : vn_err_usage(err, "the name is not UTF-8");

	json_decref(params);
	*ret_ns = vn_now_ns();
	return r;
}

static int print_all(const struct vn_cli *cli, const json_t *now, const json_t *then, uint64_t ns,
		     char shown[DIRS][WHERE_MAX], struct vn_err *err)
{
	const json_t *link = json_array_get(json_object_get(now, "links"), 0);
	const json_t *a = json_object_get(link, "directions");
	const json_t *b = json_object_get(json_array_get(json_object_get(then, "links"), 0), "directions");
	int r = 0;

	for (size_t dir = 0; dir < VN_MIN(json_array_size(a), (size_t)DIRS) && r == 0; dir++) {
		struct change c = difference(json_array_get(a, dir), json_array_get(b, dir), ns);

		if (cli->json)
			r = print_json(link, json_array_get(a, dir), &c, err);
		else
			print_text(json_array_get(a, dir), &c, shown[dir]);
	}
	if (r == 0 && fflush(stdout) == EOF)
		r = vn_err(err, VN_EXIT_KERNEL, EIO, "standard output: write error");
	return r;
}

int vn_cmd_link_watch(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err)
{
	struct vn_client client = {.fd = -EBADF};
	uint64_t interval = 0, count = 0, then_ns = 0, now_ns = 0, due;
	char shown[DIRS][WHERE_MAX] = {""};
	json_t *then = NULL, *now = NULL;
	int r = take_options(call, &interval, &count, err);

	if (r == 0)
		r = vn_cli_connect(cli, true, &client, err);
	if (r == 0)
		r = ask(&client, call->args[0], &then, &then_ns, err);
	due = then_ns;
	for (uint64_t i = 0; r == 0 && i < count; i++) {
		/* From time to time, not from answer to answer: a slow answer does not add up. */
		due = VN_MAX(due + interval, vn_now_ns());
		sleep_until(due);
		r = ask(&client, call->args[0], &now, &now_ns, err);
		if (r < 0)
			break;
		if (!cli->json && i % HEAD_EVERY == 0) {
			print_head();
			for (size_t dir = 0; dir < DIRS; dir++)
				*shown[dir] = '\0';
		}
		r = print_all(cli, now, then, now_ns - then_ns, shown, err);
		json_decref(then);
		then = take_ptr(now);
		then_ns = now_ns;
	}
	json_decref(then);
	vn_client_release(&client);
	return r;
}
