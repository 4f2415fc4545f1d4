// SPDX-License-Identifier: GPL-2.0-only
/* VF ports: words, JSON, and what is wrong with them whatever the machine has. */
#include "model/vf_port.h"

#include "model/model_internal.h"

const char *const vn_vf_mode_words[4] = {"off", "direct", "wire", NULL};
const char *const vn_vf_driver_words[3] = {"kernel", "vfio-pci", NULL};
const char *const vn_vf_xdp_words[5] = {"auto", "native", "generic", "none", NULL};
const char *const vn_vf_switch_words[3] = {"off", "on", NULL};
const char *const vn_vf_state_words[4] = {"auto", "enable", "disable", NULL};

bool vn_vf_same(const struct vn_vf *a, const struct vn_vf *b)
{
	if (a->mode != b->mode || a->mode == VN_VF_OFF)
		return a->mode == b->mode;
	return strcmp(a->pf, b->pf) == 0 && a->driver == b->driver && a->xdp == b->xdp && a->vlan == b->vlan &&
	       a->spoofchk == b->spoofchk && a->trust == b->trust && a->state == b->state &&
	       a->min_tx_rate == b->min_tx_rate && a->max_tx_rate == b->max_tx_rate;
}

static json_t *to_json(const struct vn_port *p)
{
	const struct vn_vf *v = &p->vf;

	return json_pack("{s:s, s:s, s:s, s:s, s:b, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i}", "pf", v->pf, "mode",
			 vn_vf_mode_words[v->mode], "driver", vn_vf_driver_words[v->driver], "xdp",
			 vn_vf_xdp_words[v->xdp], "force", v->force, "vlan", v->vlan, "spoofchk", v->spoofchk, "trust",
			 v->trust, "state", v->state, "min_tx_rate", v->min_tx_rate, "max_tx_rate", v->max_tx_rate,
			 "index", v->index, "partner", v->partner, "vid", v->vid);
}

static int word_index(const char *const *words, const char *s)
{
	for (int i = 0; words[i]; i++)
		if (strcmp(words[i], s) == 0)
			return i;
	return -EINVAL;
}

static int from_json(const json_t *o, struct vn_port *p)
{
	struct vn_vf *ret_vf = &p->vf;
	int force, vlan, spoofchk, trust, state, min, max, index, partner, vid, m, d, x;
	const char *pf, *mode, *driver, *xdp;

	if (json_unpack_ex((json_t *)o, NULL, JSON_STRICT,
			   "{s:s, s:s, s:s, s:s, s:b, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i}", "pf", &pf, "mode",
			   &mode, "driver", &driver, "xdp", &xdp, "force", &force, "vlan", &vlan, "spoofchk", &spoofchk,
			   "trust", &trust, "state", &state, "min_tx_rate", &min, "max_tx_rate", &max, "index", &index,
			   "partner", &partner, "vid", &vid) < 0)
		return -EINVAL;
	m = word_index(vn_vf_mode_words, mode);
	d = word_index(vn_vf_driver_words, driver);
	x = word_index(vn_vf_xdp_words, xdp);
	if (m <= 0 || d < 0 || x < 0 || !*pf || strlen(pf) >= IF_NAMESIZE || strchr(pf, '/') || vlan < -1 ||
	    vlan > (int)VN_VF_VLAN_MAX || vid < 0 || vid > (int)VN_VF_VLAN_MAX || spoofchk < -1 || spoofchk > 1 ||
	    trust < -1 || trust > 1 || state < -1 || state > 2 || min < -1 || min > (int)VN_VF_RATE_MAX || max < -1 ||
	    max > (int)VN_VF_RATE_MAX || index < 0 || index > (int)VN_VF_NONE_INDEX || partner < 0 ||
	    partner > (int)VN_VF_NONE_INDEX)
		return -EINVAL;
	*ret_vf = (struct vn_vf){.mode = (uint8_t)m,
				 .driver = (uint8_t)d,
				 .xdp = (uint8_t)x,
				 .force = force,
				 .vlan = (int16_t)vlan,
				 .spoofchk = (int8_t)spoofchk,
				 .trust = (int8_t)trust,
				 .state = (int8_t)state,
				 .min_tx_rate = min,
				 .max_tx_rate = max,
				 .index = (uint16_t)index,
				 .partner = (uint16_t)partner,
				 .vid = (uint16_t)vid};
	snprintf(ret_vf->pf, sizeof(ret_vf->pf), "%s", pf);
	return 0;
}

const char *vn_vf_cannot(const struct vn_disc *d)
{
	const struct {
		bool there;
		const char *word;
	} words[] = {
		{d->delay_ns, "delay"},
		{d->jitter_ns, "jitter"},
		{d->rate_bps, "rate"},
		{d->limit_packets || (d->limit_bytes && !(d->flags & VN_DISC_LIMIT_AUTO)), "limit"},
		{d->dup_ppb, "duplicate"},
		{d->corrupt_ppb, "corrupt"},
		{d->reorder_ppb, "reorder"},
		{d->flags & VN_DISC_SLOT, "slot"},
		{d->trace_name || d->trace_block, "trace"},
		{d->flags & VN_DISC_ECN, "ecn"},
		{d->loss_model != VN_LOSS_RANDOM, "loss by a model of states"},
		{d->loss_corr_ppb, "correlated loss"},
	};

	for (size_t i = 0; i < VN_ARRAY_SIZE(words); i++)
		if (words[i].there)
			return words[i].word;
	return NULL;
}

