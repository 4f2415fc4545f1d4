/* SPDX-License-Identifier: GPL-2.0-only */
#include "ctl/json.h"

#include "topo/topo.h"

json_t *vn_addr_to_json(const struct vn_addr *a)
{
	char text[VN_ADDR_BUF];

	return a->family ? json_string(vn_addr_format(text, a, false)) : json_null();
}

json_t *vn_port_addresses_to_json(const struct vn_port *p)
{
	json_t *list = json_array();

	if (p->ip4.family)
		json_array_append_new(list, vn_addr_to_json(&p->ip4));
	if (p->ip6.family)
		json_array_append_new(list, vn_addr_to_json(&p->ip6));
	return list;
}
