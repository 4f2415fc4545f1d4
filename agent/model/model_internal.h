/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of agent/topo/ share among themselves and show to nobody else. */
#ifndef VNET_MODEL_MODEL_INTERNAL_H
#define VNET_MODEL_MODEL_INTERNAL_H

#include <base/util.h>

#include "disc/disc_words.h"
#include "model/topo.h"

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

/* A node's address block, its loopback, and address @host of the block (@host under 256). */
struct vn_addr vn_addr_block(int family, uint32_t id);
struct vn_addr vn_addr_in_block(int family, uint32_t id, uint8_t host, uint8_t plen);
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

#endif
