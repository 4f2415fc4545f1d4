/* SPDX-License-Identifier: GPL-2.0-only */
/* The command line: its parser, its tables, and that the man pages know every word of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <abi/abi_engine.h>
#include <abi/abi_port.h>
#include <base/util.h>

#include "cli/table.h"
#include "cli/words.h"
#include "disc/disc_words.h"

#define ARGS_MAX 16

struct parsed {
	struct vn_cli cli;
	struct vn_call call;
	struct vn_err err;
	char *argv[ARGS_MAX];
	int r;
};

/* Parse the words of @line, separated by single spaces; @buf keeps them. */
static struct parsed *parse(const char *line)
{
	static struct parsed p;
	static char buf[512];
	char *rest = buf, *word;
	int argc = 0;

	p = (struct parsed){.cli.runtime_dir = "default"};
	snprintf(buf, sizeof(buf), "%s", line);
	while (*buf && (word = strsep(&rest, " ")) && argc < ARGS_MAX)
		p.argv[argc++] = word;
	p.r = vn_words_parse(argc, p.argv, &p.cli, &p.call, &p.err);
	return &p;
}

static void assert_command(const struct parsed *p, const char *object, const char *verb)
{
	if (p->r < 0)
		print_message("%s\n", p->err.text);
	assert_int_equal(p->r, 0);
	assert_non_null(p->call.cmd);
	assert_string_equal(p->call.cmd->object, object);
	if (verb)
		assert_string_equal(p->call.cmd->verb, verb);
	else
		assert_null(p->call.cmd->verb);
}

static void assert_refused(const char *line, const char *text)
{
	const struct parsed *p = parse(line);

	if (p->r >= 0 || !strstr(p->err.text, text))
		print_message("'%s': wanted '%s', got '%s'\n", line, text, p->err.text);
	assert_int_equal(p->r, -EINVAL);
	assert_int_equal(p->err.exit, VN_EXIT_USAGE);
	assert_non_null(strstr(p->err.text, text));
	assert_null(strchr(p->err.text, '\n'));
}

/* --- parser ----------------------------------------------------------------------------------------------------------
 */

static void test_exact_words(void **state)
{
	assert_command(parse("topology apply f.yaml"), "topology", "apply");
	assert_command(parse("link set ab delay 10ms"), "link", "set");
	assert_command(parse("doctor"), "doctor", NULL);
	assert_command(parse("monitor"), "monitor", NULL);
	/* Prefixes are not words. */
	assert_refused("topology app f.yaml", "'app'");
	assert_refused("lin show", "did you mean 'link'");
}

static void test_aliases(void **state)
{
	assert_command(parse("topo ls"), "topology", "show");
	assert_command(parse("topo list"), "topology", "show");
	assert_command(parse("topo del demo"), "topology", "delete");
	assert_command(parse("topo rm demo"), "topology", "delete");
	for (const struct vn_alias *a = vn_object_aliases; a->alias; a++)
		assert_command(parse(a->alias), a->word, "show");
}

static void test_verb_show_is_the_default(void **state)
{
	assert_command(parse("link"), "link", "show");
	assert_command(parse("-s link -j"), "link", "show");
	assert_command(parse("node"), "node", "show");
	assert_command(parse("port"), "port", "show");
}

static void test_suggestions(void **state)
{
	assert_refused("tpology show", "did you mean 'topology'?");
	assert_refused("link sett ab delay 1ms", "did you mean 'set'?");
	assert_refused("topology aply f", "did you mean 'apply'?");
	assert_refused("link show --stat", "did you mean '--stats'?");
	assert_refused("topology graph f --svgg", "did you mean '--svg'?");
	assert_refused("zzzzzzzzz", "'zzzzzzzzz'");
	/* A verb without its object. */
	assert_refused("verify ab", "did you mean 'link verify'?");
	assert_refused("rm demo", "did you mean 'topology delete'?");
}

static void test_global_options(void **state)
{
	const struct parsed *p = parse("-j --runtime-dir /x link show -sd ab");

	assert_command(p, "link", "show");
	assert_true(p->cli.json && p->cli.stats && p->cli.details && !p->cli.pretty);
	assert_string_equal(p->cli.runtime_dir, "/x");
	assert_int_equal(p->call.n_args, 1);
	assert_string_equal(p->call.args[0], "ab");

	p = parse("--runtime-dir=/y link --pretty");
	assert_command(p, "link", "show");
	assert_string_equal(p->cli.runtime_dir, "/y");
	assert_true(p->cli.json && p->cli.pretty);

	p = parse("link -h");
	assert_int_equal(p->r, 0);
	assert_true(p->call.help);
	assert_string_equal(p->call.object, "link");
	assert_true(parse("-V")->call.version);
	assert_refused("link show --runtime-dir", "needs a value");
	assert_refused("link show -x", "'-x'");
}

