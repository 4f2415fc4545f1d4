/* SPDX-License-Identifier: GPL-2.0-only */
#include "plan/port_cfg.h"

#include <arpa/inet.h>

#include <abi/ifindex.h>
#include <base/util.h>

#include "disc/disc_words.h"

static uint32_t mask_word(unsigned int plen, unsigned int word)
{
	unsigned int bits = plen <= word * 32 ? 0 : VN_MIN(plen - word * 32, 32u);

	return bits ? htonl(~0u << (32 - bits)) : 0;
}

static int add4(struct vn_port_cfg *c, const struct vn_addr *a, unsigned int plen)
{
	struct vn_prefix4 *p = &c->src4[c->n_src4];

	if (c->n_src4 == VN_PORT_PREFIXES)
		return -E2BIG;
	memcpy(&p->addr, a->bytes, sizeof(p->addr));
	p->mask = mask_word(plen, 0);
	p->addr &= p->mask;
	c->n_src4++;
	return 0;
}

static int add6(struct vn_port_cfg *c, const struct vn_addr *a, unsigned int plen)
{
	struct vn_prefix6 *p = &c->src6[c->n_src6];

	if (c->n_src6 == VN_PORT_PREFIXES)
		return -E2BIG;
	memcpy(p->addr, a->bytes, sizeof(p->addr));
	for (unsigned int i = 0; i < VN_ARRAY_SIZE(p->mask); i++) {
		p->mask[i] = mask_word(plen, i);
		p->addr[i] &= p->mask[i];
	}
	c->n_src6++;
	return 0;
}

static int add_sources(struct vn_port_cfg *c, const struct vn_node *node, const struct vn_port *port)
{
	int r = 0;

	if (port->ip4.family)
		r = add4(c, &port->ip4, 32);
	if (r == 0 && node->lo4.family)
		r = add4(c, &node->lo4, 32);
	if (r == 0 && port->ip6.family)
		r = add6(c, &port->ip6, 128);
	if (r == 0 && node->lo6.family)
		r = add6(c, &node->lo6, 128);
	for (size_t i = 0; i < port->n_sources && r == 0; i++)
		r = port->sources[i].family == AF_INET ? add4(c, &port->sources[i], port->sources[i].plen)
						       : add6(c, &port->sources[i], port->sources[i].plen);
	return r;
}

uint32_t vn_port_disc_flags(const struct vn_disc *d)
{
	return (vn_disc_is_held(d) ? VN_PORT_HELD : 0) | (vn_disc_is_policed(d) ? VN_PORT_POLICED : 0) |
	       (vn_disc_is_gated(d) ? VN_PORT_GATED : 0);
}

uint32_t vn_port_app_flags(const struct vn_port *peer)
{
	const struct vn_port_model *m = vn_port_model(peer);

	return m->peer_flags ? m->peer_flags(peer) : 0;
}

int vn_port_cfg_make(const struct vn_topo *t, const struct vn_link *l, int side, struct vn_port_cfg *ret_cfg)
{
	const struct vn_port *port = &l->ports[side], *peer = &l->ports[!side];
	struct vn_port_cfg c = {
		.flags = VN_PORT_ACTIVE,
		.ifindex = VN_IFINDEX_HOST + port->number,
		.peer_ifindex = VN_IFINDEX_HOST + peer->number,
		.isolation = port->isolation,
		.mtu = (uint16_t)l->mtu,
		.n_vlans = port->n_vlans,
		.n_macs = port->n_macs,
	};
	int r;

	c.flags |= vn_port_disc_flags(&l->disc[side]) | vn_port_app_flags(peer);
	if (vn_port_model(port)->own_flags)
		c.flags |= vn_port_model(port)->own_flags(port);
	if (l->fail_open)
		c.flags |= VN_PORT_FAIL_OPEN;
	if (port->vlan_list)
		c.flags |= VN_PORT_VLAN_LIST;
	memcpy(c.mac, port->mac, sizeof(c.mac));
	memcpy(c.vlans, port->vlans, sizeof(c.vlans));
	memcpy(c.macs, port->macs, sizeof(c.macs));
	if (port->isolation == VN_ISOLATION_IP) {
		r = add_sources(&c, &t->nodes[port->node], port);
		if (r < 0)
			return r;
	}
	*ret_cfg = c;
	return 0;
}
