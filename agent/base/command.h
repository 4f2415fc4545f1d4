/* SPDX-License-Identifier: GPL-2.0-only */
/* A program run to its end, with a deadline; the tools of container runtimes are all we run. */
#ifndef VNET_BASE_COMMAND_H
#define VNET_BASE_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include <base/err.h>
#include <base/util.h>

#define VN_CMDLINE_ARGS       832
#define VN_CMDLINE_OUTPUT     1024
#define VN_CMDLINE_TIMEOUT_MS 60000
#define VN_CMDLINE_PATH       "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct vn_cmdline {
	char *argv[VN_CMDLINE_ARGS + 1];
	size_t n;
	bool failed; /* no memory or too long */
};

void vn_cmdline_release(struct vn_cmdline *c);
#define cleanup_cmdline __attribute__((cleanup(vn_cmdline_release)))

void vn_cmdline_add(struct vn_cmdline *c, const char *fmt, ...) VN_PRINTF(2, 3);
void vn_cmdline_add_all(struct vn_cmdline *c, const char *const *words);

/*
 * Run it: its exit status (127: cannot be executed) or -errno, its output in @output. With @log_path its output, and
 * that of what it leaves running, goes there. -ETIMEDOUT: it did not end in VN_CMDLINE_TIMEOUT_MS and was killed.
 */
int vn_cmdline_run(struct vn_cmdline *c, const char *log_path, char output[VN_CMDLINE_OUTPUT]);
/* 0, or what it said last as the error. */
int vn_cmdline_run_or_fail(struct vn_cmdline *c, const char *log_path, struct vn_err *err);
/* True when it ended well; what it said is of no interest. */
bool vn_cmdline_works(const char *const *words);
/* The program is in VN_CMDLINE_PATH. */
bool vn_cmdline_there(const char *name);

/* The end of the file @path; and of a text nothing but its last line, printable. */
void vn_read_tail(const char *path, char output[VN_CMDLINE_OUTPUT]);
void vn_keep_last_line(char *text);

#endif