static void test_command_options(void **state)
{
	const struct parsed *p = parse("topology graph -o out.svg demo --svg");

	assert_command(p, "topology", "graph");
	assert_string_equal(vn_call_option(&p->call, "-o"), "out.svg");
	assert_non_null(vn_call_option(&p->call, "--svg"));
	assert_null(vn_call_option(&p->call, "--dot"));
	assert_int_equal(p->call.n_args, 1);
	assert_string_equal(p->call.args[0], "demo");
	assert_refused("topology graph demo -o", "'-o' needs a value");
	/* An option of one command is none of another. */
	assert_refused("topology apply f -o x", "'-o'");

	p = parse("topology check -");
	assert_command(p, "topology", "check");
	assert_string_equal(p->call.args[0], "-");
}

static void test_raw_arguments(void **state)
{
	const struct parsed *p = parse("node exec a -- ls -l -- -j");

	assert_command(p, "node", "exec");
	assert_int_equal(p->call.n_args, 5);
	assert_string_equal(p->call.args[1], "ls");
	assert_string_equal(p->call.args[2], "-l");
	assert_string_equal(p->call.args[3], "--");
	assert_string_equal(p->call.args[4], "-j");
	assert_false(p->cli.json);

	p = parse("node exec a ls -l");
	assert_command(p, "node", "exec");
	assert_int_equal(p->call.n_args, 3);

	p = parse("--runtime-dir /x daemon --max-ports 64 -h");
	assert_command(p, "daemon", NULL);
	assert_false(p->call.help);
	assert_int_equal(p->call.n_args, 3);
	assert_string_equal(p->call.args[0], "--max-ports");
}

static void test_counts(void **state)
{
	assert_refused("topology apply", "too few");
	assert_refused("topology apply a b", "'b'");
	assert_refused("link set ab", "too few");
	assert_refused("node exec a", "too few");
	assert_refused("node exec a --", "too few");
	assert_refused("doctor now", "unexpected argument 'now': doctor");
	assert_int_equal(parse("doctor now")->err.text[strlen("doctor: unexpected argument 'now': doctor")], 0);
	assert_command(parse("link replace ab"), "link", "replace");
}

static void test_table_is_sane(void **state)
{
	for (const struct vn_command *c = vn_commands; c->object; c++) {
		assert_true(c->run);
		assert_non_null(c->help);
		assert_non_null(c->args);
		assert_true(c->max_args < 0 || c->max_args >= c->min_args);
		/* No command's option hides a global one. */
		for (int i = 0; i < VN_OPTIONS_MAX && c->options[i].word; i++)
			for (const struct vn_global *g = vn_globals; g->word; g++) {
				assert_string_not_equal(c->options[i].word, g->word);
				if (g->longer)
					assert_string_not_equal(c->options[i].word, g->longer);
			}
		/* No alias hides a word. */
		for (const struct vn_alias *a = vn_object_aliases; a->alias; a++)
			assert_string_not_equal(a->alias, c->object);
		for (const struct vn_alias *a = vn_verb_aliases; a->alias && c->verb; a++)
			assert_string_not_equal(a->alias, c->verb);
	}
}

/* --- output ----------------------------------------------------------------------------------------------------------
 */

static void test_utf8_width(void **state)
{
	assert_int_equal(vn_utf8_width(""), 0);
	assert_int_equal(vn_utf8_width("abc"), 3);
	assert_int_equal(vn_utf8_width("K\303\266ln"), 4);
	assert_int_equal(vn_utf8_width("\342\206\222"), 1);
}

static void test_table(void **state)
{
	static const char *const heads[] = {"NAME", ">N", "TEXT", NULL};
	cleanup_table struct vn_table t;
	cleanup_free char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	vn_table_init(&t, heads);
	assert_int_equal(vn_table_print(&t, f), 0);
	fflush(f);
	assert_int_equal(len, 0);
	for (int i = 0; i < 2; i++) {
		vn_table_add(&t, VN_PLAIN, "%s", i ? "K\303\266ln" : "a");
		vn_table_add(&t, VN_BAD, "%d", i ? 1000 : 7);
		vn_table_add(&t, VN_PLAIN, "%s", i ? "x" : "long text");
	}
	assert_int_equal(vn_table_print(&t, f), 0);
	fclose(f);
	/* Not a terminal: no colours; no blanks at the end of a line. */
	assert_string_equal(text, "NAME     N  TEXT\n"
				  "a        7  long text\n"
				  "K\303\266ln  1000  x\n");
}

