// SPDX-License-Identifier: GPL-2.0-only
/* The interface's description in Varlink's words: types and events as they stand here, methods from their rows. */
#include <inttypes.h>
#include <stdlib.h>

#include <base/util.h>

#include "methods/method_table.h"

static const char service[] =
	"# The Varlink service interface, which every service has.\n"
	"interface org.varlink.service\n"
	"\n"
	"method GetInfo() -> (vendor: string, product: string, version: string, url: string, interfaces: []string)\n"
	"\n"
	"method GetInterfaceDescription(interface: string) -> (description: string)\n"
	"\n"
	"error InterfaceNotFound (interface: string)\n"
	"error MethodNotFound (method: string)\n"
	"error MethodNotImplemented (method: string)\n"
	"error InvalidParameter (parameter: string)\n";

static const char head[] =
	"# vnet-agent's control socket.\n"
	"#\n"
	"# control.sock takes every method, observe.sock those marked as reading only. Durations are in nanoseconds,\n"
	"# rates in bit/s, probabilities in parts per billion, the unit in the name. Each method is known by a second\n"
	"# name, vnet.link.set for vnet.agent.LinkSet. Who may call: root and the group of control.sock; those that\n"
	"# read only, anybody.\n"
	"interface " VN_INTERFACE "\n"
	"\n"
	"# A process that holds frames.\n"
	"type Engine (engine: int, kind: string, pid: int, up: bool, leaving: bool, fifo: bool, cpu: int,\n"
	"  heartbeat_age_ns: int, restarts: int, failures: int, retry_in_ns: int, directions: int,\n"
	"  packets_per_s: int, held_packets: int, held_bytes: int, slab_bytes: int, rx_packets: int,\n"
	"  tx_packets: int, rx_dropped: int, late_packets: int, overload: []string, program: ?string,\n"
	"  program_current: bool)\n"
	"\n"
	"type Restarted (engine: int, pid: int, old_pid: int, directions: int, time_ns: int)\n"
	"\n"
	"# What this host can do, as calibrate measured it.\n"
	"type Calibration (kernel: string, cpu: string, cpus: int, version: string, time_ns: int, fifo: bool,\n"
	"  wire_ns: int, floor_ns: int, timer_p50_ns: int, timer_p99_ns: int, lateness: []Lateness, pps_max: int,\n"
	"  cpu_ns_per_packet: int, bulk_bps_max: int, memory_bytes: int, direction_bytes: int, frame_bytes: int,\n"
	"  direction_frames: int)\n"
	"type Lateness (pps: int, packets: int, p50_ns: int, p99_ns: int, p999_ns: int, max_ns: int)\n"
	"\n"
	"# A step of a plan, and what the whole takes.\n"
	"type Step (kind: string, object: string, text: string)\n"
	"type Cost (namespaces: int, devices: int, kernel_bytes: int, time_ns: int)\n"
	"\n"
	"type Topology (name: string, nodes: int, links: int, ports: int, addressing: string, routing: string,\n"
	"  seed: int, heal: bool, broken_links: int, degraded_nodes: int, longest_path: int, open_nodes: []string)\n"
	"\n"
	"# state: up, degraded, stopped, detached or broken. drift: in words, empty when it is as its file says.\n"
	"type Node (topology: string, name: string, runtime: string, container: ?object, holder: ?string, pid: int,\n"
	"  id: int, netns: string, owner: string, open: bool, forward: bool, state: string, drift: string,\n"
	"  addresses: []string, missing_addresses: []string, other_addresses: []string, routes: int,\n"
	"  missing_routes: int, ports: []NodePort)\n"
	"type NodePort (ifname: string, link: string, mac: string, addresses: []string,\n"
	"  missing_addresses: []string, seen: ?SeenPort)\n"
	"type SeenPort (ifname: string, up: bool, carrier: bool, mtu: int, mac: string,\n"
	"  other_addresses: []string)\n"
	"\n"
	"# kind: kernel, afxdp or vf; what follows application is of afxdp alone, vf of vf.\n"
	"type Port (topology: string, name: string, node: string, ifname: string, link: string, kind: string,\n"
	"  vf: ?object, queues: ?int, kernel: ?string, unbound: ?string, handover: ?string, state: ?string,\n"
	"  mode: ?string, socket: ?string, map: ?string, vdev: ?string, application: ?object, handovers: ?object,\n"
	"  lent: ?object, counters: ?[string]Count, undelivered: ?int)\n"
	"type Count (packets: int, bytes: int)\n"
	"\n"
	"# state: up, degraded or broken.\n"
	"type Link (topology: string, name: string, mtu: int, engine_down: (drop, pass), carrier: (follow, ignore),\n"
	"  state: string, drift: string, endpoints: []Endpoint, directions: []Direction)\n"
	"type Endpoint (node: string, ifname: string, mac: string, number: int, isolation: string, carrier: bool,\n"
	"  addresses: []string)\n"
	"# From endpoint 0 to endpoint 1 is ab. engine and holder: of one that holds frames.\n"
	"type Direction (dir: (ab, ba), from: string, to: string, held: bool, discipline: Discipline, text: string,\n"
	"  engine: ?int, holder: ?string, trace: ?object, stats: ?Statistics)\n"
	"# As vnet-link(7) has the words. seed and key: of the random numbers; limit_auto, seed_auto: nobody chose.\n"
	"# The blocks are the daemon's memory for tables.\n"
	"type Discipline (delay_ns: int, jitter_ns: int, delay_corr_ppb: ?int, distribution: string,\n"
	"  distribution_block: ?int, order_keep: ?bool, loss_ppb: int, loss_corr_ppb: ?int, loss_model: ?string,\n"
	"  loss_p_ppb: ?[]int, ecn: ?bool, duplicate_ppb: ?int, duplicate_corr_ppb: ?int, corrupt_ppb: ?int,\n"
	"  corrupt_corr_ppb: ?int, reorder_ppb: ?int, reorder_corr_ppb: ?int, reorder_gap: ?int, rate_bps: int,\n"
	"  overhead_bytes: ?int, cell_bytes: ?int, cell_overhead_bytes: ?int, limit_packets: int, limit_bytes: int,\n"
	"  limit_auto: bool, limit_bytes_auto: ?bool, slot: ?bool, slot_min_ns: ?int, slot_max_ns: ?int,\n"
	"  slot_packets: ?int, slot_bytes: ?int, slot_distribution: ?string, slot_distribution_block: ?int,\n"
	"  police_bps: ?int, police_burst_bytes: ?int, down: ?bool, flap_up_ns: ?int, flap_down_ns: ?int,\n"
	"  flap_start_ns: ?int, trace: ?string, trace_linear: ?bool, trace_loop: ?bool, trace_auto: ?bool,\n"
	"  trace_start_ns: ?int, trace_block: ?int, sync: ?string, holder: ?string, seed: int, seed_auto: bool,\n"
	"  key: string)\n"
	"# in = out + held + drops, and what was duplicated.\n"
	"type Statistics (in_packets: int, in_bytes: int, out_packets: int, out_bytes: int, held_packets: int,\n"
	"  held_bytes: int, engine_held_packets: int, duplicated_packets: int, drops: [string]int,\n"
	"  lateness: Percentiles, delay_error: Percentiles, loss: Loss, overload: []string, late_hist: []int,\n"
	"  wait: Wait)\n"
	"# For the bulk engine, before it read the frame.\n"
	"type Wait (count: int, mean_ns: int, max_ns: int)\n"
	"type Percentiles (count: int, p50_ns: int, p90_ns: int, p99_ns: int, p999_ns: int, max_ns: int)\n"
	"type Loss (packets: int, lost: int, measured_ppb: int, low_ppb: int, high_ppb: int)\n"
	"\n"
	"type Verified (topology: string, name: string, verdict: (pass, unknown, fail),\n"
	"  directions: []VerifiedDirection)\n"
	"type VerifiedDirection (dir: (ab, ba), from: string, to: string, text: string,\n"
	"  verdict: (pass, unknown, fail), probed: bool, attempts: ?int, failed_at_first: ?string, age_ns: int,\n"
	"  checks: []Check)\n"
	"# The figures that were compared, as far as the check has such.\n"
	"type Check (check: string, source: (traffic, probe), verdict: (pass, unknown, fail), packets: int,\n"
	"  found: string, bound: string, note: string, configured_ppb: ?int, measured_ppb: ?int, low_ppb: ?int,\n"
	"  high_ppb: ?int, configured_bps: ?int, measured_bps: ?int, low_bps: ?int, high_bps: ?int, p50_ns: ?int,\n"
	"  p90_ns: ?int, p99_ns: ?int, max_ns: ?int, p50_bound_ns: ?int, p90_bound_ns: ?int, p99_bound_ns: ?int,\n"
	"  max_bound_ns: ?int)\n"
	"\n"
	"# EVENTS, by the word in event; time and time_ns (CLOCK_REALTIME) are in each.\n"
	"#   start                monitor has begun\n"
	"#   stop                 the daemon ends; networks: they go on\n"
	"#   topology-applied     topology, steps\n"
	"#   topology-deleted     topology\n"
	"#   topology-healed      topology, done: devices that were lost were made anew\n"
	"#   node-changed         topology, node, state, drift: it is no longer, or again, what its file says\n"
	"#   node-healed          topology, node, drift, done\n"
	"#   node-attached, node-detached   topology, node, holder\n"
	"#   link-set             topology, link, directions as in Link\n"
	"#   link-degraded, link-recovered   topology, link, drift\n"
	"#   carrier              topology, link, node, ifname, carrier\n"
	"#   port-lost            topology, link, node, ifname: its device is gone\n"
	"#   port-given           port: TOPOLOGY/NODE/INTERFACE, pid, uid, comm: an application has an AF_XDP port\n"
	"#   port-free            port, pid, uid, comm: it ended, or gave the port back\n"
	"#   engine               what (started, died, hung, adopted), trunk: its number, pid\n"
	"#   overload             engine, reasons: all of its engine, told when one of them is new\n"
	"#   rebalance            port: the number of an endpoint, from, to: a direction moves to another engine\n"
	"#   swept                what, error?: left by somebody who was killed, and removed\n"
	"#   file-damaged         file, why, kept: a record on disk that could not be read\n"
	"#   name-lost            namespace: somebody removed the name of the agent's own\n"
	"\n";

