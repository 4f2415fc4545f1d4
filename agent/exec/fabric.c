/* SPDX-License-Identifier: GPL-2.0-only */
/* The agent's own namespace, its engine ports, and what is seen in it. */
#include <net/if.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <base/util.h>

#include "exec/exec_internal.h"
#include "engines/placement.h"
#include "engines/engine_port.h"
#include "net/netns.h"
#include "net/netns_id.h"
#include "net/tc.h"
#include "net/veth.h"

static int open_host_ns(int *ret_fd, struct vn_err *err)
{
	int fd = vn_netns_self();

	if (fd < 0)
		return vn_err_kernel(err, -fd, "the host's network namespace: %s", strerror(-fd));
	*ret_fd = fd;
	return 0;
}

/* No address, no forwarding, no IPv6: nothing but the programs moves a frame here. */
static int fabric_sysctls(void *arg, struct vn_err *err)
{
	const struct vn_proc machine = VN_PROC_INIT;
	int r = vn_exec_forwarding(&machine, false, err);

	if (r == 0)
		r = vn_sysctl_write(&machine, "ipv6/conf/all/disable_ipv6", "1", err);
	return r == 0 ? vn_sysctl_write(&machine, "ipv6/conf/default/disable_ipv6", "1", err) : r;
}

static int open_namespace(struct vn_fabric *f, struct vn_err *err)
{
	int r;

	f->home.netns_fd = vn_netns_open(VN_FABRIC_NAME);
	if (f->home.netns_fd == -ENOENT) {
		r = vn_netns_create(f->home.host_netns_fd, VN_FABRIC_NAME, VN_NETNS_MACHINE, fabric_sysctls, NULL, err);
		if (r < 0)
			return r;
		f->home.netns_fd = vn_netns_open(VN_FABRIC_NAME);
		f->home.made = true;
		/* Programs pinned to devices of one that lost its name would pass for those of the same index here. */
		for (uint32_t i = 0; i < VN_ENGINES_MAX; i++)
			vn_dp_detach_engine(f->dp, i);
		vn_dp_detach_finish(f->dp);
	}
	if (f->home.netns_fd < 0)
		return vn_err_kernel(err, -f->home.netns_fd, "namespace %s: %s", VN_FABRIC_NAME,
				     strerror(-f->home.netns_fd));
	return 0;
}

void vn_fabric_filter(struct vn_nl *nl, const struct vn_fabric *f, uint32_t ifindex)
{
	vn_tc_bpf_ingress(nl, ifindex, f->dp->fd_tc_port, "vn_tc_port", (uint16_t)(ifindex - VN_IFINDEX_HOST));
}

static void describe_engine_port(void *arg, uint64_t tag, char *buf, size_t size)
{
	snprintf(buf, size, "%s", (const char *)arg);
}

static struct vn_nl fabric_nl(const char *object)
{
	struct vn_nl nl = VN_NL_INIT;

	nl.describe = describe_engine_port;
	nl.arg = (void *)object;
	return nl;
}

/* Engine port 0, those that an earlier daemon made, and the finishing pair. */
static int open_engine_ports(struct vn_fabric *f, struct vn_nl *nl, struct vn_err *err)
{
	int r = 0;

	for (uint32_t i = 0; i < VN_ENGINES_MAX && r == 0; i++)
		if (i == 0 || vn_engine_port_there(i, 0))
			r = vn_engine_port_make(&f->placement, nl, i, err);
	if (r == 0)
		r = vn_finish_make(&f->placement, nl, err);
	/* A crash may have left some between mark and sweep. */
	if (r == 0)
		vn_link_delete_group(nl, VN_GROUP_DYING);
	return r == 0 ? vn_nl_flush(nl) : r;
}

static int open_inside(struct vn_fabric *f, struct vn_nl *nl, struct vn_err *err)
{
	int r = fabric_sysctls(NULL, err);

	if (r == 0)
		r = vn_nl_open(nl, err);
	if (r == 0)
		r = open_engine_ports(f, nl, err);
	if (r < 0)
		return r;
	f->placement.packet_fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	return f->placement.packet_fd < 0 ? vn_err_kernel(err, errno, "packet socket: %s", strerror(errno)) : 0;
}

