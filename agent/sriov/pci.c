// SPDX-License-Identifier: GPL-2.0-only
#include "sriov/pci.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>

#include <base/util.h>

int vn_sysfs_text(const char *path, char *buf, size_t size)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);

	if (n < 0)
		return -errno;
	buf[n] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return 0;
}

int vn_sysfs_link(const char *path, char *buf, size_t size)
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

int vn_pci_number(const char *pci, const char *file, unsigned int *ret)
{
	char path[PATH_MAX], text[32];
	int r;

	snprintf(path, sizeof(path), VN_PCI_DEVICES "/%s/%s", pci, file);
	r = vn_sysfs_text(path, text, sizeof(text));
	if (r == 0)
		*ret = (unsigned int)strtoul(text, NULL, 10);
	return r;
}

static int write_text(const char *path, const char *text)
{
	cleanup_close int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd < 0 || write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

int vn_pci_write(const char *pci, const char *file, const char *text, struct vn_err *err)
{
	char path[PATH_MAX];
	int r;

	snprintf(path, sizeof(path), VN_PCI_DEVICES "/%s/%s", pci, file);
	r = write_text(path, text);
	return r < 0 ? vn_err_kernel(err, -r, "PCI device %s: writing %s to %s: %s", pci, text, file, strerror(-r)) : 0;
}

void vn_pci_driver(const char *pci, char *buf, size_t size)
{
	char path[PATH_MAX], name[64];

	snprintf(path, sizeof(path), VN_PCI_DEVICES "/%s/driver", pci);
	snprintf(buf, size, "%s", vn_sysfs_link(path, name, sizeof(name)) == 0 ? name : "");
}

int vn_pci_iommu_group(const char *pci)
{
	char path[PATH_MAX], name[32];

	snprintf(path, sizeof(path), VN_PCI_DEVICES "/%s/iommu_group", pci);
	return vn_sysfs_link(path, name, sizeof(name)) == 0 ? (int)strtol(name, NULL, 10) : -1;
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

void vn_pci_virtio(const char *pci, char *buf, size_t size)
{
	char path[PATH_MAX];
	struct dirent *e;
	DIR *dir;

	snprintf(path, sizeof(path), VN_PCI_DEVICES "/%s", pci);
	dir = opendir(path);
	while (dir && (e = readdir(dir)))
		if (strncmp(e->d_name, "virtio", 6) == 0)
			snprintf(buf, size, "%.*s", (int)size - 1, e->d_name);
	if (dir)
		closedir(dir);
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
	return r < 0 ? r : vn_pci_write(pci, "driver/unbind", pci, err);
}

int vn_pci_override_clear(const char *pci, struct vn_err *err)
{
	/* A line end alone takes it away. */
	return vn_pci_write(pci, "driver_override", "\n", err);
}

int vn_pci_probe(const char *pci, const char *driver, struct vn_err *err)
{
	char path[PATH_MAX], bound[64];
	int r;

	r = driver ? vn_pci_write(pci, "driver_override", driver, err) : vn_pci_override_clear(pci, err);
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
