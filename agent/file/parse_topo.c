// SPDX-License-Identifier: GPL-2.0-only
/* The topology file: its frame, nodes and defaults. Links and ports: parse_links.c. See vnet-topology(5). */
#include <math.h>

#include "file/parse_topo.h"

/* In the order of the file, whatever the order in which they were found; of too many the last ones go. */
int vn_parse_fail(struct vn_parser *p, const struct vn_yaml *y, const char *fmt, ...)
{
	struct vn_topo_errs *e = p->errs;
	struct vn_topo_err_at *at;
	va_list ap;
	size_t i;

	for (i = e->n;
	     i && (e->at[i - 1].line > y->line || (e->at[i - 1].line == y->line && e->at[i - 1].column > y->column));
	     i--)
		;
	if (e->n == VN_TOPO_ERRS_MAX)
		e->dropped++;
	if (i == VN_TOPO_ERRS_MAX)
		return -EINVAL;
	e->n = VN_MIN(e->n + 1, (size_t)VN_TOPO_ERRS_MAX);
	at = &e->at[i];
	memmove(at + 1, at, (e->n - i - 1) * sizeof(*at));
	at->line = y->line;
	at->column = y->column;
	va_start(ap, fmt);
	vsnprintf(at->text, sizeof(at->text), fmt, ap);
	va_end(ap);
	return -EINVAL;
}

const char *vn_parse_text(struct vn_parser *p, const struct vn_yaml *y, const char *expected)
{
	if (y->kind == VN_YAML_SCALAR)
		return y->text;
	vn_parse_fail(p, y, "a %s where %s is expected", y->kind == VN_YAML_MAP ? "map" : "list", expected);
	return NULL;
}

/* "a, b or c" */
static const char *join(char *buf, size_t size, const char *const *words)
{
	size_t i, n = 0;

	buf[0] = '\0';
	for (i = 0; words[i] && n < size; i++)
		n += (size_t)snprintf(buf + n, size - n, "%s%s", !i ? "" : words[i + 1] ? ", " : " or ", words[i]);
	return buf;
}

int vn_parse_choice(struct vn_parser *p, const struct vn_yaml *y, const char *key, const char *const *words,
		    unsigned int *ret_index)
{
	char shown[VN_SHOW_BUF], known[128];
	const char *text;
	unsigned int i;

	join(known, sizeof(known), words);
	text = vn_parse_text(p, y, known);
	if (!text)
		return -EINVAL;
	for (i = 0; words[i]; i++) {
		if (!strcmp(words[i], text)) {
			*ret_index = i;
			return 0;
		}
	}
	return vn_parse_fail(p, y, "%s: '%s' is not known, write %s", key, vn_show(shown, text), known);
}

int vn_parse_isolation(struct vn_parser *p, const struct vn_yaml *y, uint8_t *ret_isolation)
{
	static const char *const words[] = {
		[VN_ISOLATION_OFF] = "off", [VN_ISOLATION_MAC] = "mac", [VN_ISOLATION_IP] = "ip", NULL};
	unsigned int i;
	int r;

	r = vn_parse_choice(p, y, "isolation", words, &i);
	if (r < 0)
		return r;
	*ret_isolation = (uint8_t)i;
	return 0;
}

const char *const vn_checksum_words[4] = {
	[VN_CHECKSUM_AUTO] = "auto", [VN_CHECKSUM_PARTIAL] = "partial", [VN_CHECKSUM_COMPLETE] = "complete", NULL};

int vn_parse_checksum(struct vn_parser *p, const struct vn_yaml *y, uint8_t *ret_checksum)
{
	unsigned int i;
	int r = vn_parse_choice(p, y, "checksum", vn_checksum_words, &i);

	if (r < 0)
		return r;
	*ret_checksum = (uint8_t)i;
	return 0;
}

#define KNOWN_WORDS_MAX 48

static bool is_key(const struct vn_key *keys, const char *word)
{
	while (keys->word && strcmp(keys->word, word) != 0)
		keys++;
	return keys->word;
}

static int parse_segments(struct vn_parser *p, const struct vn_yaml *v, void *obj);

