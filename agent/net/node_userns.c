// SPDX-License-Identifier: GPL-2.0-only
#include "net/node_userns.h"

#include <linux/capability.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/*
 * A user namespace belongs to whoever makes it, and nobody enters one but alone: a task with threads may not. So two
 * tasks are made, each for an instant, which share the daemon's memory and descriptors as vfork(2)'s child does (no
 * page table is copied):
 *
 *   the maker becomes the owner, writes the maps and opens the namespace, while the daemon waits;
 *   the holder is born in the new namespaces, sleeps, and keeps them until the maker has opened them.
 *
 * Both call the kernel and nothing else: the memory that they are in is the daemon's.
 */
#define ALONE __attribute__((no_sanitize("address", "undefined")))

#define STACK_BYTES 16384

struct birth {
	_Alignas(16) char maker_stack[STACK_BYTES], holder_stack[STACK_BYTES];
	uint32_t owner;
	int netns;        /* the result */
	int error;        /* errno of the step that failed */
	const char *what; /* which one */
};

ALONE __attribute__((noreturn)) static int hold(void *arg)
{
	syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0L, 0L, 0L);
	/* All signals are blocked but the one that ends it. */
	for (;;)
		syscall(SYS_ppoll, NULL, 0L, NULL, NULL, 0L);
}

ALONE static int fail(struct birth *b, const char *what)
{
	b->error = errno;
	b->what = what;
	return -1;
}

/* With what it takes to write maps, and nothing else of the daemon's. */
ALONE static int become_owner(struct birth *b)
{
	struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
	const uint32_t caps = 1u << CAP_SETUID | 1u << CAP_SETGID | 1u << CAP_SYS_ADMIN;
	const struct __user_cap_data_struct data[2] = {{.effective = caps, .permitted = caps}};

	if (syscall(SYS_prctl, PR_SET_KEEPCAPS, 1L, 0L, 0L, 0L) < 0 ||
	    syscall(SYS_setresuid, b->owner, b->owner, b->owner) < 0)
		return fail(b, "becoming its owner");
	/* /proc shows who is not "dumpable" as root's; a change of user takes that away. */
	if (syscall(SYS_capset, &h, data) < 0 || syscall(SYS_prctl, PR_SET_DUMPABLE, 1L, 0L, 0L, 0L) < 0)
		return fail(b, "keeping its capabilities");
	return 0;
}

ALONE static int write_map(struct birth *b, pid_t holder, const char *file)
{
	char path[48], map[48];
	int len = snprintf(map, sizeof(map), "0 %u %u\n", VN_USERNS_BASE, VN_USERNS_IDS), fd, r;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)holder, file);
	fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CLOEXEC, 0L);
	if (fd < 0)
		return fail(b, file);
	r = syscall(SYS_write, fd, map, (size_t)len) == len ? 0 : fail(b, file);
	syscall(SYS_close, fd);
	return r;
}

ALONE static int fill(struct birth *b, pid_t holder)
{
	char path[48];

	if (write_map(b, holder, "uid_map") < 0 || write_map(b, holder, "gid_map") < 0)
		return -1;
	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)holder);
	b->netns = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0L);
	return b->netns < 0 ? fail(b, "opening it") : 0;
}

ALONE static int make(void *arg)
{
	struct birth *b = arg;
	pid_t holder;

	if (become_owner(b) < 0)
		return 1;
	holder = clone(hold, b->holder_stack + STACK_BYTES, CLONE_VM | CLONE_NEWUSER | CLONE_NEWNET, NULL);
	if (holder < 0) {
		fail(b, "making it");
		return 1;
	}
	fill(b, holder);
	syscall(SYS_kill, holder, SIGKILL);
	while (syscall(SYS_wait4, holder, NULL, __WALL, NULL) < 0 && errno == EINTR)
		;
	return 0;
}

/*
 * The kernel counts what a user namespace's processes have (inotify instances, namespaces) for its owner in the
 * machine's, too, where there is one limit: an owner of its own each, or one node could use up what all nodes may have.
 * The first is a random number, since nodes of an earlier daemon have owners as well.
 */
static uint32_t next_owner(void)
{
	static uint32_t next;
	static bool seeded;

	if (!seeded)
		seeded = getrandom(&next, sizeof(next), 0) == sizeof(next);
	return VN_USERNS_OWNER + next++ % VN_USERNS_OWNERS;
}

int vn_userns_netns(int *ret_netns, struct vn_err *err)
{
	cleanup_free struct birth *b = malloc(sizeof(*b));
	const int dumpable = prctl(PR_GET_DUMPABLE);
	sigset_t all, before;
	pid_t maker;

	if (!b)
		return -ENOMEM;
	b->owner = next_owner();
	b->netns = -EBADF;
	b->error = 0;
	b->what = "";
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	maker = clone(make, b->maker_stack + STACK_BYTES, CLONE_VM | CLONE_VFORK | CLONE_FILES, b);
	if (maker < 0)
		fail(b, "making it");
	while (maker > 0 && waitpid(maker, NULL, __WALL) < 0 && errno == EINTR)
		;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	prctl(PR_SET_DUMPABLE, dumpable == 1 ? 1L : 0L);
	if (b->netns >= 0) {
		*ret_netns = b->netns;
		return 0;
	}
	if (!b->error)
		b->error = ECHILD;
	return vn_err_kernel(err, b->error, "a user namespace of its own: %s: %s%s", b->what, strerror(b->error),
			     b->error == ENOSPC   ? ": see `sysctl user.max_user_namespaces`"
			     : b->error == EINVAL ? ": are the users from 1879048192 on there in this user namespace?"
						  : "");
}
