/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The table of commands. It alone says which objects, verbs and options exist: the parser, the help, the completion
 * and the test of the man pages are made from it.
 */
#ifndef VNET_CLI_WORDS_H
#define VNET_CLI_WORDS_H

#include "cli/cli.h"
#include "daemon/daemon_main.h"

#define VN_OPTIONS_MAX 4
#define VN_ARG_KINDS   3

/* What stands at a position, for the completion. */
enum vn_arg_kind {
	VN_ARG_END,
	VN_ARG_FILE,
	VN_ARG_TOPOLOGY,
	VN_ARG_TOPOLOGY_OR_FILE,
	VN_ARG_NODE,
	VN_ARG_LINK,
	VN_ARG_LINK_OR_ALL,
	VN_ARG_PORT,
	VN_ARG_PF,
	VN_ARG_HOLDER, /* what is attached to a node: pid N, netns PATH or container NAME */
	VN_ARG_OBJECT,
	VN_ARG_DIR,     /* [dir ...], to the end of the line */
	VN_ARG_ENGINE,  /* the same, and the number of an engine */
	VN_ARG_COMMAND, /* of the system, to the end of the line */
	VN_ARG_DISC,    /* [dir ...] and the words of a discipline, to the end of the line */
};

struct vn_call;

struct vn_command {
	const char *object, *verb; /* verb NULL: the object alone is the command */
	const char *args;          /* for help: "FILE|NAME [-o OUT]" */
	const char *help;
	int min_args, max_args; /* positional; max -1: any number */
	int raw_after;          /* after so many positional arguments the rest is taken as it is; -1: never */
	bool hidden;
	/* 0, a positive exit code, or -errno with @err filled. */
	int (*run)(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err);
	enum vn_arg_kind kinds[VN_ARG_KINDS];
	struct vn_option options[VN_OPTIONS_MAX];
};
/* Ends with object == NULL. */
extern const struct vn_command vn_commands[];

/* Other spellings of objects and verbs. Ends with alias == NULL. */
struct vn_alias {
	const char *alias, *word;
};
extern const struct vn_alias vn_object_aliases[], vn_verb_aliases[];

/* Options understood in front of the object and after the verb. Ends with word == NULL. */
struct vn_global {
	const char *word, *longer; /* "-j", "--json" */
	const char *arg;
	const char *help;
};
extern const struct vn_global vn_globals[];

/* A parsed command line. */
struct vn_call {
	const struct vn_command *cmd;
	char **args; /* positional, borrowed from argv */
	int n_args;
	const char *options[VN_OPTIONS_MAX]; /* by the command's table: value, "" for a flag, NULL when not given */
	bool help;                           /* -h: show the help of the object, or of everything when cmd is NULL */
	bool version;
	const char *object; /* canonical, NULL: none given */
};

/*
 * Parse @argv into @cli and @call; @argv is reordered (positional arguments are moved together).
 * -EINVAL with the offending word quoted and the nearest known one suggested.
 */
int vn_words_parse(int argc, char *argv[], struct vn_cli *cli, struct vn_call *call, struct vn_err *err);
/* The first half of it: what is missing is not an error, and a missing verb is not filled in. For the completion. */
int vn_words_scan(int argc, char *argv[], struct vn_cli *cli, struct vn_call *call, struct vn_err *err);
/* The value of option @word of this call; NULL when not given. */
const char *vn_call_option(const struct vn_call *call, const char *word);
/* The same as a time, of an option that was given: an error names it. */
int vn_call_time(const struct vn_call *call, const char *word, uint64_t *ret_ns, struct vn_err *err);
/* Canonical spelling through @aliases; @word itself when it is none. */
const char *vn_words_canonical(const struct vn_alias *aliases, const char *word);

/* Help of everything (@object NULL), of one object, or of one command of it (@only not NULL). */
void vn_help_print(FILE *f, const char *object, const struct vn_command *only);

/* The commands, one file an object. */
int vn_cmd_help(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err);
int vn_cmd_complete(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err);
int vn_cmd_topology_check(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err);
int vn_cmd_topology_plan(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err);
int vn_cmd_topology_apply(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err);
int vn_cmd_topology_delete(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err);
int vn_cmd_topology_show(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err);
int vn_cmd_topology_graph(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err);
int vn_cmd_topology_export(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err);
int vn_cmd_topology_import(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err);
int vn_cmd_node_show(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err);
int vn_cmd_node_ps(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err);
int vn_cmd_node_exec(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err);
int vn_cmd_node_attach(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err);
int vn_cmd_node_detach(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err);
int vn_cmd_oci_hook(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err);
int vn_cmd_oci_runtime(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err);
int vn_cmd_oci_node_runtime(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err);
int vn_cmd_cni(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err);
int vn_cmd_link_show(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err);
int vn_cmd_link_verify(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err);
int vn_cmd_link_reset(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err);
int vn_cmd_calibrate(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err);
int vn_cmd_link_watch(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err);
int vn_cmd_link_set(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err);
int vn_cmd_engine_show(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err);
int vn_cmd_engine_move(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err);
int vn_cmd_engine_restart(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err);
/* "LINK [dir ab|ba|both|NODE] ...": the direction ("both" when not named), and the number of the argument behind it. */
int vn_cli_take_dir(const struct vn_cli *cli, const struct vn_call *call, const char **ret_dir, int *ret_first,
		    struct vn_err *err);
int vn_cmd_vf_show(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err);
int vn_cmd_vf_reclaim(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err);
int vn_cmd_port_show(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err);
int vn_cmd_doctor(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err);
int vn_cmd_protocol(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err);
int vn_cmd_monitor(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err);

#endif
