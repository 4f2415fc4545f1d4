// SPDX-License-Identifier: GPL-2.0-only
#include "runtime/hugetlb.h"

#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <base/util.h>

#define V1_ROOT "/sys/fs/cgroup/hugetlb"

/* Where the version 2 tree may be mounted: alone, or beside version 1. */
static const char *const v2_roots[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};

static int put(const char *dir, const char *file, const char *text)
{
	char path[512];
	int fd, r = 0;

	if (snprintf(path, sizeof(path), "%s/%s", dir, file) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		r = -errno;
	close(fd);
	return r;
}

static bool has_controller(const char *root)
{
	char path[128], line[512] = "";
	FILE *f;

	snprintf(path, sizeof(path), "%s/cgroup.controllers", root);
	f = fopen(path, "re");
	if (!f)
		return false;
	if (!fgets(line, sizeof(line), f))
		line[0] = '\0';
	fclose(f);
	return strstr(line, "hugetlb");
}

/* The path of @pid in the hierarchy whose line begins with "N:@controllers:" (version 2: no controllers). */
static int path_of(pid_t pid, const char *controllers, char ret_path[256])
{
	char file[48], line[512];
	int r = -ENOENT;
	FILE *f;

	snprintf(file, sizeof(file), "/proc/%d/cgroup", (int)pid);
	f = fopen(file, "re");
	if (!f)
		return -errno;
	while (r < 0 && fgets(line, sizeof(line), f)) {
		char *name = strchr(line, ':'), *path = name ? strchr(name + 1, ':') : NULL;

		if (!path)
			continue;
		*path++ = '\0';
		path[strcspn(path, "\n")] = '\0';
		if (!strcmp(name + 1, controllers) && strlen(path) < 256) {
			snprintf(ret_path, 256, "%s", path);
			r = 0;
		}
	}
	fclose(f);
	return r;
}

static int fail(const char *dir, const char *file, int r, struct vn_err *err)
{
	return vn_err_kernel(err, -r, "hugepages: %s/%s: %s", dir, file, strerror(-r));
}

/* A group of its own below VN_CGROUP, with the controller handed down to it. */
static int limit_v2(const char *root, const char *id, pid_t pid, const char *bytes, struct vn_err *err)
{
	char dir[256], number[16];
	int r = put(root, "cgroup.subtree_control", "+hugetlb");

	if (r < 0)
		return fail(root, "cgroup.subtree_control", r, err);
	snprintf(dir, sizeof(dir), "%s/" VN_CGROUP, root);
	if (mkdir(dir, 0755) < 0 && errno != EEXIST)
		return fail(root, VN_CGROUP, -errno, err);
	r = put(dir, "cgroup.subtree_control", "+hugetlb");
	if (r < 0)
		return fail(dir, "cgroup.subtree_control", r, err);
	snprintf(dir, sizeof(dir), "%s/" VN_CGROUP "/%s", root, id);
	if (mkdir(dir, 0755) < 0 && errno != EEXIST)
		return fail(root, id, -errno, err);
	r = put(dir, "hugetlb.2MB.max", bytes);
	if (r < 0)
		return fail(dir, "hugetlb.2MB.max", r, err);
	snprintf(number, sizeof(number), "%d", (int)pid);
	r = put(dir, "cgroup.procs", number);
	return r < 0 ? fail(dir, "cgroup.procs", r, err) : 0;
}

int vn_hugetlb_limit(const char *id, pid_t pid, long long bytes, struct vn_err *err)
{
	char text[24], path[256], dir[320];

	snprintf(text, sizeof(text), "%lld", bytes);
	if (path_of(pid, "hugetlb", path) == 0) {
		int r;

		snprintf(dir, sizeof(dir), V1_ROOT "%s", path);
		r = put(dir, "hugetlb.2MB.limit_in_bytes", text);
		return r < 0 ? fail(dir, "hugetlb.2MB.limit_in_bytes", r, err) : 0;
	}
	for (size_t i = 0; i < VN_ARRAY_SIZE(v2_roots); i++) {
		if (!has_controller(v2_roots[i]))
			continue;
		/* The runtime's own group, when it has the controller. */
		if (path_of(pid, "", path) == 0 && strcmp(path, "/") != 0) {
			snprintf(dir, sizeof(dir), "%s%s", v2_roots[i], path);
			if (put(dir, "hugetlb.2MB.max", text) == 0)
				return 0;
		}
		return limit_v2(v2_roots[i], id, pid, text, err);
	}
	return 0;
}

/* The group above all of ours, in every hierarchy: one that is not empty stays. */
static void release_parents(void)
{
	glob_t g;

	rmdir("/sys/fs/cgroup/" VN_CGROUP);
	if (glob("/sys/fs/cgroup/*/" VN_CGROUP, GLOB_NOSORT, NULL, &g) == 0)
		for (size_t i = 0; i < g.gl_pathc; i++)
			rmdir(g.gl_pathv[i]);
	globfree(&g);
}

void vn_hugetlb_release(const char *id)
{
	char dir[256];

	for (size_t i = 0; i < VN_ARRAY_SIZE(v2_roots); i++) {
		snprintf(dir, sizeof(dir), "%s/" VN_CGROUP "/%s", v2_roots[i], id);
		rmdir(dir);
	}
	release_parents();
}