static void test_table_wraps(void **state)
{
	static const char *const heads[] = {"LINK", "~DISCIPLINE", NULL};
	static const char disc[] = "delay 10ms jitter 2ms order keep loss 1% d\303\251j\303\240 vu";
	static const struct {
		size_t columns;
		const char *text;
	} cases[] = {
		/* a row is a line where nobody looks */
		{0, "LINK  DISCIPLINE\nab    delay 10ms jitter 2ms order keep loss 1% d\303\251j\303\240 vu\n"},
		/* exactly as wide as it is, in characters: one line; one less: two */
		{54, "LINK  DISCIPLINE\nab    delay 10ms jitter 2ms order keep loss 1% d\303\251j\303\240 vu\n"},
		{53, "LINK  DISCIPLINE\nab    delay 10ms jitter 2ms order keep loss 1% d\303\251j\303\240\n      vu\n"},
		{40, "LINK  DISCIPLINE\nab    delay 10ms jitter 2ms order keep\n      loss 1% d\303\251j\303\240 vu\n"},
		{29, "LINK  DISCIPLINE\nab    delay 10ms jitter 2ms\n      order keep loss 1% d\303\251j\303\240\n"
		     "      vu\n"},
		/* a blank less between columns, before names leave the row */
		{15, "LINK DISCIPLINE\nab   delay 10ms\n     jitter 2ms\n     order keep\n     loss 1%\n"
		     "     d\303\251j\303\240 vu\n"},
		/* however narrow: no word is broken */
		{3, "DISCIPLINE\nLINK ab\ndelay 10ms\njitter 2ms\norder keep\nloss 1%\nd\303\251j\303\240 vu\n"},
	};

	for (size_t i = 0; i < VN_ARRAY_SIZE(cases); i++) {
		cleanup_table struct vn_table t;
		cleanup_free char *text = NULL;
		size_t len;
		FILE *f = open_memstream(&text, &len);

		assert_non_null(f);
		vn_table_init(&t, heads);
		vn_table_add(&t, VN_PLAIN, "ab");
		vn_table_add(&t, VN_PLAIN, "%s", disc);
		assert_int_equal(vn_table_print_width(&t, f, cases[i].columns), 0);
		fclose(f);
		assert_string_equal(text, cases[i].text);
	}
}

/* Sentences wrap beside each other; then blanks between columns go; then names stand above their rows. All stay whole.
 */
static void test_table_narrow(void **state)
{
	static const char *const heads[] = {"NAME", ">N", "~FOUND", "~BOUND", NULL};
	static const struct {
		size_t columns;
	} cases[] = {{0}, {78}, {70}, {66}, {62}, {44}};
	static const char *const words[] = {"a-name-of-thirty-characters-xx", "12345", "2us", "100us", "20ms"};

	for (size_t i = 0; i < VN_ARRAY_SIZE(cases); i++) {
		cleanup_table struct vn_table t;
		cleanup_free char *text = NULL;
		size_t len, widest = 0;
		FILE *f = open_memstream(&text, &len);

		assert_non_null(f);
		vn_table_init(&t, heads);
		vn_table_add(&t, VN_PLAIN, "a-name-of-thirty-characters-xx");
		vn_table_add(&t, VN_PLAIN, "%d", 12345);
		vn_table_add(&t, VN_PLAIN, "p50 1us p99 2us");
		vn_table_add(&t, VN_PLAIN, "p50 100us p99 1ms max 20ms");
		assert_int_equal(vn_table_print_width(&t, f, cases[i].columns), 0);
		fclose(f);
		for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
			widest = VN_MAX(widest, strcspn(line, "\n"));
		assert_true(!cases[i].columns || widest <= cases[i].columns);
		assert_true(cases[i].columns || widest == 82);
		/* Nothing is lost: the words of all lines are those of the cells. */
		for (size_t w = 0; w < VN_ARRAY_SIZE(words); w++)
			assert_non_null(strstr(text, words[w]));
	}
}

static void assert_narrow(const char *object, const struct vn_command *only, const char *has)
{
	cleanup_free char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	vn_help_print(f, object, only);
	fclose(f);
	for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
		if (strcspn(line, "\n") > 80)
			fail_msg("wider than 80: %.*s", (int)strcspn(line, "\n"), line);
	assert_non_null(strstr(text, has));
}

/* Where no terminal says otherwise help is as wide as one; of a command it is that command's alone. */
static void test_help(void **state)
{
	assert_narrow(NULL, NULL, "topology apply FILE");
	for (const struct vn_command *c = vn_commands; c->object; c++) {
		if (c->hidden)
			continue;
		assert_narrow(c->object, NULL, c->object);
		assert_narrow(c->object, c, c->verb ? c->verb : c->object);
	}
	assert_narrow("link", parse("link set ab delay 1ms")->call.cmd, "distribution uniform");
	for (const struct vn_option *o = vn_daemon_words; o->word; o++)
		assert_narrow("daemon", NULL, o->word);
}

