/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * clients SOCKET N UID GID: as that user, N connections to the agent's SOCKET, each hostile in its way: garbage, a
 * request without an end, requests whose answers nobody reads, silence, a big request without an end. The last 100 stay
 * open. Prints how many came in, and ends with its input.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define KEPT     100
#define REQUESTS 200
#define BIG      (1 << 20)

static char big[BIG];

static void put(int fd, const void *data, size_t len)
{
	/* Who is refused is refused: that is what the test wants. */
	if (send(fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return;
}

static void offend(int fd, int kind)
{
	static const char *const requests[] = {
		"{\"method\":\"vnet.node.show\"}",
		"{\"method\":\"vnet.topology.show\",\"parameters\":{\"name\":\"s\"}}",
		"{\"method\":\"vnet.link.show\",\"parameters\":{\"stats\":true}}",
		"{\"method\":\"vnet.engine.show\"}",
		"{\"method\":\"vnet.info\"}",
	};
	char noise[200];

	switch (kind) {
	case 0:
		for (size_t i = 0; i < sizeof(noise); i++)
			noise[i] = (char)rand();
		put(fd, noise, sizeof(noise));
		break;
	case 1:
		put(fd, "{\"method\":", 10);
		break;
	case 2:
		for (int i = 0; i < REQUESTS; i++)
			put(fd, requests[i % 5], strlen(requests[i % 5]) + 1);
		break;
	case 4:
		for (int i = 0; i < 16; i++)
			put(fd, big, sizeof(big));
		break;
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int kept[KEPT], n, came = 0;
	char c;

	if (argc != 5)
		return 1;
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", argv[1]);
	n = (int)strtol(argv[2], NULL, 10);
	if (setgroups(0, NULL) < 0 || setgid((gid_t)strtol(argv[4], NULL, 10)) < 0 ||
	    setuid((uid_t)strtol(argv[3], NULL, 10)) < 0)
		return 2;
	memset(big, ' ', sizeof(big));
	memset(kept, 0xff, sizeof(kept));
	for (int i = 0; i < n; i++) {
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
			perror(argv[1]);
			return 2;
		}
		came++;
		offend(fd, i % 5);
		if (kept[i % KEPT] >= 0)
			close(kept[i % KEPT]);
		kept[i % KEPT] = fd;
	}
	printf("%d\n", came);
	fflush(stdout);
	while (read(0, &c, 1) > 0)
		;
	return 0;
}
