/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The words of a discipline: one table for the topology file, `link set`, the wire, help, completion and the printing.
 * They are tc-netem(8)'s and tc-police(8)'s, and some of our own; vnet-link(7) explains each. In YAML a word is a key
 * of the link or of its `reverse:`, and its arguments stand in one string: `delay: 10ms 1ms 25%`.
 */
#ifndef VNET_DISC_DISC_WORDS_H
#define VNET_DISC_DISC_WORDS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <abi/abi_arena.h>
#include <abi/abi_disc.h>
#include <base/err.h>

#define VN_SEED_MAX      INT64_MAX          /* so that every seed is a JSON integer */
#define VN_SEED_AUTO_MAX ((1ULL << 53) - 1) /* ... and those of our making survive tools that read doubles */

#define VN_DELAY_MAX_NS (3600ULL * 1000000000ULL)
#define VN_QUEUE_MAX_NS (3600ULL * 1000000000ULL) /* longest that a limit in bytes may take at the rate */
#define VN_RATE_MIN_BPS 1000ULL
#define VN_RATE_MAX_BPS 1000000000000ULL
/* A file's name as the user writes it, and a sync group's. */
#define VN_FILE_NAME_MAX (sizeof(((struct vn_arena_block *)0)->name) - 1)

/* No discipline at all: where parsing begins. Automatic limit and seed. */
#define VN_DISC_NONE ((struct vn_disc){.flags = VN_DISC_LIMIT_AUTO | VN_DISC_SEED_AUTO})

/* Room for the text of any discipline: numbers, and four names. */
#define VN_DISC_TEXT_BUF 2048

struct vn_disc_word {
	const char *word;
	const char *args; /* "TIME [JITTER [CORR]]" */
	const char *help;
	const char *off; /* the arguments that switch it off */
	/* Takes its arguments from the @argc words at @argv, which may go on with other words: how many, or -errno. */
	int (*parse)(struct vn_disc *d, int argc, char *const argv[], struct vn_err *err);
	/*
	 * The arguments that parse to what @d has; nothing is added to @buf when the word is off. @full: also those
	 * that could be left out, since leaving them out keeps what was.
	 */
	void (*print)(const struct vn_disc *d, bool full, char *buf, size_t size);
};
/* Ends with word == NULL. */
extern const struct vn_disc_word vn_disc_words[];

const struct vn_disc_word *vn_disc_word_find(const char *word);

/* Which words a change names: bit n is vn_disc_words[n]. */
typedef uint64_t vn_disc_given_t;
bool vn_disc_is_given(vn_disc_given_t given, const char *word);

/*
 * Apply the words in @argv to @d, one after the other; those not named stay as they are. `dir` is not a word here.
 * -EINVAL with the offending word quoted and the nearest known one suggested. @d is untouched on failure.
 * *@ret_given (may be NULL) receives the words that were named.
 */
int vn_disc_parse_args(struct vn_disc *d, int argc, char *const argv[], vn_disc_given_t *ret_given, struct vn_err *err);

/*
 * Give @word the arguments that stand in one string, as in YAML (`delay: 10ms 1ms`): "'delay' takes TIME [JITTER]".
 * @d is untouched on failure. After the last word of a map: vn_disc_settle().
 */
int vn_disc_parse_value(struct vn_disc *d, const struct vn_disc_word *word, const char *value, vn_disc_given_t *given,
			struct vn_err *err);

/*
 * What a word left without meaning goes with it: `jitter 0` takes the distribution along, `loss 0` takes ecn. What
 * the change itself names stays, for vn_disc_check() to refuse.
 */
void vn_disc_settle(struct vn_disc *d, vn_disc_given_t given);

/* Contradictions and ranges over the whole discipline, as far as they show without the trace's contents. */
int vn_disc_check(const struct vn_disc *d, struct vn_err *err);

/* A longest queue of at least 32 frames, else what @rate_bps sends in @delay_ns and 50 ms. */
uint64_t vn_disc_auto_limit(uint64_t rate_bps, uint64_t delay_ns, uint32_t limit_packets, uint32_t mtu);
/*
 * Fill what follows from the rest: limit_bytes when automatic, seed and key (from @topo, @link, @dir). With a trace,
 * the limit is vn_trace_complete()'s.
 */
void vn_disc_complete(struct vn_disc *d, const char *topo, const char *link, int dir, uint64_t topo_seed, uint32_t mtu);

/* The generator's key: FNV-1a of "topo/link" and @seed and @dir, mixed so that neighbours share nothing. */
uint64_t vn_disc_key(uint64_t seed, const char *topo, const char *link, int dir);

static inline bool vn_disc_has_loss(const struct vn_disc *d)
{
	return d->loss_ppb || d->loss_model != VN_LOSS_RANDOM;
}

/*
 * True when frames must pass the engine. `police`, `state` and `flap` alone do not need it: they are the port's
 * (vn_disc_is_policed(), vn_disc_is_gated()).
 */
