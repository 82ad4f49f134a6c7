/*
 * modifier: the part of a key after the field name. Internal to rules/sigma.
 */
#ifndef RULES_SIGMA_MODIFIER_H
#define RULES_SIGMA_MODIFIER_H

#include <stdbool.h>
#include <stddef.h>

#include "rules/sigma/report.h"
#include "rules/sigma/sigma.h"
#include "rules/sigma/ytree.h"

/* How the value is compared; at most one of these in a key. */
enum modifier_how {
	MODIFIER_PLAIN, MODIFIER_CONTAINS, MODIFIER_STARTSWITH,
	MODIFIER_ENDSWITH, MODIFIER_RE, MODIFIER_CIDR, MODIFIER_EXISTS,
	MODIFIER_NUMBER, MODIFIER_FIELDREF
};

/* What is done to the value first, in the order given. */
enum modifier_change {
	MODIFIER_WINDASH, MODIFIER_BASE64, MODIFIER_BASE64OFFSET,
	MODIFIER_WIDE
};
#define MODIFIER_CHANGES_MAX	4

struct modifier_set {
	size_t			 field_len;	/* of the key's text */
	enum modifier_how	 how;
	enum sigma_compare	 compare;	/* NUMBER */
	bool			 all, cased, negate;
	unsigned		 re_flags;
	enum modifier_change	 changes[MODIFIER_CHANGES_MAX];
	size_t			 n_changes;
};

/* False after an error at the modifier's own column. */
bool modifier_parse(struct modifier_set *, const struct ytree_node *key,
    struct report *);

#endif
