/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files about disciplines share among themselves. */
#ifndef VNET_TOPO_DISC_INTERNAL_H
#define VNET_TOPO_DISC_INTERNAL_H

#include "topo/internal.h"

#define VN_LIMIT_BYTES_MIN 1538ULL /* one full Ethernet frame on the wire */
#define VN_LIMIT_BYTES_MAX (1ULL << 40)
#define VN_LOSS_PARAMS     (sizeof(((struct vn_disc *)0)->loss_p) / sizeof(uint32_t))

/* By enum vn_dist_kind (without the table), vn_loss_model, vn_holder. Each ends with NULL. */
extern const char *const vn_dist_words[], *const vn_loss_words[], *const vn_holder_words[];

/* "3.4 h", "99 days": for errors. */
#define VN_DURATION_BUF 32
const char *vn_duration(char *buf, uint64_t ns);

/* Helpers of the words' parsers and printers. */
bool vn_word_is_off(const char *s);
int vn_word_ns(const char *s, __u64 *ret_ns, struct vn_err *err);
int vn_word_bps(const char *s, __u64 *ret_bps, struct vn_err *err);
/* Append to the text in @buf. */
VN_PRINTF(3, 4) void vn_word_add(char *buf, size_t size, const char *fmt, ...);

/* disc_words_port.c's part of the table. */
int vn_word_parse_police(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err);
void vn_word_print_police(const struct vn_disc *d, bool full, char *buf, size_t size);
int vn_word_parse_state(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err);
void vn_word_print_state(const struct vn_disc *d, bool full, char *buf, size_t size);
int vn_word_parse_flap(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err);
void vn_word_print_flap(const struct vn_disc *d, bool full, char *buf, size_t size);

#endif
