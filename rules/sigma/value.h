/*
 * value: one item of a selection ("field|modifier: values") to a tree of
 * matches. Internal to rules/sigma.
 *
 * Modifiers: contains startswith endswith all re (i m s) cidr exists cased
 * lt lte gt gte neq windash base64 base64offset utf16le wide fieldref.
 * Source: Sigma modifiers appendix 2.1.
 */
#ifndef RULES_SIGMA_VALUE_H
#define RULES_SIGMA_VALUE_H

#include "rules/sigma/expr.h"
#include "rules/sigma/ytree.h"

struct value_reader {
	struct arena	*arena;
	struct report	*report;
	bool		 no_memory;
};

/* NULL after an error, or without memory (no_memory is set). */
const struct sigma_expr *value_read(struct value_reader *,
    const struct ytree_node *key, const struct ytree_node *values);
/* Keywords: any text field holds one of them (a text or a list). */
const struct sigma_expr *value_read_keywords(struct value_reader *,
    const struct ytree_node *values);

#endif
