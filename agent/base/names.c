// SPDX-License-Identifier: GPL-2.0-only
/* Names, the nearest known word, and words made fit to be shown. */
#include <ctype.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <base/util.h>

#include "base/names.h"

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

bool vn_name_valid(const char *name)
{
	size_t i;

	if (!is_alnum(name[0]))
		return false;
	for (i = 1; name[i]; i++) {
		if (i >= VN_NAME_MAX || !(is_alnum(name[i]) || name[i] == '_' || name[i] == '-'))
			return false;
	}
	return true;
}

bool vn_link_name_reserved(const char *name)
{
	return !strcmp(name, "all") || !strcmp(name, "dir");
}

bool vn_ifname_valid(const char *name)
{
	size_t i;

	if (!(is_alnum(name[0]) || name[0] == '_'))
		return false;
	for (i = 1; name[i]; i++) {
		if (i >= IF_NAMESIZE - 1 || !(is_alnum(name[i]) || name[i] == '_' || name[i] == '-'))
			return false;
	}
	return strcmp(name, "lo") && strcmp(name, "all") && strcmp(name, "default");
}

size_t vn_bom(const char *text, size_t len)
{
	size_t n = 0;

	/* Tools that put one before what had one already are about. */
	while (len - n >= 3 && !memcmp(text + n, "\xef\xbb\xbf", 3))
		n += 3;
	return n;
}

int vn_refuse_at(struct vn_err *err, const char *file, size_t line, size_t column, const char *fmt, va_list ap)
{
	char text[600];

	vsnprintf(text, sizeof(text), fmt, ap);
	return vn_err_usage(err, "%s:%zu:%zu: %s", file, line, column, text);
}

const char *vn_show(char *buf, const char *word)
{
	const size_t room = VN_SHOW_BUF - 4;
	size_t i;

	for (i = 0; word[i] && i < room; i++) {
		unsigned char c = (unsigned char)word[i];

		/* Bytes of UTF-8 may pass, controls (terminal escapes, newlines) may not. */
		buf[i] = (c < 0x20 || c == 0x7f) ? '?' : word[i];
	}
	if (word[i]) {
		/* Do not end within a UTF-8 sequence. */
		while (i > 0 && ((unsigned char)word[i] & 0xc0) == 0x80)
			i--;
		memcpy(buf + i, "...", 4);
	} else {
		buf[i] = '\0';
	}
	return buf;
}

#define EDIT_MAX 32

/* Optimal string alignment distance, case ignored; both words of at most EDIT_MAX bytes. */
static unsigned int edit_distance(const char *a, size_t na, const char *b, size_t nb)
{
	unsigned int rows[3][EDIT_MAX + 1], *before = rows[0], *prev = rows[1], *cur = rows[2], *t;
	size_t i, j;

	for (j = 0; j <= nb; j++)
		prev[j] = (unsigned int)j;
	for (i = 1; i <= na; i++) {
		int ca = tolower((unsigned char)a[i - 1]);

		cur[0] = (unsigned int)i;
		for (j = 1; j <= nb; j++) {
			int cb = tolower((unsigned char)b[j - 1]);
			unsigned int d = prev[j - 1] + (ca != cb);

			d = VN_MIN(d, VN_MIN(prev[j], cur[j - 1]) + 1);
			if (i > 1 && j > 1 && ca == tolower((unsigned char)b[j - 2]) &&
			    cb == tolower((unsigned char)a[i - 2]))
				d = VN_MIN(d, before[j - 2] + 1);
			cur[j] = d;
		}
		t = before;
		before = prev;
		prev = cur;
		cur = t;
	}
	return prev[nb];
}

/* What tc, Mininet and containerlab call it. */
static const struct {
	const char *theirs, *ours;
} elsewhere[] = {
	{"latency", "delay"}, {"drop", "loss"},       {"dup", "duplicate"}, {"bandwidth", "rate"},
	{"bw", "rate"},       {"throughput", "rate"}, {"queue", "limit"},   {"max_queue_size", "limit"},
	{"hosts", "nodes"},   {"kind", "runtime"},    {"binds", "mounts"},  {"volumes", "mounts"},
	{"cmd", "command"},   {"deploy", "apply"},    {"create", "apply"},  {"add", "apply"},
	{"start", "apply"},   {"destroy", "delete"},  {"stop", "delete"},   {"inspect", "show"},
	{"status", "show"},   {"change", "set"},
};

static const char *known_elsewhere(const char *word, const char *const *words)
{
	for (size_t i = 0; i < VN_ARRAY_SIZE(elsewhere); i++)
		for (const char *const *w = words; *w && strcasecmp(word, elsewhere[i].theirs) == 0; w++)
			if (strcmp(*w, elsewhere[i].ours) == 0)
				return *w;
	return NULL;
}

const char *vn_suggest(const char *word, const char *const *words)
{
	const char *nearest = known_elsewhere(word, words);
	size_t len = strlen(word), n;
	unsigned int best, d;

	if (nearest || !len || len > EDIT_MAX)
		return nearest;
	/* One slip in three letters explains a typo; more would be another word. */
	best = (unsigned int)VN_MAX(len / 3, 1) + 1;
	for (; *words; words++) {
		n = strlen(*words);
		if (n > EDIT_MAX || n + best <= len || len + best <= n)
			continue;
		d = edit_distance(word, len, *words, n);
		if (d < best && d < VN_MAX(len, n)) {
			best = d;
			nearest = *words;
		}
	}
	return nearest;
}

const char *vn_hint(char *buf, const char *word, const char *const *words)
{
	const char *near = vn_suggest(word, words);

	if (near)
		snprintf(buf, VN_HINT_BUF, ", did you mean '%s'?", near);
	else
		buf[0] = '\0';
	return buf;
}

uint64_t vn_fnv1a(uint64_t h, const char *s)
{
	return vn_fnv1a_bytes(h, s, strlen(s));
}
