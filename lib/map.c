/*
 * Chained buckets over entries from slabs. Slabs are only given back with
 * the table; removed entries go to a free list. The entries are also linked
 * in LRU order.
 */
#include "lib/map.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/hash.h"

#define KEY_MAX		256
#define FIRST_BUCKETS	16
#define SLAB_BYTES_MAX	(256 * 1024)
#define ALIGN		_Alignof(max_align_t)

/* The value follows, then the key. */
struct entry {
	struct entry	*chain;		/* same bucket, or next free */
	struct entry	*older, *newer;
	uint64_t	 hash;
	_Alignas(max_align_t) unsigned char value[];
};

struct slab {
	struct slab	*next;
	_Alignas(max_align_t) unsigned char entries[];
};

struct map {
	size_t		  key_size, value_size, entry_size, key_offset;
	size_t		  limit, count;
	map_gone_fn	  gone;
	void		 *ctx;
	struct hash_key	  key;
	struct entry	**buckets;
	size_t		  n_buckets;	/* a power of two */
	struct entry	 *oldest, *newest;
	struct entry	 *unused;
	struct slab	 *slabs;
	size_t		  n_entries;	/* in all slabs */
	size_t		  bytes;
};

static size_t
round_up(size_t n)
{
	return (n + ALIGN - 1) & ~(ALIGN - 1);
}

struct map *
map_new(size_t key_size, size_t value_size, size_t limit, map_gone_fn gone,
    void *ctx)
{
	struct map *m;

	assert(key_size >= 1 && key_size <= KEY_MAX && limit >= 1);
	m = calloc(1, sizeof(*m));
	if (m == NULL)
		return NULL;
	m->buckets = calloc(FIRST_BUCKETS, sizeof(*m->buckets));
	if (m->buckets == NULL) {
		free(m);
		return NULL;
	}
	m->n_buckets = FIRST_BUCKETS;
	m->bytes = sizeof(*m) + FIRST_BUCKETS * sizeof(*m->buckets);
	m->key_size = key_size;
	m->value_size = value_size;
	m->key_offset = sizeof(struct entry) + value_size;
	m->entry_size = round_up(m->key_offset + key_size);
	m->limit = limit;
	m->gone = gone;
	m->ctx = ctx;
	m->key = hash_key_random();
	return m;
}

static void *
key_of(const struct map *m, const struct entry *e)
{
	return (unsigned char *)e + m->key_offset;
}

static struct entry *
entry_of(const void *value)
{
	return (struct entry *)((unsigned char *)value -
	    offsetof(struct entry, value));
}

void
map_free(struct map *m)
{
	struct slab *next;

	if (m == NULL)
		return;
	if (m->gone != NULL)
		for (struct entry *e = m->oldest; e != NULL; e = e->newer)
			m->gone(m->ctx, key_of(m, e), e->value, false);
	for (struct slab *s = m->slabs; s != NULL; s = next) {
		next = s->next;
		free(s);
	}
	free(m->buckets);
	free(m);
}

static struct entry **
bucket(struct map *m, uint64_t hash)
{
	return &m->buckets[hash & (m->n_buckets - 1)];
}

static struct entry *
find(struct map *m, const void *key, uint64_t hash)
{
	struct entry *e = *bucket(m, hash);

	while (e != NULL && (e->hash != hash ||
	    memcmp(key_of(m, e), key, m->key_size) != 0))
		e = e->chain;
	return e;
}

static void
append(struct map *m, struct entry *e)
{
	e->newer = NULL;
	e->older = m->newest;
	if (m->newest != NULL)
		m->newest->newer = e;
	else
		m->oldest = e;
	m->newest = e;
}

static void
unlink_order(struct map *m, struct entry *e)
{
	if (e->older != NULL)
		e->older->newer = e->newer;
	else
		m->oldest = e->newer;
	if (e->newer != NULL)
		e->newer->older = e->older;
	else
		m->newest = e->older;
}

