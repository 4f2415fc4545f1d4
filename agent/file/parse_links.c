// SPDX-License-Identifier: GPL-2.0-only
/* The topology file: links and ports. */
#include <uthash.h>

#include "file/parse_topo.h"

struct port_key {
	uint32_t node;
	char ifname[IF_NAMESIZE];
};

/* Who uses an interface of a node. */
struct port_entry {
	struct port_key key;
	uint32_t link;
	int side;
	UT_hash_handle hh;
};

static struct port_entry *port_find(struct vn_parser *p, size_t node, const char *ifname)
{
	struct port_key key = {.node = (uint32_t)node};
	struct port_entry *e;

	snprintf(key.ifname, sizeof(key.ifname), "%s", ifname);
	HASH_FIND(hh, p->ports, &key, sizeof(key), e);
	return e;
}

static void port_add(struct vn_parser *p, size_t link, int side)
{
	struct port_entry *e = &p->port_pool[link * VN_DIRS + (size_t)side];
	const struct vn_port *port = &p->topo->links[link].ports[side];

	e->key.node = (uint32_t)port->node;
	snprintf(e->key.ifname, sizeof(e->key.ifname), "%s", port->ifname);
	e->link = (uint32_t)link;
	e->side = side;
	HASH_ADD(hh, p->ports, key, sizeof(e->key), e);
}

void vn_parse_release_ports(struct vn_parser *p)
{
	HASH_CLEAR(hh, p->ports);
	free(p->port_pool);
	p->port_pool = NULL;
}

static int refuse_node(struct vn_parser *p, const struct vn_yaml *y, const char *name)
{
	const struct vn_topo *t = p->topo;
	cleanup_free const char **names = calloc(t->n_nodes + 1, sizeof(*names));
	char shown[VN_SHOW_BUF], hint[VN_HINT_BUF];
	size_t i;

	if (!names)
		return vn_err_nomem(p->err);
	for (i = 0; i < t->n_nodes; i++)
		names[i] = t->nodes[i].name;
	if (!*vn_hint(hint, name, names))
		snprintf(hint, sizeof(hint), ": add it to `nodes:`");
	return vn_parse_fail(p, y, "there is no node '%s'%s", vn_show(shown, name), hint);
}

/* NODE:INTERFACE, or NODE alone where @ret_ifname may stay empty. */
static int parse_endpoint(struct vn_parser *p, const struct vn_yaml *y, size_t *ret_node, char ret_ifname[IF_NAMESIZE])
{
	char shown[VN_SHOW_BUF], name[VN_NAME_MAX + 1];
	const char *text, *colon;
	size_t len;
	int r;

	text = vn_parse_text(p, y, "NODE:INTERFACE");
	if (!text)
		return -EINVAL;
	colon = strchr(text, ':');
	len = colon ? (size_t)(colon - text) : strlen(text);
	if (len >= sizeof(name))
		return vn_parse_fail(p, y, "'%s' is not an endpoint: write NODE:INTERFACE", vn_show(shown, text));
	memcpy(name, text, len);
	name[len] = '\0';
	r = vn_topo_find_node(p->topo, name, ret_node);
	if (r == -ENOENT)
		return refuse_node(p, y, name);
	if (r < 0)
		return vn_err_nomem(p->err);
	ret_ifname[0] = '\0';
	if (!colon)
		return 0;
	if (!vn_ifname_valid(colon + 1))
		return vn_parse_fail(
			p, y,
			"'%s' is not an interface name: letters, digits, '-' and '_', at most %d, not lo, all, "
			"default",
			vn_show(shown, colon + 1), IF_NAMESIZE - 1);
	snprintf(ret_ifname, IF_NAMESIZE, "%s", colon + 1);
	return 0;
}

