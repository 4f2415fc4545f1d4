/* SPDX-License-Identifier: GPL-2.0-only */
/* What of ours belongs to nobody: swept after a start, and told. */
#include "exec/sweep.h"

#include <fcntl.h>

#include <base/util.h>

#include "base/log.h"
#include "store/store.h"
#include "base/beneath.h"
#include "model/container.h"

/* By number: which ports run, and which of them are AF_XDP ports. */
struct owners {
	struct vn_store *store;
	bool *afxdp;
};

static bool has_port(void *arg, uint32_t number, bool *ret_afxdp)
{
	const struct owners *o = arg;

	*ret_afxdp = o->afxdp[number];
	return vn_port_used(o->store, number);
}

static bool has_node(void *arg, const char *topo, const char *node, bool *ret_kept)
{
	const struct owners *o = arg;
	const struct vn_running *run = vn_running_find(o->store, topo);
	const struct vn_node *n;
	size_t i;

	if (!run || vn_topo_find_node(run->topo, node, &i) < 0)
		return false;
	n = &run->topo->nodes[i];
	*ret_kept = vn_node_has(n, VN_NODE_CONTAINER) || vn_node_has(n, VN_NODE_ATTACHED);
	return true;
}

static void tell(void *arg, const char *what, const char *why)
{
	struct owners *o = arg;

	o->store->unswept |= why != NULL;
	if (why)
		vn_log("%s: belongs to no running topology, and cannot be removed: %s", what, why);
	else
		vn_log("%s: belongs to no running topology: removed", what);
	vn_tell(&o->store->tell, json_pack("{s:s, s:s, s:s*}", "event", "swept", "what", what, "error", why));
}

/* Files that were being written when their writer was killed: they never became what they are named after. */
static int sweep_new(int dir, const char *name, void *arg)
{
	const char *dot = strrchr(name, '.');

	if (dot && strcmp(dot, ".new") == 0)
		unlinkat(dir, name, 0);
	return 0;
}

static void sweep_files(const struct vn_store *store)
{
	cleanup_close int dir = open(store->runtime_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (dir >= 0)
		vn_beneath_list(dir, sweep_new, NULL);
}

static void with_owners(struct vn_store *store, void (*sweep)(struct vn_fabric *f, const struct vn_sweep *s))
{
	cleanup_free bool *afxdp = calloc(VN_PORTS_MAX + 1, sizeof(*afxdp));
	struct owners o = {.store = store, .afxdp = afxdp};
	const struct vn_sweep s = {.has_port = has_port, .has_node = has_node, .tell = tell, .arg = &o};

	for (size_t i = 0; afxdp && i < store->n_running; i++)
		for (size_t p = 0; p < store->running[i]->topo->n_links * VN_DIRS; p++) {
			const struct vn_port *port = &store->running[i]->topo->links[p / VN_DIRS].ports[p % VN_DIRS];

			if (vn_port_has(port, VN_TRAIT_RAW) && port->number <= VN_PORTS_MAX)
				afxdp[port->number] = true;
		}
	if (afxdp)
		sweep(store->fabric, &s);
}

void vn_sweep_start(struct vn_store *store)
{
	sweep_files(store);
	with_owners(store, vn_fabric_sweep);
}

void vn_sweep_left(struct vn_store *store)
{
	if (store->unswept) {
		store->unswept = false;
		with_owners(store, vn_fabric_sweep_pins);
	}
	if (store->fabric->left.err) {
		vn_log("%s: tried again with the next change", store->fabric->left.text);
		store->fabric->left = (struct vn_err){0};
		store->unswept = true;
	}
}
