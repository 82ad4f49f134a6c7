/*
 * slots: a hash index from 64-bit hashes to 32-bit numbers of entries that
 * live elsewhere. Open addressing, linear probing, no tombstones. Several
 * entries may have the same hash; the caller compares keys. Address space for
 * the limit is reserved at once, so adding never fails; memory is used as the
 * index grows, and few entries stay close together.
 *
 * Not for: holding entries. Threads: one owner. Nothing blocks.
 */
#ifndef STREAM_SLOTS_H
#define STREAM_SLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLOTS_NONE	UINT32_MAX

struct slots {
	uint64_t	*cells;		/* hash in the upper half; 0 is free */
	uint32_t	 mask;		/* of the cells that are in use now */
	uint32_t	 grow_at;	/* used */
	uint64_t	*memory;	/* n cells stand n cells from here */
	uint32_t	 used, limit;
};

/* Room for limit entries (at most 2^30). 0 or -ENOMEM. */
int slots_init(struct slots *, size_t limit);
void slots_fini(struct slots *);

/* A walk over the entries of one hash. */
struct slots_walk {
	uint32_t	at;
	uint32_t	tag;
};

static inline uint32_t
slots_tag(uint64_t hash)
{
	return (uint32_t)(hash >> 32);
}

/* The next entry's number, or SLOTS_NONE. */
static inline uint32_t
slots_next(const struct slots *s, struct slots_walk *w)
{
	uint64_t cell;

	while ((cell = s->cells[w->at]) != 0) {
		w->at = (w->at + 1) & s->mask;
		if ((uint32_t)(cell >> 32) == w->tag)
			return (uint32_t)cell - 1;
	}
	return SLOTS_NONE;
}

static inline uint32_t
slots_first(const struct slots *s, uint64_t hash, struct slots_walk *w)
{
	w->tag = slots_tag(hash);
	w->at = w->tag & s->mask;
	return slots_next(s, w);
}

/* This hash will be asked for soon. */
static inline void
slots_expect(const struct slots *s, uint64_t hash)
{
	__builtin_prefetch(&s->cells[slots_tag(hash) & s->mask]);
}

/* How many more may be added. */
static inline uint32_t
slots_room(const struct slots *s)
{
	return s->limit - s->used;
}

/* The caller keeps to the limit of slots_init. number < 2^32 - 1. Ends walks. */
void slots_add(struct slots *, uint64_t hash, uint32_t number);
/* Removes one entry with this hash and number; false when there is none. */
bool slots_remove(struct slots *, uint64_t hash, uint32_t number);
/* Gives an entry another number, in its place. False when there is none. */
bool slots_replace(struct slots *, uint64_t hash, uint32_t number,
    uint32_t with);

#endif
