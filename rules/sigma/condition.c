#include "rules/sigma/condition.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum token { END, NAME, OPEN, CLOSE, AND, OR, NOT, BAD };

struct parser {
	struct arena		 *arena;
	const struct ytree_node	 *node;
	struct condition_name	 *names;
	size_t			  n_names;
	struct report		 *report;
	const char		 *pos;
	enum token		  token;
	const char		 *start;	/* of the token */
	size_t			  len;
	unsigned		  depth;
	bool			  failed, no_memory;
	bool			  broken;	/* a selection has no tree */
};

static const struct sigma_expr *parse_or(struct parser *);

/* One error a condition: what follows is guesswork. */
static void
fail_at(struct parser *p, const char *where, const char *text)
{
	const struct ytree_node *n = p->node;
	unsigned column = n->column;
	const char *c;

	if (p->failed)
		return;
	p->failed = true;
	if (n->lead >= 0) {
		column += (unsigned)n->lead;
		/* Columns count characters. */
		for (c = n->text; c < where; c++)
			column += ((unsigned char)*c & 0xc0) != 0x80;
	}
	report_error(p->report, n->line, column, "condition: %s", text);
}

static bool
is_word(char c)
{
	return isalnum((unsigned char)c) || strchr("_-.*?$", c) != NULL ||
	    ((unsigned char)c & 0x80) != 0;
}

static bool
is_text(const struct parser *p, const char *word)
{
	return p->token != END && strlen(word) == p->len &&
	    strncasecmp(p->start, word, p->len) == 0;
}

static void
next_token(struct parser *p)
{
	while (isspace((unsigned char)*p->pos))
		p->pos++;
	p->start = p->pos;
	p->len = 0;
	if (*p->pos == '\0') {
		p->token = END;
		return;
	}
	if (*p->pos == '(' || *p->pos == ')') {
		p->token = *p->pos++ == '(' ? OPEN : CLOSE;
		p->len = 1;
		return;
	}
	while (*p->pos != '\0' && is_word(*p->pos))
		p->pos++;
	p->len = (size_t)(p->pos - p->start);
	if (p->len == 0) {
		p->token = BAD;
		p->len = 1;
		p->pos++;
		return;
	}
	p->token = NAME;
	p->token = is_text(p, "and") ? AND : is_text(p, "or") ? OR :
	    is_text(p, "not") ? NOT : NAME;
}

static const struct sigma_expr *
check(struct parser *p, const struct sigma_expr *e)
{
	if (e == NULL && !p->failed)
		p->no_memory = p->failed = true;
	return e;
}

static void
fail_unknown(struct parser *p, const char *name, const char *where)
{
	struct report_nearest near;
	char hint[REPORT_HINT], text[REPORT_HINT + 128];
	size_t i;

	report_nearest_start(&near, name);
	for (i = 0; i < p->n_names; i++)
		report_nearest_try(&near, p->names[i].name,
		    strlen(p->names[i].name));
	snprintf(text, sizeof(text), "no selection is named %.80s%s", name,
	    report_nearest_hint(&near, hint));
	fail_at(p, where, text);
}

/* A broken selection stands as empty, so that reading goes on. */
static const struct sigma_expr *
tree_of(struct parser *p, const struct condition_name *name)
{
	if (name->expr != NULL)
		return name->expr;
	p->broken = true;
	return check(p, expr_join(p->arena, SIGMA_AND, NULL, 0));
}

static const struct sigma_expr *
parse_name(struct parser *p)
{
	const char *name = arena_memdup(p->arena, p->start, p->len);
	const char *where = p->start;
	size_t i;

	if (name == NULL)
		return check(p, NULL);
	for (i = 0; i < p->n_names; i++) {
		if (strcmp(p->names[i].name, name) != 0)
			continue;
		p->names[i].used = true;
		next_token(p);
		return tree_of(p, &p->names[i]);
	}
	fail_unknown(p, name, where);
	return NULL;
}

