/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The topology as the rest of the agent sees it. Filled in three steps, each pure:
 *   vn_topo_parse()    YAML text -> what the file says (defaults applied, names and ranges checked)
 *   vn_topo_resolve()  + the running topology -> ids, port numbers, MACs, addresses, routes
 *   vn_topo_to_json() / vn_topo_from_json()  the resolved form on disk and on the wire
 */
#ifndef VNET_MODEL_MODEL_H
#define VNET_MODEL_MODEL_H

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <abi/abi_afxdp.h>
#include <abi/abi_disc.h>
#include <abi/abi_handover.h>
#include <abi/abi_port.h>
#include <base/err.h>

#include "base/inet.h"
#include "base/names.h"
#include "base/units.h"
#include "disc/disc_words.h"
#include "model/container.h"
#include "model/port_kind.h"
#include "model/vf_port.h"

#define VN_TOPO_NODES_MAX    16384
#define VN_TOPO_LINKS_MAX    32767
#define VN_TOPO_FILE_MAX     (16u << 20)
#define VN_TOPO_DEPTH_MAX    16
#define VN_MTU_MIN           68    /* RFC 791 */
#define VN_MTU_IP6           1280  /* RFC 8200: a link below has no IPv6 */
#define VN_MTU_MAX           65535 /* of a veth */
#define VN_HELD_MTU_MAX      16000 /* of a link that holds frames: VN_ENGINE_PORT_MTU less room for tags */
#define VN_ROUTING_NODES_MAX 4096  /* above this, `routing: shortest` is refused: it costs O(nodes^2) routes */
#define VN_HOPS_DEFAULT      64    /* links that a packet crosses with the kernel's own TTL and hop limit */
#define VN_HOPS_MAX          255   /* ... and with the highest there is */
#define VN_CONGESTION_MAX    15    /* TCP_CA_NAME_MAX - 1: the kernel cuts nothing off */
#define VN_DIRS              2     /* direction 0 "ab": from endpoint 0 to endpoint 1; direction 1 "ba" */

/* How an application gets at its port: bits, the first two of them together or alone. */
enum vn_handover_mode {
	VN_HANDOVER_CNI = 1u << 0,     /* a socket that speaks the protocol of DPDK's use_cni */
	VN_HANDOVER_PINNED = 1u << 1,  /* the map's pin, for use_pinned_map */
	VN_HANDOVER_LIBVNET = 1u << 2, /* a bound socket and its memory, by libvnet's protocol (abi/abi_handover.h) */
};

/* Whether frames with checksums still to be computed may be given to a port's node. */
enum vn_checksum {
	VN_CHECKSUM_AUTO, /* not where a reader of raw frames is known */
	VN_CHECKSUM_PARTIAL,
	VN_CHECKSUM_COMPLETE,
};

/* A port: endpoint @side of link @link, interface @ifname of node @node. */
struct vn_port {
	size_t node; /* index into vn_topo.nodes */
	char ifname[IF_NAMESIZE];
	uint8_t mac[6];    /* all zero until resolved, unless the file gives it */
	bool mac_given;    /* the file gives the MAC */
	bool ip_given;     /* the file gives the addresses: no automatic ones */
	uint8_t isolation; /* enum vn_isolation */
	uint8_t checksum;  /* enum vn_checksum, of what the node receives here; vn_port_is_raw() */
	bool vlan_list;    /* only tags in vlans[] (n_vlans may be 0: none at all) */
	uint8_t n_vlans;
	uint16_t vlans[VN_PORT_VLANS];
	struct vn_addr ip4, ip6; /* the port's own addresses with the link's prefix length */
	uint8_t n_macs;
	uint8_t macs[VN_PORT_MACS][6]; /* that it may use beside its own */
	uint8_t n_sources;             /* prefixes it may use (isolation ip) beside the node's own addresses */
	struct vn_addr sources[2 * VN_PORT_PREFIXES];
	uint32_t number; /* slot; 0 until resolved */
	uint8_t kind;    /* enum vn_port_kind; port_kind.h */
	/* Of VN_PORT_AFXDP; zero for other kinds. */
	uint8_t handover; /* enum vn_handover_mode */
	uint32_t buffers; /* for VN_HANDOVER_LIBVNET, else 0 */
	struct vn_afxdp_cfg afxdp;
	struct vn_vf vf; /* of VN_PORT_VF */
};

struct vn_link {
	char name[VN_NAME_MAX + 1];
	struct vn_port ports[VN_DIRS];
	struct vn_disc disc[VN_DIRS]; /* [0]: the direction that starts at ports[0] */
	uint32_t mtu;
	/* What the trace of each direction adds to its delay where routes are chosen: its mean; 0: none is known. */
	uint64_t trace_delay_ns[VN_DIRS];
	bool fail_open;      /* while the engine is down: pass unheld instead of dropping */
	bool carrier_ignore; /* an end keeps its carrier whatever the link and its other end are */
	int line, column;    /* in the file, for later errors; 0: unknown */
};

