// SPDX-License-Identifier: GPL-2.0-only
/* The topology's memory and its indices by name. */
#include <uthash.h>

#include "model/model_internal.h"

struct name_entry {
	const char *name;
	size_t index;
	UT_hash_handle hh;
};

struct vn_name_index {
	struct name_entry *table;
	size_t n;
	struct name_entry entries[];
};

struct vn_name_index *vn_name_index_new(const char *first_name, size_t stride, size_t n, size_t *ret_dup)
{
	struct vn_name_index *x;
	struct name_entry *e, *found;
	size_t i;

	x = calloc(1, sizeof(*x) + n * sizeof(x->entries[0]));
	if (!x)
		return NULL;
	x->n = n;
	for (i = 0; i < n; i++) {
		e = &x->entries[i];
		e->name = first_name + i * stride;
		e->index = i;
		HASH_FIND_STR(x->table, e->name, found);
		if (!found)
			HASH_ADD_KEYPTR(hh, x->table, e->name, strlen(e->name), e);
		else if (ret_dup && *ret_dup == SIZE_MAX)
			*ret_dup = i;
	}
	return x;
}

void vn_name_index_free(struct vn_name_index *x)
{
	if (!x)
		return;
	HASH_CLEAR(hh, x->table);
	free(x);
}

int vn_name_index_find(const struct vn_name_index *x, const char *name, size_t *ret_index)
{
	const struct name_entry *found;

	HASH_FIND_STR(x->table, name, found);
	if (!found)
		return -ENOENT;
	*ret_index = found->index;
	return 0;
}

size_t vn_name_index_size(const struct vn_name_index *x)
{
	return x->n;
}

_Static_assert(offsetof(struct vn_node, name) == 0, "vn_name_index_new() is given the array");
_Static_assert(offsetof(struct vn_link, name) == 0, "vn_name_index_new() is given the array");

static int find(struct vn_name_index **x, const void *array, size_t stride, size_t n, const char *name,
		size_t *ret_index)
{
	if (*x && vn_name_index_size(*x) != n) {
		vn_name_index_free(*x);
		*x = NULL;
	}
	if (!*x) {
		*x = vn_name_index_new(array, stride, n, NULL);
		if (!*x)
			return -ENOMEM;
	}
	return vn_name_index_find(*x, name, ret_index);
}

int vn_topo_find_node(struct vn_topo *t, const char *name, size_t *ret_index)
{
	return find(&t->node_index, t->nodes, sizeof(t->nodes[0]), t->n_nodes, name, ret_index);
}

int vn_topo_find_link(struct vn_topo *t, const char *name, size_t *ret_index)
{
	return find(&t->link_index, t->links, sizeof(t->links[0]), t->n_links, name, ret_index);
}

bool vn_congestion_valid(const char *name)
{
	size_t n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");

	return n && n <= VN_CONGESTION_MAX && !name[n];
}

struct vn_topo *vn_topo_new(void)
{
	return calloc(1, sizeof(struct vn_topo));
}

void vn_topo_free(struct vn_topo *t)
{
	size_t i;

	if (!t)
		return;
	vn_name_index_free(t->node_index);
	vn_name_index_free(t->link_index);
	for (i = 0; i < t->n_nodes; i++) {
		free(t->nodes[i].routes);
		free(t->nodes[i].link_ids);
		json_decref(t->nodes[i].container);
	}
	free(t->nodes);
	free(t->links);
	free(t->source);
	free(t);
}

int vn_topo_connect(struct vn_topo *t)
{
	struct vn_node *node;
	size_t i;
	int side;

	for (i = 0; i < t->n_nodes; i++) {
		free(t->nodes[i].link_ids);
		t->nodes[i].link_ids = NULL;
		t->nodes[i].n_links = 0;
	}
	for (i = 0; i < t->n_links; i++) {
		for (side = 0; side < VN_DIRS; side++)
			t->nodes[t->links[i].ports[side].node].n_links++;
	}
	for (i = 0; i < t->n_nodes; i++) {
		node = &t->nodes[i];
		if (!node->n_links)
			continue;
		node->link_ids = calloc(node->n_links, sizeof(node->link_ids[0]));
		if (!node->link_ids)
			return -ENOMEM;
		node->n_links = 0;
	}
	for (i = 0; i < t->n_links; i++) {
		for (side = 0; side < VN_DIRS; side++) {
			node = &t->nodes[t->links[i].ports[side].node];
			node->link_ids[node->n_links++] = (uint32_t)(i * VN_DIRS) + (uint32_t)side;
		}
	}
	return 0;
}

bool vn_port_is_raw(const struct vn_topo *t, const struct vn_port *p)
{
	if (vn_port_has(p, VN_TRAIT_RAW) || p->checksum == VN_CHECKSUM_COMPLETE)
		return true;
	return p->checksum == VN_CHECKSUM_AUTO && vn_container_has_cap(t->nodes[p->node].container, "NET_RAW");
}
