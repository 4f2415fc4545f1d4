/* SPDX-License-Identifier: GPL-2.0-only */
/* vnet-agent calibrate */
#include "cli/words.h"

#include <inttypes.h>

#include <base/util.h>

#include "cli/table.h"
#include "model/model.h"

static int print_lateness(const json_t *list)
{
	static const char *const heads[] = {">PACKETS/S", ">P50", ">P99", ">P99.9", ">MAX", NULL};
	static const char *const keys[] = {"p50_ns", "p99_ns", "p999_ns", "max_ns"};
	cleanup_table struct vn_table t;
	char buf[VN_HUMAN_BUF];
	const json_t *row;
	size_t i;

	vn_table_init(&t, heads);
	json_array_foreach (list, i, row) {
		vn_table_add(&t, VN_PLAIN, "%" PRIu64, vn_json_u64(row, "pps"));
		for (size_t k = 0; k < VN_ARRAY_SIZE(keys); k++)
			vn_table_add(&t, VN_PLAIN, "%s", vn_human_time(buf, vn_json_u64(row, keys[k])));
	}
	return vn_table_print(&t, stdout);
}

static int print_calibration(const json_t *o)
{
	char a[VN_HUMAN_BUF], b[VN_HUMAN_BUF];

	printf("%s, Linux %s, %" PRIu64 " processors, engine under %s\n", vn_json_str(o, "cpu"),
	       vn_json_str(o, "kernel"), vn_json_u64(o, "cpus"),
	       vn_json_bool(o, "fifo") ? "SCHED_FIFO" : "no SCHED_FIFO");
	printf("delay floor         %s (beyond a plain link's %s)\n", vn_human_time(a, vn_json_u64(o, "floor_ns")),
	       vn_human_time(b, vn_json_u64(o, "wire_ns")));
	printf("packets a second    %" PRIu64 " of one sender through an engine, %s of its processor each\n",
	       vn_json_u64(o, "pps_max"), vn_human_time(a, vn_json_u64(o, "cpu_ns_per_packet")));
	if (vn_json_u64(o, "bulk_bps_max"))
		printf("bulk holder         %.3ggbit of one sender's GSO frames\n",
		       (double)vn_json_u64(o, "bulk_bps_max") / 1e9);
	printf("held at most        %s, %s in one direction: %" PRIu64 " full frames\n",
	       vn_human_bytes(a, vn_json_u64(o, "memory_bytes")), vn_human_bytes(b, vn_json_u64(o, "direction_bytes")),
	       vn_json_u64(o, "direction_frames"));
	printf("timers late by      p50 %s, p99 %s (of an ordinary process)\n",
	       vn_human_time(a, vn_json_u64(o, "timer_p50_ns")), vn_human_time(b, vn_json_u64(o, "timer_p99_ns")));
	printf("frames released late by:\n");
	return print_lateness(json_object_get(o, "lateness"));
}

int vn_cmd_calibrate(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err)
{
	const char *time = vn_call_option(call, "--time");
	json_t *params = json_object(), *reply = NULL;
	uint64_t ns;
	int r = time ? vn_call_time(call, "--time", &ns, err) : 0;

	if (r < 0) {
		json_decref(params);
		return r;
	}
	if (time)
		json_object_set_new(params, "time_ns", json_integer((json_int_t)VN_MIN(ns, (uint64_t)INT64_MAX)));
	r = vn_cli_call(cli, false, "vnet.calibrate", params, &reply, err);
	if (r < 0)
		return r;
	r = cli->json ? vn_cli_print_json(cli, reply, err) : print_calibration(json_object_get(reply, "calibration"));
	json_decref(reply);
	return r;
}
