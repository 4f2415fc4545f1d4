/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The daemon's log: one line a message, to the journal in its own protocol where systemd gave us that for standard
 * error (sd-daemon(3), JOURNAL_STREAM), else to standard error: with "<N>" before it where systemd reads that, with the
 * time where nobody adds it.
 *
 * A message begins with its object, "link lab/ab: ...": the journal has it as a field, too (VNET_LINK=lab/ab).
 */
#ifndef VNET_BASE_LOG_H
#define VNET_BASE_LOG_H

#include <stdbool.h>
#include <sys/types.h>

#include <base/util.h>

/* As syslog(3) numbers them. */
#define VN_LOG_LEVELS(X)                                                                                               \
	X(ERROR, 3, "error")                                                                                           \
	X(WARNING, 4, "warning")                                                                                       \
	X(NOTICE, 5, "notice")                                                                                         \
	X(INFO, 6, "info")                                                                                             \
	X(DEBUG, 7, "debug")

enum vn_log_level {
#define X(id, number, word) VN_LOG_##id = number,
	VN_LOG_LEVELS(X)
#undef X
};

/* The level of @word, or -EINVAL. */
int vn_log_level_of(const char *word);
/* From now on, messages up to @max go where they belong. Before, each is "vnet-agent: text" on standard error. */
void vn_log_open(enum vn_log_level max);

/*
 * A message like which there were too many lately is counted instead, and the next one, or vn_log_tick(), tells how
 * many. Like one another are those of one @fmt.
 */
void vn_log_at(enum vn_log_level level, const char *fmt, ...) VN_PRINTF(2, 3);
void vn_log(const char *fmt, ...) VN_PRINTF(1, 2); /* VN_LOG_NOTICE */
void vn_log_tick(void);

/*
 * @s as one word of a line: blanks, brackets, backslashes, control characters and what is not UTF-8 are "\xNN", so that
 * no name looks like several parts of the line.
 */
void vn_log_word(const char *s, char *buf, size_t size);

/*
 * Who changed what: one line each. @result NULL: it worked. Too many are counted, too: those of each user that
 * succeeded, those of each user that failed, and all that were refused on the read-only socket apart from one another.
 */
struct vn_audit {
	uid_t uid;
	pid_t pid;
	bool observe;       /* by the read-only socket */
	const char *comm;   /* the program's name, as vn_process_comm() has it */
	const char *method; /* what was done */
	const char *object; /* on what; may be NULL */
	const char *more;   /* how, in words of vn_log_word(); may be NULL */
	const char *result; /* why it failed */
};
void vn_log_audit(const struct vn_audit *a);

#endif