static int parse_endpoints(struct vn_parser *p, const struct vn_yaml *link, size_t index)
{
	struct vn_link *l = &p->topo->links[index];
	const struct vn_yaml *ends = vn_yaml_get(link, "endpoints"), *used;
	struct port_entry *e;
	int side, r;

	if (!ends)
		return vn_parse_fail(p, link, "link '%s' has no endpoints: write endpoints: [a:eth0, b:eth0]", l->name);
	if (ends->kind == VN_YAML_LIST && ends->n > VN_DIRS)
		return vn_parse_fail(p, ends, "link '%s': a link has two endpoints, these are %zu; " LAN_TODAY, l->name,
				     ends->n);
	if (ends->kind != VN_YAML_LIST || ends->n != VN_DIRS)
		return vn_parse_fail(p, ends, "link '%s': a link has two endpoints: [a:eth0, b:eth0]", l->name);
	for (side = 0; side < VN_DIRS; side++) {
		used = &ends->items[side];
		r = parse_endpoint(p, used, &l->ports[side].node, l->ports[side].ifname);
		if (r < 0)
			return r;
		if (!l->ports[side].ifname[0])
			continue;
		e = port_find(p, l->ports[side].node, l->ports[side].ifname);
		if (e)
			return vn_parse_fail(
				p, used, "port '%s' is used twice, by link '%s' (line %d) and by link '%s'", used->text,
				p->topo->links[e->link].name, p->topo->links[e->link].line, l->name);
		port_add(p, index, side);
	}
	return 0;
}

/* Endpoints that are a bare node take its lowest free ethN, in the order of the file, after all that are named. */
static int name_ports(struct vn_parser *p)
{
	struct vn_topo *t = p->topo;
	cleanup_free unsigned int *next = calloc(t->n_nodes, sizeof(*next));
	struct vn_port *port;
	size_t i;
	int side;

	if (!next)
		return vn_err_nomem(p->err);
	for (i = 0; i < t->n_links; i++) {
		for (side = 0; side < VN_DIRS; side++) {
			port = &t->links[i].ports[side];
			if (port->ifname[0])
				continue;
			do
				snprintf(port->ifname, sizeof(port->ifname), "eth%u", next[port->node]++);
			while (port_find(p, port->node, port->ifname));
			port_add(p, i, side);
		}
	}
	return 0;
}

static int parse_mtu(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	struct vn_link_defaults *d = obj;
	char shown[VN_SHOW_BUF];
	const char *text = vn_parse_text(p, v, "a number of bytes");
	uint64_t mtu;

	if (!text)
		return -EINVAL;
	if (vn_parse_u64(text, VN_MTU_MAX, &mtu) < 0 || mtu < VN_MTU_MIN)
		return vn_parse_fail(p, v, "mtu: '%s' is not a number from %d to %d (1500 is usual)",
				     vn_show(shown, text), VN_MTU_MIN, VN_MTU_MAX);
	d->mtu = (uint32_t)mtu;
	return 0;
}

static int parse_engine_down(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	static const char *const words[] = {"drop", "pass", NULL};
	struct vn_link_defaults *d = obj;
	unsigned int i;
	int r;

	r = vn_parse_choice(p, v, "engine_down", words, &i);
	if (r < 0)
		return r;
	d->fail_open = i == 1;
	return 0;
}

static int parse_carrier(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	static const char *const words[] = {"follow", "ignore", NULL};
	struct vn_link_defaults *d = obj;
	unsigned int i;
	int r;

	r = vn_parse_choice(p, v, "carrier", words, &i);
	if (r < 0)
		return r;
	d->carrier_ignore = i == 1;
	return 0;
}

static int parse_isolation(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	struct vn_link_defaults *d = obj;

	return vn_parse_isolation(p, v, &d->isolation);
}

static int parse_checksum(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	struct vn_link_defaults *d = obj;

	return vn_parse_checksum(p, v, &d->checksum);
}

const struct vn_key vn_link_default_keys[] = {
	{"mtu", parse_mtu},           {"isolation", parse_isolation},
	{"checksum", parse_checksum}, {"engine_down", parse_engine_down},
	{"carrier", parse_carrier},   {NULL, NULL},
};

