/*
 * glob: Sigma's texts with wildcards. `*` any bytes, `?` one character;
 * a backslash before `*`, `?` or a backslash takes its meaning away, before
 * anything else it stands for itself.
 *
 * Matching never backtracks over more than one piece: time is at most length
 * of text times length of pattern. Case is folded for ASCII letters only.
 * `?` stands for one byte or one whole UTF-8 sequence.
 *
 * Source: Sigma rules specification 2.0, "String Wildcard" and "Escaping".
 * Threads: any; a glob does not change after it was made.
 */
#ifndef RULES_SIGMA_GLOB_H
#define RULES_SIGMA_GLOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/arena.h"

struct glob_piece {
	const char	*text;
	const uint8_t	*any;	/* 1 where a `?` stands; NULL: nowhere */
	size_t		 len;
};

struct glob {
	struct glob_piece *pieces;
	size_t		   n;		/* pieces between the stars */
	bool		   open_start;	/* a star in front */
	bool		   open_end;	/* a star at the end */
};

/*
 * fold: letters of the pattern become small ones, and the texts given to
 * glob_match must be in small letters too. raw: no wildcards and no escapes.
 * 0 or -ENOMEM.
 */
int glob_parse(struct glob *, struct arena *, const char *, size_t len,
    bool fold, bool raw);
/* One piece without wildcards, fixed at both ends. */
bool glob_is_exact(const struct glob *);
bool glob_match(const struct glob *, const char *, size_t len);

#endif
