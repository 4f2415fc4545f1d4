/* SPDX-License-Identifier: GPL-2.0-only */
/* The program on VFs: loaded with the data path's maps, attached by a pinned bpf_link per port. Never logs. */
#ifndef VNET_LOADER_VF_H
#define VNET_LOADER_VF_H

#include <stdint.h>

#include <base/err.h>

enum vn_xdp_mode { VN_XDP_OFF, VN_XDP_NATIVE, VN_XDP_GENERIC };

/*
 * vn_xdp_vf on device @ifindex of the calling thread's namespace, for port @number under @pin_dir. @want: VN_XDP_OFF:
 * native, or generic where the driver has no native XDP. What is there already is adopted; another build's program is
 * replaced in place, since attaching anew makes some drivers reset the device.
 */
int vn_vf_attach(const char *pin_dir, uint32_t number, uint32_t ifindex, enum vn_xdp_mode want,
		 enum vn_xdp_mode *ret_mode, struct vn_err *err);
/* The pin goes; what was not there is no failure. */
void vn_vf_detach(const char *pin_dir, uint32_t number);
/* The link is there and on a device. */
int vn_vf_attached(const char *pin_dir, uint32_t number);

#endif
