/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kinds of ports, as far as the file and the plan know them: one row each. What a kind does to the kernel is in
 * exec/port_exec.h. How to add one: docs/KINDS.md.
 */
#ifndef VNET_MODEL_PORT_KIND_H
#define VNET_MODEL_PORT_KIND_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include <base/err.h>

struct vn_disc;
struct vn_link;
struct vn_port;
struct vn_topo;

enum vn_port_kind {
	VN_PORT_VETH,  /* the node's kernel has it */
	VN_PORT_AFXDP, /* an application binds AF_XDP sockets to it */
	VN_PORT_VF,    /* a virtual function of an SR-IOV device */
	VN_PORT_KINDS
};

/* What others need to know of a port without asking for its kind: bits. */
enum vn_port_trait {
	VN_TRAIT_PAIR = 1u << 0,     /* a veth pair of ours, made and deleted with the link; its MTU and MAC are ours */
	VN_TRAIT_FABRIC = 1u << 1,   /* a device of the fabric stands before the link: frames can be held there */
	VN_TRAIT_NETDEV = 1u << 2,   /* the node's kernel has a device for it, with addresses and routes */
	VN_TRAIT_RAW = 1u << 3,      /* an application reads its frames, no kernel */
	VN_TRAIT_BORROWED = 1u << 4, /* its device is another's: taken and given back by steps of their own */
};

struct vn_port_model {
	const char *word; /* the kind in JSON, and the key of what to_json() gives */
	bool by_word;     /* chosen in the file by `kind: WORD`; otherwise by a key of its own */
	const char *part; /* what from_json() reads, for the error */

	/* NULL: as a port without a kind of its own, or nothing to do */
	uint32_t (*traits)(const struct vn_port *p);
	void (*begin)(struct vn_port *p); /* defaults, when the file has chosen the kind */
	json_t *(*to_json)(const struct vn_port *p);
	int (*from_json)(const json_t *o, struct vn_port *p); /* -EINVAL */
	/* What is wrong with port @side of @l whatever the machine has: -EINVAL, exit 1. */
	int (*check)(const struct vn_topo *t, const struct vn_link *l, int side, struct vn_err *err);
	/* The first word of @d that the port cannot do, or NULL. */
	const char *(*cannot)(const struct vn_port *p, const struct vn_disc *d);
	/* Of two of this kind: one device does for both; and nothing at all is to be done. */
	bool (*same_device)(const struct vn_port *a, const struct vn_port *b);
	bool (*same_rules)(const struct vn_port *a, const struct vn_port *b);
	/* Flags of its entry in the data path, and of its other end's. */
	uint32_t (*own_flags)(const struct vn_port *p);
	uint32_t (*peer_flags)(const struct vn_port *p);
};

/* By enum vn_port_kind. */
extern const struct vn_port_model *const vn_port_models[VN_PORT_KINDS];

const struct vn_port_model *vn_port_model(const struct vn_port *p);
/* enum vn_port_trait */
uint32_t vn_port_traits(const struct vn_port *p);
bool vn_port_has(const struct vn_port *p, enum vn_port_trait trait);
/* One end of @l has it. */
bool vn_link_has(const struct vn_link *l, enum vn_port_trait trait);
/* A port of @t has it; @t may be NULL. */
bool vn_topo_has(const struct vn_topo *t, enum vn_port_trait trait);

/* What is wrong with the kinds of ports of @t: -EINVAL, exit 1. @t has MACs. */
int vn_topo_check_ports(const struct vn_topo *t, struct vn_err *err);
/* A word of @d that an end of @l cannot do, or NULL. */
const char *vn_link_cannot(const struct vn_link *l, const struct vn_disc *d);
/* The device of @a does for @b. */
bool vn_port_same_device(const struct vn_port *a, const struct vn_port *b);
/* What stands on it, too. */
bool vn_port_same_rules(const struct vn_port *a, const struct vn_port *b);

#endif
