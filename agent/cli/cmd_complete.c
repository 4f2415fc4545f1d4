/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * `vnet-agent __complete WORD...`: what may follow these words, one candidate a line. ":file" stands for file names and
 * ":command" for commands: the shell knows those. Errors print nothing: a completion is no place for them.
 */
#include "cli/words.h"

#include <ctype.h>
#include <glob.h>
#include <inttypes.h>
#include <stdlib.h>

#include <base/util.h>

#include "disc/disc_words.h"

static void print_objects(void)
{
	const char *last = "";

	for (const struct vn_command *c = vn_commands; c->object; c++) {
		if (!c->hidden && strcmp(c->object, last) != 0)
			puts(c->object);
		last = c->object;
	}
}

static void print_verbs(const char *object)
{
	for (const struct vn_command *c = vn_commands; c->object; c++)
		if (strcmp(c->object, object) == 0 && c->verb)
			puts(c->verb);
}

static void print_options(const struct vn_command *cmd)
{
	for (int i = 0; cmd && i < VN_OPTIONS_MAX && cmd->options[i].word; i++)
		puts(cmd->options[i].word);
	for (const struct vn_global *g = vn_globals; g->word; g++)
		puts(g->longer ? g->longer : g->word);
}

/* Names that only one topology has stand alone, the others as TOPOLOGY/NAME. */
static void print_names(const struct vn_cli *cli, const char *method, const char *list)
{
	json_t *reply = NULL, *seen = json_object(), *item;
	size_t i;

	if (vn_cli_call(cli, true, method, NULL, &reply, NULL) < 0 || !seen)
		goto out;
	json_array_foreach (json_object_get(reply, list), i, item) {
		const char *name = vn_json_str(item, "name");

		json_object_set_new(seen, name, json_integer((json_int_t)vn_json_u64(seen, name) + 1));
	}
	json_array_foreach (json_object_get(reply, list), i, item) {
		const char *name = vn_json_str(item, "name"), *topo = vn_json_str(item, "topology");

		if (vn_json_u64(seen, name) > 1)
			printf("%s/%s\n", topo, name);
		else
			puts(name);
	}
out:
	json_decref(reply);
	json_decref(seen);
}

static void print_ports(const struct vn_cli *cli)
{
	json_t *reply = NULL, *port;
	size_t i;

	if (vn_cli_call(cli, true, "vnet.port.show", NULL, &reply, NULL) < 0)
		return;
	json_array_foreach (json_object_get(reply, "ports"), i, port)
		printf("%s:%s\n", vn_json_str(port, "node"), vn_json_str(port, "ifname"));
	json_decref(reply);
}

static void print_engines(const struct vn_cli *cli)
{
	json_t *reply = NULL, *engine;
	size_t i;

	if (vn_cli_call(cli, true, "vnet.engine.show", NULL, &reply, NULL) < 0)
		return;
	json_array_foreach (json_object_get(reply, "engines"), i, engine)
		printf("%" PRIu64 "\n", vn_json_u64(engine, "engine"));
	json_decref(reply);
}

static void print_pfs(void)
{
	static const char prefix[] = "/sys/class/net/";
	glob_t found;

	if (glob("/sys/class/net/*/device/sriov_totalvfs", 0, NULL, &found) != 0)
		return;
	for (size_t i = 0; i < found.gl_pathc; i++) {
		const char *name = found.gl_pathv[i] + strlen(prefix);

		printf("%.*s\n", (int)strcspn(name, "/"), name);
	}
	globfree(&found);
}

/* The literal words in a discipline word's arguments: "uniform|normal", "PACKETS|SIZE|auto" -> auto. */
static void print_literals(const char *args)
{
	while (*args) {
		size_t len = 0;

		while (islower((unsigned char)args[len]))
			len++;
		if (len)
			printf("%.*s\n", (int)len, args);
		args += len;
		while (*args && !islower((unsigned char)*args))
			args++;
	}
}

/* Only an optional argument may be missing. */
static int needs(const struct vn_disc_word *w)
{
	return w->args[0] != '[' || strstr(w->args, "] P ") ? 1 : 0;
}

static bool has_file(const struct vn_disc_word *w)
{
	return strstr(w->args, "FILE") != NULL;
}

/* "dir" or its value, after the link's name; how many of @words stand in front of what follows, -1: none may yet. */
static int print_dir(char *words[], int n)
{
	if (n == 0)
		puts("dir");
	if (n == 0 || strcmp(words[0], "dir") != 0)
		return 0;
	if (n > 1)
		return 2;
	puts("ab\nba\nboth");
	return -1;
}

