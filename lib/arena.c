/*
 * Blocks in a chain, newest first; the first one shares the arena's own
 * allocation, so that a small arena costs one malloc and one free. Texts are
 * packed without alignment.
 */
#include "lib/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_CAP	(1024 * 1024)
#define FIRST_BYTES	4032		/* with the headers one malloc of 4 KiB */
#define BLOCK_MAX	(64 * 1024)	/* blocks double up to this */
#define ALIGN		_Alignof(max_align_t)

struct block {
	struct block	*older;
	size_t		 size;		/* of data */
	size_t		 used;
	_Alignas(max_align_t) unsigned char data[];
};

struct arena {
	size_t		 cap;
	size_t		 used;
	struct block	*newest;
	struct block	 first;		/* must be last: its data follows */
};

struct arena *
arena_new_sized(size_t cap, size_t first)
{
	struct arena *a = malloc(sizeof(*a) + first);

	if (a == NULL)
		return NULL;
	a->cap = cap == 0 ? DEFAULT_CAP : cap;
	a->used = 0;
	a->newest = &a->first;
	a->first = (struct block){ .size = first };
	return a;
}

struct arena *
arena_new(size_t cap)
{
	return arena_new_sized(cap, FIRST_BYTES);
}

static void
free_blocks(struct arena *a)
{
	struct block *b = a->newest, *older;

	for (; b != NULL; b = older) {
		older = b->older;
		if (b != &a->first)
			free(b);
	}
}

void
arena_free(struct arena *a)
{
	if (a == NULL)
		return;
	free_blocks(a);
	free(a);
}

void
arena_reset(struct arena *a)
{
	free_blocks(a);
	a->newest = &a->first;
	a->first.older = NULL;
	a->first.used = 0;
	a->used = 0;
}

/* A block with room for size bytes from its start. */
static struct block *
add_block(struct arena *a, size_t size)
{
	struct block *b, *newest = a->newest;
	size_t room = newest->size * 2;

	if (room > BLOCK_MAX)
		room = BLOCK_MAX;
	if (room < size)
		room = size;
	b = malloc(sizeof(*b) + room);
	if (b == NULL)
		return NULL;
	b->size = room;
	b->used = 0;
	/* A block for one big request must not hide a half-empty one. */
	if (size > BLOCK_MAX / 2) {
		b->older = newest->older;
		newest->older = b;
	} else {
		b->older = newest;
		a->newest = b;
	}
	return b;
}

static inline void *
take(struct arena *a, size_t size, size_t align)
{
	struct block *b = a->newest;
	size_t pad = -b->used & (align - 1);
	void *p;

	if (size > a->cap - a->used)
		return NULL;
	if (pad > b->size - b->used || size > b->size - b->used - pad) {
		b = add_block(a, size);
		if (b == NULL)
			return NULL;
		pad = 0;
	}
	p = b->data + b->used + pad;
	b->used += pad + size;
	a->used += size;
	return p;
}

void *
arena_alloc(struct arena *a, size_t size)
{
	void *p = take(a, size, ALIGN);

	return p == NULL ? NULL : memset(p, 0, size);
}

char *
arena_memdup(struct arena *a, const void *data, size_t len)
{
	char *p = len == SIZE_MAX ? NULL : take(a, len + 1, 1);

	if (p == NULL)
		return NULL;
	if (len != 0)
		memcpy(p, data, len);
	p[len] = '\0';
	return p;
}

char *
arena_strdup(struct arena *a, const char *s)
{
	return arena_memdup(a, s, strlen(s));
}

size_t
arena_used(const struct arena *a)
{
	return a->used;
}
