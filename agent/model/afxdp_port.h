/* SPDX-License-Identifier: GPL-2.0-only */
/* A port to which an application binds AF_XDP sockets: its words, its JSON, and what it says to the data path. */
#ifndef VNET_MODEL_AFXDP_PORT_H
#define VNET_MODEL_AFXDP_PORT_H

#include "model/model.h"

/* Classes of frames that the kernel keeps, as "arp+icmp", "all-but tcp", "none". @ret_wrong: where it does not read on.
 */
int vn_classes_parse(const char *s, uint32_t *ret_mask, const char **ret_wrong);
#define VN_CLASSES_BUF 64
const char *vn_classes_format(char *buf, uint32_t mask);
/* Each word of a class, then NULL. */
extern const char *const vn_class_words[];
extern const char *const vn_unbound_words[3], *const vn_handover_words[6];

extern const struct vn_port_model vn_afxdp_model;

#endif
