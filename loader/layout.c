/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Are the maps that another build left pinned those of this one? Their sizes, and what their values are made of: a
 * field that moved inside a struct of the same size would be read as another.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include <base/util.h>

#include "loader/internal.h"

#define DEPTH_MAX 16

/* A struct, union, array or number, whatever names lead to it. */
static const struct btf_type *resolved(const struct btf *btf, __u32 id)
{
	const struct btf_type *t = btf__type_by_id(btf, id);

	while (t && (btf_is_mod(t) || btf_is_typedef(t)))
		t = btf__type_by_id(btf, t->type);
	return t;
}

static bool same_type(const struct btf *a, __u32 ia, const struct btf *b, __u32 ib, int depth);

static bool same_members(const struct btf *a, const struct btf_type *ta, const struct btf *b, const struct btf_type *tb,
			 int depth)
{
	const struct btf_member *ma = btf_members(ta), *mb = btf_members(tb);

	if (btf_vlen(ta) != btf_vlen(tb))
		return false;
	for (__u32 i = 0; i < btf_vlen(ta); i++)
		if (ma[i].offset != mb[i].offset ||
		    strcmp(btf__name_by_offset(a, ma[i].name_off), btf__name_by_offset(b, mb[i].name_off)) != 0 ||
		    !same_type(a, ma[i].type, b, mb[i].type, depth))
			return false;
	return true;
}

static bool same_type(const struct btf *a, __u32 ia, const struct btf *b, __u32 ib, int depth)
{
	const struct btf_type *ta = resolved(a, ia), *tb = resolved(b, ib);

	if (!ta || !tb || depth == 0 || btf_kind(ta) != btf_kind(tb))
		return false;
	if (btf_is_array(ta))
		return btf_array(ta)->nelems == btf_array(tb)->nelems &&
		       same_type(a, btf_array(ta)->type, b, btf_array(tb)->type, depth - 1);
	if (ta->size != tb->size)
		return false;
	return !btf_is_composite(ta) || same_members(a, ta, b, tb, depth - 1);
}

/* The kernel keeps no types of some kinds of maps: then sizes have to do. */
static bool same_layout(const struct bpf_map *map, const struct btf *btf, const struct bpf_map_info *pinned)
{
	__u32 ours = bpf_map__btf_value_type_id(map);
	struct btf *theirs;
	bool same;

	if (!btf || !ours || !pinned->btf_id || !pinned->btf_value_type_id)
		return true;
	theirs = btf__load_from_kernel_by_id(pinned->btf_id);
	if (!theirs)
		return false;
	same = same_type(btf, ours, theirs, pinned->btf_value_type_id, DEPTH_MAX);
	btf__free(theirs);
	return same;
}

bool vn_map_fits(const struct bpf_map *map, const struct btf *btf, int pinned_fd)
{
	struct bpf_map_info info = {0};
	__u32 len = sizeof(info);

	return bpf_obj_get_info_by_fd(pinned_fd, &info, &len) == 0 && info.type == bpf_map__type(map) &&
	       info.key_size == bpf_map__key_size(map) && info.value_size == bpf_map__value_size(map) &&
	       info.max_entries == bpf_map__max_entries(map) && info.map_flags == bpf_map__map_flags(map) &&
	       same_layout(map, btf, &info);
}
