/* SPDX-License-Identifier: GPL-2.0-only */
/* Command line -> struct vn_call, by the table alone; and the program's top. */
#include "cli/words.h"

#include <stdlib.h>

#include <base/util.h>

#include "model/topo.h"

#define WORDS_MAX 64 /* candidates for one suggestion */

const char *vn_words_canonical(const struct vn_alias *aliases, const char *word)
{
	for (; aliases->alias; aliases++)
		if (strcmp(aliases->alias, word) == 0)
			return aliases->word;
	return word;
}

const char *vn_call_option(const struct vn_call *call, const char *word)
{
	for (int i = 0; i < VN_OPTIONS_MAX && call->cmd->options[i].word; i++)
		if (strcmp(call->cmd->options[i].word, word) == 0)
			return call->options[i];
	return NULL;
}

int vn_call_time(const struct vn_call *call, const char *word, uint64_t *ret_ns, struct vn_err *err)
{
	struct vn_err why = {0};

	if (vn_parse_time(vn_call_option(call, word), ret_ns, &why) < 0)
		return vn_err_usage(err, "%s: %s", word, why.text);
	return 0;
}

struct words {
	const char *w[WORDS_MAX + 1];
	size_t n;
};

static void words_add(struct words *l, const char *word)
{
	for (size_t i = 0; word && i < l->n; i++)
		if (strcmp(l->w[i], word) == 0)
			return;
	if (word && l->n < WORDS_MAX)
		l->w[l->n++] = word;
}

static int unknown(struct vn_err *err, const struct words *l, const char *what, const char *word, const char *help)
{
	/* Between single letters everything is near. */
	const char *near = strlen(word) > 2 ? vn_suggest(word, l->w) : NULL;

	if (near)
		return vn_err_usage(err, "%s '%s' is not known: did you mean '%s'?", what, word, near);
	return vn_err_usage(err, "%s '%s' is not known: see `vnet-agent %s`", what, word, help);
}

/* What people type who know other tools, and what does it here. object NULL: the word stands first. */
#define SAY(command) "say `vnet-agent " command "`"
#define IN_FILE      "that is the file's: edit it, and say `vnet-agent topology apply FILE`"
static const struct {
	const char *object, *word, *say;
} elsewhere[] = {
	{NULL, "up", SAY("topology apply FILE")},
	{NULL, "deploy", SAY("topology apply FILE")},
	{NULL, "create", SAY("topology apply FILE")},
	{NULL, "down", SAY("topology delete NAME")},
	{NULL, "destroy", SAY("topology delete NAME")},
	{NULL, "stop", SAY("topology delete NAME")},
	{NULL, "inspect", SAY("topology show NAME")},
	{NULL, "status", SAY("topology show")},
	{NULL, "ps", SAY("node show") " for nodes, `node ps` for what runs in them"},
	{NULL, "shell", SAY("node exec NODE -- bash")},
	{NULL, "ssh", SAY("node exec NODE -- bash")},
	{NULL, "start", SAY("daemon")},
	{NULL, "version", SAY("-V")},
	{NULL, "stats", SAY("-s link show")},
	{NULL, "metrics", SAY("-j -s link show") ": all counters, as JSON"},
	{NULL, "logs", SAY("monitor") " for events; the log is the daemon's standard error (journalctl -u vnet-agent)"},
	{NULL, "log", SAY("monitor") " for events; the log is the daemon's standard error (journalctl -u vnet-agent)"},
	{"link", "down", SAY("link set NAME state down")},
	{"link", "up", SAY("link set NAME state up")},
	{"link", "stats", SAY("-s link show NAME")},
	{"link", "statistics", SAY("-s link show NAME")},
	{"link", "change", SAY("link set NAME DISCIPLINE")},
	{"link", "delete", IN_FILE},
	{"link", "add", IN_FILE},
	{"node", "shell", SAY("node exec NODE -- bash")},
	{"node", "ssh", SAY("node exec NODE -- bash")},
	{"node", "enter", SAY("node exec NODE -- bash")},
	{"node", "run", SAY("node exec NODE -- CMD")},
	{"node", "delete", IN_FILE},
	{"node", "add", IN_FILE},
};

static const char *from_elsewhere(const char *object, const char *word)
{
	for (size_t i = 0; i < VN_ARRAY_SIZE(elsewhere); i++)
		if (strcmp(object ? object : "", elsewhere[i].object ? elsewhere[i].object : "") == 0 &&
		    strcmp(word, elsewhere[i].word) == 0)
			return elsewhere[i].say;
	return NULL;
}

