/* SPDX-License-Identifier: GPL-2.0-only */
/* Between parse.c (file, nodes, defaults) and parse_links.c (links, ports): the state of one vn_topo_parse(). */
#ifndef VNET_FILE_PARSE_TOPO_H
#define VNET_FILE_PARSE_TOPO_H

#include "model/model_internal.h"
#include "file/yaml.h"

/* What `defaults:` may give to every link; a link without a word of its own takes it from here. */
struct vn_link_defaults {
	struct vn_disc disc;
	uint32_t mtu;
	uint8_t isolation, checksum;
	bool fail_open;
	bool carrier_ignore;
};

struct vn_parser {
	const char *file;
	struct vn_err *err; /* of what is not the file's fault */
	struct vn_topo_errs *errs;
	struct vn_topo *topo;
	struct vn_link_defaults link;
	struct vn_node node;      /* what `defaults:` may give to every node: forward_opt, runtime, container */
	struct port_entry *ports; /* uthash: (node, interface) -> link and side */
	struct port_entry *port_pool;
	bool links_failed; /* not every port is known */
};

/* How three and more ports share a LAN. */
#define LAN_TODAY                                                                                                      \
	"a LAN of three or more ports is a node that bridges them, with `isolation: off` on its links "                \
	"(vnet-topology(5), LANS)"

/* One key of a map: its word and what takes its value. @obj is what vn_parse_map() was given. */
struct vn_key {
	const char *word;
	int (*parse)(struct vn_parser *p, const struct vn_yaml *v, void *obj);
};

/* Keeps the error, at the position of @y, and returns -EINVAL: the caller goes on with what does not need it. */
__attribute__((format(printf, 3, 4))) int vn_parse_fail(struct vn_parser *p, const struct vn_yaml *y, const char *fmt,
							...);

/*
 * Hand each value of the map @y to its key's function, in the order of @keys. A key that is not among them is refused,
 * as "unknown key 'x' in @what". When @disc is set, the words of a discipline are keys too, applied to it. A wrong
 * value does not keep the others from being looked at: -EINVAL at the end.
 */
int vn_parse_map(struct vn_parser *p, const struct vn_yaml *y, const char *what, const struct vn_key *keys, void *obj,
		 struct vn_disc *disc);

/* The scalar's text, or NULL after an error that says what was expected. */
const char *vn_parse_text(struct vn_parser *p, const struct vn_yaml *y, const char *expected);
/* Index of the scalar among @words. */
int vn_parse_choice(struct vn_parser *p, const struct vn_yaml *y, const char *key, const char *const *words,
		    unsigned int *ret_index);
int vn_parse_isolation(struct vn_parser *p, const struct vn_yaml *y, uint8_t *ret_isolation);
int vn_parse_checksum(struct vn_parser *p, const struct vn_yaml *y, uint8_t *ret_checksum);
/* A map's key: stands right before its value. */
static inline const struct vn_yaml *vn_parse_key_of(const struct vn_yaml *value)
{
	return value - 1;
}

/* Keys that `defaults: {link: }` and a link have in common, for @obj = struct vn_link_defaults. */
extern const struct vn_key vn_link_default_keys[];

/* Keys of a node about what runs in it, for @obj = struct vn_node; together they must make sense (parse_node.c). */
extern const struct vn_key vn_container_keys[];
int vn_parse_container_check(struct vn_parser *p, const struct vn_yaml *v, const struct vn_node *node);

/* Keys of an AF_XDP port, in a port's table; `kind` first, since the others ask for it; `handover` before `buffers`.
 * See parse_ports.c. */
int vn_parse_port_kind(struct vn_parser *p, const struct vn_yaml *v, void *obj);
int vn_parse_port_queues(struct vn_parser *p, const struct vn_yaml *v, void *obj);
int vn_parse_port_kernel(struct vn_parser *p, const struct vn_yaml *v, void *obj);
int vn_parse_port_unbound(struct vn_parser *p, const struct vn_yaml *v, void *obj);
int vn_parse_port_handover(struct vn_parser *p, const struct vn_yaml *v, void *obj);
int vn_parse_port_buffers(struct vn_parser *p, const struct vn_yaml *v, void *obj);
#define VN_AFXDP_KEYS                                                                                                  \
	{"kind", vn_parse_port_kind}, {"queues", vn_parse_port_queues}, {"kernel", vn_parse_port_kernel},              \
		{"unbound", vn_parse_port_unbound}, {"handover", vn_parse_port_handover},                              \
	{                                                                                                              \
		"buffers", vn_parse_port_buffers                                                                       \
	}

/* `mac:` and `vf:` of a port. */
int vn_parse_port_mac(struct vn_parser *p, const struct vn_yaml *v, void *obj);
int vn_parse_port_vf(struct vn_parser *p, const struct vn_yaml *v, void *obj);

int vn_parse_links(struct vn_parser *p, const struct vn_yaml *y);
int vn_parse_ports(struct vn_parser *p, const struct vn_yaml *y);
void vn_parse_release_ports(struct vn_parser *p);

#endif
