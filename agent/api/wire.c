/* SPDX-License-Identifier: GPL-2.0-only */
/* Framing, the same on both sides. */
#include "api/wire.h"

#include <unistd.h>
#include <base/util.h>

#include "base/fdpass.h"

#define FILL_STEP 65536u
#define SAID_MAX  128 /* bytes of a name that an error repeats */
#define DEPTH_MAX 64

void vn_wire_buf_release(struct vn_wire_buf *b)
{
	free(b->data);
	*b = (struct vn_wire_buf){.max = b->max};
}

static int make_room(struct vn_wire_buf *b)
{
	if (b->size - b->len < FILL_STEP) {
		size_t size = VN_MAX(VN_MIN(b->size * 2, b->max + FILL_STEP), b->len + FILL_STEP);
		char *data;

		if (b->len > b->max)
			return -EMSGSIZE;
		data = realloc(b->data, size);
		if (!data)
			return -ENOMEM;
		b->data = data;
		b->size = size;
	}
	return 0;
}

ssize_t vn_wire_fill(struct vn_wire_buf *b, int fd)
{
	ssize_t n = make_room(b);

	if (n < 0)
		return n;
	n = read(fd, b->data + b->len, b->size - b->len);
	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	b->len += (size_t)n;
	return n;
}

ssize_t vn_wire_fill_checked(struct vn_wire_buf *b, int fd)
{
	ssize_t n = make_room(b);

	if (n < 0)
		return n;
	n = vn_pass_peek(fd, b->data + b->len, VN_MIN(b->size - b->len, (size_t)FILL_STEP));
	if (n <= 0)
		return n;
	/* So many and no more: what has come meanwhile has not been looked at. */
	n = read(fd, b->data + b->len, (size_t)n);
	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	b->len += (size_t)n;
	return n;
}

ssize_t vn_wire_fill_fd(struct vn_wire_buf *b, int fd, int *passed)
{
	int pass[VN_PASS_MAX];
	ssize_t n = make_room(b);

	if (n < 0)
		return n;
	n = vn_pass_receive(fd, b->data + b->len, b->size - b->len, pass, 0);
	if (n < 0)
		return n == -EINTR ? -EAGAIN : n;
	for (size_t i = 0; i < VN_PASS_MAX; i++)
		if (pass[i] >= 0) {
			vn_cleanup_close(passed);
			*passed = pass[i];
		}
	b->len += (size_t)n;
	return n;
}

/* jansson recurses per level: refuse what would exhaust the stack before it parses. */
static bool too_deep(const char *s, size_t len)
{
	bool quoted = false;
	int depth = 0;

	for (size_t i = 0; i < len; i++) {
		if (quoted) {
			if (s[i] == '\\')
				i++;
			else if (s[i] == '"')
				quoted = false;
		} else if (s[i] == '"') {
			quoted = true;
		} else if (s[i] == '{' || s[i] == '[') {
			if (++depth > DEPTH_MAX)
				return true;
		} else if (s[i] == '}' || s[i] == ']') {
			depth--;
		}
	}
	return false;
}

int vn_wire_take(struct vn_wire_buf *b, json_t **ret_msg, struct vn_err *err)
{
	char *end = b->len > b->scanned ? memchr(b->data + b->scanned, 0, b->len - b->scanned) : NULL;
	json_error_t jerr;
	json_t *msg;
	size_t len;

	if (!end) {
		b->scanned = b->len;
		return b->len > b->max ? vn_err(err, VN_EXIT_USAGE, EMSGSIZE, "message longer than %zu bytes", b->max)
				       : -EAGAIN;
	}
	len = (size_t)(end - b->data);
	if (too_deep(b->data, len)) {
		msg = NULL;
		snprintf(jerr.text, sizeof(jerr.text), "nested deeper than %d", DEPTH_MAX);
	} else {
		msg = json_loadb(b->data, len, JSON_REJECT_DUPLICATES, &jerr);
	}
	b->len -= len + 1;
	memmove(b->data, end + 1, b->len);
	b->scanned = 0;
	if (!msg)
		return vn_err(err, VN_EXIT_USAGE, EBADMSG, "message is not JSON: %s", jerr.text);
	if (!json_is_object(msg)) {
		json_decref(msg);
		return vn_err(err, VN_EXIT_USAGE, EBADMSG, "message is not a JSON object");
	}
	*ret_msg = msg;
	return 0;
}

json_t *vn_wire_error(const struct vn_err *err)
{
	json_t *text = json_string(err->text), *o;
	const char *name = err->name;

	if (!text)
		text = json_string("the error's text is not UTF-8");
	o = json_pack("{s:i, s:i, s:o}", "exit", (int)err->exit, "errno", err->err, "text", text);
	if (err->parameter) {
		const char *key = !name ? "parameter" : strrchr(name, '.')[1] == 'M' ? "method" : "interface";

		/* The request chose it, and may have chosen megabytes: no more is sent back than any name has. */
		json_object_set_new(
			o, key, json_string(strnlen(err->parameter, SAID_MAX + 1) > SAID_MAX ? "" : err->parameter));
		name = name ?: "org.varlink.service.InvalidParameter";
	}
	return json_pack("{s:s, s:o}", "error", name ?: "vnet.agent.Failed", "parameters", o);
}

bool vn_wire_ready(struct vn_wire_buf *b)
{
	if (!b->len)
		vn_wire_buf_release(b);
	return b->len > b->scanned && memchr(b->data + b->scanned, 0, b->len - b->scanned);
}

char *vn_wire_encode(const json_t *msg, size_t *ret_len)
{
	char *s = json_dumps(msg, JSON_COMPACT);

	if (s)
		*ret_len = strlen(s) + 1;
	return s;
}