int vn_fabric_open(struct vn_fabric *f, struct vn_dp *dp, struct vn_err *err)
{
	cleanup_nl struct vn_nl nl = fabric_nl("engine port");
	int r;

	*f = (struct vn_fabric){
		.home = {.netns_fd = -EBADF, .host_netns_fd = -EBADF},
		.placement = {.dp = dp, .home = &f->home, .packet_fd = -EBADF},
		.dp = dp,
	};
	r = open_host_ns(&f->home.host_netns_fd, err);
	if (r == 0)
		r = vn_netns_setup(err);
	if (r == 0)
		r = open_namespace(f, err);
	if (r == 0)
		r = vn_home_enter(&f->home, err);
	if (r == 0) {
		r = open_inside(f, &nl, err);
		vn_netns_leave(f->home.host_netns_fd);
	}
	if (r == 0)
		r = vn_placement_open(&f->placement, err);
	if (r < 0)
		vn_fabric_release(f);
	return r;
}

int vn_fabric_watch_lost(const struct vn_fabric *f)
{
	struct stat st;

	return fstat(f->home.netns_fd, &st) < 0 ? -errno : vn_dp_watch_lost(f->dp, (uint32_t)st.st_ino);
}

void vn_fabric_release(struct vn_fabric *f)
{
	vn_cleanup_close(&f->home.netns_fd);
	vn_cleanup_close(&f->home.host_netns_fd);
	vn_cleanup_close(&f->placement.packet_fd);
	f->home.netns_fd = f->home.host_netns_fd = f->placement.packet_fd = -EBADF;
	vn_placement_release(&f->placement);
}

struct device_list {
	uint32_t *ifindex;
	size_t n, room;
	bool failed;
};

static bool is_port(const struct vn_link_info *l)
{
	char name[IF_NAMESIZE];

	if (l->ifindex <= VN_IFINDEX_HOST || l->ifindex >= VN_IFINDEX_NODE)
		return false;
	snprintf(name, sizeof(name), VN_PORT_IFNAME, l->ifindex - VN_IFINDEX_HOST);
	return strcmp(name, l->name) == 0;
}

static void list_device(struct device_list *list, uint32_t ifindex)
{
	if (list->n == list->room) {
		size_t room = list->room ? list->room * 2 : 64;
		uint32_t *more = reallocarray(list->ifindex, room, sizeof(*more));

		if (!more) {
			list->failed = true;
			return;
		}
		list->ifindex = more;
		list->room = room;
	}
	list->ifindex[list->n++] = ifindex;
}

static void list_port(void *arg, const struct vn_link_info *l)
{
	if (is_port(l))
		list_device(arg, l->ifindex);
}

static void list_all(void *arg, const struct vn_link_info *l)
{
	if (l->ifindex != VN_IFINDEX_LO)
		list_device(arg, l->ifindex);
}

static int dump_devices(struct vn_nl *nl, void (*each)(void *, const struct vn_link_info *), struct device_list *list,
			struct vn_err *err)
{
	int r = vn_link_dump(nl, each, list);

	return r == 0 && list->failed ? vn_err_kernel(err, ENOMEM, "devices: %s", strerror(ENOMEM)) : r;
}

int vn_fabric_refresh(struct vn_fabric *f, struct vn_err *err)
{
	cleanup_nl struct vn_nl nl = fabric_nl(VN_FABRIC_NAME);
	struct device_list list = {0};
	int r = vn_home_enter(&f->home, err);

	if (r < 0)
		return r;
	r = vn_nl_open(&nl, err);
	for (uint32_t i = 0; i < VN_ENGINES_MAX && r == 0; i++)
		if (f->placement.port[i].there)
			r = vn_engine_port_refresh(&f->placement, &nl, i, err);
	if (r == 0)
		r = vn_finish_refresh(&f->placement, &nl, err);
	if (r == 0)
		r = dump_devices(&nl, list_port, &list, err);
	vn_netns_leave(f->home.host_netns_fd);
	if (r == 0) {
		for (size_t i = 0; i < list.n; i++) {
			vn_tc_ingress(&nl, list.ifindex[i]);
			vn_fabric_filter(&nl, f, list.ifindex[i]);
		}
		r = vn_nl_flush(&nl);
	}
	free(list.ifindex);
	return r;
}