/* @words: those after the link's name. */
static void print_disc(char *words[], int n)
{
	const struct vn_disc_word *current = NULL;
	int given = 0, first = print_dir(words, n);

	if (first < 0)
		return;
	words += first;
	n -= first;
	for (int i = 0; i < n; i++) {
		const struct vn_disc_word *w = vn_disc_word_find(words[i]);

		if (w && (!current || given >= needs(current))) {
			current = w;
			given = 0;
		} else {
			given++;
		}
	}
	if (current && given < needs(current) && has_file(current)) {
		puts(":file");
		print_literals(current->args);
		return;
	}
	if (current)
		print_literals(current->args);
	if (current && given < needs(current))
		return;
	for (const struct vn_disc_word *w = vn_disc_words; w->word; w++)
		puts(w->word);
}

/* The daemon parses its options itself, so they are its words. */
static void print_daemon(const struct vn_call *call)
{
	const char *last = call->n_args ? call->args[call->n_args - 1] : "";

	for (const struct vn_option *o = vn_daemon_words; o->word; o++) {
		if (strcmp(o->word, last) != 0 || !o->arg)
			continue;
		if (strcmp(o->arg, "DIR") == 0 || strcmp(o->arg, "PATH") == 0)
			puts(":file");
		print_literals(o->arg);
		return;
	}
	for (const struct vn_option *o = vn_daemon_words; o->word; o++)
		puts(o->word);
}

static void print_holder(const char *word)
{
	if (!word)
		puts("pid\nnetns\ncontainer");
	else if (strcmp(word, "netns") == 0)
		puts(":file");
}

static void print_argument(const struct vn_cli *cli, const struct vn_call *call)
{
	enum vn_arg_kind kind = VN_ARG_END;
	int at = call->n_args;

	for (int i = 0; i < VN_ARG_KINDS && i <= at; i++) {
		kind = call->cmd->kinds[i];
		if (kind == VN_ARG_END || kind == VN_ARG_COMMAND || kind == VN_ARG_DISC || kind == VN_ARG_DIR ||
		    kind == VN_ARG_ENGINE || kind == VN_ARG_HOLDER)
			break;
	}
	switch (kind) {
	case VN_ARG_END:
		break;
	case VN_ARG_TOPOLOGY_OR_FILE:
		print_names(cli, "vnet.topology.show", "topologies");
		/* fallthrough */
	case VN_ARG_FILE:
		puts(":file");
		break;
	case VN_ARG_TOPOLOGY:
		print_names(cli, "vnet.topology.show", "topologies");
		break;
	case VN_ARG_PORT:
		print_ports(cli);
		break;
	case VN_ARG_NODE:
		print_names(cli, "vnet.node.show", "nodes");
		break;
	case VN_ARG_LINK_OR_ALL:
		puts("all");
		/* fallthrough */
	case VN_ARG_LINK:
		print_names(cli, "vnet.link.show", "links");
		break;
	case VN_ARG_PF:
		print_pfs();
		break;
	case VN_ARG_HOLDER:
		print_holder(at > 1 ? call->args[1] : NULL);
		break;
	case VN_ARG_OBJECT:
		print_objects();
		break;
	case VN_ARG_DIR:
		print_dir(call->args + 1, at - 1);
		break;
	case VN_ARG_ENGINE:
		if (at == 0 || print_dir(call->args + 1, at - 1) >= 0)
			print_engines(cli);
		break;
	case VN_ARG_COMMAND:
		puts(":command");
		break;
	case VN_ARG_DISC:
		print_disc(call->args + 1, at - 1);
		break;
	}
}

int vn_cmd_complete(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err)
{
	struct vn_err ignored = {0};
	struct vn_cli theirs = *cli;
	struct vn_call typed;

	theirs.no_wait = true;
	if (call->n_args > 0 && strcmp(call->args[call->n_args - 1], "-o") == 0) {
		puts(":file");
		return 0;
	}
	/* A word that is wrong, or a value to come: nothing to offer. */
	if (vn_words_scan(call->n_args, call->args, &theirs, &typed, &ignored) < 0)
		return 0;
	if (!typed.object) {
		print_objects();
		print_options(NULL);
	} else if (!typed.cmd) {
		print_verbs(typed.object);
	} else if (strcmp(typed.object, "daemon") == 0) {
		print_daemon(&typed);
	} else {
		print_argument(&theirs, &typed);
		print_options(typed.cmd);
	}
	return 0;
}
