/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Files in which the daemon remembers what it did. Each appears whole, by rename: who comes after a crash finds the old
 * one or the new one. None is for others to read.
 */
#ifndef VNET_BASE_ATOMIC_FILE_H
#define VNET_BASE_ATOMIC_FILE_H

#include <jansson.h>

#include <base/err.h>

/* @path is @text from now on; with an error it is what it was, and nothing is left beside it. */
int vn_record_text(const char *path, const char *text, struct vn_err *err);
/* The same with @content, which is taken over; NULL: -ENOMEM, since there was none to make it. */
int vn_record_json(const char *path, json_t *content, struct vn_err *err);

#endif
