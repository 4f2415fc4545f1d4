/* SPDX-License-Identifier: GPL-2.0-only */
/* clang-format off: the table is meant as it stands */
/*
 * The control socket: JSON objects ended by NUL (Varlink's framing) on a unix stream socket.
 *
 *   request  {"method": "vnet.link.set", "parameters": {...}, "more": true}    "more": several replies are welcome
 *   reply    {"parameters": {...}, "continues": true}                         "continues": others follow
 *   error    {"error": "vnet.error", "parameters": {"exit": 1, "errno": 22, "text": "link ab: ..."}}
 *
 * `control.sock` (0660) takes every method, `observe.sock` (0666) those marked [o]. Durations are in ns, rates in
 * bit/s, probabilities in parts per billion, all integers, the unit in the key.
 *
 *   vnet.info [o]
 *     {} -> {version, pid, uptime_ns, max_ports, runtime_dir, topologies, busy, program: hash, bpf_build: hash,
 *            engines: [{trunk, pid, up, fifo, heartbeat_age_ns, restarts, failures, retry_in_ns, program:
 * hash|null, program_current, held_packets, held_bytes, slab_bytes, rx_packets, tx_packets, rx_dropped, overload:
 * ["late", ...]}]} vnet.topology.plan {file, text, files?: {"NAME": "text"}} -> {topology, steps: [{kind, object,
 * text}], cost: {...}} vnet.topology.apply {file, text, files?} -> progress {done, total} while "more"; at the end
 * {topology, steps, time_ns} vnet.topology.delete {name} -> progress; at the end {topology, steps, time_ns}
 * vnet.topology.show [o] {name?} -> {topologies: [{name, nodes, links, ports, addressing, routing, seed,
 * broken_links}]}; with name also "topology": the resolved form (vn_topo_to_json) as it runs vnet.node.show [o] {name?}
 * -> {nodes: [{topology, name, runtime, container?, holder?, pid (0: none), id, netns, forward, addresses:
 * [..], routes, state: "up"|"stopped"|"detached"|"broken", ports: [{ifname, link, mac, addresses: [..]}]}]}
 *   vnet.node.attach
 *     {name, holder?, pid?} and a descriptor of a network namespace (SCM_RIGHTS, with the request's first byte)
 *     -> {attached: bool, node: as in vnet.node.show}
 *   vnet.node.detach
 *     {name, holder?} -> {detached: bool, node}; with holder only what that holder attached
 *   vnet.port.show [o]
 *     {name?: "NODE:INTERFACE"} -> {ports: [{topology, name, node, ifname, link, kind: "kernel"|"afxdp"|"vf", ... for
 * afxdp: queues, kernel, unbound, handover, state: "up"|"broken", mode: "copy"|null, socket|null, map|null, vdev|null,
 *       application: {pid, uid, gid, comm, host, since_ns}|null, handovers: {given, refused},
 *       lent: {buffers, bytes, dropped, ring-full, no-buffer, tx-invalid}|null,
 *       counters: {"app": {packets, bytes}, ...}, undelivered|null}]}; without a name all AF_XDP ports
 *   vnet.link.show [o]
 *     {name?, stats?} -> {links: [{topology, name, mtu, engine_down, carrier: "follow"|"ignore", state: "up"|"broken",
 *       endpoints: [{node, ifname, mac, number, isolation, carrier: bool, addresses: [..]}] (two),
 *       directions: [{dir: "ab", from, to, held, discipline: {...}, text,
 *         stats: {in_packets, in_bytes, out_packets, out_bytes, held_packets, held_bytes, drops: {"loss": n, ...},
 *                 lateness: {count, p50_ns, p90_ns, p99_ns, p999_ns, max_ns}, late_hist: [count of each bucket],
 *                 delay_error: as lateness, of samples, loss: {packets, lost, measured_ppb, low_ppb, high_ppb},
 *                 overload: ["late", ...]},
 *         trace?: {kind: "opportunities"|"rows", index, count, time_ns, period_ns, loops, ended,
 *                  delay_ns?, jitter_ns?, rate_bps?, loss_ppb?, limit_bytes?, limit_packets?: in force now}}] (two)}]}
 *   vnet.link.set
 *     {name, dir: "ab"|"ba"|"both", words: ["delay", "10ms"], replace: bool, files?: {"NAME": "text"}}
 *     -> {link: as in vnet.link.show without stats, changed: bool}
 *   vnet.engine.restart
 *     {engine?} -> {engines: [{engine, pid, old_pid, directions, time_ns}]}; without a number all of them, in turn
 *   vnet.link.verify
 *     {name ("all": every link), dir?, probe?: "auto"|"always"|"never", time_ns?}
 *     -> {verdict: "pass"|"unknown"|"fail", links: [{topology, name, verdict,
 *         directions: [{dir, from, to, text, verdict, probed, age_ns,
 *           checks: [{check, source: "traffic"|"probe", verdict, packets, found, bound, note,
 *             {configured,measured,low,high}_{ppb,bps}?, {p50,p90,p99,max}_ns?, {p50,p99,max}_bound_ns?}]}]}]}
 *   vnet.link.reset
 *     {name ("all": every link)} -> {links: how many}
 *   vnet.calibrate
 *     {time_ns?} -> {calibration: {kernel, cpu, cpus, version, time_ns, fifo, wire_ns, floor_ns,
 *       timer_p50_ns, timer_p99_ns, lateness: [{pps, packets, p50_ns, p99_ns, p999_ns, max_ns}],
 *       pps_max, cpu_ns_per_packet, bulk_bps_max, memory_bytes, direction_bytes, frame_bytes, direction_frames}};
 *     also in vnet.info, null when there is none
 *   vnet.monitor [o]
 *     {} -> one reply per event while the client stays: {event, time_ns (CLOCK_REALTIME), ...}; the first is "start"
 *
 * files: the content of every .dist and trace file that the topology or the words name, by the name as it is written
 * there: at most 256, each of VN_FILE_MAX (agent/disc/disc_words.h), together of VN_WIRE_FILES_MAX. The daemon opens
 * none itself.
 *
 * A name is NODE or LINK, or TOPOLOGY/NODE, TOPOLOGY/LINK where several topologies have one of that name.
 */
