// SPDX-License-Identifier: GPL-2.0-only
/* The resolved topology as JSON: on disk and on the wire. Reading trusts nothing. Disciplines: disc_json.c. */
#include <math.h>

#include "model/model_internal.h"

static const char *const isolation_words[] = {
	[VN_ISOLATION_OFF] = "off", [VN_ISOLATION_MAC] = "mac", [VN_ISOLATION_IP] = "ip"};
static const char *const addressing_words[] = {[VN_ADDRESSING_AUTO] = "auto", [VN_ADDRESSING_NONE] = "none"};
static const char *const routing_words[] = {[VN_ROUTING_SHORTEST] = "shortest", [VN_ROUTING_NONE] = "none"};
static const char *const forward_words[] = {"auto", "no", "yes"};

#define pick(words, text) pick_word((words), VN_ARRAY_SIZE(words), (text))

static int pick_word(const char *const *words, size_t n, const char *text)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (words[i] && !strcmp(words[i], text))
			return (int)i;
	}
	return -EINVAL;
}

/* jansson quotes keys as they are: what would break the line, or the terminal, is replaced. */
static int refuse(struct vn_err *err, const char *what, const json_error_t *why)
{
	char text[JSON_ERROR_TEXT_LENGTH];
	size_t i;

	for (i = 0; why->text[i] && i < sizeof(text) - 1; i++)
		text[i] = (unsigned char)why->text[i] < 0x20 || why->text[i] == 0x7f ? '?' : why->text[i];
	text[i] = '\0';
	return vn_err_usage(err, "%s: %s", what, text);
}

static json_t *addr_to_json(const struct vn_addr *a)
{
	char buf[VN_ADDR_BUF];

	return a->family ? json_string(vn_addr_format(buf, a, false)) : json_null();
}

static json_t *vlans_to_json(const struct vn_port *p)
{
	json_t *list;
	int i;

	if (!p->vlan_list)
		return json_null();
	list = json_array();
	for (i = 0; i < p->n_vlans; i++)
		json_array_append_new(list, json_integer(p->vlans[i]));
	return list;
}

/* NULL when there are none. */
static json_t *macs_to_json(const struct vn_port *p)
{
	json_t *list = p->n_macs ? json_array() : NULL;
	char mac[VN_MAC_BUF];

	for (int i = 0; i < p->n_macs; i++)
		json_array_append_new(list, json_string(vn_mac_format(mac, p->macs[i])));
	return list;
}

/* What is its kind's alone. */
static void add_kind(json_t *o, const struct vn_port *p)
{
	const struct vn_port_model *m = vn_port_model(p);

	if (o && p->kind != VN_PORT_VETH)
		json_object_set_new(o, m->word, m->to_json ? m->to_json(p) : json_object());
}

static json_t *port_to_json(const struct vn_topo *t, const struct vn_port *p)
{
	json_t *sources = json_array(), *o;
	char mac[VN_MAC_BUF];
	int i;

	for (i = 0; i < p->n_sources; i++)
		json_array_append_new(sources, addr_to_json(&p->sources[i]));
	o = json_pack("{s:s, s:s, s:I, s:s, s:b, s:s, s:o, s:o, s:b, s:o, s:o, s:o*, s:s*}", "node",
		      t->nodes[p->node].name, "ifname", p->ifname, "number", (json_int_t)p->number, "mac",
		      vn_mac_format(mac, p->mac), "mac_given", p->mac_given, "isolation", isolation_words[p->isolation],
		      "ip4", addr_to_json(&p->ip4), "ip6", addr_to_json(&p->ip6), "ip_given", p->ip_given, "vlans",
		      vlans_to_json(p), "sources", sources, "macs", macs_to_json(p), "checksum",
		      p->checksum ? vn_checksum_words[p->checksum] : NULL);
	add_kind(o, p);
	return o;
}

