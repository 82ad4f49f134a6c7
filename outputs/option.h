/*
 * option: the keys of one entry of the list "outputs", declared in a table
 * by each kind of output. Scalar values only.
 *
 * Threads: any; no state.
 */
#ifndef OUTPUTS_OPTION_H
#define OUTPUTS_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/core/conf.h"
#include "lib/buf.h"

enum option_type {
	OPTION_STR,	/* char *, owned by the struct; NULL when "" */
	OPTION_INT,	/* int64_t */
	OPTION_SIZE,	/* int64_t bytes: 64MiB, 10MB, 4096 */
	OPTION_SPAN,	/* int64_t ns: 500ms, 10s, 5m, 72h, 365d */
	OPTION_BOOL,	/* bool: true/false, on/off, yes/no */
	OPTION_ENUM	/* int: index into choices */
};

struct option_key {
	const char		*name;
	enum option_type	 type;
	size_t			 offset;
	const char		*preset;	/* NULL: must be given */
	int64_t			 min, max;	/* both 0: any >= 0 */
	const char *const	*choices;	/* ENUM: NULL terminated */
	const char		*help;
};

/*
 * Fills the struct at values (zeroed by the caller) from the entry. Keys in
 * `also` (NULL terminated) are known but not for us. Appends a line
 * "FILE:LINE:COLUMN: text" to errors for each thing that is wrong and
 * returns their number. option_fini frees in every case.
 */
unsigned option_read(const struct option_key *, size_t n,
    const struct conf_entry *, const char *const *also, const char *file,
    void *values, struct buf *errors);
void option_fini(const struct option_key *, size_t n, void *values);

/* The nearest of the names, or NULL when none is near. */
const char *option_nearest(const char *word, const char *const *names,
    size_t n);

#endif
