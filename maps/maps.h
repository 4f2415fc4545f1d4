/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * User-space side of the maps: typed accessors. The BTF definitions stand in maps/maps.bpf.h.
 * Arrays that are read or written on every packet or `link set` are BPF_F_MMAPABLE and mapped here, so that a change
 * is a store, not a system call.
 */
#ifndef VNET_MAPS_MAPS_H
#define VNET_MAPS_MAPS_H

#include <stdbool.h>
#include <stdint.h>

#include <abi/abi_afxdp.h>
#include <abi/abi_disc.h>
#include <abi/abi_engine.h>
#include <abi/abi_port.h>

/**
 * struct vn_maps - open maps of one data path
 * @max_ports: elements of each per-port array; valid numbers are 1 .. max_ports - 1
 */
struct vn_maps {
	uint32_t max_ports;
	uint32_t n_cpus;
	int fd_port, fd_ctr, fd_drop, fd_disc, fd_police, fd_dir, fd_engine, fd_xsk;
	int fd_app_xsk, fd_app_ctr, fd_app_lost, fd_gso;
	struct vn_port_cfg *port;
	struct vn_port_drop *drop;
	struct vn_disc_slot *disc;
	struct vn_police *police;
	struct vn_dir *dir; /* the engine's, but for overload: vn_dir_trust() */
	struct vn_engine *engine;
};

#define VN_MAPS_INIT                                                                                                   \
	{                                                                                                              \
		.fd_port = -1, .fd_ctr = -1, .fd_drop = -1, .fd_disc = -1, .fd_police = -1, .fd_dir = -1,              \
		.fd_engine = -1, .fd_xsk = -1, .fd_app_xsk = -1, .fd_app_ctr = -1, .fd_app_lost = -1, .fd_gso = -1     \
	}

/* Map the arrays whose fds are set in @m (ownership of the fds goes to @m). */
int vn_maps_init(struct vn_maps *m);
void vn_maps_release(struct vn_maps *m);

/* Everything about port @number; the flags are stored last, so a frame sees the old port or the whole new one. */
void vn_port_publish(struct vn_maps *m, uint32_t number, const struct vn_port_cfg *cfg);
/* One atomic store: bits of @set on, bits of @clear off. */
void vn_port_flags(struct vn_maps *m, uint32_t number, uint32_t set, uint32_t clear);
/* Inactive and empty; counters and drops of the port are zeroed. */
void vn_port_clear(struct vn_maps *m, uint32_t number);
/* Sum over all CPUs, since vn_dir_reset(). */
int vn_port_ctr_read(const struct vn_maps *m, uint32_t number, struct vn_port_ctr *ret_sum);

/* The fates of frames for AF_XDP port @number, over all CPUs. */
int vn_app_ctr_read(const struct vn_maps *m, uint32_t number, struct vn_afxdp_ctr *ret_sum);

/* Sequence-locked; the next frame sees all of @d or none of it. A token bucket of other measures begins full. */
void vn_disc_write(struct vn_maps *m, uint32_t slot, const struct vn_disc *d);
void vn_disc_read(const struct vn_maps *m, uint32_t slot, struct vn_disc *ret_disc, uint32_t *ret_gen);
/* The slot belongs to another link from now on: frames still held for the old one will be dropped. */
void vn_disc_renew(struct vn_maps *m, uint32_t slot);

/* With the next change of the discipline, which the caller makes, its draws begin anew. */
void vn_disc_replay(struct vn_maps *m, uint32_t slot);

/* Whose the slot is to be, and whose it is until it has been handed over (vn_disc_slot). */
void vn_disc_place(struct vn_maps *m, uint32_t slot, uint32_t engine, uint32_t from);
/* How many frames of @slot the engine of @engine still holds since it handed the direction over. */
uint32_t vn_dir_away(const struct vn_maps *m, uint32_t slot, uint32_t engine);
/* Whose engine applies the discipline of @slot; VN_ENGINES_MAX: nobody's, no frame has come yet. */
uint32_t vn_dir_owner(const struct vn_maps *m, uint32_t slot);
/* The port's frames go to @engine from now on. */
void vn_port_to_engine(struct vn_maps *m, uint32_t number, uint32_t engine);

/*
 * A snapshot of the engine's figures for @slot; all zero when they belong to an earlier link of that slot, zero but for
 * the discipline's state when they are of before the last vn_dir_reset().
 */
void vn_dir_read(const struct vn_maps *m, uint32_t slot, struct vn_dir *ret_dir);
/* The figures of @slot, the drops of its port among them, begin anew; the engine follows with the next frame. */
void vn_dir_reset(struct vn_maps *m, uint32_t slot);

/**
 * struct vn_account - one reading of a direction: in + duplicated = out + dropped + held
 * @ctr:     what entered, what left
 * @dir:     the engine's figures
 * @drop:    of the port, by reason
 * @dropped: all of both
 * @held:    what entered and has neither left nor been dropped: the engine holds it, or it is on its way there or from
 *           there
 * @least, @most: frames of @held that the engine did not hold when the reading began and ended. They are on their way;
 *           where @least stays above 0 while nothing moves, so many are missing
 *
 * The counters are not read at one instant. What left is read first and what entered last: nothing leaves, in the
 * figures, that has not entered.
 */
struct vn_account {
	struct vn_port_ctr ctr;
	struct vn_dir dir;
	struct vn_port_drop drop;
	uint64_t dropped, held;
	int64_t least, most;
};
int vn_account_read(const struct vn_maps *m, uint32_t number, struct vn_account *ret);

/*
 * Trust begins anew: the sticky overload bits of the direction, or of the engine, are cleared; returns what they were.
 * The engine sets bits with an atomic or: none that comes meanwhile is lost.
 */
uint32_t vn_dir_trust(struct vn_maps *m, uint32_t slot);
/* @dropped frames in all never reached the engine of an engine port that cannot tell it: the figure, and the overload.
 */
void vn_engine_lost(struct vn_maps *m, uint32_t engine, uint64_t dropped);
/* Frames of @slot never reached its engine: the overload that this is. */
void vn_dir_lost(struct vn_maps *m, uint32_t slot);
uint32_t vn_engine_trust(struct vn_maps *m, uint32_t engine);

#endif
