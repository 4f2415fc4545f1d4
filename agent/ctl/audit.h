/* SPDX-License-Identifier: GPL-2.0-only */
/* Requests that change something, as lines of the log. */
#ifndef VNET_CTL_AUDIT_H
#define VNET_CTL_AUDIT_H

#include <jansson.h>
#include <sys/types.h>

/* @request of process @pid of user @uid was answered with @reply, or failed: @error says why, else it is NULL. */
void vn_audit_request(uid_t uid, pid_t pid, const json_t *request, const json_t *reply, const char *error);

#endif
