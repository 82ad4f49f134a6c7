#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "enrich/address.h"
#include "lib/map.h"

struct address_table {
	struct map	*map;
};

/* Newest owner first. */
struct owners {
	size_t			n;
	struct address_owner	list[ADDRESS_OWNERS];
};

struct address_table *
address_table_new(void)
{
	struct address_table *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->map = map_new(sizeof(struct ipaddr), sizeof(struct owners),
	    ADDRESS_LIMIT, NULL, NULL);
	if (t->map == NULL) {
		free(t);
		return NULL;
	}
	return t;
}

void
address_table_free(struct address_table *t)
{
	if (t == NULL)
		return;
	map_free(t->map);
	free(t);
}

void
address_give(struct address_table *t, const struct ipaddr *ip,
    const uint8_t id[static 32], const char *network, struct wall from)
{
	struct owners *o = map_put(t->map, ip, NULL);
	struct address_owner *first;

	if (o == NULL)
		return;
	first = &o->list[0];
	if (o->n > 0 && first->to_ns == INT64_MAX) {
		if (memcmp(first->id, id, 32) == 0)
			return;
		first->to_ns = from.ns > first->from_ns ? from.ns :
		    first->from_ns;
	}
	if (o->n == ADDRESS_OWNERS)
		o->n--;
	memmove(&o->list[1], &o->list[0], o->n * sizeof(o->list[0]));
	o->n++;
	memset(first, 0, sizeof(*first));
	memcpy(first->id, id, 32);
	(void)snprintf(first->network, sizeof(first->network), "%s", network);
	first->from_ns = from.ns;
	first->to_ns = INT64_MAX;
}

void
address_take(struct address_table *t, const struct ipaddr *ip,
    const uint8_t id[static 32], struct wall to)
{
	struct owners *o = map_get(t->map, ip);

	if (o == NULL || o->n == 0 || o->list[0].to_ns != INT64_MAX ||
	    memcmp(o->list[0].id, id, 32) != 0)
		return;
	o->list[0].to_ns = to.ns > o->list[0].from_ns ? to.ns :
	    o->list[0].from_ns;
}

const struct address_owner *
address_find(struct address_table *t, const struct ipaddr *ip,
    struct wall when, int64_t grace)
{
	const struct owners *o = map_get(t->map, ip);
	const struct address_owner *before = NULL, *after = NULL;
	size_t i;

	for (i = 0; o != NULL && i < o->n; i++) {
		const struct address_owner *a = &o->list[i];

		if (when.ns >= a->from_ns && when.ns < a->to_ns)
			return a;
		if (when.ns >= a->to_ns && when.ns - a->to_ns <= grace &&
		    before == NULL)
			before = a;
		if (when.ns < a->from_ns && a->from_ns - when.ns <= grace)
			after = a;
	}
	return before != NULL ? before : after;
}

size_t
address_count(const struct address_table *t)
{
	return map_count(t->map);
}