static int refuse_key(struct vn_parser *p, const struct vn_yaml *key, const char *what, const char *const *words)
{
	char shown[VN_SHOW_BUF], hint[VN_HINT_BUF], known[400];

	vn_show(shown, key->text);
	if (!strcmp(key->text, "<<"))
		return vn_parse_fail(p, key, "merge keys are not supported: write it out, or use `defaults:`");
	if (*vn_hint(hint, key->text, words))
		return vn_parse_fail(p, key, "unknown key '%s' in %s%s", shown, what, hint);
	return vn_parse_fail(p, key, "unknown key '%s' in %s: write %s", shown, what,
			     join(known, sizeof(known), words));
}

static int parse_disc_keys(struct vn_parser *p, const struct vn_yaml *y, struct vn_disc *disc)
{
	const struct vn_disc_word *w;
	const struct vn_yaml *v;
	vn_disc_given_t given = 0;
	struct vn_disc before;
	bool failed = false;
	const char *text;
	int r;

	for (w = vn_disc_words; w->word; w++) {
		struct vn_err why = {0};

		v = vn_yaml_get(y, w->word);
		if (!v)
			continue;
		text = vn_parse_text(p, v, w->args);
		if (!text) {
			failed = true;
			continue;
		}
		before = *disc;
		r = vn_disc_parse_value(disc, w, text, &given, &why);
		if (r == -ENOMEM)
			return vn_err_nomem(p->err);
		if (r < 0) {
			failed = true;
			vn_parse_fail(p, v, "%s", why.text);
		}
		/* `delay: 1ms 2ms` beside `jitter:` */
		if (!strcmp(w->word, "delay") && before.jitter_ns != disc->jitter_ns && vn_yaml_get(y, "jitter"))
			return vn_parse_fail(p, vn_yaml_get(y, "jitter"),
					     "jitter: already given as the second value of `delay:`, remove one");
	}
	vn_disc_settle(disc, given);
	return failed ? -EINVAL : 0;
}

int vn_parse_map(struct vn_parser *p, const struct vn_yaml *y, const char *what, const struct vn_key *keys, void *obj,
		 struct vn_disc *disc)
{
	const char *words[KNOWN_WORDS_MAX];
	const struct vn_yaml *v;
	bool failed = false;
	size_t n = 0, i, j;
	int r;

	if (vn_yaml_is_null(y))
		return 0;
	if (y->kind != VN_YAML_MAP)
		return vn_parse_fail(p, y, "%s must be a map of keys and values", what);
	for (i = 0; keys[i].word && n < KNOWN_WORDS_MAX - 1; i++) {
		/* Not offered where another key is unknown: there is nothing to write under it yet. */
		if (keys[i].parse != parse_segments)
			words[n++] = keys[i].word;
	}
	for (i = 0; disc && vn_disc_words[i].word && n < KNOWN_WORDS_MAX - 1; i++)
		words[n++] = vn_disc_words[i].word;
	words[n] = NULL;
	for (i = 0; i < y->n; i += 2) {
		for (j = 0; j < n && strcmp(words[j], y->items[i].text); j++)
			;
		if (j == n && !is_key(keys, y->items[i].text))
			failed |= refuse_key(p, &y->items[i], what, words) < 0;
	}
	if (disc) {
		r = parse_disc_keys(p, y, disc);
		if (r == -ENOMEM)
			return r;
		failed |= r < 0;
	}
	for (i = 0; keys[i].word; i++) {
		v = keys[i].parse ? vn_yaml_get(y, keys[i].word) : NULL;
		if (!v)
			continue;
		r = keys[i].parse(p, v, obj);
		if (r == -ENOMEM)
			return r;
		failed |= r < 0;
	}
	return failed ? -EINVAL : 0;
}

static int parse_forward(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	static const char *const words[] = {"auto", "false", "true", NULL};
	struct vn_node *node = obj;
	unsigned int i;
	int r;

	r = vn_parse_choice(p, v, "forward", words, &i);
	if (r < 0)
		return r;
	node->forward_opt = (int8_t)((int)i - 1);
	return 0;
}

