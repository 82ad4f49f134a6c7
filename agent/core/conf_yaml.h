/*
 * conf_yaml: the configuration file as a tree of nodes with their places.
 * One document of mappings, lists and scalars; anchors, aliases, tags and
 * further documents are errors. Depth and number of nodes are limited.
 *
 * Only for agent/core/conf*.c. Threads: any; no state.
 */
#ifndef AGENT_CORE_CONF_YAML_H
#define AGENT_CORE_CONF_YAML_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/arena.h"
#include "lib/buf.h"

enum conf_node_type { CONF_NODE_SCALAR, CONF_NODE_LIST, CONF_NODE_MAP };

struct conf_node {
	enum conf_node_type	 type;
	unsigned		 line, column;	/* from 1 */
	const char		*text;		/* SCALAR: no NUL inside */
	bool			 plain;		/* SCALAR: without quotes */
	bool			 bad;		/* reported already: ignore */
	const struct conf_node	*key;		/* in a MAP: the key, a SCALAR */
	struct conf_node	*first;		/* LIST, MAP: children */
	struct conf_node	*next;		/* sibling */
};

/*
 * Reads text; name is what stands before the place in an error. Appends a
 * line per error. *root is NULL for an empty document. Nodes live in the
 * arena. 0, -EINVAL (syntax: said in errors) or -ENOMEM; with other errors
 * the tree is there and 0 is returned.
 */
int conf_yaml_read(const char *name, const char *text, size_t len,
    struct arena *, struct buf *errors, struct conf_node **root);

/* A plain scalar that means nothing: empty, ~ or null. */
bool conf_yaml_is_null(const struct conf_node *);
/* Begins an error line: "NAME:LINE:COLUMN: ". */
void conf_yaml_place(const struct conf_node *, const char *name,
    struct buf *errors);

#endif
