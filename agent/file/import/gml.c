// SPDX-License-Identifier: GPL-2.0-only
/*
 * A topology from GML, as the Internet Topology Zoo and topohub write it. Of the outermost `graph [ ]` only node (id
 * label lon|Longitude lat|Latitude hyperedge) and edge (source target dist LinkSpeed* LinkStatus) are read; everything
 * else is skipped, whatever it holds.
 */
#include <math.h>
#include <strings.h>
#include <uthash.h>

#include "file/import/gml_label.h"
#include "file/import/gml_lex.h"
#include "model/model_internal.h"

#define C_KM_PER_S  299792.458
#define EARTH_KM    6371.0088 /* mean radius, IUGG */
#define DIST_KM_MAX 1e6       /* 5 s of delay */

struct gml_node {
	int64_t id;
	size_t index; /* of the topology's node */
	UT_hash_handle hh;
};

struct gml_edge {
	int64_t source, target;
	double dist_km;   /* negative: not given */
	double speed_raw; /* bit/s; negative: not given */
	char speed[24], units[8];
	bool speed_bad;
	bool not_built;
	unsigned int line, column;
};

struct gml {
	struct vn_gml_text in;
	struct vn_topo *topo;
	size_t node_room, link_room;
	struct gml_node *ids;
	struct gml_edge *edges;
	size_t n_edges, edge_room;
	char label[VN_GML_WORD_MAX], name[VN_GML_WORD_MAX];
	char (*labels)[VN_GML_WORD_MAX]; /* of the nodes */
	size_t label_room;
	struct vn_gml_wish wish;
	struct vn_gml_report report;
};

struct node_text {
	char label[VN_GML_WORD_MAX];
	int64_t id;
	bool has_id, hyperedge;
	double lat, lon;
};

static int node_key(struct vn_gml_text *in, const struct vn_gml_token *key, struct vn_gml_token *value, void *obj)
{
	struct node_text *n = obj;
	int r;

	if (!strcasecmp(key->text, "id")) {
		r = vn_gml_int(in, value, &n->id);
		n->has_id = r == 0;
		return r;
	}
	if (!strcasecmp(key->text, "label") && (value->kind == VN_GML_STRING || value->kind == VN_GML_WORD)) {
		snprintf(n->label, sizeof(n->label), "%s", value->text);
		return 0;
	}
	if (!strcasecmp(key->text, "hyperedge"))
		n->hyperedge = !strcmp(value->text, "1");
	if (!strcasecmp(key->text, "lat") || !strcasecmp(key->text, "latitude"))
		return vn_gml_real(in, value, -90, 90, &n->lat);
	if (!strcasecmp(key->text, "lon") || !strcasecmp(key->text, "longitude"))
		return vn_gml_real(in, value, -180, 180, &n->lon);
	return vn_gml_skip(in, value);
}

/* A speed that cannot be read is no reason to refuse the network: it is counted. */
static void take_speed(const struct vn_gml_token *value, double *ret_speed, bool *ret_bad)
{
	char *end;
	double v = strtod(value->text, &end);

	*ret_bad = end == value->text || *end || !(v >= 0 && v <= 1e18);
	if (!*ret_bad)
		*ret_speed = v;
}

static bool is_not_built(const char *status)
{
	static const char *const words[] = {"future", "planned", "proposed", "under construction"};

	for (size_t i = 0; i < VN_ARRAY_SIZE(words); i++) {
		if (!strncasecmp(status, words[i], strlen(words[i])))
			return true;
	}
	return false;
}

static int edge_key(struct vn_gml_text *in, const struct vn_gml_token *key, struct vn_gml_token *value, void *obj)
{
	struct gml_edge *e = obj;

	if (!strcasecmp(key->text, "source"))
		return vn_gml_int(in, value, &e->source);
	if (!strcasecmp(key->text, "target"))
		return vn_gml_int(in, value, &e->target);
	if (!strcasecmp(key->text, "dist"))
		return vn_gml_real(in, value, 0, DIST_KM_MAX, &e->dist_km);
	if (!strcasecmp(key->text, "linkspeedraw"))
		take_speed(value, &e->speed_raw, &e->speed_bad);
	else if (!strcasecmp(key->text, "linkspeed"))
		snprintf(e->speed, sizeof(e->speed), "%.23s", value->text);
	else if (!strcasecmp(key->text, "linkspeedunits"))
		snprintf(e->units, sizeof(e->units), "%.7s", value->text);
	else if (!strcasecmp(key->text, "linkstatus"))
		e->not_built = is_not_built(value->text);
	return vn_gml_skip(in, value);
}

