/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * One error, as its user will read it: what failed, on which object, why, what to do.
 * Library code fills it in and returns -errno; the top of a process prints it once.
 */
#ifndef VNET_BASE_ERR_H
#define VNET_BASE_ERR_H

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Exit codes of every vnet command (vnet-agent(8), EXIT STATUS). */
enum vn_exit {
	VN_EXIT_OK = 0,
	VN_EXIT_USAGE = 1,        /* the input is wrong: nothing was changed; verify: a check failed */
	VN_EXIT_KERNEL = 2,       /* the kernel refused; its text is quoted */
	VN_EXIT_DENIED = 3,       /* the caller may not */
	VN_EXIT_NO_AGENT = 4,     /* no daemon answers */
	VN_EXIT_CHANGED = 5,      /* something changed meanwhile: look again */
	VN_EXIT_ROLLED_BACK = 6,  /* a step failed, everything before it was undone */
	VN_EXIT_NOT_POSSIBLE = 7, /* not on this kernel or device */
	VN_EXIT_CHANGES = 10,     /* plan, check: there is something to do */
	VN_EXIT_UNKNOWN = 11,     /* verify: nothing failed, but not all could be judged */
};

struct vn_err {
	int err;           /* positive errno, 0 while nothing failed */
	enum vn_exit exit; /* which class of failure */
	char text[768];    /* one line, no newline at its end */
	/* For a client of the socket; NULL: nothing. Borrowed, as long as the request. */
	const char *parameter; /* which parameter is wrong */
	const char *name;      /* the error's own name in Varlink */
};

/* Fill @e (may be NULL) and return -@err, so that callers write `return vn_err(e, ...)`. The first failure wins. */
__attribute__((format(printf, 4, 5))) static inline int vn_err(struct vn_err *e, enum vn_exit exit, int err,
							       const char *fmt, ...)
{
	va_list ap;

	if (!e || e->err)
		return -err;
	e->err = err;
	e->exit = exit;
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	return -err;
}

/* The user's input is wrong: -EINVAL, exit 1. */
#define vn_err_usage(e, ...) vn_err((e), VN_EXIT_USAGE, EINVAL, __VA_ARGS__)
/* The kernel refused with errno @err: exit 2. */
#define vn_err_kernel(e, err, ...) vn_err((e), VN_EXIT_KERNEL, (err), __VA_ARGS__)

#define vn_err_nomem(e) vn_err((e), VN_EXIT_KERNEL, ENOMEM, "out of memory")

#endif
