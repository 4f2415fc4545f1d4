/* SPDX-License-Identifier: GPL-2.0-only */
/* What the engine may still do once it has all it needs. */
#ifndef VNET_ENGINE_SANDBOX_H
#define VNET_ENGINE_SANDBOX_H

#include <stdbool.h>

/*
 * Final: no new privileges, no capability, no new descriptor, process or file, not dumpable, and a seccomp filter
 * that kills on every system call but those of the loop. @trunk_fd is the only descriptor it may send on, a tap
 * (@tap) or an AF_XDP socket.
 */
int vn_sandbox_enter(int engine_fd, bool tap);
/* Memory for frames stays where it is; timers are exact. To be called before. */
void vn_sandbox_prepare(void);
/* True when this process runs under SCHED_FIFO, by its parent's doing or by trying. */
bool vn_sandbox_fifo(int priority);
/*
 * True when the kernel does not stop real-time threads for the sake of others (kernel.sched_rt_runtime_us -1). The fair
 * server of Linux 6.12 does so still, but only where others wait for the processor.
 */
bool vn_sandbox_unthrottled(void);

#endif
