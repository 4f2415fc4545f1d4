// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VF is taken in the order that works on every driver seen: the PF is up and has its carrier; automatic probing is
 * off while VFs are made; the PF's administration comes before the VF's driver, which reads its address once; then the
 * driver; then the netdev moves (vfs_place.c). How it is given back is in vfs_release.c.
 *
 * What is done stands in a file before it is done (vf_state.h), so that a crash between any two lines is mended by the
 * next start.
 */
#include "exec/port_vf.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/if_link.h>

#include <loader/vf.h>
#include <base/util.h>

#include "exec/exec_internal.h"
#include "sriov/vf_state.h"
#include "exec/port_vf_internal.h"
#include "net/netns.h"
#include "sriov/netdev.h"
#include "sriov/sriov.h"
#include "sriov/vf_admin.h"
#include "net/veth.h"

#define MARK      "vnet-agent " /* begins the alias of a netdev that is a port's */
#define VFS_SPARE 16u /* VFs made beyond those asked for: a PF that has VFs cannot have more without losing them */

void vn_vf_owner(const struct vn_topo *t, const struct vn_port *p, char buf[VN_OWNER_MAX])
{
	snprintf(buf, VN_OWNER_MAX, "%s/%s:%s", t->name, t->nodes[p->node].name, p->ifname);
}

static void describe_vf(void *arg, uint64_t tag, char *buf, size_t size)
{
	const struct vn_vf_name *n = arg;

	snprintf(buf, size, "PF %s, VF %u", n->pf, n->vf);
}

int vn_vf_host_nl(struct vn_nl *nl, struct vn_vf_name *name, struct vn_err *err)
{
	nl->describe = describe_vf;
	nl->arg = name;
	return vn_nl_open(nl, err);
}

const char *vn_vf_marked(const struct vn_vf_netdev *dev)
{
	return strncmp(dev->alias, MARK, strlen(MARK)) == 0 ? dev->alias + strlen(MARK) : NULL;
}

/* Why VF @vf, which no port of ours has, cannot be had. */
static void look_at_free(struct vn_nl *nl, const struct vn_sriov *pf, unsigned int vf, char *buf, size_t size)
{
	char pci[VN_PCI_NAME], driver[64];
	struct vn_vf_netdev dev;

	if (vn_sriov_vf_pci(pf, vf, pci) < 0)
		return;
	vn_pci_driver(pci, driver, sizeof(driver));
	if (!*driver)
		return;
	if (strcmp(driver, "vfio-pci") == 0)
		snprintf(buf, size, "VF %u is bound to vfio-pci", vf);
	else if (vn_sriov_netdev(nl, pci, &dev) < 0)
		snprintf(buf, size, "VF %u is in another network namespace", vf);
	else if (vn_vf_marked(&dev))
		snprintf(buf, size, "VF %u has the mark of an agent's %.40s: see `vnet-agent vf reclaim`", vf,
			 vn_vf_marked(&dev));
	else if (dev.flags & IFF_UP)
		snprintf(buf, size, "VF %u is in use on the host as %s", vf, dev.name);
}

int vn_vfs_look(void *fabric, const char *name, struct vn_pf *ret_pf, struct vn_err *err)
{
	const struct vn_fabric *f = fabric;
	cleanup_pf_record struct vn_pf_record rec = {0};
	cleanup_nl struct vn_nl nl = VN_NL_INIT;
	struct vn_vf_name what = {.pf = name};
	struct vn_sriov pf;
	int r = vn_sriov_open(name, &pf, err);

	if (r < 0)
		return r;
	r = vn_vf_host_nl(&nl, &what, err);
	if (r == 0)
		r = vn_default_route(&nl, pf.ifindex, &ret_pf->default_route);
	if (r < 0)
		return r;
	r = vn_pf_record_load(f->runtime_dir, name, &rec, err);
	if (r < 0 && r != -ENOENT)
		return r;
	ret_pf->total = pf.total;
	ret_pf->num = pf.num;
	ret_pf->can_vlan = vn_sriov_can_vlan(pf.ifindex);
	for (unsigned int i = 0; i < pf.num && i < VN_VF_MAX; i++) {
		const struct vn_vf_record *v = vn_pf_record_find(&rec, i);

		if (!v) {
			look_at_free(&nl, &pf, i, ret_pf->vfs[i].other, sizeof(ret_pf->vfs[i].other));
			continue;
		}
		snprintf(ret_pf->vfs[i].owner, sizeof(ret_pf->vfs[i].owner), "%s", v->owner);
		ret_pf->vfs[i].vid = v->vid;
		if (!v->partner)
			memcpy(ret_pf->vfs[i].mac, v->port_mac, sizeof(v->port_mac));
	}
	return 0;
}

