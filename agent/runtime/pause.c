// SPDX-License-Identifier: GPL-2.0-only
/* vnet-pause: the process of a docker node's sandbox. Static, so that it runs in any image; it waits to be killed. */
#include <signal.h>
#include <unistd.h>

static void end(int sig)
{
	_exit(0);
}

int main(void)
{
	signal(SIGTERM, end);
	signal(SIGINT, end);
	for (;;)
		pause();
}
