/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Atoms: each different string gets a number, for the life of the process. A discipline names its files, tables and
 * sync group by atoms, so that it stays a plain struct that is copied and compared as such. 0 is the empty string.
 */
#ifndef VNET_BASE_INTERN_H
#define VNET_BASE_INTERN_H

#include <stdint.h>

/* 0 also when there is no memory, or 65535 different ones exist already. */
uint32_t vn_atom(const char *text);
/* Never NULL; "" for a number that was never given out. */
const char *vn_atom_text(uint32_t atom);
/* Atoms are 1 to this. */
uint32_t vn_atom_count(void);

#endif
