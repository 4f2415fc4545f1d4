/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files about disciplines share among themselves. */
#ifndef VNET_DISC_DISC_INTERNAL_H
#define VNET_DISC_DISC_INTERNAL_H

#include <base/util.h>

#include "base/names.h"
#include "base/units.h"
#include "disc/disc_words.h"

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
/* Whether there is an argument at @at that is no word: it begins with a digit or a sign. */
bool vn_word_next_is_number(int argc, char *const argv[], int at);
int vn_word_number(const char *s, int64_t min, int64_t max, int64_t *ret, struct vn_err *err);
/* A percentage as a correlation of what @base says is there; @what names that. */
int vn_word_corr(const char *s, bool base, const char *what, uint32_t *ret_ppb, struct vn_err *err);
/* The name of a distribution, or of its file (*@ret_name, an atom). */
int vn_word_dist(const char *s, uint32_t *ret_kind, uint32_t *ret_name, struct vn_err *err);
int vn_word_ns(const char *s, __u64 *ret_ns, struct vn_err *err);
int vn_word_bps(const char *s, __u64 *ret_bps, struct vn_err *err);
/* Append to the text in @buf. */
VN_PRINTF(3, 4) void vn_word_add(char *buf, size_t size, const char *fmt, ...);

/* disc_words_chance.c's part of the table. */
int vn_word_parse_loss(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err);
void vn_word_print_loss(const struct vn_disc *d, bool full, char *buf, size_t size);
int vn_word_parse_ecn(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err);
void vn_word_print_ecn(const struct vn_disc *d, bool full, char *buf, size_t size);
int vn_word_parse_duplicate(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err);
void vn_word_print_duplicate(const struct vn_disc *d, bool full, char *buf, size_t size);
int vn_word_parse_corrupt(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err);
void vn_word_print_corrupt(const struct vn_disc *d, bool full, char *buf, size_t size);
int vn_word_parse_reorder(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err);
void vn_word_print_reorder(const struct vn_disc *d, bool full, char *buf, size_t size);
int vn_word_parse_gap(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err);
void vn_word_print_gap(const struct vn_disc *d, bool full, char *buf, size_t size);
/* disc_words_rate.c's. */
int vn_word_parse_rate(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err);
void vn_word_print_rate(const struct vn_disc *d, bool full, char *buf, size_t size);
int vn_word_parse_overhead(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err);
void vn_word_print_overhead(const struct vn_disc *d, bool full, char *buf, size_t size);
int vn_word_parse_cell(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err);
void vn_word_print_cell(const struct vn_disc *d, bool full, char *buf, size_t size);
int vn_word_parse_limit(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err);
void vn_word_print_limit(const struct vn_disc *d, bool full, char *buf, size_t size);
int vn_word_parse_slot(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err);
void vn_word_print_slot(const struct vn_disc *d, bool full, char *buf, size_t size);
/* disc_words_port.c's. */
int vn_word_parse_police(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err);
void vn_word_print_police(const struct vn_disc *d, bool full, char *buf, size_t size);
int vn_word_parse_state(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err);
void vn_word_print_state(const struct vn_disc *d, bool full, char *buf, size_t size);
int vn_word_parse_flap(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err);
void vn_word_print_flap(const struct vn_disc *d, bool full, char *buf, size_t size);

#endif
