/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files about disciplines share among themselves. */
#ifndef VNET_TOPO_DISC_INTERNAL_H
#define VNET_TOPO_DISC_INTERNAL_H

#include "topo/internal.h"

#define VN_LIMIT_BYTES_MIN 1538ULL /* one full Ethernet frame on the wire */
#define VN_LIMIT_BYTES_MAX (1ULL << 40)
#define VN_LOSS_PARAMS     (sizeof(((struct vn_disc *)0)->loss_p) / sizeof(uint32_t))

/* By enum vn_dist_kind (without the table), vn_loss_model, vn_holder. Each ends with NULL. */
extern const char *const vn_dist_words[], *const vn_loss_words[], *const vn_holder_words[];

/* "3.4 h", "99 days": for errors. */
#define VN_DURATION_BUF 32
const char *vn_duration(char *buf, uint64_t ns);

#endif
