#include "rules/sigma/detection.h"

#include <string.h>

#include "rules/sigma/condition.h"

static const struct sigma_expr *
fail_at(struct value_reader *r, const struct ytree_node *node,
    const char *text)
{
	report_error(r->report, node->line, node->column, "%s", text);
	return NULL;
}

static const struct sigma_expr *
check(struct value_reader *r, const struct sigma_expr *e)
{
	if (e == NULL)
		r->no_memory = true;
	return e;
}

/* All items of a map must fit. Goes on after an error, to report them all. */
static const struct sigma_expr *
read_map(struct value_reader *r, const struct ytree_node *map)
{
	struct expr_list list = { 0 };
	const struct sigma_expr *e;
	bool ok = true;
	size_t i;

	if (map->n == 0)
		return fail_at(r, map, "the selection is empty");
	for (i = 0; i < map->n; i++) {
		e = value_read(r, map->keys[i], map->items[i]);
		if (e == NULL)
			ok = false;
		else if (!expr_list_add(r->arena, &list, e))
			return check(r, NULL);
	}
	return !ok ? NULL : check(r,
	    expr_join(r->arena, SIGMA_AND, list.items, list.n));
}

/* Any member of a list may fit: maps, or keywords. */
static const struct sigma_expr *
read_list(struct value_reader *r, const struct ytree_node *node)
{
	struct expr_list list = { 0 };
	const struct sigma_expr *e;
	bool ok = true;
	size_t i;

	if (node->n == 0)
		return fail_at(r, node, "the selection is empty");
	for (i = 0; i < node->n; i++) {
		const struct ytree_node *item = node->items[i];

		if (item->kind == YTREE_MAP)
			e = read_map(r, item);
		else if (item->kind == YTREE_TEXT)
			e = value_read_keywords(r, item);
		else
			e = fail_at(r, item, "expected a map or a keyword");
		if (e == NULL)
			ok = false;
		else if (!expr_list_add(r->arena, &list, e))
			return check(r, NULL);
	}
	return !ok ? NULL : check(r,
	    expr_join(r->arena, SIGMA_OR, list.items, list.n));
}

static const struct sigma_expr *
read_selection(struct value_reader *r, const struct ytree_node *node)
{
	switch (node->kind) {
	case YTREE_MAP:
		return read_map(r, node);
	case YTREE_LIST:
		return read_list(r, node);
	case YTREE_TEXT:
		break;
	}
	if (ytree_is_null(node))
		return fail_at(r, node, "the selection is empty");
	return value_read_keywords(r, node);
}

/* The condition is a text, or a list of them: any may hold. */
static const struct sigma_expr *
read_condition(struct value_reader *r, const struct ytree_node *node,
    struct condition_name *names, size_t n)
{
	struct expr_list list = { 0 };
	const struct sigma_expr *e;
	bool ok = true;
	size_t i;

	if (node->kind == YTREE_TEXT)
		return condition_parse(r->arena, node, names, n, r->report,
		    &r->no_memory);
	if (node->kind != YTREE_LIST || node->n == 0)
		return fail_at(r, node,
		    "condition: expected a text or a list of texts");
	for (i = 0; i < node->n; i++) {
		if (node->items[i]->kind != YTREE_TEXT)
			return fail_at(r, node->items[i],
			    "condition: expected a text");
		e = condition_parse(r->arena, node->items[i], names, n,
		    r->report, &r->no_memory);
		if (e == NULL)
			ok = false;
		else if (!expr_list_add(r->arena, &list, e))
			return check(r, NULL);
	}
	return !ok ? NULL : check(r,
	    expr_join(r->arena, SIGMA_OR, list.items, list.n));
}

const struct sigma_expr *
detection_read(struct value_reader *r, const struct ytree_node *map,
    const char *skip)
{
	struct condition_name *names;
	const struct ytree_node *condition;
	size_t i, n = 0, before = r->report->count;
	const struct sigma_expr *e;

	if (map->kind != YTREE_MAP)
		return fail_at(r, map,
		    "expected a map of selections and a condition");
	if (map->n > DETECTION_SELECTIONS_MAX)
		return fail_at(r, map, "too many selections");
	condition = ytree_get(map, "condition");
	if (condition == NULL)
		return fail_at(r, map, "the condition is missing");
	names = arena_alloc(r->arena, map->n * sizeof(*names));
	if (names == NULL)
		return check(r, NULL);
	for (i = 0; i < map->n; i++) {
		const char *name = map->keys[i]->text;

		if (strcmp(name, "condition") == 0 ||
		    strcmp(name, "timeframe") == 0 ||
		    (skip != NULL && strcmp(name, skip) == 0))
			continue;
		names[n].name = name;
		names[n++].expr = read_selection(r, map->items[i]);
	}
	e = read_condition(r, condition, names, n);
	return r->report->count == before ? e : NULL;
}
