/* SPDX-License-Identifier: GPL-2.0-only */
/* Names, the nearest known word, and words of users made fit to be shown. Pure. */
#ifndef VNET_BASE_NAMES_H
#define VNET_BASE_NAMES_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <base/err.h>

#define VN_NAME_MAX 63 /* topology, node and link names: [A-Za-z0-9][A-Za-z0-9_-]* */

/* Nearest word of the NULL-terminated @words within an edit distance that a typo explains, or NULL. */
const char *vn_suggest(const char *word, const char *const *words);

/*
 * Names: [A-Za-z0-9][A-Za-z0-9_-]{0,62}. Interface names: [A-Za-z0-9_][A-Za-z0-9_-]{0,14}, but neither "lo" nor "all"
 * nor "default" (those two are folders of /proc/sys/net). Stricter than the kernel, which expands '%' and takes any
 * byte.
 */
bool vn_name_valid(const char *name);
/* "all", "dir": what would not mean a link on the command line. */
bool vn_link_name_reserved(const char *name);
bool vn_ifname_valid(const char *name);

/* Bytes of the byte order mark that @text begins with, as editors on Windows write it; 0: none. */
size_t vn_bom(const char *text, size_t len);
/* A user's word made fit for one line of an error: shortened, unprintable bytes replaced by '?'. Returns @buf. */
#define VN_SHOW_BUF 72
const char *vn_show(char *buf, const char *word);
/* "FILE:LINE:COLUMN: " and @fmt: an error of usage at a place in a file. */
int vn_refuse_at(struct vn_err *err, const char *file, size_t line, size_t column, const char *fmt, va_list ap)
	__attribute__((format(printf, 5, 0)));
/* ", did you mean 'delay'?" or "" when nothing is near. Returns @buf. */
#define VN_HINT_BUF 160
const char *vn_hint(char *buf, const char *word, const char *const *words);

/* FNV-1a, 64 bits, of @s continued from @h (begin with VN_FNV_INIT). */
uint64_t vn_fnv1a(uint64_t h, const char *s);

#endif
