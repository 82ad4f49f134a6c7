/*
 * cursor: the one bounded reader for bytes from outside.
 *
 * A cursor is a view of somebody else's bytes. Every read checks the length;
 * after the first short read the cursor has failed, stays failed, and all
 * further reads give zero, so that a parser checks once at its end (or where
 * a value decides what to do next). A sub-cursor cannot read past its parent.
 *
 * Not for: owning memory, writing. Threads: a cursor belongs to one thread.
 * No function here allocates, logs or blocks.
 */
#ifndef LIB_CURSOR_H
#define LIB_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct cursor {
	const uint8_t	*pos;
	const uint8_t	*end;
	bool		 failed;	/* a read went past the end */
};

/* A view of data[0..len); data may be NULL when len is 0. */
static inline struct cursor
cursor_make(const void *data, size_t len)
{
	/* NULL + 0 is undefined in C: an empty view begins somewhere. */
	const uint8_t *bytes = data == NULL ? (const uint8_t *)"" : data;
	struct cursor c = { .pos = bytes, .end = bytes + len };

	return c;
}

/* Bytes that can still be read; 0 after a failure. */
static inline size_t
cursor_left(const struct cursor *c)
{
	return c->failed ? 0 : (size_t)(c->end - c->pos);
}

static inline bool
cursor_ok(const struct cursor *c)
{
	return !c->failed;
}

/*
 * The next len bytes, lent for the life of the underlying memory, or NULL
 * (and the cursor failed) when there are fewer. len 0 gives a valid pointer.
 */
static inline const uint8_t *
cursor_take(struct cursor *c, size_t len)
{
	const uint8_t *p = c->pos;

	if (c->failed || (size_t)(c->end - c->pos) < len) {
		c->failed = true;
		return NULL;
	}
	c->pos += len;
	return p;
}

static inline void
cursor_skip(struct cursor *c, size_t len)
{
	(void)cursor_take(c, len);
}

/* A cursor over the next len bytes; both fail when there are fewer. */
static inline struct cursor
cursor_sub(struct cursor *c, size_t len)
{
	const uint8_t *p = cursor_take(c, len);
	struct cursor sub = cursor_make(p, p == NULL ? 0 : len);

	sub.failed = p == NULL;
	return sub;
}

/* Integers: be = network order, le = little endian, host = this machine's. */
static inline uint8_t
cursor_u8(struct cursor *c)
{
	const uint8_t *p = cursor_take(c, 1);

	return p == NULL ? 0 : p[0];
}

static inline uint16_t
cursor_u16be(struct cursor *c)
{
	const uint8_t *p = cursor_take(c, 2);

	return p == NULL ? 0 : (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t
cursor_u32be(struct cursor *c)
{
	const uint8_t *p = cursor_take(c, 4);

	return p == NULL ? 0 : (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t
cursor_u64be(struct cursor *c)
{
	uint64_t hi = cursor_u32be(c);

	return hi << 32 | cursor_u32be(c);
}

static inline uint16_t
cursor_u16host(struct cursor *c)
{
	const uint8_t *p = cursor_take(c, 2);
	uint16_t v = 0;

	if (p != NULL)
		memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint32_t
cursor_u32host(struct cursor *c)
{
	const uint8_t *p = cursor_take(c, 4);
	uint32_t v = 0;

	if (p != NULL)
		memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint64_t
cursor_u64host(struct cursor *c)
{
	const uint8_t *p = cursor_take(c, 8);
	uint64_t v = 0;

	if (p != NULL)
		memcpy(&v, p, sizeof(v));
	return v;
}

#endif
