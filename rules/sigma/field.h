/*
 * field: names of fields in rules to fields of events. Internal to
 * rules/sigma.
 */
#ifndef RULES_SIGMA_FIELD_H
#define RULES_SIGMA_FIELD_H

#include "rules/sigma/sigma.h"
#include "rules/sigma/ytree.h"

/*
 * The field of this name at that place of the file; false when there is
 * none, after an error with the nearest known name.
 */
bool field_resolve(struct sigma_field *, struct arena *, const char *name,
    size_t len, const struct ytree_node *where, struct report *);
/* A node that must be a text with a field's name. */
bool field_resolve_node(struct sigma_field *, struct arena *,
    const struct ytree_node *, struct report *);

#endif
