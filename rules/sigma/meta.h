/*
 * meta: the parts of a rule that are not its detection: title, level, tags;
 * the correlation section; the targets of a filter. Internal to rules/sigma.
 * All return 0, -EINVAL (reported) or -ENOMEM.
 */
#ifndef RULES_SIGMA_META_H
#define RULES_SIGMA_META_H

#include "rules/sigma/sigma.h"
#include "rules/sigma/ytree.h"

/* kind is set already. A rule without id gets one made from its title. */
int meta_read(struct sigma_rule *, struct arena *, const struct ytree_node *doc,
    struct report *);
int meta_read_correlation(struct sigma_rule *, struct arena *,
    const struct ytree_node *doc, struct report *);
int meta_read_filter(struct sigma_rule *, struct arena *,
    const struct ytree_node *doc, struct report *);

/* A list of texts, or one text. NULL node: an empty list. */
int meta_read_texts(struct sigma_names *, struct arena *,
    const struct ytree_node *, const char *what, struct report *);
/* The names of other rules. */
int meta_read_refs(struct sigma_ref *, size_t max, size_t *n,
    const struct ytree_node *, struct report *);

#endif
