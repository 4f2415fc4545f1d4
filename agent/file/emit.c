// SPDX-License-Identifier: GPL-2.0-only
/* The topology file written again, normalised: every default spelt out at its link, every endpoint with its interface.
 */
#include <math.h>

#include "model/model_internal.h"
#include "model/afxdp_port.h"

static const char *const isolation_words[] = {
	[VN_ISOLATION_OFF] = "off", [VN_ISOLATION_MAC] = "mac", [VN_ISOLATION_IP] = "ip"};

/* The entries of a flow map, after the first each with a comma. */
struct flow {
	FILE *f;
	bool any;
};

VN_PRINTF(2, 3) static void entry(struct flow *o, const char *fmt, ...)
{
	va_list ap;

	if (o->any)
		fputs(", ", o->f);
	o->any = true;
	va_start(ap, fmt);
	vfprintf(o->f, fmt, ap);
	va_end(ap);
}

/* As a YAML scalar within a flow map: names of files may have signs that mean something there. */
static void scalar(struct flow *o, const char *key, const char *text)
{
	if (strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ._/%+-") == strlen(text)) {
		entry(o, "%s: %s", key, text);
		return;
	}
	entry(o, "%s: \"", key);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', o->f);
		fputc(*text, o->f);
	}
	fputc('"', o->f);
}

/* What makes @d out of @base; a word that @base has and @d has not is written as what switches it off. */
static void emit_disc(struct flow *o, const struct vn_disc *d, const struct vn_disc *base)
{
	char is[VN_DISC_TEXT_BUF], was[VN_DISC_TEXT_BUF];

	for (const struct vn_disc_word *w = vn_disc_words; w->word; w++) {
		is[0] = was[0] = '\0';
		w->print(d, false, is, sizeof(is));
		w->print(base, false, was, sizeof(was));
		if (strcmp(is, was) == 0)
			continue;
		/* What is left out of a word that is there already would stay as it was. */
		is[0] = '\0';
		w->print(d, *was != '\0', is, sizeof(is));
		scalar(o, w->word, *is ? is : w->off);
	}
}

/* JSON's strings and lists are YAML's as well. */
static void emit_json(struct flow *o, const char *key, const json_t *v)
{
	char *text = json_dumps(v, JSON_ENCODE_ANY);

	if (text)
		entry(o, "%s: %s", key, text);
	free(text);
}

static void emit_env(struct flow *o, const json_t *env)
{
	json_t *map = json_object(), *w;
	size_t i;

	json_array_foreach (env, i, w) {
		const char *s = json_string_value(w), *eq = strchr(s, '=');
		cleanup_free char *name = strndup(s, eq ? (size_t)(eq - s) : strlen(s));

		if (name)
			json_object_set_new(map, name, json_string(eq ? eq + 1 : ""));
	}
	emit_json(o, "env", map);
	json_decref(map);
}

static void emit_container(struct flow *o, const struct vn_node *n)
{
	char size[VN_UNIT_BUF];
	const char *key;
	json_t *v;

	if (n->runtime != VN_RUNTIME_NETNS)
		entry(o, "runtime: %s", vn_runtime_words[n->runtime]);
	json_object_foreach (n->container, key, v) {
		if (!strcmp(key, "env"))
			emit_env(o, v);
		else if (!strcmp(key, "uid"))
			entry(o, "user: \"%lld:%lld\"", (long long)json_integer_value(v),
			      (long long)json_integer_value(json_object_get(n->container, "gid")));
		else if (strstr(key, "_bytes"))
			entry(o, "%.*s: %s", (int)strcspn(key, "_"), key,
			      vn_format_size(size, (uint64_t)json_integer_value(v)));
		else if (strcmp(key, "gid"))
			emit_json(o, key, v);
	}
}