/* Explicitly, and not by the namespace's end: that waits for whoever still holds it. */
static int delete_devices(int host_fd, int fd, struct vn_err *err)
{
	cleanup_nl struct vn_nl nl = fabric_nl(VN_FABRIC_NAME);
	const struct vn_home home = {.netns_fd = fd, .host_netns_fd = host_fd};
	struct device_list list = {0};
	int r = vn_home_nl_open(&home, fd, &nl, err);

	if (r == 0)
		r = dump_devices(&nl, list_all, &list, err);
	if (r == 0) {
		for (size_t i = 0; i < list.n; i++)
			vn_link_set_group(&nl, list.ifindex[i], VN_GROUP_DYING);
		vn_link_delete_group(&nl, VN_GROUP_DYING);
		r = vn_nl_flush(&nl);
	}
	free(list.ifindex);
	return r;
}

int vn_fabric_destroy(struct vn_err *err)
{
	cleanup_close int host_fd = -EBADF, fd = -EBADF;
	int r = open_host_ns(&host_fd, err);

	if (r < 0)
		return r;
	fd = vn_netns_open(VN_FABRIC_NAME);
	if (fd >= 0)
		r = delete_devices(host_fd, fd, err);
	return r < 0 ? r : vn_netns_delete(VN_FABRIC_NAME, err);
}

int vn_fabric_dump(struct vn_fabric *f, void (*each)(void *arg, const struct vn_link_info *l), void *arg,
		   struct vn_err *err)
{
	cleanup_nl struct vn_nl nl = fabric_nl(VN_FABRIC_NAME);
	int r = vn_home_nl_open(&f->home, f->home.netns_fd, &nl, err);

	return r < 0 ? r : vn_link_dump(&nl, each, arg);
}

struct seen_ports {
	struct vn_host_end *ends;
	uint32_t max;
};

/* The other end of a veth is the node's; a VF has none. */
static void see_port(void *arg, const struct vn_link_info *l)
{
	const struct seen_ports *s = arg;
	uint32_t number = l->ifindex - VN_IFINDEX_HOST;

	if (is_port(l) && number < s->max && l->group == VN_GROUP_PORTS &&
	    (l->peer_ifindex == VN_IFINDEX_NODE + number || !l->peer_ifindex))
		s->ends[number] = (struct vn_host_end){l->mtu, l->peer_nsid};
}

int vn_exec_seen_ports(struct vn_fabric *f, struct vn_host_end **ret_ends, struct vn_err *err)
{
	cleanup_nl struct vn_nl nl = fabric_nl(VN_FABRIC_NAME);
	struct seen_ports seen = {.max = f->dp->maps.max_ports};
	int r = vn_home_nl_open(&f->home, f->home.netns_fd, &nl, err);

	if (r < 0)
		return r;
	seen.ends = calloc(seen.max, sizeof(*seen.ends));
	if (!seen.ends)
		return vn_err_kernel(err, ENOMEM, "devices: %s", strerror(ENOMEM));
	r = vn_link_dump(&nl, see_port, &seen);
	if (r < 0)
		free(seen.ends);
	else
		*ret_ends = seen.ends;
	return r;
}

struct port_devices {
	bool *there;
	uint32_t max;
};

static void mark_port(void *arg, const struct vn_link_info *l)
{
	const struct port_devices *p = arg;

	if (is_port(l) && l->ifindex - VN_IFINDEX_HOST < p->max)
		p->there[l->ifindex - VN_IFINDEX_HOST] = true;
}

int vn_exec_port_devices(struct vn_fabric *f, bool *there, struct vn_err *err)
{
	cleanup_nl struct vn_nl nl = fabric_nl(VN_FABRIC_NAME);
	struct port_devices p = {there, f->dp->maps.max_ports};
	int r = vn_home_nl_open(&f->home, f->home.netns_fd, &nl, err);

	return r < 0 ? r : vn_link_dump(&nl, mark_port, &p);
}

