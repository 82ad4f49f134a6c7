/*
 * predicate: one question about an event, and the texts of its fields while
 * the questions are asked. Internal to rules/matcher.
 */
#ifndef RULES_MATCHER_PREDICATE_H
#define RULES_MATCHER_PREDICATE_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/core/event.h"
#include "agent/core/ledger.h"
#include "lib/arena.h"
#include "rules/sigma/sigma.h"

/* Texts of one list, all exact; open addressing, a power of two. */
struct predicate_set {
	const struct event_str	*slots;		/* text NULL: free */
	size_t			 mask;
	size_t			 longest;
};

struct predicate {
	const struct sigma_match *match;	/* of a set: its first member */
	uint32_t		  view, other;	/* indexes of views */
	const struct predicate_set *set;	/* instead of match's value */
	pcre2_code		 *regex;
	unsigned		  cost;
};

/* A field of the event at hand; filled when first asked for. */
struct predicate_view {
	struct sigma_field	  field;
	uint32_t		  epoch;	/* of the event it was filled for */
	const struct event_value *value;	/* NULL: not set */
	bool			  has_raw, has_low;
	uint32_t		  n;
	const struct event_str	 *raw, *low;
};

/* All that an evaluation needs. */
struct predicate_world {
	const struct event	*event;
	uint32_t		 epoch;
	struct predicate_view	*views;
	struct arena		*scratch;
	pcre2_match_data	*match_data;
	pcre2_match_context	*match_context;
	ledger_count		*regex_limit, *no_memory;
};

uint64_t predicate_hash(const char *, size_t len);
/* Relative cost, to ask the cheap ones first. */
unsigned predicate_cost(const struct sigma_match *);
bool predicate_holds(struct predicate_world *, const struct predicate *);

#endif