bool vn_vf_carrier(const char *pf)
{
	char path[PATH_MAX], c = '0';
	cleanup_close int fd = -EBADF;

	snprintf(path, sizeof(path), "/sys/class/net/%s/carrier", pf);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 && read(fd, &c, 1) == 1 && c == '1';
}

/* VFs of a PF without carrier reach nobody on some NICs; but that may be what its owner wants. */
static int bring_up(struct vn_exec *x, struct vn_nl *nl, const struct vn_sriov *pf)
{
	const uint64_t until = vn_now_ns() + VN_VF_CARRIER_WAIT_NS;
	int r;

	vn_link_up(nl, pf->ifindex);
	r = vn_nl_flush(nl);
	while (r == 0 && !vn_vf_carrier(pf->name) && vn_now_ns() < until) {
		usleep(VN_VF_POLL_US);
		vn_exec_tick(x, 0);
	}
	return r;
}

/* The PF has VFs, and its record says how it was before we came. */
static int prepare_pf(struct vn_exec *x, struct vn_nl *nl, struct vn_sriov *pf, unsigned int highest,
		      struct vn_pf_record *rec)
{
	const char *dir = x->f->runtime_dir;
	int r = vn_pf_record_load(dir, pf->name, rec, x->err);

	if (r < 0 && r != -ENOENT)
		return r;
	/* One that waited for others to let go of VFs that we had made: what is there now is theirs, or made anew. */
	if (r == -ENOENT || !rec->n_vfs) {
		vn_pf_record_release(rec);
		*rec = (struct vn_pf_record){.raised = !pf->num, .up = pf->up, .autoprobe = pf->autoprobe};
		snprintf(rec->pf, sizeof(rec->pf), "%s", pf->name);
		r = vn_pf_record_save(dir, rec, x->err);
		if (r < 0)
			return r;
	}
	r = pf->up && pf->num ? 0 : bring_up(x, nl, pf);
	if (r < 0 || pf->num)
		return r;
	r = vn_sriov_set_autoprobe(pf, false, x->err);
	if (r == 0)
		r = vn_sriov_set_num(pf, VN_MIN(pf->total, VN_MAX(highest + 1, VFS_SPARE)), x->err);
	if (r == 0)
		r = vn_sriov_set_autoprobe(pf, rec->autoprobe, x->err);
	return r == 0 ? vn_sriov_open(pf->name, pf, x->err) : r;
}

/* One VF of a port: the node's, or its partner in the fabric. */
struct want {
	struct vn_sriov pf;
	const struct vn_port *port;
	const uint8_t *mac;
	bool partner, mac_given;
	unsigned int vf;
	uint32_t mtu;
	char pci[VN_PCI_NAME], owner[VN_OWNER_MAX];
};

/* What the administration is to be, and which attributes the file asks for. The rest is as a fresh VF has it. */
static uint32_t wanted_admin(const struct want *w, struct vn_vf_admin *a)
{
	const struct vn_vf *v = &w->port->vf;
	uint32_t asked = v->vid ? 1u << VN_VF_ATTR_VLAN : 0;

	*a = (struct vn_vf_admin){.vlan = v->vid, .spoofchk = 1, .state = IFLA_VF_LINK_STATE_AUTO};
	memcpy(a->mac, w->mac, sizeof(a->mac));
	if (w->partner)
		return asked;
	if (v->spoofchk >= 0) {
		a->spoofchk = (uint32_t)v->spoofchk;
		asked |= 1u << VN_VF_ATTR_SPOOFCHK;
	}
	if (v->trust >= 0) {
		a->trust = (uint32_t)v->trust;
		asked |= 1u << VN_VF_ATTR_TRUST;
	}
	if (v->state >= 0) {
		a->state = (uint32_t)v->state;
		asked |= 1u << VN_VF_ATTR_STATE;
	}
	if (v->min_tx_rate >= 0 || v->max_tx_rate >= 0) {
		a->min_tx_rate = v->min_tx_rate >= 0 ? (uint32_t)v->min_tx_rate : 0;
		a->max_tx_rate = v->max_tx_rate >= 0 ? (uint32_t)v->max_tx_rate : 0;
		asked |= 1u << VN_VF_ATTR_RATE;
	}
	return asked;
}