static int unknown_object(struct vn_err *err, const char *word)
{
	const char *say = from_elsewhere(NULL, word);
	struct words l = {.n = 0};

	if (say)
		return vn_err_usage(err, "object '%s' is not known: %s", word, say);

	/* A verb where its object should be, as other tools have it. */
	for (const struct vn_command *c = vn_commands; c->object; c++)
		if (c->verb && strcmp(c->verb, vn_words_canonical(vn_verb_aliases, word)) == 0)
			return vn_err_usage(err, "object '%s' is not known: did you mean '%s %s'?", word, c->object,
					    c->verb);
	for (const struct vn_command *c = vn_commands; c->object; c++)
		if (!c->hidden)
			words_add(&l, c->object);
	return unknown(err, &l, "object", word, "help");
}

static int unknown_verb(struct vn_err *err, const char *object, const char *word)
{
	struct words l = {.n = 0};
	char what[64], help[64], list[128] = "";
	const char *say;
	size_t len = 0;

	for (const struct vn_command *c = vn_commands; c->object; c++)
		if (strcmp(c->object, object) == 0)
			words_add(&l, c->verb);
	if (!word) {
		for (size_t i = 0; i < l.n && len < sizeof(list); i++)
			len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s", i ? ", " : "", l.w[i]);
		return vn_err_usage(err, "%s: what to do is missing: %s", object, list);
	}
	snprintf(what, sizeof(what), "%s: verb", object);
	say = from_elsewhere(object, vn_words_canonical(vn_verb_aliases, word));
	if (say)
		return vn_err_usage(err, "%s '%s' is not known: %s", what, word, say);
	snprintf(help, sizeof(help), "help %s", object);
	return unknown(err, &l, what, word, help);
}

static int unknown_option(struct vn_err *err, const struct vn_command *cmd, const char *word)
{
	struct words l = {.n = 0};

	for (const struct vn_global *g = vn_globals; g->word; g++) {
		words_add(&l, g->word);
		if (g->longer)
			words_add(&l, g->longer);
	}
	for (int i = 0; cmd && i < VN_OPTIONS_MAX && cmd->options[i].word; i++)
		words_add(&l, cmd->options[i].word);
	return unknown(err, &l, "option", word, "help");
}

static void set_flag(char letter, struct vn_cli *cli, struct vn_call *call)
{
	switch (letter) {
	case 'p':
		cli->pretty = true;
		/* fallthrough */
	case 'j':
		cli->json = true;
		break;
	case 's':
		cli->stats = true;
		break;
	case 'd':
		cli->details = true;
		break;
	case 'V':
		call->version = true;
		break;
	case 'h':
		call->help = true;
		break;
	}
}

/* "-sj": several flags in one word. */
static bool parse_cluster(const char *word, struct vn_cli *cli, struct vn_call *call)
{
	if (word[0] != '-' || !word[1] || word[1] == '-' || strspn(word + 1, "jpsdVh") != strlen(word + 1))
		return false;
	for (const char *p = word + 1; *p; p++)
		set_flag(*p, cli, call);
	return true;
}

static int take_value(const char *word, int argc, char *argv[], int *i, const char **ret_value, struct vn_err *err)
{
	size_t len = strcspn(argv[*i], "=");

	if (argv[*i][len] == '=') {
		*ret_value = argv[*i] + len + 1;
		return 0;
	}
	if (*i + 1 >= argc)
		return vn_err_usage(err, "option '%s' needs a value", word);
	*ret_value = argv[++*i];
	return 0;
}

/* Is @arg the option @word, alone or as "--word=value"? */
static bool is_option(const char *arg, const char *word, bool takes_value)
{
	size_t len = strlen(word);

	if (strncmp(arg, word, len) != 0)
		return false;
	return arg[len] == 0 || (takes_value && len > 2 && arg[len] == '=');
}

/* 1: argv[*i] was an option, and *i stands on its last word; 0: it is none. */
static int parse_option(int argc, char *argv[], int *i, struct vn_cli *cli, struct vn_call *call, struct vn_err *err)
{
	const char *arg = argv[*i];

	/* "-" is standard input, "-4" a number: an overhead may be negative. */
	if (arg[0] != '-' || !arg[1] || (arg[1] >= '0' && arg[1] <= '9'))
		return 0;
	for (int o = 0; call->cmd && o < VN_OPTIONS_MAX && call->cmd->options[o].word; o++) {
		const struct vn_option *opt = &call->cmd->options[o];

		if (!is_option(arg, opt->word, opt->arg != NULL))
			continue;
		call->options[o] = "";
		return opt->arg && take_value(opt->word, argc, argv, i, &call->options[o], err) < 0 ? -EINVAL : 1;
	}
	if (parse_cluster(arg, cli, call))
		return 1;
	for (const struct vn_global *g = vn_globals; g->word; g++) {
		if (g->arg && is_option(arg, g->word, true))
			return take_value(g->word, argc, argv, i, &cli->runtime_dir, err) < 0 ? -EINVAL : 1;
		if (g->longer && strcmp(arg, g->longer) == 0) {
			set_flag(g->word[1], cli, call);
			return 1;
		}
	}
	return unknown_option(err, call->cmd, arg);
}

