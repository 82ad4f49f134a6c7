/*
 * termtext: texts from outside made fit for a terminal. Whatever could move
 * the cursor, change colours, hide or reorder text becomes a visible escape:
 * control bytes and bytes that are no UTF-8 as \xNN, control and format
 * characters (C1, zero width, bidirectional overrides, line separators) and
 * those that the locale cannot print as \u{NNNN}; a backslash stays as it is.
 *
 * Threads: any, after setlocale.
 */
#ifndef OUTPUTS_TERMTEXT_H
#define OUTPUTS_TERMTEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/buf.h"

/* Appends the safe form and returns the columns that it takes. */
size_t termtext_add(struct buf *, const char *text, size_t len);
/*
 * Appends safe text (what termtext_add made) cut to width columns, with a
 * mark at the end when something is missing, padded with spaces when pad.
 */
void termtext_fit(struct buf *, const char *safe, size_t width, bool pad);
/* Columns that a safe text takes. */
size_t termtext_width(const char *safe);
/* A JSON document for a terminal: C1 controls, DEL and format characters
 * become \uNNNN, which is the same document. */
void termtext_add_json(struct buf *, const char *json, size_t len);

#endif
