#include "rules/sigma/expr.h"

#include <string.h>

static struct sigma_expr *
make(struct arena *arena, enum sigma_node node, size_t n)
{
	struct sigma_expr *e = arena_alloc(arena, sizeof(*e));

	if (e == NULL)
		return NULL;
	e->node = node;
	e->n = n;
	e->kids = n == 0 ? NULL : arena_alloc(arena, n * sizeof(*e->kids));
	return n != 0 && e->kids == NULL ? NULL : e;
}

const struct sigma_expr *
expr_join(struct arena *arena, enum sigma_node node,
    const struct sigma_expr *const kids[], size_t n)
{
	struct sigma_expr *e;
	size_t i;

	for (i = 0; i < n; i++)
		if (kids[i] == NULL)
			return NULL;
	if (n == 1)
		return kids[0];
	if ((e = make(arena, node, n)) == NULL)
		return NULL;
	for (i = 0; i < n; i++)
		e->kids[i] = kids[i];
	return e;
}

const struct sigma_expr *
expr_not(struct arena *arena, const struct sigma_expr *kid)
{
	struct sigma_expr *e;

	if (kid == NULL || (e = make(arena, SIGMA_NOT, 1)) == NULL)
		return NULL;
	e->kids[0] = kid;
	return e;
}

const struct sigma_expr *
expr_match(struct arena *arena, const struct sigma_match *match)
{
	struct sigma_expr *e = make(arena, SIGMA_MATCH, 0);

	if (e == NULL)
		return NULL;
	e->match = arena_alloc(arena, sizeof(*match));
	if (e->match == NULL)
		return NULL;
	*e->match = *match;
	return e;
}

const struct sigma_expr *
expr_texts(struct arena *arena, enum field_id id, const char *const texts[],
    size_t n)
{
	struct expr_list list = { 0 };
	struct sigma_match m = { .op = SIGMA_TEXT };
	size_t i;

	m.field.id = id;
	for (i = 0; i < n; i++) {
		m.text = texts[i];
		m.len = strlen(texts[i]);
		if (glob_parse(&m.glob, arena, m.text, m.len, true, true) != 0 ||
		    !expr_list_add(arena, &list, expr_match(arena, &m)))
			return NULL;
	}
	return expr_join(arena, SIGMA_OR, list.items, list.n);
}

bool
expr_list_add(struct arena *arena, struct expr_list *list,
    const struct sigma_expr *e)
{
	const struct sigma_expr **items;
	size_t room = list->room == 0 ? 8 : list->room * 2;

	if (e == NULL)
		return false;
	if (list->n == list->room) {
		items = arena_alloc(arena, room * sizeof(*items));
		if (items == NULL)
			return false;
		if (list->n > 0)
			memcpy(items, list->items, list->n * sizeof(*items));
		list->items = items;
		list->room = room;
	}
	list->items[list->n++] = e;
	return true;
}
