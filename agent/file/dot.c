// SPDX-License-Identifier: GPL-2.0-only
/* Graphviz DOT. Names are of [A-Za-z0-9_-], so nothing needs quoting but to be safe from keywords. */
#include <math.h>

#include "model/model_internal.h"

#define WIDTH_INCHES  14.0
#define DOT_NODES_MAX 40 /* dot places labels best, sfdp many nodes */

/* Where the nodes lie on paper. */
struct chart {
	bool usable;
	double lat0, lon0, inches_per_degree, shrink; /* of a degree of longitude against one of latitude */
};

static struct chart make_chart(const struct vn_topo *t)
{
	double lat_min = 90, lat_max = -90, lon_min = 180, lon_max = -180, span;
	struct chart c = {.usable = t->n_nodes > 1};
	size_t i;

	for (i = 0; i < t->n_nodes; i++) {
		const struct vn_node *n = &t->nodes[i];

		if (isnan(n->lat)) {
			c.usable = false;
			return c;
		}
		lat_min = fmin(lat_min, n->lat);
		lat_max = fmax(lat_max, n->lat);
		lon_min = fmin(lon_min, n->lon);
		lon_max = fmax(lon_max, n->lon);
	}
	c.lat0 = lat_min;
	c.lon0 = lon_min;
	/* Equirectangular with the true aspect at the middle. */
	c.shrink = cos((lat_min + lat_max) / 2 * M_PI / 180);
	span = fmax((lon_max - lon_min) * c.shrink, lat_max - lat_min);
	c.usable = span > 0;
	c.inches_per_degree = c.usable ? WIDTH_INCHES / span : 0;
	return c;
}

static void emit_node(FILE *f, const struct vn_node *n, const struct chart *c)
{
	fprintf(f, "  \"%s\"", n->name);
	if (c->usable)
		fprintf(f, " [pos=\"%.2f,%.2f!\"]", (n->lon - c->lon0) * c->shrink * c->inches_per_degree,
			(n->lat - c->lat0) * c->inches_per_degree);
	fputs(";\n", f);
}

/* The words of a discipline, without the first one where its value speaks for itself, and without the seed. */
static const char *short_disc(const struct vn_disc *d, char *buf, size_t size)
{
	struct vn_disc shown = *d;

	shown.flags |= VN_DISC_SEED_AUTO;
	if (vn_disc_format(&shown, buf, size) < 0)
		return "";
	if (!strncmp(buf, "delay ", 6))
		return buf + 6;
	return strncmp(buf, "rate ", 5) ? buf : buf + 5;
}

/* From 1 for 1 Mbit/s and less to 4 for 10 Gbit/s and more. */
static double pen_width(const struct vn_link *l)
{
	uint64_t rate = l->disc[0].rate_bps ? l->disc[0].rate_bps : l->disc[1].rate_bps;

	if (!rate)
		return 1.5;
	return fmin(fmax(1 + 0.75 * (log10((double)rate) - 6), 1), 4);
}

/* True for "a_b" between a and b, which the drawing says anyway. */
static bool is_plain_name(const struct vn_topo *t, const struct vn_link *l)
{
	char plain[2 * VN_NAME_MAX + 2];

	snprintf(plain, sizeof(plain), "%s_%s", t->nodes[l->ports[0].node].name, t->nodes[l->ports[1].node].name);
	return !strcmp(plain, l->name);
}

/* The word that begins at @p, NULL when none does. */
static const struct vn_disc_word *word_at(const char *p)
{
	char word[32];

	snprintf(word, sizeof(word), "%.*s", (int)strcspn(p, " "), p);
	return vn_disc_word_find(word);
}

/* Where the next word of @disc begins, or its end. The arguments of some begin with another: `loss state`, `police
 * rate`. */
static const char *next_word(const char *disc)
{
	const struct vn_disc_word *first = word_at(disc), *w;
	const char *begin = strchr(disc, ' ');

	for (const char *p = begin; p; p = strchr(p + 1, ' ')) {
		w = word_at(p + 1);
		if (w && !(p == begin && first && strstr(first->args, w->word)))
			return p;
	}
	return disc + strlen(disc);
}

