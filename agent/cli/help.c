/* SPDX-License-Identifier: GPL-2.0-only */
/* Help, from the table. */
#include "cli/words.h"

#include <stdlib.h>

#include <vnet/util.h>

#include "topo/disc_words.h"

#define HELP_COL 34

static void line(FILE *f, const char *left, const char *right)
{
	if (strlen(left) >= HELP_COL)
		fprintf(f, "  %s\n  %*s", left, HELP_COL, "");
	else
		fprintf(f, "  %-*s", HELP_COL, left);
	fprintf(f, "%s\n", right);
}

static void print_command(FILE *f, const struct vn_command *c)
{
	char left[128];

	snprintf(left, sizeof(left), "%s%s%s%s%s", c->object, c->verb ? " " : "", c->verb ? c->verb : "",
		 *c->args ? " " : "", c->args);
	line(f, left, c->help);
	for (int i = 0; i < VN_OPTIONS_MAX && c->options[i].word; i++) {
		const struct vn_option *o = &c->options[i];

		snprintf(left, sizeof(left), "    %s%s%s", o->word, o->arg ? " " : "", o->arg ? o->arg : "");
		line(f, left, o->help);
	}
}

static void print_disciplines(FILE *f)
{
	char left[128];

	fprintf(f, "\nDISCIPLINE: any of these words, see vnet-link(7)\n");
	for (const struct vn_disc_word *w = vn_disc_words; w->word; w++) {
		snprintf(left, sizeof(left), "%s %s", w->word, w->args);
		line(f, left, w->help);
	}
}

static void print_globals(FILE *f)
{
	char left[128];

	fprintf(f, "\nOptions:\n");
	for (const struct vn_global *g = vn_globals; g->word; g++) {
		snprintf(left, sizeof(left), "%s%s%s%s%s", g->word, g->longer ? ", " : "", g->longer ? g->longer : "",
			 g->arg ? " " : "", g->arg ? g->arg : "");
		line(f, left, g->help);
	}
}

void vn_help_print(FILE *f, const char *object)
{
	fprintf(f, "Usage: vnet-agent [-j|-p|-s|-d] [--runtime-dir DIR] OBJECT [VERB] [NAME] ...\n\n");
	for (const struct vn_command *c = vn_commands; c->object; c++) {
		if (c->hidden || (object && strcmp(object, c->object) != 0))
			continue;
		print_command(f, c);
	}
	if (object && strcmp(object, "link") == 0)
		print_disciplines(f);
	print_globals(f);
	fprintf(f,
		"\nExit: 0 ok, 1 usage, 2 kernel refused, 3 denied, 4 no agent, 5 changed meanwhile, 6 rolled back,\n"
		"      7 not possible here, 10 there are changes (plan). Manual: vnet-agent(8).\n");
}

int vn_cmd_help(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err)
{
	const char *object = call->n_args ? vn_words_canonical(vn_object_aliases, call->args[0]) : NULL;

	if (object) {
		struct vn_cli scratch = {0};
		struct vn_call probe;
		char *argv[] = {call->args[0], (char *)"-h"};

		/* The parser knows which words are objects, and what to suggest. */
		if (vn_words_parse(VN_ARRAY_SIZE(argv), argv, &scratch, &probe, err) < 0)
			return -EINVAL;
	}
	vn_help_print(stdout, object);
	return 0;
}
