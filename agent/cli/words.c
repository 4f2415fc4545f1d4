/* SPDX-License-Identifier: GPL-2.0-only */
/* The table of commands, see words.h. */
#include "cli/words.h"

static int cmd_daemon(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err);

/* clang-format off */
const struct vn_command vn_commands[] = {
	{"daemon", NULL, "[OPTION...]", "run the agent in the foreground", 0, -1, .raw_after = 0,
	 .run = cmd_daemon},

	{"topology", "check", "FILE", "check FILE; needs neither daemon nor root", 1, 1, .raw_after = -1,
	 .run = vn_cmd_topology_check, .kinds = {VN_ARG_FILE}},
	{"topology", "plan", "FILE", "print the steps that apply would take, and their cost; exit 10 when there are any steps", 1, 1,
	 .raw_after = -1, .run = vn_cmd_topology_plan, .kinds = {VN_ARG_FILE}},
	{"topology", "apply", "FILE|DIR", "make the network match FILE, or each DIR/*.yaml; when a step fails, all steps of that file are undone", 1, 1,
	 .raw_after = -1, .run = vn_cmd_topology_apply, .kinds = {VN_ARG_FILE}},
	{"topology", "delete", "NAME|FILE", "remove a topology; processes that still run in its nodes are listed", 1, 1, .raw_after = -1,
	 .run = vn_cmd_topology_delete, .kinds = {VN_ARG_TOPOLOGY_OR_FILE},
	 .options = {{"--kill", NULL, "end the processes that run in its nodes: SIGTERM, then SIGKILL"}}},
	{"topology", "show", "[NAME]", "list the running topologies", 0, 1, .raw_after = -1, .run = vn_cmd_topology_show,
	 .kinds = {VN_ARG_TOPOLOGY}},
	{"topology", "graph", "FILE|NAME", "draw a topology file or a running topology, with the disciplines on its links", 1, 1,
	 .raw_after = -1, .run = vn_cmd_topology_graph, .kinds = {VN_ARG_TOPOLOGY_OR_FILE},
	 .options = {{"--svg", NULL, "SVG; with -o, the suffix of OUT decides: .svg, .png, .pdf, .jpg (these need graphviz) or .dot"},
		     {"--dot", NULL, "Graphviz DOT (the default)"},
		     {"-o", "OUT", "write to OUT instead of standard output"}}},
	{"topology", "export", "NAME", "write a running topology, in its present state, as a topology file", 1, 1, .raw_after = -1,
	 .run = vn_cmd_topology_export, .kinds = {VN_ARG_TOPOLOGY},
	 .options = {{"-o", "OUT", "write to OUT instead of standard output"}}},
	{"topology", "import", "FILE.gml", "convert a file of the Internet Topology Zoo into a topology file", 1, 1, .raw_after = -1,
	 .run = vn_cmd_topology_import, .kinds = {VN_ARG_FILE},
	 .options = {{"-o", "OUT", "write to OUT instead of standard output"},
		     {"--delay", "TIME", "delay of links between nodes without coordinates (none)"},
		     {"--no-rates", NULL, "do not take over the speeds of links"}}},

	{"node", "show", "[NAME]", "list nodes, their namespaces, ports and addresses", 0, 1, .raw_after = -1,
	 .run = vn_cmd_node_show, .kinds = {VN_ARG_NODE}},
	{"node", "ps", "[NODE]", "list the processes in nodes", 0, 1, .raw_after = -1, .run = vn_cmd_node_ps, .kinds = {VN_ARG_NODE}},
	{"node", "exec", "NODE -- CMD [ARG...]", "run a command inside a node, and exit with its exit code", 2, -1,
	 .raw_after = 1, .run = vn_cmd_node_exec, .kinds = {VN_ARG_NODE, VN_ARG_COMMAND},
	 .options = {{"--confined", NULL, "run it as root of the node only, without privileges over the files and processes of the host"}}},
	{"node", "attach", "NODE pid N|netns PATH|container NAME", "let an external node use the network namespace of an "
	 "existing process or container", 3, 3, .raw_after = -1, .run = vn_cmd_node_attach, .kinds = {VN_ARG_NODE, VN_ARG_HOLDER}},
	{"node", "detach", "NODE", "take the node back: its links continue in a namespace that the agent makes", 1, 1, .raw_after = -1,
	 .run = vn_cmd_node_detach, .kinds = {VN_ARG_NODE}},

	{"link", "show", "[NAME|TOPOLOGY]", "list links and their disciplines; -s: counters and lateness, -d: port numbers and addresses", 0, 1,
	 .raw_after = -1, .run = vn_cmd_link_show, .kinds = {VN_ARG_LINK}},
	{"link", "set", "NAME [dir ab|ba|both] DISCIPLINE", "change the keywords given, keep all others, and lose no frame", 2, -1,
	 .raw_after = -1, .run = vn_cmd_link_set, .kinds = {VN_ARG_LINK, VN_ARG_DISC}},
	{"link", "replace", "NAME [dir ab|ba|both] [DISCIPLINE]", "set the whole discipline; keywords that are not given return to their defaults", 1, -1,
	 .raw_after = -1, .run = vn_cmd_link_set, .kinds = {VN_ARG_LINK, VN_ARG_DISC}},
	{"link", "verify", "[NAME|all] [dir ab|ba|both]", "compare what a link did with its discipline; exit 1 when a check fails, 11 when a check could not be judged", 0, 3,
	 .raw_after = -1, .run = vn_cmd_link_verify, .kinds = {VN_ARG_LINK_OR_ALL, VN_ARG_DIR},
	 .options = {{"--probe", NULL, "send probes through a probe link beside each link"},
		     {"--no-probe", NULL, "judge only by the frames of the users"},
		     {"--time", "TIME", "how long to observe and to probe (2s)"}}},
	{"link", "reset", "NAME|all", "reset the statistics; disciplines and their sequences of random numbers are not changed", 1, 1, .raw_after = -1,
	 .run = vn_cmd_link_reset, .kinds = {VN_ARG_LINK_OR_ALL}},
	{"link", "watch", "NAME", "print the trace position, throughput, drops and lateness of each direction, once a second", 1, 1,
	 .raw_after = -1, .run = vn_cmd_link_watch, .kinds = {VN_ARG_LINK},
	 .options = {{"--interval", "TIME", "time between two lines (1s)"},
		     {"--count", "N", "end after N lines for each direction"}}},

	{"engine", "show", "", "list the engines (the processes that hold frames), their load and their lateness", 0, 0, .raw_after = -1,
	 .run = vn_cmd_engine_show},
	{"engine", "move", "LINK [dir ab|ba|both] N", "move a link to engine N without losing a frame", 2, 4, .raw_after = -1,
	 .run = vn_cmd_engine_move, .kinds = {VN_ARG_LINK, VN_ARG_ENGINE}},
	{"engine", "restart", "[N]", "restart engine N, or all engines in turn, with the installed program, without losing a frame", 0, 1, .raw_after = -1,
	 .run = vn_cmd_engine_restart, .kinds = {VN_ARG_ENGINE}},

	{"port", "show", "[NODE:IF]", "list AF_XDP ports: who uses them, what they receive, how to hand them over", 0, 1,
	 .raw_after = -1, .run = vn_cmd_port_show, .kinds = {VN_ARG_PORT}},
	{"vf", "show", "[PF]", "list the virtual functions of SR-IOV devices: who uses each, and what is set on it", 0, 1,
	 .raw_after = -1, .run = vn_cmd_vf_show, .kinds = {VN_ARG_PF}},
	{"vf", "reclaim", "PF", "reset VFs that are marked as used by an agent which no longer exists", 1, 1,
	 .raw_after = -1, .run = vn_cmd_vf_reclaim, .kinds = {VN_ARG_PF}},

	{"oci-hook", NULL, "", "createRuntime and poststop hook for containers with the annotations vnet.topology and vnet.node", 0, 0,
	 .raw_after = -1, .run = vn_cmd_oci_hook},
	{"oci-runtime", NULL, "[ARG...]", "runc, with that hook for containers whose environment has VNET_NODE (also as vnet-runc)",
	 0, -1, .raw_after = 0, .run = vn_cmd_oci_runtime},
	{"oci-node-runtime", NULL, "[ARG...]", "runc, for nodes with runtime podman or docker (also as vnet-node-runc)", 0, -1,
	 .raw_after = 0, .run = vn_cmd_oci_node_runtime},
	{"cni", NULL, "", "plugin of the Container Network Interface 1.1 (also as vnet-cni)", 0, 0, .raw_after = -1,
	 .run = vn_cmd_cni},

	{"doctor", NULL, "", "list what this host can do, with a remedy for each fault; exit 7 when something required is missing", 0, 0,
	 .raw_after = -1, .run = vn_cmd_doctor},
	{"calibrate", NULL, "", "measure what this host can do; from then on, disciplines beyond that are refused", 0, 0,
	 .raw_after = -1, .run = vn_cmd_calibrate, .options = {{"--time", "TIME", "how long to measure (6s)"}}},
	{"monitor", NULL, "[TOPOLOGY...]", "print events as they happen, one per line: of all topologies, or of those named and of the host", 0, -1,
	 .raw_after = -1, .run = vn_cmd_monitor, .kinds = {VN_ARG_TOPOLOGY, VN_ARG_TOPOLOGY, VN_ARG_TOPOLOGY}},
	{"protocol", NULL, "", "the control socket's methods, types, errors and events, as Varlink describes an interface", 0, 0,
	 .raw_after = -1, .run = vn_cmd_protocol},
	{"help", NULL, "[OBJECT]", "this text", 0, 1, .raw_after = -1, .run = vn_cmd_help, .kinds = {VN_ARG_OBJECT}},
	{"__complete", NULL, "[WORD...]", "print what may follow WORDs; for completion in the shell", 0, -1, .raw_after = 0,
	 .hidden = true, .run = vn_cmd_complete},
	{0},
};

