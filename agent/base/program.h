/* SPDX-License-Identifier: GPL-2.0-only */
/* Which build of a program runs, and which one is on disk: by a hash of the file's contents. */
#ifndef VNET_BASE_PROGRAM_H
#define VNET_BASE_PROGRAM_H

#include <stdint.h>
#include <sys/stat.h>

#define VN_PROGRAM_SELF "/proc/self/exe"
#define VN_PROGRAM_TEXT 17

/* A file, and its hash as long as it stays the same file. */
struct vn_program {
	struct stat st;
	uint64_t hash;
};

/* Of the file @path; 0: it cannot be read. */
uint64_t vn_program_hash(const char *path);
/* The same, read anew only when it is another file than last time. */
uint64_t vn_program_look(struct vn_program *p, const char *path);
/* 16 digits; NULL when @hash is 0. */
const char *vn_program_text(uint64_t hash, char buf[VN_PROGRAM_TEXT]);

#endif
