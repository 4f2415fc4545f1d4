// SPDX-License-Identifier: GPL-2.0-only
/* From words to a discipline, and back: the same for the command line, the wire and the topology file. */
#include "disc/disc_internal.h"

const struct vn_disc_word *vn_disc_word_find(const char *word)
{
	const struct vn_disc_word *w;

	for (w = vn_disc_words; w->word; w++) {
		if (!strcmp(w->word, word))
			return w;
	}
	return NULL;
}

bool vn_disc_is_given(vn_disc_given_t given, const char *word)
{
	const struct vn_disc_word *w = vn_disc_word_find(word);

	return w && given >> (w - vn_disc_words) & 1;
}

#define KNOWN_MAX 64

static int refuse_word(const char *word, const struct vn_disc_word *before, struct vn_err *err)
{
	const char *words[KNOWN_MAX];
	char shown[VN_SHOW_BUF], hint[VN_HINT_BUF], known[256] = "", left[24], right[VN_SHOW_BUF];
	const char *eq;
	size_t i, n = 0;

	vn_show(shown, word);
	if (before && ((*word >= '0' && *word <= '9') || *word == '-'))
		return vn_err_usage(err, "%s: '%s' is unexpected: %s %s", before->word, shown, before->word,
				    before->args);
	if (!strcmp(word, "up") || !strcmp(word, "down"))
		return vn_err_usage(err, "unknown keyword '%s': say `state %s`", word, word);
	eq = strchr(word, '=');
	if (eq && eq > word && eq - word < (long)sizeof(left)) {
		snprintf(left, sizeof(left), "%.*s", (int)(eq - word), word);
		if (vn_disc_word_find(left))
			return vn_err_usage(err,
					    "unknown keyword '%s': a blank, not '=', stands before the value: %s %s",
					    shown, left, vn_show(right, eq + 1));
	}
	for (i = 0; vn_disc_words[i].word && i < KNOWN_MAX - 1; i++) {
		words[i] = vn_disc_words[i].word;
		if (n < sizeof(known))
			n += (size_t)snprintf(known + n, sizeof(known) - n, "%s%s", i ? ", " : "", words[i]);
	}
	words[i] = NULL;
	if (*vn_hint(hint, word, words))
		return vn_err_usage(err, "unknown keyword '%s'%s", shown, hint);
	return vn_err_usage(err, "unknown keyword '%s', known are: %s", shown, known);
}

/* How many of @argc words it took. */
static int apply_word(struct vn_disc *d, const struct vn_disc_word *w, int argc, char *const argv[],
		      vn_disc_given_t *given, struct vn_err *err)
{
	struct vn_err why = {0};
	int r;

	/* Only ecn stands alone. */
	if (argc < 1 && strcmp(w->word, "ecn") != 0)
		return vn_err_usage(err, "'%s' needs a value: %s %s", w->word, w->word, w->args);
	r = w->parse(d, argc, argv, &why);
	if (r < 0)
		return vn_err(err, VN_EXIT_USAGE, -r, "%s: %s", w->word, why.text);
	*given |= 1ULL << (w - vn_disc_words);
	return r;
}

/* Word after word, to the end. */
static int apply_words(struct vn_disc *d, const struct vn_disc_word *w, int argc, char *const argv[],
		       vn_disc_given_t *given, struct vn_err *err)
{
	const struct vn_disc_word *last;
	int i, n;

	for (i = 0; i < argc; i += n) {
		last = w;
		w = vn_disc_word_find(argv[i]);
		if (!w)
			return refuse_word(argv[i], last, err);
		if (*given >> (w - vn_disc_words) & 1)
			return vn_err_usage(err, "'%s' is given twice", w->word);
		i++;
		n = apply_word(d, w, argc - i, argv + i, given, err);
		if (n < 0)
			return n;
	}
	return 0;
}

/*
 * "1 %", "10 ms": a number and its unit are one word. @ret_argv has room for @argc words, the joined ones of which are
 * in *@ret_text; the others are @argv's.
 */
static int join_units(int argc, char *const argv[], char *ret_argv[], char **ret_text)
{
	size_t len = 1;
	int i, n = 0;
	char *p;

	for (i = 0; i < argc; i++)
		len += strlen(argv[i]) + 1;
	*ret_text = p = malloc(len);
	if (!p)
		return -ENOMEM;
	for (i = 0; i < argc; i++) {
		ret_argv[n] = argv[i];
		if (i + 1 < argc && strchr("0123456789", argv[i][0]) &&
		    strspn(argv[i], "0123456789.") == strlen(argv[i]) && vn_is_unit(argv[i + 1])) {
			ret_argv[n] = p;
			p = stpcpy(stpcpy(p, argv[i]), argv[i + 1]) + 1;
			i++;
		}
		n++;
	}
	return n;
}

