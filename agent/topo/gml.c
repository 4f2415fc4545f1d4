// SPDX-License-Identifier: GPL-2.0-only
/*
 * GML as the Internet Topology Zoo and topohub write it: `key value` pairs, where a value is a number, a string in
 * quotes or a list in brackets. Of the outermost `graph [ ]` only node (id label lon|Longitude lat|Latitude) and edge
 * (source target dist) are read; everything else is skipped, whatever it holds.
 * Source of the format: M. Himsolt, "GML: A portable Graph File Format", 1997.
 */
#include <math.h>
#include <strings.h>
#include <uthash.h>

#include "topo/gml_label.h"
#include "topo/internal.h"

#define LIST_DEPTH_MAX 16
#define C_KM_PER_S     299792.458
#define EARTH_KM       6371.0088 /* mean radius, IUGG */
#define DIST_KM_MAX    1e6       /* 5 s of delay */
#define WORD_MAX       256

enum token_kind { TOKEN_END, TOKEN_WORD, TOKEN_STRING, TOKEN_OPEN, TOKEN_CLOSE };

struct token {
	enum token_kind kind;
	unsigned int line, column;
	char text[WORD_MAX]; /* of words and strings, cut to fit */
};

struct gml_node {
	int64_t id;
	size_t index; /* of the topology's node */
	UT_hash_handle hh;
};

struct gml_edge {
	int64_t source, target;
	double dist_km; /* negative: not given */
	unsigned int line, column;
};

struct gml {
	const char *file, *text;
	size_t len, at;
	unsigned int line;
	size_t line_start;
	struct vn_err *err;
	struct vn_topo *topo;
	size_t node_room, link_room;
	struct gml_node *ids;
	struct gml_edge *edges;
	size_t n_edges, edge_room;
	char name[WORD_MAX];
};

/* ---- tokens ---- */

__attribute__((format(printf, 4, 5))) static int fail(struct gml *g, unsigned int line, unsigned int column,
						      const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return vn_err_usage(g->err, "%s:%u:%u: %s", g->file, line, column, text);
}

#define fail_at(g, token, ...) fail((g), (token)->line, (token)->column, __VA_ARGS__)

