/*
 * splitter: cuts a stream of bytes into JSON objects. Docker's event stream
 * puts them one after the other, with or without newlines, and its borders
 * are not the borders of what a read gives. Also used for the elements of one
 * long array, so that a list of any length is read element by element.
 *
 * Only brackets and strings are looked at; whether the text between them is
 * JSON is lib/json's question. An object longer than SPLITTER_BYTES or deeper
 * than SPLITTER_DEPTH is skipped to its end and counted.
 *
 * Threads: one owner. Nothing here logs or blocks.
 */
#ifndef ENRICH_SPLITTER_H
#define ENRICH_SPLITTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"

#define SPLITTER_BYTES	(1024 * 1024)
#define SPLITTER_DEPTH	64

/* One whole object, lent for the call. */
typedef void (*splitter_fn)(void *ctx, const char *text, size_t len);

struct splitter {
	struct buf	object;
	unsigned	depth;		/* open brackets of the object */
	bool		in_string, escaped, skipping;
	uint64_t	objects;	/* given to the callback */
	uint64_t	skipped;	/* too long, too deep, no memory */
	uint64_t	stray;		/* bytes that belong to no object */
};

void splitter_init(struct splitter *);
void splitter_fini(struct splitter *);
/* Forgets an unfinished object (the stream broke); true if there was one. */
bool splitter_reset(struct splitter *);
void splitter_feed(struct splitter *, const char *bytes, size_t len,
    splitter_fn, void *ctx);

#endif
