/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of the loader share. */
#ifndef VNET_LOADER_INTERNAL_H
#define VNET_LOADER_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include <base/err.h>

struct bpf_object;

/* The map pinned as @pinned_fd, by whatever build, is what @map of an object with the types @btf would be. */
struct btf;
bool vn_map_fits(const struct bpf_map *map, const struct btf *btf, int pinned_fd);

/*
 * The maps of @obj, not yet loaded, are those pinned under @pin_dir, or will be pinned there. Their sizes are those of
 * what is pinned. *@ret_adopted: they are there already.
 */
int vn_maps_share(struct bpf_object *obj, const char *pin_dir, bool *ret_adopted, struct vn_err *err);
int vn_maps_prepare(struct bpf_object *obj, const char *pin_dir, uint32_t max_ports, bool *ret_adopted,
		    struct vn_err *err);

#endif