static int parse_link(struct vn_parser *p, const struct vn_yaml *key, const struct vn_yaml *y, struct vn_link *l)
{
	static const struct vn_key keys[] = {
		{"endpoints", NULL}, /* parse_endpoints() */
		{"reverse", NULL},   /* below: needs the rest */
		{"mtu", parse_mtu},
		{"isolation", parse_isolation},
		{"checksum", parse_checksum},
		{"engine_down", parse_engine_down},
		{"carrier", parse_carrier},
		{NULL, NULL},
	};
	static const struct vn_key no_keys[] = {{NULL, NULL}};
	struct vn_link_defaults d = p->link;
	const struct vn_yaml *reverse;
	struct vn_err why = {0};
	bool failed;
	int dir, r;

	r = vn_parse_map(p, y, "a link", keys, &d, &d.disc);
	if (r == -ENOMEM)
		return r;
	failed = r < 0;
	l->mtu = d.mtu;
	l->fail_open = d.fail_open;
	l->carrier_ignore = d.carrier_ignore;
	l->ports[0].isolation = l->ports[1].isolation = d.isolation;
	l->ports[0].checksum = l->ports[1].checksum = d.checksum;
	l->disc[0] = l->disc[1] = d.disc;
	reverse = vn_yaml_get(y, "reverse");
	if (reverse) {
		r = vn_parse_map(p, reverse, "the reverse direction of a link", no_keys, NULL, &l->disc[1]);
		if (r == -ENOMEM)
			return r;
		failed |= r < 0;
	}
	if (failed)
		return -EINVAL;
	for (dir = 0; dir < VN_DIRS; dir++) {
		if (vn_disc_check(&l->disc[dir], &why) < 0)
			return vn_parse_fail(p, key, "link '%s'%s: %s", l->name, dir ? ", reverse" : "", why.text);
	}
	return 0;
}

int vn_parse_links(struct vn_parser *p, const struct vn_yaml *y)
{
	struct vn_topo *t = p->topo;
	char shown[VN_SHOW_BUF];
	bool failed = false;
	struct vn_link *l;
	size_t i;
	int r;

	if (vn_yaml_is_null(y) || (y->kind == VN_YAML_MAP && !y->n))
		return 0;
	if (y->kind != VN_YAML_MAP)
		return vn_parse_fail(p, y, "links: write a map of names, such as {ab: {endpoints: [a:eth0, b:eth0]}}");
	t->links = calloc(y->n / 2, sizeof(*t->links));
	p->port_pool = calloc(y->n, sizeof(*p->port_pool));
	if (!t->links || !p->port_pool)
		return vn_err_nomem(p->err);
	for (i = 0; i < y->n / 2; i++) {
		const struct vn_yaml *key = &y->items[2 * i];

		if (!vn_name_valid(key->text))
			failed |= vn_parse_fail(p, key,
						"link name '%s': a letter or digit, then letters, digits, '-' and "
						"'_', at most %d",
						vn_show(shown, key->text), VN_NAME_MAX) < 0;
		else if (vn_link_name_reserved(key->text))
			failed |=
				vn_parse_fail(p, key, "link name '%s': means something else in commands: take another",
					      key->text) < 0;
		l = &t->links[t->n_links++];
		snprintf(l->name, sizeof(l->name), "%s", key->text);
		l->line = (int)key->line;
		l->column = (int)key->column;
		r = parse_link(p, key, &y->items[2 * i + 1], l);
		if (r == -ENOMEM)
			return r;
		failed |= r < 0;
		if (y->items[2 * i + 1].kind == VN_YAML_MAP || r == 0)
			r = parse_endpoints(p, &y->items[2 * i + 1], t->n_links - 1);
		if (r == -ENOMEM)
			return r;
		p->links_failed |= r < 0;
	}
	return failed || p->links_failed ? -EINVAL : name_ports(p);
}

static int parse_mac(struct vn_parser *p, const struct vn_yaml *v, const char *key, uint8_t ret_mac[6])
{
	char shown[VN_SHOW_BUF];
	const char *text = vn_parse_text(p, v, "a MAC address");

	if (!text)
		return -EINVAL;
	if (vn_mac_parse(text, ret_mac) < 0)
		return vn_parse_fail(p, v, "%s: '%s' is not a MAC address: write it like 02:00:00:00:00:01", key,
				     vn_show(shown, text));
	if (!vn_mac_valid(ret_mac))
		return vn_parse_fail(p, v, "%s: '%s' %s", key, text, vn_mac_why_not(ret_mac));
	return 0;
}