static json_t *link_to_json(const struct vn_topo *t, const struct vn_link *l)
{
	json_t *o = json_pack("{s:s, s:I, s:s, s:s, s:[o, o], s:[o, o]}", "name", l->name, "mtu", (json_int_t)l->mtu,
			      "engine_down", l->fail_open ? "pass" : "drop", "carrier",
			      l->carrier_ignore ? "ignore" : "follow", "ports", port_to_json(t, &l->ports[0]),
			      port_to_json(t, &l->ports[1]), "disc", vn_disc_to_json(&l->disc[0]),
			      vn_disc_to_json(&l->disc[1]));

	if (o && (l->trace_delay_ns[0] || l->trace_delay_ns[1]))
		json_object_set_new(
			o, "trace_delay_ns",
			json_pack("[I, I]", (json_int_t)l->trace_delay_ns[0], (json_int_t)l->trace_delay_ns[1]));
	return o;
}

static json_t *node_to_json(const struct vn_node *n)
{
	json_t *o = json_pack("{s:s, s:s*, s:O*, s:I, s:b, s:s, s:o, s:o, s:o, s:o}", "name", n->name, "runtime",
			      n->runtime ? vn_runtime_words[n->runtime] : NULL, "container", n->container, "id",
			      (json_int_t)n->id, "forward", n->forward, "forward_asked",
			      forward_words[n->forward_opt + 1], "lo4", addr_to_json(&n->lo4), "lo6",
			      addr_to_json(&n->lo6), "lat", isnan(n->lat) ? json_null() : json_real(n->lat), "lon",
			      isnan(n->lon) ? json_null() : json_real(n->lon));

	if (n->privileged)
		json_object_set_new(o, "privileged", json_true());
	if (*n->congestion)
		json_object_set_new(o, "congestion", json_string(n->congestion));
	if (n->asked_by)
		json_object_set_new(o, "asked_by", json_integer(n->asked_by));
	return o;
}

json_t *vn_topo_to_json(const struct vn_topo *t)
{
	json_t *nodes, *links;
	size_t i;

	if (!t->resolved)
		return NULL;
	nodes = json_array();
	links = json_array();
	for (i = 0; i < t->n_nodes; i++)
		json_array_append_new(nodes, node_to_json(&t->nodes[i]));
	for (i = 0; i < t->n_links; i++)
		json_array_append_new(links, link_to_json(t, &t->links[i]));
	return json_pack("{s:s, s:s*, s:I, s:b, s:s, s:s, s:o*, s:o*, s:o, s:o}", "name", t->name, "source", t->source,
			 "seed", (json_int_t)t->seed, "seed_given", t->seed_given, "addressing",
			 addressing_words[t->addressing], "routing", routing_words[t->routing], "strict",
			 t->strict ? json_true() : NULL, "heal", t->heal ? json_true() : NULL, "nodes", nodes, "links",
			 links);
}

static int read_name(const char *text, const char *what, char ret_name[VN_NAME_MAX + 1], struct vn_err *err)
{
	char shown[VN_SHOW_BUF];

	if (!vn_name_valid(text))
		return vn_err_usage(err, "%s name '%s' is not valid", what, vn_show(shown, text));
	snprintf(ret_name, VN_NAME_MAX + 1, "%s", text);
	return 0;
}

static int read_addr(const json_t *o, int family, struct vn_addr *ret_addr)
{
	struct vn_addr a;

	if (json_is_null(o))
		return 0;
	if (!json_is_string(o) || vn_addr_parse(json_string_value(o), &a) < 0 || a.family != family)
		return -EINVAL;
	*ret_addr = a;
	return 0;
}

static int read_vlans(const json_t *o, struct vn_port *p)
{
	json_int_t id, last = 0;
	const json_t *v;
	size_t i;

	if (json_is_null(o))
		return 0;
	if (!json_is_array(o) || json_array_size(o) > VN_PORT_VLANS)
		return -EINVAL;
	p->vlan_list = true;
	json_array_foreach (o, i, v) {
		id = json_integer_value(v);
		if (id <= last || id > 4094)
			return -EINVAL;
		p->vlans[p->n_vlans++] = (uint16_t)id;
		last = id;
	}
	return 0;
}

static int read_sources(const json_t *o, struct vn_port *p)
{
	unsigned int n4 = 0, n6 = 0;
	struct vn_addr a, net;
	const json_t *v;
	size_t i;

	if (!json_is_array(o) || json_array_size(o) > 2 * VN_PORT_SOURCES)
		return -EINVAL;
	json_array_foreach (o, i, v) {
		if (!json_is_string(v) || vn_addr_parse(json_string_value(v), &a) < 0)
			return -EINVAL;
		net = vn_addr_network(&a);
		if (!vn_addr_equal(&a, &net) || ++*(a.family == AF_INET ? &n4 : &n6) > VN_PORT_SOURCES)
			return -EINVAL;
		p->sources[p->n_sources++] = a;
	}
	return 0;
}

