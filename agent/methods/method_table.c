// SPDX-License-Identifier: GPL-2.0-only
/* The methods of the control socket, a row each. */
#include "methods/method_table.h"

#include <base/util.h>

#include "api/events.h"

#define NAME_BYTES (2 * VN_NAME_MAX + IF_NAMESIZE + 2) /* TOPOLOGY/NODE:INTERFACE */
#define A_TOPOLOGY "name of a topology"
#define A_LINK     "LINK, or TOPOLOGY/LINK where several topologies have one of that name"
#define A_NODE     "NODE, or TOPOLOGY/NODE where several topologies have one of that name"
#define FILES                                                                                                          \
	{                                                                                                              \
		.name = "files", .type = VN_FIELD_TEXTS,                                                               \
		.text = "the content of each .dist and trace file that is named, by the name as it is written there; " \
			"the "                                                                                         \
			"daemon opens none itself"                                                                     \
	}
#define NAMED(what, bytes)                                                                                             \
	{                                                                                                              \
		.name = "name", .type = VN_FIELD_STRING, .needed = true, .min = 1, .max = bytes, .text = what          \
	}
#define MAYBE(what, bytes)                                                                                             \
	{                                                                                                              \
		.name = "name", .type = VN_FIELD_STRING, .min = 1, .max = bytes,                                       \
		.text = what "; without it all of them"                                                                \
	}
#define DIRECTION                                                                                                      \
	{                                                                                                              \
		.name = "dir", .type = VN_FIELD_STRING, .words = dirs,                                                 \
		.text = "ab: from the first endpoint to the second; both is the default"                               \
	}
#define END                                                                                                            \
	{                                                                                                              \
		.name = NULL                                                                                           \
	}

static const char *const dirs[] = {"ab", "ba", "both", NULL};
static const char *const probes[] = {"auto", "always", "never", NULL};

static const struct vn_field topology_file[] = {
	{.name = "text", .type = VN_FIELD_STRING, .needed = true, .text = "the topology file, YAML"},
	{.name = "file", .type = VN_FIELD_STRING, .max = 4096, .text = "its name, for errors"},
	{.name = "source", .type = VN_FIELD_STRING, .max = 4096, .text = "its whole path, remembered and shown"},
	FILES,
	END,
};
static const struct vn_field topology_name[] = {NAMED(A_TOPOLOGY, VN_NAME_MAX), END};
static const struct vn_field topology_maybe[] = {MAYBE(A_TOPOLOGY, VN_NAME_MAX), END};
static const struct vn_field node_maybe[] = {MAYBE(A_NODE, NAME_BYTES), END};
static const struct vn_field node_attach[] = {
	NAMED(A_NODE, NAME_BYTES),
	{.name = "holder",
	 .type = VN_FIELD_STRING,
	 .min = 1,
	 .max = VN_HOLDER_MAX - 1,
	 .text = "who attaches it, one line"},
	{.name = "pid",
	 .type = VN_FIELD_INT,
	 .min = 0,
	 .max = INT32_MAX,
	 .text = "its first process: the node's state is stopped once that has ended"},
	END,
};
static const struct vn_field node_detach[] = {
	NAMED(A_NODE, NAME_BYTES),
	{.name = "holder",
	 .type = VN_FIELD_STRING,
	 .min = 1,
	 .max = VN_HOLDER_MAX - 1,
	 .text = "only what this one attached"},
	END,
};
static const struct vn_field port_maybe[] = {MAYBE("[TOPOLOGY/]NODE:INTERFACE", NAME_BYTES), END};
static const struct vn_field pf_maybe[] = {MAYBE("an SR-IOV device", IF_NAMESIZE - 1), END};
static const struct vn_field pf_name[] = {NAMED("an SR-IOV device", IF_NAMESIZE - 1), END};
static const struct vn_field link_show[] = {
	MAYBE(A_LINK, NAME_BYTES),
	{.name = "stats", .type = VN_FIELD_BOOL, .text = "with statistics of each direction"},
	END,
};
static const struct vn_field link_set[] = {
	NAMED(A_LINK, NAME_BYTES),
	DIRECTION,
	{.name = "words",
	 .type = VN_FIELD_STRINGS,
	 .max = VN_LINK_SET_WORDS,
	 .text = "the words of `link set`, such as delay, 10ms"},
	{.name = "discipline",
	 .type = VN_FIELD_OBJECT,
	 .text = "the same as members of Discipline, applied before the words; a policy can check these"},
	{.name = "replace", .type = VN_FIELD_BOOL, .text = "what is not said is as on a link without discipline"},
	FILES,
	END,
};
static const struct vn_field engine_move[] = {
	NAMED(A_LINK, NAME_BYTES),
	DIRECTION,
	{.name = "engine",
	 .type = VN_FIELD_INT,
	 .needed = true,
	 .max = VN_ENGINES_MAX - 1,
	 .text = "number of an engine"},
	END,
};
static const struct vn_field engine_restart[] = {
	{.name = "engine",
	 .type = VN_FIELD_INT,
	 .max = VN_ENGINES_MAX - 1,
	 .text = "number of an engine; without it all of them, in turn"},
	END,
};
static const struct vn_field link_verify[] = {
	NAMED(A_LINK ", or all", NAME_BYTES),
	DIRECTION,
	{.name = "probe",
	 .type = VN_FIELD_STRING,
	 .words = probes,
	 .text = "send frames of its own: auto where traffic is short"},
	{.name = "time_ns", .type = VN_FIELD_INT, .text = "for how long, ns: 100 ms to 60 s"},
	END,
};
static const struct vn_field link_reset[] = {NAMED(A_LINK ", or all", NAME_BYTES), END};
static const struct vn_field calibrate[] = {
	{.name = "time_ns", .type = VN_FIELD_INT, .text = "for how long, ns: 1 s to 120 s"},
	END,
};

