// SPDX-License-Identifier: GPL-2.0-only
/* Which VFs and which VLAN each VF port gets. */
#include "model/model_internal.h"
#include "model/vf_port.h"

/* PFs already asked for. */
struct pf_entry {
	struct vn_pf pf;
	bool vf_taken[VN_VF_MAX];
	bool vid_taken[VN_VF_VLAN_MAX + 1];
	unsigned int wanted; /* VFs that ports of this topology need beside those they have */
};

struct assigner {
	struct vn_topo *t, *prev;
	vn_pf_look_fn look;
	void *arg;
	struct vn_err *err;
	struct pf_entry **pfs;
	size_t n_pfs;
};

static unsigned int vfs_of(const struct vn_vf *v)
{
	return v->mode == VN_VF_WIRE ? 2 : 1;
}

/* "TOPOLOGY/..." */
static bool is_of(const char *owner, const char *topo)
{
	size_t n = strlen(topo);

	return strncmp(owner, topo, n) == 0 && owner[n] == '/';
}

/* VFs and VLANs of other topologies are taken; those of this one are free again unless a link keeps them. */
static void note_taken(struct assigner *a, struct pf_entry *e)
{
	for (unsigned int i = 0; i < VN_VF_MAX; i++) {
		const struct vn_pf_vf *v = &e->pf.vfs[i];
		bool ours = *v->owner && is_of(v->owner, a->t->name);

		if (*v->other || (*v->owner && !ours))
			e->vf_taken[i] = true;
		if (v->vid && v->vid <= VN_VF_VLAN_MAX && !ours)
			e->vid_taken[v->vid] = true;
	}
}

static int find_pf(struct assigner *a, const char *name, struct pf_entry **ret_pf)
{
	struct pf_entry *e, **more;
	int r;

	for (size_t i = 0; i < a->n_pfs; i++)
		if (strcmp(a->pfs[i]->pf.name, name) == 0) {
			*ret_pf = a->pfs[i];
			return 0;
		}
	more = reallocarray(a->pfs, a->n_pfs + 1, sizeof(*more));
	if (!more)
		return vn_err_nomem(a->err);
	a->pfs = more;
	e = calloc(1, sizeof(*e));
	if (!e)
		return vn_err_nomem(a->err);
	a->pfs[a->n_pfs++] = e;
	r = a->look(a->arg, name, &e->pf, a->err);
	if (r < 0)
		return r;
	snprintf(e->pf.name, sizeof(e->pf.name), "%s", name);
	note_taken(a, e);
	*ret_pf = e;
	return 0;
}

/* The link as it runs, when its VFs are asked for as before and it joins the same ports. */
static const struct vn_link *kept(struct assigner *a, const struct vn_link *l)
{
	const struct vn_link *old;
	size_t i;

	if (!a->prev || vn_topo_find_link(a->prev, l->name, &i) < 0)
		return NULL;
	old = &a->prev->links[i];
	for (int side = 0; side < VN_DIRS; side++) {
		const struct vn_port *x = &old->ports[side], *y = &l->ports[side];

		if (!vn_vf_same(&x->vf, &y->vf) || memcmp(x->mac, y->mac, sizeof(x->mac)) != 0 ||
		    strcmp(x->ifname, y->ifname) != 0 ||
		    strcmp(a->prev->nodes[x->node].name, a->t->nodes[y->node].name) != 0)
			return NULL;
	}
	return old;
}

static void keep(struct pf_entry *e, struct vn_vf *v, const struct vn_vf *old)
{
	v->index = old->index;
	v->partner = old->partner;
	v->vid = old->vid;
	if (v->index < VN_VF_MAX)
		e->vf_taken[v->index] = true;
	if (v->partner < VN_VF_MAX)
		e->vf_taken[v->partner] = true;
	e->vid_taken[v->vid] = true;
}

