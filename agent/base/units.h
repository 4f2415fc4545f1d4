/* SPDX-License-Identifier: GPL-2.0-only */
/* Quantities with units, and plain numbers: text to exact values, and back. Pure. */
#ifndef VNET_BASE_UNITS_H
#define VNET_BASE_UNITS_H

#include <stdbool.h>
#include <stdint.h>

#include <base/err.h>

/* "10ms", "1.5 s", "100us" <-> ns. A unit is required, except for 0. */
int vn_parse_time(const char *s, uint64_t *ret_ns, struct vn_err *err);
/* "10mbit", "1.5gbit", "800kB/s" (bytes) <-> bit/s; what may mean bits or bytes ("10Mbps") is refused. A unit is
 * required, except for 0. */
int vn_parse_rate(const char *s, uint64_t *ret_bps, struct vn_err *err);
/* "1%", "0.1%" -> parts per billion; a bare number is refused, except for 0. */
int vn_parse_percent(const char *s, uint32_t *ret_ppb, struct vn_err *err);
/* "100kb", "1.5mb", "64kib" -> bytes; a unit is required ("b" for bytes), except for 0. */
int vn_parse_size(const char *s, uint64_t *ret_bytes, struct vn_err *err);
/*
 * Exact text that parses back to the same number, in the largest unit that leaves a whole part ("1.5ms", "100ms", never
 * "0.1s"); @buf of VN_UNIT_BUF bytes; returns @buf.
 */
#define VN_UNIT_BUF 40
const char *vn_format_time(char *buf, uint64_t ns);
const char *vn_format_rate(char *buf, uint64_t bps);
const char *vn_format_percent(char *buf, uint32_t ppb);
const char *vn_format_size(char *buf, uint64_t bytes);

/* Shortest decimal text that strtod() reads back as @v; @buf of VN_DOUBLE_BUF bytes. Returns @buf. */
#define VN_DOUBLE_BUF 32
const char *vn_format_double(char *buf, double v);
/* A plain decimal number (no exponent, no hex, no infinity) from @min to @max. */
int vn_parse_decimal(const char *s, double min, double max, double *ret_value);
/* A unit of a time, rate, percentage or size, alone. */
bool vn_is_unit(const char *word);
/* Decimal digits only, at most @max. */
int vn_parse_u64(const char *s, uint64_t max, uint64_t *ret_value);

#endif
