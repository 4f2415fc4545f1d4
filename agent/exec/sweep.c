/* SPDX-License-Identifier: GPL-2.0-only */
#include "exec/sweep.h"

#include <fcntl.h>
#include <limits.h>

#include <base/util.h>

#include "exec/exec_internal.h"
#include "engines/placement.h"
#include "net/veth.h"
#include "base/beneath.h"
#include "model/topo.h"

#define WAIT_MS 1000

struct sweeping {
	struct vn_fabric *f;
	const struct vn_sweep *s;
	bool *orphan; /* by number: the fabric has its device, and no running topology the port */
};

static void tell(const struct sweeping *w, const char *kind, const char *name, const struct vn_err *why)
{
	char what[NAME_MAX + 64];

	snprintf(what, sizeof(what), "%s %s", kind, name);
	w->s->tell(w->s->arg, what, why && why->err ? why->text : NULL);
}

/* "TOPOLOGY.NODE" cut in two; false: it is not made like that. */
static bool split(const char *name, char topo[VN_NAME_MAX + 1], char node[VN_NAME_MAX + 1])
{
	const char *dot = strchr(name, '.');

	if (!dot || dot - name > VN_NAME_MAX || strlen(dot + 1) > VN_NAME_MAX)
		return false;
	snprintf(topo, VN_NAME_MAX + 1, "%.*s", (int)(dot - name), name);
	snprintf(node, VN_NAME_MAX + 1, "%s", dot + 1);
	return vn_name_valid(topo) && vn_name_valid(node);
}

