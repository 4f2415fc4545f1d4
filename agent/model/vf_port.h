/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A port that is a virtual function (VF) of an SR-IOV device: what the file asks for, and which VF it gets. Pure: what
 * the machine has is asked of the caller.
 */
#ifndef VNET_MODEL_VF_PORT_H
#define VNET_MODEL_VF_PORT_H

#include <jansson.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include <base/err.h>

#define VN_VF_NONE_INDEX 0xffffu /* no VF given yet */
#define VN_VF_MAX        256u    /* of one PF that are looked at */
#define VN_VF_VLAN_MAX   4094u
#define VN_VF_RATE_MAX   1000000u /* Mbit/s */

enum vn_vf_mode {
	VN_VF_OFF,    /* no VF */
	VN_VF_DIRECT, /* the VF alone: a program on it drops, polices and counts what it receives */
	VN_VF_WIRE,   /* a partner VF in the fabric is the other end of the wire: every discipline */
};

enum vn_vf_driver {
	VN_VF_KERNEL, /* the driver the kernel chooses: a network device */
	VN_VF_VFIO,   /* vfio-pci: a virtual machine or DPDK has the device */
};

enum vn_vf_xdp { VN_VF_XDP_AUTO, VN_VF_XDP_NATIVE, VN_VF_XDP_GENERIC, VN_VF_XDP_NONE };

/*
 * The administration of a VF by its PF, in the order in which it is set. Numbers as in rtnetlink; -1: not asked for.
 */
struct vn_vf {
	char pf[IF_NAMESIZE];
	uint8_t mode, driver, xdp; /* the enums above */
	bool force;                /* the PF may carry the host's default route */
	int16_t vlan;
	int8_t spoofchk, trust, state; /* state: IFLA_VF_LINK_STATE_* */
	int32_t min_tx_rate, max_tx_rate;
	/* given by vn_vf_assign(): the node's VF, its partner (mode wire), the VLAN of both (0: none) */
	uint16_t index, partner, vid;
};

#define VN_VF_INIT                                                                                                     \
	(struct vn_vf)                                                                                                 \
	{                                                                                                              \
		.vlan = -1, .spoofchk = -1, .trust = -1, .state = -1, .min_tx_rate = -1, .max_tx_rate = -1,            \
		.index = VN_VF_NONE_INDEX, .partner = VN_VF_NONE_INDEX                                                 \
	}

extern const char *const vn_vf_mode_words[4], *const vn_vf_driver_words[3], *const vn_vf_xdp_words[5];
extern const char *const vn_vf_switch_words[3], *const vn_vf_state_words[4];

struct vn_topo;
struct vn_link;
struct vn_disc;

/* The same VF asked for in the same way; what was given does not count. */
bool vn_vf_same(const struct vn_vf *a, const struct vn_vf *b);
extern const struct vn_port_model vn_vf_model;
/* NULL, or the first word of @d that a VF passed on directly cannot do, since frames would have to be kept. */
const char *vn_vf_cannot(const struct vn_disc *d);

/* Giving VFs to ports. */

/* One VF of a PF as it is found. */
struct vn_pf_vf {
	char owner[192]; /* "TOPOLOGY/NODE:INTERFACE" of ours, "": nobody */
	char other[128]; /* why it cannot be had though no port of ours has it, "": it can */
	uint16_t vid;    /* of ours, and its MAC */
	uint8_t mac[6];
};

struct vn_pf {
	char name[IF_NAMESIZE];
	unsigned int total, num; /* VFs that it can have, and has; @num 0: they are made when they are wanted */
	bool default_route;      /* it carries the host's default route */
	bool can_vlan;           /* it puts VFs into VLANs */
	const char *driver;      /* of the PF; may be NULL */
	struct vn_pf_vf vfs[VN_VF_MAX];
};

/* Fill @ret_pf for the device @name: 0; or -errno and why: it does not exist, it is no SR-IOV device. */
typedef int (*vn_pf_look_fn)(void *arg, const char *name, struct vn_pf *ret_pf, struct vn_err *err);

/*
 * Give every VF port of @t its VFs and its VLAN; a link of @prev that stays as it is keeps those it has. Refused, with
 * nothing given: a PF that cannot serve, too few VFs or VLANs, a wire whose ends a switch could not tell apart.
 */
int vn_vf_assign(struct vn_topo *t, struct vn_topo *prev, vn_pf_look_fn look, void *arg, struct vn_err *err);

#endif
