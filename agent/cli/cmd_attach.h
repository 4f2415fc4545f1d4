/* SPDX-License-Identifier: GPL-2.0-only */
/* Namespaces of others given to nodes with runtime external: what the command, the OCI hook and the CNI plugin share.
 */
#ifndef VNET_CLI_CMD_ATTACH_H
#define VNET_CLI_CMD_ATTACH_H

#include <sys/types.h>

#include "cli/cli.h"

/*
 * @node ("NODE" or "TOPOLOGY/NODE") gets the namespace that @path names; opened here, with the caller's rights. @holder
 * says who did it, @pid (0: unknown) whose end is told. The reply as vnet.node.attach has it.
 */
int vn_cli_attach(const struct vn_cli *cli, const char *node, const char *path, const char *holder, pid_t pid,
		  json_t **ret_reply, struct vn_err *err);
/* With @holder only what that one attached; NULL: whoever did. */
int vn_cli_detach(const struct vn_cli *cli, const char *node, const char *holder, json_t **ret_reply,
		  struct vn_err *err);

#endif
