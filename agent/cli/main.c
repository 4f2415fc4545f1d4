/* SPDX-License-Identifier: GPL-2.0-only */
/* vnet-agent: the daemon and the command line that talks to it, vnet-agent(8). */
#include "cli/cli.h"

int main(int argc, char *argv[])
{
	return vn_cli_main(argc - 1, argv + 1);
}