/* One route of a node: everything for @dst leaves by the port at @link/@side via @gw, or is unreachable. */
struct vn_route {
	struct vn_addr dst;
	struct vn_addr gw; /* family 0: unreachable */
	uint32_t link;     /* index into vn_topo.links */
	uint8_t side;
};

struct vn_node {
	char name[VN_NAME_MAX + 1];
	uint32_t id;        /* names its address block (10.ID.ID.0/24, fd00:766e:0:ID::/64); 0 until resolved */
	int8_t forward_opt; /* as asked: -1 automatic (forward when it has more than one port), 0 no, 1 yes */
	bool forward;       /* as resolved */
	uint8_t hop_limit;  /* TTL and hop limit of what the node sends; 0: the kernel's own, VN_HOPS_DEFAULT */
	struct vn_addr lo4, lo6;
	struct vn_route *routes; /* sorted by family, address, prefix length */
	size_t n_routes;
	uint32_t *link_ids; /* links that end here, in file order: link index * 2 + side */
	size_t n_links;
	uint8_t runtime;                        /* enum vn_runtime */
	bool privileged;                        /* its namespace belongs to the machine's user namespace */
	char congestion[VN_CONGESTION_MAX + 1]; /* of TCP, by the kernel's name; "": what a new namespace gets */
	json_t *container;                      /* what runs in it (container.h); NULL: nothing */
	uint32_t asked_by; /* uid of who described that, or restarted it: not the file's, the daemon's */
	double lat, lon;   /* degrees; only drawn; NAN: unknown */
	int line;
};

enum vn_addressing { VN_ADDRESSING_AUTO, VN_ADDRESSING_NONE };
enum vn_routing { VN_ROUTING_SHORTEST, VN_ROUTING_NONE };

struct vn_topo {
	char name[VN_NAME_MAX + 1];
	struct vn_node *nodes;
	size_t n_nodes;
	struct vn_link *links;
	size_t n_links;
	enum vn_addressing addressing;
	enum vn_routing routing;
	uint32_t longest_path; /* links that a packet crosses at most where `routing: shortest` made the routes, else 0
				*/
	uint64_t seed;         /* at most VN_SEED_MAX */
	bool seed_given;
	bool heal;   /* drift is mended at once, without an apply */
	bool strict; /* no node whose root reaches beyond it */
	bool resolved;
	char file[128];                                /* where it was read from, for later errors; may be empty */
	char *source;                                  /* the whole path, as who applied it sees it; NULL: unknown */
	struct vn_name_index *node_index, *link_index; /* vn_topo_find_*() keep them */
};

/* A name that a kernel's congestion control of TCP can have; the machine's own may know it or not. */
bool vn_congestion_valid(const char *name);

/* Raw frames are read there: checksums are to be complete, and no frame is more than one on a wire. */
bool vn_port_is_raw(const struct vn_topo *t, const struct vn_port *p);

struct vn_topo *vn_topo_new(void);
void vn_topo_free(struct vn_topo *t);
static inline void vn_topo_freep(struct vn_topo **t)
{
	vn_topo_free(*t);
}
#define cleanup_topo __attribute__((cleanup(vn_topo_freep)))

/* Index by name through a hash; -ENOENT when there is none. Built on first use, so @t is not const. */
int vn_topo_find_node(struct vn_topo *t, const char *name, size_t *ret_index);
int vn_topo_find_link(struct vn_topo *t, const char *name, size_t *ret_index);

/*
 * Parse @len bytes of YAML (@file only names it in errors: "file:line:column: what, what would work").
 * Nothing of the machine is looked at. Errors: -EINVAL with exit 1.
 */
int vn_topo_parse(const char *file, const char *text, size_t len, struct vn_topo **ret_topo, struct vn_err *err);

/* The same, and all that is wrong, in the order of the file; @err has the first of it. */
#define VN_TOPO_ERRS_MAX 20
struct vn_topo_errs {
	size_t n, dropped; /* how many more there were */
	struct vn_topo_err_at {
		unsigned int line, column;
		char text[600];
	} at[VN_TOPO_ERRS_MAX];
};
int vn_topo_parse_all(const char *file, const char *text, size_t len, struct vn_topo **ret_topo,
		      struct vn_topo_errs *errs, struct vn_err *err);

/* Gives the next free port number; called by vn_topo_resolve() for links that @prev does not have. */
typedef int (*vn_port_alloc_fn)(void *arg, uint32_t *ret_number);

/*
 * Complete @t: node ids, port numbers, MACs, addresses, discipline keys and automatic limits, routes. What @prev (the
 * same topology as it runs, NULL: does not run) has under the same names keeps its id, number, MAC and addresses, so
 * that an edit does not disturb its neighbours. @alloc NULL: number 1, 2, 3 ... (plan without daemon, golden files).
 */
int vn_topo_resolve(struct vn_topo *t, const struct vn_topo *prev, vn_port_alloc_fn alloc, void *arg,
		    struct vn_err *err);

/* The routes of every node of a resolved topology, again: after a trace_delay_ns of its links has changed. */
int vn_topo_routes(struct vn_topo *t, struct vn_err *err);

#endif