static inline bool vn_disc_is_held(const struct vn_disc *d)
{
	return d->delay_ns || d->jitter_ns || d->rate_bps || d->limit_packets || vn_disc_has_loss(d) || d->dup_ppb ||
	       d->corrupt_ppb || d->reorder_ppb || d->flags & VN_DISC_SLOT || d->trace_name || d->trace_block;
}

/* True when a holder that looks at no single packet can apply it: delay, rate and limit, nothing that is drawn. */
static inline bool vn_disc_bulk_can(const struct vn_disc *d)
{
	return !d->jitter_ns && !d->loss_ppb && d->loss_model == VN_LOSS_RANDOM && !d->dup_ppb && !d->corrupt_ppb &&
	       !d->reorder_ppb && !d->trace_block && !(d->flags & (VN_DISC_SLOT | VN_DISC_ECN));
}

static inline bool vn_disc_is_policed(const struct vn_disc *d)
{
	return d->police_bps != 0;
}

static inline bool vn_disc_is_gated(const struct vn_disc *d)
{
	return d->flags & VN_DISC_DOWN || d->flap_up_ns;
}

/* Anything at all that differs from a plain wire. */
static inline bool vn_disc_is_any(const struct vn_disc *d)
{
	return vn_disc_is_held(d) || vn_disc_is_policed(d) || vn_disc_is_gated(d);
}

/* "delay 10ms 1ms distribution normal loss 0.1% rate 1gbit"; "" without discipline. Parses back to the same. */
int vn_disc_format(const struct vn_disc *d, char *buf, size_t size);
/* Object with integers and units in the names: {"delay_ns":..,"jitter_ns":..,...}; and back. */
json_t *vn_disc_to_json(const struct vn_disc *d);
int vn_disc_from_json(const json_t *o, struct vn_disc *ret_disc, struct vn_err *err);
/* The members of @o, which a client sent, set in @d: not those that are computed, nor a trace's. Not checked together.
 */
int vn_disc_apply_json(const json_t *o, struct vn_disc *d, struct vn_err *err);

/* Files: the blocks of the arena that a discipline names. */

#define VN_FILE_MAX       (16u << 20) /* of one .dist or trace file */
#define VN_FILES_MAX      256u        /* of one request */
#define VN_DIST_VALUES    16384u      /* as iproute2 takes them */
#define VN_TRACE_OPPS_MAX (4u << 20)
#define VN_TRACE_ROWS_MAX (1u << 20)

/*
 * The text of a file as the block that it becomes: header, then elements, zeroes to the end of the last page; free()
 * it. -EINVAL with "name:line:column: what, what would work" (line and column from 1).
 */
int vn_block_parse_dist(const char *name, const char *text, size_t len, struct vn_arena_block **ret_block,
			struct vn_err *err);
/* Mahimahi's or CSV, which the first line that is no comment tells. */
int vn_block_parse_trace(const char *name, const char *text, size_t len, struct vn_arena_block **ret_block,
			 struct vn_err *err);

/* Its contents are those that it was made of. @b lies within the arena (vn_arena_get()). */
bool vn_block_intact(const struct vn_arena_block *b);

/* What @d says beside its trace: contradictions, and words that need one that the trace does not give. */
int vn_trace_check(const struct vn_disc *d, const struct vn_arena_block *trace, struct vn_err *err);
/* Whether it loops, when that was not asked for, and the automatic limit. */
void vn_trace_complete(struct vn_disc *d, const struct vn_arena_block *trace, uint32_t mtu);
/* The highest rate: of a table its rows', of opportunities that over any 100 ms, over its end and on where it loops. */
uint64_t vn_trace_peak_bps(const struct vn_arena_block *trace, bool loop);
/* The mean of its delay over one pass, weighted by time; 0 when it gives none. */
uint64_t vn_trace_mean_delay_ns(const struct vn_arena_block *trace, bool linear);

/* Where a trace stands. */
struct vn_trace_position {
	uint64_t time_ns; /* since the trace's start, or since it began anew */
	uint64_t loops;   /* how often it began anew */
	uint32_t index;   /* of the row in force, or of the next opportunity */
	bool ended;
	struct vn_trace_row row; /* of a table: what is in force, between rows as `linear` has it */
};
void vn_trace_at(const struct vn_disc *d, const struct vn_arena_block *trace, uint64_t now_ns,
		 struct vn_trace_position *ret_pos);

/* The files that @d names, each a kind and an atom: at most three. */
struct vn_disc_file {
	uint32_t name;   /* atom */
	bool is_dist;    /* else a trace */
	size_t block_at; /* offset of the block's number in struct vn_disc */
};
#define VN_DISC_FILES 3
size_t vn_disc_files(const struct vn_disc *d, struct vn_disc_file ret_files[VN_DISC_FILES]);

#endif
