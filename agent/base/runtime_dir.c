/* SPDX-License-Identifier: GPL-2.0-only */
#include "base/runtime_dir.h"

#include <fcntl.h>
#include <stdio.h>

#include <base/util.h>

pid_t vn_daemon_pid(const char *runtime_dir)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	cleanup_close int fd = -EBADF;
	char path[512];

	snprintf(path, sizeof(path), "%s/" VN_DAEMON_LOCK, runtime_dir);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fcntl(fd, F_GETLK, &lock) < 0 || lock.l_type == F_UNLCK)
		return 0;
	return lock.l_pid;
}
