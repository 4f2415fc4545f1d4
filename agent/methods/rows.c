/* SPDX-License-Identifier: GPL-2.0-only */
#include "methods/rows.h"

#include "model/topo.h"

json_t *vn_addr_to_json(const struct vn_addr *a)
{
	char text[VN_ADDR_BUF];

	return a->family ? json_string(vn_addr_format(text, a, false)) : json_null();
}

json_t *vn_addresses_to_json(const struct vn_addr *ip4, const struct vn_addr *ip6, const struct vn_device_drift *drift,
			     bool missing)
{
	const uint16_t bits = !drift ? 0 : drift->bits & VN_DRIFT_AWAY ? VN_DRIFT_IP4 | VN_DRIFT_IP6 : drift->bits;
	json_t *list = json_array();

	if (ip4->family && !!(bits & VN_DRIFT_IP4) == missing)
		json_array_append_new(list, vn_addr_to_json(ip4));
	if (ip6->family && !!(bits & VN_DRIFT_IP6) == missing)
		json_array_append_new(list, vn_addr_to_json(ip6));
	return list;
}
