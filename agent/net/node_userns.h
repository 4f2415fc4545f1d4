/* SPDX-License-Identifier: GPL-2.0-only */
/* Making network namespaces that belong to a user namespace of their own (base/userns.h). */
#ifndef VNET_NET_NODE_USERNS_H
#define VNET_NET_NODE_USERNS_H

#include <base/err.h>
#include <base/userns.h>

/*
 * A new network namespace in a new user namespace of an owner of its own, whose users 0 to 65535 are VN_USERNS_BASE and
 * on: *@ret_netns, an fd that alone keeps both. The calling thread stays where it is.
 */
int vn_userns_netns(int *ret_netns, struct vn_err *err);

#endif
