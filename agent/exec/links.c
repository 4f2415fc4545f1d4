/* SPDX-License-Identifier: GPL-2.0-only */
/* Links: a veth pair per port with its filter, its entry in the data path, and the discipline that starts there. */
#include <base/util.h>

#include "exec/exec_internal.h"
#include "plan/port_cfg.h"
#include "engines/placement.h"
#include "engines/engine_port.h"
#include "exec/port_vf.h"
#include "loader/loader.h"
#include "net/netns.h"
#include "sriov/netdev.h"
#include "net/tc.h"
#include "net/veth.h"
#include "disc/disc_words.h"

#define FLUSH_LOOK_NS (500 * VN_NSEC_PER_USEC) /* how often a helper thread is asked whether it is through */

/* The ports of @n link steps one after the other, 2 * n of them: link * 2 + side, as tags have it. */
static size_t new_port(const struct vn_step *steps, size_t i)
{
	return steps[i / VN_DIRS].new *VN_DIRS + i % VN_DIRS;
}

/* A VF on a direct link has no host end. */
static bool has_host_end(const struct vn_topo *t, size_t port_id)
{
	return t->links[port_id / VN_DIRS].ports[port_id % VN_DIRS].vf.mode != VN_VF_DIRECT;
}

static uint32_t host_ifindex(const struct vn_topo *t, size_t port_id)
{
	return VN_IFINDEX_HOST + t->links[port_id / VN_DIRS].ports[port_id % VN_DIRS].number;
}

void vn_exec_set_disc(struct vn_fabric *f, uint32_t number, const struct vn_disc *d)
{
	uint32_t flags = vn_port_disc_flags(d);

	vn_placement_prepare(&f->placement, number, d);
	vn_disc_write(&f->dp->maps, number, d);
	vn_port_flags(&f->dp->maps, number, flags, VN_PORT_DISC_FLAGS & ~flags);
}

static void wait_a_moment(void *arg)
{
	vn_exec_pause(arg, FLUSH_LOOK_NS);
	vn_exec_tick(arg, 0);
}

/* Slow, because others may hold the lock for network configuration, and sweeps hold it themselves. */
static int flush(struct vn_exec *x)
{
	return vn_nl_flush_slow(&x->nl, wait_a_moment, x);
}

/* --- create ----------------------------------------------------------------------------------------------------------
 */

static int create_pair(struct vn_exec *x, size_t port_id)
{
	const struct vn_link *l = &x->new->links[port_id / VN_DIRS];
	const struct vn_port *port = &l->ports[port_id % VN_DIRS];
	char host[IF_NAMESIZE];
	struct vn_veth_end end = {.ifname = host, .ifindex = VN_IFINDEX_HOST + port->number, .netns_fd = -1};
	struct vn_veth_end peer = {
		.ifname = port->ifname, .ifindex = VN_IFINDEX_NODE + port->number, .netns_fd = -1, .mac = port->mac};
	int r;

	if (port->vf.mode)
		return vn_exec_vf_place(x, l, (int)(port_id % VN_DIRS));
	r = vn_exec_node_fd(x, port->node, &peer.netns_fd);
	if (r < 0)
		return r;
	snprintf(host, sizeof(host), VN_PORT_IFNAME, port->number);
	/* GSO frames of over 64 KiB, of a node that is set to send them (BIG TCP), stay whole as on a pair of its
	 * own. */
	if (vn_kernel_at_least(6, 3))
		end.gso_max = VN_GSO_MAX;
	x->nl.tag = port_id;
	vn_veth_create(&x->nl, &end, &peer, l->mtu, VN_GROUP_PORTS);
	return 0;
}

/* A taken name or index is taken by a device that nobody remembers: the fabric is ours alone. */
static int note_taken(void *arg, uint64_t tag, int error)
{
	struct vn_exec *x = arg;

	if (error != EEXIST && error != EBUSY)
		return -error;
	x->retry[x->n_retry++] = tag;
	return 0;
}

