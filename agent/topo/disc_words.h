/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The words of a discipline: one table for the topology file, `link set`, the wire, help, completion and the printing.
 *
 * Normal form (tc-netem's words):  delay TIME [JITTER] | jitter TIME | distribution uniform|normal | loss [random]
 * PERCENT rate RATE | limit PACKETS|SIZE|auto | seed N|auto In YAML each word is a key of the link or of its
 * `reverse:`; `delay: 10ms 1ms` works there too.
 */
#ifndef VNET_TOPO_DISC_WORDS_H
#define VNET_TOPO_DISC_WORDS_H

#include <jansson.h>
#include <vnet/abi_disc.h>
#include <vnet/err.h>

#define VN_DELAY_MAX_NS (3600ULL * 1000000000ULL)
#define VN_RATE_MIN_BPS 1000ULL
#define VN_RATE_MAX_BPS 1000000000000ULL

/* No discipline at all: where parsing begins. Automatic limit and seed. */
#define VN_DISC_NONE ((struct vn_disc){.flags = VN_DISC_LIMIT_AUTO | VN_DISC_SEED_AUTO})

struct vn_disc_word {
	const char *word;
	const char *args; /* "TIME [JITTER]" */
	const char *help;
	int min_args, max_args;
	int (*parse)(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err);
	bool yaml_only; /* reserved for words that make no sense on a command line */
};
/* Ends with word == NULL. */
extern const struct vn_disc_word vn_disc_words[];

const struct vn_disc_word *vn_disc_word_find(const char *word);

/*
 * Apply the words in @argv to @d, one after the other; those not named stay as they are. `dir` is not a word here.
 * -EINVAL with the offending word quoted and the nearest known one suggested. @d is untouched on failure.
 */
int vn_disc_parse_args(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err);

/*
 * Give @word the arguments that stand in one string, as in YAML (`delay: 10ms 1ms`): "'delay' takes TIME [JITTER]".
 * @d is untouched on failure.
 */
int vn_disc_parse_value(struct vn_disc *d, const struct vn_disc_word *word, const char *value, struct vn_err *err);
/* True for words that a later version will know ("reorder"): they deserve a better answer than "unknown". */
bool vn_disc_word_is_planned(const char *word);

/* Contradictions and ranges over the whole discipline (jitter without delay is fine; limit without anything is not). */
int vn_disc_check(const struct vn_disc *d, struct vn_err *err);

/* Fill what follows from the rest: limit_bytes when automatic, seed and key (from @topo, @link, @dir). */
void vn_disc_complete(struct vn_disc *d, const char *topo, const char *link, int dir, uint64_t topo_seed, uint32_t mtu);

/* The generator's key: FNV-1a of "topo/link" and @seed and @dir, mixed so that neighbours share nothing. */
uint64_t vn_disc_key(uint64_t seed, const char *topo, const char *link, int dir);

/* True when frames must be held (or dropped) by the engine: anything but "no discipline". */
static inline bool vn_disc_is_held(const struct vn_disc *d)
{
	return d->delay_ns || d->jitter_ns || d->rate_bps || d->loss_ppb || d->limit_packets;
}

static inline bool vn_disc_is_policed(const struct vn_disc *d)
{
	return d->police_bps != 0;
}

static inline bool vn_disc_is_gated(const struct vn_disc *d)
{
	return d->flags & VN_DISC_DOWN || d->flap_up_ns;
}

/* "delay 10ms 1ms distribution normal loss 0.1% rate 1gbit"; "" without discipline. Parses back to the same. */
int vn_disc_format(const struct vn_disc *d, char *buf, size_t size);
/* Object with integers and units in the names: {"delay_ns":..,"jitter_ns":..,...}; and back. */
json_t *vn_disc_to_json(const struct vn_disc *d);
int vn_disc_from_json(const json_t *o, struct vn_disc *ret_disc, struct vn_err *err);

#endif