static int check_direct(const struct vn_topo *t, const struct vn_link *l, struct vn_err *err)
{
	const struct vn_vf *v = &l->ports[0].vf, *w = &l->ports[1].vf;

	if (l->ports[0].kind != l->ports[1].kind || v->mode != w->mode)
		return vn_link_fail(t, l, err,
				    "`mode: direct` at one end only: nothing would join the VF to the other end: write "
				    "`mode: direct` at both, or `mode: wire`");
	if (strcmp(v->pf, w->pf) != 0)
		return vn_link_fail(t, l, err,
				    "its ends are VFs of %s and of %s: what joins two PFs is not the agent's: use one "
				    "PF, or `mode: wire`",
				    v->pf, w->pf);
	if (v->vlan >= 0 && w->vlan >= 0 && v->vlan != w->vlan)
		return vn_link_fail(t, l, err, "VLAN %d at one end and %d at the other: a direct link has one", v->vlan,
				    w->vlan);
	for (int dir = 0; dir < VN_DIRS; dir++) {
		const char *word = vn_vf_cannot(&l->disc[dir]);

		if (word)
			return vn_link_fail(t, l, err,
					    "%s is not possible with `mode: direct`: a VF passed on directly has "
					    "nothing that keeps frames or remembers: use `mode: wire`",
					    word);
	}
	return 0;
}

static int check_port(const struct vn_topo *t, const struct vn_link *l, int side, struct vn_err *err)
{
	const struct vn_port *p = &l->ports[side];
	const char *node = t->nodes[p->node].name;

	if (p->vf.driver == VN_VF_VFIO && p->vf.mode != VN_VF_WIRE)
		return vn_link_fail(
			t, l, err,
			"port '%s:%s': `driver: vfio-pci` needs `mode: wire`: no program of ours stands on a "
			"VF that a guest has",
			node, p->ifname);
	if (p->vf.mode == VN_VF_DIRECT && (p->isolation == VN_ISOLATION_IP || p->vlan_list))
		return vn_link_fail(t, l, err,
				    "port '%s:%s': `mode: direct` isolates by MAC alone: leave out `%s`, or use `mode: "
				    "wire`",
				    node, p->ifname, p->vlan_list ? "vlans:" : "isolation: ip");
	if (p->vf.min_tx_rate > 0 && p->vf.max_tx_rate > 0 && p->vf.min_tx_rate > p->vf.max_tx_rate)
		return vn_link_fail(t, l, err, "port '%s:%s': min_tx_rate %d is above max_tx_rate %d", node, p->ifname,
				    p->vf.min_tx_rate, p->vf.max_tx_rate);
	if (p->isolation == VN_ISOLATION_OFF)
		return vn_link_fail(t, l, err,
				    "port '%s:%s': `isolation: off` on a VF: the NIC's switch delivers by address: "
				    "use `isolation: mac`",
				    node, p->ifname);
	return 0;
}

/* A NIC's switch delivers to a VF what is for its own MAC, and its spoof check lets no other send. */
static int check_macs(const struct vn_topo *t, const struct vn_link *l, struct vn_err *err)
{
	for (int side = 0; side < VN_DIRS; side++) {
		const struct vn_port *p = &l->ports[side];

		if (p->n_macs)
			return vn_link_fail(t, l, err,
					    "port '%s:%s': `macs:` on a link with a VF: the NIC's switch delivers by "
					    "the VF's own MAC, and lets no other send: use veth ports",
					    t->nodes[p->node].name, p->ifname);
	}
	return 0;
}

static int check(const struct vn_topo *t, const struct vn_link *l, int side, struct vn_err *err)
{
	int r = check_macs(t, l, err);

	if (r == 0)
		r = check_port(t, l, side, err);
	if (r == 0 && l->ports[side].vf.mode == VN_VF_DIRECT)
		r = check_direct(t, l, err);
	return r;
}

static uint32_t traits(const struct vn_port *p)
{
	return VN_TRAIT_BORROWED | (p->vf.mode == VN_VF_WIRE ? (uint32_t)VN_TRAIT_FABRIC : 0) |
	       (p->vf.driver == VN_VF_KERNEL ? (uint32_t)VN_TRAIT_NETDEV : 0);
}

static const char *cannot(const struct vn_port *p, const struct vn_disc *d)
{
	return p->vf.mode == VN_VF_DIRECT ? vn_vf_cannot(d) : NULL;
}

static bool same_device(const struct vn_port *a, const struct vn_port *b)
{
	return vn_vf_same(&a->vf, &b->vf) && a->vf.index == b->vf.index && a->vf.partner == b->vf.partner &&
	       a->vf.vid == b->vf.vid;
}

static uint32_t own_flags(const struct vn_port *p)
{
	return p->vf.mode == VN_VF_DIRECT ? VN_PORT_DIRECT : 0;
}

const struct vn_port_model vn_vf_model = {
	.word = "vf",
	.part = "a VF",
	.traits = traits,
	.to_json = to_json,
	.from_json = from_json,
	.check = check,
	.cannot = cannot,
	.same_device = same_device,
	.own_flags = own_flags,
};
