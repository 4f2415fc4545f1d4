/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Files of the runtime directory that cannot be understood: kept in RUNTIME/damaged for whoever wants to know, told in
 * the log, in the events and by `doctor` as long as they are there. The daemon goes on without them.
 */
#ifndef VNET_STORE_DAMAGED_H
#define VNET_STORE_DAMAGED_H

#include <jansson.h>

#include "store/store.h"

#define VN_DAMAGED_DIR "damaged"

/*
 * JSON file @name of the runtime directory. -ENOENT: it is not there. Any other failure: it is damaged, and @ret_why
 * says how.
 */
int vn_damaged_load(const struct vn_store *store, const char *name, json_t **ret_content, struct vn_err *ret_why);

/* File @name is @why: out of the way. @then: what that means, for the log. */
void vn_damaged_aside(struct vn_store *store, const char *name, const char *why, const char *then);
/* The same of a part of a file, whose content is @data. */
void vn_damaged_part(struct vn_store *store, const char *name, const void *data, size_t len, const char *why,
		     const char *then);

/* ["NAME", ...] of what was put there and not removed since. */
json_t *vn_damaged_to_json(const struct vn_store *store);

#endif