static const char tail[] =
	"# exit: as the exit status in vnet-agent(8): 1 the request is wrong, 2 the kernel refused, 3 the caller may\n"
	"# not, 5 something changed meanwhile, 6 everything was undone, 7 this kernel or device cannot. Where a\n"
	"# parameter is wrong the error is org.varlink.service.InvalidParameter, with these members beside its own.\n"
	"error Failed (exit: int, errno: int, text: string)\n";

static const char *type_of(const struct vn_field *f)
{
	switch (f->type) {
	case VN_FIELD_STRING:
		return "string";
	case VN_FIELD_INT:
		return "int";
	case VN_FIELD_BOOL:
		return "bool";
	case VN_FIELD_STRINGS:
		return "[]string";
	case VN_FIELD_TEXTS:
		return "[string]string";
	case VN_FIELD_OBJECT:
		return "object";
	}
	return "object";
}

static void put_type(FILE *f, const struct vn_field *field)
{
	if (!field->words) {
		fputs(type_of(field), f);
		return;
	}
	for (size_t i = 0; field->words[i]; i++)
		fprintf(f, "%s%s", i ? ", " : "(", field->words[i]);
	fputc(')', f);
}

static void put_method(FILE *f, const struct vn_method *m)
{
	char name[VN_METHOD_NAME_MAX];
	const char *sep = "";

	fprintf(f, "# %s\n# %s%s.\n", m->text, m->observe ? "Reads only" : "Changes, or looks with privileges",
		m->is_long ? "; others are served meanwhile" : "");
	for (const struct vn_field *p = m->fields; p && p->name; p++) {
		fprintf(f, "#   %s: %s", p->name, p->text);
		if (p->type == VN_FIELD_INT && p->max)
			fprintf(f, "; %" PRId64 " to %" PRId64, p->min, p->max);
		else if (p->max)
			fprintf(f, "; at most %" PRId64 " %s", p->max,
				p->type == VN_FIELD_STRING ? "bytes" : "members");
		fputc('\n', f);
	}
	fprintf(f, "method %s(", vn_method_varlink(name, m));
	for (const struct vn_field *p = m->fields; p && p->name; p++) {
		fprintf(f, "%s%s: %s", sep, p->name, p->needed ? "" : "?");
		put_type(f, p);
		sep = ", ";
	}
	fprintf(f, ") -> (%s)\n\n", m->answer);
}

char *vn_interface_text(const char *interface)
{
	char *text = NULL;
	size_t size;
	FILE *f;

	if (strcmp(interface, VN_INTERFACE_SERVICE) == 0)
		return strdup(service);
	f = strcmp(interface, VN_INTERFACE) == 0 ? open_memstream(&text, &size) : NULL;
	if (!f)
		return NULL;
	fputs(head, f);
	for (size_t i = 0; i < vn_n_methods; i++)
		put_method(f, &vn_methods[i]);
	fputs(tail, f);
	if (fclose(f) == 0)
		return text;
	free(text);
	return NULL;
}
