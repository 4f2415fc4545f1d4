/* SPDX-License-Identifier: GPL-2.0-only */
/* The files that disciplines name, on their way from the caller to the daemon. */
#ifndef VNET_CLI_NAMED_FILES_H
#define VNET_CLI_NAMED_FILES_H

#include "cli/cli.h"
#include "disc/disc_words.h"
#include "model/model.h"

struct vn_cli_files {
	struct vn_cli_file *files;
	size_t n;
	char *folder; /* of the topology file, with a slash at its end; NULL: the current one */
};

/* @topo_path: what the names are relative to; NULL or "-": the current folder. */
int vn_cli_files_init(struct vn_cli_files *f, const char *topo_path);
void vn_cli_files_release(struct vn_cli_files *f);
#define cleanup_cli_files __attribute__((cleanup(vn_cli_files_release)))

/* Read and parse what @d names; *@ret_trace is its trace, NULL when it has none. */
int vn_cli_files_add(struct vn_cli_files *f, const struct vn_disc *d, const struct vn_arena_block **ret_trace,
		     struct vn_err *err);
/* What all links name, each trace checked against its discipline. */
int vn_cli_files_add_topo(struct vn_cli_files *f, struct vn_topo *t, struct vn_err *err);
/* "files" of @params. */
int vn_cli_files_send(const struct vn_cli_files *f, json_t *params, struct vn_err *err);

#endif