static int op_monitor(struct vn_parts *parts, struct vn_conn *c, const json_t *params, json_t **ret_reply,
		      struct vn_err *err)
{
	c->monitor = true;
	*ret_reply = json_pack("{s:s}", "event", "start");
	if (!*ret_reply)
		return -ENOMEM;
	vn_event_stamp(*ret_reply);
	return 0;
}

const struct vn_method vn_methods[] = {
	{"vnet.info", vn_op_info, true, false, NULL,
	 "version: string, pid: int, uptime_ns: int, max_ports: int, runtime_dir: string, topologies: int, busy: bool, "
	 "engines: []Engine, damaged: []object, runner: bool, calibration: ?Calibration, program: ?string, bpf_build: "
	 "?string",
	 "The daemon itself, its engines, and what it found damaged on disk."},
	{"vnet.topology.plan", vn_op_topology_plan, false, true, topology_file,
	 "topology: string, steps: []Step, cost: Cost, longest_path: ?int",
	 "What applying a file would do. Nothing is changed."},
	{"vnet.topology.apply", vn_op_topology_apply, false, true, topology_file,
	 "topology: ?string, steps: ?int, time_ns: ?int, longest_path: ?int, done: ?int, total: ?int",
	 "Make the network what the file says. With `more`, replies with done and total come first."},
	{"vnet.topology.delete", vn_op_topology_delete, false, true, topology_name,
	 "topology: ?string, steps: ?int, time_ns: ?int, done: ?int, total: ?int",
	 "Remove a topology. With `more`, replies with done and total come first."},
	{"vnet.topology.show", vn_op_topology_show, true, false, topology_maybe,
	 "topologies: []Topology, topology: ?object",
	 "Those that run; with a name also the resolved form, as it is on disk."},
	{"vnet.node.show", vn_op_node_show, true, false, node_maybe, "nodes: []Node", "Nodes, as they are now."},
	{"vnet.node.attach", vn_op_node_attach, false, true, node_attach, "attached: bool, node: Node",
	 "Give an external node the network namespace whose descriptor comes with the first byte of the request "
	 "(SCM_RIGHTS)."},
	{"vnet.node.detach", vn_op_node_detach, false, true, node_detach, "detached: bool, node: Node",
	 "Take an external node's devices back."},
	{"vnet.port.show", vn_op_port_show, true, false, port_maybe, "ports: []Port",
	 "Ports of other kinds than kernel; the one that is named, of any kind."},
	{"vnet.vf.show", vn_op_vf_show, true, false, pf_maybe, "vfs: []object",
	 "Virtual functions: who has each, and what stands on it."},
	{"vnet.vf.reclaim", vn_op_vf_reclaim, false, true, pf_name, "vfs: []object",
	 "Reset those that carry the mark of an agent which no longer exists."},
	{"vnet.link.show", vn_op_link_show, true, false, link_show, "links: []Link", "Links and their disciplines."},
	{"vnet.link.set", vn_op_link_set, false, false, link_set, "link: Link, changed: bool",
	 "Change a link's discipline, of one direction or of both, losing no frame."},
	{"vnet.engine.show", vn_op_engine_show, true, false, NULL, "engines: []Engine",
	 "The processes that hold frames."},
	{"vnet.engine.move", vn_op_engine_move, false, false, engine_move, "link: string, engine: int, moving: bool",
	 "Give a link's frames to another engine, losing none."},
	{"vnet.engine.restart", vn_op_engine_restart, false, true, engine_restart, "engines: []Restarted",
	 "Put a fresh process in an engine's place, losing no frame."},
	{"vnet.link.verify", vn_op_link_verify, false, true, link_verify,
	 "verdict: (pass, unknown, fail), links: []Verified", "Whether links do what their disciplines say."},
	{"vnet.link.reset", vn_op_link_reset, false, false, link_reset, "links: int", "Statistics begin anew."},
	{"vnet.calibrate", vn_op_calibrate, false, true, calibrate, "calibration: Calibration",
	 "Measure what this host can do; disciplines beyond it are refused from then on."},
	{"vnet.monitor", op_monitor, true, false, NULL,
	 "event: string, time: string, time_ns: int, topology: ?string, "
	 "link: ?string, node: ?string",
	 "One reply per event while the client stays (call it with `more`); EVENTS says which there are."},
};
const size_t vn_n_methods = VN_ARRAY_SIZE(vn_methods);

const char *vn_method_varlink(char buf[VN_METHOD_NAME_MAX], const struct vn_method *m)
{
	bool upper = true;
	size_t n = 0;

	for (const char *p = m->name + strlen("vnet."); *p && n < VN_METHOD_NAME_MAX - 1; p++) {
		if (*p != '.')
			buf[n++] = upper && *p >= 'a' && *p <= 'z' ? (char)(*p - 'a' + 'A') : *p;
		upper = *p == '.';
	}
	buf[n] = '\0';
	return buf;
}

const struct vn_method *vn_method_find(const char *name)
{
	const size_t prefix = strlen(VN_INTERFACE ".");
	const bool varlink = strncmp(name, VN_INTERFACE ".", prefix) == 0;
	char buf[VN_METHOD_NAME_MAX];

	for (size_t i = 0; i < vn_n_methods; i++)
		if (strcmp(varlink ? name + prefix : name,
			   varlink ? vn_method_varlink(buf, &vn_methods[i]) : vn_methods[i].name) == 0)
			return &vn_methods[i];
	return NULL;
}
