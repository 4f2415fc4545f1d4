/* SPDX-License-Identifier: GPL-2.0-only */
/* vnet-agent: the daemon and the command line that talks to it, vnet-agent(8). */
#include "cli/cli.h"

#include <string.h>

int main(int argc, char *argv[])
{
	const char *name = argc ? strrchr(argv[0], '/') : NULL;
	char cni[] = "cni", *as_cni[] = {cni, NULL};

	/* Container engines call a plugin by its file's name, without a word. */
	if (argc && strcmp(name ? name + 1 : argv[0], "vnet-cni") == 0)
		return vn_cli_main(1, as_cni);
	return vn_cli_main(argc - 1, argv + 1);
}
