/* SPDX-License-Identifier: GPL-2.0-only */
/* Requests that change something, as lines of the log. */
#ifndef VNET_API_AUDIT_H
#define VNET_API_AUDIT_H

#include <jansson.h>

#include "api/server.h"

/* @request, which came by @c, was answered with @reply, or failed: @error says why, else it is NULL. */
void vn_audit_request(const struct vn_conn *c, const char *method, const json_t *request, const json_t *reply,
		      const char *error);

#endif
