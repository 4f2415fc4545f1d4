/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of the command line share. */
#ifndef VNET_CLI_CLI_H
#define VNET_CLI_CLI_H

#include <jansson.h>
#include <stdbool.h>
#include <vnet/err.h>

struct vn_cli {
	const char *runtime_dir;
	bool json, pretty, stats, details;
};

/* The daemon (agent/ctl/daemon.c): runs until SIGTERM; returns an exit code. @argv after the word "daemon". */
int vn_daemon_main(int argc, char *argv[]);

#endif
