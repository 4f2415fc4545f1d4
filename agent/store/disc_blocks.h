/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The files that disciplines name: their text comes with the request (the daemon, being root, opens no path that a
 * client names), becomes a block of the arena, and from then on the file itself is of no account. And when traces
 * begin.
 */
#ifndef VNET_STORE_DISC_BLOCKS_H
#define VNET_STORE_DISC_BLOCKS_H

#include <jansson.h>

#include "disc/disc_words.h"
#include "model/model.h"
#include "store/store.h"

/* The files of one request, each parsed once. */
struct vn_files {
	const json_t *texts; /* {"NAME": "text"}; NULL: none came */
	struct vn_files_known {
		uint32_t name; /* atom */
		bool is_dist;
		uint32_t number;
	} known[VN_FILES_MAX];
	size_t n;
};

/* "files" of @params: an object of strings. */
int vn_files_init(struct vn_files *f, const json_t *params, struct vn_err *err);

/* Blocks for what @disc names and has no block for; then what depends on the trace's contents: checks, limit, loop. */
int vn_files_fill(struct vn_store *store, struct vn_files *f, struct vn_disc *disc, uint32_t mtu, struct vn_err *err);

/*
 * The start of the trace, when @given names it: that of the running members of its sync group in @t, else @now_ns. And
 * of the flap schedule. @self and @dirs: the link and the directions that are being set, which are no members.
 */
void vn_files_start(const struct vn_topo *t, const struct vn_link *self, int dirs, struct vn_disc *disc,
		    vn_disc_given_t given, uint64_t now_ns);

/* All of a topology: blocks and starts; what runs unchanged in @old goes on. */
int vn_files_fill_topo(struct vn_store *store, const json_t *params, struct vn_topo *t, struct vn_topo *old,
		       struct vn_err *err);

/* A discipline that an earlier daemon wrote: its blocks are looked for, by number, else by name. False: one is lost. */
bool vn_files_adopt(struct vn_store *store, struct vn_disc *disc);

/* The names by which @disc of a map knows its files are lost: the blocks' own, and @was, the sync group of the record.
 */
void vn_files_rename(struct vn_store *store, struct vn_disc *disc, const struct vn_disc *was);

/* Every now and then: free blocks that nothing has used for the grace period. */
void vn_files_tick(struct vn_store *store);

#endif
