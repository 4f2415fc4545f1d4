/* SPDX-License-Identifier: GPL-2.0-only */
/* What a driver counts, by the names that `ethtool -S` prints. */
#ifndef VNET_NET_STATS_H
#define VNET_NET_STATS_H

#include <stdint.h>

/* In the namespace of the calling thread; -ENOENT when the driver has no such counter. */
int vn_ethtool_stat(const char *ifname, const char *name, uint64_t *ret_value);

#endif
