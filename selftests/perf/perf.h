/* SPDX-License-Identifier: GPL-2.0-only */
/* What the measuring tools share: namespaces, clocks, quantiles. They measure, so they die on any error. */
#ifndef VNET_SELFTESTS_PERF_H
#define VNET_SELFTESTS_PERF_H

#include <linux/sock_diag.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NSEC_PER_SEC 1000000000ULL

__attribute__((format(printf, 1, 2), noreturn)) static inline void die(const char *fmt, ...)
{
	int err = errno;
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	if (err)
		fprintf(stderr, ": %s", strerror(err));
	fputc('\n', stderr);
	exit(1);
}

__attribute__((format(printf, 1, 2), noreturn)) static inline void die_usage(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(2);
}

static inline uint64_t clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

static inline uint64_t now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static inline void sleep_until(uint64_t t_ns)
{
	struct timespec ts = {.tv_sec = (time_t)(t_ns / NSEC_PER_SEC), .tv_nsec = (long)(t_ns % NSEC_PER_SEC)};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
		;
}

/* The calling thread moves to the namespace at @path; NULL or "": stays. */
static inline void ns_enter(const char *path)
{
	int fd;

	if (!path || !path[0])
		return;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		die("%s", path);
	if (setns(fd, CLONE_NEWNET) < 0)
		die("%s: setns", path);
	close(fd);
}

static inline int cmp_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static inline int cmp_i64(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

/* Index of quantile @q (0 .. 1) in @n sorted values: nearest rank. */
static inline size_t quantile(size_t n, double q)
{
	size_t i = (size_t)(q * (double)n);

	return i >= n ? n - 1 : i;
}

/* "10.0.0.1" or "fd00::1" with @port. */
static inline socklen_t parse_addr(const char *s, uint16_t port, struct sockaddr_storage *ret_sa)
{
	struct sockaddr_in *in4 = (struct sockaddr_in *)ret_sa;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret_sa;

	*ret_sa = (struct sockaddr_storage){};
	if (inet_pton(AF_INET, s, &in4->sin_addr) == 1) {
		in4->sin_family = AF_INET;
		in4->sin_port = htons(port);
		return sizeof(*in4);
	}
	if (inet_pton(AF_INET6, s, &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		return sizeof(*in6);
	}
	die_usage("'%s' is not an IP address", s);
}

/* Socket of @family, bound to @port on every address. */
static inline int socket_bound(int family, int type, uint16_t port)
{
	struct sockaddr_in6 any6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	struct sockaddr_in any4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(family, type | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0)
		die("socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, family == AF_INET ? (void *)&any4 : (void *)&any6,
		 family == AF_INET ? sizeof(any4) : sizeof(any6)) < 0)
		die("bind to port %u", port);
	return fd;
}

static inline void socket_buffer(int fd, int force_opt, int opt, int bytes)
{
	if (setsockopt(fd, SOL_SOCKET, force_opt, &bytes, sizeof(bytes)) < 0)
		setsockopt(fd, SOL_SOCKET, opt, &bytes, sizeof(bytes));
}

/* What the socket dropped because nobody read it in time. */
static inline uint32_t socket_drops(int fd)
{
	uint32_t v[SK_MEMINFO_VARS] = {0};
	socklen_t len = sizeof(v);

	getsockopt(fd, SOL_SOCKET, SO_MEMINFO, v, &len);
	return v[SK_MEMINFO_DROPS];
}

/* Real-time when allowed; says which it became. */
static inline int sched_fifo(int prio)
{
	struct sched_param p = {.sched_priority = prio};

	return sched_setscheduler(0, SCHED_FIFO, &p) == 0;
}

static inline void cpu_pin(int cpu)
{
	cpu_set_t set;

	if (cpu < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		die("CPU %d", cpu);
}

static inline uint64_t parse_u64(const char *s, const char *what)
{
	char *end;
	unsigned long long v;

	errno = 0;
	v = strtoull(s, &end, 10);
	if (errno || end == s || *end || s[0] == '-')
		die_usage("%s: '%s' is not a number", what, s);
	return v;
}

static inline double parse_double(const char *s, const char *what)
{
	char *end;
	double v = strtod(s, &end);

	if (end == s || *end || !(v >= 0))
		die_usage("%s: '%s' is not a number", what, s);
	return v;
}

/* One letter of a tool's command line, and the variable that it sets. */
struct opt {
	char letter;
	enum { OPT_TEXT, OPT_U64, OPT_INT, OPT_DOUBLE, OPT_FLAG } kind;
	void *to; /* const char **, uint64_t *, int *, double *, bool * */
};

static inline void opt_take(const struct opt *o, const char *value)
{
	const char what[] = {'-', o->letter, '\0'};

	switch (o->kind) {
	case OPT_TEXT:
		*(const char **)o->to = value;
		break;
	case OPT_U64:
		*(uint64_t *)o->to = parse_u64(value, what);
		break;
	case OPT_INT:
		*(int *)o->to = (int)parse_u64(value, what);
		break;
	case OPT_DOUBLE:
		*(double *)o->to = parse_double(value, what);
		break;
	case OPT_FLAG:
		*(bool *)o->to = true;
		break;
	}
}

/* By @table, which ends with letter 0; up to the first word that is no option. -h: @help, and the end. */
static inline void parse_options(int argc, char **argv, const struct opt *table, const char *help)
{
	char letters[2 * 26 + 3] = "+h";
	size_t len = strlen(letters);
	int c;

	for (const struct opt *o = table; o->letter; o++) {
		letters[len++] = o->letter;
		if (o->kind != OPT_FLAG)
			letters[len++] = ':';
	}
	letters[len] = '\0';
	while ((c = getopt(argc, argv, letters)) != -1) {
		const struct opt *o = table;

		while (o->letter && o->letter != c)
			o++;
		if (!o->letter) {
			fputs(help, c == 'h' ? stdout : stderr);
			exit(c == 'h' ? 0 : 2);
		}
		opt_take(o, optarg);
	}
}

#endif