/* Room for one more in a growing array. */
static int grow(void *array, size_t *room, size_t n, size_t size)
{
	void **p = array, *bigger;
	size_t want = *room ? 2 * *room : 64;

	if (n < *room)
		return 0;
	bigger = reallocarray(*p, want, size);
	if (!bigger)
		return -ENOMEM;
	*p = bigger;
	*room = want;
	return 0;
}

/* Four digits after the point are 11 m: what is drawn needs no more, and the file stays readable. */
static double round_degrees(double v)
{
	return round(v * 1e4) / 1e4;
}

static int add_node(struct gml *g, const struct vn_gml_token *key)
{
	struct node_text said = {.lat = NAN, .lon = NAN};
	struct vn_topo *t = g->topo;
	struct gml_node *id, *found;
	struct vn_node *n;
	int r;

	r = vn_gml_list(&g->in, node_key, &said);
	if (r < 0)
		return r;
	if (!said.has_id)
		return vn_gml_fail_at(&g->in, key, "a node without `id`");
	HASH_FIND(hh, g->ids, &said.id, sizeof(said.id), found);
	if (found)
		return vn_gml_fail_at(&g->in, key, "node id %lld is given twice", (long long)said.id);
	if (t->n_nodes == VN_TOPO_NODES_MAX)
		return vn_gml_fail_at(&g->in, key, "more than %d nodes: split the topology", VN_TOPO_NODES_MAX);
	id = calloc(1, sizeof(*id));
	if (!id || grow(&t->nodes, &g->node_room, t->n_nodes, sizeof(*t->nodes)) < 0 ||
	    grow(&g->labels, &g->label_room, t->n_nodes, sizeof(*g->labels)) < 0) {
		free(id);
		return vn_err_nomem(g->in.err);
	}
	id->id = said.id;
	id->index = t->n_nodes;
	HASH_ADD(hh, g->ids, id, sizeof(id->id), id);
	g->report.hyperedges += said.hyperedge;
	memcpy(g->labels[t->n_nodes], said.label, sizeof(said.label));
	n = &t->nodes[t->n_nodes++];
	memset(n, 0, sizeof(*n));
	n->forward_opt = -1;
	n->line = (int)key->line;
	vn_gml_label(said.label, n->name);
	n->lat = n->lon = NAN;
	if (!isnan(said.lat) && !isnan(said.lon)) {
		n->lat = round_degrees(said.lat);
		n->lon = round_degrees(said.lon);
	}
	return 0;
}

static int add_edge(struct gml *g, const struct vn_gml_token *key)
{
	struct gml_edge *e;
	int r;

	if (g->n_edges == VN_TOPO_LINKS_MAX)
		return vn_gml_fail_at(&g->in, key, "more than %d edges: split the topology", VN_TOPO_LINKS_MAX);
	if (grow(&g->edges, &g->edge_room, g->n_edges, sizeof(*g->edges)) < 0)
		return vn_err_nomem(g->in.err);
	e = &g->edges[g->n_edges++];
	*e = (struct gml_edge){.source = INT64_MIN,
			       .target = INT64_MIN,
			       .dist_km = -1,
			       .speed_raw = -1,
			       .line = key->line,
			       .column = key->column};
	r = vn_gml_list(&g->in, edge_key, e);
	if (r < 0)
		return r;
	if (e->source == INT64_MIN || e->target == INT64_MIN)
		return vn_gml_fail_at(&g->in, key, "an edge without `source` or `target`");
	return 0;
}

