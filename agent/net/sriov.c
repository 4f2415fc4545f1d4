// SPDX-License-Identifier: GPL-2.0-only
#include "net/sriov.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/if_link.h>
#include <sys/stat.h>

#include <vnet/util.h>

#include "net/veth.h"

#define PCI_DEVICES "/sys/bus/pci/devices"
#define NO_VF       0x7ffffffeu /* a VF that cannot exist */

const char *const vn_vf_attr_words[VN_VF_ATTR_MAX] = {"mac", "vlan", "spoofchk", "trust", "state", "tx_rate"};

/* --- sysfs -----------------------------------------------------------------------------------------------------------
 */

static int read_text(const char *path, char *buf, size_t size)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);

	if (n < 0)
		return -errno;
	buf[n] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return 0;
}

static int read_number(const char *pci, const char *file, unsigned int *ret)
{
	char path[PATH_MAX], text[32];
	int r;

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/%s", pci, file);
	r = read_text(path, text, sizeof(text));
	if (r == 0)
		*ret = (unsigned int)strtoul(text, NULL, 10);
	return r;
}

static int write_text(const char *path, const char *text)
{
	cleanup_close int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd < 0 || write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

static int write_pci(const char *pci, const char *file, const char *text, struct vn_err *err)
{
	char path[PATH_MAX];
	int r;

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/%s", pci, file);
	r = write_text(path, text);
	return r < 0 ? vn_err_kernel(err, -r, "PCI device %s: writing %s to %s: %s", pci, text, file, strerror(-r)) : 0;
}

/* The last part of what the link points to. */
static int link_name(const char *path, char *buf, size_t size)
{
	char target[PATH_MAX];
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	const char *slash;

	if (n < 0)
		return -errno;
	target[n] = '\0';
	slash = strrchr(target, '/');
	return snprintf(buf, size, "%s", slash ? slash + 1 : target) < (int)size ? 0 : -ENAMETOOLONG;
}

/* A virtio netdev hangs a level below its PCI device. */
static int find_pci(const char *name, char ret_pci[VN_PCI_NAME])
{
	char path[PATH_MAX], real[PATH_MAX], *slash;
	struct stat st;

	snprintf(path, sizeof(path), "/sys/class/net/%s/device", name);
	if (!realpath(path, real))
		return -EOPNOTSUPP;
	for (int up = 0; up < 2; up++) {
		snprintf(path, sizeof(path), "%.4000s/sriov_totalvfs", real);
		slash = strrchr(real, '/');
		if (!slash)
			break;
		if (stat(path, &st) == 0)
			return snprintf(ret_pci, VN_PCI_NAME, "%s", slash + 1) < VN_PCI_NAME ? 0 : -EOPNOTSUPP;
		*slash = '\0';
	}
	return -EOPNOTSUPP;
}

int vn_sriov_open(const char *name, struct vn_sriov *ret_pf, struct vn_err *err)
{
	struct vn_sriov pf = {.ifindex = if_nametoindex(name)};
	char path[PATH_MAX], flags[32];
	unsigned int autoprobe = 1;

	if (!pf.ifindex)
		return vn_err(err, VN_EXIT_USAGE, ENODEV, "PF %s: there is no such network device on this host", name);
	snprintf(pf.name, sizeof(pf.name), "%s", name);
	if (find_pci(name, pf.pci) < 0 || read_number(pf.pci, "sriov_totalvfs", &pf.total) < 0 || !pf.total ||
	    read_number(pf.pci, "sriov_numvfs", &pf.num) < 0)
		return vn_err(err, VN_EXIT_NOT_POSSIBLE, EOPNOTSUPP,
			      "PF %s: this device has no VFs to give: it is no SR-IOV device, or SR-IOV is off in its "
			      "firmware",
			      name);
	read_number(pf.pci, "sriov_drivers_autoprobe", &autoprobe);
	pf.autoprobe = autoprobe;
	vn_pci_driver(pf.pci, pf.driver, sizeof(pf.driver));
	snprintf(path, sizeof(path), "/sys/class/net/%s/flags", name);
	pf.up = read_text(path, flags, sizeof(flags)) == 0 && strtoul(flags, NULL, 16) & IFF_UP;
	*ret_pf = pf;
	return 0;
}

int vn_sriov_vf_pci(const struct vn_sriov *pf, unsigned int vf, char ret_pci[VN_PCI_NAME])
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/virtfn%u", pf->pci, vf);
	return link_name(path, ret_pci, VN_PCI_NAME);
}

