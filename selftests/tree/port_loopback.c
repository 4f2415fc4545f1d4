// SPDX-License-Identifier: GPL-2.0-only
/*
 * A port that sends back what it is sent: two instructions of XDP at the node's end. A kind for the test suite alone
 * (selftests/tree/kind.sh), which shows what adding one takes.
 */
#include <bpf/bpf.h>
#include <limits.h>
#include <linux/bpf.h>

#include <base/util.h>

#include "exec/port_exec.h"
#include "net/netns.h"
#include "net/veth.h"

static const char *pin_path(char buf[PATH_MAX], const struct vn_fabric *f, uint32_t number)
{
	snprintf(buf, PATH_MAX, "%s/loopback-%u", f->dp->pin_dir, number);
	return buf;
}

static int attach(const char *pin, uint32_t ifindex)
{
	const struct bpf_insn back[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_TX},
		{.code = BPF_JMP | BPF_EXIT},
	};
	cleanup_close int prog = bpf_prog_load(BPF_PROG_TYPE_XDP, "loopback", "GPL", back, VN_ARRAY_SIZE(back), NULL);
	cleanup_close int link = prog < 0 ? prog : bpf_link_create(prog, (int)ifindex, BPF_XDP, NULL);

	return link < 0 ? link : bpf_obj_pin(link, pin);
}

static int serve(struct vn_exec *x, const struct vn_port *port)
{
	char pin[PATH_MAX];
	int fd = -EBADF, r = vn_exec_node_fd(x, port->node, &fd);

	if (access(pin_path(pin, x->f, port->number), F_OK) == 0)
		return 0;
	if (r == 0)
		r = vn_netns_enter(fd);
	if (r < 0)
		return vn_err_kernel(x->err, -r, "entering a node: %s", strerror(-r));
	r = attach(pin, VN_IFINDEX_NODE + port->number);
	vn_netns_leave(x->f->home.host_netns_fd);
	return r < 0 ? vn_err_kernel(x->err, -r, "loopback port %u: %s", port->number, strerror(-r)) : 0;
}

static void unserve(struct vn_fabric *f, uint32_t number)
{
	char pin[PATH_MAX];

	unlink(pin_path(pin, f, number));
}

const struct vn_port_exec vn_loopback_exec = {
	.make = vn_veth_make,
	.up = vn_veth_up,
	.remove = vn_veth_remove,
	.serve = serve,
	.unserve = unserve,
};
