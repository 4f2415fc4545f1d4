/* SPDX-License-Identifier: GPL-2.0-only */
#include "net/stats.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <vnet/util.h>

#define STATS_MAX 4096u

static int ethtool(int fd, const char *ifname, void *data)
{
	struct ifreq ifr = {.ifr_data = data};

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", ifname);
	return ioctl(fd, SIOCETHTOOL, &ifr) < 0 ? -errno : 0;
}

int vn_ethtool_stat(const char *ifname, const char *name, uint64_t *ret_value)
{
	cleanup_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};
	cleanup_free struct ethtool_gstrings *names = NULL;
	cleanup_free struct ethtool_stats *values = NULL;
	int r = fd < 0 ? -errno : ethtool(fd, ifname, &info);
	const uint32_t n = info.n_stats;

	if (r < 0)
		return r;
	if (n > STATS_MAX)
		return -E2BIG;
	names = calloc(1, sizeof(*names) + (size_t)n * ETH_GSTRING_LEN);
	values = calloc(1, sizeof(*values) + (size_t)n * sizeof(values->data[0]));
	if (!names || !values)
		return -ENOMEM;
	*names = (struct ethtool_gstrings){.cmd = ETHTOOL_GSTRINGS, .string_set = ETH_SS_STATS, .len = n};
	*values = (struct ethtool_stats){.cmd = ETHTOOL_GSTATS, .n_stats = n};
	r = ethtool(fd, ifname, names);
	if (r == 0)
		r = ethtool(fd, ifname, values);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < n; i++)
		if (strncmp((const char *)names->data + (size_t)i * ETH_GSTRING_LEN, name, ETH_GSTRING_LEN) == 0) {
			*ret_value = values->data[i];
			return 0;
		}
	return -ENOENT;
}