static bool runs(const struct vn_fabric *f, const struct vn_topo *t, const struct vn_node *n, const char *what)
{
	pid_t pid;

	return f->runtime_dir && vn_container_pid(f->runtime_dir, t->name, n->name, what, &pid) == 0;
}

/*
 * A namespace of docker's is of use only while its sandbox lives: no container can be started in it otherwise.
 * *@ret_nsid: as the fabric numbers it.
 */
static bool node_there(const struct vn_fabric *f, struct vn_nl *nl, const struct vn_topo *t, const struct vn_node *n,
		       int *ret_nsid)
{
	char name[VN_NETNS_NAME_MAX];
	cleanup_close int fd = vn_netns_open(vn_netns_name(name, t->name, n->name));

	return fd >= 0 && vn_nsid_get(nl, fd, ret_nsid) == 0 &&
	       (!vn_node_has(n, VN_NODE_SANDBOX) || runs(f, t, n, VN_CONTAINER_SANDBOX));
}

/* The host's end is there, and its other end in the node: it can be moved on, index and all, by the node's root. */
static bool port_there(const struct vn_fabric *f, const struct vn_topo *t, const struct vn_port *p,
		       const struct vn_host_end *ends, uint32_t mtu, int nsid)
{
	if (p->number >= f->dp->maps.max_ports || !vn_port_present(f, t, p))
		return false;
	if (vn_port_has(p, VN_TRAIT_PAIR) && ends[p->number].peer_nsid != nsid)
		return false;
	return !vn_port_has(p, VN_TRAIT_FABRIC) || ends[p->number].mtu == mtu;
}

int vn_observe(struct vn_fabric *f, const struct vn_topo *t, struct vn_observed *ret_seen, struct vn_err *err)
{
	struct vn_observed seen = {
		.node_ok = calloc(t->n_nodes ?: 1, sizeof(bool)),
		.link_ok = calloc(t->n_links ?: 1, sizeof(bool)),
		.run_ok = calloc(t->n_nodes ?: 1, sizeof(bool)),
		.node_bare = calloc(t->n_nodes ?: 1, sizeof(bool)),
	};
	cleanup_nl struct vn_nl nl = fabric_nl(VN_FABRIC_NAME);
	cleanup_free struct vn_host_end *ends = NULL;
	cleanup_free int *nsid = calloc(t->n_nodes ?: 1, sizeof(*nsid));
	int r = seen.node_ok && seen.link_ok && seen.run_ok && seen.node_bare && nsid
			? 0
			: vn_err_kernel(err, ENOMEM, "observing: %s", strerror(ENOMEM));

	if (r == 0)
		r = vn_exec_seen_ports(f, &ends, err);
	if (r == 0)
		r = vn_home_nl_open(&f->home, f->home.netns_fd, &nl, err);
	if (r < 0) {
		vn_observed_release(&seen);
		return r;
	}
	for (size_t i = 0; i < t->n_nodes; i++) {
		seen.node_ok[i] = node_there(f, &nl, t, &t->nodes[i], &nsid[i]);
		seen.run_ok[i] =
			vn_node_has(&t->nodes[i], VN_NODE_CONTAINER) && runs(f, t, &t->nodes[i], VN_CONTAINER_STARTED);
	}
	for (size_t i = 0; i < t->n_links; i++) {
		const struct vn_link *l = &t->links[i];

		seen.link_ok[i] = true;
		for (int side = 0; side < VN_DIRS; side++)
			seen.link_ok[i] &= seen.node_ok[l->ports[side].node] &&
					   port_there(f, t, &l->ports[side], ends, l->mtu, nsid[l->ports[side].node]);
	}
	*ret_seen = seen;
	return 0;
}

void vn_observed_release(struct vn_observed *o)
{
	free(o->node_ok);
	free(o->link_ok);
	free(o->run_ok);
	free(o->node_bare);
	free(o->drift);
	o->node_ok = o->link_ok = o->run_ok = o->node_bare = NULL;
	o->drift = NULL;
}
