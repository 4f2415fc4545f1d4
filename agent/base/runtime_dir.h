/* SPDX-License-Identifier: GPL-2.0-only */
/* The daemon's directory: what is called how in it, and which process serves it. */
#ifndef VNET_BASE_RUNTIME_DIR_H
#define VNET_BASE_RUNTIME_DIR_H

#include <sys/types.h>

#define VN_RUNTIME_DIR  "/run/vnet"
#define VN_SOCK_CONTROL "control.sock"
#define VN_SOCK_OBSERVE "observe.sock"
#define VN_DAEMON_LOCK  "daemon.lock" /* in the runtime directory: a record lock (fcntl(2)) of the daemon's */
#define VN_DAEMON_LOG   "daemon.log"  /* in the runtime directory: what a daemon in the background logs */

#define VN_CALIBRATION_FILE "calibration.json" /* what `vnet-agent calibrate` found (measure/calibrate.h) */

/* The process that serves @runtime_dir, or is about to; 0: none. Everybody may ask. */
pid_t vn_daemon_pid(const char *runtime_dir);

#endif
