/* SPDX-License-Identifier: GPL-2.0-only */
/* Descriptors over unix sockets: passing them on, refusing them, and seeing that some wait before they are received. */
#ifndef VNET_BASE_FDPASS_H
#define VNET_BASE_FDPASS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define VN_PASS_MAX 2 /* descriptors in a message of ours */

/* One message with @n_pass descriptors, which stay the caller's: bytes sent, or -errno. @flags of send(2). */
ssize_t vn_pass_send(int fd, const void *data, size_t len, const int *pass, size_t n_pass, int flags);
/* From who is trusted, with VN_PASS_MAX descriptors at most: @ret_pass[] has -EBADF where there is none. */
ssize_t vn_pass_receive(int fd, void *data, size_t len, int ret_pass[VN_PASS_MAX], int flags);

/*
 * Nobody can pass a descriptor by @fd any more (SO_PASSRIGHTS, Linux 6.16: the sender gets EPERM); of a listener: by
 * what it accepts. False on a kernel that cannot refuse it.
 */
bool vn_pass_refuse(int fd);
bool vn_pass_is_refused(int fd);
/*
 * What can be read from @fd without receiving a descriptor: bytes, at most @max, or those of one packet; 0: the other
 * side closed, or an empty packet. -EREMOTE when a descriptor waits among them; -EAGAIN. All stays in the queue.
 */
ssize_t vn_pass_peek(int fd, void *buf, size_t max);

#endif
