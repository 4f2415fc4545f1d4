// SPDX-License-Identifier: GPL-2.0-only
#include "runtime/container_dir.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <base/util.h>

#include "runtime/backend.h"
#include "base/beneath.h"
#include "base/command.h"
#include "base/process.h"
#include "runtime/image.h"

void vn_dir_path(char path[512], const struct vn_container_spec *s, const char *name)
{
	snprintf(path, 512, "%s/%s", s->dir, name);
}

int vn_dir_write(const struct vn_container_spec *s, const char *name, const char *text, struct vn_err *err)
{
	cleanup_close int fd = -EBADF;
	const size_t len = strlen(text);
	char path[512];
	ssize_t n = -1;

	vn_dir_path(path, s, name);
	errno = 0;
	/* The directory can be passed by everybody, and a container's environment is not everybody's to read. */
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd >= 0)
		n = write(fd, text, len);
	return n == (ssize_t)len ? 0 : vn_err_kernel(err, errno ?: EIO, "%s: %s", path, strerror(errno ?: EIO));
}

int vn_dir_write_json(const struct vn_container_spec *s, const char *name, json_t *o, struct vn_err *err)
{
	cleanup_free char *text = o ? json_dumps(o, JSON_INDENT(1)) : NULL;

	json_decref(o);
	return text ? vn_dir_write(s, name, text, err) : vn_err_kernel(err, ENOMEM, "%s: %s", name, strerror(ENOMEM));
}

int vn_dir_read_pid(const struct vn_container_spec *s, pid_t *ret_pid, struct vn_err *err)
{
	char path[512];
	int pid = 0;
	FILE *f;

	vn_dir_path(path, s, "pid");
	f = fopen(path, "re");
	if (f) {
		if (fscanf(f, "%d", &pid) != 1)
			pid = 0;
		fclose(f);
	}
	if (pid <= 0)
		return vn_err_kernel(err, ESRCH, "%s: no process number there", path);
	*ret_pid = pid;
	return 0;
}

int vn_dir_note_start(const struct vn_container_spec *s, const char *name, pid_t pid, struct vn_err *err)
{
	unsigned long long start = 0;
	char path[512], output[VN_CMDLINE_OUTPUT];

	if (vn_process_start(pid, &start) < 0) {
		vn_dir_path(path, s, "log");
		vn_read_tail(path, output);
		vn_keep_last_line(output);
		return vn_err_kernel(err, ESRCH, "its program ended at once: %s", *output ? output : "without a word");
	}
	snprintf(output, sizeof(output), "%d %llu\n", (int)pid, start);
	return vn_dir_write(s, name, output, err);
}

void vn_dir_forget_start(const struct vn_container_spec *s)
{
	char path[512];

	vn_dir_path(path, s, VN_CONTAINER_STARTED);
	unlink(path);
}

void vn_dir_remove(const char *path)
{
	const char *name = strrchr(path, '/');
	cleanup_free char *above = name ? strndup(path, (size_t)(name - path)) : NULL;
	cleanup_close int dir = above ? open(above, O_PATH | O_DIRECTORY | O_CLOEXEC) : -EBADF;
	char netns[512];

	if (dir < 0)
		return;
	snprintf(netns, sizeof(netns), "%s/" VN_SANDBOX_NETNS, path);
	umount2(netns, MNT_DETACH | UMOUNT_NOFOLLOW);
	vn_image_unmount(path);
	vn_beneath_remove(dir, name + 1); /* enters no mount */
}

int vn_dir_make(const struct vn_container_spec *s, struct vn_err *err)
{
	vn_dir_remove(s->dir);
	if (mkdir(s->dir, 0711) < 0 && errno != EEXIST)
		return vn_err_kernel(err, errno, "%s: %s", s->dir, strerror(errno));
	return 0;
}