static int parse_congestion(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	struct vn_node *node = obj;
	char shown[VN_SHOW_BUF];
	const char *text = vn_parse_text(p, v, "the name of a congestion control");

	if (!text)
		return -EINVAL;
	if (strcmp(text, "auto") == 0) {
		node->congestion[0] = '\0';
		return 0;
	}
	if (!vn_congestion_valid(text))
		return vn_parse_fail(p, v,
				     "congestion: '%s' is not the name of a congestion control of TCP: write one that "
				     "net.ipv4.tcp_available_congestion_control lists, such as cubic, or auto",
				     vn_show(shown, text));
	snprintf(node->congestion, sizeof(node->congestion), "%s", text);
	return 0;
}

static int parse_coordinates(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	struct vn_node *node = obj;
	double lat, lon;

	if (v->kind != VN_YAML_LIST || v->n != 2 || v->items[0].kind != VN_YAML_SCALAR ||
	    v->items[1].kind != VN_YAML_SCALAR)
		return vn_parse_fail(p, v,
				     "coordinates: write [LATITUDE, LONGITUDE] in degrees, such as [40.71, -74.01]");
	if (vn_parse_decimal(v->items[0].text, -90, 90, &lat) < 0 &&
	    vn_parse_decimal(v->items[0].text, -180, 180, &lat) == 0 &&
	    vn_parse_decimal(v->items[1].text, -90, 90, &lon) == 0)
		return vn_parse_fail(p, &v->items[0],
				     "coordinates: no latitude is %s: the latitude comes first, write [%s, %s]",
				     v->items[0].text, v->items[1].text, v->items[0].text);
	if (vn_parse_decimal(v->items[0].text, -90, 90, &lat) < 0)
		return vn_parse_fail(p, &v->items[0], "coordinates: the latitude is a number from -90 to 90");
	if (vn_parse_decimal(v->items[1].text, -180, 180, &lon) < 0)
		return vn_parse_fail(p, &v->items[1], "coordinates: the longitude is a number from -180 to 180");
	node->lat = lat;
	node->lon = lon;
	return 0;
}

static int check_name(struct vn_parser *p, const struct vn_yaml *y, const char *what)
{
	char shown[VN_SHOW_BUF];

	if (vn_name_valid(y->text))
		return 0;
	return vn_parse_fail(p, y, "%s name '%s': a letter or digit, then letters, digits, '-' and '_', at most %d",
			     what, vn_show(shown, y->text), VN_NAME_MAX);
}

#define NODE_KEYS_MAX 24

/* Those of containers, and @own; ends with a key without word. */
static const struct vn_key *node_keys(struct vn_key keys[NODE_KEYS_MAX], const struct vn_key *own)
{
	size_t n = 0;

	for (size_t i = 0; own[i].word; i++)
		keys[n++] = own[i];
	for (size_t i = 0; vn_container_keys[i].word && n < NODE_KEYS_MAX - 1; i++)
		keys[n++] = vn_container_keys[i];
	keys[n] = (struct vn_key){NULL, NULL};
	return keys;
}

static int parse_node(struct vn_parser *p, const struct vn_yaml *name, struct vn_node *node)
{
	static const struct vn_key own[] = {{"forward", parse_forward},
					    {"congestion", parse_congestion},
					    {"coordinates", parse_coordinates},
					    {NULL, NULL}};
	struct vn_key keys[NODE_KEYS_MAX];
	int r;

	snprintf(node->name, sizeof(node->name), "%s", name->text);
	node->line = (int)name->line;
	node->forward_opt = p->node.forward_opt;
	node->runtime = p->node.runtime;
	node->privileged = p->node.privileged;
	memcpy(node->congestion, p->node.congestion, sizeof(node->congestion));
	node->container = json_deep_copy(p->node.container);
	node->lat = node->lon = NAN;
	r = vn_parse_map(p, name + 1, "a node", node_keys(keys, own), node, NULL);
	/* A node that is no container takes none of the defaults for containers. */
	if (r == 0 && !vn_node_has(node, VN_NODE_CONTAINER) && json_equal(node->container, p->node.container)) {
		json_decref(node->container);
		node->container = NULL;
	}
	return r < 0 ? r : vn_parse_container_check(p, name, node);
}