static void advance(struct gml *g)
{
	if (g->text[g->at++] == '\n') {
		g->line++;
		g->line_start = g->at;
	}
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

static void skip_space(struct gml *g)
{
	while (g->at < g->len) {
		char c = g->text[g->at];

		if (c == '#') {
			while (g->at < g->len && g->text[g->at] != '\n')
				advance(g);
		} else if (is_space(c)) {
			advance(g);
		} else {
			return;
		}
	}
}

static void put(struct token *t, size_t *n, char c)
{
	if (*n < WORD_MAX - 1)
		t->text[(*n)++] = c;
}

static int next_token(struct gml *g, struct token *t)
{
	size_t n = 0;
	char c;

	skip_space(g);
	t->line = g->line;
	t->column = (unsigned int)(g->at - g->line_start) + 1;
	t->text[0] = '\0';
	t->kind = TOKEN_END;
	if (g->at == g->len)
		return 0;
	c = g->text[g->at];
	if (c == '[' || c == ']') {
		t->kind = c == '[' ? TOKEN_OPEN : TOKEN_CLOSE;
		advance(g);
		return 0;
	}
	if (c == '"') {
		t->kind = TOKEN_STRING;
		for (advance(g); g->at < g->len && g->text[g->at] != '"'; advance(g))
			put(t, &n, g->text[g->at]);
		if (g->at == g->len)
			return fail_at(g, t, "a string without its closing quote");
		advance(g);
	} else {
		t->kind = TOKEN_WORD;
		for (; g->at < g->len && !is_space(c = g->text[g->at]) && c != '[' && c != ']' && c != '"'; advance(g))
			put(t, &n, c);
	}
	t->text[n] = '\0';
	return 0;
}

/* ---- values ---- */

/* @t is the first token of a value; skip the rest of it. */
static int skip_value(struct gml *g, struct token *t)
{
	unsigned int depth = 0;
	int r;

	for (;;) {
		if (t->kind == TOKEN_OPEN && ++depth > LIST_DEPTH_MAX)
			return fail_at(g, t, "nested more than %d levels deep", LIST_DEPTH_MAX);
		if (t->kind == TOKEN_CLOSE) {
			if (!depth)
				return fail_at(g, t, "']' where a value is expected");
			depth--;
		}
		if (t->kind == TOKEN_END)
			return fail_at(g, t, "the file ends where a value or ']' is expected");
		if (!depth)
			return 0;
		r = next_token(g, t);
		if (r < 0)
			return r;
	}
}

static int parse_id(struct gml *g, const struct token *t, int64_t *ret_id)
{
	char *end, shown[VN_SHOW_BUF];
	long long v;

	errno = 0;
	v = strtoll(t->text, &end, 10);
	if (errno || t->kind == TOKEN_OPEN || t->kind == TOKEN_CLOSE || end == t->text || *end)
		return fail_at(g, t, "'%s' is no whole number", vn_show(shown, t->text));
	*ret_id = v;
	return 0;
}

static int parse_real(struct gml *g, const struct token *t, double min, double max, double *ret_value)
{
	char *end, shown[VN_SHOW_BUF];
	double v;

	v = strtod(t->text, &end);
	if (t->kind == TOKEN_OPEN || t->kind == TOKEN_CLOSE || end == t->text || *end || !(v >= min && v <= max))
		return fail_at(g, t, "'%s' is no number from %g to %g", vn_show(shown, t->text), min, max);
	*ret_value = v;
	return 0;
}

/* Hands each key of a list to @one, with the first token of its value, up to the closing bracket. */
static int read_list(struct gml *g, int (*one)(struct gml *g, const struct token *key, struct token *value, void *obj),
		     void *obj)
{
	struct token key, value;
	int r;

	for (;;) {
		r = next_token(g, &key);
		if (r < 0)
			return r;
		if (key.kind == TOKEN_CLOSE)
			return 0;
		if (key.kind != TOKEN_WORD)
			return fail_at(g, &key,
				       key.kind == TOKEN_END ? "the file ends where ']' is expected"
							     : "a key is expected here");
		r = next_token(g, &value);
		if (r == 0)
			r = one(g, &key, &value, obj);
		if (r < 0)
			return r;
	}
}

struct node_text {
	char label[WORD_MAX];
	int64_t id;
	bool has_id;
	double lat, lon;
};

static int node_key(struct gml *g, const struct token *key, struct token *value, void *obj)
{
	struct node_text *n = obj;
	int r;

	if (!strcasecmp(key->text, "id")) {
		r = parse_id(g, value, &n->id);
		n->has_id = r == 0;
		return r;
	}
	if (!strcasecmp(key->text, "label") && (value->kind == TOKEN_STRING || value->kind == TOKEN_WORD)) {
		snprintf(n->label, sizeof(n->label), "%s", value->text);
		return 0;
	}
	if (!strcasecmp(key->text, "lat") || !strcasecmp(key->text, "latitude"))
		return parse_real(g, value, -90, 90, &n->lat);
	if (!strcasecmp(key->text, "lon") || !strcasecmp(key->text, "longitude"))
		return parse_real(g, value, -180, 180, &n->lon);
	return skip_value(g, value);
}

static int edge_key(struct gml *g, const struct token *key, struct token *value, void *obj)
{
	struct gml_edge *e = obj;

	if (!strcasecmp(key->text, "source"))
		return parse_id(g, value, &e->source);
	if (!strcasecmp(key->text, "target"))
		return parse_id(g, value, &e->target);
	if (!strcasecmp(key->text, "dist"))
		return parse_real(g, value, 0, DIST_KM_MAX, &e->dist_km);
	return skip_value(g, value);
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

static int add_node(struct gml *g, const struct token *key)
{
	struct node_text said = {.lat = NAN, .lon = NAN};
	struct vn_topo *t = g->topo;
	struct gml_node *id, *found;
	struct vn_node *n;
	int r;

	r = read_list(g, node_key, &said);
	if (r < 0)
		return r;
	if (!said.has_id)
		return fail_at(g, key, "a node without `id`");
	HASH_FIND(hh, g->ids, &said.id, sizeof(said.id), found);
	if (found)
		return fail_at(g, key, "node id %lld is given twice", (long long)said.id);
	if (t->n_nodes == VN_TOPO_NODES_MAX)
		return fail_at(g, key, "more than %d nodes: split the topology", VN_TOPO_NODES_MAX);
	id = calloc(1, sizeof(*id));
	if (!id || grow(&t->nodes, &g->node_room, t->n_nodes, sizeof(*t->nodes)) < 0) {
		free(id);
		return vn_err_nomem(g->err);
	}
	id->id = said.id;
	id->index = t->n_nodes;
	HASH_ADD(hh, g->ids, id, sizeof(id->id), id);
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

static int add_edge(struct gml *g, const struct token *key)
{
	struct gml_edge *e;
	int r;

	if (g->n_edges == VN_TOPO_LINKS_MAX)
		return fail_at(g, key, "more than %d edges: split the topology", VN_TOPO_LINKS_MAX);
	if (grow(&g->edges, &g->edge_room, g->n_edges, sizeof(*g->edges)) < 0)
		return vn_err_nomem(g->err);
	e = &g->edges[g->n_edges++];
	*e = (struct gml_edge){INT64_MIN, INT64_MIN, -1, key->line, key->column};
	r = read_list(g, edge_key, e);
	if (r < 0)
		return r;
	if (e->source == INT64_MIN || e->target == INT64_MIN)
		return fail_at(g, key, "an edge without `source` or `target`");
	return 0;
}

static int graph_key(struct gml *g, const struct token *key, struct token *value, void *obj)
{
	if (value->kind == TOKEN_OPEN && !strcasecmp(key->text, "node"))
		return add_node(g, key);
	if (value->kind == TOKEN_OPEN && !strcasecmp(key->text, "edge"))
		return add_edge(g, key);
	if (value->kind == TOKEN_STRING &&
	    (!strcasecmp(key->text, "name") || (!strcasecmp(key->text, "network") && !*g->name)))
		snprintf(g->name, sizeof(g->name), "%s", value->text);
	return skip_value(g, value);
}

/* ---- names ---- */

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

static int name_nodes(struct gml *g)
{
	__attribute__((cleanup(used_free))) struct used_name *used = NULL;
	struct vn_topo *t = g->topo;
	size_t i;

	for (i = 0; i < t->n_nodes; i++) {
		if (!*t->nodes[i].name)
			snprintf(t->nodes[i].name, sizeof(t->nodes[i].name), "node-%zu", i + 1);
		if (make_unique(&used, t->nodes[i].name, '-') < 0)
			return vn_err_nomem(g->err);
	}
	return 0;
}

/* ---- links ---- */

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
		return fail(g, e->line, e->column, "an edge to node id %lld, which does not exist", (long long)id);
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
		return vn_err_nomem(g->err);
	for (i = 0; i < g->n_edges; i++) {
		r = make_link(g, &g->edges[i], &t->links[t->n_links++]);
		if (r < 0)
			return r;
		if (make_unique(&used, t->links[i].name, '_') < 0)
			return vn_err_nomem(g->err);
	}
	return 0;
}

/* ---- the file ---- */

static int read_file(struct gml *g)
{
	struct token key, value;
	bool graph = false;
	int r;

	for (;;) {
		r = next_token(g, &key);
		if (r == 0 && key.kind == TOKEN_END)
			break;
		if (r == 0 && key.kind != TOKEN_WORD)
			r = fail_at(g, &key, "this is no GML: it begins with `graph [`");
		if (r == 0)
			r = next_token(g, &value);
		if (r == 0 && value.kind == TOKEN_OPEN && !strcasecmp(key.text, "graph")) {
			if (graph)
				return fail_at(g, &key, "a second graph: one file holds one topology");
			graph = true;
			r = read_list(g, graph_key, NULL);
		} else if (r == 0) {
			r = skip_value(g, &value);
		}
		if (r < 0)
			return r;
	}
	if (!graph || !g->topo->n_nodes)
		return fail(g, g->line, 1,
			    graph ? "the graph has no nodes" : "this is no GML: it begins with `graph [`");
	return 0;
}

static int import(struct gml *g)
{
	const char *base = strrchr(g->file, '/');
	char label[WORD_MAX];
	int r;

	r = read_file(g);
	if (r < 0)
		return r;
	/* Called what the graph is called, else what the file is. */
	vn_gml_label(g->name, g->topo->name);
	if (!*g->topo->name) {
		snprintf(label, sizeof(label), "%s", base ? base + 1 : g->file);
		label[strcspn(label, ".")] = '\0';
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
	return vn_topo_connect(g->topo) < 0 ? vn_err_nomem(g->err) : 0;
}

static void release(struct gml *g)
{
	struct gml_node *id, *tmp;

	HASH_ITER (hh, g->ids, id, tmp) {
		HASH_DEL(g->ids, id);
		free(id);
	}
	free(g->edges);
}

int vn_gml_import(const char *file, const char *text, size_t len, struct vn_topo **ret_topo, struct vn_err *err)
{
	cleanup_topo struct vn_topo *t = vn_topo_new();
	struct gml g = {.file = file, .text = text, .len = len, .line = 1, .err = err, .topo = t};
	int r;

	if (!t)
		return vn_err_nomem(err);
	snprintf(t->file, sizeof(t->file), "%s", file);
	if (len > VN_TOPO_FILE_MAX)
		return vn_err_usage(err, "%s: larger than %u MiB: split the topology", file, VN_TOPO_FILE_MAX >> 20);
	if (len && memchr(text, '\0', len))
		return vn_err_usage(err, "%s:1:1: a NUL byte: this is not a text file", file);
	r = import(&g);
	release(&g);
	if (r < 0)
		return r;
	*ret_topo = take_ptr(t);
	return 0;
}
