// SPDX-License-Identifier: GPL-2.0-only
/* VFs as they are: who has each, and what really stands on it. */
#include <linux/if_link.h>

#include <base/util.h>

#include "exec/exec_internal.h"
#include "sriov/vf_state.h"
#include "exec/port_vf.h"
#include "loader/xdp_query.h"
#include "net/netns.h"
#include "sriov/netdev.h"
#include "sriov/sriov.h"
#include "sriov/vf_admin.h"
#include "net/veth.h"
#include "net/xsks.h"
#include "model/topo.h"

static const struct vn_port *find_port(struct vn_topo *const *topos, size_t n, const struct vn_vf_record *v,
				       const struct vn_topo **ret_topo)
{
	char owner[VN_OWNER_MAX];

	for (size_t t = 0; t < n; t++)
		for (size_t i = 0; i < topos[t]->n_links * VN_DIRS; i++) {
			const struct vn_port *p = &topos[t]->links[i / VN_DIRS].ports[i % VN_DIRS];

			snprintf(owner, sizeof(owner), "%s/%s:%s", topos[t]->name, topos[t]->nodes[p->node].name,
				 p->ifname);
			if (p->kind == VN_PORT_VF && strcmp(owner, v->owner) == 0) {
				*ret_topo = topos[t];
				return p;
			}
		}
	return NULL;
}

static const char *xdp_word(uint32_t ifindex)
{
	uint8_t attached = XDP_ATTACHED_NONE;
	uint32_t id;

	if (vn_xdp_query(ifindex, &attached, &id) < 0)
		return NULL;
	switch (attached) {
	case XDP_ATTACHED_NONE:
		return "none";
	case XDP_ATTACHED_SKB:
		return "generic";
	case XDP_ATTACHED_HW:
		return "offload";
	default:
		return "native";
	}
}

/* The netdev, in the namespace of the calling thread. */
static bool add_netdev(json_t *o, const char *pci)
{
	cleanup_nl struct vn_nl nl = VN_NL_INIT;
	struct vn_vf_netdev dev;
	struct vn_xsks socks = {0};
	bool told;
	char mac[VN_MAC_BUF];
	const char *xdp;

	if (vn_nl_open(&nl, NULL) < 0 || vn_sriov_netdev(&nl, pci, &dev) < 0)
		return false;
	told = vn_xsks_on(dev.ifindex, &socks) == 0;
	xdp = xdp_word(dev.ifindex);
	json_object_set_new(o, "ifname", json_string(dev.name));
	json_object_set_new(o, "mac", json_string(vn_mac_format(mac, dev.mac)));
	if (vn_vf_marked(&dev))
		json_object_set_new(o, "mark", json_string(vn_vf_marked(&dev)));
	json_object_set_new(o, "mtu", json_integer(dev.mtu));
	json_object_set_new(o, "up", json_boolean(dev.flags & IFF_UP));
	json_object_set_new(o, "xdp", xdp ? json_string(xdp) : json_null());
	json_object_set_new(o, "xsks", told ? json_integer(socks.n) : json_null());
	json_object_set_new(o, "zerocopy", socks.n ? json_boolean(socks.zerocopy == socks.n) : json_null());
	return true;
}

static bool add_netdev_in(json_t *o, const struct vn_fabric *f, int fd, const char *pci)
{
	bool there;

	if (fd < 0 || vn_netns_enter(fd) < 0)
		return false;
	there = add_netdev(o, pci);
	vn_netns_leave(f->home.host_netns_fd);
	return there;
}

static void add_admin(json_t *o, const struct vn_vf_admin *a)
{
	json_t *admin = json_object();
	char mac[VN_MAC_BUF];

	if (a->has & 1u << VN_VF_ATTR_MAC)
		json_object_set_new(admin, "mac", json_string(vn_mac_format(mac, a->mac)));
	if (a->has & 1u << VN_VF_ATTR_VLAN)
		json_object_set_new(admin, "vlan", json_integer(a->vlan));
	if (a->has & 1u << VN_VF_ATTR_SPOOFCHK)
		json_object_set_new(admin, "spoofchk", json_boolean(a->spoofchk));
	if (a->has & 1u << VN_VF_ATTR_TRUST)
		json_object_set_new(admin, "trust", json_boolean(a->trust));
	if (a->has & 1u << VN_VF_ATTR_STATE && a->state < 3)
		json_object_set_new(admin, "state", json_string(vn_vf_state_words[a->state]));
	if (a->has & 1u << VN_VF_ATTR_RATE) {
		json_object_set_new(admin, "min_tx_rate", json_integer(a->min_tx_rate));
		json_object_set_new(admin, "max_tx_rate", json_integer(a->max_tx_rate));
	}
	/* What the driver does not say at all is no administration. */
	json_object_set_new(o, "admin", a->has ? admin : json_null());
	if (!a->has)
		json_decref(admin);
	json_object_set_new(o, "counters",
			    a->has_stats ? json_pack("{s:I, s:I, s:I, s:I}", "rx_packets", (json_int_t)a->rx_packets,
						     "tx_packets", (json_int_t)a->tx_packets, "rx_bytes",
						     (json_int_t)a->rx_bytes, "tx_bytes", (json_int_t)a->tx_bytes)
					 : json_null());
}

