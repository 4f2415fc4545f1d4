// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <strings.h>

#include "file/import/gml_label.h"
#include "model/model_internal.h"

/* Letters of Latin-1 Supplement (from U+00C0) and Latin Extended-A (U+0100 to U+017F) without their accents. */
static const char *const latin1[] = {
	"a", "a", "a", "a", "a", "a", "ae", "c", "e", "e", "e", "e", "i", "i", "i",  "i",
	"d", "n", "o", "o", "o", "o", "o",  "",  "o", "u", "u", "u", "u", "y", "th", "ss",
	"a", "a", "a", "a", "a", "a", "ae", "c", "e", "e", "e", "e", "i", "i", "i",  "i",
	"d", "n", "o", "o", "o", "o", "o",  "",  "o", "u", "u", "u", "u", "y", "th", "y",
};
static const char extended[] = "aaaaaa"
			       "cccccccc"
			       "dddd"
			       "eeeeeeeeee"
			       "gggggggg"
			       "hhhh"
			       "iiiiiiiiii"
			       "ii"
			       "jj"
			       "kkk"
			       "llllllllll"
			       "nnnnnn"
			       "nnn"
			       "oooooo"
			       "oo"
			       "rrrrrr"
			       "ssssssss"
			       "tttttt"
			       "uuuuuuuuuuuu"
			       "ww"
			       "yyy"
			       "zzzzzz"
			       "s";

_Static_assert(VN_ARRAY_SIZE(latin1) == 0x40, "U+00C0 to U+00FF");
_Static_assert(sizeof(extended) == 0x80 + 1, "U+0100 to U+017F");

/* The named entities that stand in labels: a letter, then the name of an accent. */
static uint32_t named_entity(const char *name, size_t len)
{
	static const struct {
		const char *name;
		uint32_t code;
	} others[] = {{"amp", '&'},     {"szlig", 0xdf}, {"aelig", 0xe6}, {"aring", 0xe5},
		      {"oslash", 0xf8}, {"nbsp", ' '},   {"eth", 0xf0},   {"thorn", 0xfe}};
	static const char *const accents[] = {"grave", "acute", "circ", "tilde", "uml",
					      "cedil", "caron", "ring", "slash"};
	size_t i;

	for (i = 0; i < VN_ARRAY_SIZE(others); i++) {
		if (strlen(others[i].name) == len && !strncasecmp(others[i].name, name, len))
			return others[i].code;
	}
	for (i = 0; i < VN_ARRAY_SIZE(accents); i++) {
		if (strlen(accents[i]) + 1 == len && !strncmp(accents[i], name + 1, len - 1))
			return (unsigned char)name[0];
	}
	return 0;
}

/* "&#252;", "&#xfc;", "&uuml;": its code, and how many bytes it takes; 0 when it is no entity. */
static uint32_t entity(const char *s, size_t *ret_len)
{
	const char *end = strchr(s, ';');
	uint32_t code = 0;
	char *stop;

	if (!end || end - s < 3 || end - s > 12)
		return 0;
	if (s[1] != '#')
		code = named_entity(s + 1, (size_t)(end - s - 1));
	else if ((s[2] == 'x' || s[2] == 'X') && s[3] != ';')
		code = (uint32_t)strtoul(s + 3, &stop, 16);
	else
		code = (uint32_t)strtoul(s + 2, &stop, 10);
	if (s[1] == '#' && stop != end)
		return 0;
	*ret_len = (size_t)(end - s) + 1;
	return code;
}

/* A sequence of UTF-8 of two or three bytes, or else one byte of Latin-1. */
static uint32_t character(const char *s, size_t *ret_len)
{
	const unsigned char *u = (const unsigned char *)s;

	if (u[0] >= 0xc2 && u[0] <= 0xdf && (u[1] & 0xc0) == 0x80) {
		*ret_len = 2;
		return (u[0] & 0x1fu) << 6 | (u[1] & 0x3fu);
	}
	if ((u[0] & 0xf0) == 0xe0 && (u[1] & 0xc0) == 0x80 && (u[2] & 0xc0) == 0x80) {
		*ret_len = 3;
		return (u[0] & 0x0fu) << 12 | (u[1] & 0x3fu) << 6 | (u[2] & 0x3fu);
	}
	*ret_len = 1;
	return u[0];
}

static const char *plain(uint32_t code, char one[2])
{
	one[0] = one[1] = '\0';
	if ((code >= 'a' && code <= 'z') || (code >= '0' && code <= '9'))
		one[0] = (char)code;
	else if (code >= 'A' && code <= 'Z')
		one[0] = (char)(code - 'A' + 'a');
	else if (code >= 0xc0 && code <= 0xff)
		return latin1[code - 0xc0];
	else if (code >= 0x100 && code <= 0x17f)
		one[0] = extended[code - 0x100];
	return one;
}

void vn_gml_label(const char *label, char ret_name[VN_NAME_MAX + 1])
{
	char one[2];
	const char *p;
	size_t n = 0, len;
	uint32_t code;
	bool gap = false;

	while (*label) {
		code = *label == '&' ? entity(label, &len) : 0;
		if (!code)
			code = character(label, &len);
		label += len;
		p = plain(code, one);
		/* "St. John's" is st-johns: an apostrophe parts nothing. */
		if (!*p && code != '\'' && code != 0x2019)
			gap = n > 0;
		for (; *p && n < VN_NAME_MAX - 1; p++) {
			if (gap)
				ret_name[n++] = '-';
			gap = false;
			ret_name[n++] = *p;
		}
	}
	ret_name[n] = '\0';
}
