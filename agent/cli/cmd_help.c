/* SPDX-License-Identifier: GPL-2.0-only */
/* Help, from the table. */
#include "cli/words.h"

#include <stdlib.h>

#include <base/util.h>

#include "cli/table.h"
#include "disc/disc_words.h"

#define HELP_COL     30
#define HELP_COLUMNS 80 /* where no terminal says how wide it is */
#define HELP_MIN     60

static void line(FILE *f, const char *left, const char *right)
{
	size_t columns = vn_cli_columns(f), at = HELP_COL + 2, used = vn_utf8_width(left) + 2;

	columns = VN_MAX(columns ? columns : (size_t)HELP_COLUMNS, (size_t)HELP_MIN);
	fputs("  ", f);
	vn_wrap(f, left, 2, 6, columns);
	/* A wrapped left side, or one that leaves no gap, has its line to itself. */
	if (used >= at)
		fprintf(f, "\n%*s", (int)at, "");
	else
		fprintf(f, "%*s", (int)(at - used), "");
	vn_wrap(f, right, at, at, columns);
	putc('\n', f);
}

static void print_option(FILE *f, const struct vn_option *o)
{
	char left[128];

	snprintf(left, sizeof(left), "    %s%s%s", o->word, o->arg ? " " : "", o->arg ? o->arg : "");
	line(f, left, o->help);
}

static void print_command(FILE *f, const struct vn_command *c)
{
	char left[128];

	snprintf(left, sizeof(left), "%s%s%s%s%s", c->object, c->verb ? " " : "", c->verb ? c->verb : "",
		 *c->args ? " " : "", c->args);
	line(f, left, c->help);
	for (int i = 0; i < VN_OPTIONS_MAX && c->options[i].word; i++)
		print_option(f, &c->options[i]);
}

static void print_disciplines(FILE *f)
{
	char left[128];

	fprintf(f, "\nDISCIPLINE: any of these keywords, see vnet-link(7)\n");
	for (const struct vn_disc_word *w = vn_disc_words; w->word; w++) {
		snprintf(left, sizeof(left), "%s %s", w->word, w->args);
		line(f, left, w->help);
	}
	fprintf(f, "\nUnits (a number without one is refused, except for 0):\n");
	line(f, "TIME", "ns, us, ms, s, min, h");
	line(f, "RATE", "bit, kbit, mbit, gbit, tbit a second; bytes a second: kB/s, MB/s, GB/s ...");
	line(f, "SIZE", "b, kb, mb, gb: bytes, in powers of 1024");
	line(f, "P, CORR", "%");
	line(f, "N, PACKETS, BYTES, CELL", "plain numbers");
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

static bool takes_discipline(const struct vn_command *c)
{
	for (int i = 0; i < VN_ARG_KINDS; i++)
		if (c->kinds[i] == VN_ARG_DISC)
			return true;
	return false;
}

void vn_help_print(FILE *f, const char *object, const struct vn_command *only)
{
	bool discipline = false;

	fprintf(f, "Usage: vnet-agent [-j|-p|-s|-d] [--runtime-dir DIR] OBJECT [VERB] [NAME] ...\n\n");
	for (const struct vn_command *c = vn_commands; c->object; c++) {
		if (only ? c != only : c->hidden || (object && strcmp(object, c->object) != 0))
			continue;
		print_command(f, c);
		discipline |= object && takes_discipline(c);
	}
	if (object && strcmp(object, "daemon") == 0)
		for (const struct vn_option *o = vn_daemon_words; o->word; o++)
			print_option(f, o);
	if (discipline)
		print_disciplines(f);
	print_globals(f);
	fprintf(f, "\nExit: 0 ok, 1 wrong input (verify: a check failed), 2 the kernel refused,\n"
		   "      3 denied, 4 no agent, 5 changed meanwhile, 6 rolled back, 7 not possible\n"
		   "      here, 10 there are changes (plan), 11 not all could be judged (verify).\n"
		   "Manual: vnet-agent(8), vnet-topology(5), vnet-link(7).\n");
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
	vn_help_print(stdout, object, NULL);
	return 0;
}
