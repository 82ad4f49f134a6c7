/*
 * ytree: a YAML stream as trees of texts, lists and maps in which every node
 * knows its line and column, so that every later error can name its place.
 *
 * Bounded: depth, nodes, documents; anchors, aliases and tags are refused
 * (they make documents that are larger than their text, and no rule needs
 * them), and so is a key that is given twice in a map.
 *
 * Source: YAML 1.1 as libyaml reads it. Threads: one owner.
 */
#ifndef RULES_SIGMA_YTREE_H
#define RULES_SIGMA_YTREE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/arena.h"
#include "rules/sigma/report.h"

#define YTREE_BYTES_MAX		(1024 * 1024)
#define YTREE_DEPTH_MAX		16
#define YTREE_NODES_MAX		20000
#define YTREE_DOCUMENTS_MAX	1000

enum ytree_kind { YTREE_TEXT, YTREE_LIST, YTREE_MAP };

struct ytree_node {
	enum ytree_kind	  kind;
	unsigned	  line, column;
	/* TEXT */
	const char	 *text;		/* NUL terminated, holds no NUL */
	size_t		  len;
	bool		  plain;	/* without quotes, not a block */
	/* Columns from the node's own to the first character of the text;
	 * -1 when the text is not one line as it stands in the file. */
	int		  lead;
	/* LIST and MAP */
	size_t		  n;
	struct ytree_node **items;
	struct ytree_node **keys;	/* MAP only */
};

struct ytree {
	struct ytree_node **documents;
	size_t		    n;
};

/*
 * Reads text[0..len). All memory comes from the arena. Errors go to the
 * report; the documents before the first error are given in every case.
 * Returns 0, -EINVAL or -ENOMEM.
 */
int ytree_load(struct ytree *, struct arena *, const char *text, size_t len,
    struct report *);

/* The value of a key, or NULL; node may be of any kind. */
const struct ytree_node *ytree_get(const struct ytree_node *, const char *key);
/* The key's own node, for errors about the key. */
const struct ytree_node *ytree_key(const struct ytree_node *, const char *key);
/* Plain null, ~ or nothing at all. */
bool ytree_is_null(const struct ytree_node *);
/* "a text", "a list", "a map": for errors. */
const char *ytree_kind_name(const struct ytree_node *);

#endif
