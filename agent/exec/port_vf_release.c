// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VF is given back by taking its driver away: the netdev goes with it wherever it was, whatever name it had, and with
 * the netdev everything that a node's root may have done to it. So it is when its topology goes, when a start finds it
 * recorded for a port that is no more, and when `vf reclaim` is told to.
 */
#include <linux/if_link.h>

#include <loader/vf.h>
#include <base/util.h>

#include "exec/exec_internal.h"
#include "sriov/vf_state.h"
#include "exec/port_vf.h"
#include "exec/port_vf_internal.h"
#include "net/netns.h"
#include "sriov/netdev.h"
#include "sriov/sriov.h"
#include "sriov/vf_admin.h"
#include "net/veth.h"

/* Attribute by attribute as it was found; what the driver did not take before it need not take now. */
static void restore_admin(struct vn_nl *nl, const struct vn_sriov *pf, const struct vn_vf_record *v)
{
	struct vn_err *err = nl->err;
	struct vn_vf_admin is;

	if (vn_sriov_admin_get(nl, pf->ifindex, v->vf, &is) < 0)
		return;
	nl->err = NULL;
	for (int attr = 0; attr < VN_VF_ATTR_MAX; attr++)
		if (v->before.has >> attr & 1 && !vn_vf_attr_equal((enum vn_vf_attr)attr, &v->before, &is)) {
			vn_sriov_admin_put(nl, pf->ifindex, v->vf, (enum vn_vf_attr)attr, &v->before);
			vn_nl_flush(nl);
		}
	nl->err = err;
}

/* A VF that had a netdev on the host has it again, by its old name. */
static int restore_netdev(struct vn_nl *nl, const char *pci, const struct vn_vf_record *v, struct vn_err *err)
{
	const uint64_t until = vn_now_ns() + VN_VF_NETDEV_WAIT_NS;
	struct vn_vf_netdev dev;
	int r = vn_pci_probe(pci, NULL, err);

	while (r == 0 && *v->name && vn_sriov_netdev(nl, pci, &dev) < 0)
		if (vn_now_ns() < until)
			usleep(VN_VF_POLL_US);
		else
			return vn_err_kernel(err, ENODEV, "PCI device %s: its network device did not come back", pci);
	if (r < 0 || !*v->name)
		return r;
	if (strcmp(dev.name, v->name) != 0)
		vn_netdev_set(nl, dev.ifindex, v->name, NULL, 0, NULL);
	if (dev.mtu != v->mtu)
		vn_netdev_set(nl, dev.ifindex, NULL, NULL, v->mtu, NULL);
	if (memcmp(dev.mac, v->mac, sizeof(dev.mac)) != 0)
		vn_netdev_set(nl, dev.ifindex, NULL, v->mac, 0, NULL);
	return vn_nl_flush(nl);
}

static int give_back(struct vn_nl *nl, const struct vn_sriov *pf, const struct vn_pf_record *rec,
		     const struct vn_vf_record *v, struct vn_err *err)
{
	char pci[VN_PCI_NAME];
	int r;

	/* Gone with its PF's other VFs: nothing is left to give back. */
	if (vn_sriov_vf_pci(pf, v->vf, pci) < 0)
		return 0;
	r = vn_pci_unbind(pci, err);
	if (r < 0)
		return r;
	restore_admin(nl, pf, v);
	if (v->bound && !rec->raised)
		return restore_netdev(nl, pci, v, err);
	return vn_pci_override_clear(pci, err);
}

/* Somebody else took a VF of those that we made. */
static bool foreign_use(const struct vn_sriov *pf)
{
	char pci[VN_PCI_NAME], driver[64];

	for (unsigned int i = 0; i < pf->num; i++) {
		if (vn_sriov_vf_pci(pf, i, pci) < 0)
			continue;
		vn_pci_driver(pci, driver, sizeof(driver));
		if (*driver)
			return true;
	}
	return false;
}

/* No VF of @rec is left: the PF as it was found. While others use VFs that we made, the record waits for the next time.
 */
static int settle_pf(struct vn_fabric *f, struct vn_nl *nl, const struct vn_pf_record *rec, struct vn_err *err)
{
	struct vn_sriov pf;
	int r = 0;

	if (vn_sriov_open(rec->pf, &pf, NULL) == 0) {
		if (rec->raised && pf.num && foreign_use(&pf))
			return 0;
		if (rec->raised && pf.num)
			r = vn_sriov_set_num(&pf, 0, err);
		if (r == 0 && pf.autoprobe != rec->autoprobe)
			r = vn_sriov_set_autoprobe(&pf, rec->autoprobe, err);
		if (r == 0 && !rec->up && pf.up) {
			vn_link_down(nl, pf.ifindex);
			r = vn_nl_flush(nl);
		}
	}
	if (r == 0)
		vn_pf_record_remove(f->runtime_dir, rec->pf);
	return r;
}

