// SPDX-License-Identifier: GPL-2.0-only
#include "engine/sandbox.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <base/engine_args.h>
#include <base/util.h>
#include <base/xsk_ring.h>

#define RT_TIME_US 1000000u /* a real-time thread that runs so long without ever sleeping is out of control */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZER 1 /* its run-time makes calls of its own: no filter in such a build */
#else
#define SANITIZER 0
#endif

void vn_sandbox_prepare(void)
{
	/* 1 ns instead of 50 us by which the kernel may put timers of ordinary threads together. */
	prctl(PR_SET_TIMERSLACK, 1UL, 0, 0, 0);
	/* Executed by descriptor, it was named after that by kernels before 6.14. */
	prctl(PR_SET_NAME, VN_ENGINE_NAME, 0, 0, 0);
}

bool vn_sandbox_fifo(int priority)
{
	struct sched_param p = {.sched_priority = priority};

	if (sched_getscheduler(0) == SCHED_FIFO)
		return true;
	return sched_setscheduler(0, SCHED_FIFO, &p) == 0;
}

bool vn_sandbox_unthrottled(void)
{
	cleanup_fclose FILE *f = fopen("/proc/sys/kernel/sched_rt_runtime_us", "re");
	long us = 0;

	return f && fscanf(f, "%ld", &us) == 1 && us < 0;
}

static int drop_capabilities(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {0};

	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return syscall(SYS_capset, &head, none) < 0 ? -errno : 0;
}

static int set_limits(void)
{
	/*
	 * One descriptor: with none, poll() of even one is -EINVAL; and 0 is taken, so no new one is possible.
	 * Real time: a loop that went wrong is killed by the kernel, and started anew by the daemon, rather than
	 * taking a CPU away for good.
	 */
	static const struct {
		__rlimit_resource_t what;
		rlim_t most;
	} limit[] = {{RLIMIT_CORE, 0}, {RLIMIT_NPROC, 0}, {RLIMIT_NOFILE, 1}, {RLIMIT_RTTIME, RT_TIME_US}};

	for (size_t i = 0; i < VN_ARRAY_SIZE(limit); i++) {
		const struct rlimit r = {limit[i].most, limit[i].most};

		if (setrlimit(limit[i].what, &r) < 0)
			return -errno;
	}
	return 0;
}

static int add_tap_rules(scmp_filter_ctx c, uint64_t fd)
{
	int r = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(readv), 1, SCMP_A0(SCMP_CMP_EQ, fd));

	return r ?: seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(writev), 1, SCMP_A0(SCMP_CMP_EQ, fd));
}

static int add_xsk_rules(scmp_filter_ctx c, uint64_t fd)
{
	int r = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(sendto), 3, SCMP_A0(SCMP_CMP_EQ, fd),
				 SCMP_A2(SCMP_CMP_EQ, 0), SCMP_A4(SCMP_CMP_EQ, 0));

	if (r == 0)
		r = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(getsockopt), 3, SCMP_A0(SCMP_CMP_EQ, fd),
				     SCMP_A1(SCMP_CMP_EQ, SOL_XDP), SCMP_A2(SCMP_CMP_EQ, XDP_STATISTICS));
	if (r == 0)
		r = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(getsockopt), 3, SCMP_A0(SCMP_CMP_EQ, fd),
				     SCMP_A1(SCMP_CMP_EQ, SOL_SOCKET), SCMP_A2(SCMP_CMP_EQ, SO_ERROR));
	return r;
}

static int add_rules(scmp_filter_ctx c, int engine_fd, bool tap)
{
	/* clock_gettime and gettimeofday: where the vdso falls back to the system call (some virtual machines) */
	static const int plain[] = {
		SCMP_SYS(ppoll),        SCMP_SYS(clock_nanosleep), SCMP_SYS(clock_gettime), SCMP_SYS(restart_syscall),
		SCMP_SYS(rt_sigreturn), SCMP_SYS(exit_group),      SCMP_SYS(exit)};
	int r = 0;

	for (size_t i = 0; i < VN_ARRAY_SIZE(plain) && r == 0; i++)
		r = seccomp_rule_add(c, SCMP_ACT_ALLOW, plain[i], 0);
	if (r == 0)
		r = tap ? add_tap_rules(c, (uint64_t)engine_fd) : add_xsk_rules(c, (uint64_t)engine_fd);
	if (r == 0)
		r = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(madvise), 1, SCMP_A2(SCMP_CMP_EQ, MADV_DONTNEED));
	if (r == 0)
		r = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(write), 1, SCMP_A0(SCMP_CMP_EQ, STDERR_FILENO));
	return r;
}

static int set_filter(int engine_fd, bool tap)
{
	scmp_filter_ctx c = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int r;

	if (!c)
		return -ENOMEM;
	r = add_rules(c, engine_fd, tap);
	if (r == 0)
		r = seccomp_load(c);
	seccomp_release(c);
	return r;
}

int vn_sandbox_enter(int engine_fd, bool tap)
{
	int r;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
	r = drop_capabilities();
	if (r < 0)
		return r;
	r = set_limits();
	if (r < 0)
		return r;
	return SANITIZER ? 0 : set_filter(engine_fd, tap);
}
