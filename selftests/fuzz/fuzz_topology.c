// SPDX-License-Identifier: GPL-2.0-only
/* A topology file of any bytes: refused in one line, or resolved, and then the same through JSON and YAML. */
#include "check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_topo struct vn_topo *t = NULL, *next = NULL;
	struct vn_err err = {0};
	int r;

	if (vn_topo_parse("fuzz", (const char *)data, size, &t, &err) < 0) {
		check_refusal(&err);
		CHECK(!strncmp(err.text, "fuzz:", 5));
		return 0;
	}
	CHECK(vn_topo_parse("fuzz", (const char *)data, size, &next, &err) == 0);
	r = vn_topo_resolve(t, NULL, NULL, NULL, &err);
	if (r < 0) {
		check_refusal(&err);
		return 0;
	}
	check_round_trips(t);
	/* Applied again over itself, nothing moves. */
	CHECK(vn_topo_resolve(next, t, NULL, NULL, &err) == 0);
	for (size_t i = 0; i < t->n_links * VN_DIRS; i++)
		CHECK(t->links[i / 2].ports[i % 2].number == next->links[i / 2].ports[i % 2].number);
	return 0;
}
