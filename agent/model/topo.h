/* SPDX-License-Identifier: GPL-2.0-only */
/* What else is done with a topology, all pure: JSON, drawing, importing. */
#ifndef VNET_MODEL_TOPO_H
#define VNET_MODEL_TOPO_H

#include <jansson.h>
#include <stdio.h>

#include "model/model.h"

/* The resolved form, complete: what the daemon keeps on disk. from_json() trusts nothing it reads. */
json_t *vn_topo_to_json(const struct vn_topo *t);
int vn_topo_from_json(const json_t *o, struct vn_topo **ret_topo, struct vn_err *err);

/* The file again, normalised: parse(emit(t)) equals t, and emit(parse(emit(t))) is emit(t) to the byte (golden files).
 */
int vn_topo_emit_yaml(const struct vn_topo *t, FILE *f);

/* Graphviz DOT, disciplines on the edges (both, when they differ), positions from lat/lon when every node has them. */
int vn_topo_emit_dot(const struct vn_topo *t, FILE *f);

/* How a GML file is to be read beyond what it says. */
struct vn_gml_wish {
	uint64_t delay_ns; /* of links whose length is unknown */
	bool no_rates;     /* leave the speeds of links out */
};

/* What a GML file says that the topology does not, or says otherwise. */
struct vn_gml_report {
	size_t unknown_delay;   /* links whose length is unknown */
	size_t rates;           /* links that got a rate */
	size_t unknown_rate;    /* ... whose speed is not a number that a rate can have, such as "<10" */
	size_t not_built;       /* edges left out, since their LinkStatus says planned, proposed or future */
	size_t hyperedges;      /* nodes that stand for a link between more than two: made nodes all the same */
	size_t renamed;         /* nodes without a label of their own */
	char renamed_text[256]; /* the first of these: "'York' is york-2, ..." */
};

/*
 * Internet Topology Zoo file (GML: node label/lon/lat, edge source/target, dist in km, LinkSpeedRaw or LinkSpeed and
 * LinkSpeedUnits, LinkStatus) -> topology with delay = dist at two thirds of c. It is called as the graph's label or
 * name says, else as the file. Labels become valid unique names; parallel edges and nodes without coordinates are kept;
 * an edge without `dist` takes the great circle between its ends, or @wish's delay when a coordinate is missing.
 * @wish and @ret_report may be NULL.
 */
int vn_gml_import(const char *file, const char *text, size_t len, const struct vn_gml_wish *wish,
		  struct vn_topo **ret_topo, struct vn_gml_report *ret_report, struct vn_err *err);

#endif
