/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The arena (include/abi/abi_arena.h) as the daemon keeps it: which blocks are there, room for new ones, and when an
 * unused one may go. And the names by which disciplines know their files: atoms, kept beside it, so that the
 * disciplines in the pinned maps still mean something to the next daemon.
 */
#ifndef VNET_ENGINES_ARENA_H
#define VNET_ENGINES_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <abi/abi_arena.h>
#include <base/err.h>

#define VN_NAMES_FILE "names.json" /* in the runtime directory */

struct vn_arena_entry {
	uint32_t number, n_pages;
	uint64_t unused_ns; /* CLOCK_MONOTONIC since when no discipline names it; 0: one does */
	bool used;          /* found by vn_arena_collect()'s caller */
};

struct vn_arena {
	uint8_t *base; /* VN_ARENA_BYTES, shared with the engines */
	int fd;
	const char *runtime_dir;
	struct vn_arena_entry *entries; /* by number */
	size_t n, room;
	uint32_t n_names_saved;
	bool names_lost; /* atoms that an earlier daemon put into the maps mean nothing any more */
};

/* Told by vn_arena_open(): a block, or with @block NULL the file of the names, is damaged. */
typedef void (*vn_arena_damaged_fn)(void *arg, const struct vn_arena_block *block, const char *why);

/* A descriptor of the arena's file, for an engine: read only. */
int vn_arena_open_read(const char *runtime_dir, struct vn_err *err);

/*
 * Make or adopt the file; read the names, which must be the process's first atoms. A damaged block is dropped, and so
 * are damaged names.
 */
int vn_arena_open(struct vn_arena *a, const char *runtime_dir, vn_arena_damaged_fn damaged, void *arg,
		  struct vn_err *err);
void vn_arena_close(struct vn_arena *a);

/*
 * The number of a block equal to @image (kind, contents and name), which is there already or is made. -ENOSPC with the
 * sizes in the text. It stays for at least VN_ARENA_GRACE_NS, and as long as it is in use.
 */
int vn_arena_put(struct vn_arena *a, const struct vn_arena_block *image, uint32_t *ret_number, struct vn_err *err);
/* The block of @number, or NULL. */
const struct vn_arena_block *vn_arena_block_at(const struct vn_arena *a, uint32_t number);
/* A block of this name and of a trace or of a distribution, when the number is not known; 0: none. */
uint32_t vn_arena_find(const struct vn_arena *a, const char *name, bool dist);

/* In turn: begin; mark what is in use; end frees what has been unused for the grace period. */
void vn_arena_collect_begin(struct vn_arena *a);
void vn_arena_mark(struct vn_arena *a, uint32_t number);
void vn_arena_collect_end(struct vn_arena *a, uint64_t now_ns);

/* Write the names when there are new ones: before a discipline with one of them goes to the map. */
int vn_arena_save_names(struct vn_arena *a, struct vn_err *err);

#endif
