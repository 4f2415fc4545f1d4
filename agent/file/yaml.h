/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One YAML document as a tree in which everything knows its line and column. Refused at first sight: aliases and
 * anchors (so no alias bomb ever expands), tags, further documents, duplicate keys, keys that are no scalars, NUL
 * bytes, and more depth or entries than the limits say.
 */
#ifndef VNET_FILE_YAML_H
#define VNET_FILE_YAML_H

#include <stdbool.h>
#include <stddef.h>

#include <base/err.h>

enum vn_yaml_kind { VN_YAML_SCALAR, VN_YAML_LIST, VN_YAML_MAP };

struct vn_yaml {
	enum vn_yaml_kind kind;
	bool plain;                /* a scalar without quotes: may mean null */
	unsigned int line, column; /* from 1 */
	char *text;                /* of a scalar; without NUL bytes inside */
	struct vn_yaml *items;     /* of a list; of a map: key, value, key, value */
	size_t n, room;            /* items used and allocated */
};

/* At most @max entries under the key @key of the outermost map; anything else holds at most VN_YAML_ENTRIES_MAX. */
struct vn_yaml_limit {
	const char *key;
	size_t max;
};
#define VN_YAML_ENTRIES_MAX 256

int vn_yaml_parse(const char *file, const char *text, size_t len, unsigned int max_depth,
		  const struct vn_yaml_limit *limits, struct vn_yaml **ret_root, struct vn_err *err);
void vn_yaml_free(struct vn_yaml *root);
static inline void vn_yaml_freep(struct vn_yaml **root)
{
	vn_yaml_free(*root);
}
#define cleanup_yaml __attribute__((cleanup(vn_yaml_freep)))

/* Nothing, ~ or null, without quotes. */
bool vn_yaml_is_null(const struct vn_yaml *y);
/* The value under @key of the map @y, or NULL. */
const struct vn_yaml *vn_yaml_get(const struct vn_yaml *y, const char *key);

#endif