static int read_macs(const json_t *o, struct vn_port *p)
{
	const json_t *v;
	size_t i;

	if (!o)
		return 0;
	if (!json_is_array(o) || json_array_size(o) > VN_PORT_MACS)
		return -EINVAL;
	json_array_foreach (o, i, v) {
		if (!json_is_string(v) || vn_mac_parse(json_string_value(v), p->macs[i]) < 0 ||
		    !vn_mac_valid(p->macs[i]))
			return -EINVAL;
		p->n_macs++;
	}
	return 0;
}

/* Takes its kind's part out of @o. */
static int read_kind(json_t *o, struct vn_port *p, struct vn_err *err)
{
	for (uint8_t kind = VN_PORT_VETH + 1; kind < VN_PORT_KINDS; kind++) {
		const struct vn_port_model *m = vn_port_models[kind];
		const json_t *part = json_object_get(o, m->word);

		if (!part)
			continue;
		if (p->kind != VN_PORT_VETH)
			return vn_err_usage(err, "port: of two kinds, %s and %s", vn_port_model(p)->word, m->word);
		p->kind = kind;
		if (m->from_json && m->from_json(part, p) < 0)
			return vn_err_usage(err, "port: not %s", m->part);
		json_object_del(o, m->word);
	}
	return 0;
}

static int read_port(struct vn_topo *t, const json_t *port, struct vn_port *p, struct vn_err *err)
{
	json_auto_t *o = json_copy((json_t *)port);
	const char *node, *ifname, *mac, *isolation, *checksum = vn_checksum_words[VN_CHECKSUM_AUTO];
	json_t *ip4, *ip6, *vlans, *sources, *macs = NULL;
	int mac_given, ip_given, kind, sum;
	json_int_t number;
	json_error_t why;
	int r;

	if (!o)
		return vn_err_usage(err, "port: not an object");
	r = read_kind(o, p, err);
	if (r < 0)
		return r;
	if (json_unpack_ex(o, &why, JSON_STRICT, "{s:s, s:s, s:I, s:s, s:b, s:s, s:o, s:o, s:b, s:o, s:o, s?o, s?s}",
			   "node", &node, "ifname", &ifname, "number", &number, "mac", &mac, "mac_given", &mac_given,
			   "isolation", &isolation, "ip4", &ip4, "ip6", &ip6, "ip_given", &ip_given, "vlans", &vlans,
			   "sources", &sources, "macs", &macs, "checksum", &checksum) < 0)
		return refuse(err, "port", &why);
	kind = pick(isolation_words, isolation);
	sum = pick(vn_checksum_words, checksum);
	if (kind < 0 || sum < 0 || !vn_ifname_valid(ifname) || vn_topo_find_node(t, node, &p->node) < 0)
		return vn_err_usage(err, "port: unknown node, interface name, isolation or checksum");
	snprintf(p->ifname, sizeof(p->ifname), "%s", ifname);
	if (vn_mac_parse(mac, p->mac) < 0 || !vn_mac_valid(p->mac))
		return vn_err_usage(err, "port: no unicast MAC");
	if (number < 1 || number >= VN_PORTS_MAX)
		return vn_err_usage(err, "port: number out of range");
	p->number = (uint32_t)number;
	p->isolation = (uint8_t)kind;
	p->checksum = (uint8_t)sum;
	p->mac_given = mac_given;
	p->ip_given = ip_given;
	if (read_addr(ip4, AF_INET, &p->ip4) < 0 || read_addr(ip6, AF_INET6, &p->ip6) < 0 ||
	    (ip_given && !p->ip4.family && !p->ip6.family))
		return vn_err_usage(err, "port: bad address");
	if (ip_given &&
	    ((p->ip4.family && vn_addr_why_not_host(&p->ip4)) || (p->ip6.family && vn_addr_why_not_host(&p->ip6))))
		return vn_err_usage(err, "port: bad address");
	if (read_vlans(vlans, p) < 0 || read_sources(sources, p) < 0 || read_macs(macs, p) < 0)
		return vn_err_usage(err, "port: bad list of VLANs, sources or MACs");
	return 0;
}