void vn_pci_driver(const char *pci, char *buf, size_t size)
{
	char path[PATH_MAX], name[64];

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/driver", pci);
	snprintf(buf, size, "%s", link_name(path, name, sizeof(name)) == 0 ? name : "");
}

int vn_pci_iommu_group(const char *pci)
{
	char path[PATH_MAX], name[32];

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/iommu_group", pci);
	return link_name(path, name, sizeof(name)) == 0 ? (int)strtol(name, NULL, 10) : -1;
}

int vn_iommu_group_size(int group)
{
	char path[PATH_MAX];
	struct dirent *e;
	int n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/sys/kernel/iommu_groups/%d/devices", group);
	d = opendir(path);
	if (!d)
		return -errno;
	while ((e = readdir(d)))
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

int vn_sriov_set_num(const struct vn_sriov *pf, unsigned int n, struct vn_err *err)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", n);
	return write_pci(pf->pci, "sriov_numvfs", text, err);
}

int vn_sriov_set_autoprobe(const struct vn_sriov *pf, bool on, struct vn_err *err)
{
	return write_pci(pf->pci, "sriov_drivers_autoprobe", on ? "1" : "0", err);
}

/* A group's file can be opened once. */
static bool group_in_use(int group)
{
	char path[32];
	cleanup_close int fd = -EBADF;

	snprintf(path, sizeof(path), "/dev/vfio/%d", group);
	fd = open(path, O_RDWR | O_CLOEXEC);
	return fd < 0 && errno == EBUSY;
}

int vn_pci_check_guest(const char *pci, struct vn_err *err)
{
	char driver[64];

	vn_pci_driver(pci, driver, sizeof(driver));
	if (strcmp(driver, "vfio-pci") != 0 || !group_in_use(vn_pci_iommu_group(pci)))
		return 0;
	return vn_err_kernel(err, EBUSY, "PCI device %s: a guest has it (/dev/vfio/%d): end the guest first", pci,
			     vn_pci_iommu_group(pci));
}

int vn_pci_unbind(const char *pci, struct vn_err *err)
{
	char driver[64];
	int r;

	vn_pci_driver(pci, driver, sizeof(driver));
	if (!*driver)
		return 0;
	/* The kernel would wait for the guest to let go of it, and we with it. */
	r = vn_pci_check_guest(pci, err);
	return r < 0 ? r : write_pci(pci, "driver/unbind", pci, err);
}

int vn_pci_override_clear(const char *pci, struct vn_err *err)
{
	/* A line end alone takes it away. */
	return write_pci(pci, "driver_override", "\n", err);
}

int vn_pci_probe(const char *pci, const char *driver, struct vn_err *err)
{
	char path[PATH_MAX], bound[64];
	int r;

	r = driver ? write_pci(pci, "driver_override", driver, err) : vn_pci_override_clear(pci, err);
	if (r < 0)
		return r;
	if (driver) {
		snprintf(path, sizeof(path), "/sys/bus/pci/drivers/%s", driver);
		if (access(path, F_OK) < 0)
			return vn_err(err, VN_EXIT_NOT_POSSIBLE, ENOENT, "driver %s is not loaded: run `modprobe %s`",
				      driver, driver);
	}
	r = write_text("/sys/bus/pci/drivers_probe", pci);
	if (r < 0)
		return vn_err_kernel(err, -r, "PCI device %s: binding a driver: %s", pci, strerror(-r));
	vn_pci_driver(pci, bound, sizeof(bound));
	if (!*bound || (driver && strcmp(bound, driver) != 0))
		return vn_err(err, VN_EXIT_NOT_POSSIBLE, ENODEV,
			      "PCI device %s: no driver took it: is the module of its VFs loaded?", pci);
	return 0;
}

/* --- administration --------------------------------------------------------------------------------------------------
 */

struct admin_dump {
	uint32_t ifindex;
	unsigned int vf;
	struct vn_vf_admin a;
};

