/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nodes whose namespace somebody else made. The node's devices are moved there, not made anew: the other ends of its
 * links, programs and counters stay as they are.
 */
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/stat.h>

#include <base/util.h>

#include "base/process.h"
#include "exec/exec_internal.h"
#include "base/atomic_file.h"
#include "net/veth.h"

/* The record of an attached node is in RUNTIME/containers/TOPOLOGY.NODE/{started,holder}. */

#define HOLDER_FILE "holder"

static void record_path(char path[512], const struct vn_fabric *f, const struct vn_topo *t, size_t node,
			const char *file)
{
	snprintf(path, 512, "%s/" VN_RUNNER_DIR "/%s.%s/%s", f->runtime_dir, t->name, t->nodes[node].name, file);
}

int vn_exec_attached_note(const struct vn_fabric *f, const struct vn_topo *t, size_t node, const char *holder,
			  pid_t pid, struct vn_err *err)
{
	unsigned long long start = 0;
	char path[512], text[VN_HOLDER_MAX + 1];
	int r;

	record_path(path, f, t, node, "");
	if (mkdir(path, 0711) < 0 && errno != EEXIST)
		return vn_err_kernel(err, errno, "%s: %s", path, strerror(errno));
	record_path(path, f, t, node, VN_CONTAINER_STARTED);
	unlink(path);
	if (pid > 0 && vn_process_start(pid, &start) == 0) {
		snprintf(text, sizeof(text), "%d %llu\n", (int)pid, start);
		r = vn_record_text(path, text, err);
		if (r < 0)
			return r;
	}
	record_path(path, f, t, node, HOLDER_FILE);
	snprintf(text, sizeof(text), "%s\n", holder);
	return vn_record_text(path, text, err);
}

void vn_exec_attached_forget(const struct vn_fabric *f, const struct vn_topo *t, size_t node)
{
	static const char *const files[] = {VN_CONTAINER_STARTED, HOLDER_FILE};
	char path[512];

	if (!f->runtime_dir)
		return;
	for (size_t i = 0; i < VN_ARRAY_SIZE(files); i++) {
		record_path(path, f, t, node, files[i]);
		unlink(path);
	}
	record_path(path, f, t, node, "");
	rmdir(path);
}

bool vn_exec_attached(const struct vn_fabric *f, const struct vn_topo *t, size_t node, char holder[VN_HOLDER_MAX],
		      bool *ret_ended)
{
	cleanup_fclose FILE *in = NULL;
	char path[512];
	pid_t pid;

	record_path(path, f, t, node, HOLDER_FILE);
	in = fopen(path, "re");
	if (!in || !fgets(holder, VN_HOLDER_MAX, in))
		return false;
	holder[strcspn(holder, "\n")] = '\0';
	record_path(path, f, t, node, VN_CONTAINER_STARTED);
	*ret_ended = access(path, F_OK) == 0 &&
		     vn_container_pid(f->runtime_dir, t->name, t->nodes[node].name, VN_CONTAINER_STARTED, &pid) < 0;
	return true;
}

/* One node on its way from a namespace to another. */
struct move {
	struct vn_fabric *f;
	const struct vn_topo *t;
	const struct vn_node *node;
	bool *there; /* per link of the node: its device is where it should be */
	struct vn_err *err;
};

static const struct vn_port *port_of(const struct move *m, size_t i)
{
	return &m->t->links[m->node->link_ids[i] / VN_DIRS].ports[m->node->link_ids[i] % VN_DIRS];
}

static void describe(void *arg, uint64_t tag, char *buf, size_t size)
{
	const struct move *m = arg;

	snprintf(buf, size, "node %s, interface %s", m->node->name, port_of(m, tag)->ifname);
}

/* A device that is not in @from is no failure here: it is looked for at the other end. */
static int move_devices(struct move *m, int from, int to)
{
	cleanup_nl struct vn_nl nl = VN_NL_INIT;
	int r;

	nl.describe = describe;
	nl.arg = m;
	r = vn_home_nl_open(&m->f->home, from, &nl, m->err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < m->node->n_links; i++) {
		const struct ifinfomsg ifi = {.ifi_index = (int)(VN_IFINDEX_NODE + port_of(m, i)->number)};

		nl.tag = i;
		vn_nl_begin(&nl, RTM_SETLINK, 0, &ifi, sizeof(ifi));
		vn_nl_put_str(&nl, IFLA_IFNAME, port_of(m, i)->ifname);
		vn_nl_put_u32(&nl, IFLA_NET_NS_FD, (uint32_t)to);
		vn_nl_end(&nl, "move it to the node's namespace", VN_NL_OK(ENODEV));
	}
	return vn_nl_flush(&nl);
}

