/*
 * logsource: which of our events a rule's logsource means. Internal to
 * rules/sigma.
 *
 * The table is in logsource.c: category, product and service to datasets and,
 * where the dataset is wider than the category, to values that fields must
 * have besides ("process_creation" is event.action exec). No category and
 * no service: all datasets but alerts, incidents and the agent's own.
 * A product that is not this host's makes the rule foreign: it is kept for
 * the list and never runs.
 */
#ifndef RULES_SIGMA_LOGSOURCE_H
#define RULES_SIGMA_LOGSOURCE_H

#include "rules/sigma/expr.h"
#include "rules/sigma/ytree.h"

/* Fills category, product, service, datasets, foreign and source of the
 * rule. node is the value of "logsource". Returns 0, -EINVAL, -ENOMEM. */
int logsource_read(struct sigma_rule *, struct arena *,
    const struct ytree_node *node, struct report *);

#endif
