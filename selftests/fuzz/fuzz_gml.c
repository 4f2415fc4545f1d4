// SPDX-License-Identifier: GPL-2.0-only
/* A GML file of any bytes: refused in one line, or a topology that resolves and survives its round trips. */
#include "check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_topo struct vn_topo *t = NULL;
	struct vn_err err = {0};

	if (vn_gml_import("fuzz.gml", (const char *)data, size, NULL, &t, NULL, &err) < 0 ||
	    vn_topo_resolve(t, NULL, NULL, NULL, &err) < 0) {
		check_refusal(&err);
		return 0;
	}
	check_round_trips(t);
	return 0;
}
