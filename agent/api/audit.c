/* SPDX-License-Identifier: GPL-2.0-only */
#include "api/audit.h"

#include <stdio.h>
#include <string.h>

#include <base/util.h>

#include "base/log.h"
#include "base/process.h"

/* Every other one leaves something changed, or tried to. */
static const char *const looks[] = {"vnet.info",        "vnet.monitor",    "vnet.topology.plan", "vnet.topology.show",
				    "vnet.node.show",   "vnet.port.show",  "vnet.vf.show",       "vnet.link.show",
				    "vnet.link.verify", "vnet.engine.show"};

static void add(char *buf, size_t size, const char *word)
{
	size_t at = strlen(buf);

	snprintf(buf + at, size - at, "%s%s", at ? " " : "", word);
}

/* A word that the request chose. */
static void add_word(char *buf, size_t size, const char *word)
{
	char text[128];

	vn_log_word(word, text, sizeof(text));
	add(buf, size, text);
}

/* "dir ab delay 10ms": what the request said of how. */
static void describe(const json_t *params, bool to, char *buf, size_t size)
{
	const char *dir = json_string_value(json_object_get(params, "dir")),
		   *holder = json_string_value(json_object_get(params, "holder"));
	const json_t *words = json_object_get(params, "words"), *engine = json_object_get(params, "engine"), *word;
	const char *key;
	char number[32];
	json_t *member;
	size_t i;

	buf[0] = '\0';
	if (json_is_true(json_object_get(params, "replace")))
		add(buf, size, "replace");
	if (dir) {
		add(buf, size, "dir");
		add_word(buf, size, dir);
	}
	json_object_foreach (json_object_get(params, "discipline"), key, member) {
		cleanup_free char *text = json_dumps(member, JSON_ENCODE_ANY | JSON_COMPACT);

		add_word(buf, size, key);
		add_word(buf, size, text ?: "?");
	}
	json_array_foreach (words, i, word)
		add_word(buf, size, json_string_value(word) ?: "?");
	if (json_is_integer(engine)) {
		snprintf(number, sizeof(number), "%sengine %lld", to ? "to " : "",
			 (long long)json_integer_value(engine));
		add(buf, size, number);
	}
	if (holder)
		add_word(buf, size, holder);
}

/* Its name, else that of the topology, else of the file. */
static const char *object_of(const json_t *params, const json_t *reply)
{
	const char *name = json_string_value(json_object_get(params, "name"));

	if (!name)
		name = json_string_value(json_object_get(reply, "topology"));
	if (!name)
		name = json_string_value(json_object_get(params, "file"));
	return name;
}

void vn_audit_request(const struct vn_conn *c, const char *method, const json_t *request, const json_t *reply,
		      const char *error)
{
	const json_t *params = json_object_get(request, "parameters");
	char comm[VN_COMM_SIZE], more[256];

	if (!method || strncmp(method, "vnet.", 5) != 0)
		return;
	for (size_t i = 0; i < VN_ARRAY_SIZE(looks); i++)
		if (strcmp(method, looks[i]) == 0)
			return;
	vn_process_comm(c->pid, comm);
	describe(params, strcmp(method, "vnet.engine.move") == 0, more, sizeof(more));
	vn_log_audit(&(struct vn_audit){.uid = c->uid,
					.pid = c->pid,
					.observe = c->observe,
					.comm = comm,
					.method = method + strlen("vnet."),
					.object = object_of(params, reply),
					.more = more[0] ? more : NULL,
					.result = error});
}