static void test_human(void **state)
{
	static const struct {
		uint64_t v;
		const char *bytes, *time;
	} cases[] = {
		{0, "0B", "0ns"},
		{999, "999B", "999ns"},
		{1000, "1.00kB", "1.00us"},
		{1234567, "1.23MB", "1.23ms"},
		{9999, "10.0kB", "10.0us"},
		{99960, "100kB", "100us"},
		{999999, "1.00MB", "1.00ms"},
		{1500000000, "1.50GB", "1.50s"},
	};
	char buf[VN_HUMAN_BUF];

	for (size_t i = 0; i < VN_ARRAY_SIZE(cases); i++) {
		assert_string_equal(vn_human_bytes(buf, cases[i].v), cases[i].bytes);
		assert_string_equal(vn_human_time(buf, cases[i].v), cases[i].time);
	}
	vn_human_bytes(buf, UINT64_MAX);
	vn_human_time(buf, UINT64_MAX);
}

static void test_file_or_name(void **state)
{
	assert_true(vn_cli_is_name("demo"));
	assert_false(vn_cli_is_name("demo.yaml"));
	assert_false(vn_cli_is_name("./demo"));
	assert_false(vn_cli_is_name("-"));
}

/* --- the man pages say it all
 * ----------------------------------------------------------------------------------------- */

/* The page as text, without the escapes that stand in front of a dash; tests run from the top of the tree. */
static char *read_page(const char *path)
{
	struct vn_err err = {0};
	char *text = NULL, *out;
	size_t len;

	if (vn_cli_read_file(path, 1 << 20, &text, &len, &err) < 0)
		fail_msg("%s (run the tests from the top of the tree)", err.text);
	out = text;
	for (const char *in = text; *in; in++)
		if (!(in[0] == '\\' && in[1] == '-'))
			*out++ = *in;
	*out = 0;
	return text;
}

static int missing;

static void expect(const char *page, const char *name, const char *fmt, ...) VN_PRINTF(3, 4);
static void expect(const char *page, const char *name, const char *fmt, ...)
{
	char want[128];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(want, sizeof(want), fmt, ap);
	va_end(ap);
	if (strstr(page, want))
		return;
	print_message("%s does not have '%s'\n", name, want);
	missing++;
}

/* An option in mdoc: "-o" is "Fl o", "--svg" is "Fl -svg". */
static void expect_option(const char *page, const char *name, const char *word)
{
	expect(page, name, "Fl %s", word + 1);
}

static void test_manual_of_commands(void **state)
{
	static const char name[] = "vnet-agent.8";
	cleanup_free char *page = read_page("docs/man/vnet-agent.8");

	missing = 0;
	for (const struct vn_command *c = vn_commands; c->object; c++) {
		if (c->hidden)
			continue;
		expect(page, name, c->verb ? "Cm %s %s" : "Cm %s", c->object, c->verb);
		for (int i = 0; i < VN_OPTIONS_MAX && c->options[i].word; i++)
			expect_option(page, name, c->options[i].word);
	}
	for (const struct vn_option *o = vn_daemon_words; o->word; o++)
		expect_option(page, name, o->word);
	for (const struct vn_global *g = vn_globals; g->word; g++) {
		expect_option(page, name, g->word);
		if (g->longer)
			expect_option(page, name, g->longer);
	}
	for (const struct vn_alias *a = vn_object_aliases; a->alias; a++)
		expect(page, name, "%s", a->alias);
	for (const struct vn_alias *a = vn_verb_aliases; a->alias; a++)
		expect(page, name, "%s", a->alias);
	assert_int_equal(missing, 0);
}

static void test_manual_of_disciplines(void **state)
{
	cleanup_free char *link = read_page("docs/man/vnet-link.7"), *topo = read_page("docs/man/vnet-topology.5");

	missing = 0;
	for (const struct vn_disc_word *w = vn_disc_words; w->word; w++) {
		expect(link, "vnet-link.7", "Cm %s", w->word);
		expect(topo, "vnet-topology.5", "Cm %s", w->word);
	}
#define X(id, word, text) expect(link, "vnet-link.7", ".It Sy %s", word);
	VN_DROP_LIST(X)
	VN_EDROP_LIST(X)
	VN_OVERLOAD_LIST(X)
#undef X
	assert_int_equal(missing, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exact_words),
		cmocka_unit_test(test_aliases),
		cmocka_unit_test(test_verb_show_is_the_default),
		cmocka_unit_test(test_suggestions),
		cmocka_unit_test(test_global_options),
		cmocka_unit_test(test_command_options),
		cmocka_unit_test(test_raw_arguments),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_table_is_sane),
		cmocka_unit_test(test_utf8_width),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_table_wraps),
		cmocka_unit_test(test_table_narrow),
		cmocka_unit_test(test_help),
		cmocka_unit_test(test_human),
		cmocka_unit_test(test_file_or_name),
		cmocka_unit_test(test_manual_of_commands),
		cmocka_unit_test(test_manual_of_disciplines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
