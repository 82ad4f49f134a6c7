/*
 * jsonpick: a few values out of a JSON document without a tree of it. For
 * walks through many documents of which each is asked for little; about a fifth
 * of the cost of json_parse.
 *
 * Not for documents of others: what is not looked at is skipped, not checked.
 * Whatever it does not understand at once is refused, and json_parse decides.
 *
 * Threads: any; no state, no memory.
 */
#ifndef LIB_JSONPICK_H
#define LIB_JSONPICK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/mono.h"

#define JSONPICK_PATHS	32	/* at most in one call */
#define JSONPICK_LEVELS	8	/* names in one path */

/* A string without its quotes, else the value's text; lent from the document.
 * text NULL: absent. */
struct jsonpick {
	const char	*text;
	size_t		 len;
	bool		 is_string;
};

/*
 * paths are dotted ("source.bytes") and name members of objects; out[i] is
 * what paths[i] leads to. As in json_parse the last of equal keys counts. 0,
 * or -EINVAL: no object, not well formed as far as it was looked at, or there
 * are escapes in a string that was asked for or in a key beside it. out is
 * then of no use.
 */
int jsonpick(const char *text, size_t len, const char *const paths[],
    size_t n, struct jsonpick out[]);

/* A whole number, saturated; 0 for everything else. */
int64_t jsonpick_int(const struct jsonpick *);
bool jsonpick_is(const struct jsonpick *, const char *string);
/* A moment in RFC 3339; false, and *out untouched, for everything else. */
bool jsonpick_wall(const struct jsonpick *, struct wall *out);

#endif
