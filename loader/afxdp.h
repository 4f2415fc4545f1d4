/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The program of an AF_XDP port and its maps, per port number: pinned flat in the data path's directory, so that they
 * outlive the daemon. Nothing is kept open: what is needed is opened by its pin.
 */
#ifndef VNET_LOADER_AFXDP_H
#define VNET_LOADER_AFXDP_H

#include <stdint.h>

#include <abi/abi_afxdp.h>
#include <abi/abi_handover.h>
#include <base/err.h>

#include "loader/loader.h"

/*
 * Generic XDP on the device @ifindex of the calling thread's namespace, for port @number of @dp. What is pinned and
 * attached there already is adopted: another build's program is replaced in place (no frame is lost), maps are kept,
 * and with them the application that is bound. A foreign XDP program is an error that says so.
 */
int vn_afxdp_attach(const struct vn_dp *dp, uint32_t number, uint32_t ifindex, struct vn_err *err);
/* Off the device, and every pin of @number removed. What was not there is no failure; a pin that stays is one. */
int vn_afxdp_detach(const struct vn_dp *dp, uint32_t number);
/* Call @each once for every number that has pins. */
void vn_afxdp_list(const char *pin_dir, void (*each)(void *arg, uint32_t number), void *arg);

/* An fd of the port's XSKMAP; -ENOENT: no such port. */
int vn_afxdp_open_map(const char *pin_dir, uint32_t number);
/* Frames that a bound socket had no room for, since the port was made; -ENODATA: this kernel does not tell. */
int vn_afxdp_lost(const struct vn_dp *dp, uint32_t number, uint64_t *ret_n);
/* Is the link there, and on a device? */
int vn_afxdp_attached(const char *pin_dir, uint32_t number);
/* Where the XSKMAP is pinned, for use_pinned_map; -ENAMETOOLONG. */
int vn_afxdp_map_path(const char *pin_dir, uint32_t number, char *buf, size_t size);
/*
 * Whether any uid may open the pin. The directories above stay root's alone, so that only who had the file mounted
 * reaches it.
 */
int vn_afxdp_share_map(const char *pin_dir, uint32_t number, int shared);

/* A socket for an application to be handed: with memory and rings of its own, bound to queue 0. */
struct vn_afxdp_socket {
	struct vn_xsk xsk;
	uint32_t entries; /* of each ring */
	struct vn_handover_ring ring[VN_RING_MAX];
};
/*
 * Bound to @ifindex of the calling thread's namespace, with @buffers of new, empty memory. -EBUSY: another socket is
 * bound there, or was a moment ago; -EOPNOTSUPP: who is handed it could not map it (Linux before 6.4).
 */
int vn_afxdp_socket(uint32_t ifindex, uint32_t buffers, struct vn_afxdp_socket *ret_socket, struct vn_err *err);
/* From the next frame on the port's frames go to @xsk_fd; or to nobody, whoever has put a socket there. */
int vn_afxdp_give(const char *pin_dir, uint32_t number, int xsk_fd);
void vn_afxdp_take_back(const char *pin_dir, uint32_t number);

#endif
