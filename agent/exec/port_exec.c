// SPDX-License-Identifier: GPL-2.0-only
/* The table of the kinds of ports, and the steps that take and give back borrowed devices. */
#include "exec/port_exec.h"

#include <base/util.h>

#define SETTLE_NS (10 * VN_NSEC_PER_SEC)

static const struct vn_port_exec *const execs[VN_PORT_KINDS] = {
	[VN_PORT_VETH] = &vn_veth_exec,
	[VN_PORT_AFXDP] = &vn_afxdp_exec,
	[VN_PORT_VF] = &vn_vf_exec,
};

const struct vn_port_exec *vn_port_exec(const struct vn_port *port)
{
	return execs[port->kind];
}

int vn_exec_serve(struct vn_exec *x, const struct vn_port *port, bool fresh)
{
	for (size_t kind = 0; fresh && kind < VN_PORT_KINDS; kind++)
		if (execs[kind]->unserve)
			execs[kind]->unserve(x->f, port->number);
	return vn_port_exec(port)->serve ? vn_port_exec(port)->serve(x, port) : 0;
}

int vn_exec_serve_change(struct vn_exec *x, const struct vn_port *was, const struct vn_port *is)
{
	if (is->kind != was->kind && vn_port_exec(was)->unserve)
		vn_port_exec(was)->unserve(x->f, is->number);
	return vn_exec_serve(x, is, is->kind != was->kind);
}

bool vn_port_present(const struct vn_fabric *f, const struct vn_topo *t, const struct vn_port *port)
{
	return !vn_port_exec(port)->present || vn_port_exec(port)->present(f, t, port);
}

int vn_port_adopt(struct vn_fabric *f, const struct vn_topo *t, size_t link, int side, struct vn_err *err)
{
	const struct vn_port *port = &t->links[link].ports[side];

	return vn_port_exec(port)->adopt ? vn_port_exec(port)->adopt(f, t, port, err) : 0;
}

int vn_exec_borrow(struct vn_exec *x, struct vn_step *steps, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct vn_link *l = &x->new->links[steps[i].new];

		steps[i].done = true;
		for (int side = 0; side < VN_DIRS; side++) {
			const struct vn_port_exec *e = vn_port_exec(&l->ports[side]);
			int r = e->take ? e->take(x, l, side) : 0;

			if (r < 0)
				return vn_err_kernel(x->err, -r, "link %s: its devices: %s", l->name, strerror(-r));
		}
		vn_exec_tick(x, i + 1);
	}
	return 0;
}

int vn_exec_give_back(struct vn_exec *x, struct vn_step *steps, size_t n)
{
	int first = 0;

	for (size_t i = 0; i < n; i++) {
		const struct vn_link *l = &x->old->links[steps[i].old];

		steps[i].done = true;
		for (int side = 0; side < VN_DIRS; side++) {
			const struct vn_port_exec *e = vn_port_exec(&l->ports[side]);
			int r = e->give_back ? e->give_back(x, &l->ports[side]) : 0;

			first = first ?: r;
		}
		vn_exec_tick(x, i + 1);
	}
	return first;
}

int vn_exec_check_give_back(const struct vn_plan *p, struct vn_err *err)
{
	for (size_t i = 0; i < p->n_steps; i++) {
		const struct vn_step *s = &p->steps[i];

		for (int side = 0; s->kind == VN_STEP_BORROW && s->old != VN_NONE && side < VN_DIRS; side++) {
			const struct vn_link *l = &p->old->links[s->old];
			const struct vn_port_exec *e = vn_port_exec(&l->ports[side]);
			int r = e->check_give_back ? e->check_give_back(&l->ports[side], err) : 0;

			if (r < 0)
				return vn_err_kernel(err, -r, "link %s: %s", l->name, strerror(-r));
		}
	}
	return 0;
}

/*
 * A NIC's link takes seconds on some drivers; a topology that is said to run carries frames. A link that does not come
 * up in that time is not the agent's: what is wrong with it shows in the node.
 */
void vn_exec_settle(struct vn_exec *x)
{
	const uint64_t until = vn_now_ns() + SETTLE_NS;

	for (size_t i = 0; i < x->n_steps; i++) {
		const struct vn_step *s = &x->steps[i];

		for (int side = 0; s->kind == VN_STEP_BORROW && s->new != VN_NONE &&side < VN_DIRS; side++) {
			const struct vn_port *port = &x->new->links[s->new].ports[side];

			if (vn_port_exec(port)->settle)
				vn_port_exec(port)->settle(x, port, until);
		}
	}
}
