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
	{"topology", "plan", "FILE", "print the steps that apply would take, and their cost; exit 10 when there are any", 1, 1,
	 .raw_after = -1, .run = vn_cmd_topology_plan, .kinds = {VN_ARG_FILE}},
	{"topology", "apply", "FILE|DIR", "make the network be what FILE says, undo everything when a step fails; every DIR/*.yaml", 1, 1,
	 .raw_after = -1, .run = vn_cmd_topology_apply, .kinds = {VN_ARG_FILE}},
	{"topology", "delete", "NAME|FILE", "remove a topology; what still runs in its nodes is told", 1, 1, .raw_after = -1,
	 .run = vn_cmd_topology_delete, .kinds = {VN_ARG_TOPOLOGY_OR_FILE},
	 .options = {{"--kill", NULL, "end the processes that run in its nodes: SIGTERM, then SIGKILL"}}},
	{"topology", "show", "[NAME]", "what runs", 0, 1, .raw_after = -1, .run = vn_cmd_topology_show,
	 .kinds = {VN_ARG_TOPOLOGY}},
	{"topology", "graph", "FILE|NAME", "draw a file, or a topology as it runs, disciplines on the edges", 1, 1,
	 .raw_after = -1, .run = vn_cmd_topology_graph, .kinds = {VN_ARG_TOPOLOGY_OR_FILE},
	 .options = {{"--svg", NULL, "SVG; -o decides by the end of its name: .svg, .png, .pdf, .jpg (these need graphviz), .dot"},
		     {"--dot", NULL, "Graphviz DOT (the default)"},
		     {"-o", "OUT", "write to OUT instead of standard output"}}},
	{"topology", "export", "NAME", "write a topology, as it runs now, as a topology file", 1, 1, .raw_after = -1,
	 .run = vn_cmd_topology_export, .kinds = {VN_ARG_TOPOLOGY},
	 .options = {{"-o", "OUT", "write to OUT instead of standard output"}}},
	{"topology", "import", "FILE.gml", "turn an Internet Topology Zoo file into a topology file", 1, 1, .raw_after = -1,
	 .run = vn_cmd_topology_import, .kinds = {VN_ARG_FILE},
	 .options = {{"-o", "OUT", "write to OUT instead of standard output"},
		     {"--delay", "TIME", "delay of links between nodes without coordinates (none)"},
		     {"--no-rates", NULL, "leave the speeds of links out"}}},

	{"node", "show", "[NAME]", "nodes, their namespaces, ports and addresses", 0, 1, .raw_after = -1,
	 .run = vn_cmd_node_show, .kinds = {VN_ARG_NODE}},
	{"node", "ps", "[NODE]", "processes in nodes", 0, 1, .raw_after = -1, .run = vn_cmd_node_ps, .kinds = {VN_ARG_NODE}},
	{"node", "exec", "NODE -- CMD [ARG...]", "run a command inside a node; exits as the command does", 2, -1,
	 .raw_after = 1, .run = vn_cmd_node_exec, .kinds = {VN_ARG_NODE, VN_ARG_COMMAND},
	 .options = {{"--confined", NULL, "as root of the node alone, without rights over the host's files and processes"}}},
	{"node", "attach", "NODE pid N|netns PATH|container NAME", "give an external node the namespace of somebody's process "
	 "or container", 3, 3, .raw_after = -1, .run = vn_cmd_node_attach, .kinds = {VN_ARG_NODE, VN_ARG_HOLDER}},
	{"node", "detach", "NODE", "take it back: its links go on in a namespace of the agent's", 1, 1, .raw_after = -1,
	 .run = vn_cmd_node_detach, .kinds = {VN_ARG_NODE}},

	{"link", "show", "[NAME|TOPOLOGY]", "links and their disciplines; -s counters and lateness, -d numbers and addresses", 0, 1,
	 .raw_after = -1, .run = vn_cmd_link_show, .kinds = {VN_ARG_LINK}},
	{"link", "set", "NAME [dir ab|ba|both] DISCIPLINE", "change what is named, keep the rest, lose no frame", 2, -1,
	 .raw_after = -1, .run = vn_cmd_link_set, .kinds = {VN_ARG_LINK, VN_ARG_DISC}},
	{"link", "replace", "NAME [dir ab|ba|both] [DISCIPLINE]", "set the whole discipline; what is not named is gone", 1, -1,
	 .raw_after = -1, .run = vn_cmd_link_set, .kinds = {VN_ARG_LINK, VN_ARG_DISC}},
	{"link", "verify", "[NAME|all] [dir ab|ba|both]", "compare what a link did with its discipline; exit 1 when a check fails, 11 when not all could be judged", 0, 3,
	 .raw_after = -1, .run = vn_cmd_link_verify, .kinds = {VN_ARG_LINK_OR_ALL, VN_ARG_DIR},
	 .options = {{"--probe", NULL, "send probes through a probe link beside each link"},
		     {"--no-probe", NULL, "only look at what the users' frames met"},
		     {"--time", "TIME", "how long to look and to probe (2s)"}}},
	{"link", "reset", "NAME|all", "reset the statistics; disciplines and their random numbers go on", 1, 1, .raw_after = -1,
	 .run = vn_cmd_link_reset, .kinds = {VN_ARG_LINK_OR_ALL}},
	{"link", "watch", "NAME", "follow a link: traces, throughput, drops, lateness, a line a second for each direction", 1, 1,
	 .raw_after = -1, .run = vn_cmd_link_watch, .kinds = {VN_ARG_LINK},
	 .options = {{"--interval", "TIME", "from line to line (1s)"},
		     {"--count", "N", "end after N lines for each direction"}}},

	{"engine", "show", "", "the processes that hold frames, what each holds and how well", 0, 0, .raw_after = -1,
	 .run = vn_cmd_engine_show},
	{"engine", "move", "LINK [dir ab|ba|both] N", "give a link's frames to engine N, losing none", 2, 4, .raw_after = -1,
	 .run = vn_cmd_engine_move, .kinds = {VN_ARG_LINK, VN_ARG_ENGINE}},
	{"engine", "restart", "[N]", "replace the program of engine N, or of all in turn, losing no frame", 0, 1, .raw_after = -1,
	 .run = vn_cmd_engine_restart, .kinds = {VN_ARG_ENGINE}},

	{"port", "show", "[NODE:IF]", "AF_XDP ports: who has them, what they get, how to hand them over", 0, 1,
	 .raw_after = -1, .run = vn_cmd_port_show, .kinds = {VN_ARG_PORT}},
	{"vf", "show", "[PF]", "virtual functions of SR-IOV devices: who has each, and what stands on it", 0, 1,
	 .raw_after = -1, .run = vn_cmd_vf_show, .kinds = {VN_ARG_PF}},
	{"vf", "reclaim", "PF", "reset VFs that carry the mark of an agent which no longer exists", 1, 1,
	 .raw_after = -1, .run = vn_cmd_vf_reclaim, .kinds = {VN_ARG_PF}},

	{"oci-hook", NULL, "", "createRuntime and poststop hook of containers with annotations vnet.topology, vnet.node", 0, 0,
	 .raw_after = -1, .run = vn_cmd_oci_hook},
	{"oci-runtime", NULL, "[ARG...]", "runc, with that hook for containers whose environment has VNET_NODE (also as vnet-runc)",
	 0, -1, .raw_after = 0, .run = vn_cmd_oci_runtime},
	{"oci-node-runtime", NULL, "[ARG...]", "runc, for nodes with runtime podman or docker (also as vnet-node-runc)", 0, -1,
	 .raw_after = 0, .run = vn_cmd_oci_node_runtime},
	{"cni", NULL, "", "plugin of the Container Network Interface 1.1 (also as vnet-cni)", 0, 0, .raw_after = -1,
	 .run = vn_cmd_cni},

	{"doctor", NULL, "", "what this host can do, with a remedy per line; exit 7 when something needed is missing", 0, 0,
	 .raw_after = -1, .run = vn_cmd_doctor},
	{"calibrate", NULL, "", "measure what this host can do; disciplines beyond it are refused from then on", 0, 0,
	 .raw_after = -1, .run = vn_cmd_calibrate, .options = {{"--time", "TIME", "how long (6s)"}}},
	{"monitor", NULL, "[TOPOLOGY...]", "events as they happen, a line each: of all, or of those named and of the host", 0, -1,
	 .raw_after = -1, .run = vn_cmd_monitor, .kinds = {VN_ARG_TOPOLOGY, VN_ARG_TOPOLOGY, VN_ARG_TOPOLOGY}},
	{"protocol", NULL, "", "the control socket's methods, types, errors and events, as Varlink describes an interface", 0, 0,
	 .raw_after = -1, .run = vn_cmd_protocol},
	{"help", NULL, "[OBJECT]", "this text", 0, 1, .raw_after = -1, .run = vn_cmd_help, .kinds = {VN_ARG_OBJECT}},
	{"__complete", NULL, "[WORD...]", "what may follow WORDs; for the shell's completion", 0, -1, .raw_after = 0,
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
	{"-d", "--details", NULL, "everything there is to know"},
	{"--runtime-dir", NULL, "DIR", "where the daemon's sockets are (" VN_RUNTIME_DIR ")"},
	{"-V", "--version", NULL, "print the version"},
	{"-h", "--help", NULL, "print help, of one object after its name"},
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