static bool has_file(int dir, const char *name, const char *file)
{
	char path[NAME_MAX + 32];

	snprintf(path, sizeof(path), "%s/%s", name, file);
	return faccessat(dir, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* What a directory has says who runs it; false: nobody does. */
static bool guess(int dir, const char *name, struct vn_runner_job *job)
{
	job->op = VN_RUNNER_STOP;
	if (has_file(dir, name, "cid-net")) {
		job->runtime = VN_RUNTIME_DOCKER;
		job->op = VN_RUNNER_SANDBOX_STOP;
	} else if (has_file(dir, name, "cid")) {
		job->runtime = VN_RUNTIME_PODMAN;
	} else if (has_file(dir, name, "config.json")) {
		job->runtime = VN_RUNTIME_RUNC;
	} else {
		return false;
	}
	return true;
}

static int run_job(struct vn_runner *runner, const struct vn_runner_job *job, struct vn_err *err)
{
	struct vn_err why = {0};
	uint64_t id;
	pid_t pid;
	int r = vn_runner_send(runner, job, &id, err);

	if (r == 0)
		while ((r = vn_runner_receive(runner, id, &pid, &why)) == -EAGAIN)
			vn_runner_wait(runner, WAIT_MS);
	return r < 0 ? r : why.err ? vn_err(err, why.exit, why.err, "%s", why.text) : 0;
}

static int sweep_container(int dir, const char *name, void *arg)
{
	const struct sweeping *w = arg;
	char topo[VN_NAME_MAX + 1], node[VN_NAME_MAX + 1];
	struct vn_runner_job job = {.topo = topo, .node = node};
	struct vn_err why = {0};
	bool kept = false;
	int r = 0;

	if (!split(name, topo, node) || (w->s->has_node(w->s->arg, topo, node, &kept) && kept))
		return 0;
	if (w->f->runner && guess(dir, name, &job)) {
		/* To stop, it need not be known what runs; the runner wants a description that is one. */
		json_t *o = job.runtime == VN_RUNTIME_DOCKER
				    ? json_pack("{s:s}", "image", "none")
				    : json_pack("{s:s, s:[s]}", "rootfs", "/", "command", "none");

		job.o = o;
		r = run_job(w->f->runner, &job, &why);
		json_decref(o);
	}
	if (r == 0)
		r = vn_beneath_remove(dir, name);
	if (r < 0 && !why.err)
		vn_err_kernel(&why, -r, "%s", strerror(-r));
	tell(w, "container", name, &why);
	return 0;
}

static void sweep_containers(struct sweeping *w)
{
	char path[512];
	int dir;

	if (!w->f->runtime_dir)
		return;
	snprintf(path, sizeof(path), "%s/" VN_RUNNER_DIR, w->f->runtime_dir);
	dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir >= 0)
		vn_beneath_list(dir, sweep_container, w);
	vn_cleanup_close(&dir);
}

struct look {
	const struct sweeping *w;
	bool ours;
};

/* A device that only we make: its index and its peer's, which is a port in the fabric that nobody has. */
static void look_at(void *arg, const struct vn_link_info *l)
{
	struct look *k = arg;
	const uint32_t number = l->ifindex - VN_IFINDEX_NODE;

	k->ours |= l->ifindex > VN_IFINDEX_NODE && number < k->w->f->dp->maps.max_ports && k->w->orphan[number] &&
		   l->peer_ifindex == VN_IFINDEX_HOST + number;
}

static int sweep_namespace(int dir, const char *name, void *arg)
{
	struct look k = {.w = arg};
	char topo[VN_NAME_MAX + 1], node[VN_NAME_MAX + 1];
	cleanup_nl struct vn_nl nl = VN_NL_INIT;
	cleanup_close int fd = -EBADF;
	struct vn_err why = {0};
	bool kept;

	if (!split(name, topo, node) || k.w->s->has_node(k.w->s->arg, topo, node, &kept))
		return 0;
	fd = vn_netns_open(name);
	if (fd < 0 || vn_home_nl_open(&k.w->f->home, fd, &nl, NULL) < 0 || vn_link_dump(&nl, look_at, &k) < 0 ||
	    !k.ours)
		return 0;
	vn_netns_delete(name, &why);
	tell(k.w, "namespace", name, &why);
	return 0;
}

static void sweep_namespaces(struct sweeping *w)
{
	cleanup_close int dir = open(VN_NETNS_DIR, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (dir >= 0)
		vn_beneath_list(dir, sweep_namespace, w);
}

static void close_port(struct vn_fabric *f, uint32_t number)
{
	static const struct vn_disc none;

	vn_port_clear(&f->dp->maps, number);
	vn_placement_leave(&f->placement, number);
	vn_disc_renew(&f->dp->maps, number);
	vn_disc_write(&f->dp->maps, number, &none);
}

static void sweep_ports(struct sweeping *w)
{
	struct vn_maps *maps = &w->f->dp->maps;
	cleanup_nl struct vn_nl nl = VN_NL_INIT;
	struct vn_err why = {0};
	char name[IF_NAMESIZE];
	bool afxdp;

	nl.err = &why;
	if (vn_home_nl_open(&w->f->home, w->f->home.netns_fd, &nl, &why) < 0)
		return;
	for (uint32_t n = 1; n < maps->max_ports; n++) {
		if (!w->orphan[n]) {
			if (maps->port[n].flags & VN_PORT_ACTIVE && !w->s->has_port(w->s->arg, n, &afxdp))
				close_port(w->f, n);
			continue;
		}
		close_port(w->f, n);
		vn_link_set_group(&nl, VN_IFINDEX_HOST + n, VN_GROUP_DYING);
		snprintf(name, sizeof(name), VN_PORT_IFNAME, n);
		tell(w, "port", name, NULL);
	}
	vn_link_delete_group(&nl, VN_GROUP_DYING);
	if (vn_nl_flush(&nl) < 0)
		tell(w, "ports of", VN_FABRIC_NAME, &why);
}

static void sweep_pin(void *arg, uint32_t number)
{
	const struct sweeping *w = arg;
	struct vn_err why = {0};
	bool afxdp = false;
	char name[16];
	int r;

	if (w->s->has_port(w->s->arg, number, &afxdp) && afxdp)
		return;
	r = vn_afxdp_detach(w->f->dp, number);
	if (r < 0)
		vn_err_kernel(&why, -r, "%s", strerror(-r));
	snprintf(name, sizeof(name), "%u", number);
	tell(w, "pins of AF_XDP port", name, &why);
}

void vn_fabric_sweep_pins(struct vn_fabric *f, const struct vn_sweep *s)
{
	struct sweeping w = {.f = f, .s = s};

	vn_afxdp_list(f->dp->pin_dir, sweep_pin, &w);
}

void vn_fabric_sweep(struct vn_fabric *f, const struct vn_sweep *s)
{
	const uint32_t max = f->dp->maps.max_ports;
	cleanup_free bool *orphan = calloc(max, sizeof(*orphan));
	struct sweeping w = {.f = f, .s = s, .orphan = orphan};
	bool afxdp;

	if (!orphan || vn_exec_port_devices(f, orphan, NULL) < 0)
		return;
	for (uint32_t n = 0; n < max; n++)
		orphan[n] = orphan[n] && !s->has_port(s->arg, n, &afxdp);
	sweep_containers(&w);
	sweep_namespaces(&w); /* which are known by their ports */
	sweep_ports(&w);
	vn_fabric_sweep_pins(f, s);
}
