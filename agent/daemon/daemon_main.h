/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VNET_DAEMON_DAEMON_MAIN_H
#define VNET_DAEMON_DAEMON_MAIN_H

/* An option of a command: for its parser, the help and the completion. */
struct vn_option {
	const char *word; /* "-o", "--svg" */
	const char *arg;  /* NULL: a flag */
	const char *help;
};
/* The daemon's, which it parses itself. Ends with word == NULL. */
extern const struct vn_option vn_daemon_words[];

/* The daemon: runs until SIGTERM; returns an exit code. @argv begins with the word "daemon". */
int vn_daemon_main(int argc, char *argv[]);

#endif
