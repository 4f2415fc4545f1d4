/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of agent/topo/ share among themselves and show to nobody else. */
#ifndef VNET_TOPO_INTERNAL_H
#define VNET_TOPO_INTERNAL_H

#include <vnet/util.h>

#include "topo/disc_words.h"
#include "topo/topo.h"

/* Bytes of the byte order mark that @text begins with, as editors on Windows write it; 0: none. */
size_t vn_bom(const char *text, size_t len);
/* A user's word made fit for one line of an error: shortened, unprintable bytes replaced by '?'. Returns @buf. */
#define VN_SHOW_BUF 72
const char *vn_show(char *buf, const char *word);
/* "FILE:LINE:COLUMN: " and @fmt: an error of usage at a place in a file. */
int vn_refuse_at(struct vn_err *err, const char *file, size_t line, size_t column, const char *fmt, va_list ap)
	__attribute__((format(printf, 5, 0)));
/* ", did you mean 'delay'?" or "" when nothing is near. Returns @buf. */
#define VN_HINT_BUF 160
const char *vn_hint(char *buf, const char *word, const char *const *words);

/* Shortest decimal text that strtod() reads back as @v; @buf of VN_DOUBLE_BUF bytes. Returns @buf. */
#define VN_DOUBLE_BUF 32
const char *vn_format_double(char *buf, double v);
/* A plain decimal number (no exponent, no hex, no infinity) from @min to @max. */
int vn_parse_decimal(const char *s, double min, double max, double *ret_value);
/* A unit of a time, rate, percentage or size, alone. */
bool vn_is_unit(const char *word);
/* Decimal digits only, at most @max. */
int vn_parse_u64(const char *s, uint64_t max, uint64_t *ret_value);

/* FNV-1a, 64 bits, of @s continued from @h (begin with VN_FNV_INIT). */
uint64_t vn_fnv1a(uint64_t h, const char *s);

/*
 * Names to array index. @first_name is the name of element 0, each further one @stride bytes on; the array must stay
 * where it is. Of equal names the first counts, and *ret_dup (may be NULL) tells the index of the first repetition.
 */
struct vn_name_index *vn_name_index_new(const char *first_name, size_t stride, size_t n, size_t *ret_dup);
void vn_name_index_free(struct vn_name_index *x);
static inline void vn_name_index_freep(struct vn_name_index **x)
{
	vn_name_index_free(*x);
}
#define cleanup_name_index __attribute__((cleanup(vn_name_index_freep)))
int vn_name_index_find(const struct vn_name_index *x, const char *name, size_t *ret_index);
size_t vn_name_index_size(const struct vn_name_index *x);

/* Build every node's link_ids from the links' ports. */
int vn_topo_connect(struct vn_topo *t);

/* Addresses. */
/* ADDRESS/LENGTH; -EINVAL when it is none. */
int vn_addr_parse(const char *s, struct vn_addr *ret_addr);
/* @a with the bits behind its length cleared. */
struct vn_addr vn_addr_network(const struct vn_addr *a);
bool vn_addr_equal(const struct vn_addr *a, const struct vn_addr *b);
/* Family, address, length. */
int vn_addr_cmp(const struct vn_addr *a, const struct vn_addr *b);
/* NULL, or why @a cannot be the address of an interface ("is a multicast address"). */
const char *vn_addr_why_not_host(const struct vn_addr *a);
/* A node's address block, its loopback, and address @host of the block (@host under 256). */
struct vn_addr vn_addr_block(int family, uint32_t id);
struct vn_addr vn_addr_in_block(int family, uint32_t id, uint8_t host, uint8_t plen);
/* Unicast and not all zero. */
bool vn_mac_valid(const uint8_t mac[6]);
/* Why it is not ("is no unicast address ..."). */
const char *vn_mac_why_not(const uint8_t mac[6]);

extern const char *const vn_checksum_words[4];

/* Prefixes of one family in `sources:`: what the port's own address and the loopback leave. */
#define VN_PORT_SOURCES (VN_PORT_PREFIXES - 2)

/* -EINVAL with "file:line:column: link 'ab': " before the text, as far as the link knows where it stands. */
__attribute__((format(printf, 4, 5))) int vn_link_fail(const struct vn_topo *t, const struct vn_link *l,
						       struct vn_err *err, const char *fmt, ...);
/* Both ends give addresses of the same families, on one subnet, and not the same one. */
int vn_link_check_addresses(const struct vn_topo *t, const struct vn_link *l, struct vn_err *err);
/* The checks of addresses, isolation and forwarding that need the whole topology; @t has ids and addresses. */
int vn_topo_check_addresses(const struct vn_topo *t, struct vn_err *err);

/* Optimal Routing Table Constructor over ids 0 .. 2^bits-1; see routes.c. */
struct vn_ortc;
struct vn_ortc_prefix {
	uint32_t first; /* lowest id covered */
	uint8_t bits;   /* it covers 2^bits ids */
	uint32_t value;
};
struct vn_ortc *vn_ortc_new(unsigned int bits);
void vn_ortc_free(struct vn_ortc *o);
/*
 * Fewest prefixes under which a longest-prefix match of id i finds leaf[i], or a value whose bit is set in also[i] (the
 * first 64 values can be there; NULL: none). Values are 0 .. n_values-1. In order of (first, longer last). Valid until
 * the next call.
 */
int vn_ortc_compress(struct vn_ortc *o, const uint32_t *leaf, const uint64_t *also, uint32_t n_values,
		     const struct vn_ortc_prefix **ret_prefixes, size_t *ret_n);

#define vn_err_nomem(e) vn_err((e), VN_EXIT_KERNEL, ENOMEM, "out of memory")

#endif
