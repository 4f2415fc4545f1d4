/* SPDX-License-Identifier: GPL-2.0-only */
/* PCI devices by sysfs: which driver has one, which IOMMU group it is in, and how it gets another driver. */
#ifndef VNET_SRIOV_PCI_H
#define VNET_SRIOV_PCI_H

#include <stddef.h>

#include <base/err.h>

#define VN_PCI_DEVICES "/sys/bus/pci/devices"
#define VN_PCI_NAME    32 /* "0000:01:10.0" with room */

/* The first line of a file; the last part of what a link points to (-ENAMETOOLONG: longer than @size). */
int vn_sysfs_text(const char *path, char *buf, size_t size);
int vn_sysfs_link(const char *path, char *buf, size_t size);
/* @file of device @pci, read as a decimal number, and written. */
int vn_pci_number(const char *pci, const char *file, unsigned int *ret);
int vn_pci_write(const char *pci, const char *file, const char *text, struct vn_err *err);

/* "" when there is none. */
void vn_pci_driver(const char *pci, char *buf, size_t size);
/* Number of the IOMMU group, -1 when there is none. */
int vn_pci_iommu_group(const char *pci);
/* How many devices are in @group. */
int vn_iommu_group_size(int group);

/* Name of the virtio device below @pci; @buf is left as it is where there is none. */
void vn_pci_virtio(const char *pci, char *buf, size_t size);

/* -EBUSY: it is bound to vfio-pci, and somebody has its group's file open. */
int vn_pci_check_guest(const char *pci, struct vn_err *err);
/* No driver afterwards; its netdev is gone, wherever it was. No driver before: 0. */
int vn_pci_unbind(const char *pci, struct vn_err *err);
/* Bind the driver the kernel chooses, or @driver (NULL: none in particular), which must be loaded. */
int vn_pci_probe(const char *pci, const char *driver, struct vn_err *err);

/* No driver in particular is wanted for it any more; none is bound. */
int vn_pci_override_clear(const char *pci, struct vn_err *err);

#endif