/* The node's end of a pair whose fabric lost its name, and is another one now. */
static int delete_node_end(struct vn_exec *x, size_t port_id)
{
	const struct vn_port *port = &x->new->links[port_id / VN_DIRS].ports[port_id % VN_DIRS];
	int fd = -EBADF, r = vn_exec_node_fd(x, port->node, &fd);

	if (r == 0)
		r = vn_home_nl_open(&x->f->home, fd, &x->node_nl, x->err);
	if (r < 0)
		return r;
	vn_link_set_group(&x->node_nl, VN_IFINDEX_NODE + port->number, VN_GROUP_DYING);
	vn_link_delete_group(&x->node_nl, VN_GROUP_DYING);
	return vn_nl_flush(&x->node_nl);
}

static int create_pairs_again(struct vn_exec *x)
{
	char host[IF_NAMESIZE];
	int r = 0;

	for (size_t i = 0; i < x->n_retry; i++) {
		const size_t id = x->retry[i];

		snprintf(host, sizeof(host), VN_PORT_IFNAME, host_ifindex(x->new, id) - VN_IFINDEX_HOST);
		x->nl.tag = id;
		vn_link_set_group(&x->nl, host_ifindex(x->new, id), VN_GROUP_DYING);
		vn_link_set_group_named(&x->nl, host, VN_GROUP_DYING);
	}
	vn_link_delete_group(&x->nl, VN_GROUP_DYING);
	r = flush(x);
	for (size_t i = 0; i < x->n_retry && r == 0; i++)
		r = delete_node_end(x, x->retry[i]);
	for (size_t i = 0; i < x->n_retry && r == 0; i++)
		r = create_pair(x, x->retry[i]);
	return r == 0 ? flush(x) : r;
}

static int create_pairs(struct vn_exec *x, const struct vn_step *steps, size_t n)
{
	int r = 0, flushed;

	x->n_retry = 0;
	x->nl.on_error = note_taken;
	for (size_t i = 0; i < n && r == 0; i++) {
		if (x->adopt_link && x->adopt_link[steps[i].new])
			continue;
		x->new_link_made[steps[i].new] = true;
		for (size_t side = 0; side < VN_DIRS && r == 0; side++)
			r = create_pair(x, steps[i].new *VN_DIRS + side);
	}
	flushed = flush(x);
	x->nl.on_error = NULL;
	r = r ?: flushed;
	return r == 0 && x->n_retry ? create_pairs_again(x) : r;
}

static int attach_filters(struct vn_exec *x, const struct vn_step *steps, size_t n)
{
	for (size_t i = 0; i < n * VN_DIRS; i++) {
		x->nl.tag = new_port(steps, i);
		if (!has_host_end(x->new, x->nl.tag))
			continue;
		vn_tc_ingress(&x->nl, host_ifindex(x->new, x->nl.tag));
	}
	for (size_t i = 0; i < n * VN_DIRS; i++) {
		x->nl.tag = new_port(steps, i);
		if (!has_host_end(x->new, x->nl.tag))
			continue;
		vn_fabric_filter(&x->nl, x->f, host_ifindex(x->new, x->nl.tag));
	}
	return flush(x);
}

static int publish_port(struct vn_exec *x, const struct vn_link *l, int side)
{
	struct vn_port_cfg cfg;
	int r = vn_port_cfg_make(x->new, l, side, &cfg);

	if (r < 0)
		return vn_err_kernel(x->err, -r, "link %s: %s", l->name, strerror(-r));
	cfg.engine = (uint8_t)vn_placement_engine(&x->f->placement, l->ports[side].number);
	cfg.engine_ifindex = vn_engine_port_ifindex(cfg.engine, 0);
	vn_port_publish(&x->f->dp->maps, l->ports[side].number, &cfg);
	return 0;
}

