// SPDX-License-Identifier: GPL-2.0-only
#include "base/command.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

void vn_cmdline_release(struct vn_cmdline *c)
{
	for (size_t i = 0; i < c->n; i++)
		free(c->argv[i]);
}

void vn_cmdline_add(struct vn_cmdline *c, const char *fmt, ...)
{
	va_list ap;

	if (c->n == VN_CMDLINE_ARGS) {
		c->failed = true;
		return;
	}
	va_start(ap, fmt);
	if (vasprintf(&c->argv[c->n], fmt, ap) < 0)
		c->failed = true;
	else
		c->n++;
	va_end(ap);
}

void vn_cmdline_add_all(struct vn_cmdline *c, const char *const *words)
{
	for (; *words; words++)
		vn_cmdline_add(c, "%s", *words);
}

/* The child's output: to @log_path when there is one (a container's own output goes on there), else to the pipe. */
static void child(const struct vn_cmdline *c, int out, const char *log_path)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	/* A group of its own, so that all of it can be ended. */
	setpgid(0, 0);
	if (log_path)
		out = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (null < 0 || out < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
	    dup2(out, STDERR_FILENO) < 0 || setenv("PATH", VN_CMDLINE_PATH, 1) < 0)
		_exit(126);
	execvp(c->argv[0], c->argv);
	_exit(127);
}

/* docker ends every failure with it: the reason stands before. */
static bool is_hint(const char *line)
{
	return (strncmp(line, "See '", 5) == 0 || strncmp(line, "Run '", 5) == 0) && strstr(line, " --help'");
}

void vn_keep_last_line(char *text)
{
	char *line;

	for (;;) {
		size_t len = strlen(text);

		while (len && strchr(" \t\r\n", text[len - 1]))
			text[--len] = '\0';
		line = strrchr(text, '\n');
		if (!line || !is_hint(line + 1))
			break;
		*line = '\0';
	}
	if (line)
		memmove(text, line + 1, strlen(line));
	for (char *s = text; *s; s++)
		if ((unsigned char)*s < 0x20 || (unsigned char)*s > 0x7e)
			*s = ' ';
}

/* What is in the pipe; the end of it is kept. False when nobody will write any more. */
static bool take_output(int fd, char *output, size_t *n)
{
	for (;;) {
		ssize_t got = read(fd, output + *n, VN_CMDLINE_OUTPUT - 1 - *n);

		if (got <= 0)
			return got < 0 && (errno == EAGAIN || errno == EINTR);
		*n += (size_t)got;
		output[*n] = '\0';
		if (*n == VN_CMDLINE_OUTPUT - 1) {
			*n = VN_CMDLINE_OUTPUT / 2;
			memmove(output, output + VN_CMDLINE_OUTPUT - 1 - *n, *n);
		}
	}
}

/*
 * Until the process ends, not until its pipe closes: what it leaves running may keep that. -ETIMEDOUT after the
 * deadline.
 */
static int wait_for(int pidfd, int out, char *output)
{
	const uint64_t deadline = vn_now_ns() + VN_CMDLINE_TIMEOUT_MS * VN_NSEC_PER_MSEC;
	size_t n = 0;

	for (bool open = true;;) {
		struct pollfd p[2] = {{.fd = pidfd, .events = POLLIN}, {.fd = open ? out : -1, .events = POLLIN}};
		const uint64_t now = vn_now_ns();

		if (now >= deadline)
			return -ETIMEDOUT;
		if (poll(p, 2, (int)((deadline - now) / VN_NSEC_PER_MSEC) + 1) < 0 && errno != EINTR)
			return -errno;
		if (p[1].revents)
			open = take_output(out, output, &n);
		if (p[0].revents) {
			take_output(out, output, &n);
			return 0;
		}
	}
}

int vn_cmdline_run(struct vn_cmdline *c, const char *log_path, char output[VN_CMDLINE_OUTPUT])
{
	cleanup_close int pidfd = -EBADF;
	int out[2], st = 0, r;
	pid_t pid;

	output[0] = '\0';
	if (c->failed)
		return -E2BIG;
	if (pipe2(out, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		fcntl(out[1], F_SETFL, 0);
		child(c, out[1], log_path);
	}
	r = -errno;
	close(out[1]);
	if (pid < 0) {
		close(out[0]);
		return r;
	}
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	r = pidfd < 0 ? -errno : wait_for(pidfd, out[0], output);
	close(out[0]);
	if (r < 0) {
		kill(-pid, SIGKILL);
		kill(pid, SIGKILL);
	}
	while (waitpid(pid, &st, 0) < 0 && errno == EINTR)
		;
	return r < 0 ? r : WIFEXITED(st) ? WEXITSTATUS(st) : 128;
}

void vn_read_tail(const char *path, char output[VN_CMDLINE_OUTPUT])
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	const off_t max = VN_CMDLINE_OUTPUT - 1;
	struct stat st;
	ssize_t n;

	output[0] = '\0';
	if (fd < 0 || fstat(fd, &st) < 0)
		return;
	n = pread(fd, output, VN_CMDLINE_OUTPUT - 1, st.st_size > max ? st.st_size - max : 0);
	output[n > 0 ? n : 0] = '\0';
}

/* Of a line of runc's log ('time="..." level=error msg="..."') what is meant for people. */
static const char *keep_message(char *line)
{
	static const char mark[] = " msg=\"";
	char *from = strstr(line, mark), *to;

	if (!from || strncmp(line, "time=", 5) != 0)
		return line;
	from += strlen(mark);
	for (to = line; *from && *from != '"'; from++) {
		from += *from == '\\' && from[1];
		*to++ = *from;
	}
	*to = '\0';
	return line;
}

static int failed(const struct vn_cmdline *c, const char *log_path, int status, char output[VN_CMDLINE_OUTPUT],
		  struct vn_err *err)
{
	if (status == 0)
		return 0;
	if (status == 127)
		return vn_err(err, VN_EXIT_NOT_POSSIBLE, ENOENT, "%s is not installed", c->argv[0]);
	if (status == -ETIMEDOUT)
		return vn_err_kernel(err, ETIMEDOUT, "%s %s: no end in %d s: it was killed", c->argv[0], c->argv[1],
				     VN_CMDLINE_TIMEOUT_MS / 1000);
	if (status < 0)
		return vn_err_kernel(err, -status, "%s: %s", c->n ? c->argv[0] : "command", strerror(-status));
	if (log_path)
		vn_read_tail(log_path, output);
	vn_keep_last_line(output);
	return vn_err_kernel(err, EIO, "%s: %s", c->argv[0], *output ? keep_message(output) : "failed without a word");
}

int vn_cmdline_run_or_fail(struct vn_cmdline *c, const char *log_path, struct vn_err *err)
{
	char output[VN_CMDLINE_OUTPUT];
	int status = vn_cmdline_run(c, log_path, output);

	return failed(c, log_path, status, output, err);
}

bool vn_cmdline_works(const char *const *words)
{
	cleanup_cmdline struct vn_cmdline c = {.n = 0};
	char output[VN_CMDLINE_OUTPUT];

	vn_cmdline_add_all(&c, words);
	return vn_cmdline_run(&c, NULL, output) == 0;
}

bool vn_cmdline_there(const char *name)
{
	const char *dirs = VN_CMDLINE_PATH;
	char path[64];

	for (size_t len; *dirs; dirs += len + (dirs[len] == ':')) {
		len = strcspn(dirs, ":");
		snprintf(path, sizeof(path), "%.*s/%s", (int)len, dirs, name);
		if (access(path, X_OK) == 0)
			return true;
	}
	return false;
}