const struct vn_alias vn_object_aliases[] = {
	{"topo", "topology"}, {"topologies", "topology"}, {"nodes", "node"}, {"links", "link"}, {"engines", "engine"},
	{"ports", "port"}, {"vfs", "vf"}, {0},
};

const struct vn_alias vn_verb_aliases[] = {
	{"ls", "show"}, {"list", "show"}, {"del", "delete"}, {"rm", "delete"}, {0},
};

const struct vn_global vn_globals[] = {
	{"-j", "--json", NULL, "print the daemon's answer as JSON, on one line"},
	{"-p", "--pretty", NULL, "JSON, indented"},
	{"-s", "--stats", NULL, "counters and lateness (link show)"},
	{"-d", "--details", NULL, "print all details"},
	{"--runtime-dir", NULL, "DIR", "where the daemon's sockets are (" VN_RUNTIME_DIR ")"},
	{"-V", "--version", NULL, "print the version"},
	{"-h", "--help", NULL, "print help; after an OBJECT, help for that object"},
	{0},
};
/* clang-format on */

/* The daemon parses its own options; a --runtime-dir in front of the word goes along. */
static int cmd_daemon(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err)
{
	char **argv = calloc((size_t)call->n_args + 4, sizeof(*argv));
	int argc = 0, r;

	if (!argv)
		return -ENOMEM;
	for (int i = 0; i < call->n_args; i++)
		if (strcmp(call->args[i], "-h") == 0 || strcmp(call->args[i], "--help") == 0) {
			vn_help_print(stdout, call->object, call->cmd);
			free(argv);
			return 0;
		}
	argv[argc++] = (char *)"daemon";
	argv[argc++] = (char *)"--runtime-dir";
	argv[argc++] = (char *)cli->runtime_dir;
	for (int i = 0; i < call->n_args; i++)
		argv[argc++] = call->args[i];
	r = vn_daemon_main(argc, argv);
	free(argv);
	return r;
}
