// SPDX-License-Identifier: GPL-2.0-only
/* The table of the kinds of ports, and what is asked of it. */
#include "model/port_kind.h"

#include "model/model_internal.h"
#include "model/afxdp_port.h"
#include "model/vf_port.h"

static const struct vn_port_model veth = {.word = "kernel", .by_word = true};

const struct vn_port_model *const vn_port_models[VN_PORT_KINDS] = {
	[VN_PORT_VETH] = &veth,
	[VN_PORT_AFXDP] = &vn_afxdp_model,
	[VN_PORT_VF] = &vn_vf_model,
};

const struct vn_port_model *vn_port_model(const struct vn_port *p)
{
	return vn_port_models[p->kind];
}

uint32_t vn_port_traits(const struct vn_port *p)
{
	const struct vn_port_model *m = vn_port_model(p);

	return m->traits ? m->traits(p) : VN_TRAIT_PAIR | VN_TRAIT_FABRIC | VN_TRAIT_NETDEV;
}

bool vn_port_has(const struct vn_port *p, enum vn_port_trait trait)
{
	return vn_port_traits(p) & trait;
}

bool vn_link_has(const struct vn_link *l, enum vn_port_trait trait)
{
	return vn_port_has(&l->ports[0], trait) || vn_port_has(&l->ports[1], trait);
}

bool vn_topo_has(const struct vn_topo *t, enum vn_port_trait trait)
{
	for (size_t i = 0; t && i < t->n_links; i++)
		if (vn_link_has(&t->links[i], trait))
			return true;
	return false;
}

int vn_topo_check_ports(const struct vn_topo *t, struct vn_err *err)
{
	int r = 0;

	for (size_t i = 0; i < t->n_links * VN_DIRS && r == 0; i++) {
		const struct vn_link *l = &t->links[i / VN_DIRS];
		const int side = (int)(i % VN_DIRS);
		const struct vn_port_model *m = vn_port_model(&l->ports[side]);

		r = m->check ? m->check(t, l, side, err) : 0;
	}
	return r;
}

const char *vn_link_cannot(const struct vn_link *l, const struct vn_disc *d)
{
	for (int side = 0; side < VN_DIRS; side++) {
		const struct vn_port_model *m = vn_port_model(&l->ports[side]);
		const char *word = m->cannot ? m->cannot(&l->ports[side], d) : NULL;

		if (word)
			return word;
	}
	return NULL;
}

bool vn_port_same_device(const struct vn_port *a, const struct vn_port *b)
{
	const struct vn_port_model *m = vn_port_model(a);

	/* A pair does for every kind that stands on one. */
	if (a->kind != b->kind)
		return vn_port_has(a, VN_TRAIT_PAIR) && vn_port_has(b, VN_TRAIT_PAIR);
	return !m->same_device || m->same_device(a, b);
}

bool vn_port_same_rules(const struct vn_port *a, const struct vn_port *b)
{
	const struct vn_port_model *m = vn_port_model(a);

	return a->kind == b->kind && (!m->same_rules || m->same_rules(a, b));
}
