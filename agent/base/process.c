/* SPDX-License-Identifier: GPL-2.0-only */
#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <base/util.h>

#include "base/log.h"

void vn_process_comm(pid_t pid, char comm[VN_COMM_SIZE])
{
	char path[64], buf[32];
	cleanup_close int fd = -EBADF;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);
	buf[n > 0 ? n : 0] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	vn_log_word(buf, comm, VN_COMM_SIZE);
}

int vn_process_start(pid_t pid, unsigned long long *ret_ticks)
{
	char path[32], line[1024];
	const char *s;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return -ESRCH;
	s = fgets(line, sizeof(line), f);
	fclose(f);
	/* The name, field 2, may contain anything; field 3 follows its last parenthesis. */
	s = s ? strrchr(line, ')') : NULL;
	for (int field = 3; s && field <= 22; field++)
		s = strchr(s + 1, ' ');
	if (!s || sscanf(s, " %llu", ret_ticks) != 1)
		return -ESRCH;
	return 0;
}
