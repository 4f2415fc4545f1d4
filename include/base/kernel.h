/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VNET_BASE_KERNEL_H
#define VNET_BASE_KERNEL_H

#include <stdint.h>

/* What of the kernel bounds a topology. */
struct vn_kernel {
	char release[65];
	uint32_t held_mtu_max; /* the largest MTU of a link that is held */
};

#endif