static int graph_key(struct vn_gml_text *in, const struct vn_gml_token *key, struct vn_gml_token *value, void *obj)
{
	struct gml *g = obj;

	if (value->kind == VN_GML_OPEN && !strcasecmp(key->text, "node"))
		return add_node(g, key);
	if (value->kind == VN_GML_OPEN && !strcasecmp(key->text, "edge"))
		return add_edge(g, key);
	/* Not `Network`: of an operator's networks over the years each has the same. */
	if (value->kind == VN_GML_STRING && !strcasecmp(key->text, "label"))
		snprintf(g->label, sizeof(g->label), "%s", value->text);
	if (value->kind == VN_GML_STRING && !strcasecmp(key->text, "name"))
		snprintf(g->name, sizeof(g->name), "%s", value->text);
	return vn_gml_skip(in, value);
}

/* Names that are in use, so that the next of the same takes a number. */
struct used_name {
	char name[VN_NAME_MAX + 1];
	unsigned int next; /* number to try for the next of this name */
	UT_hash_handle hh;
};

static void used_free(struct used_name **used)
{
	struct used_name *u, *tmp;

	HASH_ITER (hh, *used, u, tmp) {
		HASH_DEL(*used, u);
		free(u);
	}
}

static int use(struct used_name **used, const char *name, struct used_name **ret_entry)
{
	struct used_name *u = calloc(1, sizeof(*u));

	if (!u)
		return -ENOMEM;
	snprintf(u->name, sizeof(u->name), "%s", name);
	u->next = 2;
	HASH_ADD_STR(*used, name, u);
	if (ret_entry)
		*ret_entry = u;
	return 0;
}

/* @name itself, or with @separator and the lowest number from 2 that makes it unique. */
static int make_unique(struct used_name **used, char name[VN_NAME_MAX + 1], char separator)
{
	struct used_name *first, *taken;
	char tail[16], numbered[VN_NAME_MAX + 1];
	int n;

	HASH_FIND_STR(*used, name, first);
	if (!first)
		return use(used, name, NULL);
	do {
		n = snprintf(tail, sizeof(tail), "%c%u", separator, first->next++);
		snprintf(numbered, sizeof(numbered), "%.*s%s", VN_NAME_MAX - n, name, tail);
		HASH_FIND_STR(*used, numbered, taken);
	} while (taken);
	memcpy(name, numbered, sizeof(numbered));
	return use(used, name, NULL);
}

/* What is said of the first few nodes whose names the labels do not give. */
static void note_renamed(struct gml *g, size_t node)
{
	struct vn_gml_report *rep = &g->report;
	size_t len = strlen(rep->renamed_text);
	char shown[VN_SHOW_BUF];

	rep->renamed++;
	if (len + VN_SHOW_BUF + VN_NAME_MAX + 16 > sizeof(rep->renamed_text))
		return;
	snprintf(rep->renamed_text + len, sizeof(rep->renamed_text) - len, "%s'%s' is %s", len ? ", " : "",
		 vn_show(shown, g->labels[node]), g->topo->nodes[node].name);
}

static int name_nodes(struct gml *g)
{
	__attribute__((cleanup(used_free))) struct used_name *used = NULL;
	struct vn_topo *t = g->topo;
	size_t i;

	for (i = 0; i < t->n_nodes; i++) {
		char was[VN_NAME_MAX + 1];

		memcpy(was, t->nodes[i].name, sizeof(was));
		if (!*was)
			snprintf(t->nodes[i].name, sizeof(t->nodes[i].name), "node-%zu", i + 1);
		if (make_unique(&used, t->nodes[i].name, '-') < 0)
			return vn_err_nomem(g->in.err);
		if (strcmp(was, t->nodes[i].name) != 0)
			note_renamed(g, i);
	}
	return 0;
}

static double great_circle_km(const struct vn_node *a, const struct vn_node *b)
{
	double la = a->lat * M_PI / 180, lb = b->lat * M_PI / 180, dlon = (b->lon - a->lon) * M_PI / 180;
	double h = pow(sin((lb - la) / 2), 2) + cos(la) * cos(lb) * pow(sin(dlon / 2), 2);

	return 2 * EARTH_KM * asin(sqrt(fmin(h, 1)));
}