/* Whether VF @v, of PF @pf, is to stay. */
typedef bool (*keep_fn)(void *arg, const char *pf, const struct vn_vf_record *v);

/* Give back what @keep (NULL: nothing) does not keep among the VFs of @pf whose owner is @owner (NULL: anybody). */
static int release_pf(struct vn_fabric *f, const char *name, const char *owner, keep_fn keep, void *arg,
		      struct vn_err *err)
{
	cleanup_pf_record struct vn_pf_record rec = {0};
	cleanup_nl struct vn_nl nl = VN_NL_INIT;
	struct vn_vf_name what = {.pf = name};
	struct vn_sriov pf = {0};
	int r = vn_pf_record_load(f->runtime_dir, name, &rec, err), first = 0;

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	r = vn_vf_host_nl(&nl, &what, err);
	if (r < 0)
		return r;
	/* A PF that went took its VFs along. */
	if (vn_sriov_open(name, &pf, NULL) < 0)
		pf.num = 0;
	for (size_t i = rec.n_vfs; i-- > 0;) {
		const struct vn_vf_record *v = &rec.vfs[i];

		if ((owner && strcmp(v->owner, owner) != 0) || (keep && keep(arg, name, v)))
			continue;
		what.vf = v->vf;
		r = pf.num ? give_back(&nl, &pf, &rec, v, err) : 0;
		if (r < 0) {
			first = first ?: r;
			continue;
		}
		vn_pf_record_drop(&rec, v);
		r = vn_pf_record_save(f->runtime_dir, &rec, err);
		first = first ?: r;
	}
	if (!rec.n_vfs && first == 0)
		first = settle_pf(f, &nl, &rec, err);
	return first;
}

int vn_vf_give_back(struct vn_exec *x, const struct vn_port *port)
{
	char owner[VN_OWNER_MAX];

	vn_vf_detach(x->f->dp->pin_dir, port->number);
	vn_vf_owner(x->old, port, owner);
	return release_pf(x->f, port->vf.pf, owner, NULL, NULL, x->err);
}

/* A guest or an application has the device. */
int vn_vf_check_give_back(const struct vn_port *port, struct vn_err *err)
{
	const struct vn_vf *v = &port->vf;
	char pci[VN_PCI_NAME];
	struct vn_sriov pf;

	if (v->driver != VN_VF_VFIO || vn_sriov_open(v->pf, &pf, NULL) < 0 || vn_sriov_vf_pci(&pf, v->index, pci) < 0)
		return 0;
	return vn_pci_check_guest(pci, err);
}

struct running {
	struct vn_topo *const *topos;
	size_t n;
};

static const struct vn_port *find_owner(const struct running *run, const char *pf, const struct vn_vf_record *v,
					const struct vn_topo **ret_topo)
{
	char owner[VN_OWNER_MAX];

	for (size_t t = 0; t < run->n; t++)
		for (size_t i = 0; i < run->topos[t]->n_links * VN_DIRS; i++) {
			const struct vn_port *p = &run->topos[t]->links[i / VN_DIRS].ports[i % VN_DIRS];

			if (p->kind != VN_PORT_VF || strcmp(p->vf.pf, pf) != 0 ||
			    (v->partner ? p->vf.partner : p->vf.index) != v->vf)
				continue;
			vn_vf_owner(run->topos[t], p, owner);
			if (strcmp(owner, v->owner) == 0) {
				*ret_topo = run->topos[t];
				return p;
			}
		}
	return NULL;
}

static bool is_running(void *arg, const char *pf, const struct vn_vf_record *v)
{
	const struct vn_topo *t;

	return find_owner(arg, pf, v, &t) != NULL;
}

/* VF @vf of @pf, marked, on the host, in no record: 0 and its netdev. */
static int find_leaked(struct vn_nl *nl, const struct vn_sriov *pf, const struct vn_pf_record *rec, unsigned int vf,
		       char ret_pci[VN_PCI_NAME], struct vn_vf_netdev *ret_dev)
{
	if (vn_pf_record_find(rec, vf) || vn_sriov_vf_pci(pf, vf, ret_pci) < 0 ||
	    vn_sriov_netdev(nl, ret_pci, ret_dev) < 0 || !vn_vf_marked(ret_dev))
		return -ENOENT;
	return 0;
}

