/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The config.json that a container engine has written for its OCI runtime, changed in some places: everything else in
 * it keeps its value, numbers that are larger than JSON libraries hold included.
 */
#ifndef VNET_RUNTIME_OCI_TEXT_H
#define VNET_RUNTIME_OCI_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <base/err.h>

/* @edit changes the object and says whether it did; *@ret_text (free it) is then the whole as text, else NULL. */
int vn_oci_edit(const char *text, size_t len,
		int (*edit)(json_t *config, void *arg, bool *ret_changed, struct vn_err *err), void *arg,
		char **ret_text, struct vn_err *err);

/* For @edit: a number of 0 to 2^64 - 1. */
int vn_oci_number(const json_t *value, uint64_t *ret);
/* The value of variable @key of its environment; NULL: there is none, or it is empty. */
const char *vn_oci_env(const json_t *config, const char *key);
/* Member @key of @o, which becomes an empty @kind where there is none. NULL: it is something else. */
json_t *vn_oci_member(json_t *o, const char *key, json_t *(*kind)(void));

#endif
