/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Wished and seen: what the kernel says of a node (struct vn_node_seen, filled by vn_look_node()), and how that differs
 * from what the topology wishes (struct vn_drift). Pure: the comparison looks at no machine.
 *
 * Only what the agent sets can drift. What the node's own programs add (addresses, routes of other protocols, other
 * devices) is theirs, and is neither missed nor removed.
 */
#ifndef VNET_PLAN_DRIFT_H
#define VNET_PLAN_DRIFT_H

#include "model/model.h"

struct vn_neigh_seen {
	bool there, permanent;
	uint8_t mac[6];
};

/* A device of the node; of a port unless it is the loopback device. */
struct vn_device_seen {
	bool there;
	bool carrier;
	bool ipv6_off;   /* sysctl disable_ipv6 */
	bool name_taken; /* the port has lost its name, and another device of the node has it */
	bool away;       /* ports: the other end of the host's device is not in the node's namespace, or not at all */
	bool host_gone;  /* ports: the host's device is not there */
	char ifname[IF_NAMESIZE];
	uint32_t flags, mtu;
	uint8_t mac[6];
	struct vn_addr *addrs; /* all of them */
	size_t n_addrs;
	struct vn_neigh_seen neigh4, neigh6; /* ports: of the other end's address */
	bool net4, net6; /* ports: the route to the network of its own address, which the kernel made with it */
};

/* A route of the main table that has our protocol number. */
struct vn_route_seen {
	struct vn_addr dst, gw, src; /* gw.family 0: unreachable; src.family 0: none preferred */
	uint32_t oif;
};

struct vn_node_seen {
	bool looked;             /* false: all that follows says nothing */
	bool too_many;           /* addresses or routes: not all were read, those that were not found are not missed */
	int nsid;                /* of its namespace, as the fabric numbers it; -1: it has no number */
	bool forward4, forward6; /* for all devices */
	bool rp_filter;          /* for all devices, or for those to come */
	struct vn_device_seen lo;
	struct vn_device_seen *ports; /* as vn_node.link_ids */
	size_t n_ports;
	struct vn_route_seen *routes;
	size_t n_routes;
};

void vn_node_seen_release(struct vn_node_seen *s);
#define cleanup_node_seen __attribute__((cleanup(vn_node_seen_release)))

enum {
	VN_DRIFT_AWAY = 1u << 0, /* in no or another namespace: the link is broken, configuration does not mend it */
	VN_DRIFT_NAME = 1u << 1,
	VN_DRIFT_DOWN = 1u << 2,
	VN_DRIFT_MTU = 1u << 3,
	VN_DRIFT_MAC = 1u << 4,
	VN_DRIFT_NO_IPV6 = 1u << 5,
	VN_DRIFT_IP4 = 1u << 6, /* an address is missing */
	VN_DRIFT_IP6 = 1u << 7,
	VN_DRIFT_NEIGH4 = 1u << 8, /* the other end's entry is missing, or another MAC's, or not for good */
	VN_DRIFT_NEIGH6 = 1u << 9,
	VN_DRIFT_NET4 = 1u << 10, /* the address is there, but not the route to its network */
	VN_DRIFT_NET6 = 1u << 11,
};

enum {
	VN_DRIFT_FORWARD = 1u << 0,
	VN_DRIFT_RP_FILTER = 1u << 1,
};

/* How one device differs, and what it is instead where that is worth telling. */
struct vn_device_drift {
	uint16_t bits;
	uint16_t routes; /* missing, of those that leave by it */
	bool name_taken;
	uint32_t mtu;
	uint8_t mac[6];
	char ifname[IF_NAMESIZE];
};

struct vn_drift {
	bool any;
	uint8_t bits; /* of the node itself */
	struct vn_device_drift lo;
	struct vn_device_drift *ports; /* as vn_node.link_ids; NULL when none drifted */
	size_t n_ports;
	bool *route_missing; /* per route of the node; NULL: none is */
	size_t n_missing;
};

/* What of node @node of @t is not as wished; nothing when @seen has not been looked at. -ENOMEM. */
int vn_drift_make(const struct vn_topo *t, size_t node, const struct vn_node_seen *seen, struct vn_drift *ret_drift);
void vn_drift_release(struct vn_drift *d);
#define cleanup_drift __attribute__((cleanup(vn_drift_release)))

/* There is something that configuring the node anew would mend. */
bool vn_drift_is_mendable(const struct vn_drift *d);

/*
 * "eth0 down, 2 addresses missing, 3 routes missing"; "" when there is none. Of link @link alone, or (VN_DRIFT_ALL) of
 * the whole node. Long ones end in "and more". Returns @buf.
 */
#define VN_DRIFT_TEXT 256
#define VN_DRIFT_ALL  ((size_t)-1)
const char *vn_drift_format(const struct vn_topo *t, size_t node, const struct vn_drift *d, size_t link,
			    char buf[VN_DRIFT_TEXT]);

#endif
