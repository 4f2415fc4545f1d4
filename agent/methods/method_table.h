/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the control socket offers: each method with its parameters, their types, ranges and units, who may call it, and
 * what it answers. From these rows come the check of each request, the error that names the wrong parameter, the
 * description that org.varlink.service.GetInterfaceDescription gives, and docs/PROTOCOL.md.
 */
#ifndef VNET_METHODS_METHOD_TABLE_H
#define VNET_METHODS_METHOD_TABLE_H

#include "api/fields.h"
#include "methods/methods.h"

#define VN_INTERFACE         "vnet.agent"
#define VN_INTERFACE_SERVICE "org.varlink.service"

typedef int (*vn_method_fn)(struct vn_parts *parts, struct vn_conn *c, const json_t *params, json_t **ret_reply,
			    struct vn_err *err);

struct vn_method {
	const char *name; /* "vnet.link.set", in Varlink's words vnet.agent.LinkSet */
	vn_method_fn op;
	bool observe;                  /* changes nothing: the read-only socket takes it */
	bool is_long;                  /* waits for the kernel, a container's runtime or for frames: runs in a job */
	const struct vn_field *fields; /* ended by one without a name; NULL: none */
	const char *answer;            /* its members, in Varlink's words */
	const char *text;
};

extern const struct vn_method vn_methods[];
extern const size_t vn_n_methods;

#define VN_METHOD_NAME_MAX 64
/* "vnet.link.set" -> "LinkSet" */
const char *vn_method_varlink(char buf[VN_METHOD_NAME_MAX], const struct vn_method *m);
/* By its own name or Varlink's; NULL: there is none. */
const struct vn_method *vn_method_find(const char *name);

/* The description of VN_INTERFACE, or of the service itself; NULL: another, or no memory. Free it. */
char *vn_interface_text(const char *interface);

#endif
