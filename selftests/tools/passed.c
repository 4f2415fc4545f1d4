/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * passed hold WHAT SOCKET TYPE SECONDS: pass descriptors whose last reference is slow to drop to the agent's SOCKET.
 *   WHAT  linger: a TCP socket with a full window that lingers for SECONDS; fuse: a file whose server answers no flush
 *   TYPE  stream (the control sockets) or packet (hand-over)
 * Prints "sent N of M" when they are under way; a line on standard input has it hang up ("closed"); ends with its
 * input.
 *
 * passed measure SOCKET LINK N: N times vnet.link.set, one after the other, on control socket SOCKET; as JSON.
 * passed refuse ERRNO OPTION CMD...: run CMD as on a kernel where setsockopt(SOL_SOCKET, OPTION) fails with ERRNO.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/fuse.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdint.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define CONNS    6   /* more than a port takes at a time, so that some wait to be accepted */
#define REQUESTS 100 /* whose answers fill a socket */

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static int dial(const char *path, int type)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		die(path);
	return fd;
}

/* --- slow descriptors -----------------------------------------------------------------------------------------------
 */

/* Its other end stays open, unread. */
static int lingering(int seconds)
{
	static char data[65536];
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(addr);
	struct linger linger = {1, seconds};
	int l = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(l, (struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(l, 1) < 0 ||
	    getsockname(l, (struct sockaddr *)&addr, &len) < 0 || connect(fd, (struct sockaddr *)&addr, len) < 0 ||
	    accept(l, NULL, NULL) < 0)
		die("tcp");
	while (send(fd, data, sizeof(data), MSG_DONTWAIT) > 0)
		;
	if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) < 0)
		die("SO_LINGER");
	close(l);
	return fd;
}

/* A file system of one file: whoever else than its parent closes that waits for an answer that never comes. */
static void fuse_serve(int dev)
{
	static char buf[1 << 17];

	for (;;) {
		const struct fuse_in_header *in = (const void *)buf;
		union {
			struct fuse_init_out init;
			struct fuse_entry_out entry;
			struct fuse_open_out open;
			struct fuse_attr_out attr;
		} body = {0};
		struct {
			struct fuse_out_header h;
			char body[sizeof(body)];
		} out = {.h.unique = 0};
		size_t len = 0;

		if (read(dev, buf, sizeof(buf)) < (ssize_t)sizeof(*in)) {
			if (errno == EINTR)
				continue;
			_exit(0);
		}
		out.h.unique = in->unique;
		switch (in->opcode) {
		case FUSE_INIT:
			body.init.major = FUSE_KERNEL_VERSION;
			body.init.minor = FUSE_KERNEL_MINOR_VERSION;
			body.init.max_write = 4096;
			len = sizeof(body.init);
			break;
		case FUSE_LOOKUP:
			body.entry.nodeid = 2;
			body.entry.attr.ino = 2;
			body.entry.attr.mode = S_IFREG | 0666;
			body.entry.attr.nlink = 1;
			len = sizeof(body.entry);
			break;
		case FUSE_GETATTR:
			body.attr.attr.ino = in->nodeid;
			body.attr.attr.mode = in->nodeid == 1 ? S_IFDIR | 0777 : S_IFREG | 0666;
			body.attr.attr.nlink = 1;
			len = sizeof(body.attr);
			break;
		case FUSE_OPEN:
			len = sizeof(body.open);
			break;
		case FUSE_FLUSH:
			/* Our own closing is not what this is about. */
			if (in->pid != (uint32_t)getppid())
				continue;
			break;
		case FUSE_RELEASE:
		case FUSE_FORGET:
		case FUSE_INTERRUPT:
			continue;
		default:
			out.h.error = -ENOSYS;
		}
		memcpy(out.body, &body, len);
		out.h.len = (uint32_t)(sizeof(out.h) + len);
		if (write(dev, &out, out.h.len) < 0)
			continue;
	}
}

static pid_t servers[CONNS];
static size_t n_servers;

static int fuse_file(const char *dir)
{
	char options[128], path[256];
	int dev = open("/dev/fuse", O_RDWR | O_CLOEXEC), fd;
	pid_t pid;

	if (dev < 0)
		die("/dev/fuse");
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", dev);
	if (mount("fuse", dir, "fuse", MS_NOSUID | MS_NODEV, options) < 0)
		die("mount fuse");
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		fuse_serve(dev);
	}
	servers[n_servers++] = pid;
	close(dev);
	snprintf(path, sizeof(path), "%s/file", dir);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		die(path);
	umount2(dir, MNT_DETACH);
	return fd;
}

/* --- hold -----------------------------------------------------------------------------------------------------------
 */