/* After "1 of" or "all of": joins the selections that the pattern names. */
static const struct sigma_expr *
parse_pattern(struct parser *p, enum sigma_node node)
{
	struct expr_list list = { 0 };
	struct glob glob;
	bool them = is_text(p, "them"), hit;
	const char *where = p->start;
	size_t i;

	if (p->token != NAME) {
		fail_at(p, where, "expected a selection pattern or them");
		return NULL;
	}
	if (glob_parse(&glob, p->arena, p->start, p->len, false, false) != 0)
		return check(p, NULL);
	for (i = 0; i < p->n_names; i++) {
		const char *name = p->names[i].name;

		hit = them ? name[0] != '_' :
		    glob_match(&glob, name, strlen(name));
		if (!hit)
			continue;
		p->names[i].used = true;
		if (!expr_list_add(p->arena, &list, tree_of(p, &p->names[i])))
			return check(p, NULL);
	}
	if (list.n == 0) {
		fail_at(p, where, "the pattern fits no selection");
		return NULL;
	}
	next_token(p);
	return check(p, expr_join(p->arena, node, list.items, list.n));
}

/* A name, or a count with "of". */
static const struct sigma_expr *
parse_word(struct parser *p)
{
	bool all = is_text(p, "all");
	bool one = is_text(p, "1") || is_text(p, "any");
	struct parser saved = *p;

	next_token(p);
	if (!is_text(p, "of")) {
		*p = saved;
		return parse_name(p);
	}
	if (!all && !one) {
		fail_at(p, saved.start, "expected 1, any or all before of");
		return NULL;
	}
	next_token(p);
	return parse_pattern(p, all ? SIGMA_AND : SIGMA_OR);
}

static const struct sigma_expr *
parse_primary(struct parser *p)
{
	const struct sigma_expr *e;
	const char *open = p->start;

	if (p->token == NAME)
		return parse_word(p);
	if (p->token != OPEN) {
		fail_at(p, p->start, p->token == END ?
		    "ends where a selection was expected" :
		    p->token == BAD && *p->start == '|' ?
		    "aggregations after | are not part of Sigma 2; write a "
		    "correlation rule" : "expected a selection, not or (");
		return NULL;
	}
	next_token(p);
	e = parse_or(p);
	if (p->failed)
		return NULL;
	if (p->token != CLOSE) {
		fail_at(p, p->token == END ? open : p->start,
		    p->token == END ? "( is never closed" :
		    "expected and, or or )");
		return NULL;
	}
	next_token(p);
	return e;
}

static const struct sigma_expr *
parse_not(struct parser *p)
{
	bool negate = false;

	while (p->token == NOT) {
		negate = !negate;
		next_token(p);
	}
	if (!negate)
		return parse_primary(p);
	return check(p, expr_not(p->arena, parse_primary(p)));
}

/* Operands between operators of one kind. */
static const struct sigma_expr *
parse_chain(struct parser *p, enum token op, enum sigma_node node,
    const struct sigma_expr *(*operand)(struct parser *))
{
	struct expr_list list = { 0 };

	for (;;) {
		const struct sigma_expr *e = operand(p);

		if (p->failed)
			return NULL;
		if (!expr_list_add(p->arena, &list, e))
			return check(p, NULL);
		if (p->token != op)
			break;
		next_token(p);
	}
	return check(p, expr_join(p->arena, node, list.items, list.n));
}

static const struct sigma_expr *
parse_and(struct parser *p)
{
	return parse_chain(p, AND, SIGMA_AND, parse_not);
}

static const struct sigma_expr *
parse_or(struct parser *p)
{
	const struct sigma_expr *e;

	if (p->depth == CONDITION_DEPTH_MAX) {
		fail_at(p, p->start, "nested too deep");
		return NULL;
	}
	p->depth++;
	e = parse_chain(p, OR, SIGMA_OR, parse_and);
	p->depth--;
	return e;
}

const struct sigma_expr *
condition_parse(struct arena *arena, const struct ytree_node *node,
    struct condition_name *names, size_t n, struct report *report,
    bool *no_memory)
{
	struct parser p = {
		.arena = arena, .node = node, .names = names, .n_names = n,
		.report = report, .pos = node->text
	};
	const struct sigma_expr *e;

	next_token(&p);
	e = parse_or(&p);
	if (!p.failed && p.token != END)
		fail_at(&p, p.start, p.token == CLOSE ?
		    ") without (" : p.token == BAD && *p.start == '|' ?
		    "aggregations after | are not part of Sigma 2; write a "
		    "correlation rule" : "expected and, or or the end");
	if (p.no_memory)
		*no_memory = true;
	return p.failed || p.broken ? NULL : e;
}