int vn_parse_port_mac(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	struct vn_port *port = obj;
	int r = parse_mac(p, v, "mac", port->mac);

	port->mac_given = r == 0;
	return r;
}

static int parse_port_isolation(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	struct vn_port *port = obj;

	return vn_parse_isolation(p, v, &port->isolation);
}

/* One value, or a list of them, each handed to @one. */
static int parse_one_or_list(struct vn_parser *p, const struct vn_yaml *v, struct vn_port *port,
			     int (*one)(struct vn_parser *p, const struct vn_yaml *v, struct vn_port *port))
{
	size_t i;
	int r;

	if (v->kind != VN_YAML_LIST)
		return one(p, v, port);
	for (i = 0; i < v->n; i++) {
		r = one(p, &v->items[i], port);
		if (r < 0)
			return r;
	}
	return 0;
}

static int parse_one_ip(struct vn_parser *p, const struct vn_yaml *v, struct vn_port *port)
{
	char shown[VN_SHOW_BUF];
	struct vn_addr a, *dst;
	const char *text = vn_parse_text(p, v, "an address"), *why;

	if (!text)
		return -EINVAL;
	if (vn_addr_parse(text, &a) < 0)
		return vn_parse_fail(
			p, v, "ip: '%s' is not an address with a length: write it like 192.0.2.1/24 or fd00::1/64",
			vn_show(shown, text));
	why = vn_addr_why_not_host(&a);
	if (why)
		return vn_parse_fail(p, v, "ip: '%s' %s", text, why);
	dst = a.family == AF_INET ? &port->ip4 : &port->ip6;
	if (dst->family)
		return vn_parse_fail(p, v, "ip: '%s' is one too many: a port has one IPv4 and one IPv6 address", text);
	*dst = a;
	port->ip_given = true;
	return 0;
}

static int parse_one_of_macs(struct vn_parser *p, const struct vn_yaml *v, struct vn_port *port)
{
	uint8_t mac[6];
	int r = parse_mac(p, v, "macs", mac);

	if (r < 0)
		return r;
	for (unsigned int i = 0; i < port->n_macs; i++)
		if (memcmp(port->macs[i], mac, sizeof(mac)) == 0)
			return vn_parse_fail(p, v, "macs: '%s' is given twice", v->text);
	if (port->n_macs == VN_PORT_MACS)
		return vn_parse_fail(p, v, "macs: a port takes at most %d beside its own, '%s' is one too many",
				     VN_PORT_MACS, v->text);
	memcpy(port->macs[port->n_macs++], mac, sizeof(mac));
	return 0;
}

static int parse_macs(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	return parse_one_or_list(p, v, obj, parse_one_of_macs);
}

static int parse_port_checksum(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	struct vn_port *port = obj;

	return vn_parse_checksum(p, v, &port->checksum);
}

static int parse_ip(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	if (v->kind == VN_YAML_LIST && !v->n)
		return vn_parse_fail(p, v, "ip: the list is empty: give an address, or leave `ip:` out");
	return parse_one_or_list(p, v, obj, parse_one_ip);
}

static int parse_one_vlan(struct vn_parser *p, const struct vn_yaml *v, struct vn_port *port)
{
	char shown[VN_SHOW_BUF];
	const char *text = vn_parse_text(p, v, "a VLAN id");
	uint64_t id;
	unsigned int i, at;

	if (!text)
		return -EINVAL;
	if (vn_parse_u64(text, 4094, &id) < 0 || !id)
		return vn_parse_fail(p, v, "vlans: '%s' is not a VLAN id: 1 to 4094, or `any`, or `none`",
				     vn_show(shown, text));
	for (at = 0; at < port->n_vlans && port->vlans[at] < id; at++)
		;
	if (at < port->n_vlans && port->vlans[at] == id)
		return vn_parse_fail(p, v, "vlans: %s is given twice", text);
	if (port->n_vlans == VN_PORT_VLANS)
		return vn_parse_fail(p, v, "vlans: a port takes at most %d ids, or `any`", VN_PORT_VLANS);
	for (i = port->n_vlans++; i > at; i--)
		port->vlans[i] = port->vlans[i - 1];
	port->vlans[at] = (uint16_t)id;
	return 0;
}