/* A row for each word, so that labels stay narrow: "10ms 1ms", "loss 0.1%", "rate 1gbit". */
static void emit_rows(FILE *f, const char *prefix, const char *disc)
{
	const char *end;

	if (*prefix)
		fprintf(f, "<tr><td><i>%s</i></td></tr>", prefix);
	for (; *disc; disc = *end ? end + 1 : end) {
		end = next_word(disc);
		fputs("<tr><td>", f);
		/* Names of files may have any sign. */
		for (; disc < end; disc++) {
			if (strchr("<>&\"", *disc))
				fprintf(f, "&#%d;", *disc);
			else
				fputc(*disc, f);
		}
		fputs("</td></tr>", f);
	}
}

#define DOWN_COLOUR "#c62828"

static bool is_drawn_down(const struct vn_link *l)
{
	return (l->disc[0].flags | l->disc[1].flags) & VN_DISC_DOWN;
}

static bool has_label(const struct vn_topo *t, const struct vn_link *l)
{
	char bufs[VN_DIRS][VN_DISC_TEXT_BUF];

	return !is_plain_name(t, l) || *short_disc(&l->disc[0], bufs[0], sizeof(bufs[0])) ||
	       *short_disc(&l->disc[1], bufs[1], sizeof(bufs[1]));
}

/* A label on white, so that it can be read where it lies on its line. */
static void emit_label(FILE *f, const struct vn_topo *t, const struct vn_link *l)
{
	char bufs[VN_DIRS][VN_DISC_TEXT_BUF];
	const char *ab = short_disc(&l->disc[0], bufs[0], sizeof(bufs[0]));
	const char *ba = short_disc(&l->disc[1], bufs[1], sizeof(bufs[1]));
	bool named = !is_plain_name(t, l), same = !strcmp(ab, ba);

	if (!named && same && !*ab)
		return;
	fputs("<<table border=\"0\" cellspacing=\"0\" cellpadding=\"1\" bgcolor=\"white\">", f);
	if (named)
		fprintf(f, "<tr><td><font color=\"#1565c0\">%s</font></td></tr>", l->name);
	if (same && *ab)
		emit_rows(f, "", ab);
	if (!same) {
		emit_rows(f, *ab ? "there:" : "there: nothing", ab);
		emit_rows(f, *ba ? "back:" : "back: nothing", ba);
	}
	fputs("</table>>", f);
}

/* Labels on a chart are placed here, since graphviz puts them where the ends of a short link are. */

#define LABELS_MAX   400 /* above, where nobody reads them, graphviz may place them */
#define LETTER_NODE  0.105
#define LETTER_LABEL 0.075
#define ROW_LABEL    0.17

struct box {
	double x, y, w, h; /* middle, and half of width and height; in inches */
};

static bool overlap(const struct box *a, const struct box *b)
{
	return fabs(a->x - b->x) < a->w + b->w && fabs(a->y - b->y) < a->h + b->h;
}

static struct box node_box(const struct vn_node *n, const struct chart *c)
{
	return (struct box){(n->lon - c->lon0) * c->shrink * c->inches_per_degree,
			    (n->lat - c->lat0) * c->inches_per_degree,
			    fmax(0.75, 0.24 + LETTER_NODE * (double)strlen(n->name)) / 2 + 0.03, 0.15 + 0.03};
}

/* The size of a table of emit_label(), by its rows and the longest text in it. */
static struct box label_size(const char *table)
{
	size_t rows = 0, longest = 0, n;

	for (const char *p = table; (p = strstr(p, "<td>")); rows++) {
		p += 4;
		if (*p == '<')
			p = strchr(p, '>') + 1;
		n = strcspn(p, "<");
		longest = VN_MAX(longest, n);
	}
	return (struct box){.w = LETTER_LABEL * (double)longest / 2 + 0.03, .h = ROW_LABEL * (double)rows / 2};
}

/* On its link as near to the middle as there is room, else beside it; in the middle where there is none. */
static struct box place_label(struct box size, const struct box *a, const struct box *b, const struct box *taken,
			      size_t n)
{
	static const double along[] = {0.5, 0.42, 0.58, 0.34, 0.66};
	double dx = b->x - a->x, dy = b->y - a->y, len = fmax(hypot(dx, dy), 0.01);
	struct box at = size;

	for (int beside = 0; beside < 16; beside++) {
		for (size_t i = 0; i < VN_ARRAY_SIZE(along); i++) {
			/* 0, then one side and the other, each time farther out */
			double out = (beside + 1) / 2 * 0.1 * (beside % 2 ? -1 : 1);
			size_t k;

			at.x = a->x + dx * along[i] - dy / len * out * (1 + size.w);
			at.y = a->y + dy * along[i] + dx / len * out;
			for (k = 0; k < n && !overlap(&at, &taken[k]); k++)
				;
			if (k == n)
				return at;
		}
	}
	at.x = (a->x + b->x) / 2;
	at.y = (a->y + b->y) / 2;
	return at;
}

