/*
 * trigger: which rules an event can fit at all. Internal to rules/matcher.
 *
 * Most rules cannot fit unless some field has one of a few texts (or ends
 * with "/" and one of them). Those texts are kept in one hash table for each
 * field, so that an event costs one look-up for each such field and value,
 * however many rules there are. A rule without such texts is always asked.
 *
 * Letters are folded here; the rule itself decides about case.
 */
#ifndef RULES_MATCHER_TRIGGER_H
#define RULES_MATCHER_TRIGGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rules/matcher/predicate.h"

/* One text that makes a rule possible. */
struct trigger {
	const struct sigma_field *field;
	bool			  base;	/* of what stands after the last / */
	const char		 *text;	/* small letters */
	size_t			  len;
};

struct trigger_list {
	struct trigger	*items;
	size_t		 n;
};

/*
 * The texts of which one has to be there for the tree to hold; false when
 * there is no such list. Memory comes from the arena; *no_memory is set when
 * there is none.
 */
bool trigger_find(struct trigger_list *, struct arena *,
    const struct sigma_expr *, bool *no_memory);

/* The tables of one dataset. */
struct trigger_index;
struct trigger_index *trigger_index_new(void);	/* NULL: no memory */
void trigger_index_free(struct trigger_index *);

/* entry is possible when the text is there. False: no memory. */
bool trigger_index_add(struct trigger_index *, uint32_t view,
    const struct trigger *, uint32_t entry);
/* entry is always possible. */
bool trigger_index_always(struct trigger_index *, uint32_t entry);
/* After the last one: n entries in all. False: no memory. */
bool trigger_index_finish(struct trigger_index *, size_t n);

/* Bits of the possible entries, trigger_index_words of them. */
const uint64_t *trigger_index_ask(struct trigger_index *,
    struct predicate_world *);
size_t trigger_index_words(const struct trigger_index *);

#endif