static void read_stats(struct vn_vf_admin *a, struct nlattr *stats)
{
	struct nlattr *s;
	int left;

	nla_for_each_nested(s, stats, left) switch (nla_type(s))
	{
	case IFLA_VF_STATS_RX_PACKETS:
		a->rx_packets = nla_get_u64(s);
		break;
	case IFLA_VF_STATS_TX_PACKETS:
		a->tx_packets = nla_get_u64(s);
		break;
	case IFLA_VF_STATS_RX_BYTES:
		a->rx_bytes = nla_get_u64(s);
		break;
	case IFLA_VF_STATS_TX_BYTES:
		a->tx_bytes = nla_get_u64(s);
		break;
	}
	a->has_stats = a->rx_packets || a->tx_packets;
}

/* A driver that does not know an attribute leaves it at all ones. */
static void take(struct vn_vf_admin *a, enum vn_vf_attr attr, uint32_t value, uint32_t *to)
{
	if (value == UINT32_MAX)
		return;
	*to = value;
	a->has |= 1u << attr;
}

static void read_info(struct admin_dump *d, struct nlattr *info)
{
	struct vn_vf_admin a = {0};
	uint32_t vf = UINT32_MAX;
	struct nlattr *i;
	int left;

	nla_for_each_nested(i, info, left)
	{
		const void *data = nla_data(i);

		switch (nla_type(i)) {
		case IFLA_VF_MAC:
			vf = ((const struct ifla_vf_mac *)data)->vf;
			memcpy(a.mac, ((const struct ifla_vf_mac *)data)->mac, sizeof(a.mac));
			a.has |= 1u << VN_VF_ATTR_MAC;
			break;
		case IFLA_VF_VLAN:
			a.vlan = ((const struct ifla_vf_vlan *)data)->vlan;
			a.qos = ((const struct ifla_vf_vlan *)data)->qos;
			a.has |= 1u << VN_VF_ATTR_VLAN;
			break;
		case IFLA_VF_SPOOFCHK:
			take(&a, VN_VF_ATTR_SPOOFCHK, ((const struct ifla_vf_spoofchk *)data)->setting, &a.spoofchk);
			break;
		case IFLA_VF_TRUST:
			take(&a, VN_VF_ATTR_TRUST, ((const struct ifla_vf_trust *)data)->setting, &a.trust);
			break;
		case IFLA_VF_LINK_STATE:
			take(&a, VN_VF_ATTR_STATE, ((const struct ifla_vf_link_state *)data)->link_state, &a.state);
			break;
		case IFLA_VF_RATE:
			a.min_tx_rate = ((const struct ifla_vf_rate *)data)->min_tx_rate;
			a.max_tx_rate = ((const struct ifla_vf_rate *)data)->max_tx_rate;
			a.has |= 1u << VN_VF_ATTR_RATE;
			break;
		case IFLA_VF_STATS:
			read_stats(&a, i);
			break;
		}
	}
	if (vf == d->vf)
		d->a = a;
}

static void read_admin(void *arg, struct nlmsghdr *h)
{
	struct admin_dump *d = arg;
	const struct ifinfomsg *ifi = NLMSG_DATA(h);
	struct nlattr *list, *info;
	int left;

	if (h->nlmsg_type != RTM_NEWLINK || (uint32_t)ifi->ifi_index != d->ifindex)
		return;
	list = nlmsg_find_attr(h, sizeof(*ifi), IFLA_VFINFO_LIST);
	if (!list)
		return;
	nla_for_each_nested(info, list, left) if (nla_type(info) == IFLA_VF_INFO) read_info(d, info);
}

int vn_sriov_admin_get(struct vn_nl *nl, uint32_t pf_ifindex, unsigned int vf, struct vn_vf_admin *ret)
{
	const struct ifinfomsg ifi = {0};
	struct admin_dump d = {.ifindex = pf_ifindex, .vf = vf};
	int r;

	vn_nl_begin(nl, RTM_GETLINK, NLM_F_DUMP, &ifi, sizeof(ifi));
	vn_nl_put_u32(nl, IFLA_EXT_MASK, RTEXT_FILTER_VF);
	r = vn_nl_dump(nl, read_admin, &d);
	if (r == 0)
		*ret = d.a;
	return r;
}

