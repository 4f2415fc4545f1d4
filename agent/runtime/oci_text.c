// SPDX-License-Identifier: GPL-2.0-only
#include "runtime/oci_text.h"

#include <stdlib.h>
#include <string.h>

#include <base/util.h>

/*
 * A limit that is none is 2^64 - 1 in there: more than an integer of jansson's holds. Numbers that might not survive
 * stand as strings, with this in front, while jansson has them.
 */
#define NUMBER     "vnet-number:"
#define DIGITS_MAX 18u

static size_t string_length(const char *s, size_t len)
{
	size_t i = 1;

	while (i < len && s[i] != '"')
		i += s[i] == '\\' ? 2 : 1;
	return VN_MIN(i + 1, len);
}

static int hide_numbers(const char *s, size_t len, char **ret_text, size_t *ret_len, size_t *ret_hidden)
{
	FILE *f = open_memstream(ret_text, ret_len);

	*ret_hidden = 0;

	if (!f)
		return -ENOMEM;
	for (size_t n; len; s += n, len -= n) {
		size_t digits = 0;

		n = 1;
		if (*s == '"')
			n = string_length(s, len);
		while (digits < len && s[digits] && strchr("0123456789+-.eE", s[digits]))
			digits++;
		/* Letters alone ("e" of true) are no number. */
		if ((*s >= '0' && *s <= '9') || *s == '-')
			n = digits;
		else
			digits = 0;
		if (digits > DIGITS_MAX) {
			fprintf(f, "\"" NUMBER "%.*s\"", (int)n, s);
			++*ret_hidden;
		} else {
			fwrite(s, 1, n, f);
		}
	}
	return fclose(f) ? -ENOMEM : 0;
}

static bool is_hidden(const char *s)
{
	return strncmp(s, NUMBER, strlen(NUMBER)) == 0;
}

/* How many strings there are that stand for a number, or look as if they did. */
static size_t count_hidden(json_t *value)
{
	size_t sum = json_is_string(value) && is_hidden(json_string_value(value)), i;
	const char *key;
	json_t *v;

	json_array_foreach (value, i, v)
		sum += count_hidden(v);
	json_object_foreach (value, key, v)
		sum += count_hidden(v) + is_hidden(key);
	return sum;
}

/* In place. */
static void show_numbers(char *text)
{
	const char *from = text;
	char *to = text;

	while (*from) {
		size_t n = *from == '"' ? string_length(from, strlen(from)) : 1;
		const size_t mark = strlen(NUMBER) + 1;

		if (n > mark && strncmp(from + 1, NUMBER, mark - 1) == 0) {
			memmove(to, from + mark, n - mark - 1);
			to += n - mark - 1;
		} else {
			memmove(to, from, n);
			to += n;
		}
		from += n;
	}
	*to = '\0';
}

int vn_oci_number(const json_t *value, uint64_t *ret)
{
	const char *s = json_string_value(value);
	char *end;

	if (json_is_integer(value)) {
		*ret = (uint64_t)json_integer_value(value);
		return json_integer_value(value) < 0 ? -ERANGE : 0;
	}
	if (!s || !is_hidden(s) || s[strlen(NUMBER)] == '-')
		return -EINVAL;
	errno = 0;
	*ret = strtoull(s + strlen(NUMBER), &end, 10);
	return *end ? -EINVAL : -errno;
}

const char *vn_oci_env(const json_t *config, const char *key)
{
	const size_t len = strlen(key);
	const char *value = NULL;
	size_t i;
	json_t *w;

	json_array_foreach (json_object_get(json_object_get(config, "process"), "env"), i, w) {
		const char *s = json_string_value(w);

		if (s && strncmp(s, key, len) == 0 && s[len] == '=')
			value = s + len + 1;
	}
	return value && *value ? value : NULL;
}

json_t *vn_oci_member(json_t *o, const char *key, json_t *(*kind)(void))
{
	json_t *value = json_object_get(o, key), *fresh = kind();

	if (!value || json_is_null(value)) {
		json_object_set(o, key, fresh);
		value = fresh;
	} else if (json_typeof(value) != json_typeof(fresh)) {
		value = NULL;
	}
	json_decref(fresh);
	return value;
}

int vn_oci_edit(const char *text, size_t len,
		int (*edit)(json_t *config, void *arg, bool *ret_changed, struct vn_err *err), void *arg,
		char **ret_text, struct vn_err *err)
{
	cleanup_free char *hidden = NULL, *out = NULL;
	json_error_t why;
	bool changed = false;
	size_t n = 0, numbers, marked;
	json_t *config;
	int r;

	r = hide_numbers(text, len, &hidden, &n, &numbers);
	if (r < 0)
		return vn_err_kernel(err, -r, "config.json: %s", strerror(-r));
	config = json_loadb(hidden, n, JSON_ALLOW_NUL, &why);
	if (!json_is_object(config)) {
		r = vn_err_usage(err, "config.json is no JSON object: line %d: %.160s", why.line, why.text);
		json_decref(config);
		return r;
	}
	marked = count_hidden(config);
	r = edit(config, arg, &changed, err);
	if (r == 0 && changed && marked != numbers)
		r = vn_err_usage(err, "config.json: a string in it begins with " NUMBER ", or a key stands twice");
	if (r == 0 && changed) {
		out = json_dumps(config, JSON_COMPACT);
		if (out)
			show_numbers(out);
		else
			r = vn_err_kernel(err, ENOMEM, "config.json: %s", strerror(ENOMEM));
	}
	json_decref(config);
	if (r == 0)
		*ret_text = take_ptr(out);
	return r;
}