/* Light in glass covers two thirds of c; to the microsecond. */
static uint64_t delay_ns(double km)
{
	return (uint64_t)llround(km / (C_KM_PER_S * 2 / 3) * 1e6) * VN_NSEC_PER_USEC;
}

/* LinkSpeedRaw, else LinkSpeed times its unit, in bit/s; 0: none that a rate can have. */
static uint64_t rate_of(struct gml *g, const struct gml_edge *e)
{
	static const char prefixes[] = "kmgt";
	struct vn_gml_token token = {.kind = VN_GML_STRING};
	double v = e->speed_raw;
	bool bad = e->speed_bad;

	if (v < 0 && !bad && *e->speed) {
		const char *unit = *e->units ? strchr(prefixes, *e->units | 0x20) : NULL;

		snprintf(token.text, sizeof(token.text), "%s", e->speed);
		take_speed(&token, &v, &bad);
		/* Without a unit it may be any. */
		bad |= !unit;
		if (!bad)
			v *= pow(1000, (double)(unit - prefixes) + 1);
	}
	bad |= v > 0 && (v < VN_RATE_MIN_BPS || v > VN_RATE_MAX_BPS);
	g->report.unknown_rate += bad;
	if (bad || v <= 0)
		return 0;
	g->report.rates++;
	return (uint64_t)llround(v);
}

static void name_link(const struct vn_topo *t, struct vn_link *l)
{
	const char *a = t->nodes[l->ports[0].node].name, *b = t->nodes[l->ports[1].node].name;

	/* Long names are cut so that both ends still show. */
	snprintf(l->name, sizeof(l->name), "%.*s_%.*s", VN_NAME_MAX / 2, a, VN_NAME_MAX / 2, b);
}

static int end_index(struct gml *g, const struct gml_edge *e, int64_t id, size_t *ret_index)
{
	struct gml_node *found;

	HASH_FIND(hh, g->ids, &id, sizeof(id), found);
	if (!found)
		return vn_gml_fail(&g->in, e->line, e->column, "an edge to node id %lld, which does not exist",
				   (long long)id);
	*ret_index = found->index;
	return 0;
}

static int make_link(struct gml *g, const struct gml_edge *e, struct vn_link *l)
{
	struct vn_topo *t = g->topo;
	const struct vn_node *ends[VN_DIRS];
	double km = e->dist_km;
	int i, r;

	for (i = 0; i < VN_DIRS; i++) {
		r = end_index(g, e, i ? e->target : e->source, &l->ports[i].node);
		if (r < 0)
			return r;
		ends[i] = &t->nodes[l->ports[i].node];
		/* n_links counts the interfaces given out; vn_topo_connect() sets it for good. */
		snprintf(l->ports[i].ifname, sizeof(l->ports[i].ifname), "eth%zu",
			 t->nodes[l->ports[i].node].n_links++);
		l->ports[i].isolation = VN_ISOLATION_MAC;
		l->disc[i] = VN_DISC_NONE;
	}
	if (km < 0 && !isnan(ends[0]->lat) && !isnan(ends[1]->lat))
		km = great_circle_km(ends[0], ends[1]);
	if (km > 0)
		l->disc[0].delay_ns = l->disc[1].delay_ns = delay_ns(km);
	if (km < 0) {
		l->disc[0].delay_ns = l->disc[1].delay_ns = g->wish.delay_ns;
		g->report.unknown_delay++;
	}
	if (!g->wish.no_rates)
		l->disc[0].rate_bps = l->disc[1].rate_bps = rate_of(g, e);
	l->mtu = 1500;
	l->line = (int)e->line;
	l->column = (int)e->column;
	name_link(t, l);
	return 0;
}