/* Each label a node of its own, which lies on its link. */
static int emit_placed_labels(FILE *f, const struct vn_topo *t, const struct chart *c)
{
	cleanup_free struct box *taken = calloc(t->n_nodes + t->n_links, sizeof(*taken));
	size_t n = t->n_nodes;

	if (!taken)
		return -ENOMEM;
	for (size_t i = 0; i < t->n_nodes; i++)
		taken[i] = node_box(&t->nodes[i], c);
	for (size_t i = 0; i < t->n_links; i++) {
		const struct vn_link *l = &t->links[i];
		cleanup_free char *table = NULL;
		struct box at;
		size_t len;
		FILE *m = open_memstream(&table, &len);

		if (!m)
			return -ENOMEM;
		emit_label(m, t, l);
		fclose(m);
		if (!table || !*table)
			continue;
		at = place_label(label_size(table), &taken[l->ports[0].node], &taken[l->ports[1].node], taken, n);
		taken[n++] = at;
		fprintf(f,
			"  \"label %s\" [shape=plaintext, style=\"\", margin=0, width=0, height=0, fontsize=9, "
			"fontcolor=\"%s\", pos=\"%.2f,%.2f!\", label=%s];\n",
			l->name, is_drawn_down(l) ? DOWN_COLOUR : "#52606d", at.x, at.y, table);
	}
	return 0;
}

static void emit_link(FILE *f, const struct vn_topo *t, const struct vn_link *l, bool labelled)
{
	bool lossy = l->disc[0].loss_ppb || l->disc[1].loss_ppb;

	fprintf(f, "  \"%s\" -- \"%s\" [penwidth=%.2f%s, tooltip=\"%s\"", t->nodes[l->ports[0].node].name,
		t->nodes[l->ports[1].node].name, pen_width(l),
		is_drawn_down(l) ? ", style=dotted, color=\"" DOWN_COLOUR "\", fontcolor=\"" DOWN_COLOUR "\""
		: lossy          ? ", style=dashed"
				 : "",
		l->name);
	if (labelled && has_label(t, l)) {
		fputs(", label=", f);
		emit_label(f, t, l);
	}
	fputs("];\n", f);
}

int vn_topo_emit_dot(const struct vn_topo *t, FILE *f)
{
	struct chart c = make_chart(t);
	bool placed = c.usable && t->n_links <= LABELS_MAX && t->n_nodes <= LABELS_MAX;
	size_t i;

	fprintf(f, "graph \"%s\" {\n", t->name);
	fprintf(f,
		"  graph [layout=%s, overlap=%s, splines=true, outputorder=edgesfirst, pad=0.4, rankdir=LR, "
		"bgcolor=white,\n"
		"         label=\"%s\", labelloc=t, fontname=\"Helvetica\", fontsize=20, fontcolor=\"#243b53\"];\n"
		"  node [shape=box, style=\"rounded,filled\", fillcolor=\"#e3f2fd\", color=\"#1565c0\", "
		"fontname=\"Helvetica\",\n"
		"        fontsize=13, fontcolor=\"#102a43\", margin=\"0.12,0.06\", height=0.3];\n"
		"  edge [color=\"#7b8794\", fontname=\"Helvetica\", fontsize=9, fontcolor=\"#52606d\"];\n",
		c.usable                      ? "neato"
		: t->n_nodes <= DOT_NODES_MAX ? "dot"
					      : "sfdp",
		c.usable ? "true" : "prism", t->name);
	for (i = 0; i < t->n_nodes; i++)
		emit_node(f, &t->nodes[i], &c);
	for (i = 0; i < t->n_links; i++)
		emit_link(f, t, &t->links[i], !placed);
	if (placed && emit_placed_labels(f, t, &c) < 0)
		return -ENOMEM;
	fputs("}\n", f);
	return ferror(f) ? -EIO : 0;
}
