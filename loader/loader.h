/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The data path: programs and maps opened, loaded, pinned, adopted; attached to the engine port. Never logs.
 */
#ifndef VNET_LOADER_LOADER_H
#define VNET_LOADER_LOADER_H

#include <maps/maps.h>
#include <base/err.h>
#include <base/kernel.h>

#define VN_BPFFS       "/sys/fs/bpf"
#define VN_PIN_DEFAULT VN_BPFFS "/vnet"

struct vn_dp {
	struct vn_maps maps;
	int fd_tc_port, fd_tc_deliver, fd_tc_finish; /* programs; for cls_bpf, */
	int fd_xdp_engine, fd_xdp_finish;            /* and for bpf_link */
	char pin_dir[128];
	bool adopted; /* programs and maps were there already */
};

#define VN_DP_INIT                                                                                                     \
	{                                                                                                              \
		.maps = VN_MAPS_INIT, .fd_tc_port = -1, .fd_tc_deliver = -1, .fd_tc_finish = -1, .fd_xdp_engine = -1,  \
		.fd_xdp_finish = -1                                                                                    \
	}

/* Mount bpffs when it is not there; create @pin_dir. */
int vn_dp_bpffs(const char *pin_dir, struct vn_err *err);
/*
 * Adopt what is pinned under @pin_dir, or load and pin it. @max_ports counts only when the maps are new. Programs of
 * another build are replaced by ours, maps of another layout refused (-EPROTO).
 */
int vn_dp_open(const char *pin_dir, uint32_t max_ports, struct vn_dp *ret_dp, struct vn_err *err);
/* The build of the programs in this executable, and of those that are pinned under @pin_dir; "" where that is not
 * known. */
#define VN_DP_BUILD_TEXT 17
void vn_dp_build(char buf[VN_DP_BUILD_TEXT]);
void vn_dp_pinned_build(const char *pin_dir, char buf[VN_DP_BUILD_TEXT]);
/* Close the fds; pins, programs and traffic stay. */
void vn_dp_release(struct vn_dp *dp);
/* Remove every pin and the directory. */
int vn_dp_unpin(const char *pin_dir, struct vn_err *err);

/*
 * Native XDP on the engine port's tr1 by a pinned bpf_link (name "link_trunk<index>"); adopts and updates an existing
 * one. Call in the namespace of @ifindex. A foreign program there is an error that names it.
 */
int vn_dp_attach_engine(struct vn_dp *dp, uint32_t index, uint32_t ifindex, struct vn_err *err);

/* The same on device @end of the pair VN_ENGINE_PORT_FINISH ("link_finish<end>"). */
int vn_dp_attach_finish(struct vn_dp *dp, int end, uint32_t ifindex, struct vn_err *err);

/*
 * Count what the devices of the fabric, the namespace of number @fabric_inum, lose behind the programs' backs
 * (bpf/lost.bpf.c). It takes a kernel with BTF, of 5.17 or later; -errno: such frames are missing in the figures.
 */
int vn_dp_watch_lost(const struct vn_dp *dp, uint32_t fabric_inum);

/* Its device is gone or going: forget the attachment. */
void vn_dp_detach_engine(const struct vn_dp *dp, uint32_t index);
void vn_dp_detach_finish(const struct vn_dp *dp);

/* An AF_XDP socket made in the namespace of the calling thread: UMEM on a memfd, receive ring. Not yet bound.
 */
struct vn_xsk {
	int fd;      /* the socket */
	int umem_fd; /* memfd of chunks * chunk_size bytes */
	uint32_t chunks, chunk_size;
	bool sg; /* multi-buffer frames possible (Linux 6.6) */
};
/*
 * @rx_entries: of the receive ring; a power of two
 * @old_umem_fd: the memfd of an earlier socket with as many chunks, or -1. Its pages are there already: registering 48
 * MiB takes 80 ms the first time and a tenth of it again.
 */
int vn_xsk_create(uint32_t chunks, uint32_t rx_entries, int old_umem_fd, struct vn_xsk *ret_xsk, struct vn_err *err);
void vn_xsk_release(struct vn_xsk *x);
/* Bytes of a chunk of every UMEM that vn_xsk_create() makes on this kernel. */
uint32_t vn_xsk_chunk_size(void);
/* Frames that vn_xdp_engine sees on engine port @index go to @xsk from now on. */
int vn_dp_set_xsk(struct vn_dp *dp, uint32_t index, int xsk_fd, struct vn_err *err);

int vn_kernel_ask(struct vn_kernel *ret_kernel, struct vn_err *err);
/* For what cannot be tried: by the version it calls itself. */
bool vn_kernel_at_least(unsigned int major, unsigned int minor);

/* What this kernel can do; each with the remedy when missing. */
struct vn_feature {
	const char *name;
	bool required;
	int result;         /* 0: there; -errno */
	const char *remedy; /* static text */
};
/* Fills at most @max entries, returns how many. Needs root for most. */
size_t vn_probe(struct vn_feature *features, size_t max);

#endif