static const struct vn_command *find_command(const char *object, const char *verb, bool *ret_object_known,
					     bool *ret_has_verbs)
{
	*ret_object_known = *ret_has_verbs = false;
	for (const struct vn_command *c = vn_commands; c->object; c++) {
		if (strcmp(c->object, object) != 0)
			continue;
		*ret_object_known = true;
		*ret_has_verbs = c->verb != NULL;
		if (!c->verb || (verb && strcmp(c->verb, verb) == 0))
			return c;
	}
	return NULL;
}

static int check_count(const struct vn_call *call, struct vn_err *err)
{
	const struct vn_command *c = call->cmd;
	const char *sep = c->verb ? " " : "", *verb = c->verb ? c->verb : "";

	if (call->n_args < c->min_args)
		return vn_err_usage(err, "%s%s%s: too few arguments: %s%s%s %s", c->object, sep, verb, c->object, sep,
				    verb, c->args);
	if (c->max_args >= 0 && call->n_args > c->max_args) {
		const char *extra = call->args[c->max_args];
		uint64_t ns;

		/* `calibrate 5s` */
		for (int i = 0; i < VN_OPTIONS_MAX && c->options[i].word; i++)
			if (strcmp(c->options[i].word, "--time") == 0 && vn_parse_time(extra, &ns, NULL) == 0)
				return vn_err_usage(err, "%s%s%s: unexpected argument '%s': say --time %s", c->object,
						    sep, verb, extra, extra);
		return vn_err_usage(err, "%s%s%s: unexpected argument '%s': %s%s%s%s%s", c->object, sep, verb, extra,
				    c->object, sep, verb, *c->args ? " " : "", c->args);
	}
	return 0;
}

/* The next word names the object, the verb, or is an argument. */
static int take_word(char *word, struct vn_call *call, struct vn_err *err)
{
	bool known, verbs;

	if (!call->object) {
		const char *object = vn_words_canonical(vn_object_aliases, word);

		call->cmd = find_command(object, NULL, &known, &verbs);
		if (!known)
			return unknown_object(err, word);
		call->object = object;
		return 0;
	}
	if (!call->cmd) {
		call->cmd = find_command(call->object, vn_words_canonical(vn_verb_aliases, word), &known, &verbs);
		return call->cmd ? 0 : unknown_verb(err, call->object, word);
	}
	call->args[call->n_args++] = word;
	return 0;
}

static bool at_raw(const struct vn_call *call)
{
	return call->cmd && call->cmd->raw_after >= 0 && call->n_args >= call->cmd->raw_after;
}

int vn_words_scan(int argc, char *argv[], struct vn_cli *cli, struct vn_call *call, struct vn_err *err)
{
	bool options = true;
	int r;

	*call = (struct vn_call){.args = argv};
	for (int i = 0; i < argc; i++) {
		bool raw = at_raw(call);

		if (options && strcmp(argv[i], "--") == 0 && (!raw || call->cmd->raw_after > 0)) {
			options = false;
			continue;
		}
		/* From here on the words are somebody else's: a "--" among them is theirs too. */
		if (raw)
			options = false;
		r = options ? parse_option(argc, argv, &i, cli, call, err) : 0;
		if (r == 0)
			r = take_word(argv[i], call, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int vn_words_parse(int argc, char *argv[], struct vn_cli *cli, struct vn_call *call, struct vn_err *err)
{
	bool known, verbs;
	int r = vn_words_scan(argc, argv, cli, call, err);

	if (r < 0)
		return r;
	if (call->help || call->version || !call->object)
		return 0;
	if (!call->cmd)
		call->cmd = find_command(call->object, "show", &known, &verbs);
	if (!call->cmd)
		return unknown_verb(err, call->object, NULL);
	return check_count(call, err);
}

static int run(int argc, char *argv[], struct vn_err *err)
{
	struct vn_cli cli = {.runtime_dir = VN_RUNTIME_DIR};
	struct vn_call call;
	int r = vn_words_parse(argc, argv, &cli, &call, err);

	vn_cli_errors_as_json(cli.json);
	if (r < 0)
		return r;
	if (call.version) {
		puts("vnet-agent " VN_VERSION);
		return 0;
	}
	if (call.help) {
		vn_help_print(stdout, call.object, call.cmd);
		return 0;
	}
	if (!call.cmd) {
		vn_help_print(stderr, NULL, NULL);
		return VN_EXIT_USAGE;
	}
	return call.cmd->run(&cli, &call, err);
}

int vn_cli_main(int argc, char *argv[])
{
	struct vn_err err = {0};
	int r = run(argc, argv, &err);

	if (r >= 0 && (fflush(stdout) != 0 || ferror(stdout)))
		r = vn_err_kernel(&err, errno ? errno : EIO, "standard output: %s", strerror(errno ? errno : EIO));
	if (r >= 0)
		return r;
	if (!err.err)
		vn_err_kernel(&err, -r, "%s", strerror(-r));
	vn_cli_say_error(&err);
	return err.exit;
}
