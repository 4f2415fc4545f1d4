/* SPDX-License-Identifier: GPL-2.0-only */
/* The options of `vnet-agent daemon`. */
#ifndef VNET_DAEMON_OPTIONS_H
#define VNET_DAEMON_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include <abi/abi_engine.h>
#include <abi/abi_port.h>
#include <base/err.h>

#define VN_ENGINES_PRECISE_MAX VN_ENGINE_BULK
/* So that RUNTIME/by-number/65535/afxdp.sock is an address: 107 bytes. */
#define VN_RUNTIME_DIR_MAX 79

struct vn_daemon_opts {
	const char *runtime_dir, *pin_dir, *engine_path, *pause_path, *node_runc, *engine_user, *socket_group;
	const char *image_dir; /* root file systems and mounts for clients other than root; NULL: none */
	uint32_t max_ports;
	bool background; /* the caller waits only until it is ready */
	bool stop;       /* start nothing, end the one that runs */
	bool no_calibration_check;
	int log_level;                  /* enum vn_log_level */
	uint32_t n_engines;             /* precise ones */
	int engine_cpu[VN_ENGINES_MAX]; /* -1: any */
	bool engine_spin;               /* the precise ones do not sleep; each has a processor of the list */
	bool rebalance;                 /* move directions away from an engine that cannot keep up */
};

/* As the command line has them, over the defaults. The table of their words is vn_daemon_words[]. */
int vn_daemon_opts_parse(struct vn_daemon_opts *ret_opts, int argc, char *argv[], struct vn_err *err);

#endif
