/*
 * detection: the selections and the condition of a rule or filter to one
 * tree. Internal to rules/sigma.
 */
#ifndef RULES_SIGMA_DETECTION_H
#define RULES_SIGMA_DETECTION_H

#include "rules/sigma/value.h"

#define DETECTION_SELECTIONS_MAX	64

/* skip: a key of the map that is no selection besides "condition" ("rules"
 * of a filter), or NULL. NULL after an error or without memory. */
const struct sigma_expr *detection_read(struct value_reader *,
    const struct ytree_node *map, const char *skip);

#endif