static void emit_node(FILE *f, const struct vn_node *n)
{
	struct flow o = {.f = f};
	char lat[VN_DOUBLE_BUF], lon[VN_DOUBLE_BUF];

	fprintf(f, "  %s: {", n->name);
	emit_container(&o, n);
	if (n->privileged)
		entry(&o, "privileged: true");
	if (n->forward_opt >= 0)
		entry(&o, "forward: %s", n->forward_opt ? "true" : "false");
	if (*n->congestion)
		entry(&o, "congestion: %s", n->congestion);
	if (!isnan(n->lat))
		entry(&o, "coordinates: [%s, %s]", vn_format_double(lat, n->lat), vn_format_double(lon, n->lon));
	fputs("}\n", f);
}

static void emit_link(FILE *f, const struct vn_topo *t, const struct vn_link *l)
{
	const struct vn_disc none = VN_DISC_NONE;
	struct flow o = {.f = f}, reverse;
	char *text = NULL;
	size_t size;

	fprintf(f, "  %s: {", l->name);
	entry(&o, "endpoints: [%s:%s, %s:%s]", t->nodes[l->ports[0].node].name, l->ports[0].ifname,
	      t->nodes[l->ports[1].node].name, l->ports[1].ifname);
	emit_disc(&o, &l->disc[0], &none);
	if (l->mtu != 1500)
		entry(&o, "mtu: %u", l->mtu);
	if (l->fail_open)
		entry(&o, "engine_down: pass");
	if (l->carrier_ignore)
		entry(&o, "carrier: ignore");
	if (l->ports[0].isolation == l->ports[1].isolation && l->ports[0].isolation != VN_ISOLATION_MAC)
		entry(&o, "isolation: %s", isolation_words[l->ports[0].isolation]);
	reverse = (struct flow){.f = open_memstream(&text, &size)};
	if (reverse.f) {
		emit_disc(&reverse, &l->disc[1], &l->disc[0]);
		fclose(reverse.f);
		if (reverse.any)
			entry(&o, "reverse: {%s}", text);
		free(text);
	}
	fputs("}\n", f);
}

static bool port_is_plain(const struct vn_link *l, const struct vn_port *p)
{
	return !p->mac_given && !p->ip_given && !p->vlan_list && !p->n_sources && !p->n_macs && !p->checksum &&
	       p->kind == VN_PORT_VETH &&
	       (l->ports[0].isolation == l->ports[1].isolation || p->isolation == VN_ISOLATION_MAC);
}

static void emit_addrs(struct flow *o, const char *key, const struct vn_addr *const *addrs, size_t n)
{
	char buf[VN_ADDR_BUF];
	size_t i;

	entry(o, "%s: [", key);
	for (i = 0; i < n; i++)
		fprintf(o->f, "%s\"%s\"", i ? ", " : "", vn_addr_format(buf, addrs[i], false));
	fputc(']', o->f);
}

/* Empty for what was not asked for. */
static void emit_vf(struct flow *o, const struct vn_port *p)
{
	const struct vn_vf *v = &p->vf;

	entry(o, "vf: {pf: %s, mode: %s", v->pf, vn_vf_mode_words[v->mode]);
	if (v->vlan >= 0)
		entry(o, "vlan: %d", v->vlan);
	if (v->spoofchk >= 0)
		entry(o, "spoofchk: %s", vn_vf_switch_words[v->spoofchk]);
	if (v->trust >= 0)
		entry(o, "trust: %s", vn_vf_switch_words[v->trust]);
	if (v->state >= 0)
		entry(o, "state: %s", vn_vf_state_words[v->state]);
	if (v->min_tx_rate >= 0)
		entry(o, "min_tx_rate: %d", v->min_tx_rate);
	if (v->max_tx_rate >= 0)
		entry(o, "max_tx_rate: %d", v->max_tx_rate);
	if (v->driver != VN_VF_KERNEL)
		entry(o, "driver: %s", vn_vf_driver_words[v->driver]);
	if (v->xdp != VN_VF_XDP_AUTO)
		entry(o, "xdp: %s", vn_vf_xdp_words[v->xdp]);
	if (v->force)
		entry(o, "force: true");
	fputc('}', o->f);
}

