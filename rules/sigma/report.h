/*
 * report: the errors found in rule files, one line each, all of them (up to
 * a cap): "FILE:LINE:COLUMN: what is wrong and what was expected".
 *
 * Lines and columns start at 1; columns count characters, not bytes.
 * Threads: one owner. Nothing here logs or blocks.
 */
#ifndef RULES_SIGMA_REPORT_H
#define RULES_SIGMA_REPORT_H

#include <stddef.h>

#include "lib/buf.h"

#define REPORT_MAX	200	/* lines; what comes after is only counted */

struct report {
	struct buf	*out;	/* may be NULL: only counts */
	const char	*file;	/* name put in front; borrowed */
	size_t		 count;
};

void report_error(struct report *, unsigned line, unsigned column,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* Without a place in the file: "FILE: text". */
void report_file(struct report *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Keeps the candidate that is nearest to a word (edit distance, at most a
 * third of the word's length). Start with report_nearest_start.
 */
struct report_nearest {
	const char	*word;
	const char	*best;	/* not always NUL terminated: best_len */
	size_t		 best_len;
	size_t		 distance;
};
void report_nearest_start(struct report_nearest *, const char *word);
void report_nearest_try(struct report_nearest *, const char *candidate,
    size_t len);
/* "; did you mean NAME?" or "", in text, which is returned. */
#define REPORT_HINT	128
const char *report_nearest_hint(const struct report_nearest *,
    char text[static REPORT_HINT]);

#endif
