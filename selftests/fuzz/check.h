/* SPDX-License-Identifier: GPL-2.0-only */
/* What the fuzzers of the topology have in common: whatever they find wrong must end the process. */
#ifndef VNET_FUZZ_CHECK_H
#define VNET_FUZZ_CHECK_H

#include <stdio.h>
#include <stdlib.h>

#include "model/model_internal.h"

#define CHECK(condition)                                                                                               \
	do {                                                                                                           \
		if (!(condition)) {                                                                                    \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                \
			abort();                                                                                       \
		}                                                                                                      \
	} while (0)

/* Every refusal is one line of text, and the user's doing. */
static inline void check_refusal(const struct vn_err *err)
{
	CHECK(err->err && err->text[0]);
	CHECK(!strchr(err->text, '\n'));
	CHECK(err->exit == VN_EXIT_USAGE);
}

static inline char *emit_text(const struct vn_topo *t, int (*emit)(const struct vn_topo *t, FILE *f), size_t *ret_len)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, ret_len);

	CHECK(f && emit(t, f) == 0);
	fclose(f);
	return text;
}

/* A topology that is resolved: through JSON, and through its file, it stays what it is. */
static inline void check_round_trips(const struct vn_topo *t)
{
	cleanup_topo struct vn_topo *from_json = NULL, *from_yaml = NULL;
	cleanup_free char *yaml = NULL, *again = NULL, *dot = NULL;
	struct vn_err err = {0};
	json_t *o = vn_topo_to_json(t), *o2;
	size_t len, len2;

	CHECK(o);
	if (vn_topo_from_json(o, &from_json, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		CHECK(!"what was written is read");
	}
	o2 = vn_topo_to_json(from_json);
	CHECK(o2 && json_equal(o, o2));
	for (size_t i = 0; i < t->n_nodes; i++)
		CHECK(t->nodes[i].n_routes == from_json->nodes[i].n_routes);
	json_decref(o);
	json_decref(o2);
	yaml = emit_text(t, vn_topo_emit_yaml, &len);
	if (vn_topo_parse("emitted", yaml, len, &from_yaml, &err) < 0) {
		fprintf(stderr, "%s\n%s", err.text, yaml);
		CHECK(!"what was emitted parses");
	}
	again = emit_text(from_yaml, vn_topo_emit_yaml, &len2);
	CHECK(len == len2 && !memcmp(yaml, again, len));
	dot = emit_text(t, vn_topo_emit_dot, &len);
}

#endif