static int read_link(struct vn_topo *t, const json_t *o, struct vn_link *l, struct vn_err *err)
{
	json_t *ports[VN_DIRS], *disc[VN_DIRS];
	/* What an agent wrote that knew no carriers has no word of them. */
	const char *name, *engine_down, *carrier = "follow";
	json_error_t why;
	json_int_t mtu, trace_delay[VN_DIRS] = {0};
	int i, r;

	if (json_unpack_ex((json_t *)o, &why, JSON_STRICT, "{s:s, s:I, s:s, s?s, s:[o, o!], s:[o, o!], s?[I, I!]}",
			   "name", &name, "mtu", &mtu, "engine_down", &engine_down, "carrier", &carrier, "ports",
			   &ports[0], &ports[1], "disc", &disc[0], &disc[1], "trace_delay_ns", &trace_delay[0],
			   &trace_delay[1]) < 0)
		return refuse(err, "link", &why);
	r = read_name(name, "link", l->name, err);
	if (r < 0)
		return r;
	if (mtu < VN_MTU_MIN || mtu > VN_MTU_MAX)
		return vn_err_usage(err, "link '%s': MTU out of range", l->name);
	l->mtu = (uint32_t)mtu;
	l->fail_open = !strcmp(engine_down, "pass");
	if (!l->fail_open && strcmp(engine_down, "drop"))
		return vn_err_usage(err, "link '%s': engine_down is neither drop nor pass", l->name);
	l->carrier_ignore = !strcmp(carrier, "ignore");
	if (!l->carrier_ignore && strcmp(carrier, "follow"))
		return vn_err_usage(err, "link '%s': carrier is neither follow nor ignore", l->name);
	for (i = 0; i < VN_DIRS; i++) {
		if (trace_delay[i] < 0 || trace_delay[i] > (json_int_t)VN_DELAY_MAX_NS)
			return vn_err_usage(err, "link '%s': trace_delay_ns out of range", l->name);
		l->trace_delay_ns[i] = (uint64_t)trace_delay[i];
		r = read_port(t, ports[i], &l->ports[i], err);
		if (r == 0)
			r = vn_disc_from_json(disc[i], &l->disc[i], err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_coordinate(const json_t *o, double max, double *ret_value)
{
	*ret_value = NAN;
	if (json_is_null(o))
		return 0;
	if (!json_is_number(o) || !(fabs(json_number_value(o)) <= max))
		return -EINVAL;
	*ret_value = json_number_value(o);
	return 0;
}

static int read_node(const json_t *o, struct vn_node *n, struct vn_err *err)
{
	const char *name, *asked, *congestion = "";
	json_t *lo4, *lo6, *lat, *lon, *container = NULL;
	const char *runtime = vn_runtime_words[VN_RUNTIME_NETNS];
	int forward, kind, run, privileged = 0, r;
	json_error_t why;
	json_int_t id, asked_by = 0;

	if (json_unpack_ex((json_t *)o, &why, JSON_STRICT,
			   "{s:s, s?s, s?b, s?s, s?o, s?I, s:I, s:b, s:s, s:o, s:o, s:o, s:o}", "name", &name,
			   "runtime", &runtime, "privileged", &privileged, "congestion", &congestion, "container",
			   &container, "asked_by", &asked_by, "id", &id, "forward", &forward, "forward_asked", &asked,
			   "lo4", &lo4, "lo6", &lo6, "lat", &lat, "lon", &lon) < 0)
		return refuse(err, "node", &why);
	if (asked_by < 0 || asked_by > UINT32_MAX)
		return vn_err_usage(err, "node '%.64s': asked_by is no user", name);
	r = read_name(name, "node", n->name, err);
	if (r < 0)
		return r;
	kind = pick(forward_words, asked);
	if (kind < 0 || id < 1 || id > UINT16_MAX)
		return vn_err_usage(err, "node '%s': id or forward_asked out of range", n->name);
	if (read_addr(lo4, AF_INET, &n->lo4) < 0 || read_addr(lo6, AF_INET6, &n->lo6) < 0)
		return vn_err_usage(err, "node '%s': bad loopback address", n->name);
	if (read_coordinate(lat, 90, &n->lat) < 0 || read_coordinate(lon, 180, &n->lon) < 0 ||
	    isnan(n->lat) != isnan(n->lon))
		return vn_err_usage(err, "node '%s': bad coordinates", n->name);
	if (*congestion && !vn_congestion_valid(congestion))
		return vn_err_usage(err, "node '%s': bad name of a congestion control", n->name);
	snprintf(n->congestion, sizeof(n->congestion), "%s", congestion);
	run = pick_word(vn_runtime_words, VN_RUNTIMES, runtime);
	if (run < 0 || vn_runtime_has((enum vn_runtime)run, VN_NODE_CONTAINER) != (json_is_object(container)))
		return vn_err_usage(err, "node '%s': runtime and container do not fit together", n->name);
	if (json_is_object(container)) {
		if (vn_container_check(container, (enum vn_runtime)run, err) < 0)
			return -EINVAL;
		n->container = json_incref(container);
	}
	n->runtime = (uint8_t)run;
	n->asked_by = (uint32_t)asked_by;
	n->privileged = privileged;
	n->id = (uint32_t)id;
	n->forward = forward;
	n->forward_opt = (int8_t)(kind - 1);
	return 0;
}

static int check_ports_unique(const struct vn_topo *t, struct vn_err *err)
{
	cleanup_free uint8_t *used = calloc(VN_PORTS_MAX + 1, 1);
	size_t stride = VN_NAME_MAX + 1 + IF_NAMESIZE + 1, i, dup = SIZE_MAX;
	cleanup_free char *names = calloc(t->n_links * VN_DIRS + 1, stride);
	cleanup_name_index struct vn_name_index *x = NULL;

	if (!used || !names)
		return vn_err_nomem(err);
	for (i = 0; i < t->n_links * VN_DIRS; i++) {
		const struct vn_port *p = &t->links[i / VN_DIRS].ports[i % VN_DIRS];

		if (used[p->number]++)
			return vn_err_usage(err, "port number %u is given twice", p->number);
		snprintf(names + i * stride, stride, "%s:%s", t->nodes[p->node].name, p->ifname);
	}
	x = vn_name_index_new(names, stride, t->n_links * VN_DIRS, &dup);
	if (!x)
		return vn_err_nomem(err);
	if (dup != SIZE_MAX)
		return vn_err_usage(err, "port '%s' is used twice", names + dup * stride);
	return 0;
}

static int check_names_unique(const struct vn_topo *t, struct vn_err *err)
{
	cleanup_name_index struct vn_name_index *nodes = NULL, *links = NULL;
	size_t dup_node = SIZE_MAX, dup_link = SIZE_MAX;

	nodes = vn_name_index_new((const char *)t->nodes, sizeof(*t->nodes), t->n_nodes, &dup_node);
	links = vn_name_index_new((const char *)t->links, sizeof(*t->links), t->n_links, &dup_link);
	if (!nodes || !links)
		return vn_err_nomem(err);
	if (dup_node != SIZE_MAX)
		return vn_err_usage(err, "node '%s' is given twice", t->nodes[dup_node].name);
	if (dup_link != SIZE_MAX)
		return vn_err_usage(err, "link '%s' is given twice", t->links[dup_link].name);
	return check_ports_unique(t, err);
}

static int read_topo_head(const json_t *o, struct vn_topo *t, json_t **ret_nodes, json_t **ret_links,
			  struct vn_err *err)
{
	const char *name, *addressing, *routing, *source = NULL;
	int seed_given, heal = 0, strict = 0, a, r;
	json_error_t why;
	json_int_t seed;

	if (json_unpack_ex((json_t *)o, &why, JSON_STRICT, "{s:s, s?s, s:I, s:b, s:s, s:s, s?b, s?b, s:o, s:o}", "name",
			   &name, "source", &source, "seed", &seed, "seed_given", &seed_given, "addressing",
			   &addressing, "routing", &routing, "strict", &strict, "heal", &heal, "nodes", ret_nodes,
			   "links", ret_links) < 0)
		return refuse(err, "topology", &why);
	r = read_name(name, "topology", t->name, err);
	if (r < 0)
		return r;
	a = pick(addressing_words, addressing);
	r = pick(routing_words, routing);
	if (seed < 0 || a < 0 || r < 0 || !json_is_array(*ret_nodes) || !json_is_array(*ret_links))
		return vn_err_usage(err, "topology: a field is out of range");
	if (json_array_size(*ret_nodes) < 1 || json_array_size(*ret_nodes) > VN_TOPO_NODES_MAX ||
	    json_array_size(*ret_links) > VN_TOPO_LINKS_MAX)
		return vn_err_usage(err, "topology: no nodes, or too many nodes or links");
	t->source = source ? strdup(source) : NULL;
	t->seed = (uint64_t)seed;
	t->seed_given = seed_given;
	t->heal = heal;
	t->strict = strict;
	t->addressing = (enum vn_addressing)a;
	t->routing = (enum vn_routing)r;
	return 0;
}

/* What @o says, each field within its range; whether they fit together is not yet known. */
static int read_topo(const json_t *o, struct vn_topo **ret_topo, struct vn_err *err)
{
	cleanup_topo struct vn_topo *t = vn_topo_new();
	json_t *nodes, *links, *v;
	size_t i;
	int r;

	if (!t)
		return vn_err_nomem(err);
	r = read_topo_head(o, t, &nodes, &links, err);
	if (r < 0)
		return r;
	t->nodes = calloc(json_array_size(nodes), sizeof(*t->nodes));
	t->links = calloc(json_array_size(links) + 1, sizeof(*t->links));
	if (!t->nodes || !t->links)
		return vn_err_nomem(err);
	json_array_foreach (nodes, i, v) {
		r = read_node(v, &t->nodes[t->n_nodes++], err);
		if (r < 0)
			return r;
	}
	json_array_foreach (links, i, v) {
		r = read_link(t, v, &t->links[t->n_links++], err);
		if (r < 0)
			return r;
	}
	r = check_names_unique(t, err);
	if (r < 0)
		return r;
	if (vn_topo_connect(t) < 0)
		return vn_err_nomem(err);
	*ret_topo = take_ptr(t);
	return 0;
}

/* Nothing may have changed by resolving the topology with itself as what runs. */
static int check_kept(const struct vn_topo *said, const struct vn_topo *t, struct vn_err *err)
{
	size_t i;

	for (i = 0; i < t->n_nodes; i++) {
		const struct vn_node *a = &said->nodes[i], *b = &t->nodes[i];

		if (a->id != b->id || a->forward != b->forward || !vn_addr_equal(&a->lo4, &b->lo4) ||
		    !vn_addr_equal(&a->lo6, &b->lo6))
			return vn_err_usage(err, "node '%s': its id, forwarding and addresses do not fit together",
					    a->name);
	}
	for (i = 0; i < t->n_links * VN_DIRS; i++) {
		const struct vn_port *a = &said->links[i / VN_DIRS].ports[i % VN_DIRS];
		const struct vn_port *b = &t->links[i / VN_DIRS].ports[i % VN_DIRS];

		if (a->number != b->number || memcmp(a->mac, b->mac, sizeof(a->mac)) ||
		    !vn_addr_equal(&a->ip4, &b->ip4) || !vn_addr_equal(&a->ip6, &b->ip6))
			return vn_err_usage(err, "link '%s': its numbers, MACs and addresses do not fit together",
					    t->links[i / VN_DIRS].name);
	}
	return 0;
}

int vn_topo_from_json(const json_t *o, struct vn_topo **ret_topo, struct vn_err *err)
{
	cleanup_topo struct vn_topo *said = NULL, *t = NULL;
	int r;

	/* Twice, since resolving needs what runs beside what is wanted: the checks, keys and routes are those of an
	 * apply. */
	r = read_topo(o, &said, err);
	if (r < 0)
		return r;
	r = read_topo(o, &t, err);
	if (r < 0)
		return r;
	r = vn_topo_resolve(t, said, NULL, NULL, err);
	if (r < 0)
		return r;
	r = check_kept(said, t, err);
	if (r < 0)
		return r;
	*ret_topo = take_ptr(t);
	return 0;
}