static int check_pf(struct assigner *a, const struct vn_link *l, const struct vn_vf *v, const struct pf_entry *e)
{
	if (e->pf.default_route && !v->force)
		return vn_link_fail(a->t, l, a->err,
				    "PF %s carries the host's default route: making VFs may cut the host off: use "
				    "another device, or write `force: true`",
				    v->pf);
	if (v->vlan > 0 && !e->pf.can_vlan)
		return vn_link_fail(a->t, l, a->err,
				    "vlan: %s%s%s does not put VFs into VLANs (Operation not supported): leave it out",
				    v->pf, e->pf.driver ? ", driver " : "", e->pf.driver ?: "");
	return 0;
}

/* A switch that sees one address at two VFs sends to either. Within a topology all MACs differ anyway. */
static int check_mac(struct assigner *a, const struct vn_link *l, const struct vn_port *p, const struct pf_entry *e)
{
	char mac[VN_MAC_BUF];

	for (unsigned int i = 0; i < VN_VF_MAX; i++) {
		const struct vn_pf_vf *v = &e->pf.vfs[i];

		if (*v->owner && !is_of(v->owner, a->t->name) && memcmp(v->mac, p->mac, sizeof(v->mac)) == 0)
			return vn_link_fail(a->t, l, a->err, "MAC %s: VF %u of PF %s has it, for %s: give each its own",
					    vn_mac_format(mac, p->mac), i, e->pf.name, v->owner);
	}
	return 0;
}

/* A wire from a PF to itself: each end's partner has the other end's address. Only VLANs keep the two apart. */
static int check_loop(struct assigner *a, const struct vn_link *l, const struct pf_entry *e)
{
	const struct vn_vf *v = &l->ports[0].vf, *w = &l->ports[1].vf;

	if (v->mode != VN_VF_WIRE || w->mode != VN_VF_WIRE || strcmp(v->pf, w->pf) != 0)
		return 0;
	if (!e->pf.can_vlan)
		return vn_link_fail(a->t, l, a->err,
				    "both ends are wires on %s, which puts no VFs into VLANs: frames would loop past "
				    "the wire: make one end a veth, or use `mode: direct`",
				    v->pf);
	if (v->vlan > 0 && v->vlan == w->vlan)
		return vn_link_fail(a->t, l, a->err,
				    "both ends are wires on %s in VLAN %d: frames would loop past the wire: give each "
				    "end its own, or leave `vlan:` out",
				    v->pf, v->vlan);
	return 0;
}

static int take_vf(struct assigner *a, const struct vn_link *l, struct pf_entry *e, uint16_t *ret_index)
{
	unsigned int have = e->pf.num ?: e->pf.total, ours = 0, others = 0, limit = VN_MIN(have, VN_VF_MAX);
	const char *why = NULL;

	for (unsigned int i = 0; i < limit; i++) {
		if (!e->vf_taken[i]) {
			e->vf_taken[i] = true;
			*ret_index = (uint16_t)i;
			return 0;
		}
		if (*e->pf.vfs[i].other) {
			why = why ?: e->pf.vfs[i].other;
			others++;
		} else {
			ours++;
		}
	}
	return vn_link_fail(
		a->t, l, a->err,
		"PF %s has %u VFs, this topology wants %u of them: %u are given to ports, %u are not to be had%s%s%s",
		e->pf.name, have, e->wanted, ours, others, why ? " (" : "", why ?: "", why ? ")" : "");
}

/* Two PFs may hang on one switch: of those that this topology uses, no two share a VLAN. */
static bool vid_free(const struct assigner *a, unsigned int vid)
{
	for (size_t i = 0; i < a->n_pfs; i++)
		if (a->pfs[i]->vid_taken[vid])
			return false;
	return true;
}

