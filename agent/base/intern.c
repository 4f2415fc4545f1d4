// SPDX-License-Identifier: GPL-2.0-only
#include "base/intern.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#define ATOMS_MAX 65536u

struct atom {
	UT_hash_handle hh;
	uint32_t number;
	char text[];
};

static struct atom *by_text;
static struct atom *by_number[ATOMS_MAX];
static uint32_t n_atoms = 1;

uint32_t vn_atom(const char *text)
{
	size_t len = strlen(text);
	struct atom *a = NULL;

	if (!len)
		return 0;
	HASH_FIND(hh, by_text, text, len, a);
	if (a)
		return a->number;
	if (n_atoms == ATOMS_MAX)
		return 0;
	a = calloc(1, sizeof(*a) + len + 1);
	if (!a)
		return 0;
	memcpy(a->text, text, len);
	a->number = n_atoms;
	HASH_ADD_KEYPTR(hh, by_text, a->text, len, a);
	by_number[n_atoms++] = a;
	return a->number;
}

const char *vn_atom_text(uint32_t atom)
{
	return atom && atom < n_atoms ? by_number[atom]->text : "";
}

uint32_t vn_atom_count(void)
{
	return n_atoms - 1;
}