static int parse_nodes(struct vn_parser *p, const struct vn_yaml *y, void *obj)
{
	struct vn_topo *t = p->topo;
	bool failed = false;
	size_t i;
	int r;

	if (y->kind != VN_YAML_MAP || !y->n)
		return vn_parse_fail(p, y, "nodes: write a map of names, such as {a: {}, b: {}}");
	t->nodes = calloc(y->n / 2, sizeof(*t->nodes));
	if (!t->nodes)
		return vn_err_nomem(p->err);
	for (i = 0; i < y->n; i += 2) {
		/* One with a bad name is there all the same: that links name it is no second error. */
		failed |= check_name(p, &y->items[i], "node") < 0;
		r = parse_node(p, &y->items[i], &t->nodes[t->n_nodes++]);
		if (r == -ENOMEM)
			return r;
		failed |= r < 0;
	}
	return failed ? -EINVAL : 0;
}

static int parse_name(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	int r;

	if (!vn_parse_text(p, v, "the topology's name"))
		return -EINVAL;
	r = check_name(p, v, "topology");
	if (r < 0)
		return r;
	snprintf(p->topo->name, sizeof(p->topo->name), "%s", v->text);
	return 0;
}

static int parse_top_seed(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	char shown[VN_SHOW_BUF];
	const char *text = vn_parse_text(p, v, "a number");

	if (!text)
		return -EINVAL;
	if (!strcmp(text, "auto"))
		return 0;
	if (vn_parse_u64(text, VN_SEED_MAX, &p->topo->seed) < 0)
		return vn_parse_fail(p, v, "seed: '%s' is not a number from 0 to %lld", vn_show(shown, text),
				     (long long)VN_SEED_MAX);
	p->topo->seed_given = true;
	return 0;
}

static int parse_top_isolation(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	return vn_parse_isolation(p, v, &p->link.isolation);
}

static int parse_top_checksum(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	return vn_parse_checksum(p, v, &p->link.checksum);
}

static int parse_default_link(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	if (vn_yaml_get(v, "reverse") || vn_yaml_get(v, "endpoints"))
		return vn_parse_fail(p, v, "defaults: `reverse:` and `endpoints:` belong to a link");
	return vn_parse_map(p, v, "the defaults of links", vn_link_default_keys, &p->link, &p->link.disc);
}

static int parse_default_node(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	static const struct vn_key own[] = {{"forward", parse_forward}, {"congestion", parse_congestion}, {NULL, NULL}};
	struct vn_key keys[NODE_KEYS_MAX];

	return vn_parse_map(p, v, "the defaults of nodes", node_keys(keys, own), &p->node, NULL);
}

static int parse_defaults(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	static const struct vn_key keys[] = {{"link", parse_default_link}, {"node", parse_default_node}, {NULL, NULL}};

	return vn_parse_map(p, v, "defaults", keys, NULL, NULL);
}

/* Without any node every endpoint would be an error of its own. */
static int parse_links(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	return p->topo->n_nodes ? vn_parse_links(p, v) : 0;
}

static int parse_ports(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	return p->topo->n_nodes ? vn_parse_ports(p, v) : 0;
}

static int parse_segments(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	if (vn_yaml_is_null(v) || (v->kind == VN_YAML_MAP && !v->n))
		return 0;
	return vn_parse_fail(p, vn_parse_key_of(v), "segments are not supported: " LAN_TODAY);
}

static int parse_addressing(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	static const char *const words[] = {[VN_ADDRESSING_AUTO] = "auto", [VN_ADDRESSING_NONE] = "none", NULL};
	unsigned int i;
	int r;

	r = vn_parse_choice(p, v, "addressing", words, &i);
	if (r < 0)
		return r;
	p->topo->addressing = i;
	return 0;
}

static int parse_routing(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	static const char *const words[] = {[VN_ROUTING_SHORTEST] = "shortest", [VN_ROUTING_NONE] = "none", NULL};
	unsigned int i;
	int r;

	r = vn_parse_choice(p, v, "routing", words, &i);
	if (r < 0)
		return r;
	p->topo->routing = i;
	return 0;
}