static bool starts_down(const struct vn_link *l)
{
	return !l->carrier_ignore && l->disc[0].flags & l->disc[1].flags & VN_DISC_DOWN;
}

/* Last of all the ends come up: no instant without enforcement. */
static int publish_and_up(struct vn_exec *x, const struct vn_step *steps, size_t n)
{
	struct vn_maps *maps = &x->f->dp->maps;
	int r;

	for (size_t i = 0; i < n * VN_DIRS; i++) {
		const struct vn_link *l = &x->new->links[new_port(steps, i) / VN_DIRS];
		const int side = (int)(i % VN_DIRS);

		vn_disc_renew(maps, l->ports[side].number);
		vn_placement_place(&x->f->placement, l->ports[side].number);
		vn_disc_write(maps, l->ports[side].number, &l->disc[side]);
		r = publish_port(x, l, side);
		if (r == 0)
			r = vn_exec_raw(x, NULL, NULL, x->new, &l->ports[side]);
		if (r == 0)
			r = vn_exec_afxdp(x, l, side, x->new_link_made[new_port(steps, i) / VN_DIRS]);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < n * VN_DIRS; i++) {
		const struct vn_vf *vf = &x->new->links[new_port(steps, i) / VN_DIRS].ports[i % VN_DIRS].vf;

		x->nl.tag = new_port(steps, i);
		if (!has_host_end(x->new, x->nl.tag))
			continue;
		/* One that is down from the start gives its ends no carrier, not for a moment. */
		if (vf->mode || !starts_down(&x->new->links[new_port(steps, i) / VN_DIRS]))
			vn_link_up(&x->nl, host_ifindex(x->new, x->nl.tag));
		/*
		 * What a node sends to groups, and with which tags, is the other end's to judge, not the NIC's.
		 * Virtio's filter of VLANs is off in promiscuous mode only; a NIC that puts VFs into VLANs has this
		 * wire's frames alone for the partner.
		 */
		if (vf->mode)
			vn_netdev_take_all(&x->nl, host_ifindex(x->new, x->nl.tag), vf->vid ? 0 : IFF_PROMISC);
	}
	return flush(x);
}

static int check_numbers(struct vn_exec *x, const struct vn_step *steps, size_t n)
{
	const uint32_t max = x->f->dp->maps.max_ports;

	for (size_t i = 0; i < n * VN_DIRS; i++) {
		const struct vn_link *l = &x->new->links[new_port(steps, i) / VN_DIRS];
		const uint32_t number = l->ports[i % VN_DIRS].number;

		if (!number || number >= max)
			return vn_err(x->err, VN_EXIT_NOT_POSSIBLE, ERANGE,
				      "link %s: port number %u: this data path has numbers 1 to %u", l->name, number,
				      max - 1);
	}
	return 0;
}

static int create_batch(struct vn_exec *x, struct vn_step *steps, size_t n)
{
	int r = check_numbers(x, steps, n);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		steps[i].done = true;
	r = create_pairs(x, steps, n);
	if (r == 0)
		r = attach_filters(x, steps, n);
	return r == 0 ? publish_and_up(x, steps, n) : r;
}

int vn_exec_links_create(struct vn_exec *x, struct vn_step *steps, size_t n)
{
	x->topo = x->new;
	for (size_t i = 0; i < n; i += VN_EXEC_CREATE_BATCH) {
		int r = create_batch(x, steps + i, VN_MIN(n - i, VN_EXEC_CREATE_BATCH));

		if (r < 0)
			return r;
		vn_exec_tick(x, VN_MIN(n, i + VN_EXEC_CREATE_BATCH));
	}
	return 0;
}

/* --- delete ----------------------------------------------------------------------------------------------------------
 */