int vn_disc_parse_args(struct vn_disc *d, int argc, char *const argv[], vn_disc_given_t *ret_given, struct vn_err *err)
{
	cleanup_free char **joined = calloc((size_t)argc + 1, sizeof(*joined));
	cleanup_free char *text = NULL;
	struct vn_disc new = *d;
	vn_disc_given_t given = 0;
	int r = joined ? join_units(argc, argv, joined, &text) : -ENOMEM;

	if (r < 0)
		return vn_err_nomem(err);
	r = apply_words(&new, NULL, r, joined, &given, err);
	if (r < 0)
		return r;
	vn_disc_settle(&new, given);
	*d = new;
	if (ret_given)
		*ret_given = given;
	return 0;
}

#define VALUE_ARGS 64

int vn_disc_parse_value(struct vn_disc *d, const struct vn_disc_word *word, const char *value, vn_disc_given_t *given,
			struct vn_err *err)
{
	cleanup_free char *copy = strdup(value), *text = NULL;
	char *parts[VALUE_ARGS], *argv[VALUE_ARGS], *save = NULL, *arg, shown[VN_SHOW_BUF];
	struct vn_disc new = *d;
	int argc = 0, r;

	if (!copy)
		return vn_err_nomem(err);
	for (arg = strtok_r(copy, " \t", &save); arg && argc < VALUE_ARGS; arg = strtok_r(NULL, " \t", &save))
		parts[argc++] = arg;
	argc = join_units(argc, parts, argv, &text);
	if (argc < 0)
		return vn_err_nomem(err);
	if (!argc)
		return vn_err_usage(err, "'%s' needs a value: %s %s", word->word, word->word, word->args);
	/* YAML's own words for it. */
	if (strcmp(word->args, "[on|off]") == 0 && argc == 1 && (!strcmp(argv[0], "true") || !strcmp(argv[0], "false")))
		argv[0] = (char *)(!strcmp(argv[0], "true") ? "on" : "off");
	if (*given >> (word - vn_disc_words) & 1)
		return vn_err_usage(err, "'%s' is given twice", word->word);
	r = apply_word(&new, word, argc, argv, given, err);
	if (r < 0)
		return r;
	/* As behind `link set`, others may follow: `loss: 1% ecn`, `reorder: 25% gap 5`. */
	if (r < argc && !vn_disc_word_find(argv[r]))
		return vn_err_usage(err, "%s: '%s' is unexpected: %s %s", word->word, vn_show(shown, argv[r]),
				    word->word, word->args);
	r = apply_words(&new, word, argc - r, argv + r, given, err);
	if (r < 0)
		return r;
	*d = new;
	return 0;
}

int vn_disc_format(const struct vn_disc *d, char *buf, size_t size)
{
	cleanup_free char *text = malloc(VN_DISC_TEXT_BUF), *args = malloc(VN_DISC_TEXT_BUF);
	size_t n = 0;

	if (!text || !args)
		return -ENOMEM;
	text[0] = '\0';
	for (const struct vn_disc_word *w = vn_disc_words; w->word; w++) {
		args[0] = '\0';
		w->print(d, false, args, VN_DISC_TEXT_BUF);
		if (!*args || n >= VN_DISC_TEXT_BUF)
			continue;
		/* "delay 10ms 1ms", and ecn behind the loss, as netem writes them. */
		if (!strcmp(w->word, "jitter") && d->delay_ns)
			n += (size_t)snprintf(text + n, VN_DISC_TEXT_BUF - n, " %s", args);
		else if (!strcmp(w->word, "ecn"))
			n += (size_t)snprintf(text + n, VN_DISC_TEXT_BUF - n, " ecn");
		else
			n += (size_t)snprintf(text + n, VN_DISC_TEXT_BUF - n, "%s%s %s", n ? " " : "", w->word, args);
	}
	if (n >= VN_DISC_TEXT_BUF || n >= size)
		return -ENOSPC;
	/* An ecn that nothing stands before. */
	memcpy(buf, text + (*text == ' '), n + 1 - (*text == ' '));
	return 0;
}