static void
discard(struct map *m, struct entry *e)
{
	struct entry **at = bucket(m, e->hash);

	while (*at != e)
		at = &(*at)->chain;
	*at = e->chain;
	unlink_order(m, e);
	e->chain = m->unused;
	m->unused = e;
	m->count--;
}

/* Doubles the buckets; going on with the old ones is only slower. */
static void
widen(struct map *m)
{
	size_t n = m->n_buckets * 2;
	struct entry **buckets = calloc(n, sizeof(*buckets));

	if (buckets == NULL)
		return;
	free(m->buckets);
	m->bytes += (n - m->n_buckets) * sizeof(*buckets);
	m->buckets = buckets;
	m->n_buckets = n;
	for (struct entry *e = m->oldest; e != NULL; e = e->newer) {
		struct entry **at = bucket(m, e->hash);

		e->chain = *at;
		*at = e;
	}
}

/* One more slab: as many entries again as there are, within limits. */
static bool
add_slab(struct map *m)
{
	size_t most = SLAB_BYTES_MAX / m->entry_size;
	size_t n = m->n_entries < 8 ? 8 : m->n_entries;
	struct slab *s;

	if (n > most)
		n = most == 0 ? 1 : most;
	if (n > m->limit - m->n_entries)
		n = m->limit - m->n_entries;
	s = malloc(sizeof(*s) + n * m->entry_size);
	if (s == NULL)
		return false;
	s->next = m->slabs;
	m->slabs = s;
	m->n_entries += n;
	m->bytes += sizeof(*s) + n * m->entry_size;
	while (n-- > 0) {
		struct entry *e = (void *)(s->entries + n * m->entry_size);

		e->chain = m->unused;
		m->unused = e;
	}
	return true;
}

static struct entry *
take_entry(struct map *m)
{
	struct entry *e;

	if (m->count == m->limit) {
		e = m->oldest;
		if (m->gone != NULL)
			m->gone(m->ctx, key_of(m, e), e->value, true);
		discard(m, e);
	}
	if (m->unused == NULL && !add_slab(m))
		return NULL;
	e = m->unused;
	m->unused = e->chain;
	return e;
}

void *
map_get(struct map *m, const void *key)
{
	struct entry *e;

	if (m->count == 0)
		return NULL;
	e = find(m, key, hash_64(&m->key, key, m->key_size));
	return e == NULL ? NULL : e->value;
}

void *
map_put(struct map *m, const void *key, bool *made)
{
	uint64_t hash = hash_64(&m->key, key, m->key_size);
	struct entry **at, *e = find(m, key, hash);

	if (made != NULL)
		*made = e == NULL;
	if (e != NULL) {
		map_touch(m, e->value);
		return e->value;
	}
	e = take_entry(m);
	if (e == NULL) {
		if (made != NULL)
			*made = false;
		return NULL;
	}
	if (m->count >= m->n_buckets)
		widen(m);
	memset(e->value, 0, m->value_size);
	memcpy(key_of(m, e), key, m->key_size);
	e->hash = hash;
	at = bucket(m, hash);
	e->chain = *at;
	*at = e;
	append(m, e);
	m->count++;
	return e->value;
}

void
map_touch(struct map *m, void *value)
{
	struct entry *e = entry_of(value);

	if (m->newest == e)
		return;
	unlink_order(m, e);
	append(m, e);
}

void
map_remove(struct map *m, void *value)
{
	if (value != NULL)
		discard(m, entry_of(value));
}

size_t
map_count(const struct map *m)
{
	return m->count;
}

void *
map_oldest(struct map *m)
{
	return m->oldest == NULL ? NULL : m->oldest->value;
}

void *
map_newer(struct map *m, void *value)
{
	struct entry *e = entry_of(value)->newer;

	(void)m;
	return e == NULL ? NULL : e->value;
}

const void *
map_key(const struct map *m, const void *value)
{
	return key_of(m, entry_of(value));
}

size_t
map_bytes(const struct map *m)
{
	return m->bytes;
}