static int verify_attr(const struct want *w, enum vn_vf_attr attr, const struct vn_vf_admin *want,
		       const struct vn_vf_admin *is, struct vn_err *err)
{
	char wanted[64], found[64];

	if (!(is->has >> attr & 1) || vn_vf_attr_equal(attr, want, is))
		return 0;
	return vn_err_kernel(err, EIO, "PF %s, VF %u: %s was accepted, but the PF says %s", w->pf.name, w->vf,
			     vn_vf_attr_text(wanted, sizeof(wanted), attr, want),
			     vn_vf_attr_text(found, sizeof(found), attr, is));
}

/*
 * Set, read back, compare. What was not asked for is only set where the PF has something else, and may be refused: an
 * address the VF's own netdev can be given as well.
 */
static int administrate(struct vn_nl *nl, const struct want *w, const struct vn_vf_admin *want, uint32_t asked,
			struct vn_err *err)
{
	struct vn_vf_admin is;
	uint32_t set = 0;
	int r = vn_sriov_admin_get(nl, w->pf.ifindex, w->vf, &is);

	for (int attr = 0; attr < VN_VF_ATTR_MAX && r == 0; attr++) {
		const uint32_t bit = 1u << attr;

		if (!(asked & bit) && (!(is.has & bit) || vn_vf_attr_equal((enum vn_vf_attr)attr, want, &is)))
			continue;
		nl->err = asked & bit ? err : NULL;
		vn_sriov_admin_put(nl, w->pf.ifindex, w->vf, (enum vn_vf_attr)attr, want);
		r = vn_nl_flush(nl);
		nl->err = err;
		if (r == 0)
			set |= bit;
		else if (!(asked & bit))
			r = 0;
	}
	if (r == 0)
		r = vn_sriov_admin_get(nl, w->pf.ifindex, w->vf, &is);
	for (int attr = 0; attr < VN_VF_ATTR_MAX && r == 0; attr++)
		if (set >> attr & 1)
			r = verify_attr(w, (enum vn_vf_attr)attr, want, &is, err);
	return r;
}

/* The VF as it is found, on disk before it is touched. One that is the port's already stays as it was first found. */
static int record(struct vn_exec *x, struct vn_nl *nl, struct vn_pf_record *rec, const struct want *w)
{
	struct vn_vf_record *v = vn_pf_record_find(rec, w->vf);
	struct vn_vf_netdev dev;
	char driver[64];
	int r;

	if (v && strcmp(v->owner, w->owner) != 0)
		return vn_err(x->err, VN_EXIT_CHANGED, EBUSY, "PF %s, VF %u: %s has it: apply again", w->pf.name, w->vf,
			      v->owner);
	if (!v) {
		v = vn_pf_record_add(rec);
		if (!v)
			return vn_err_kernel(x->err, ENOMEM, "%s", strerror(ENOMEM));
		v->vf = w->vf;
		snprintf(v->owner, sizeof(v->owner), "%s", w->owner);
		r = vn_sriov_admin_get(nl, w->pf.ifindex, w->vf, &v->before);
		if (r < 0)
			return r;
		vn_pci_driver(w->pci, driver, sizeof(driver));
		v->bound = *driver;
		if (v->bound && vn_sriov_netdev(nl, w->pci, &dev) == 0) {
			snprintf(v->name, sizeof(v->name), "%s", dev.name);
			memcpy(v->mac, dev.mac, sizeof(v->mac));
			v->mtu = dev.mtu;
		}
	}
	v->partner = w->partner;
	v->vid = w->port->vf.vid;
	memcpy(v->port_mac, w->mac, sizeof(v->port_mac));
	return vn_pf_record_save(x->f->runtime_dir, rec, x->err);
}

static int wait_netdev(struct vn_exec *x, struct vn_nl *nl, const struct want *w, struct vn_vf_netdev *ret_dev)
{
	const uint64_t until = vn_now_ns() + VN_VF_NETDEV_WAIT_NS;
	int r;

	while ((r = vn_sriov_netdev(nl, w->pci, ret_dev)) == -ENOENT && vn_now_ns() < until) {
		usleep(VN_VF_POLL_US);
		vn_exec_tick(x, 0);
	}
	return r == -ENOENT ? vn_err(x->err, VN_EXIT_NOT_POSSIBLE, ENODEV,
				     "PF %s, VF %u: its driver made no network device", w->pf.name, w->vf)
			    : r;
}

