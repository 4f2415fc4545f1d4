// SPDX-License-Identifier: GPL-2.0-only
/*
 * forge PID...: for as long as it runs, sends forged netlink answers ("Operation not permitted") to the port ids PID in
 * its network namespace, for all sequence numbers from 1 to 300 in turn. A process's first netlink socket there has its
 * process number as port id. Needs CAP_NET_ADMIN over the namespace. Says "ready" when it begins.
 */
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <base/util.h>

#define SEQ_MAX 300

int main(int argc, char *argv[])
{
	static struct {
		struct nlmsghdr h;
		struct nlmsgerr e;
	} lies[SEQ_MAX];
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0 || argc < 2) {
		perror("forge");
		return 1;
	}
	for (unsigned int i = 0; i < SEQ_MAX; i++) {
		lies[i].h =
			(struct nlmsghdr){.nlmsg_len = sizeof(lies[i]), .nlmsg_type = NLMSG_ERROR, .nlmsg_seq = i + 1};
		lies[i].e.error = -EPERM;
	}
	puts("ready");
	fflush(stdout);
	for (;;)
		for (int i = 1; i < argc; i++) {
			const uint32_t port = (uint32_t)strtoul(argv[i], NULL, 10);
			const struct sockaddr_nl to = {.nl_family = AF_NETLINK, .nl_pid = port};

			for (unsigned int s = 0; s < SEQ_MAX; s++)
				lies[s].h.nlmsg_pid = port;
			sendto(fd, lies, sizeof(lies), MSG_DONTWAIT, (const struct sockaddr *)&to, sizeof(to));
			/* The daemon shares the processors with others. */
			usleep(20);
		}
}