static void put_attr(struct vn_nl *nl, unsigned int vf, enum vn_vf_attr attr, const struct vn_vf_admin *a)
{
	struct ifla_vf_mac mac = {.vf = vf};
	const struct ifla_vf_vlan vlan = {.vf = vf, .vlan = a->vlan, .qos = a->qos};
	const struct ifla_vf_spoofchk spoofchk = {.vf = vf, .setting = a->spoofchk};
	const struct ifla_vf_trust trust = {.vf = vf, .setting = a->trust};
	const struct ifla_vf_link_state state = {.vf = vf, .link_state = a->state};
	const struct ifla_vf_rate rate = {.vf = vf, .min_tx_rate = a->min_tx_rate, .max_tx_rate = a->max_tx_rate};

	memcpy(mac.mac, a->mac, sizeof(a->mac));
	switch (attr) {
	case VN_VF_ATTR_MAC:
		vn_nl_put(nl, IFLA_VF_MAC, &mac, sizeof(mac));
		break;
	case VN_VF_ATTR_VLAN:
		vn_nl_put(nl, IFLA_VF_VLAN, &vlan, sizeof(vlan));
		break;
	case VN_VF_ATTR_SPOOFCHK:
		vn_nl_put(nl, IFLA_VF_SPOOFCHK, &spoofchk, sizeof(spoofchk));
		break;
	case VN_VF_ATTR_TRUST:
		vn_nl_put(nl, IFLA_VF_TRUST, &trust, sizeof(trust));
		break;
	case VN_VF_ATTR_STATE:
		vn_nl_put(nl, IFLA_VF_LINK_STATE, &state, sizeof(state));
		break;
	case VN_VF_ATTR_RATE:
		vn_nl_put(nl, IFLA_VF_RATE, &rate, sizeof(rate));
		break;
	case VN_VF_ATTR_MAX:
		break;
	}
}

void vn_sriov_admin_put(struct vn_nl *nl, uint32_t pf_ifindex, unsigned int vf, enum vn_vf_attr attr,
			const struct vn_vf_admin *a)
{
	const struct ifinfomsg ifi = {.ifi_index = (int)pf_ifindex};
	struct nlattr *list, *info;

	vn_nl_begin(nl, RTM_SETLINK, 0, &ifi, sizeof(ifi));
	list = vn_nl_nest(nl, IFLA_VFINFO_LIST);
	info = vn_nl_nest(nl, IFLA_VF_INFO);
	put_attr(nl, vf, attr, a);
	vn_nl_nest_end(nl, info);
	vn_nl_nest_end(nl, list);
	vn_nl_end(nl, vn_vf_attr_words[attr], 0);
}

