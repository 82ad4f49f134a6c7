/*
 * expr: makes nodes of a rule's boolean tree. Internal to rules/sigma.
 *
 * NULL means no memory; a NULL kid makes a NULL node, so that a builder
 * checks once at its end.
 */
#ifndef RULES_SIGMA_EXPR_H
#define RULES_SIGMA_EXPR_H

#include "rules/sigma/sigma.h"

/* kids are copied. One kid of AND or OR is given back itself. */
const struct sigma_expr *expr_join(struct arena *, enum sigma_node,
    const struct sigma_expr *const kids[], size_t n);
const struct sigma_expr *expr_not(struct arena *, const struct sigma_expr *);
/* The match is copied. */
const struct sigma_expr *expr_match(struct arena *,
    const struct sigma_match *);
/* field equals one of these texts; for the tables of logsource. */
const struct sigma_expr *expr_texts(struct arena *, enum field_id,
    const char *const texts[], size_t n);

/* A list that grows while a tree is read. */
struct expr_list {
	const struct sigma_expr	**items;
	size_t			  n, room;
};
bool expr_list_add(struct arena *, struct expr_list *,
    const struct sigma_expr *);

#endif
