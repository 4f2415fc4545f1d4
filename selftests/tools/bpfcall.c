// SPDX-License-Identifier: GPL-2.0-only
/*
 * bpfcall CMD...: call bpf(2) with each command number and an empty argument; print "CMD ERRNO" for each. What a
 * seccomp filter refuses is told by its errno from what the kernel does.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char *argv[])
{
	for (int i = 1; i < argc; i++) {
		union bpf_attr attr;
		int cmd = (int)strtol(argv[i], NULL, 10);

		memset(&attr, 0, sizeof(attr));
		attr.map_fd = (unsigned int)-1;
		errno = 0;
		syscall(__NR_bpf, cmd, &attr, sizeof(attr));
		printf("%d %s\n", cmd, strerrorname_np(errno) ?: "OK");
	}
	return 0;
}
