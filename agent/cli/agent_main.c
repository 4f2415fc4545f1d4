/* SPDX-License-Identifier: GPL-2.0-only */
/* vnet-agent: the daemon and the command line that talks to it, vnet-agent(8). */
#include "cli/cli.h"

#include <base/util.h>

/* Container engines call these by their file's name alone. */
static const struct {
	const char *name, *command;
} links[] = {{"vnet-cni", "cni"}, {"vnet-runc", "oci-runtime"}, {"vnet-node-runc", "oci-node-runtime"}};

int main(int argc, char *argv[])
{
	const char *name = argc ? strrchr(argv[0], '/') : NULL;

	name = name ? name + 1 : argc ? argv[0] : "";
	for (size_t i = 0; i < VN_ARRAY_SIZE(links); i++) {
		if (strcmp(name, links[i].name) != 0)
			continue;
		argv[0] = (char *)links[i].command;
		return vn_cli_main(argc, argv);
	}
	return vn_cli_main(argc - 1, argv + 1);
}