static int make_links(struct gml *g)
{
	__attribute__((cleanup(used_free))) struct used_name *used = NULL;
	struct vn_topo *t = g->topo;
	size_t i;
	int r;

	t->links = calloc(g->n_edges + 1, sizeof(*t->links));
	if (!t->links)
		return vn_err_nomem(g->in.err);
	for (i = 0; i < g->n_edges; i++) {
		if (g->edges[i].not_built) {
			g->report.not_built++;
			continue;
		}
		r = make_link(g, &g->edges[i], &t->links[t->n_links++]);
		if (r < 0)
			return r;
		if (make_unique(&used, t->links[t->n_links - 1].name, '_') < 0)
			return vn_err_nomem(g->in.err);
	}
	return 0;
}

static int read_file(struct gml *g)
{
	struct vn_gml_token key, value;
	bool graph = false;
	int r;

	for (;;) {
		r = vn_gml_next(&g->in, &key);
		if (r == 0 && key.kind == VN_GML_END)
			break;
		if (r == 0 && key.kind != VN_GML_WORD)
			r = vn_gml_fail_at(&g->in, &key, "this is not a GML: it begins with `graph [`");
		if (r == 0)
			r = vn_gml_next(&g->in, &value);
		if (r == 0 && value.kind == VN_GML_OPEN && !strcasecmp(key.text, "graph")) {
			if (graph)
				return vn_gml_fail_at(&g->in, &key, "a second graph: one file holds one topology");
			graph = true;
			r = vn_gml_list(&g->in, graph_key, g);
		} else if (r == 0) {
			r = vn_gml_skip(&g->in, &value);
		}
		if (r < 0)
			return r;
	}
	if (!graph || !g->topo->n_nodes)
		return vn_gml_fail(&g->in, g->in.line, 1,
				   graph ? "the graph has no nodes" : "this is not a GML: it begins with `graph [`");
	return 0;
}

static int import(struct gml *g)
{
	const char *base = strrchr(g->in.file, '/');
	char label[VN_GML_WORD_MAX];
	size_t n;
	int r;

	r = read_file(g);
	if (r < 0)
		return r;
	/* Called what the graph is called, else what the file is. */
	vn_gml_label(g->label, g->topo->name);
	if (!*g->topo->name)
		vn_gml_label(g->name, g->topo->name);
	if (!*g->topo->name) {
		snprintf(label, sizeof(label), "%s", base ? base + 1 : g->in.file);
		n = strlen(label);
		if (n > 4 && !strcasecmp(label + n - 4, ".gml"))
			label[n - 4] = '\0';
		vn_gml_label(label, g->topo->name);
	}
	if (!*g->topo->name)
		snprintf(g->topo->name, sizeof(g->topo->name), "imported");
	r = name_nodes(g);
	if (r < 0)
		return r;
	r = make_links(g);
	if (r < 0)
		return r;
	return vn_topo_connect(g->topo) < 0 ? vn_err_nomem(g->in.err) : 0;
}

static void release(struct gml *g)
{
	struct gml_node *id, *tmp;

	HASH_ITER (hh, g->ids, id, tmp) {
		HASH_DEL(g->ids, id);
		free(id);
	}
	free(g->edges);
	free(g->labels);
}

int vn_gml_import(const char *file, const char *text, size_t len, const struct vn_gml_wish *wish,
		  struct vn_topo **ret_topo, struct vn_gml_report *ret_report, struct vn_err *err)
{
	cleanup_topo struct vn_topo *t = vn_topo_new();
	struct gml g = {.in = {.file = file, .text = text, .len = len, .line = 1, .err = err}, .topo = t};
	int r;

	if (wish)
		g.wish = *wish;

	if (!t)
		return vn_err_nomem(err);
	snprintf(t->file, sizeof(t->file), "%s", file);
	g.in.text += vn_bom(text, len);
	g.in.len -= vn_bom(text, len);
	if (len > VN_TOPO_FILE_MAX)
		return vn_err_usage(err, "%s: larger than %u MiB: split the topology", file, VN_TOPO_FILE_MAX >> 20);
	if (len && memchr(text, '\0', len))
		return vn_err_usage(err, "%s:1:1: a NUL byte: this is not a text file", file);
	r = import(&g);
	release(&g);
	if (r < 0)
		return r;
	*ret_topo = take_ptr(t);
	if (ret_report)
		*ret_report = g.report;
	return 0;
}