static int pass(int sock, const char *text, size_t len, int fd)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} c = {0};
	struct iovec iov = {.iov_base = (void *)text, .iov_len = len};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = c.buf, .msg_controllen = sizeof(c.buf)};

	c.align =
		(struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
	memcpy(CMSG_DATA(&c.align), &fd, sizeof(fd));
	return sendmsg(sock, &m, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

/* Read at once by some connections; by others left unread, behind answers that nobody takes. */
static void hold(const char *what, const char *path, const char *type, int seconds)
{
	static const char request[] = "{\"method\":\"vnet.topology.show\",\"parameters\":{\"name\":\"p\"}}",
			  attach[] = "{\"method\":\"vnet.node.attach\",\"parameters\":{\"name\":\"x\"}}";
	const int stream = strcmp(type, "stream") == 0;
	char dir[] = "/tmp/vnet-test-fuse.XXXXXX", c;
	int socks[CONNS], sent = 0, r;

	if (strcmp(what, "fuse") == 0 && !mkdtemp(dir))
		die("mkdtemp");
	for (int i = 0; i < CONNS; i++) {
		int fd = strcmp(what, "fuse") == 0 ? fuse_file(dir) : lingering(seconds);

		socks[i] = dial(path, stream ? SOCK_STREAM : SOCK_SEQPACKET);
		if (!stream)
			send(socks[i], "/connect,x", 10, MSG_NOSIGNAL);
		for (int k = 0; stream && i % 2 && k < REQUESTS; k++)
			if (send(socks[i], request, sizeof(request), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
				break;
		if (stream)
			r = pass(socks[i], attach, sizeof(attach), fd);
		else
			r = pass(socks[i], i % 2 ? "/config_busy_poll,1,1" : "/version", i % 2 ? 21 : 8, fd);
		/* Else it is we who would wait for it. */
		if (r == 0)
			close(fd);
		sent += r == 0;
	}
	if (strcmp(what, "fuse") == 0)
		rmdir(dir);
	printf("sent %d of %d\n", sent, CONNS);
	fflush(stdout);
	if (read(0, &c, 1) == 1) {
		for (int i = 0; i < CONNS; i++)
			close(socks[i]);
		printf("closed\n");
		fflush(stdout);
		while (read(0, &c, 1) == 1)
			;
	}
	/* First, or our own end would wait for them. */
	for (size_t i = 0; i < n_servers; i++)
		kill(servers[i], SIGKILL);
}

/* --- measure --------------------------------------------------------------------------------------------------------
 */

static int compare(const void *a, const void *b)
{
	const long x = *(const long *)a, y = *(const long *)b;

	return x < y ? -1 : x > y;
}

static long now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000L + ts.tv_nsec / 1000;
}

static void measure(const char *path, const char *link, int n)
{
	long *us = calloc((size_t)n, sizeof(*us));
	int fd = dial(path, SOCK_STREAM), failed = 0;
	char text[256], reply[65536];

	for (int i = 0; i < n; i++) {
		int len = snprintf(text, sizeof(text),
				   "{\"method\":\"vnet.link.set\",\"parameters\":{\"name\":\"%s\",\"words\":[\"delay\","
				   "\"%dms\"]}}",
				   link, 1 + i % 9);
		long begin = now_us();
		size_t got = 0;

		if (send(fd, text, (size_t)len + 1, MSG_NOSIGNAL) < 0)
			die("send");
		do {
			ssize_t r = recv(fd, reply + got, sizeof(reply) - got, 0);

			if (r <= 0)
				die("recv");
			got += (size_t)r;
		} while (reply[got - 1] && got < sizeof(reply));
		us[i] = now_us() - begin;
		failed += strstr(reply, "\"error\"") != NULL;
	}
	qsort(us, (size_t)n, sizeof(*us), compare);
	printf("{\"n\":%d,\"failed\":%d,\"p50_us\":%ld,\"p99_us\":%ld,\"max_us\":%ld}\n", n, failed, us[n / 2],
	       us[n - 1 - n / 100], us[n - 1]);
	free(us);
}

/* --- refuse ---------------------------------------------------------------------------------------------------------
 */

static void refuse(int error, int option, char **argv)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_setsockopt, 0, 5),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SOL_SOCKET, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned int)option, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned int)error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) < 0)
		die("seccomp");
	execv(argv[0], argv);
	die(argv[0]);
}

int main(int argc, char **argv)
{
	if (argc == 6 && strcmp(argv[1], "hold") == 0)
		hold(argv[2], argv[3], argv[4], (int)strtol(argv[5], NULL, 10));
	else if (argc == 5 && strcmp(argv[1], "measure") == 0)
		measure(argv[2], argv[3], (int)strtol(argv[4], NULL, 10));
	else if (argc >= 5 && strcmp(argv[1], "refuse") == 0)
		refuse((int)strtol(argv[2], NULL, 10), (int)strtol(argv[3], NULL, 10), argv + 4);
	else
		return 1;
	return 0;
}
