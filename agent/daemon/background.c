/* SPDX-License-Identifier: GPL-2.0-only */
#include "daemon/background.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <base/util.h>

/* Away from the terminal: nothing that the daemon starts holds it open. */
static int detach(const char *runtime_dir, struct vn_err *err)
{
	cleanup_close int null = open("/dev/null", O_RDWR | O_CLOEXEC), log = -EBADF;
	char path[512];

	if (mkdir(runtime_dir, 0755) < 0 && errno != EEXIST)
		return vn_err_kernel(err, errno, "mkdir %s: %s", runtime_dir, strerror(errno));
	snprintf(path, sizeof(path), "%s/" VN_DAEMON_LOG, runtime_dir);
	log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (log < 0)
		return vn_err_kernel(err, errno, "%s: %s", path, strerror(errno));
	setsid();
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(log, STDOUT_FILENO) < 0 || dup2(log, STDERR_FILENO) < 0)
		return vn_err_kernel(err, errno, "daemon: standard input and output: %s", strerror(errno));
	return 0;
}

/* A whole struct vn_err, or nothing: it is shorter than PIPE_BUF. */
_Static_assert(sizeof(struct vn_err) <= 4096, "one write");

static int wait_for(int fd, pid_t child, struct vn_err *err)
{
	struct vn_err said = {0};
	int status = 0;
	ssize_t n;

	do
		n = read(fd, &said, sizeof(said));
	while (n < 0 && errno == EINTR);
	if (n == sizeof(said) && !said.err)
		exit(VN_EXIT_OK);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (n == sizeof(said)) {
		said.text[sizeof(said.text) - 1] = '\0';
		return vn_err(err, said.exit, said.err, "%s", said.text);
	}
	return vn_err_kernel(err, ECHILD, "daemon: it ended before it was ready (status %#x)", (unsigned int)status);
}

int vn_background_enter(const char *runtime_dir, int *ret_fd, struct vn_err *err)
{
	cleanup_close int from = -EBADF, to = -EBADF;
	int ends[2], r;
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return vn_err_kernel(err, errno, "pipe: %s", strerror(errno));
	from = ends[0];
	to = ends[1];
	fflush(NULL);
	child = fork();
	if (child < 0)
		return vn_err_kernel(err, errno, "fork: %s", strerror(errno));
	if (child) {
		vn_cleanup_close(&to);
		to = -EBADF;
		return wait_for(from, child, err);
	}
	*ret_fd = take_fd(&to);
	r = detach(runtime_dir, err);
	if (r < 0) {
		vn_background_tell(ret_fd, err);
		_exit(VN_EXIT_KERNEL);
	}
	return 0;
}

void vn_background_tell(int *fd, const struct vn_err *err)
{
	const struct vn_err ready = {0};
	ssize_t n;

	if (*fd < 0)
		return;
	do
		n = write(*fd, err ? err : &ready, sizeof(ready));
	while (n < 0 && errno == EINTR);
	vn_cleanup_close(fd);
	*fd = -EBADF;
}

#define STOP_MS 10000

int vn_daemon_stop(const char *runtime_dir, struct vn_err *err)
{
	const pid_t pid = vn_daemon_pid(runtime_dir);
	cleanup_close int pidfd = pid > 0 ? pidfd_open(pid, 0) : -ESRCH;
	struct pollfd gone = {.fd = pidfd, .events = POLLIN};

	/* Who holds the lock once there is a descriptor is its process: the number was not given to another meanwhile.
	 */
	if (pidfd < 0 || vn_daemon_pid(runtime_dir) != pid)
		return vn_err(err, VN_EXIT_NO_AGENT, ESRCH, "daemon --stop: no daemon holds %s/" VN_DAEMON_LOCK,
			      runtime_dir);
	if (pidfd_send_signal(pidfd, SIGTERM, NULL, 0) < 0)
		return vn_err(err, errno == EPERM ? VN_EXIT_DENIED : VN_EXIT_KERNEL, errno,
			      "daemon --stop: process %d: %s", (int)pid, strerror(errno));
	if (poll(&gone, 1, STOP_MS) <= 0)
		return vn_err(err, VN_EXIT_KERNEL, ETIMEDOUT, "daemon --stop: process %d has not ended after %d s",
			      (int)pid, STOP_MS / 1000);
	return 0;
}
