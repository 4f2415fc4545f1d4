/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of the command line share. */
#ifndef VNET_CLI_CLI_H
#define VNET_CLI_CLI_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <base/err.h>

#include "api/wire.h"

struct vn_topo;

struct vn_cli {
	const char *runtime_dir;
	bool json, pretty, stats, details;
	bool no_wait; /* not even for a daemon that is starting */
};

/* Everything but `daemon`, which main() takes out: parse @argv (without the program's name), run, say what failed. */
int vn_cli_main(int argc, char *argv[]);

/* Input and output: helpers of main.c and out.c. */

/* Connect for @need; methods that only look go by the read-only socket where the caller may not use the other. */
int vn_cli_connect(const struct vn_cli *cli, bool observe, struct vn_client *ret_c, struct vn_err *err);
/* Connect, call, disconnect. Takes the reference of @parameters (NULL: none). */
int vn_cli_call(const struct vn_cli *cli, bool observe, const char *method, json_t *parameters, json_t **ret_reply,
		struct vn_err *err);

/* @o as the daemon gave it: one line, or indented with -p. */
int vn_cli_print_json(const struct vn_cli *cli, const json_t *o, struct vn_err *err);
/* All of @path ("-": standard input), at most @max bytes, NUL-terminated. Free *@ret_text. */
int vn_cli_read_file(const char *path, size_t max, char **ret_text, size_t *ret_len, struct vn_err *err);
/* @path opened for writing, NULL: standard output (then *@ret_f must not be closed, see vn_cli_output_close()). */
int vn_cli_output_open(const char *path, FILE **ret_f, struct vn_err *err);
int vn_cli_output_close(const char *path, FILE *f, struct vn_err *err);

/* Colours of the output on @f: escape sequences, or "" when it is no terminal or NO_COLOR is set. */
enum vn_colour { VN_PLAIN, VN_GOOD, VN_WARN, VN_BAD, VN_HEAD };
bool vn_cli_colour(FILE *f);
/* Characters in a line of the terminal @f is; 0 when it is none, or its size is unknown. */
size_t vn_cli_columns(FILE *f);
const char *vn_colour_on(FILE *f, enum vn_colour c);
const char *vn_colour_off(FILE *f, enum vn_colour c);

/* "1.50 MB", "312 ns" ...: for people, not to be parsed back. @buf of VN_HUMAN_BUF bytes; returns @buf. */
#define VN_HUMAN_BUF 48
const char *vn_human_bytes(char *buf, uint64_t bytes);
const char *vn_human_time(char *buf, uint64_t ns);

/* The "s" of what there are @n of. */
const char *vn_plural(uint64_t n);

/* "no WHAT runs", where @list is empty: on standard error, as it is no part of a table. */
void vn_cli_say_none(const json_t *list, const char *what);

/* JSON with defaults: "" and 0 where @key is missing or of another type. */

const char *vn_json_str(const json_t *o, const char *key);
uint64_t vn_json_u64(const json_t *o, const char *key);
bool vn_json_bool(const json_t *o, const char *key);

/* Topology files. */

/*
 * On standard error, in one line without escape sequences for the terminal: words of the user's stand in it. As JSON
 * it is {"error": {"text", "exit", "errno"}}, where "exit" is the exit code that belongs to it.
 */
void vn_cli_say_error(struct vn_err *err);
void vn_cli_errors_as_json(bool on);
/* Read and parse @path; *@ret_text (may be NULL) is its content. */
int vn_cli_load_topo(const char *path, struct vn_topo **ret_topo, char **ret_text, size_t *ret_len, struct vn_err *err);
/* A NAME|FILE argument: a valid name is a name, everything else ("./demo", "demo.yaml", "-") a file. */
bool vn_cli_is_name(const char *arg);

#endif
