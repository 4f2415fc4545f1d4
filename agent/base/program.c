// SPDX-License-Identifier: GPL-2.0-only
#include "base/program.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include <base/util.h>

uint64_t vn_program_hash(const char *path)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint64_t h = VN_FNV_INIT;
	char buf[16384];
	ssize_t n;

	if (fd < 0)
		return 0;
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		h = vn_fnv1a_bytes(h, buf, (size_t)n);
	return n < 0 ? 0 : h;
}

uint64_t vn_program_look(struct vn_program *p, const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return 0;
	if (!p->hash || st.st_dev != p->st.st_dev || st.st_ino != p->st.st_ino || st.st_size != p->st.st_size ||
	    memcmp(&st.st_mtim, &p->st.st_mtim, sizeof(st.st_mtim)) != 0 ||
	    memcmp(&st.st_ctim, &p->st.st_ctim, sizeof(st.st_ctim)) != 0) {
		p->hash = vn_program_hash(path);
		p->st = st;
	}
	return p->hash;
}

const char *vn_program_text(uint64_t hash, char buf[VN_PROGRAM_TEXT])
{
	snprintf(buf, VN_PROGRAM_TEXT, "%016llx", (unsigned long long)hash);
	return hash ? buf : NULL;
}
