/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VNET_CTL_DAEMON_MAIN_H
#define VNET_CTL_DAEMON_MAIN_H

/* The daemon: runs until SIGTERM; returns an exit code. @argv begins with the word "daemon". */
int vn_daemon_main(int argc, char *argv[]);

#endif
