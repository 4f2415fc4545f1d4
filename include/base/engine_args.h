/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * How the daemon starts an engine. The engine inherits these descriptors at these numbers, and its numbers as options:
 *
 *   --index N       engine port served           --ifindex N     tr1, in the socket's namespace
 *   --chunks N      of the UMEM            --chunk-size N  2048 or 4096
 *   --max-ports N   elements of vn_disc and vn_dir
 *   --sg            frames over several chunks are possible (Linux 6.6)
 *   --slab-bytes N  most memory for held frames (default: a quarter of the machine's, at most 1 GiB)
 *   --bulk          the engine port is a tap (TUNSETIFF with IFF_TAP, IFF_NO_PI, IFF_VNET_HDR; the engine sets the
 * rest), at VN_ENGINE_FD_XSK, --ifindex its own; no UMEM, --chunks, --chunk-size, --sg
 *   --spin          never sleep while frames are held or keep coming; rest only where the kernel would throttle
 *   --allow-root    for tests: do not insist on an unprivileged uid
 */
#ifndef VNET_BASE_ENGINE_ARGS_H
#define VNET_BASE_ENGINE_ARGS_H

#include <stdint.h>

#define VN_ENGINE_NAME   "vnet-engine" /* as ps and top show it: 15 bytes at most */
#define VN_ENGINE_RX_MAX 16384u        /* frames: covers scheduling stalls of 50 ms */

/* Chunks an engine gives the kernel to receive into; the rest is for sending. */
static inline uint32_t vn_engine_rx_target(uint32_t chunks)
{
	return chunks / 3 * 2 < VN_ENGINE_RX_MAX ? chunks / 3 * 2 : VN_ENGINE_RX_MAX;
}

/**
 * vn_engine_rx_entries() - size of an engine's receive ring: a power of two that holds its target
 * @chunks: of the UMEM; at least 3
 *
 * The daemon creates that ring, as Linux 7.2 takes no socket into an XSKMAP that has none (ENOBUFS), and the engine
 * maps it.
 */
static inline uint32_t vn_engine_rx_entries(uint32_t chunks)
{
	uint32_t n = vn_engine_rx_target(chunks), floor = 1u << (31 - __builtin_clz(n));

	return n == floor ? n : 2 * floor;
}

enum vn_engine_fd {
	VN_ENGINE_FD_FIRST = 3,
	VN_ENGINE_FD_XSK = 3,    /* AF_XDP socket with UMEM and receive ring, not bound; or the tap's queue */
	VN_ENGINE_FD_UMEM = 4,   /* memfd; with a tap: anything */
	VN_ENGINE_FD_DISC = 5,   /* maps: vn_disc (read), */
	VN_ENGINE_FD_DIR = 6,    /* vn_dir (write), */
	VN_ENGINE_FD_ENGINE = 7, /* vn_engine (write) */
	VN_ENGINE_FD_LOCK = 8,   /* kept open for life: its flock says that an engine lives */
	VN_ENGINE_FD_ARENA = 9,  /* the arena (read): include/abi/abi_arena.h */
	VN_ENGINE_N_FDS = 7,
};

#endif
