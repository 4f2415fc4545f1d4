// SPDX-License-Identifier: GPL-2.0-only
/* A .dist file of any bytes: refused in one line, or a block of the arena that is sound. */
#include "check_block.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_file(vn_block_parse_dist, data, size);
	return 0;
}