static void see(void *arg, const struct vn_link_info *l)
{
	struct move *m = arg;

	for (size_t i = 0; i < m->node->n_links; i++)
		if (l->ifindex == VN_IFINDEX_NODE + port_of(m, i)->number)
			m->there[i] = true;
}

static int look(struct move *m, int fd)
{
	cleanup_nl struct vn_nl nl = VN_NL_INIT;
	int r;

	nl.describe = describe;
	nl.arg = m;
	r = vn_home_nl_open(&m->f->home, fd, &nl, m->err);
	return r < 0 ? r : vn_link_dump(&nl, see, m);
}

/* Names that the node needs and that something else has there. */
static int check_names(struct move *m, int fd)
{
	int r = vn_netns_enter(fd);

	if (r < 0)
		return vn_err_kernel(m->err, -r, "node %s: entering the namespace: %s", m->node->name, strerror(-r));
	for (size_t i = 0; i < m->node->n_links && r == 0; i++) {
		const unsigned int index = if_nametoindex(port_of(m, i)->ifname);

		if (index && index != VN_IFINDEX_NODE + port_of(m, i)->number)
			r = vn_err(m->err, VN_EXIT_USAGE, EEXIST,
				   "node %s: the namespace has an interface %s already: start the container without "
				   "network (--network none), or name the node's interface otherwise",
				   m->node->name, port_of(m, i)->ifname);
	}
	vn_netns_leave(m->f->home.host_netns_fd);
	return r;
}

static int inside_new(void *arg, struct vn_err *err)
{
	cleanup_proc struct vn_proc proc = VN_PROC_INIT;

	return vn_exec_node_sysctls(&proc, arg, false, err);
}

static int settings(struct move *m, int fd)
{
	cleanup_proc struct vn_proc proc = VN_PROC_INIT;
	int r = vn_netns_enter(fd);

	if (r < 0)
		return vn_err_kernel(m->err, -r, "node %s: entering the namespace: %s", m->node->name, strerror(-r));
	r = vn_exec_node_sysctls(&proc, m->node, true, m->err);
	vn_netns_leave(m->f->home.host_netns_fd);
	return r;
}

/* The name stands for @fd from now on, or for a fresh namespace. */
static int rename_to(struct move *m, const char *name, int fd)
{
	int r = vn_netns_delete(name, m->err);

	if (r < 0)
		return r;
	return fd >= 0 ? vn_netns_bind(fd, name, m->err)
		       : vn_netns_create(m->f->home.host_netns_fd, name, VN_NETNS_OWN, inside_new, (void *)m->node,
					 m->err);
}

static int relocate(struct move *m, const char *name, int old, int fd)
{
	cleanup_close int now = -EBADF;
	int r = rename_to(m, name, fd);

	if (r == 0) {
		now = vn_netns_open(name);
		r = now < 0 ? vn_err_kernel(m->err, -now, "namespace %s: %s", name, strerror(-now)) : 0;
	}
	/* First: devices take on, as they arrive, what is the default there (docker's: no IPv6). */
	if (r == 0 && fd >= 0)
		r = settings(m, now);
	/* Where they are there already, a kernel before 6.2 refuses to "rename" one that is up. */
	if (r == 0 && old >= 0 && !vn_netns_same(old, now))
		r = move_devices(m, old, now);
	if (r == 0)
		return look(m, now);
	if (old >= 0) {
		struct vn_err ignored = {0};
		struct move back = *m;

		back.err = &ignored;
		if (now >= 0)
			move_devices(&back, now, old);
		rename_to(&back, name, old);
	}
	return r;
}

int vn_exec_relocate(struct vn_fabric *f, const struct vn_topo *t, size_t node, int fd, struct vn_observed *seen,
		     struct vn_err *err)
{
	struct move m = {.f = f, .t = t, .node = &t->nodes[node], .err = err};
	cleanup_free bool *there = calloc(m.node->n_links ?: 1, sizeof(*there));
	char name[VN_NETNS_NAME_MAX];
	cleanup_close int old = vn_netns_open(vn_netns_name(name, t->name, m.node->name));
	int r;

	if (!there)
		return -ENOMEM;
	m.there = there;
	r = fd >= 0 ? check_names(&m, fd) : 0;
	if (r == 0)
		r = relocate(&m, name, old, fd);
	if (r < 0)
		return r;
	seen->node_ok[node] = true;
	seen->node_bare[node] = true;
	for (size_t i = 0; i < m.node->n_links; i++)
		seen->link_ok[m.node->link_ids[i] / VN_DIRS] &= there[i];
	return 0;
}
