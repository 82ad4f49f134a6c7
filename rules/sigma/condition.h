/*
 * condition: the condition line of a detection. Internal to rules/sigma.
 *
 * Grammar, weakest first: or, and, not, then a name, "( )", "1 of X",
 * "any of X" (the same), "all of X" where X is a name with wildcards or
 * "them" (all selections whose name does not begin with an underscore).
 *
 * Source: Sigma rules specification 2.0, "Condition".
 */
#ifndef RULES_SIGMA_CONDITION_H
#define RULES_SIGMA_CONDITION_H

#include "rules/sigma/expr.h"
#include "rules/sigma/ytree.h"

#define CONDITION_DEPTH_MAX	32

struct condition_name {
	const char		*name;
	const struct sigma_expr	*expr;	/* NULL: broken, reported */
	bool			 used;
};

/*
 * The tree of a condition, or NULL after an error or without memory
 * (*no_memory). Marks the names that it uses.
 */
const struct sigma_expr *condition_parse(struct arena *,
    const struct ytree_node *, struct condition_name *, size_t n,
    struct report *, bool *no_memory);

#endif
