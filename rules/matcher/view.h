/*
 * view: the texts of one field of the event at hand. Internal to
 * rules/matcher.
 */
#ifndef RULES_MATCHER_VIEW_H
#define RULES_MATCHER_VIEW_H

#include "rules/matcher/predicate.h"

/* The view, its value looked up for this event. */
struct predicate_view *view_get(struct predicate_world *, uint32_t index);
/* Texts as they are, numbers and addresses written out; view->n of them.
 * NULL when there are none or memory is out. */
const struct event_str *view_raw(struct predicate_world *,
    struct predicate_view *);
/* The same in small letters (ASCII). */
const struct event_str *view_low(struct predicate_world *,
    struct predicate_view *);

#endif