static int set_netdev(struct vn_exec *x, struct vn_nl *nl, const struct want *w)
{
	char alias[sizeof(MARK) + VN_OWNER_MAX];
	struct vn_vf_netdev dev;
	int r = wait_netdev(x, nl, w, &dev);

	if (r < 0)
		return r;
	snprintf(alias, sizeof(alias), MARK "%s", w->owner);
	/* Something of the host's (a network manager) may have been quicker. */
	vn_link_down(nl, dev.ifindex);
	if (memcmp(dev.mac, w->mac, sizeof(dev.mac)) != 0)
		vn_netdev_set(nl, dev.ifindex, NULL, w->mac, 0, NULL);
	if (dev.mtu != w->mtu)
		vn_netdev_set(nl, dev.ifindex, NULL, NULL, w->mtu, NULL);
	vn_netdev_set(nl, dev.ifindex, NULL, NULL, 0, alias);
	r = vn_nl_flush(nl);
	if (r == 0)
		r = vn_sriov_netdev(nl, w->pci, &dev);
	if (r == 0 && memcmp(dev.mac, w->mac, sizeof(dev.mac)) != 0)
		return vn_err_kernel(x->err, EIO, "PF %s, VF %u: mac: accepted, but %s has another", w->pf.name, w->vf,
				     dev.name);
	return r;
}

/* Alone in its group: whoever has the group's file reaches every device in it. */
static int bind_vfio(struct vn_exec *x, const struct want *w)
{
	int group = vn_pci_iommu_group(w->pci), size = group < 0 ? 0 : vn_iommu_group_size(group);

	if (group < 0)
		return vn_err(x->err, VN_EXIT_NOT_POSSIBLE, ENODEV,
			      "PF %s, VF %u: driver: vfio-pci: this host has no IOMMU: switch it on (intel_iommu=on)",
			      w->pf.name, w->vf);
	if (size != 1)
		return vn_err(x->err, VN_EXIT_NOT_POSSIBLE, EBUSY,
			      "PF %s, VF %u: driver: vfio-pci: IOMMU group %d has %d devices: a guest would reach "
			      "them all",
			      w->pf.name, w->vf, group, size);
	return vn_pci_probe(w->pci, "vfio-pci", x->err);
}

static int make_vf(struct vn_exec *x, struct want *w, unsigned int highest)
{
	cleanup_pf_record struct vn_pf_record rec = {0};
	cleanup_nl struct vn_nl nl = VN_NL_INIT;
	struct vn_vf_name what = {.pf = w->port->vf.pf, .vf = w->vf};
	struct vn_vf_admin want;
	uint32_t asked;
	int r = vn_sriov_open(w->port->vf.pf, &w->pf, x->err);

	if (r == 0)
		r = vn_vf_host_nl(&nl, &what, x->err);
	if (r == 0)
		r = prepare_pf(x, &nl, &w->pf, highest, &rec);
	if (r < 0)
		return r;
	if (vn_sriov_vf_pci(&w->pf, w->vf, w->pci) < 0)
		return vn_err(x->err, VN_EXIT_CHANGED, ENODEV, "PF %s has %u VFs by now, no VF %u: apply again",
			      w->pf.name, w->pf.num, w->vf);
	asked = wanted_admin(w, &want);
	r = record(x, &nl, &rec, w);
	if (r == 0)
		r = vn_pci_unbind(w->pci, x->err);
	if (r == 0)
		r = administrate(&nl, w, &want, asked, x->err);
	if (r == 0 && w->port->vf.driver == VN_VF_VFIO && !w->partner)
		return bind_vfio(x, w);
	if (r == 0)
		r = vn_pci_probe(w->pci, NULL, x->err);
	return r == 0 ? set_netdev(x, &nl, w) : r;
}

static unsigned int highest_vf(const struct vn_topo *t, const char *pf)
{
	unsigned int max = 0;

	for (size_t i = 0; i < t->n_links * VN_DIRS; i++) {
		const struct vn_vf *v = &t->links[i / VN_DIRS].ports[i % VN_DIRS].vf;

		if (t->links[i / VN_DIRS].ports[i % VN_DIRS].kind != VN_PORT_VF || strcmp(v->pf, pf) != 0)
			continue;
		max = VN_MAX(max, v->index);
		if (v->mode == VN_VF_WIRE)
			max = VN_MAX(max, v->partner);
	}
	return max;
}

int vn_vf_take(struct vn_exec *x, const struct vn_link *l, int side)
{
	const struct vn_port *port = &l->ports[side], *peer = &l->ports[!side];
	const unsigned int highest = highest_vf(x->new, port->vf.pf);
	struct want w = {.port = port, .mac = port->mac, .vf = port->vf.index, .mtu = l->mtu};
	int r;

	vn_vf_owner(x->new, port, w.owner);
	r = make_vf(x, &w, highest);
	if (r < 0 || port->vf.mode != VN_VF_WIRE)
		return r;
	/* The partner stands for the other end: what the node sends there, the NIC's switch gives to the partner. */
	w.partner = true;
	w.mac = peer->mac;
	w.vf = port->vf.partner;
	return make_vf(x, &w, highest);
}
