/* SPDX-License-Identifier: GPL-2.0-only */
#include "ctl/json.h"

#include <arpa/inet.h>
#include <stdio.h>

json_t *vn_addr_to_json(const struct vn_addr *a)
{
	char text[INET6_ADDRSTRLEN], full[INET6_ADDRSTRLEN + 5];

	if (!a->family || !inet_ntop(a->family, a->bytes, text, sizeof(text)))
		return json_null();
	snprintf(full, sizeof(full), "%s/%u", text, a->plen);
	return json_string(full);
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

const char *vn_mac_format(char *buf, const uint8_t *mac)
{
	snprintf(buf, VN_MAC_BUF, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	return buf;
}