static void emit_afxdp(struct flow *o, const struct vn_port *p)
{
	char kernel[VN_CLASSES_BUF];

	entry(o, "kernel: %s", vn_classes_format(kernel, p->afxdp.kernel));
	entry(o, "unbound: %s", vn_unbound_words[p->afxdp.unbound]);
	entry(o, "handover: %s", vn_handover_words[p->handover]);
	if (p->buffers)
		entry(o, "buffers: %u", p->buffers);
}

/* The keys of a kind's own, by enum vn_port_kind. */
static void (*const emit_kind[VN_PORT_KINDS])(struct flow *o, const struct vn_port *p) = {
	[VN_PORT_AFXDP] = emit_afxdp,
	[VN_PORT_VF] = emit_vf,
};

static void emit_port(FILE *f, const struct vn_topo *t, const struct vn_link *l, const struct vn_port *p)
{
	const struct vn_addr *addrs[2 * VN_PORT_PREFIXES];
	struct flow o = {.f = f};
	char mac[VN_MAC_BUF];
	size_t i, n = 0;

	fprintf(f, "  %s:%s: {", t->nodes[p->node].name, p->ifname);
	if (p->mac_given)
		entry(&o, "mac: \"%s\"", vn_mac_format(mac, p->mac));
	if (p->n_macs) {
		entry(&o, "macs: [");
		for (i = 0; i < p->n_macs; i++)
			fprintf(f, "%s\"%s\"", i ? ", " : "", vn_mac_format(mac, p->macs[i]));
		fputc(']', f);
	}
	if (p->ip_given) {
		if (p->ip4.family)
			addrs[n++] = &p->ip4;
		if (p->ip6.family)
			addrs[n++] = &p->ip6;
		emit_addrs(&o, "ip", addrs, n);
	}
	if (l->ports[0].isolation != l->ports[1].isolation && p->isolation != VN_ISOLATION_MAC)
		entry(&o, "isolation: %s", isolation_words[p->isolation]);
	if (p->checksum)
		entry(&o, "checksum: %s", vn_checksum_words[p->checksum]);
	if (p->vlan_list && !p->n_vlans)
		entry(&o, "vlans: none");
	if (p->n_vlans) {
		entry(&o, "vlans: [");
		for (i = 0; i < p->n_vlans; i++)
			fprintf(f, "%s%u", i ? ", " : "", p->vlans[i]);
		fputc(']', f);
	}
	if (p->n_sources) {
		for (i = 0; i < p->n_sources; i++)
			addrs[i] = &p->sources[i];
		emit_addrs(&o, "sources", addrs, p->n_sources);
	}
	if (p->kind != VN_PORT_VETH && vn_port_model(p)->by_word)
		entry(&o, "kind: %s", vn_port_model(p)->word);
	if (emit_kind[p->kind])
		emit_kind[p->kind](&o, p);
	fputs("}\n", f);
}

int vn_topo_emit_yaml(const struct vn_topo *t, FILE *f)
{
	bool any = false;
	size_t i;

	fprintf(f, "name: %s\n", t->name);
	if (t->seed_given)
		fprintf(f, "seed: %llu\n", (unsigned long long)t->seed);
	fprintf(f, "addressing: %s\n", t->addressing == VN_ADDRESSING_AUTO ? "auto" : "none");
	fprintf(f, "routing: %s\n", t->routing == VN_ROUTING_SHORTEST ? "shortest" : "none");
	if (t->heal)
		fputs("heal: true\n", f);
	if (t->strict)
		fputs("strict: true\n", f);
	fputs("nodes:\n", f);
	for (i = 0; i < t->n_nodes; i++)
		emit_node(f, &t->nodes[i]);
	if (t->n_links)
		fputs("links:\n", f);
	for (i = 0; i < t->n_links; i++)
		emit_link(f, t, &t->links[i]);
	for (i = 0; i < t->n_links * VN_DIRS; i++) {
		const struct vn_link *l = &t->links[i / VN_DIRS];
		const struct vn_port *p = &l->ports[i % VN_DIRS];

		if (port_is_plain(l, p))
			continue;
		if (!any)
			fputs("ports:\n", f);
		any = true;
		emit_port(f, t, l, p);
	}
	return ferror(f) ? -EIO : 0;
}
