// SPDX-License-Identifier: GPL-2.0-only
/*
 * Optimal Routing Table Constructor: the fewest prefixes with the same longest-prefix match as one entry per id.
 * Source: R. Draves, C. King, S. Venkatachary, B. Zill, "Constructing Optimal IP Routing Tables", INFOCOM 1999; passes
 * two and three. Pass one (normalising the trie) is not needed: the trie over all ids is complete.
 */
#include "model/model_internal.h"

struct vn_ortc {
	unsigned int bits;
	size_t words;   /* 64-bit words of a set */
	size_t room;    /* words allocated in sets */
	uint64_t *sets; /* of trie node i: sets[i * words]; root 1, children 2i and 2i+1, leaf of id j: 2^bits + j */
	struct vn_ortc_prefix *prefixes;
	size_t n_prefixes;
};

struct vn_ortc *vn_ortc_new(unsigned int bits)
{
	struct vn_ortc *o = calloc(1, sizeof(*o));

	if (!o)
		return NULL;
	o->bits = bits;
	/* Never more than one prefix per leaf. */
	o->prefixes = calloc((size_t)1 << bits, sizeof(*o->prefixes));
	if (!o->prefixes) {
		free(o);
		return NULL;
	}
	return o;
}

void vn_ortc_free(struct vn_ortc *o)
{
	if (!o)
		return;
	free(o->sets);
	free(o->prefixes);
	free(o);
}

static int make_room(struct vn_ortc *o, uint32_t n_values)
{
	uint64_t *sets;

	o->words = (n_values + 63) / 64;
	if (((size_t)2 << o->bits) * o->words > o->room) {
		sets = reallocarray(o->sets, (size_t)2 << o->bits, o->words * sizeof(*sets));
		if (!sets)
			return -ENOMEM;
		o->sets = sets;
		o->room = ((size_t)2 << o->bits) * o->words;
	}
	return 0;
}

/* Values that serve the whole subtree best: what both halves share, or else what either takes. */
static void merge(struct vn_ortc *o, size_t node)
{
	uint64_t *set = &o->sets[node * o->words];
	const uint64_t *a = &o->sets[2 * node * o->words], *b = a + o->words;
	uint64_t any = 0;
	size_t w;

	for (w = 0; w < o->words; w++)
		any |= set[w] = a[w] & b[w];
	for (w = 0; !any && w < o->words; w++)
		set[w] = a[w] | b[w];
}

static bool has(const struct vn_ortc *o, size_t node, uint32_t value)
{
	return o->sets[node * o->words + value / 64] >> (value % 64) & 1;
}

static uint32_t lowest(const struct vn_ortc *o, size_t node)
{
	const uint64_t *set = &o->sets[node * o->words];
	size_t w = 0;

	while (!set[w])
		w++;
	return (uint32_t)(w * 64) + (uint32_t)__builtin_ctzll(set[w]);
}

/* @inherited: what the nearest prefix above says, UINT32_MAX above the root. Depth is bits + 1, at most 17. */
static void emit(struct vn_ortc *o, size_t node, unsigned int level, uint32_t inherited)
{
	unsigned int bits = o->bits - level;

	if (inherited == UINT32_MAX || !has(o, node, inherited)) {
		inherited = lowest(o, node);
		o->prefixes[o->n_prefixes++] = (struct vn_ortc_prefix){
			.first = (uint32_t)((node - ((size_t)1 << level)) << bits),
			.bits = (uint8_t)bits,
			.value = inherited,
		};
	}
	if (!bits)
		return;
	emit(o, 2 * node, level + 1, inherited);
	emit(o, 2 * node + 1, level + 1, inherited);
}

int vn_ortc_compress(struct vn_ortc *o, const uint32_t *leaf, const uint64_t *also, uint32_t n_values,
		     const struct vn_ortc_prefix **ret_prefixes, size_t *ret_n)
{
	size_t leaves = (size_t)1 << o->bits, i;
	int r;

	r = make_room(o, n_values);
	if (r < 0)
		return r;
	memset(&o->sets[leaves * o->words], 0, leaves * o->words * sizeof(*o->sets));
	for (i = 0; i < leaves; i++) {
		o->sets[(leaves + i) * o->words + leaf[i] / 64] |= 1ULL << (leaf[i] % 64);
		if (also)
			o->sets[(leaves + i) * o->words] |= also[i];
	}
	for (i = leaves - 1; i; i--)
		merge(o, i);
	o->n_prefixes = 0;
	emit(o, 1, 0, UINT32_MAX);
	*ret_prefixes = o->prefixes;
	*ret_n = o->n_prefixes;
	return 0;
}
