/* SPDX-License-Identifier: GPL-2.0-only */
#include "net/home.h"

#include <string.h>

int vn_home_enter(const struct vn_home *h, struct vn_err *err)
{
	int r = vn_netns_enter(h->netns_fd);

	return r < 0 ? vn_err_kernel(err, -r, "entering %s: %s", VN_FABRIC_NAME, strerror(-r)) : 0;
}

int vn_home_nl_open(const struct vn_home *h, int fd, struct vn_nl *nl, struct vn_err *err)
{
	int r = vn_netns_enter(fd);

	if (r < 0)
		return vn_err_kernel(err, -r, "entering a namespace: %s", strerror(-r));
	r = vn_nl_open(nl, err);
	vn_netns_leave(h->host_netns_fd);
	return r;
}
