/* SPDX-License-Identifier: GPL-2.0-only */
/* What /proc says of a process. */
#ifndef VNET_BASE_PROCESS_H
#define VNET_BASE_PROCESS_H

#include <sys/types.h>

/* Room for a program's name: 15 bytes, each of which may be written as an escape of four. */
#define VN_COMM_SIZE 64

/* The name that process @pid gives itself, as vn_log_word() writes it; empty when it is gone. */
void vn_process_comm(pid_t pid, char comm[VN_COMM_SIZE]);
/* When process @pid began, in clock ticks since boot: tells it from another that got its number later. -ESRCH. */
int vn_process_start(pid_t pid, unsigned long long *ret_ticks);

#endif
