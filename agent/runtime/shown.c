// SPDX-License-Identifier: GPL-2.0-only
#include "runtime/shown.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <base/util.h>

#define UPPER VN_SHOWN_UPPER

/* An upper layer holds what the container writes, in memory: as much as the container may have, else this. */
#define UPPER_MAX (256LL << 20)
/* Where it writes nothing, there are still the mount points that a runtime makes. */
#define UPPER_MIN   (1LL << 20)
#define UPPER_FILES 65536

static int show_owners(int tree, int users, unsigned int recursive, bool needed, struct vn_err *err)
{
	struct mount_attr map = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)users};

	if (users < 0 || mount_setattr(tree, "", AT_EMPTY_PATH | recursive, &map, sizeof(map)) == 0)
		return 0;
	/* EPERM: it is shown to another user namespace already. */
	if ((errno == EINVAL || errno == EPERM) && !needed)
		return 0;
	return vn_err(err, errno == EINVAL ? VN_EXIT_NOT_POSSIBLE : VN_EXIT_KERNEL, errno, "idmapped mount: %s%s",
		      strerror(errno),
		      errno == EINVAL ? ": its file system, or one mounted in it, cannot be shown to the node's user "
					"namespace: copy it to one that can (ext4, xfs, btrfs, tmpfs), or root writes "
					"`privileged: true`"
				      : "");
}

int vn_shown_tree(int fd, int users, uint64_t attr, unsigned int recursive, bool needed, int *ret_tree,
		  struct vn_err *err)
{
	cleanup_close int tree = open_tree(fd, "", AT_EMPTY_PATH | recursive | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	struct mount_attr set = {.attr_set = attr, .propagation = MS_PRIVATE};

	if (tree < 0)
		return vn_err_kernel(err, errno, "open_tree: %s", strerror(errno));
	if (mount_setattr(tree, "", AT_EMPTY_PATH | recursive, &set, sizeof(set)) < 0)
		return vn_err_kernel(err, errno, "mount_setattr: %s", strerror(errno));
	if (show_owners(tree, users, recursive, needed, err) < 0)
		return -EINVAL;
	*ret_tree = take_fd(&tree);
	return 0;
}

int vn_shown_attach(int tree, const char *name, struct vn_err *err)
{
	struct stat st;
	int r = fstat(tree, &st);

	remove(name); /* of an earlier start, and perhaps of the other kind */
	if (r == 0 && S_ISDIR(st.st_mode))
		r = mkdir(name, 0755);
	else if (r == 0)
		r = mknod(name, S_IFREG | 0600, 0);
	if (r < 0)
		return vn_err_kernel(err, errno, "%s: %s", name, strerror(errno));
	if (move_mount(tree, "", AT_FDCWD, name, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return vn_err_kernel(err, errno, "mounting %s: %s", name, strerror(errno));
	return 0;
}

long long vn_shown_upper_bytes(bool writable, long long memory)
{
	return !writable ? UPPER_MIN : memory > 0 ? memory : UPPER_MAX;
}

static int mount_upper(long long bytes, struct vn_err *err)
{
	char options[96];

	snprintf(options, sizeof(options), "mode=0755,size=%lld,nr_inodes=%d", bytes, UPPER_FILES);
	if ((mkdir(UPPER, 0700) < 0 && errno != EEXIST) ||
	    mount("tmpfs", UPPER, "tmpfs", MS_NOSUID | MS_NODEV, options) < 0 ||
	    mount(NULL, UPPER, NULL, MS_PRIVATE, NULL) < 0 || mkdir(UPPER "/files", 0755) < 0 ||
	    mkdir(UPPER "/work", 0700) < 0)
		return vn_err_kernel(err, errno, "its upper layer: tmpfs: %s", strerror(errno));
	return 0;
}

int vn_shown_overlay(const char *lower, const char *options, long long upper_bytes, const char *name,
		     struct vn_err *err)
{
	cleanup_free char *first = strndup(lower, strcspn(lower, ":")), *all = NULL;
	int r = mount_upper(upper_bytes, err);
	struct stat st;

	if (r < 0)
		return r;
	if (!first ||
	    asprintf(&all, "%slowerdir=%s,upperdir=" UPPER "/files,workdir=" UPPER "/work", options, lower) < 0) {
		all = NULL;
		r = vn_err_kernel(err, ENOMEM, "overlay: %s", strerror(ENOMEM));
	} else if (stat(first, &st) < 0 || chown(UPPER "/files", st.st_uid, st.st_gid) < 0 ||
		   chmod(UPPER "/files", st.st_mode & 07777) < 0 || (mkdir(name, 0755) < 0 && errno != EEXIST) ||
		   mount("overlay", name, "overlay", MS_NOSUID | MS_NODEV, all) < 0 ||
		   mount(NULL, name, NULL, MS_PRIVATE, NULL) < 0) {
		/* Its root directory is the upper layer's. */
		r = vn_err_kernel(err, errno, "overlay: %s%s", strerror(errno),
				  errno == ENODEV ? ": this kernel has no such file system (CONFIG_OVERLAY_FS)" : "");
	}
	/* The overlay has it. */
	umount2(UPPER, MNT_DETACH);
	return r;
}
