/*
 * correlate: Sigma correlation rules over the matches of an event stream.
 *
 * Driven by the events' own time, so that the same stream gives the same
 * alerts at any speed. An event that lacks a field of group-by takes no part
 * (noted "group_field_missing"). Groups are bounded: the one that was idle
 * longest goes first (noted "groups_evicted"). A group fires when its number
 * comes into the range of the condition, and then not again before one
 * timespan has passed (noted "suppressed").
 *
 * Threads: one owner. Nothing here logs or blocks.
 */
#ifndef RULES_CORRELATE_CORRELATE_H
#define RULES_CORRELATE_CORRELATE_H

#include <stddef.h>
#include <stdint.h>

#include "agent/core/event.h"
#include "agent/core/ledger.h"
#include "rules/correlate/window.h"
#include "rules/sigma/sigma.h"

#define CORRELATE_GROUPS_MAX	4096	/* of one rule */

struct correlate;

/* A correlation that fired; lent for the length of the call. */
struct correlate_hit {
	uint32_t		 rule;		/* index in the set */
	const struct event	*event;		/* that completed it */
	int64_t			 value;		/* count or sum */
	const char		*group;		/* values of group-by, as text */
	struct wall		 first;		/* time of the oldest id */
	const char		*ids[WINDOW_IDS]; /* oldest first */
	size_t			 n_ids;
};
typedef void (*correlate_fn)(void *ctx, const struct correlate_hit *);

/* The set must be linked and outlive it. stage may be NULL. NULL with errno
 * ENOMEM. */
struct correlate *correlate_new(const struct sigma_set *,
    struct ledger_stage *);
void correlate_free(struct correlate *);
/* Takes over the groups of rules that are the same in both, word for word,
 * with all rules that they refer to. */
void correlate_inherit(struct correlate *, struct correlate *old);

/* The rules that the event fits (matcher_run). */
void correlate_feed(struct correlate *, const struct event *,
    const uint32_t *hits, size_t n, correlate_fn, void *ctx);

#endif
