// SPDX-License-Identifier: GPL-2.0-only
#include "sriov/sriov.h"

#include <limits.h>
#include <sys/stat.h>

#include <base/util.h>

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
	if (find_pci(name, pf.pci) < 0 || vn_pci_number(pf.pci, "sriov_totalvfs", &pf.total) < 0 || !pf.total ||
	    vn_pci_number(pf.pci, "sriov_numvfs", &pf.num) < 0)
		return vn_err(err, VN_EXIT_NOT_POSSIBLE, EOPNOTSUPP,
			      "PF %s: this device has no VFs to give: it is no SR-IOV device, or SR-IOV is off in its "
			      "firmware",
			      name);
	vn_pci_number(pf.pci, "sriov_drivers_autoprobe", &autoprobe);
	pf.autoprobe = autoprobe;
	vn_pci_driver(pf.pci, pf.driver, sizeof(pf.driver));
	snprintf(path, sizeof(path), "/sys/class/net/%s/flags", name);
	pf.up = vn_sysfs_text(path, flags, sizeof(flags)) == 0 && strtoul(flags, NULL, 16) & IFF_UP;
	*ret_pf = pf;
	return 0;
}

int vn_sriov_vf_pci(const struct vn_sriov *pf, unsigned int vf, char ret_pci[VN_PCI_NAME])
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), VN_PCI_DEVICES "/%s/virtfn%u", pf->pci, vf);
	return vn_sysfs_link(path, ret_pci, VN_PCI_NAME);
}

int vn_sriov_set_num(const struct vn_sriov *pf, unsigned int n, struct vn_err *err)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", n);
	return vn_pci_write(pf->pci, "sriov_numvfs", text, err);
}

int vn_sriov_set_autoprobe(const struct vn_sriov *pf, bool on, struct vn_err *err)
{
	return vn_pci_write(pf->pci, "sriov_drivers_autoprobe", on ? "1" : "0", err);
}
