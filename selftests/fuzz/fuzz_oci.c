// SPDX-License-Identifier: GPL-2.0-only
/* A container engine's config.json: refused in one line, none of our business, or JSON with our hooks, and then stable.
 */
#include "check.h"
#include "runtime/oci_adopt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *out = NULL, *again = NULL;
	struct vn_err err = {0};

	if (vn_oci_adopt((const char *)data, size, "/agent", "/run", &out, &err) < 0) {
		CHECK(!out);
		check_refusal(&err);
		return 0;
	}
	if (!out)
		return 0;
	CHECK(strstr(out, "oci-hook"));
	CHECK(vn_oci_adopt(out, strlen(out), "/agent", "/run", &again, &err) == 0);
	CHECK(again && strcmp(out, again) == 0);
	return 0;
}
