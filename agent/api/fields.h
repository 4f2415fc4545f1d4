/* SPDX-License-Identifier: GPL-2.0-only */
/* The parameters of a request as rows, and a request held against them. */
#ifndef VNET_API_FIELDS_H
#define VNET_API_FIELDS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include <base/err.h>

enum vn_field_type {
	VN_FIELD_STRING,
	VN_FIELD_INT,
	VN_FIELD_BOOL,
	VN_FIELD_STRINGS, /* an array of strings */
	VN_FIELD_TEXTS,   /* an object of strings, by name */
	VN_FIELD_OBJECT,  /* an object that the method itself checks */
};

struct vn_field {
	const char *name;
	enum vn_field_type type;
	bool needed;
	int64_t min, max;         /* of a number; of a string: its bytes, of a list: its members; @max 0: no bound */
	const char *const *words; /* of a string: one of these, then NULL */
	const char *text;         /* what it is, with its unit */
};

/* -EINVAL, with the parameter in @err, when @params are not what @fields (NULL: none) of @method are. */
int vn_fields_check(const char *method, const struct vn_field *fields, const json_t *params, struct vn_err *err);

#endif