static int parse_vlans(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	struct vn_port *port = obj;

	port->vlan_list = v->kind == VN_YAML_LIST || strcmp(v->kind == VN_YAML_SCALAR ? v->text : "", "any");
	if (v->kind == VN_YAML_SCALAR && (!strcmp(v->text, "any") || !strcmp(v->text, "none")))
		return 0;
	return parse_one_or_list(p, v, port, parse_one_vlan);
}

static int parse_one_source(struct vn_parser *p, const struct vn_yaml *v, struct vn_port *port)
{
	char shown[VN_SHOW_BUF], right[VN_ADDR_BUF];
	const char *text = vn_parse_text(p, v, "a prefix");
	struct vn_addr a, net;
	unsigned int i, same = 0;

	if (!text)
		return -EINVAL;
	if (vn_addr_parse(text, &a) < 0)
		return vn_parse_fail(p, v, "sources: '%s' is not a prefix: write it like 192.0.2.0/24 or fd00::/64",
				     vn_show(shown, text));
	net = vn_addr_network(&a);
	if (!vn_addr_equal(&net, &a))
		return vn_parse_fail(p, v, "sources: '%s' has bits behind its length, write %s", text,
				     vn_addr_format(right, &net, false));
	for (i = 0; i < port->n_sources; i++) {
		if (vn_addr_equal(&port->sources[i], &a))
			return vn_parse_fail(p, v, "sources: '%s' is given twice", text);
		same += port->sources[i].family == a.family;
	}
	if (same >= VN_PORT_SOURCES)
		return vn_parse_fail(p, v, "sources: at most %d prefixes of a family, '%s' is one too many",
				     VN_PORT_SOURCES, text);
	port->sources[port->n_sources++] = a;
	return 0;
}

static int parse_sources(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	return parse_one_or_list(p, v, obj, parse_one_source);
}

int vn_parse_ports(struct vn_parser *p, const struct vn_yaml *y)
{
	static const struct vn_key keys[] = {
		{"mac", vn_parse_port_mac},
		{"macs", parse_macs},
		{"ip", parse_ip},
		{"isolation", parse_port_isolation},
		{"checksum", parse_port_checksum},
		{"vlans", parse_vlans},
		{"sources", parse_sources},
		VN_AFXDP_KEYS,
		{"vf", vn_parse_port_vf},
		{NULL, NULL},
	};
	char shown[VN_SHOW_BUF], ifname[IF_NAMESIZE];
	struct port_entry *e;
	bool failed = false;
	size_t i, node;
	int r;

	if (vn_yaml_is_null(y))
		return 0;
	if (y->kind != VN_YAML_MAP)
		return vn_parse_fail(p, y, "ports: write a map such as {\"a:eth0\": {vlans: none}}");
	for (i = 0; i < y->n; i += 2) {
		r = parse_endpoint(p, &y->items[i], &node, ifname);
		if (r == -ENOMEM)
			return r;
		failed |= r < 0;
		if (r < 0)
			continue;
		e = ifname[0] ? port_find(p, node, ifname) : NULL;
		if (!e && !p->links_failed)
			vn_parse_fail(p, &y->items[i], "port '%s' is on no link: write NODE:INTERFACE of one",
				      vn_show(shown, y->items[i].text));
		failed |= !e;
		if (!e)
			continue;
		r = vn_parse_map(p, &y->items[i + 1], "a port", keys, &p->topo->links[e->link].ports[e->side], NULL);
		if (r == -ENOMEM)
			return r;
		failed |= r < 0;
	}
	return failed ? -EINVAL : 0;
}
