/* SPDX-License-Identifier: GPL-2.0-only */
/* SR-IOV: physical functions (PF) and their virtual functions (VF), by sysfs. In the host's namespace. */
#ifndef VNET_SRIOV_SRIOV_H
#define VNET_SRIOV_SRIOV_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "sriov/pci.h"

struct vn_sriov {
	char name[IF_NAMESIZE]; /* of the PF's netdev */
	char pci[VN_PCI_NAME];
	char driver[64];
	uint32_t ifindex;
	unsigned int total, num;
	bool up, autoprobe;
};

/* The PF whose netdev is @name: -ENODEV when there is no such device, -EOPNOTSUPP when it has no SR-IOV. */
int vn_sriov_open(const char *name, struct vn_sriov *ret_pf, struct vn_err *err);

/* PCI address of VF @vf; -ENOENT when it does not exist. */
int vn_sriov_vf_pci(const struct vn_sriov *pf, unsigned int vf, char ret_pci[VN_PCI_NAME]);

/* Write sriov_numvfs, sriov_drivers_autoprobe. */
int vn_sriov_set_num(const struct vn_sriov *pf, unsigned int n, struct vn_err *err);
int vn_sriov_set_autoprobe(const struct vn_sriov *pf, bool on, struct vn_err *err);

#endif