/* Without the driver, the mark is gone with the netdev, and with both whatever had been set on them. */
static int reclaim_vf(struct vn_nl *nl, const struct vn_sriov *pf, unsigned int vf, const char *pci, struct vn_err *err)
{
	const uint32_t all = (1u << VN_VF_ATTR_MAX) - 1;
	struct vn_vf_record fresh = {.vf = vf, .before = {.has = all, .spoofchk = 1, .state = IFLA_VF_LINK_STATE_AUTO}};
	int r = vn_pci_unbind(pci, err);

	if (r < 0)
		return r;
	restore_admin(nl, pf, &fresh);
	return pf->autoprobe ? vn_pci_probe(pci, NULL, err) : vn_pci_override_clear(pci, err);
}

int vn_vfs_reclaim(struct vn_fabric *f, const char *name, json_t *ret_names, struct vn_err *err)
{
	cleanup_pf_record struct vn_pf_record rec = {0};
	cleanup_nl struct vn_nl nl = VN_NL_INIT;
	struct vn_vf_name what = {.pf = name};
	struct vn_sriov pf;
	int r = vn_sriov_open(name, &pf, err);

	if (r < 0)
		return r;
	r = vn_pf_record_load(f->runtime_dir, name, &rec, err);
	if (r < 0 && r != -ENOENT)
		return r;
	r = vn_vf_host_nl(&nl, &what, err);
	for (unsigned int vf = 0; vf < pf.num && r == 0; vf++) {
		struct vn_vf_netdev dev;
		char pci[VN_PCI_NAME];

		what.vf = vf;
		if (find_leaked(&nl, &pf, &rec, vf, pci, &dev) < 0)
			continue;
		r = reclaim_vf(&nl, &pf, vf, pci, err);
		if (r == 0)
			json_array_append_new(ret_names, json_pack("{s:s, s:i, s:s}", "pf", name, "vf", (int)vf, "mark",
								   vn_vf_marked(&dev)));
	}
	return r;
}

/* Told, not touched: the agent whose mark it is may run, under another runtime directory. */
static void tell_leaked(const struct vn_fabric *f, void (*log)(const char *fmt, ...))
{
	struct if_nameindex *names = if_nameindex();
	cleanup_nl struct vn_nl nl = VN_NL_INIT;

	if (vn_nl_open(&nl, NULL) < 0)
		names = NULL;
	for (struct if_nameindex *i = names; i && i->if_index; i++) {
		cleanup_pf_record struct vn_pf_record rec = {0};
		struct vn_vf_netdev dev;
		char pci[VN_PCI_NAME];
		struct vn_sriov pf;

		if (vn_sriov_open(i->if_name, &pf, NULL) < 0)
			continue;
		vn_pf_record_load(f->runtime_dir, pf.name, &rec, NULL);
		for (unsigned int vf = 0; vf < pf.num; vf++)
			if (find_leaked(&nl, &pf, &rec, vf, pci, &dev) == 0)
				log("PF %s, VF %u: has the mark of %s, which nothing here knows of: run `vnet-agent vf "
				    "reclaim %s` unless another agent runs",
				    pf.name, vf, vn_vf_marked(&dev), pf.name);
	}
	if (names)
		if_freenameindex(names);
}

int vn_vfs_adopt(struct vn_fabric *f, struct vn_topo *const *topos, size_t n, void (*log)(const char *fmt, ...),
		 struct vn_err *err)
{
	struct running run = {topos, n};
	char **names = NULL;
	size_t n_names = 0;

	vn_pf_records_list(f->runtime_dir, &names, &n_names);
	for (size_t i = 0; i < n_names; i++) {
		struct vn_err why = {0};

		if (release_pf(f, names[i], NULL, is_running, &run, &why) < 0)
			log("PF %s: VFs that no port has: %s", names[i], why.text);
		free(names[i]);
	}
	free(names);
	tell_leaked(f, log);
	for (size_t t = 0; t < n; t++)
		for (size_t i = 0; i < topos[t]->n_links * VN_DIRS; i++) {
			const struct vn_port *p = &topos[t]->links[i / VN_DIRS].ports[i % VN_DIRS];
			enum vn_xdp_mode mode;
			struct vn_err why = {0};
			cleanup_close int fd = p->kind == VN_PORT_VF ? vn_vf_node_netns(topos[t], p) : -EBADF;

			if (fd >= 0 && vn_port_present(f, topos[t], p) && vn_vf_put_program(f, p, fd, &mode, &why) < 0)
				log("port %s/%s:%s: %s", topos[t]->name, topos[t]->nodes[p->node].name, p->ifname,
				    why.text);
		}
	return 0;
}
