// SPDX-License-Identifier: GPL-2.0-only
/* The state file: any JSON is refused in one line, or is a topology that survives its round trips. */
#include "check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_topo struct vn_topo *t = NULL;
	struct vn_err err = {0};
	json_error_t why;
	json_t *o = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, &why);

	if (!o)
		return 0;
	if (vn_topo_from_json(o, &t, &err) < 0)
		check_refusal(&err);
	else
		check_round_trips(t);
	json_decref(o);
	return 0;
}
