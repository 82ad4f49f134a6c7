/*
 * compile: the trees of all rules to shared predicates and nodes. Internal
 * to rules/matcher.
 */
#ifndef RULES_MATCHER_COMPILE_H
#define RULES_MATCHER_COMPILE_H

#include "lib/map.h"
#include "rules/matcher/predicate.h"

enum compile_kind { COMPILE_AND, COMPILE_OR, COMPILE_NOT, COMPILE_ASK };

struct compile_node {
	enum compile_kind kind;
	uint32_t	  first;	/* ASK: predicate; else first of kids */
	uint32_t	  n;
};

#define COMPILE_NODES_MAX	4000000

/* Growing arrays; what stays when all rules are compiled. */
struct compile_program {
	struct compile_node	*nodes;
	size_t			 n_nodes, room_nodes;
	uint32_t		*kids;		/* indexes of nodes */
	size_t			 n_kids, room_kids;
	struct predicate	*predicates;
	size_t			 n_predicates;
	size_t			 room_predicates;
	struct predicate_view	*views;
	size_t			 n_views, room_views;
};

struct compile {
	struct compile_program	 program;
	struct arena		*arena;		/* sets, node lists */
	struct map		*known;		/* print of predicate -> index */
	struct buf		 print;
	struct report		 report;
	bool			 no_memory;
};

bool compile_init(struct compile *);
void compile_fini(struct compile *);	/* not the program and the arena */
void compile_program_fini(struct compile_program *);

/* The node of the tree; UINT32_MAX after an error or without memory. */
uint32_t compile_expr(struct compile *, const struct sigma_expr *,
    const char *file);
/* The view of a field, made when new; UINT32_MAX without memory. */
uint32_t compile_view(struct compile *, const struct sigma_field *);
/* A node that is true when both are; a may be UINT32_MAX for none. */
uint32_t compile_both(struct compile *, uint32_t a, uint32_t b);

#endif
