/* SPDX-License-Identifier: GPL-2.0-only */
#include "net/offload.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <base/util.h>

/* ethtool(8) groups them as tx, tso, gso, txvlan, gro; these are the kernel's own names, by their beginnings. */
static const char *const unwanted[] = {
	"tx-checksum-", "tx-tcp", "tx-udp", "tx-sctp", "tx-esp", "tx-gso", "tx-fcoe", "tx-macsec", "tx-vlan-", "rx-gro",
};

static bool is_unwanted(const char *feature)
{
	for (size_t i = 0; i < VN_ARRAY_SIZE(unwanted); i++)
		if (strncmp(feature, unwanted[i], strlen(unwanted[i])) == 0)
			return true;
	return false;
}

static int ethtool(int fd, const char *ifname, void *data)
{
	struct ifreq ifr = {.ifr_data = data};

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", ifname);
	return ioctl(fd, SIOCETHTOOL, &ifr) < 0 ? -errno : 0;
}

static int count_features(int fd, const char *ifname, uint32_t *ret_n)
{
	struct {
		struct ethtool_sset_info info;
		uint32_t count;
	} s = {.info = {.cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1ULL << ETH_SS_FEATURES}};
	int r = ethtool(fd, ifname, &s);

	if (r < 0)
		return r;
	*ret_n = s.count;
	return 0;
}

/* @on: those that concern sending alone; GRO stays as it is. */
static int features_set(int fd, const char *ifname, bool on)
{
	cleanup_free struct ethtool_gstrings *names = NULL;
	cleanup_free struct ethtool_gfeatures *have = NULL;
	cleanup_free struct ethtool_sfeatures *set = NULL;
	uint32_t n = 0, words;
	int r = count_features(fd, ifname, &n);

	if (r < 0)
		return r;
	words = (n + 31) / 32;
	names = calloc(1, sizeof(*names) + (size_t)n * ETH_GSTRING_LEN);
	have = calloc(1, sizeof(*have) + words * sizeof(have->features[0]));
	set = calloc(1, sizeof(*set) + words * sizeof(set->features[0]));
	if (!names || !have || !set)
		return -ENOMEM;
	*names = (struct ethtool_gstrings){.cmd = ETHTOOL_GSTRINGS, .string_set = ETH_SS_FEATURES, .len = n};
	*have = (struct ethtool_gfeatures){.cmd = ETHTOOL_GFEATURES, .size = words};
	*set = (struct ethtool_sfeatures){.cmd = ETHTOOL_SFEATURES, .size = words};
	r = ethtool(fd, ifname, names);
	if (r == 0)
		r = ethtool(fd, ifname, have);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < n; i++) {
		const uint32_t bit = 1u << (i % 32), word = i / 32;
		const char *name = (const char *)names->data + (size_t)i * ETH_GSTRING_LEN;

		if (!(have->features[word].available & ~have->features[word].never_changed & bit) || !is_unwanted(name))
			continue;
		if (on && strncmp(name, "tx-", 3) != 0)
			continue;
		set->features[word].valid |= bit;
		set->features[word].requested |= on ? bit : 0;
	}
	return ethtool(fd, ifname, set);
}

int vn_offload_all_off(const char *ifname, struct vn_err *err)
{
	cleanup_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int r = fd < 0 ? -errno : features_set(fd, ifname, false);

	return r < 0 ? vn_err_kernel(err, -r, "%s: switching its offloads off: %s", ifname, strerror(-r)) : 0;
}

int vn_offload_tx_on(const char *ifname, struct vn_err *err)
{
	cleanup_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int r = fd < 0 ? -errno : features_set(fd, ifname, true);

	return r < 0 ? vn_err_kernel(err, -r, "%s: switching its offloads on: %s", ifname, strerror(-r)) : 0;
}
