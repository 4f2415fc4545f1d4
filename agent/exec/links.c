/* SPDX-License-Identifier: GPL-2.0-only */
/* Links: the devices of each port by its kind, its filter, its entry in the data path, the discipline that starts
 * there. */
#include <base/util.h>

#include "exec/port_exec.h"
#include "plan/port_cfg.h"
#include "engines/placement.h"
#include "engines/engine_port.h"
#include "loader/loader.h"
#include "net/netns.h"
#include "net/tc.h"
#include "net/veth.h"
#include "disc/disc_words.h"

#define FLUSH_LOOK_NS (500 * VN_NSEC_PER_USEC) /* how often a helper thread is asked whether it is through */

/* The ports of @n link steps one after the other, 2 * n of them: link * 2 + side, as tags have it. */
static size_t new_port(const struct vn_step *steps, size_t i)
{
	return steps[i / VN_DIRS].new *VN_DIRS + i % VN_DIRS;
}

static bool has_host_end(const struct vn_topo *t, size_t id)
{
	return vn_port_has(vn_port_of(t, id), VN_TRAIT_FABRIC);
}

static uint32_t host_ifindex(const struct vn_topo *t, size_t id)
{
	return VN_IFINDEX_HOST + vn_port_of(t, id)->number;
}

void vn_exec_set_disc(struct vn_fabric *f, uint32_t number, const struct vn_disc *d)
{
	uint32_t flags = vn_port_disc_flags(d);
	bool to_bulk = vn_placement_prepare(&f->placement, number, d);

	vn_disc_write(&f->dp->maps, number, d);
	vn_port_flags(&f->dp->maps, number, flags, VN_PORT_DISC_FLAGS & ~flags);
	if (to_bulk)
		vn_placement_to_bulk(&f->placement, number);
}

static void wait_a_moment(void *arg)
{
	vn_exec_pause(arg, FLUSH_LOOK_NS);
	vn_exec_tick(arg, 0);
}

/* Slow, because others may hold the lock for network configuration, and sweeps hold it themselves. */
int vn_exec_flush(struct vn_exec *x)
{
	return vn_nl_flush_slow(&x->nl, wait_a_moment, x);
}

static int make_devices(struct vn_exec *x, const struct vn_step *steps, size_t n)
{
	int r = 0, flushed;

	x->n_retry = 0;
	x->nl.on_error = vn_exec_veth_taken;
	for (size_t i = 0; i < n && r == 0; i++) {
		if (x->adopt_link && x->adopt_link[steps[i].new])
			continue;
		x->new_link_made[steps[i].new] = true;
		for (size_t side = 0; side < VN_DIRS && r == 0; side++)
			r = vn_port_exec(vn_port_of(x->new, steps[i].new *VN_DIRS + side))
				    ->make(x, steps[i].new *VN_DIRS + side);
	}
	flushed = vn_exec_flush(x);
	x->nl.on_error = NULL;
	r = r ?: flushed;
	return r == 0 && x->n_retry ? vn_exec_veth_again(x) : r;
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
	return vn_exec_flush(x);
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
		vn_placement_place(&x->f->placement, l->ports[side].number,
				   has_host_end(x->new, new_port(steps, i)) ? &l->disc[side] : NULL);
		vn_disc_write(maps, l->ports[side].number, &l->disc[side]);
		r = publish_port(x, l, side);
		if (r == 0)
			r = vn_exec_raw(x, NULL, NULL, x->new, &l->ports[side]);
		if (r == 0)
			r = vn_exec_serve(x, &l->ports[side], x->new_link_made[new_port(steps, i) / VN_DIRS]);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < n * VN_DIRS; i++) {
		const size_t id = new_port(steps, i);

		x->nl.tag = id;
		vn_port_exec(vn_port_of(x->new, id))->up(x, id, starts_down(&x->new->links[id / VN_DIRS]));
	}
	return vn_exec_flush(x);
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
	r = make_devices(x, steps, n);
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

static int delete_batch(struct vn_exec *x, struct vn_step *steps, size_t n)
{
	static const struct vn_disc none;
	struct vn_maps *maps = &x->f->dp->maps;
	int r, swept;

	for (size_t i = 0; i < n; i++)
		steps[i].done = true;
	for (size_t i = 0; i < n * VN_DIRS; i++) {
		const size_t id = steps[i / VN_DIRS].old * VN_DIRS + i % VN_DIRS;
		const uint32_t number = vn_port_of(x->old, id)->number;

		if (!number || number >= maps->max_ports)
			continue;
		if (vn_port_exec(vn_port_of(x->old, id))->unserve)
			vn_port_exec(vn_port_of(x->old, id))->unserve(x->f, number);
		/* Closed before its device goes; what the engine still holds for it is dropped there. */
		vn_port_clear(maps, number);
		vn_placement_leave(&x->f->placement, number);
		vn_disc_renew(maps, number);
		vn_disc_write(maps, number, &none);
		/* A borrowed device is not deleted but given back, by a step of its own. */
		x->nl.tag = id;
		if (vn_port_exec(vn_port_of(x->old, id))->remove)
			vn_port_exec(vn_port_of(x->old, id))->remove(x, id);
	}
	r = vn_exec_flush(x);
	vn_link_delete_group(&x->nl, VN_GROUP_DYING);
	swept = vn_exec_flush(x);
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
		const uint32_t number = is->ports[side].number;
		const bool to_bulk = vn_placement_prepare(&x->f->placement, number, &is->disc[side]);

		vn_disc_write(&x->f->dp->maps, number, &is->disc[side]);
		r = publish_port(x, is, side);
		if (r == 0 && to_bulk)
			vn_placement_to_bulk(&x->f->placement, number);
		return r;
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
				r = vn_exec_serve_change(x, &was->ports[side], &is->ports[side]);
			if (r < 0)
				return r;
		}
		vn_exec_tick(x, i + 1);
	}
	return 0;
}