static int parse_heal(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	static const char *const words[] = {"false", "true", NULL};
	unsigned int i;
	int r;

	r = vn_parse_choice(p, v, "heal", words, &i);
	if (r < 0)
		return r;
	p->topo->heal = i;
	return 0;
}

static int parse_strict(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	static const char *const words[] = {"false", "true", NULL};
	unsigned int i;
	int r = vn_parse_choice(p, v, "strict", words, &i);

	if (r == 0)
		p->topo->strict = i;
	return r;
}

static int check_required(struct vn_parser *p, const struct vn_yaml *root)
{
	static const char *const required[] = {"name", "nodes"};
	size_t i;

	for (i = 0; i < VN_ARRAY_SIZE(required); i++) {
		if (!vn_yaml_get(root, required[i]))
			return vn_parse_fail(p, root, "`%s:` is missing: a topology has `name:`, `nodes:` and `links:`",
					     required[i]);
	}
	return 0;
}

static int parse_root(struct vn_parser *p, const struct vn_yaml *root)
{
	/* In the order in which one needs the other, whatever the order in the file. */
	static const struct vn_key keys[] = {
		{"name", parse_name},
		{"seed", parse_top_seed},
		{"isolation", parse_top_isolation},
		{"checksum", parse_top_checksum},
		{"addressing", parse_addressing},
		{"routing", parse_routing},
		{"heal", parse_heal},
		{"strict", parse_strict},
		{"defaults", parse_defaults},
		{"nodes", parse_nodes},
		{"segments", parse_segments},
		{"links", parse_links},
		{"ports", parse_ports},
		{NULL, NULL},
	};
	size_t i;
	int r;

	if (root->kind != VN_YAML_MAP)
		return vn_parse_fail(p, root, "this is not a topology: it has `name:`, `nodes:` and `links:`");
	r = vn_parse_map(p, root, "a topology", keys, NULL, NULL);
	/* What is missing may be there, if misspelt: that is told already. */
	for (i = 0; i < root->n; i += 2) {
		if (!is_key(keys, root->items[i].text))
			return r;
	}
	return r == -ENOMEM || check_required(p, root) == 0 ? r : -EINVAL;
}

int vn_topo_parse(const char *file, const char *text, size_t len, struct vn_topo **ret_topo, struct vn_err *err)
{
	cleanup_free struct vn_topo_errs *errs = calloc(1, sizeof(*errs));

	return errs ? vn_topo_parse_all(file, text, len, ret_topo, errs, err) : vn_err_nomem(err);
}

int vn_topo_parse_all(const char *file, const char *text, size_t len, struct vn_topo **ret_topo,
		      struct vn_topo_errs *errs, struct vn_err *err)
{
	static const struct vn_yaml_limit limits[] = {
		{"nodes", VN_TOPO_NODES_MAX},
		{"links", VN_TOPO_LINKS_MAX},
		{"ports", VN_PORTS_MAX},
		{NULL, 0},
	};
	cleanup_topo struct vn_topo *t = vn_topo_new();
	cleanup_yaml struct vn_yaml *root = NULL;
	struct vn_parser p = {
		.file = file,
		.err = err,
		.errs = errs,
		.topo = t,
		.link = {.disc = VN_DISC_NONE, .mtu = 1500, .isolation = VN_ISOLATION_MAC},
		.node = {.forward_opt = -1},
	};
	int r;

	if (!t)
		return vn_err_nomem(err);
	snprintf(t->file, sizeof(t->file), "%s", file);
	if (len > VN_TOPO_FILE_MAX)
		return vn_err_usage(err, "%s: larger than %u MiB: split the topology", file, VN_TOPO_FILE_MAX >> 20);
	r = vn_yaml_parse(file, text, len, VN_TOPO_DEPTH_MAX, limits, &root, err);
	if (r < 0)
		return r;
	r = parse_root(&p, root);
	vn_parse_release_ports(&p);
	json_decref(p.node.container);
	if (errs->n)
		return vn_err_usage(err, "%s:%u:%u: %s", file, errs->at[0].line, errs->at[0].column, errs->at[0].text);
	if (r < 0)
		return r;
	if (vn_topo_connect(t) < 0)
		return vn_err_nomem(err);
	*ret_topo = take_ptr(t);
	return 0;
}
