// SPDX-License-Identifier: GPL-2.0-only
/* exchange A B: let the names A and B change places, again and again, until it is killed: for races on paths. */
#include <fcntl.h>
#include <stdio.h>

int main(int argc, char *argv[])
{
	if (argc != 3) {
		fprintf(stderr, "usage: exchange A B\n");
		return 1;
	}
	while (renameat2(AT_FDCWD, argv[1], AT_FDCWD, argv[2], RENAME_EXCHANGE) == 0)
		;
	perror("exchange");
	return 2;
}
