/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The config.json that a container engine has written for its OCI runtime, made to call our hooks. For engines that
 * know no hooks and no annotations themselves.
 */
#ifndef VNET_RUNTIME_OCI_ADOPT_H
#define VNET_RUNTIME_OCI_ADOPT_H

#include <stddef.h>

#include <base/err.h>

/*
 * Which node the container is: annotations vnet.topology and vnet.node, else VNET_TOPOLOGY and VNET_NODE of its
 * environment; an empty value counts as none. *@ret_text (free it) is @text with these annotations, and with @agent's
 * oci-hook at createRuntime and poststop; everything else in it keeps its value. NULL: it names no node, and is none of
 * our business. @runtime_dir: of the daemon.
 */
int vn_oci_adopt(const char *text, size_t len, const char *agent, const char *runtime_dir, char **ret_text,
		 struct vn_err *err);

#endif
