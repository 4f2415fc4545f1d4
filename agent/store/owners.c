// SPDX-License-Identifier: GPL-2.0-only
/* Which nodes have a namespace of the machine's user namespace, and whose root reaches beyond them by that. */
#include "store/store.h"

#include <fcntl.h>
#include <linux/capability.h>

#include <base/userns.h>
#include <base/util.h>

bool vn_may_have_net_admin(pid_t pid)
{
	cleanup_fclose FILE *f = NULL;
	unsigned long long bounding;
	char path[48], line[256];

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = pid > 0 ? fopen(path, "re") : NULL;
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "CapBnd:\t%llx", &bounding) == 1)
			return bounding >> CAP_NET_ADMIN & 1;
	return true; /* nobody knows what it has */
}

static bool asks_for_net_admin(const struct vn_node *n)
{
	json_t *w;
	size_t i;

	json_array_foreach (json_object_get(n->container, "capabilities"), i, w)
		if (strcmp(json_string_value(w), "NET_ADMIN") == 0)
			return true;
	return false;
}

/* Whose its namespace is: 1 the machine's, 0 its own, -errno. */
static int machine_has(const struct vn_topo *t, const struct vn_node *n)
{
	char name[VN_NETNS_NAME_MAX];
	cleanup_close int fd = vn_netns_open(vn_netns_name(name, t->name, n->name));

	return fd < 0 ? fd : vn_userns_is_ours(fd);
}

const char *vn_node_owner(const struct vn_topo *t, size_t node)
{
	int r = machine_has(t, &t->nodes[node]);

	return r < 0 ? NULL : r ? "machine" : "own";
}

bool vn_node_is_open(const struct vn_store *store, const struct vn_topo *t, size_t node)
{
	const struct vn_node *n = &t->nodes[node];
	bool ended = false;
	char holder[VN_HOLDER_MAX];
	pid_t pid = 0;

	if (n->privileged)
		return true;
	if (vn_node_has(n, VN_NODE_ATTACHED)) {
		if (!vn_exec_attached(store->fabric, t, node, holder, &ended) || machine_has(t, n) != 1)
			return false;
		vn_container_pid(store->runtime_dir, t->name, n->name, VN_CONTAINER_STARTED, &pid);
		return vn_may_have_net_admin(pid);
	}
	return asks_for_net_admin(n) && machine_has(t, n) == 1;
}

json_t *vn_open_nodes(const struct vn_store *store, const struct vn_topo *t)
{
	json_t *list = json_array();

	for (size_t i = 0; i < t->n_nodes; i++)
		if (vn_node_is_open(store, t, i))
			json_array_append_new(list, json_string(t->nodes[i].name));
	return list;
}