static json_t *vf_json(struct vn_fabric *f, struct vn_nl *nl, const struct vn_sriov *pf, unsigned int vf,
		       const struct vn_vf_record *v, struct vn_topo *const *topos, size_t n)
{
	char pci[VN_PCI_NAME] = "", driver[64], name[VN_NETNS_NAME_MAX], group_file[32];
	const struct vn_topo *t = NULL;
	const struct vn_port *p = v ? find_port(topos, n, v, &t) : NULL;
	cleanup_close int node = p ? vn_netns_open(vn_netns_name(name, t->name, t->nodes[p->node].name)) : -EBADF;
	struct vn_vf_admin admin = {0};
	int group;
	json_t *o;

	vn_sriov_vf_pci(pf, vf, pci);
	vn_pci_driver(pci, driver, sizeof(driver));
	group = vn_pci_iommu_group(pci);
	snprintf(group_file, sizeof(group_file), "/dev/vfio/%d", group);
	o = json_pack("{s:s, s:i, s:s, s:s, s:s?, s:s?, s:s?, s:i, s:o, s:s?}", "pf", pf->name, "vf", (int)vf, "pci",
		      pci, "driver", driver, "owner", v ? v->owner : NULL, "role",
		      v ? v->partner ? "partner" : "node" : NULL, "mode", p ? vn_vf_mode_words[p->vf.mode] : NULL,
		      "vlan", v ? v->vid : 0, "iommu_group", group < 0 ? json_null() : json_integer(group), "vfio",
		      strcmp(driver, "vfio-pci") == 0 ? group_file : NULL);
	if (!o)
		return NULL;
	vn_sriov_admin_get(nl, pf->ifindex, vf, &admin);
	add_admin(o, &admin);
	if (v && v->partner ? !add_netdev_in(o, f, f->home.netns_fd, pci) : !add_netdev_in(o, f, node, pci))
		if (!add_netdev(o, pci))
			json_object_set_new(o, "ifname", json_null());
	/* An agent's, that this one knows nothing of. */
	json_object_set_new(o, "leaked", json_boolean(!v && json_object_get(o, "mark")));
	return o;
}

static int show_pf(struct vn_fabric *f, const struct vn_sriov *pf, struct vn_topo *const *topos, size_t n, json_t *list,
		   struct vn_err *err)
{
	cleanup_pf_record struct vn_pf_record rec = {0};
	cleanup_nl struct vn_nl nl = VN_NL_INIT;
	int r = vn_pf_record_load(f->runtime_dir, pf->name, &rec, err);

	if (r < 0 && r != -ENOENT)
		return r;
	r = vn_nl_open(&nl, err);
	for (unsigned int i = 0; i < pf->num && i < VN_VF_MAX && r == 0; i++)
		json_array_append_new(list, vf_json(f, &nl, pf, i, vn_pf_record_find(&rec, i), topos, n));
	return r;
}

json_t *vn_vf_port_show(struct vn_fabric *f, struct vn_topo *t, const struct vn_port *port, struct vn_err *err)
{
	cleanup_pf_record struct vn_pf_record rec = {0};
	cleanup_nl struct vn_nl nl = VN_NL_INIT;
	struct vn_sriov pf;
	int r = vn_sriov_open(port->vf.pf, &pf, err);

	if (r == 0)
		r = vn_pf_record_load(f->runtime_dir, pf.name, &rec, err);
	if (r == 0 || r == -ENOENT)
		r = vn_nl_open(&nl, err);
	return r == 0 ? vf_json(f, &nl, &pf, port->vf.index, vn_pf_record_find(&rec, port->vf.index), &t, 1) : NULL;
}

json_t *vn_vfs_show(struct vn_fabric *f, const char *pf, struct vn_topo *const *topos, size_t n, struct vn_err *err)
{
	struct if_nameindex *names = pf ? NULL : if_nameindex();
	json_t *list = json_array();
	struct vn_sriov s;
	int r = 0;

	if (pf) {
		r = vn_sriov_open(pf, &s, err);
		if (r == 0)
			r = show_pf(f, &s, topos, n, list, err);
	}
	for (struct if_nameindex *i = names; i && i->if_index && r == 0; i++)
		if (vn_sriov_open(i->if_name, &s, NULL) == 0)
			r = show_pf(f, &s, topos, n, list, err);
	if (names)
		if_freenameindex(names);
	if (r == 0)
		return list;
	json_decref(list);
	return NULL;
}