/* clang-format on */
#ifndef VNET_API_WIRE_H
#define VNET_API_WIRE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <base/err.h>

#include "base/runtime_dir.h"

#define VN_WIRE_FILES_MAX   (32u << 20) /* of the files of one request */
#define VN_WIRE_REQUEST_MAX (96u << 20) /* those, and a topology file of VN_TOPO_FILE_MAX, escaped moderately */
#define VN_WIRE_REPLY_MAX   (256u << 20)

/* A growing buffer of received bytes, cut into messages. */
struct vn_wire_buf {
	char *data;
	size_t len, size;
	size_t max; /* longest message taken */
	size_t scanned;
};
void vn_wire_buf_release(struct vn_wire_buf *b);

/* Read what is there into @b. Bytes read; 0: the other side closed; -EAGAIN; -EMSGSIZE when longer than @b->max. */
ssize_t vn_wire_fill(struct vn_wire_buf *b, int fd);
/* The same, without receiving a descriptor: -EREMOTE when one waits. */
ssize_t vn_wire_fill_checked(struct vn_wire_buf *b, int fd);
/* The same from the receiver, which passes network namespaces: the last is in *@passed, what was there is closed. */
ssize_t vn_wire_fill_fd(struct vn_wire_buf *b, int fd, int *passed);
/* Take the first complete message: 0 with an object, -EAGAIN when none is complete, -EBADMSG when it is not JSON. */
int vn_wire_take(struct vn_wire_buf *b, json_t **ret_msg, struct vn_err *err);
/* The reply that says @err. */
json_t *vn_wire_error(const struct vn_err *err);
/* Does a whole message wait? Of an empty buffer the memory goes. */
bool vn_wire_ready(struct vn_wire_buf *b);
/* Compact text of @msg, with its NUL counted in *@ret_len. Free it. */
char *vn_wire_encode(const json_t *msg, size_t *ret_len);

/* Client side. */
struct vn_client {
	int fd;
	struct vn_wire_buf in;
};
/* VN_EXIT_NO_AGENT when nobody listens (with how to start it), VN_EXIT_DENIED when the socket refuses us. */
int vn_client_open(const char *runtime_dir, bool observe, struct vn_client *ret_c, struct vn_err *err);
/*
 * Nobody listens, and has not since @since_ns (vn_now_ns()): may it be worth trying again? For a moment in any case,
 * for 2 s where the lock says that a daemon is starting.
 */
bool vn_client_may_start(const char *runtime_dir, uint64_t since_ns);
void vn_client_release(struct vn_client *c);
int vn_client_send(struct vn_client *c, const char *method, const json_t *parameters, bool more, struct vn_err *err);
/*
 * Next reply: its "parameters" (a new reference) and whether others follow. An error reply fills @err (exit, errno and
 * text as the daemon gave them) and returns its -errno.
 */
int vn_client_receive(struct vn_client *c, json_t **ret_parameters, bool *ret_continues, struct vn_err *err);
/* The same with descriptor @pass, which stays the caller's. */
int vn_client_send_fd(struct vn_client *c, const char *method, const json_t *parameters, int pass, struct vn_err *err);
/* Send, and wait for the one reply. */
int vn_client_call(struct vn_client *c, const char *method, const json_t *parameters, json_t **ret_parameters,
		   struct vn_err *err);

#endif
