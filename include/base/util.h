/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* Small helpers of the user-space code: cleanup attributes, ownership transfer, sizes. */
#ifndef VNET_BASE_UTIL_H
#define VNET_BASE_UTIL_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define VN_ARRAY_SIZE(a)     (sizeof(a) / sizeof((a)[0]))
#define VN_MIN(a, b)         ((a) < (b) ? (a) : (b))
#define VN_MAX(a, b)         ((a) > (b) ? (a) : (b))
#define VN_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

#define VN_NSEC_PER_USEC 1000ULL
#define VN_NSEC_PER_MSEC 1000000ULL
#define VN_NSEC_PER_SEC  1000000000ULL

static inline void vn_cleanup_close(int *fd)
{
	if (*fd >= 0) {
		int saved = errno;

		close(*fd);
		errno = saved;
	}
}

static inline void vn_cleanup_free(void *p)
{
	void **pp = p;

	free(*pp);
}

static inline void vn_cleanup_fclose(FILE **f)
{
	if (*f)
		fclose(*f);
}

/* Declared with one of these, a resource is given back when its scope ends. */
#define cleanup_close  __attribute__((cleanup(vn_cleanup_close)))
#define cleanup_free   __attribute__((cleanup(vn_cleanup_free)))
#define cleanup_fclose __attribute__((cleanup(vn_cleanup_fclose)))

/* Ownership leaves the scope: the variable no longer cleans up. */
static inline int take_fd(int *fd)
{
	int r = *fd;

	*fd = -EBADF;
	return r;
}

#define take_ptr(p)                                                                                                    \
	({                                                                                                             \
		__typeof__(p) taken_ = (p);                                                                            \
		(p) = NULL;                                                                                            \
		taken_;                                                                                                \
	})

/* FNV-1a, 64 bits, of @len bytes, continued from @h (begin with VN_FNV_INIT). */
#define VN_FNV_INIT 0xcbf29ce484222325ULL
static inline uint64_t vn_fnv1a_bytes(uint64_t h, const void *data, size_t len)
{
	for (const unsigned char *p = data; len--; p++)
		h = (h ^ *p) * 0x100000001b3ULL;
	return h;
}

/* CLOCK_MONOTONIC in ns: the clock of bpf_ktime_get_ns(), of arrival times and of heartbeats. */
static inline uint64_t vn_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * VN_NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

#endif