static int delete_batch(struct vn_exec *x, struct vn_step *steps, size_t n)
{
	static const struct vn_disc none;
	struct vn_maps *maps = &x->f->dp->maps;
	int r, swept;

	for (size_t i = 0; i < n; i++)
		steps[i].done = true;
	for (size_t i = 0; i < n * VN_DIRS; i++) {
		const size_t id = steps[i / VN_DIRS].old * VN_DIRS + i % VN_DIRS;
		const uint32_t number = x->old->links[id / VN_DIRS].ports[id % VN_DIRS].number;

		if (!number || number >= maps->max_ports)
			continue;
		vn_exec_afxdp_delete(x, &x->old->links[id / VN_DIRS].ports[id % VN_DIRS]);
		/* Closed before its device goes; what the engine still holds for it is dropped there. */
		vn_port_clear(maps, number);
		vn_placement_leave(&x->f->placement, number);
		vn_disc_renew(maps, number);
		vn_disc_write(maps, number, &none);
		/* A VF is not deleted but given back, by a step of its own. */
		if (x->old->links[id / VN_DIRS].ports[id % VN_DIRS].vf.mode)
			continue;
		x->nl.tag = id;
		vn_link_set_group(&x->nl, VN_IFINDEX_HOST + number, VN_GROUP_DYING);
	}
	r = flush(x);
	vn_link_delete_group(&x->nl, VN_GROUP_DYING);
	swept = flush(x);
	return r ?: swept;
}

int vn_exec_links_delete(struct vn_exec *x, struct vn_step *steps, size_t n)
{
	x->topo = x->old;
	for (size_t i = 0; i < n; i += VN_EXEC_DELETE_BATCH) {
		int r = delete_batch(x, steps + i, VN_MIN(n - i, VN_EXEC_DELETE_BATCH));

		if (r < 0)
			return r;
		vn_exec_tick(x, VN_MIN(n, i + VN_EXEC_DELETE_BATCH));
	}
	return 0;
}

/* --- change ----------------------------------------------------------------------------------------------------------
 */

/* A port whose discipline alone differs is never closed, not for a single frame. */
static int change_port(struct vn_exec *x, const struct vn_link *was, const struct vn_link *is, int side)
{
	struct vn_port_cfg a, b;
	uint32_t app;
	int r = vn_port_cfg_make(x->old, was, side, &a);

	if (r == 0)
		r = vn_port_cfg_make(x->new, is, side, &b);
	if (r < 0)
		return vn_err_kernel(x->err, -r, "link %s: %s", is->name, strerror(-r));
	a.flags &= ~(VN_PORT_DISC_FLAGS | VN_PORT_APP_FLAGS);
	b.flags &= ~(VN_PORT_DISC_FLAGS | VN_PORT_APP_FLAGS);
	if (memcmp(&a, &b, sizeof(a)) != 0) {
		vn_placement_prepare(&x->f->placement, is->ports[side].number, &is->disc[side]);
		vn_disc_write(&x->f->dp->maps, is->ports[side].number, &is->disc[side]);
		return publish_port(x, is, side);
	}
	app = vn_port_app_flags(&is->ports[!side]);
	vn_port_flags(&x->f->dp->maps, is->ports[side].number, app, VN_PORT_APP_FLAGS & ~app);
	vn_exec_set_disc(x->f, is->ports[side].number, &is->disc[side]);
	return 0;
}

int vn_exec_discs(struct vn_exec *x, struct vn_step *steps, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		steps[i].done = true;
		for (int side = 0; side < VN_DIRS; side++) {
			const struct vn_link *was = &x->old->links[steps[i].old], *is = &x->new->links[steps[i].new];
			int r = change_port(x, was, is, side);

			if (r == 0)
				r = vn_exec_raw(x, x->old, &was->ports[side], x->new, &is->ports[side]);
			if (r == 0)
				r = vn_exec_afxdp_change(x, &was->ports[side], is, side);
			if (r < 0)
				return r;
		}
		vn_exec_tick(x, i + 1);
	}
	return 0;
}