/* From the top, where networks rarely number theirs. */
static int take_vid(struct assigner *a, const struct vn_link *l, struct pf_entry *e, const struct vn_vf *v,
		    uint16_t *ret_vid)
{
	if (v->vlan >= 0) {
		if (v->vlan && e->vid_taken[v->vlan])
			return vn_link_fail(
				a->t, l, a->err,
				"VLAN %d of PF %s joins another link's VFs already: frames would loop: take "
				"another, or leave `vlan:` out",
				v->vlan, e->pf.name);
		*ret_vid = (uint16_t)v->vlan;
		e->vid_taken[v->vlan] = true;
		return 0;
	}
	if (!e->pf.can_vlan) {
		*ret_vid = 0;
		return 0;
	}
	for (unsigned int vid = VN_VF_VLAN_MAX; vid > 1; vid--)
		if (vid_free(a, vid)) {
			e->vid_taken[vid] = true;
			*ret_vid = (uint16_t)vid;
			return 0;
		}
	return vn_link_fail(a->t, l, a->err, "PF %s has no VLAN left: each wire takes one of %u", e->pf.name,
			    VN_VF_VLAN_MAX - 1);
}

static int assign_link(struct assigner *a, struct vn_link *l)
{
	const bool direct = l->ports[0].vf.mode == VN_VF_DIRECT;
	int r = 0;

	for (int side = 0; side < VN_DIRS && r == 0; side++) {
		struct vn_vf *v = &l->ports[side].vf;
		struct pf_entry *e;

		if (!v->mode)
			continue;
		r = find_pf(a, v->pf, &e);
		if (r < 0)
			return vn_err(a->err, VN_EXIT_USAGE, -r, "link '%s': PF %s", l->name, v->pf);
		r = check_pf(a, l, v, e);
		if (r == 0 && side == 0)
			r = check_loop(a, l, e);
		if (r == 0)
			r = check_mac(a, l, &l->ports[side], e);
		if (r == 0)
			r = take_vf(a, l, e, &v->index);
		if (r == 0 && v->mode == VN_VF_WIRE)
			r = take_vf(a, l, e, &v->partner);
		if (r == 0 && direct && side == 1)
			v->vid = l->ports[0].vf.vid;
		else if (r == 0 && direct && v->vlan < 0 && l->ports[1].vf.vlan >= 0)
			r = take_vid(a, l, e, &l->ports[1].vf, &v->vid);
		else if (r == 0)
			r = take_vid(a, l, e, v, &v->vid);
	}
	return r;
}

static bool has_vf(const struct vn_link *l)
{
	return l->ports[0].kind == VN_PORT_VF || l->ports[1].kind == VN_PORT_VF;
}

/* First what stays, so that nobody else is given it. */
static int keep_links(struct assigner *a, bool *done)
{
	for (size_t i = 0; i < a->t->n_links; i++) {
		struct vn_link *l = &a->t->links[i];
		const struct vn_link *old = has_vf(l) ? kept(a, l) : NULL;

		for (int side = 0; side < VN_DIRS; side++) {
			struct vn_vf *v = &l->ports[side].vf;
			struct pf_entry *e;
			int r;

			if (!v->mode)
				continue;
			r = find_pf(a, v->pf, &e);
			if (r < 0)
				return r;
			if (old)
				keep(e, v, &old->ports[side].vf);
			e->wanted += vfs_of(v);
		}
		done[i] = old || !has_vf(l);
	}
	return 0;
}

int vn_vf_assign(struct vn_topo *t, struct vn_topo *prev, vn_pf_look_fn look, void *arg, struct vn_err *err)
{
	struct assigner a = {.t = t, .prev = prev, .look = look, .arg = arg, .err = err};
	cleanup_free bool *done = calloc(t->n_links + 1, sizeof(*done));
	int r = done ? keep_links(&a, done) : vn_err_nomem(err);

	for (size_t i = 0; i < t->n_links && r == 0; i++)
		if (!done[i])
			r = assign_link(&a, &t->links[i]);
	for (size_t i = 0; i < a.n_pfs; i++)
		free(a.pfs[i]);
	free(a.pfs);
	return r;
}