const char *vn_vf_attr_text(char *buf, size_t size, enum vn_vf_attr attr, const struct vn_vf_admin *a)
{
	static const char *const states[] = {"auto", "enable", "disable"};
	const uint8_t *m = a->mac;

	switch (attr) {
	case VN_VF_ATTR_MAC:
		snprintf(buf, size, "mac %02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
		break;
	case VN_VF_ATTR_VLAN:
		snprintf(buf, size, "vlan %u", a->vlan);
		break;
	case VN_VF_ATTR_SPOOFCHK:
		snprintf(buf, size, "spoofchk %s", a->spoofchk ? "on" : "off");
		break;
	case VN_VF_ATTR_TRUST:
		snprintf(buf, size, "trust %s", a->trust ? "on" : "off");
		break;
	case VN_VF_ATTR_STATE:
		snprintf(buf, size, "state %s", a->state < VN_ARRAY_SIZE(states) ? states[a->state] : "?");
		break;
	default:
		snprintf(buf, size, "min_tx_rate %u max_tx_rate %u", a->min_tx_rate, a->max_tx_rate);
		break;
	}
	return buf;
}

bool vn_vf_attr_equal(enum vn_vf_attr attr, const struct vn_vf_admin *a, const struct vn_vf_admin *b)
{
	switch (attr) {
	case VN_VF_ATTR_MAC:
		return memcmp(a->mac, b->mac, sizeof(a->mac)) == 0;
	case VN_VF_ATTR_VLAN:
		return a->vlan == b->vlan && a->qos == b->qos;
	case VN_VF_ATTR_SPOOFCHK:
		return a->spoofchk == b->spoofchk;
	case VN_VF_ATTR_TRUST:
		return a->trust == b->trust;
	case VN_VF_ATTR_STATE:
		return a->state == b->state;
	default:
		return a->min_tx_rate == b->min_tx_rate && a->max_tx_rate == b->max_tx_rate;
	}
}

bool vn_sriov_can_vlan(uint32_t pf_ifindex)
{
	static const struct vn_vf_admin none;
	cleanup_nl struct vn_nl nl = VN_NL_INIT;

	if (vn_nl_open(&nl, NULL) < 0)
		return false;
	vn_sriov_admin_put(&nl, pf_ifindex, NO_VF, VN_VF_ATTR_VLAN, &none);
	return vn_nl_flush(&nl) != -EOPNOTSUPP;
}

/* --- netdevs ---------------------------------------------------------------------------------------------------------
 */

struct netdev_dump {
	char parent[2][64]; /* as the kernel names it: the PCI device, or the virtio one below it */
	struct vn_vf_netdev dev;
	bool found;
};

static void read_netdev(void *arg, struct nlmsghdr *h)
{
	struct netdev_dump *d = arg;
	const struct ifinfomsg *ifi = NLMSG_DATA(h);
	struct vn_vf_netdev dev = {0};
	const char *parent = "";
	struct nlattr *a, *x;
	int left;

	if (h->nlmsg_type != RTM_NEWLINK)
		return;
	dev.ifindex = (uint32_t)ifi->ifi_index;
	dev.flags = ifi->ifi_flags;
	nlmsg_for_each_attr(a, h, sizeof(*ifi), left) switch (nla_type(a))
	{
	case IFLA_PARENT_DEV_NAME:
		parent = nla_get_string(a);
		break;
	case IFLA_IFNAME:
		snprintf(dev.name, sizeof(dev.name), "%s", nla_get_string(a));
		break;
	case IFLA_IFALIAS:
		snprintf(dev.alias, sizeof(dev.alias), "%s", nla_get_string(a));
		break;
	case IFLA_MTU:
		dev.mtu = nla_get_u32(a);
		break;
	case IFLA_GROUP:
		dev.group = nla_get_u32(a);
		break;
	case IFLA_ADDRESS:
		if (nla_len(a) == 6)
			memcpy(dev.mac, nla_data(a), 6);
		break;
	case IFLA_XDP:
		x = nla_find(nla_data(a), nla_len(a), IFLA_XDP_ATTACHED);
		dev.xdp = x && nla_get_u8(x) != XDP_ATTACHED_NONE;
		break;
	}
	for (size_t i = 0; i < VN_ARRAY_SIZE(d->parent); i++)
		if (*d->parent[i] && strcmp(parent, d->parent[i]) == 0) {
			d->dev = dev;
			d->found = true;
		}
}

static void find_virtio(const char *pci, char *buf, size_t size)
{
	char path[PATH_MAX];
	struct dirent *e;
	DIR *dir;

	snprintf(path, sizeof(path), PCI_DEVICES "/%s", pci);
	dir = opendir(path);
	while (dir && (e = readdir(dir)))
		if (strncmp(e->d_name, "virtio", 6) == 0)
			snprintf(buf, size, "%.*s", (int)size - 1, e->d_name);
	if (dir)
		closedir(dir);
}

int vn_sriov_netdev(struct vn_nl *nl, const char *pci, struct vn_vf_netdev *ret)
{
	const struct ifinfomsg ifi = {0};
	struct netdev_dump d = {0};
	int r;

	snprintf(d.parent[0], sizeof(d.parent[0]), "%s", pci);
	find_virtio(pci, d.parent[1], sizeof(d.parent[1]));
	vn_nl_begin(nl, RTM_GETLINK, NLM_F_DUMP, &ifi, sizeof(ifi));
	vn_nl_put_u32(nl, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	r = vn_nl_dump(nl, read_netdev, &d);
	if (r == 0 && !d.found)
		r = -ENOENT;
	if (r == 0)
		*ret = d.dev;
	return r;
}

void vn_netdev_move(struct vn_nl *nl, uint32_t ifindex, const struct vn_vf_move *to)
{
	const struct ifinfomsg ifi = {.ifi_index = (int)ifindex};

	vn_nl_begin(nl, RTM_SETLINK, 0, &ifi, sizeof(ifi));
	vn_nl_put_str(nl, IFLA_IFNAME, to->name);
	vn_nl_put_u32(nl, IFLA_GROUP, to->group);
	vn_nl_put_u32(nl, IFLA_NET_NS_FD, (uint32_t)to->netns_fd);
	vn_nl_put_u32(nl, IFLA_NEW_IFINDEX, to->ifindex);
	vn_nl_end(nl, "move its VF", 0);
}

void vn_netdev_set(struct vn_nl *nl, uint32_t ifindex, const char *name, const uint8_t *mac, uint32_t mtu,
		   const char *alias)
{
	const struct ifinfomsg ifi = {.ifi_index = (int)ifindex};

	vn_nl_begin(nl, RTM_SETLINK, 0, &ifi, sizeof(ifi));
	if (name)
		vn_nl_put_str(nl, IFLA_IFNAME, name);
	if (mac)
		vn_nl_put(nl, IFLA_ADDRESS, mac, 6);
	if (mtu)
		vn_nl_put_u32(nl, IFLA_MTU, mtu);
	if (alias)
		vn_nl_put_str(nl, IFLA_IFALIAS, alias);
	vn_nl_end(nl, name ? "rename it" : mac ? "set the MAC of its netdev" : mtu ? "set its MTU" : "mark it", 0);
}

void vn_netdev_take_all(struct vn_nl *nl, uint32_t ifindex, unsigned int flags)
{
	const struct ifinfomsg ifi = {
		.ifi_index = (int)ifindex, .ifi_flags = IFF_ALLMULTI | flags, .ifi_change = IFF_ALLMULTI | flags};

	vn_nl_begin(nl, RTM_NEWLINK, 0, &ifi, sizeof(ifi));
	vn_nl_end(nl, "take all multicast", 0);
}

/* --- routes ----------------------------------------------------------------------------------------------------------
 */

struct route_dump {
	uint32_t oif[16];
	size_t n;
};

static void read_route(void *arg, struct nlmsghdr *h)
{
	struct route_dump *d = arg;
	const struct rtmsg *rt = NLMSG_DATA(h);
	struct nlattr *oif;

	if (h->nlmsg_type != RTM_NEWROUTE || rt->rtm_dst_len || rt->rtm_type != RTN_UNICAST)
		return;
	oif = nlmsg_find_attr(h, sizeof(*rt), RTA_OIF);
	if (oif && d->n < VN_ARRAY_SIZE(d->oif))
		d->oif[d->n++] = nla_get_u32(oif);
}

struct upper_dump {
	uint32_t ifindex, master;
};

static void read_upper(void *arg, struct nlmsghdr *h)
{
	struct upper_dump *d = arg;
	const struct ifinfomsg *ifi = NLMSG_DATA(h);
	struct nlattr *m;

	if (h->nlmsg_type != RTM_NEWLINK || (uint32_t)ifi->ifi_index != d->ifindex)
		return;
	m = nlmsg_find_attr(h, sizeof(*ifi), IFLA_MASTER);
	if (m)
		d->master = nla_get_u32(m);
}

int vn_default_route(struct vn_nl *nl, uint32_t ifindex, bool *ret_there)
{
	static const uint8_t families[] = {AF_INET, AF_INET6};
	const struct ifinfomsg ifi = {0};
	struct upper_dump up = {.ifindex = ifindex};
	struct route_dump d = {0};
	int r = 0;

	for (size_t i = 0; i < VN_ARRAY_SIZE(families) && r == 0; i++) {
		const struct rtmsg rt = {.rtm_family = families[i]};

		vn_nl_begin(nl, RTM_GETROUTE, NLM_F_DUMP, &rt, sizeof(rt));
		r = vn_nl_dump(nl, read_route, &d);
	}
	if (r < 0)
		return r;
	vn_nl_begin(nl, RTM_GETLINK, NLM_F_DUMP, &ifi, sizeof(ifi));
	vn_nl_put_u32(nl, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	r = vn_nl_dump(nl, read_upper, &up);
	if (r < 0)
		return r;
	*ret_there = false;
	for (size_t i = 0; i < d.n; i++)
		*ret_there |= d.oif[i] == ifindex || (up.master && d.oif[i] == up.master);
	return 0;
}
