/*
 * Identities stand in a ring in the order in which they were made; the oldest
 * is looked at first. One that was seen again since gets another round. All
 * memory is reserved at once and touched as it is used.
 */
#include "stream/dedup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "stream/slots.h"

#define COUNT_MAX	UINT16_MAX
#define TICK_MS		64	/* unit of the two times, so 16 bits do */
#define EXPECT		4	/* evictions ahead */
#define RENEW_MAX	16	/* at one eviction */

struct identity {
	uint32_t	rest;		/* lower half of the hash */
	uint32_t	tag;		/* upper half, what the index has */
	uint16_t	made, seen;	/* first, latest copy; in TICK_MS */
	uint16_t	counted;
	uint16_t	count[DEDUP_POINTS];
};

struct dedup {
	struct identity	*ring;
	uint32_t	 limit, tail, count;	/* oldest, how many */
	uint16_t	 window;	/* in TICK_MS */
	struct slots	 slots;
	uint64_t	 evicted;
};

struct dedup *
dedup_new(size_t limit, uint32_t window_ms)
{
	struct dedup *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	d->limit = (uint32_t)limit;
	d->window = (uint16_t)(window_ms / TICK_MS + 1);
	d->ring = calloc(limit, sizeof(*d->ring));
	if (d->ring == NULL || slots_init(&d->slots, limit) != 0) {
		dedup_free(d);
		errno = ENOMEM;
		return NULL;
	}
	return d;
}

void
dedup_free(struct dedup *d)
{
	if (d == NULL)
		return;
	slots_fini(&d->slots);
	free(d->ring);
	free(d);
}

static uint64_t
hash_of(const struct identity *i)
{
	return (uint64_t)i->tag << 32 | i->rest;
}

static uint32_t
head_of(const struct dedup *d)
{
	uint32_t at = d->tail + d->count;

	return at >= d->limit ? at - d->limit : at;
}

static void
drop_oldest(struct dedup *d)
{
	(void)slots_remove(&d->slots, hash_of(&d->ring[d->tail]), d->tail);
	d->tail = d->tail + 1 == d->limit ? 0 : d->tail + 1;
	d->count--;
}

/* The oldest was seen again: it becomes the newest, with its counters. */
static void
renew_oldest(struct dedup *d, uint32_t now_ms)
{
	struct identity keep = d->ring[d->tail];
	uint32_t at;

	drop_oldest(d);
	at = head_of(d);
	keep.made = (uint16_t)(now_ms / TICK_MS);
	d->ring[at] = keep;
	d->count++;
	slots_add(&d->slots, hash_of(&keep), at);
}

static uint16_t
age(uint16_t since, uint32_t now_ms)
{
	return (uint16_t)(now_ms / TICK_MS - since);
}

void
dedup_tick(struct dedup *d, uint32_t now_ms)
{
	uint32_t left;

	for (left = d->count; left != 0; left--) {
		struct identity *i = &d->ring[d->tail];

		if (age(i->made, now_ms) < d->window)
			break;
		if (age(i->seen, now_ms) >= d->window)
			drop_oldest(d);
		else
			renew_oldest(d, now_ms);
	}
}

/* Drops the oldest, but not one of those that are still coming. */
static void
evict(struct dedup *d, uint32_t now_ms)
{
	uint32_t soon;
	unsigned n;

	for (n = 0; n < RENEW_MAX; n++) {
		if (d->ring[d->tail].made == d->ring[d->tail].seen)
			break;
		renew_oldest(d, now_ms);
	}
	drop_oldest(d);
	d->evicted++;
	soon = d->tail + EXPECT;
	slots_expect(&d->slots,
	    hash_of(&d->ring[soon >= d->limit ? soon - d->limit : soon]));
}

static struct identity *
find(const struct dedup *d, uint64_t hash)
{
	struct slots_walk w;
	uint32_t at;

	for (at = slots_first(&d->slots, hash, &w); at != SLOTS_NONE;
	    at = slots_next(&d->slots, &w))
		if (d->ring[at].rest == (uint32_t)hash)
			return &d->ring[at];
	return NULL;
}

static struct identity *
make(struct dedup *d, uint64_t hash, uint32_t now_ms)
{
	uint32_t at;

	if (d->count == d->limit)
		evict(d, now_ms);
	at = head_of(d);
	d->ring[at] = (struct identity){ .rest = (uint32_t)hash,
	    .tag = slots_tag(hash), .made = (uint16_t)(now_ms / TICK_MS) };
	d->count++;
	slots_add(&d->slots, hash, at);
	return &d->ring[at];
}

/* Counters only matter against each other: takes the least from all. */
static void
lower_counts(struct identity *i)
{
	uint16_t least = i->counted;
	unsigned p;

	for (p = 0; p < DEDUP_POINTS; p++)
		if (i->count[p] != 0 && i->count[p] < least)
			least = i->count[p];
	/* A point that stopped long ago is let go. */
	if (least < COUNT_MAX / 2)
		least = COUNT_MAX / 2;
	i->counted = (uint16_t)(i->counted - least);
	for (p = 0; p < DEDUP_POINTS; p++)
		i->count[p] = i->count[p] > least ?
		    (uint16_t)(i->count[p] - least) : 0;
}

void
dedup_expect(const struct dedup *d, uint64_t hash)
{
	slots_expect(&d->slots, hash);
}

bool
dedup_is_new(struct dedup *d, uint64_t hash, unsigned point, uint32_t now_ms)
{
	struct identity *i = find(d, hash);

	if (i == NULL)
		i = make(d, hash, now_ms);
	i->seen = (uint16_t)(now_ms / TICK_MS);
	if (point >= DEDUP_POINTS) {
		if (i->counted != 0)
			return false;
		i->counted = 1;
		return true;
	}
	if (i->counted == COUNT_MAX || i->count[point] == COUNT_MAX)
		lower_counts(i);
	if (++i->count[point] <= i->counted)
		return false;
	i->counted = i->count[point];
	return true;
}

size_t
dedup_count(const struct dedup *d)
{
	return d->count;
}

uint64_t
dedup_evicted(const struct dedup *d)
{
	return d->evicted;
}

size_t
dedup_entry_bytes(void)
{
	return sizeof(struct identity);
}
