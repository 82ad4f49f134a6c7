/*
 * tree_print: a tree of processes as lines for people, or one JSON object a
 * line. What stands beside each other and differs only in arguments and times
 * is folded: two of them, then how many more.
 *
 * Threads: main thread of a command.
 */
#ifndef OUTPUTS_TREE_PRINT_H
#define OUTPUTS_TREE_PRINT_H

#include "outputs/query.h"
#include "outputs/tree.h"

#define TREE_PRINT_DEPTH	200	/* the most that may be asked for */

struct tree_print {
	const struct query_env	*env;
	const struct tree	*tree;
	uint32_t		 root;	/* 0: all roots */
	size_t			 depth;	/* levels, at least 1 */
	bool			 all;	/* fold nothing */
	bool			 json;	/* folds nothing either */
};

/* 0, -ENOMEM, or -EIO when it cannot be written. */
int tree_print(const struct tree_print *);
/* One process, for tree_print. */
int tree_print_json(const struct tree_print *, const struct tree_node *,
    size_t depth);
enum query_life tree_print_life(const struct tree_print *,
    const struct tree_node *);

#endif
