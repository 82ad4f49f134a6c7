/*
 * text: values of events as text, for people and for keys. Internal to rules.
 */
#ifndef RULES_TEXT_H
#define RULES_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/core/event.h"
#include "lib/buf.h"
#include "rules/sigma/sigma.h"

/* Appends the value of a field, lists with commas. False: not set. */
bool text_add_field(struct buf *, const struct event *,
    const struct sigma_field *);
/* The same for a whole field of the table. */
bool text_add(struct buf *, const struct event *, enum field_id);
/* At most max bytes of a text, cut between characters, with "..." then. */
void text_add_cut(struct buf *, const char *, size_t max);
/* "12.0 MiB", "900 bytes". */
void text_add_bytes(struct buf *, int64_t bytes);

#endif
